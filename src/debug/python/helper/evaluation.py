"""Expressions: the operation `evaluate`, for whoever asks, and what may run for them.

A hover runs no code of the program's: it reads names, attributes and elements as they lie, and refuses the rest with
a reason. A watched expression is any expression. A line of the console is anything, and pdb's dialect too (console.py).
"""

import _ast

from . import lookup
from .lookup import WouldRun, is_of
from .namespaces import FUTURES, ONLY_SYNTAX_TREE, Namespace
from .operations import Refused, operation
from .rendering import ALONE, WHOLE, Rendering, clock
from .values import Shower

# Numbers of the program's that a sign before them can't make expensive.
_NUMBERS = (int, float, complex, bool)
_KEYS = (str, int, float, bool, bytes, type(None))
# Containers whose elements are found by C code alone; what a key of the program's is compared with is not ours.
_CONTAINERS = (list, tuple, str, bytes, bytearray, range, dict)


def frame_of(context, args):
    """The state's Frame that a request is about, or None for the main module. Raises Refused."""
    number = args.get("frame")
    if number is None:
        return None
    entry = context.state.frame(number)
    if entry.frame is None:
        raise Refused("nothing can be evaluated in a heading")
    return entry


def namespace_of(entry):
    """The variables that an expression in a frame sees."""
    return Namespace(entry.frame if entry is not None else None)


def extras_of(entry, thread):
    """Names that the debugger adds to the program's."""
    if entry is not None:
        thread = entry.thread
    error = thread.exception if thread is not None else None
    return {"__exception__": error} if error is not None else {}


@operation("evaluate", at="stopped")
def evaluate(context, args):
    """Evaluates an expression."""
    entry, text, purpose = frame_of(context, args), args["expression"], args.get("purpose")
    thread = entry.thread if entry is not None else context.thread
    hexadecimal = bool(args.get("hex"))
    if purpose == "console":
        from . import console

        return console.run(context, entry, text, hexadecimal)
    namespace = namespace_of(entry)
    if purpose == "hover":
        value = read(namespace, text)
        rendering = Rendering(ALONE, hexadecimal, careful=True, deadline=clock())
    else:
        value = namespace.run(namespace.compile(text.strip(), "eval"), extras_of(entry, thread))
        rendering = Rendering(WHOLE if purpose == "clipboard" else ALONE, hexadecimal)
    if purpose == "clipboard":
        return {"text": str.__str__(value)[:WHOLE] if is_of(value, str) else rendering.text(value)}
    return Shower(context, thread, entry, rendering).shown(value, as_operand(namespace, text.strip()))


def as_operand(namespace, text):
    """An expression as it can stand before a dot or a bracket."""
    try:
        body = namespace_tree(namespace, text, "eval").body
    except (SyntaxError, ValueError):
        return None
    plain = (_ast.Name, _ast.Attribute, _ast.Subscript, _ast.Call)
    return text if isinstance(body, plain) and "\n" not in text else "(%s)" % text


def namespace_tree(namespace, text, kind):
    """A text's syntax tree; raises SyntaxError."""
    flags = ONLY_SYNTAX_TREE
    if namespace.frame is not None:
        flags |= namespace.frame.f_code.co_flags & FUTURES
    return compile(text, "<evaluation>", kind, flags, True)


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
