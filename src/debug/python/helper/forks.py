"""Forks: the interpreter warns of them in a process with several threads, and the helper's own must not count."""

import os
import posix
import sys
import warnings

TEXT = (
    "This process (pid=%d) is multi-threaded, use of %s() may lead to deadlocks in the child."
)


def install_forks(debugger):
    """Stands where the program forks, where the interpreter warns of it."""
    if sys.version_info < (3, 12):
        return
    for name in ("fork", "forkpty"):
        original = getattr(posix, name, None)
        if original is not None:
            changed = forker(original, name, debugger)
            setattr(posix, name, changed)
            setattr(os, name, changed)


def forker(original, name, debugger):
    """What stands for a function of os that forks."""

    def fork():
        several = len(debugger.state.threads) > 1
        filters = getattr(sys.modules.get("warnings", warnings), "filters", None)
        quiet = ("ignore", None, DeprecationWarning, None, 0)
        if type(filters) is list:
            filters.insert(0, quiet)
        try:
            result = original()
        finally:
            if type(filters) is list and quiet in filters:
                filters.remove(quiet)
        if several and result:
            own = sys.modules.get("warnings", warnings)
            own.warn(TEXT % (os.getpid(), name), DeprecationWarning, 2)
        return result

    fork.__name__ = fork.__qualname__ = name
    fork.__doc__ = original.__doc__
    fork.__module__ = "posix"
    return fork
