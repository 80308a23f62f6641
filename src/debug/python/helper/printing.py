"""Says which line prints: before bytes of another line go out, the adapter is told from which byte on they do.

The streams stay what they are. What stands in front of them is an attribute of the instance, where `print` finds it
before the class's method; nothing else about them changes.
"""

import sys

from .places import is_own

STREAMS = ("stdout", "stderr")


class Printing:
    """Watches the streams that the program was started with."""

    def __init__(self, debugger):
        self.debugger = debugger
        self.watched = []

    def install(self):
        """Begins to watch."""
        for name in STREAMS:
            stream = getattr(sys, name, None)
            try:
                if stream is not None and stream.fileno() == STREAMS.index(name) + 1:
                    self.watched.append(Watched(self.debugger, name, stream))
            except Exception:
                continue

    def uninstall(self):
        """Leaves the streams as they were."""
        for each in self.watched:
            each.release()
        self.watched = []


class Watched:
    """One stream that is watched."""

    def __init__(self, debugger, name, stream):
        self.name = name
        self.stream = stream
        # Bytes of text that the program wrote, and how many of them went on to the buffer.
        self.text = 0
        self.passed = 0
        # Bytes that it wrote to the buffer itself.
        self.direct = 0
        self.last = (None, None)
        self.debugger = debugger
        self.put()

    def put(self):
        """Stands in front of the stream."""
        stream, buffer, frame_at = self.stream, self.stream.buffer, sys._getframe
        write, write_buffer = stream.write, buffer.write
        inside = []

        def write_text(text):
            frame = frame_at().f_back
            if frame is not None and (self.last[1] != frame.f_lineno or self.last[0] is not frame.f_code):
                self.announce(frame)
            if type(text) is str:
                self.text += len(text) if text.isascii() else self.size(text)
            inside.append(None)
            try:
                return write(text)
            finally:
                inside.pop()

        def write_bytes(data):
            size = len(data) if isinstance(data, (bytes, bytearray)) else memoryview(data).nbytes
            if inside or self.text - self.passed == size:
                self.passed += size
            else:
                self.announce(frame_at().f_back)
                self.direct += size
            return write_buffer(data)

        stream.write, buffer.write = write_text, write_bytes

    def size(self, text):
        """How many bytes a text makes."""
        try:
            return len(text.encode(self.stream.encoding, self.stream.errors or "strict"))
        except Exception:
            return 0

    def announce(self, frame):
        """Says where what follows is printed from."""
        while frame is not None and is_own(frame.f_code):
            frame = frame.f_back
        if frame is None or not self.debugger.armed:
            return
        self.last = (frame.f_code, frame.f_lineno)
        self.debugger.channel.event(
            "printing",
            stream=self.name,
            offset=self.text + self.direct,
            place=self.debugger.places.place(frame.f_code.co_filename),
            line=frame.f_lineno or 0,
        )

    def release(self):
        """Steps aside."""
        for each in (self.stream, getattr(self.stream, "buffer", None)):
            try:
                del each.write
            except AttributeError:
                pass
