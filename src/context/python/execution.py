"""One execution of a cell, from its code to the last word about it."""

import sys

from .code import Code
from .errors import show, told
from .usage import used

# Each line before a cell costs a byte.
MAX_LINE = 1000000


class Execution:
    """A cell that is executed."""

    def __init__(self, session, request):
        self.session = session
        self.id = request["id"]
        self.text = request["code"]
        self.name = request.get("name")
        self.line = min(max(1, request.get("line") or 1), MAX_LINE)
        self.mark = request.get("mark")
        self.rich = request.get("rich", True)
        # Whether there is somebody to answer what the code asks for.
        self.input = request.get("input", False)

    def run(self):
        """Executes the cell and says how it ended."""
        session = self.session
        session.current, session.running = self, True
        before, _ = used()
        name = self.name or "<cell %s>" % self.id
        session.texts.add(name, self.line, self.text)
        self.place(name)
        _, error = session.interrupts.allow(lambda: self.body(name))
        done = {"event": "done", "id": self.id, "status": "ok"}
        if error is not None:
            self.ended(done, error)
        # Figures show what a cell that failed did until then.
        if session.figures.are_wanted() and done["status"] != "exit" and self.rich and not session.forked:
            self.attempt(session.figures.show_all)
        session.interrupts.allow(session.streams.flush)
        if session.forked:
            raise SystemExit({"ok": 0, "exit": done.get("code", 0)}.get(done["status"], 1))
        session.running = False
        after, done["memory"] = used()
        done["cpu"] = max(0, after - before)
        if self.mark:
            session.streams.mark(self.mark)
        session.send(done)

    def body(self, name):
        """The user's part of it."""
        session = self.session
        session.interrupts.begin()
        code = Code(self.text, name, self.line, session.flags)
        session.flags = code.flags
        scope = session.scope
        # The same warning again is news.
        scope.pop("__warningregistry__", None)
        value = None
        if code.awaits():
            parts = [part for part in (code.statements, code.shown) if part is not None]
            value = session.tracing.call(session.loop.run, parts, scope)
        else:
            if code.statements is not None:
                session.tracing.call(eval, code.statements, scope)
            if code.shown is not None:
                value = session.tracing.call(eval, code.shown, scope)
        if code.shown is not None:
            session.displays.result(value, self.rich)

    def place(self, name):
        """Cells of a file find out where that is, as the file would."""
        session = self.session
        if self.name and name.startswith("/") and session.scope.get("__file__") == session.file:
            session.scope["__file__"] = session.file = name

    def attempt(self, function):
        """Does something that may run code of the user's; what goes wrong is printed. Answers the exception."""
        _, error = self.session.interrupts.allow(function)
        if error is not None and not isinstance(error, SystemExit):
            self.session.interrupts.allow(lambda: show(error))
        return error

    def ended(self, done, error):
        """The code raised something."""
        if isinstance(error, SystemExit):
            done["status"] = "exit"
            done["code"], _ = self.session.interrupts.allow(lambda: exit_code(error))
            self.session.inputs.reopen()
            return
        done["status"] = "interrupted" if isinstance(error, KeyboardInterrupt) else "error"
        _, trouble = self.session.interrupts.allow(lambda: show(error))
        what, _ = self.session.interrupts.allow(lambda: told(error, trouble is None))
        done["error"] = what or told(error, False)


def exit_code(error):
    """What a process would end with; a text is printed, as it would be."""
    code = error.code
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    sys.stderr.write(str(code) + "\n")
    return 1
