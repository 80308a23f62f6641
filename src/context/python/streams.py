"""The program's output: what it left in its buffers, and the marks that say where an execution's output ends.

Promises that a mark goes where the output of the process went at its start, whatever became of descriptors 1 and 2
since, and never into a file of the program's that took a descriptor of ours.
"""

import fcntl
import os
import select
import sys

from .channel import out_of_the_way


class Output:
    """One of the streams, by a descriptor of our own."""

    def __init__(self, number):
        try:
            self.descriptor = fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, out_of_the_way())
            self.identity = self._identity()
        except OSError:
            self.descriptor = None

    def _identity(self):
        status = os.fstat(self.descriptor)
        return status.st_dev, status.st_ino

    def write(self, data):
        """Writes all of the data, as long as there is somebody who reads."""
        try:
            if self.descriptor is None or self._identity() != self.identity:
                return
            while data:
                try:
                    data = data[os.write(self.descriptor, data) :]
                except BlockingIOError:
                    # The program set it so, for all who write to it.
                    poll = select.poll()
                    poll.register(self.descriptor, select.POLLOUT)
                    poll.poll()
        except OSError:
            self.descriptor = None


class Streams:
    """Standard output and standard error."""

    def __init__(self):
        self.outputs = (Output(1), Output(2))
        for stream in (sys.stdout, sys.stderr):
            try:
                # Somebody watches, as at a terminal.
                stream.reconfigure(line_buffering=True)
            except (AttributeError, ValueError):
                pass

    def flush(self):
        """Gets out what the program wrote. May run code of the program's."""
        streams = [sys.stdout, sys.stderr]
        streams += [each for each in (sys.__stdout__, sys.__stderr__) if all(each is not other for other in streams)]
        for each in streams:
            try:
                each.flush()
            except Exception:
                pass  # It is none, or was closed.

    def mark(self, text):
        """Marks the end of an execution's output."""
        data = b"\0" + text.encode("ascii", "replace") + b"\0"
        for each in self.outputs:
            each.write(data)
