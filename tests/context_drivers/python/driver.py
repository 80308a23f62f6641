"""Drives the context driver as the daemon does: one end of a socket pair is its descriptor 3, pipes are its output.

Every wait has a deadline; a context that is not needed any more is killed. `CONTEXT_PYTHON` names the interpreter.
"""

import json
import os
import queue
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.join(HERE, "../../../src")
# What the driver has in common with the debugger's helper, and is put beside it.
SHARED = (
    "__main__.py",
    "channel.py",
    "contents.py",
    "interpreter.py",
    "lookup.py",
    "namespaces.py",
    "native.py",
    "operations.py",
    "places.py",
    "proposals.py",
    "reading.py",
    "rendering.py",
)
PYTHON = os.environ.get("CONTEXT_PYTHON", sys.executable)
PATIENCE = float(os.environ.get("PATIENCE", 30))


def version():
    """The version of the interpreter that the contexts have."""
    code = "import sys; print(*sys.version_info[:2])"
    return tuple(map(int, subprocess.check_output([PYTHON, "-c", code]).split()))


VERSION = version()


def bare(code):
    """What a program prints that the interpreter runs by itself."""
    with tempfile.NamedTemporaryFile("w", suffix=".py") as file:
        file.write(code)
        file.flush()
        return subprocess.check_output([PYTHON, file.name]).decode()


