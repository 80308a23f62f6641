/**
 * TypeScript as JavaScript, by the part of Node that blanks out types.
 *
 * It promises that every line and column stays where it is, and says so where this Node has no such part.
 */
'use strict';

const module_ = require('node:module');

const strip = module_.stripTypeScriptTypes;
const isAble = typeof strip === 'function';

class Unsupported extends Error {
  name = 'Unsupported';
}

/** Whether a file of this name is TypeScript; undefined if the name does not say. */
function isTypeScript(name) {
  const [, kind] = /\.(?:[cm]?([jt])sx?)$/.exec(name ?? '') ?? [];
  return kind === undefined ? undefined : kind === 't';
}

/** The code without types. Throws Unsupported, or the SyntaxError that it has. */
function stripped(code) {
  if (!isAble) {
    throw new Unsupported(`Node ${process.versions.node} runs no TypeScript; use Node 22.13 or later`);
  }
  const { emitWarning } = process;
  // That it is experimental is nothing that the user's code has to answer for.
  process.emitWarning = () => {};
  try {
    return strip(code);
  } finally {
    process.emitWarning = emitWarning;
  }
}

module.exports = { isAble, isTypeScript, stripped };
