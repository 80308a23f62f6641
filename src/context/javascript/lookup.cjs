/**
 * Answers what the editor asks of the state between cells: completion, what a name is, and the variables there are.
 *
 * It promises to change nothing, and to come to an end: expressions are evaluated where V8 refuses side effects, and
 * no getter is called.
 */
'use strict';

const { inspect, types } = require('node:util');

const { IMPORT } = require('./rewriting.cjs');
const { Tokens } = require('./tokens.cjs');

const MAX_NAMES = 2000;
const MAX_VALUE = 200;
const MAX_DETAIL = 20_000;
const IDENTIFIER = /^[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*$/u;
const KEYWORDS = (
  'async await break case catch class const continue debugger default delete do else export extends false finally for ' +
  'function if import in instanceof let new null of return static super switch this throw true try typeof undefined ' +
  'var void while with yield'
).split(' ');

/** Globals that are Node's or the driver's. */
const GIVEN = new Set(Object.getOwnPropertyNames(globalThis));
['display', 'prompt', 'require', 'module', 'exports', '__filename', '__dirname', IMPORT].forEach((name) => GIVEN.add(name));

class Lookup {
  #inspection;
  #sources;
  #channel;

  constructor(inspection, sources, channel) {
    this.#inspection = inspection;
    this.#sources = sources;
    this.#channel = channel;
  }

  /** Answers a question of the daemon's. */
  answer(message) {
    const { id, op } = message;
    let answer;
    try {
      if (op === 'complete') {
        answer = this.#complete(message);
      } else if (op === 'inspect') {
        answer = this.#inspect(message);
      } else if (op === 'variables') {
        answer = this.#variables(message);
      } else {
        answer = { fault: `there is no operation ${op}; there are execute, complete, inspect and variables` };
      }
    } catch (error) {
      answer = { fault: String(error?.message ?? error).slice(0, 500) };
    }
    this.#inspection.release();
    if (!this.#channel.send({ event: 'answer', id, ...answer })) {
      this.#channel.send({ event: 'answer', id, fault: 'the answer is too long' });
    }
  }

  #complete({ code, cursor }) {
    const tokens = new Tokens(code.slice(0, cursor));
    const { list } = tokens;
    const last = list.at(-1);
    const isTouched = last?.type === 'word' && last.end === cursor;
    const prefix = isTouched ? last.text : '';
    const dot = list[list.length - (isTouched ? 2 : 1)];
    const answer = { start: cursor - prefix.length, end: cursor };
    let found;
    if (tokens.unfinished !== undefined || (last?.type === 'number' && last.end === cursor)) {
      found = [];
    } else if (dot?.text === '.' || dot?.text === '?.') {
      const start = chain(list, list.indexOf(dot) - 1);
      const { value } = start === undefined ? {} : this.#peek(code.slice(start, dot.start));
      found = value === undefined || value === null ? [] : contained(() => members(value), []);
    } else {
      found = this.#globals();
    }
    const matches = found.filter(({ text }) => text.startsWith(prefix) && IDENTIFIER.test(text));
    return { matches: matches.slice(0, MAX_NAMES), ...answer };
  }

  #globals() {
    const found = new Map();
    for (const [name, value] of this.#values(this.#inspection.names())) {
      found.set(name, kindOf(value, 'variable'));
    }
    for (const [name, kind] of KEYWORDS.map((word) => [word, 'keyword'])) {
      found.set(name, kind);
    }
    for (const { text, kind } of contained(() => members(globalThis), [])) {
      if (!found.has(text) && text !== IMPORT) {
        found.set(text, kind === 'property' ? 'variable' : kind);
      }
    }
    return [...found].map(([text, kind]) => ({ text, kind }));
  }

  #inspect({ code, cursor, detail }) {
    const { list } = new Tokens(code);
    const at = list.findIndex(({ type, start, end }) => type === 'word' && start <= cursor && cursor <= end);
    const start = at < 0 ? undefined : chain(list, at);
    if (start === undefined) {
      return { found: false };
    }
    const name = code.slice(start, list[at].end);
    const outcome = this.#peek(name);
    if (!('value' in outcome) || (outcome.value === undefined && name !== 'undefined' && !this.#isThere(name))) {
      return { found: false };
    }
    const { value } = outcome;
    const about = () => ({ type: typeOf(value), value: brief(value, detail === 1 ? MAX_DETAIL : MAX_VALUE) });
    const origin = typeof value === 'function' ? contained(() => this.#origin(value), {}) : {};
    return { found: true, name, ...contained(about, { type: typeof value }), ...origin };
  }

  #isThere(name) {
    return this.#peek(`(${name}, true)`).value === true && !/[.[]/.test(name);
  }

  /** The signature of a function, and where and how it is written if a cell has it. */
  #origin(callable) {
    const source = Function.prototype.toString.call(callable);
    const place = source.includes('[native code]') ? undefined : this.#sources.find(source);
    const name = String(Object.getOwnPropertyDescriptor(callable, 'name')?.value ?? '');
    const doc = place && documentation(place.above);
    return { signature: signature(name, source, callable), doc, file: place?.name, line: place?.line };
  }

  #variables({ start = 0, count = 200 }) {
    const found = new Map();
    for (const name of Object.getOwnPropertyNames(globalThis)) {
      const property = Object.getOwnPropertyDescriptor(globalThis, name);
      if (!GIVEN.has(name) && property !== undefined && 'value' in property) {
        found.set(name, property.value);
      }
    }
    for (const [name, value] of this.#values(this.#inspection.names())) {
      found.set(name, value);
    }
    const shown = [...found].filter(([name, value]) => !name.startsWith('_') && !types.isModuleNamespaceObject(value));
    shown.sort(([one], [other]) => (one < other ? -1 : 1));
    const rows = shown.slice(start, start + count);
    return { variables: rows.map(([name, value]) => this.#row(name, value)), total: shown.length };
  }

  #row(name, value) {
    const describe = () => ({
      type: typeOf(value),
      value: brief(value, MAX_VALUE),
      size: sizeOf(value),
      expandable: isExpandable(value),
    });
    return { name, ...contained(describe, { type: typeof value, value: '…', expandable: false }) };
  }

  /** `[name, value]` of declared names, without those that were never given a value. */
  #values(names) {
    const getters = names.filter((name) => IDENTIFIER.test(name)).map((name) => `${JSON.stringify(name)}: () => ${name}`);
    const { value } = this.#inspection.evaluate(`({ __proto__: null, ${getters.join(', ')} })`);
    const found = [];
    for (const [name, get] of Object.entries(value ?? {})) {
      try {
        found.push([name, get()]);
      } catch {
        // Its declaration threw.
      }
    }
    return found;
  }

  #peek(expression) {
    return this.#inspection.peek(`(${expression}\n)`);
  }
}

