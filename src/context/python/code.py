"""Cells as code: what a text compiles to, and which expression of it is shown."""

import _ast

from .namespaces import FUTURES, ONLY_SYNTAX_TREE

TOP_LEVEL_AWAIT = 0x2000
# In the flags of a code object: calling it makes a coroutine.
COROUTINE = 0x80


class Code:
    """A compiled cell."""

    def __init__(self, text, name, line, flags):
        """Compiles; raises what `compile` raises. `flags` are those of the cells before."""
        flags |= TOP_LEVEL_AWAIT
        text = text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
        padded = "\n" * (line - 1) + text
        tree = compile(padded, name, "exec", flags | ONLY_SYNTAX_TREE, True)
        shown = None
        if tree.body and isinstance(tree.body[-1], _ast.Expr) and not is_silent(padded, tree.body[-1]):
            shown = _ast.Expression(body=tree.body.pop().value)
        self.statements = compile(tree, name, "exec", flags, True) if tree.body else None
        if self.statements is not None:
            # As if both parts were one.
            flags |= self.statements.co_flags & FUTURES
        self.shown = compile(shown, name, "eval", flags, True) if shown is not None else None
        # What the cells after this one are compiled with.
        self.flags = flags & FUTURES

    def awaits(self):
        """Whether it has to run in an event loop."""
        return any(part is not None and part.co_flags & COROUTINE for part in (self.statements, self.shown))


def is_silent(text, statement):
    """Whether a `;` stands behind the last expression of a text."""
    if ";" not in text:
        return False
    lines = text.split("\n")[statement.end_lineno - 1 :]
    lines[0] = lines[0].encode("utf-8", "surrogatepass")[statement.end_col_offset :].decode("utf-8", "surrogatepass")
    # There are no quotes behind the last expression, so that all of these are comments.
    return any(";" in line.partition("#")[0] for line in lines)
