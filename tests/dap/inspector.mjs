// The other side of the dialogues with Node: as much of a debug adapter as shows what V8's inspector itself
// says of the same program. It is as plain as can be, so that what it gets wrong is easily seen; it
// advertises nothing and checks nothing.
import { spawn } from "node:child_process";
import { basename } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { connect } from "./websocket.mjs";

let seq = 0;
function send(message) {
  const body = Buffer.from(JSON.stringify({ seq: ++seq, ...message }));
  process.stdout.write(`Content-Length: ${body.length}\r\n\r\n`);
  process.stdout.write(body);
}
const event = (name, body) => send({ type: "event", event: name, body });

let program, inspector, paused, options;
let stepping = "step";
const scripts = new Map();
const breakpoints = new Map(); // by path: what the inspector calls them
const numbers = new Map(); // the inspector's name of a breakpoint: ours
const handles = []; // frames and objects, by number from 1
const handle = (thing) => handles.push(thing);
const pathOf = (url) => (url.startsWith("file:") ? fileURLToPath(url) : url);

function told({ method, params }) {
  if (method === "Debugger.scriptParsed") scripts.set(params.scriptId, params);
  if (method === "Debugger.resumed") paused = undefined;
  if (method === "Runtime.executionContextDestroyed") inspector.close();
  if (method === "Debugger.paused") stopped(params);
}

function stopped(params) {
  const first = paused === null;
  paused = params;
  const hit = params.hitBreakpoints?.map((id) => numbers.get(id)).filter(Boolean) ?? [];
  if (first) return onFirstLine();
  const exception = params.reason === "exception" || params.reason === "promiseRejection";
  const reason = exception ? "exception" : params.hitBreakpoints?.length ? "breakpoint" : stepping;
  const text = exception ? params.data?.description?.split("\n")[0] : undefined;
  event("stopped", { reason, threadId: 1, allThreadsStopped: true, hitBreakpointIds: hit, text });
}

let onFirstLine;

