"""Exceptions: printed as the interpreter prints them, without the driver, and told with their frames."""

import os
import re
import subprocess
import unittest

from driver import PYTHON, VERSION, Case

# Cells that fail as files do, whose tracebacks differ in nothing.
FAILING = {
    "raise": "def f():\n    raise ValueError('no')\nf()\n",
    "chained": "try:\n    1 / 0\nexcept Exception as e:\n    raise KeyError('x') from e\n",
    "during": "try:\n    {}['a']\nexcept KeyError:\n    undefined\n",
    "syntax": "x = 1\nif x\n    y\n",
    "indentation": "def f():\nx\n",
    "await outside": "def f():\n    await g()\n",
    "recursion": "def f(): f()\nf()\n",
    "own class": "class E(Exception): pass\nraise E('mine')\n",
    "text that fails": "class E(Exception):\n    def __str__(self): 1 / 0\nraise E\n",
    "name": "value = 1\nprint(valeu)\n",
    "attribute": "import os\nos.pth\n",
    "multi-line": "raise ValueError(\n    'a\\nb'\n)\n",
    "library": "import json\njson.loads('{')\n",
    "assert": "assert 1 == 2, 'unequal'\n",
    "unicode": "s = '\u00e4\u20ac\U0001f600'; undefined_name\n",
}
if VERSION >= (3, 11):
    FAILING["group"] = "raise ExceptionGroup('many', [ValueError(1), TypeError(2)])\n"
    FAILING["odd notes"] = "e = ValueError('a')\ne.__notes__ = 5\nraise e\n"
    FAILING["notes"] = "e = ValueError('a')\ne.add_note('noted')\nraise e\n"


