"""Runs code in a frame, as if it stood there.

Promises that what code assigns stays in the frame, where the interpreter has a way to put it there, and that it is
said so where it has none; that functions and comprehensions inside the code see the frame's variables; and that a
name that only the debugger knows (`_`) never gets into the program.
"""

import sys
from types import CodeType

from .operations import Refused

# Flags of code objects: variables are kept outside a dictionary.
OPTIMIZED = 0x01
# What `from __future__ import …` leaves in a code object, for code that is compiled as if it stood there.
FUTURES = 0x20000 | 0x40000 | 0x80000 | 0x100000 | 0x800000 | 0x1000000
ONLY_SYNTAX_TREE = 0x400

_MISSING = object()


class Namespace:
    """The variables that code sees: a frame's, or those of the program's main module."""

    def __init__(self, frame=None):
        self.frame = frame
        self.globals = frame.f_globals if frame is not None else _main()

    def locals(self):
        """The local variables; before 3.13 a copy, of which `keep` makes variables again."""
        return self.frame.f_locals if self.frame is not None else self.globals

    def compile(self, source, kind):
        """Compiles text or a tree; raises SyntaxError."""
        flags = self.frame.f_code.co_flags & FUTURES if self.frame is not None else 0
        return compile(source, "<evaluation>", kind, flags, True)

    def run(self, code, extras=None, keep=False):
        """Runs code and answers its value. With `keep`, what it assigned becomes variables of the frame."""
        local = self.locals()
        apart = local is not self.globals
        nested = apart and any(type(constant) is CodeType for constant in code.co_consts)
        if not extras and not nested:
            before = self._fast_variables(local) if keep else None
            try:
                return eval(code, self.globals, local)
            finally:
                if keep:
                    self.keep(local, before)
        scope = dict(self.globals)
        for name, value in (extras or {}).items():
            if name not in scope and name not in local and name not in _builtins(scope):
                scope[name] = value
        if nested:
            scope.update(local)
        before, given = self._fast_variables(local) if keep else None, dict(scope)
        try:
            return eval(code, scope, local if apart else scope)
        finally:
            self._take_back(scope, given, not apart)
            if keep:
                self.keep(local, before)

    def _take_back(self, scope, given, deleted):
        """Code ran with a copy of the global variables: what it changed there becomes theirs."""
        for name, value in scope.items():
            if given.get(name, _MISSING) is not value and name != "__builtins__":
                self.globals[name] = value
        if deleted:
            for name in given:
                if name not in scope:
                    self.globals.pop(name, None)

    def _is_optimized(self):
        return self.frame is not None and self.frame.f_code.co_flags & OPTIMIZED and sys.version_info < (3, 13)

    def _fast_variables(self, local):
        return dict(local) if self._is_optimized() else None

    def keep(self, local, before=None):
        """Makes variables of the frame of what `locals` answered and somebody changed since. Raises Refused."""
        if not self._is_optimized():
            return
        if to_fast(self.frame):
            return
        code = self.frame.f_code
        names = code.co_varnames + code.co_cellvars + code.co_freevars
        if before is None or any(before.get(name, _MISSING) is not local.get(name, _MISSING) for name in names):
            raise Refused("this interpreter has no way to change a local variable: it was built without ctypes")

    def assign(self, name, value):
        """Gives a variable of the frame a value: the one that code there would mean."""
        local = self.locals()
        if local is not self.globals and name not in local and name in self.globals and not self.is_local(name):
            self.globals[name] = value
            return
        before = self._fast_variables(local)
        local[name] = value
        self.keep(local, before)

    def is_local(self, name):
        """Whether a name is a local variable by the code's own word."""
        code = self.frame.f_code
        return name in code.co_varnames or name in code.co_cellvars or name in code.co_freevars

    def lookup(self, name):
        """What a name means, without running code. Raises KeyError."""
        local = self.locals()
        for names in (local, self.globals, _builtins(self.globals)):
            if name in names:
                return names[name]
        raise KeyError(name)


def _builtins(scope):
    found = scope.get("__builtins__")
    return found if type(found) is dict else vars(found or sys.modules["builtins"])


def _main():
    module = sys.modules.get("__main__")
    if module is None:
        raise Refused("the program has no main module")
    return vars(module)


def to_fast(frame):
    """Before 3.13: writes what `f_locals` answered last into the frame's variables. False where there is no way.

    Asking the frame for `f_locals` once more would undo what was changed. The extension beneath ctypes is used,
    as the module itself may be one of the program's.
    """
    if not _writer:
        try:
            _writer.append(_find_writer())
        except Exception:
            _writer.append(None)
    if _writer[0] is None:
        return False
    _writer[0](frame, 1)
    return True


_writer = []


def _find_writer():
    import _ctypes

    class Object(_ctypes._SimpleCData):
        _type_ = "O"

    class Int(_ctypes._SimpleCData):
        _type_ = "i"

    class Function(_ctypes.CFuncPtr):
        _flags_ = _ctypes.FUNCFLAG_CDECL | _ctypes.FUNCFLAG_PYTHONAPI
        _restype_ = None

    function = Function(_ctypes.dlsym(_ctypes.dlopen(None, 0), "PyFrame_LocalsToFast"))
    function.argtypes = (Object, Int)
    return function
