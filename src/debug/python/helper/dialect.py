"""pdb's commands on a stopped frame, by pdb itself: its printing and its words, without its tracing.

Promises that nothing is read from the program's input nor written to its output, that no trace function of pdb's is
ever installed, and that breakpoints are the debugger's own. Imported when the first command is given, as pdb brings
half of the standard library along.
"""

import io
import operator
import os
import pdb
import sys

from .breakpoints import Expression
from .console import answer, command_in, refuse, run_python
from .namespaces import extras_of, namespace_of
from .operations import Refused, Then, registry
from .stack import numbered, stack_of

_ELSEWHERE = {
    "run": "start the program again with the debugger's own command",
    "restart": "start the program again with the debugger's own command",
    "q": "end the program with the debugger's own command",
    "quit": "end the program with the debugger's own command",
    "exit": "end the program with the debugger's own command",
    "debug": "a debugger inside the debugger is not supported",
    "interact": "the console is interactive already",
    "commands": "commands at a breakpoint are not supported; a log message may do",
}
_GOING = {"n": "over", "next": "over", "s": "into", "step": "into", "r": "out", "return": "out", "c": None}
_GOING.update({"cont": None, "continue": None})


class Dialect(pdb.Pdb):
    """One console's pdb."""

    def __init__(self):
        readline = sys.modules.get("readline")
        # pdb would load readline, which changes how the program itself reads from a terminal.
        sys.modules["readline"] = None
        try:
            super().__init__(stdin=io.StringIO(), stdout=io.StringIO(), nosigint=True, readrc=False)
        finally:
            if readline is None:
                del sys.modules["readline"]
            else:
                sys.modules["readline"] = readline
        self.context = None
        self.console = None
        self.entry = None
        self.going = None
        self.listed = None
        # Breakpoints that `until` left behind.
        self.passing = []

    def perform(self, context, console, entry, line):
        """Runs a line of commands. Answers the body for it, or a Then."""
        self.context, self.console, self.going = context, console, None
        self.stdout = io.StringIO()
        try:
            self.bind(entry)
            self.cmdqueue = []
            self.one(self.precmd(line))
            while self.cmdqueue and self.going is None:
                self.one(self.precmd(self.cmdqueue.pop(0)))
            body = answer(self.stdout.getvalue())
            return body if self.going is None else Then(body, self.going.action)
        finally:
            # What pdb keeps of a frame would keep the program's objects alive.
            self.context = self.entry = self.curframe = self.curframe_locals = None
            self.stack, self.stdout = [], io.StringIO()

    def one(self, line):
        """Runs one command, or a statement that stands among commands."""
        if command_in(namespace_of(self.entry), line) is None and not line.startswith("?"):
            text = line[1:] if line.startswith("!") else line
            body = run_python(self.context, self.console, self.entry, text.strip(), False)
            if body["text"]:
                self.message(body["text"])
            return
        word, argument, _ = self.parseline(line)
        if word in _ELSEWHERE:
            refuse(_ELSEWHERE[word])
        if word in _GOING:
            self.go(_GOING[word])
            return
        getattr(self, "do_" + word)(argument)

    def bind(self, entry):
        """Makes a frame the current one."""
        thread = entry.thread if entry is not None else self.context.thread
        found = stack_of(self.context.debugger, thread)
        if entry is None:
            if not found:
                raise Refused("the thread has no frames")
            entry = numbered(self.context.debugger, thread, 0)
        # Headings are no frames to pdb; its stack begins with the outermost.
        self.entries = [index for index, each in enumerate(found) if each[0] is not None][::-1]
        self.stack = [found[index][:2] for index in self.entries]
        self.tb_lineno = {frame: line for frame, line in self.stack}
        self.curindex = self.entries.index(entry.index)
        self.curframe = self.stack[self.curindex][0]
        self.curframe_locals = self.curframe.f_locals
        self.entry = entry
        if self.listed != entry.number:
            # Where the next `list` begins: anew in another frame.
            self.listed, self.lineno = entry.number, None

    def _select_frame(self, number):
        self.entry = self.console.selected = numbered(
            self.context.debugger, self.entry.thread, self.entries[number]
        )
        self.curindex = number
        self.curframe = self.stack[number][0]
        self.curframe_locals = self.curframe.f_locals
        self.print_stack_entry(self.stack[number])
        self.listed, self.lineno = self.entry.number, None

    def precmd(self, line):
        """Puts aliases in, and queues what stands after `;;`. Without pdb's variables that begin with a `$`."""
        line = line.strip()
        words = line.split()
        depth = 0
        while words and words[0] in self.aliases and depth < 10:
            line = self.aliases[words[0]]
            for index, word in enumerate(words[1:], 1):
                line = line.replace("%" + str(index), word)
            line = line.replace("%*", " ".join(words[1:]))
            words = line.split()
            depth += 1
        if not words or words[0] != "alias":
            line, separator, rest = line.partition(";;")
            if separator:
                self.cmdqueue.insert(0, rest.strip())
        return line.strip()

    # What pdb would do by itself

    def set_convenience_variable(self, frame, name, value):
        """pdb would put them among the program's global variables."""

    def get_file_breaks(self, filename):
        """The lines with breakpoints, for the marks in listings."""
        breakpoints = self.context.debugger.breakpoints
        return list(breakpoints.by_file.get(breakpoints.places.real(filename), ()))

    def _getval(self, arg):
        try:
            return self.value_of(arg)
        except BaseException as error:
            self.error(_told(error))
            raise

    def _getval_except(self, arg, frame=None):
        try:
            return self.value_of(arg)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            return _Raised(error)

    def value_of(self, text):
        """The value of an expression in the current frame."""
        namespace = namespace_of(self.entry)
        return namespace.run(namespace.compile(text.strip(), "eval"), extras_of(self.entry, None))

    def _msg_val_func(self, arg, func):
        try:
            value = self._getval(arg)
        except KeyboardInterrupt:
            raise
        except BaseException:
            return
        try:
            self.message(func(value))
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            self.error(_told(error))

    def do_p(self, arg):
        """p expression

        Print the value of the expression.
        """
        self._msg_val_func(arg, repr)

    def do_retval(self, arg):
        """retval

        Print the return value for the last return of a function.
        """
        returned = getattr(self.entry.thread, "returned", None)
        if returned is None:
            self.error("Not yet returned!")
        else:
            self.message(repr(returned[1]))

    do_rv = do_retval

    # Going on

    def go(self, kind):
        """Lets the program go on, once the line is answered."""
        for number in self.passing:
            if any(number == each[0] for each in self.breakpoints.console()):
                self.breakpoints.remove_console(number)
        self.passing = []
        self.going = self.context.debugger.go(self.entry.thread, kind)

    def do_until(self, arg):
        """unt(il) [lineno]

        Go on until a line further down, or until the function returns.
        """
        line = self.stack[self.curindex][1] + 1
        if arg:
            try:
                line = int(arg)
            except ValueError:
                return self.error("Error in argument: %r" % arg)
            if line <= self.stack[self.curindex][1]:
                return self.error('"until" line number is smaller than current line number')
        self.go("out")
        try:
            number, _ = self.breakpoints.add_console(self.curframe.f_code.co_filename, line, None, True)
        except Refused:
            return None
        self.passing = [number]
        self.context.debugger.changed()
        return None

    do_unt = do_until

    def do_jump(self, arg):
        """j(ump) lineno

        Set the next line that will be executed. Only in the innermost frame.
        """
        if self.curindex != len(self.stack) - 1:
            return self.error("You can only jump within the bottom frame")
        try:
            line = int(arg)
        except ValueError:
            return self.error("The 'jump' command requires a line number")
        place = self.context.debugger.places.place(self.curframe.f_code.co_filename)
        choices = registry["gotoTargets"][0](self.context, {"place": place, "line": line})["choices"]
        if not choices:
            return self.error("Jump failed: there is no code at that line")
        args = {"thread": self.entry.thread.number, "target": choices[0]["id"]}
        self.going = registry["goto"][0](self.context, args)
        return None

    do_j = do_jump

    # Breakpoints

    @property
    def breakpoints(self):
        """The debugger's."""
        return self.context.debugger.breakpoints

    def do_break(self, arg, temporary=False):
        """b(reak) [ ([filename:]lineno | function) [, condition] ]

        Without argument, list all breaks set here. With a line number, set a break at this line in the current
        file; with a function name, at its first executable line. A condition must be true before it is honoured.
        """
        if not arg:
            return self.list_breakpoints()
        where, _, condition = arg.partition(",")
        try:
            name, line = self.location(where.strip())
            number, line = self.breakpoints.add_console(name, line, condition.strip() or None, bool(temporary))
        except Refused as why:
            return self.error(str(why))
        self.context.debugger.changed()
        return self.message("Breakpoint %d at %s:%d" % (number, name, line))

    do_b = do_break

    def do_tbreak(self, arg):
        """tbreak [ ([filename:]lineno | function) [, condition] ]

        Like break, but the breakpoint is removed when it is first hit.
        """
        self.do_break(arg, True)

    def list_breakpoints(self):
        """Says which there are."""
        for number, name, each in self.breakpoints.console():
            enabled = "no " if each.fault else "yes"
            kind = "del " if each.temporary else "keep"
            self.message("%-4dbreakpoint   %s %s  at %s:%s" % (number, kind, enabled, name, each.line))
            if each.count:
                self.message("\tbreakpoint already hit %d time%s" % (each.count, "s" if each.count > 1 else ""))

    def location(self, where):
        """The file and line that a breakpoint is wanted at. Raises Refused."""
        here = self.curframe.f_code.co_filename
        if where.isdigit():
            return here, int(where)
        file, colon, line = where.rpartition(":")
        if colon and line.strip().isdigit():
            return self.file_named(file.strip(), here), int(line)
        try:
            found = self.value_of(where)
        except Exception as error:
            raise Refused("The specified object %r is not a function or was not found: %s" % (where, _told(error)))
        function = getattr(found, "__func__", found)
        code = getattr(function, "__code__", None)
        if code is None:
            raise Refused("The specified object %r is not a function" % where)
        return code.co_filename, code.co_firstlineno + 1

    def file_named(self, file, here):
        """A file by the name that a person gave it. Raises Refused."""
        start = self.context.debugger.places.start
        roots = [start, os.path.dirname(here)] + [root for root in sys.path if isinstance(root, str)]
        for root in roots:
            for name in (file, file + ".py"):
                path = os.path.join(root, name)
                if os.path.isfile(path):
                    return path
        raise Refused("%r not found from sys.path" % file)

    def chosen(self, arg):
        """The breakpoints of the console with these numbers: (number, file, Breakpoint)."""
        known = {number: (number, name, each) for number, name, each in self.breakpoints.console()}
        for word in arg.split():
            if word.isdigit() and int(word) in known:
                yield known[int(word)]
            else:
                self.error("There is no breakpoint %s of the console's" % word)

    def do_clear(self, arg):
        """cl(ear) [bpnumber ...]

        Clear these breakpoints, or all that were set here.
        """
        for number, name, each in list(self.chosen(arg) if arg else self.breakpoints.console()):
            self.breakpoints.remove_console(number)
            self.message("Deleted breakpoint %d at %s:%s" % (number, name, each.line))
        self.context.debugger.changed()

    do_cl = do_clear

    def do_enable(self, arg):
        """enable bpnumber [bpnumber ...]

        Enable the breakpoints.
        """
        self.turn(arg, None, "Enabled")

    def do_disable(self, arg):
        """disable bpnumber [bpnumber ...]

        Disable the breakpoints, which stay where they are.
        """
        self.turn(arg, "disabled", "Disabled")

    def turn(self, arg, fault, done):
        """Turns breakpoints on or off."""
        for number, name, each in self.chosen(arg):
            each.fault = fault
            self.breakpoints.refresh(name)
            self.message("%s breakpoint %d at %s:%s" % (done, number, name, each.line))
        self.context.debugger.changed()

    def do_condition(self, arg):
        """condition bpnumber [condition]

        Set a new condition for the breakpoint; none makes it unconditional.
        """
        number, _, condition = arg.partition(" ")
        for each_number, _, each in self.chosen(number):
            try:
                each.condition = Expression(condition, "<condition>") if condition.strip() else None
            except SyntaxError as error:
                return self.error("Invalid condition %r: %s" % (condition, error.msg))
            self.message(
                "New condition set for breakpoint %d." % each_number
                if each.condition
                else "Breakpoint %d is now unconditional." % each_number
            )
        return None

    def do_ignore(self, arg):
        """ignore bpnumber [count]

        Ignore the breakpoint that many times.
        """
        number, _, times = arg.partition(" ")
        try:
            times = int(times.strip() or 0)
        except ValueError:
            return self.error("Error: ignore count must be a number")
        for each_number, _, each in self.chosen(number):
            each.count, each.hit = 0, (operator.gt, times) if times > 0 else None
            self.message("Will ignore next %d crossings of breakpoint %d." % (max(0, times), each_number))
        return None


class _Raised:
    """Stands for a value that could not be had."""

    def __init__(self, error):
        self.text = "** raised %s **" % _told(error)

    def __repr__(self):
        return self.text

    def __eq__(self, other):
        return isinstance(other, _Raised) and self.text == other.text

    __hash__ = None


def _told(error):
    """An exception in one line."""
    try:
        text = str(error)[:1000]
    except Exception:
        text = ""
    return "%s: %s" % (type(error).__name__, text) if text else type(error).__name__
