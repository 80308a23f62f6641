"""The calls of a line, for a step into one of them."""

import dis
import sys

CALLS = ("CALL", "CALL_KW", "CALL_FUNCTION", "CALL_FUNCTION_KW", "CALL_FUNCTION_EX", "CALL_METHOD")
NAMES = (
    "LOAD_NAME",
    "LOAD_GLOBAL",
    "LOAD_FAST",
    "LOAD_FAST_CHECK",
    "LOAD_FAST_BORROW",
    "LOAD_DEREF",
    "LOAD_CLASSDEREF",
    "LOAD_ATTR",
    "LOAD_METHOD",
    "LOAD_SUPER_ATTR",
)
MAX_CALLS = 50


def calls_ahead(frame):
    """The calls of a frame's line that are still to be made: [(name, line, (first offset, last offset))]."""
    code, line, found = frame.f_code, frame.f_lineno, []
    instructions = list(dis.get_instructions(code))
    lines = offset_lines(code)
    for index, each in enumerate(instructions):
        if each.opname not in CALLS or each.offset < frame.f_lasti or lines(each.offset) != line:
            continue
        name = called_name(instructions, index)
        end = instructions[index + 1].offset if index + 1 < len(instructions) else each.offset + 2
        if name is not None and len(found) < MAX_CALLS:
            found.append((name, line, (each.offset, max(each.offset, end - 2))))
    return found


def offset_lines(code):
    """A function from an offset to its line."""
    starts = list(dis.findlinestarts(code))

    def line_of(offset):
        line = None
        for start, each in starts:
            if start > offset:
                break
            line = each
        return line

    return line_of


def called_name(instructions, index):
    """The name of what a call calls: what was on the stack below its arguments, or None."""
    depth = callee_depth(instructions[index])
    for each in reversed(instructions[:index]):
        try:
            effect = dis.stack_effect(each.opcode, each.arg if each.opcode >= dis.HAVE_ARGUMENT else None, jump=False)
        except ValueError:
            return None
        depth -= effect
        if depth <= 0:
            if each.opname in NAMES and isinstance(each.argval, str):
                return each.argval
            if each.opname in ("PUSH_NULL", "COPY", "PRECALL", "RESUME"):
                continue
            return None
    return None


def callee_depth(call):
    """How many values above the callee's place a call takes."""
    if call.opname == "CALL_FUNCTION_EX":
        return 1 + (call.arg & 1)
    if call.opname in ("CALL_FUNCTION_KW", "CALL_KW"):
        return call.arg + 1
    return call.arg


if sys.version_info >= (3, 11):
    # The callee lies under its arguments and a second place, for `self` or nothing.
    _before = callee_depth

    def callee_depth(call):
        return _before(call)
