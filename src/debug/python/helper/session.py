"""What the helper does from its start to the program's end.

All modules of the helper are imported here, before the program can get in the way of it.
"""

import atexit
import os
import signal
import sys
from _thread import allocate_lock, get_ident, start_new_thread

from . import assignment, children, completion, control, evaluation, exceptions, interpreter, listening, native
from . import printing, program, sources, stack, threads, values
from .breaks import install_breaks
from .channel import Channel, ChannelClosed, high_descriptor
from .debugger import Debugger
from .door import open_door
from .forks import install_forks
from .options import parse
from .places import bottoms

SIDE = 3


class Session(Debugger):
    """A debugger with a program and an end."""

    def __init__(self, channel, options):
        super().__init__(channel, options)
        # A signal to die of in the end, as the interpreter does.
        self.die_of = None
        # The adapter let the program begin, and it has not been watched yet.
        self.watched = False
        self.printing = printing.Printing(self)
        self.children = children.Children(options) if options.children else None
        # Where adapters come in, if they do.
        self.door = None

    def open(self):
        """Gets everything ready, and begins to take requests."""
        bottoms.add(program.call.__code__)
        self.threads.install()
        self.threads.begin()
        atexit.register(self.ending)
        os.register_at_fork(after_in_child=self.forked)
        install_breaks(self)
        install_forks(self)
        if self.children is not None:
            self.children.install()
        if self.options.door is not None:
            self.printing.install()
            self.detached = True
            self.door = open_door(self.options.door)
            if self.door is not None:
                start_new_thread(self.admit, ())
            return
        if self.channel.closed:
            # Nobody listens: only the children of this one are debugged.
            self.detached = True
            return
        self.printing.install()
        self.listen(wait=not self.options.attachable)

    def listen(self, wait):
        """Begins to take requests."""
        if wait:
            self.starting = allocate_lock()
            self.starting.acquire()
        start_new_thread(self.read, ())
        self.greet()

    def greet(self):
        """Tells the adapter that requests are taken."""
        version = sys.version.split()[0]
        self.channel.event("ready", version=version, engine=self.engine.name, pid=os.getpid())

    def read(self):
        """The reader thread."""
        self.hidden.add(get_ident())
        try:
            self.serve()
        except ChannelClosed:
            pass
        self.lost()

    def admit(self):
        """Serves one adapter after the other, each from its coming to its going."""
        self.hidden.add(get_ident())
        while True:
            descriptor = self.door.next()
            if descriptor is None:
                return
            # What the last one set is no business of this one's.
            self.breakpoints.clear()
            self.exceptions.filters = {}
            self.channel.open(descriptor)
            self.detached = False
            self.greet()
            try:
                while not self.detached:
                    self.dispatch(self.channel.receive())
            except ChannelClosed:
                pass
            self.detach()
            self.channel.close()

    def lost(self):
        """The adapter is gone: the program goes with it, unless it was let go."""
        if self.detached or self.options.attachable:
            self.detach()
        else:
            os._exit(1)

    def wait(self):
        """Waits for the adapter to let the program begin."""
        if self.starting is None:
            return
        waiting = self.starting
        while not waiting.acquire(True, 3600):
            pass
        self.starting = None
        self.watched = not self.detached

    def watch(self):
        """Code of the program's is about to run, if only that of a package that it is in."""
        if self.watched:
            self.watched = False
            self.arm()

    def started(self, code):
        """The program's code is about to run."""
        self.watch()
        if code.co_filename.startswith("<"):
            self.places.programs.add(code.co_filename)
        if self.options.stop_on_entry and self.armed:
            self.enter()

    def ending(self):
        """The program is about to end by itself: all that it registered for its end is done."""
        if self.armed:
            self.disarm()
            self.channel.event("ending")
        if self.door is not None:
            self.door.close()
        if self.die_of is not None:
            interpreter.flush(sys.stdout)
            interpreter.flush(sys.stderr)
            signal.signal(self.die_of, signal.SIG_DFL)
            os.kill(os.getpid(), self.die_of)

    def forked(self):
        """In a forked child: the parent's connection is the parent's, and its threads are gone."""
        was_armed, thread = self.armed, self.state.current()
        self.channel.abandon()
        if self.door is not None:
            self.door.close()
            self.door = None
        self.forget_parent()
        if self.children is None or self.children.spawning or thread is not None and thread.held:
            return
        if not (was_armed or self.options.servant):
            return
        descriptor = listening.meet(self.options.children, "fork of " + self.options.name())
        if descriptor is None:
            return
        self.channel.open(high_descriptor(descriptor))
        self.detached = False
        self.printing.install()
        self.listen(wait=True)
        self.wait()
        self.watch()

    def forget_parent(self):
        """Becomes the debugger of a process with one thread that nobody watches."""
        self.printing.uninstall()
        self.engine.uninstall()
        self.armed = self.busy = False
        self.detached = True
        self.entering = {}
        self.hidden.clear()
        self.stand_in = None
        self.main = get_ident()
        self.state.begin_anew()
        self.breakpoints.clear()
        self.exceptions.filters = {}
        self.threads.begin()


def main(args):
    """Runs a program under the adapter's control."""
    options = parse(args)
    if options.door is not None:
        descriptor = None
    elif not options.child:
        descriptor = high_descriptor(SIDE)
    else:
        descriptor = None if options.servant else listening.meet(options.children, options.name())
        if descriptor is not None:
            descriptor = high_descriptor(descriptor)
    session = Session(Channel(descriptor), options)
    if descriptor is not None or options.servant or options.door is not None:
        session.open()
        session.wait()
    program.run(lambda: prepare(options, session.watch), session)


def prepare(options, watch):
    """Gets the program's code and its `__main__`. `watch` is called before anything else of the program's runs."""
    if options.kind == "module":
        return program.module_program(options.target, options.args, watch)
    if options.kind == "inline":
        return program.inline_program(options.target, options.args)
    return program.file_program(options.target, options.args, watch)
