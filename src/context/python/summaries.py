"""Values in a few words, without running code of the user's."""

import sys

from . import lookup
from .lookup import is_of
from .rendering import Rendering

# What tells most about objects of libraries that have no short words of their own.
CHOSEN = {
    ("numpy", "ndarray"): ("shape", "dtype"),
    ("pandas", "DataFrame"): ("shape",),
    ("pandas", "Series"): ("shape", "dtype"),
    ("pandas", "Index"): ("shape", "dtype"),
    ("polars", "DataFrame"): ("shape",),
    ("polars", "Series"): ("shape", "dtype"),
    ("torch", "Tensor"): ("shape", "dtype"),
}
# Values that are a single number or moment, whose own words are short.
NUMBER = ("numpy", "generic")
MOMENTS = (("pandas", "Timestamp"), ("pandas", "Timedelta"))
LIBRARIES = frozenset(library for library, _ in CHOSEN)
_SIZED = (str, bytes, bytearray, list, tuple, dict, set, frozenset)


def library_class(cls):
    """The library that a class is of, and its name there; Nones for a class of any other kind."""
    library, name = lookup.class_module(cls).partition(".")[0], lookup.class_name(cls)
    module = sys.modules.get(library) if library in LIBRARIES else None
    if module is None or not lookup.is_module(module) or lookup.own_dict(module).get(name) is not cls:
        return None, None
    return library, name


def summary(value, rendering):
    """A value in the words of a Rendering, or in those that are chosen for its class."""
    chosen = CHOSEN.get(library_class(type(value)))
    if chosen is not None:
        try:
            words = [Rendering(60).text(own_words(getattr(value, name))) for name in chosen]
        except Exception:
            return rendering.text(value)
        fields = ", ".join("%s=%s" % pair for pair in zip(chosen, words))
        return ("%s(%s)" % (lookup.type_name(value), fields))[: rendering.limit]
    if is_scalar(value):
        return Rendering(rendering.limit).text(value)
    return rendering.text(value)


class Words:
    """A text that is shown as it is."""

    def __init__(self, text):
        self.text = text

    def __repr__(self):
        return self.text


def own_words(value):
    """An attribute of a library's object, as `str` has it."""
    return value if type(value) in (tuple, int, str) else Words(str(value))


def is_scalar(value):
    """Whether a value is a number of a library's."""
    cls = type(value)
    if library_class(cls) in MOMENTS:
        return True
    return not lookup.is_of(value, tuple) and any(library_class(base) == NUMBER for base in lookup.mro(cls))


def size_of(value):
    """How many elements a value has; None when only code of the user's could tell."""
    for base in _SIZED:
        if is_of(value, base):
            return base.__len__(value)
    is_known = library_class(type(value)) in CHOSEN or not lookup.is_program_made(type(value))
    if is_known and lookup.has_length(value):
        try:
            return len(value)
        except Exception:
            return None
    return None
