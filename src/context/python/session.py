"""One context from its start to its end: says that it is ready, and does what it is asked for, one after another.

Everything that the driver needs is imported here, before code of the user's can get in the way of it. The program
that the user's code is finds an interpreter as `python3 file` in this directory would give it: its own `__main__`,
its path, nothing of the driver among its modules, and no descriptor but the first three.
"""

import os
import sys

from . import forks
from .calls import Loop, Tracing
from .channel import Channel, ChannelClosed, high_descriptor
from .completion import complete
from .displays import Displays
from .errors import Threads
from .execution import Execution
from .figures import Figures
from .imports import ImportWatch
from .inbox import Inbox
from .inputs import Inputs
from .inspection import inspect
from .interpreter import main_module
from .interrupts import Interrupts
from .streams import Streams
from .texts import Texts
from .variables import variables

SIDE = 3
QUESTIONS = {"complete": complete, "inspect": inspect, "variables": variables}


class Session:
    """A context: the parts of it, and what they have in common."""

    def __init__(self, channel):
        self.channel = channel
        self.inbox = Inbox(channel)
        self.interrupts = Interrupts()
        self.streams = Streams()
        self.tracing = Tracing()
        self.loop = Loop(self.interrupts)
        self.texts = Texts()
        self.displays = Displays(self)
        self.figures = Figures(self)
        self.inputs = Inputs(self)
        # What the user's code lies in.
        self.scope = None
        # What `from __future__ import …` in earlier cells means for later ones.
        self.flags = 0
        # What the user's code was last told that its file is.
        self.file = None
        # The execution that runs, or ran last.
        self.current = None
        self.running = False
        # This process is a child that code of the user's forked, and nobody listens to it.
        self.forked = False

    def open(self):
        """Makes the interpreter the user's."""
        loader = sys.modules["_frozen_importlib"].BuiltinImporter
        self.scope = main_module(__loader__=loader).__dict__
        sys.argv[:] = [""]
        if sys.flags.isolated or not getattr(sys.flags, "safe_path", False):
            sys.path.insert(0, os.getcwd())
        self.displays.install()
        self.inputs.install()
        watch = ImportWatch()
        for part in (self.texts, self.inputs, self.displays, self.figures, self.tracing, Threads()):
            watch.after.update(part.after_import())
        watch.install()
        forks.install(self)

    def serve(self):
        """Does what it is asked for, until there is nobody left to ask."""
        version = sys.version.split()[0]
        self.send({"event": "ready", "version": version, "language": "python", "unit": "codepoint"})
        while True:
            self.interrupts.rest()
            request = self.inbox.request()
            self.interrupts.idle = False
            kind, question = request["op"], QUESTIONS.get(request["op"])
            if kind == "execute" and isinstance(request.get("code"), str) and isinstance(request.get("id"), int):
                Execution(self, request).run()
            elif question is not None and isinstance(request.get("id"), int):
                self.answer(request, question)
            else:
                raise ChannelClosed

    def answer(self, request, function):
        """Answers a question about the state."""
        answer = {"event": "answer", "id": request["id"]}
        try:
            answer.update(function(self.scope, request))
        except Exception as error:
            answer["fault"] = "%s: %s" % (type(error).__name__, str(error)[:1000])
        self.send(answer)

    def send(self, message):
        """Tells the daemon something, whole whatever interrupts this."""
        if not self.forked:
            self.interrupts.defer(lambda: self.channel.send(message))


def main(_):
    """Runs a context on the descriptor that it was started with."""
    session = Session(Channel(high_descriptor(SIDE)))
    try:
        session.open()
        session.serve()
    except ChannelClosed:
        # Nobody is there, or somebody who speaks another language.
        os._exit(0)
