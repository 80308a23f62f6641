/**
 * Values as bundles of representations: text as Node's console shows them, and what they have of their own.
 *
 * It promises that there is always text, and that a bundle fits into a line. It runs the user's code, where that
 * says how a value is shown, so callers contain it.
 */
'use strict';

const { inspect } = require('node:util');

const MAX_BUNDLE = 3 * 1024 * 1024;
/** In JSON that is all ASCII, a character takes six bytes at most. */
const MAX_PLAIN = 400_000;

/** Methods that give a whole bundle, the first that is there counts. */
const WHOLE = [Symbol.for('codebeaker.mime'), Symbol.for('Jupyter.display'), 'toMimeBundle', '_repr_mimebundle_'];
/** Methods that give one representation. */
const SINGLE = {
  _repr_html_: 'text/html',
  _repr_markdown_: 'text/markdown',
  _repr_svg_: 'image/svg+xml',
  _repr_png_: 'image/png',
  _repr_jpeg_: 'image/jpeg',
  _repr_latex_: 'text/latex',
  _repr_json_: 'application/json',
};
const SIGNATURES = [
  ['image/png', [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]],
  ['image/jpeg', [0xff, 0xd8, 0xff]],
  ['image/gif', [0x47, 0x49, 0x46, 0x38]],
];

function plain(value) {
  const text = inspect(value, { ...inspect.defaultOptions, showProxy: true });
  return text.length > MAX_PLAIN ? `${text.slice(0, MAX_PLAIN)}…` : text;
}

/** The bundle of a value; `failed` is called with what the value's own methods throw. */
function bundle(value, failed) {
  const data = {};
  const attempt = (work) => {
    try {
      work();
    } catch (error) {
      failed(error);
    }
  };
  attempt(() => Object.assign(data, own(value, failed)));
  if (typeof data['text/plain'] !== 'string') {
    attempt(() => {
      data['text/plain'] = plain(value);
    });
    data['text/plain'] ??= `[${typeof value}]`;
  }
  return data;
}

/** What a value has of its own to show. */
function own(value, failed) {
  const isObject = (typeof value === 'object' && value !== null) || typeof value === 'function';
  if (!isObject) {
    return {};
  }
  if (value instanceof Uint8Array) {
    const [kind] = SIGNATURES.find(([, bytes]) => bytes.every((byte, at) => value[at] === byte)) ?? [];
    return kind === undefined ? {} : { [kind]: value };
  }
  for (const name of WHOLE) {
    if (typeof value[name] === 'function') {
      const whole = value[name]();
      if (typeof whole === 'object' && whole !== null && typeof whole.then !== 'function') {
        return whole;
      }
    }
  }
  const data = {};
  for (const [name, kind] of Object.entries(SINGLE)) {
    try {
      const part = typeof value[name] === 'function' ? value[name]() : undefined;
      if (part !== undefined && part !== null) {
        data[kind] = part;
      }
    } catch (error) {
      failed(error);
    }
  }
  if (Object.keys(data).length === 0 && typeof value.toDataURL === 'function') {
    const [, kind, content] = /^data:(image\/[a-z]+);base64,(.*)$/s.exec(value.toDataURL()) ?? [];
    return kind === undefined ? {} : { [kind]: content };
  }
  return data;
}

/** `{data, omitted?}`: the bundle as it is sent. */
function packed(data) {
  const parts = [];
  const omitted = [];
  for (const [kind, part] of Object.entries(data)) {
    const [content, bytes] = encoded(kind, part);
    if (content !== undefined) {
      parts.push({ kind, content, bytes });
    }
  }
  let whole = parts.reduce((sum, { bytes }) => sum + bytes, 0);
  for (const part of parts.toSorted?.(bySize) ?? [...parts].sort(bySize)) {
    if (whole > MAX_BUNDLE && part.kind !== 'text/plain') {
      whole -= part.bytes;
      omitted.push(part.kind);
    }
  }
  const kept = parts.filter(({ kind }) => !omitted.includes(kind));
  const packed = { data: Object.fromEntries(kept.map(({ kind, content }) => [kind, content])) };
  return omitted.length === 0 ? packed : { ...packed, omitted };
}

function bySize(one, other) {
  return other.bytes - one.bytes;
}

/** `[content, bytes]` of one representation; an undefined content if it is none. */
function encoded(kind, part) {
  if (part instanceof ArrayBuffer || ArrayBuffer.isView(part)) {
    const view = ArrayBuffer.isView(part) ? Buffer.from(part.buffer, part.byteOffset, part.byteLength) : Buffer.from(part);
    const isText = kind.startsWith('text/') || kind.endsWith('+xml');
    const content = isText ? view.toString('utf8') : view.toString('base64');
    return [content, sized(content)];
  }
  if (kind === 'application/json' || kind.endsWith('+json')) {
    const text = JSON.stringify(part);
    return text === undefined ? [undefined, 0] : [JSON.parse(text), sized(text)];
  }
  const content = kind === 'text/plain' ? String(part).slice(0, MAX_PLAIN) : String(part);
  return [content, sized(content)];
}

/** How long a text is in a line of JSON, at most: what is not ASCII takes six bytes. */
function sized(text) {
  return text.length + 5 * (text.match(/[^\x20-\x7e]/g)?.length ?? 0) + (text.match(/["\\]/g)?.length ?? 0);
}

module.exports = { bundle, packed, plain };
