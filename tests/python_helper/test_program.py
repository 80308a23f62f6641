"""A program under the helper runs as it does without: what it sees, what it prints and how it ends."""

import os
import re
import subprocess
import unittest

from driver import PYTHON, VERSION, Case, bare, each_engine

LOOK = """\
import sys, os
print(sys.argv, sys.path[0] == os.path.dirname(os.path.abspath(sys.argv[0])), __name__, __file__, __spec__, __package__)
print(sorted(k for k in globals() if k not in ('sys', 'os')), type(__loader__).__name__, __builtins__)
print(sys.modules['__main__'].__dict__ is globals(), [m for m in sys.modules if 'codebeaker' in m])
print(type(sys.stdout), sys.stdout.fileno(), sys.stdout.encoding, sys.stdout.isatty(), type(sys.stdout.buffer))
print(sorted(os.environ) == sorted(os.environ), [k for k in os.environ if 'BEAKER' in k])
print(sys.stdout is sys.__stdout__, sys.excepthook is sys.__excepthook__)
import threading
print(threading.enumerate(), threading.current_thread() is threading.main_thread())
import pickle
class K: pass
print(pickle.dumps(K()), pickle.loads(pickle.dumps(K())).__class__ is K)
for number in range(3, 10):
    try:
        os.fstat(number); print('open', number)
    except OSError: pass
"""
PROGRAMS = {
    "look": LOOK,
    "raise": "def f():\n    raise ValueError('no')\nf()\n",
    "chained": "try:\n    1 / 0\nexcept Exception as e:\n    raise KeyError('x') from e\n",
    "exit code": "import sys; sys.exit(7)\n",
    "exit text": "import sys; sys.exit('bye')\n",
    "exit none": "raise SystemExit\n",
    "syntax": "x = 1\nif x\n",
    "interrupt": "raise KeyboardInterrupt\n",
    "atexit": "import atexit, sys\natexit.register(print, 'at exit')\nsys.stdout.write('no end')\n",
    "atexit raises": "import atexit\natexit.register(lambda: 1 / 0)\n",
    "hook": "import sys\nsys.excepthook = lambda *a: print('hooked', a[0], a[1], a[2].tb_frame.f_code.co_name)\n1 / 0\n",
    "hook raises": "import sys\ndef h(*a): raise KeyError('h')\nsys.excepthook = h\n1 / 0\n",
    "thread": "import threading\nt = threading.Thread(target=lambda: 1 / 0, name='T')\nt.start(); t.join()\nprint('on')\n",
    "raw thread": "import _thread, time\n_thread.start_new_thread(lambda: 1 / 0, ())\ntime.sleep(0.3)\n",
    "non-daemon": "import threading, time\nthreading.Thread(target=lambda: (time.sleep(0.3), print('late'))).start()\nprint('main')\n",
    "unraisable": "class K:\n    def __del__(self): 1 / 0\nk = K(); del k\n",
    "os exit": "import os\nprint('lost', end='')\nos._exit(3)\n",
    "signal": "import os, signal\nos.kill(os.getpid(), signal.SIGTERM)\n",
    "recursion": "def f(): f()\ntry:\n    f()\nexcept RecursionError as e:\n    print(type(e))\n",
    "closed": "import sys\nsys.stdout.close()\n",
    "stdin": "print(repr(input()))\n",
    "future": "from __future__ import annotations\nx: nonsense = 1\nprint(__annotations__)\n",
    "encoding": "# -*- coding: latin-1 -*-\nprint(len('\u00e9'))\n",
    "warning": "import warnings\nwarnings.warn('careful')\nx = '\\d'\nprint(1 is 1)\n",
    "pool": """\
from multiprocessing import Pool, get_context
def double(x): return 2 * x
if __name__ == '__main__':
    for method in ('fork', 'spawn', 'forkserver'):
        with get_context(method).Pool(2) as pool: print(method, pool.map(double, range(4)))
""",
    "shadows": "import json, queue, dis, traceback, state, session\nprint(json.own, queue.own, dis.own, state.own, session.own)\n",
    "asyncio": "import asyncio\nasync def f(): raise OSError(3, 'x')\nasyncio.run(f())\n",
}


def plain(text):
    """What differs from run to run, made the same."""
    text = re.sub(r"0x[0-9a-f]+|\b\d{12,}\b", "0x", text)
    return re.sub(r"Thread-\d+", "Thread", text)


