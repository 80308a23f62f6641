"""Scopes, variables and setting them."""

import unittest

from driver import Case, Failure, each_engine

MANY = """\
import array, collections, dataclasses, enum, types

class Plain:
    shared = 7
    def __init__(self):
        self.x, self._hidden = 1, 2
    @property
    def loud(self):
        print("the property ran")
        return self.x + 1
    @property
    def broken(self):
        raise ValueError("no")
    @loud.setter
    def loud(self, value):
        self.x = value

class Slotted:
    __slots__ = ("full", "empty")
    def __init__(self):
        self.full = 1

class Liar:
    def __repr__(self):
        raise KeyError("liar")
    def __getattribute__(self, name):
        raise AttributeError(name)

class Color(enum.Enum):
    RED = 1

class Words(collections.abc.Mapping):
    def __getitem__(self, key): return {"a": 1, "b": 2}[key]
    def __iter__(self): return iter("ab")
    def __len__(self): return 2

class Evens(collections.abc.Sequence):
    def __getitem__(self, index): return index * 2
    def __len__(self): return 10 ** 6

@dataclasses.dataclass
class Data:
    a: int
    b: list

Pair = collections.namedtuple("Pair", "left right")

million = list(range(10 ** 6))
mapping = {i: -i for i in range(10 ** 6)}
small = {"a": 1, (1, 2): 2, Plain: 3}
numbers = set(range(10 ** 6))
queue = collections.deque(range(10 ** 6))
spread = range(10 ** 6)
packed = array.array("i", range(10 ** 6))
raw = bytes(10 ** 6)
text = "x" * 10 ** 6
plain, slotted, liar, color = Plain(), Slotted(), Liar(), Color.RED
words, evens, data, pair = Words(), Evens(), Data(1, [2]), Pair(1, 2)
proxy = types.MappingProxyType({"k": 1})
error = ValueError("what", 1)
cycle = [1]
cycle.append(cycle)
def function(): pass
print("ready")
"""
LAST = MANY.count("\n")

SLOW = """\
class Slow:
    def __repr__(self):
        import time
        time.sleep(0.4)
        return "slow"

slow = [Slow() for _ in range(10)]
print("ready")
"""

CLOSURE = """\
top = "global"
def outer(given):
    seen = 1
    def inner(own):
        later = seen + own
        print(later, seen, own)
        return later
    return inner(given) + seen
print(outer(5), top)
"""


