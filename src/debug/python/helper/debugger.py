"""The heart of the engine: when threads stop, what holds them, and what lets them go.

One thread meets something (a breakpoint, the end of a step, an exception) and halts the program: all others are held
at their next line, in silence. A held thread runs requests of the adapter's that need the program's own context, one
after the other, until it is let go. A thread that is blocked in C can't be held: it is shown as it stands, and held
if it comes back.

For operations of other parts: `is_user(code)`, `places`, `breakpoints` (see breakpoints.py: `add_console`,
`remove_console`, `console`), `stack_of(thread)`, and `go(thread, kind=None, alone=False)`, which lets the program
go on (`kind` one of into, over, out) and answers a `Then`.
"""

import sys
from _thread import get_ident, start_new_thread
from time import sleep

from . import tasks
from .breakpoints import Breakpoints
from .exceptions import Exceptions
from .interrupts import Interrupts
from .monitoring import Monitoring, monitoring
from .operations import Context, NotStopped, Refused, Then, failure, perform, registry
from .places import Places, chain
from .state import State, Thread
from .stepping import COMPREHENSIONS, Step
from .threads import Threads
from .tracing import Tracing

# How long a thread that is asked to pause may stand still before it is taken to be blocked, in seconds.
PAUSE_PATIENCE = 0.05
# Calls that the helper may make when the program has none left.
SPARE_FRAMES = 150


