"""Evaluating for a hover, a watched expression, the console and the clipboard; pdb's dialect; completions; sources."""

import unittest

from driver import VERSION, Case, Failure, each_engine

PROGRAM = """\
import os

class Loud:
    fixed = 1
    def __init__(self):
        self.items = {"a": [10, 20], 3: "three"}
    @property
    def prop(self):
        print("property")
        return 1
    def __getitem__(self, key):
        print("item")
        return key
    def __repr__(self):
        print("repr")
        return "Loud!"
    def method(self):
        return 5

class Ghost:
    def __getattr__(self, name):
        print("getattr")
        return name

def work(n, step=2):
    loud, ghost = Loud(), Ghost()
    long = "x" * 100000
    total = n + step
    print(total)
    return total

def outer(n):
    value = work(n)
    return value + 1

print(outer(3))
print("end")
"""
HERE = 1 + PROGRAM[: PROGRAM.index("    print(total)")].count("\n")
LAST = PROGRAM.count("\n")


class Stopped(Case):
    def stop(self, **more):
        """The program, stopped in `work`: the debuggee, its frames and the stop."""
        debuggee, _, event = self.run_to(PROGRAM, HERE, **more)
        return debuggee, [each["id"] for each in debuggee.stack(event["thread"])], event

    def say(self, debuggee, frame, text, purpose="console", hex=False):
        """What comes of a text."""
        return debuggee.ask("evaluate", frame=frame, expression=text, purpose=purpose, hex=hex)["text"]

    def refused(self, debuggee, frame, text, purpose="console"):
        """Why a text is refused."""
        with self.assertRaises(Failure) as failed:
            self.say(debuggee, frame, text, purpose)
        return str(failed.exception)


class Evaluation(Stopped):
    def test_a_hover_runs_nothing(self):
        debuggee, frames, event = self.stop()
        read = {
            "n": "3",
            "loud.fixed": "1",
            "loud.items": "{'a': [10, 20], 3: 'three'}",
            "loud.items['a'][-1]": "20",
            "loud.items[3][1:3]": "'hr'",
            "os.sep": "'/'",
            "(n, [step], -n, not n)": "(3, [2], -3, False)",
            "len": "<built-in function len>",
            "Loud.fixed": "1",
            "loud": "<Loud items={'a': [10, 20], 3: 'three'}>",
        }
        for text, value in read.items():
            self.assertEqual(self.say(debuggee, frames[0], text, "hover"), value, text)
        self.assertIn("method", self.say(debuggee, frames[0], "loud.method", "hover"))
        running = ["loud.prop", "loud[1]", "ghost.any", "len(long)", "n + 1", "[x for x in long]", "loud == 1", "loud.items[loud]"]
        for text in running:
            self.assertIn("not evaluated while hovering", self.refused(debuggee, frames[0], text, "hover"), text)
        for text in ["nobody", "os.nothing", "loud.items['z']", "n = 1", "1 +", ""]:
            self.refused(debuggee, frames[0], text, "hover")
        self.assertEqual(self.say(debuggee, frames[0], "n", "hover", hex=True), "0x3")
        debuggee.resume(event)
        self.assertEqual(debuggee.end()[1], "5\n6\nend\n")

    @each_engine
    def test_a_watched_expression_is_any(self, engine):
        debuggee, frames, _ = self.stop(engine=engine)
        self.assertEqual(self.say(debuggee, frames[0], "[n + i for i in range(step)]", "watch"), "[3, 4]")
        self.assertEqual(self.say(debuggee, frames[1], "n * 2", "watch"), "6")
        self.assertEqual(self.say(debuggee, frames[0], "(lambda k: k + n)(1)", "watch"), "4")
        self.assertIn("ZeroDivisionError", self.refused(debuggee, frames[0], "1 / 0", "watch"))
        self.assertIn("SyntaxError", self.refused(debuggee, frames[0], "n = 3", "watch"))
        self.assertEqual(self.say(debuggee, None, "outer.__name__", "watch"), "'outer'")
        self.assertEqual(len(self.say(debuggee, frames[0], "long", "clipboard")), 100000)
        self.assertLess(len(self.say(debuggee, frames[0], "long", "watch")), 30000)

    @each_engine
    def test_the_console_takes_statements(self, engine):
        debuggee, frames, event = self.stop(engine=engine)
        frame = frames[0]
        self.assertEqual(self.say(debuggee, frame, "total = 40; n = total + 1"), "")
        self.assertEqual(self.say(debuggee, frame, "total + n"), "81")
        self.assertEqual(self.say(debuggee, frame, "_ + 1"), "82")
        self.assertEqual(self.say(debuggee, frame, "for i in range(3):\n    total += i"), "")
        self.assertEqual(self.say(debuggee, frame, "    extra = 1\n    [extra + i for i in range(2)]"), "[1, 2]")
        self.assertEqual(self.say(debuggee, frame, "extra"), "1")
        self.assertEqual(self.say(debuggee, frame, "def twice(x):\n    return 2 * x\ntwice(total)"), "86")
        self.assertEqual(self.say(debuggee, frame, "import json"), "")
        self.assertEqual(self.say(debuggee, frame, "json.dumps([n])"), "'[41]'")
        self.assertEqual(self.say(debuggee, frame, "global marked; marked = 7"), "")
        self.assertEqual(self.say(debuggee, None, "marked"), "7")
        self.assertEqual(self.say(debuggee, frame, "print('said')"), "")
        self.assertIn("NameError", self.refused(debuggee, frame, "nobody"))
        self.assertIn("SystemExit", self.refused(debuggee, frame, "raise SystemExit(3)"))
        debuggee.resume(event)
        code, out, err = debuggee.end()
        self.assertEqual((code, err), (0, ""))
        self.assertEqual(out, "said\n43\n44\nend\n")

    def test_breakpoints_do_not_stop_an_evaluation(self):
        debuggee, frames, event = self.stop()
        self.set_lines(debuggee, HERE, LAST - 3)
        self.assertEqual(self.say(debuggee, frames[0], "outer(1)", "watch"), "4")
        self.set_lines(debuggee)
        debuggee.resume(event)
        self.assertEqual(debuggee.end()[0], 0)


