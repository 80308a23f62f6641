"""SIGINT: the program's while code of its runs, and nobody's between.

Promises that an interrupt ends what it is meant for and never the driver: what must be done whole is done whole, and
the interrupt comes right after it.
"""

from _signal import SIGINT, default_int_handler, getsignal, raise_signal, signal
from _thread import get_ident


def nothing(_, __):
    """The handler between executions. It is no SIG_IGN, which programs that a thread starts would inherit."""


class Interrupts:
    """Which handler SIGINT has. Signals reach the main thread alone."""

    def __init__(self):
        self.main = get_ident()
        self.program = getsignal(SIGINT)
        if not callable(self.program):
            # Whoever started this ignored it for all that he starts.
            self.program = default_int_handler
        self.late = False
        self.note = self._note
        self.closed = nothing
        signal(SIGINT, nothing)

    def is_main(self):
        """Whether this thread is the one that interrupts reach."""
        return get_ident() == self.main

    def allow(self, function):
        """Calls a function that may be interrupted. Answers its value and None, or None and what it raised."""
        outcome = []
        try:
            try:
                signal(SIGINT, self.program)
                outcome.append((function(), None))
            except BaseException as error:
                outcome.append((None, error))
            finally:
                self._close()
        except KeyboardInterrupt as error:
            # It came on the way out, where it may come again.
            outcome.append((None, error))
            while not self._is_closed():
                pass
        return outcome[0]

    def wait(self, function):
        """Calls a function that waits and may be interrupted while all around it may not."""
        if not self.is_main():
            return function()
        value, error = self.allow(function)
        if error is not None:
            raise error
        return value

    def defer(self, function):
        """Calls a function that an interrupt must not cut short: it comes right after. Answers its value."""
        if not self.is_main() or getsignal(SIGINT) in (nothing, self.note):
            return function()
        self.late, self.closed = False, self.note
        self._close()
        try:
            return function()
        finally:
            self.closed = nothing
            signal(SIGINT, self.program)
            if self.late:
                raise_signal(SIGINT)

    def _close(self):
        handler = signal(SIGINT, self.closed)
        if handler not in (nothing, self.note):
            self.program = handler

    def _is_closed(self):
        try:
            self._close()
            return True
        except KeyboardInterrupt:
            return False

    def _note(self, _, __):
        self.late = True
