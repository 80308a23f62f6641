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
        # Requests that nobody waits for any more: one that has not begun never does.
        self.given_up = frozenset()

    def begin(self, thread, request):
        """A request begins on this thread, or on the reader. Raises KeyboardInterrupt when it must not."""
        if thread is None:
            return
        with self.debugger.state.lock:
            if request in self.given_up:
                raise KeyboardInterrupt
            thread.evaluating = request

    def settle(self, thread):
        """A request is done on this thread, or on the reader: an interrupt must not hit what follows."""
        if thread is None:
            return
        try:
            with self.debugger.state.lock:
                thread.evaluating = None
                late, thread.interrupted = thread.interrupted, False
            if late:
                # Wherever it is on its way, it is raised by the time that some code has run. To take it back would
                # leave some interpreters waiting for it for ever.
                for _ in range(100):
                    pass
        except KeyboardInterrupt:
            thread.evaluating, thread.interrupted = None, False

    def interrupt(self, requests=None):
        """Raises KeyboardInterrupt in these requests, in all when None, and in what runs at each stop."""
        everyone = list(self.debugger.state.threads.values())
        if self.debugger.stand_in is not None:
            everyone.append(self.debugger.stand_in)
        with self.debugger.state.lock:
            self.given_up = frozenset(requests or ())
            for thread in everyone:
                running = thread.evaluating
                meant = running is True or requests is None or running in self.given_up
                if running is not None and meant and not thread.interrupted:
                    thread.interrupted = self.wake(thread) or native.raise_in(thread.ident, KeyboardInterrupt)

    def wake(self, thread):
        """Gets the main thread out of whatever it does, as Ctrl-C would; False for others, and if it took care."""
        if thread.ident != self.debugger.main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
            return False
        signal.pthread_kill(self.debugger.main, signal.SIGINT)
        return True
