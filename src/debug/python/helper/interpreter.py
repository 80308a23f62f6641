"""What the interpreter does for a program, done as it does it."""

import sys


def main_module(**attributes):
    """A new `__main__`."""
    module = type(sys)("__main__")
    scope = module.__dict__
    scope["__builtins__"] = sys.modules["builtins"]
    if sys.version_info < (3, 14):
        scope["__annotations__"] = {}
    scope.update(attributes)
    sys.modules["__main__"] = module
    return module


def program_import(name):
    """A module as the interpreter imports it by itself, with a list: it is the program's, not ours."""
    return __import__(name, None, None, [])


def flush(stream):
    """Flushes a stream if it can be."""
    try:
        stream.flush()
    except BaseException:
        pass


def report(error, clean, display=None):
    """Does what the interpreter does with an exception that nobody caught, or with what its own hook raises then.

    `clean` answers an exception's traceback without what is not the program's, and `display` shows one in place of
    the interpreter's own hook.
    """
    error.__traceback__ = clean(error)
    sys.last_type, sys.last_value, sys.last_traceback = type(error), error, error.__traceback__
    if sys.version_info >= (3, 12):
        sys.last_exc = error
    flush(sys.stdout)
    display = display or sys.__excepthook__
    hook = getattr(sys, "excepthook", None)
    if hook is sys.__excepthook__:
        display(type(error), error, error.__traceback__)
        return flush(sys.stderr)
    try:
        if hook is None:
            sys.stderr.write("sys.excepthook is missing\n")
        (hook or display)(type(error), error, error.__traceback__)
    except SystemExit:
        raise
    except BaseException as other:
        sys.stderr.write("Error in sys.excepthook:\n")
        other.__traceback__ = clean(other)
        display(type(other), other, other.__traceback__)
        sys.stderr.write("\nOriginal exception was:\n")
        display(type(error), error, error.__traceback__)
    flush(sys.stderr)
