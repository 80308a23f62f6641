// vscode-jsonrpc, what every VS Code extension talks through, as the client:
//   node tests/clients/jsonrpc.mjs

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { resolve } from "node:path";

const require = createRequire(resolve(process.env.CODEBEAKER_TOOLS ?? "target/tools", "node_modules", "x"));
const { CancellationToken, CancellationTokenSource, StreamMessageReader, StreamMessageWriter, createProtocolConnection } = require(
  "vscode-languageserver-protocol/node",
);

const LINES = 200_000;

const daemon = spawn(process.env.CODEBEAKER_BIN ?? "target/debug/codebeaker", [], { stdio: ["pipe", "pipe", "inherit"] });
const ended = once(daemon, "exit");
const connection = createProtocolConnection(new StreamMessageReader(daemon.stdout), new StreamMessageWriter(daemon.stdin));
let events = [];
for (const method of ["execution/started", "execution/output", "execution/outputGap", "execution/exited"]) {
  connection.onNotification(method, (params) => events.push({ method, params }));
}
connection.onError(([error]) => assert.fail(error));
connection.listen();

const features = { streaming: { encodings: ["utf8", "base64"] }, stdin: true };
const hello = await connection.sendRequest("initialize", {
  processId: process.pid,
  rootUri: null,
  capabilities: { experimental: { codebeaker: { protocolVersions: ["1.0"], features } } },
});
connection.sendNotification("initialized", {});
assert.equal(hello.capabilities.experimental.codebeaker.protocolVersion, "1.0");

const { sessionId } = await connection.sendRequest("session/create", { language: "javascript" });

/** Runs code; the events of earlier runs are forgotten. */
function execute(code, options = {}, token = CancellationToken.None) {
  events = [];
  const params = { sessionId, source: { code, language: "javascript" }, ...options };
  // `undefined` for a token would be taken for a second parameter, and both would travel as an array.
  return connection.sendRequest("session/execute", params, token);
}

const output = () => events.filter(({ method }) => method === "execution/output").map(({ params }) => params);

async function until(method) {
  for (;;) {
    const event = events.find((event) => event.method === method);
    if (event) return event.params;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

{
  const result = await execute(`let i = 0; const more = () => { while (i < ${LINES}) if (!process.stdout.write(i++ + "\\n")) return process.stdout.once("drain", more); }; more()`);
  const chunks = output();
  assert.equal(result.outcome, "ok");
  assert.deepEqual(new Set(events.map(({ method }) => method)), new Set(["execution/started", "execution/output", "execution/exited"]));
  assert.equal(events[0].method, "execution/started");
  assert.equal(events.at(-1).method, "execution/exited", "it is there when the answer is");
  chunks.forEach(({ seq }, index) => assert.equal(seq, chunks[0].seq + index));
  let offset = 0;
  for (const chunk of chunks) {
    assert.equal(chunk.offset, offset);
    offset += Buffer.byteLength(chunk.data);
  }
  assert.equal(chunks.map(({ data }) => data).join(""), Array.from({ length: LINES }, (_, i) => `${i}\n`).join(""));
  console.log(`${LINES} lines in ${chunks.length} notifications, in order, all before the answer`);
}

{
  const answer = execute("process.stdin.once('data', (name) => { console.log('hello, ' + name); process.exit() })", { stdin: "stream" });
  const { executionId } = await until("execution/started");
  await connection.sendRequest("execution/stdin", { executionId, data: "Ada" });
  assert.equal((await answer).outcome, "ok");
  assert.deepEqual(output().map(({ data }) => data), ["hello, Ada\n"]);
  console.log("typed into it");
}

{
  const stop = new CancellationTokenSource();
  const answer = execute("console.log('on and on'); for (;;);", {}, stop.token);
  await until("execution/output");
  stop.cancel();
  assert.equal((await answer).outcome, "cancelled");
  assert.deepEqual(output().map(({ data }) => data), ["on and on\n"]);
  console.log("cancelled in the middle of a busy loop");
}

{
  // A flood must not hold up what the client says meanwhile.
  const stop = new CancellationTokenSource();
  const answer = execute("const line = 'x'.repeat(79) + '\\n'; const more = () => { while (process.stdout.write(line)); process.stdout.once('drain', more) }; more()", {}, stop.token);
  await until("execution/output");
  const { sessions } = await connection.sendRequest("session/list", {});
  assert.equal(sessions.length, 1);
  stop.cancel();
  const { outcome, stdout } = await answer;
  assert.equal(outcome, "cancelled");
  const delivered = output().reduce((sum, { data }) => sum + Buffer.byteLength(data), 0);
  const lost = events.filter(({ method }) => method === "execution/outputGap").reduce((sum, { params }) => sum + params.lostBytes, 0);
  assert.equal(delivered + lost, stdout.bytes, "what is not delivered is announced");
  console.log("served and cancelled in the middle of a flood");
}

await connection.sendRequest("shutdown");
await connection.sendNotification("exit");
assert.deepEqual(await ended, [0, null]);
console.log("ended with 0");
