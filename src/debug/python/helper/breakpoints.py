"""Breakpoints: where they stand, when they count, and what they say.

Conditions and log messages are compiled once, when they are set, so that a wrong one is reported and a hit costs
little. Lines are looked up by the file name that a code object carries, which is the one thing that is at hand when
a line is reached.
"""

import operator
import sys
from types import CodeType

from .operations import Refused
from .places import module_name, qualified_name
from .rendering import text_of

HITS = {
    "==": operator.eq,
    ">=": operator.ge,
    ">": operator.gt,
    "<=": operator.le,
    "<": operator.lt,
    "%": lambda count, number: number > 0 and count % number == 0,
}
MAX_LOG = 65536
NOWHERE = {}


class Breakpoint:
    """One breakpoint, of the adapter's (with an `id`) or of the console's (with none)."""

    def __init__(self, wanted):
        self.id = wanted.get("id")
        self.name = wanted.get("name")
        self.wanted_line = wanted.get("line")
        self.line = None
        self.condition = None
        self.hit = None
        self.log = None
        self.count = 0
        self.temporary = False
        self.complained = False
        self.fault = None
        try:
            self._compile(wanted)
        except (SyntaxError, ValueError, TypeError) as error:
            text = error.msg if isinstance(error, SyntaxError) else str(error)
            self.fault = "%s: %s" % (type(error).__name__, text)

    def _compile(self, wanted):
        if wanted.get("condition"):
            self.condition = Expression(wanted["condition"], "<condition>")
        if wanted.get("hit"):
            name, number = wanted["hit"]
            self.hit = (HITS[name], int(number))
        if wanted.get("log") is not None:
            self.log = [
                part["text"] if "text" in part else Expression(part["expression"], "<log message>")
                for part in wanted["log"]
            ]


class Expression:
    """A compiled expression."""

    __slots__ = ("code", "nested")

    def __init__(self, text, name):
        """Raises SyntaxError."""
        self.code = compile(text.strip(), name, "eval", 0, True)
        # Functions inside it see the frame's variables only as global ones.
        self.nested = any(type(constant) is CodeType for constant in self.code.co_consts)

    def value(self, frame):
        """What it is in a frame."""
        if not self.nested:
            return eval(self.code, frame.f_globals, frame.f_locals)
        scope = dict(frame.f_globals)
        scope.update(frame.f_locals)
        return eval(self.code, scope)


def code_lines(code):
    """The lines that a code object itself has."""
    if sys.version_info >= (3, 10):
        return {line for _, _, line in code.co_lines() if line}
    return {line for _, line in line_starts(code)}


def line_starts(code):
    """Pairs of offset and line, before 3.10."""
    line, offset, table = code.co_firstlineno, 0, code.co_lnotab
    found = [(0, line)]
    for index in range(0, len(table), 2):
        offset += table[index]
        step = table[index + 1]
        line += step - 256 if step > 127 else step
        found.append((offset, line))
    return found


def all_lines(code):
    """The lines that a code object and all that is nested in it have."""
    lines, left = set(), [code]
    while left:
        each = left.pop()
        lines |= code_lines(each)
        left += [constant for constant in each.co_consts if type(constant) is CodeType]
    return lines


