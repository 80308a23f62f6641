"""How a child meets its adapter: it listens at an address that nobody can guess, and says so in a FIFO.

Waits for a bounded time, and not at all when nobody reads the FIFO: then the child runs undebugged.
"""

import _socket
import json
import os

# Seconds that a child waits to be connected to.
PATIENCE = 10
DIRECTORY = "/tmp"
# What the kernel writes into a pipe at once, or not at all.
MAX_ANNOUNCEMENT = 4096


def meet(fifo, name):
    """Announces this process and waits for the adapter. Answers the connection's descriptor, or None."""
    try:
        announcements = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    path = "%s/.codebeaker-%s" % (DIRECTORY, os.urandom(16).hex())
    listener = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
    try:
        listener.bind(path)
        os.chmod(path, 0o600)
        listener.listen(1)
        listener.settimeout(PATIENCE)
        message = {"pid": os.getpid(), "socket": path, "name": name[:200]}
        line = json.dumps(message, ensure_ascii=True).encode() + b"\n"
        if len(line) > MAX_ANNOUNCEMENT:
            return None
        os.write(announcements, line)
        descriptor, _ = listener._accept()
        os.set_blocking(descriptor, True)
        os.set_inheritable(descriptor, False)
        return descriptor
    except OSError:
        return None
    finally:
        listener.close()
        os.close(announcements)
        try:
            os.unlink(path)
        except OSError:
            pass
