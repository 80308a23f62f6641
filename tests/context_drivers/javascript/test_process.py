"""What the user's code finds around itself, input, and a debugger beside the driver."""

import base64
import json
import os
import re
import socket
import unittest
import urllib.request

from interpreter import Case


class Surroundings(Case):
    def test_the_process_is_as_without_the_driver(self):
        self.assertEqual(self.value("process.argv.length + ':' + process.execArgv.length"), "'1:0'")
        self.assertEqual(self.value("Object.keys(require.cache).filter((file) => file.includes('context')).length"), "0")
        self.assertEqual(self.value("require.main"), None)
        self.assertEqual(self.value("Object.keys(globalThis).filter((n) => /prompt|display|mport|beaker/.test(n)).length"), "0")
        self.assertEqual(self.value("Object.getOwnPropertySymbols(globalThis).map(String).filter((n) => /beaker/.test(n)).length"), "0")
        self.assertEqual(self.value("this === globalThis"), "true")
        self.assertEqual(self.value("[Error.prepareStackTrace, Error.stackTraceLimit][1]"), "10")
        self.assertEqual(self.value("process.listenerCount('SIGINT')"), "0")

    def test_children_have_nothing_of_the_channel(self):
        listed = "require('child_process').execFileSync('ls', ['-l', '/proc/self/fd']).toString()"
        # Its own streams are sockets, too.
        self.assertEqual(self.value(f"/ (?:[3-9]|\\d\\d+) -> socket:/.test({listed})"), "false")
        code = "require('child_process').execFileSync(process.execPath, ['-p', 'process.argv.length + 1']).toString()"
        self.assertEqual(self.value(code), "'2\\n'")

    def test_signals_that_it_sends_itself(self):
        self.run_ok("let got = new Promise((done) => process.on('SIGUSR2', done)); process.kill(process.pid, 'SIGUSR2')")
        self.assertEqual(self.value("await got"), "'SIGUSR2'")
        outcome = self.node.run("process.kill(process.pid, 'SIGINT'); for (;;);")
        self.assertEqual(outcome.status, "interrupted")
        self.assertEqual(self.value("process.kill(process.pid, 0)"), "true")

    def test_workers_of_the_users(self):
        code = "new Worker('require(\"worker_threads\").parentPort.postMessage(6)', { eval: true })"
        self.run_ok(f"const {{ Worker }} = require('worker_threads'); const w = {code}")
        self.assertEqual(self.value("await new Promise((done) => w.on('message', done))"), "6")

    def test_input(self):
        outcome = self.node.run("[prompt('Name? '), prompt('More? ')]", answers=["Ada", None])
        self.assertEqual(outcome.plain, "[ 'Ada', null ]")
        self.assertEqual([event["prompt"] for event in outcome.events if event["event"] == "input"], ["Name? ", "More? "])
        self.assertEqual(self.value("prompt('x')", input=False), "null")
        outcome = self.node.run("prompt('p', { password: true })", answers=["s"])
        self.assertTrue(outcome.events[0]["password"])

    def test_input_by_lines(self):
        made = "require('readline/promises').createInterface({ input: process.stdin, output: process.stdout })"
        code = f"const rl = {made}; const got = await rl.question('Q? '); rl.close(); got"
        outcome = self.node.run(code, answers=["forty-two", None, None])
        self.assertEqual((outcome.plain, outcome.out), ("'forty-two'", "Q? "))

    def test_no_input(self):
        self.assertEqual(self.value("for await (const line of process.stdin) line; 'over'", input=False), "'over'")


class Inspector:
    """A debugger's connection."""

    def __init__(self, port):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=10) as answer:
            url = json.load(answer)[0]["webSocketDebuggerUrl"]
        path = re.sub(r"^ws://[^/]*", "", url)
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=15)
        key = base64.b64encode(os.urandom(16)).decode()
        head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        self.socket.sendall(f"{head}Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
        self.file = self.socket.makefile("rb")
        while self.file.readline() not in (b"\r\n", b""):
            pass
        self.count = 0
        self.events = []

    def receive(self):
        head = self.file.read(2)
        length = head[1]
        if length == 126:
            length = int.from_bytes(self.file.read(2), "big")
        elif length == 127:
            length = int.from_bytes(self.file.read(8), "big")
        return json.loads(self.file.read(length))

    def call(self, method, **params):
        self.count += 1
        data = json.dumps({"id": self.count, "method": method, "params": params}).encode()
        head = bytes([0x81, 0x80 | len(data)]) if len(data) < 126 else bytes([0x81, 0xFE]) + len(data).to_bytes(2, "big")
        self.socket.sendall(head + b"\0\0\0\0" + data)
        while True:
            message = self.receive()
            if message.get("id") == self.count:
                return message.get("result", message)
            self.events.append(message)

    def wait(self, method):
        while True:
            for event in self.events:
                if event["method"] == method:
                    self.events.remove(event)
                    return event["params"]
            self.events.append(self.receive())


class Debugging(Case):
    def test_a_debugger_stops_in_a_cell_by_the_files_address(self):
        port = self.value("const inspector = require('inspector'); inspector.open(0, '127.0.0.1'); new URL(inspector.url()).port")
        debugger = Inspector(int(port.strip("'")))
        self.addCleanup(debugger.socket.close)
        self.addCleanup(debugger.file.close)
        debugger.call("Runtime.enable")
        debugger.call("Debugger.enable")
        debugger.call("Debugger.setBreakpointByUrl", url="file:///workspace/a.js", lineNumber=11)
        begun = self.node.begin("let p = 1\nlet q = p + 1\nq", name="/workspace/a.js", line=11)
        paused = debugger.wait("Debugger.paused")
        frame = paused["callFrames"][0]
        parsed = [event["params"] for event in debugger.events if event["method"] == "Debugger.scriptParsed"]
        url = next(each["url"] for each in parsed if each["scriptId"] == frame["location"]["scriptId"])
        self.assertEqual((url, frame["location"]["lineNumber"]), ("file:///workspace/a.js", 11))
        seen = debugger.call("Debugger.evaluateOnCallFrame", callFrameId=frame["callFrameId"], expression="p")
        self.assertEqual(seen["result"]["value"], 1)
        debugger.call("Debugger.resume")
        self.assertEqual(self.node.finish(begun).plain, "2")
        begun = self.node.begin("console.log('go'); for (;;);")
        self.node.interrupt_when("go")
        self.assertEqual(self.node.finish(begun).status, "interrupted")
        self.assertEqual(self.node.run("p").plain, "1")


if __name__ == "__main__":
    unittest.main()
