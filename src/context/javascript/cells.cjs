/**
 * Runs cells, one at a time, and says what became of them.
 *
 * It promises that every cell that is begun is told to be over exactly once, after its output and its marks, however
 * it ends; and that what it left behind, running or failing, does not end the interpreter.
 */
'use strict';

const { described, interrupted } = require('./errors.cjs');
const { bundle, packed, plain } = require('./rendering.cjs');
const { rewritten, reconciled } = require('./rewriting.cjs');
const typescript = require('./typescript.cjs');

const MAX_LINE = 1_000_000;
const MAX_CHANGES = 16;
const TAKEN = /^Identifier '(.+)' has already been declared$/;

const later = setTimeout;
const soon = setImmediate;

/** What happens to a cell, in this order; while it `ends`, none of the user's code is waited for. */
const RUNS = 1;
const WAITS = 2;
const ENDS = 3;

class Cells {
  /** The cell that runs or waits; undefined between cells. */
  running;

  #channel;
  #output;
  #inspection;
  #interrupts;
  #sources;
  #surroundings;
  #isTypeScript;
  #queue = [];
  #constants = new Set();
  #answer = () => {};
  #answered = () => {};
  #isOpen = false;

  constructor({ channel, output, inspection, interrupts, sources, surroundings, isTypeScript }) {
    this.#channel = channel;
    this.#output = output;
    this.#inspection = inspection;
    this.#interrupts = interrupts;
    this.#sources = sources;
    this.#surroundings = surroundings;
    this.#isTypeScript = isTypeScript;
    interrupts.heard = (isRunning, stack) => this.#interrupted(isRunning, stack);
    surroundings.outlive(
      (code) => this.#exited(code),
      (error) => this.#failed(error),
    );
  }

  /** From now on, what has come is done: `answer` answers questions, `answered` takes input. */
  open(answer, answered) {
    this.#answer = answer;
    this.#answered = answered;
    this.#isOpen = true;
    this.#proceed();
  }

  /** The daemon says something. */
  received(message) {
    if (message.op === 'input') {
      this.#answered(message);
      return;
    }
    this.#queue.push(message);
    if (this.#isOpen && this.running === undefined && this.#queue.length === 1) {
      this.#proceed();
    }
  }

  /** Shows what a value looks like while a cell runs. */
  display(kind, displayId, shown) {
    const cell = this.running;
    if (cell !== undefined) {
      this.#channel.send({ event: 'display', id: cell.id, kind, displayId, metadata: {}, ...shown });
    }
  }

  /** Prints an error that ends nothing, as Node would where it ends the program. */
  complain(error) {
    const { value } = this.#contained(() => described(error, this.#sources));
    this.#output.error(value?.text ?? 'Uncaught error\n');
  }

