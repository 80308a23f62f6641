"""Values as text: bounded in length, in depth and in time.

Promises to compute no more of a text than is shown: of a list of a million elements it looks at the first few. An
object's own `__repr__` may fail, run for long or lie; the text says so, and no exception leaves but an interrupt.
A careful rendering runs no code of the program's at all.
"""

from _collections import deque
from itertools import islice
from time import monotonic
from types import MethodType

from . import lookup
from .lookup import class_name, find, is_of, members, mro, own_dict

# What is shown of a value among others, and of one alone.
IN_A_LIST = 400
ALONE = 20000
# The longest text there is: a line to the adapter holds 4 MiB, where a character may take six bytes.
WHOLE = 600000
# An object's own words are not asked for beyond this many elements, as they would be made of all of them.
MANY = 1000
# How deep containers are looked into.
DEPTH = 8
# How long a page of variables may take.
PATIENCE = 1.0

ELLIPSIS = "..."
LATE = "<\u2026>"

_SCALARS = (int, float, complex, bool, type(None), type(...), type(NotImplemented))
# Classes whose `__repr__` is known to ask no object of the program's; by module and name.
_HARMLESS = frozenset(
    (
        "datetime.date",
        "datetime.datetime",
        "datetime.time",
        "datetime.timedelta",
        "decimal.Decimal",
        "fractions.Fraction",
        "pathlib.PosixPath",
        "pathlib.PurePosixPath",
        "pathlib._local.PosixPath",
        "re.Pattern",
        "re.Match",
        "uuid.UUID",
        "ipaddress.IPv4Address",
        "ipaddress.IPv6Address",
    )
)


class _Full(Exception):
    """There is no room for more."""


def clock(seconds=PATIENCE):
    """A deadline that many seconds from now."""
    return monotonic() + seconds


