"""What the driver says of the state between cells."""

import unittest

from interpreter import Case


class Lookups(Case):
    def complete(self, code, cursor=None):
        answer = self.node.ask("complete", code=code, cursor=len(code) if cursor is None else cursor)
        return {match["text"]: match["kind"] for match in answer["matches"]}, answer

    def test_members_and_names(self):
        self.run_ok("const own = { alpha: 1, beta() {}, Gamma: class {} }; class Thing {}; let list = [own]")
        found, answer = self.complete("x = own.al + 1", 10)
        self.assertEqual((found, answer["start"], answer["end"]), ({"alpha": "property"}, 8, 10))
        found, _ = self.complete("own.")
        self.assertEqual((found["beta"], found["Gamma"], found["toString"]), ("function", "class", "function"))
        self.assertIn("alpha", self.complete("list[0].")[0])
        self.assertIn("alpha", self.complete("list.at(0)?.")[0])
        self.assertIn("toFixed", self.complete("own.alpha.toF")[0])
        self.assertEqual(self.complete("ow")[0], {"own": "variable"})
        self.assertEqual(self.complete("Thi")[0], {"Thing": "class"})
        self.assertEqual(self.complete("functio")[0], {"function": "keyword"})
        self.assertIn("setTimeout", self.complete("setT")[0])

    def test_where_there_is_nothing_to_complete(self):
        for code in ["'own.", "// own.", "`own.", "1.", "nowhere.", "null.", ")."]:
            self.assertEqual(self.complete(code)[0], {}, code)

    def test_it_changes_nothing_and_comes_to_an_end(self):
        self.run_ok("let n = 0; const bump = () => { n += 1; return {} }; const hang = () => { for (;;); }")
        self.run_ok("const trap = { get g() { n += 1; return {} } }")
        self.assertEqual(self.complete("bump().")[0], {})
        self.complete("trap.g.")
        self.assertEqual(self.complete("hang().")[0], {})
        self.node.ask("inspect", code="trap.g", cursor=5, detail=1)
        self.node.ask("variables", start=0, count=50)
        self.assertEqual(self.value("n"), "0")

    def test_inspect(self):
        self.run_ok("/**\n * Adds.\n */\nfunction add(a, b = 2) {\n  return a + b\n}", name="/w/a.js", line=3)
        answer = self.node.ask("inspect", code="1 + add(1)", cursor=5, detail=0)
        self.assertEqual((answer["signature"], answer["doc"], answer["file"], answer["line"]), ("add(a, b = 2)", "Adds.", "/w/a.js", 6))
        answer = self.node.ask("inspect", code="Math.max", cursor=6, detail=0)
        self.assertEqual((answer["name"], answer["type"], answer["signature"]), ("Math.max", "function", "max(arg1, arg2)"))
        self.assertFalse(self.node.ask("inspect", code="unknown", cursor=2, detail=0)["found"])

    def test_variables(self):
        self.run_ok("let b = [1, 2], a = new Map([[1, 2]]); var c = 'text'; function d() {} ; class E {}; const _hidden = 1")
        self.run_ok("import * as fs from 'node:fs'; let never")
        self.node.run("let broken = (() => { throw 1 })()")
        self.run_ok("let evil = { [Symbol.for('nodejs.util.inspect.custom')]() { for (;;); } }")
        answer = self.node.ask("variables", start=0, count=200)
        rows = {row["name"]: row for row in answer["variables"]}
        self.assertEqual(list(rows), ["E", "a", "b", "c", "d", "evil", "never"])
        self.assertEqual(rows["a"], {"name": "a", "type": "Map", "value": "Map(1) { 1 => 2 }", "size": 1, "expandable": True})
        self.assertEqual((rows["b"]["size"], rows["c"]["value"], rows["c"]["expandable"]), (2, "'text'", False))
        page = self.node.ask("variables", start=2, count=2)
        self.assertEqual(([row["name"] for row in page["variables"]], page["total"]), (["b", "c"], 7))

    def test_what_is_unknown_is_a_fault(self):
        self.assertIn("fault", self.node.ask("nonsense"))

    def test_questions_wait_for_the_cell(self):
        begun = self.node.begin("let w = await new Promise((done) => setTimeout(done, 50, 5))")
        self.node.send(op="variables", id=99, start=0, count=10)
        self.assertEqual(self.node.finish(begun).status, "ok")
        self.assertEqual(self.node.receive()["variables"][0]["name"], "w")


if __name__ == "__main__":
    unittest.main()
