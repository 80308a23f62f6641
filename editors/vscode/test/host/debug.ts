import assert from "node:assert/strict";
import * as vscode from "vscode";
import { check, until } from "./suite";

interface Message {
  readonly type: string;
  readonly event?: string;
  readonly command?: string;
  readonly success?: boolean;
  readonly body?: { reason?: string; output?: string };
}

/** What a debug session has heard from its adapter. */
interface Heard {
  readonly session: vscode.DebugSession;
  readonly messages: Message[];
}

const heard: Heard[] = [];
vscode.debug.registerDebugAdapterTrackerFactory("codebeaker", {
  createDebugAdapterTracker: (session) => {
    const messages: Message[] = [];
    heard.push({ session, messages });
    return {
      onDidSendMessage: (message: Message) => {
        messages.push(message);
      },
    };
  },
});

const uriOf = (name: string): vscode.Uri => {
  const folder = vscode.workspace.workspaceFolders?.[0];
  assert.ok(folder);
  return vscode.Uri.joinPath(folder.uri, name);
};

function breakAt(name: string, line: number): void {
  vscode.debug.removeBreakpoints(vscode.debug.breakpoints);
  vscode.debug.addBreakpoints([new vscode.SourceBreakpoint(new vscode.Location(uriOf(name), new vscode.Position(line - 1, 0)))]);
}

const event = (of: Heard, name: string): Message[] => of.messages.filter((one) => one.event === name);

/** Waits for the nth stop of any session that began after `from` others. */
const stopOf = (from: number, count = 1): Promise<Heard> =>
  until("a stop", () => heard.slice(from).find((one) => event(one, "stopped").length >= count));

const overOf = (of: Heard): Promise<Message> => until("the end", () => event(of, "terminated")[0]);

async function top(session: vscode.DebugSession): Promise<{ id: number; line: number; source: { path: string } }> {
  const { threads } = (await session.customRequest("threads")) as { threads: { id: number }[] };
  const { stackFrames } = (await session.customRequest("stackTrace", { threadId: threads[0]?.id })) as {
    stackFrames: { id: number; line: number; source: { path: string } }[];
  };
  const [frame] = stackFrames;
  assert.ok(frame);
  return frame;
}

/** The editor makes a path of a remote window an address. */
const hostPath = (path: string): string => path.replace(/^vscode-remote:\/\/[^/]*/, "");

const outputOf = (of: Heard): string => event(of, "output").map((one) => one.body?.output ?? "").join("");

check("a document is debugged: it stops, tells what it has, steps, and ends", async () => {
  breakAt("steps.py", 3);
  const from = heard.length;
  await vscode.commands.executeCommand("codebeaker.debugFile", uriOf("steps.py"));
  const at = await stopOf(from);
  const frame = await top(at.session);
  assert.equal(frame.line, 3);
  assert.equal(hostPath(frame.source.path), uriOf("steps.py").fsPath, "the file of this machine is named");
  const told = (await at.session.customRequest("evaluate", { expression: "number + 40", frameId: frame.id, context: "repl" })) as { result: string };
  assert.equal(told.result, "40");
  await vscode.commands.executeCommand("workbench.action.debug.stepOver");
  await stopOf(from, 2);
  assert.notEqual((await top(at.session)).line, 3);
  vscode.debug.removeBreakpoints(vscode.debug.breakpoints);
  await vscode.commands.executeCommand("workbench.action.debug.continue");
  await overOf(at);
  assert.match(outputOf(at), /total 3/);
});

check("a configuration of launch.json goes to the daemon as it is", async () => {
  vscode.debug.removeBreakpoints(vscode.debug.breakpoints);
  const from = heard.length;
  const configuration = { type: "codebeaker", request: "launch", name: "x", program: uriOf("arguments.py").fsPath, args: ["one two"], env: { A: "set" } };
  assert.ok(await vscode.debug.startDebugging(vscode.workspace.workspaceFolders?.[0], configuration));
  const at = await until("a session", () => heard[from]);
  await overOf(at);
  assert.match(outputOf(at), /\['one two'\] set/);
});

check("a program that a program starts is a session below its own", async () => {
  breakAt("child.py", 2);
  const from = heard.length;
  await vscode.commands.executeCommand("codebeaker.debugFile", uriOf("parent.py"));
  const child = await stopOf(from);
  assert.ok(child.session.parentSession !== undefined, "it has a parent");
  assert.equal(hostPath((await top(child.session)).source.path), uriOf("child.py").fsPath);
  vscode.debug.removeBreakpoints(vscode.debug.breakpoints);
  await child.session.customRequest("continue", { threadId: 1 });
  const parent = heard.slice(from).find((one) => one.session.id === child.session.parentSession?.id);
  assert.ok(parent);
  await overOf(parent);
  assert.match(outputOf(parent), /parent ends/);
});

check("what is debugged is ended by the editor's stop", async () => {
  breakAt("forever.py", 5);
  const from = heard.length;
  await vscode.commands.executeCommand("codebeaker.debugFile", uriOf("forever.py"));
  const at = await stopOf(from);
  await vscode.debug.stopDebugging(at.session);
  await until("no session to be left", async () => {
    const { sessions } = await vscode.commands.executeCommand<{ sessions: { labels: object }[] }>("codebeaker.call", { method: "session/list", params: {} });
    const { debugs } = await vscode.commands.executeCommand<{ debugs: unknown[] }>("codebeaker.call", { method: "debug/list", params: {} });
    return debugs.length === 0 && sessions.length <= 1 ? true : undefined;
  });
  vscode.debug.removeBreakpoints(vscode.debug.breakpoints);
});
