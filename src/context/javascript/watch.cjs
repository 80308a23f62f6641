/**
 * The thread that SIGINTs go to while none of the user's code runs under guard (interrupts.cjs): it tells the main
 * thread of each. It also sends signals to the process.
 *
 * Node ends scripts with `breakOnSigint` by one watchdog of the process, which takes SIGINT from the system with the
 * first such script and gives it back, to end the process, with the last; of those that run, it ends the one that
 * began last. This thread stands in such scripts, one in another, for as long as the process lives. So it promises
 * that a SIGINT never ends the process.
 */
'use strict';

const vm = require('node:vm');
const { parentPort, workerData } = require('node:worker_threads');

const { shared, CELL, HEARD, GUARDED, SIGNAL, DONE } = workerData;
const state = new Int32Array(shared);
/** How many SIGINTs may come faster than this thread can begin anew. */
const LEVELS = 6;
const PAUSE_MS = 20;

/** Stands in what is one level deeper, until a SIGINT ends that or there is a signal to send. */
globalThis.stand = (level) => {
  const deeper = new vm.Script(level < LEVELS ? `stand(${level + 1})` : 'rest()');
  for (;;) {
    try {
      deeper.runInThisContext({ breakOnSigint: true });
      send();
    } catch {
      const cell = Atomics.load(state, CELL);
      Atomics.store(state, HEARD, cell);
      parentPort.postMessage(cell);
      Atomics.add(state, DONE, 1);
    }
    // What begins here now would be ended in place of the user's code.
    while (Atomics.wait(state, GUARDED, 1, PAUSE_MS) === 'timed-out') {
      send();
    }
  }
};

/** Sends the process what the main thread has asked for, if it has. */
function send() {
  const signal = Atomics.exchange(state, SIGNAL, 0);
  if (signal !== 0) {
    process.kill(process.pid, signal);
  }
}

let isReady = false;

globalThis.rest = () => {
  if (!isReady) {
    isReady = true;
    parentPort.postMessage('ready');
  }
  Atomics.wait(state, SIGNAL, 0);
};

globalThis.stand(1);
