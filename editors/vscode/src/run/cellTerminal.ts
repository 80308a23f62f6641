/** A terminal that shows cells, one after the other, as they come. What they read is asked for in a box. */
import * as vscode from "vscode";
import { tellEnding } from "./ending";
import type { Transcript } from "./transcripts";

export class CellTerminal implements vscode.Pseudoterminal {
  private readonly write = new vscode.EventEmitter<string>();
  private pending: string[] | undefined = [];
  private readonly waiting: { readonly transcript: Transcript; readonly name: string }[] = [];
  private current: Transcript | undefined;
  private subscriptions: vscode.Disposable[] = [];

  readonly onDidWrite = this.write.event;
  readonly terminal: vscode.Terminal;
  /** Nothing is shown in it any more. */
  isClosed = false;

  constructor(name: string, private readonly stop: (executionId: string) => void) {
    this.terminal = vscode.window.createTerminal({ name, pty: this, iconPath: new vscode.ThemeIcon("circuit-board") });
  }

  open(): void {
    const pending = this.pending ?? [];
    this.pending = undefined;
    for (const text of pending) this.write.fire(text);
  }

  /** The person has closed it: what runs in it is stopped. The interpreter stays. */
  close(): void {
    this.isClosed = true;
    this.release();
    if (this.current !== undefined) this.stop(this.current.executionId);
  }

  handleInput(data: string): void {
    if (data === "\x03" && this.current !== undefined) this.stop(this.current.executionId);
  }

  /** Shows a cell when those before it have ended. */
  add(transcript: Transcript, name: string): void {
    this.waiting.push({ transcript, name });
    if (this.current === undefined) this.next();
  }

  /** A line that is no cell's. */
  say(line: string): void {
    this.show(`\x1b[2m${line.replace(/\r?\n/g, "\r\n")}\x1b[0m\r\n`);
  }

  private next(): void {
    this.release();
    const next = this.waiting.shift();
    this.current = next?.transcript;
    if (next === undefined) return;
    const { transcript, name } = next;
    this.show(`\x1b[2m▶ ${name}\x1b[0m\r\n${transcript.text}`);
    if (transcript.ending !== undefined) {
      this.end(transcript);
      return;
    }
    this.subscriptions = [
      transcript.onDidWrite((text) => {
        this.show(text);
      }),
      transcript.onDidEnd(() => {
        this.end(transcript);
      }),
    ];
  }

  private end(transcript: Transcript): void {
    const { ending } = transcript;
    if (ending !== undefined) {
      const colour = ending.outcome === "ok" ? "32" : "31";
      const begin = /(?:^|\n)$/.test(transcript.text) ? "" : "\r\n";
      this.show(`\x1b[0m${begin}\x1b[${colour}m■ ${tellEnding(ending)}\x1b[0m\r\n`);
    }
    this.current = undefined;
    this.next();
  }

  private release(): void {
    for (const one of this.subscriptions) one.dispose();
    this.subscriptions = [];
  }

  private show(text: string): void {
    if (text === "") return;
    if (this.pending !== undefined) this.pending.push(text);
    else this.write.fire(text);
  }
}
