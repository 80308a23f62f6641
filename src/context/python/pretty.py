"""Values as text for people: containers that are too long for a line have a line for each element.

Promises to look at no more of a container than is shown, and what rendering.py promises of the objects in it.
"""

from _collections import defaultdict, deque

from . import lookup
from .lookup import class_name, find, mro
from .rendering import Rendering

WIDTH = 80
# The longest text there is: in a message a character may take six bytes.
LONGEST = 500000
# The most elements of a container that are shown.
MOST = 1000
DEPTH = 8
ELLIPSIS = "..."


class TooLong(Exception):
    """There is no room for more."""


class Pretty:
    """Writes one value."""

    def __init__(self):
        self.parts = []
        self.room = LONGEST
        self.path = set()

    def text(self, value):
        """The value's text."""
        try:
            self.write(value, 0, 0, 0)
        except TooLong:
            self.parts.append(ELLIPSIS)
        return "".join(self.parts)

    def put(self, text):
        """Appends a text."""
        if len(text) > self.room:
            self.parts.append(text[: self.room])
            self.room = 0
            raise TooLong
        self.parts.append(text)
        self.room -= len(text)

    def write(self, value, indent, after, level):
        """Writes a value that begins in a column, with that many characters behind it in its last line."""
        writer = writer_of(type(value))
        if writer is None:
            text = Rendering(self.room).text(value)
            return self.put(text.replace("\n", "\n" + " " * indent) if level else text)
        width = WIDTH - indent - after
        text = Rendering(max(1, width) + 1).text(value)
        if len(text) <= width or level >= DEPTH or id(value) in self.path:
            return self.put(text)
        self.path.add(id(value))
        try:
            return writer(self, value, indent, after, level + 1)
        finally:
            self.path.discard(id(value))

    def items(self, opening, items, count, closing, indent, after, level):
        """Writes elements, each on lines of its own."""
        self.put(opening)
        column = indent + len(opening)
        for index, (prefix, item) in enumerate(items):
            if index:
                self.put(",\n" + " " * column)
            if index == MOST:
                self.put(ELLIPSIS)
                break
            inner = column
            if prefix is not None:
                self.put(prefix)
                inner += len(prefix)
            self.write(item, inner, after + len(closing) if index == count - 1 else 1, level)
        self.put(closing)

    def _list(self, value, indent, after, level):
        self.items("[", plain(list.__iter__(value)), list.__len__(value), "]", indent, after, level)

    def _tuple(self, value, indent, after, level):
        count = tuple.__len__(value)
        self.items("(", plain(tuple.__iter__(value)), count, ",)" if count == 1 else ")", indent, after, level)

    def _dict(self, value, indent, after, level):
        self.items("{", pairs(value), dict.__len__(value), "}", indent, after, level)

    def _set(self, value, indent, after, level):
        base = set if set in mro(type(value)) else frozenset
        opening, closing = ("{", "}") if type(value) is set else (class_name(type(value)) + "({", "})")
        self.items(opening, plain(base.__iter__(value)), base.__len__(value), closing, indent, after, level)

    def _deque(self, value, indent, after, level):
        bound = value.maxlen
        closing = "])" if bound is None else "], maxlen=%d)" % bound
        opening = class_name(type(value)) + "(["
        self.items(opening, plain(deque.__iter__(value)), deque.__len__(value), closing, indent, after, level)

    def _default_dict(self, value, indent, after, level):
        factory = Rendering(200).text(value.default_factory)
        opening = "%s(%s, {" % (class_name(type(value)), factory)
        self.items(opening, pairs(value), dict.__len__(value), "})", indent, after, level)


def plain(items):
    """Elements without anything before them."""
    return ((None, item) for item in items)


def pairs(value):
    """The entries of a dictionary."""
    for key, item in dict.items(value):
        yield Rendering(LONGEST).text(key) + ": ", item


WRITERS = (
    (list, Pretty._list),
    (tuple, Pretty._tuple),
    (dict, Pretty._dict),
    (set, Pretty._set),
    (frozenset, Pretty._set),
    (deque, Pretty._deque),
    (defaultdict, Pretty._default_dict),
)


def writer_of(cls):
    """How a container of a class is written; None for all that is no container, or has words of its own."""
    words = find(cls, "__repr__")
    for base, writer in WRITERS:
        if words is lookup.members(base)["__repr__"]:
            return writer
    return None