class Dialect(Stopped):
    @each_engine
    def test_looking_around(self, engine):
        debuggee, frames, _ = self.stop(engine=engine)
        frame = frames[0]
        self.assertEqual(self.say(debuggee, frame, "p n, step"), "(3, 2)")
        self.assertEqual(self.say(debuggee, frame, "pp {'a': n}"), "{'a': 3}")
        self.assertEqual(self.say(debuggee, frame, "whatis work"), "Function work")
        self.assertEqual(self.say(debuggee, frame, "a"), "n = 3\nstep = 2")
        where = self.say(debuggee, frame, "w")
        self.assertIn("<module>()", where)
        self.assertIn("work()\n-> print(total)", where)
        self.assertNotIn("codebeaker", where)
        self.assertIn("->", self.say(debuggee, frame, "l"))
        self.assertIn("def work(n, step=2):", self.say(debuggee, frame, "ll"))
        self.assertIn("def outer(n):", self.say(debuggee, frame, "source outer"))
        self.assertIn("outer()", self.say(debuggee, frame, "u"))
        self.assertIn("NameError", self.say(debuggee, frame, "p step"))
        self.assertEqual(self.say(debuggee, frame, "n"), "3")
        self.assertIn("work()", self.say(debuggee, frame, "d"))
        self.assertEqual(self.say(debuggee, frame, "step"), "2")
        self.assertIn("Newest", self.say(debuggee, frame, "d"))
        self.assertEqual(self.say(debuggee, frame, "p n ;; p step"), "3\n2")
        self.assertIn("Print the value", self.say(debuggee, frame, "help p"))
        self.assertIn("whatis", self.say(debuggee, frame, "h"))
        self.assertEqual(self.say(debuggee, frame, "!n = 9"), "")
        self.assertEqual(self.say(debuggee, frame, "p n"), "9")
        self.assertEqual(self.say(debuggee, frame, "alias twice p 2 * %1"), "")
        self.assertEqual(self.say(debuggee, frame, "twice n"), "18")
        for text in ("debug n", "interact", "q", "restart"):
            self.refused(debuggee, frame, text)

    def test_names_of_the_programs_come_first(self):
        debuggee, frames, _ = self.stop()
        frame = frames[0]
        self.assertEqual(self.say(debuggee, frame, "n"), "3")
        self.assertEqual(self.say(debuggee, frame, "step + 1"), "3")
        self.assertEqual(self.say(debuggee, frame, "c = 5"), "")
        self.assertEqual(self.say(debuggee, frame, "c"), "5")
        self.assertEqual(self.say(debuggee, frame, "next(iter([7]))"), "7")
        self.assertEqual(self.say(debuggee, frame, "list('ab')"), "['a', 'b']")

    @each_engine
    def test_going_on(self, engine):
        debuggee, frames, event = self.stop(engine=engine)
        self.assertEqual(self.say(debuggee, frames[0], "next"), "")
        where, event = debuggee.at("step")
        self.assertEqual(where, ("work", HERE + 1))
        frame = debuggee.stack(event["thread"])[0]["id"]
        self.say(debuggee, frame, "r")
        where, event = debuggee.at("step")
        self.assertEqual(where[0], "outer")
        frame = debuggee.stack(event["thread"])[0]["id"]
        self.assertIn("Breakpoint 1", self.say(debuggee, frame, "tbreak %d" % LAST))
        self.assertIn("del", self.say(debuggee, frame, "b"))
        self.assertEqual(self.say(debuggee, frame, "c"), "")
        self.assertEqual(debuggee.at("breakpoint")[0], ("<module>", LAST))

    @each_engine
    def test_breakpoints_of_its_own(self, engine):
        debuggee, frames, event = self.stop(engine=engine)
        frame = frames[0]
        self.assertIn("Breakpoint 1", self.say(debuggee, frame, "b %d, total == 5" % (HERE + 1)))
        self.assertIn("Breakpoint 2", self.say(debuggee, frame, "b program.py:%d" % LAST))
        self.assertIn("Breakpoint 3", self.say(debuggee, frame, "b outer"))
        self.assertIn("***", self.say(debuggee, frame, "b 9999"))
        self.assertIn("***", self.say(debuggee, frame, "b %d, 1 +" % HERE))
        self.assertIn("***", self.say(debuggee, frame, "b nobody"))
        self.assertIn("Disabled", self.say(debuggee, frame, "disable 2"))
        self.assertIn("unconditional", self.say(debuggee, frame, "condition 1"))
        self.assertIn("Deleted breakpoint 3", self.say(debuggee, frame, "clear 3"))
        self.assertIn("***", self.say(debuggee, frame, "clear 3"))
        debuggee.resume(event)
        where, event = debuggee.at("breakpoint")
        self.assertEqual(where, ("work", HERE + 1))
        frame = debuggee.stack(event["thread"])[0]["id"]
        self.say(debuggee, frame, "until %d" % LAST)
        self.assertEqual(debuggee.at("step")[0][0], "outer")

    @each_engine
    def test_what_is_displayed(self, engine):
        debuggee, _, event = self.run_to("def count():\n    n = 1\n    n = 2\n    n = 2\n    return n\ncount()\n", 3, engine=engine)
        frame = debuggee.stack(event["thread"])[0]["id"]
        self.assertEqual(self.say(debuggee, frame, "display n * 10"), "display n * 10: 10")
        self.assertIn("raised NameError", self.say(debuggee, frame, "display nobody"))
        self.assertEqual(self.say(debuggee, frame, "undisplay nobody"), "")
        self.assertEqual(self.say(debuggee, frame, "display"), "n * 10: 10")
        _, event = debuggee.step(event, "over")
        self.assertEqual(debuggee.event("output")["text"], "display n * 10: 20  [old: 10]\n")
        debuggee.step(event, "over")
        self.assertFalse([each for each in debuggee.events if each["event"] == "output"])

    @each_engine
    def test_jumping(self, engine):
        debuggee, frames, event = self.stop(engine=engine)
        self.say(debuggee, frames[0], "jump %d" % (HERE - 1))
        where, event = debuggee.at("goto")
        self.assertEqual(where, ("work", HERE - 1))


