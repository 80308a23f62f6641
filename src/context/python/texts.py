"""The texts of cells, where tracebacks and `inspect.getsource` look for them: the cache of `linecache`.

The driver's own tracebacks have a cache of their own; the program's is filled once the program imported it. The text
of a file that cells come from is the one on disk, with the cells as they were executed in their places.
"""

import linecache
import os

from . import lookup
from .places import is_text

# How much text of cells that come from no file is kept.
MAX_TEXT = 32 * 1024 * 1024
# The largest file that cells come from.
MAX_FILE = 8 * 1024 * 1024
# How many cells of a file are kept.
MAX_CELLS = 1000


class File:
    """A file that cells come from."""

    def __init__(self, name):
        self.name = name
        self.version = None
        self.lines = []
        self.cells = []

    def put(self, first, lines):
        """Puts a cell into its place."""
        self.cells.append((first, lines))
        del self.cells[:-MAX_CELLS]
        version = self._version()
        if version != self.version or version is None and not self.lines:
            self.version, self.lines = version, self._read(version)
            for each in self.cells:
                self._lay(*each)
        else:
            self._lay(first, lines)

    def _lay(self, first, lines):
        missing = first - 1 - len(self.lines)
        if missing > 0:
            self.lines.extend(["\n"] * missing)
        self.lines[first - 1 : first - 1 + len(lines)] = lines

    def _version(self):
        try:
            status = os.stat(self.name)
        except (OSError, ValueError):
            return None
        return status.st_mtime_ns, status.st_size

    def _read(self, version):
        if version is None or version[1] > MAX_FILE:
            return []
        try:
            with open(self.name, "rb") as file:
                text = file.read(MAX_FILE).decode("utf-8", "replace")
        except OSError:
            return []
        return lines_of(text)


def lines_of(text):
    """The lines of a text, each with its end."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if not lines[-1]:
        lines.pop()
    return [line + "\n" for line in lines]


class Texts:
    """The texts of all cells."""

    def __init__(self):
        self.entries = {}
        self.files = {}
        # Sizes of texts that come from no file, the oldest first.
        self.sizes = {}
        self.total = 0
        # The program's cache, if it has one.
        self.program = None

    def after_import(self):
        """What is done once the program imported something."""
        return {"linecache": self.found}

    def found(self, module):
        """The program has a cache."""
        cache = lookup.own_dict(module).get("cache")
        if type(cache) is dict:
            self.program = cache
            cache.update(self.entries)

    def add(self, name, first, text):
        """Adds the text of a cell that begins at a line of that file."""
        lines = lines_of(text)
        if not is_text(name):
            file = self.files.get(name)
            if file is None:
                file = self.files[name] = File(name)
            file.put(first, lines)
            # Whoever has the list may keep it.
            lines = list(file.lines)
        else:
            lines = ["\n"] * (first - 1) + lines
            self._make_room(name, len(text))
        # Without a time it is never compared with a file.
        self._set(name, (len(text), None, lines, name))

    def _make_room(self, name, size):
        self.total += size - self.sizes.pop(name, 0)
        self.sizes[name] = size
        while self.total > MAX_TEXT and len(self.sizes) > 1:
            oldest = next(iter(self.sizes))
            self.total -= self.sizes.pop(oldest)
            for cache in self._caches():
                cache.pop(oldest, None)

    def _set(self, name, entry):
        for cache in self._caches():
            cache[name] = entry

    def _caches(self):
        own = (self.entries, linecache.cache)
        return own if self.program is None else (*own, self.program)


def line_of(name, number):
    """A line of a file, as tracebacks show it."""
    return linecache.getline(name, number)
