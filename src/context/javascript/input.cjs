/**
 * Input for the user's code from the person at the editor: the global `prompt`, and `process.stdin`.
 *
 * It promises that where nobody can answer, input is at its end.
 */
'use strict';

const { Readable } = require('node:stream');

const { Ended } = require('./interrupts.cjs');
const { define } = require('./surroundings.cjs');

const MAX_PROMPT = 65536;
const PAUSE_MS = 1;

const nap = new Int32Array(new SharedArrayBuffer(4));
const { wait } = Atomics;

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

  /** Hands on the answers that have come while nobody stood still for them. */
  arrived() {
    for (const [number, take] of this.#open) {
      const answer = this.#channel.answer(number);
      if (answer !== undefined) {
        this.#open.delete(number);
        take(given(answer));
      }
    }
  }

  /** Sends a question; its number, or undefined where nobody can be asked. */
  #request(prompt, password) {
    const cell = this.#cells.running;
    if (cell === undefined || !cell.input) {
      return undefined;
    }
    this.#count += 1;
    const asked = { id: cell.id, input: this.#count, prompt: prompt.slice(0, MAX_PROMPT), password };
    this.#channel.send({ event: 'input', ...asked });
    return this.#count;
  }

  /** Asks, and stands still for the answer. */
  #ask(message, options) {
    const number = this.#request(message, options?.password === true);
    let answer;
    while (number !== undefined && answer === undefined) {
      this.#channel.poll();
      answer = this.#channel.answer(number);
      if (this.#interrupts.isHeard) {
        this.#cells.interrupted(this.#cells.running.number);
        throw new Ended('interrupted');
      }
      if (answer === undefined) {
        wait(nap, 0, 0, PAUSE_MS);
      }
    }
    // Without an answer, the one that the code has given for that, as in browsers.
    return given(answer) ?? (typeof options === 'string' ? options : null);
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

/** The text of an answer; null if it is that there is none. */
function given(answer) {
  return answer === undefined || answer.eof === true || typeof answer.value !== 'string' ? null : answer.value;
}

module.exports = { Input };
