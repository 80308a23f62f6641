/**
 * Ends what the user's code does, at once and wherever it is, and keeps the state: for SIGINT and `process.exit`.
 *
 * It promises that only the user's code is ended, never the driver's own in the middle of something, and that the
 * interpreter goes on as if the code had thrown where no `catch` and no `finally` see it.
 */
'use strict';

const path = require('node:path');
const { Worker } = require('node:worker_threads');

const KEY = 'codebeaker.interrupter';
const ARMED = 0;
const REARM = 1;
const AGAIN = 2;
const BUSY = 3;
const PATIENCE_MS = 2000;

const later = setTimeout;

class Interrupts {
  /** Whether the innermost code that runs is the driver's own. */
  own = true;
  /** A SIGINT came while the driver's own code ran. */
  wanted = false;
  /** Told of a SIGINT, with the stack of what was running; says whether that is to be ended. */
  heard = () => true;

  #session;
  #state = new Int32Array(new SharedArrayBuffer(16));
  #worker;
  #passOn = () => this.#signal(true);
  #fatal = process._fatalException;

  constructor(session) {
    this.#session = session;
  }

  /** Begins to listen, and calls `ready` once even an endless loop could be interrupted. */
  listen(ready) {
    // While libuv has this one, listeners of the user's that come and go never put back what kills the process.
    process.on('SIGINT', this.#passOn);
    const interrupter = () => this.#signal(false) || this.settled();
    Object.defineProperty(globalThis, Symbol.for(KEY), { value: interrupter, configurable: true });
    try {
      this.#worker = new Worker(path.join(__dirname, 'watch.cjs'), {
        name: 'codebeaker',
        workerData: { shared: this.#state.buffer, key: KEY },
        argv: [],
        env: {},
        execArgv: [],
        stdin: false,
        resourceLimits: { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 4, stackSizeMb: 2 },
      });
      this.#worker.unref();
      // Without it, what waits can be interrupted still.
      this.#worker.on('error', () => {});
    } catch {
      this.#worker = undefined;
    }
    this.#await(Date.now() + (this.#worker === undefined ? 0 : PATIENCE_MS), ready);
  }

  #await(end, ready) {
    if (Atomics.load(this.#state, ARMED) === 1 || Date.now() >= end) {
      delete globalThis[Symbol.for(KEY)];
      ready();
    } else {
      later(() => this.#await(end, ready), 1);
    }
  }

  /** Runs the driver's own code, which is not to be ended, when the event loop calls it. */
  within(work) {
    const before = this.own;
    this.own = true;
    try {
      return work();
    } finally {
      this.own = before;
      if (!before && this.wanted) {
        this.wanted = false;
        this.heard(false, '');
      }
    }
  }

  /** The same when the user's code calls it, which a SIGINT that comes meanwhile ends after. */
  aside(work) {
    this.own = true;
    try {
      return work();
    } finally {
      this.own = false;
      if (this.wanted) {
        this.wanted = false;
        if (this.heard(true, stackBelow().text)) {
          this.end();
        }
      }
    }
  }

  /** Calls what runs the user's code from the driver's own, with all that it throws. */
  without(work) {
    this.own = false;
    try {
      return work();
    } finally {
      this.own = true;
    }
  }

  /** Listens again if the user's code has put an end to it. */
  renew() {
    if (!process.listeners('SIGINT').includes(this.#passOn)) {
      process.on('SIGINT', this.#passOn);
      Atomics.store(this.#state, REARM, 1);
      Atomics.notify(this.#state, REARM);
    }
  }

  /** What was to be ended has ended: the next SIGINT is another. Two at once would hit each other. */
  settled() {
    Atomics.store(this.#state, BUSY, 0);
  }

  /** Runs on the main thread, in the middle of whatever it does; true if that is being ended. */
  #signal(fromLoop) {
    const others = process.listeners('SIGINT').filter((listener) => listener !== this.#passOn);
    if (this.own) {
      this.wanted = true;
      return false;
    }
    const { isOwn, isUsers, text } = stackBelow();
    if (isOwn) {
      // On the way to the user's code, or from there.
      Atomics.store(this.#state, AGAIN, 1);
      Atomics.notify(this.#state, REARM);
      return false;
    }
    const isRunning = isUsers && !fromLoop;
    if (!fromLoop) {
      // Libuv, which would have called these, was not told.
      for (const listener of others) {
        later(() => listener.call(process, 'SIGINT', 2), 0);
      }
    }
    const isEnding = this.heard(isRunning, text) && isRunning;
    if (isEnding) {
      later(() => this.settled(), 0);
      this.#terminate();
    }
    return isEnding;
  }

  /** Ends what runs. Never comes back: nothing of the caller's is run any more. */
  end() {
    this.own = false;
    this.#terminate();
    for (;;) {
      // The end comes with the next turn of a loop.
    }
  }

  /** What a cell runs ends at its edge; what the event loop has called, there. */
  #terminate() {
    this.#forgetContext();
    this.#session.post('Runtime.terminateExecution');
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

/** The stack, whether code of the user's is on it, and whether the driver's has called it last, without this module's own frames and those of the call from the other thread. */
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
    // Node's own between two calls of the user's are on the way to the next, maybe with what is the driver's.
    // An endless row of promises is the user's, too.
    const isUsers = lines.some((line) => !/[( ]node:/.test(line) || /\b(?:processTicks|runNextTicks)/.test(line));
    const edge = lines.findIndex((line) => line.includes(`${__dirname}/`) || line.includes('codebeaker:'));
    const isOwn = edge >= 0 && lines.slice(0, edge).every((line) => /[( ]node:/.test(line));
    return { isOwn, isUsers, text: lines.join('\n') };
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
    if (prepare !== undefined) {
      Object.defineProperty(Error, 'prepareStackTrace', prepare);
    }
  }
}

module.exports = { Interrupts };
