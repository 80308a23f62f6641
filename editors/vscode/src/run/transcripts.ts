/**
 * What executions have printed, kept so that it can be shown by whoever asks later: output may come before the answer
 * that names its execution. Bounded in number and in size.
 */
import { TextDecoder } from "node:util";
import * as vscode from "vscode";
import type { DaemonClient } from "../daemon/client";
import type { Ending, Encoding, StreamName } from "../shapes";
import { textOf } from "../output/form";
import type { ExecutionDisplay } from "../protocol";
import { SequenceFilter, plain } from "./filter";

/** How many executions are remembered, and how many characters and things of each. */
const MAX_KEPT = 64;
const MAX_CHARACTERS = 256 * 1024;
const MAX_DISPLAYS = 32;

/** A thing that a cell has shown. */
export type Display = Pick<ExecutionDisplay, "kind" | "displayId" | "data">;

/** The output of one execution, ready for a terminal. */
export class Transcript implements vscode.Disposable {
  private readonly parts: string[] = [];
  private length = 0;
  private readonly decoders = new Map<StreamName, TextDecoder>();
  private readonly filters = new Map<StreamName, SequenceFilter>();
  private readonly written = new vscode.EventEmitter<string>();
  private readonly displayed = new vscode.EventEmitter<Display>();
  private readonly ended = new vscode.EventEmitter<Ending>();

  readonly onDidDisplay = this.displayed.event;
  readonly onDidWrite = this.written.event;
  readonly onDidEnd = this.ended.event;
  /** What it has shown so far, the last of it. */
  readonly displays: Display[] = [];
  ending: Ending | undefined;

  constructor(readonly executionId: string, readonly sessionId: string) {}

  /** All that is kept. */
  get text(): string {
    return this.parts.join("");
  }

  add(stream: StreamName, data: string, encoding: Encoding): void {
    let filter = this.filters.get(stream);
    if (filter === undefined) this.filters.set(stream, (filter = new SequenceFilter()));
    const text = filter.pass(encoding === "utf8" ? data : this.decode(stream, data));
    // A terminal of the program's own has done that already.
    this.show(stream === "pty" ? text : text.replace(/\r?\n/g, "\r\n"));
  }

  /** It shows something: its text is part of what it printed. */
  display(display: Display): void {
    this.displays.push(display);
    if (this.displays.length > MAX_DISPLAYS) this.displays.shift();
    const text = textOf(display.data).trimEnd();
    if (display.kind !== "update" && text !== "") this.show(`\x1b[36m${text.replace(/\r?\n/g, "\r\n")}\x1b[0m\r\n`);
    this.displayed.fire(display);
  }

  /** What it asks for, and what is answered, as a terminal of its own would show that. */
  prompt(text: string): void {
    this.show(plain(text).replace(/\n/g, "\r\n"));
  }

  note(text: string): void {
    this.show(`\x1b[2m${text}\x1b[0m\r\n`);
  }

  end(ending: Ending): void {
    this.ending = ending;
    this.ended.fire(ending);
  }

  dispose(): void {
    this.written.dispose();
    this.displayed.dispose();
    this.ended.dispose();
  }

  private decode(stream: StreamName, data: string): string {
    let decoder = this.decoders.get(stream);
    if (decoder === undefined) this.decoders.set(stream, (decoder = new TextDecoder()));
    return decoder.decode(Buffer.from(data, "base64"), { stream: true });
  }

  private show(text: string): void {
    this.parts.push(text);
    this.length += text.length;
    while (this.length > MAX_CHARACTERS && this.parts.length > 1) this.length -= this.parts.shift()?.length ?? 0;
    this.written.fire(text);
  }
}

/** The transcripts of all executions that this connection hears of. */
export class Transcripts implements vscode.Disposable {
  private readonly kept = new Map<string, Transcript>();
  private readonly subscriptions: vscode.Disposable[];

  constructor(client: DaemonClient) {
    this.subscriptions = [
      client.on("execution/started", (told) => void this.of(told.executionId, told.sessionId)),
      client.on("execution/output", (told) => {
        this.of(told.executionId, told.sessionId).add(told.stream, told.data, told.encoding);
      }),
      client.on("execution/outputGap", (told) => {
        this.of(told.executionId, told.sessionId).note(`… ${String(told.lostBytes)} bytes are not shown`);
      }),
      client.on("execution/display", (told) => {
        this.of(told.executionId, told.sessionId).display(told);
      }),
      client.on("execution/exited", (told) => {
        this.of(told.executionId, told.sessionId).end(told);
      }),
    ];
  }

  /** The transcript of an execution, made where there is none. */
  of(executionId: string, sessionId: string): Transcript {
    const known = this.kept.get(executionId);
    if (known !== undefined) return known;
    const made = new Transcript(executionId, sessionId);
    this.kept.set(executionId, made);
    for (const [id, old] of this.kept) {
      if (this.kept.size <= MAX_KEPT) break;
      if (old.ending === undefined) continue;
      this.kept.delete(id);
      old.dispose();
    }
    return made;
  }

  find(executionId: string): Transcript | undefined {
    return this.kept.get(executionId);
  }

  dispose(): void {
    for (const transcript of this.kept.values()) transcript.dispose();
    for (const one of this.subscriptions) one.dispose();
  }
}