async function launch(args) {
  options = args;
  const argv = ["--inspect-brk=127.0.0.1:0", args.program, ...(args.args ?? [])];
  const env = { ...process.env, ...args.env };
  program = spawn(process.execPath, argv, { cwd: args.cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  program.stdout.on("data", (data) => event("output", { category: "stdout", output: String(data) }));
  const url = new Promise((found) => {
    program.stderr.on("data", (data) => {
      found(/ws:\/\/\S+/.exec(data)?.[0]);
      // What the inspector says for people.
      const said = String(data).replace(/^(Debugger |For help, see|Waiting for the debugger).*\n/gm, "");
      if (said) event("output", { category: "stderr", output: said });
    });
  });
  program.on("close", (exitCode) => {
    event("exited", { exitCode: exitCode ?? 1 });
    event("terminated");
  });
  inspector = await connect(await url, told);
  paused = null;
  const there = new Promise((resolve) => (onFirstLine = resolve));
  await inspector.ask("Runtime.enable");
  await inspector.ask("Debugger.enable");
  await inspector.ask("Debugger.setAsyncCallStackDepth", { maxDepth: 32 });
  await inspector.ask("Runtime.runIfWaitingForDebugger");
  await there;
  event("initialized");
}

async function setBreakpoints({ source, breakpoints: wanted = [] }) {
  for (const id of breakpoints.get(source.path) ?? []) {
    await inspector.ask("Debugger.removeBreakpoint", { breakpointId: id });
  }
  const placed = [];
  breakpoints.set(source.path, []);
  for (const { line, column, condition, logMessage } of wanted) {
    const print = logMessage && `console.log(\`${logMessage.replaceAll("{", "${")}\`), false`;
    const both = [condition && `(${condition})`, print && `(${print})`].filter(Boolean).join(" && ");
    const { breakpointId, locations } = await inspector.ask("Debugger.setBreakpointByUrl", {
      url: String(pathToFileURL(source.path)), lineNumber: line - 1, columnNumber: column ? column - 1 : 0, condition: both,
    });
    breakpoints.get(source.path).push(breakpointId);
    numbers.set(breakpointId, numbers.size + 1);
    const [at] = locations;
    placed.push({ id: numbers.get(breakpointId), verified: Boolean(at), line: at ? at.lineNumber + 1 : line });
  }
  return { breakpoints: placed };
}

function stackTrace({ startFrame = 0, levels = 1000 }) {
  const frames = paused.callFrames.map((frame) => {
    const path = pathOf(scripts.get(frame.location.scriptId)?.url ?? "");
    const { lineNumber, columnNumber } = frame.location;
    const source = { name: basename(path), path };
    return { id: handle({ frame }), name: frame.functionName || "<anonymous>", line: lineNumber + 1, column: columnNumber + 1, source };
  });
  return { stackFrames: frames.slice(startFrame, startFrame + (levels || 1000)), totalFrames: frames.length };
}

const NAMES = { local: "Local", block: "Block", closure: "Closure", script: "Script", global: "Global", module: "Module" };

function scopes({ frameId }) {
  const { frame } = handles[frameId - 1];
  const all = frame.scopeChain.map((scope, index) => ({
    name: NAMES[scope.type] ?? scope.type, expensive: scope.type === "global",
    variablesReference: handle({ objectId: scope.object.objectId, frame, scope: index }),
  }));
  return { scopes: all };
}

function shown({ type, subtype, value, description, objectId, unserializableValue }) {
  const text = type === "string" ? `'${value}'` : (description ?? unserializableValue ?? String(value));
  return { value: text, type: subtype ?? type, variablesReference: objectId ? handle({ objectId }) : 0 };
}

async function variables({ variablesReference, start = 0, count = 1e9 }) {
  const { objectId } = handles[variablesReference - 1];
  const { result } = await inspector.ask("Runtime.getProperties", { objectId, ownProperties: true });
  const values = result.filter((one) => one.value).map((one) => ({ name: one.name, ...shown(one.value) }));
  const getters = result.filter((one) => one.get?.objectId).map((one) => ({
    name: one.name, value: "…", variablesReference: handle({ getter: one.name, objectId }), presentationHint: { lazy: true },
  }));
  return { variables: [...values, ...getters].slice(start, start + (count || 1e9)) };
}

async function evaluate({ expression, frameId, context }) {
  const asked = { expression, objectGroup: "console", includeCommandLineAPI: context === "repl", generatePreview: true };
  if (context === "hover") asked.throwOnSideEffect = true;
  const { result, exceptionDetails } = frameId
    ? await inspector.ask("Debugger.evaluateOnCallFrame", { callFrameId: handles[frameId - 1].frame.callFrameId, ...asked })
    : await inspector.ask("Runtime.evaluate", asked);
  if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
  const { value, ...rest } = shown(result);
  return { result: value, ...rest };
}

async function setVariable({ variablesReference, name, value }) {
  const { objectId, frame, scope } = handles[variablesReference - 1];
  const asked = { callFrameId: (frame ?? paused.callFrames[0]).callFrameId, expression: value };
  const { result, exceptionDetails } = await inspector.ask("Debugger.evaluateOnCallFrame", asked);
  if (exceptionDetails) throw new Error(exceptionDetails.text);
  const newValue = result.objectId ? { objectId: result.objectId } : { value: result.value };
  if (frame) {
    await inspector.ask("Debugger.setVariableValue", {
      scopeNumber: scope, variableName: name, newValue, callFrameId: frame.callFrameId,
    });
  } else {
    const functionDeclaration = "function (name, value) { this[name] = value; }";
    const args = [{ value: name }, newValue];
    await inspector.ask("Runtime.callFunctionOn", { objectId, functionDeclaration, arguments: args });
  }
  return shown(result);
}

async function go(method, reason) {
  stepping = reason;
  await inspector.ask(method);
}

const filters = ({ filters }) => ({ state: filters.includes("all") ? "all" : filters.includes("uncaught") ? "uncaught" : "none" });

const requests = {
  initialize: () => ({}),
  launch,
  setBreakpoints,
  setExceptionBreakpoints: async (args) => void (await inspector.ask("Debugger.setPauseOnExceptions", filters(args))),
  configurationDone: () => (options.stopOnEntry ? event("stopped", { reason: "entry", threadId: 1 }) : go("Debugger.resume", "step")),
  threads: () => ({ threads: [{ id: 1, name: "main" }] }),
  stackTrace,
  scopes,
  variables,
  evaluate,
  setVariable,
  continue: async () => ({ allThreadsContinued: !(await go("Debugger.resume", "step")) }),
  next: () => go("Debugger.stepOver", "step"),
  stepIn: () => go("Debugger.stepInto", "step"),
  stepOut: () => go("Debugger.stepOut", "step"),
  pause: () => go("Debugger.pause", "pause"),
  restartFrame: ({ frameId }) =>
    inspector.ask("Debugger.restartFrame", { callFrameId: handles[frameId - 1].frame.callFrameId, mode: "StepInto" }).then(() => {}),
  exceptionInfo: () => {
    const { className, description } = paused.data;
    return { exceptionId: className, description, breakMode: paused.data.uncaught ? "unhandled" : "always" };
  },
  loadedSources: () => ({ sources: [...scripts.values()].map(({ url }) => ({ name: basename(url), path: pathOf(url) })) }),
  disconnect: () => void program?.kill("SIGKILL"),
};

async function answer({ seq: request_seq, command, arguments: args = {} }) {
  const response = { type: "response", request_seq, command };
  try {
    const body = await requests[command](args);
    send({ ...response, success: true, body });
  } catch (error) {
    send({ ...response, success: false, message: error.message });
  }
}

let input = Buffer.alloc(0);
let last = Promise.resolve();
process.stdin.on("data", (data) => {
  input = Buffer.concat([input, data]);
  for (;;) {
    const end = input.indexOf("\r\n\r\n");
    const length = end < 0 ? NaN : Number(/Content-Length: (\d+)/.exec(input.subarray(0, end))[1]);
    if (!(input.length >= end + 4 + length)) return;
    const message = JSON.parse(input.subarray(end + 4, end + 4 + length));
    input = input.subarray(end + 4 + length);
    // One after the other, as they were asked.
    if (message.type === "request") last = last.then(() => answer(message));
  }
});
process.stdin.on("end", () => {
  program?.kill("SIGKILL");
  process.exit(0);
});