class Completion(Stopped):
    def proposed(self, debuggee, frame, text, line=0, column=None):
        """Labels and kinds of what is proposed."""
        column = len(text.split("\n")[line]) if column is None else column
        found = debuggee.ask("completions", frame=frame, text=text, line=line, column=column)["completions"]
        return {each["label"]: (each["kind"], each["replaces"]) for each in found}

    def test_what_is_proposed(self):
        debuggee, frames, event = self.stop()
        frame = frames[0]
        self.assertEqual(self.proposed(debuggee, frame, "tot")["total"], ("variable", 3))
        self.assertEqual(self.proposed(debuggee, frame, "x = wor")["work"], ("function", 3))
        self.assertEqual(self.proposed(debuggee, frame, "Lou")["Loud"], ("class", 3))
        self.assertEqual(self.proposed(debuggee, frame, "loud.pr")["prop"], ("property", 2))
        self.assertIn("items", self.proposed(debuggee, frame, "print(loud."))
        self.assertIn("append", self.proposed(debuggee, frame, "loud.items['a'].ap"))
        self.assertEqual(self.proposed(debuggee, frame, "loud.prop.rea"), {})
        self.assertEqual(self.proposed(debuggee, frame, "'tot"), {})
        self.assertEqual(self.proposed(debuggee, frame, "whil")["while"], ("keyword", 4))
        self.assertIn("whatis", self.proposed(debuggee, frame, "what"))
        self.assertNotIn("whatis", self.proposed(debuggee, frame, "x = what"))
        self.assertEqual(self.proposed(debuggee, frame, "import jso")["json"], ("module", 3))
        self.assertIn("path", self.proposed(debuggee, frame, "from os import pa"))
        self.assertIn("tool", self.proposed(debuggee, frame, "import json\nfrom json import to", 1))
        self.assertIn("tool", self.proposed(debuggee, frame, "import json.to"))
        self.assertIn("total", self.proposed(debuggee, frame, "x = 1\ntot + 1", 1, 3))
        # A character beyond the first plane counts two columns.
        self.assertEqual(self.proposed(debuggee, frame, "'\U0001F600' + tot", 0, 10)["total"], ("variable", 3))
        debuggee.resume(event)
        self.assertEqual(debuggee.end()[1], "5\n6\nend\n")


