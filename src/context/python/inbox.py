"""What the daemon says, brought to whom it is for: requests to the main thread, answers to whoever asked.

Any thread may wait. One of those that do reads for all of them; there is no thread of the driver's own, which the
program would find in its process. The end of the stream ends the process at once.
"""

import os
import select
from _collections import deque
from _thread import allocate_lock

from .channel import ChannelClosed


def call(function):
    """Calls a function that waits, as nothing else has to be done about it."""
    return function()


class Waiting:
    """A thread that waits for something to arrive."""

    def __init__(self):
        self.bell = allocate_lock()
        self.bell.acquire()

    def ring(self):
        """Has the thread look."""
        try:
            self.bell.release()
        except RuntimeError:
            pass  # It was rung before.


class Inbox:
    """What arrived and was not taken yet."""

    def __init__(self, channel):
        self.channel = channel
        self.requests = deque()
        # Answers by the number of their question; None until they arrive.
        self.answers = {}
        self.waiting = []
        self._reading = allocate_lock()
        self._poll = select.poll()
        self._poll.register(channel.descriptor, select.POLLIN)

    def request(self):
        """The next request, for the main thread between executions."""
        if not self.requests:
            self._wait(lambda: self.requests, call)
        return self.requests.popleft()

    def expect(self, number):
        """Says that the answer to a question will be waited for."""
        self.answers[number] = None

    def answer(self, number, wait):
        """The answer to a question. `wait` calls a function that waits."""
        try:
            self._wait(lambda: self.answers[number] is not None, wait)
            return self.answers[number]
        finally:
            del self.answers[number]

    def _wait(self, is_there, wait):
        me = Waiting()
        self.waiting.append(me)
        try:
            while not is_there():
                if self._reading.acquire(False):
                    self._read(is_there, wait)
                else:
                    wait(me.bell.acquire)
        finally:
            self.waiting.remove(me)
            # Somebody else has to read from here on.
            self._ring()

    def _read(self, is_there, wait):
        """Reads for everybody, until what this thread waits for is there."""
        try:
            while not is_there():
                if not self.channel.holds_line():
                    wait(self._wait_for_data)
                self._file(self.channel.receive())
        except ChannelClosed:
            os._exit(0)
        finally:
            self._reading.release()

    def _wait_for_data(self):
        # It is no two threads' at once: one of them reads.
        self._poll.poll()

    def _file(self, message):
        if not isinstance(message.get("op"), str):
            raise ChannelClosed
        if message["op"] != "input":
            self.requests.append(message)
        elif message.get("input") in self.answers:
            # Any other is the answer to a question of an execution that is over.
            self.answers[message["input"]] = message
        if len(self.waiting) > 1:
            self._ring()

    def _ring(self):
        for each in list(self.waiting):
            each.ring()
