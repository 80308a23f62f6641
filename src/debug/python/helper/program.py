"""Runs the program as the interpreter itself would: the same `__main__`, the same path, the same end.

Each kind of program (a file, a module, code) is made ready by a function that gives the code object and the module
to run it in; `run` runs it, and turns an exception that nobody caught into what the interpreter makes of it.
"""

import os
import signal
import sys

import _frozen_importlib_external as external

from .exceptions import without_own
from .interpreter import main_module, program_import, report


class Unrunnable(Exception):
    """There is no such program. Carries what the interpreter would say, and its exit code."""

    def __init__(self, text, status):
        super().__init__(text)
        self.text = text
        self.status = status



def put_on_path(directory):
    """The program's directory comes first, unless the interpreter was told to be safe."""
    if not (sys.flags.isolated or getattr(sys.flags, "safe_path", False)):
        sys.path.insert(0, directory)


def set_arguments(name, args):
    """What the program sees as its arguments, and as those of the interpreter."""
    sys.argv[:] = [name, *args]


def file_program(path, args, watch):
    """`python path args`"""
    set_arguments(path, args)
    if os.path.isdir(path) or is_archive(path):
        sys.path.insert(0, path)
        return module_program("__main__", args, watch, path)
    real = os.path.realpath(path) if os.path.islink(path) else os.path.abspath(path)
    put_on_path(os.path.dirname(real))
    shown = path if sys.version_info < (3, 9) else os.path.abspath(path)
    if path.endswith(".pyc"):
        loader = external.SourcelessFileLoader("__main__", path)
    else:
        loader = external.SourceFileLoader("__main__", path)
    module = main_module(__file__=shown, __cached__=None, __loader__=loader)
    if sys.version_info >= (3, 15):
        del module.__cached__
    if path.endswith(".pyc"):
        return loader.get_code("__main__"), module
    try:
        with open(path, "rb") as file:
            source = file.read()
    except OSError as error:
        text = "%s: can't open file %r: [Errno %d] %s" % (sys.executable, shown, error.errno, error.strerror)
        raise Unrunnable(text, 2) from None
    return compile(source, shown, "exec", 0, True), module


def is_archive(path):
    """Whether a path entry can be imported from: a zip file."""
    if path.endswith((".py", ".pyc")) or not os.path.isfile(path):
        return False
    with open(path, "rb") as file:
        if file.read(2) != b"PK":
            return False
    return program_import("pkgutil").get_importer(path) is not None


def module_program(name, args, watch, program=None):
    """`python -m name args`"""
    runpy = program_import("runpy")
    if program is None:
        set_arguments("-m", args)
        put_on_path(os.getcwd())
    watch()
    try:
        if program is None:
            _, spec, code = runpy._get_module_details(name, runpy._Error)
        else:
            _, spec, code = runpy._get_main_module_details(runpy._Error)
    except runpy._Error as error:
        raise Unrunnable("%s: %s" % (sys.executable, error), 1) from None
    if program is None:
        set_arguments(spec.origin, args)
    attributes = {
        "__file__": spec.origin,
        "__cached__": spec.cached,
        "__doc__": None,
        "__loader__": spec.loader,
        "__package__": spec.parent,
        "__spec__": spec,
    }
    return code, main_module(**attributes)


def inline_program(source, args):
    """`python -c source args`"""
    set_arguments("-c", args)
    if not (sys.flags.isolated or getattr(sys.flags, "safe_path", False)):
        sys.path.insert(0, "")
    module = main_module(__loader__=sys.modules["_frozen_importlib"].BuiltinImporter)
    return compile(source, "<string>", "exec", 0, True), module


def run(prepare, debugger):
    """Runs the program to its end, and ends as it ended."""
    error = None
    try:
        code, module = prepare()
        debugger.started(code)
        call(code, module.__dict__)
    except SystemExit:
        raise
    except Unrunnable as problem:
        sys.stderr.write(problem.text + "\n")
        raise SystemExit(problem.status) from None
    except BaseException as problem:
        debugger.exceptions.uncaught(problem)
        error = problem
    if error is None:
        return
    # Outside of the handler: what the program's hook raises has nothing to do with it.
    report(error, without_own)
    if isinstance(error, KeyboardInterrupt):
        debugger.die_of = signal.SIGINT
    raise SystemExit(1)


def call(code, scope):
    """The frame that all frames of the main thread are called from."""
    exec(code, scope)
