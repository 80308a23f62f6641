/**
 * The global `display`, by which the user's code shows a value while it runs.
 *
 * It promises that values are shown in the order of the calls, and that with `rich: false` they are printed.
 */
'use strict';

const { bundle, packed, plain } = require('./rendering.cjs');
const { define } = require('./surroundings.cjs');

/** Makes the function a global. */
function provide(cells, output) {
  let count = 0;
  const show = (value, options) => {
    const cell = cells.running;
    const given = options?.displayId ?? options?.display_id;
    const displayId = given === true ? `display-${(count += 1)}` : given;
    if (cell !== undefined && cell.rich) {
      const data = options?.raw === true ? value : bundle(value, (error) => cells.complain(error));
      const kind = options?.update === true ? 'update' : 'display';
      const shown = packed(options?.raw === true ? { 'text/plain': '', ...data } : data);
      cells.display(kind, displayId === undefined ? undefined : String(displayId), shown);
    } else {
      output.out(`${plain(value)}\n`);
    }
    return displayId;
  };
  define('display', function display(value, options) {
    const displayId = show(value, options);
    if (displayId === undefined) {
      return undefined;
    }
    return { displayId, update: (next) => void show(next, { ...options, displayId, update: true }) };
  });
}

module.exports = { provide };
