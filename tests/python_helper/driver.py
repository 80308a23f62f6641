"""Drives the helper as the adapter does: one end of a socket pair is the program's descriptor 3.

Every wait has a deadline; a debuggee that is not needed any more is killed.
"""

import json
import os
import queue
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

HELPER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../src/debug/python/helper")
PYTHON = os.environ.get("DEBUGGED_PYTHON", sys.executable)
PATIENCE = float(os.environ.get("PATIENCE", 30))


def version():
    """The version of the interpreter that is debugged."""
    code = "import sys; print(*sys.version_info[:2])"
    return tuple(map(int, subprocess.check_output([PYTHON, "-c", code]).split()))


VERSION = version()
ENGINES = ("settrace", "monitoring") if VERSION >= (3, 12) else ("settrace",)


class Failure(Exception):
    """The helper said no."""

    def __init__(self, answer):
        super().__init__(answer.get("error"))
        self.kind = answer.get("kind")


class Debuggee:
    """A program under the helper, and the adapter's side of the connection."""

    def __init__(self, directory, options, args=(), env=None, engine=None, stdin=None, interpreter=()):
        ours, theirs = socket.socketpair()
        words = [PYTHON, *interpreter, os.path.join(directory, "codebeaker_debug/__main__.py"), *options]
        if engine == "settrace":
            words.insert(len(interpreter) + 2, "--settrace")
        words += ["--", *args]
        environment = dict(bare(), **(env or {}))
        self.process = start(words, theirs, cwd=directory, env=environment, stdin=stdin)
        theirs.close()
        self.connect(ours)

    def connect(self, connection):
        """Talks to a helper over a connection."""
        self.socket = connection
        self.events = []
        self.answers = {}
        self.arrived = queue.Queue()
        self.last = 0
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        """Takes what the helper says."""
        try:
            for line in self.socket.makefile("rb"):
                self.arrived.put(json.loads(line))
        except OSError:
            pass
        self.arrived.put(None)

    def take(self, timeout=PATIENCE):
        """The next message; None at the end."""
        message = self.arrived.get(timeout=timeout)
        if message is not None and "event" in message:
            self.events.append(message)
        return message

    def send(self, op, **args):
        """Sends a request and does not wait. Answers its number."""
        self.last += 1
        line = json.dumps({"id": self.last, "op": op, "args": args}) + "\n"
        self.socket.sendall(line.encode())
        return self.last

    def answer(self, number):
        """The body of a request's answer; raises Failure."""
        while number not in self.answers:
            message = self.take()
            if message is None:
                raise EOFError("the helper is gone")
            if "id" in message and "event" not in message:
                self.answers[message["id"]] = message
        answer = self.answers.pop(number)
        if "ok" not in answer:
            raise Failure(answer)
        return answer["ok"]

    def ask(self, op, **args):
        """Sends a request and answers the body of its answer."""
        return self.answer(self.send(op, **args))

    def event(self, name, **details):
        """The next event of that name and those details, which was not asked for before."""
        while True:
            for index, each in enumerate(self.events):
                if each["event"] == name and all(each.get(key) == value for key, value in details.items()):
                    return self.events.pop(index)
            if self.take() is None:
                raise EOFError("no event %s: the helper is gone; %s" % (name, self.events))

    def stopped(self, reason=None):
        """The next stop."""
        event = self.event("stopped")
        if reason is not None and event["reason"] != reason:
            raise AssertionError("stopped for %s, not %s" % (event["reason"], reason))
        return event

    def stack(self, thread):
        """The frames of a thread."""
        return self.ask("stack", thread=thread)["frames"]

    def at(self, reason=None):
        """Where the program stops next: (function, line), and the stop."""
        event = self.stopped(reason)
        top = self.ask("stack", thread=event["thread"], start=0, count=1)["frames"][0]
        return (top["name"], top["line"]), event

    def step(self, event, kind, **args):
        """Steps, and answers where that ended."""
        self.ask("step", thread=event["thread"], kind=kind, alone=False, **args)
        return self.at()

    def resume(self, event):
        """Lets all threads go on."""
        self.ask("resume", thread=event["thread"], alone=False)

    def end(self):
        """Waits for the end: (exit code, standard output, standard error)."""
        out, err = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, out.decode(), err.decode()

    def close(self):
        """Ends the program if it has not ended."""
        self.process.kill()
        self.process.communicate()
        self.socket.close()


def bare():
    """The environment without what would change the interpreter."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return dict(kept, PYTHONDONTWRITEBYTECODE="1")


def start(words, side, **options):
    """Starts a process whose descriptor 3 is that socket, which moves there in the child alone."""
    number = side.fileno()

    def move():
        os.dup2(number, 3)
        os.set_inheritable(3, True)

    options["stdin"] = options.get("stdin") or subprocess.DEVNULL
    return subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        close_fds=False,
        preexec_fn=move,
        **options,
    )


class Case(unittest.TestCase):
    """A test with a directory of its own, for each engine that the interpreter has."""

    maxDiff = None

    def setUp(self):
        self.directory = os.path.realpath(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.directory, True)
        shutil.copytree(HELPER, os.path.join(self.directory, "codebeaker_debug"))
        self.started = []
        self.addCleanup(lambda: [each.close() for each in self.started])

    def write(self, text, name="program.py"):
        """Puts a file into the test's directory. Answers its path."""
        path = os.path.join(self.directory, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
        return path

    def debug(self, text, *options, **more):
        """A program that waits for its start."""
        path = self.write(text)
        return self.launch("--file", path, *options, **more)

    def launch(self, *options, **more):
        """A debuggee with those options of the helper's."""
        made = Debuggee(self.directory, options, **more)
        self.started.append(made)
        made.event("ready")
        return made

    def place(self, name="program.py"):
        """The place of a file of the test's."""
        return {"file": os.path.join(self.directory, name)}

    def set_lines(self, debuggee, *lines, name="program.py", **terms):
        """Sets breakpoints with the numbers of their lines."""
        wanted = [dict(terms, id=line, line=line) for line in lines]
        return debuggee.ask("setBreakpoints", place=self.place(name), breakpoints=wanted)["placed"]

    def run_to(self, text, *lines, **more):
        """A program that runs to one of these lines: (debuggee, place, stop)."""
        debuggee = self.debug(text, **more)
        self.set_lines(debuggee, *lines)
        debuggee.ask("start")
        where, event = debuggee.at()
        return debuggee, where, event


def each_engine(test):
    """Runs a test once for each engine of the interpreter."""

    def run(self):
        for engine in ENGINES:
            with self.subTest(engine=engine):
                test(self, engine)

    run.__name__ = test.__name__
    run.__doc__ = test.__doc__
    return run
