"""The engine for interpreters that have `sys.monitoring` (3.12 and later).

Code without breakpoints costs nothing once it has been seen: its start is announced once and then disabled. Lines are
watched in code objects that have a breakpoint, or a frame that is being stepped in; everywhere only while a step goes
into calls, and while other threads have to be halted.
"""

import sys
from _thread import get_ident

from .places import chain, is_own

monitoring = getattr(sys, "monitoring", None)


class Monitoring:
    """Watches the program for a Debugger."""

    name = "monitoring"

    def __init__(self, debugger):
        self.debugger = debugger
        self.threads = debugger.state.by_ident
        self.tool = None
        self.events = 0

    def install(self):
        """Begins to watch."""
        tool = monitoring.DEBUGGER_ID
        if monitoring.get_tool(tool) is not None:
            tool = next(each for each in (3, 4, 1, 0, 2, 5) if monitoring.get_tool(each) is None)
        monitoring.use_tool_id(tool, "debugger")
        self.tool = tool
        event = monitoring.events
        for number, callback in (
            (event.PY_START, self.on_start),
            (event.PY_RESUME, self.on_resume),
            (event.PY_THROW, self.on_throw),
            (event.LINE, self.line_callback()),
            (event.PY_RETURN, self.on_return),
            (event.PY_YIELD, self.on_yield),
            (event.PY_UNWIND, self.on_unwind),
            (event.RAISE, self.on_raise),
        ):
            monitoring.register_callback(tool, number, callback)

    def enter_thread(self):
        """Watches the calling thread: all are watched."""

    def uninstall(self):
        """Leaves no trace."""
        if self.tool is None:
            return
        try:
            monitoring.set_events(self.tool, 0)
            for number in range(20):
                monitoring.register_callback(self.tool, 1 << number, None)
            monitoring.free_tool_id(self.tool)
        except ValueError:
            pass
        self.tool = None
        self.events = 0

    def update(self, threads):
        """Watches what matters now."""
        event, debugger = monitoring.events, self.debugger
        wanted = event.PY_START | event.PY_RESUME
        everywhere = debugger.state.halted and len(threads) > 1
        filters = debugger.exceptions.filters
        if "raised" in filters:
            wanted |= event.RAISE
        if "userUncaught" in filters:
            wanted |= event.PY_UNWIND
        stepped = []
        for thread in threads:
            everywhere = everywhere or thread.pause
            step = thread.step
            if step is None:
                continue
            wanted |= event.PY_UNWIND
            if step.everywhere():
                everywhere = True
            if step.frame is not None:
                stepped.append(step)
        if everywhere:
            wanted |= event.LINE | event.PY_THROW
        try:
            for step in stepped:
                self.watch_step(step)
            if wanted != self.events:
                monitoring.set_events(self.tool, wanted)
                self.events = wanted
            if stepped or everywhere:
                monitoring.restart_events()
        except ValueError:
            # The program freed the tool: the debugger is lost, the program goes on.
            self.events = 0

    def watch_step(self, step):
        """Watches the lines and the ends of the frames that a step can end in."""
        event = monitoring.events
        ends = event.LINE | event.PY_RETURN | event.PY_YIELD
        for code in {frame.f_code for frame in chain(step.frame)}:
            if code is step.frame.f_code or self.debugger.is_user(code):
                self.add_events(code, ends)

    def add_events(self, code, events):
        """Watches more in a code object."""
        try:
            before = monitoring.get_local_events(self.tool, code)
            if before | events != before:
                monitoring.set_local_events(self.tool, code, before | events)
        except (ValueError, TypeError):
            # The program freed the tool: the debugger is lost, the program goes on.
            self.events = 0

    def changed(self):
        """Breakpoints or filters changed: code that has been seen is looked at again, that which runs at once."""
        try:
            for frame in list(sys._current_frames().values()):
                for each in chain(frame):
                    if self.debugger.breakpoints.wants(each.f_code):
                        self.add_events(each.f_code, monitoring.events.LINE)
            monitoring.restart_events()
        except ValueError:
            self.events = 0

    def on_start(self, code, offset):
        """A code object begins, for the first time since anything changed."""
        breakpoints = self.debugger.breakpoints
        if is_own(code):
            return monitoring.DISABLE
        if breakpoints.wants(code):
            self.add_events(code, monitoring.events.LINE)
        if breakpoints.functions and breakpoints.function_named(code):
            self.add_events(code, monitoring.events.LINE)
            thread = self.threads.get(get_ident())
            if thread is not None:
                self.debugger.at_function(thread, sys._getframe(1))
            return None
        return monitoring.DISABLE

    def on_resume(self, code, offset):
        """A generator goes on, for the first time since anything changed."""
        if not is_own(code) and self.debugger.breakpoints.wants(code):
            self.add_events(code, monitoring.events.LINE)
        return monitoring.DISABLE

    def on_throw(self, code, offset, error):
        """A generator is thrown into. Its lines are watched from here on, as for one that goes on."""
        if not is_own(code) and self.debugger.breakpoints.wants(code):
            self.add_events(code, monitoring.events.LINE)

    def line_callback(self):
        """The function that is called for lines; all that it needs is at hand, as it is called most of all."""
        debugger, threads, here = self.debugger, self.threads, sys._getframe
        breakpoints, disable, empty = debugger.breakpoints, monitoring.DISABLE, {}

        def on_line(code, line):
            if not debugger.busy:
                table = breakpoints.by_name.get(code.co_filename)
                if table is None:
                    table = breakpoints.of_name(code.co_filename) or empty
                standing = table.get(line)
                if standing is not None:
                    debugger.at_breakpoints(here(1), standing)
                    return None
                # Disabled lines come back only when everything is looked at again, which a call can't ask for.
                return None if breakpoints.functions and breakpoints.function_named(code) else disable
            if is_own(code):
                return disable
            thread = threads.get(get_ident())
            if thread is not None:
                debugger.at_line(thread, here(1))
            return None

        return on_line

    def on_return(self, code, offset, value):
        """A frame that may be stepped in returns."""
        self.left(code)

    def on_unwind(self, code, offset, error):
        """An exception leaves a frame."""
        thread = self.threads.get(get_ident())
        if thread is not None and not thread.held:
            self.debugger.exceptions.at_leave(thread, sys._getframe(1), error)
        self.left(code)

    def left(self, code):
        """A frame of that code ends, two calls out."""
        thread = self.threads.get(get_ident())
        step = thread.step if thread is not None and not thread.held else None
        if step is not None and not step.leave(sys._getframe(2)):
            self.debugger.step_is_lost(thread)

    def on_yield(self, code, offset, value):
        """A frame that may be stepped in yields."""
        thread = self.threads.get(get_ident())
        step = thread.step if thread is not None and not thread.held else None
        if step is not None:
            step.suspend(sys._getframe(1), value)

    def on_raise(self, code, offset, error):
        """An exception passes a frame."""
        thread = self.threads.get(get_ident())
        if thread is not None:
            self.debugger.exceptions.at_raise(thread, sys._getframe(1), error, error.__traceback__)
