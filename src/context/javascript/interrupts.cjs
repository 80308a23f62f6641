/**
 * Ends what the user's code does when SIGINT comes, as Node's own console does, and keeps the state.
 *
 * What runs synchronously is ended by `breakOnSigint` of a script, out of which V8's termination never gets. What a cell
 * awaits is given up: it goes on, and the cell is told to be over. Between cells nothing is ended.
 *
 * It promises that a SIGINT never ends the process, whatever listeners the user's code adds and removes.
 *
 * It can't end an endless loop in a callback, or after an `await`: there the process stays busy until the daemon kills
 * it. Node's own functions are ended wherever they are, as in its console.
 *
 * A SIGINT that comes as a cell ends may reach Node's watchdog, a thread, only later. So before the next cell it waits
 * until as many have done their work as the daemon says it has sent.
 */
'use strict';

const { executionAsyncId } = require('node:async_hooks');
const { constants } = require('node:os');
const path = require('node:path');
const vm = require('node:vm');
const { Worker } = require('node:worker_threads');

const INTERRUPTED = 'ERR_SCRIPT_EXECUTION_INTERRUPTED';
const GUARD = { breakOnSigint: true, displayErrors: false };
/** What is in the memory that is shared with the thread that watches. */
const [CELL, HEARD, GUARDED, SIGNAL, DONE] = [0, 1, 2, 3, 4];
const AGAIN_MS = 100;
/** How long is waited for a SIGINT to do its work: two that came at once may have done that of one. */
const LATE_MS = 250;
const NAP_MS = 2;

const { add, load, notify, store, wait } = Atomics;
const { kill, nextTick, pid } = process;
const nap = new Int32Array(new SharedArrayBuffer(4));
const LISTENING = (
  'on addListener once prependListener prependOnceListener off removeListener removeAllListeners listeners ' +
  'rawListeners listenerCount emit'
).split(' ');

class Interrupts {
  #state = new Int32Array(new SharedArrayBuffer(20));
  /** A context of its own, so that nothing of this is in the user's. */
  #room = vm.createContext({}, { name: 'codebeaker' });
  #script = new vm.Script('work()', { filename: 'codebeaker:guard' });
  #listeners = new Listeners();
  /** Whether code was ended in an asynchronous context that it had entered, which is left for Node to leave. */
  #isAstray = false;
  /** How many SIGINTs the daemon had sent before the cell that was begun last, and how many had done their work. */
  #sent = 0;
  #done = 0;

  /** Begins to hear SIGINTs: `ready` is called once none ends the process, `heard` when one has come for a cell. */
  open(ready, heard, failed) {
    const watch = new Worker(path.join(__dirname, 'watch.cjs'), {
      name: 'codebeaker',
      workerData: { shared: this.#state.buffer, CELL, HEARD, GUARDED, SIGNAL, DONE },
      argv: [],
      env: {},
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 1, stackSizeMb: 1 },
    });
    watch.on('message', (message) => {
      if (message === 'ready') {
        ready();
        return;
      }
      heard(message);
      this.#listeners.call();
    });
    watch.on('error', failed);
    watch.on('exit', () => failed(new Error('nobody hears SIGINT any more')));
    this.#divertKill();
  }

  /** SIGINTs are for the cell with this number from now on; for none if it is 0. */
  set cell(number) {
    store(this.#state, CELL, number);
  }

  /** Waits until the SIGINTs that the daemon has sent, so many by now, have done their work: none is for what comes. */
  settle(sent) {
    const fresh = sent - this.#sent;
    this.#sent = sent;
    for (let left = LATE_MS; left > 0 && load(this.#state, DONE) - this.#done < fresh; left -= NAP_MS) {
      wait(nap, 0, 0, NAP_MS);
    }
    this.#done = load(this.#state, DONE);
  }

  /** Whether one has come for the cell that runs, while no guard was there. */
  get isHeard() {
    const heard = load(this.#state, HEARD);
    return heard !== 0 && heard === load(this.#state, CELL);
  }

  /** Does what a SIGINT may end; false if one has. Within another guard, that one is ended. */
  guard(work) {
    if (load(this.#state, GUARDED) === 1) {
      work();
      return true;
    }
    let isWhole = false;
    const context = executionAsyncId();
    this.#room.work = () => {
      this.#listeners.areHidden = false;
      work();
      isWhole = true;
    };
    store(this.#state, GUARDED, 1);
    this.#listeners.areHidden = true;
    try {
      this.#script.runInContext(this.#room, GUARD);
    } catch (error) {
      if (error?.code !== INTERRUPTED) {
        throw error;
      }
      add(this.#state, DONE, 1);
      isWhole = false;
      this.#isAstray ||= executionAsyncId() !== context;
    } finally {
      this.#listeners.areHidden = false;
      store(this.#state, GUARDED, 0);
      notify(this.#state, GUARDED);
    }
    return isWhole;
  }

  /**
   * Makes `process.kill` send what is for this process by the other thread: the one that sends it, Node makes ready
   * for the end, whatever the signal is.
   */
  #divertKill() {
    const send = (signal) => this.#send(signal);
    process.kill = function (target, signal = 'SIGTERM') {
      const number = constants.signals[signal] ?? signal;
      // What is no signal, or is to tell whether there is a process, is Node's.
      if (target !== pid || !Object.values(constants.signals).includes(number)) {
        return kill.call(process, target, signal);
      }
      send(number);
      return true;
    };
    Object.defineProperty(process.kill, 'name', { value: 'kill' });
  }

  #send(signal) {
    store(this.#state, SIGNAL, signal);
    notify(this.#state, SIGNAL);
  }

  /** Has Node call what puts code under guard, and clear up after that. */
  turn(work) {
    nextTick(() => {
      work();
      if (this.#isAstray) {
        this.#isAstray = false;
        // Node ends the process where contexts don't match, but forgets them all after what nobody catches.
        throw new Ended('interrupted');
      }
    });
  }

  /** Ends what is under guard and has called this, as a SIGINT does. Comes back only if nothing is. */
  end() {
    while (load(this.#state, GUARDED) === 1) {
      this.#send(constants.signals.SIGINT);
      wait(nap, 0, 0, AGAIN_MS);
    }
  }
}

/**
 * The user's listeners of SIGINT, kept from Node, which would take the signal from its watchdog for them, and end the
 * process by it where they are removed.
 */
class Listeners {
  /** Whether they are not there for Node, which takes them away from the code that it runs with `breakOnSigint`. */
  areHidden = false;

  #signal = Symbol('SIGINT');

  constructor() {
    for (const name of LISTENING) {
      const plain = process[name];
      const divert = (event) => (event === 'SIGINT' && !this.areHidden ? this.#signal : event);
      const value = function (...given) {
        if (given.length > 0) {
          given[0] = divert(given[0]);
        }
        return plain.apply(this, given);
      };
      Object.defineProperty(value, 'name', { value: name });
      Object.defineProperty(process, name, { value, configurable: true, writable: true, enumerable: false });
    }
  }

  call() {
    process.emit(this.#signal, 'SIGINT', 2);
  }
}

/** What ends a callback, and is nothing to tell of. */
class Ended extends Error {
  name = 'Ended';
}

module.exports = { Ended, Interrupts };
