"""Interrupts: they end the cell that runs, and nothing else."""

import threading
import time
import unittest

from driver import Case

# Cells that say that they began, and never end.
ENDLESS = {
    "loop": "print('on', flush=True)\nwhile True: pass",
    "sleep": "import time\nprint('on', flush=True)\ntime.sleep(1000)",
    "await": "import asyncio\nprint('on', flush=True)\nawait asyncio.sleep(1000)",
    "blocking await": "async def f():\n    print('on', flush=True)\n    while True: pass\nawait f()",
    "nested": "def f():\n    try:\n        while True: pass\n    finally:\n        print('cleaned')\nprint('on', flush=True)\nf()",
    "lock": "import threading\nlock = threading.Lock()\nlock.acquire()\nprint('on', flush=True)\nlock.acquire()",
    "process": "import subprocess\nprint('on', flush=True)\nsubprocess.run(['sleep', '1000'])",
    "repr": "class A:\n    def __repr__(self):\n        print('on', flush=True)\n        while True: pass\nA()",
    "html": "class A:\n    def _repr_html_(self):\n        print('on', flush=True)\n        while True: pass\nA()",
    "message": "class E(Exception):\n    def __str__(self):\n        print('on', flush=True)\n        while True: pass\nraise E",
    "writing": "import sys\nprint('on', flush=True)\nwhile True: sys.stderr.write('x' * 1000)",
    "displaying": "print('on', flush=True)\nwhile True: display('x' * 1000)",
}


