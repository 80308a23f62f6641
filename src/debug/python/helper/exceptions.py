"""Exceptions: which ones stop the program, and when.

An exception is met where it is raised, and where it leaves the user's own code; what nobody catches is met at the
end, with the frames that it left. An exception object is never kept beyond the stop, so that what the program frees
is freed when it would be.
"""

import traceback

from .breakpoints import evaluate_in, expression, told
from .operations import Refused, operation
from .places import is_own, outer

# How loops and generators end is no exception to anybody.
MACHINERY = (StopIteration, StopAsyncIteration, GeneratorExit)
FILTERS = ("raised", "uncaught", "userUncaught")


class Filter:
    """A filter that is on."""

    def __init__(self, wanted):
        self.names = None
        self.condition = None
        condition = (wanted.get("condition") or "").strip()
        words = [word.strip() for word in condition.split(",")]
        if condition and all(word.replace(".", "").isidentifier() for word in words):
            self.names = frozenset(words)
        elif condition:
            self.condition = expression(condition, "<exception condition>")

    def counts(self, frame, error):
        """Whether an exception is one of its."""
        if self.names is not None:
            return any(not self.names.isdisjoint(names_of(kind)) for kind in type(error).__mro__)
        if isinstance(error, MACHINERY):
            return False
        if self.condition is None:
            return True
        scope = dict(frame.f_globals)
        scope.update(frame.f_locals)
        scope["exception"] = scope["__exception__"] = error
        try:
            return bool(eval(self.condition, scope))
        except Exception:
            return False


def names_of(kind):
    """What an exception's class goes by."""
    return (kind.__name__, kind.__qualname__, full_name(kind))


def full_name(kind):
    """A class's name with its module, but for builtins."""
    module = kind.__dict__.get("__module__")
    if not isinstance(module, str) or module == "builtins":
        return kind.__qualname__
    return module + "." + kind.__qualname__


class Exceptions:
    """The filters that are on."""

    def __init__(self, debugger):
        self.debugger = debugger
        self.filters = {}

    def set(self, wanted):
        """Replaces the filters. Answers what became of each."""
        made, placed = {}, []
        for each in wanted:
            try:
                if each.get("filter") not in FILTERS:
                    raise ValueError("there is no such filter")
                made[each["filter"]] = Filter(each)
                placed.append({"verified": True})
            except (SyntaxError, ValueError) as error:
                text = error.msg if isinstance(error, SyntaxError) else str(error)
                placed.append({"verified": False, "message": text})
        self.filters = made
        return placed

    def at_raise(self, thread, frame, error, trace):
        """An exception passes a frame of the user's own: it is met in the innermost of those. `trace` is its way."""
        wanted = self.filters.get("raised")
        if wanted is None or thread.held or is_own(frame.f_code) or not self.debugger.is_user(frame.f_code):
            return
        trace = trace.tb_next if trace is not None else None
        while trace is not None:
            code = trace.tb_frame.f_code
            if self.debugger.is_user(code) and not is_own(code):
                return
            trace = trace.tb_next
        if wanted.counts(frame, error):
            self.stop(thread, frame, error, "raised")

    def at_leave(self, thread, frame, error):
        """An exception leaves a frame: it is met where the user's own code ends, unless nobody catches it at all."""
        wanted = self.filters.get("userUncaught")
        if wanted is None or thread.held or is_own(frame.f_code) or not self.debugger.is_user(frame.f_code):
            return
        caller = outer(frame)
        if caller is None or self.debugger.is_user(caller.f_code):
            return
        if wanted.counts(frame, error):
            self.stop(thread, frame, error, "userUncaught")

    def uncaught(self, error):
        """Nobody caught it, and it left all frames. Called on the thread that it ends."""
        thread = self.debugger.state.current()
        if thread is None or thread.held or not self.debugger.armed or isinstance(error, SystemExit):
            return
        kind = "uncaught" if "uncaught" in self.filters else "userUncaught"
        wanted = self.filters.get(kind)
        frames = left_frames(error.__traceback__)
        if wanted is None or not frames or not wanted.counts(frames[0][0], error):
            return
        if kind == "userUncaught" and self.has_left(frames):
            return
        self.stop(thread, frames[0][0], error, kind, frames)

    def has_left(self, frames):
        """Whether an exception that left these frames was met on its way out of the user's own code before."""
        users = [self.debugger.is_user(frame.f_code) for frame, _ in frames]
        return any(inner and not outer for inner, outer in zip(users, users[1:]))

    def stop(self, thread, frame, error, kind, frames=None):
        """Stops for an exception."""
        thread.exception, thread.exception_filter = error, kind
        try:
            self.debugger.stop(thread, frame, "exception", None, told(error)[:1000], frames)
        finally:
            thread.exception = thread.exception_filter = None


def left_frames(trace):
    """The frames of the program's that a traceback tells of, the innermost first."""
    found = []
    while trace is not None:
        if not is_own(trace.tb_frame.f_code):
            found.append((trace.tb_frame, trace.tb_lineno))
        trace = trace.tb_next
    found.reverse()
    return found


def without_own(error):
    """The exception's traceback without the helper's frames at its start."""
    trace = error.__traceback__
    while trace is not None and is_own(trace.tb_frame.f_code):
        trace = trace.tb_next
    return trace


def printed(error):
    """An exception's traceback and those of what it came from, as the interpreter prints them."""
    text = "".join(traceback.format_exception(type(error), error, without_own(error), limit=-200))
    return text[:200000]


@operation("setExceptionBreakpoints")
def set_exception_breakpoints(context, args):
    """Replaces the exception filters."""
    placed = context.debugger.exceptions.set(args.get("filters") or [])
    context.debugger.changed()
    return {"placed": placed}


@operation("exceptionInfo", at="stopped")
def exception_info(context, args):
    """About the exception that a thread stopped for."""
    thread = context.state.thread(args["thread"])
    error = thread.exception
    if error is None:
        raise Refused("the thread did not stop for an exception")
    kind = type(error)
    try:
        description = str(error)[:20000]
    except Exception as other:
        description = "<str raised %s>" % type(other).__name__
    return {
        "id": full_name(kind),
        "description": description,
        "filter": thread.exception_filter or "raised",
        "stack": printed(error),
    }
