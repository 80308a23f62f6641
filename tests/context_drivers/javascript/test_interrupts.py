"""What SIGINT and `process.exit` end, and what stays."""

import os
import signal
import time
import unittest

from interpreter import Case

# What SIGINT ends: what runs synchronously, and what is waited for.
ENDLESS = {
    "a loop": "console.log('go'); for (;;);",
    "a loop that catches": "console.log('go'); for (;;) { try { for (;;); } catch {} finally { globalThis.finished = 1 } }",
    "a loop before an await": "console.log('go'); for (;;); await null",
    "a loop in another script": "console.log('go'); require('vm').runInNewContext('for (;;);')",
    "a native loop": "console.log('go'); for (;;) [1].map(() => JSON.parse('[1]', (k, v) => v))",
    "a loop in another asynchronous context":
        "new (require('async_hooks').AsyncResource)('x').runInAsyncScope(() => { console.log('go'); for (;;); })",
    "an await": "console.log('go'); await new Promise(() => {})",
    "a row of timers": "console.log('go'); for (;;) await new Promise((done) => setTimeout(done, 1))",
    "a row of immediates": "console.log('go'); for (let n = 0; ; n++) await new Promise(setImmediate)",
    "how a value shows": "({ [Symbol.for('nodejs.util.inspect.custom')]() { console.log('go'); for (;;); } })",
    "how a value shows after an await":
        "await null; ({ [Symbol.for('nodejs.util.inspect.custom')]() { console.log('go'); for (;;); } })",
    "how a value displays": "display({ _repr_html_() { console.log('go'); for (;;); } })",
    "an error's stack while displaying": "display({ _repr_html_() { throw { __proto__: Error.prototype, "
        "get stack() { console.log('go'); for (;;); } } } }); for (;;);",
    "a wait": "console.log('go'); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)",
}
# What keeps the process busy where nothing can end it.
BUSY = {
    "a loop after an await": "await null; console.log('go'); for (;;);",
    "a row of promises": "console.log('go'); for (;;) await null",
    "a timer's loop": "setTimeout(() => { console.log('go'); for (;;); }, 5); await new Promise(() => {})",
}


