"""What the program asks for: `input`, `getpass` and reading from `sys.stdin` become questions to the daemon.

Where there is nobody to answer, all of them come to the end of the input, as with an empty file.
"""

import io
import sys

from .bundles import PROGRAM_BUILTINS

MAX_PROMPT = 20000


class Line(io.RawIOBase):
    """Standard input: each line is the answer to a question."""

    name = "<stdin>"

    def __init__(self, inputs):
        super().__init__()
        self.inputs = inputs
        self.rest = b""

    def readable(self):
        """It can be read from."""
        return True

    def fileno(self):
        """That of standard input, from which nothing comes."""
        return 0

    def readinto(self, buffer):
        """Reads from the line, and asks for one when there is none."""
        if not self.rest:
            text = self.inputs.ask("")
            if text is None:
                return 0
            self.rest = (text + "\n").encode(sys.stdin.encoding, "replace")
        data, self.rest = self.rest[: len(buffer)], self.rest[len(buffer) :]
        buffer[: len(data)] = data
        return len(data)


class Inputs:
    """Asks the daemon."""

    def __init__(self, session):
        self.session = session
        self.last = 0
        self.stream = None
        stdin = sys.stdin
        self.encoding = getattr(stdin, "encoding", None) or "utf-8"
        self.errors = getattr(stdin, "errors", None) or "strict"
        # The first is the process's own, which stays open as others may have it.
        self.original = stdin

    def install(self):
        """Gives the program its standard input."""
        self.reopen()
        names = PROGRAM_BUILTINS
        original = names["input"]

        def input(prompt="", /) -> str:
            if sys.stdin is not self.stream or not self.may_ask():
                return original(prompt)
            text = self.ask(str(prompt))
            if text is None:
                raise EOFError("EOF when reading a line")
            return text

        input.__doc__, input.__module__, input.__qualname__ = original.__doc__, "builtins", "input"
        names["input"] = input

    def reopen(self):
        """A new standard input where the old one was closed, as `exit` does."""
        if self.stream is None or self.stream.closed:
            usual = self.stream is None or sys.stdin is self.stream
            buffer = io.BufferedReader(Line(self))
            self.stream = io.TextIOWrapper(buffer, encoding=self.encoding, errors=self.errors)
            self.stream.mode = "r"
            if usual:
                sys.stdin = self.stream
            sys.__stdin__ = self.stream

    def after_import(self):
        """What is done once the program imported something."""

        def found(module):
            original = module.getpass

            def getpass(prompt="Password: ", *args, **options):
                if sys.stdin is not self.stream or not self.may_ask():
                    return original(prompt, *args, **options)
                text = self.ask(str(prompt), True)
                if text is None:
                    raise EOFError
                return text

            getpass.__doc__, getpass.__module__, getpass.__qualname__ = original.__doc__, "getpass", "getpass"
            module.getpass = getpass

        return {"getpass": found}

    def may_ask(self):
        """Whether there is somebody to answer."""
        session = self.session
        return session.running and session.current.input and not session.forked

    def ask(self, prompt, password=False):
        """Asks, and waits for the answer: a text, or None at the end of the input."""
        session = self.session
        if not self.may_ask():
            return None
        session.streams.flush()
        self.last += 1
        number = self.last
        question = {"event": "input", "id": session.current.id, "input": number, "prompt": prompt[:MAX_PROMPT]}
        question["password"] = password

        def exchange():
            session.inbox.expect(number)
            session.send(question)
            return session.inbox.answer(number, session.interrupts.wait)

        answer = session.interrupts.defer(exchange)
        value = answer.get("value")
        return value if isinstance(value, str) and not answer.get("eof") else None
