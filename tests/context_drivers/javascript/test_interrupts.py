"""What SIGINT and `process.exit` end, and what stays."""

import os
import signal
import time
import unittest

from interpreter import Case

ENDLESS = {
    "a loop": "console.log('go'); for (;;);",
    "a loop that catches": "console.log('go'); for (;;) { try { for (;;); } catch {} finally { globalThis.finished = 1 } }",
    "an await": "console.log('go'); await new Promise(() => {})",
    "a loop after an await": "await null; console.log('go'); for (;;);",
    "a row of promises": "console.log('go'); for (;;) await null",
    "a timer's loop": "setTimeout(() => { console.log('go'); for (;;); }, 5); await new Promise(() => {})",
    "an immediate's loop": "setImmediate(() => { console.log('go'); for (;;); }); await new Promise(() => {})",
    "a tick's loop": "process.nextTick(() => { console.log('go'); for (;;); }); await new Promise(() => {})",
    "a callback's loop": "require('fs').stat('/', () => { console.log('go'); for (;;); }); await new Promise(() => {})",
    "a native loop": "console.log('go'); for (;;) [1].map(() => JSON.parse('[1]', (k, v) => v))",
    "how a value shows": "({ [Symbol.for('nodejs.util.inspect.custom')]() { console.log('go'); for (;;); } })",
    "how a value displays": "display({ _repr_html_() { console.log('go'); for (;;); } })",
    "an error's stack": "throw { __proto__: Error.prototype, get stack() { console.log('go'); for (;;); } }",
    "input": "console.log('go'); prompt('never')",
    "a wait": "console.log('go'); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)",
}


class Interrupts(Case):
    def interrupted(self, code):
        begun = self.node.begin(code)
        self.node.interrupt_when("go")
        outcome = self.node.finish(begun, answers=["unheard"])
        self.assertEqual(outcome.status, "interrupted", outcome)
        return outcome

    def test_all_that_is_endless_is_ended_and_the_state_stays(self):
        self.run_ok("let kept = { n: 0 }; setInterval(() => kept.n++, 1).unref()")
        for what, code in ENDLESS.items():
            with self.subTest(what):
                if what == "input":
                    continue
                self.interrupted(code)
                self.assertEqual(self.value("kept.n += 1000; typeof kept.n"), "'number'")
        self.assertEqual(self.value("typeof finished"), "'undefined'")
        code = "const before = kept.n; await new Promise((done) => setTimeout(done, 30)); kept.n > before"
        self.assertEqual(self.value(code), "true")

    def test_input_is_given_up(self):
        begun = self.node.begin("let answer = 'none'; answer = prompt('never')")
        self.assertEqual(self.node.receive()["event"], "input")
        self.node.interrupt()
        self.assertEqual(self.node.finish(begun).status, "interrupted")
        self.assertEqual(self.value("answer"), "'none'")

    def test_it_says_where(self):
        begun = self.node.begin("function spin() {\n  console.log('go');\n  for (;;);\n}\nspin()", name="/w/a.js", line=11)
        self.node.interrupt_when("go")
        outcome = self.node.finish(begun)
        frames = [(frame["file"], frame["line"], frame["function"]) for frame in outcome.done["error"]["frames"]]
        self.assertEqual(frames, [("/w/a.js", 15, ""), ("/w/a.js", 13, "spin")])
        self.assertEqual(outcome.done["error"]["name"], "Interrupted")

    def test_between_cells_it_does_nothing(self):
        self.run_ok("let x = 1")
        for _ in range(20):
            self.node.interrupt()
            time.sleep(0.005)
        # The last is to be heard before there is a cell again.
        time.sleep(0.5)
        self.assertEqual(self.value("x"), "1")

    def test_many_in_a_row_end_one_cell(self):
        for _ in range(10):
            begun = self.node.begin("console.log('go'); for (;;);")
            self.node.out.contains("go")
            for _ in range(5):
                self.node.interrupt()
            self.assertEqual(self.node.finish(begun).status, "interrupted")
            # What is left of them is not to hit the next.
            time.sleep(0.05)
        self.assertEqual(self.value("1"), "1")

    def test_at_any_moment_it_does_no_harm(self):
        # The cell and the signal race; what is told must be one of the two, and the channel must stay whole.
        for round in range(150):
            begun = self.node.begin(f"let n = {round}; display(n); n")
            time.sleep(round % 15 / 10000)
            self.node.interrupt()
            self.assertIn(self.node.finish(begun).status, ["ok", "interrupted"])
        time.sleep(0.2)
        self.assertEqual(self.value("2 + 2"), "4")

    def test_a_storm_ends_what_prints_and_sets_timers_and_takes_nothing_away(self):
        self.run_ok("let rang = 0")
        codes = ["console.log('x')", "setTimeout(() => rang++, 0)", "process.stdout.write('y', () => rang++)",
                 "await null", "Promise.resolve().then(() => rang++)", "new Map([[1, [2]]]).forEach(String)"]
        for round in range(24):
            begun = self.node.begin(f"console.log('go'); for (;;) {{ {codes[round % len(codes)]} }}")
            self.node.out.contains("go")
            for _ in range(round % 4):
                time.sleep(0.003)
                self.node.interrupt()
            time.sleep(0.02)
            self.node.interrupt()
            self.assertEqual(self.node.finish(begun).status, "interrupted")
            time.sleep(0.05)
            timer = "await new Promise((done) => setTimeout(done, 1)); console.log('still'); 7"
            outcome = self.run_ok(timer)
            self.assertEqual((outcome.plain, outcome.out[-6:]), ("7", "still\n"))

    def test_a_module_that_was_interrupted_is_loaded_again(self):
        self.node.write("slow.js", "exports.begun = 1; if (globalThis.waits) { console.log('go'); for (;;); } exports.whole = 1")
        begun = self.node.begin("globalThis.waits = true; require('./slow.js')")
        self.node.interrupt_when("go")
        self.assertEqual(self.node.finish(begun).status, "interrupted")
        self.assertEqual(self.value("globalThis.waits = false; require('./slow.js')"), "{ begun: 1, whole: 1 }")

    def test_what_still_loops_between_cells_is_ended_too(self):
        self.run_ok("setTimeout(() => { console.log('looping'); for (;;); }, 30)")
        self.node.out.contains("looping")
        begun = self.node.begin("'alive'")
        time.sleep(0.05)
        self.node.interrupt()
        self.assertEqual(self.node.finish(begun).plain, "'alive'")

    def test_listeners_of_the_users_are_called_and_take_nothing_away(self):
        self.run_ok("let heard = 0; const listener = () => heard++; process.on('SIGINT', listener)")
        self.interrupted("console.log('go'); for (;;);")
        self.assertEqual(self.value("await new Promise((done) => setTimeout(done, 50)); heard"), "1")
        self.run_ok("process.off('SIGINT', listener); process.removeAllListeners('SIGINT')")
        self.run_ok("0")
        self.interrupted("console.log('go'); for (;;);")

    def test_timers_in_hand_are_kept_when_another_is_ended(self):
        timers = "setTimeout(() => { console.log('go'); for (;;); }, 20); setTimeout(() => rang.push(1), 20)"
        begun = self.node.begin(f"let rang = []; {timers}; await new Promise(() => {{}})")
        self.node.interrupt_when("go")
        self.assertEqual(self.node.finish(begun).status, "interrupted")
        self.assertEqual(self.value("await new Promise((done) => setTimeout(done, 50)); rang"), "[ 1 ]")

    def test_immediates_go_on_when_another_is_ended(self):
        self.run_ok("let rang = 0")
        for _ in range(5):
            loop = "setImmediate(() => { console.log('go'); for (;;); })"
            rings = "setImmediate(() => rang++)"
            begun = self.node.begin(f"{rings}; {loop}; {rings}; await new Promise(() => {{}})")
            self.node.interrupt_when("go")
            self.assertEqual(self.node.finish(begun).status, "interrupted")
        self.assertEqual(self.value("await new Promise((done) => setTimeout(done, 20)); rang"), "10")
        self.assertEqual(self.value("await new Promise((done) => setImmediate(done, 3))"), "3")

    def test_garbage_collection_of_a_promise_that_nobody_settles(self):
        begun = self.node.begin("console.log('go'); await new Promise(() => {})")
        self.node.interrupt_when("go")
        self.node.finish(begun)
        self.run_ok("require('v8').setFlagsFromString('--expose-gc'); require('vm').runInNewContext('gc')()")
        self.assertEqual(self.value("1"), "1")

    def test_many_cells_survive_garbage_collection(self):
        self.run_ok("let junk")
        for _ in range(400):
            self.run_ok("junk = Array.from({ length: 3000 }, () => ({})); await null;")


