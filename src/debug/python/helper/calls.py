"""The calls of a line, for a step into one of them.

What a call calls is found by following the bytecode with a stack of names instead of values. It needs no source, and
where it does not know it leaves the call out.
"""

import dis
import sys

# How many places of the stack lie above the callee's beside the positional arguments.
ABOVE = {"CALL": 0, "CALL_FUNCTION": 0, "CALL_METHOD": 0, "CALL_FUNCTION_KW": 1, "CALL_KW": 1, "CALL_FUNCTION_EX": 1}
LOADS = ("LOAD_NAME", "LOAD_GLOBAL", "LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_GLOBALS")
ATTRIBUTES = ("LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR")
NO_EFFECT = ("PRECALL", "KW_NAMES", "RESUME", "CACHE", "EXTENDED_ARG", "NOP", "NOT_TAKEN")
MAX_CALLS = 50


def calls_ahead(frame):
    """The calls of a frame's line that are still to be made: [(name, line, (first offset, last offset))]."""
    code, line, found = frame.f_code, frame.f_lineno, []
    starts = dict((offset, each) for offset, each in dis.findlinestarts(code) if each is not None)
    stack, current = [], None
    instructions = list(dis.get_instructions(code))
    for index, each in enumerate(instructions):
        current = starts.get(each.offset, current)
        if each.opname in NO_EFFECT:
            continue
        if each.opname in ABOVE:
            name = pop_call(stack, each)
            if name is not None and current == line and each.offset >= frame.f_lasti and len(found) < MAX_CALLS:
                following = instructions[index + 1].offset if index + 1 < len(instructions) else each.offset + 2
                found.append((name, line, (each.offset, following - 1)))
        else:
            follow(stack, each)
    return found


def pop_call(stack, call):
    """Replaces what a call takes by what it gives. Answers the callee's name, or None."""
    above = ABOVE[call.opname] + (call.arg & 1 if call.opname == "CALL_FUNCTION_EX" else call.arg)
    # A method, or a callee with a place for what it is bound to, takes two.
    paired = call.opname == "CALL_METHOD" or sys.version_info >= (3, 11)
    size = above + (2 if paired else 1)
    stack[:0] = [None] * (size - len(stack))
    callee = stack[len(stack) - size : len(stack) - above]
    del stack[len(stack) - size :]
    stack.append(None)
    return next((name for name in callee if name is not None), None)


def follow(stack, each):
    """Does to the stack of names what an instruction does to that of values."""
    try:
        effect = dis.stack_effect(each.opcode, each.arg if each.opcode >= dis.HAVE_ARGUMENT else None, jump=False)
    except ValueError:
        effect = 0
    name = each.argval if isinstance(each.argval, str) else None
    if each.opname in LOADS or each.opname.startswith("LOAD_FAST"):
        stack += [name] + [None] * (effect - 1)
    elif each.opname in ATTRIBUTES:
        drop(stack, 1 - min(effect, 0))
        stack += [name] + [None] * max(0, effect)
    elif effect > 0:
        stack += [None] * effect
    elif each.opname.startswith(("POP_", "STORE_", "DELETE_", "RETURN_")):
        drop(stack, -effect)
    else:
        # It takes one more than is missing afterwards, and gives something without a name.
        drop(stack, 1 - effect)
        stack.append(None)


def drop(stack, count):
    """Removes from the top, as far as it is known."""
    del stack[max(0, len(stack) - count) :]
