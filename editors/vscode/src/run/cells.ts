/**
 * Cells of documents in their live interpreters. What a cell is, which interpreter it runs in and in which order, is the
 * daemon's to say; here is what a person sees of it.
 */
import * as vscode from "vscode";
import { setting } from "../config";
import type { DaemonClient } from "../daemon/client";
import { tell } from "../daemon/fault";
import type { OutputPages } from "../output/panel";
import type { Places } from "../sessions/place";
import type { SessionStore } from "../sessions/store";
import type { RunCells } from "../shapes";
import { mayRun } from "../trust";
import { CellTerminal } from "./cellTerminal";
import type { Transcripts } from "./transcripts";

/** How many executions are remembered as shown. */
const MAX_KNOWN = 1000;

/** What a document's cells are shown in. */
interface Shown {
  readonly key: string;
  readonly name: string;
  readonly terminal: CellTerminal;
  contextId: string | undefined;
  sessionId: string | undefined;
}

export class Cells implements vscode.Disposable {
  private readonly shown = new Map<string, Shown>();
  private readonly known = new Set<string>();
  private readonly subscriptions: vscode.Disposable[];

  constructor(
    private readonly client: DaemonClient,
    private readonly store: SessionStore,
    private readonly places: Places,
    private readonly transcripts: Transcripts,
    private readonly pages: OutputPages,
    private readonly stop: (executionId: string) => Promise<void>,
    private readonly explain: (error: unknown) => void,
  ) {
    this.subscriptions = [
      client.on("execution/started", (told) => void this.started(told.sessionId, told.executionId)),
    ];
  }

  /** Which session a terminal of ours shows. */
  sessionOf(terminal: vscode.Terminal): string | undefined {
    return [...this.shown.values()].find((one) => one.terminal.terminal === terminal)?.sessionId;
  }

  /** Runs cells of a document. */
  async run(uri: vscode.Uri, which: Omit<RunCells, "uri">): Promise<void> {
    if (!mayRun()) return;
    try {
      await this.client.ready();
    } catch (error) {
      this.explain(error);
      return;
    }
    const shown = this.of(uri);
    if (setting("run.reveal") === "always") shown.terminal.terminal.show(true);
    try {
      const timeout = setting("run.timeoutSeconds", uri);
      const begun = await this.client.command("codebeaker.runCell", {
        ...this.places.forRun(), ...(timeout > 0 ? { timeoutMs: timeout * 1000 } : {}), ...which, uri: uri.toString(),
      });
      shown.contextId = begun.contextId;
      shown.sessionId = begun.sessionId;
      if (this.store.find(begun.sessionId) === undefined) void this.store.refresh();
      await this.show(shown, begun.executionId);
    } catch (error) {
      shown.terminal.say(`■ ${tell(error)}`);
    }
  }

  /** Starts the interpreter of a document anew: what its cells have defined is gone. */
  async restart(uri: vscode.Uri): Promise<void> {
    await this.client.command("codebeaker.restartContext", { uri: uri.toString() });
    this.shown.get(uri.toString())?.terminal.say("▷ the interpreter was started anew");
    await this.store.refresh();
  }

  dispose(): void {
    for (const one of this.subscriptions) one.dispose();
    for (const { terminal } of this.shown.values()) terminal.terminal.dispose();
  }

  private of(uri: vscode.Uri): Shown {
    const key = uri.toString();
    const known = this.shown.get(key);
    if (known?.terminal.isClosed === false) return known;
    const name = uri.path.slice(uri.path.lastIndexOf("/") + 1);
    const terminal = new CellTerminal(`${name}: cells`, (executionId) => void this.stop(executionId));
    const made: Shown = { key, name, terminal, contextId: known?.contextId, sessionId: known?.sessionId };
    this.shown.set(key, made);
    return made;
  }

  /** Of several cells the daemon begins one after the other; each is an execution of the same interpreter. */
  private async started(sessionId: string, executionId: string): Promise<void> {
    const here = [...this.shown.values()].filter((one) => one.sessionId === sessionId);
    for (const shown of here) await this.show(shown, executionId);
  }

  /** Shows an execution, if it is a cell of that document, once. */
  private async show(shown: Shown, executionId: string): Promise<void> {
    if (this.known.has(executionId)) return;
    try {
      const { contextId, argv } = await this.client.call("execution/get", { executionId });
      if (contextId === undefined || contextId !== shown.contextId || this.known.has(executionId)) return;
      this.known.add(executionId);
      for (const old of this.known) if (this.known.size > MAX_KNOWN) this.known.delete(old);
      const transcript = this.transcripts.of(executionId, shown.sessionId ?? "");
      shown.terminal.add(transcript, argv.slice(1).join(" "));
      this.pages.follow(shown.key, shown.name, transcript);
    } catch (error) {
      this.client.log.debug(`asking for ${executionId}: ${tell(error)}`);
    }
  }
}
