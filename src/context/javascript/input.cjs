/**
 * Input for the user's code from the person at the editor: the global `prompt`, and `process.stdin`.
 *
 * It promises that where nobody can answer, input is at its end.
 */
'use strict';

const { Readable } = require('node:stream');

const { define } = require('./surroundings.cjs');

class Input {
  /** Where answers go that are not stood still for, by number. */
  #open = new Map();
  #count = 0;
  #channel;
  #cells;
  #interrupts;
  #stdin;

  constructor(channel, cells, interrupts) {
    this.#channel = channel;
    this.#cells = cells;
    this.#interrupts = interrupts;
    const ask = (text, options) => this.#ask(text, options);
    // A name, and no name of a parameter that would be shown as one of the driver's.
    define('prompt', function prompt(message = '', options = undefined) {
      return ask(String(message), options);
    });
    Object.defineProperty(process, 'stdin', { get: () => this.#stream(), configurable: true, enumerable: true });
  }

  /** An answer that came while nobody stood still for it. */
  answered({ input, value, eof }) {
    const take = this.#open.get(input);
    this.#open.delete(input);
    take?.(eof === true || typeof value !== 'string' ? null : value);
  }

  /** Sends a question; its number, or undefined where nobody can be asked. */
  #request(prompt, password) {
    const cell = this.#cells.running;
    if (cell === undefined || !cell.input) {
      return undefined;
    }
    this.#count += 1;
    this.#channel.send({ event: 'input', id: cell.id, input: this.#count, prompt: prompt.slice(0, 65536), password });
    return this.#count;
  }

  #ask(message, options) {
    let answer = null;
    let isEnded = false;
    this.#interrupts.within(() => {
      const number = this.#request(message, options?.password === true);
      let isOpen = number !== undefined;
      const received = (message) => {
        if (message.op === 'input' && message.input === number) {
          isOpen = false;
          answer = message.eof === true || typeof message.value !== 'string' ? null : message.value;
        } else {
          this.#cells.received(message);
        }
      };
      const turn = (cell) => {
        isEnded ||= this.#cells.interrupted(cell);
      };
      while (isOpen && !isEnded) {
        this.#channel.receiveNow(received, turn);
      }
    });
    if (isEnded) {
      this.#interrupts.end();
    }
    // Given up: the console's own answer if there is no person, as in browsers.
    return answer ?? (typeof options === 'string' ? options : null);
  }

  /** A stream of lines, each asked for when it is read; a new one once that has ended. */
  #stream() {
    if (this.#stdin === undefined || this.#stdin.readableEnded || this.#stdin.destroyed) {
      const read = () => {
        const number = this.#request('', false);
        if (number === undefined) {
          stream.push(null);
        } else {
          this.#open.set(number, (value) => stream.push(value === null ? null : `${value}\n`));
        }
      };
      const stream = new Readable({ read, highWaterMark: 0 });
      this.#stdin = Object.assign(stream, { fd: 0, isTTY: undefined });
    }
    return this.#stdin;
  }
}

module.exports = { Input };
