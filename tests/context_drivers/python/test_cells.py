"""Cells: what they leave behind, what they show and print, and how they end."""

import os
import resource
import unittest

from driver import VERSION, Case, bare

KNOWN = ("json", "re", "enum", "functools", "traceback", "linecache", "asyncio")
LOOK = """\
import sys, os, threading
print(__name__, sys.argv, sys.path[0] == os.getcwd(), sys.modules['__main__'].__dict__ is globals())
print([name for name in sys.modules if 'codebeaker' in name], [name for name in os.environ if 'BEAKER' in name])
print(sorted(name for name in globals() if name not in ('sys', 'os', 'threading', 'KNOWN')))
print(threading.enumerate(), threading.current_thread() is threading.main_thread(), len(sys._current_frames()))
print(sys.stdout.fileno(), sys.stderr.fileno(), sys.stdin.fileno(), sys.stdin is sys.__stdin__, sys.stdin.isatty())
print(sys.excepthook is sys.__excepthook__, sys.displayhook is sys.__displayhook__, sys.gettrace(), sys.getprofile())
import signal
print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)
for number in range(3, 20):
    try:
        os.fstat(number)
        print('open', number)
    except OSError:
        pass
print([name for name in KNOWN if name in sys.modules])
import subprocess
print(subprocess.run([sys.executable, '-c', 'import os; print(os.listdir("/proc/self/fd"))'], stdout=-1).stdout)
"""


