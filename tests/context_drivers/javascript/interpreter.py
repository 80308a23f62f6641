"""Drives the JavaScript driver as the daemon does: over a socketpair, with pipes as its streams.

Every wait has a deadline. CODEBEAKER_NODE names the Node to use.
"""

import json
import os
import queue
import secrets
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
DRIVER = os.path.join(ROOT, "src", "context", "javascript", "driver.cjs")
NODE = os.environ.get("CODEBEAKER_NODE", "node")
PATIENCE = float(os.environ.get("PATIENCE", 20))


class Stream:
    """What comes out of a pipe, up to each mark."""

    def __init__(self, descriptor):
        self.data = b""
        self.changed = threading.Condition()
        self.thread = threading.Thread(target=self.read, args=(descriptor,), daemon=True)
        self.thread.start()

    def read(self, descriptor):
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            while True:
                data = file.read(65536)
                with self.changed:
                    if not data:
                        self.data += b"\0the end"
                        self.changed.notify_all()
                        return
                    self.data += data
                    self.changed.notify_all()

    def until(self, mark):
        wanted = b"\0" + mark.encode() + b"\0"
        with self.changed:
            if not self.changed.wait_for(lambda: wanted in self.data, PATIENCE):
                raise AssertionError(f"no mark in {self.data[-2000:]!r}")
            text, _, self.data = self.data.partition(wanted)
            return text.decode()

    def contains(self, text):
        with self.changed:
            if not self.changed.wait_for(lambda: text.encode() in self.data, PATIENCE):
                raise AssertionError(f"no {text!r} in {self.data[-2000:]!r}")


class Interpreter:
    """One driver process."""

    def __init__(self, *args, cwd=None, env=None, node_args=()):
        self.directory = None if cwd else tempfile.TemporaryDirectory()
        self.cwd = cwd or os.path.realpath(self.directory.name)
        ours, theirs = socket.socketpair()
        out, out_end = os.pipe()
        error, error_end = os.pipe()

        def place():
            os.dup2(theirs.fileno(), 3)
            os.set_inheritable(3, True)

        environment = {"PATH": os.environ["PATH"], "HOME": self.cwd, **(env or {})}
        self.process = subprocess.Popen(
            [NODE, *node_args, DRIVER, *args],
            stdin=subprocess.DEVNULL,
            stdout=out_end,
            stderr=error_end,
            cwd=self.cwd,
            env=environment,
            preexec_fn=place,
            close_fds=False,
        )
        theirs.close()
        os.close(out_end)
        os.close(error_end)
        self.socket = ours
        self.out, self.error = Stream(out), Stream(error)
        self.messages = queue.Queue()
        self.file = ours.makefile("rb")
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        self.count = 0
        self.interrupts = 0
        try:
            self.ready = self.receive()
            assert self.ready["event"] == "ready", (self.ready, self.error.data)
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise

    def read(self):
        try:
            for line in self.file:
                assert len(line) <= 4 * 1024 * 1024 and line.isascii(), line[:200]
                self.messages.put(json.loads(line))
        except (OSError, ValueError):
            pass
        self.messages.put({"event": "gone"})

    def receive(self):
        try:
            return self.messages.get(timeout=PATIENCE)
        except queue.Empty:
            raise AssertionError(f"nothing came; standard error: {self.error.data[-2000:]!r}") from None

    def send(self, **message):
        self.socket.sendall(json.dumps(message).encode() + b"\n")

    def begin(self, code, name=None, line=None, rich=True, input=True):
        self.count += 1
        mark = secrets.token_hex(32)
        options = {"rich": rich, "input": input, "interrupts": self.interrupts}
        self.send(op="execute", id=self.count, code=code, name=name, line=line, mark=mark, **options)
        return self.count, mark

    def finish(self, begun, answers=()):
        """What became of a cell, its events and its output; input is answered in order."""
        number, mark = begun
        answers = list(answers)
        events = []
        while True:
            message = self.receive()
            if message["event"] == "input":
                events.append(message)
                answer = answers.pop(0)
                given = {"eof": True} if answer is None else {"value": answer}
                self.send(op="input", input=message["input"], **given)
            elif message["event"] == "done":
                assert message["id"] == number, message
                return Outcome(message, events, self.out.until(mark), self.error.until(mark))
            elif message["event"] == "gone":
                raise AssertionError(f"it ended with {self.process.wait(PATIENCE)}: {self.error.data[-3000:]!r}")
            else:
                events.append(message)

    def run(self, code, answers=(), **options):
        return self.finish(self.begin(code, **options), answers)

    def ask(self, op, **details):
        self.count += 1
        self.send(op=op, id=self.count, **details)
        while True:
            message = self.receive()
            if message["event"] == "answer":
                assert message["id"] == self.count, message
                return message
            assert message["event"] != "gone", self.error.data[-3000:]

    def interrupt(self):
        self.interrupts += 1
        os.kill(self.process.pid, signal.SIGINT)

    def interrupt_when(self, text):
        """Interrupts once the cell has printed this."""
        self.out.contains(text)
        time.sleep(0.05)
        self.interrupt()

    def write(self, name, text):
        path = os.path.join(self.cwd, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError("it outlived its channel") from None
        finally:
            self.reader.join(PATIENCE)
            self.file.close()
            self.socket.close()
            if self.directory:
                self.directory.cleanup()


class Outcome:
    """A cell that is over."""

    def __init__(self, done, events, out, error):
        self.done, self.events, self.out, self.error = done, events, out, error
        self.status = done["status"]

    @property
    def plain(self):
        """The result as text; None if there is none."""
        results = [event for event in self.events if event.get("kind") == "result"]
        assert len(results) <= 1, results
        return results[0]["data"]["text/plain"] if results else None

    def __repr__(self):
        return f"Outcome({self.done}, {self.events}, {self.out!r}, {self.error!r})"


class Case(unittest.TestCase):
    """A test with an interpreter of its own."""

    arguments = ()

    def setUp(self):
        self.node = Interpreter(*self.arguments)
        self.addCleanup(self.node.close)

    def run_ok(self, code, **options):
        outcome = self.node.run(code, **options)
        self.assertEqual(outcome.status, "ok", outcome)
        return outcome

    def value(self, code, **options):
        return self.run_ok(code, **options).plain
