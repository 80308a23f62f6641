"""What the adapter can ask for: a register of operations, and the ways that one can fail.

An operation is a function of `(context, args)` that returns the body of its answer, a dict:

    @operation("scopes", at="stopped")
    def scopes(context, args):
        frame = context.state.frame(args["frame"])
        return {"scopes": [...]}

`at="stopped"`: runs ON a thread that is stopped, in its stop loop, so that it may run code of the program's: the
thread that owns `args["thread"]`, `args["frame"]` or `args["of"]` when that thread is held there, else any that is.
When none is, the answer is NotStopped and the function is not called. No breakpoint stops what it runs.
`at="anytime"`: runs on the reader thread, while the program runs or not. It must never run code of the program's
(no repr, no attribute access on objects of its own, no comparison): that could block the debugger for good.

`context` is a `Context`: `.state` (state.State), `.channel` (channel.Channel: `.event(name, **details)`), `.debugger`
(the engine: see debugger.py) and `.thread` (the state.Thread it runs on, or None on the reader).

What is raised that is no OperationError is answered as Refused with the exception's text.
A function that returns `Then(body, action)` has its answer sent before `action()` is called.
"""


class OperationError(Exception):
    """A failure that the adapter understands."""

    kind = "refused"


class Refused(OperationError):
    """The program or the interpreter said no; the text is for people."""


class NotStopped(OperationError):
    """The thread runs."""

    kind = "notStopped"


class Stale(OperationError):
    """What the number named is gone, because the program went on."""

    kind = "stale"


class Unsupported(OperationError):
    """This interpreter can't."""

    kind = "unsupported"


class Then:
    """An answer, and what to do once it is on its way."""

    __slots__ = ("body", "action")

    def __init__(self, body, action):
        self.body = body
        self.action = action


class Context:
    """What an operation works with."""

    __slots__ = ("state", "channel", "debugger", "thread")

    def __init__(self, state, channel, debugger, thread):
        self.state = state
        self.channel = channel
        self.debugger = debugger
        self.thread = thread


registry = {}


def operation(name, at="anytime"):
    """Registers a function as the operation of that name."""
    assert at in ("anytime", "stopped") and name not in registry

    def register(function):
        registry[name] = (function, at == "stopped")
        return function

    return register


def perform(context, request):
    """Runs a request's operation on this thread and answers it. The engine alone calls this."""
    number = request.get("id")
    action = None
    try:
        function, _ = registry[request["op"]]
        try:
            context.debugger.interrupts.begin(context.thread, number)
            body = function(context, request.get("args") or {})
        finally:
            # An interrupt that comes too late must not hit the answer.
            context.debugger.interrupts.settle(context.thread)
        if isinstance(body, Then):
            body, action = body.body, body.action
        answer = {"id": number, "ok": body if body is not None else {}}
    except BaseException as error:
        answer = failure(number, error)
    context.channel.send(answer)
    if action is not None:
        action()


def failure(number, error):
    """The answer for an exception."""
    if isinstance(error, OperationError):
        return {"id": number, "error": str(error) or type(error).__name__, "kind": error.kind}
    if isinstance(error, KeyboardInterrupt):
        return {"id": number, "error": "interrupted", "kind": "refused"}
    try:
        text = str(error)[:2000]
    except BaseException:
        text = ""
    name = type(error).__name__
    return {"id": number, "error": name + ": " + text if text else name, "kind": "refused"}