/** What can be told of a value, which may be stranger than is thought of here. */
function contained(work, otherwise) {
  try {
    return work();
  } catch {
    return otherwise;
  }
}

/** Where the chain of members begins that ends with a token; undefined if that is none. */
function chain(list, end) {
  for (let at = end; at >= 0; ) {
    const token = list[at];
    const isClosing = token.text === ')' || token.text === ']';
    if (isClosing && token.opening === undefined) {
      return undefined;
    }
    const from = isClosing ? token.opening.index : at;
    const isWhole = token.type === 'template' ? /^`[^]*`$/.test(token.text) : true;
    if (!isWhole || (!isClosing && token.type === 'punctuation' && token.text !== '}')) {
      return undefined;
    }
    const before = list[from - 1];
    if (before?.text === '.' || before?.text === '?.') {
      at = from - 2;
    } else if (isClosing && before !== undefined && (before.type === 'word' || [')', ']'].includes(before.text))) {
      at = from - 1;
    } else {
      return token.text === '}' ? undefined : list[from].start;
    }
  }
  return undefined;
}

/** The names that a value has, its own first, with what each is. */
function members(value) {
  const found = new Map();
  for (let object = Object(value); object !== null && !types.isProxy(object); object = Object.getPrototypeOf(object)) {
    for (const name of Object.getOwnPropertyNames(object)) {
      if (found.size >= MAX_NAMES) {
        return [...found.values()];
      }
      if (!found.has(name) && !/^[0-9]/.test(name)) {
        const property = Object.getOwnPropertyDescriptor(object, name);
        found.set(name, { text: name, kind: kindOf(property?.value, 'property') });
      }
    }
  }
  return [...found.values()];
}

