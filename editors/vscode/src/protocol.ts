/**
 * The shapes of the daemon's protocol that this extension uses, as protocol.md has them.
 *
 * Checked by hand: a file that is generated from the daemon's schema is to take its place. Nothing else here
 * describes what goes over the wire.
 */

/** What came of an execution. */
export type Outcome = "ok" | "error" | "timeout" | "killed" | "outOfMemory" | "cancelled" | "outputLimit" | "lost";
/** A stream of an execution. */
export type StreamName = "stdout" | "stderr" | "pty";
/** How data is written in a message. */
export type Encoding = "utf8" | "base64";
/** How strictly a runtime isolates. */
export type Isolation = "process" | "namespaces" | "container" | "kernel" | "vm";
/** How the workspace of a session relates to the host. */
export type WorkspaceMode = "none" | "copy" | "bindRo" | "bindRw" | "overlay";
/** State of a session. */
export type SessionState = "active" | "idle" | "closing" | "closed";

/** `runtimes[]` of the handshake and of `runtime/list`. */
export interface RuntimeInfo {
  readonly id: string;
  readonly isolation: Isolation;
  readonly available: boolean;
  readonly reason?: string;
  readonly hint?: string;
  readonly startMs?: number;
}

/** `engines[]` of the handshake and of `engine/list`. */
export interface EngineInfo {
  readonly id: string;
  readonly languages: readonly string[];
  readonly extensions: readonly string[];
  readonly available: boolean;
  readonly version?: string;
  readonly reason?: string;
  readonly hint?: string;
  readonly runtimes: readonly string[];
  readonly debug: boolean;
}

/** `capabilities.experimental.codebeaker` of the answer to `initialize`. */
export interface Offer {
  readonly protocolVersion: string;
  readonly features: Readonly<Record<string, unknown>>;
  readonly unavailable?: Readonly<Record<string, string>>;
  readonly methods: readonly string[];
  readonly limits: Readonly<Record<string, number>>;
  readonly runtimes: readonly RuntimeInfo[];
  readonly engines: readonly EngineInfo[];
  readonly instanceId: string;
}

/** A session, as `session/create`, `session/get` and, but for `selection`, `session/list` tell of it. */
export interface Session {
  readonly sessionId: string;
  readonly state: SessionState;
  readonly language?: string;
  readonly workspace: { readonly mode: WorkspaceMode; readonly uri?: string; readonly path: string };
  readonly createdAt: string;
  readonly expiresAt: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly selection?: { readonly runtime: string; readonly engine?: string; readonly isolation: Isolation };
}

/** Parameters of `session/create`, as far as they are used. */
export interface SessionWish {
  language?: string;
  runtime?: string;
  preference?: string;
  minIsolation?: string;
  workspace?: { mode: WorkspaceMode; uri?: string };
  limits?: Record<string, number>;
  labels?: Record<string, string>;
}

/** The end of an execution: what `session/execute` answers and `execution/exited` tells. */
export interface Ending {
  readonly outcome: Outcome;
  readonly exitCode?: number;
  readonly signal?: string;
  readonly durationMs: number;
}

/** One of `execution/list`. */
export interface Execution extends Partial<Ending> {
  readonly executionId: string;
  readonly sessionId: string;
  readonly state: "queued" | "running" | "ended";
  readonly argv: readonly string[];
  readonly queuedAt: string;
}

/** Size of a terminal. */
export interface PtySize {
  cols: number;
  rows: number;
}

/** `source` of `session/execute`. */
export interface Source {
  code?: string;
  file?: string;
  program?: string;
  language?: string;
  uri?: string;
  args?: string[];
  cwd?: string;
  env?: Record<string, string>;
}

/** Argument of `codebeaker.run`. */
export interface RunCommand {
  uri: string;
  language?: string;
  args?: string[];
  env?: Record<string, string>;
  cwd?: string;
  timeoutMs?: number;
  sessionId?: string;
  /** Not every daemon takes these two. */
  stdin?: "pty";
  pty?: PtySize;
}

/** An entry of a directory. */
export interface Entry {
  readonly path: string;
  readonly name: string;
  readonly type: "file" | "directory" | "symlink" | "other";
  readonly size: number;
  readonly modifiedAt: string;
  readonly permissions: string;
}

/** A check of `server/doctor`. */
export interface Check {
  readonly id: string;
  readonly status: "ok" | "warning" | "failed";
  readonly summary: string;
  readonly reason?: string;
  readonly fix?: { readonly description: string; readonly command?: string };
}

