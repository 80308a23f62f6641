"""A session of debugging in which each message of the adapter must be what the models of dap-types say:

    python tests/clients/typed_session.py DIRECTORY ADAPTER ARGUMENTS...

DIRECTORY holds the debuggees. The models are made from the protocol's schema by somebody else, and are
taken at their strictest: no value of another type, no member that the protocol doesn't name. With `LENIENT`
in the environment there may be such members: debugpy has some.
"""

import json
import os
import subprocess
import sys

import dap_types
import pydantic


def extras(model, path=""):
    """The members that the protocol doesn't name."""
    if isinstance(model, pydantic.BaseModel):
        for name in model.model_extra or {}:
            yield f"{path}.{name}"
        for name in type(model).model_fields:
            yield from extras(getattr(model, name), f"{path}.{name}")
    elif isinstance(model, list):
        for index, item in enumerate(model):
            yield from extras(item, f"{path}[{index}]")


def check(message):
    """Fails when a message is not what its model says."""
    kind, name = message["type"], message.get("event") or message.get("command")
    capitalized = name[0].upper() + name[1:]
    if kind == "response" and not message["success"]:
        model = dap_types.ErrorResponse
    else:
        model = getattr(dap_types, capitalized + kind.capitalize())
    checked = model.model_validate(message, strict=True)
    unknown = [] if "LENIENT" in os.environ else list(extras(checked, f"{name} {kind}"))
    assert not unknown, f"members that the protocol doesn't name: {unknown}: {message}"


class Session:
    """A client that does one thing after the other."""

    def __init__(self, command, directory):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=directory)
        self.seq = 0
        self.events = []
        self.early = {}
        self.checked = 0

    def send(self, command, arguments=None):
        self.seq += 1
        message = {"seq": self.seq, "type": "request", "command": command}
        if arguments is not None:
            message["arguments"] = arguments
        body = json.dumps(message).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self.process.stdin.flush()
        return self.seq

    def receive(self):
        header = self.process.stdout.readline()
        assert header.startswith(b"Content-Length: "), header
        assert self.process.stdout.readline() == b"\r\n"
        message = json.loads(self.process.stdout.read(int(header.split(b":")[1])))
        # Events of debugpy's own are its own.
        if not message.get("event", "").startswith("debugpy"):
            check(message)
            self.checked += 1
        return message

    def answers(self, awaited):
        """The answers to these requests."""
        while awaited - self.early.keys():
            message = self.receive()
            if message["type"] == "event":
                self.events.append(message)
            else:
                self.early[message["request_seq"]] = message
        return [self.early.pop(seq) for seq in awaited]

    def answer(self, seq):
        return self.answers({seq})[0]

    def ask(self, command, arguments=None):
        answer = self.answer(self.send(command, arguments))
        assert answer["success"], answer
        return answer.get("body")

    def event(self, name):
        while True:
            for index, event in enumerate(self.events):
                if event["event"] == name:
                    return self.events.pop(index).get("body")
            message = self.receive()
            if message["type"] == "event":
                self.events.append(message)
            else:
                self.early[message["request_seq"]] = message


def main(directory, command):
    program = os.path.join(directory, "values.py")
    session = Session(command, directory)
    session.ask("initialize", {"adapterID": "codebeaker", "linesStartAt1": True, "columnsStartAt1": True,
                               "supportsVariableType": True, "supportsVariablePaging": True})
    launch = {"type": "python", "request": "launch", "name": "typed", "program": program, "cwd": directory,
              "console": "internalConsole"}
    if "PYTHON" in os.environ:
        launch["python"] = [os.environ["PYTHON"]]
    launched = session.send("launch", launch)
    session.event("initialized")
    session.ask("setBreakpoints", {"source": {"path": program}, "breakpoints": [{"line": 36}]})
    session.ask("setFunctionBreakpoints", {"breakpoints": [{"name": "make"}]})
    session.ask("setExceptionBreakpoints", {"filters": ["uncaught"]})
    configured = session.send("configurationDone")
    answers = session.answers({launched, configured})
    assert all(answer["success"] for answer in answers), answers
    session.event("stopped")
    session.ask("setFunctionBreakpoints", {"breakpoints": []})
    thread = session.ask("threads")["threads"][0]["id"]
    session.ask("continue", {"threadId": thread})
    session.event("stopped")
    frames = session.ask("stackTrace", {"threadId": thread})["stackFrames"]
    for scope in session.ask("scopes", {"frameId": frames[0]["id"]})["scopes"]:
        for variable in session.ask("variables", {"variablesReference": scope["variablesReference"]})["variables"]:
            if variable["variablesReference"]:
                session.ask("variables", {"variablesReference": variable["variablesReference"], "start": 0, "count": 20})
    for context in ["hover", "watch", "repl", "clipboard"]:
        session.ask("evaluate", {"expression": "box", "frameId": frames[0]["id"], "context": context})
    failed = session.answer(session.send("evaluate", {"expression": "nobody", "frameId": frames[0]["id"], "context": "watch"}))
    assert not failed["success"], failed
    session.ask("completions", {"frameId": frames[0]["id"], "text": "box.", "column": 5})
    session.ask("modules", {"startModule": 0, "moduleCount": 10})
    session.ask("setBreakpoints", {"source": {"path": program}, "breakpoints": []})
    session.ask("next", {"threadId": thread})
    session.event("stopped")
    session.ask("continue", {"threadId": thread})
    session.event("exited")
    session.event("terminated")
    session.process.stdin.close()
    session.process.wait(30)
    print("checked", session.checked, "messages")


main(sys.argv[1], sys.argv[2:])
