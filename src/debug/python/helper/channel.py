"""The connection to the adapter: one JSON object a line, both ways, on a descriptor that the program can't mistake.

Never blocks a thread on itself: what a signal handler or a finaliser sends while its thread is sending goes out
right after. Never writes into a file of the program's: a descriptor that was closed under us, and taken by a file
since, is noticed.
"""

import fcntl
import json
import os
import resource
from _collections import deque
from _thread import allocate_lock, get_ident

# Lines are cut off at 4 MiB on the other side.
MAX_LINE = 4 * 1024 * 1024 - 1024

_encode = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), check_circular=False).encode
_decode = json.JSONDecoder().decode


class ChannelClosed(Exception):
    """The adapter is gone, or the program closed the descriptor."""


def out_of_the_way():
    """The number from which on a program hardly ever has descriptors of its own."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if limit == resource.RLIM_INFINITY or limit > 4096:
        limit = 4096
    return max(10, limit - 24)


def high_descriptor(descriptor):
    """Moves a descriptor out of the way of the program, which its children don't inherit."""
    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, out_of_the_way())
    os.close(descriptor)
    return moved


def clean(value):
    """The same without lone surrogates, which no UTF-8 can carry."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {key: clean(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [clean(each) for each in value]
    return value


class Channel:
    """One connection. `send` may be called from any thread; `receive` from the reader alone."""

    def __init__(self, descriptor):
        self.open(descriptor)

    def open(self, descriptor):
        """Begins anew with another descriptor, or with None, which says nothing to nobody."""
        self.descriptor = descriptor
        self.identity = None if descriptor is None else self._identity()
        self.closed = descriptor is None
        self._waiting = deque()
        self._writing = allocate_lock()
        self._writer = None
        self._rest = b""

    def _identity(self):
        status = os.fstat(self.descriptor)
        return status.st_dev, status.st_ino

    def ours(self):
        """Whether the descriptor still is the connection."""
        try:
            return not self.closed and self._identity() == self.identity
        except OSError:
            return False

    def event(self, event, **details):
        """Announces something. A detail that is None is left out."""
        message = {"event": event}
        message.update((key, value) for key, value in details.items() if value is not None)
        self.send(message)

    def send(self, message):
        """Sends an object, in the order of the calls."""
        line = _encode(message)
        if "\\ud" in line:
            line = _encode(clean(message))
        if self.closed:
            return
        if len(line) > MAX_LINE:
            if "id" not in message or "event" in message:
                return
            line = _encode({"id": message["id"], "error": "the answer is too long", "kind": "refused"})
        self._waiting.append(line.encode("ascii") + b"\n")
        me = get_ident()
        if self._writer == me:
            return
        with self._writing:
            self._writer = me
            try:
                while self._waiting:
                    self._write(self._waiting.popleft())
            finally:
                self._writer = None

    def _write(self, data):
        if not self.ours():
            self.closed = True
            return
        try:
            while data:
                data = data[os.write(self.descriptor, data) :]
        except OSError:
            self.closed = True

    def holds_line(self):
        """Whether the next object is here already."""
        return b"\n" in self._rest

    def receive(self):
        """The next object.

        Raises ChannelClosed at the end, and after anything that is no line of JSON.
        """
        while b"\n" not in self._rest:
            if not self.ours():
                raise ChannelClosed
            try:
                data = os.read(self.descriptor, 65536)
            except OSError:
                raise ChannelClosed from None
            if not data:
                raise ChannelClosed
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        try:
            message = _decode(line.decode("utf-8"))
        except ValueError:
            raise ChannelClosed from None
        if not isinstance(message, dict):
            raise ChannelClosed
        return message

    def close(self):
        """Ends the connection, once what is being sent is out."""
        with self._writing:
            self.abandon()

    def abandon(self):
        """Lets go without telling the other side: in a forked child, whose parent goes on using it."""
        if self.ours():
            os.close(self.descriptor)
        self.closed = True
