"""Rich display: MIME bundles of results and of `display`, and figures."""

import base64
import subprocess
import unittest

from driver import PYTHON, Case

RICH = """\
class Rich:
    def _repr_html_(self): return '<b>rich</b>'
    def _repr_markdown_(self): return '**rich**'
    def _repr_latex_(self): return '$r$'
    def _repr_svg_(self): return '<svg/>'
    def _repr_png_(self): return b'\\x89PNG', {'width': 3}
    def _repr_jpeg_(self): return 'AAAA'
    def _repr_json_(self): return {'a': [1, None]}
    def __repr__(self): return 'Rich()'
Rich()
"""


def has(*modules):
    """Whether the interpreter has libraries."""
    return subprocess.run([PYTHON, "-c", "import " + ",".join(modules)], stderr=subprocess.DEVNULL).returncode == 0


class Displays(Case):
    def test_bundle(self):
        """Each method makes a format."""
        cell = self.passes(RICH)
        (event,) = cell.events
        self.assertEqual(
            event["data"],
            {
                "text/plain": "Rich()",
                "text/html": "<b>rich</b>",
                "text/markdown": "**rich**",
                "text/latex": "$r$",
                "image/svg+xml": "<svg/>",
                "image/png": base64.b64encode(b"\x89PNG").decode(),
                "image/jpeg": "AAAA",
                "application/json": {"a": [1, None]},
            },
        )
        self.assertEqual((event["kind"], event["metadata"]), ("result", {"image/png": {"width": 3}}))

    def test_whole_bundle(self):
        """What answers for all formats is asked first."""
        cell = self.passes(
            "class A:\n"
            "    def _repr_mimebundle_(self, include=None, exclude=None):\n"
            "        return {'text/plain': 'whole', 'application/vnd.x+json': [1], 'image/png': b'x'}, {'text/plain': {'a': 1}}\n"
            "    def _repr_html_(self): return 'html'\n"
            "A()"
        )
        self.assertEqual(
            cell.results[0][1],
            {"text/plain": "whole", "application/vnd.x+json": [1], "image/png": "eA==", "text/html": "html"},
        )
        self.assertEqual(cell.events[0]["metadata"], {"text/plain": {"a": 1}})

    def test_formats_that_fail(self):
        """They cost themselves alone."""
        cell = self.run_cell(
            "class A:\n"
            "    def _repr_html_(self): raise ValueError('broken')\n"
            "    def _repr_json_(self): return {'a': float('nan')}\n"
            "    def _repr_png_(self): return 'no base64!'\n"
            "    def _repr_latex_(self): return 5\n"
            "    def _repr_svg_(self): raise NotImplementedError\n"
            "    def _repr_markdown_(self): return None\n"
            "    def __repr__(self): return 'A'\n"
            "A()"
        )
        self.assertEqual(cell.status, "ok")
        self.assertEqual(cell.results, [("result", {"text/plain": "A"})])
        self.assertIn("line 2, in _repr_html_\n", cell.err)
        self.assertIn("ValueError: broken", cell.err)
        self.assertEqual(cell.err.count("Traceback"), 1)
        self.assertIn("ValueError: application/json: Out of range float values are not JSON compliant", cell.err)
        self.assertIn("ValueError: image/png: ", cell.err)
        self.assertIn("text/latex has to be a text or bytes, and is int", cell.err)
        self.assertNotIn("codebeaker", cell.err)
        cell = self.run_cell(
            "class A:\n    def _repr_mimebundle_(self, **_): 1 / 0\n    def _repr_html_(self): return 'h'\nA()"
        )
        self.assertEqual(cell.results[0][1]["text/html"], "h")
        self.assertIn("ZeroDivisionError", cell.err)

    def test_classes_are_no_instances(self):
        """A class that has methods for its instances is shown as a class, and nothing is made up."""
        cell = self.passes(RICH + "Rich")
        self.assertEqual(cell.results[0][1], {"text/plain": "<class '__main__.Rich'>"})
        cell = self.passes(
            "class Any:\n    def __getattr__(self, name): return lambda *a, **b: 'made up'\n    def __repr__(self): return 'Any'\nAny()"
        )
        self.assertEqual(cell.results[0][1], {"text/plain": "Any"})

    def test_display(self):
        """`display` shows objects at once, and can show them anew."""
        cell = self.passes("display(1, 'two')\nhandle = display([3], display_id=True)\nhandle.update([4])\nhandle")
        shown = [(each["kind"], each["data"]["text/plain"], each.get("displayId")) for each in cell.events[:4]]
        number = shown[2][2]
        self.assertEqual(
            shown,
            [("display", "1", None), ("display", "'two'", None), ("display", "[3]", number), ("update", "[4]", number)],
        )
        self.assertIsInstance(number, str)
        cell = self.passes(
            "update_display(5, display_id='mine')\ndisplay({'text/html': '<i>'}, raw=True, metadata={'a': 1})"
        )
        first, second = cell.events
        self.assertEqual((first["kind"], first["displayId"]), ("update", "mine"))
        self.assertEqual((second["data"], second["metadata"]), ({"text/html": "<i>", "text/plain": ""}, {"a": 1}))
        self.passes("display = 5")
        self.assertEqual(self.passes("display").text, "5")

    def test_limits(self):
        """A bundle that is too large loses its largest parts, and always has a text."""
        cell = self.passes(
            "class A:\n"
            "    def _repr_html_(self): return 'h' * 2000000\n"
            "    def _repr_png_(self): return b'p' * 3000000\n"
            "    def _repr_markdown_(self): return 'm'\n"
            "    def __repr__(self): return '\\u20ac' * 1000000\n"
            "A()"
        )
        (event,) = cell.events
        self.assertEqual(event["omitted"], ["image/png", "text/html"])
        self.assertEqual(sorted(event["data"]), ["text/markdown", "text/plain"])
        self.assertEqual(len(event["data"]["text/plain"]), 500003)
        cell = self.passes("'x' * 10000000")
        self.assertEqual((cell.text[:5] + cell.text[-4:], len(cell.text)), ("'xxxxx...", 500003))
        self.assertEqual(self.passes("'\\ud800'").text, "'\\ud800'")
        self.assertEqual(self.passes("display({'text/plain': '\\ud800'}, raw=True)").text, "\ufffd")

    def test_containers(self):
        """They have lines of their own when one is not enough."""
        cell = self.passes("[{'name': 'a' * 30, 'value': list(range(10))}, {'name': 'b' * 60}, 'x\\ny']")
        self.assertEqual(
            cell.text,
            "[{'name': 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',\n"
            "  'value': [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]},\n"
            " {'name': 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb'},\n"
            " 'x\\ny']",
        )
        cell = self.passes("list(range(1000000))")
        self.assertEqual(cell.text.count("\n"), 1000)
        self.assertTrue(cell.text.endswith(" 999,\n ...]"), cell.text[-20:])
        for code in ("(1,)", "set()", "{1}", "frozenset({1})", "()", "{}", "range(3)", "b'a'", "1.5", "True", "..."):
            with self.subTest(code=code):
                text = self.passes(code).text
                self.assertEqual(text, repr(eval(code)))
        self.assertEqual(self.passes("x = []\nx.append(x)\nx").text, "[...]")
        self.assertEqual(self.passes("x = ['a' * 90]\nx.append(x)\nx").text.count("..."), 1)
        cell = self.passes("from collections import *\ndefaultdict(list, a=['x' * 50, 'y' * 50])")
        self.assertEqual(
            cell.text,
            "defaultdict(<class 'list'>, {'a': ['%s',\n%s'%s']})" % ("x" * 50, " " * 35, "y" * 50),
        )
        self.assertEqual(self.passes("deque([1], maxlen=2)").text, "deque([1], maxlen=2)")
        self.assertEqual(
            self.passes("OrderedDict(a=1), Counter('aa')").text,
            "(%s, Counter({'a': 2}))" % self.passes("repr(OrderedDict(a=1))").text[1:-1],
        )

    def test_order(self):
        """What was printed before something is displayed is out before it."""
        cell = self.passes("import sys\nsys.stdout.write('before')\ndisplay(1)\nprint('after')")
        self.assertEqual((cell.out, len(cell.results)), ("beforeafter\n", 1))

    @unittest.skipUnless(has("matplotlib"), "there is no matplotlib")
    def test_figures(self):
        """Figures are shown at the end of a cell, or by `show`, once."""
        start = "import sys\nimport matplotlib.pyplot as plt\nplt.plot([1, 2])"
        cell = self.passes(start + ";")
        ((kind, data),) = cell.results
        self.assertEqual(kind, "display")
        self.assertTrue(base64.b64decode(data["image/png"]).startswith(b"\x89PNG"))
        self.assertIn("Figure", data["text/plain"])
        self.assertEqual(self.passes("plt.get_fignums()").text, "[]")
        self.assertEqual(self.passes("plt.get_backend().lower()").text, "'agg'")
        self.assertEqual(self.passes("[n for n in sys.modules if n.startswith(('tkinter', 'PyQt', 'gi'))]").text, "[]")
        cell = self.passes("plt.plot([1])\nplt.show()\nprint('between')\nplt.plot([2])\nplt.show()")
        self.assertEqual([sorted(data) for _, data in cell.results], [["image/png", "text/plain"]] * 2)
        cell = self.passes("figure = plt.figure()\nfigure.add_subplot()\nfigure.show()\nNone")
        self.assertEqual(len(cell.results), 1)
        cell = self.passes("figure = plt.figure()\nfigure.add_subplot()\nfigure")
        self.assertEqual([(kind, "image/png" in data) for kind, data in cell.results], [("result", True)])
        cell = self.run_cell("plt.plot([1])\n1 / 0")
        self.assertEqual((cell.status, len(cell.results)), ("error", 1))
        cell = self.passes("plt.plot([1]); 5", rich=False)
        self.assertEqual((cell.out, cell.results), ("5\n", []))

    @unittest.skipUnless(has("matplotlib"), "there is no matplotlib")
    def test_chosen_backend(self):
        """A backend that the user chose is left alone."""
        context = self.launch(env={"MPLBACKEND": "svg"})
        cell = context.run("import matplotlib.pyplot as plt\nplt.plot([1])\nplt.get_backend()")
        self.assertEqual(cell.text, "'svg'")

    @unittest.skipUnless(has("pandas"), "there is no pandas")
    def test_data_frames(self):
        """A data frame is a table."""
        cell = self.passes("import pandas as pd, numpy as np\nframe = pd.DataFrame({'a': [1, 2]})\nframe")
        ((_, data),) = cell.results
        self.assertIn("<table", data["text/html"])
        self.assertIn("a\n0  1", data["text/plain"])
        self.passes("array = np.zeros((3, 4))\nnumber = np.float64(2.5)\nseries = frame['a']")
        found = {each["name"]: each for each in self.context.ask("variables", start=0, count=10)["variables"]}
        self.assertEqual(found["frame"]["value"], "DataFrame(shape=(2, 1))")
        self.assertEqual(found["array"]["value"], "ndarray(shape=(3, 4), dtype=float64)")
        self.assertEqual((found["array"]["size"], found["frame"]["size"]), (3, 2))
        self.assertIn("2.5", found["number"]["value"])


if __name__ == "__main__":
    unittest.main()
