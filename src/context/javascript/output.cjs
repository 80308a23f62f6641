/**
 * The standard streams of the process, as the daemon reads them: what the user's code and the driver print, and the
 * marks that say where a cell's output ends.
 *
 * It promises that what is printed goes out at once, whole and in order unless the code that prints is ended in the
 * middle of it, and through descriptors of its own: whatever the user's code does to its streams.
 */
'use strict';

const fs = require('node:fs');

const { writeSync } = fs;
const { nextTick } = process;
const { isBuffer, from } = Buffer;
const nap = new Int32Array(new SharedArrayBuffer(4));
const { wait } = Atomics;

/** A second way to where a descriptor leads, or the same if there is none. */
function beside(descriptor) {
  try {
    // One that never stands still in the kernel, where no SIGINT would be seen.
    const { O_WRONLY, O_APPEND, O_NOCTTY, O_NONBLOCK } = fs.constants;
    return fs.openSync(`/proc/self/fd/${descriptor}`, O_WRONLY | O_APPEND | O_NOCTTY | O_NONBLOCK);
  } catch {
    return descriptor;
  }
}

class Output {
  #descriptors = [beside(1), beside(2)];

  constructor() {
    [process.stdout, process.stderr].forEach((stream, which) => this.#serve(stream, which));
  }

  out(text) {
    this.#write(0, from(text));
  }

  error(text) {
    this.#write(1, from(text));
  }

  mark(mark) {
    const data = from(`\0${mark}\0`);
    this.#write(0, data);
    this.#write(1, data);
  }

  /** Has a stream of the process's write this way. Node's would wait for ever for a write that was ended midway. */
  #serve(stream, which) {
    const standard = stream.write;
    const take = (data) => this.#write(which, data);
    const write = function write(chunk, encoding, callback) {
      const isText = typeof chunk === 'string';
      if (this !== stream || !(isText || isBuffer(chunk)) || stream.destroyed || stream.writableEnded) {
        return standard.call(this, chunk, encoding, callback);
      }
      const called = typeof encoding === 'function' ? encoding : callback;
      take(isText ? from(chunk, typeof encoding === 'string' ? encoding : 'utf8') : chunk);
      if (typeof called === 'function') {
        nextTick(called);
      }
      return true;
    };
    Object.defineProperty(stream, 'write', { value: write, configurable: true, writable: true, enumerable: false });
  }

  #write(which, data) {
    for (let at = 0; at < data.length; ) {
      try {
        at += writeSync(this.#descriptors[which], data, at);
      } catch (error) {
        if (error.code !== 'EAGAIN') {
          // Nobody reads it, or the user's code has closed it.
          return;
        }
        wait(nap, 0, 0, 1);
      }
    }
  }
}

module.exports = { Output };