class Values(Case):
    def open(self, debuggee, event):
        """The frame on top and the children of its first scope by name."""
        frame = debuggee.stack(event["thread"])[0]["id"]
        scope = debuggee.ask("scopes", frame=frame)["scopes"][0]
        return frame, scope["ref"], self.children(debuggee, scope["ref"])

    def children(self, debuggee, number, which="all", start=0, count=1000, hex=False):
        """Children by name."""
        found = debuggee.ask("variables", of=number, which=which, start=start, count=count, hex=hex)["variables"]
        return {each["name"]: each for each in found}

    def value(self, debuggee, frame, text, purpose="watch", **more):
        """What an expression is."""
        return debuggee.ask("evaluate", frame=frame, expression=text, purpose=purpose, hex=False, **more)

    def test_a_million_elements_open_at_once(self):
        debuggee, _, event = self.run_to(MANY, LAST)
        frame, _, names = self.open(debuggee, event)
        for name in ("million", "mapping", "numbers", "queue", "spread", "packed", "raw", "evens"):
            value = names[name]["value"]
            self.assertEqual(value["indexed"], 10**6, name)
            self.assertLess(len(value["text"]), 500, name)
            page = self.children(debuggee, value["ref"], "indexed", 999990, 3)
            self.assertEqual(list(page), ["999990", "999991", "999992"], name)
            for child in page.values():
                again = self.value(debuggee, frame, child["evaluate"])
                self.assertEqual(again["text"], child["value"]["text"], name)
        self.assertNotIn("ref", names["text"]["value"])
        self.assertIn("rawString", names["text"]["value"]["is"])
        million = names["million"]["value"]["ref"]
        self.assertEqual(len(self.children(debuggee, million, "indexed", 0, 0)), 0)
        self.assertEqual(len(self.children(debuggee, million, "named", 0, 10)), 0)
        self.assertEqual(len(self.children(debuggee, million, "indexed", 999999, 10)), 1)

    def test_what_is_in_an_instance(self):
        debuggee, _, event = self.run_to(MANY, LAST)
        frame, _, names = self.open(debuggee, event)
        plain = self.children(debuggee, names["plain"]["value"]["ref"])
        self.assertEqual(list(plain), ["x", "_hidden", "shared", "loud", "broken", "__class__"])
        self.assertEqual(plain["_hidden"]["value"]["is"], ["private"])
        self.assertEqual(plain["loud"]["value"]["is"], ["lazy"])
        self.assertEqual(plain["broken"]["value"]["is"], ["lazy", "readOnly"])
        self.assertEqual(plain["x"]["evaluate"], "plain.x")
        computed = self.children(debuggee, plain["loud"]["value"]["ref"])
        self.assertEqual(computed["loud"]["value"]["text"], "2")
        with self.assertRaisesRegex(Failure, r"ValueError\('no'\)"):
            self.children(debuggee, plain["broken"]["value"]["ref"])
        slotted = self.children(debuggee, names["slotted"]["value"]["ref"])
        self.assertEqual(list(slotted), ["full", "__class__"])
        pair = self.children(debuggee, names["pair"]["value"]["ref"])
        self.assertEqual(
            [(name, each["value"]["text"]) for name, each in pair.items() if name[0] != "_"],
            [("left", "1"), ("right", "2"), ("0", "1"), ("1", "2")],
        )
        error = self.children(debuggee, names["error"]["value"]["ref"])
        self.assertEqual(error["args"]["value"]["text"], "('what', 1)")
        kind = self.children(debuggee, names["Plain"]["value"]["ref"])
        self.assertEqual(kind["shared"]["value"]["text"], "7")
        debuggee.resume(event)
        self.assertEqual(debuggee.end()[1], "the property ran\nready\n")

    def test_texts_of_all_kinds(self):
        debuggee, _, event = self.run_to(MANY, LAST)
        _, _, names = self.open(debuggee, event)
        texts = {name: each["value"]["text"] for name, each in names.items()}
        self.assertEqual(texts["data"], "Data(a=1, b=[2])")
        self.assertEqual(texts["pair"], "Pair(left=1, right=2)")
        self.assertEqual(texts["color"], "<Color.RED: 1>")
        self.assertEqual(texts["cycle"], "[1, ...]")
        self.assertIn("__repr__ raised KeyError", texts["liar"])
        self.assertTrue(texts["million"].endswith("..."))
        self.assertEqual(names["function"]["value"]["is"], ["method"])
        self.assertEqual(names["Plain"]["value"]["is"], ["class"])
        self.assertEqual(list(names)[-1][:2], "__")
        small = self.children(debuggee, names["small"]["value"]["ref"], hex=True)
        self.assertEqual(list(small), ["'a'", "(1, 2)", "<class '__main__.Plain'>"])
        self.assertEqual([each["value"]["text"] for each in small.values()], ["0x1", "0x2", "0x3"])
        self.assertEqual([each.get("evaluate") for each in small.values()], ["small['a']", "small[(1, 2)]", None])
        words = self.children(debuggee, names["words"]["value"]["ref"])
        self.assertEqual(words["'b'"]["value"]["text"], "2")
        proxy = self.children(debuggee, names["proxy"]["value"]["ref"])
        self.assertEqual(proxy["'k'"]["evaluate"], "proxy['k']")

    def test_a_page_ends_in_time(self):
        """Of ten values that take 0.4 s each, those beyond the first second are not waited for."""
        debuggee, _, event = self.run_to(SLOW, SLOW.count("\n"))
        _, _, names = self.open(debuggee, event)
        page = self.children(debuggee, names["slow"]["value"]["ref"])
        self.assertEqual(page["0"]["value"]["text"], "slow")
        self.assertEqual(page["9"]["value"]["text"], "<\u2026>")

    @each_engine
    def test_scopes(self, engine):
        debuggee, _, event = self.run_to(CLOSURE, 6, engine=engine)
        frame = debuggee.stack(event["thread"])[0]["id"]
        scopes = debuggee.ask("scopes", frame=frame)["scopes"]
        self.assertEqual([each["kind"] for each in scopes], ["locals", "closure", "globals"])
        self.assertTrue(scopes[2]["expensive"])
        names = [sorted(self.children(debuggee, each["ref"])) for each in scopes[:2]]
        self.assertEqual(names, [["later", "own"], ["seen"]])
        self.assertEqual(scopes[0]["named"], 2)
        self.assertEqual(self.children(debuggee, scopes[2]["ref"])["top"]["value"]["text"], "'global'")
        # Where the globals are all that there is to see, they are shown at once.
        module = debuggee.stack(event["thread"])[-1]["id"]
        (scope,) = debuggee.ask("scopes", frame=module)["scopes"]
        self.assertEqual((scope["kind"], "expensive" in scope), ("globals", False))

    @each_engine
    def test_variables_are_set_where_the_program_finds_them(self, engine):
        debuggee, _, event = self.run_to(CLOSURE, 6, engine=engine)
        frames = [each["id"] for each in debuggee.stack(event["thread"])]
        local, closure, names = debuggee.ask("scopes", frame=frames[0])["scopes"]

        def put(of, name, value):
            return debuggee.ask("setVariable", of=of, name=name, value=value, hex=False)["text"]

        self.assertEqual(put(local["ref"], "later", "own * 20"), "100")
        self.assertEqual(put(closure["ref"], "seen", "later + 1"), "101")
        self.assertEqual(put(names["ref"], "top", "'other'"), "'other'")
        with self.assertRaisesRegex(Failure, "no variable"):
            put(local["ref"], "nobody", "1")
        with self.assertRaisesRegex(Failure, "ZeroDivisionError"):
            put(local["ref"], "later", "1 / 0")
        outer = debuggee.ask("scopes", frame=frames[1])["scopes"][0]["ref"]
        self.assertEqual(put(outer, "given", "-1"), "-1")
        debuggee.resume(event)
        self.assertEqual(debuggee.end(), (0, "100 101 5\n201 other\n", ""))

    def test_elements_and_attributes_are_set(self):
        debuggee, _, event = self.run_to(MANY, LAST)
        frame, _, names = self.open(debuggee, event)

        def put(owner, name, value):
            of = names[owner]["value"]["ref"]
            return debuggee.ask("setVariable", of=of, name=name, value=value, hex=False)["text"]

        self.assertEqual(put("million", "3", "'three'"), "'three'")
        self.assertEqual(put("small", "'a'", "9"), "9")
        self.assertEqual(put("small", "<class '__main__.Plain'>", "8"), "8")
        self.assertEqual(put("queue", "0", "7"), "7")
        self.assertEqual(put("packed", "0", "6"), "6")
        self.assertEqual(put("plain", "x", "5"), "5")
        self.assertEqual(put("plain", "loud", "4"), "5")
        self.assertEqual(put("slotted", "full", "3"), "3")
        for owner, name in (("pair", "0"), ("spread", "0"), ("numbers", "0"), ("plain", "broken"), ("pair", "left")):
            with self.assertRaises(Failure):
                put(owner, name, "1")
        said = self.value(debuggee, frame, "million[3], small['a'], small[Plain], queue[0], packed[0], plain.x")
        self.assertEqual(said["text"], "('three', 9, 8, 7, 6, 4)")

    @each_engine
    def test_expressions_are_assigned_to(self, engine):
        debuggee, _, event = self.run_to(CLOSURE, 6, engine=engine)
        frame = debuggee.stack(event["thread"])[0]["id"]

        def put(target, value):
            return debuggee.ask("setExpression", frame=frame, expression=target, value=value, hex=False)["text"]

        self.assertEqual(put("later", "7"), "7")
        self.assertEqual(put("seen", "later"), "7")
        self.assertEqual(put("top", "[1, 2]"), "[1, 2]")
        self.assertEqual(put("top[1]", "[own for _ in range(2)]"), "[5, 5]")
        self.assertEqual(put("top[0]", "top[1][0]"), "5")
        for target in ("1", "len(top)", "top +"):
            with self.assertRaises(Failure):
                put(target, "1")
        debuggee.resume(event)
        self.assertEqual(debuggee.end()[1], "7 7 5\n14 [5, [5, 5]]\n")

    def test_what_was_shown_is_stale_once_the_program_ran_on(self):
        debuggee, _, event = self.run_to(CLOSURE, 5)
        frame, scope, _ = self.open(debuggee, event)
        debuggee.step(event, "over")
        for op, args in (("scopes", {"frame": frame}), ("variables", {"of": scope, "count": 1})):
            with self.assertRaises(Failure) as failed:
                debuggee.ask(op, **args)
            self.assertEqual(failed.exception.kind, "stale")


if __name__ == "__main__":
    unittest.main()