def lay(directory):
    """Puts the driver's package into a directory. Answers the path of what is to be started."""
    package = os.path.join(directory, "codebeaker_context")
    shutil.copytree(os.path.join(SOURCE, "context/python"), package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in SHARED:
        shutil.copy(os.path.join(SOURCE, "debug/python/helper", name), package)
    return os.path.join(package, "__main__.py")


class Cell:
    """What an execution came to."""

    def __init__(self, done, events, out, err):
        self.done, self.events, self.out, self.err = done, events, out, err
        self.status = done["status"]

    @property
    def error(self):
        """The exception that ended it."""
        return self.done["error"]

    @property
    def results(self):
        """The bundles that were shown, with their kinds."""
        return [(each["kind"], each["data"]) for each in self.events if each["event"] == "display"]

    @property
    def text(self):
        """The text of the only thing that was shown."""
        ((_, data),) = self.results
        return data["text/plain"]


class Context:
    """A context, and the daemon's side of it."""

    def __init__(self, directory, main, interpreter=(), env=None):
        ours, theirs = socket.socketpair()
        number = theirs.fileno()

        def prepare():
            os.dup2(number, 3)
            os.set_inheritable(3, True)
            for other in range(4, 100):
                try:
                    os.set_inheritable(other, False)
                except OSError:
                    pass
            # As the agent starts it, whatever started these tests.
            signal.signal(signal.SIGINT, signal.SIG_DFL)

        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "MPL", "CODEBEAKER"))}
        self.process = subprocess.Popen(
            [PYTHON, *interpreter, main],
            cwd=directory,
            env=dict(kept, PYTHONDONTWRITEBYTECODE="1", **(env or {})),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            close_fds=False,
            preexec_fn=prepare,
        )
        theirs.close()
        self.socket = ours
        self.last = 0
        self.queues = {name: queue.Queue() for name in ("events", "stdout", "stderr")}
        self.rest = {"stdout": b"", "stderr": b""}
        self.start(self.read_events)
        self.start(self.read_stream, "stdout")
        self.start(self.read_stream, "stderr")
        self.ready = self.event("ready")

    @staticmethod
    def start(function, *args):
        """Runs something beside."""
        threading.Thread(target=function, args=args, daemon=True).start()

    def read_events(self):
        """Takes what the driver says."""
        try:
            for line in self.socket.makefile("rb"):
                self.queues["events"].put(json.loads(line))
        except OSError:
            pass
        self.queues["events"].put(None)

    def read_stream(self, name):
        """Takes what comes out of a pipe."""
        stream = getattr(self.process, name)
        data = b"begun"
        while data:
            try:
                data = os.read(stream.fileno(), 65536)
            except (OSError, ValueError):
                data = b""
            self.queues[name].put(data or None)

    def send(self, **message):
        """Says something to the driver."""
        self.socket.sendall(json.dumps(message).encode() + b"\n")

    def event(self, name=None):
        """The next event."""
        event = self.queues["events"].get(timeout=PATIENCE)
        if event is None:
            raise EOFError("the driver is gone: %r" % self.rest)
        if name is not None and event["event"] != name:
            raise AssertionError("%s is no %s" % (event, name))
        return event

    def until(self, stream, mark):
        """What comes out of a stream before a mark."""
        while mark not in self.rest[stream]:
            data = self.queues[stream].get(timeout=PATIENCE)
            if data is None:
                raise EOFError("%s ended: %r" % (stream, self.rest[stream]))
            self.rest[stream] += data
        before, _, self.rest[stream] = self.rest[stream].partition(mark)
        return before.decode("utf-8", "replace")

    def begin(self, code, **options):
        """Begins an execution, and does not wait for it."""
        self.last += 1
        self.mark = secrets.token_hex(32)
        request = {"op": "execute", "id": self.last, "code": code, "name": None, "line": 1, "mark": self.mark}
        request.update({"rich": True, "input": False}, **options)
        self.send(**request)

    def finish(self, answers=()):
        """Waits for the end of the execution. `answers` are given to what it asks for; None is the end."""
        events, answers = [], list(answers)
        while True:
            event = self.event()
            if event["event"] == "done":
                break
            events.append(event)
            if event["event"] == "input":
                value = answers.pop(0)
                answer = {"eof": True} if value is None else {"value": value}
                self.send(op="input", input=event["input"], **answer)
        mark = b"\0" + self.mark.encode() + b"\0"
        assert all(each.get("id") == self.last for each in [*events, event]), events
        return Cell(event, events, self.until("stdout", mark), self.until("stderr", mark))

    def run(self, code, answers=None, **options):
        """Executes a cell."""
        self.begin(code, input=answers is not None, **options)
        return self.finish(answers or ())

    def ask(self, op, **question):
        """Asks a question."""
        self.last += 1
        self.send(op=op, id=self.last, **question)
        answer = self.event("answer")
        assert answer.pop("id") == self.last
        return answer

    def interrupt(self, everyone=False):
        """Interrupts what runs; with `everyone` also what that has started, as a terminal does."""
        if everyone:
            os.killpg(self.process.pid, signal.SIGINT)
        else:
            self.process.send_signal(signal.SIGINT)

    def end(self):
        """Waits for the end of the process."""
        return self.process.wait(PATIENCE)

    def close(self):
        """Ends the context if it has not ended."""
        self.process.kill()
        self.process.wait()
        self.socket.close()
        self.process.stdout.close()
        self.process.stderr.close()


class Case(unittest.TestCase):
    """A test with a directory and a context of its own."""

    maxDiff = None
    interpreter = ()

    def setUp(self):
        self.directory = os.path.realpath(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.directory, True)
        self.main = lay(os.path.join(self.directory, "code"))
        self.workspace = os.path.join(self.directory, "workspace")
        os.mkdir(self.workspace)
        self.context = self.launch()

    def launch(self, *interpreter, env=None):
        """Another context in this directory."""
        context = Context(self.workspace, self.main, interpreter, env)
        self.addCleanup(context.close)
        return context

    def write(self, name, text):
        """Puts a file into the workspace. Answers its path."""
        path = os.path.join(self.workspace, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def run_cell(self, code, answers=None, **options):
        """Executes a cell."""
        return self.context.run(code, answers, **options)

    def passes(self, code, answers=None, **options):
        """Executes a cell that has to end well, and says nothing on standard error."""
        cell = self.run_cell(code, answers, **options)
        self.assertEqual((cell.status, cell.err), ("ok", ""))
        return cell
