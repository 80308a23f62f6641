"""Exceptions: which stop the program, where, and what is said of them."""

import os
import unittest

from driver import Case, each_engine

TEXT = """\
import json
def f(x):
    local = x
    raise ValueError('no ' + x)
def g():
    try:
        f('a')
    except ValueError:
        pass
    for i in range(2): pass
    next(iter([]), None)
    list(i for i in range(2))
    try:
        next(iter([]))
    except StopIteration:
        pass
    try:
        json.loads('{')
    except ValueError:
        pass
g()
f('b')
"""


class Exceptions(Case):
    def filters(self, debuggee, *wanted):
        """Turns filters on."""
        filters = [each if isinstance(each, dict) else {"filter": each} for each in wanted]
        return debuggee.ask("setExceptionBreakpoints", filters=filters)["placed"]

    @each_engine
    def test_raised(self, engine):
        """Each is met once where it is raised, or where it comes into the user's own code."""
        path = self.write(TEXT, "own/program.py")
        debuggee = self.launch("--file", path, "--user-code", os.path.dirname(path), engine=engine)
        self.filters(debuggee, "raised")
        debuggee.ask("start")
        met = []
        for _ in range(3):
            where, event = debuggee.at("exception")
            met.append((where, event["text"].partition(":")[0]))
            info = debuggee.ask("exceptionInfo", thread=event["thread"])
            self.assertEqual(info["filter"], "raised")
            debuggee.resume(event)
        self.assertEqual(met, [(("f", 4), "ValueError"), (("g", 18), "JSONDecodeError"), (("f", 4), "ValueError")])
        self.assertEqual(debuggee.end()[0], 1)

    @each_engine
    def test_uncaught(self, engine):
        """What nobody catches is met with the frames that it left, and their variables."""
        debuggee = self.debug(TEXT, engine=engine)
        self.filters(debuggee, "uncaught")
        debuggee.ask("start")
        where, event = debuggee.at("exception")
        self.assertEqual((where, event["text"]), (("f", 4), "ValueError: no b"))
        frames = debuggee.stack(event["thread"])
        self.assertEqual([(each["name"], each["line"]) for each in frames], [("f", 4), ("<module>", 22)])
        info = debuggee.ask("exceptionInfo", thread=event["thread"])
        self.assertEqual((info["id"], info["description"]), ("ValueError", "no b"))
        self.assertIn("program.py\", line 22, in <module>\n", info["stack"])
        self.assertNotIn("codebeaker", info["stack"])
        debuggee.resume(event)
        status, out, err = debuggee.end()
        self.assertEqual((status, err.splitlines()[-1]), (1, "ValueError: no b"))

    @each_engine
    def test_conditions(self, engine):
        """Names of exceptions, or an expression."""
        debuggee = self.debug(TEXT, engine=engine)
        placed = self.filters(debuggee, {"filter": "raised", "condition": "1 +"}, "uncaught")
        self.assertEqual([each["verified"] for each in placed], [False, True])
        self.filters(debuggee, {"filter": "raised", "condition": "json.JSONDecodeError, StopIteration"})
        debuggee.ask("start")
        where, event = debuggee.at("exception")
        self.assertEqual(event["text"].partition(":")[0], "StopIteration")
        self.filters(debuggee, {"filter": "raised", "condition": "'no b' in str(exception)"})
        debuggee.resume(event)
        where, event = debuggee.at("exception")
        self.assertEqual(event["text"], "ValueError: no b")

    @each_engine
    def test_user_uncaught(self, engine):
        """What leaves the user's own code is met there, even if others catch it."""
        self.write("def call(f):\n    try:\n        f()\n    except Exception:\n        pass\n", "lib/apart.py")
        text = "import sys\nsys.path.insert(0, sys.argv[1])\nimport apart\ndef one():\n    two()\ndef two():\n"
        text += "    x = 1\n    raise KeyError('k')\napart.call(one)\ntry:\n    one()\nexcept KeyError:\n    pass\none()\n"
        main = self.write(text, "own/program.py")
        lib = os.path.join(self.directory, "lib")
        debuggee = self.launch("--file", main, "--user-code", os.path.dirname(main), args=[lib], engine=engine)
        self.filters(debuggee, "userUncaught")
        debuggee.ask("start")
        where, event = debuggee.at("exception")
        self.assertEqual(debuggee.ask("exceptionInfo", thread=event["thread"])["filter"], "userUncaught")
        self.assertEqual(where, ("one", 5))
        debuggee.resume(event)
        where, event = debuggee.at("exception")
        self.assertEqual(where, ("two", 8))
        self.assertEqual(debuggee.stack(event["thread"])[-1]["line"], 14)
        debuggee.resume(event)
        self.assertEqual(debuggee.end()[0], 1)

    @each_engine
    def test_in_threads(self, engine):
        """Those that end a thread are met too."""
        text = "import threading\ndef f():\n    x = 1\n    1 / 0\nt = threading.Thread(target=f, name='Worker')\nt.start()\nt.join()\n"
        debuggee = self.debug(text, engine=engine)
        self.filters(debuggee, "uncaught")
        debuggee.ask("start")
        where, event = debuggee.at("exception")
        self.assertEqual((where, event["text"]), (("f", 4), "ZeroDivisionError: division by zero"))
        names = {each["id"]: each["name"] for each in debuggee.ask("threads")["threads"]}
        self.assertEqual(names[event["thread"]], "Worker")
        debuggee.resume(event)
        self.assertEqual(debuggee.end()[0], 0)

    @each_engine
    def test_exits_are_none(self, engine):
        """The end of the program is no exception to anybody."""
        debuggee = self.debug("import sys\nsys.exit(4)\n", engine=engine)
        self.filters(debuggee, "uncaught", "userUncaught")
        debuggee.ask("start")
        self.assertEqual(debuggee.end()[0], 4)
        self.assertEqual([each for each in debuggee.events if each["event"] == "stopped"], [])


if __name__ == "__main__":
    unittest.main()
