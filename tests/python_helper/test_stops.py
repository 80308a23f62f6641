"""Breakpoints, steps and pauses."""

import unittest

from driver import Case, Failure, each_engine

COUNT = """\
def add(a, b):
    total = a + b
    return total

result = 0
for i in range(5):
    result = add(result, i)
print(result)
"""


class Breakpoints(Case):
    @each_engine
    def test_a_line(self, engine):
        """A breakpoint stops each time that its line is reached, and the program ends as it would."""
        debuggee, where, event = self.run_to(COUNT, 2, engine=engine)
        for _ in range(5):
            self.assertEqual((where, event["breakpoints"], event["reason"]), (("add", 2), [2], "breakpoint"))
            frames = debuggee.stack(event["thread"])
            self.assertEqual([each["name"] for each in frames], ["add", "<module>"])
            self.assertEqual([each["line"] for each in frames], [2, 7])
            self.assertEqual(frames[0]["place"], self.place())
            debuggee.resume(event)
            if _ < 4:
                where, event = debuggee.at()
        debuggee.event("ending")
        self.assertEqual(debuggee.end(), (0, "10\n", ""))

    @each_engine
    def test_terms(self, engine):
        """Conditions, hit conditions and log messages."""
        debuggee = self.debug(COUNT, engine=engine)
        wanted = [
            {"id": 1, "line": 2, "condition": "a == 3"},
            {"id": 2, "line": 3, "hit": ["==", 2]},
            {"id": 3, "line": 7, "log": [{"text": "i is "}, {"expression": "i * 2"}, {"expression": "nope"}]},
            {"id": 4, "line": 8, "condition": "1 +"},
            {"id": 5, "line": 99},
        ]
        placed = debuggee.ask("setBreakpoints", place=self.place(), breakpoints=wanted)["placed"]
        self.assertEqual([each["verified"] for each in placed], [True, True, True, False, False])
        self.assertIn("SyntaxError", placed[3]["message"])
        debuggee.ask("start")
        where, event = debuggee.at()
        self.assertEqual((where, event["breakpoints"]), (("add", 3), [2]))
        debuggee.resume(event)
        where, event = debuggee.at()
        self.assertEqual((where, event["breakpoints"]), (("add", 2), [1]))
        debuggee.resume(event)
        debuggee.event("ending")
        said = [each for each in debuggee.events if each["event"] == "output"]
        self.assertEqual(said[2]["text"], "i is 4<NameError: name 'nope' is not defined>\n")
        self.assertEqual((said[2]["line"], said[2]["place"], len(said)), (7, self.place(), 5))

    @each_engine
    def test_conditions_that_raise(self, engine):
        """A condition that raises stops and is complained of each time; that of a log point just once."""
        text = "def f():\n    pass\nfor n in range(2):\n    f()\n    x = 1\n"
        debuggee = self.debug(text, engine=engine)
        wanted = [
            {"id": 1, "line": 4, "condition": "n / 0"},
            {"id": 2, "line": 5, "condition": "nobody", "log": [{"text": "five"}]},
        ]
        debuggee.ask("setBreakpoints", place=self.place(), breakpoints=wanted)
        function = [{"id": 3, "name": "f", "condition": "nothing"}]
        debuggee.ask("setFunctionBreakpoints", breakpoints=function)
        debuggee.ask("start")
        for said in ("ZeroDivisionError", "'nothing'", "ZeroDivisionError", "'nothing'"):
            where, event = debuggee.at()
            expected = (("<module>", 4), [1]) if said.startswith("Zero") else (("f", 2), [3])
            self.assertEqual((where, event["breakpoints"]), expected)
            self.assertIn(said, debuggee.event("output", category="important", line=where[1] - (where[1] == 2))["text"])
            debuggee.resume(event)
        debuggee.event("ending")
        said = [each["text"] for each in debuggee.events if each["event"] == "output"]
        self.assertEqual((len(said), "'nobody'" in said[0]), (1, True))

    @each_engine
    def test_moves_and_locations(self, engine):
        """A breakpoint on a line without code stands at the next one that has some."""
        debuggee = self.debug(COUNT, engine=engine)
        self.assertEqual(self.set_lines(debuggee, 4), [{"verified": True, "line": 5}])
        found = debuggee.ask("breakpointLocations", place=self.place(), **{"from": 1, "to": 6})
        self.assertEqual(found["lines"], [1, 2, 3, 5, 6])

    @each_engine
    def test_while_running(self, engine):
        """Breakpoints are set and removed in the middle of a loop that runs."""
        text = "import time\ngoing = True\nturns = 0\nwhile going:\n    turns += 1\n    time.sleep(0.001)\nprint('x')\n"
        debuggee = self.debug(text, engine=engine)
        debuggee.ask("start")
        self.set_lines(debuggee, 5)
        where, event = debuggee.at()
        self.assertEqual(where, ("<module>", 5))
        self.set_lines(debuggee)
        debuggee.resume(event)
        self.set_lines(debuggee, 6)
        where, event = debuggee.at()
        self.assertEqual(where, ("<module>", 6))

    @each_engine
    def test_kinds_of_code(self, engine):
        """Nested functions, classes, comprehensions, generators, decorators and one-liners."""
        text = """\
import functools
def deco(f):
    @functools.wraps(f)
    def inner(*a):
        return f(*a)
    return inner
@deco
def one():
    return 1
class K:
    x = 1
    def m(self):
        return [
            y + 1
            for y in range(2)
        ]
def gen():
    yield 1
    yield 2
g = gen()
next(g)
f = lambda: 3
one(); K().m(); next(g); f()
async def co():
    return 5
import asyncio
asyncio.run(co())
"""
        debuggee = self.debug(text, engine=engine)
        placed = self.set_lines(debuggee, 5, 9, 11, 14, 19, 22, 25)
        self.assertTrue(all(each["verified"] for each in placed), placed)
        debuggee.ask("start")
        met = []
        while True:
            message = debuggee.take()
            if message is None or message.get("event") == "ending":
                break
            if message.get("event") == "stopped":
                met += message["breakpoints"]
                debuggee.send("resume", thread=message["thread"])
        self.assertEqual(met, [11, 22, 5, 9, 14, 14, 19, 22, 25])

    @each_engine
    def test_functions(self, engine):
        """Function breakpoints by plain and by qualified name stop at the function's first line."""
        text = "class A:\n    def f(self):\n        return 1\ndef f():\n    '''Says.'''\n    return 2\nA().f()\nf()\n"
        debuggee = self.debug(text, engine=engine)
        wanted = [{"id": 1, "name": "A.f"}, {"id": 2, "name": "__main__.f"}]
        debuggee.ask("setFunctionBreakpoints", breakpoints=wanted)
        debuggee.ask("start")
        where, event = debuggee.at("functionBreakpoint")
        self.assertEqual((where[1], event["breakpoints"]), (3, [1]))
        debuggee.resume(event)
        where, event = debuggee.at("functionBreakpoint")
        self.assertEqual((where, event["breakpoints"]), (("f", 6), [2]))
        debuggee.resume(event)
        self.assertEqual(debuggee.end()[0], 0)

    @each_engine
    def test_in_the_program(self, engine):
        """`breakpoint()` and `pdb.set_trace()` stop where they stand."""
        debuggee = self.debug("def f():\n    breakpoint()\nf()\nimport pdb; pdb.set_trace()\nprint(1)\n", engine=engine)
        debuggee.ask("start")
        where, event = debuggee.at("breakpoint")
        self.assertEqual(where, ("f", 2))
        debuggee.resume(event)
        where, event = debuggee.at("breakpoint")
        self.assertEqual(where, ("<module>", 4))
        where, event = debuggee.step(event, "over")
        self.assertEqual(where, ("<module>", 5))
        debuggee.resume(event)
        self.assertEqual(debuggee.end(), (0, "1\n", ""))


