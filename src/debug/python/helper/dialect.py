"""pdb's commands on a stopped frame, by pdb itself: its printing and its words, without its tracing.

Promises that nothing is read from the program's input nor written to its output, that no trace function of pdb's is
ever installed, and that breakpoints are the debugger's own. Imported when the first command is given, as pdb brings
half of the standard library along.
"""

import io
import pdb
import pprint
import sys

from .breakpoint_commands import BreakpointCommands
from .breakpoints import told
from .console import answer, command_in, refuse, run_python
from .namespaces import Namespace, extras_of, namespace_of
from .operations import Refused, Then, registry
from .rendering import Rendering, words_of
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


class Dialect(BreakpointCommands, pdb.Pdb):
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
        # By code object, so that no frame is kept: {expression: its text when the program stopped last}.
        self.displays = {}
        self.channel = None
        # Breakpoints that `until` left behind.
        self.passing = []

    def perform(self, context, console, entry, line):
        """Runs a line of commands. Answers the body for it, or a Then."""
        self.context, self.console, self.going = context, console, None
        self.channel = context.channel
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
            self.error(told(error))
            raise

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
            self.error(told(error))

    def do_p(self, arg):
        """p expression

        Print the value of the expression.
        """
        self._msg_val_func(arg, words_of)

    def do_pp(self, arg):
        """pp expression

        Pretty-print the value of the expression.
        """
        self._msg_val_func(arg, Printer().pformat)

    def do_retval(self, arg):
        """retval

        Print the return value for the last return of a function.
        """
        returned = getattr(self.entry.thread, "returned", None)
        if returned is None:
            self.error("Not yet returned!")
        else:
            self.message(words_of(returned[1]))

    do_rv = do_retval

    # What is shown at each stop

    def do_display(self, arg):
        """display [expression]

        Show the value of the expression whenever it has changed when the program stops in this function. Without
        an expression, list all that are shown.
        """
        if not arg:
            for text, words in self.displays.get(self.curframe.f_code, {}).items():
                self.message("%s: %s" % (text, words))
            return
        if not self.displays:
            self.context.debugger.at_stop.append(self.show_displays)
        words = shown_in(namespace_of(self.entry), arg)
        self.displays.setdefault(self.curframe.f_code, {})[arg] = words
        self.message("display %s: %s" % (arg, words))

    def do_undisplay(self, arg):
        """undisplay [expression]

        Show the expression no more; without one, none of this function.
        """
        shown = self.displays.get(self.curframe.f_code, {})
        if arg and arg not in shown:
            self.error("not displaying %s" % arg)
            return
        for each in [arg] if arg else list(shown):
            del shown[each]

    def show_displays(self, frame):
        """Says what has changed, where the program stopped."""
        shown = self.displays.get(frame.f_code, {})
        for text, before in list(shown.items()):
            words = shown_in(Namespace(frame), text)
            if words != before:
                shown[text] = words
                said = "display %s: %s  [old: %s]\n" % (text, words, before)
                self.channel.event("output", category="console", text=said)

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


class Printer(pprint.PrettyPrinter):
    """Asks objects of the program's where what they import on the way is the program's."""

    def format(self, value, context, maxlevels, level):
        """A value in one line, and whether that can be read back and is recursive."""
        if type(value) in (str, bytes, int, float, dict, list, tuple, set, frozenset):
            return super().format(value, context, maxlevels, level)
        return words_of(value), False, False


def shown_in(namespace, text):
    """What an expression is, in few words, whatever comes of it."""
    try:
        return Rendering().text(namespace.run(namespace.compile(text.strip(), "eval")))
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return "** raised %s **" % told(error)
