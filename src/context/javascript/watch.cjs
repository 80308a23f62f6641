/**
 * The thread that notices SIGINT whatever the main thread does, and has the main thread look at it.
 *
 * Node hands signals to the main thread's event loop, which an endless loop never comes back to. This thread runs
 * a script that waits for ever and that a SIGINT breaks off, and then speaks to the main thread through its
 * inspector, which gets through to running code. It promises to do nothing else, and to see none of the program's.
 */
'use strict';

const inspector = require('node:inspector');
const vm = require('node:vm');
const { workerData } = require('node:worker_threads');

const { shared, key } = workerData;
const state = new Int32Array(shared);
const ARMED = 0;
const REARM = 1;
const AGAIN = 2;
const BUSY = 3;
const FORGOTTEN_MS = 20;

const session = new inspector.Session();
session.connectToMainThread();

/** What the main thread does when interrupted, as this session names it. */
let interrupter;

session.post('Runtime.evaluate', { expression: `globalThis[Symbol.for(${JSON.stringify(key)})]` }, (error, answer) => {
  interrupter = answer?.result?.objectId;
});

/** Whether the last interrupt is on its way, and this thread was not interrupted itself before. */
let isSent = true;
/** When the last was sent: the code that tells that it was carried out may have been ended with the rest. */
let sent = 0;

function interrupt() {
  const now = Date.now();
  if (Atomics.compareExchange(state, BUSY, 0, 1) !== 0 && now - sent < FORGOTTEN_MS) {
    return;
  }
  sent = now;
  isSent = false;
  session.post('Runtime.callFunctionOn', {
    objectId: interrupter,
    functionDeclaration: 'function () { this(); }\n//# sourceURL=codebeaker:interrupt\n',
  });
  isSent = true;
}

globalThis.standStill = () => {
  Atomics.store(state, ARMED, 1);
  Atomics.notify(state, ARMED);
  if (Atomics.load(state, AGAIN) === 0) {
    Atomics.wait(state, REARM, 0);
  }
};
const still = new vm.Script('standStill()', { filename: 'codebeaker:still' });

globalThis.watch = () => {
  while (Atomics.load(state, REARM) === 0) {
    try {
      still.runInThisContext({ breakOnSigint: true });
      if (Atomics.exchange(state, AGAIN, 0) === 1) {
        Atomics.wait(state, AGAIN, 0, 1);
        interrupt();
      }
    } catch {
      interrupt();
    }
  }
  // Nobody watches for a moment, or what the user's code has put in place would stay there.
  Atomics.store(state, REARM, 0);
};
// Around the other, for a signal that comes while one is being told of: nobody watching means that it kills.
const watch = new vm.Script('watch()', { filename: 'codebeaker:watch' });

function begin() {
  if (interrupter === undefined) {
    setTimeout(begin, 1);
    return;
  }
  for (;;) {
    try {
      watch.runInThisContext({ breakOnSigint: true });
    } catch {
      if (!isSent) {
        Atomics.store(state, BUSY, 0);
      }
      interrupt();
    }
  }
}
begin();