  #proceed() {
    while (this.running === undefined && this.#queue.length > 0) {
      const message = this.#queue.shift();
      if (message.op === 'execute') {
        this.#execute(message);
      } else {
        this.#answer(message);
      }
    }
  }

  #execute({ id, code, name, line, mark, rich, input }) {
    const cell = { id, mark, rich: rich !== false, input: input !== false, phase: RUNS, shows: false };
    this.running = cell;
    this.#interrupts.wanted = false;
    this.#interrupts.settled();
    this.#interrupts.renew();
    this.#surroundings.enter(name ?? null);
    const first = Math.min(Math.max(line ?? 1, 1), MAX_LINE);
    const url = this.#sources.add(name ?? undefined, first, code);
    let script;
    try {
      const isTypeScript = typescript.isTypeScript(name) ?? this.#isTypeScript;
      script = rewritten(isTypeScript ? typescript.stripped(code) : code, this.#constants);
    } catch (error) {
      this.#over(cell, this.#refusal(error, url));
      return;
    }
    cell.shows = script.shows;
    this.#run(cell, { url, first, code: script.code, constants: script.constants, changes: 0 });
  }

  /** Why the part of Node that knows TypeScript does not take a cell. */
  #refusal({ name, message }, url) {
    const error = { name: name === 'Unsupported' ? name : 'SyntaxError', message, frames: [] };
    return { status: 'error', error, text: `${this.#sources.named(`${url}:`).slice(0, -1)}\n${error.name}: ${message}\n` };
  }

  #run(cell, script) {
    const { url, first, code } = script;
    if (this.#interrupts.wanted) {
      this.#over(cell, this.#stopped(cell, ''));
      return;
    }
    const text = `${'\n'.repeat(first - 1)}${code}\n//# sourceURL=${url}`;
    const settle = (outcome) => this.#interrupts.within(() => this.#settled(cell, script, outcome));
    let hasReturned = false;
    let outcome;
    const done = (now) => {
      outcome = now;
      if (hasReturned) {
        soon(() => settle(now));
      }
    };
    // V8 tells from within the row of promises, where what is ended would take along who waits for it.
    this.#interrupts.without(() => this.#inspection.run(text, done));
    hasReturned = true;
    if (outcome !== undefined) {
      this.#settled(cell, script, outcome);
    } else if (cell.phase === RUNS && cell.ended) {
      // What it would have been told of is what was ended.
      this.#over(cell, this.#stopped(cell, cell.stack));
    } else if (cell.phase === RUNS) {
      cell.phase = WAITS;
    }
  }

  #settled(cell, script, outcome) {
    if (cell.phase === ENDS) {
      return;
    }
    const changed = this.#changed(script, outcome);
    if (changed !== undefined) {
      this.#run(cell, changed);
      return;
    }
    if (outcome.refused === undefined) {
      this.#constants = script.constants;
    }
    cell.phase = RUNS;
    if (outcome.terminated) {
      this.#over(cell, this.#stopped(cell, cell.stack ?? ''));
    } else if ('thrown' in outcome) {
      const refused = outcome.refused && { ...outcome.refused, url: script.url };
      const { value } = this.#contained(() => described(outcome.thrown, this.#sources, refused));
      const unknown = { text: 'Uncaught error\n', error: { name: 'Error', message: '', frames: [] } };
      this.#over(cell, cell.ended ? this.#stopped(cell, cell.stack) : { status: 'error', ...(value ?? unknown) });
    } else {
      this.#over(cell, this.#shown(cell, outcome.value));
    }
  }

  /** Another way to say what V8 did not begin to run, for a name that was declared otherwise; or undefined. */
  #changed(script, { thrown, refused }) {
    const [, name] = (thrown instanceof SyntaxError && TAKEN.exec(thrown.message)) || [];
    const isAtStart = () => String(thrown.stack).split('\n', 2)[1]?.includes(`${script.url}:1:1`);
    if (name === undefined || script.changes >= MAX_CHANGES || (refused === undefined && !isAtStart())) {
      return undefined;
    }
    const code = reconciled(script.code, name, this.#inspection.names().includes(name));
    return code && { ...script, code, changes: script.changes + 1 };
  }

  /** How a cell ends that has a value. */
  #shown(cell, value) {
    const ending = { status: 'ok' };
    if (cell.shows && value !== undefined) {
      const errors = [];
      const work = () => (cell.rich ? packed(bundle(value, (error) => errors.push(error))) : plain(value));
      const { value: shown, thrown } = this.#contained(work);
      if (cell.rich) {
        ending.bundle = shown;
      } else if (shown !== undefined) {
        ending.printed = `${shown}\n`;
      }
      if (thrown !== undefined) {
        errors.push(thrown);
      }
      errors.forEach((error) => this.complain(error));
    }
    return cell.ended ? this.#stopped(cell, cell.stack) : ending;
  }

  /** How a cell ends that was ended. */
  #stopped(cell, stack) {
    if (cell.exit !== undefined) {
      return { status: 'exit', code: cell.exit };
    }
    return { status: 'interrupted', ...interrupted(stack ?? '', this.#sources) };
  }

  #over(cell, { status, code, error, text, bundle: shown, printed }) {
    cell.phase = ENDS;
    this.#output.flush(() => {
      this.#interrupts.within(() => {
        if (this.running !== cell) {
          return;
        }
        cell.isTelling = true;
        if (shown !== undefined) {
          this.#channel.send({ event: 'display', id: cell.id, kind: 'result', metadata: {}, ...shown });
        }
        if (printed !== undefined) {
          this.#output.out(printed);
        }
        if (text !== undefined) {
          this.#output.error(text);
        }
        this.#output.mark(cell.mark);
        this.#inspection.release();
        this.running = undefined;
        this.#interrupts.settled();
        this.#channel.send({ event: 'done', id: cell.id, status, code, error });
        if (this.#queue.length > 0) {
          // On a stack of its own: what is ended on this one would take along who called it.
          later(() => this.#interrupts.within(() => this.#proceed()), 0);
        }
      });
    });
  }

  #contained(work) {
    return this.#interrupts.without(() => this.#inspection.contained(work));
  }

  /** A SIGINT came; whether what runs is to be ended. */
  #interrupted(isRunning, stack) {
    const cell = this.running;
    if (cell === undefined || cell.phase === ENDS) {
      return true;
    }
    cell.ended = true;
    cell.stack ??= stack;
    this.#abandon(cell);
    return true;
  }

  #exited(code) {
    const cell = this.running;
    if (cell !== undefined && cell.phase !== ENDS) {
      cell.exit ??= code;
      cell.ended = true;
      this.#abandon(cell);
    }
    this.#interrupts.end();
  }

  /**
   * Ends a cell of which nothing is waited for any more, once the event loop is back: if it waits, or if its end came
   * so late that it hit who called it.
   */
  #abandon(cell) {
    const check = () => {
      if (this.running === cell && !cell.isTelling) {
        this.#interrupts.own = false;
        this.#interrupts.within(() => this.#over(cell, this.#stopped(cell, cell.stack)));
      }
    };
    // A second SIGINT's end may hit the first of these.
    [0, 10, 50, 200].forEach((delay) => later(check, delay));
  }

  #failed(error) {
    this.#interrupts.within(() => this.complain(error));
  }
}

module.exports = { Cells };
