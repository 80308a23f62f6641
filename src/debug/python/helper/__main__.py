"""Brings the helper up without leaving a trace of it in the program that it then runs.

Promises that no module of the program's, wherever it lies, is taken for one of the standard library's that the
helper needs, and the other way round: the helper imports all that it needs before the program's search path
counts, into modules of its own which nobody else gets to see. Those have a private copy of the builtins, so that
a program that replaces `len` or `open` does not break its debugger.

It is to be started by the path of this file, not of its directory: for that the interpreter would import modules of
its own first, past those of the program's.
"""

import builtins
import os
import sys

import _frozen_importlib_external as external

HOME = os.path.dirname(os.path.abspath(__file__))
PACKAGE = "codebeaker_debug"
LIBRARY = os.path.dirname(os.path.abspath(os.__file__))

# Calls into the program: what is imported from there is the program's.
OUTSIDE = PACKAGE + ".outside"

sealed = dict(vars(builtins))
own_modules = {}


class SealedLoader(external.SourceFileLoader):
    """Loads a module that sees the helper's copy of the builtins."""

    def create_module(self, spec):
        module = type(sys)(spec.name)
        if spec.name != OUTSIDE:
            module.__dict__["__builtins__"] = sealed
        return module


class SealedFinder:
    """Finds modules in the helper and in the standard library, and nowhere else."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        search = path or [LIBRARY, os.path.join(LIBRARY, "lib-dynload"), *extensions]
        spec = external.PathFinder.find_spec(name, search, target)
        if spec is not None and type(spec.loader) is external.SourceFileLoader:
            spec.loader = SealedLoader(spec.loader.name, spec.loader.path)
        return spec


def sealed_import(name, scope=None, local=None, fromlist=(), level=0):
    """What the standard library imports late, on the helper's behalf, comes from the helper's modules too."""
    if level == 0 and name in own_modules:
        return own_modules[name] if fromlist else own_modules[name.partition(".")[0]]
    return builtins_import(name, scope, local, fromlist, level)


def boot():
    """Imports the helper; what it imported does not stay where the program looks for modules."""
    search = sys.path
    before = dict(sys.modules)
    for name, module in before.items():
        source = getattr(module, "__file__", None)
        foreign = isinstance(source, str) and not source.startswith((LIBRARY + "/", HOME + "/"))
        # Paths are looked at while the program runs, so those modules have to be of our own.
        if foreign or name in ("posixpath", "genericpath"):
            del sys.modules[name]
    sys.modules["__main__"] = before["__main__"]
    package = type(sys)(PACKAGE)
    package.__path__ = [HOME]
    sys.modules[PACKAGE] = package
    sys.path = []
    sys.meta_path.insert(0, SealedFinder)
    try:
        from codebeaker_debug import session
    finally:
        sys.meta_path.remove(SealedFinder)
        sys.path = search
    for name, module in list(sys.modules.items()):
        own_modules[name] = module
        # An extension module must not be initialised twice, and nobody names a module of theirs `_json`.
        if name not in before and not name.startswith("_"):
            del sys.modules[name]
    sys.modules.update(before)
    return session


extensions = [entry for entry in sys.path if entry.endswith("lib-dynload")]
builtins_import = builtins.__import__
sealed["__import__"] = sealed_import
# With -P or -I there is no such place, and the first one is the library's.
if sys.path[0] == HOME:
    del sys.path[0]
session = boot()
session.main(sys.argv[1:])
