// A part of what is in `this`, as an object that keeps the names: so that a page of a list is as cheap to
// fetch whatever the list's length. Runs none of the program's code but a proxy's.
function page(which, start, count) {
  if (which === 'map' || which === 'set') {
    const entries = (which === 'map' ? Map : Set).prototype.entries.call(this);
    const part = which === 'map' ? new Map() : new Set();
    for (let at = 0; at < start + count; at += 1) {
      const { value, done } = entries.next();
      if (done) {
        break;
      }
      if (at >= start) {
        which === 'map' ? part.set(value[0], value[1]) : part.add(value[0]);
      }
    }
    return part;
  }
  const part = Object.create(null);
  const take = (name) => {
    const property = Object.getOwnPropertyDescriptor(this, name);
    if (property !== undefined) {
      Object.defineProperty(part, name, { ...property, configurable: true, enumerable: property.enumerable });
    }
  };
  if (which === 'indexed') {
    for (let at = start; at < start + count; at += 1) {
      take(String(at));
    }
  } else {
    const isIndex = (name) => typeof name === 'string' && /^(0|[1-9][0-9]*)$/.test(name);
    const skipped = Array.isArray(this) || ArrayBuffer.isView(this);
    const names = skipped ? Reflect.ownKeys(this).filter((name) => !isIndex(name)) : Reflect.ownKeys(this);
    names.slice(start, start + count).forEach(take);
  }
  return part;
}
