"""Expressions: the operation `evaluate`, for whoever asks, and what may run for them.

A hover runs no code of the program's (reading.py). A watched expression is any expression. A line of the console is
anything, and pdb's dialect too (console.py).
"""

from . import console
from .lookup import is_of
from .namespaces import as_operand, extras_of, frame_of, namespace_of
from .operations import operation
from .reading import read
from .rendering import ALONE, WHOLE, Rendering, clock
from .values import Shower


@operation("evaluate", at="stopped")
def evaluate(context, args):
    """Evaluates an expression."""
    entry, text, purpose = frame_of(context, args), args["expression"], args.get("purpose")
    thread = entry.thread if entry is not None else context.thread
    hexadecimal = bool(args.get("hex"))
    if purpose == "console":
        return console.run(context, entry, text, hexadecimal)
    namespace = namespace_of(entry)
    if purpose == "hover":
        value = read(namespace, text)
        rendering = Rendering(ALONE, hexadecimal, careful=True, deadline=clock())
    else:
        value = namespace.run(namespace.compile(text.strip(), "eval"), extras_of(entry, thread))
        rendering = Rendering(WHOLE if purpose == "clipboard" else ALONE, hexadecimal)
    if purpose == "clipboard":
        return {"text": str.__str__(value)[:WHOLE] if is_of(value, str) else rendering.text(value)}
    return Shower(context, thread, entry, rendering).shown(value, as_operand(namespace, text.strip()))