class Interrupts(Case):
    def interrupted(self, code):
        begun = self.node.begin(code)
        self.node.interrupt_when("go")
        outcome = self.node.finish(begun)
        self.assertEqual(outcome.status, "interrupted", outcome)
        self.assertEqual(outcome.done["error"]["name"], "Interrupted")
        self.assertIn("Interrupted\n", outcome.error)

    def test_all_that_is_endless_is_ended_and_the_state_stays(self):
        self.run_ok("let kept = { n: 0 }; setInterval(() => kept.n++, 1).unref()")
        for what, code in ENDLESS.items():
            with self.subTest(what):
                self.interrupted(code)
                self.assertEqual(self.value("kept.n += 1000; typeof kept.n"), "'number'")
        self.assertEqual(self.value("typeof finished"), "'undefined'")
        code = "const before = kept.n; await new Promise((done) => setTimeout(done, 30)); kept.n > before"
        self.assertEqual(self.value(code), "true")

    def test_an_error_whose_stack_never_comes_is_an_error(self):
        begun = self.node.begin("throw { __proto__: Error.prototype, get stack() { console.log('go'); for (;;); } }")
        self.node.interrupt_when("go")
        self.assertEqual(self.node.finish(begun).status, "error")
        self.assertEqual(self.value("1"), "1")

    def test_what_was_awaited_goes_on(self):
        self.interrupted("let came = 0; console.log('go'); await new Promise((done) => setTimeout(done, 300)); came = 1")
        self.assertEqual(self.value("came"), "0")
        self.assertEqual(self.value("while (came === 0) await new Promise((done) => setTimeout(done, 5)); came"), "1")

    def test_input_is_given_up(self):
        begun = self.node.begin("let answer = 'none'; answer = prompt('never')")
        self.assertEqual(self.node.receive()["event"], "input")
        self.node.interrupt()
        self.assertEqual(self.node.finish(begun).status, "interrupted")
        self.assertEqual(self.value("answer"), "'none'")

    def test_input_is_given_up_after_an_await(self):
        begun = self.node.begin("await null; let answer = 'none'; answer = prompt('never')")
        self.assertEqual(self.node.receive()["event"], "input")
        self.node.interrupt()
        self.assertEqual(self.node.finish(begun).status, "interrupted")
        self.assertEqual(self.value("answer"), "'none'")

    def test_questions_that_come_during_input_are_kept(self):
        for _ in range(10):
            begun = self.node.begin("let given = prompt('never')")
            self.assertEqual(self.node.receive()["event"], "input")
            self.node.send(op="variables", id=77, start=0, count=1)
            self.node.interrupt()
            self.assertEqual(self.node.finish(begun).status, "interrupted")
            self.assertEqual(self.node.receive()["id"], 77)

    def test_between_cells_it_does_nothing(self):
        self.run_ok("let x = 1; let rang = 0; setInterval(() => rang++, 1).unref()")
        for _ in range(200):
            self.node.interrupt()
            time.sleep(0.001)
        self.assertEqual(self.value("x"), "1")

    def test_many_in_a_row_end_one_cell(self):
        for _ in range(10):
            begun = self.node.begin("console.log('go'); for (;;);")
            self.node.out.contains("go")
            for _ in range(5):
                self.node.interrupt()
            self.assertEqual(self.node.finish(begun).status, "interrupted")
            # None of them is for the next.
            self.run_ok("for (let turns = 0; turns < 1e6; turns++);")
        self.assertEqual(self.value("1"), "1")

    def test_at_any_moment_it_does_no_harm(self):
        # The cell and the signal race; what is told must be one of the two, and the channel must stay whole.
        for round in range(150):
            begun = self.node.begin(f"let n = {round}; display(n); n")
            time.sleep(round % 15 / 10000)
            self.node.interrupt()
            self.assertIn(self.node.finish(begun).status, ["ok", "interrupted"])
            # One that came too late for that cell is not for this one.
            self.run_ok("for (let turns = 0; turns < 1e5; turns++);")
        self.assertEqual(self.value("2 + 2"), "4")

    def test_output_goes_on_after_code_that_was_ended_while_it_printed(self):
        codes = ["console.log('x')", "process.stdout.write('y', () => 0)", "display(1)", "display('z'.repeat(99999))"]
        for round in range(16):
            begun = self.node.begin(f"console.log('go'); for (;;) {{ {codes[round % len(codes)]} }}")
            self.node.out.contains("go")
            time.sleep(round / 1000)
            self.node.interrupt()
            self.assertEqual(self.node.finish(begun).status, "interrupted")
            outcome = self.run_ok("await new Promise((done) => setTimeout(done, 1)); console.log('still'); display(7)")
            self.assertEqual((outcome.out, outcome.events[-1]["data"]["text/plain"]), ("still\n", "7"))

    def test_a_module_that_was_interrupted_is_loaded_again(self):
        self.node.write("slow.js", "exports.begun = 1; if (globalThis.waits) { console.log('go'); for (;;); } exports.whole = 1")
        begun = self.node.begin("globalThis.waits = true; require('./slow.js')")
        self.node.interrupt_when("go")
        self.assertEqual(self.node.finish(begun).status, "interrupted")
        self.assertEqual(self.value("globalThis.waits = false; require('./slow.js')"), "{ begun: 1, whole: 1 }")

    def test_what_keeps_the_process_busy_is_the_daemons_to_end(self):
        for what, code in BUSY.items():
            with self.subTest(what):
                self.node.begin(code)
                self.node.interrupt_when("go")
                self.node.interrupt()
                time.sleep(0.1)
                self.assertIsNone(self.node.process.poll())
                self.node.process.kill()
                self.assertEqual(self.node.process.wait(20), -signal.SIGKILL)
                self.node.close()
                self.setUp()

    def test_listeners_of_the_users_are_called_and_take_nothing_away(self):
        self.run_ok("let heard = 0; const listener = () => heard++; process.on('SIGINT', listener)")
        self.interrupted("console.log('go'); await new Promise(() => {})")
        self.assertEqual(self.value("[heard, process.listenerCount('SIGINT')]"), "[ 1, 1 ]")
        self.interrupted("console.log('go'); for (;;);")
        self.run_ok("process.off('SIGINT', listener); process.once('SIGINT', () => {}); process.removeAllListeners('SIGINT')")
        self.node.interrupt()
        self.interrupted("console.log('go'); for (;;);")
        self.assertEqual(self.value("heard"), "1")

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
                     "({ get [Symbol.for('codebeaker.mime')]() { process.exit(3) } })", "await null; process.exit(3)", "setTimeout(() => process.exit(3), 5); await new Promise(() => {})",
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

    def test_a_line_that_makes_no_sense_is_the_end(self):
        self.node.socket.sendall(b"nonsense\n")
        self.assertEqual(self.node.process.wait(20), -signal.SIGKILL)

    def test_sigterm_ends_it_as_ever(self):
        os.kill(self.node.process.pid, signal.SIGTERM)
        self.assertEqual(self.node.process.wait(20), -signal.SIGTERM)


if __name__ == "__main__":
    unittest.main()
