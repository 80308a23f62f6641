/**
 * Errors as Node prints them, with the lines of cells that they come from, and as frames for the daemon.
 *
 * It promises to leave out the driver's own frames. It runs the user's code where an error's properties do, so
 * callers contain it.
 */
'use strict';

const fs = require('node:fs');
const { inspect, types } = require('node:util');
const { fileURLToPath, pathToFileURL } = require('node:url');

const MAX_FRAMES = 200;
const MAX_TEXT = 65536;
const MAX_SOURCES = 500;
const MAX_FILE = 4 * 1024 * 1024;

const FRAME = /^\s+at (?:async )?(?:(.*?) \()?((?:[^():\s][^()]*|<[^>]*>)):(\d+):(\d+)\)?$/;
const DRIVER = ['codebeaker:', `${__dirname}/`, '/[cell].cjs:', '(node:inspector:'];

/** Where cells come from: the names that they have, and their lines. */
class Sources {
  #cells = [];
  #count = 0;

  /** Notes a cell; the address that V8 is to call it by. */
  add(name, line, code) {
    this.#count += 1;
    const shown = name ?? `<cell ${this.#count}>`;
    const url = shown.startsWith('/') ? pathToFileURL(shown).href : shown.replace(/[\s"'`%]/g, encodeURIComponent);
    this.#cells.push({ url, name: shown, line, lines: code.split('\n') });
    if (this.#cells.length > MAX_SOURCES) {
      this.#cells.shift();
    }
    return url;
  }

  /** The file's name, or the cell's, at an address. */
  file(url) {
    const cell = this.#cells.findLast((cell) => cell.url === url);
    if (cell !== undefined) {
      return cell.name;
    }
    try {
      return url.startsWith('file:') ? fileURLToPath(url) : url;
    } catch {
      return url;
    }
  }

  /** A line of what is at an address; undefined if it can't be had. */
  line(url, number) {
    const covers = (cell) => cell.url === url && number >= cell.line && number < cell.line + cell.lines.length;
    const cell = this.#cells.findLast(covers);
    if (cell !== undefined) {
      return cell.lines[number - cell.line];
    }
    const file = this.file(url);
    try {
      return fs.statSync(file).size > MAX_FILE ? undefined : fs.readFileSync(file, 'utf8').split('\n')[number - 1];
    } catch {
      return undefined;
    }
  }

  /** Where a text stands in the cells, the latest first: `{name, line, above}`, with the lines above it. */
  find(text) {
    const [first] = text.split('\n', 1);
    for (const cell of this.#cells.toReversed?.() ?? [...this.#cells].reverse()) {
      const at = cell.lines.findIndex((line) => line.includes(first));
      if (at >= 0 && cell.lines.slice(at).join('\n').includes(text)) {
        return { name: cell.name, line: cell.line + at, above: cell.lines.slice(0, at) };
      }
    }
    return undefined;
  }

  /** A text with names in place of the addresses that stand for them. */
  named(text) {
    const strange = this.#cells.filter((cell) => cell.url !== cell.name && !cell.url.startsWith('file:'));
    return strange.reduce((text, cell) => text.replaceAll(`${cell.url}:`, `${cell.name}:`), text);
  }
}

/** The text of an error without the driver's frames, and those that called the driver. */
function stripped(text) {
  let skips = false;
  const keeps = (line) => {
    skips = /^\s+at /.test(line) && (skips || DRIVER.some((own) => line.includes(own)));
    return !skips;
  };
  return text.split('\n').filter(keeps).join('\n');
}

/** The frames in a stack's text, innermost first: `{url, line, column, function}`. */
function framesOf(text) {
  const frames = [];
  for (const line of text.split('\n')) {
    const [found, name, url, at, column] = FRAME.exec(line) ?? [];
    if (found !== undefined && frames.length < MAX_FRAMES) {
      frames.push({ url, line: Number(at), column: Number(column), function: name ?? '' });
    }
  }
  return frames;
}

function told(frames, sources) {
  const tell = ({ url, ...frame }) => ({ file: sources.file(url), ...frame });
  return frames.map(tell).reverse();
}

/** `{text, error}`: what is printed, and what the daemon is told. `refused`: where V8 does not take the cell. */
function described(thrown, sources, refused) {
  const isError = types.isNativeError(thrown) || thrown instanceof Error;
  if (!isError) {
    const message = inspect(thrown).slice(0, MAX_TEXT);
    return { text: `Uncaught ${message}\n`, error: { name: 'Uncaught', message, frames: [] } };
  }
  const frames = framesOf(stripped(String(thrown.stack)));
  if (refused !== undefined) {
    frames.splice(0, frames.length, { ...refused, function: '' });
  }
  const [first] = frames;
  const source = first && sources.line(first.url, first.line);
  const arrow = source && `${first.url}:${first.line}\n${source}\n${source.slice(0, first.column - 1).replace(/[^\t]/g, ' ')}^\n\n`;
  const text = refused === undefined ? inspect(thrown) : `${thrown.name}: ${thrown.message}`;
  const error = { name: String(thrown.name), message: String(thrown.message).slice(0, MAX_TEXT) };
  return {
    text: sources.named(`${arrow ?? ''}${stripped(text)}\n`),
    error: { ...error, frames: told(frames, sources) },
  };
}

module.exports = { Sources, described };
