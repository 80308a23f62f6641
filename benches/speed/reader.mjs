// Reads a stream of output with vscode-jsonrpc, as every VS Code extension does:
//   node reader.mjs TOOLS DAEMON PROGRAM
// `lines` or `chunks` on standard input has PROGRAM print so, and the megabytes a second are the answer.

import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { createInterface } from "node:readline";

const [tools, binary, program] = process.argv.slice(2);
const require = createRequire(resolve(tools, "node_modules", "x"));
const { StreamMessageReader, StreamMessageWriter, createProtocolConnection } = require("vscode-languageserver-protocol/node");

const daemon = spawn(binary, [], { stdio: ["pipe", "pipe", "ignore"] });
const connection = createProtocolConnection(new StreamMessageReader(daemon.stdout), new StreamMessageWriter(daemon.stdin));
let received = 0;
connection.onNotification("execution/output", ({ data }) => (received += data.length));
connection.onNotification("execution/started", () => {});
connection.onNotification("execution/exited", () => {});
connection.onNotification("session/stateChanged", () => {});
connection.listen();

await connection.sendRequest("initialize", { processId: process.pid, rootUri: null, capabilities: {} });
connection.sendNotification("initialized", {});
const { sessionId } = await connection.sendRequest("session/create", {});
const data = readFileSync(program).toString("base64");
await connection.sendRequest("fs/write", { sessionId, path: "print", data, encoding: "base64", permissions: "755" });

for await (const pieces of createInterface({ input: process.stdin })) {
  received = 0;
  const began = performance.now();
  const result = await connection.sendRequest("session/execute", {
    sessionId,
    source: { program: "./print", args: ["--emit", pieces] },
    limits: { outputBytes: 2 ** 30 },
  });
  const seconds = (performance.now() - began) / 1e3;
  const whole = result.outcome === "ok" && received === result.stdout.bytes;
  console.log(whole ? received / seconds / 1e6 : `${result.outcome}, ${received} of ${result.stdout.bytes} bytes`);
}
await connection.sendRequest("shutdown");
connection.sendNotification("exit");