class Cells(Case):
    def test_state_is_kept(self):
        """What a cell defines the next one finds."""
        self.passes("import math\nx = 2\ndef double(n): return n * x")
        self.assertEqual(self.passes("double(21)").text, "42")
        self.passes("x = 3")
        self.assertEqual(self.passes("double(21)").text, "63")
        self.assertEqual(self.passes("math.floor(2.5)").text, "2")

    def test_the_interpreter_is_the_users(self):
        """Nothing of the driver is in the way."""
        self.assertEqual(self.context.ready["version"].split(".")[:2], list(map(str, VERSION)))
        self.assertEqual((self.context.ready["language"], self.context.ready["unit"]), ("python", "codepoint"))
        names = ["__annotations__", "__builtins__", "__doc__", "__loader__", "__name__", "__package__", "__spec__"]
        if VERSION >= (3, 14):
            names.remove("__annotations__")
        lines = self.passes("KNOWN = %r\n" % (KNOWN,) + LOOK).out.splitlines()
        self.assertEqual(lines[0], "__main__ [''] True True")
        self.assertEqual(lines[1], "[] []")
        self.assertEqual(lines[2], repr(names))
        self.assertRegex(lines[3], r"^\[<_MainThread\(MainThread, started \d+\)>\] True 1$")
        self.assertEqual(lines[4], "1 2 0 True False")
        self.assertEqual(lines[5], "True True None None")
        self.assertEqual(lines[6], "True")
        self.assertNotIn("open", " ".join(lines))
        loaded = bare("import sys, signal, threading; print([name for name in %r if name in sys.modules])" % (KNOWN,))
        self.assertEqual(lines[7] + "\n", loaded)
        self.assertEqual(lines[8], repr(b"['0', '1', '2', '3']\n"))

    def test_modules_of_the_workspace(self):
        """A module of the user's is not taken for one of the library's, nor the other way round."""
        for name in ("json", "linecache", "traceback", "code", "session", "tokenize"):
            self.write(name + ".py", "own = %r\n" % name)
        self.context = self.launch()
        cell = self.passes(
            "import json, linecache, code, session, tokenize\n[m.own for m in (json, linecache, code, session, tokenize)]"
        )
        self.assertEqual(cell.text, "['json', 'linecache', 'code', 'session', 'tokenize']")
        cell = self.run_cell("def f():\n    1 / 0\nf()")
        self.assertIn("    1 / 0\n", cell.err)

    def test_results(self):
        """The value of the last expression is shown, unless there is none or it is not wanted."""
        shown = {
            "1 + 1": "2",
            "'a\\n'": "'a\\n'",
            "x = 5\nx": "5",
            "(1,\n 2)": "(1, 2)",
            "[i for i in range(3)]  # a comment; with that": "[0, 1, 2]",
            "';'": "';'",
            "1;2": "2",
            "{'b': 1, 'a': [2]}": "{'b': 1, 'a': [2]}",
            "x\n\n": "5",
            "'\u00e4\u20ac'": "'\u00e4\u20ac'",
            "\r\nx\r\n": "5",
        }
        for code, text in shown.items():
            with self.subTest(code=code):
                self.assertEqual(self.passes(code).results, [("result", {"text/plain": text})])
        for code in ("1;", "x;  # why", "x = 1", "None", "print", "'\u00e4';", "(1\n);", "", "# nothing", "if x: x"):
            with self.subTest(code=code):
                cell = self.passes(code)
                self.assertEqual(len(cell.results), 1 if code == "print" else 0)

    def test_last_values(self):
        """`_` is the last value, unless the user has one."""
        self.passes("1")
        self.passes("2")
        self.passes("3")
        self.passes("None")
        self.assertEqual(self.passes("(_, __, ___)").text, "(3, 2, 1)")
        self.assertEqual(self.passes("'_' in globals()").text, "False")
        self.passes("_ = 'mine'")
        self.passes("5")
        self.assertEqual(self.passes("_").text, "'mine'")

    def test_plain(self):
        """Without rich display values are printed as the interpreter prints them."""
        cell = self.passes("x = [1, 2]\nx", rich=False)
        self.assertEqual((cell.out, cell.results), ("[1, 2]\n", []))
        cell = self.passes("display(3)", rich=False)
        self.assertEqual((cell.out, cell.results), ("3\n", []))
        self.assertEqual(self.passes("_").text, "[1, 2]")
        self.passes("import sys\nsys.displayhook = lambda value: print('<', value, '>')")
        self.assertEqual(self.passes("4").out, "< 4 >\n")

    def test_output(self):
        """Output comes out on its stream, all of it, before the marks."""
        cell = self.run_cell(
            "import sys, os\nprint('out', end='', flush=True)\nsys.stderr.write('err')\nos.write(1, b'!')\nNone"
        )
        self.assertEqual((cell.out, cell.err), ("out!", "err"))
        cell = self.passes("print('x' * 1000000)")
        self.assertEqual(len(cell.out), 1000001)
        cell = self.passes("import os, sys\nkept = os.dup(1)\nos.close(1)\nNone")
        self.assertEqual(cell.status, "ok")
        cell = self.passes("os.dup2(kept, 1)\nprint('back')")
        self.assertEqual(cell.out, "back\n")
        cell = self.passes("import io\nsys.stdout = io.StringIO()\nprint('hidden')")
        self.assertEqual(cell.out, "")
        self.assertEqual(self.passes("sys.stdout.getvalue()").text, "'hidden\\n'")
        cell = self.passes("sys.stdout = sys.__stdout__\nos.set_blocking(1, False)\nNone")
        self.assertEqual(self.passes("print('on')").out, "on\n")

    def test_streams_that_are_gone(self):
        """A cell that closed its streams is over all the same."""
        cell = self.run_cell("import sys\nsys.stdout.close()\nsys.stderr = None")
        self.assertEqual((cell.status, cell.out), ("ok", ""))
        self.assertEqual(self.run_cell("1 / 0").status, "error")
        self.assertEqual(self.run_cell("2").text, "2")

    def test_exit(self):
        """`exit` ends the cell, and the context lives."""
        for code, status in {
            "exit()": 0,
            "quit(3)": 3,
            "import sys; sys.exit(7)": 7,
            "raise SystemExit(-1)": 255,
            "raise SystemExit": 0,
            "async def f(): sys.exit(4)\nawait f()": 4,
        }.items():
            with self.subTest(code=code):
                cell = self.run_cell("x = 1\n" + code)
                self.assertEqual((cell.status, cell.done["code"], cell.err), ("exit", status, ""))
        cell = self.run_cell("sys.exit('bye')")
        self.assertEqual((cell.done["code"], cell.err), (1, "bye\n"))
        self.assertEqual(self.passes("input()", ["still there"]).text, "'still there'")

    def test_names_and_lines(self):
        """Cells of a file are at their place in it."""
        path = self.write("a.py", "# %%\nfirst = 1\n# %%\nsecond = 2\n")
        cell = self.run_cell("second = 2\nsecond.no", name=path, line=4)
        self.assertEqual(cell.error["frames"][0]["file"], path)
        self.assertEqual(cell.error["frames"][0]["line"], 5)
        self.assertIn('File "%s", line 5, in <module>\n    second.no\n' % path, cell.err)
        self.assertEqual(self.passes("__file__").text, repr(path))
        other = os.path.join(self.workspace, "unsaved.py")
        self.assertEqual(self.passes("__file__", name=other, line=100).text, repr(other))
        self.passes("__file__ = 'mine'", name=path)
        self.assertEqual(self.passes("__file__", name=path).text, "'mine'")

    def test_futures(self):
        """What a cell takes from the future counts for the next."""
        self.passes("from __future__ import annotations\ndef f(a: undefined): pass")
        self.passes("def g(a: undefined): pass")
        self.assertEqual(self.passes("g.__annotations__").text, "{'a': 'undefined'}")

    def test_warnings(self):
        """A warning shows its line, each time."""
        for _ in range(2):
            cell = self.run_cell("import warnings\nwarnings.warn('careful')", name="/workspace/w.py")
            self.assertEqual(cell.err, "/workspace/w.py:2: UserWarning: careful\n  warnings.warn('careful')\n")

    def test_ordinary_machinery(self):
        """What looks for `__main__` or for sources finds them."""
        self.passes(
            "import inspect, pickle, dataclasses, multiprocessing\n"
            "@dataclasses.dataclass\nclass Point:\n    x: int\n\n"
            "def double(n):\n    return 2 * n  # twice\n"
            "print(inspect.getsource(double), end='')"
        )
        self.assertEqual(self.passes("pickle.loads(pickle.dumps(Point(3)))").text, "Point(x=3)")
        self.assertEqual(
            self.passes("print(inspect.getsource(double))").out, "def double(n):\n    return 2 * n  # twice\n\n"
        )
        pool = "with multiprocessing.get_context('fork').Pool(2) as pool:\n    print(pool.map(double, range(4)))"
        self.assertEqual(self.run_cell(pool).out, "[0, 2, 4, 6]\n")
        path = os.path.join(self.workspace, "unsaved.py")
        self.passes("class A:\n    def f(self):\n        pass", name=path, line=10)
        self.assertEqual(self.passes("print(inspect.getsource(A.f))").out, "    def f(self):\n        pass\n\n")
        self.assertEqual(self.passes("print(inspect.getsource(A))").out, "class A:\n    def f(self):\n        pass\n\n")
        self.assertEqual(self.passes("inspect.getsourcelines(A.f)[1]").text, "11")

    def test_sources_in_the_cell_that_imports(self):
        """A cell that imports the library's cache of sources is in it."""
        cell = self.passes("def f(): return 1\nimport inspect\ninspect.getsource(f)")
        self.assertEqual(cell.text, repr("def f(): return 1\n"))

    def test_threads_go_on(self):
        """A thread of a cell runs while others do, and is no part of them."""
        self.passes(
            "import threading\nstop, ran = threading.Event(), []\n"
            "def work():\n    while not stop.wait(0.01): ran.append(1)\n"
            "thread = threading.Thread(target=work)\nthread.start()"
        )
        self.passes("before = len(ran)\nimport time\nwhile len(ran) <= before: time.sleep(0.01)")
        self.passes("stop.set()\nthread.join()")

    def test_forks(self):
        """A child runs to the end of its cell, says nothing to the daemon, and ends."""
        cell = self.passes(
            "import os, sys\npid = os.fork()\nif pid == 0:\n    print('child')\n    display(1)\n"
            "else:\n    status = os.waitpid(pid, 0)[1]\n    print('parent', os.WEXITSTATUS(status))"
        )
        self.assertEqual(cell.out, "child\n1\nparent 0\n")
        cell = self.run_cell(
            "pid = os.fork()\nif pid == 0:\n    1 / 0\nprint('parent', os.WEXITSTATUS(os.waitpid(pid, 0)[1]))"
        )
        self.assertEqual((cell.status, cell.out), ("ok", "parent 1\n"))
        self.assertIn("ZeroDivisionError", cell.err)
        cell = self.passes("pid = os.fork()\nif pid == 0:\n    sys.exit(5)\nos.WEXITSTATUS(os.waitpid(pid, 0)[1])")
        self.assertEqual(cell.text, "5")
        cell = self.passes(
            "import signal\npid = os.fork()\nif pid == 0:\n    try:\n        input()\n    except EOFError:\n        print('no input')\n"
            "else:\n    os.waitpid(pid, 0)\nNone",
            answers=[],
        )
        self.assertEqual(cell.out, "no input\n")

    def test_tracers_see_the_users_code_alone(self):
        """A tracer of a cell's is called for code of cells."""
        self.passes(
            "import sys\nseen = []\ndef trace(frame, event, arg): seen.append(frame.f_code.co_filename)\nsys.settrace(trace)"
        )
        self.passes("def f(): pass\nf()", name="/workspace/t.py")
        cell = self.passes("sys.settrace(None)\nsorted({name for name in seen if 'codebeaker' in name})")
        self.assertIn("/workspace/t.py", self.passes("seen").text)
        self.assertLessEqual(cell.text.count("codebeaker"), 1)

    def test_rude_cells(self):
        """Cells that break what they find break their own things."""
        for code in (
            "import sys\nsys.modules.clear()",
            "import builtins\nfor n in 'len open isinstance getattr list dict str type any max min next id print repr'.split():\n    builtins.__dict__[n] = None",
            "import sys\nsys.meta_path.clear(); sys.path.clear(); sys.path_hooks.clear()",
            "import sys\nsys.excepthook = sys.displayhook = None",
            "import sys\nsys.setrecursionlimit(60)",
            "globals().clear()",
            "import os\nos.environ.clear()\nos.chdir('/')",
            "import gc\ngc.disable()",
            "import locale\nlocale.setlocale(locale.LC_ALL, 'C')\nNone",
        ):
            with self.subTest(code=code):
                context = self.launch()
                self.assertIn(context.run(code).status, ("ok", "error"))
                self.assertEqual(context.run("1 / 0").status, "error")
                if "displayhook" not in code:
                    self.assertEqual(context.run("41 + 1").text, "42")


class Circumstances(Case):
    def test_few_descriptors(self):
        """Where hardly any descriptors are allowed there are enough all the same."""
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, before[1]))
        try:
            context = self.launch()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
        self.assertEqual(context.run("print(1)").out, "1\n")

    def test_isolated(self):
        """With -I the path begins with the working directory all the same."""
        self.write("beside.py", "here = 5\n")
        context = self.launch("-I")
        self.assertEqual(context.run("import beside\nbeside.here").text, "5")


if __name__ == "__main__":
    unittest.main()
