/**
 * Cells as V8's console mode takes them: `import` and `export`, which only modules have, as what does the same in a
 * script, and names that change from one kind of declaration to another.
 *
 * It promises that every line stays where it is, and every column too but on lines with `import` declarations.
 *
 * V8 takes no `let` for a name that was `const`, whose cell could then never be put right, so what is `const` at the
 * top level of a cell becomes `let`. Statements at the top level that assign to such a name throw all the same.
 */
'use strict';

const { Tokens } = require('./tokens.cjs');

/** What stands for `import` where that is a call or has `.meta`: as long, and nobody's name. */
const IMPORT = '\u0131mport';

const KEYWORDS = { function: true, class: true, async: true };

/** What assigns to the name before it. */
const ASSIGNMENT = /^(?:[-+*/%&|^]|[*]{2}|<<|>>>?|&&|\|\||\?\?)?=$|^\+\+$|^--$/;
const CONSTANT = "(() => { throw new TypeError('Assignment to constant variable.'); })(); ";

/** `{code, shows, constants}` of a cell; the names that are constant after it follow from those before it. */
function rewritten(code, before = new Set()) {
  const tokens = new Tokens(code);
  const constants = new Set(before);
  const edits = [];
  const { list } = tokens;
  list.forEach((token, at) => {
    if (token.type !== 'word' || isProperty(list, at)) {
      return;
    }
    const next = list[at + 1]?.text;
    if (token.begins || (list[at - 1]?.text === 'export' && list[at - 1].begins)) {
      const change = token.text === 'const' ? 'add' : 'delete';
      declared(list, at).forEach((name) => constants[change](name));
      if (token.text === 'const') {
        edits.push({ start: token.start, end: token.end, text: 'let  ' });
      } else if (constants.has(token.text) && ASSIGNMENT.test(next) && !list[at + 1].fresh) {
        edits.push({ start: token.start, end: token.start, text: CONSTANT });
      }
    }
    if (token.text === 'import' && (next === '(' || next === '.')) {
      edits.push({ start: token.start, end: token.end, text: IMPORT });
    } else if (token.text === 'import' && token.begins) {
      edits.push(importing(code, list, at));
    } else if (token.text === 'export' && token.begins) {
      edits.push(exporting(code, list, at));
    }
  });
  return { code: edited(code, edits.filter((edit) => edit !== undefined)), shows: tokens.shows, constants };
}

function isProperty(list, at) {
  const before = list[at - 1]?.text;
  return before === '.' || before === '?.';
}

function edited(code, edits) {
  let text = '';
  let end = 0;
  for (const edit of edits.sort((one, other) => one.start - other.start)) {
    if (edit.start >= end) {
      const old = code.slice(edit.start, edit.end);
      const lines = old.split('\n').length - edit.text.split('\n').length;
      text += code.slice(end, edit.start) + edit.text + '\n'.repeat(Math.max(0, lines));
      end = edit.end;
    }
  }
  return text + code.slice(end);
}

/** Where a declaration ends that has its source at `from`, attributes and `;` included. */
function ending(list, from) {
  let at = from + 1;
  let attributes = '';
  if ((list[at]?.text === 'with' || list[at]?.text === 'assert') && list[at + 1]?.text === '{') {
    const open = at + 1;
    for (at = open; at < list.length && list[at].opening !== list[open]; at += 1);
    attributes = list.slice(open, at + 1);
    at += 1;
  }
  const semicolon = list[at]?.text === ';';
  return { end: list[semicolon ? at : at - 1]?.end, attributes };
}

/** A call that imports what the token at `from` names. */
function call(code, list, from) {
  const { end, attributes } = ending(list, from);
  if (end === undefined) {
    return undefined;
  }
  const options = attributes === '' ? '' : `, { with: ${code.slice(attributes[0].start, attributes.at(-1).end)} }`;
  return { end, text: `await ${IMPORT}(${list[from].text}${options.replaceAll('\n', ' ')})` };
}

