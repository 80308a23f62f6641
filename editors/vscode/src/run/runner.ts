/**
 * Runs documents and selections: asks the daemon, and shows what comes of it in a terminal.
 *
 * A document runs as it stands in the editor; the daemon has it. What is run, and where, is the daemon's to say.
 */
import * as vscode from "vscode";
import { setting } from "../config";
import type { DaemonClient } from "../daemon/client";
import { tell } from "../daemon/fault";
import type { RunCommand, Source } from "../shapes";
import type { OutputPages } from "../output/panel";
import { engineFor, type Places } from "../sessions/place";
import type { SessionStore } from "../sessions/store";
import { mayRun } from "../trust";
import { InlineResults } from "./inline";
import { dedent } from "./selection";
import { ProgramTerminal } from "./terminal";
import { join, split } from "./words";
import type { Transcript, Transcripts } from "./transcripts";

/** What has begun. */
interface Begun {
  readonly sessionId: string;
  readonly executionId: string;
  readonly isTty: boolean;
}

/** How long after its first request to stop a second one kills. */
const MODEST_MS = 10_000;

export class Runner implements vscode.Disposable {
  readonly inline = new InlineResults();
  private readonly terminals = new Set<ProgramTerminal>();
  private readonly byDocument = new Map<string, ProgramTerminal>();
  private readonly stopping = new Map<string, number>();

  constructor(
    private readonly client: DaemonClient,
    private readonly store: SessionStore,
    private readonly places: Places,
    private readonly transcripts: Transcripts,
    private readonly pages: OutputPages,
    private readonly memory: vscode.Memento,
    /** Says that the daemon is missing, and what to do. */
    private readonly explain: (error: unknown) => void,
  ) {}

  /** Which of our terminals this is. */
  find(terminal: vscode.Terminal): ProgramTerminal | undefined {
    return [...this.terminals].find((one) => one.terminal === terminal);
  }

  /** Runs a document. `more` goes over what the settings say. */
  async document(uri: vscode.Uri, more: Partial<RunCommand> = {}): Promise<void> {
    const name = nameOf(uri);
    await this.inTerminal(`document ${uri.toString()}`, name, () => this.document(uri, more), async (terminal) => {
      const command = { ...this.commandOf(uri), ...this.places.forRun(), ...more };
      const isTty = setting("run.input", uri) === "terminal";
      if (isTty) Object.assign(command, { stdin: "pty", pty: terminal.dimensions });
      return { ...(await this.client.command("codebeaker.run", command)), isTty };
    });
  }

  /** Runs the selection, or the line of the cursor, and shows its last line behind it. */
  async selection(editor: vscode.TextEditor): Promise<void> {
    const { document } = editor;
    const range = editor.selection.isEmpty ? document.lineAt(editor.selection.active.line).range : editor.selection;
    const lines = new vscode.Range(range.start.line, 0, range.end.line, Number.MAX_SAFE_INTEGER);
    const code = dedent(document.getText(range.isSingleLine ? range : document.validateRange(lines)));
    await this.code(document, code, range.start.line, range.end.line);
  }

  /** Runs a document with arguments that are asked for, and remembers them. */
  async withArguments(uri: vscode.Uri): Promise<void> {
    const line = await vscode.window.showInputBox({
      title: `Arguments of ${nameOf(uri)}`,
      prompt: "Words, with quotes where they have blanks in them. They are remembered for this file.",
      value: join(this.commandOf(uri).args ?? []),
      validateInput: (typed) => {
        try {
          split(typed);
          return undefined;
        } catch (error) {
          return tell(error);
        }
      },
    });
    if (line === undefined) return;
    await this.memory.update(argumentsOf(uri), split(line));
    await this.document(uri);
  }

  /** Types a line into a program whose terminal is not at hand. */
  async input(): Promise<void> {
    const terminal = [...this.terminals].find((one) => one.executionId !== undefined);
    if (terminal === undefined) {
      void vscode.window.showInformationMessage("CodeBeaker: nothing runs that could read it.");
      return;
    }
    const line = await vscode.window.showInputBox({ title: `A line for ${terminal.name}`, ignoreFocusOut: true });
    if (line !== undefined) terminal.handleInput(`${line}\r`);
  }

  /** Stops what runs; what was told to stop before is killed. */
  async stop(executionId?: string): Promise<void> {
    const shown = [...this.terminals].map((one) => one.executionId).filter((id) => id !== undefined);
    const meant = executionId === undefined ? shown : [executionId];
    await Promise.all(meant.map((id) => this.stopOne(id)));
  }

  /** A shell in a session. */
  async shell(sessionId: string): Promise<void> {
    const begin = (): Promise<void> => this.shell(sessionId);
    await this.inTerminal(`shell ${sessionId}`, "sandbox shell", begin, async (terminal) => {
      const source = { program: "bash", args: ["-i"] };
      const { executionId } = await this.client.call("session/execute", {
        sessionId, source, stdin: "pty", pty: terminal.dimensions, wait: false,
      });
      return { sessionId, executionId, isTty: true };
    });
  }

  /** Shows what an execution printed. */
  async show(sessionId: string, executionId: string): Promise<void> {
    const shown = [...this.terminals].find((one) => one.executionId === executionId);
    if (shown !== undefined) {
      shown.terminal.show();
      return;
    }
    const transcript = this.transcripts.find(executionId) ?? this.transcripts.of(executionId, sessionId);
    await this.inTerminal(`execution ${executionId}`, executionId, () => this.show(sessionId, executionId), () =>
      Promise.resolve({ sessionId, executionId: transcript.executionId, isTty: false }));
  }