class Steps(Case):
    @each_engine
    def test_over_into_out(self, engine):
        """The three steps, and stepping off the end."""
        debuggee = self.debug(COUNT, "--stop-on-entry", engine=engine)
        debuggee.ask("start")
        where, event = debuggee.at("entry")
        self.assertEqual(where, ("<module>", 1))
        for kind, expected in (
            ("over", ("<module>", 5)),
            ("over", ("<module>", 6)),
            ("over", ("<module>", 7)),
            ("into", ("add", 2)),
            ("over", ("add", 3)),
            ("over", ("<module>", 6)),
            ("over", ("<module>", 7)),
            ("into", ("add", 2)),
            ("out", ("<module>", 6)),
            ("over", ("<module>", 7)),
            ("over", ("<module>", 6)),
        ):
            where, event = debuggee.step(event, kind)
            self.assertEqual((kind, where, event["reason"]), (kind, expected, "step"))
        self.set_lines(debuggee, 8)
        debuggee.resume(event)
        where, event = debuggee.at("breakpoint")
        debuggee.ask("step", thread=event["thread"], kind="over")
        self.assertEqual(debuggee.end(), (0, "10\n", ""))

    @each_engine
    def test_recursion(self, engine):
        """A step over a call of the function itself does not stop in that call."""
        text = "def f(n):\n    if n:\n        f(n - 1)\n    return n\nf(3)\n"
        debuggee, where, event = self.run_to(text, 3, engine=engine)
        self.set_lines(debuggee)
        where, event = debuggee.step(event, "over")
        self.assertEqual(where, ("f", 4))
        self.assertEqual(len(debuggee.stack(event["thread"])), 2)

    @each_engine
    def test_generators(self, engine):
        """A step over a yield goes where the value goes; a step over an await waits for it."""
        text = """\
import asyncio
def gen():
    yield 1
    yield 2
for x in gen():
    print(x)
async def other():
    for _ in range(3):
        await asyncio.sleep(0)
async def main():
    task = asyncio.ensure_future(other())
    await asyncio.sleep(0)
    print('a')
    await task
    print('b')
asyncio.run(main())
print('end')
"""
        debuggee = self.debug(text, "--user-code", self.directory, engine=engine)
        self.set_lines(debuggee, 3, 12)
        debuggee.ask("start")
        where, event = debuggee.at()
        self.assertEqual(where, ("gen", 3))
        where, event = debuggee.step(event, "over")
        self.assertEqual(where, ("<module>", 6))
        debuggee.resume(event)
        where, event = debuggee.at("breakpoint")
        self.assertEqual(where, ("main", 12))
        for line in (13, 14, 15):
            where, event = debuggee.step(event, "over")
            self.assertEqual(where, ("main", line))
        where, event = debuggee.step(event, "over")
        self.assertEqual(where, ("<module>", 17))

    @each_engine
    def test_exceptions_on_the_way(self, engine):
        """A step over a call that raises ends where the exception is caught."""
        text = "def f():\n    raise ValueError\ndef g():\n    f()\ntry:\n    g()\nexcept ValueError:\n    print('caught')\n"
        debuggee, where, event = self.run_to(text, 2, engine=engine)
        where, event = debuggee.step(event, "over")
        self.assertEqual(where, ("<module>", 7))

    @each_engine
    def test_own_code_alone(self, engine):
        """Steps leave out what is not the user's own."""
        self.write("def call(f):\n    before = 1\n    f()\n    return before\n", "lib/apart.py")
        text = "import sys\nsys.path.insert(0, sys.argv[1])\nimport apart\ndef back():\n    x = 1\napart.call(back)\ny = 2\n"
        main = self.write(text, "own/program.py")
        import os

        own, lib = os.path.dirname(main), os.path.join(self.directory, "lib")
        debuggee = self.launch("--file", main, "--user-code", own, args=[lib], engine=engine)
        self.set_lines(debuggee, 6, name="own/program.py")
        debuggee.ask("start")
        where, event = debuggee.at()
        where, event = debuggee.step(event, "into")
        self.assertEqual(where, ("back", 5))
        hints = [each.get("hint") for each in debuggee.stack(event["thread"])]
        self.assertEqual(hints, [None, "subtle", None])
        where, event = debuggee.step(event, "out")
        self.assertEqual(where, ("<module>", 7))

    @each_engine
    def test_goto(self, engine):
        """The next statement is set, where Python allows it."""
        text = "x = 1\nx = 2\nx = 3\nprint(x)\ndef f():\n    pass\n"
        debuggee, where, event = self.run_to(text, 2, engine=engine)
        choice = debuggee.ask("gotoTargets", place=self.place(), line=4)["choices"][0]
        debuggee.ask("goto", thread=event["thread"], target=choice["id"])
        where, event = debuggee.at("goto")
        self.assertEqual(where, ("<module>", 4))
        choice = debuggee.ask("gotoTargets", place=self.place(), line=6)["choices"][0]
        with self.assertRaises(Failure):
            debuggee.ask("goto", thread=event["thread"], target=choice["id"])
        debuggee.resume(event)
        self.assertEqual(debuggee.end(), (0, "1\n", ""))

    @each_engine
    def test_targets(self, engine):
        """A step goes into the call that was chosen."""
        text = "def a():\n    return 1\ndef b(x):\n    return x\nclass C:\n    def m(self, x):\n        return x\nc = C()\nb(c.m(a()))\n"
        debuggee, where, event = self.run_to(text, 9, engine=engine)
        frame = debuggee.stack(event["thread"])[0]["id"]
        choices = debuggee.ask("stepInTargets", frame=frame)["choices"]
        self.assertEqual([each["label"] for each in choices], ["a", "m", "b"])
        where, event = debuggee.step(event, "into", target=choices[1]["id"])
        self.assertEqual(where[1], 7)
        debuggee.resume(event)
        self.assertEqual(debuggee.end(), (0, "", ""))


