"""What a function takes, and what is written about a value; found by looking, without running code of the user's."""

import re
from types import CodeType, FunctionType, MethodType

from . import lookup
from .lookup import MISSING, find, is_of, own_dict
from .rendering import Rendering

# What C code says of the object that a method is bound to.
_BOUND = re.compile(r"^\(\$\w+(, /)?(, )?")
# How many wrappers are looked behind (`functools.wraps`).
MAX_WRAPPERS = 20
VARIADIC = 0x04
KEYWORDS = 0x08
# The longest text of a default or an annotation.
SHORT = 80
MAX_SIGNATURE = 2000


def unwrapped(value):
    """The function behind a method and behind wrappers; None when there is none. And how many arguments are bound."""
    bound = 0
    for _ in range(MAX_WRAPPERS):
        if type(value) is MethodType:
            value, bound = value.__func__, 1
        elif type(value) in (staticmethod, classmethod):
            bound = 1 if type(value) is classmethod else 0
            value = value.__func__
        elif lookup.is_class(value):
            value, bound = constructor(value), 1
        elif type(value) is FunctionType:
            inner = value.__dict__.get("__wrapped__")
            if inner is None:
                return value, bound
            value = inner
        else:
            return None, 0
    return None, 0


def constructor(cls):
    """The function that takes what a class is called with, or None."""
    for name in ("__init__", "__new__"):
        found = find(cls, name)
        found = found.__func__ if type(found) is staticmethod else found
        if type(found) is FunctionType:
            return found
    return None


def parameters(function, bound=0):
    """The parameters of a function: names with their kinds (`/`, ``, `*`, `=`, `**`) and their places in it."""
    code = function.__code__
    if type(code) is not CodeType:
        return []
    positional, only = code.co_argcount, code.co_posonlyargcount if hasattr(code, "co_posonlyargcount") else 0
    names = code.co_varnames
    found = [(name, "/" if index < only else "") for index, name in enumerate(names[:positional])][bound:]
    keywords = positional + code.co_kwonlyargcount
    if code.co_flags & VARIADIC:
        found.append((names[keywords], "*"))
    found += [(name, "=") for name in names[positional:keywords]]
    if code.co_flags & KEYWORDS:
        found.append((names[keywords + bool(code.co_flags & VARIADIC)], "**"))
    return found


def signature(value, name):
    """How a value is called, as text; None when nobody knows."""
    function, bound = unwrapped(value)
    if function is None:
        text = text_signature(value)
        return None if text is None else (name + text)[:MAX_SIGNATURE]
    positional = function.__code__.co_varnames[: function.__code__.co_argcount]
    defaults = dict(zip(reversed(positional), reversed(function.__defaults__ or ())))
    defaults.update(function.__kwdefaults__ or {})
    hints = annotations(function)
    shown, before = [], None
    for each, kind in parameters(function, bound):
        if before == "/" and kind != "/":
            shown.append("/")
        if kind == "=" and before not in ("*", "="):
            shown.append("*")
        shown.append(parameter(each, kind, defaults.get(each, MISSING), hints.get(each, MISSING)))
        before = kind
    if before == "/":
        shown.append("/")
    text = "%s(%s)" % (name, ", ".join(shown))
    if "return" in hints and not lookup.is_class(value):
        text += " -> " + hint(hints["return"])
    return text[:MAX_SIGNATURE]


def parameter(name, kind, default, annotation):
    """One parameter as text."""
    text = (kind if kind in ("*", "**") else "") + name
    if annotation is not MISSING:
        text += ": " + hint(annotation)
    if default is not MISSING:
        text += (" = " if annotation is not MISSING else "=") + Rendering(SHORT, careful=True).text(default)
    return text


def annotations(function):
    """The annotations of a function, unless they are yet to be computed."""
    if is_lazy(function):
        return {}
    found = function.__annotations__
    return found if type(found) is dict else {}


def is_lazy(function):
    """Whether annotations would have to be computed, as they are from 3.14 on."""
    return getattr(function, "__annotate__", None) is not None


def hint(value):
    """An annotation as text."""
    if type(value) is str:
        return value[:SHORT]
    if lookup.is_class(value):
        return lookup.class_name(value)
    return Rendering(SHORT, careful=lookup.class_module(type(value)) not in ("typing", "types")).text(value)


def text_signature(value):
    """What C code says that it takes."""
    if lookup.is_class(value):
        text = getattr(value, "__text_signature__", None) if type(value) is type else None
    elif type(value) in lookup.FUNCTIONS:
        text = getattr(value, "__text_signature__", None)
    else:
        return None
    if type(text) is not str:
        return None
    return _BOUND.sub("(", text)


def documentation(value):
    """What is written about a value, or None."""
    function, _ = unwrapped(value) if not lookup.is_class(value) else (None, 0)
    if function is not None:
        text = function.__doc__
    elif lookup.is_module(value) or lookup.is_class(value):
        text = own_dict(value).get("__doc__")
        if type(text) is not str and lookup.is_class(value) and type(value) is type:
            text = value.__doc__
    elif type(value) in lookup.FUNCTIONS:
        text = value.__doc__
    else:
        text = find(type(value), "__doc__")
        if type(text) is not str and not is_of(value, type):
            text = type.__dict__["__doc__"].__get__(type(value)) if type(type(value)) is type else None
    return cleaned(text) if type(text) is str and text.strip() else None


def cleaned(text):
    """A documentation string without its indentation."""
    lines = text.expandtabs().split("\n")
    margin = min((len(line) - len(line.lstrip()) for line in lines[1:] if line.strip()), default=0)
    lines = [lines[0].lstrip()] + [line[margin:] for line in lines[1:]]
    return "\n".join(line.rstrip() for line in lines).strip("\n")
