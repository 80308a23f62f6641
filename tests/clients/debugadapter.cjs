// The client that VS Code's own debug adapters are tested with, driving a debug adapter:
//   node tests/clients/debugadapter.cjs DIRECTORY RUNTIME ARGUMENT
// DIRECTORY holds the debuggees; the adapter is started as `RUNTIME ARGUMENT`. `PYTHON` in the environment
// names the debuggees' interpreter, for adapters that want to be told.
const assert = require("node:assert");
const { createRequire } = require("node:module");
const path = require("node:path");

const tools = path.resolve(process.env.CODEBEAKER_TOOLS ?? "target/tools", "node_modules/");
const { DebugClient } = createRequire(`${tools}/`)("@vscode/debugadapter-testsupport");

const [directory, runtime, argument] = process.argv.slice(2);
const steps = path.join(directory, "steps.py");

function launch(program, more) {
  return {
    type: "python", request: "launch", name: "client", program: path.join(directory, program), cwd: directory,
    console: "internalConsole", python: process.env.PYTHON ? [process.env.PYTHON] : undefined, subProcess: false, ...more,
  };
}

// The client drops what the adapter asks; this one hears it.
class Client extends DebugClient {
  dispatch(body) {
    const message = JSON.parse(body);
    if (message.type !== "request") return super.dispatch(body);
    this.emit(`asked ${message.command}`, message.arguments);
    const { seq: request_seq, command } = message;
    const answer = JSON.stringify({ seq: this.sequence++, type: "response", request_seq, success: true, command });
    this.outputStream.write(`Content-Length: ${Buffer.byteLength(answer)}\r\n\r\n${answer}`);
  }

  // Ends the session. An adapter whose session is over already may be gone, and answers nothing then.
  leave() {
    const process = this._adapterProcess;
    if (process && process.exitCode !== null) return undefined;
    this.outputStream?.on("error", () => {});
    const gone = new Promise((resolve) => process?.once("exit", resolve));
    return Promise.race([this.stop(), gone]);
  }

  asked(command) {
    return new Promise((resolve) => this.once(`asked ${command}`, resolve));
  }

  // Launches, and stops where these breakpoints are.
  async stop_at(breakpoints, program = "steps.py", more = {}) {
    const source = { path: path.join(directory, program) };
    const configured = this.waitForEvent("initialized")
      .then(() => this.setBreakpointsRequest({ source, breakpoints }))
      .then(() => this.configurationDoneRequest());
    const stopped = this.waitForEvent("stopped");
    await Promise.all([configured, this.launch(launch(program, more))]);
    return (await stopped).body;
  }

  async top({ threadId }) {
    return (await this.stackTraceRequest({ threadId })).body.stackFrames[0];
  }

  async value(expression, frame) {
    return (await this.evaluateRequest({ expression, frameId: frame.id, context: "watch" })).body.result;
  }
}

