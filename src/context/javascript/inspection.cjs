/**
 * V8's own view of the interpreter, through an inspector session of this very thread: it runs code as a console
 * does, where names can be declared again and `await` stands anywhere, and knows what names there are.
 *
 * It promises that a debugger can be attached beside it, that no objects are kept alive once they are handed over,
 * and that code which is ended ends here: callers of these methods always get an answer, and go on.
 */
'use strict';

const inspector = require('node:inspector');
const v8 = require('node:v8');

const GROUP = 'codebeaker';
const TERMINATED = Symbol('terminated');
const WORK = Symbol.for('codebeaker.work');
const CALL = {
  expression: `globalThis[Symbol.for('${WORK.description}')]()\n//# sourceURL=codebeaker:call`,
  returnByValue: true,
  silent: true,
};

class Inspection {
  #session = new inspector.Session();
  #receiver;
  #slot;
  #held = new Set();

  constructor() {
    this.#session.connect();
    const key = 'codebeaker.receiver';
    const receiver = (value) => this.#slot(value);
    Object.defineProperty(globalThis, Symbol.for(key), { value: receiver, configurable: true });
    this.#post('Runtime.evaluate', { expression: `globalThis[Symbol.for('${key}')]` }, (error, answer) => {
      this.#receiver = answer.result.objectId;
    });
    delete globalThis[Symbol.for(key)];
  }

  #post(method, params, answered = () => {}) {
    this.#session.post(method, params, answered);
  }

  /** Asks V8 to end what runs, at the next call or turn of a loop; `done` is called once that is over. */
  terminate(done) {
    this.#post('Runtime.terminateExecution', undefined, done);
  }

  /**
   * Runs a cell. `done` is called once, now or when what it awaits is settled, with one of `{value}`, `{thrown,
   * refused}` and `{terminated: true}`; never if code is ended that runs after an `await`, or for which V8 would have
   * called it. `refused` says where, if nothing of the cell was run. `awaits`: the cell may wait for something.
   */
  run(expression, awaits, done) {
    let held;
    let stop = () => {};
    if (awaits) {
      // V8 asks for the promise of a cell only weakly, and Node does not survive the answer that it was collected.
      stop = v8.promiseHooks.onInit((promise) => {
        held ??= promise;
        stop();
        this.#held.add(held);
      });
    }
    let hasReturned = false;
    const params = { expression, replMode: true, objectGroup: GROUP, userGesture: false };
    this.#post('Runtime.evaluate', params, (error, answer) => {
      this.#held.delete(held);
      const outcome = this.#outcome(error, answer);
      // What has run is told of by the promise that it has, later.
      done(hasReturned ? outcome : { ...outcome, refused: placeOf(answer) });
    });
    hasReturned = true;
    stop();
  }

  /** Evaluates what must change nothing, within some milliseconds; the same answers as `run` gives, at once. */
  peek(expression, timeout = 200) {
    let outcome = { terminated: true };
    const params = { expression, objectGroup: GROUP, throwOnSideEffect: true, silent: true, timeout };
    this.#post('Runtime.evaluate', { ...params, disableBreaks: true }, (error, answer) => {
      outcome = this.#outcome(error, answer);
    });
    return outcome;
  }

  /** Evaluates an expression of the driver's own, whose value can be had without running the user's code. */
  evaluate(expression) {
    let outcome = { terminated: true };
    const params = { expression, objectGroup: GROUP, silent: true, disableBreaks: true };
    this.#post('Runtime.evaluate', params, (error, answer) => {
      outcome = this.#outcome(error, answer);
    });
    return outcome;
  }

  /** Calls a function of the driver's that runs the user's code, and comes back even if that is ended. */
  call(work) {
    const called = () => {
      delete globalThis[WORK];
      work();
    };
    // An evaluation is where V8 has ended code end: what it calls by the debugger's own means, it does not.
    Object.defineProperty(globalThis, WORK, { value: called, configurable: true });
    this.#post('Runtime.evaluate', CALL);
    delete globalThis[WORK];
  }

  /** Names that `let`, `const` and `class` declare. */
  names() {
    let names = [];
    this.#post('Runtime.globalLexicalScopeNames', {}, (error, answer) => {
      names = answer?.names ?? [];
    });
    return [...new Set(names)];
  }

  /** Lets go of what V8 keeps for this session. */
  release() {
    this.#post('Runtime.releaseObjectGroup', { objectGroup: GROUP });
    // What was logged is kept for debuggers that come later, which would keep alive what it was about.
    this.#post('Runtime.discardConsoleEntries');
  }

  #call(args) {
    this.#post('Runtime.callFunctionOn', {
      objectId: this.#receiver,
      functionDeclaration: 'function (value) { this(value); }\n//# sourceURL=codebeaker:receive\n',
      arguments: args,
      silent: true,
    });
  }

  #outcome(error, answer) {
    if (error) {
      return { terminated: true };
    }
    const { exceptionDetails: details, result } = answer;
    if (details === undefined) {
      return { value: this.#fetch(result) };
    }
    const value = details.exception === undefined ? undefined : this.#fetch(details.exception);
    if (value === TERMINATED) {
      return { terminated: true };
    }
    return { thrown: value };
  }

  /** The value itself that V8 describes. */
  #fetch({ type, subtype, value, unserializableValue, objectId }) {
    if (objectId === undefined) {
      if (unserializableValue !== undefined) {
        return type === 'bigint' ? BigInt(unserializableValue.slice(0, -1)) : Number(unserializableValue);
      }
      return type === 'undefined' && subtype === undefined ? undefined : value;
    }
    let fetched = TERMINATED;
    this.#slot = (object) => {
      fetched = object;
    };
    this.#call([{ objectId }]);
    return fetched;
  }
}

/** Where V8 says that it does not take a script. */
function placeOf(answer) {
  const details = answer?.exceptionDetails;
  return details && { line: details.lineNumber + 1, column: details.columnNumber + 1 };
}

module.exports = { Inspection };
