"""What could complete a line of code: names, attributes, and modules to import.

Promises that finding out runs no code of the program's, no property and no `__getattr__` among it, and imports
nothing: names of modules come from the directories where they would be looked for.
"""

import os
import re
import sys
from keyword import kwlist

from . import lookup
from .operations import OperationError
from .reading import read

# The most entries of a directory that are looked at.
MAX_ENTRIES = 5000
_IMPORT = re.compile(r"\s*(?:import|from)\s+(?:[\w.]+(?:\s+as\s+\w+)?\s*,\s*)*(?P<path>(?:\w+\.)*)(?P<word>\w*)$")
_FROM = re.compile(r"\s*from\s+(?P<module>[\w.]+)\s+import\s+\(?(?:\s*\w+(?:\s+as\s+\w+)?\s*,)*\s*(?P<word>\w*)$")
_WORD = re.compile(r"\w*$")
_PAIRS = {")": "(", "]": "[", "}": "{"}


def propose(namespace, before, commands=()):
    """The word that is being typed, and pairs of name and kind of what it could be, and more."""
    match = _FROM.match(before)
    if match:
        return match["word"], list(names_in_module(match["module"]))
    match = _IMPORT.match(before)
    if match:
        return match["word"], list(modules_in(match["path"].rstrip(".")))
    word = _WORD.search(before).group()
    rest = before[: len(before) - len(word)]
    if rest.rstrip().endswith("."):
        owner = operand(rest.rstrip()[:-1])
        try:
            return word, list(attributes_of(read(namespace, owner))) if owner else []
        except OperationError:
            return word, []
    if word[:1].isdigit() or in_string(rest):
        return word, []
    found = [(name, "keyword") for name in kwlist]
    if not rest.strip():
        found += [(name, "keyword") for name in commands]
    return word, found + list(names_of(namespace))


def in_order(names):
    """Names as they are proposed: those that are nobody's business last."""
    return sorted(names, key=lambda name: (name.startswith("_"), name.startswith("__"), name.lower(), name))


def in_string(text):
    """Whether a line is within quotes at its end. A guess: lines before it do not count."""
    quote = None
    escaped = False
    for char in text:
        if escaped:
            escaped = False
        elif char == "\\":
            escaped = True
        elif quote is None and char in "'\"":
            quote = char
        elif char == quote:
            quote = None
    return quote is not None


def operand(text):
    """The expression that a text ends with: names, dots, calls and subscripts."""
    index, open_brackets = len(text), []
    while index > 0:
        char = text[index - 1]
        if open_brackets:
            if char in _PAIRS:
                open_brackets.append(_PAIRS[char])
            elif char == open_brackets[-1]:
                open_brackets.pop()
        elif char in _PAIRS:
            open_brackets.append(_PAIRS[char])
        elif not (char.isalnum() or char in "_."):
            break
        index -= 1
    return "" if open_brackets else text[index:].strip()


def kind_of(value):
    """What kind of thing a value is."""
    if lookup.is_class(value):
        return "class"
    if lookup.is_module(value):
        return "module"
    if type(value) in lookup.FUNCTIONS or type(value) in (staticmethod, classmethod):
        return "function"
    return "variable"


def names_of(namespace):
    """The names that are visible in a frame."""
    builtin = namespace.globals.get("__builtins__")
    builtin = builtin if type(builtin) is dict else lookup.own_dict(builtin or sys.modules["builtins"])
    for names in (builtin, namespace.globals, namespace.locals()):
        for name, value in list(names.items()):
            if type(name) is str and name.isidentifier():
                yield name, kind_of(value)


def attributes_of(value):
    """The names of attributes, as far as they can be told by looking."""
    classes = []
    if not lookup.is_module(value):
        classes = list(lookup.mro(value if lookup.is_class(value) else type(value)))
        if lookup.is_class(value):
            classes += lookup.mro(type(value))
    for cls in reversed(classes):
        for name, member in list(lookup.members(cls).items()):
            kind = kind_of(member)
            if type(name) is str and name.isidentifier():
                yield name, kind if kind in ("function", "class") else "property"
    for name, member in list(lookup.own_dict(value).items()):
        if type(name) is str and name.isidentifier():
            kind = kind_of(member)
            yield name, "property" if kind == "variable" and not lookup.is_module(value) else kind


def names_in_module(name):
    """What can be imported from a module: its names, if it is loaded, and the modules in it."""
    module = sys.modules.get(name)
    if module is not None and lookup.is_module(module):
        for each, value in list(lookup.own_dict(module).items()):
            if type(each) is str and each.isidentifier():
                yield each, kind_of(value)
    yield from modules_in(name)


def modules_in(package):
    """The names of the modules in a package, or of all that can be imported."""
    if package:
        module = sys.modules.get(package)
        if module is not None and lookup.is_module(module):
            path = lookup.own_dict(module).get("__path__")
            path = list(path) if type(path) in (list, tuple) else []
        else:
            path = [os.path.join(each, *package.split(".")) for each in sys.path if type(each) is str]
    else:
        path = [each for each in sys.path if type(each) is str]
        for name in sys.builtin_module_names:
            yield name, "module"
    for directory in path[:200]:
        yield from modules_at(directory)


def modules_at(directory):
    """The names of the modules in a directory."""
    try:
        with os.scandir(directory or ".") as entries:
            for _, entry in zip(range(MAX_ENTRIES), entries):
                name, dot, ending = entry.name.partition(".")
                is_module = dot and (ending == "py" or ending.endswith("so"))
                if name.isidentifier() and name != "__init__" and (is_module or not dot and is_package(entry)):
                    yield name, "module"
    except (OSError, TypeError, ValueError):
        return


def is_package(entry):
    """Whether a directory holds modules."""
    if entry.name == "__pycache__":
        return False
    try:
        return entry.is_dir()
    except OSError:
        return False
