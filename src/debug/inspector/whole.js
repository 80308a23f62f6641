// The text of a whole value, as one would write it down; what is no data is named.
function whole(limit) {
  const seen = [];
  const plain = function (key, value) {
    if (value === null || (typeof value !== 'object' && typeof value !== 'function')) {
      return typeof value === 'bigint' || typeof value === 'symbol' || value === undefined ? String(value) : value;
    }
    if (typeof value === 'function') {
      return `[Function: ${value.name}]`;
    }
    // What stands above this one is what `this` has come through.
    while (seen.length > 0 && seen[seen.length - 1] !== this) {
      seen.pop();
    }
    if (seen.includes(value)) {
      return '[Circular]';
    }
    seen.push(value);
    if (value instanceof Map) {
      return Object.fromEntries([...value].map(([name, one]) => [String(name), one]));
    }
    if (value instanceof Set) {
      return [...value];
    }
    return value instanceof Error ? value.stack : value;
  };
  const text = typeof this === 'function' ? String(this) : JSON.stringify(this, plain, 2);
  return text === undefined ? String(this) : text.slice(0, limit);
}