class Interrupts(Case):
    def began(self):
        """Waits until the cell says that it runs."""
        self.context.until("stdout", b"on\n")
        time.sleep(0.05)

    def test_endless_cells(self):
        """Each of them ends, and the state is kept."""
        self.passes("kept = 5")
        for name, code in ENDLESS.items():
            with self.subTest(name=name):
                self.context.begin(code)
                self.began()
                self.context.interrupt()
                cell = self.context.finish()
                if name == "message":
                    self.assertEqual((cell.status, cell.error["message"]), ("error", ""))
                else:
                    self.assertEqual(cell.status, "interrupted")
                    self.assertEqual(cell.error["name"], "KeyboardInterrupt")
                    self.assertIn("KeyboardInterrupt", cell.err)
                self.assertNotIn("codebeaker", cell.err)
                self.assertEqual(self.passes("kept").text, "5")

    def test_frames(self):
        """It is told where the cell was."""
        self.context.begin(
            "import asyncio\nasync def f():\n    print('on', flush=True)\n    await asyncio.sleep(1000)\nawait f()"
        )
        self.began()
        self.context.interrupt()
        cell = self.context.finish()
        places = [(each["function"], each["line"]) for each in cell.error["frames"] if each["file"] == "<cell 1>"]
        self.assertEqual(places, [("<module>", 5), ("f", 4)])
        self.assertNotIn("During handling", cell.err)

    def test_input(self):
        """A cell that waits for an answer, and what is answered too late is dropped."""
        for code in ("input('x')", "import sys\nsys.stdin.read()", "import getpass\ngetpass.getpass()"):
            with self.subTest(code=code):
                self.context.begin(code, input=True)
                question = self.context.event("input")
                time.sleep(0.05)
                self.context.interrupt()
                cell = self.context.finish()
                self.assertEqual((cell.status, cell.error["name"]), ("interrupted", "KeyboardInterrupt"))
                self.context.send(op="input", input=question["input"], value="late")
                self.assertEqual(self.passes("input()", ["right"]).text, "'right'")

    def test_commands(self):
        """What waits deaf for a command hears of it when the command does."""
        for code in (
            "import os\nos.system('echo on; exec sleep 1000')",
            "import subprocess\nsubprocess.call('echo on; sleep 1000', shell=True)",
        ):
            with self.subTest(code=code):
                self.context.begin(code)
                self.began()
                self.context.interrupt(everyone=True)
                self.assertIn(self.context.finish().status, ("ok", "interrupted"))
        self.assertEqual(self.passes("1").text, "1")

    def test_between_cells(self):
        """Nothing happens."""
        for _ in range(5):
            self.context.interrupt()
            time.sleep(0.01)
        self.assertEqual(self.passes("1").text, "1")
        self.passes("import signal")
        self.assertEqual(self.passes("signal.getsignal(signal.SIGINT) is signal.default_int_handler").text, "True")

    def test_at_once(self):
        """An interrupt that comes with the cell is the cell's or nobody's; one that comes before it is nobody's."""
        for _ in range(20):
            self.context.begin("while True: pass")
            over = threading.Event()
            repeat = threading.Thread(target=self.repeat, args=(over,))
            repeat.start()
            try:
                self.assertEqual(self.context.finish().status, "interrupted")
            finally:
                over.set()
                repeat.join()
        for _ in range(10):
            self.context.interrupt()
            time.sleep(0.02)
            self.assertEqual(self.passes("1").status, "ok")

    def repeat(self, over):
        """Interrupts until it is over."""
        self.context.interrupt()
        while not over.wait(0.2):
            self.context.interrupt()

    def test_caught(self):
        """A cell that catches it goes on."""
        self.context.begin(
            "try:\n    print('on', flush=True)\n    while True: pass\nexcept KeyboardInterrupt:\n    caught = 1\ncaught"
        )
        self.began()
        self.context.interrupt()
        self.assertEqual(self.context.finish().text, "1")

    def test_own_handler(self):
        """The user's handler is called, in later cells too, and never between."""
        self.passes("import signal\ncalls = []\nsignal.signal(signal.SIGINT, lambda *_: calls.append(1))\nNone")
        self.context.begin("print('on', flush=True)\nwhile not calls: pass")
        self.began()
        self.context.interrupt()
        self.assertEqual(self.context.finish().status, "ok")
        self.context.interrupt()
        time.sleep(0.1)
        self.assertEqual(self.passes("calls").text, "[1]")

    def test_children_are_not_deaf(self):
        """Programs that a thread starts between cells can be interrupted."""
        self.passes(
            "import subprocess, sys, threading, time\nresult = []\n"
            "def work():\n    time.sleep(0.2)\n"
            "    code = 'import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)'\n"
            "    result.append(subprocess.run([sys.executable, '-c', code], stdout=-1).stdout)\n"
            "thread = threading.Thread(target=work)\nthread.start()"
        )
        time.sleep(0.4)
        self.assertEqual(self.passes("thread.join()\nresult").text, "[b'True\\n']")

    def test_storm(self):
        """Interrupts at any moment: each cell has its end, and the context lives."""
        for number in range(60):
            self.context.begin("x = 0\nfor i in range(20000): x += i\ndisplay(x)\nprint(x)\nx", input=True)
            for _ in range(number % 4):
                time.sleep(0.0007 * (number % 7))
                self.context.interrupt()
            cell = self.context.finish()
            self.assertIn(cell.status, ("ok", "interrupted"))
            if cell.status == "ok":
                self.assertEqual(cell.out, "199990000\n")
        self.assertEqual(self.passes("41 + 1").text, "42")

    def test_storm_while_asking(self):
        """Interrupts while answers arrive cost no line of the channel."""
        for number in range(40):
            self.context.begin("input()", input=True)
            question = self.context.event("input")
            if number % 2:
                self.context.send(op="input", input=question["input"], value="x")
                self.context.interrupt()
            else:
                self.context.interrupt()
                self.context.send(op="input", input=question["input"], value="x")
            self.assertIn(self.context.finish().status, ("ok", "interrupted"))
        self.assertEqual(self.passes("input()", ["right"]).text, "'right'")


