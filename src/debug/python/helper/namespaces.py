"""Runs code in a frame, as if it stood there.

Promises that what code assigns stays in the frame, where the interpreter has a way to put it there, and that it is
said so where it has none; that functions and comprehensions inside the code see the frame's variables; and that a
name that only the debugger knows (`_`) never gets into the program.
"""

import _ast
import sys
from types import CodeType

from .native import write_locals
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
        if write_locals(self.frame):
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


def frame_of(context, args):
    """The state's Frame that a request is about, or None for the main module. Raises Refused."""
    number = args.get("frame")
    if number is None:
        return None
    entry = context.state.frame(number)
    if entry.frame is None:
        raise Refused("nothing can be evaluated in a heading")
    return entry


def namespace_of(entry):
    """The variables that an expression in a frame sees."""
    return Namespace(entry.frame if entry is not None else None)


def extras_of(entry, thread):
    """Names that the debugger adds to the program's."""
    if entry is not None:
        thread = entry.thread
    error = thread.exception if thread is not None else None
    return {"__exception__": error} if error is not None else {}


def as_operand(namespace, text):
    """An expression as it can stand before a dot or a bracket."""
    try:
        body = namespace_tree(namespace, text, "eval").body
    except (SyntaxError, ValueError):
        return None
    plain = (_ast.Name, _ast.Attribute, _ast.Subscript, _ast.Call)
    return text if isinstance(body, plain) and "\n" not in text else "(%s)" % text


def namespace_tree(namespace, text, kind):
    """A text's syntax tree; raises SyntaxError."""
    flags = ONLY_SYNTAX_TREE
    if namespace.frame is not None:
        flags |= namespace.frame.f_code.co_flags & FUTURES
    return compile(text, "<evaluation>", kind, flags, True)


def _builtins(scope):
    found = scope.get("__builtins__")
    return found if type(found) is dict else vars(found or sys.modules["builtins"])


def _main():
    module = sys.modules.get("__main__")
    if module is None:
        raise Refused("the program has no main module")
    return vars(module)
