#!/usr/bin/env python3
"""A small client of codebeaker, with nothing but Python's standard library.

    python3 examples/clients/python/client.py [path/to/codebeaker]

It does what an editor does: spawns the daemon, shakes hands, opens a session, runs programs whose
output arrives while they run, types into one, stops another, and leaves nothing behind.
"""

import itertools
import json
import queue
import subprocess
import sys
import threading
from concurrent.futures import Future


class RequestFailed(Exception):
    """The daemon refused a request: `error` holds its code, its message and its data."""

    def __init__(self, error):
        super().__init__(f"{error['message']} ({error['code']})")
        self.error = error


class Daemon:
    """A codebeaker of our own, and the connection to it: JSON-RPC 2.0, framed as in the Language Server Protocol."""

    def __init__(self, command, on_notification):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.on_notification = on_notification
        self.ids = itertools.count(1)
        self.pending = {}
        self.lock = threading.Lock()
        threading.Thread(target=self._read_messages, daemon=True).start()

    def start(self, method, params=None):
        """Sends a request and returns its id and a future; many may be under way at once."""
        request_id, answer = next(self.ids), Future()
        self.pending[request_id] = answer
        self._send({"id": request_id, "method": method}, params)
        return request_id, answer

    def call(self, method, params=None):
        """Sends a request and waits for its answer."""
        return self.start(method, params)[1].result()

    def notify(self, method, params=None):
        """Sends a message that has no answer."""
        self._send({"method": method}, params)

    def _send(self, message, params=None):
        if params is not None:
            message["params"] = params
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        with self.lock:  # Two threads must not interleave their frames.
            self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
            self.process.stdin.flush()

    def _read_messages(self):
        while (message := self._read_message()) is not None:
            if "method" in message and "id" in message:
                # We offered nothing that the daemon could ask of us.
                error = {"code": -32601, "message": "this client answers no requests"}
                self._send({"id": message["id"], "error": error})
            elif "method" in message:
                self.on_notification(message["method"], message.get("params"))
            elif answer := self.pending.pop(message["id"], None):
                if "error" in message:
                    answer.set_exception(RequestFailed(message["error"]))
                else:
                    answer.set_result(message["result"])
        for answer in self.pending.values():
            answer.set_exception(ConnectionError("the daemon has gone"))

    def _read_message(self):
        length = None
        while line := self.process.stdout.readline().strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        return None if length is None else json.loads(self.process.stdout.read(length))


ENDLESS = """
try:
    print("on and on")
    while True:
        pass
except KeyboardInterrupt:
    print("tidied up")
"""


def main():
    command = [sys.argv[1] if len(sys.argv) > 1 else "codebeaker"]
    events = queue.SimpleQueue()

    def on_notification(method, params):
        """Runs on the reading thread, in the order in which the daemon sent the messages."""
        if method == "execution/output" and params["encoding"] == "utf8":
            print(params["data"], end="", flush=True)
        events.put((method, params))

    def wait_for(wanted):
        """Takes events until one of this method comes."""
        while (event := events.get())[0] != wanted:
            pass
        return event[1]

    daemon = Daemon(command, on_notification)

    # The handshake. What we leave out of our features, the daemon will not send.
    hello = daemon.call("initialize", {
        "processId": None,
        "clientInfo": {"name": "example"},
        "capabilities": {"experimental": {"codebeaker": {
            "protocolVersions": ["1.0"],
            "features": {"streaming": {"encodings": ["utf8", "base64"]}, "stdin": True},
        }}},
    })
    daemon.notify("initialized", {})
    print("daemon", hello["serverInfo"]["version"])

    # A session is one sandbox; everything below happens inside it.
    session = daemon.call("session/create", {"language": "python"})["sessionId"]

    def execute(code, **options):
        while not events.empty():
            events.get()  # Of programs that have ended.
        source = {"code": code, "language": "python"}
        return daemon.start("session/execute", {"sessionId": session, "source": source, **options})

    # The answer comes after the last byte of output, so nothing has to be waited for after it.
    print("run:")
    result = execute("for i in range(3): print('line', i)")[1].result()
    print(f"({result['outcome']}, exit code {result['exitCode']})")

    print("type into it:")
    _, answer = execute("print('name?'); print('hello,', input())", stdin="stream")
    execution = wait_for("execution/started")["executionId"]
    daemon.call("execution/stdin", {"executionId": execution, "data": "Ada\n"})
    print(f"({answer.result()['outcome']})")

    # A cancelled program is interrupted before it is ended, and its execution still answers.
    print("stop it:")
    request, answer = execute(ENDLESS)
    output = ""
    while output != "on and on\n":
        output += wait_for("execution/output")["data"]
    daemon.notify("$/cancelRequest", {"id": request})
    print(f"({answer.result()['outcome']})")

    # A program that fails is a result. An error means that the daemon did not run it.
    try:
        daemon.call("session/execute", {"sessionId": "ses_nobody", "source": {"code": "", "language": "python"}})
    except RequestFailed as failure:
        print("refused:", failure)

    daemon.call("session/close", {"sessionId": session})
    daemon.call("shutdown")
    daemon.notify("exit")
    print("daemon ended with", daemon.process.wait())


if __name__ == "__main__":
    main()
