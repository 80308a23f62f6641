/**
 * Runs before anything else in a debugged Node process: opens its inspector on a port of the kernel's
 * choosing, tells the daemon by one line into a pipe, and waits for the debugger.
 *
 * It promises that the program's own streams, arguments and modules are what they would be without it, and
 * that a process whose debugger is gone runs undebugged. What it tells the daemon is believed in nothing.
 */
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { isMainThread } = require('node:worker_threads');

const { children, entry, maps, binding } = JSON.parse(fs.readFileSync(path.join(__dirname, 'settings.json'), 'utf8'));
const PATIENCE_MS = 20_000;
const LEAVE_MS = 500;

// Workers are reached through the inspector of their process.
if (isMainThread) {
  boot();
}

function boot() {
  const first = !(process.env.NODE_OPTIONS ?? '').includes(__filename);
  const pipe = openPipe(first ? PATIENCE_MS : 0);
  if (pipe === undefined) {
    return;
  }
  passOn();
  const inspector = require('node:inspector');
  inspector.open(0, '127.0.0.1', false);
  const about = { pid: process.pid, url: inspector.url(), name: String(process.argv[1] ?? 'node').slice(-200) };
  hushed(() => {
    fs.writeSync(pipe, `${JSON.stringify(about)}\n`);
    fs.closeSync(pipe);
    inspector.waitForDebugger();
  });
  const tell = globalThis[binding];
  delete globalThis[binding];
  if (typeof tell !== 'function') {
    return;
  }
  // Where log messages go: to the debugger alone, not to standard output.
  const own = Object.create(null, { console: { value: inspector.console } });
  Object.defineProperty(globalThis, Symbol.for(binding), { value: own });
  haltBetweenCompilingAndRunning(first);
  placeOutput(tell);
  leaveAtTheEnd(tell);
}

/** The pipe is made once the process runs, so the first process waits for it. */
function openPipe(patience) {
  const end = Date.now() + patience;
  for (;;) {
    try {
      return fs.openSync(path.join(__dirname, 'inspectors'), fs.constants.O_WRONLY | fs.constants.O_NONBLOCK);
    } catch {
      if (Date.now() >= end) {
        return undefined;
      }
      pause();
    }
  }
}

/** Processes that this one starts are debugged too, or know nothing of it. */
function passOn() {
  if (children) {
    const mine = `--require=${__filename} --inspect-publish-uid=http`;
    const options = process.env.NODE_OPTIONS ?? '';
    if (!options.includes(__filename)) {
      process.env.NODE_OPTIONS = options === '' ? mine : `${options} ${mine}`;
    }
  } else {
    const at = process.execArgv.indexOf(__filename);
    if (at > 0) {
      process.execArgv.splice(at - 1, 2);
    }
  }
}

/** Node writes of debuggers coming to standard error, which is the program's: meanwhile that is elsewhere. */
function hushed(wait) {
  const { O_WRONLY, O_APPEND, O_NOCTTY } = fs.constants;
  let spare;
  try {
    const about = fs.fstatSync(2);
    // Only what can be opened again as it is.
    if (about.isFIFO() || about.isCharacterDevice()) {
      spare = fs.openSync('/proc/self/fd/2', O_WRONLY | O_APPEND | O_NOCTTY);
      fs.closeSync(2);
      fs.openSync('/dev/null', O_WRONLY);
    }
  } catch {
    // It stays as it is.
  }
  try {
    wait();
  } finally {
    if (spare !== undefined) {
      fs.closeSync(2);
      fs.openSync(`/proc/self/fd/${spare}`, O_WRONLY | O_APPEND | O_NOCTTY);
      fs.closeSync(spare);
    }
  }
}

/**
 * V8 stops ECMAScript modules between compiling and running, but not CommonJS ones. The debugger needs that
 * stop to set breakpoints through a source map, and to stop at the first line.
 */
