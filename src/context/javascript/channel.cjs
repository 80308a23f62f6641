/**
 * The connection to the daemon: one JSON object a line, both ways, on descriptor 3.
 *
 * It promises that what is sent goes out at once, whole and in order, in ASCII, that no line is longer than the
 * other side reads, and that the process ends at once when the daemon is gone or says what makes no sense; while the
 * main thread is busy, the daemon has to end it. Children don't inherit the descriptor: Node sets close-on-exec on all
 * that it is started with.
 *
 * The user's code calls this, and may be ended in the middle of it (interrupts.cjs), at any call and any turn of a
 * loop. So what is read and what is written is kept here, and the next call goes on with it. Only a line that the
 * kernel takes in pieces, as none below some 40 KB, can be left broken: if that comes within the microsecond after one
 * of them. The daemon ends the process then, as for all that makes no sense.
 */
'use strict';

const fs = require('node:fs');
const net = require('node:net');

const DESCRIPTOR = 3;
const MAX_LINE = 4 * 1024 * 1024 - 1024;
const MAX_READ = 8 * 1024 * 1024;
const CHUNK = 65536;
const NEWLINE = 10;

const { parse, stringify } = JSON;
const { readSync, writeSync } = fs;
const kill = process.kill.bind(process, process.pid, 'SIGKILL');
const nap = new Int32Array(new SharedArrayBuffer(4));
const { wait } = Atomics;

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
  #inbox = [];
  #answers = new Map();
  /** What has come from `#start` to `#end`, without a line's end before `#seen`; there is nothing but zeros behind. */
  #read = Buffer.alloc(2 * CHUNK);
  #start = 0;
  #seen = 0;
  #end = 0;
  /** What goes out, and how much of it has. */
  #line = '';
  #sent = 0;

  /** Begins to listen; `arrived` is called on the event loop when something has come. */
  open(arrived) {
    const socket = new net.Socket({ fd: DESCRIPTOR, readable: true, writable: false });
    socket.on('data', (data) => {
      this.#makeRoom(data.length);
      data.copy(this.#read, this.#end);
      this.#end += data.length;
      arrived();
    });
    for (const end of ['end', 'error', 'close']) {
      socket.on(end, leave);
    }
  }

  /** The next thing to do; undefined if nothing has come. */
  next() {
    this.#sort();
    return this.#inbox.shift();
  }

  /** The answer to the question with this number, once; undefined if it has not come. */
  answer(number) {
    this.#sort();
    const answer = this.#answers.get(number);
    this.#answers.delete(number);
    return answer;
  }

  /** Reads what has come, while the event loop stands still. */
  poll() {
    this.#makeRoom(CHUNK);
    try {
      const length = readSync(DESCRIPTOR, this.#read, this.#end, CHUNK, null);
      if (length === 0) {
        leave();
      }
      this.#end += length;
    } catch (error) {
      if (error.code !== 'EAGAIN') {
        leave();
      }
    }
  }

  /** Sends an object; false if its line is too long, when nothing goes out. */
  send(message) {
    const line = Buffer.from(`${ascii(wellFormed(stringify(message)))}\n`, 'latin1');
    if (line.length > MAX_LINE) {
      return false;
    }
    this.#flush();
    // Nothing ends code between these two.
    this.#line = line;
    this.#sent = 0;
    this.#flush();
    return true;
  }

  #flush() {
    while (this.#sent < this.#line.length) {
      const at = this.#sent;
      // A write that is ended does not say how much it wrote. It is the whole of all lines but very long ones.
      this.#sent = at === 0 ? this.#line.length : at;
      try {
        this.#sent = at + writeSync(DESCRIPTOR, this.#line, at);
      } catch (error) {
        if (error.code !== 'EAGAIN') {
          leave();
        }
        this.#sent = at;
        wait(nap, 0, 0, 1);
      }
    }
  }

  /** A read that was ended has not said how long it was. JSON has no zeros. */
  #recount() {
    const end = this.#read.indexOf(0, this.#end);
    this.#end = end < 0 ? this.#read.length : end;
  }

  #makeRoom(length) {
    this.#recount();
    if (this.#end + length <= this.#read.length) {
      return;
    }
    const left = this.#end - this.#start;
    if (left > MAX_READ) {
      leave();
    }
    const room = Buffer.alloc(2 * (left + length));
    this.#read.copy(room, 0, this.#start, this.#end);
    const seen = this.#seen - this.#start;
    this.#read = room;
    this.#start = 0;
    this.#seen = seen;
    this.#end = left;
  }

  /** Takes whole lines out of what was read. */
  #sort() {
    this.#recount();
    for (;;) {
      const at = this.#read.indexOf(NEWLINE, this.#seen);
      if (at < 0 || at >= this.#end) {
        this.#seen = this.#end;
        return;
      }
      const message = understood(this.#read.toString('utf8', this.#start, at));
      if (message.op === 'input') {
        this.#answers.set(message.input, message);
      } else {
        this.#inbox[this.#inbox.length] = message;
      }
      this.#start = at + 1;
      this.#seen = at + 1;
    }
  }
}

function understood(line) {
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
