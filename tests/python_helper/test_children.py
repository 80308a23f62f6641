"""Children: each is met by a connection of its own, or runs as if nothing were."""

import json
import os
import socket
import subprocess
import sys
import threading
import unittest

from driver import PYTHON, Case, Debuggee, each_engine

INNER = "import sys\ndef f():\n    x = 1\nf()\nprint('inner', sys.argv)\n"


class Child(Debuggee):
    """A child that was announced."""

    def __init__(self, announcement):
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(announcement["socket"])
        self.connect(connection)
        self.process = None

    def close(self):
        """Lets go of it."""
        self.socket.close()


class Children(Case):
    def setUp(self):
        super().setUp()
        self.fifo = os.path.join(self.directory, "children")
        os.mkfifo(self.fifo)
        # Open for writing too, so that it never ends.
        descriptor = os.open(self.fifo, os.O_RDWR)
        self.announced = os.fdopen(descriptor, "rb", 0)
        self.addCleanup(self.announced.close)

    def meet(self):
        """The next child, and what it said of itself."""
        announcement = json.loads(self.announced.readline())
        child = Child(announcement)
        self.started.append(child)
        self.assertEqual(child.event("ready")["pid"], announcement["pid"])
        self.assertFalse(os.path.exists(announcement["socket"]))
        return child, announcement

    def parent(self, text, engine):
        """A program that starts others, and runs."""
        debuggee = self.debug(text, "--children", self.fifo, engine=engine)
        debuggee.ask("start")
        return debuggee

    @each_engine
    def test_subprocess(self, engine):
        """subprocess, in its several ways, and os.exec."""
        inner = self.write(INNER, "inner.py")
        for text in (
            "import subprocess, sys\nsubprocess.run([sys.executable, '-u', %r, 'a'])\n",
            "import subprocess, sys\nsubprocess.run([sys.executable, %r, 'a'], preexec_fn=lambda: None)\n",
            "import subprocess, sys\nsubprocess.run([sys.executable, %r, 'a'], close_fds=False)\n",
            "import os, sys\nos.execv(sys.executable, ['python', %r, 'a'])\n",
            "import os, sys\np = os.posix_spawn(sys.executable, ['python', %r, 'a'], os.environ)\nos.waitpid(p, 0)\n",
        ):
            with self.subTest(text=text):
                debuggee = self.parent(text % inner, engine)
                child, announcement = self.meet()
                self.assertEqual(announcement["name"], "inner.py")
                self.set_lines(child, 3, name="inner.py")
                child.ask("start")
                where, event = child.at("breakpoint")
                self.assertEqual(where, ("f", 3))
                child.resume(event)
                child.event("ending")
                self.assertEqual(debuggee.end(), (0, "inner %r\n" % [inner, "a"], ""))

    @each_engine
    def test_forks(self, engine):
        """os.fork: the child is stopped on its own, and the parent's connection stays the parent's."""
        text = "import os\npid = os.fork()\nif not pid:\n    x = 1\n    os._exit(5)\nprint(os.waitpid(pid, 0)[1] >> 8)\n"
        debuggee = self.parent(text, engine)
        child, announcement = self.meet()
        self.set_lines(child, 4)
        child.ask("start")
        where, event = child.at("breakpoint")
        self.assertEqual(where, ("<module>", 4))
        self.assertEqual([each["name"] for each in child.ask("threads")["threads"]], ["MainThread"])
        child.resume(event)
        self.assertEqual(debuggee.end(), (0, "5\n", ""))

    @each_engine
    def test_multiprocessing(self, engine):
        """All three ways of multiprocessing."""
        text = """\
import multiprocessing, sys
def work(x):
    print('work', x)
if __name__ == '__main__':
    context = multiprocessing.get_context(sys.argv[1])
    process = context.Process(target=work, args=(3,))
    process.start()
    process.join()
    print(process.exitcode)
"""
        for method in ("fork", "spawn", "forkserver"):
            with self.subTest(method=method):
                path = self.write(text)
                debuggee = self.launch("--file", path, "--children", self.fifo, args=[method], engine=engine)
                debuggee.ask("start")
                child, announcement = self.meet()
                self.set_lines(child, 3)
                child.ask("start")
                where, event = child.at("breakpoint")
                self.assertEqual(where, ("work", 3))
                child.resume(event)
                self.assertEqual(debuggee.end(), (0, "work 3\n0\n", ""))

    @each_engine
    def test_unwanted(self, engine):
        """Without anybody who reads announcements, and without the option, children run undebugged."""
        inner = self.write(INNER, "inner.py")
        text = "import subprocess, sys, os\nsys.stdout.flush()\nsubprocess.run([sys.executable, %r])\n" % inner
        text += "p = os.fork()\nif not p: os._exit(0)\nos.waitpid(p, 0)\n"
        deaf = os.path.join(self.directory, "deaf")
        os.mkfifo(deaf) if not os.path.exists(deaf) else None
        for options in (["--children", deaf], []):
            debuggee = self.debug(text, *options, engine=engine)
            debuggee.ask("start")
            self.assertEqual(debuggee.end(), (0, "inner %r\n" % [inner], ""))

    @each_engine
    def test_what_is_left_alone(self, engine):
        """Others than this interpreter, and what it reads from its input, run as they are."""
        text = """\
import subprocess, sys
print(subprocess.check_output(['echo', 'python', 'x.py']))
print(subprocess.check_output([sys.executable, '-'], input=b'print(1)'))
print(subprocess.check_output([sys.executable, '-V']) != b'')
try:
    subprocess.run([sys.executable + '-nothing', 'x'])
except FileNotFoundError:
    print('none')
"""
        debuggee = self.parent(text, engine)
        self.assertEqual(debuggee.end(), (0, "b'python x.py\\n'\nb'1\\n'\nTrue\nnone\n", ""))


if __name__ == "__main__":
    unittest.main()
