/**
 * JavaScript cut into tokens, as far as cells need it: where the code's statements begin at its top level, what
 * is in brackets, and what is in strings, templates, regular expressions and comments.
 *
 * It promises to come to an end with any text. Text that is no program gives tokens that mean nothing; V8 says then
 * what is wrong with it.
 */
'use strict';

const SPACE = /[\s\ufeff]/;
const WORD_START = /[\p{ID_Start}$_\\#]/u;
const WORD = /[\p{ID_Continue}$\u200c\u200d\\]/u;
const PUNCTUATION =
  /^(?:\.\.\.|=>|\?\.(?![0-9])|[*]{2}=|<<=|>>>=|>>=|&&=|\|\|=|\?\?=|[*]{2}|\+\+|--|&&|\|\||\?\?|===|!==|==|!=|<=|>=|<<|[-+*/%&|^]=|.)/su;
const NUMBER = /^(?:0[xXbBoO][0-9a-fA-F_]+n?|(?:[0-9][0-9_]*)?\.?[0-9_]*(?:[eE][-+]?[0-9_]+)?n?)/;
/** After these words an expression begins. */
const BEFORE_EXPRESSION = new Set(
  ('return typeof delete void throw new in of instanceof do else case await yield extends default').split(' '),
);
const BEFORE_CONDITION = new Set(['if', 'while', 'for', 'with']);
/** Words that begin a statement whose value is nobody's result. */
const STATEMENTS = new Set(
  ('if for while do switch try with function class let const var import export return throw debugger').split(' '),
);

/** One token: `{type, start, end, text, depth, fresh, begins}`; `fresh` on a new line, `begins` a statement. */
class Tokens {
  list = [];
  /** The cut-off end of the code is in a `string`, `comment` or `template`. */
  unfinished;

  #code;
  #at = 0;
  #open = [];
  #fresh = true;
  #statement;

  constructor(code) {
    this.#code = code;
    while (this.#skip()) {
      this.#next();
    }
  }

  /** The last statement at the top level, as its first token; undefined if there is none. */
  get last() {
    return this.list.findLast((token) => token.begins);
  }

  /** Whether the code ends in an expression that is to be shown. */
  get shows() {
    const { last, list } = this;
    const end = list.at(-1);
    if (last === undefined || end.text === ';') {
      return false;
    }
    const after = list[list.indexOf(last) + 1];
    const isAsyncFunction = last.text === 'async' && after?.text === 'function';
    if (last.text === 'export' && after?.text === 'default') {
      return !['function', 'async', 'class'].includes(list[list.indexOf(after) + 1]?.text);
    }
    const isImported = last.text === 'import' && (after?.text === '(' || after?.text === '.');
    return isImported || !(isAsyncFunction || STATEMENTS.has(last.text) || (last.text === '{' && last.block));
  }

  /** Passes by spaces and comments; false at the end. */
  #skip() {
    for (;;) {
      const char = this.#code[this.#at];
      if (char === undefined) {
        return false;
      }
      if (SPACE.test(char)) {
        this.#fresh ||= char === '\n' || char === '\r' || char === '\u2028' || char === '\u2029';
        this.#at += 1;
      } else if (this.#code.startsWith('//', this.#at) || (this.#at === 0 && this.#code.startsWith('#!'))) {
        const end = this.#code.indexOf('\n', this.#at);
        this.unfinished = end < 0 ? 'comment' : undefined;
        this.#at = end < 0 ? this.#code.length : end;
      } else if (this.#code.startsWith('/*', this.#at)) {
        const end = this.#code.indexOf('*/', this.#at + 2);
        this.unfinished = end < 0 ? 'comment' : undefined;
        const stop = end < 0 ? this.#code.length : end + 2;
        this.#fresh ||= this.#code.slice(this.#at, stop).includes('\n');
        this.#at = stop;
      } else {
        return true;
      }
    }
  }

  #next() {
    const start = this.#at;
    const char = this.#code[start];
    this.unfinished = undefined;
    if (WORD_START.test(this.#whole(start))) {
      this.#word(start);
    } else if (/[0-9]/.test(char) || (char === '.' && /[0-9]/.test(this.#code[start + 1] ?? ''))) {
      this.#push('number', start + NUMBER.exec(this.#code.slice(start, start + 4096))[0].length);
    } else if (char === '"' || char === "'") {
      this.#string(char);
    } else if (char === '`') {
      this.#template(start + 1);
    } else if (char === '}' && this.#open.at(-1)?.text === '${') {
      this.#open.pop();
      this.#template(start + 1);
    } else if (char === '/' && this.#expectsExpression()) {
      this.#pattern();
    } else {
      const text = PUNCTUATION.exec(this.#code.slice(start, start + 8))[0];
      this.#punctuation(text);
    }
  }

  /** The character here, which may take two units. */
  #whole(at) {
    return String.fromCodePoint(this.#code.codePointAt(at));
  }

  #word(start) {
    let end = start;
    for (let char = this.#whole(end); end === start || WORD.test(char); char = this.#whole(end)) {
      end += char.length;
      if (char === '\\' && this.#code[end] === 'u' && this.#code[end + 1] === '{') {
        const close = this.#code.indexOf('}', end);
        end = close < 0 ? this.#code.length : close + 1;
      }
      if (end >= this.#code.length) {
        break;
      }
    }
    this.#push('word', Math.min(end, this.#code.length));
  }

  #push(type, end) {
    const start = this.#at;
    const token = {
      type,
      start,
      end: Math.max(end, start + 1),
      text: this.#code.slice(start, Math.max(end, start + 1)),
      depth: this.#open.length,
      fresh: this.#fresh,
      begins: false,
    };
    token.begins = token.depth === 0 && this.#begins(token);
    this.#statement = token.begins ? token : this.#statement;
    this.#at = token.end;
    this.#fresh = false;
    this.list.push(token);
    return token;
  }

  #string(quote) {
    let at = this.#at + 1;
    for (; at < this.#code.length && this.#code[at] !== quote && this.#code[at] !== '\n'; at += 1) {
      at += this.#code[at] === '\\' ? 1 : 0;
    }
    if (this.#code[at] !== quote) {
      this.unfinished = 'string';
    }
    this.#push('string', Math.min(at + 1, this.#code.length));
  }

  #template(from) {
    let at = from;
    for (; at < this.#code.length && this.#code[at] !== '`'; at += 1) {
      if (this.#code.startsWith('${', at)) {
        this.#push('template', at + 2);
        this.#open.push({ text: '${' });
        return;
      }
      at += this.#code[at] === '\\' ? 1 : 0;
    }
    if (at >= this.#code.length) {
      this.unfinished = 'template';
    }
    this.#push('template', Math.min(at + 1, this.#code.length));
  }

  #pattern() {
    let at = this.#at + 1;
    let inClass = false;
    for (; at < this.#code.length && this.#code[at] !== '\n'; at += 1) {
      const char = this.#code[at];
      if (char === '\\') {
        at += 1;
      } else if (char === '[' || char === ']') {
        inClass = char === '[';
      } else if (char === '/' && !inClass) {
        break;
      }
    }
    for (at += 1; at < this.#code.length && /[a-z]/i.test(this.#code[at]); at += 1);
    this.#push('pattern', Math.min(at, this.#code.length));
  }

  #punctuation(text) {
    if (text === ')' || text === ']' || text === '}') {
      const opening = this.#open.pop();
      const token = this.#push('punctuation', this.#at + 1);
      token.opening = opening;
      token.block = opening?.block ?? false;
      return;
    }
    const block = text === '{' && this.#opensBlock();
    const token = this.#push('punctuation', this.#at + text.length);
    if (text === '(' || text === '[' || text === '{') {
      token.block = block;
      token.index = this.list.length - 1;
      this.#open.push(token);
    }
  }

  /** Whether what comes next is the beginning of an expression, not an operator after one. */
  #expectsExpression() {
    const before = this.list.at(-1);
    if (before === undefined) {
      return true;
    }
    switch (before.type) {
      case 'word':
        return BEFORE_EXPRESSION.has(before.text) && this.list.at(-2)?.text !== '.';
      case 'template':
        return before.text.endsWith('${');
      case 'punctuation':
        if (before.text === ')') {
          return BEFORE_CONDITION.has(this.list[before.opening?.index - 1]?.text);
        }
        if (before.text === '}') {
          return before.block;
        }
        return before.text !== ']' && before.text !== '++' && before.text !== '--';
      default:
        return false;
    }
  }

  /** Whether a `{` here begins a block, after whose end a statement may begin without more. */
  #opensBlock() {
    const before = this.list.at(-1);
    if (before === undefined || before.text === ';') {
      return true;
    }
    const outer = this.#open.at(-1);
    if (before.text === ')') {
      const at = this.#head(before.opening?.index ?? 0);
      return at === undefined || this.list[at].begins || (outer !== undefined && isFirst(this.list[at - 1]));
    }
    if (['else', 'do', 'try', 'finally', 'catch'].includes(before.text)) {
      return true;
    }
    if (before.text === ':') {
      return outer === undefined || outer.block;
    }
    if (before.text === '{' || before.text === '}') {
      return before.block;
    }
    if (before.type === 'word' || before.text === ']' || before.type === 'string') {
      return this.#isClassStatement() || (this.#fresh && !this.#expectsExpression());
    }
    return false;
  }

  /** Where the `function` of a list of parameters is; undefined if the parentheses are something else's. */
  #head(opening) {
    for (let at = opening - 1; at >= Math.max(0, opening - 3); at -= 1) {
      const { text } = this.list[at];
      if (text === 'function') {
        return this.list[at - 1]?.text === 'async' ? at - 1 : at;
      }
      if (BEFORE_CONDITION.has(text) || (text !== '*' && this.list[at].type !== 'word')) {
        return undefined;
      }
    }
    return undefined;
  }

  #isClassStatement() {
    const depth = this.#open.length;
    for (let at = this.list.length - 1; at >= Math.max(0, this.list.length - 40); at -= 1) {
      const token = this.list[at];
      if (token.depth === depth && token.text === 'class') {
        return token.begins || isFirst(this.list[at - 1]);
      }
      if (token.text === ';') {
        return false;
      }
    }
    return false;
  }

  /** Whether a token at the top level is the first of a statement. */
  #begins(token) {
    const before = this.list.at(-1);
    if (before === undefined || before.text === ';') {
      return token.text !== ';';
    }
    if (before.text === '}' && before.block) {
      return !['else', 'catch', 'finally', ';'].includes(token.text) && !(token.text === 'while' && this.#ends('do'));
    }
    if (!token.fresh || this.#expectsExpression()) {
      return false;
    }
    if (token.type === 'punctuation') {
      // Nothing can go on with what an `import` declaration ends with.
      const isImported = before.type === 'string' && this.#statement?.text === 'import';
      return isImported || ['{', '++', '--', '!', '~'].includes(token.text);
    }
    return token.type !== 'template' && !['in', 'of', 'instanceof', 'else'].includes(token.text);
  }

  #ends(word) {
    const opening = this.list.at(-1)?.opening;
    return this.list[(opening?.index ?? 0) - 1]?.text === word;
  }
}

function isFirst(before) {
  return before === undefined || before.text === ';' || before.text === '{' || before.text === '}';
}

module.exports = { Tokens };
