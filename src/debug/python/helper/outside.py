"""The frames of the helper's that call into the program, or the interpreter on its behalf.

What C code imports comes from where the innermost Python frame would import it. So this module alone has the builtins
that the program has, and does as little as it can.
"""


def call(code, scope):
    """The frame that all frames of the main thread are called from."""
    exec(code, scope)


def call_hook(hook, kind, error, trace):
    """Hands an exception to what prints it."""
    hook(kind, error, trace)


def find_runpy():
    """The module that the interpreter would import for the program to see."""
    import runpy

    return runpy


def can_import_from(path):
    """Whether a path entry is an archive of modules."""
    import pkgutil

    return pkgutil.get_importer(path) is not None


def call_original(hook, args, keywords):
    """What `breakpoint()` was before."""
    return hook(*args, **keywords)
