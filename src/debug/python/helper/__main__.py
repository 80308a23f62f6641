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
import _imp

HOME = os.path.dirname(os.path.abspath(__file__))
PACKAGE = os.path.basename(HOME)
LIBRARY = os.path.dirname(os.path.abspath(os.__file__))

# Paths are looked at while the program runs, so these have to be the helper's own although they are loaded.
PATHS = ("posixpath", "genericpath")

sealed = dict(vars(builtins))
own_modules = {}
# What is being imported: `sys.modules` is the helper's meanwhile.
bringing = []


class SealedLoader(external.SourceFileLoader):
    """Loads a module that sees the helper's copy of the builtins."""

    def create_module(self, spec):
        module = type(sys)(spec.name)
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
    """What the helper and the standard library import late, on its behalf, are modules of the helper's too."""
    # What C code imports it looks for among the program's modules afterwards; it alone passes a list.
    if level or bringing or type(fromlist) is list:
        return builtins_import(name, scope, local, fromlist, level)
    if name not in own_modules:
        bring(name)
    return own_modules[name] if fromlist else own_modules[name.partition(".")[0]]


def is_foreign(module):
    """Whether a module is none that the helper can use as it is."""
    source = getattr(module, "__file__", None)
    return isinstance(source, str) and not source.startswith((LIBRARY + "/", HOME + "/"))


def boot():
    """Imports the helper; what it imported does not stay where the program looks for modules."""
    package = type(sys)(PACKAGE)
    package.__path__ = [HOME]
    for name, module in list(sys.modules.items()):
        if not is_foreign(module) and name not in PATHS:
            own_modules[name] = module
    own_modules[PACKAGE] = package
    bring(PACKAGE + ".session")
    return own_modules[PACKAGE + ".session"]


def bring(name):
    """Imports a module as one of the helper's own, and what it needs. Raises ImportError."""
    _imp.acquire_lock()
    bringing.append(name)
    before, search = dict(sys.modules), sys.path
    try:
        for each, module in before.items():
            # Of modules that are no extension the program's may have been changed by it.
            if each not in own_modules and (is_foreign(module) or is_source(module) or each in PATHS):
                del sys.modules[each]
        sys.modules.update(own_modules)
        sys.path = []
        sys.meta_path.insert(0, SealedFinder)
        builtins_import(name)
    finally:
        sys.meta_path.remove(SealedFinder)
        sys.path = search
        for each, module in list(sys.modules.items()):
            if module is not None:
                own_modules.setdefault(each, module)
            # An extension module must not be initialised twice, and nobody names a module of theirs `_json`.
            if each not in before and not each.startswith("_"):
                del sys.modules[each]
        sys.modules.update(before)
        bringing.remove(name)
        _imp.release_lock()


def is_source(module):
    """Whether a module was made from source."""
    loader = getattr(getattr(module, "__spec__", None), "loader", None)
    return isinstance(loader, external.SourceFileLoader)


extensions = [entry for entry in sys.path if entry.endswith("lib-dynload")]
builtins_import = builtins.__import__
sealed["__import__"] = sealed_import
# With -P or -I there is no such place, and the first one is the library's.
if sys.path and os.path.realpath(sys.path[0]) == os.path.realpath(HOME):
    del sys.path[0]
session = boot()
session.main(sys.argv[1:])
