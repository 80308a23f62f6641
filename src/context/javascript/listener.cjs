/**
 * The thread that listens, whatever the main thread does: to the daemon, and to SIGINT.
 *
 * An endless loop on the main thread never comes back to the event loop, where Node tells of both. This thread hands
 * on the daemon's lines, and has the main thread look at a SIGINT through its inspector, which gets through to code
 * that runs. It promises that the process ends at once when the daemon is gone, that lines and signals are handed on
 * in the order in which they came, and to see and do nothing else of the program's.
 */
'use strict';

const inspector = require('node:inspector');
const net = require('node:net');
const { parentPort, workerData } = require('node:worker_threads');

const { port, shared, key, descriptor } = workerData;
const state = new Int32Array(shared);
/** What the main thread keeps for this one, and the other way round: the cell that runs, and how much has come. */
const CELL = 0;
const NEWS = 1;
const ENDING = 2;

const MAX_LINE = 8 * 1024 * 1024;
const SIGINT = 2;
/** How long the main thread may wait for a better moment, and how often it is asked. */
const POLITE_MS = 50;
const PAUSE_MS = 1;
const PATIENCE_MS = 200;

function leave() {
  // Nothing less ends a process whose main thread is busy, or that has a debugger.
  process.kill(process.pid, 'SIGKILL');
}

function tell(message) {
  port.postMessage(message);
  Atomics.add(state, NEWS, 1);
  Atomics.notify(state, NEWS);
}

const session = new inspector.Session();
session.connectToMainThread();

/** What the main thread does when interrupted, as this session names it. */
let interrupter;
/** The cell that is being interrupted, and since when: for a while, more of them would say nothing new. */
let hit;
let since = 0;
/** Whether the main thread was asked and has not answered. */
let isAsked = false;

function attempt(cell) {
  if (cell !== hit) {
    return;
  }
  // What is to be ended must be what runs next there: a second question would be ended in its place.
  if (isAsked || Atomics.load(state, ENDING) === 1) {
    setTimeout(attempt, PAUSE_MS, cell);
    return;
  }
  isAsked = true;
  const isLast = Date.now() - since >= POLITE_MS;
  const params = {
    objectId: interrupter,
    functionDeclaration: 'function (cell, isLast) { return this(cell, isLast); }\n//# sourceURL=codebeaker:interrupt\n',
    arguments: [{ value: cell }, { value: isLast }],
    returnByValue: true,
  };
  session.post('Runtime.callFunctionOn', params, (error, answer) => {
    isAsked = false;
    if (answer?.result?.value === 'later' && !isLast) {
      setTimeout(attempt, PAUSE_MS, cell);
    } else if (hit === cell) {
      hit = undefined;
    }
  });
}

function interrupted() {
  const cell = Atomics.load(state, CELL);
  if (hit === cell && Date.now() - since < PATIENCE_MS) {
    return;
  }
  hit = cell;
  since = Date.now();
  // For code that runs, and for when the event loop is back.
  attempt(cell);
  tell(cell);
}

/** Hears SIGINT. Node offers this to the main thread alone, though every thread with a loop can have it. */
function listen() {
  // Node warns of its own modules, which this thread was given a way to, and no other.
  process.emitWarning = () => {};
  const { Signal } = require('internal/test/binding').internalBinding('signal_wrap');
  const signal = new Signal();
  signal.onsignal = interrupted;
  signal.start(SIGINT);
}

/** Hands on the lines that the daemon sends. */
function read() {
  const socket = new net.Socket({ fd: descriptor, readable: true, writable: false });
  let rest = [];
  let length = 0;
  let lines = [];
  const handOn = () => {
    const whole = lines;
    lines = [];
    whole.forEach(tell);
  };
  socket.on('data', (data) => {
    let start = 0;
    for (let end = data.indexOf(10); end >= 0; end = data.indexOf(10, start)) {
      rest.push(data.subarray(start, end));
      lines.push(rest.length === 1 ? rest[0].toString('utf8') : Buffer.concat(rest).toString('utf8'));
      rest = [];
      length = 0;
      start = end + 1;
    }
    if (start < data.length) {
      rest.push(data.subarray(start));
      length += data.length - start;
    }
    if (length > MAX_LINE) {
      leave();
    }
    // Libuv tells of signals after all else that it has polled: one that came before the line is before it.
    setImmediate(handOn);
  });
  socket.on('error', leave);
  socket.on('end', leave);
  socket.on('close', leave);
}

/** What the main thread wants to be told once its event loop is back. */
parentPort.on('message', tell);

session.post('Runtime.evaluate', { expression: `globalThis[Symbol.for(${JSON.stringify(key)})]` }, (error, answer) => {
  interrupter = answer.result.objectId;
  read();
  tell('');
});
listen();
