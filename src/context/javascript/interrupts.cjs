/**
 * Ends what the user's code does, at once and wherever it is, and keeps the state: for SIGINT and `process.exit`.
 *
 * It promises that only the user's code is ended, never the driver's own in the middle of something, and that the
 * interpreter goes on as if the code had thrown where no `catch` and no `finally` see it.
 *
 * V8 ends code at the next call or turn of a loop after it is asked to, wherever that is, and one request at a time.
 * So there are two rules. While the driver's code runs (`own`), nobody asks. And on the way into the driver's code, what
 * has been asked for and has not come yet is stood still for, as long as that is in the user's reach.
 */
'use strict';

const { executionAsyncResource } = require('node:async_hooks');

/** What the other thread is told: to leave it, or to ask again in a moment. */
const DONE = 'done';
const LATER = 'later';

const nap = new Int32Array(new SharedArrayBuffer(4));
const { wait } = Atomics;
const { setImmediate } = globalThis;

class Interrupts {
  /** Whether the driver's own code runs. */
  own = true;
  /** A SIGINT came that the driver's own code has kept from ending what has called it. */
  wanted = false;
  /** The number of the cell that runs; 0 between cells. */
  cell = 0;
  /** Told of the stack of what is being ended for a SIGINT. */
  heard = () => {};

  #inspection;
  #channel;
  /** V8 was asked to end what runs, and has not said yet that it has. */
  #ending = false;
  /** How many calls of the user's code by the driver's are under way. */
  #calls = 0;
  #fatal = process._fatalException;

  constructor(inspection, channel) {
    this.#inspection = inspection;
    this.#channel = channel;
  }

  /**
   * What the other thread calls when a SIGINT came, in the middle of whatever runs. It came for the cell with this
   * number, or for what runs between cells if that is 0; `isLast`: it will not be asked again.
   */
  signal = (number, isLast) => {
    if (number !== this.cell) {
      return DONE;
    }
    if (this.own) {
      this.wanted ||= isLast;
      return LATER;
    }
    if (this.#ending) {
      return LATER;
    }
    const { isUsers, isNodes, text } = stackBelow();
    // Node's own code is rather not ended in the middle of something, either, but may be what takes so long.
    if (!isUsers || (isNodes && !isLast)) {
      return LATER;
    }
    this.heard(text);
    this.#terminate();
    return DONE;
  };

  /** From now on SIGINTs are for the cell with this number, or for what runs between cells if it is 0. */
  begin(number) {
    this.cell = number;
    this.wanted = false;
  }

  /** Runs the driver's own code when the event loop or the user's code calls it. */
  within(work) {
    if (this.own) {
      return work();
    }
    this.#absorb();
    this.own = true;
    try {
      return work();
    } finally {
      this.own = false;
      if (this.wanted) {
        this.wanted = false;
        this.#giveUp();
      }
    }
  }

  /** Calls what runs the user's code; false if that was ended, or has thrown. */
  without(work) {
    let isWhole = false;
    if (!this.own) {
      work();
      return true;
    }
    this.#calls += 1;
    this.#inspection.call(() => {
      this.own = false;
      try {
        work();
        isWhole = true;
      } finally {
        this.own = true;
      }
      isWhole &&= this.#absorb();
    });
    this.#calls -= 1;
    this.own = true;
    return isWhole;
  }

  /** Ends what runs and has called this. Never comes back: nothing of the caller's is run any more. */
  end() {
    this.own = false;
    if (!this.#ending) {
      this.#terminate();
    }
    this.#absorb();
  }

  /** Stands still until what is to be ended is ended, where the caller's caller is; true if nothing is. */
  #absorb() {
    while (this.#ending) {
      // An empty loop may be made into one that V8 never looks up from; here it always does.
      wait(nap, 0, 0, 1);
    }
    return true;
  }

  /** A SIGINT's end of the user's code that has called the driver's. */
  #giveUp() {
    const { isUsers, text } = stackBelow();
    if (isUsers) {
      this.heard(text);
      this.end();
    }
  }

  #terminate() {
    this.#ending = true;
    passImmediate(executionAsyncResource());
    this.#forgetContext();
    this.#channel.ending = true;
    this.#inspection.terminate(() => {
      // It is over: what was called from the driver's code is back there, all else has gone up to the event loop.
      this.#ending = false;
      this.#channel.ending = false;
      this.own = this.#calls > 0;
    });
  }

  /**
   * Code that is ended does not leave the asynchronous contexts that it has entered, and Node ends a process where
   * they don't match. It forgets them all after an uncaught exception, so this is one, of which nobody is told.
   */
  #forgetContext() {
    const own = Object.getOwnPropertyDescriptor(process, 'emit');
    Object.defineProperty(process, 'emit', { value: () => true, configurable: true, writable: true });
    try {
      this.#fatal.call(process, new Error('interrupted'), false);
    } finally {
      if (own === undefined) {
        delete process.emit;
      } else {
        Object.defineProperty(process, 'emit', own);
      }
    }
  }
}

/**
 * Node looks again at the immediate whose callback was ended, unless it was the first of its row, and has no way on
 * from one that it takes for done. So it is to do nothing and not done. Node counts it a second time then, which an
 * immediate makes up for that is counted and taken out of the row.
 */
function passImmediate(resource) {
  if (typeof resource?._onImmediate === 'function' && resource._destroyed === true && resource._idlePrev) {
    const nothing = () => {};
    resource._onImmediate = nothing;
    resource._destroyed = false;
    const [before, , after] = [setImmediate(nothing), setImmediate(nothing), setImmediate(nothing)];
    before._idleNext = after;
    after._idlePrev = before;
  }
}

/**
 * The stack without this module's own frames and those of the call from the other thread, whether code of the user's
 * is on it, and whether that is in the middle of Node's.
 */
function stackBelow() {
  const { stackTraceLimit } = Error;
  const prepare = Object.getOwnPropertyDescriptor(Error, 'prepareStackTrace');
  const holder = {};
  try {
    Error.stackTraceLimit = 200;
    if (prepare !== undefined) {
      Object.defineProperty(Error, 'prepareStackTrace', { value: undefined, configurable: true, writable: true });
    }
    Error.captureStackTrace(holder, stackBelow);
    const isHere = (line) => line.includes(__filename) || line.includes('codebeaker:interrupt');
    const lines = String(holder.stack).split('\n').slice(1).filter((line) => !isHere(line));
    const isNode = (line) => /[( ]node:/.test(line);
    // An endless row of promises is the user's, even between two of them; and all is that the driver calls for it.
    const isRow = (line) => /\b(?:processTicks|runNextTicks)/.test(line);
    const isNative = (line) => /\((?:<anonymous>|native)\)$/.test(line);
    const isUser = (line) => !isNode(line) && !isNative(line) && !line.includes(`${__dirname}/`);
    const isUsers = lines.some((line) => isUser(line) || isRow(line));
    const innermost = lines.find((line) => !isNative(line));
    const isNodes = innermost !== undefined && !isUser(innermost) && !isRow(innermost);
    return { isUsers, isNodes, text: lines.join('\n') };
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
    if (prepare !== undefined) {
      Object.defineProperty(Error, 'prepareStackTrace', prepare);
    }
  }
}

module.exports = { Interrupts };
