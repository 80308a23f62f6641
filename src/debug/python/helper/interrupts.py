"""Interrupts what runs on behalf of the adapter and does not end, and nothing else.

An interrupt is an exception that arrives some time later. It is waited for before a thread does anything that it must
not hit.
"""

import signal

from . import native


class Interrupts:
    """Interrupts a Debugger's requests."""

    def __init__(self, debugger):
        self.debugger = debugger

    def settle(self, thread):
        """A request is done on this thread, or on the reader: an interrupt must not hit what follows."""
        if thread is None:
            return
        try:
            with self.debugger.state.lock:
                thread.evaluating = False
                late, thread.interrupted = thread.interrupted, False
            if late:
                # Wherever it is on its way, it is raised by the time that some code has run. To take it back would
                # leave some interpreters waiting for it for ever.
                for _ in range(100):
                    pass
        except KeyboardInterrupt:
            thread.evaluating = thread.interrupted = False

    def interrupt(self):
        """Raises KeyboardInterrupt in what runs on behalf of the adapter."""
        everyone = list(self.debugger.state.threads.values())
        if self.debugger.stand_in is not None:
            everyone.append(self.debugger.stand_in)
        with self.debugger.state.lock:
            for thread in everyone:
                if thread.evaluating and not thread.interrupted:
                    thread.interrupted = self.wake(thread) or native.raise_in(thread.ident, KeyboardInterrupt)

    def wake(self, thread):
        """Gets the main thread out of whatever it does, as Ctrl-C would; False for others, and if it took care."""
        if thread.ident != self.debugger.main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
            return False
        signal.pthread_kill(self.debugger.main, signal.SIGINT)
        return True
