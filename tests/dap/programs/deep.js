function descend(depth) {
  if (depth === 0) {
    return depth;
  }
  return descend(depth - 1);
}

console.log("bottom", descend(100));
