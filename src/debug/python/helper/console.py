"""Lines of the debug console: the program's language first, and pdb's dialect (dialect.py).

A line is pdb's where pdb would take it, but for a name of the program's that it takes for a command: `n` prints the
program's `n` where there is one, and `n = 5` and `next(it)` are always the program's. `!` before a line makes it the
program's in any case. What a line assigns stays in the frame; the last value is `_`, to the console alone.
"""

import _ast
import re

from .namespaces import as_operand, extras_of, namespace_of, namespace_tree
from .operations import Refused
from .rendering import ALONE, WHOLE, Rendering
from .values import Shower

# pdb's commands, by all their names.
COMMANDS = frozenset(
    """! ? h help w where bt u up d down l list ll longlist a args p pp whatis source rv retval display undisplay
    b break tbreak cl clear disable enable condition ignore n next s step r return c cont continue unt until j jump
    alias unalias q quit exit run restart debug interact commands""".split()
)
# Between a command's name and the rest, what makes the line the program's: `next(it)`, `list[0]`, `c.d`, `n += 1`.
_GLUED = re.compile(r"[(.\[]|\s*([-+*/%@&|^<>]|//|\*\*|<<|>>)?=(?!=)|\s*:=")
_WORD = re.compile(r"([A-Za-z_]\w*|[!?])(.*)", re.DOTALL)


class Console:
    """What the console remembers from line to line."""

    def __init__(self):
        self.last = None
        self.has_last = False
        # The frame that the adapter named last, and the one that `u` and `d` led to from there.
        self.base = None
        self.selected = None
        self.dialect = None

    def place(self, entry):
        """The frame that a line is about."""
        if entry is None:
            return None
        if self.base != entry.number:
            self.base, self.selected = entry.number, entry
        return self.selected


_consoles = {}


def console_of(context):
    """The console of a debugger."""
    found = _consoles.get(id(context.debugger))
    if found is None:
        found = _consoles[id(context.debugger)] = Console()
    return found


def run(context, entry, text, hexadecimal=False):
    """Runs a line, or several. Answers the body for it, or a Then."""
    console = console_of(context)
    entry = console.place(entry)
    text = text.strip("\n")
    aliases = console.dialect.aliases if console.dialect is not None else ()
    command = command_in(namespace_of(entry), text, aliases)
    if command is not None:
        if console.dialect is None:
            # It brings half of the standard library along, which a session without commands does without.
            import codebeaker_debug.dialect as dialect

            console.dialect = dialect.Dialect()
        return console.dialect.perform(context, console, entry, text.strip())
    stripped = text.lstrip()
    if stripped.startswith("!"):
        text = stripped[1:].strip()
    return run_python(context, console, entry, text, hexadecimal)


def command_in(namespace, text, aliases=()):
    """The name of pdb's command that a line is, or None when it is the program's."""
    match = _WORD.fullmatch(text.strip())
    if match is None or "\n" in text.strip():
        return None
    word, rest = match.groups()
    if word in aliases:
        return word
    if word not in COMMANDS or word == "!":
        return None
    if word == "?":
        return word
    if _GLUED.match(rest):
        return None
    try:
        namespace.lookup(word)
    except KeyError:
        return word
    if word in _builtin_words and not _is_programs(namespace, word):
        return word
    return word if not is_python(namespace, text.strip()) else None


# Commands that are names of builtins: what the program did not name itself is the command.
_builtin_words = ("help", "list", "exit", "quit", "next")


def _is_programs(namespace, word):
    return word in namespace.locals() or word in namespace.globals


def is_python(namespace, text):
    """Whether a text can be compiled."""
    try:
        namespace.compile(text, "exec")
    except (SyntaxError, ValueError, OverflowError):
        return False
    return True


def run_python(context, console, entry, text, hexadecimal):
    """Runs statements in a frame; the value of the last is the answer, if it is an expression."""
    namespace = namespace_of(entry)
    thread = entry.thread if entry is not None else context.thread
    extras = extras_of(entry, thread)
    body = namespace_tree(namespace, dedented(text), "exec").body
    if not body:
        return {"text": ""}
    value, has_value, declared = None, False, []
    for statement in body:
        if console.has_last:
            extras["_"] = console.last
        # One by one, so that each sees what the one before it assigned.
        if isinstance(statement, _ast.Expr):
            tree = _ast.Expression(body=statement.value)
            value, has_value = namespace.run(namespace.compile(tree, "eval"), extras, keep=True), True
            if value is not None:
                console.last, console.has_last = value, True
        else:
            tree = _ast.Module(body=[*declared, statement], type_ignores=[])
            if isinstance(statement, _ast.Global):
                declared.append(statement)
            namespace.run(namespace.compile(tree, "exec"), extras, keep=True)
            value, has_value = None, False
    if not has_value or value is None:
        return {"text": ""}
    expression = as_operand(namespace, text.strip()) if len(body) == 1 else None
    return Shower(context, thread, entry, Rendering(ALONE, hexadecimal)).shown(value, expression)


def dedented(text):
    """Lines without the white space that all of them begin with."""
    lines = text.split("\n")
    margin = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    return "\n".join(line[margin:] for line in lines)


def answer(text):
    """A text as the body of an answer."""
    text = text.rstrip("\n")
    return {"text": text if len(text) <= WHOLE else text[:WHOLE] + "..."}


def refuse(text):
    """Says why a command is not done here."""
    raise Refused(text)