class Debugger:
    """Controls the program that this process runs."""

    def __init__(self, channel, options):
        self.channel = channel
        self.options = options
        self.state = State()
        self.places = Places(options.user_code)
        self.breakpoints = Breakpoints(self.places, channel)
        self.exceptions = Exceptions(self)
        self.engine = Tracing(self) if monitoring is None or options.settrace else Monitoring(self)
        self.threads = Threads(self)
        self.interrupts = Interrupts(self)
        # The program waits for the adapter as long as this is locked; None once it does not.
        self.starting = None
        # The program may go on without the adapter.
        self.detached = False
        # The main thread's ident.
        self.main = get_ident()
        # Frames that a function breakpoint was met for, which stop at their first line, and the breakpoints.
        self.entering = {}
        # Something beside breakpoints matters: lines have to be looked at closely.
        self.busy = False
        self.armed = False
        # Idents of the helper's own threads.
        self.hidden = set()
        # Runs requests while everything is blocked in C, and watches what was asked to pause.
        self.stand_in = None
        # What is called on a thread that was announced as stopped, with its innermost frame.
        self.at_stop = []

    def is_user(self, code):
        """Whether code is the user's own."""
        return self.places.is_user(code.co_filename)

    # Requests

    def serve(self):
        """Takes requests until the adapter is gone. Runs on the reader thread."""
        while True:
            self.dispatch(self.channel.receive())

    def dispatch(self, request):
        """Runs a request where it belongs."""
        found = registry.get(request.get("op"))
        args = request.get("args") or {}
        if found is None or not isinstance(args, dict):
            text = "there is no such operation"
            self.channel.send({"id": request.get("id"), "error": text, "kind": "unsupported"})
            return
        if not found[1]:
            perform(Context(self.state, self.channel, self, None), request)
            return
        try:
            with self.state.lock:
                self.thread_for(args).requests.put(request)
        except Exception as error:
            self.channel.send(failure(request.get("id"), error))

    def thread_for(self, args):
        """The thread that runs a request."""
        try:
            return self.state.owner(args)
        except NotStopped:
            if not self.state.halted:
                raise
            if self.stand_in is None:
                self.stand_in = Thread(0, None, "")
                start_new_thread(self.stand_in_loop, ())
            return self.stand_in

    def stand_in_loop(self):
        """Runs requests although no thread of the program's can."""
        thread = self.stand_in
        thread.ident = get_ident()
        self.hidden.add(thread.ident)
        self.run_requests(thread)

    def run_requests(self, thread):
        """Runs a thread's requests until it may go on. What a signal raises meanwhile is raised afterwards."""
        raised = None
        while True:
            try:
                request = thread.requests.get()
                if request is None:
                    break
                perform(Context(self.state, self.channel, self, thread), request)
            except BaseException as error:
                raised = error
        if raised is not None:
            raise raised

    # Stopping

    def at_line(self, thread, frame):
        """A thread is about to run a line. The engine calls this for each line that may matter."""
        if thread.held:
            return
        parked = self.park(thread, frame)
        reason, met, text = None, None, None
        step = thread.step
        if not parked:
            if thread.pause:
                reason = "pause"
            elif step is not None and step.over_at(frame):
                reason = step.reason
        table = self.breakpoints.of_name(frame.f_code.co_filename)
        standing = table.get(frame.f_lineno)
        if standing is not None and not is_repeated(frame):
            met = [each for each in standing if self.breakpoints.counts(each, frame)]
            if met:
                reason = "breakpoint"
        if self.entering and frame in self.entering:
            met = self.entering.pop(frame)
            reason = "functionBreakpoint"
        if reason is not None:
            self.stop(thread, frame, reason, met, text)

    def at_breakpoints(self, frame, standing):
        """A line with breakpoints is about to be run, and nothing else matters."""
        thread = self.state.by_ident.get(get_ident())
        if thread is None or thread.held or is_repeated(frame):
            return
        met = [each for each in standing if self.breakpoints.counts(each, frame)]
        if met:
            self.stop(thread, frame, "breakpoint", met)

    def at_function(self, thread, frame):
        """A function that has a breakpoint is about to begin: it stops at its first line."""
        if thread.held:
            return
        met = [each for each in self.breakpoints.at_function(frame) if self.breakpoints.counts(each, frame)]
        if met:
            self.entering[frame] = met
            self.busy = True

    def enter(self):
        """The calling thread stops at the first line that it reaches."""
        with self.state.lock:
            self.state.current().step = Step("into", None, self.places, reason="entry")
            self.update()

    def stop_here(self, frame):
        """The program asks to be stopped where it is."""
        thread = self.state.current()
        if thread is not None and not thread.held:
            self.stop(thread, frame, "breakpoint")

    def step_is_lost(self, thread):
        """There is nowhere left where a thread's step could end."""
        with self.state.lock:
            thread.step = None
            self.update()

    def stop(self, thread, frame, reason, met=None, text=None, frames=None):
        """Halts the program for this thread, and holds it here until it is let go."""
        if not self.armed or thread.held:
            return
        limit = sys.getrecursionlimit()
        # Whatever is left to the program may be too little for us.
        sys.setrecursionlimit(limit + SPARE_FRAMES)
        try:
            self.hold(thread, frame, reason, met, text, frames)
        finally:
            if sys.getrecursionlimit() == limit + SPARE_FRAMES:
                sys.setrecursionlimit(limit)

    def hold(self, thread, frame, reason, met, text, frames):
        """What `stop` does, once there is room for it."""
        while not self.halt(thread, frame, frames):
            self.park(thread, frame)
            if reason in ("step", "pause"):
                return
        numbers = [each.id for each in met or () if each.id is not None]
        self.announce(thread, reason, numbers, text or tasks.name_of(thread.task))
        if self.channel.closed:
            # The program closed the connection: nobody will ever let it go.
            self.detach()
        self.call_at_stop(thread, frame)
        self.run_requests(thread)

    def call_at_stop(self, thread, frame):
        """Calls whoever wants to know that a thread stopped."""
        thread.evaluating = True if self.at_stop else None
        try:
            for each in self.at_stop:
                each(frame)
        except KeyboardInterrupt:
            pass
        self.interrupts.settle(thread)

    def announce(self, thread, reason, numbers=(), text=None):
        """Tells the adapter that the program is halted."""
        self.channel.event(
            "stopped",
            thread=thread.number,
            reason=reason,
            breakpoints=list(numbers),
            text=text,
            allThreads=True,
        )

    def halt(self, thread, frame, frames=None):
        """Becomes the one that halts the program; False when another was first."""
        with self.state.lock:
            if self.state.halted and not thread.alone:
                return False
            self.state.halted = True
            thread.held = thread.announced = True
            thread.frames = frames if frames is not None else frame
            thread.stack = None
            thread.task = tasks.current()
            self.cancel_steps()
            self.update()
            return True

    def cancel_steps(self):
        """A halt ends whatever was under way."""
        for each in list(self.state.threads.values()):
            each.step = None
            each.pause = each.alone = False

    def park(self, thread, frame):
        """Holds a thread while the program is halted. Answers whether it was."""
        parked = False
        while self.state.halted and not thread.alone:
            with self.state.lock:
                if not self.state.halted or thread.alone or not self.armed:
                    break
                thread.held = True
                thread.frames = frame
                thread.stack = None
                thread.task = tasks.current()
            parked = True
            self.run_requests(thread)
        return parked

    def halt_blocked(self, thread):
        """Halts the program for a thread that is blocked in C. Answers whether it had to."""
        with self.state.lock:
            frame = sys._current_frames().get(thread.ident)
            if not thread.pause or self.state.halted or frame is None:
                return False
            self.state.halted = True
            thread.announced = True
            self.cancel_steps()
            self.update()
        self.announce(thread, "pause")
        return True

    # Going on

    def go(self, thread, kind=None, alone=False, call=None):
        """Lets the program go on; a thread alone, if asked. Answers a `Then`. Raises NotStopped."""
        if not self.state.halted:
            raise NotStopped("the program runs")
        if thread.alone:
            raise NotStopped("the thread runs")
        return Then({}, lambda: self.let_go(thread, kind, alone, call))

    def let_go(self, thread, kind, alone, call):
        """What is left of `go` once it is answered."""
        with self.state.lock:
            if not self.state.halted or thread.alone:
                return
            frame = self.top(thread) if kind is not None else None
            if frame is not None:
                thread.step = Step(kind, frame, self.places, call)
            going = [thread] if alone else list(self.state.threads.values())
            if alone:
                thread.alone = True
                self.state.forget(thread)
            else:
                self.state.halted = False
                self.state.forget_all()
            self.update()
            for each in going:
                self.release(each)

    def release(self, thread):
        """Lets a thread out of its loop; what it did not get to is stale."""
        was_held = thread.held
        thread.held = thread.announced = False
        thread.frames = thread.stack = thread.task = None
        thread.exception = thread.exception_filter = None
        if was_held:
            thread.requests.put(None)

    def top(self, thread):
        """The innermost frame of a thread that does not run, or None."""
        if thread.held:
            frames = thread.frames
            # A list is what an exception left behind: nothing in it goes on.
            return None if isinstance(frames, list) else frames
        return next(chain(sys._current_frames().get(thread.ident)), None)

    def moved(self, thread):
        """A thread that is held was moved to another line. Answers a `Then`."""
        return Then({}, lambda: self.announce(thread, "goto"))

    def pause(self, thread):
        """Stops a thread at its next line, or where it is if it reaches none."""
        if self.state.halted and not thread.alone:
            raise Refused("the thread is stopped")
        with self.state.lock:
            thread.pause = True
            self.update()
        start_new_thread(self.watch_pause, (thread,))

    def watch_pause(self, thread):
        """Waits for a thread to reach a line; when it stands still in C instead, the program is halted around it."""
        self.hidden.add(get_ident())
        try:
            before = None
            while thread.pause and self.armed and not self.state.halted:
                sleep(PAUSE_PATIENCE)
                frame = sys._current_frames().get(thread.ident)
                here = frame and (frame, frame.f_lasti)
                if here is not None and here == before and self.halt_blocked(thread):
                    return
                before = here
        finally:
            self.hidden.discard(get_ident())

    # Arming

    def update(self):
        """Makes the engine look at what matters now. Called under the state's lock."""
        everyone = list(self.state.threads.values())
        self.busy = bool(
            self.state.halted or self.entering or any(each.pause or each.step for each in everyone)
        )
        if self.armed:
            self.engine.update(everyone)

    def changed(self):
        """Breakpoints or filters changed."""
        with self.state.lock:
            self.update()
            if self.armed:
                self.engine.changed()

    def engine_enters(self):
        """The calling thread begins to run the program's code."""
        if self.armed:
            self.engine.enter_thread()

    def arm(self):
        """Begins to watch the program."""
        with self.state.lock:
            if not self.armed:
                self.armed = True
                self.engine.install()
                self.update()
                self.engine.changed()

    def begin(self):
        """Lets the program begin; when it runs already, watches it."""
        self.detached = False
        if self.starting is None:
            self.arm()
        elif self.starting.locked():
            self.starting.release()

    def detach(self):
        """Lets go of the program, which may end without an adapter."""
        self.detached = True
        self.disarm()
        if self.starting is not None and self.starting.locked():
            self.starting.release()

    def disarm(self):
        """Lets go of the program for good, or until it is armed again."""
        with self.state.lock:
            if not self.armed:
                return
            self.engine.uninstall()
            self.armed = False
            self.state.halted = False
            self.state.forget_all()
            self.cancel_steps()
            self.busy = False
            for each in list(self.state.threads.values()):
                self.release(each)


def is_repeated(frame):
    """Whether this is a comprehension within a line that was met already."""
    if frame.f_code.co_name not in COMPREHENSIONS:
        return False
    outer = frame.f_back
    return outer is not None and outer.f_lineno == frame.f_lineno and same_file(outer, frame)


def same_file(one, other):
    """Whether two frames are of one file."""
    return one.f_code.co_filename == other.f_code.co_filename
