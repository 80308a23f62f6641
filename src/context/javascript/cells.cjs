/**
 * Runs cells, one at a time, and says what became of them.
 *
 * It promises that every cell that is begun is told to be over exactly once, after its output and its marks, however
 * it ends; and that what it left behind, running or failing, does not end the interpreter.
 */
'use strict';

const { described } = require('./errors.cjs');
const { bundle, packed, plain } = require('./rendering.cjs');
const { rewritten, reconciled } = require('./rewriting.cjs');
const typescript = require('./typescript.cjs');

const MAX_LINE = 1_000_000;
const MAX_CHANGES = 16;
const MAX_COUNT = 0x3fffffff;
/** How a cell ends that a SIGINT has ended: V8 does not say where. */
const INTERRUPTED = {
  status: 'interrupted',
  text: 'Interrupted\n',
  error: { name: 'Interrupted', message: 'interrupted by SIGINT', frames: [] },
};
const TAKEN = /^Identifier '(.+)' has already been declared$/;

const { setImmediate } = globalThis;
const resourceUsage = process.resourceUsage.bind(process);

/** Microseconds of processor time that the process has used, and the most memory that it has had, in bytes. */
function used() {
  const { userCPUTime, systemCPUTime, maxRSS } = resourceUsage();
  return { cpu: userCPUTime + systemCPUTime, memory: maxRSS * 1024 };
}

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
    surroundings.outlive(
      (code) => this.#exited(code),
      (error) => this.complain(error),
    );
  }

  /** `answer` answers questions between cells, `answered` hands on input that has come. */
  open(answer, answered) {
    this.#answer = answer;
    this.#answered = answered;
  }

  /** Does what the daemon has asked for and can be done now; the event loop calls this. */
  proceed() {
    this.#answered();
    for (let message; this.running === undefined && (message = this.#channel.next()) !== undefined; ) {
      if (message.op === 'execute') {
        this.#execute(message);
      } else {
        this.#answer(message);
      }
    }
  }

  /** A SIGINT has come for the cell with this number, which waits if it is not over. */
  interrupted(number) {
    if (this.running?.number === number) {
      this.#over(this.running, this.#stopped(this.running));
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
    this.#output.error(this.#described(error).text);
  }

  /** What there is to tell of an error, unless telling it throws or is ended. */
  #described(error, refused) {
    let told = { text: 'Uncaught error\n', error: { name: 'Error', message: '', frames: [] } };
    this.#interrupts.guard(() => {
      try {
        told = described(error, this.#sources, refused);
      } catch {
        // Its own properties threw another.
      }
    });
    return told;
  }

  #execute({ id, code, name, line, mark, rich, input, interrupts }) {
    this.#interrupts.settle(interrupts ?? 0);
    this.#count = (this.#count % MAX_COUNT) + 1;
    const cell = { id, number: this.#count, mark, rich: rich !== false, input: input !== false, shows: false };
    cell.cpu = used().cpu;
    this.running = cell;
    this.#interrupts.cell = cell.number;
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
    const settled = (outcome) => this.#interrupts.turn(() => this.#settled(cell, script, outcome));
    const isWhole = this.#inspection.run(text, /\bawait\b/.test(code), (work) => this.#interrupts.guard(work), settled);
    if (!isWhole) {
      this.#over(cell, this.#stopped(cell));
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
    if ('thrown' in outcome) {
      const refused = outcome.refused && { ...outcome.refused, url: script.url };
      this.#over(cell, { status: 'error', ...this.#described(outcome.thrown, refused) });
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
    if (!cell.shows || value === undefined) {
      return ending;
    }
    const errors = [];
    const isWhole = this.#interrupts.guard(() => {
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
    return isWhole ? ending : this.#stopped(cell);
  }

  /** How a cell ends that was ended. */
  #stopped(cell) {
    this.#surroundings.forgetUnfinished();
    return cell.exit === undefined ? INTERRUPTED : { status: 'exit', code: cell.exit };
  }

  /** Tells that a cell is over. None of the user's code runs from here to the end, so nothing ends this midway. */
  #over(cell, { status, code, error, text, bundle: shown, printed }) {
    this.running = undefined;
    this.#interrupts.cell = 0;
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
    const { cpu, memory } = used();
    const done = { event: 'done', id: cell.id, status, code, cpu: cpu - cell.cpu, memory };
    if (!this.#channel.send({ ...done, error })) {
      this.#channel.send({ ...done, error: { ...error, frames: [] } });
    }
    setImmediate(() => {
      this.#inspection.release();
      this.#interrupts.turn(() => this.proceed());
    });
  }

  /** The user's code has called `process.exit`. */
  #exited(code) {
    const cell = this.running;
    if (cell !== undefined) {
      cell.exit ??= code;
      this.#interrupts.end();
      this.#over(cell, this.#stopped(cell));
    }
  }
}

module.exports = { Cells };
