"""Threads, frames and values by number: what the adapter can name.

Numbers are positive and never used twice, so that a stale one is known for what it is. What belongs to a thread
dies when that thread goes on. For operations (see operations.py) the entry points are `State.frame`,
`State.add_value`, `State.value` and `State.thread`.
"""

from _queue import SimpleQueue
from _thread import allocate_lock, get_ident

from .operations import NotStopped, Stale


class Thread:
    """A thread of the program."""

    def __init__(self, number, ident, name):
        self.number = number
        self.ident = ident
        self.name = name
        # Held in its stop loop: operations can run on it.
        self.held = False
        # While held: its innermost frame, or [(frame, line)] when an exception has left the frames already.
        self.frames = None
        # Requests, and None to go on.
        self.requests = SimpleQueue()
        # The exception that it stopped for.
        self.exception = None
        # What `exceptionInfo` says of it: the filter that it was stopped by.
        self.exception_filter = None
        # What it is doing until its next stop.
        self.step = None
        self.pause = False
        # Goes on while the others are held.
        self.alone = False
        # The request that it runs, which may run code of the program's, or True for what runs at each stop.
        self.evaluating = None
        # The interrupt was sent, and may not have arrived.
        self.interrupted = False
        # It stopped, as the adapter was told; others that are held with it did not.
        self.announced = False
        # The asyncio task that it runs while held.
        self.task = None
        # Its stack while it does not run, once somebody asked: [(frame or None, line, label or None)].
        self.stack = None
        # The entries of the stack that have numbers: {index: Frame}.
        self.numbered = None


class Frame:
    """A frame of a thread that does not run."""

    __slots__ = ("number", "thread", "frame", "line", "index", "label")

    def __init__(self, number, thread, frame, line, index, label=None):
        self.number = number
        self.thread = thread
        # The frame object, or None for a heading, which has no variables.
        self.frame = frame
        # Where it is; the frame's own `f_lineno` lies once an exception has left it.
        self.line = line
        # How far from the innermost one.
        self.index = index
        self.label = label


class State:
    """All that has a number."""

    def __init__(self):
        self.threads = {}
        self.by_ident = {}
        self._last = 0
        self.begin_anew()

    def begin_anew(self):
        """Forgets everything, in place; a lock that another thread held is worth nothing."""
        self.lock = allocate_lock()
        self.threads.clear()
        self.by_ident.clear()
        self._frames = {}
        self._values = {}
        # No thread goes on, but for those that were let go alone.
        self.halted = False

    def number(self):
        """A number that nothing had."""
        self._last += 1
        return self._last

    # Threads

    def thread(self, number):
        """The thread with that number. Raises Stale."""
        try:
            return self.threads[number]
        except (KeyError, TypeError):
            raise Stale("there is no such thread") from None

    def current(self):
        """The thread that this is called on, or None when it is not one of the program's."""
        return self.by_ident.get(get_ident())

    def held(self):
        """A thread that operations can run on. Raises NotStopped."""
        for thread in list(self.threads.values()):
            if thread.held and thread.announced:
                return thread
        for thread in list(self.threads.values()):
            if thread.held:
                return thread
        raise NotStopped("the program runs")

    # Frames

    def add_frame(self, thread, frame, line, index, label=None):
        """A number for a frame, until its thread goes on."""
        entry = Frame(self.number(), thread, frame, line, index, label)
        self._frames[entry.number] = entry
        return entry

    def frame(self, number):
        """The Frame with that number. Raises Stale."""
        try:
            return self._frames[number]
        except (KeyError, TypeError):
            raise Stale("the frame is gone") from None

    # Values

    def add_value(self, value, thread=None):
        """A number for anything that operations want to find again, until `thread` goes on; any, when None."""
        number = self.number()
        self._values[number] = (value, thread)
        return number

    def value(self, number):
        """What `add_value` was given. Raises Stale."""
        try:
            return self._values[number][0]
        except (KeyError, TypeError):
            raise Stale("the value is gone") from None

    def value_thread(self, number):
        """The thread that it belongs to, or None. Raises Stale."""
        self.value(number)
        return self._values[number][1]

    # The engine's

    def forget(self, thread):
        """A thread goes on: what was its is stale."""
        self._frames = {n: f for n, f in self._frames.items() if f.thread is not thread}
        self._values = {n: v for n, v in self._values.items() if v[1] is not None and v[1] is not thread}

    def forget_all(self):
        """All threads go on."""
        self._frames = {}
        self._values = {}

    def owner(self, args):
        """The thread that an operation with these arguments has to run on. Raises Stale and NotStopped."""
        owner = None
        if args.get("frame") is not None:
            owner = self.frame(args["frame"]).thread
        elif args.get("of") is not None:
            owner = self.value_thread(args["of"])
        elif args.get("thread") is not None:
            owner = self.thread(args["thread"])
        if owner is not None and owner.held:
            return owner
        return self.held()