function importing(code, list, at) {
  const { start } = list[at];
  let from = at + 1;
  if (list[from]?.type === 'string') {
    const all = call(code, list, from);
    return all && { start, end: all.end, text: `${all.text};` };
  }
  const names = [];
  let whole;
  for (; from < list.length && list[from].text !== 'from'; from += 1) {
    const { text, type } = list[from];
    if (text === '*') {
      whole = list[from + 2]?.text;
      from += 2;
    } else if (text === '{') {
      from = bindings(list, from, names);
    } else if (type === 'word') {
      names.push(`default: ${text}`);
    } else if (text !== ',') {
      return undefined;
    }
  }
  const all = list[from + 1]?.type === 'string' ? call(code, list, from + 1) : undefined;
  if (all === undefined) {
    return undefined;
  }
  const picked = names.length > 0 || whole === undefined ? `{ ${names.join(', ')} }` : undefined;
  const parts = whole === undefined ? [`${picked} = ${all.text}`] : [`${whole} = ${all.text}`];
  if (whole !== undefined && picked !== undefined) {
    parts.push(`${picked} = ${whole}`);
  }
  return { start, end: all.end, text: `let ${parts.join(', ')};` };
}

/** Reads `{a, b as c}` into destructuring; where it ends. */
function bindings(list, from, names) {
  let at = from + 1;
  for (; at < list.length && list[at].text !== '}'; at += 1) {
    if (list[at + 1]?.text === 'as') {
      names.push(`${list[at].text}: ${list[at + 2]?.text}`);
      at += 2;
    } else if (list[at].type === 'word') {
      names.push(list[at].text);
    }
  }
  return at;
}

function exporting(code, list, at) {
  const { start, end } = list[at];
  const next = list[at + 1];
  if (next?.text === 'default') {
    const after = list[at + 2]?.text;
    const named = list.slice(at + 3, at + 6).find(({ text }) => text !== 'function' && text !== '*');
    const declares = KEYWORDS[after] === true && named?.type === 'word' && named.text !== 'extends';
    const text = declares ? ' '.repeat(next.end - start) : '(void 0),'.padEnd(next.end - start);
    return { start, end: next.end, text };
  }
  if (next?.text !== '{' && next?.text !== '*') {
    return { start, end, text: ' '.repeat(end - start) };
  }
  let from = at + 1;
  for (; from < list.length && list[from].text !== '}' && list[from].text !== 'from'; from += 1);
  from += list[from]?.text === '}' && list[from + 1]?.text === 'from' ? 1 : 0;
  if (list[from]?.text === 'from' && list[from + 1]?.type === 'string') {
    const all = call(code, list, from + 1);
    return all && { start, end: all.end, text: `${all.text};` };
  }
  return list[from] && { start, end: list[from].end, text: ';' };
}

/**
 * The cell with the declaration of a name changed that V8 refuses since the name has been declared as something
 * else before; undefined if there is none to change. `lexical`: it was `let`, `const` or `class`, else `var` or
 * `function`.
 */
function reconciled(code, name, lexical) {
  const { list } = new Tokens(code);
  const wanted = lexical ? ['var', 'function', 'async'] : ['let', 'const', 'class'];
  const at = list.findIndex((token, index) => {
    return token.begins && wanted.includes(token.text) && declared(list, index).includes(name);
  });
  if (at < 0) {
    return undefined;
  }
  const { text, start, end } = list[at];
  const isLoose = text === 'var' || text === 'let' || text === 'const';
  const replacement = isLoose ? (lexical ? 'let' : 'var').padEnd(text.length) : `${lexical ? 'let' : 'var'} ${name} = ${text}`;
  const edits = [{ start, end, text: replacement }];
  if (!isLoose) {
    const body = list.slice(at).find((token) => token.depth === 0 && token.text === '}');
    if (body === undefined) {
      return undefined;
    }
    edits.push({ start: body.end, end: body.end, text: ';' });
  }
  return edited(code, edits);
}

/** The names that the statement at `at` declares. */
function declared(list, at) {
  const { text } = list[at];
  if (text === 'class' || text === 'function' || (text === 'async' && list[at + 1]?.text === 'function')) {
    const name = list.slice(at + 1, at + 4).find((token) => token.type === 'word' && token.text !== 'function');
    return name === undefined ? [] : [name.text];
  }
  if (text !== 'let' && text !== 'const' && text !== 'var') {
    return [];
  }
  const names = [];
  // Whether names come here: at the top before a value, and in what is taken apart.
  let isTarget = true;
  for (let next = at + 1; next < list.length && !list[next].begins && list[next].text !== ';'; next += 1) {
    const token = list[next];
    if (token.depth === 0) {
      isTarget = token.text === ',' || (isTarget && token.text !== '=') || next === at + 1;
    }
    const follows = list[next + 1];
    const isName = token.depth === 0 || [',', '}', ']', '='].includes(follows?.text);
    if (isTarget && token.type === 'word' && isName && list[next - 1].text !== '=') {
      names.push(token.text);
    }
  }
  return names;
}

module.exports = { rewritten, reconciled, IMPORT };
