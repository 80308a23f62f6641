const assert = require("node:assert");

function compare() {
  return 1;
}

assert.throws(() => { throw new Error("as it should"); });
const sorted = [3, 1, 2].sort(compare);
console.log("sorted", sorted.length);
