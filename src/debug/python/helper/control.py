"""The operations that start, stop and move the program."""

import sys

from .calls import calls_ahead
from .operations import Refused, Then, operation


@operation("start")
def start(context, args):
    """Lets the program begin, once all is configured."""
    return Then({}, context.debugger.begin)


@operation("setBreakpoints")
def set_breakpoints(context, args):
    """Replaces the breakpoints of a file."""
    debugger = context.debugger
    placed = debugger.breakpoints.set_file(args.get("place") or {}, args.get("breakpoints") or [])
    debugger.changed()
    return {"placed": placed}


@operation("setFunctionBreakpoints")
def set_function_breakpoints(context, args):
    """Replaces the breakpoints of functions."""
    placed = context.debugger.breakpoints.set_functions(args.get("breakpoints") or [])
    context.debugger.changed()
    return {"placed": placed}


@operation("breakpointLocations")
def breakpoint_locations(context, args):
    """The lines where breakpoints can stand."""
    breakpoints = context.debugger.breakpoints
    name = breakpoints.places.name(args.get("place") or {})
    lines = breakpoints.executable_lines(name) if name is not None else None
    first, last = args.get("from") or 1, args.get("to") or args.get("from") or 1
    return {"lines": sorted(line for line in lines or () if first <= line <= last)}


@operation("resume")
def resume(context, args):
    """Lets a thread go on, or all."""
    thread = context.state.thread(args["thread"])
    return context.debugger.go(thread, None, bool(args.get("alone")))


@operation("step")
def step(context, args):
    """Steps."""
    thread = context.state.thread(args["thread"])
    kind = args.get("kind")
    if kind not in ("into", "over", "out"):
        raise Refused("there is no such step")
    call = None
    if kind == "into" and args.get("target") is not None:
        call = context.state.value(args["target"])
    return context.debugger.go(thread, kind, bool(args.get("alone")), call)


@operation("pause")
def pause(context, args):
    """Stops a thread at its next line."""
    context.debugger.pause(context.state.thread(args["thread"]))


@operation("interrupt")
def interrupt(context, args):
    """Interrupts requests that nobody waits for any more, begun or not; all that run, if none is named."""
    context.debugger.interrupts.interrupt(args.get("requests"))


@operation("detach")
def detach(context, args):
    """Lets go of the program, which runs on undebugged."""
    return Then({}, context.debugger.detach)


@operation("stepInTargets")
def step_in_targets(context, args):
    """The calls of a frame's line that are still to be made."""
    entry = context.state.frame(args["frame"])
    if entry.frame is None or entry.index != 0:
        return {"choices": []}
    choices = []
    for label, line, offsets in calls_ahead(entry.frame):
        number = context.state.add_value(offsets, entry.thread)
        choices.append({"id": number, "label": label, "line": line})
    return {"choices": choices}


@operation("gotoTargets")
def goto_targets(context, args):
    """The line where the program could go on instead."""
    breakpoints = context.debugger.breakpoints
    name = breakpoints.places.name(args.get("place") or {})
    lines = breakpoints.executable_lines(name) if name is not None else None
    later = [line for line in lines or () if line >= args["line"]]
    if not later:
        return {"choices": []}
    line = min(later)
    number = context.state.add_value((name, line))
    return {"choices": [{"id": number, "label": "line %d" % line, "line": line}]}


@operation("goto", at="stopped")
def goto(context, args):
    """Moves a stopped thread to another line of its innermost frame."""
    thread = context.state.thread(args["thread"])
    target = context.state.value(args["target"])
    frame = thread.frames if thread.held else None
    if thread is not context.thread or frame is None or isinstance(frame, list):
        raise Refused("the thread does not stand at a line that it could leave")
    name, line = target
    if context.debugger.places.real(frame.f_code.co_filename) != name:
        raise Refused("the line is in another file")
    previous = frame.f_trace
    if previous is None and sys.version_info >= (3, 12):
        frame.f_trace = ignore
    try:
        frame.f_lineno = line
    except ValueError as error:
        raise Refused(str(error)) from None
    finally:
        if previous is None and sys.version_info >= (3, 12):
            frame.f_trace = None
    context.state.forget(thread)
    thread.stack = None
    return context.debugger.moved(thread)


def ignore(frame, event, arg):
    """A trace function that asks for nothing: the interpreter wants one before it lets a frame be moved."""