class Rendering:
    """How values are written. One object can write any number of them."""

    def __init__(self, limit=IN_A_LIST, hexadecimal=False, careful=False, deadline=None):
        self.limit = limit
        self.hexadecimal = hexadecimal
        self.careful = careful
        self.deadline = deadline
        self._parts = []
        self._room = 0
        self._path = set()

    def is_late(self):
        """Whether the time is up."""
        return self.deadline is not None and monotonic() > self.deadline

    def text(self, value):
        """A value's text."""
        self._parts = []
        self._room = self.limit
        self._path = set()
        try:
            self._write(value, 0)
        except _Full:
            self._parts.append(ELLIPSIS)
        except RecursionError:
            self._parts.append("<nested too deeply>")
        return "".join(self._parts)

    def _put(self, text):
        if len(text) > self._room:
            self._parts.append(text[: self._room])
            self._room = 0
            raise _Full
        self._parts.append(text)
        self._room -= len(text)

    def _write(self, value, level):
        cls = type(value)
        if cls is str:
            return self._write_text(value, "")
        if cls is bytes:
            return self._write_text(value, "")
        if cls is int:
            return self._put(self._whole_number(value))
        if cls in _SCALARS:
            return self._put(repr(value))
        if self.is_late():
            return self._put(LATE)
        writer = self._writer(cls)
        if writer is None:
            return self._put(self._own_words(value, level))
        number = id(value)
        if level >= DEPTH or number in self._path:
            return self._put(ELLIPSIS)
        self._path.add(number)
        try:
            return writer(self, value, level + 1)
        finally:
            self._path.discard(number)

    def _whole_number(self, value):
        if self.hexadecimal:
            return hex(value) if value.bit_length() <= self.limit * 4 else self._abbreviated(value)
        # Digits of very long numbers take quadratic time, and newer interpreters refuse.
        return repr(value) if value.bit_length() <= 10000 else self._abbreviated(value)

    def _abbreviated(self, value):
        bits = value.bit_length()
        if bits <= self.limit * 4:
            return hex(value)
        sign = "-" if value < 0 else ""
        return "%s%s... (%d bits)" % (sign, hex(abs(value) >> max(0, bits - 128)), bits)

    def _write_text(self, value, prefix):
        self._put(prefix)
        if len(value) <= self._room:
            return self._put(repr(value))
        self._put(repr(value[: self._room]))
        raise _Full

    # Containers

    def _writer(self, cls):
        """How a container of that class is written; None when it has to be asked."""
        words = find(cls, "__repr__")
        for base, writer in _WRITERS:
            if words is base.__dict__["__repr__"]:
                return writer
        if _has_generated_words(cls, words, "dataclasses.py", "reprlib.py") and "__dataclass_fields__" in members(cls):
            return Rendering._write_dataclass
        if tuple in mro(cls) and _has_generated_words(cls, words, "collections/__init__.py"):
            return Rendering._write_named_tuple
        return None

    def _write_items(self, items, opening, closing, level):
        self._put(opening)
        for index, item in enumerate(items):
            if index:
                self._put(", ")
            self._write(item, level)
        self._put(closing)

    def _write_list(self, value, level):
        self._write_items(list.__iter__(value), "[", "]", level)

    def _write_tuple(self, value, level):
        self._write_items(tuple.__iter__(value), "(", ",)" if tuple.__len__(value) == 1 else ")", level)

    def _write_dict(self, value, level):
        self._write_pairs(dict.items(value), level)

    def _write_pairs(self, pairs, level):
        self._put("{")
        for index, (key, each) in enumerate(pairs):
            if index:
                self._put(", ")
            self._write(key, level)
            self._put(": ")
            self._write(each, level)
        self._put("}")

    def _write_set(self, value, level):
        cls = type(value)
        base = set if set in mro(cls) else frozenset
        if not base.__len__(value):
            return self._put(class_name(cls) + "()")
        plain = cls is set
        opening, closing = ("{", "}") if plain else (class_name(cls) + "({", "})")
        return self._write_items(base.__iter__(value), opening, closing, level)

    def _write_fields(self, name, fields, level):
        self._put(name + "(")
        for index, (field, each) in enumerate(fields):
            if index:
                self._put(", ")
            self._put(field + "=")
            self._write(each, level)
        self._put(")")

    def _write_dataclass(self, value, level):
        own = own_dict(value)
        fields = []
        for name, field in dict.items(find(type(value), "__dataclass_fields__")):
            if getattr(field, "repr", True) and getattr(getattr(field, "_field_type", None), "name", "") == "_FIELD":
                each = own.get(name, lookup.MISSING)
                if each is lookup.MISSING:
                    try:
                        each = lookup.attribute(value, name)
                    except (AttributeError, lookup.WouldRun):
                        continue
                fields.append((name, each))
        self._write_fields(class_name(type(value)), fields, level)

    def _write_named_tuple(self, value, level):
        names = find(type(value), "_fields")
        self._write_fields(class_name(type(value)), zip(names, tuple.__iter__(value)), level)

    # Everything else

    def _own_words(self, value, level):
        cls = type(value)
        if lookup.is_class(value) and cls is type:
            return repr(value)
        if lookup.is_module(value):
            return "<module %s>" % self._quoted(own_dict(value).get("__name__"))
        if cls is MethodType:
            # Its own words have those of the object that it is bound to.
            name = getattr(value.__func__, "__qualname__", "?")
            return "<bound method %s of a %s>" % (name, lookup.type_name(value.__self__))
        if self.careful and not self._is_harmless(value):
            return self._fields_of(value, level)
        large = self._large(value)
        if large is not None:
            return large
        words = words_of(value)
        return words if len(words) <= self._room else words[: self._room + 1]

    @staticmethod
    def _quoted(name):
        return repr(name) if type(name) is str else "?"

    def _large(self, value):
        """A text for containers that are too large for their own words; None for all else."""
        for base in _SIZED:
            if is_of(value, base):
                count = base.__len__(value)
                return "<%s of %d elements>" % (lookup.type_name(value), count) if count > MANY else None
        if lookup.type_name(value) == "array" and type(value).__module__ == "array" and len(value) > MANY:
            return "array(%r, [%s, ...])" % (value.typecode, ", ".join(map(repr, value[:20])))
        return None

    @staticmethod
    def _is_harmless(value):
        cls = type(value)
        if cls in lookup.FUNCTIONS or cls in (range, memoryview) or cls is bytearray and len(value) <= MANY:
            return True
        module = lookup.class_module(cls)
        if lookup.is_program_made(cls) or module != "builtins":
            return "%s.%s" % (module, class_name(cls)) in _HARMLESS
        # What holds values of any kind asks them.
        return not is_of(value, BaseException) and cls is not slice and not lookup.has_length(value)

    def _fields_of(self, value, level):
        """What a stranger is, from what can be read of it."""
        cls = type(value)
        if lookup.is_class(value):
            return "<class %s>" % class_name(value)
        inner = Rendering(80, self.hexadecimal, True, self.deadline)
        for base in (dict, list, tuple, set, frozenset, deque):
            if is_of(value, base) and level < 2:
                inner.limit = max(0, self._room - len(class_name(cls)) - 2)
                return "%s(%s)" % (class_name(cls), inner.text(_plain(base, value)))
        if is_of(value, BaseException) and level < 2:
            words = inner.text(BaseException.__dict__["args"].__get__(value))
            return class_name(cls) + (words if words.startswith("(") else "")
        own = own_dict(value)
        if "_name_" in own and "_value_" in own:
            return "<%s.%s: %s>" % (class_name(cls), own["_name_"], inner.text(own["_value_"]))
        parts = []
        if level < 2:
            for name, each in islice(dict.items(own), 8):
                if type(name) is str:
                    parts.append("%s=%s" % (name, inner.text(each)))
            if len(own) > len(parts):
                parts.append(ELLIPSIS)
        return "<%s>" % " ".join([class_name(cls), ", ".join(parts)] if parts else [class_name(cls)])


def words_of(value):
    """What a value says of itself, in full. It may take any time, and raises nothing but an interrupt."""
    try:
        words = repr(value)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return "<%s object: its __repr__ raised %s>" % (lookup.type_name(value), class_name(type(error)))
    return words if type(words) is str else str.__str__(words)


def text_of(value):
    """What `str` makes of a value; raises what that raises."""
    return str.__str__(str(value))


def _plain(base, value):
    """The first elements of a container of a derived class, in one of its base."""
    if base is dict:
        return dict(islice(dict.items(value), MANY))
    return (list if base is deque else base)(islice(base.__iter__(value), MANY))


def _has_generated_words(cls, words, *files):
    """Whether a class's `__repr__` was written by the standard library for it."""
    code = getattr(words, "__code__", None) if type(words) is lookup.FunctionType else None
    return code is not None and code.co_filename.endswith(files)


def _write_deque(rendering, value, level):
    closing = "])" if value.maxlen is None else "], maxlen=%d)" % value.maxlen
    rendering._write_items(deque.__iter__(value), class_name(type(value)) + "([", closing, level)


_WRITERS = (
    (list, Rendering._write_list),
    (tuple, Rendering._write_tuple),
    (dict, Rendering._write_dict),
    (set, Rendering._write_set),
    (frozenset, Rendering._write_set),
    (deque, _write_deque),
)
_SIZED = (list, tuple, dict, set, frozenset, deque, bytearray, str, bytes)