class Errors(Case):
    def test_tracebacks(self):
        """A cell of a file fails as the file does."""
        for name, code in FAILING.items():
            with self.subTest(name=name):
                path = self.write("program.py", code)
                plain = subprocess.run([PYTHON, path], cwd=self.workspace, stderr=subprocess.PIPE).stderr.decode()
                cell = self.run_cell(code, name=path)
                self.assertEqual(cell.status, "error")
                if name == "recursion":
                    # A few frames of it are not the program's.
                    plain, cell.err = (re.sub(r"repeated \d+ more", "repeated", text) for text in (plain, cell.err))
                self.assertEqual(cell.err, plain)
                self.assertEqual(cell.out, "")

    def test_no_code(self):
        """A text that is no code at all is an error as well."""
        for code in ("x = 1\n\0\n", "'\ud800'; (", "(" * 300, "x = " + "-" * 100000 + "1"):
            cell = self.run_cell(code)
            self.assertEqual(cell.status, "error")
            self.assertNotEqual(cell.err, "")
        self.passes("1")

    def test_cells_show_their_lines(self):
        """Also those of earlier cells, and those that no file has."""
        self.passes("def f(n):\n    return 1 / n")
        cell = self.run_cell("f(0)")
        self.assertIn('File "<cell 2>", line 1, in <module>\n    f(0)\n', cell.err)
        self.assertIn('File "<cell 1>", line 2, in f\n    return 1 / n\n', cell.err)
        self.assertNotIn("codebeaker", cell.err)

    def test_told(self):
        """Name, message and frames."""
        cell = self.run_cell("def f():\n  raise ValueError('no')\nf()", name="/workspace/a.py", line=10)
        frames = [(each["file"], each["line"], each["function"]) for each in cell.error["frames"]]
        self.assertEqual(frames, [("/workspace/a.py", 12, "<module>"), ("/workspace/a.py", 11, "f")])
        self.assertEqual((cell.error["name"], cell.error["message"]), ("ValueError", "no"))
        if VERSION >= (3, 11):
            self.assertEqual([each["column"] for each in cell.error["frames"]], [1, 3])
        cell = self.run_cell("import json\njson.loads('[')")
        self.assertEqual(cell.error["name"], "json.decoder.JSONDecodeError")
        self.assertTrue(cell.error["frames"][-1]["file"].endswith("json/decoder.py"))
        cell = self.run_cell("class E(Exception): pass\nraise E('x' * 100000)")
        self.assertEqual((cell.error["name"], len(cell.error["message"])), ("E", 20003))
        cell = self.run_cell("x = (1,\ny = 2", name="/workspace/a.py", line=5)
        self.assertEqual(cell.error["name"], "SyntaxError")
        self.assertEqual(cell.error["frames"][-1]["file"], "/workspace/a.py")
        self.assertIn(cell.error["frames"][-1]["line"], (5, 6))

    def test_many_frames(self):
        """At most 200, from both ends."""
        cell = self.run_cell("def f(n):\n    if n: f(n - 1)\n    else: 1 / 0\nf(500)")
        frames = cell.error["frames"]
        self.assertEqual(len(frames), 200)
        self.assertEqual((frames[0]["function"], frames[0]["line"]), ("<module>", 4))
        self.assertEqual(frames[-1]["line"], 3)

    def test_hooks(self):
        """The program's own hook has its way, and is told no frame of the driver's."""
        self.passes(
            "import sys\ndef hook(kind, error, trace):\n    print('hooked', kind.__name__, trace.tb_frame.f_code.co_filename)\nsys.excepthook = hook"
        )
        cell = self.run_cell("1 / 0")
        self.assertEqual((cell.out, cell.err, cell.status), ("hooked ZeroDivisionError <cell 2>\n", "", "error"))
        self.passes("def hook(*_): raise KeyError('hook')\nsys.excepthook = hook")
        cell = self.run_cell("1 / 0")
        self.assertIn("Error in sys.excepthook:\n", cell.err)
        self.assertIn("KeyError: 'hook'", cell.err)
        self.assertIn("Original exception was:\n", cell.err)
        self.assertIn("ZeroDivisionError", cell.err)
        self.assertNotIn("codebeaker", cell.err)

    def test_last_error(self):
        """What a debugger looks for afterwards is there."""
        self.run_cell("def f(): 1 / 0\nf()")
        cell = self.passes("import sys\nsys.last_type.__name__, sys.last_traceback.tb_frame.f_code.co_filename")
        self.assertEqual(cell.text, "('ZeroDivisionError', '<cell 1>')")
        cell = self.passes("import pdb\npdb.pm()", ["p 6 * 7", "q"])
        self.assertIn("42\n", cell.out)

    def test_threads(self):
        """An exception that ends a thread is printed as well, as it is in a file."""
        code = (
            "import threading\ndef f():\n    1 / 0\n"
            "thread = threading.Thread(target=f, name='T')\nthread.start()\nthread.join()\n"
        )
        path = self.write("program.py", code)
        plain = subprocess.run([PYTHON, path], cwd=self.workspace, stderr=subprocess.PIPE).stderr.decode()
        self.assertEqual(self.run_cell(code, name=path).err, plain)
        self.assertIn("    1 / 0\n", self.run_cell(code).err)

    def test_debugger(self):
        """A debugger of the library's never gets to see the driver, nor later cells."""
        code = "import pdb\ndef f():\n    pdb.set_trace()\n    a = 1\nf()\nb = 2"
        cell = self.run_cell(code, ["n"] * 4 + ["s"] * 20)
        self.assertEqual(cell.status, "ok")
        self.assertIn("-> b = 2\n", cell.out)
        self.assertNotIn("codebeaker", cell.out)
        cell = self.passes("def g(): pass\ng()", [])
        self.assertEqual(cell.out, "")

    def test_saved_file_has_changed(self):
        """Other parts of a file show what is on disk."""
        path = self.write("a.py", "def f():\n    return undefined\n\n# %%\nx = 1\n")
        self.passes("x = 1", name=path, line=5)
        cell = self.run_cell("import a\na.f()")
        self.assertIn("    return undefined\n", cell.err)
        os.utime(path, (1, 1))
        cell = self.run_cell("unknown", name=path, line=5)
        self.assertIn("line 5, in <module>\n    unknown\n", cell.err)

    def test_errors_in_display(self):
        """A result that can't be shown is no result."""
        cell = self.run_cell("class A:\n    def __repr__(self): return undefined\nA()")
        self.assertEqual(cell.status, "ok")
        self.assertEqual(cell.text, "<A object: its __repr__ raised NameError>")
        self.assertIn("line 2, in __repr__\n    def __repr__(self): return undefined\n", cell.err)
        self.assertNotIn("codebeaker", cell.err)


if __name__ == "__main__":
    unittest.main()
