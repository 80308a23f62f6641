/**
 * The connection to the daemon: one JSON object a line, both ways, on descriptor 3.
 *
 * It promises that what is sent goes out at once, whole and in order, in ASCII, that no line is longer than the
 * other side reads, and that the process ends at once when the daemon is gone or says what makes no sense. What comes
 * is read by a thread of its own (listener.cjs), so that this holds while the user's code runs, too. Children don't
 * inherit the descriptor: Node sets close-on-exec on all that it is started with.
 */
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { MessageChannel, Worker, receiveMessageOnPort } = require('node:worker_threads');

const DESCRIPTOR = 3;
const MAX_LINE = 4 * 1024 * 1024 - 1024;
const CELL = 0;
const NEWS = 1;
const ENDING = 2;

const { parse, stringify } = JSON;
const { writeSync } = fs;
const kill = process.kill.bind(process, process.pid, 'SIGKILL');
const nap = new Int32Array(new SharedArrayBuffer(4));
const { wait, load, store } = Atomics;

/** Ends the process at once. Anything less would wait for a debugger to go. */
function leave() {
  kill();
  for (;;) {
    // It comes with the next way out of the kernel.
  }
}

/** The same text without anything but ASCII, which JSON can say of every character. */
function ascii(text) {
  const escaped = (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return text.replace(/[^\0-\x7f]/g, escaped);
}

/** JSON of what is no Unicode, as halves of pairs are, is nothing that every reader takes. */
function wellFormed(text) {
  if (!text.includes('\\ud')) {
    return text;
  }
  return text.replace(/\\(?:u(d[89a-f][0-9a-f]{2})|.)/g, (escape, half) => (half === undefined ? escape : '\\ufffd'));
}

class Channel {
  #state = new Int32Array(new SharedArrayBuffer(12));
  #port;
  #listener;

  /**
   * Begins to listen. On the event loop, `received` is called with every object that comes, and `turn` with every
   * number of a cell that a SIGINT came for, or that was asked for; `ready` once a SIGINT does no harm any more. `key`
   * names the symbol of the global function that the other thread calls in the middle of what runs.
   */
  open(key, ready, received, turn) {
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    this.#port.on('message', (message) => {
      if (message === '') {
        ready();
      } else {
        this.#sort(message, received, turn);
      }
    });
    this.#listener = new Worker(path.join(__dirname, 'listener.cjs'), {
      name: 'codebeaker',
      workerData: { port: port2, shared: this.#state.buffer, key, descriptor: DESCRIPTOR },
      transferList: [port2],
      argv: [],
      env: {},
      execArgv: ['--expose-internals'],
      stdin: false,
      resourceLimits: { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 4, stackSizeMb: 2 },
    });
    this.#listener.on('error', (error) => {
      writeSync(2, `${error?.stack}\n`);
      leave();
    });
    this.#listener.on('exit', leave);
  }

  #sort(message, received, turn) {
    if (typeof message === 'number') {
      turn(message);
    } else {
      received(read(message));
    }
  }

  /** Has the event loop call `turn` with the number of a cell, whatever becomes of the code that runs. */
  ask(number) {
    this.#listener.postMessage(number);
  }

  /** The number of the cell that runs, which SIGINTs are for from now on; 0 if none does. */
  set cell(number) {
    store(this.#state, CELL, number);
  }

  /** Whether V8 was asked to end what runs, and nothing else must be run before it has. */
  set ending(isEnding) {
    store(this.#state, ENDING, isEnding ? 1 : 0);
  }

  /** Sends an object; false if its line is too long, when nothing goes out. */
  send(message) {
    const line = Buffer.from(`${ascii(wellFormed(stringify(message)))}\n`, 'latin1');
    if (line.length > MAX_LINE) {
      return false;
    }
    for (let at = 0; at < line.length; ) {
      try {
        at += writeSync(DESCRIPTOR, line, at);
      } catch (error) {
        if (error.code !== 'EAGAIN') {
          leave();
        }
        wait(nap, 0, 0, 1);
      }
    }
    return true;
  }

  /** Stands still until something comes, and calls what `open` was given for it. */
  receiveNow(received, turn) {
    for (;;) {
      const seen = load(this.#state, NEWS);
      const got = receiveMessageOnPort(this.#port);
      if (got !== undefined) {
        this.#sort(got.message, received, turn);
        return;
      }
      wait(this.#state, NEWS, seen);
    }
  }
}

function read(line) {
  let message;
  try {
    message = parse(line);
  } catch {
    leave();
  }
  if (typeof message !== 'object' || message === null || typeof message.op !== 'string') {
    leave();
  }
  return message;
}

module.exports = { Channel };
