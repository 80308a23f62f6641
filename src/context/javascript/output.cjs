/**
 * The standard streams of the process, as the daemon reads them: what the driver prints, and the marks that say
 * where a cell's output ends.
 *
 * It promises to write behind everything that the cell has written, through descriptors of its own: whatever the
 * user's code does to its streams.
 */
'use strict';

const fs = require('node:fs');

const { writeSync } = fs;
const nap = new Int32Array(new SharedArrayBuffer(4));
const { wait } = Atomics;

/** A second way to where a descriptor leads, or the same if there is none. */
function beside(descriptor) {
  try {
    const { O_WRONLY, O_APPEND, O_NOCTTY } = fs.constants;
    return fs.openSync(`/proc/self/fd/${descriptor}`, O_WRONLY | O_APPEND | O_NOCTTY);
  } catch {
    return descriptor;
  }
}

class Output {
  #descriptors = [beside(1), beside(2)];
  #streams = [process.stdout, process.stderr];

  /** Calls `done` once what was written to the process's streams is out. */
  flush(done) {
    const late = this.#streams.filter((stream) => stream.writableLength > 0 && !stream.destroyed);
    let open = late.length;
    if (open === 0) {
      done();
      return;
    }
    for (const stream of late) {
      stream.write('', () => {
        open -= 1;
        if (open === 0) {
          done();
        }
      });
    }
  }

  out(text) {
    this.#write(0, Buffer.from(text));
  }

  error(text) {
    this.#write(1, Buffer.from(text));
  }

  mark(mark) {
    const data = Buffer.from(`\0${mark}\0`);
    this.#write(0, data);
    this.#write(1, data);
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
