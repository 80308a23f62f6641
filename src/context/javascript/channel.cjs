/**
 * The connection to the daemon: one JSON object a line, both ways, on descriptor 3.
 *
 * It promises that what is sent goes out at once, whole and in order, in ASCII, that no line is longer than the
 * other side reads, and that the process ends at once when the daemon is gone or says what makes no sense. Children
 * don't inherit the descriptor: Node sets close-on-exec on all that it is started with.
 */
'use strict';

const fs = require('node:fs');
const inspector = require('node:inspector');
const net = require('node:net');

const DESCRIPTOR = 3;
const MAX_LINE = 4 * 1024 * 1024 - 1024;
const MAX_CODE = 0x7f;

const { parse, stringify } = JSON;
const { writeSync, readSync } = fs;
const exit = process.reallyExit.bind(process);
const kill = process.kill.bind(process, process.pid, 'SIGKILL');
const nap = new Int32Array(new SharedArrayBuffer(4));
const { wait } = Atomics;

/** Ends the process at once. */
function leave(code) {
  if (inspector.url() !== undefined) {
    // Node would wait for the debugger to go.
    kill();
  }
  exit(code);
}

/** The same text without anything but ASCII, which JSON can say of every character. */
function ascii(text) {
  let plain = true;
  for (let at = 0; plain && at < text.length; at += 1) {
    plain = text.charCodeAt(at) <= MAX_CODE;
  }
  const escaped = (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return plain ? text : text.replace(/[^\0-\x7f]/g, escaped);
}

/** JSON of what is no Unicode, as halves of pairs are, is nothing that every reader takes. */
function wellFormed(text) {
  if (!text.includes('\\ud')) {
    return text;
  }
  return text.replace(/\\(?:u(d[89a-f][0-9a-f]{2})|.)/g, (escape, half) => (half === undefined ? escape : '\\ufffd'));
}

class Channel {
  #rest = [];
  #socket;

  /** Calls `received` with every object that comes, while nobody reads at once. */
  open(received) {
    this.#socket = new net.Socket({ fd: DESCRIPTOR, readable: true, writable: false });
    this.#socket.on('data', (data) => {
      for (const message of this.#take(data)) {
        received(message);
      }
    });
    this.#socket.on('error', () => leave(0));
    this.#socket.on('close', () => leave(0));
    this.#socket.on('end', () => leave(0));
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
          leave(0);
        }
        wait(nap, 0, 0, 1);
      }
    }
    return true;
  }

  /** What comes within some milliseconds, waited for by standing still; an empty list if nothing does. */
  receiveNow(patience) {
    const data = Buffer.alloc(65536);
    for (const end = Date.now() + patience; ; ) {
      try {
        const count = readSync(DESCRIPTOR, data);
        if (count === 0) {
          leave(0);
        }
        const messages = this.#take(data.subarray(0, count));
        if (messages.length > 0) {
          return messages;
        }
      } catch (error) {
        if (error.code !== 'EAGAIN') {
          leave(0);
        }
        if (Date.now() >= end) {
          return [];
        }
        wait(nap, 0, 0, 2);
      }
    }
  }

  #take(data) {
    const messages = [];
    let start = 0;
    for (let end = data.indexOf(10); end >= 0; end = data.indexOf(10, start)) {
      this.#rest.push(data.subarray(start, end));
      messages.push(this.#read(Buffer.concat(this.#rest)));
      this.#rest = [];
      start = end + 1;
    }
    if (start < data.length) {
      // A copy: what it is a part of is used again.
      this.#rest.push(Buffer.from(data.subarray(start)));
    }
    return messages;
  }

  #read(line) {
    let message;
    try {
      message = parse(line.toString('utf8'));
    } catch {
      leave(0);
    }
    if (typeof message !== 'object' || message === null || typeof message.op !== 'string') {
      leave(0);
    }
    return message;
  }
}

module.exports = { Channel, leave };
