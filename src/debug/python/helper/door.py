"""Where adapters come in to a program that runs already: a socket that one of them has at a time.

A program whose door can't be made runs on without one: it is the adapter that finds nobody there.
"""

import _socket
import os

from .channel import high_descriptor


def open_door(path):
    """Listens at a path. Answers a `Door`, or None."""
    try:
        return Door(path)
    except (OSError, ValueError):
        return None


class Door:
    """A socket that adapters connect to."""

    def __init__(self, path):
        self.path = path
        self.owner = os.getpid()
        listener = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
        listener.bind(path)
        os.chmod(path, 0o600)
        listener.listen(1)
        # Out of the way of a program that counts its descriptors.
        descriptor = high_descriptor(listener.detach())
        self.listener = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM, 0, descriptor)

    def next(self):
        """The descriptor of the next adapter's connection, or None when there can be no more."""
        try:
            descriptor, _ = self.listener._accept()
            os.set_blocking(descriptor, True)
            os.set_inheritable(descriptor, False)
            return high_descriptor(descriptor)
        except (OSError, ValueError):
            return None

    def close(self):
        """Takes the door away; in a forked child, only its own hold on it."""
        if self.owner == os.getpid():
            try:
                os.unlink(self.path)
            except OSError:
                pass
        self.listener.close()