function kindOf(value, otherwise) {
  if (typeof value === 'function') {
    return isClass(value) ? 'class' : 'function';
  }
  return types.isModuleNamespaceObject(value) ? 'module' : otherwise;
}

function isClass(value) {
  if (typeof value !== 'function' || types.isProxy(value)) {
    return false;
  }
  const source = Function.prototype.toString.call(value);
  const isNative = source.endsWith('{ [native code] }');
  return /^class\b/.test(source) || (isNative && /^[A-Z]/.test(value.name) && 'prototype' in value);
}

function typeOf(value) {
  if (typeof value === 'function') {
    return isClass(value) ? 'class' : 'function';
  }
  if (typeof value !== 'object' || value === null) {
    return value === null ? 'null' : typeof value;
  }
  if (types.isProxy(value)) {
    return 'Proxy';
  }
  for (let object = value; object !== null && !types.isProxy(object); object = Object.getPrototypeOf(object)) {
    const maker = Object.getOwnPropertyDescriptor(object, 'constructor')?.value;
    if (typeof maker === 'function') {
      return String(Object.getOwnPropertyDescriptor(maker, 'name')?.value || 'Object');
    }
  }
  return 'Object';
}

/** A value in one line, without running code of the user's. */
function brief(value, limit) {
  const options = { customInspect: false, showProxy: true, getters: false, breakLength: Infinity, compact: true };
  const isWide = limit > MAX_VALUE;
  const limits = { depth: isWide ? 4 : 1, maxArrayLength: isWide ? 500 : 20, maxStringLength: limit };
  const text = inspect(value, { ...options, ...limits, compact: isWide ? 3 : true, breakLength: isWide ? 100 : Infinity });
  const short = isWide ? text : text.replace(/\s*\n\s*/g, ' ');
  return short.length > limit ? `${short.slice(0, limit - 1)}…` : short;
}

function sizeOf(value) {
  if (typeof value === 'string' || Array.isArray(value)) {
    return value.length;
  }
  if (types.isMap(value)) {
    return Reflect.get(Map.prototype, 'size', value);
  }
  if (types.isSet(value)) {
    return Reflect.get(Set.prototype, 'size', value);
  }
  return types.isTypedArray(value) || types.isAnyArrayBuffer(value) ? value.length ?? value.byteLength : undefined;
}

function isExpandable(value) {
  const isObject = typeof value === 'object' && value !== null;
  return isObject && (types.isProxy(value) || (sizeOf(value) ?? Reflect.ownKeys(value).length) > 0);
}

/** How a function is called. */
function signature(name, source, callable) {
  const { list } = new Tokens(source.slice(0, 10_000));
  let from = 0;
  if (/^class\b/.test(source)) {
    from = list.findIndex((token, at) => token.text === 'constructor' && list[at + 1]?.text === '(');
    if (from < 0) {
      return `new ${name}()`;
    }
  }
  const prefix = from > 0 ? `new ${name}` : name;
  const open = list.findIndex((token, at) => at >= from && token.text === '(');
  const close = list.find((token) => open >= 0 && token.opening === list[open]);
  if (source.includes('[native code]') || close === undefined || (list[0]?.type === 'word' && list[1]?.text === '=>')) {
    const isArrow = list[1]?.text === '=>';
    const some = Array.from({ length: callable.length }, (_, at) => `arg${at + 1}`).join(', ');
    return `${prefix}(${isArrow ? list[0].text : some})`;
  }
  return `${prefix}${source.slice(list[open].start, close.end).replace(/\s+/g, ' ')}`;
}

/** The comment that ends right above. */
function documentation(above) {
  let from = above.length;
  while (from > 0 && /^\s*(\/\/|\/\*|\*)/.test(above[from - 1])) {
    from -= 1;
  }
  const lines = above.slice(from).map((line) => line.replace(/^\s*(\/\/|\/\*+|\*+\/|\*)\s?/, '').replace(/\s*\*\/\s*$/, ''));
  return lines.join('\n').trim() || undefined;
}

module.exports = { Lookup };
