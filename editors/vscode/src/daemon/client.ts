/**
 * The one connection to the daemon: started when it is first needed, typed calls, what it tells, and its state.
 *
 * Never starts anything but the executable that the bootstrap found, and knows nothing of what the answers are for.
 */
import * as vscode from "vscode";
import {
  CloseAction,
  ErrorAction,
  LanguageClient,
  State,
  WorkDoneProgress,
  type ExecuteCommandSignature,
  type LanguageClientOptions,
} from "vscode-languageclient/node";
import { setting } from "../config";
import type { Asked, Commands, Methods, Notifications } from "../protocol";
import type { Offer } from "../shapes";
import { findDaemon, type Daemon } from "./bootstrap";
import { DaemonMissing, tell } from "./fault";
import { CodebeakerFeatures } from "./features";

/** Where the daemon is in its life. */
export type Phase =
  | { readonly kind: "stopped" }
  | { readonly kind: "starting" }
  | { readonly kind: "running"; readonly daemon: Daemon; readonly offer: Offer; readonly commands: readonly string[] }
  | { readonly kind: "missing"; readonly why: DaemonMissing }
  | { readonly kind: "failed"; readonly message: string };

/** Deals with a command of a lens in place of the daemon; nothing for those that it leaves to it. */
export type Intercept = (command: string, argument: unknown) => Thenable<unknown> | undefined;

/** How long the daemon has to say goodbye: it ends its sandboxes then. */
const STOP_TIMEOUT_MS = 5000;

type Listener = (params: never) => void;
type Answer = (params: never, token: vscode.CancellationToken) => Promise<unknown>;

export class DaemonClient implements vscode.Disposable {
  private client: LanguageClient | undefined;
  private starting: Promise<void> | undefined;
  private current: Phase = { kind: "stopped" };
  private readonly listeners = new Map<string, Set<Listener>>();
  private readonly answers = new Map<string, Answer>();
  private readonly phaseChanged = new vscode.EventEmitter<Phase>();
  private readonly lensesTold = new vscode.EventEmitter<{ document: vscode.TextDocument; lenses: readonly vscode.CodeLens[] }>();
  private tokens = 0;

  /** The daemon is in another phase. */
  readonly onDidChangePhase = this.phaseChanged.event;
  /** The daemon has told the lenses of a document, shown or not. */
  readonly onDidTellLenses = this.lensesTold.event;
  /** Who gets the commands of lenses first. */
  intercept: Intercept = () => undefined;

  constructor(
    private readonly extension: vscode.Uri,
    private readonly languages: readonly string[],
    readonly log: vscode.LogOutputChannel,
  ) {}

  get phase(): Phase {
    return this.current;
  }

  /** What the daemon offers, while it runs. */
  get offer(): Offer | undefined {
    return this.current.kind === "running" ? this.current.offer : undefined;
  }

  /** Whether this connection has the method. */
  has(method: string): boolean {
    return this.offer?.methods.includes(method) ?? false;
  }

  /** Whether the daemon has a command. */
  offers(command: string): boolean {
    return this.current.kind === "running" && this.current.commands.includes(command);
  }

  /** Starts the daemon unless it runs. Fails with an error for a person. */
  async ready(): Promise<void> {
    if (this.current.kind === "running") return;
    this.starting ??= this.start().finally(() => {
      this.starting = undefined;
    });
    await this.starting;
  }

  /** Stops it and starts it anew, with the settings as they are now. */
  async restart(): Promise<void> {
    await this.stop();
    await this.ready();
  }

  async stop(): Promise<void> {
    await this.starting?.catch(() => undefined);
    const client = this.client;
    this.client = undefined;
    if (client !== undefined) {
      await client.dispose(STOP_TIMEOUT_MS).catch((error: unknown) => { this.log.warn(`stopping the daemon: ${tell(error)}`); });
    }
    this.enter({ kind: "stopped" });
  }

  /** Calls a method of the protocol. */
  async call<M extends keyof Methods>(method: M, params: Methods[M][0]): Promise<Methods[M][1]> {
    await this.ready();
    return this.running().sendRequest(method, params);
  }

  /** Calls a method that may take its time. What it reports is shown in the status bar, or where it can be cancelled. */
  callWithProgress<M extends keyof Methods>(
    title: string,
    method: M,
    params: Methods[M][0],
    location: vscode.ProgressLocation = vscode.ProgressLocation.Window,
  ): Thenable<Methods[M][1]> {
    return this.withProgress(title, location, (client, workDoneToken, token) => client.sendRequest(method, { ...params, workDoneToken }, token));
  }

  /** The same for a command whose argument is the parameters of such a method. */
  commandWithProgress<C extends keyof Commands>(title: string, command: C, argument: Commands[C][0]): Thenable<Commands[C][1]> {
    return this.withProgress(title, vscode.ProgressLocation.Notification, (client, workDoneToken, token) =>
      client.sendRequest("workspace/executeCommand", { command, arguments: [{ ...argument, workDoneToken }] }, token));
  }

  /** Runs a command of the daemon's. */
  async command<C extends keyof Commands>(command: C, argument: Commands[C][0]): Promise<Commands[C][1]> {
    await this.ready();
    return this.running().sendRequest("workspace/executeCommand", { command, arguments: [argument] });
  }