/** Each method that is called: its parameters and its result. */
export interface Methods {
  "server/info": [Record<string, never>, { version: string; protocolVersion: string; platform: { os: string; arch: string; kernel: string } }];
  "server/doctor": [Record<string, never>, { healthy: boolean; checks: Check[] }];
  "runtime/list": [Record<string, never>, { runtimes: RuntimeInfo[] }];
  "engine/list": [Record<string, never>, { engines: EngineInfo[] }];
  "session/create": [SessionWish, Session];
  "session/get": [{ sessionId: string }, Session];
  "session/list": [Record<string, never>, { sessions: Session[] }];
  "session/close": [{ sessionId: string }, { sessionId: string }];
  "session/execute": [
    { sessionId: string; source: Source; stdin?: "none" | "stream" | "pty"; pty?: PtySize; timeoutMs?: number; wait: false },
    { executionId: string },
  ];
  "execution/list": [{ sessionId?: string }, { executions: Execution[] }];
  "execution/stdin": [{ executionId: string; data?: string; eof?: boolean }, { acceptedBytes: number }];
  "execution/interrupt": [{ executionId: string }, Record<string, never>];
  "execution/kill": [{ executionId: string }, Record<string, never>];
  "execution/resizePty": [{ executionId: string } & PtySize, Record<string, never>];
  "execution/read": [
    { executionId: string; stream: StreamName; offset?: number; maxBytes?: number },
    { data: string; encoding: Encoding; nextOffset: number; eof: boolean; lostBytes: number },
  ];
  "fs/read": [{ sessionId: string; path: string; encoding: "base64"; offset?: number; length?: number }, { data: string; size: number; eof: boolean; bytes: number }];
  "fs/write": [{ sessionId: string; path: string; data: string; encoding: Encoding; mode?: "create" | "replace" }, { created: boolean }];
  "fs/list": [{ sessionId: string; path?: string; hidden?: boolean; limit?: number }, { entries: Entry[]; truncated: boolean }];
  "fs/stat": [{ sessionId: string; path: string }, Entry];
  "fs/mkdir": [{ sessionId: string; path: string }, { created: boolean }];
  "fs/remove": [{ sessionId: string; path: string; recursive: boolean }, { removed: number }];
  "fs/move": [{ sessionId: string; from: string; to: string; overwrite: boolean }, { replaced: boolean }];
  "fs/copy": [{ sessionId: string; from: string; to: string; overwrite: boolean }, { replaced: boolean }];
  "debug/start": [{ sessionId?: string; transport: "tunnel"; configuration?: Record<string, unknown> }, { debugId: string }];
  "debug/terminate": [{ debugId: string }, Record<string, never>];
}

/** Each command of `workspace/executeCommand` that is used: its argument and its result. */
export interface Commands {
  "codebeaker.run": [RunCommand, { sessionId: string; executionId: string }];
  "codebeaker.debug": [
    { uri: string; args?: string[]; stopOnEntry?: boolean; transport: "tunnel" },
    { debugId: string; configuration: Record<string, unknown> },
  ];
  "codebeaker.stop": [{ uri?: string; executionId?: string }, { executionIds: string[] }];
  "codebeaker.newSession": [SessionWish, Session];
  "codebeaker.closeSession": [{ sessionId?: string }, { sessionId: string }];
}

/** Each notification that is listened to, and its parameters. */
export interface Notifications {
  "execution/started": { sessionId: string; executionId: string };
  "execution/output": { sessionId: string; executionId: string; seq: number; stream: StreamName; data: string; encoding: Encoding };
  "execution/outputGap": { sessionId: string; executionId: string; seq: number; stream: StreamName; lostBytes: number; reason: string };
  "execution/exited": { sessionId: string; executionId: string } & Ending;
  "session/stateChanged": { sessionId: string; from: SessionState; to: SessionState; reason: string; message?: string };
  "debug/message": { debugId: string; message: object };
  "debug/terminated": { debugId: string; reason: string };
}

/** `data` of an error of the daemon's. */
export interface FaultData {
  readonly kind?: string;
  readonly hint?: string;
  readonly path?: string;
  readonly sessionId?: string;
  readonly executionId?: string;
}

/** Numbers of errors that are acted upon. They never change their meaning. */
export const Code = {
  invalidParams: -32602,
  sessionNotFound: 1100,
  sessionClosed: 1101,
  notSupportedByRuntime: 1206,
  fileNotFound: 1500,
  alreadyExists: 1501,
  notADirectory: 1502,
  isADirectory: 1503,
  permissionDenied: 1505,
} as const;
