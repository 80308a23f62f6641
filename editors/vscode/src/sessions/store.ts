/** The sessions and executions of this connection, as the daemon tells of them. */
import * as vscode from "vscode";
import type { DaemonClient } from "../daemon/client";
import { tell } from "../daemon/fault";
import type { Context, Execution, Session } from "../shapes";

/** How many sessions are remembered after their end, so that links into their workspaces still lead somewhere. */
const MAX_REMEMBERED = 64;
/** How long changes are gathered before they are told. */
const SETTLE_MS = 100;

export class SessionStore implements vscode.Disposable {
  private readonly remembered = new Map<string, Session>();
  private open: readonly Session[] = [];
  private timer: NodeJS.Timeout | undefined;
  private readonly changed = new vscode.EventEmitter<void>();
  private readonly subscriptions: vscode.Disposable[];
  /** The session that runs go to, where one was opened. */
  current: string | undefined;
  /** Those that run. One that is compiled first is told to have started twice. */
  private readonly started = new Set<string>();

  readonly onDidChange = this.changed.event;

  constructor(private readonly client: DaemonClient) {
    const soon = (): void => {
      this.refreshSoon();
    };
    this.subscriptions = [
      client.on("session/stateChanged", (told) => {
        if (told.to === "closed" && told.sessionId === this.current) this.current = undefined;
        soon();
      }),
      client.on("execution/started", ({ executionId }) => {
        this.started.add(executionId);
        soon();
      }),
      client.on("execution/exited", ({ executionId }) => {
        this.started.delete(executionId);
        soon();
      }),
      client.on("context/stateChanged", soon),
      client.onDidChangePhase((phase) => {
        if (phase.kind === "running") return;
        this.open = [];
        this.current = undefined;
        this.started.clear();
        this.changed.fire();
      }),
    ];
  }

  /** How many executions run. */
  get running(): number {
    return this.started.size;
  }

  /** Those that are open. */
  get sessions(): readonly Session[] {
    return this.open;
  }

  /** A session that is open or was. */
  find(sessionId: string): Session | undefined {
    return this.remembered.get(sessionId);
  }

  /** Takes note of a session that was just made. */
  add(session: Session): void {
    this.remember(session);
    this.refreshSoon();
  }

  async executions(sessionId: string): Promise<readonly Execution[]> {
    return (await this.client.call("execution/list", { sessionId })).executions;
  }

  /** The live interpreters of a session. */
  async contexts(sessionId: string): Promise<readonly Context[]> {
    return this.client.has("context/list") ? (await this.client.call("context/list", { sessionId })).contexts : [];
  }

  /** Asks the daemon. Nothing is started for it. */
  async refresh(): Promise<void> {
    if (this.client.phase.kind !== "running") return;
    try {
      const { sessions } = await this.client.call("session/list", {});
      this.open = sessions.filter((session) => session.state !== "closed");
      for (const session of this.open) this.remember(session);
    } catch (error) {
      this.client.log.debug(`listing sessions: ${tell(error)}`);
    }
    this.changed.fire();
  }

  dispose(): void {
    clearTimeout(this.timer);
    for (const one of this.subscriptions) one.dispose();
    this.changed.dispose();
  }

  private refreshSoon(): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      void this.refresh();
    }, SETTLE_MS);
  }

  private remember(session: Session): void {
    this.remembered.delete(session.sessionId);
    this.remembered.set(session.sessionId, session);
    for (const id of this.remembered.keys()) {
      if (this.remembered.size <= MAX_REMEMBERED) break;
      this.remembered.delete(id);
    }
  }
}
