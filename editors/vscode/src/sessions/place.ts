/** Sessions as the settings want them, and sessions for one run. */
import * as vscode from "vscode";
import { setting } from "../config";
import type { DaemonClient } from "../daemon/client";
import { codeOf } from "../daemon/fault";
import { Code } from "../protocol";
import type { EngineInfo, RunCommand, Session, SessionWish } from "../shapes";
import type { SessionStore } from "./store";

/** Opens and closes sessions. */
export class Places {
  constructor(
    private readonly client: DaemonClient,
    private readonly store: SessionStore,
  ) {}

  /** Where a document is to run: in the session that is open, or in one of its own as the settings want it. */
  forRun(): Pick<RunCommand, "sessionId" | "session"> {
    if (this.store.current !== undefined) return { sessionId: this.store.current };
    const session = wishOfSettings();
    return Object.keys(session).length === 0 ? {} : { session };
  }

  /** Opens the session that runs go to from now on. */
  async open(wish: SessionWish): Promise<Session> {
    const session = await this.client.commandWithProgress("CodeBeaker: opening a session", "codebeaker.newSession", { ...wishOfSettings(), ...wish });
    this.store.current = session.sessionId;
    this.store.add(session);
    return session;
  }

  /** A session for one run, which sees the folder of a document and can't change it. */
  async own(document: vscode.Uri, language: string): Promise<Session> {
    const folder = folderOf(document);
    const wish: SessionWish = { ...wishOfSettings(), language, labels: { document: document.toString() } };
    if (folder === undefined || wish.workspace !== undefined) return this.create(wish);
    try {
      return await this.create({ ...wish, workspace: { mode: "overlay", uri: folder.toString() } });
    } catch (error) {
      if (codeOf(error) !== Code.NotSupportedByRuntime) throw error;
      return this.create({ ...wish, workspace: { mode: "copy", uri: folder.toString() } });
    }
  }

  async close(sessionId: string): Promise<void> {
    if (sessionId === this.store.current) await this.client.command("codebeaker.closeSession", { sessionId });
    else await this.client.call("session/close", { sessionId });
  }

  private async create(wish: SessionWish): Promise<Session> {
    const session = await this.client.callWithProgress("CodeBeaker: opening a session", "session/create", wish);
    this.store.add(session);
    return session;
  }
}

/** What the settings say of sessions; without them, nothing. */
function wishOfSettings(): NonNullable<RunCommand["session"]> {
  const wish: NonNullable<RunCommand["session"]> = {};
  const runtime = setting("session.runtime");
  if (runtime !== "") wish.runtime = runtime;
  const preference = setting("session.preference");
  if (preference !== "") wish.preference = preference;
  const minIsolation = setting("session.minIsolation");
  if (minIsolation !== "") wish.minIsolation = minIsolation;
  const network = setting("session.network");
  if (network !== "") wish.network = { mode: network, ...(network === "allowlist" ? { allow: setting("session.allowedHosts") } : {}) };
  const limits = setting("session.limits");
  if (Object.keys(limits).length > 0) wish.limits = limits;
  const mode = setting("session.workspace");
  const folder = vscode.workspace.workspaceFolders?.[0];
  if (mode === "none") wish.workspace = { mode };
  else if (mode !== "" && folder !== undefined) {
    wish.workspace = { mode, uri: folder.uri.toString() };
  }
  return wish;
}

/** The folder that a document runs in; nothing for one that is no file. */
export function folderOf(document: vscode.Uri): vscode.Uri | undefined {
  if (document.scheme !== "file") return undefined;
  return vscode.workspace.getWorkspaceFolder(document)?.uri ?? vscode.Uri.joinPath(document, "..");
}

/** The engine that runs a document: by its language, else by its name. */
export function engineFor(engines: readonly EngineInfo[], document: vscode.TextDocument): EngineInfo | undefined {
  const extension = /\.([^./]+)$/.exec(document.uri.path)?.[1] ?? "";
  return (
    engines.find((engine) => engine.languages.includes(document.languageId)) ??
    engines.find((engine) => engine.extensions.includes(extension))
  );
}
