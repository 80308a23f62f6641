/**
 * Puts a live interpreter together: this process runs the cells that the daemon sends on descriptor 3, and keeps
 * what they leave.
 *
 * It promises to begin with saying that it is ready, and that the user's code finds Node as in its own console.
 * With the argument `typescript`, cells without a file name are TypeScript.
 */
'use strict';

const fs = require('node:fs');

const { Cells } = require('./cells.cjs');
const { Channel } = require('./channel.cjs');
const { provide } = require('./display.cjs');
const { Sources } = require('./errors.cjs');
const { Input } = require('./input.cjs');
const { Inspection } = require('./inspection.cjs');
const { Interrupts } = require('./interrupts.cjs');
const { Lookup } = require('./lookup.cjs');
const { Output } = require('./output.cjs');
const { Surroundings } = require('./surroundings.cjs');
const typescript = require('./typescript.cjs');

const kill = process.kill.bind(process, process.pid, 'SIGKILL');

function main() {
  const isTypeScript = process.argv[2] === 'typescript';
  const channel = new Channel();
  const sources = new Sources();
  const surroundings = new Surroundings();
  const inspection = new Inspection();
  const interrupts = new Interrupts();
  const output = new Output();
  const cells = new Cells({ channel, output, inspection, interrupts, sources, surroundings, isTypeScript });
  const input = new Input(channel, cells, interrupts);
  const lookup = new Lookup(inspection, sources, channel);
  provide(cells, output);
  surroundings.tidy();
  cells.open(
    (message) => lookup.answer(message),
    () => input.arrived(),
  );
  const ready = () => {
    channel.send({
      event: 'ready',
      version: process.versions.node,
      language: isTypeScript ? 'typescript' : 'javascript',
      unit: 'utf16',
      typescript: typescript.isAble,
    });
    channel.open(() => interrupts.turn(() => cells.proceed()));
  };
  interrupts.open(ready, (number) => cells.interrupted(number), fail);
}

/** Ends the process, by what is Node's own: the user's code may have put something else there. */
function fail(error) {
  fs.writeSync(2, `${error?.stack}\n`);
  kill();
}

try {
  main();
} catch (error) {
  fail(error);
}
