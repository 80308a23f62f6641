/**
 * What the user's code finds around itself: `require` and `import` from where its file is, and a process that lives
 * on when it exits or fails.
 *
 * It promises that nothing of the driver's is to be seen in the arguments, the modules and the globals, but for what
 * cells are meant to use.
 */
'use strict';

const Module = require('node:module');
const path = require('node:path');
const { pathToFileURL } = require('node:url');

const { Ended } = require('./interrupts.cjs');
const { IMPORT } = require('./rewriting.cjs');

/** Before these, `import` takes its attributes as `assert`. */
const [MAJOR, MINOR] = process.versions.node.split('.').map(Number);
const ASSERTS = MAJOR < 18 || (MAJOR === 18 && MINOR < 20) || (MAJOR === 20 && MINOR < 10) || MAJOR === 19;

const UNCAUGHT = 'uncaughtException';

class Surroundings {
  #directory;
  #known = new Map();
  #given = {};
  #failed;

  /** Clears the driver away. */
  tidy() {
    for (const file of Object.keys(require.cache)) {
      if (path.dirname(file) === __dirname) {
        delete require.cache[file];
      }
    }
    process.argv.length = 1;
    process.mainModule = undefined;
    for (const [name, value] of Object.entries({ module: new Module('<repl>'), exports: {} })) {
      define(name, value);
    }
    globalThis.module.paths = Module._nodeModulePaths(process.cwd());
    globalThis.exports = globalThis.module.exports;
    this.enter(null);
  }

  /** Makes the directory of a cell's file the one that relative names start from. */
  enter(name) {
    const file = name?.startsWith('/') ? name : path.join(process.cwd(), '[cell]');
    const directory = path.dirname(file);
    const given = this.#of(directory);
    if (directory !== this.#directory) {
      this.#directory = directory;
      this.#give('require', given.require);
      this.#give('__dirname', directory);
      Object.defineProperty(globalThis, IMPORT, { value: given.import, configurable: true, writable: true });
    }
    this.#give('__filename', file);
    given.import.meta.url = pathToFileURL(file).href;
    given.import.meta.filename = file;
    if (!process.listeners(UNCAUGHT).includes(this.#failed)) {
      process.on(UNCAUGHT, this.#failed);
    }
  }

  #of(directory) {
    let given = this.#known.get(directory);
    if (given === undefined) {
      given = loaders(directory);
      this.#known.set(directory, given);
    }
    return given;
  }

  /** Sets a global, unless the user's code has put something else there. */
  #give(name, value) {
    const present = Object.getOwnPropertyDescriptor(globalThis, name);
    if (present === undefined || (name in this.#given && present.value === this.#given[name])) {
      this.#given[name] = value;
      define(name, value);
    }
  }

  /** Has what was interrupted while it was loaded loaded again when it is next required. */
  forgetUnfinished() {
    for (const [file, module] of Object.entries(require.cache)) {
      if (module?.loaded === false) {
        delete require.cache[file];
      }
    }
  }

  /**
   * Has `exited` called for `process.exit`, which throws if that comes back, and `failed` for what is thrown where
   * nobody catches it.
   */
  outlive(exited, failed) {
    process.exit = function exit(code) {
      const number = Number(code ?? process.exitCode ?? 0);
      exited(Number.isInteger(number) ? number & 0xff : 1);
      throw new Ended(`process.exit(${number})`);
    };
    this.#failed = (error) => {
      if (!(error instanceof Ended) && process.listenerCount(UNCAUGHT) === 1) {
        failed(error);
      }
    };
    process.on(UNCAUGHT, this.#failed);
  }
}

/** `require` and `import` as a file of this directory has them. */
function loaders(directory) {
  const module = new Module(path.join(directory, '[cell].cjs'));
  module.filename = module.id;
  module.paths = Module._nodeModulePaths(directory);
  const text = 'module.exports = (name, how) => (how === undefined ? import(name) : import(name, how));';
  module._compile(text, module.filename);
  const load = module.exports;
  const importing = (specifier, options) => {
    if (options === undefined) {
      return load(specifier);
    }
    return load(specifier, ASSERTS && options.with !== undefined ? { assert: options.with } : options);
  };
  const require = Module.createRequire(module.filename);
  importing.meta = Object.assign(Object.create(null), {
    dirname: directory,
    resolve: (specifier) => {
      const isRelative = /^\.{0,2}\//.test(specifier);
      return isRelative ? new URL(specifier, importing.meta.url).href : pathToFileURL(require.resolve(specifier)).href;
    },
  });
  return { require, import: importing };
}

/** A global as Node's console has them: there for all, listed for nobody. */
function define(name, value) {
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true, enumerable: false });
}

module.exports = { Surroundings, define };
