"""What could complete a line of the console: the operation `completions`.

Promises that finding out runs no code of the program's, as proposals.py does.
"""

from .console import COMMANDS, console_of
from .namespaces import Namespace, frame_of
from .operations import operation
from .proposals import in_order, propose

# The most proposals that are answered.
MAX_PROPOSALS = 500


def utf16_index(line, column):
    """The index in a line of a column that counts UTF-16 units."""
    units = 0
    for index, char in enumerate(line):
        if units >= column:
            return index
        units += 2 if ord(char) > 0xFFFF else 1
    return len(line)


def utf16_length(text):
    """How many UTF-16 units a text has."""
    return len(text) + sum(ord(char) > 0xFFFF for char in text)


@operation("completions", at="stopped")
def completions(context, args):
    """What could stand at a place of a text."""
    lines = args["text"].split("\n")
    number = min(max(0, args.get("line") or 0), len(lines) - 1)
    before = lines[number][: utf16_index(lines[number], args["column"])]
    entry = console_of(context).place(frame_of(context, args))
    namespace = Namespace(entry.frame if entry is not None else None)
    commands = [name for name in COMMANDS if name.isidentifier()] if number == 0 else ()
    word, proposals = propose(namespace, before, commands)
    found = {name: kind for name, kind in proposals if name.startswith(word)}
    replaces = utf16_length(word)
    return {
        "completions": [
            {"label": name, "kind": found[name], "replaces": replaces} for name in in_order(found)[:MAX_PROPOSALS]
        ]
    }