class Awaiting(Case):
    def test_loop(self):
        """Cells may await; there is one loop for all of them."""
        self.passes("import asyncio\nloop = asyncio.get_running_loop() if False else None")
        self.assertEqual(self.passes("await asyncio.sleep(0, 'value')").text, "'value'")
        self.passes("async def later(n):\n    await asyncio.sleep(0.01)\n    return n")
        self.assertEqual(self.passes("x = await later(3)\ny = await later(4)\nx + y").text, "7")
        self.passes("first = await asyncio.sleep(0, asyncio.get_running_loop())")
        self.assertEqual(self.passes("await asyncio.sleep(0)\nfirst is asyncio.get_running_loop()").text, "True")
        self.assertEqual(
            self.passes("[n async for n in agen()] if False else [await later(n) for n in range(2)]").text, "[0, 1]"
        )
        self.assertEqual(self.passes("async with asyncio.Lock() as lock:\n    z = 5\nz").text, "5")
        cell = self.passes("value = await later(1);")
        self.assertEqual(cell.results, [])

    def test_tasks_go_on_while_a_cell_awaits(self):
        """And stand still between."""
        self.passes(
            "import asyncio\nticks = []\npause = 0.001\n"
            "async def tick():\n    while True:\n        ticks.append(1)\n        await asyncio.sleep(pause)\n"
            "task = asyncio.create_task(tick())\nawait asyncio.sleep(0.01)"
        )
        self.assertEqual(self.passes("len(ticks) > 0").text, "True")
        self.passes("before = len(ticks)\nimport time\ntime.sleep(0.05)")
        self.assertEqual(self.passes("len(ticks) == before").text, "True")
        self.passes("await asyncio.sleep(0.02)")
        self.assertEqual(self.passes("len(ticks) > before").text, "True")
        # An interrupt ends what the cell awaits, and never the task, whichever of them runs.
        self.passes("async def busy():\n    while True:\n        sum(range(20000))\n        await asyncio.sleep(0)")
        self.passes("other = asyncio.create_task(busy())\nloop = asyncio.get_running_loop()\nawait asyncio.sleep(0)")
        for _ in range(20):
            # Printed by the loop, and so once the cell awaits.
            self.context.begin("loop.call_soon(lambda: print('on', flush=True))\nawait asyncio.sleep(1000)")
            self.context.until("stdout", b"on\n")
            # By then the loop has turned to the task.
            time.sleep(0.02)
            self.context.interrupt()
            cell = self.context.finish()
            self.assertEqual((cell.status, cell.error["name"]), ("interrupted", "KeyboardInterrupt"))
            self.assertEqual([frame["line"] for frame in cell.error["frames"] if frame["file"].startswith("<cell")], [2])
            self.assertEqual(self.passes("task.done(), other.done()").text, "(False, False)")
        self.assertEqual(self.passes("import signal\nsignal.getsignal(signal.SIGINT).__name__").text, "'default_int_handler'")
        # One that does not let the loop go on is ended by the second.
        self.passes("async def endless():\n    print('in', flush=True)\n    while True: pass\nother.cancel();")
        self.context.begin("third = asyncio.create_task(endless())\nawait asyncio.sleep(1000)")
        self.context.until("stdout", b"in\n")
        self.context.interrupt()
        time.sleep(0.1)
        self.context.interrupt()
        self.assertEqual(self.context.finish().status, "interrupted")
        self.assertEqual(self.passes("task.cancel()\nawait asyncio.sleep(0)\ntask.cancelled()").text, "True")

    def test_loops_of_the_users_own(self):
        """`asyncio.run` works in a cell that does not await, and the context's loop after it."""
        self.assertEqual(self.passes("import asyncio\nasyncio.run(asyncio.sleep(0, 5))").text, "5")
        self.assertEqual(self.passes("await asyncio.sleep(0, 6)").text, "6")
        self.assertEqual(self.passes("asyncio.run(asyncio.sleep(0, 7))").text, "7")
        self.assertEqual(self.passes("await asyncio.sleep(0, 8)").text, "8")

    def test_errors(self):
        """Frames are the user's alone."""
        cell = self.run_cell("async def f():\n    1 / 0\nawait f()")
        frames = [(each["file"], each["line"], each["function"]) for each in cell.error["frames"]]
        self.assertEqual(frames, [("<cell 1>", 3, "<module>"), ("<cell 1>", 2, "f")])
        self.assertNotIn("asyncio", cell.err)
        self.assertNotIn("codebeaker", cell.err)

    def test_context_variables(self):
        """What an awaiting cell assigns to them is there in the next."""
        self.passes(
            "import asyncio, contextvars\nv = contextvars.ContextVar('v', default=0)\nawait asyncio.sleep(0)\nt = v.set(1)"
        )
        self.assertEqual(self.passes("v.get()").text, "1")
        self.passes("t = v.set(2)")
        self.assertEqual(self.passes("await asyncio.sleep(0, v.get())").text, "2")


if __name__ == "__main__":
    unittest.main()
