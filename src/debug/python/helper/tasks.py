"""Tasks of asyncio: which one a thread runs, and who waits for it.

Looks only at what the program has loaded itself, and never fails: without asyncio there are no tasks.
"""

import sys

# Tasks that wait for tasks that wait: no chain is followed further.
MAX_CHAIN = 50


def current():
    """The task that the calling thread runs, or None."""
    events, tasks = sys.modules.get("asyncio.events"), sys.modules.get("asyncio.tasks")
    if events is None or tasks is None:
        return None
    try:
        loop = events._get_running_loop()
        return None if loop is None else tasks.current_task(loop)
    except Exception:
        return None


def name_of(task):
    """A task's name, or None."""
    if task is None:
        return None
    try:
        name = task.get_name()
    except Exception:
        return None
    return "task " + name[:200] if isinstance(name, str) else None


def waiting_for(task):
    """The task that waits for this one, directly or through a gathering, or None."""
    try:
        for callback in task._callbacks or ():
            found = waiter(callback[0] if isinstance(callback, tuple) else callback)
            if found is not None and found is not task:
                return found
    except Exception:
        pass
    return None


def waiter(callback):
    """The task that a future's callback wakes."""
    owner = getattr(callback, "__self__", None)
    if hasattr(owner, "get_coro"):
        return owner
    for cell in getattr(callback, "__closure__", None) or ():
        try:
            outer = cell.cell_contents
        except ValueError:
            continue
        if hasattr(outer, "_callbacks") and not hasattr(outer, "get_coro"):
            return waiting_for(outer)
    return None


def frames_of(task):
    """The frames of a task that waits, as [(frame, line)], the innermost first."""
    found, awaited = [], task.get_coro()
    while awaited is not None and len(found) < MAX_CHAIN:
        frame = getattr(awaited, "cr_frame", None) or getattr(awaited, "gi_frame", None)
        frame = frame or getattr(awaited, "ag_frame", None)
        if frame is None:
            break
        found.append((frame, frame.f_lineno))
        awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "gi_yieldfrom", None)
    found.reverse()
    return found


def chain(task):
    """What waits for a task: [(name, [(frame, line)])], the nearest first."""
    found, seen = [], [task]
    while len(found) < MAX_CHAIN:
        task = waiting_for(task)
        if task is None or any(task is each for each in seen):
            break
        seen.append(task)
        try:
            found.append((name_of(task) or "task", frames_of(task)))
        except Exception:
            break
    return found
