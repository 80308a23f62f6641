/** `CodeBeaker: Doctor`: the daemon's report, or what keeps it from being asked. */
import * as vscode from "vscode";
import { search } from "../daemon/bootstrap";
import type { DaemonClient } from "../daemon/client";
import { DaemonMissing, tell } from "../daemon/fault";
import { describe } from "../daemon/lookup";
import { render, type Findings } from "./report";

const SCHEME = "codebeaker-doctor";
const REPORT = vscode.Uri.from({ scheme: SCHEME, path: "/CodeBeaker Doctor.md" });

export class Doctor implements vscode.TextDocumentContentProvider, vscode.Disposable {
  private report = "";
  private readonly changed = new vscode.EventEmitter<vscode.Uri>();
  private readonly registration: vscode.Disposable;
  readonly onDidChange = this.changed.event;

  constructor(
    private readonly client: DaemonClient,
    private readonly extension: vscode.Uri,
  ) {
    this.registration = vscode.workspace.registerTextDocumentContentProvider(SCHEME, this);
  }

  provideTextDocumentContent(): string {
    return this.report;
  }

  /** Looks, and shows what was found. */
  async show(): Promise<string> {
    const where = { location: vscode.ProgressLocation.Window, title: "CodeBeaker: looking at this machine" };
    this.report = render(await vscode.window.withProgress(where, () => this.examine()));
    this.changed.fire(REPORT);
    await vscode.commands.executeCommand("markdown.showPreview", REPORT);
    return this.report;
  }

  dispose(): void {
    this.registration.dispose();
    this.changed.dispose();
  }

  private async examine(): Promise<Findings> {
    const tried = search(this.extension).tried.map((one) => `- ${describe(one)}`);
    try {
      await this.client.ready();
      const [info, report] = await Promise.all([this.client.call("server/info", {}), this.client.call("server/doctor", {})]);
      const phase = this.client.phase;
      const path = phase.kind === "running" ? phase.daemon.path : "";
      const { os, arch, kernel } = info.platform;
      const daemon = [`\`${path}\`, version ${info.version}, protocol ${info.protocolVersion}, on ${os} ${kernel} (${arch}).`];
      return { daemon, checks: report.checks };
    } catch (error) {
      const detail = error instanceof DaemonMissing ? [error.detail] : ["Looked for in", ...tried];
      const what = "The setting `codebeaker.server.path` names it wherever it is; the log (*CodeBeaker: Show Log*) has the rest.";
      return { problem: tell(error), daemon: [...detail, "", what], checks: [] };
    }
  }
}
