"""The engine for interpreters without `sys.monitoring` (before 3.12).

Each thread has a trace function, which the interpreter asks at each call; it answers with a function for lines only
where a breakpoint, a step or a filter needs them. What it found out about a code object is kept until anything
changes.
"""

import sys
from _thread import get_ident
from dis import opmap

from . import native
from .places import chain, is_own

RETURNS = frozenset(opmap[name] for name in ("RETURN_VALUE", "RETURN_CONST") if name in opmap)
# A generator, a coroutine or both.
SUSPENDABLE = 0x2A0


class Tracing:
    """Watches the program for a Debugger."""

    name = "settrace"

    def __init__(self, debugger):
        self.debugger = debugger
        self.threads = debugger.state.by_ident
        self.installed = False
        # Whether a code object has lines to be watched, by its id; and the code object, so that the id stays its own.
        self.known = {}
        # Every frame is watched: a step, a halt or a filter needs it.
        self.closely = False
        self.on_call = self.call_callback()
        self.on_event = self.event_callback()

    def install(self):
        """Begins to watch. Threads begin on their own when they are made; those that run already can't be made to,
        but for the main one."""
        self.installed = True
        if get_ident() == self.debugger.main:
            self.enter_thread()
        else:
            native.call_on_main(self.enter_main)

    def enter_main(self):
        """Watches the main thread, which runs already."""
        self.enter_thread()
        frame = sys._getframe(1)
        for each in chain(frame):
            if self.closely or self.debugger.breakpoints.wants(each.f_code):
                each.f_trace = self.on_event

    def enter_thread(self):
        """Watches the calling thread."""
        if self.installed and sys.gettrace() is None:
            sys.settrace(self.on_call)

    def uninstall(self):
        """Watches no longer. Other threads' functions stay, and do nothing."""
        self.installed = False
        self.known = {}
        self.closely = False
        if sys.gettrace() is self.on_call:
            sys.settrace(None)

    def update(self, threads):
        """Watches what matters now."""
        debugger = self.debugger
        filters = debugger.exceptions.filters
        everywhere = debugger.state.halted and len(threads) > 1
        self.closely = everywhere or "raised" in filters or "userUncaught" in filters
        for thread in threads:
            step = thread.step
            if thread.pause or step is not None and step.everywhere():
                self.closely = everywhere = True
            if step is not None and step.frame is not None:
                self.watch(step.frame)
        if everywhere:
            for frame in list(sys._current_frames().values()):
                self.watch(frame)

    def watch(self, frame):
        """Watches the lines of a frame and of those that called it."""
        for each in chain(frame):
            if each.f_trace is None:
                each.f_trace = self.on_event

    def changed(self):
        """Breakpoints or filters changed: what runs is looked at at once, the rest when it is called."""
        self.known = {}
        for frame in list(sys._current_frames().values()):
            for each in chain(frame):
                if each.f_trace is None and (self.closely or self.debugger.breakpoints.wants(each.f_code)):
                    each.f_trace = self.on_event

    def call_callback(self):
        """The function that is called for calls; all that it needs is at hand, as it is called most of all."""
        debugger, threads = self.debugger, self.threads
        breakpoints = debugger.breakpoints

        def on_call(frame, event, arg):
            code = frame.f_code
            known = self.known.get(id(code))
            if known is None:
                wanted = not is_own(code) and breakpoints.wants(code)
                named = not is_own(code) and breakpoints.function_named(code)
                known = self.known[id(code)] = (wanted, named, is_own(code), code)
            if known[2] or not self.installed:
                return None
            if known[1]:
                thread = threads.get(get_ident())
                if thread is not None and frame.f_lasti <= START:
                    debugger.at_function(thread, frame)
                return self.on_event
            if known[0] or self.closely:
                return self.on_event
            if debugger.busy:
                thread = threads.get(get_ident())
                step = thread.step if thread is not None else None
                if step is not None and (frame is step.frame or frame is step.also):
                    return self.on_event
            return None

        return on_call

    def event_callback(self):
        """The function that is called for what happens in a frame that is watched."""
        debugger, threads = self.debugger, self.threads
        breakpoints, empty = debugger.breakpoints, {}
        leaving = {}

        def on_event(frame, event, arg):
            if event == "line":
                if leaving:
                    leaving.pop(get_ident(), None)
                if not debugger.busy:
                    name = frame.f_code.co_filename
                    table = breakpoints.by_name.get(name)
                    if table is None:
                        table = breakpoints.of_name(name) or empty
                    standing = table.get(frame.f_lineno)
                    if standing is not None and self.installed:
                        debugger.at_breakpoints(frame, standing)
                    return on_event
                thread = threads.get(get_ident())
                if thread is not None and self.installed:
                    debugger.at_line(thread, frame)
                return on_event
            if not self.installed:
                return None
            thread = threads.get(get_ident())
            if thread is None or thread.held:
                return on_event
            if event == "exception":
                leaving[thread.ident] = arg[1]
                debugger.exceptions.at_raise(thread, frame, arg[1], arg[2])
            elif event == "return":
                error = leaving.get(thread.ident) if arg is None else None
                suspended = error is None and is_suspended(frame)
                if error is not None:
                    debugger.exceptions.at_leave(thread, frame, error)
                    if frame.f_back is None or is_own(frame.f_back.f_code):
                        leaving.pop(thread.ident, None)
                del error
                step = thread.step
                if step is not None:
                    if suspended:
                        step.suspend(frame, arg)
                    elif not step.leave(frame):
                        debugger.step_is_lost(thread)
                    if step.frame is not None and step.frame.f_trace is None:
                        step.frame.f_trace = on_event
                    if step.also is not None and step.also.f_trace is None:
                        step.also.f_trace = on_event
            return on_event

        return on_event


# A frame that has not run anything yet, whatever its first instructions are; one that goes on is further on.
START = 8


def is_suspended(frame):
    """Whether a frame that returns only yields."""
    code = frame.f_code
    return bool(code.co_flags & SUSPENDABLE) and code.co_code[frame.f_lasti] not in RETURNS
