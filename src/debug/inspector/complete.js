// The names that `this` has, its own first, with what each is; runs no getter.
function names(limit) {
  const found = new Map();
  for (let object = Object(this); object !== null && found.size < limit; object = Object.getPrototypeOf(object)) {
    for (const name of Object.getOwnPropertyNames(object)) {
      if (found.size >= limit) {
        break;
      }
      const isIndex = /^[0-9]/.test(name);
      if (!isIndex && !found.has(name)) {
        const property = Object.getOwnPropertyDescriptor(object, name);
        const kind = typeof property?.value;
        const isClass = kind === 'function' && /^class\b/.test(Function.prototype.toString.call(property.value));
        found.set(name, isClass ? 'class' : kind);
      }
    }
  }
  return [...found];
}
