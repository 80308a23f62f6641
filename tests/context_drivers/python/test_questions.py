"""Questions about the state: completion, inspection, variables. None of them runs code of the user's."""

import unittest

from driver import Case

TRAPS = """\
ran = []
class Trap:
    '''A trap.'''
    def __init__(self): self.field = 1
    def __repr__(self): ran.append('repr'); return 'x'
    def __len__(self): ran.append('len'); return 1
    def __getattr__(self, name): ran.append(name); raise AttributeError(name)
    def __eq__(self, other): ran.append('eq'); return True
    __hash__ = None
    @property
    def value(self): ran.append('property')
    def method(self, a, *, b=2): 'Does it.'
trap = Trap()
traps = [trap, {'k': trap}]
"""


class Questions(Case):
    def complete(self, code, cursor=None):
        """The texts that are proposed, and where."""
        cursor = len(code) if cursor is None else cursor
        answer = self.context.ask("complete", code=code, cursor=cursor)
        self.assertNotIn("fault", answer)
        return [each["text"] for each in answer["matches"]], (answer["start"], answer["end"])

    def test_complete(self):
        """Names, attributes, modules, keys and arguments."""
        self.passes(
            "import os\nalpha_one = 1\ntable = {'first': 1, 'fire': {'deep': 2}}\ndef f(alpha_arg, *, other=1): pass"
        )
        self.assertEqual(self.complete("x = alpha_"), (["alpha_one"], (4, 10)))
        self.assertEqual(self.complete("os.path.joi"), (["join"], (8, 11)))
        self.assertEqual(self.complete("a\nos.path.joi\nb", 13), (["join"], (10, 13)))
        self.assertIn("json", self.complete("import js")[0])
        self.assertEqual(self.complete("from os.path import (basename, joi")[0], ["join"])
        self.assertEqual(self.complete("table['fi"), (["fire", "first"], (7, 9)))
        self.assertEqual(self.complete("table['fire']['")[0], ["deep"])
        self.assertEqual(self.complete("f(alpha")[0], ["alpha_arg=", "alpha_one"])
        self.assertEqual(self.complete("f(1,\n  oth")[0], ["other="])
        self.assertEqual(self.complete("'text alph")[0], [])
        self.assertEqual(self.complete("whil")[0], ["while"])
        self.assertEqual(self.complete("'\U0001f600'; alpha_"), (["alpha_one"], (5, 11)))
        self.assertEqual(self.complete("displa")[0], ["display"])
        self.assertEqual(self.complete("")[1], (0, 0))
        answer = self.context.ask("complete", code="alpha", cursor=500)
        self.assertEqual((answer["start"], answer["end"]), (0, 5))
        kinds = {each["text"]: each["kind"] for each in self.context.ask("complete", code="", cursor=0)["matches"]}
        for name, kind in {"f": "function", "os": "module", "alpha_one": "variable", "while": "keyword"}.items():
            self.assertEqual(kinds[name], kind)

    def inspect(self, code, cursor=None, detail=0):
        """What is told about a place."""
        answer = self.context.ask("inspect", code=code, cursor=len(code) if cursor is None else cursor, detail=detail)
        self.assertNotIn("fault", answer)
        return answer

    def test_inspect(self):
        """Values, functions, classes and modules."""
        self.passes(
            "import os, functools\nnumber = 5\nclass A:\n    '''A class.\n\n    More of it.'''\n    def __init__(self, x: int, y='z'): pass\n"
            "def f(a, b: 'int' = 1, /, c=None, *args, d, e=[2], **kw) -> str:\n    '''Does.'''\n"
            "@functools.wraps(f)\ndef g(*args): pass\ninstance = A(1)"
        )
        self.assertEqual(self.inspect("nowhere"), {"event": "answer", "found": False})
        found = self.inspect("number + 1", 3)
        self.assertEqual((found["name"], found["type"], found["value"]), ("number", "int", "5"))
        found = self.inspect("f(1, ")
        self.assertEqual(found["signature"], "f(a, b: int = 1, /, c=None, *args, d, e=[2], **kw) -> str")
        self.assertEqual((found["doc"], found["file"], found["line"]), ("Does.", "<cell 1>", 8))
        self.assertEqual(self.inspect("g")["signature"], "g(a, b: int = 1, /, c=None, *args, d, e=[2], **kw) -> str")
        found = self.inspect("A(")
        self.assertEqual((found["type"], found["signature"]), ("type", "A(x: int, y='z')"))
        self.assertEqual(found["doc"], "A class.\n\nMore of it.")
        self.assertEqual(found["file"], "<cell 1>")
        self.assertEqual(self.inspect("os.path.join(number", 8)["name"], "os.path.join")
        self.assertEqual(self.inspect("len(")["signature"], "len(obj, /)")
        self.assertIn("file", self.inspect("os"))
        self.assertEqual(self.inspect("instance")["doc"], "A class.\n\nMore of it.")
        self.passes("text = 'x' * 5000")
        self.assertLess(len(self.inspect("text")["value"]), 500)
        self.assertEqual(len(self.inspect("text", detail=1)["value"]), 5002)

    def test_variables(self):
        """What the user defined, a page at a time."""
        self.passes(
            "import os\nfrom os import path\na, b, _c = 1, 'text', 3\nd = {'k': [1, 2]}\ndef f(): pass\nbig = list(range(100000))"
        )
        answer = self.context.ask("variables", start=0, count=200)
        self.assertEqual(answer["total"], 5)
        found = {each.pop("name"): each for each in answer["variables"]}
        self.assertEqual(found["a"], {"type": "int", "value": "1", "expandable": False})
        self.assertEqual(found["b"], {"type": "str", "value": "'text'", "size": 4, "expandable": False})
        self.assertEqual(found["d"], {"type": "dict", "value": "{'k': [1, 2]}", "size": 1, "expandable": True})
        self.assertEqual(found["f"]["type"], "function")
        self.assertEqual(found["big"]["size"], 100000)
        self.assertLessEqual(len(found["big"]["value"]), 200)
        answer = self.context.ask("variables", start=1, count=2)
        self.assertEqual([each["name"] for each in answer["variables"]], ["b", "d"])
        self.assertEqual(answer["total"], 5)

    def test_nothing_of_the_users_runs(self):
        """Whatever objects would do when they are asked."""
        self.passes(TRAPS)
        answer = self.context.ask("variables", start=0, count=200)
        self.assertEqual(answer["total"], 4)
        for code in (
            "trap",
            "trap.",
            "trap.value",
            "trap.method(",
            "traps[0].",
            "traps[1]['",
            "traps[1]['k'].",
            "Trap(",
        ):
            self.complete(code)
            self.inspect(code)
        self.assertEqual(self.inspect("trap.method(")["signature"], "method(a, *, b=2)")
        self.assertIn("method", self.complete("trap.m")[0])
        self.assertEqual(self.passes("ran").text, "[]")

    def test_faults(self):
        """A question that makes no sense is told why."""
        answer = self.context.ask("complete", code=5, cursor=0)
        self.assertIn("fault", answer)
        self.assertEqual(self.passes("1").text, "1")


