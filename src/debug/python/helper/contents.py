"""What is in a value: its attributes by name and its elements by number, a page at a time.

Promises that opening a value of a million elements looks at no more of them than are asked for, that nothing of
the program's runs for a class that keeps to the language's own containers, and that what must be computed (a
property) waits until somebody asks for it alone. Containers that a program made are asked, within the page's time.
"""

from _collections import deque
from itertools import islice
from types import FunctionType, MappingProxyType

import _collections_abc as abc

from . import lookup
from .lookup import FIELDS, FUNCTIONS, MISSING, find, is_of, members, mro, own_dict
from .rendering import Rendering

# A dictionary of more entries is paged like a list.
MANY_ENTRIES = 1000
# An expression for a child that is longer than this helps nobody.
MAX_EXPRESSION = 1000
# Simple types have nothing to open.
_CLOSED = (str, int, float, complex, bool, type(None), type(...), type(NotImplemented))
_LITERALS = (str, int, float, bool, bytes, type(None))
_CHOSEN = {
    ("numpy", "ndarray"): ("shape", "dtype", "size", "ndim"),
    ("pandas", "DataFrame"): ("shape", "columns", "index", "dtypes"),
    ("pandas", "Series"): ("shape", "dtype", "index", "name"),
}
_EXCEPTION_FIELDS = ("args", "__cause__", "__context__", "__suppress_context__", "__traceback__")


class Child:
    """Something that a value has."""

    __slots__ = ("name", "value", "expression", "qualities", "compute")

    def __init__(self, name, value, expression=None, qualities=(), compute=None):
        self.name = name
        self.value = value
        self.expression = expression
        self.qualities = qualities
        # Gets the value, when that takes code of the program's.
        self.compute = compute


def quality_of(name):
    """What a name tells of what it names."""
    if name.startswith("__") and name.endswith("__") and len(name) > 4 or name.startswith("."):
        return ("internal",)
    return ("private",) if name.startswith("_") else ()


def dotted(expression, name):
    """The expression for an attribute, or None."""
    if expression is None or not name.isidentifier() or len(expression) + len(name) > MAX_EXPRESSION:
        return None
    return "%s.%s" % (expression, name)


def item(expression, key):
    """The expression for an element, or None when the key is none that can be written down."""
    if expression is None or not _is_literal(key):
        return None
    text = repr(key)
    return "%s[%s]" % (expression, text) if len(expression) + len(text) <= MAX_EXPRESSION else None


def _is_literal(key):
    if type(key) is tuple:
        return len(key) <= 8 and all(map(_is_literal, key))
    if type(key) is float and (key != key or key in (float("inf"), float("-inf"))):
        return False
    return type(key) in _LITERALS and (type(key) not in (str, bytes) or len(key) <= MAX_EXPRESSION)


class Elements:
    """The numbered part of a value: how many there are, and those of a page."""

    def __init__(self, count, page):
        self.count = count
        # (start, stop) -> an iterable of Child
        self.page = page


def _by_number(get, expression):
    def page(start, stop):
        for index in range(start, stop):
            yield Child(str(index), get(index), expression and "%s[%d]" % (expression, index))

    return page


def _in_order(iterate, expression, pattern="%s[%d]"):
    """Of a container that can be walked alone. The walk ends quietly where the container changed under it."""

    def page(start, stop):
        for index, value in enumerate(islice(iterate(), start, stop), start):
            yield Child(str(index), value, expression and pattern % (expression, index))

    return page


def _entries(pairs, expression):
    names = Rendering(200)

    def page(start, stop):
        for key, value in islice(pairs(), start, stop):
            yield Child(names.text(key), value, item(expression, key))

    return page


def elements(value, expression):
    """The numbered elements of a value, or None. May ask a container of the program's."""
    cls = type(value)
    for base in (list, tuple):
        if is_of(value, base):
            return Elements(base.__len__(value), _by_number(lambda i: base.__getitem__(value, i), expression))
    if cls in (range, bytes, bytearray):
        return Elements(len(value), _by_number(value.__getitem__, expression))
    if is_of(value, deque):
        return Elements(deque.__len__(value), _in_order(lambda: deque.__iter__(value), expression))
    for base in (set, frozenset):
        if is_of(value, base):
            # No index leads to an element of a set; a list of it has them in the same order.
            pages = _in_order(lambda: base.__iter__(value), expression, "[*%s][%d]")
            return Elements(base.__len__(value), pages)
    if is_of(value, dict):
        count = dict.__len__(value)
        return Elements(count, _entries(lambda: iter(dict.items(value)), expression)) if count > MANY_ENTRIES else None
    if cls is memoryview:
        one_dimension = value.ndim == 1 and len(value.format) == 1
        return Elements(len(value), _by_number(value.__getitem__, expression)) if one_dimension else None
    return _asked_elements(value, expression)