const tests = {
  async "says what it can"(dc) {
    const { body } = await dc.initializeRequest();
    assert(body.supportsConfigurationDoneRequest && body.supportsConditionalBreakpoints);
  },
  async "refuses what it doesn't know"(dc) {
    await dc.initializeRequest();
    await assert.rejects(dc.send("illegalRequest"));
  },
  async "runs to the end"(dc) {
    const exited = dc.waitForEvent("exited");
    await Promise.all([
      dc.configurationSequence(), dc.launch(launch("steps.py")), dc.waitForEvent("terminated"),
      dc.assertOutput("stdout", "begin"),
    ]);
    assert.equal((await exited).body.exitCode, 0);
  },
  async "tells the exit code"(dc) {
    const exited = dc.waitForEvent("exited");
    await Promise.all([dc.configurationSequence(), dc.launch(launch("printing.py")), dc.waitForEvent("terminated")]);
    assert.equal((await exited).body.exitCode, 3);
  },
  async "stops on entry"(dc) {
    const stopped = dc.assertStoppedLocation("entry", { path: steps, line: 1 });
    await Promise.all([dc.configurationSequence(), dc.launch(launch("steps.py", { stopOnEntry: true })), stopped]);
  },
  async "stops at a breakpoint"(dc) {
    await dc.hitBreakpoint(launch("steps.py"), { path: steps, line: 6 });
  },
  async "stops where a condition holds"(dc) {
    const frame = await dc.top(await dc.stop_at([{ line: 6, condition: "number == 7" }]));
    assert.equal(frame.line, 6);
    assert.equal(await dc.value("number", frame), "7");
  },
  async "prints a log message and goes on"(dc) {
    let printed = "";
    dc.on("output", ({ body }) => (printed += body.output));
    const breakpoints = [{ line: 6, logMessage: "number {number}" }];
    const configured = dc.waitForEvent("initialized")
      .then(() => dc.setBreakpointsRequest({ source: { path: steps }, breakpoints }))
      .then(() => dc.configurationDoneRequest());
    await Promise.all([configured, dc.launch(launch("steps.py")), dc.waitForEvent("terminated")]);
    assert.match(printed, /number 0\n[^]*number 9\n/);
  },
  async "stops at an exception"(dc) {
    const configured = dc.waitForEvent("initialized")
      .then(() => dc.setExceptionBreakpointsRequest({ filters: ["uncaught"] }))
      .then(() => dc.configurationDoneRequest());
    const stopped = dc.waitForEvent("stopped");
    await Promise.all([configured, dc.launch(launch("failures.py"))]);
    const { body } = await stopped;
    assert.equal(body.reason, "exception");
    const info = await dc.exceptionInfoRequest({ threadId: body.threadId });
    assert.match(info.body.description, /not caught/);
  },
  async "steps"(dc) {
    const stopped = await dc.stop_at([{ line: 13, condition: "number == 2" }]);
    const { threadId } = stopped;
    const at = async () => {
      const { name, line } = await dc.top({ threadId });
      return `${name} ${line}`;
    };
    const step = async (command) => {
      const next = dc.waitForEvent("stopped");
      await dc.send(command, { threadId });
      assert.equal((await next).body.reason, "step");
      return at();
    };
    assert.equal(await at(), "work 13");
    assert.equal(await step("stepIn"), "add 6");
    assert.equal(await step("next"), "add 7");
    assert.match(await step("stepOut"), /^work 1[23]$/);
  },
  async "pauses and disconnects"(dc) {
    const spinning = dc.assertOutput("stdout", "spinning");
    await Promise.all([dc.configurationSequence(), dc.launch(launch("spin.py")), spinning]);
    const stopped = dc.waitForEvent("stopped");
    const { threads } = (await dc.threadsRequest()).body;
    await dc.pauseRequest({ threadId: threads[0].id });
    assert.equal((await stopped).body.reason, "pause");
    await dc.disconnectRequest({ terminateDebuggee: true });
  },
  async "shows and sets variables"(dc) {
    const frame = await dc.top(await dc.stop_at([{ line: 36 }], "values.py"));
    const { scopes } = (await dc.scopesRequest({ frameId: frame.id })).body;
    const { variablesReference } = scopes[0];
    const { variables } = (await dc.variablesRequest({ variablesReference })).body;
    const by_name = Object.fromEntries(variables.map((one) => [one.name, one]));
    assert.equal(by_name.number.value, "255");
    assert.equal(by_name.box.value, "Box('tea')");
    const members = (await dc.variablesRequest({ variablesReference: by_name.box.variablesReference })).body.variables;
    assert(members.some(({ name, value }) => name === "content" && value === "'tea'"));
    const { body } = await dc.setVariableRequest({ variablesReference, name: "number", value: "17" });
    assert.equal(body.value, "17");
    assert.equal(await dc.value("number + 1", frame), "18");
  },
  async "debugs a child in a session of its own"(dc) {
    await dc.initializeRequest({
      adapterID: "codebeaker", linesStartAt1: true, columnsStartAt1: true, pathFormat: "path",
      supportsStartDebuggingRequest: true,
    });
    const asked = dc.asked("startDebugging");
    const initialized = dc.waitForEvent("initialized");
    const launched = dc.launchRequest(launch("children.py", { subProcess: true }));
    await initialized;
    await dc.configurationDoneRequest();
    const { request, configuration } = await asked;
    assert.equal(request, "attach");
    const child = new Client(runtime, argument, "python", { cwd: directory });
    child.defaultTimeout = TIMEOUT_MS;
    try {
      await child.start(configuration.connect?.port);
      await child.initializeRequest();
      const ready = child.waitForEvent("initialized");
      const attached = child.attachRequest(configuration);
      await ready;
      const source = { path: path.join(directory, "children.py") };
      await child.setBreakpointsRequest({ source, breakpoints: [{ line: 6 }] });
      const stopped = child.waitForEvent("stopped");
      await child.configurationDoneRequest();
      await attached;
      const frame = await child.top((await stopped).body);
      assert.equal(await child.value("number", frame), "20");
      const ended = dc.waitForEvent("terminated");
      await child.continueRequest({ threadId: (await stopped).body.threadId });
      await Promise.all([launched, ended]);
    } finally {
      await child.leave();
    }
  },
};

const TIMEOUT_MS = 30000;

// Were a test to wait for what can't come, nothing would be left to do, and that is no success.
process.exitCode = 1;

async function main() {
  const failures = [];
  for (const [name, test] of Object.entries(tests)) {
    const client = new Client(runtime, argument, "python", { cwd: directory });
    client.defaultTimeout = TIMEOUT_MS;
    let timer;
    const late = new Promise((_, reject) => (timer = setTimeout(reject, 2 * TIMEOUT_MS, new Error("took too long"))));
    try {
      await client.start();
      await Promise.race([test(client), late]);
      console.log("ok:", name);
    } catch (error) {
      failures.push(name);
      console.log("FAILED:", name, error.stack);
    }
    clearTimeout(timer);
    await client.leave();
  }
  process.exit(failures.length ? 1 : 0);
}

main();