class TheChannel(Case):
    def test_nonsense_ends_it(self):
        """A line that is no request."""
        for line in (
            b"no json\n",
            b"[]\n",
            b"{}\n",
            b'{"op": "fly", "id": 1}\n',
            b'{"op": "execute", "id": 1}\n',
            b'{"op": 5}\n',
        ):
            with self.subTest(line=line):
                context = self.launch()
                context.socket.sendall(line)
                self.assertEqual(context.end(), 0)

    def test_end(self):
        """The end of the stream is the end of the process, also while a cell asks."""
        self.passes("import atexit, threading, time\nthreading.Thread(target=time.sleep, args=(1000,)).start()")
        self.context.socket.shutdown(2)
        self.assertEqual(self.context.end(), 0)
        context = self.launch()
        context.begin("input()", input=True)
        context.event("input")
        context.socket.shutdown(2)
        self.assertEqual(context.end(), 0)

    def test_requests_wait(self):
        """What is asked while a cell runs is answered after it."""
        self.context.begin("import time\ntime.sleep(0.2)\nlate_name = 1")
        self.context.send(op="complete", id=99, code="late_n", cursor=6)
        self.context.finish()
        answer = self.context.event("answer")
        self.assertEqual((answer["id"], answer["matches"][0]["text"]), (99, "late_name"))

    def test_requests_while_asking(self):
        """They are not lost, nor do they get in the way of the answer."""
        self.context.begin("input()", input=True)
        question = self.context.event("input")
        self.context.send(op="variables", id=50, start=0, count=5)
        self.context.send(op="input", input=question["input"], value="yes")
        self.assertEqual(self.context.finish().text, "'yes'")
        self.assertEqual(self.context.event("answer")["id"], 50)

    def test_descriptors_that_are_closed(self):
        """A program that closes all descriptors loses its daemon, and does not write into what took their place."""
        self.context.begin("import os\nos.closerange(3, 5000)\nfiles = [open('f%d' % n, 'w') for n in range(300)]")
        self.assertEqual(self.context.end(), 0)
        with open(self.workspace + "/f250") as file:
            self.assertEqual(file.read(), "")

    def test_large_cells(self):
        """Cells of megabytes."""
        code = "x = [%s]\nlen(x)" % ", ".join(["'%s'" % ("\u00e4" * 90)] * 8000)
        self.assertEqual(self.passes(code).text, "8000")


if __name__ == "__main__":
    unittest.main()
