"""Exceptions of the user's code: printed as the interpreter prints them, and told to the daemon.

Promises that no frame of the driver's is in either, and that cells show the lines that they were executed with.
"""

import sys
import traceback
from _thread import get_ident
from types import TracebackType

from . import lookup
from .calls import BOTTOMS
from .interpreter import report
from .places import is_own
from .texts import line_of

# How many frames are told of, the outermost and the innermost of them.
MAX_FRAMES = 200
# How long a chain of exceptions is followed.
MAX_CHAIN = 100
MAX_MESSAGE = 20000


def entries_of(trace):
    """The entries of a traceback that are the user's, the outermost first."""
    entries, start = [], 0
    while trace is not None:
        entries.append(trace)
        if trace.tb_frame.f_code in BOTTOMS:
            start = len(entries)
        trace = trace.tb_next
    return [entry for entry in entries[start:] if not is_own(entry.tb_frame.f_code)]


def without_own(error):
    """The traceback of an exception without what is the driver's; those of what it came from lose that too."""
    seen, waiting = {id(error)}, [error]
    while waiting and len(seen) < MAX_CHAIN:
        each = waiting.pop()
        each.__traceback__ = cleaned(each.__traceback__)
        for other in (each.__cause__, each.__context__):
            if other is not None and id(other) not in seen:
                seen.add(id(other))
                waiting.append(other)
    return error.__traceback__


def cleaned(trace):
    """A traceback without the driver's entries."""
    entries = entries_of(trace)
    result = None
    for entry in reversed(entries):
        if entry.tb_next is result:
            result = entry
        else:
            result = TracebackType(result, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    return result


def show(error):
    """Prints an exception that nobody caught, by the program's own hook if it has one."""
    report(error, without_own, display)


def display(kind, error, trace):
    """Prints an exception as the interpreter does."""
    text = "".join(traceback.format_exception(kind, error, trace))
    if (3, 10) <= sys.version_info < (3, 12) and isinstance(error, (NameError, AttributeError)):
        text = text.rstrip("\n") + meant(error, text) + "\n"
    sys.stderr.write(text)


class Threads:
    """Exceptions that end threads, which the interpreter prints without the lines of cells."""

    @staticmethod
    def after_import():
        """What is done once the program imported something."""

        def found(module):
            original = module.excepthook

            def excepthook(args, /):
                error, name = args.exc_value, getattr(args.thread, "name", None)
                if error is None or name is None or sys.stderr is None or args.exc_type is SystemExit:
                    return original(args)
                sys.stderr.write("Exception in thread %s:\n" % name)
                error.__traceback__ = args.exc_traceback
                display(args.exc_type, error, without_own(error))
                return None

            excepthook.__module__, excepthook.__qualname__ = "threading", "excepthook"
            module.excepthook = excepthook
            if hasattr(module, "__excepthook__"):
                module.__excepthook__ = excepthook

        return {"threading": found}


def meant(error, text):
    """What 3.10 and 3.11 say that may have been meant, which they know only where they print for themselves."""
    catcher = Catcher(sys.stderr)
    sys.stderr = catcher
    try:
        sys.__excepthook__(type(error), error, error.__traceback__)
    finally:
        if sys.stderr is catcher:
            sys.stderr = catcher.stream
    last = text.rstrip("\n").rpartition("\n")[2]
    said = "".join(catcher.parts).rstrip("\n").rpartition("\n")[2]
    return said[len(last) :] if said.startswith(last + ". Did you mean") else ""


def text_of(value, what="exception", func=str):
    """What `str` makes of a value, or that it fails, in the interpreter's words. It can be interrupted."""
    try:
        return func(value)
    except KeyboardInterrupt:
        raise
    except BaseException:
        return "<%s %s() failed>" % (what, func.__name__)


# This copy of the library is the driver's own, and prints what the interpreter itself does.
traceback._some_str = traceback._safe_string = text_of

if sys.version_info < (3, 11):
    _format_exception_only = traceback.TracebackException.format_exception_only

    def _with_module(self):
        lines = list(_format_exception_only(self))
        if self.exc_type is not None and self.exc_type.__module__ == "__main__":
            lines[-1] = "__main__." + lines[-1]
        return iter(lines)

    traceback.TracebackException.format_exception_only = _with_module


class Catcher:
    """Keeps what this thread writes; what others write goes on."""

    def __init__(self, stream):
        self.stream = stream
        self.parts = []
        self.thread = get_ident()

    def write(self, text):
        """Takes a text."""
        return self.parts.append(text) if get_ident() == self.thread else self.stream.write(text)

    def flush(self):
        """Does what others expect of it."""
        if get_ident() != self.thread:
            self.stream.flush()

    def __getattr__(self, name):
        return getattr(self.stream, name)


def told(error, is_asked=True):
    """An exception in the daemon's words. Unless it is asked, it has no message."""
    frames = [frame_of(entry) for entry in entries_of(error.__traceback__)]
    if len(frames) > MAX_FRAMES:
        frames[MAX_FRAMES // 2 : -MAX_FRAMES // 2] = []
    if isinstance(error, SyntaxError) and isinstance(error.filename, str) and isinstance(error.lineno, int):
        # What has no frame has a place all the same.
        place = {"file": error.filename, "line": error.lineno, "function": "<module>"}
        if isinstance(error.offset, int) and error.offset > 0:
            place["column"] = error.offset
        frames.append(place)
    return {"name": name_of(type(error)), "message": message_of(error) if is_asked else "", "frames": frames}


def name_of(cls):
    """An exception's class, as tracebacks name it."""
    module, name = lookup.class_module(cls), type.__dict__["__qualname__"].__get__(cls)
    return name if module in ("__main__", "builtins", "") else "%s.%s" % (module, name)


def message_of(error):
    """What an exception says. It may run code of the program's."""
    text = text_of(error)
    return text if len(text) <= MAX_MESSAGE else text[:MAX_MESSAGE] + "..."


def frame_of(entry):
    """An entry of a traceback in the daemon's words."""
    code = entry.tb_frame.f_code
    frame = {"file": code.co_filename, "line": entry.tb_lineno or 0, "function": code.co_name}
    column = column_of(code, entry)
    if column is not None:
        frame["column"] = column
    return frame


def column_of(code, entry):
    """The column that an entry of a traceback is at, from 1, in characters; None where nobody knows."""
    positions = getattr(code, "co_positions", None)
    if positions is None or entry.tb_lasti < 0:
        return None
    for index, position in enumerate(positions()):
        if index == entry.tb_lasti // 2:
            line, _, start, _ = position
            if line is None or start is None:
                return None
            before = line_of(code.co_filename, line).encode("utf-8", "replace")[:start]
            return len(before.decode("utf-8", "replace")) + 1 if before else start + 1
    return None
