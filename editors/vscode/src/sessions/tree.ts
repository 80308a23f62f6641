/** The tree in the side bar: sessions, what ran in them, and their files. */
import * as vscode from "vscode";
import type { DaemonClient } from "../daemon/client";
import { tell } from "../daemon/fault";
import { tellEnding } from "../run/ending";
import type { Context, Execution, Session } from "../shapes";
import type { SessionFiles } from "./files";
import type { SessionStore } from "./store";
import { SCHEME, format } from "./uri";

/** The most executions of a session that are shown, the newest first. */
const MAX_SHOWN = 25;

/** A row of the tree. */
export type Node =
  | { readonly kind: "session"; readonly session: Session }
  | { readonly kind: "context"; readonly context: Context }
  | { readonly kind: "execution"; readonly execution: Execution }
  | { readonly kind: "file"; readonly uri: vscode.Uri; readonly type: vscode.FileType; readonly name: string };

export class SessionTree implements vscode.TreeDataProvider<Node>, vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<Node | undefined>();
  private readonly subscriptions: vscode.Disposable[];
  readonly onDidChangeTreeData = this.changed.event;

  constructor(
    private readonly client: DaemonClient,
    private readonly store: SessionStore,
    private readonly files: SessionFiles,
  ) {
    const refresh = (): void => {
      this.changed.fire(undefined);
    };
    this.subscriptions = [store.onDidChange(refresh), files.onDidChangeFile(refresh)];
  }

  getTreeItem(node: Node): vscode.TreeItem {
    switch (node.kind) {
      case "session":
        return this.sessionItem(node.session);
      case "context":
        return contextItem(node.context);
      case "execution":
        return executionItem(node.execution);
      case "file":
        return fileItem(node.uri, node.type, node.name);
    }
  }

  async getChildren(node?: Node): Promise<Node[]> {
    try {
      return await this.children(node);
    } catch (error) {
      // What is looked at may be closed in the same moment.
      this.client.log.debug(`the tree of sessions: ${tell(error)}`);
      return [];
    }
  }

  dispose(): void {
    for (const one of this.subscriptions) one.dispose();
    this.changed.dispose();
  }

  private async children(node: Node | undefined): Promise<Node[]> {
    if (this.client.phase.kind !== "running") return [];
    if (node === undefined) return this.store.sessions.map((session) => ({ kind: "session", session }));
    if (node.kind === "execution" || node.kind === "context") return [];
    if (node.kind === "file") return this.entries(node.uri);
    const { sessionId } = node.session;
    const [contexts, all] = await Promise.all([this.store.contexts(sessionId), this.store.executions(sessionId)]);
    const executions = [...all].reverse().slice(0, MAX_SHOWN);
    const uri = vscode.Uri.from({ scheme: SCHEME, path: format({ sessionId, path: "" }) });
    return [
      ...contexts.map((context): Node => ({ kind: "context", context })),
      ...executions.map((execution): Node => ({ kind: "execution", execution })),
      { kind: "file", uri, type: vscode.FileType.Directory, name: "Files" },
    ];
  }

  private async entries(uri: vscode.Uri): Promise<Node[]> {
    const entries = await this.files.readDirectory(uri);
    const isDirectory = (type: vscode.FileType): number => (type === vscode.FileType.Directory ? 0 : 1);
    entries.sort(([a, aType], [b, bType]) => isDirectory(aType) - isDirectory(bType) || a.localeCompare(b));
    return entries.map(([name, type]) => ({ kind: "file", uri: vscode.Uri.joinPath(uri, name), type, name }));
  }

  private sessionItem(session: Session): vscode.TreeItem {
    const place = session.selection;
    const folder = session.workspace.uri === undefined ? undefined : vscode.Uri.parse(session.workspace.uri);
    const label = session.language ?? place.engine ?? "session";
    const item = new vscode.TreeItem(label, vscode.TreeItemCollapsibleState.Expanded);
    item.id = session.sessionId;
    const isCurrent = session.sessionId === this.store.current;
    item.description = [place.runtime, session.state, isCurrent ? "runs go here" : ""].filter(Boolean).join(" · ");
    item.iconPath = new vscode.ThemeIcon(session.state === "active" ? "vm-active" : "vm");
    item.contextValue = "session";
    item.tooltip = [
      session.sessionId,
      `isolation: ${place.isolation}`,
      `workspace: ${session.workspace.mode}${folder === undefined ? "" : ` of ${folder.fsPath}`}`,
      `closes by itself: ${new Date(session.expiresAt).toLocaleTimeString()}`,
    ].join("\n");
    return item;
  }
}

function contextItem(context: Context): vscode.TreeItem {
  const item = new vscode.TreeItem([context.language, context.version].filter(Boolean).join(" "), vscode.TreeItemCollapsibleState.None);
  item.id = context.contextId;
  item.description = ["live", context.state, context.reason].filter(Boolean).join(" · ");
  const icons = { starting: "loading~spin", idle: "circuit-board", busy: "sync~spin", crashed: "warning", closed: "circle-slash" };
  item.iconPath = new vscode.ThemeIcon(icons[context.state]);
  item.contextValue = `context.${context.state}`;
  item.tooltip = `A live interpreter: it keeps what cells define.\n${context.contextId}`;
  return item;
}

function executionItem(execution: Execution): vscode.TreeItem {
  const words = execution.argv.map((word) => word.slice(word.lastIndexOf("/") + 1));
  const item = new vscode.TreeItem(words.join(" "), vscode.TreeItemCollapsibleState.None);
  item.id = execution.executionId;
  const { outcome, durationMs } = execution;
  const isOver = outcome !== undefined && durationMs !== undefined;
  item.description = isOver ? tellEnding({ ...execution, outcome, durationMs }) : execution.state;
  const icon = isOver ? (outcome === "ok" ? "pass" : "error") : execution.state === "running" ? "sync~spin" : "clock";
  item.iconPath = new vscode.ThemeIcon(icon);
  item.contextValue = `execution.${execution.state}`;
  item.tooltip = `${execution.executionId}\n${execution.argv.join(" ")}`;
  item.command = { command: "codebeaker.showOutput", title: "Show Output", arguments: [{ kind: "execution", execution }] };
  return item;
}

function fileItem(uri: vscode.Uri, type: vscode.FileType, name: string): vscode.TreeItem {
  const isDirectory = type === vscode.FileType.Directory;
  const item = new vscode.TreeItem(name, vscode.TreeItemCollapsibleState[isDirectory ? "Collapsed" : "None"]);
  item.resourceUri = uri;
  item.iconPath = isDirectory ? vscode.ThemeIcon.Folder : vscode.ThemeIcon.File;
  item.contextValue = isDirectory ? "directory" : "file";
  if (!isDirectory) item.command = { command: "vscode.open", title: "Open", arguments: [uri] };
  return item;
}