  dispose(): void {
    this.inline.dispose();
    for (const one of this.terminals) one.terminal.dispose();
  }

  private async code(document: vscode.TextDocument, code: string, first: number, last: number): Promise<void> {
    const { uri } = document;
    const begin = (): Promise<void> => this.code(document, code, first, last);
    const { version } = document;
    const transcript = await this.inTerminal(`document ${uri.toString()}`, nameOf(uri), begin, async (terminal) => {
      await this.client.ready();
      const language = engineFor(this.client.offer?.engines ?? [], document)?.languages[0] ?? document.languageId;
      const { current } = this.store;
      const sessionId = current ?? (await this.places.own(uri, language)).sessionId;
      // Blank lines before it, so that messages name the lines of the document.
      const source = { code: "\n".repeat(first) + code, language, uri: uri.toString(), ...this.conditionsOf(uri) };
      const executionId = await this.execute(sessionId, source, terminal, current === undefined);
      return { sessionId, executionId, isTty: true };
    });
    if (transcript === undefined || !setting("inlineResults.enabled", uri)) return;
    const show = (): void => {
      const isWell = transcript.ending?.outcome === "ok";
      if (document.version === version) this.inline.show(document, last, transcript.text, isWell);
    };
    if (transcript.ending !== undefined) show();
    else transcript.onDidEnd(show);
  }

  /** Starts a program; a session of its own is closed when it has ended, or was not started. */
  private async execute(
    sessionId: string,
    source: Source,
    terminal: ProgramTerminal,
    isOwn: boolean,
  ): Promise<string> {
    const close = (): void => {
      if (!isOwn) return;
      this.places.close(sessionId).catch((error: unknown) => {
        this.client.log.debug(`closing ${sessionId}: ${tell(error)}`);
      });
    };
    try {
      const timeout = setting("run.timeoutSeconds");
      const { executionId } = await this.client.call("session/execute", {
        sessionId, source, stdin: "pty", pty: terminal.dimensions, wait: false,
        ...(timeout > 0 ? { timeoutMs: timeout * 1000 } : {}),
      });
      const transcript = this.transcripts.of(executionId, sessionId);
      if (transcript.ending !== undefined) close();
      else transcript.onDidEnd(close);
      return executionId;
    } catch (error) {
      close();
      throw error;
    }
  }

  /** Gives something a terminal that is free, and shows there how it went. */
  private async inTerminal(
    key: string,
    name: string,
    again: () => Promise<void>,
    begin: (terminal: ProgramTerminal) => Promise<Begun>,
  ): Promise<Transcript | undefined> {
    if (!mayRun()) return undefined;
    try {
      await this.client.ready();
    } catch (error) {
      this.explain(error);
      return undefined;
    }
    const terminal = this.terminalFor(key, name, again);
    terminal.begin(name, setting("run.clear"));
    if (setting("run.reveal") === "always") terminal.terminal.show(true);
    try {
      const { sessionId, executionId, isTty } = await begin(terminal);
      const transcript = this.transcripts.of(executionId, sessionId);
      if (this.store.find(sessionId) === undefined) void this.store.refresh();
      terminal.follow(transcript, isTty);
      this.pages.follow(key, name, transcript);
      return transcript;
    } catch (error) {
      terminal.fail(tell(error));
      return undefined;
    }
  }

  private terminalFor(key: string, name: string, again: () => Promise<void>): ProgramTerminal {
    const known = this.byDocument.get(key);
    if (known !== undefined && !known.isClosed && !known.isBusy) {
      this.hosts.set(known, again);
      return known;
    }
    const made: ProgramTerminal = new ProgramTerminal(name, this.client, {
      again: () => void this.hosts.get(made)?.(),
      stop: (executionId) => void this.stop(executionId),
    });
    for (const old of this.terminals) if (old.isClosed) this.terminals.delete(old);
    this.terminals.add(made);
    this.byDocument.set(key, made);
    this.hosts.set(made, again);
    return made;
  }

  /** What Enter does in a terminal whose program has ended. */
  private readonly hosts = new WeakMap<ProgramTerminal, () => Promise<void>>();

  private async stopOne(executionId: string): Promise<void> {
    const asked = this.stopping.get(executionId);
    const isSecond = asked !== undefined && Date.now() - asked < MODEST_MS;
    this.stopping.set(executionId, Date.now());
    try {
      if (isSecond) {
        await this.client.call("execution/kill", { executionId });
        return;
      }
      const { executionIds } = await this.client.command("codebeaker.stop", { executionId });
      if (executionIds.length === 0) await this.client.call("execution/interrupt", { executionId });
    } catch (error) {
      this.client.log.debug(`stopping ${executionId}: ${tell(error)}`);
    } finally {
      if (this.transcripts.find(executionId)?.ending !== undefined) this.stopping.delete(executionId);
    }
  }

  private commandOf(uri: vscode.Uri): RunCommand {
    const timeout = setting("run.timeoutSeconds", uri);
    return { uri: uri.toString(), ...this.conditionsOf(uri), ...(timeout > 0 ? { timeoutMs: timeout * 1000 } : {}) };
  }

  private conditionsOf(uri: vscode.Uri): { args: string[]; env: Record<string, string>; cwd?: string } {
    const cwd = setting("run.cwd", uri);
    const args = this.memory.get<string[]>(argumentsOf(uri)) ?? setting("run.arguments", uri);
    return { args, env: setting("run.env", uri), ...(cwd === "" ? {} : { cwd }) };
  }
}

function argumentsOf(uri: vscode.Uri): string {
  return `arguments of ${uri.toString()}`;
}

function nameOf(uri: vscode.Uri): string {
  return uri.path.slice(uri.path.lastIndexOf("/") + 1);
}
