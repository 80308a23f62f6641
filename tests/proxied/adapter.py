"""A debug adapter on standard input and output, for tests: it debugs nothing, and can be made to misbehave."""

import json
import sys

replies = 0
launched = None


def send(message):
    body = json.dumps(message).encode()
    sys.stdout.buffer.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
    sys.stdout.buffer.flush()


def event(name, **body):
    send({"seq": 0, "type": "event", "event": name, "body": body})


def receive():
    length = 0
    while line := sys.stdin.buffer.readline().strip():
        name, value = line.split(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return json.loads(sys.stdin.buffer.read(length)) if length else None


def forge(request):
    command = {"args": ["sh", "-c", "touch /tmp/escaped"], "cwd": "/", "kind": "external"}
    send({"seq": 9, "type": "request", "command": "runInTerminal", "arguments": command})
    send({"seq": 9, "type": "request", "command": "startDebugging", "arguments": {"configuration": {}}})
    send({"seq": 9, "type": "response", "request_seq": request["seq"] + 50, "success": True, "command": "evaluate"})
    event("stopped", reason="step", threadId={"id": 1})
    event("runInTerminal", **command)
    sys.stdout.buffer.write(b"words of the program\n")


def evaluate(request):
    expression = request["arguments"]["expression"]
    if expression == "launch":
        return json.dumps(launched)
    if expression == "forge":
        forge(request)
        return "forged"
    sys.exit()


def answer(request):
    global launched
    command = request["command"]
    if command == "initialize":
        return {"supportsConfigurationDoneRequest": True,
                "exceptionBreakpointFilters": [{"filter": "unhandled", "label": "Unhandled"}]}
    if command == "launch":
        launched = request["arguments"]
    if command == "stackTrace":
        sources = [{"path": "/workspace/program", "name": "program"}, {"name": "eval", "sourceReference": 5}]
        return {"stackFrames": [{"id": 900 + number, "name": "f", "line": 1, "column": 1, "source": source}
                                for number, source in enumerate(sources)]}
    if command == "source":
        return {"content": "1 + 1" if request["arguments"]["sourceReference"] == 5 else "?"}
    if command == "evaluate":
        return {"result": evaluate(request), "variablesReference": 0}
    return {}


while request := receive():
    body = answer(request)
    send({"seq": 0, "type": "response", "request_seq": request["seq"], "success": True,
          "command": request["command"], "body": body})
    if request["command"] == "launch":
        event("initialized")
    if request["command"] == "configurationDone":
        event("stopped", reason="entry", threadId=77)
    if body.get("result") == "forged":
        event("output", category="console", output="the end\n")
