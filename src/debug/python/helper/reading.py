"""Reads expressions as they lie: names, attributes and elements, without running code of the program's.

Promises that whatever takes more than that is refused, with the reason.
"""

from . import lookup
from .lookup import WouldRun, is_of
from .namespaces import namespace_tree
from .operations import Refused

# Numbers of the program's that a sign before them can't make expensive.
_NUMBERS = (int, float, complex, bool)
_KEYS = (str, int, float, bool, bytes, type(None))
# Containers whose elements are found by C code alone; what a key of the program's is compared with is not ours.
_CONTAINERS = (list, tuple, str, bytes, bytearray, range, dict)


def read(namespace, text):
    """The value of an expression, read without running code of the program's. Raises Refused."""
    try:
        tree = namespace_tree(namespace, text.strip(), "eval")
    except (SyntaxError, ValueError):
        raise Refused("this is no expression") from None
    try:
        return _Reader(namespace).value(tree.body)
    except WouldRun as why:
        raise Refused("not evaluated while hovering: %s" % why) from None
    except KeyError as error:
        raise Refused("NameError: name %r is not defined" % error.args[0]) from None
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise Refused("%s: %s" % (type(error).__name__, error)) from None


class _Reader:
    """Walks a syntax tree."""

    def __init__(self, namespace):
        self.namespace = namespace

    def value(self, node):
        """The value of a node. Raises WouldRun and what reading can raise."""
        how = getattr(self, "_" + type(node).__name__.lower(), None)
        if how is None:
            raise WouldRun("code would have to run")
        return how(node)

    def _constant(self, node):
        return node.value

    def _name(self, node):
        return self.namespace.lookup(node.id)

    def _attribute(self, node):
        return lookup.attribute(self.value(node.value), node.attr)

    def _tuple(self, node):
        return tuple(self.value(each) for each in node.elts)

    def _list(self, node):
        return [self.value(each) for each in node.elts]

    def _unaryop(self, node):
        value = self.value(node.operand)
        kind = type(node.op).__name__
        if type(value) not in _NUMBERS:
            raise WouldRun("an operator would have to run")
        if kind == "Not":
            return not value
        if kind == "Invert":
            return ~value
        return -value if kind == "USub" else +value

    def _index(self, node):
        return self.value(node.value)

    def _slice(self, node):
        parts = [None if part is None else self.value(part) for part in (node.lower, node.upper, node.step)]
        if any(part is not None and type(part) is not int for part in parts):
            raise WouldRun("a slice would have to be computed")
        return slice(*parts)

    def _subscript(self, node):
        value, key = self.value(node.value), self.value(node.slice)
        for base in _CONTAINERS:
            if is_of(value, base) and lookup.find(type(value), "__getitem__") is base.__dict__["__getitem__"]:
                break
        else:
            raise WouldRun("`__getitem__` of %s would have to run" % lookup.type_name(value))
        if type(key) is slice and base is not dict:
            return base.__getitem__(value, key)
        if not _is_key(key):
            raise WouldRun("a key would have to be compared")
        if base is not dict:
            return base.__getitem__(value, key)
        found = dict.get(value, key, lookup.MISSING)
        if found is lookup.MISSING:
            raise Refused("KeyError: %r" % (key,))
        return found


def _is_key(key):
    if type(key) is tuple:
        return all(map(_is_key, key))
    return type(key) in _KEYS
