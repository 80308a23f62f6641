/**
 * The debug adapter of a debug session: the daemon, through the connection that is there already.
 *
 * Messages go to and fro as they are. Children come by the same way: the editor starts a session for each, with what the
 * daemon gave it, and gets an adapter here.
 */
import * as vscode from "vscode";
import type { DaemonClient } from "../daemon/client";
import { tell } from "../daemon/fault";

/** The field of a configuration that names the document to debug as it stands in the editor. */
export const DOCUMENT = "__codebeakerDocument";

class Tunnel implements vscode.DebugAdapter {
  private readonly sent = new vscode.EventEmitter<vscode.DebugProtocolMessage>();
  private readonly subscriptions: vscode.Disposable[];
  private isOver = false;

  readonly onDidSendMessage = this.sent.event;

  constructor(
    private readonly client: DaemonClient,
    private readonly debugId: string,
  ) {
    this.subscriptions = [
      client.on("debug/message", (told) => {
        if (told.debugId === debugId) this.sent.fire(told.message);
      }),
      client.on("debug/terminated", (told) => {
        if (told.debugId === debugId) this.end();
      }),
      client.onDidChangePhase((phase) => {
        if (phase.kind !== "running") this.end();
      }),
    ];
  }

  handleMessage(message: vscode.DebugProtocolMessage): void {
    if (this.isOver) return;
    this.client.tunnel(this.debugId, message).catch((error: unknown) => {
      this.client.log.debug(`debug/message: ${tell(error)}`);
    });
  }

  dispose(): void {
    for (const one of this.subscriptions) one.dispose();
    this.sent.dispose();
    if (this.isOver) return;
    this.isOver = true;
    this.client.call("debug/terminate", { debugId: this.debugId }).catch((error: unknown) => {
      // What has ended by itself is not known any more.
      this.client.log.trace(`debug/terminate: ${tell(error)}`);
    });
  }

  /** The editor waits for `terminated` to believe that all is over. */
  private end(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.sent.fire({ type: "event", event: "terminated", seq: 0 });
  }
}

export class TunnelFactory implements vscode.DebugAdapterDescriptorFactory {
  constructor(
    private readonly client: DaemonClient,
    private readonly currentSession: () => string | undefined,
    private readonly explain: (error: unknown) => void,
  ) {}

  async createDebugAdapterDescriptor(session: vscode.DebugSession): Promise<vscode.DebugAdapterDescriptor> {
    try {
      await this.client.ready();
      const debugId = await this.start(session.configuration);
      return new vscode.DebugAdapterInlineImplementation(new Tunnel(this.client, debugId));
    } catch (error) {
      this.explain(error);
      throw error instanceof Error ? new Error(tell(error)) : error;
    }
  }

  private async start(configuration: vscode.DebugConfiguration): Promise<string> {
    const uri: unknown = configuration[DOCUMENT];
    if (typeof uri === "string") {
      const args: unknown = configuration["args"];
      const words = Array.isArray(args) ? args.filter((word) => typeof word === "string") : [];
      const stopOnEntry = configuration["stopOnEntry"] === true;
      const cell: unknown = configuration["cellLine"];
      const argument = { uri, args: words, stopOnEntry, transport: "tunnel" as const, ...(typeof cell === "number" ? { cellLine: cell } : {}) };
      return (await this.client.command("codebeaker.debug", argument)).debugId;
    }
    const isOwn = configuration.request === "launch" || typeof configuration["__codebeakerChild"] === "string";
    const sessionId: unknown = configuration["sessionId"] ?? (isOwn ? undefined : this.currentSession());
    const params = typeof sessionId === "string" ? { sessionId } : {};
    return (await this.client.call("debug/start", { ...params, transport: "tunnel" })).debugId;
  }
}
