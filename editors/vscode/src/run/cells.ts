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
import type { CellLenses } from "./cellLenses";
import { CellTerminal } from "./cellTerminal";
import type { InlineResults } from "./inline";
import type { Transcript, Transcripts } from "./transcripts";

/** How many executions are remembered as shown. */
const MAX_KNOWN = 1000;

/** What a document's cells are shown in. */
interface Shown {
  readonly key: string;
  readonly name: string;
  readonly terminal: CellTerminal;
  contextId: string | undefined;
  sessionId: string | undefined;
  /** Lines for the results of cells that are still to come, in their order. */
  expected: number[];
}

export class Cells implements vscode.Disposable {
  private readonly shown = new Map<string, Shown>();
  private readonly known = new Set<string>();
  private readonly placed = new Set<string>();
  private readonly subscriptions: vscode.Disposable[];

  constructor(
    private readonly client: DaemonClient,
    private readonly store: SessionStore,
    private readonly places: Places,
    private readonly transcripts: Transcripts,
    private readonly pages: OutputPages,
    private readonly lenses: CellLenses,
    private readonly inline: InlineResults,
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
      // Of several, those that follow can be told apart only where nothing else was asked for meanwhile.
      const [first, ...others] = which.range === undefined ? this.lenses.meant(uri, which) : [which.range.end.line];
      remember(this.placed, begun.executionId);
      const isAlone = shown.expected.length === 0;
      shown.expected = isAlone ? others : [];
      if (first !== undefined) this.inlineAt(uri, first, this.transcripts.of(begun.executionId, begun.sessionId));
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

  /** Shows the last line of a cell's output behind one of its lines, unless the document was edited meanwhile. */
  private inlineAt(uri: vscode.Uri, line: number, transcript: Transcript): void {
    const document = vscode.workspace.textDocuments.find((one) => one.uri.toString() === uri.toString());
    if (document === undefined || !setting("inlineResults.enabled", uri)) return;
    const { version } = document;
    const show = (): void => {
      if (document.version === version) this.inline.show(document, line, transcript.text, transcript.ending?.outcome === "ok");
    };
    if (transcript.ending !== undefined) show();
    else transcript.onDidEnd(show);
  }

  private of(uri: vscode.Uri): Shown {
    const key = uri.toString();
    const known = this.shown.get(key);
    if (known?.terminal.isClosed === false) return known;
    const name = uri.path.slice(uri.path.lastIndexOf("/") + 1);
    const terminal = new CellTerminal(`${name}: cells`, (executionId) => void this.stop(executionId));
    const made: Shown = { key, name, terminal, contextId: known?.contextId, sessionId: known?.sessionId, expected: [] };
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
      // The first of each has its place from the answer, whichever comes first.
      const line = this.placed.has(executionId) ? undefined : shown.expected.shift();
      remember(this.known, executionId);
      const transcript = this.transcripts.of(executionId, shown.sessionId ?? "");
      if (line !== undefined) this.inlineAt(vscode.Uri.parse(shown.key), line, transcript);
      shown.terminal.add(transcript, argv.slice(1).join(" "));
      this.pages.follow(shown.key, shown.name, transcript);
    } catch (error) {
      this.client.log.debug(`asking for ${executionId}: ${tell(error)}`);
    }
  }
}

/** Adds a name to a set that forgets the oldest. */
function remember(names: Set<string>, name: string): void {
  names.add(name);
  for (const old of names) {
    if (names.size <= MAX_KNOWN) break;
    names.delete(old);
  }
}
