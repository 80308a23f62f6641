/**
 * V8's own view of the interpreter, through an inspector session of this very thread: it runs code as a console
 * does, where names can be declared again and `await` stands anywhere, and knows what names there are.
 *
 * It promises that a debugger can be attached beside it, and that no objects are kept alive once they are released.
 */
'use strict';

const inspector = require('node:inspector');
const v8 = require('node:v8');

const GROUP = 'codebeaker';

class Inspection {
  #session = new inspector.Session();
  #receiver;
  #slot;
  #held = new Set();
  /** Whether V8 keeps objects for this session. */
  #holds = false;

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

  /**
   * Runs a cell; false if `guard`, within which its synchronous part runs, has ended that. Else `settled` is called
   * once, now or when what the cell awaits is settled, with `{value}` or `{thrown, refused}`; `refused` says where, if
   * nothing of the cell was run. `awaits`: the cell may wait for something.
   */
  run(expression, awaits, guard, settled) {
    let held;
    let stop = () => {};
    if (awaits) {
      // V8 asks for the promise of a cell only weakly, and Node does not survive the answer that it was collected.
      stop = v8.promiseHooks.onInit((promise) => {
        held ??= promise;
        stop();
      });
    }
    const params = { expression, replMode: true, objectGroup: GROUP, userGesture: false };
    let answered;
    let hasReturned = false;
    const isWhole = guard(() => {
      this.#post('Runtime.evaluate', params, (error, answer) => {
        if (!hasReturned) {
          answered = [error, answer];
          return;
        }
        this.#held.delete(held);
        settled(this.#outcome(error, answer));
      });
    });
    hasReturned = true;
    stop();
    if (isWhole && answered !== undefined) {
      settled({ ...this.#outcome(...answered), refused: placeOf(answered[1]) });
    } else if (isWhole && held !== undefined) {
      this.#held.add(held);
    }
    return isWhole;
  }

  /** Evaluates what must change nothing, within some milliseconds; the same answers as `run` gives, at once. */
  peek(expression, timeout = 200) {
    let outcome = {};
    const params = { expression, objectGroup: GROUP, throwOnSideEffect: true, silent: true, timeout };
    this.#post('Runtime.evaluate', { ...params, disableBreaks: true }, (error, answer) => {
      outcome = this.#outcome(error, answer);
    });
    return outcome;
  }

  /** Evaluates an expression of the driver's own, whose value can be had without running the user's code. */
  evaluate(expression) {
    let outcome = {};
    const params = { expression, objectGroup: GROUP, silent: true, disableBreaks: true };
    this.#post('Runtime.evaluate', params, (error, answer) => {
      outcome = this.#outcome(error, answer);
    });
    return outcome;
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
    if (this.#holds) {
      this.#holds = false;
      this.#post('Runtime.releaseObjectGroup', { objectGroup: GROUP });
    }
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

  /** `{value}` or `{thrown}`; what V8 could not run at all, or has ended, has thrown why. */
  #outcome(error, answer) {
    if (error) {
      return { thrown: error };
    }
    const { exceptionDetails: details, result } = answer;
    if (details === undefined) {
      return { value: this.#fetch(result) };
    }
    return { thrown: details.exception === undefined ? undefined : this.#fetch(details.exception) };
  }

  /** The value itself that V8 describes. */
  #fetch({ type, subtype, value, unserializableValue, objectId }) {
    if (objectId === undefined) {
      if (unserializableValue !== undefined) {
        return type === 'bigint' ? BigInt(unserializableValue.slice(0, -1)) : Number(unserializableValue);
      }
      return type === 'undefined' && subtype === undefined ? undefined : value;
    }
    this.#holds = true;
    let fetched;
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
