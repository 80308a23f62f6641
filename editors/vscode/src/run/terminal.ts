/**
 * A terminal that shows what runs and takes what is typed. One for each document, used again by its next run.
 *
 * Never interprets what is printed: what the program's terminal does not do, such as echo and lines, isn't done here.
 */
import * as vscode from "vscode";
import type { DaemonClient } from "../daemon/client";
import { tell } from "../daemon/fault";
import type { PtySize } from "../shapes";
import { tellEnding } from "./ending";
import type { Transcript } from "./transcripts";

/** Clears the screen and what was scrolled out of it. */
const CLEAR = "\x1b[2J\x1b[3J\x1b[H";
/** How many characters are kept that are typed before a program runs. */
const MAX_AHEAD = 4096;
const DEFAULT_SIZE: PtySize = { cols: 80, rows: 24 };

/** What the terminal asks of the one who runs. */
export interface TerminalHost {
  /** Runs the same once more. */
  again(): void;
  /** Stops what runs. */
  stop(executionId: string): void;
}

export class ProgramTerminal implements vscode.Pseudoterminal {
  private readonly write = new vscode.EventEmitter<string>();
  private readonly closed = new vscode.EventEmitter<number | void>();
  private pending: string[] | undefined = [];
  private size: PtySize | undefined;
  private transcript: Transcript | undefined;
  private subscriptions: vscode.Disposable[] = [];
  private typed: Promise<void> = Promise.resolve();
  private isTty = false;
  /** What was typed before the program was there to read it. */
  private ahead = "";

  readonly onDidWrite = this.write.event;
  readonly onDidClose = this.closed.event;
  readonly terminal: vscode.Terminal;
  /** Nothing is shown in it any more. */
  isClosed = false;
  /** A run is on its way to this terminal, or in it. */
  isBusy = false;

  constructor(
    readonly name: string,
    private readonly client: DaemonClient,
    private readonly host: TerminalHost,
  ) {
    this.terminal = vscode.window.createTerminal({ name, pty: this, iconPath: new vscode.ThemeIcon("beaker") });
  }

  get executionId(): string | undefined {
    return this.transcript?.ending === undefined ? this.transcript?.executionId : undefined;
  }

  get sessionId(): string | undefined {
    return this.transcript?.sessionId;
  }

  /** The size that a program is to see. */
  get dimensions(): PtySize {
    return this.size ?? DEFAULT_SIZE;
  }

  open(dimensions: vscode.TerminalDimensions | undefined): void {
    this.resize(dimensions);
    const pending = this.pending ?? [];
    this.pending = undefined;
    for (const text of pending) this.write.fire(text);
  }

  /** The person has closed it: what runs in it is stopped. */
  close(): void {
    this.isClosed = true;
    const running = this.executionId;
    this.release();
    if (running !== undefined) this.host.stop(running);
  }

  setDimensions(dimensions: vscode.TerminalDimensions): void {
    this.resize(dimensions);
    const executionId = this.executionId;
    if (executionId === undefined || !this.isTty) return;
    this.client.call("execution/resizePty", { executionId, ...this.dimensions }).catch((error: unknown) => {
      this.client.log.debug(`resizing a terminal: ${tell(error)}`);
    });
  }

  handleInput(data: string): void {
    const executionId = this.executionId;
    if (executionId === undefined) {
      if (this.isBusy) this.ahead = (this.ahead + data).slice(0, MAX_AHEAD);
      else if (data === "\r") this.host.again();
      return;
    }
    if (!this.isTty) {
      if (data === "\x03") this.host.stop(executionId);
      return;
    }
    // One at a time, so that what is typed keeps its order.
    this.typed = this.typed.then(async () => {
      await this.client.call("execution/stdin", { executionId, data });
    }).catch((error: unknown) => {
      this.client.log.debug(`typing into ${executionId}: ${tell(error)}`);
    });
  }

  /** A run is about to begin. */
  begin(what: string, isCleared: boolean): void {
    this.release();
    this.transcript = undefined;
    this.ahead = "";
    this.isBusy = true;
    this.show(`${isCleared ? CLEAR : ""}\x1b[2m▶ ${what}\x1b[0m\r\n`);
  }

  /** It has begun: what it has printed already is shown, and what it prints from now on. */
  follow(transcript: Transcript, isTty: boolean): void {
    this.release();
    this.transcript = transcript;
    this.isTty = isTty;
    this.show(transcript.text);
    if (transcript.ending !== undefined) {
      this.finish(`■ ${tellEnding(transcript.ending)}`, transcript.ending.outcome === "ok");
      return;
    }
    this.subscriptions = [
      transcript.onDidWrite((text) => {
        this.show(text);
      }),
      transcript.onDidEnd((ending) => {
        this.finish(`■ ${tellEnding(ending)}`, ending.outcome === "ok");
      }),
    ];
    const { ahead } = this;
    this.ahead = "";
    if (ahead.includes("\x03") && !isTty) this.host.stop(transcript.executionId);
    else if (ahead !== "" && isTty) this.handleInput(ahead);
  }

  /** It did not begin, and here is why. */
  fail(message: string): void {
    this.finish(`■ ${message.replace(/\r?\n/g, "\r\n")}`, false);
  }

  private finish(line: string, isWell: boolean): void {
    this.isBusy = false;
    this.show(`\x1b[0m\r\n\x1b[${isWell ? "32" : "31"}m${line}\x1b[0m\x1b[2m · Enter runs it again\x1b[0m\r\n`);
  }

  private release(): void {
    for (const one of this.subscriptions) one.dispose();
    this.subscriptions = [];
  }

  private resize(dimensions: vscode.TerminalDimensions | undefined): void {
    if (dimensions !== undefined && dimensions.columns > 0 && dimensions.rows > 0) {
      this.size = { cols: dimensions.columns, rows: dimensions.rows };
    }
  }

  private show(text: string): void {
    if (text === "") return;
    if (this.pending !== undefined) this.pending.push(text);
    else this.write.fire(text);
  }
}
