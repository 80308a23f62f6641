"""What cells leave for those after them, and what they show."""

import unittest

from interpreter import Case


class Declarations(Case):
    def test_names_are_kept_and_declared_again(self):
        for code in ["let x = 1", "let x = 2", "const c = 1", "const c = 2", "class A {}", "class A { m() { return 3 } }"]:
            self.run_ok(code)
        self.assertEqual(self.value("[x, c, new A().m()]"), "[ 2, 2, 3 ]")

    def test_a_name_changes_its_kind(self):
        kinds = ["const N = 1", "let N = 1", "var N = 1", "function N() {}", "class N {}", "async function N() {}"]
        for first in range(len(kinds)):
            for second in range(len(kinds)):
                name = f"n{first}{second}"
                self.run_ok(kinds[first].replace("N", name))
                self.run_ok(kinds[second].replace("N", name))
                self.assertIn(self.value(f"typeof {name}"), ["'number'", "'function'"])
        self.assertEqual(self.value("let {n10, n11: [n12]} = {n10: 7, n11: [8]}; n10 + n12"), "15")

    def test_what_was_constant_is_so_until_it_is_declared_again(self):
        self.run_ok("const total = 1, { a, b: [c] } = { a: 2, b: [3] }")
        for code in ["total = 2", "c += 1", "a++"]:
            outcome = self.node.run(code)
            self.assertEqual(outcome.done["error"]["message"], "Assignment to constant variable.", outcome)
        self.assertEqual(self.value("let total = 5; total += 1; [total, c]"), "[ 6, 3 ]")

    def test_a_declaration_that_throws_can_be_put_right(self):
        self.assertEqual(self.node.run("let y = (() => { throw new Error('no') })()").status, "error")
        self.assertEqual(self.value("let y = 4; y"), "4")

    def test_a_cell_that_is_no_code_changes_nothing(self):
        self.assertEqual(self.node.run("const z = = 5").status, "error")
        self.assertEqual(self.value("var z = 1; z = 2; z"), "2")

    def test_it_awaits_at_the_top_level(self):
        code = "const later = await new Promise((done) => setTimeout(done, 20, 'late')); later"
        self.assertEqual(self.value(code), "'late'")
        self.assertEqual(self.value("for (const each of [1, 2]) await null; later.length"), "4")
        self.assertEqual(self.value("for await (const each of [Promise.resolve(9)]) globalThis.last = each; last"), "9")

    def test_functions_close_over_what_is_there(self):
        self.run_ok("let base = 10; const plus = (n) => base + n")
        self.run_ok("base = 20")
        self.assertEqual(self.value("plus(1)"), "21")


class Modules(Case):
    def test_import_declarations(self):
        self.node.write("lib/data.json", '{"a": 1}')
        self.node.write("node_modules/thing/index.mjs", "export default 'd'; export const one = 1; export const two = 2;")
        self.node.write("node_modules/thing/package.json", '{"name": "thing", "exports": {"import": "./index.mjs"}}')
        code = "import d, {one,\n two as zwei} from 'thing'\nimport * as all from 'thing';\nimport 'node:fs'\n[d, one, zwei, all.two]"
        self.assertEqual(self.value(code), "[ 'd', 1, 2, 2 ]")
        self.assertEqual(self.value("import d, * as whole from 'thing'; d + whole.one"), "'d1'")
        self.assertEqual(self.value("import data from './lib/data.json' with { type: 'json' }; data.a"), "1")
        self.assertEqual(self.value("(await import('thing')).default"), "'d'")
        self.assertEqual(self.value("/import.x/.source + `import('${1}')`"), "\"import.ximport('1')\"")

    def test_relative_names_start_from_the_cells_file(self):
        self.node.write("src/part.cjs", "module.exports = 'part of src'")
        self.node.write("src/part.mjs", "export default 'module of src'")
        name = f"{self.node.cwd}/src/main.js"
        self.assertEqual(self.value("require('./part.cjs')", name=name, line=1), "'part of src'")
        self.assertEqual(self.value("import part from './part.mjs'; part", name=name, line=1), "'module of src'")
        both = self.value("[__filename, import.meta.filename].join()", name=name, line=1)
        self.assertEqual(both, f"'{name},{name}'")
        self.assertEqual(self.value("require('./src/part.cjs')"), "'part of src'")

    def test_exports_are_declarations(self):
        self.run_ok("export const a = 1; export function f() { return 2 }\nexport default class C {}\nexport { a as b };")
        self.assertEqual(self.value("[a, f(), typeof C]"), "[ 1, 2, 'function' ]")
        self.assertEqual(self.value("export default { a: 5 }"), "{ a: 5 }")