class Pauses(Case):
    @each_engine
    def test_a_busy_loop(self, engine):
        """A loop that does nothing is paused."""
        debuggee = self.debug("x = 0\nwhile x >= 0:\n    x += 1\n", engine=engine)
        debuggee.ask("start")
        thread = debuggee.ask("threads")["threads"][0]
        self.assertEqual(thread["name"], "MainThread")
        debuggee.ask("pause", thread=thread["id"])
        where, event = debuggee.at("pause")
        self.assertIn(where, [("<module>", 1), ("<module>", 2), ("<module>", 3)])
        with self.assertRaises(Failure):
            debuggee.ask("pause", thread=thread["id"])

    @each_engine
    def test_what_sleeps(self, engine):
        """A thread that waits in C is shown where it waits, and steps once it is back."""
        text = "import time\ndef f():\n    time.sleep(1.5)\n    print('up')\nf()\n"
        debuggee = self.debug(text, engine=engine)
        debuggee.ask("start")
        thread = debuggee.ask("threads")["threads"][0]["id"]
        import time

        time.sleep(0.3)
        debuggee.ask("pause", thread=thread)
        where, event = debuggee.at("pause")
        self.assertEqual(where, ("f", 3))
        where, event = debuggee.step(event, "over")
        self.assertEqual(where, ("f", 4))


if __name__ == "__main__":
    unittest.main()
