"use strict";

function add(total, number) {
  // Nothing can stop on a comment.
  const sum = total + number;
  return sum;
}

function work(count) {
  let total = 0;
  for (let number = 0; number < count; number++) {
    total = add(total, number);
  }
  return total;
}

console.log("begin");
const result = work(10);
console.log("result", result);
