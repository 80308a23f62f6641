"""Programs that are no friends of their debugger: at worst it is lost, and they go on or end."""

import time
import unittest

from driver import VERSION, Case, Failure, each_engine

RUDE = {
    "closes all": "import os\nos.closerange(3, 5000)\n",
    "moves over all": "import os\nfor n in range(3, 5000):\n    try:\n        os.fstat(n); os.dup2(2, n)\n    except OSError: pass\n",
    "clears modules": "import sys\nsys.modules.clear()\n",
    "builtins": "import builtins\ngive = setattr\nfor n in 'len open isinstance getattr setattr list dict str type any max min next id hasattr sorted'.split():\n    give(builtins, n, None)\n",
    "traces itself": "import sys\nsys.settrace(lambda *a: None)\nsys.setprofile(lambda *a: None)\n",
    "hooks": "import sys, threading\nsys.breakpointhook = threading.excepthook = sys.excepthook = sys.unraisablehook = None\n",
    "meta path": "import sys\nsys.meta_path.clear(); sys.path.clear(); sys.path_hooks.clear()\n",
    "streams": "import sys\nsys.stderr = sys.__stderr__ = None\ndel sys.excepthook\n",
}
if VERSION >= (3, 12):
    RUDE["frees tools"] = "import sys\nfor n in range(6):\n    sys.monitoring.free_tool_id(n)\n"
LOST = {
    "settrace": ("closes all", "moves over all", "traces itself"),
    "monitoring": ("closes all", "moves over all", "frees tools"),
}
THEN = "def after():\n    x = 1\n    return x\nafter()\nos.write(1, b'went on')\n"


class Robustness(Case):
    @each_engine
    def test_rude_programs(self, engine):
        """They go on as they would, and stop where they are to unless they cut the debugger off."""
        for name, text in RUDE.items():
            with self.subTest(program=name):
                line = text.count("\n") + 2
                debuggee = self.debug("import os; " + text + THEN, engine=engine)
                self.set_lines(debuggee, line)
                debuggee.ask("start")
                if name not in LOST[engine]:
                    where, event = debuggee.at("breakpoint")
                    self.assertEqual(where, ("after", line))
                    where, event = debuggee.step(event, "over")
                    self.assertEqual(where, ("after", line + 1))
                    debuggee.resume(event)
                status, out, err = debuggee.end()
                ends = [(0, "went on")] if name not in LOST[engine] else [(0, "went on"), (1, "")]
                self.assertIn((status, out), ends, err)

    @each_engine
    def test_lost_adapter(self, engine):
        """Without its adapter the program ends, unless it was let go."""
        text = "import time\ntime.sleep(0.5)\nprint('alive')\n"
        debuggee = self.debug(text, engine=engine)
        debuggee.ask("start")
        debuggee.socket.shutdown(2)
        self.assertEqual(debuggee.end(), (1, "", ""))
        debuggee, where, event = self.run_to(text, 3, engine=engine)
        debuggee.ask("detach")
        debuggee.socket.shutdown(2)
        self.assertEqual(debuggee.end(), (0, "alive\n", ""))

    @each_engine
    def test_recursion(self, engine):
        """A breakpoint in a function that calls itself for ever."""
        if engine == "settrace":
            # The interpreter gives up tracing a thread that has no calls left for it.
            return
        text = "n = 0\ndef f():\n    global n\n    n += 1\n    f()\ntry:\n    f()\nexcept RecursionError:\n    print(n > 100)\nx = 1\n"
        debuggee = self.debug(text, engine=engine)
        wanted = [{"id": 1, "line": 5, "condition": "n == -1"}, {"id": 2, "line": 10}]
        debuggee.ask("setBreakpoints", place=self.place(), breakpoints=wanted)
        debuggee.ask("start")
        where, event = debuggee.at("breakpoint")
        self.assertEqual(where, ("<module>", 10))
        debuggee.resume(event)
        self.assertEqual(debuggee.end(), (0, "True\n", ""))

    @each_engine
    def test_interrupt(self, engine):
        """What runs for the adapter and does not end is interrupted, and the program is none the wiser."""
        for body in ("while True: pass", "__import__('time').sleep(100)"):
            text = "class E(Exception):\n    asked = 0\n    def __str__(self):\n        E.asked += 1\n"
            text += "        if E.asked > 1:\n            %s\n        return ''\n" % body
            text += "try:\n    raise E\nexcept E:\n    print('caught')\n"
            debuggee = self.debug(text, engine=engine)
            debuggee.ask("setExceptionBreakpoints", filters=[{"filter": "raised"}])
            debuggee.ask("start")
            event = debuggee.stopped("exception")
            asked = debuggee.send("exceptionInfo", thread=event["thread"])
            time.sleep(0.2)
            debuggee.ask("interrupt")
            with self.assertRaises(Failure) as raised:
                debuggee.answer(asked)
            self.assertEqual(str(raised.exception), "interrupted")
            debuggee.ask("interrupt")
            self.assertEqual(debuggee.stack(event["thread"])[0]["line"], 9)
            debuggee.resume(event)
            self.assertEqual(debuggee.end(), (0, "caught\n", ""))

    @each_engine
    def test_interrupt_of_what_has_not_begun(self, engine):
        """An interrupt ends the requests that it names alone, those among them that have not begun too."""
        debuggee, _, event = self.run_to("n = 1\nprint('end')\n", 2, engine=engine)
        frame = debuggee.stack(event["thread"])[0]["id"]

        def evaluate(expression):
            return debuggee.send("evaluate", frame=frame, expression=expression, purpose="watch")

        endless, counting, last = evaluate("[0 for _ in iter(int, 1)]"), evaluate("1 / 0"), evaluate("n")
        debuggee.ask("interrupt", requests=[endless, counting])
        for given_up in (endless, counting):
            with self.assertRaises(Failure) as raised:
                debuggee.answer(given_up)
            self.assertEqual(str(raised.exception), "interrupted")
        self.assertEqual(debuggee.answer(last)["text"], "1")
        debuggee.resume(event)
        self.assertEqual(debuggee.end(), (0, "end\n", ""))

    @each_engine
    def test_attachable(self, engine):
        """A program runs at once and undebugged, and is debugged from when the adapter asks for it."""
        text = "import time\ngoing = True\nn = 0\nwhile going:\n    n += 1\n    time.sleep(0.01)\nprint('end')\n"
        debuggee = self.debug(text, "--attachable", engine=engine)
        time.sleep(0.3)
        self.set_lines(debuggee, 5)
        debuggee.ask("start")
        where, event = debuggee.at("breakpoint")
        self.assertEqual(where, ("<module>", 5))
        where, event = debuggee.step(event, "over")
        self.assertEqual(where, ("<module>", 6))
        debuggee.ask("detach")
        time.sleep(0.1)
        debuggee.ask("start")
        where, event = debuggee.at("breakpoint")
        debuggee.ask("detach")
        debuggee.socket.shutdown(2)
        time.sleep(0.2)
        self.assertIsNone(debuggee.process.poll())


if __name__ == "__main__":
    unittest.main()
