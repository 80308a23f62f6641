"""Calls code of cells: the frames that all frames of the user's are called from, and the context's event loop.

There is one loop for all cells that await. Tasks of earlier ones go on while one of these runs, and stand still
between.
"""

import sys
from _contextvars import copy_context
from types import TracebackType

from .code import COROUTINE
from .interpreter import program_import
from .places import is_own


async def call_awaiting(parts, scope, contexts):
    """The frame that cells which await are called from. Answers the value of the last part."""
    value = None
    try:
        for code in parts:
            value = eval(code, scope)
            if code.co_flags & COROUTINE:
                value = await value
    finally:
        contexts.append(copy_context())
    return value


class Tracing:
    """The program's tracer and profiler, which see the program alone."""

    def __init__(self):
        self.trace = self.profile = None

    @staticmethod
    def after_import():
        """What is done once the program imported something: its debuggers step over the driver."""

        def found(module):
            original = module.Bdb.trace_dispatch

            def trace_dispatch(self, frame, event, arg):
                return None if is_own(frame.f_code) else original(self, frame, event, arg)

            module.Bdb.trace_dispatch = trace_dispatch

        return {"bdb": found}

    def call(self, function, *args):
        """The frame that cells are called from, by a function of the interpreter's own."""
        if self.profile is not None:
            sys.setprofile(self.profile)
        if self.trace is not None:
            sys.settrace(self.trace)
        try:
            return function(*args)
        finally:
            self.trace, self.profile = sys.gettrace(), sys.getprofile()
            if self.trace is not None:
                sys.settrace(None)
                if is_debugger(self.trace):
                    self.trace = None
            if self.profile is not None:
                sys.setprofile(None)


def is_debugger(trace):
    """Whether a tracer is one of the library's debuggers, which stops where its frames are gone."""
    module = sys.modules.get("bdb")
    return module is not None and isinstance(getattr(trace, "__self__", None), getattr(module, "Bdb", ()))


class Loop:
    """The event loop of a context; the program's `asyncio` makes it when it is needed."""

    def __init__(self, interrupts):
        self.interrupts = interrupts
        self.loop = None

    def run(self, parts, scope):
        """Runs code that awaits. An interrupt cancels it where it waits, and no task of an earlier cell."""
        asyncio = program_import("asyncio")
        if self.loop is None or self.loop.is_closed():
            self.loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self.loop)
        contexts, interrupt = [], None
        task = self.loop.create_task(call_awaiting(parts, scope, contexts))
        asked = []

        def end():
            # Where the cell itself runs, it can be told where it is; and once is enough to ask.
            if asked or task.done() or asyncio.current_task(self.loop) is task:
                return False
            asked.append(trace_of(task.get_coro()))
            task.cancel()
            # The loop may sleep, which a signal alone does not end.
            self.loop.call_soon_threadsafe(int)
            return True

        self.interrupts.soften(end)
        try:
            return self.loop.run_until_complete(task)
        except KeyboardInterrupt as error:
            interrupt = error
        except asyncio.CancelledError as cancelled:
            if not asked:
                raise
            interrupt = raised_at(asked[0], cancelled)
        finally:
            self.interrupts.harden()
            if contexts:
                keep_variables(contexts[0])
        # Outside of the handler: what comes up from here on has nothing to do with it.
        raise self.interrupted(asyncio, task, interrupt)

    def interrupted(self, asyncio, task, interrupt):
        """Ends a task. Answers the interrupt, as if it came up where the task waited."""
        if task.done():
            # It ran when the interrupt came, and nobody is to be told that its exception was missed.
            task.cancelled() or task.exception()
            return interrupt
        where = trace_of(task.get_coro())
        task.cancel()
        try:
            self.loop.run_until_complete(task)
        except asyncio.CancelledError as cancelled:
            return raised_at(where, cancelled)
        except BaseException as error:
            return error
        return interrupt


def raised_at(where, cancelled):
    """The interrupt that came up where a task waited that it cancelled."""
    # Before 3.11 nobody knows any more where that was.
    return KeyboardInterrupt().with_traceback(where if sys.version_info < (3, 11) else cancelled.__traceback__)


def trace_of(coroutine):
    """A traceback to where a coroutine waits."""
    frames, trace = [], None
    while getattr(coroutine, "cr_frame", None) is not None:
        frames.append(coroutine.cr_frame)
        coroutine = coroutine.cr_await
    for frame in reversed(frames):
        trace = TracebackType(trace, frame, frame.f_lasti, frame.f_lineno)
    return trace


def keep_variables(context):
    """What a cell assigned to context variables counts for the next."""
    current = copy_context()
    for variable, value in context.items():
        if variable not in current or current[variable] is not value:
            variable.set(value)


# Nothing that is called from outside of these is the user's.
BOTTOMS = frozenset((Tracing.call.__code__, call_awaiting.__code__))
