"""SIGINT: the program's while code of its runs, and nobody's between.

Promises that an interrupt ends what it is meant for and never the driver: what must be done whole is done whole, and
the interrupt comes right after it.
"""

from _signal import SIGINT, default_int_handler, getsignal, raise_signal, signal
from _thread import get_ident


class Interrupts:
    """Which handler SIGINT has. Signals reach the main thread alone.

    Between executions it is `between`, and no SIG_IGN, which programs that a thread starts would inherit.
    """

    def __init__(self):
        self.main = get_ident()
        # Nothing is being done for the daemon.
        self.idle = False
        # What was asked for is not wanted any more, though it has not begun.
        self.early = False
        self.program = getsignal(SIGINT)
        if not callable(self.program):
            # Whoever started this ignored it for all that he starts.
            self.program = default_int_handler
        self.late = False
        # Ends what an interrupt is meant for where something else may run; None where there is no need to ask.
        self.end = None
        self.soft = self._soft
        self.note = self._note
        self.between = self._between
        self.closed = self.between
        signal(SIGINT, self.between)

    def is_main(self):
        """Whether this thread is the one that interrupts reach."""
        return get_ident() == self.main

    def rest(self):
        """Says that there is nothing to do: what comes from here on is meant for nothing that was done before."""
        self.early = False
        self.idle = True

    def begin(self):
        """Raises the interrupt of what begins now, if it has come already."""
        self.harden()
        if self.early:
            self.early = False
            raise KeyboardInterrupt

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

    def soften(self, end):
        """Has an interrupt call this instead, unless the program handles it: it answers whether that ends the cell."""
        if self.is_main() and getsignal(SIGINT) is default_int_handler:
            self.end = end
            signal(SIGINT, self.soft)

    def harden(self):
        """Interrupts are raised again."""
        self.end = None
        if self.is_main() and getsignal(SIGINT) is self.soft:
            signal(SIGINT, default_int_handler)

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
        if not self.is_main() or getsignal(SIGINT) in (self.between, self.note):
            return function()
        self.late, self.closed = False, self.note
        self._close()
        try:
            return function()
        finally:
            self.closed = self.between
            signal(SIGINT, self.program)
            if self.late:
                raise_signal(SIGINT)

    def _close(self):
        handler = signal(SIGINT, self.closed)
        if handler not in (self.between, self.note):
            self.program = handler

    def _is_closed(self):
        try:
            self._close()
            return True
        except KeyboardInterrupt:
            return False

    def _between(self, _, __):
        # What comes while a request is on its way may as well be meant for the one before, and does nothing.
        self.early = not self.idle

    def _soft(self, number, frame):
        end = self.end
        if end is None or not end():
            default_int_handler(number, frame)

    def _note(self, _, __):
        self.late = True