function haltBetweenCompilingAndRunning(first) {
  const Module = require('node:module');
  const vm = require('node:vm');
  // A script of its own, because a `debugger` statement in a script that is skipped does not stop.
  const halt = vm.runInThisContext('(function halt(main) { debugger; })', { filename: 'codebeaker:halt' });
  const { _compile: compile } = Module.prototype;
  let entering = first && entry;
  Module.prototype._compile = function _compile(content, filename, ...rest) {
    const isMain = entering && process.mainModule === this;
    if (isMain || (maps && String(content).includes('sourceMappingURL='))) {
      entering &&= !isMain;
      // What the loader calls next after it has compiled.
      const { dirname } = path;
      path.dirname = (name) => {
        path.dirname = dirname;
        halt(isMain ? filename : undefined);
        return dirname(name);
      };
    }
    return compile.call(this, content, filename, ...rest);
  };
}

/** Tells from which line what is printed comes, before it is printed. */
function placeOutput(tell) {
  for (const [name, number] of [['stdout', 1], ['stderr', 2]]) {
    const getter = Object.getOwnPropertyDescriptor(process, name);
    if (typeof getter?.get !== 'function') {
      continue;
    }
    let stream;
    // The stream is made when it is first asked for, as without the debugger.
    const get = () => {
      if (stream === undefined) {
        stream = getter.get.call(process);
        follow(stream, number, tell);
      }
      return stream;
    };
    Object.defineProperty(process, name, { ...getter, get });
  }
}

function follow(stream, number, tell) {
  const { write } = stream;
  let offset = 0;
  let last = '';
  stream.write = function (chunk, encoding, done) {
    try {
      const place = caller();
      if (place !== undefined && place !== last) {
        last = place;
        tell(`{"stream":${number},"offset":${offset},${place}}`);
      }
      const coding = typeof encoding === 'string' ? encoding : 'utf8';
      offset += typeof chunk === 'string' ? Buffer.byteLength(chunk, coding) : chunk.byteLength;
    } catch {
      // What is wrong with the arguments, the stream says.
    }
    return write.call(this, chunk, encoding, done);
  };
}

/** The innermost line of the program's own on the stack. */
function caller() {
  const { prepareStackTrace, stackTraceLimit } = Error;
  const holder = {};
  try {
    Error.stackTraceLimit = 24;
    Error.prepareStackTrace = (_, sites) => sites;
    Error.captureStackTrace(holder, caller);
    for (const site of holder.stack) {
      const file = site.getScriptNameOrSourceURL?.() ?? site.getFileName();
      if (typeof file === 'string' && file !== __filename && !file.startsWith('node:')) {
        return `"file":${JSON.stringify(file)},"line":${site.getLineNumber()},"column":${site.getColumnNumber()}`;
      }
    }
    return undefined;
  } finally {
    Error.prepareStackTrace = prepareStackTrace;
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/**
 * Node waits for its debugger to go, and says so on standard error, where nothing of the program's comes any
 * more: unless Node has yet to say why the program fails. Then the debugger is to be gone before. To close the
 * inspector instead is a race of Node's threads, which ends in a crash at times.
 */
function leaveAtTheEnd(tell) {
  const { emit } = process;
  let threw = false;
  process.emit = function (event, ...rest) {
    threw ||= event === 'uncaughtExceptionMonitor';
    const answer = emit.call(this, event, ...rest);
    if (event === 'exit') {
      // 13: an `await` that nothing settles.
      const fails = threw || process.exitCode === 13;
      const before = fails ? sockets() : 0;
      tell('{"ending":true}');
      if (fails) {
        for (const end = Date.now() + LEAVE_MS; sockets() >= before && Date.now() < end; ) {
          pause();
        }
        pause();
      } else {
        hush();
      }
    }
    return answer;
  };
}

function sockets() {
  const isSocket = (name) => {
    try {
      return fs.readlinkSync(`/proc/self/fd/${name}`).startsWith('socket:');
    } catch {
      return false;
    }
  };
  try {
    return fs.readdirSync('/proc/self/fd').filter(isSocket).length;
  } catch {
    return 0;
  }
}

function hush() {
  try {
    fs.closeSync(2);
    fs.openSync('/dev/null', fs.constants.O_WRONLY);
  } catch {
    // It is closed already.
  }
}

function pause() {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
}
