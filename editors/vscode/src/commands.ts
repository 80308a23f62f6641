/** The commands of the palette, the menus and the tree. */
import * as vscode from "vscode";
import type { DaemonClient } from "./daemon/client";
import { tell } from "./daemon/fault";
import type { Mender } from "./daemon/mend";
import { configurationOf } from "./debug/configuration";
import type { Doctor } from "./doctor/show";
import type { OutputPages } from "./output/panel";
import { cellCommands } from "./run/cellCommands";
import type { CellLenses } from "./run/cellLenses";
import type { Cells } from "./run/cells";
import type { Runner } from "./run/runner";
import { chooseSession, chooseWish } from "./sessions/choose";
import { installPackages } from "./sessions/packages";
import type { Places } from "./sessions/place";
import type { SessionStore } from "./sessions/store";
import type { Node } from "./sessions/tree";
import { mayRun } from "./trust";

/** What the commands act upon. */
export interface Parts {
  readonly client: DaemonClient;
  readonly mender: Mender;
  readonly runner: Runner;
  readonly cells: Cells;
  readonly lenses: CellLenses;
  readonly pages: OutputPages;
  readonly places: Places;
  readonly store: SessionStore;
  readonly doctor: Doctor;
  readonly extensionId: string;
}

/** Registers all of them. Each tells its own failure. */
export function registerCommands(parts: Parts): vscode.Disposable {
  const { client, mender, runner, pages, places, store, doctor } = parts;
  const debug = async (uri: vscode.Uri): Promise<void> => {
    await vscode.debug.startDebugging(vscode.workspace.getWorkspaceFolder(uri), configurationOf(uri));
  };
  const commands: Record<string, (...args: never[]) => unknown> = {
    runFile: (uri?: vscode.Uri) => withDocument(uri, (meant) => runner.document(meant)),
    runWithArguments: (uri?: vscode.Uri) => withDocument(uri, (meant) => runner.withArguments(meant)),
    runSelection: () => withEditor((editor) => runner.selection(editor)),
    debugFile: (uri?: vscode.Uri) => withDocument(uri, debug),
    stopRun: (node?: Node) => runner.stop(node?.kind === "execution" ? node.execution.executionId : undefined),
    sendInput: () => runner.input(),
    clearInlineResults: () => {
      runner.inline.clear();
    },
    openSession: async () => {
      const wish = await chooseWish(client);
      if (wish === undefined) return;
      await places.open(wish);
    },
    endSession: async (node?: Node) => {
      const sessionId = sessionOf(node) ?? (await chooseSession(store));
      if (sessionId !== undefined) await places.close(sessionId);
    },
    openShell: async (node?: Node) => {
      await client.ready();
      const sessionId = sessionOf(node) ?? store.current ?? (await chooseSession(store)) ?? (await places.open({})).sessionId;
      await runner.shell(sessionId);
    },
    showOutput: (node: Node) =>
      node.kind === "execution" ? runner.show(node.execution.sessionId, node.execution.executionId) : undefined,
    clearOutput: () => {
      pages.clear();
    },
    installPackages: async (node?: Node) => {
      if (!mayRun()) return;
      await client.ready();
      const sessionId = sessionOf(node) ?? store.current ?? (await chooseSession(store)) ?? (await places.open({})).sessionId;
      await installPackages(client, sessionId, (...ids) => runner.show(...ids));
    },
    restartInterpreter: async (node: Node) => {
      if (node.kind !== "context") return;
      await client.call("context/restart", { contextId: node.context.contextId });
      await store.refresh();
    },
    endInterpreter: async (node: Node) => {
      if (node.kind !== "context") return;
      await client.call("context/delete", { contextId: node.context.contextId });
      await store.refresh();
    },
    interruptInterpreter: async (node: Node) => {
      if (node.kind !== "context") return;
      const { contextId, sessionId } = node.context;
      const running = (await store.executions(sessionId)).filter((one) => one.contextId === contextId && one.state === "running");
      await Promise.all(running.map((one) => client.call("execution/interrupt", { executionId: one.executionId })));
    },
    refreshSessions: () => store.refresh(),
    deleteFile: async (node: Node) => {
      if (node.kind !== "file") return;
      const sure = { modal: true, detail: "It is a file of the sandbox." };
      const chosen = await vscode.window.showWarningMessage(`Delete ${node.name}?`, sure, "Delete");
      if (chosen !== undefined) await vscode.workspace.fs.delete(node.uri, { recursive: true });
    },
    doctor: () => doctor.show(),
    restartServer: () => client.restart(),
    chooseServer: () => mender.choose(),
    showLog: () => {
      client.log.show();
    },
    openWalkthrough: () =>
      vscode.commands.executeCommand("workbench.action.openWalkthrough", `${parts.extensionId}#codebeaker.start`, false),
    menu: () => menu(client),
  };
  for (const [name, act] of Object.entries(cellCommands(parts.cells, parts.lenses))) commands[name] = () => withEditor(act);
  const guarded = Object.entries(commands).map(([name, run]) =>
    vscode.commands.registerCommand(`codebeaker.${name}`, async (...args: never[]): Promise<unknown> => {
      try {
        return await run(...args);
      } catch (error) {
        client.log.error(`codebeaker.${name}: ${tell(error)}`);
        mender.explain(error);
        return undefined;
      }
    }),
  );
  return vscode.Disposable.from(...guarded);
}

function sessionOf(node: Node | undefined): string | undefined {
  return node?.kind === "session" ? node.session.sessionId : undefined;
}

function withDocument(uri: vscode.Uri | undefined, act: (uri: vscode.Uri) => Promise<void>): Promise<void> {
  const meant = uri ?? vscode.window.activeTextEditor?.document.uri;
  if (meant !== undefined) return act(meant);
  void vscode.window.showInformationMessage("CodeBeaker: open the program first.");
  return Promise.resolve();
}

async function withEditor(act: (editor: vscode.TextEditor) => Thenable<unknown>): Promise<void> {
  const editor = vscode.window.activeTextEditor;
  if (editor !== undefined) await act(editor);
  else void vscode.window.showInformationMessage("CodeBeaker: open the program first.");
}

/** What a click on the status bar offers, in the order of use. */
async function menu(client: DaemonClient): Promise<void> {
  const isMissing = client.phase.kind === "missing";
  const all: [string, string][] = [
    ["$(play) Run File", "runFile"],
    ["$(debug-alt) Debug File", "debugFile"],
    ["$(vm-active) Open a Session…", "openSession"],
    ...(client.has("package/install") ? [["$(package) Install Packages…", "installPackages"] satisfies [string, string]] : []),
    ["$(pulse) Doctor", "doctor"],
    ["$(output) Show Log", "showLog"],
    ["$(debug-restart) Restart the Daemon", "restartServer"],
  ];
  const mending: [string, string][] = [
    ["$(folder-opened) Choose the Executable…", "chooseServer"],
    ["$(book) How to Get It", "openWalkthrough"],
    ["$(pulse) Doctor", "doctor"],
  ];
  const items = (isMissing ? mending : all).map(([label, command]) => ({ label, command }));
  const placeHolder = isMissing ? "The daemon was not found on this machine" : "CodeBeaker";
  const chosen = await vscode.window.showQuickPick(items, { placeHolder });
  if (chosen !== undefined) await vscode.commands.executeCommand(`codebeaker.${chosen.command}`);
}
