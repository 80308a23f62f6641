"""Threads, tasks, and what they print."""

import unittest

from driver import Case, Failure, each_engine

BUSY = """\
import threading
total = {}
def work(name):
    total[name] = 0
    while going:
        total[name] += 1
going = True
threads = [threading.Thread(target=work, args=(n,), name=n) for n in ('one', 'two')]
for t in threads:
    t.start()
def step():
    a = 1
    b = 2
    return a + b
step()
going = False
for t in threads:
    t.join()
print('done')
"""


class Threads(Case):
    @each_engine
    def test_all_stop(self, engine):
        """All threads stand still while one is stopped, and a step does not jump to another."""
        debuggee, where, event = self.run_to(BUSY, 12, engine=engine)
        names = {each["name"]: each["id"] for each in debuggee.ask("threads")["threads"]}
        self.assertEqual(set(names), {"MainThread", "one", "two"})
        self.assertTrue(event["allThreads"])
        for name in ("one", "two"):
            frames = debuggee.stack(names[name])
            self.assertIn("work", [each["name"] for each in frames])
        lines = []
        for _ in range(3):
            where, event = debuggee.step(event, "over")
            self.assertEqual(event["thread"], names["MainThread"])
            lines.append(where[1])
        self.assertEqual(lines, [13, 14, 16])
        debuggee.resume(event)
        debuggee.event("ending")
        self.assertEqual(debuggee.end(), (0, "done\n", ""))
        events = [each["event"] for each in debuggee.events]
        self.assertEqual((events.count("threadStarted"), events.count("threadEnded")), (2, 2))

    @each_engine
    def test_alone(self, engine):
        """A thread goes on alone while the others stand still."""
        debuggee, where, event = self.run_to(BUSY, 6, engine=engine)
        thread = event["thread"]
        self.set_lines(debuggee, 5)
        for _ in range(6):
            debuggee.ask("resume", thread=thread, alone=True)
            where, event = debuggee.at()
            self.assertEqual((event["thread"], where), (thread, ("work", 5)))
        for _ in range(4):
            debuggee.ask("step", thread=thread, kind="over", alone=True)
            where, event = debuggee.at()
            self.assertEqual(event["thread"], thread)
        self.set_lines(debuggee)
        debuggee.ask("resume", thread=thread, alone=True)
        with self.assertRaises(Failure) as raised:
            debuggee.ask("stack", thread=thread)
        self.assertEqual(raised.exception.kind, "notStopped")
        others = [each["id"] for each in debuggee.ask("threads")["threads"] if each["id"] != thread]
        debuggee.stack(others[0])
        debuggee.ask("resume", thread=others[0], alone=False)
        self.assertEqual(debuggee.end(), (0, "done\n", ""))

    @each_engine
    def test_stale(self, engine):
        """What was named before the program went on is stale."""
        debuggee, where, event = self.run_to(BUSY, 12, engine=engine)
        frame = debuggee.stack(event["thread"])[0]["id"]
        self.assertEqual(debuggee.ask("stepInTargets", frame=frame), {"choices": []})
        debuggee.step(event, "over")
        with self.assertRaises(Failure) as raised:
            debuggee.ask("stepInTargets", frame=frame)
        self.assertEqual(raised.exception.kind, "stale")
        with self.assertRaises(Failure) as raised:
            debuggee.ask("fly")
        self.assertEqual(raised.exception.kind, "unsupported")

    @each_engine
    def test_breakpoints_in_many(self, engine):
        """Threads that meet breakpoints at once stop one after the other, and none is lost."""
        text = "import threading\ndef f():\n    x = 1\nts = [threading.Thread(target=f) for _ in range(20)]\n"
        text += "for t in ts: t.start()\nfor t in ts: t.join()\nprint('ok')\n"
        debuggee, where, event = self.run_to(text, 3, engine=engine)
        met = {event["thread"]}
        for _ in range(19):
            debuggee.resume(event)
            where, event = debuggee.at("breakpoint")
            met.add(event["thread"])
        self.assertEqual(len(met), 20)
        debuggee.resume(event)
        self.assertEqual(debuggee.end(), (0, "ok\n", ""))

    @each_engine
    def test_tasks(self, engine):
        """The stop names the task, and the stack shows who waits for it."""
        text = """\
import asyncio
async def inner():
    await asyncio.sleep(0)
    return 1
async def middle():
    return await inner()
async def outer():
    task = asyncio.ensure_future(middle())
    return await task
asyncio.run(outer())
"""
        debuggee, where, event = self.run_to(text, 4, engine=engine)
        self.assertIn("task Task-2", event["text"])
        frames = debuggee.stack(event["thread"])
        shown = [(each["name"], each.get("hint")) for each in frames]
        self.assertEqual(shown[:4], [("inner", None), ("middle", None), ("awaited by task Task-1", "label"), ("outer", None)])
        self.assertEqual(shown[4], ("event loop", "label"))
        self.assertEqual((frames[3]["line"], shown[-1][0]), (9, "<module>"))

    @each_engine
    def test_paging(self, engine):
        """A deep stack comes in parts."""
        text = "import sys\nsys.setrecursionlimit(5000)\ndef f(n):\n    if n: f(n - 1)\n    else:\n        x = 1\nf(1000)\n"
        debuggee, where, event = self.run_to(text, 6, engine=engine)
        part = debuggee.ask("stack", thread=event["thread"], start=990, count=20)
        self.assertEqual((part["total"], len(part["frames"]), part["frames"][-1]["name"]), (1002, 12, "<module>"))
        again = debuggee.ask("stack", thread=event["thread"], start=990, count=20)
        self.assertEqual(part, again)


class Printing(Case):
    @each_engine
    def test_places(self, engine):
        """The adapter is told which line prints before it does, by the byte."""
        text = """\
import sys
for i in range(3):
    print('ä', i)
sys.stderr.write('e')
print('end')
sys.stdout.buffer.write(b'raw')
sys.stdout.writelines(['a', 'b'])
sys.stdout.flush()
"""
        for unbuffered in ("", "1"):
            debuggee = self.debug(text, engine=engine, env={"PYTHONUNBUFFERED": unbuffered, "PYTHONUTF8": "1"})
            debuggee.ask("start")
            debuggee.event("ending")
            told = [each for each in debuggee.events if each["event"] == "printing"]
            told = [(each["stream"], each["offset"], each["line"]) for each in told]
            self.assertEqual(
                told[:4], [("stdout", 0, 3), ("stderr", 0, 4), ("stdout", 15, 5), ("stdout", 19, 6)]
            )
            self.assertEqual(told[4], ("stdout", 22, 7))

    @each_engine
    def test_streams_stay(self, engine):
        """The streams are what they were, also for a program that replaces them."""
        text = """\
import sys, io, contextlib
print(type(sys.stdout).__name__, sys.stdout.fileno(), sys.stdout.name, sys.stdout.writable())
with contextlib.redirect_stdout(io.StringIO()) as caught:
    print('inside')
print(repr(caught.getvalue()))
sys.stdout = io.TextIOWrapper(sys.stdout.detach(), encoding='utf-8')
print('new')
"""
        debuggee = self.debug(text, engine=engine)
        debuggee.ask("start")
        self.assertEqual(debuggee.end(), (0, "TextIOWrapper 1 <stdout> True\n'inside\\n'\nnew\n", ""))


if __name__ == "__main__":
    unittest.main()