def _asked_elements(value, expression):
    """Of what has elements by its own account."""
    cls = type(value)
    kind = _library_class(cls)
    try:
        if kind in (("numpy", "ndarray"), ("array", "array")):
            count = len(value) if getattr(value, "ndim", 1) else 0
            return Elements(count, _by_number(value.__getitem__, expression))
        if kind == ("pandas", "Series"):
            position = value.iloc
            return Elements(len(value), _by_number(lambda i: position[i], dotted(expression, "iloc")))
        if abc.Sequence in mro(cls):
            return Elements(len(value), _by_number(value.__getitem__, expression))
        if abc.Set in mro(cls) or isinstance(value, (abc.KeysView, abc.ValuesView, abc.ItemsView)):
            return Elements(len(value), _in_order(lambda: iter(value), expression, "[*%s][%d]"))
    except KeyboardInterrupt:
        raise
    except BaseException:
        return None
    return None


def entries(value, expression):
    """The entries of a small mapping, as an iterable of Child."""
    if is_of(value, dict):
        if dict.__len__(value) > MANY_ENTRIES:
            return iter(())
        return _entries(lambda: iter(dict.items(value)), expression)(0, None)
    cls = type(value)
    if cls is MappingProxyType or abc.Mapping in mro(cls):
        return _entries(lambda: ((key, value[key]) for key in value), expression)(0, 100000)
    if _library_class(cls) == ("pandas", "DataFrame"):
        return _entries(lambda: ((key, value[key]) for key in value.columns), expression)(0, 1000)
    return iter(())


def is_open(value):
    """Whether there may be anything in a value."""
    cls = type(value)
    if cls in _CLOSED or cls in FUNCTIONS and not (cls is FunctionType and value.__dict__):
        return False
    if cls in (list, tuple, dict, set, frozenset, deque, range, bytes, bytearray):
        return len(value) > 0
    return cls is not object


def attributes(value, expression):
    """The attributes of a value, as a list of Child, those of most interest first."""
    if type(value) in (list, tuple, dict, set, frozenset, deque, range, bytes, bytearray):
        return []
    if lookup.is_module(value):
        return _namespace(own_dict(value), expression)
    if lookup.is_class(value):
        return _of_class(value, expression)
    return _of_instance(value, expression)


def _kind(value):
    if type(value) in FUNCTIONS:
        return ("method",)
    return ("class",) if lookup.is_class(value) else ()


def _namespace(names, expression):
    """Names of a module or class, those of the language's own making last."""
    found = []
    for name, value in list(names.items()):
        if type(name) is str:
            found.append(Child(name, value, dotted(expression, name), _kind(value) + quality_of(name)))
    found.sort(key=lambda child: "internal" in child.qualities)
    return found


def _of_class(cls, expression):
    names = {}
    for name, value in list(members(cls).items()):
        if type(value) in (staticmethod, classmethod):
            value = value.__func__
        if type(value) in FIELDS and name in ("__dict__", "__weakref__"):
            continue
        names[name] = value
    found = _namespace(names, expression)
    found.append(Child("__bases__", cls.__bases__, dotted(expression, "__bases__"), ("readOnly", "internal")))
    return found


def _getter(value, name):
    return lambda: getattr(value, name)


def _of_instance(value, expression):
    cls = type(value)
    own = own_dict(value)
    found = {}
    for name, each in list(own.items()):
        if type(name) is str:
            found[name] = Child(name, each, dotted(expression, name), quality_of(name))
    for name in _tuple_fields(value):
        found[name] = Child(name, lookup.attribute(value, name), dotted(expression, name), ("readOnly",))
    if is_of(value, BaseException):
        for name in _EXCEPTION_FIELDS:
            found.setdefault(name, Child(name, getattr(value, name, None), dotted(expression, name), quality_of(name)))
    for base in mro(cls):
        if base is not object:
            _of_base(value, base, expression, found)
    children = list(found.values())
    if lookup.is_program_made(cls):
        children.append(Child("__class__", cls, dotted(expression, "__class__"), ("internal", "class", "readOnly")))
    children.sort(key=lambda child: ("internal" in child.qualities, child.compute is not None))
    return children


def _tuple_fields(value):
    fields = find(type(value), "_fields") if is_of(value, tuple) else MISSING
    if type(fields) is tuple and all(type(name) is str for name in fields):
        return [name for name in fields if type(find(type(value), name)) in FIELDS]
    return []


def _of_base(value, base, expression, found):
    """What an instance has through one of its classes."""
    for name, each in list(members(base).items()):
        if name in found or type(name) is not str or name.startswith("__") and name.endswith("__"):
            continue
        kind = type(each)
        path = dotted(expression, name)
        if kind in FIELDS:
            try:
                found[name] = Child(name, each.__get__(value), path, quality_of(name))
            except Exception:
                continue  # A slot that holds nothing.
        elif kind in FUNCTIONS or kind in (staticmethod, classmethod) or lookup.is_class(each):
            continue
        elif kind is property or find(kind, "__get__") is not MISSING:
            qualities = ("lazy",) + quality_of(name)
            if kind is property and each.fset is None:
                qualities += ("readOnly",)
            found[name] = Child(name, None, path, qualities, _getter(value, name))
        elif not name.startswith("_"):
            found[name] = Child(name, each, path)


def chosen_names(value):
    """The names worth showing of an object of numpy's or pandas', which has a hundred; None for all else."""
    return _CHOSEN.get(_library_class(type(value)))


def _library_class(cls):
    return lookup.class_module(cls).partition(".")[0], lookup.class_name(cls)
