"""Modules, sources and their texts: the operations `modules`, `loadedSources` and `source`.

Promises to run no code of the program's: modules are read as they lie in `sys.modules`, whatever the program put
there. A text is answered only for a place that a frame, a module or a breakpoint could be at.
"""

import os
import sys
import tokenize
from types import FunctionType

from . import lookup
from .operations import Refused, operation
from .places import HOME, is_text

# The longest text that is answered; a line to the adapter holds 4 MiB, where a character may take six bytes.
MAX_TEXT = 600000
MAX_MODULES = 10000


def loaded():
    """Pairs of name and dictionary of the modules that the program has."""
    for name, module in list(sys.modules.items())[:MAX_MODULES]:
        if type(name) is str and lookup.is_module(module):
            names = lookup.own_dict(module)
            file = names.get("__file__")
            if type(file) is not str or not file.startswith(HOME):
                yield name, names


def source_file(names):
    """The file that a module was made from, or None."""
    file = names.get("__file__")
    if type(file) is not str:
        return None
    cached = names.get("__cached__")
    if type(cached) is str and file == cached:
        return None
    return file


@operation("modules")
def modules(context, args):
    """The modules loaded so far."""
    return {"modules": [shown(context, name, names) for name, names in loaded()]}


def shown(context, name, names):
    """A module in the adapter's words."""
    body = {"name": name[:500], "user": False}
    file = source_file(names)
    if file is not None:
        places = context.debugger.places
        body["place"] = places.place(file)
        body["user"] = bool(places.is_user(file))
    return body


@operation("loadedSources")
def loaded_sources(context, args):
    """The sources loaded so far: files of modules, and code that came from no file and was met."""
    places = context.debugger.places
    files = [source_file(names) for _, names in loaded()]
    found = {file for file in files if file is not None and file.endswith((".py", ".pyw"))}
    return {"sources": [places.place(file) for file in sorted(found)] + places.texts()}


@operation("source")
def source(context, args):
    """The text of a source."""
    places = context.debugger.places
    place = args.get("place") or {}
    name = place["file"] if isinstance(place.get("file"), str) else places.name(place)
    if name is None:
        raise Refused("there is no such text")
    text = of_file(name) if not is_text(name) else of_text(name)
    if text is None:
        raise Refused("the text of %s is not to be had" % name)
    return {"text": text[:MAX_TEXT]}


def of_file(name):
    """A file's text, or that which a module's loader has of it; None when there is none."""
    try:
        if os.path.isfile(name):
            with tokenize.open(name) as file:
                return file.read(MAX_TEXT)
    except (OSError, SyntaxError, UnicodeDecodeError):
        pass
    return of_loader(name)


def of_loader(name):
    """What the loader of a module made from that file answers, where that is one of the interpreter's own."""
    for module, names in loaded():
        if names.get("__file__") == name:
            loader = names.get("__loader__")
            get = lookup.find(type(loader), "get_source")
            if type(get) is FunctionType and type(loader).__module__ in ("zipimport", "importlib.abc"):
                try:
                    return get(loader, module)
                except Exception:
                    return None
    return None


def of_text(name):
    """The text of code that came from no file, where something kept it."""
    if name.startswith("<frozen ") and name.endswith(">"):
        return of_frozen(name[len("<frozen ") : -1])
    kept = sys.modules.get("linecache")
    cache = lookup.own_dict(kept).get("cache") if kept is not None and lookup.is_module(kept) else None
    entry = cache.get(name) if type(cache) is dict else None
    lines = entry[2] if type(entry) is tuple and len(entry) == 4 else None
    if type(lines) is list and all(type(line) is str for line in lines):
        return "".join(lines)
    return None


def of_frozen(module):
    """The text of a module that is frozen into the interpreter, from its file in the standard library."""
    library = os.path.dirname(os.__file__)
    path = os.path.join(library, module.replace(".", "/") + ".py")
    return of_file(path) if os.path.isfile(path) else None