class Programs(Case):
    def compare(self, arguments, options, args=(), **more):
        """Runs a program both ways."""
        interpreter = more.pop("interpreter", ())
        environment = dict(bare(), **more.get("env", {}))
        command = [PYTHON, *interpreter, *arguments, *args]
        stdin = os.path.join(self.directory, "input")
        self.write("a line\n", "input")
        with open(stdin) as file:
            done = subprocess.run(
                command, cwd=self.directory, env=environment, stdin=file, stdout=-1, stderr=-1, timeout=30
            )
        expected = done.returncode, plain(done.stdout.decode()), plain(done.stderr.decode())
        with open(stdin) as file:
            debuggee = self.launch(*options, args=args, stdin=file, interpreter=interpreter, **more)
            debuggee.ask("setExceptionBreakpoints", filters=[])
            debuggee.ask("start")
            status, out, err = debuggee.end()
        self.assertEqual((status, plain(out), plain(err)), expected)
        return expected

    @each_engine
    def test_files(self, engine):
        """`python file`"""
        for name in ("state", "session"):
            self.write("own = 'own'\n", name + ".py")
        for name, text in PROGRAMS.items():
            with self.subTest(program=name):
                if name == "raw thread" and VERSION < (3, 11):
                    # The interpreter adds the helper's frame to that traceback.
                    continue
                self.tearDownShadows()
                if name == "shadows":
                    for each in ("json", "queue", "dis", "traceback"):
                        self.write("own = 'own'\n", each + ".py")
                path = self.write(text)
                if name == "encoding":
                    with open(path, "wb") as file:
                        file.write(text.encode("latin-1"))
                self.compare([path], ["--file", path], args=["a", "--b"], engine=engine)

    def tearDownShadows(self):
        """Removes modules that would be in the way of others."""
        for each in ("json", "queue", "dis", "traceback"):
            path = os.path.join(self.directory, each + ".py")
            if os.path.exists(path):
                os.unlink(path)

    def test_shadows_on_the_path(self):
        """Modules of the program's on PYTHONPATH do not get in the helper's way."""
        for name in ("json", "threading", "signal", "traceback", "fcntl", "collections/__init__"):
            self.write("raise RuntimeError('not for you')\n", "shadow/%s.py" % name)
        path = self.write("try:\n    import json\nexcept RuntimeError as e:\n    print(e)\n")
        environment = {"PYTHONPATH": os.path.join(self.directory, "shadow")}
        self.compare([path], ["--file", path], env=environment)

    @each_engine
    def test_modules(self, engine):
        """`python -m`"""
        self.write("print('package', __name__)\n", "pack/__init__.py")
        text = "import sys\nprint(sys.argv, sys.path[0], __name__, __file__, __package__, __spec__.name)\n"
        self.write(text, "pack/__main__.py")
        self.write(text + "1 if len(sys.argv) else 2\n", "pack/part.py")
        for module in ("pack", "pack.part", "nothing", "pack.nothing", "json"):
            self.compare(["-m", module], ["--module", module], args=["x"], engine=engine)

    def test_directories(self):
        """A directory with a `__main__.py`."""
        self.write("import sys\nprint(sys.argv, sys.path[0], __file__, __package__)\n", "app/__main__.py")
        path = os.path.join(self.directory, "app")
        self.compare([path], ["--file", path])

    def test_missing(self):
        """A file that is not there."""
        path = os.path.join(self.directory, "nothing.py")
        self.compare([path], ["--file", path])

    def test_safe_path(self):
        """The interpreter's own options count."""
        path = self.write("import sys\nprint(sys.path[0].startswith(sys.argv[1]), sys.flags, sys._xoptions)\n")
        options = ["-I", "-W", "error", "-X", "abc"] if VERSION < (3, 11) else ["-P", "-O", "-X", "abc"]
        self.compare([path], ["--file", path], args=[self.directory], interpreter=options)

    def test_code(self):
        """Code that came with the request runs as the file that it lies in."""
        self.write("import sys\nprint(sys.argv, __name__)\nraise ValueError\n", "cell.py")
        debuggee = self.launch("--code", "cell.py", args=["z"])
        debuggee.ask("start")
        status, out, err = debuggee.end()
        self.assertEqual((status, out), (1, "['%s', 'z'] __main__\n" % os.path.join(self.directory, "cell.py")))
        self.assertIn('cell.py", line 3', err)
        self.assertNotIn("codebeaker", err)


if __name__ == "__main__":
    unittest.main()
