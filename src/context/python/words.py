"""Where a place in a cell's text is: which word is there, and which call it is an argument of.

A guess from the lines, as what is being typed is no code yet.
"""

from .proposals import in_string, operand

# How far back the beginning of a call is looked for.
MAX_CALL = 4000
_OPENING = "([{"
_CLOSING = ")]}"


def line_before(code, cursor):
    """What stands before the cursor in its line."""
    before = code[: max(0, cursor)]
    return before[before.rfind("\n") + 1 :]


def expression_at(code, cursor):
    """The expression that the cursor is in or right behind, with what it is an attribute of; empty if there is none."""
    cursor = min(max(0, cursor), len(code))
    end = cursor
    while end < len(code) and (code[end].isalnum() or code[end] == "_"):
        end += 1
    before = line_before(code, end)
    found = operand(before) if not in_string(before[: len(before) - (end - cursor)]) else ""
    return found.strip(".")


def call_around(code, cursor):
    """The function of the innermost call that the cursor is in; empty if it is in none."""
    text = code[max(0, cursor - MAX_CALL) : cursor]
    depth = 0
    for index in range(len(text) - 1, -1, -1):
        char = text[index]
        if char in _CLOSING:
            depth += 1
        elif char in _OPENING:
            if depth == 0:
                return operand(line_before(text, index)) if char == "(" else ""
            depth -= 1
    return ""
