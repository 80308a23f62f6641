"""Breakpoints that are written into the program: `breakpoint()` and `pdb.set_trace()` stop it here, not in a pdb of
its own that would read the program's input."""

import os
import sys

import _frozen_importlib_external as external

from .outside import call_original


def install_breaks(debugger):
    """Takes the place of pdb."""
    original = sys.breakpointhook

    def breakpointhook(*args, **keywords):
        wanted = os.environ.get("PYTHONBREAKPOINT")
        if not debugger.armed or wanted not in (None, "", "pdb.set_trace"):
            return call_original(original, args, keywords)
        debugger.stop_here(sys._getframe(1))
        return None

    def set_trace(*args, **keywords):
        if not debugger.armed:
            return call_original(original, (), {})
        debugger.stop_here(sys._getframe(1))
        return None

    sys.breakpointhook = breakpointhook
    sys.meta_path.insert(0, PdbFinder(set_trace))


class PdbFinder:
    """Finds pdb for the program, and puts our `set_trace` into it; then it is not needed any more."""

    def __init__(self, set_trace):
        self.set_trace = set_trace

    def find_spec(self, name, path=None, target=None):
        if name != "pdb":
            return None
        spec = external.PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None:
            return None
        execute, set_trace = spec.loader.exec_module, self.set_trace

        def exec_module(module):
            execute(module)
            if hasattr(module, "set_trace"):
                module.set_trace = set_trace

        spec.loader.exec_module = exec_module
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        return spec