class Exits(Case):
    def test_exit_ends_the_cell_and_nothing_else(self):
        for code in ["process.exit(3)", "try { process.exit(3) } catch {} finally { globalThis.seen = 1 }",
                     "await null; process.exit(3)", "setTimeout(() => process.exit(3), 5); await new Promise(() => {})",
                     "process.exitCode = 3; process.exit()"]:
            with self.subTest(code):
                outcome = self.node.run("let x = 7; " + code)
                self.assertEqual((outcome.status, outcome.done["code"], outcome.error), ("exit", 3, ""))
                self.assertEqual(self.value("x"), "7")
        self.assertEqual(self.value("typeof seen"), "'undefined'")

    def test_exit_between_cells_ends_what_calls_it(self):
        self.run_ok("let reached = []; setTimeout(() => { reached.push(1); process.exit(1); reached.push(2) }, 5)")
        time.sleep(0.2)
        self.assertEqual(self.value("await new Promise((done) => setTimeout(done, 50)); reached"), "[ 1 ]")

    def test_the_end_of_the_channel_is_the_end(self):
        self.node.begin("await new Promise(() => {})")
        self.node.socket.shutdown(2)
        self.assertEqual(self.node.process.wait(20), -signal.SIGKILL)

    def test_the_end_of_the_channel_is_the_end_of_an_endless_loop(self):
        self.node.begin("console.log('go'); for (;;);")
        self.node.out.contains("go")
        self.node.socket.shutdown(2)
        self.assertEqual(self.node.process.wait(20), -signal.SIGKILL)

    def test_a_line_that_makes_no_sense_is_the_end(self):
        self.node.socket.sendall(b"nonsense\n")
        self.assertEqual(self.node.process.wait(20), -signal.SIGKILL)

    def test_sigterm_ends_it_as_ever(self):
        os.kill(self.node.process.pid, signal.SIGTERM)
        self.assertEqual(self.node.process.wait(20), -signal.SIGTERM)


if __name__ == "__main__":
    unittest.main()