class Results(Case):
    def test_the_last_expression_is_shown_unless_it_ends_with_a_semicolon(self):
        for code, plain in [
            ("1 + 1", "2"),
            ("1 + 1;", None),
            ("1 + 1; // so", None),
            ("'a;'", "'a;'"),
            ("let q = 3", None),
            ("if (true) { 5 }", None),
            ("for (const i of [1]) i", None),
            ("undefined", None),
            ("function f() {}\n/a/.test('a')", "true"),
            ("({ a: { b: { c: { d: 1 } } } })", "{ a: { b: { c: [Object] } } }"),
            ("[1,2].map((n) => n * 2)\n", "[ 2, 4 ]"),
            ("// nothing", None),
            ("", None),
            ("`${1}-${`${2}`}`", "'1-2'"),
            ("10n ** 20n", "100000000000000000000n"),
            ("-0", "-0"),
            ("Symbol('s')", "Symbol(s)"),
            ("Promise.resolve(3)", "Promise { 3 }"),
        ]:
            with self.subTest(code):
                self.assertEqual(self.value(code), plain)

    def test_without_riches_it_is_printed(self):
        outcome = self.run_ok("display([1]); ({ a: 'x' })", rich=False)
        self.assertEqual((outcome.out, outcome.events), ("[ 1 ]\n{ a: 'x' }\n", []))

    def test_output_is_whole_before_the_mark(self):
        outcome = self.run_ok("for (let i = 0; i < 30000; i += 1) console.log('line ' + i); console.error('e')")
        self.assertEqual(outcome.out.count("\n"), 30000)
        self.assertEqual(outcome.error, "e\n")

    def test_the_marks_come_whatever_a_cell_does_to_its_streams(self):
        self.run_ok("process.stdout.write = () => true; process.stdout.destroy(); console.log('gone')")
        self.assertEqual(self.value("1"), "1")

    def test_representations(self):
        outcome = self.run_ok("({ _repr_html_: () => '<b>x</b>', _repr_json_: () => ({ a: 1 }) })")
        data = outcome.events[0]["data"]
        self.assertEqual((data["text/html"], data["application/json"]), ("<b>x</b>", {"a": 1}))
        self.assertIn("_repr_html_", data["text/plain"])
        for key in ["Symbol.for('codebeaker.mime')", "Symbol.for('Jupyter.display')", "'toMimeBundle'"]:
            code = f"({{ [{key}]() {{ return {{ 'text/plain': 'p', 'image/png': new Uint8Array([1, 2]) }} }} }})"
            self.assertEqual(self.run_ok(code).events[0]["data"], {"text/plain": "p", "image/png": "AQI="})
        image = "Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0])"
        self.assertEqual(self.run_ok(image).events[0]["data"]["image/png"], "iVBORw0KGgoA")

    def test_a_failing_representation_is_told_and_passed_over(self):
        outcome = self.run_ok("({ _repr_html_() { throw new RangeError('no html') } })")
        self.assertIn("no html", outcome.error)
        self.assertIn("_repr_html_", outcome.plain)
        outcome = self.run_ok("({ [Symbol.for('nodejs.util.inspect.custom')]() { throw new RangeError('no text') } })")
        self.assertIn("no text", outcome.error)
        self.assertEqual(outcome.plain, "[object]")

    def test_too_large_a_bundle_leaves_out_its_largest_parts(self):
        outcome = self.run_ok("({ _repr_html_: () => 'x'.repeat(4e6), _repr_svg_: () => '<svg/>' })")
        event = outcome.events[0]
        self.assertEqual(event["omitted"], ["text/html"])
        self.assertEqual(set(event["data"]), {"text/plain", "image/svg+xml"})
        outcome = self.run_ok("'\\u00e4\\ud800'.repeat(2e6)")
        self.assertLess(len(outcome.plain), 500_000)

    def test_display(self):
        code = "display(1); const shown = display({ a: 1 }, { displayId: 'one' }); shown.update({ a: 2 }); undefined"
        events = self.run_ok(code).events
        told = [(event["kind"], event.get("displayId"), event["data"]["text/plain"]) for event in events]
        self.assertEqual(told, [("display", None, "1"), ("display", "one", "{ a: 1 }"), ("update", "one", "{ a: 2 }")])
        raw = self.run_ok("display({ 'text/html': '<i>' }, { raw: true })").events[0]
        self.assertEqual(raw["data"]["text/html"], "<i>")


if __name__ == "__main__":
    unittest.main()
