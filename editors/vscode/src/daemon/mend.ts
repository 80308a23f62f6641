/**
 * What a person sees when the daemon can't be started: one message with what to do. It mends itself: as soon as the
 * executable is there, the daemon starts and the message has done its work.
 */
import { statSync } from "node:fs";
import * as vscode from "vscode";
import { search } from "./bootstrap";
import type { DaemonClient } from "./client";
import { Code } from "../protocol";
import { DaemonMissing, codeOf, tell } from "./fault";

/** How often is looked for an executable that was missing. It is a look at a few files. */
const LOOK_MS = 3000;

export class Mender implements vscode.Disposable {
  private timer: NodeJS.Timeout | undefined;
  private isTold = false;
  /** What was there when it was looked for the last time. */
  private tried: string | undefined;
  private readonly subscriptions: vscode.Disposable[];

  constructor(
    private readonly client: DaemonClient,
    private readonly extension: vscode.Uri,
  ) {
    this.subscriptions = [
      client.onDidChangePhase((phase) => {
        if (phase.kind === "missing") this.watch();
        else if (phase.kind === "running") this.mended();
      }),
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (event.affectsConfiguration("codebeaker.server")) this.restart();
      }),
    ];
  }

  /** Says what is wrong, once, until it is mended. */
  readonly explain = (error: unknown): void => {
    // Who cancels knows.
    if (codeOf(error) === Code.RequestCancelled) return;
    if (!(error instanceof DaemonMissing)) {
      void vscode.window.showErrorMessage(`CodeBeaker: ${tell(error)}`, "Show Log").then((chosen) => {
        if (chosen !== undefined) this.client.log.show();
      });
      return;
    }
    if (this.isTold) return;
    this.isTold = true;
    const actions = { choose: "Choose the Executable…", how: "How to Get It", doctor: "Doctor" };
    void vscode.window.showErrorMessage(error.message, ...Object.values(actions)).then((chosen) => {
      this.isTold = false;
      if (chosen === actions.choose) void vscode.commands.executeCommand("codebeaker.chooseServer");
      if (chosen === actions.how) void vscode.commands.executeCommand("codebeaker.openWalkthrough");
      if (chosen === actions.doctor) void vscode.commands.executeCommand("codebeaker.doctor");
    });
  };

  /** Lets the person name the executable. */
  async choose(): Promise<void> {
    const chosen = await vscode.window.showOpenDialog({ title: "CodeBeaker's executable", canSelectMany: false });
    const file = chosen?.[0];
    if (file === undefined) return;
    const settings = vscode.workspace.getConfiguration("codebeaker");
    await settings.update("server.path", file.fsPath, vscode.ConfigurationTarget.Global);
  }

  dispose(): void {
    clearInterval(this.timer);
    for (const one of this.subscriptions) one.dispose();
  }

  private watch(): void {
    this.timer ??= setInterval(() => {
      const found = this.identity();
      // What was tried and is no daemon may be half of one that is being written.
      if (this.client.phase.kind !== "missing" || found === undefined || found === this.tried) return;
      this.tried = found;
      this.restart();
    }, LOOK_MS);
  }

  /** Which executable is there, and which version of it. */
  private identity(): string | undefined {
    const file = search(this.extension).chosen?.path;
    if (file === undefined) return undefined;
    const { mtimeMs, size } = statSync(file, { throwIfNoEntry: false }) ?? {};
    return [file, mtimeMs, size].join(" ");
  }

  private mended(): void {
    clearInterval(this.timer);
    this.timer = undefined;
    if (!this.isTold) return;
    this.isTold = false;
    void vscode.window.showInformationMessage("CodeBeaker: the daemon was found, and runs.");
  }

  private restart(): void {
    this.client.restart().catch(this.explain);
  }
}
