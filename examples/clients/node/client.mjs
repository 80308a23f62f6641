#!/usr/bin/env node
// A small client of codebeaker, with nothing but what Node brings.
//
//     node examples/clients/node/client.mjs [path/to/codebeaker]
//
// It does what an editor does: spawns the daemon, shakes hands, opens a session, runs programs whose
// output arrives while they run, types into one, stops another, and leaves nothing behind.

import { spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";

/** The daemon refused a request: `code` and `data` say why, `message` says it to a person. */
class RequestFailed extends Error {
  constructor({ code, message, data }) {
    super(`${message} (${code})`);
    Object.assign(this, { code, data });
  }
}

/**
 * A codebeaker of our own, and the connection to it: JSON-RPC 2.0, framed as in the Language Server
 * Protocol. Emits a notification as an event of its method's name.
 */
class Daemon extends EventEmitter {
  #process;
  #nextId = 1;
  #pending = new Map();
  #unread = Buffer.alloc(0);

  constructor(command) {
    super();
    this.#process = spawn(command, [], { stdio: ["pipe", "pipe", "inherit"] });
    this.#process.stdout.on("data", (bytes) => this.#read(bytes));
    this.exited = once(this.#process, "exit").then(([code]) => {
      for (const { reject } of this.#pending.values()) reject(new Error("the daemon has gone"));
      return code;
    });
  }

  /** Sends a request. With a `signal` (of an AbortController) it can be cancelled. */
  call(method, params, signal) {
    const id = this.#nextId++;
    signal?.addEventListener("abort", () => this.notify("$/cancelRequest", { id }));
    this.#send({ id, method, params });
    return new Promise((resolve, reject) => this.#pending.set(id, { resolve, reject }));
  }

  /** Sends a message that has no answer. */
  notify(method, params) {
    this.#send({ method, params });
  }

  #send(message) {
    const body = JSON.stringify({ jsonrpc: "2.0", ...message });
    this.#process.stdin.write(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  }

  #read(bytes) {
    this.#unread = Buffer.concat([this.#unread, bytes]);
    for (;;) {
      const end = this.#unread.indexOf("\r\n\r\n");
      if (end < 0) return;
      const length = Number(/content-length: *(\d+)/i.exec(this.#unread.toString("latin1", 0, end))[1]);
      const body = this.#unread.subarray(end + 4, end + 4 + length);
      if (body.length < length) return;
      this.#unread = this.#unread.subarray(end + 4 + length);
      this.#take(JSON.parse(body.toString()));
    }
  }

  #take({ id, method, params, result, error }) {
    if (method !== undefined && id !== undefined) {
      // We offered nothing that the daemon could ask of us.
      this.#send({ id, error: { code: -32601, message: "this client answers no requests" } });
    } else if (method !== undefined) {
      this.emit(method, params);
    } else {
      const { resolve, reject } = this.#pending.get(id);
      this.#pending.delete(id);
      if (error) reject(new RequestFailed(error));
      else resolve(result);
    }
  }
}

const daemon = new Daemon(process.argv[2] ?? "codebeaker");
daemon.on("execution/output", ({ data, encoding }) => {
  if (encoding === "utf8") process.stdout.write(data);
});

// The handshake. What we leave out of our features, the daemon will not send.
const features = { streaming: { encodings: ["utf8", "base64"] }, stdin: true };
const hello = await daemon.call("initialize", {
  processId: process.pid,
  clientInfo: { name: "example" },
  capabilities: { experimental: { codebeaker: { protocolVersions: ["1.0"], features } } },
});
daemon.notify("initialized", {});
console.log("daemon", hello.serverInfo.version);

// A session is one sandbox; everything below happens inside it.
const { sessionId } = await daemon.call("session/create", { language: "javascript" });
const execute = (code, options = {}, signal) =>
  daemon.call("session/execute", { sessionId, source: { code, language: "javascript" }, ...options }, signal);

// The answer comes after the last byte of output, so nothing has to be waited for after it.
console.log("run:");
const result = await execute("for (let i = 0; i < 3; i++) console.log('line', i)");
console.log(`(${result.outcome}, exit code ${result.exitCode})`);

console.log("type into it:");
const greeter = "console.log('name?'); process.stdin.once('data', (name) => { console.log(`hello, ${name}`.trim()); process.exit() })";
const started = once(daemon, "execution/started");
const greeting = execute(greeter, { stdin: "stream" });
const [{ executionId }] = await started;
await daemon.call("execution/stdin", { executionId, data: "Ada\n" });
console.log(`(${(await greeting).outcome})`);

// A cancelled program is interrupted before it is ended, and its execution still answers.
console.log("stop it:");
const stop = new AbortController();
const printed = once(daemon, "execution/output");
const tidy = "process.on('SIGINT', () => { console.log('tidied up'); process.exit() })";
const endless = execute(`${tidy}; console.log('on and on'); setInterval(() => {}, 1000)`, {}, stop.signal);
await printed;
stop.abort();
console.log(`(${(await endless).outcome})`);

// A program that fails is a result. An error means that the daemon did not run it.
const source = { code: "", language: "javascript" };
await daemon.call("session/execute", { sessionId: "ses_nobody", source }).catch((failure) => console.log("refused:", failure.message));

await daemon.call("session/close", { sessionId });
await daemon.call("shutdown");
daemon.notify("exit");
console.log("daemon ended with", await daemon.exited);
