"""The program's threads: who they are, when they begin and when they end.

Threads are noticed where the interpreter makes them, whatever module asks for it; the helper's own are made before
that is watched, or by other means, and stay unseen.
"""

import _thread
import sys
from _thread import get_ident

from .operations import operation
from .state import Thread


class Threads:
    """Keeps the register of threads."""

    def __init__(self, debugger):
        self.debugger = debugger
        self.state = debugger.state

    def install(self):
        """Watches for new threads from now on."""
        threading = sys.modules.get("threading")
        names = {"start_new_thread": "_start_new_thread", "start_joinable_thread": "_start_joinable_thread"}
        for name, alias in names.items():
            original = getattr(_thread, name, None)
            if original is None:
                continue
            replacement = self.starter(original)
            setattr(_thread, name, replacement)
            if name == "start_new_thread":
                _thread.start_new = replacement
            if threading is not None and hasattr(threading, alias):
                setattr(threading, alias, replacement)

    def starter(self, original):
        """What stands where the interpreter's own function was."""

        def start(function, *args, **keywords):
            if not callable(function):
                return original(function, *args, **keywords)
            return original(self.entry(function), *args, **keywords)

        start.__name__ = start.__qualname__ = original.__name__
        start.__doc__ = original.__doc__
        start.__module__ = "_thread"
        return start

    def entry(self, function):
        """What a new thread runs instead of the program's function."""
        owner = getattr(function, "__self__", None)
        invoke = getattr(owner, "_invoke_excepthook", None)
        if invoke is not None:
            owner._invoke_excepthook = self.hook(invoke)
        return Entry(self, function, owner)

    def hook(self, invoke):
        """What threading calls when a thread's function has failed."""

        def failed(*args, **keywords):
            error = sys.exc_info()[1]
            if error is not None:
                self.debugger.exceptions.uncaught(error)
            del error
            return invoke(*args, **keywords)

        return failed

    def begin(self, owner=None):
        """The calling thread is the program's."""
        ident = get_ident()
        name = name_of(owner) if owner is not None else None
        with self.state.lock:
            thread = Thread(self.state.number(), ident, name or self.plain_name(ident))
            self.state.threads[thread.number] = thread
            self.state.by_ident[ident] = thread
            if self.debugger.armed:
                self.debugger.update()
        if self.debugger.armed:
            self.debugger.channel.event("threadStarted", id=thread.number, name=thread.name)
        return thread

    def plain_name(self, ident):
        """What a thread goes by that has no name of its own."""
        return "MainThread" if ident == self.debugger.main else "Thread %d" % ident

    def end(self, thread):
        """The calling thread is about to be gone."""
        with self.state.lock:
            self.state.threads.pop(thread.number, None)
            if self.state.by_ident.get(thread.ident) is thread:
                del self.state.by_ident[thread.ident]
        if self.debugger.armed:
            self.debugger.channel.event("threadEnded", id=thread.number)

    def current_name(self, thread):
        """What a thread is called now."""
        threading = sys.modules.get("threading")
        active = getattr(threading, "_active", None)
        if type(active) is dict:
            name = name_of(active.get(thread.ident))
            if name is not None:
                thread.name = name
        return thread.name


class Entry:
    """What a new thread runs instead of the program's function, to run that; it goes by the same name."""

    def __init__(self, register, function, owner):
        self.register = register
        self.function = function
        self.owner = owner

    def __repr__(self):
        return repr(self.function)

    def __call__(self, *args, **keywords):
        register, function = self.register, self.function
        thread = register.begin(self.owner)
        self.owner = self.function = None
        try:
            register.debugger.engine_enters()
            return function(*args, **keywords)
        except SystemExit:
            raise
        except BaseException as error:
            register.debugger.exceptions.uncaught(error)
            self.function = function
            error.__traceback__ = error.__traceback__.tb_next
            raise
        finally:
            register.end(thread)


def name_of(owner):
    """The name in a Thread object of the program's; none of its code is run for it."""
    try:
        name = object.__getattribute__(owner, "__dict__").get("_name")
    except Exception:
        return None
    return name[:500] if type(name) is str else None


@operation("threads")
def threads(context, args):
    """The program's threads."""
    register = context.debugger.threads
    found = list(context.state.threads.values())
    return {"threads": [{"id": each.number, "name": register.current_name(each)} for each in found]}
