"""Errors as they are printed, and as frames."""

import unittest

from interpreter import Case


class Errors(Case):
    def error(self, code, **options):
        outcome = self.node.run(code, **options)
        self.assertEqual(outcome.status, "error", outcome)
        for own in ["context/javascript", "codebeaker:", "node:inspector"]:
            self.assertNotIn(own, outcome.error)
        return outcome

    def frames(self, outcome):
        return [(frame["file"], frame["line"], frame["function"]) for frame in outcome.done["error"]["frames"]]

    def test_frames_say_file_and_line_of_the_cell(self):
        code = "function f() {\n  throw new RangeError('far')\n}\nf()"
        outcome = self.error(code, name="/workspace/a b.js", line=41)
        self.assertEqual(self.frames(outcome), [("/workspace/a b.js", 44, ""), ("/workspace/a b.js", 42, "f")])
        self.assertEqual(outcome.done["error"]["frames"][1]["column"], 9)
        self.assertIn("  throw new RangeError('far')\n        ^\n\nRangeError: far\n    at f (", outcome.error)

    def test_frames_of_earlier_cells_keep_their_names(self):
        self.run_ok("const g = () => {\n  null.x }", name="/w/one.js", line=5)
        outcome = self.error("g()")
        self.assertEqual(self.frames(outcome), [("<cell 2>", 1, ""), ("/w/one.js", 6, "g")])
        self.assertIn("<cell 2>:1:1", outcome.error)

    def test_after_an_await(self):
        outcome = self.error("async function h() { await null; throw new Error('late') }\nawait h()", name="/w/a.js", line=1)
        self.assertEqual(self.frames(outcome)[-1], ("/w/a.js", 1, "h"))

    def test_syntax_errors_say_where(self):
        outcome = self.error("let a = 1\nlet b = = 2", name="/w/a.js", line=10)
        self.assertEqual(self.frames(outcome), [("/w/a.js", 11, "")])
        self.assertEqual(outcome.done["error"]["name"], "SyntaxError")
        self.assertIn("let b = = 2\n        ^", outcome.error)

    def test_what_is_thrown_is_no_error(self):
        outcome = self.error("throw { code: 5 }")
        self.assertEqual(outcome.done["error"], {"name": "Uncaught", "message": "{ code: 5 }", "frames": []})
        self.assertEqual(self.error("throw undefined").done["error"]["message"], "undefined")
        self.error("await Promise.reject(new Error('rejected'))")

    def test_errors_that_fail_to_be_told(self):
        for code in [
            "throw { __proto__: Error.prototype, get stack() { throw 1 } }",
            "throw Object.assign(new Error(), { message: { toString() { throw 2 } } })",
            "throw new Proxy(new Error('p'), { get() { throw 3 } })",
        ]:
            self.error(code)
        self.assertEqual(self.value("1"), "1")

    def test_deep_recursion(self):
        outcome = self.error("Error.stackTraceLimit = 1000; function r() { r() }\nr()")
        self.assertEqual(outcome.done["error"]["name"], "RangeError")
        self.assertLessEqual(len(outcome.done["error"]["frames"]), 200)

    def test_what_nobody_catches_ends_nothing(self):
        code = "setTimeout(() => { throw new Error('timer') }, 1); Promise.reject(new Error('promise'))"
        outcome = self.run_ok(f"{code}; await new Promise((done) => setTimeout(done, 40))")
        self.assertIn("Error: timer", outcome.error)
        self.assertIn("Error: promise", outcome.error)
        self.run_ok("setTimeout(() => { throw new Error('between') }, 1); 0")
        self.node.error.contains("Error: between")
        self.assertEqual(self.value("2"), "2")

    def test_the_users_own_handlers_come_first(self):
        self.run_ok("let caught = []; process.on('uncaughtException', (error) => caught.push(error.message))")
        outcome = self.run_ok("setTimeout(() => { throw new Error('t') }, 1); await new Promise((done) => setTimeout(done, 40))")
        self.assertEqual((outcome.error, self.value("caught")), ("", "[ 't' ]"))

    def test_typescript(self):
        code = "interface P { x: number }\nconst p: P = { x: 1 as number };\np.x"
        outcome = self.node.run(code, name="/w/a.ts", line=1)
        if self.node.ready["typescript"]:
            self.assertEqual((outcome.status, outcome.plain), ("ok", "1"))
            outcome = self.node.run("type T = string\nlet t: T = 'a'\nnull!.x", name="/w/a.ts", line=7)
            self.assertEqual(self.frames(outcome)[-1][:2], ("/w/a.ts", 9))
            self.assertEqual(self.node.run("enum E { A }", name="/w/a.ts", line=1).done["error"]["name"], "SyntaxError")
        else:
            self.assertEqual(outcome.done["error"]["name"], "Unsupported")
            self.assertIn("22.13", outcome.error)


class TypeScript(Case):
    arguments = ("typescript",)

    def test_cells_without_a_name_are_typescript(self):
        self.assertEqual(self.node.ready["language"], "typescript")
        outcome = self.node.run("let n: number = 4; n")
        self.assertEqual(outcome.status, "ok" if self.node.ready["typescript"] else "error")


if __name__ == "__main__":
    unittest.main()
