/** One item in the status bar: how the daemon is, what runs, and a click that stops it or offers what there is. */
import * as vscode from "vscode";
import type { DaemonClient } from "./daemon/client";
import type { SessionStore } from "./sessions/store";

export class StatusBar implements vscode.Disposable {
  private readonly item = vscode.window.createStatusBarItem("codebeaker.status", vscode.StatusBarAlignment.Left, 10);
  private readonly subscriptions: vscode.Disposable[];

  constructor(
    private readonly client: DaemonClient,
    private readonly store: SessionStore,
  ) {
    const paint = (): void => {
      this.paint();
    };
    this.item.name = "CodeBeaker";
    this.subscriptions = [this.item, client.onDidChangePhase(paint), store.onDidChange(paint)];
    this.paint();
    this.item.show();
  }

  dispose(): void {
    for (const one of this.subscriptions) one.dispose();
  }

  private paint(): void {
    const { phase } = this.client;
    this.item.backgroundColor = undefined;
    this.item.command = "codebeaker.menu";
    switch (phase.kind) {
      case "stopped":
        this.set("$(beaker) CodeBeaker", "The daemon starts with the first run. Click for more.");
        break;
      case "starting":
        this.set("$(loading~spin) CodeBeaker", "The daemon starts");
        break;
      case "missing":
        this.item.backgroundColor = new vscode.ThemeColor("statusBarItem.warningBackground");
        this.set("$(warning) CodeBeaker", `${phase.why.message} Click for what to do.`);
        break;
      case "failed":
        this.item.backgroundColor = new vscode.ThemeColor("statusBarItem.errorBackground");
        this.set("$(error) CodeBeaker", `${phase.message}. Click for what to do.`);
        break;
      case "running":
        this.paintRunning();
    }
  }

  private paintRunning(): void {
    const { running, sessions, current } = this.store;
    void vscode.commands.executeCommand("setContext", "codebeaker.isRunning", running > 0);
    if (running > 0) {
      this.item.command = "codebeaker.stopRun";
      this.set(`$(debug-stop) CodeBeaker: ${String(running)} running`, "Click stops it; a second click kills it.");
      return;
    }
    const session = sessions.find((one) => one.sessionId === current);
    const place = session?.selection.runtime;
    const where = place === undefined ? "Each run has a session of its own." : `Runs go to a session on ${place}.`;
    this.set(`$(beaker) CodeBeaker${place === undefined ? "" : `: ${place}`}`, `${where} Click for more.`);
  }

  private set(text: string, tooltip: string): void {
    this.item.text = text;
    this.item.tooltip = tooltip;
  }
}