class Sources(Stopped):
    def test_modules_and_sources(self):
        debuggee, frames, event = self.stop()
        modules = {each["name"]: each for each in debuggee.ask("modules")["modules"]}
        self.assertEqual(modules["__main__"]["place"], self.place())
        self.assertTrue(modules["os"]["place"]["file"].endswith("/os.py"))
        self.assertNotIn("place", modules["sys"])
        self.assertFalse([name for name in modules if "codebeaker" in name])
        sources = debuggee.ask("loadedSources")["sources"]
        self.assertIn(self.place(), sources)
        self.assertEqual(debuggee.ask("source", place=self.place())["text"], PROGRAM)
        with self.assertRaises(Failure):
            debuggee.ask("source", place={"file": "/nowhere/at/all.py"})
        with self.assertRaises(Failure):
            debuggee.ask("source", place={"text": 99})
        # They are read while the program runs, too.
        debuggee.resume(event)
        debuggee.event("ending")

    def test_the_text_of_code_without_a_file(self):
        text = "import linecache\nt = 'a = 1\\nb = 2\\n'\nlinecache.cache['<cell>'] = (9, None, t.splitlines(True), '<cell>')\n"
        text += "c = compile(t, '<cell>', 'exec')\nexec(c)\n"
        debuggee, _, event = self.run_to(text, 5)
        where, event = debuggee.step(event, "into")
        frame = debuggee.stack(event["thread"])[0]
        self.assertEqual(frame["place"]["name"], "<cell>")
        self.assertEqual(debuggee.ask("source", place=frame["place"])["text"], "a = 1\nb = 2\n")


if __name__ == "__main__":
    unittest.main()
