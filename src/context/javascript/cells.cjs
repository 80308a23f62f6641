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
const MAX_COUNT = 0x3fffffff;
const TAKEN = /^Identifier '(.+)' has already been declared$/;

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
  #count = 0;
  #answer;
  #answered;

  constructor({ channel, output, inspection, interrupts, sources, surroundings, isTypeScript }) {
    this.#channel = channel;
    this.#output = output;
    this.#inspection = inspection;
    this.#interrupts = interrupts;
    this.#sources = sources;
    this.#surroundings = surroundings;
    this.#isTypeScript = isTypeScript;
    interrupts.heard = (stack) => this.#ended(stack);
    surroundings.outlive(
      (code) => this.#exited(code),
      (error) => this.complain(error),
    );
  }

  /** `answer` answers questions between cells, `answered` takes input. */
  open(answer, answered) {
    this.#answer = answer;
    this.#answered = answered;
  }

  /** The daemon says something. */
  received(message) {
    if (message.op === 'input') {
      this.#answered(message);
      return;
    }
    this.#queue.push(message);
    this.#proceed();
  }

  /** The event loop is back after something was ended in this cell: what it waits for may never come. */
  turn(number) {
    if (this.interrupted(number)) {
      this.#over(this.running, this.#stopped(this.running));
    }
    this.#proceed();
  }

  /** Whether a SIGINT that came for the cell with this number is for the one that runs, which is told of it. */
  interrupted(number) {
    const isHit = this.running !== undefined && this.running.number === number;
    if (isHit) {
      this.running.isEnded = true;
    }
    return isHit;
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
    const text = this.#described(error)?.text ?? 'Uncaught error\n';
    this.#interrupts.within(() => this.#output.error(text));
  }

  /** What there is to tell of an error, unless telling it throws or is ended. */
  #described(error, refused) {
    let told;
    this.#interrupts.without(() => {
      try {
        told = described(error, this.#sources, refused);
      } catch {
        // Its own properties threw another.
      }
    });
    return told;
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
    this.#count = (this.#count % MAX_COUNT) + 1;
    const cell = { id, number: this.#count, mark, rich: rich !== false, input: input !== false, shows: false };
    this.running = cell;
    this.#channel.cell = cell.number;
    this.#interrupts.begin(cell.number);
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
    const text = `${'\n'.repeat(first - 1)}${code}\n//# sourceURL=${url}`;
    const awaits = /\bawait\b/.test(code);
    let hasReturned = false;
    let outcome;
    const done = (now) => {
      outcome = now;
      if (hasReturned) {
        this.#interrupts.within(() => this.#settled(cell, script, now));
      }
    };
    const isWhole = this.#interrupts.without(() => this.#inspection.run(text, awaits, done));
    hasReturned = true;
    if (!isWhole || cell.isEnded) {
      this.#over(cell, this.#stopped(cell));
    } else if (outcome !== undefined) {
      this.#settled(cell, script, outcome);
    }
  }

  /** A cell is over by itself, or V8 has not begun to run it. */
  #settled(cell, script, outcome) {
    if (this.running !== cell) {
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
    let ending;
    if (outcome.terminated) {
      ending = this.#stopped(cell);
    } else if ('thrown' in outcome) {
      const refused = outcome.refused && { ...outcome.refused, url: script.url };
      const unknown = { text: 'Uncaught error\n', error: { name: 'Error', message: '', frames: [] } };
      ending = { status: 'error', ...(this.#described(outcome.thrown, refused) ?? unknown) };
    } else {
      ending = this.#shown(cell, outcome.value);
    }
    this.#over(cell, cell.isEnded ? this.#stopped(cell) : ending);
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
    if (!cell.shows || value === undefined) {
      return ending;
    }
    const errors = [];
    this.#interrupts.without(() => {
      try {
        if (cell.rich) {
          ending.bundle = packed(bundle(value, (error) => errors.push(error)));
        } else {
          ending.printed = `${plain(value)}\n`;
        }
      } catch (error) {
        errors.push(error);
      }
    });
    errors.forEach((error) => this.complain(error));
    return ending;
  }

  /** How a cell ends that was ended. */
  #stopped(cell) {
    this.#surroundings.forgetUnfinished();
    if (cell.exit !== undefined) {
      return { status: 'exit', code: cell.exit };
    }
    return { status: 'interrupted', ...interrupted(cell.stack ?? '', this.#sources) };
  }

  /** Tells that a cell is over. None of the user's code runs from here to the end, so nothing ends this midway. */
  #over(cell, { status, code, error, text, bundle: shown, printed }) {
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
    this.#channel.cell = 0;
    this.#interrupts.begin(0);
    const done = { event: 'done', id: cell.id, status, code };
    if (!this.#channel.send({ ...done, error })) {
      this.#channel.send({ ...done, error: { ...error, frames: [] } });
    }
    if (this.#queue.length > 0) {
      // Not from here, which may be in a row of the user's promises.
      this.#channel.ask(cell.number);
    }
  }

  /** What a cell runs is being ended for a SIGINT. */
  #ended(stack) {
    const cell = this.running;
    if (cell !== undefined) {
      cell.isEnded = true;
      cell.stack ??= stack;
    }
  }

  /** The user's code has called `process.exit`. */
  #exited(code) {
    const cell = this.running;
    if (cell !== undefined) {
      cell.exit ??= code;
      cell.isEnded = true;
      this.#channel.ask(cell.number);
    }
    this.#interrupts.end();
  }
}

module.exports = { Cells };
