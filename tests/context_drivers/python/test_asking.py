"""What cells ask for: input, passwords, lines of standard input."""

import unittest

from driver import Case


class Asking(Case):
    def test_input(self):
        """A question and its answer."""
        cell = self.passes("name = input('Name? ')\nname", ["J\u00fcrgen \U0001f600"])
        question = cell.events[0]
        self.assertEqual((question["event"], question["prompt"], question["password"]), ("input", "Name? ", False))
        self.assertEqual(cell.text, "'J\u00fcrgen \U0001f600'")
        self.assertEqual(cell.out, "")
        cell = self.passes("[input(i) for i in range(3)]", ["a", "", "c"])
        self.assertEqual([each["prompt"] for each in cell.events[:3]], ["0", "1", "2"])
        self.assertEqual(cell.text, "['a', '', 'c']")

    def test_password(self):
        """It is said to be one."""
        for code in ("import getpass\ngetpass.getpass('PIN: ')", "from getpass import getpass\ngetpass('PIN: ')"):
            cell = self.passes(code, ["1234"])
            question = cell.events[0]
            self.assertEqual((question["prompt"], question["password"]), ("PIN: ", True))
            self.assertEqual(cell.text, "'1234'")

    def test_standard_input(self):
        """Lines of it are answers too."""
        self.assertEqual(self.passes("import sys\nsys.stdin.readline()", ["one"]).text, "'one\\n'")
        self.assertEqual(self.passes("[line for line in sys.stdin]", ["a", "b", None]).text, "['a\\n', 'b\\n']")
        self.assertEqual(self.passes("sys.stdin.readline()", ["again"]).text, "'again\\n'")
        self.assertEqual(self.passes("sys.stdin.read()", ["\u00e4", None]).text, "'\u00e4\\n'")
        self.assertEqual(self.passes("sys.stdin.buffer.readline()", ["b"]).text, "b'b\\n'")

    def test_end(self):
        """The end of the input is what it is to the language."""
        cell = self.run_cell("input()", [None])
        self.assertEqual((cell.status, cell.error["name"]), ("error", "EOFError"))
        self.assertEqual(cell.error["message"], "EOF when reading a line")
        self.assertEqual([each["file"] for each in cell.error["frames"]], ["<cell 1>"])
        self.assertNotIn("codebeaker", cell.err)
        self.assertEqual(self.passes("import sys\nsys.stdin.readline()", [None]).text, "''")

    def test_nobody_to_ask(self):
        """Without anybody to answer the input is at its end."""
        cell = self.run_cell("input('Name? ')")
        self.assertEqual((cell.error["name"], cell.out), ("EOFError", "Name? "))
        cell = self.run_cell("import sys\nsys.stdin.read()")
        self.assertEqual(cell.text, "''")

    def test_other_sources(self):
        """Who replaces standard input reads from that."""
        self.passes("import io, sys\nsys.stdin = io.StringIO('mine\\n')")
        self.assertEqual(self.passes("input()", []).text, "'mine'")
        self.passes("sys.stdin = sys.__stdin__")
        self.assertEqual(self.passes("input()", ["asked"]).text, "'asked'")

    def test_threads(self):
        """Several threads may ask at once."""
        code = (
            "import threading\nanswers = {}\n"
            "def ask(n): answers[n] = input(str(n))\n"
            "threads = [threading.Thread(target=ask, args=(n,)) for n in range(5)]\n"
            "for each in threads: each.start()\n"
            "answers['main'] = input('main')\n"
            "for each in threads: each.join()\n"
            "len(answers)"
        )
        self.context.begin(code, input=True)
        asked = [self.context.event("input") for _ in range(6)]
        for each in reversed(asked):
            self.context.send(op="input", input=each["input"], value="for " + each["prompt"])
        self.assertEqual(self.context.finish().text, "6")
        cell = self.passes("sorted(answers.items(), key=str)")
        for name in (0, 1, 2, 3, 4, "main"):
            self.assertIn("(%r, 'for %s')" % (name, name), cell.text)

    def test_a_thread_that_outlives_its_cell(self):
        """It gets its answer after the cell is over, and between cells nobody answers."""
        self.context.begin(
            "import threading\nvalues = []\nthread = threading.Thread(target=lambda: values.append(input('late')))\nthread.start()\nimport time\ntime.sleep(0.3)",
            input=True,
        )
        question = self.context.event("input")
        self.context.finish()
        self.assertEqual(self.passes("1").text, "1")
        self.context.send(op="input", input=question["input"], value="answer")
        self.assertEqual(self.passes("thread.join()\nvalues").text, "['answer']")
        code = (
            "go = threading.Event()\n"
            "def ask():\n    go.wait()\n    time.sleep(0.3)\n    try: input()\n    except EOFError: values.append('end')\n"
            "thread = threading.Thread(target=ask)\nthread.start()\ngo.set()"
        )
        self.passes(code, [])
        self.assertEqual(self.passes("thread.join()\nvalues").text, "['answer', 'end']")

    def test_stray_answers(self):
        """Answers that nobody waits for are dropped."""
        self.context.send(op="input", input=77, value="x")
        self.assertEqual(self.passes("1").text, "1")


if __name__ == "__main__":
    unittest.main()
