"""pdb's commands for breakpoints, as the console has them: the breakpoints are the debugger's own.

Those that the editor set are the editor's: the console neither lists nor changes them.
"""

import operator
import os
import sys

from .breakpoints import expression, told
from .operations import Refused


class BreakpointCommands:
    """What dialect.Dialect does for `break`, `tbreak`, `clear`, `enable`, `disable`, `condition` and `ignore`."""

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
            raise Refused("The specified object %r is not a function or was not found: %s" % (where, told(error)))
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
                each.condition = expression(condition, "<condition>") if condition.strip() else None
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
