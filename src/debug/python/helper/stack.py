"""The stacks of threads that do not run: frames of the program's alone, and headings where a task waits for another."""

import sys
from itertools import islice

from . import tasks
from .operations import NotStopped, operation
from .places import chain, is_own, module_name, qualified_name

# Nobody reads more; a stack without end must not take all memory.
MAX_FRAMES = 20000


def stack_of(debugger, thread):
    """A thread's stack: [(frame, line, label)], the innermost first. A heading has a label and no frame."""
    if thread.stack is not None:
        return thread.stack
    if thread.held:
        top = thread.frames
    elif debugger.state.halted and not thread.alone:
        top = sys._current_frames().get(thread.ident)
    else:
        raise NotStopped("the thread runs")
    if isinstance(top, list):
        found = [(frame, line, None) for frame, line in top if not is_own(frame.f_code)]
    else:
        found = [(frame, frame.f_lineno, None) for frame in islice(chain(top), MAX_FRAMES)]
    if thread.task is not None:
        found = with_waiting(found, thread.task)
    thread.stack, thread.numbered = found, {}
    return found


def with_waiting(found, task):
    """Puts what waits for a task under the task's own frames."""
    outermost = getattr(task.get_coro(), "cr_frame", None)
    for index, (frame, _, _) in enumerate(found):
        if frame is outermost:
            break
    else:
        return found
    waiting = []
    for name, frames in tasks.chain(task):
        waiting.append((None, 0, "awaited by " + name))
        waiting += [(each, line, None) for each, line in frames]
    if waiting and found[index + 1 :]:
        waiting.append((None, 0, "event loop"))
    return found[: index + 1] + waiting + found[index + 1 :]


def numbered(debugger, thread, index):
    """The state.Frame of the stack's frame at that index."""
    stack = stack_of(debugger, thread)
    entry = thread.numbered.get(index)
    if entry is None:
        frame, line, label = stack[index]
        entry = debugger.state.add_frame(thread, frame, line, index, label)
        thread.numbered[index] = entry
    return entry


def shown(debugger, entry):
    """A frame as the adapter is told of it."""
    if entry.frame is None:
        return {"id": entry.number, "name": entry.label, "line": 0, "hint": "label"}
    code = entry.frame.f_code
    told = {
        "id": entry.number,
        "name": qualified_name(entry.frame)[:500],
        "place": debugger.places.place(code.co_filename),
        "line": entry.line or 0,
    }
    module = module_name(entry.frame)
    if module is not None:
        told["module"] = module[:500]
    if not debugger.is_user(code):
        told["hint"] = "subtle"
    return told


@operation("stack")
def stack(context, args):
    """A part of a thread's stack."""
    thread = context.state.thread(args["thread"])
    total = len(stack_of(context.debugger, thread))
    start = max(0, int(args.get("start") or 0))
    count = args.get("count")
    end = total if count is None else min(total, start + max(0, int(count)))
    frames = [numbered(context.debugger, thread, index) for index in range(start, end)]
    return {"frames": [shown(context.debugger, each) for each in frames], "total": total}
