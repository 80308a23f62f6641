"""Steps: when one is over.

A step is bound to a frame, not to a depth: what another task or another call of the same function does in the
meantime never ends it. The engine tells a step of each line that its thread reaches and of its frame's end.
"""

from .places import outer

COROUTINE = 0x80
ASYNC_GENERATOR = 0x200
COMPREHENSIONS = ("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>")


class Step:
    """One step of a thread's."""

    __slots__ = ("kind", "frame", "also", "call", "reason", "places", "line", "left")

    def __init__(self, kind, frame, places, call=None, reason="step"):
        self.kind = kind
        # The frame whose next line ends it; None when any does.
        self.frame = frame
        # One more frame whose next line ends it: that which a generator yielded to.
        self.also = None
        # The (first, last) offsets of the call that is to be stepped into.
        self.call = call
        self.reason = reason
        self.places = places
        self.line = frame.f_lineno if frame is not None else None
        # It was in a frame that ended: any line of the frame that it is in now will do.
        self.left = False

    def everywhere(self):
        """Whether lines of all code can end it."""
        return self.kind == "into"

    def over_at(self, frame):
        """Whether this line ends it."""
        if self.kind == "into":
            return self._enters(frame)
        if frame is self.frame:
            return self.kind == "over"
        return self.also is not None and frame is self.also

    def _enters(self, frame):
        if self.call is not None:
            first, last = self.call
            if frame is self.frame:
                return True
            caller = outer(frame)
            return caller is self.frame and first <= caller.f_lasti <= last
        if frame is self.frame:
            return True
        code = frame.f_code
        if self.reason == "step" and not self.places.is_user(code.co_filename):
            return False
        if code.co_name in COMPREHENSIONS and frame.f_back is self.frame:
            return frame.f_lineno != self.line
        return True

    def leave(self, frame):
        """The frame ended. Answers whether there is anything left to wait for."""
        if frame is not self.frame:
            return True
        if self.kind == "into":
            self.frame = None
            return True
        caller = self.user_caller(frame)
        self.frame, self.also, self.kind, self.left = caller, None, "over", True
        return caller is not None

    def suspend(self, frame, value):
        """The frame yielded: a coroutine waits for itself, a generator goes on where its value goes."""
        flags = frame.f_code.co_flags
        if frame is not self.frame or self.kind == "into":
            return
        awaits = flags & COROUTINE
        if flags & ASYNC_GENERATOR:
            awaits = type(value).__name__ != "async_generator_wrapped_value"
        if awaits:
            return
        caller = self.user_caller(frame)
        if self.kind == "out" and caller is not None:
            self.frame, self.kind, self.left = caller, "over", True
        else:
            self.also = caller

    def user_caller(self, frame):
        """The next frame out that is the user's own."""
        caller = outer(frame)
        while caller is not None and not self.places.is_user(caller.f_code.co_filename):
            caller = outer(caller)
        return caller