  /** Sends a notification of the debug tunnel. */
  async tunnel(debugId: string, message: object): Promise<void> {
    await this.running().sendNotification("debug/message", { debugId, message });
  }

  /** Listens to a notification, over restarts of the daemon too. */
  on<N extends keyof Notifications>(method: N, listener: (params: Notifications[N]) => void): vscode.Disposable {
    const known = this.listeners.get(method) ?? new Set();
    known.add(listener);
    this.listeners.set(method, known);
    return new vscode.Disposable(() => known.delete(listener));
  }

  /** Answers a request of the daemon's, from its next start on. */
  answer<A extends keyof Asked>(method: A, answer: (params: Asked[A][0], token: vscode.CancellationToken) => Promise<Asked[A][1]>): void {
    this.answers.set(method, answer);
  }

  dispose(): void {
    this.phaseChanged.dispose();
    this.lensesTold.dispose();
  }

  private withProgress<T>(
    title: string,
    location: vscode.ProgressLocation,
    send: (client: LanguageClient, workDoneToken: string, token: vscode.CancellationToken) => Promise<T>,
  ): Thenable<T> {
    const where = { location, title, cancellable: location === vscode.ProgressLocation.Notification };
    return vscode.window.withProgress(where, async (progress, token) => {
      await this.ready();
      const workDoneToken = `vscode/${(this.tokens += 1).toString()}`;
      const heard = this.running().onProgress(WorkDoneProgress.type, workDoneToken, (step) => {
        if (step.kind !== "end" && step.message !== undefined) progress.report({ message: step.message });
      });
      try {
        return await send(this.running(), workDoneToken, token);
      } finally {
        heard.dispose();
      }
    });
  }

  private running(): LanguageClient {
    if (this.client === undefined || this.current.kind !== "running") throw new Error("CodeBeaker's daemon does not run");
    return this.client;
  }

  private enter(phase: Phase): void {
    this.current = phase;
    void vscode.commands.executeCommand("setContext", "codebeaker.phase", phase.kind);
    this.phaseChanged.fire(phase);
  }

  private async start(): Promise<void> {
    await this.client?.dispose(STOP_TIMEOUT_MS).catch(() => undefined);
    this.client = undefined;
    this.enter({ kind: "starting" });
    try {
      const daemon = await findDaemon(this.extension);
      const client = this.make(daemon);
      this.client = client;
      await client.start();
      const offer = offerOf(client.initializeResult?.capabilities.experimental);
      this.log.info(`${daemon.path} ${daemon.version} runs, instance ${offer.instanceId}`);
      client.onDidChangeState(({ newState }) => {
        if (newState === State.Stopped && this.client === client) {
          this.enter({ kind: "failed", message: "the daemon has ended by itself; its log says why" });
        }
      });
      const commands = client.initializeResult?.capabilities.executeCommandProvider?.commands ?? [];
      this.enter({ kind: "running", daemon, offer, commands });
    } catch (error) {
      this.log.error(tell(error));
      if (error instanceof DaemonMissing) this.enter({ kind: "missing", why: error });
      else this.enter({ kind: "failed", message: tell(error) });
      throw error;
    }
  }

  private make(daemon: Daemon): LanguageClient {
    const command = { command: daemon.path, args: [...daemon.args] };
    const schemes = ["file", "untitled"];
    const options: LanguageClientOptions = {
      documentSelector: schemes.flatMap((scheme) => this.languages.map((language) => ({ scheme, language }))),
      outputChannel: this.log,
      // What is wrong is told in one place, with what to do; a toast by the client would be a second one.
      initializationFailedHandler: () => false,
      errorHandler: {
        error: () => ({ action: ErrorAction.Continue, handled: true }),
        closed: () => ({ action: CloseAction.DoNotRestart, handled: true }),
      },
      middleware: {
        executeCommand: (name: string, args: unknown[], next: ExecuteCommandSignature): unknown =>
          this.intercept(name, args[0]) ?? next(name, args),
        provideCodeLenses: async (document, token, next) => {
          const lenses = (await next(document, token)) ?? [];
          this.lensesTold.fire({ document, lenses });
          return setting("codeLens.enabled", document.uri) ? lenses : [];
        },
      },
    };
    const client = new LanguageClient("codebeaker", "CodeBeaker", { run: command, debug: command }, options);
    client.registerFeature(new CodebeakerFeatures());
    const methods: (keyof Notifications)[] = [
      "execution/started",
      "execution/output",
      "execution/outputGap",
      "execution/display",
      "execution/exited",
      "session/stateChanged",
      "context/stateChanged",
      "fs/changed",
      "debug/message",
      "debug/terminated",
    ];
    for (const method of methods) {
      client.onNotification(method, (params: unknown) => {
        for (const listener of this.listeners.get(method) ?? []) listener(params as never);
      });
    }
    for (const [method, answer] of this.answers) client.onRequest(method, answer);
    return client;
  }
}

function offerOf(experimental: unknown): Offer {
  const offer = (experimental as { codebeaker?: Offer } | undefined)?.codebeaker;
  if (offer === undefined) throw new Error("what was started does not speak CodeBeaker's protocol");
  return offer;
}