class Breakpoints:
    """All that are set."""

    def __init__(self, places, channel):
        self.places = places
        self.channel = channel
        # By real file name: {line: [Breakpoint]}.
        self.by_file = {}
        # The same by the file names of code objects; filled as code is met.
        self.by_name = {}
        self.functions = []
        self._files = {}
        self._console = {}
        self._unplaced = {}
        self._executable = {}

    def clear(self):
        """Removes all."""
        self.by_file, self.by_name = {}, {}
        self._files, self._console, self._unplaced = {}, {}, {}
        self.functions = []

    # Setting

    def executable_lines(self, name):
        """The lines of a file where the program can stop, or None when nobody can tell."""
        found = self._executable.get(name)
        try:
            with open(name, "rb") as file:
                source = file.read()
        except OSError:
            return found[1] if found else None
        if found is None or found[0] != source:
            try:
                found = (source, all_lines(quiet_compile(source, name)))
            except (SyntaxError, ValueError, MemoryError, RecursionError):
                return None
            self._executable[name] = found
        return found[1]

    def learn(self, code, name):
        """Code of a file was met that nobody could read before: breakpoints that wait for it find their place."""
        lines = all_lines(code)
        if name in self._executable:
            lines = lines | self._executable[name][1]
        self._executable[name] = (None, lines)
        waiting = self._unplaced.pop(name, ())
        still = []
        for each in waiting:
            self._put(name, each, lines)
            if each.line is None:
                still.append(each)
            else:
                self.channel.event("breakpointMoved", id=each.id, placed=self.placed(each))
        if still:
            self._unplaced[name] = still
        if waiting:
            self.refresh(name)

    def _put(self, name, each, lines):
        later = [line for line in lines if line >= each.wanted_line]
        each.line = min(later) if later else None

    def set_file(self, place, wanted):
        """Replaces those of a file. Answers what became of each."""
        name = self.places.name(place)
        if name is None:
            raise Refused("there is no such text")
        lines = self.executable_lines(name)
        made = [Breakpoint(each) for each in wanted]
        before = {old.id: old for old in self._files.get(name, ())}
        for each in made:
            old = before.get(each.id)
            if old is not None:
                each.count = old.count
            if lines is not None:
                self._put(name, each, lines)
        self._files[name] = made
        self._unplaced.pop(name, None)
        if lines is None:
            self._unplaced[name] = [each for each in made if each.fault is None]
        self.refresh(name)
        return [self.placed(each, lines is None) for each in made]

    def placed(self, each, unknown=False):
        """What became of a breakpoint."""
        if each.fault is not None:
            return {"verified": False, "line": each.wanted_line, "message": each.fault}
        if each.line is None:
            reason = "the file is not loaded yet" if unknown else "there is no code here or further down"
            return {"verified": False, "line": each.wanted_line, "message": reason}
        return {"verified": True, "line": each.line}

    def set_functions(self, wanted):
        """Replaces those of functions. Answers what became of each."""
        made = [Breakpoint(each) for each in wanted]
        self.functions = [each for each in made if each.fault is None]
        return [
            {"verified": False, "message": each.fault} if each.fault else {"verified": True} for each in made
        ]

    def add_console(self, name, line, condition=None, temporary=False):
        """One of the console's. Answers its number and its line; raises Refused."""
        name = self.places.real(name)
        each = Breakpoint({"line": line, "condition": condition})
        lines = self.executable_lines(name)
        if each.fault is not None:
            raise Refused(each.fault)
        if lines is not None:
            self._put(name, each, lines)
        if each.line is None:
            raise Refused("there is no code at that line or further down")
        each.temporary = temporary
        number = max(self._console, default=0) + 1
        self._console[number] = (name, each)
        self.refresh(name)
        return number, each.line

    def remove_console(self, number):
        """Removes one of the console's. Raises Refused."""
        if number not in self._console:
            raise Refused("there is no breakpoint %s" % number)
        name, _ = self._console.pop(number)
        self.refresh(name)

    def console(self):
        """The console's: (number, file name, Breakpoint)."""
        return [(number, name, each) for number, (name, each) in sorted(self._console.items())]

    def refresh(self, name):
        """Makes the table by lines anew. Tables are replaced, never changed: other threads read them."""
        table = {}
        console = [each for file, each in self._console.values() if file == name]
        for each in self._files.get(name, []) + console:
            if each.line is not None and each.fault is None:
                table.setdefault(each.line, []).append(each)
        if table:
            self.by_file[name] = table
        else:
            self.by_file.pop(name, None)
        self.by_name = {}

    # Meeting

    def of_name(self, filename):
        """The table by lines for the file name of a code object."""
        found = self.by_name.get(filename)
        if found is None:
            found = self.by_name[filename] = self.by_file.get(self.places.real(filename), NOWHERE)
        return found

    def wants(self, code):
        """Whether a code object has a line with a breakpoint, once it is known that its file has."""
        if self._unplaced:
            name = self.places.real(code.co_filename)
            if name in self._unplaced:
                self.learn(code, name)
        table = self.of_name(code.co_filename)
        return bool(table) and not table.keys().isdisjoint(code_lines(code))

    def function_named(self, code):
        """Whether a breakpoint may be at this function, by its plain name."""
        name = code.co_name
        return any(each.name == name or each.name.endswith("." + name) for each in self.functions)

    def at_function(self, frame):
        """Those that stand at the function of a frame."""
        name = qualified_name(frame)
        names = (frame.f_code.co_name, name, "%s.%s" % (module_name(frame), name))
        return [each for each in self.functions if each.name in names]

    def counts(self, each, frame):
        """Whether a breakpoint that was met stops the program; if it speaks instead, it does."""
        if each.condition is not None:
            try:
                if not each.condition.value(frame):
                    return False
            except Exception as error:
                # A log point never stops; what else was wanted where is not known, so it had better be seen.
                self._complain(each, frame, "condition", error)
                return each.log is None
        each.count += 1
        if each.hit is not None and not each.hit[0](each.count, each.hit[1]):
            return False
        if each.log is not None:
            self._say(each, frame)
            return False
        if each.temporary:
            for number, (_, other) in list(self._console.items()):
                if other is each:
                    self.remove_console(number)
        return True

    def _say(self, each, frame):
        text = []
        for part in each.log:
            if type(part) is str:
                text.append(part)
                continue
            try:
                text.append(text_of(part.value(frame))[:MAX_LOG])
            except Exception as error:
                text.append("<%s>" % told(error))
        self._output(frame, "console", "".join(text)[:MAX_LOG] + "\n")

    def _complain(self, each, frame, what, error):
        if each.log is None or not each.complained:
            each.complained = True
            self._output(frame, "important", "the %s of a breakpoint failed: %s\n" % (what, told(error)))

    def _output(self, frame, category, text):
        place = self.places.place(frame.f_code.co_filename)
        self.channel.event("output", category=category, text=text, place=place, line=frame.f_lineno)


def told(error):
    """An exception in one line."""
    try:
        return "%s: %s" % (type(error).__name__, str(error)[:1000])
    except Exception:
        return type(error).__name__


def quiet_compile(source, name):
    """Compiles without the warnings, which the program will give itself."""
    filters = getattr(sys.modules.get("warnings"), "filters", None)
    quiet = ("ignore", None, Warning, None, 0)
    if type(filters) is list:
        filters.insert(0, quiet)
    try:
        return compile(source, name, "exec", 0, True)
    finally:
        if type(filters) is list and quiet in filters:
            filters.remove(quiet)
