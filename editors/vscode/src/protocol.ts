/**
 * The shapes of the daemon's protocol, as far as the extension uses them.
 *
 * Generated from protocol.md by scripts/protocol.mjs, which has the list; a unit test compares the two.
 */

/** What the daemon says of itself in its answer to `initialize`. */
export interface InitializeServer {
  /** The version that both speak from now on. */
  readonly protocolVersion: string;
  /** The features that both have. What is absent was not negotiated. */
  readonly features: {
    /** Output is sent while programs run, like this. */
    readonly streaming?: {
      /** Encodings it understands. `base64` must be among them, for output can be any bytes; with `base64` alone, all output comes in it. */
      readonly encodings: readonly ("utf8" | "base64")[];
      /** The most bytes of output in one notification; from 1024 to 65536. */
      readonly maxChunkBytes: number;
    };
    /** Programs that run can be fed standard input. */
    readonly stdin?: boolean;
    /** Programs can have a terminal. */
    readonly pty?: boolean;
    /** Programs can be debugged, like this. */
    readonly debug?: {
      /** The ways in which the messages of the Debug Adapter Protocol can travel. */
      readonly transports: readonly ("tunnel" | "socket")[];
    };
    /** A person is asked about hosts that no rule allows. */
    readonly netAsk?: boolean;
    /** What changes in a workspace is told. */
    readonly fsWatch?: boolean;
    /** There are live interpreters. */
    readonly contexts?: boolean;
    /** What code displays is sent like this. */
    readonly richOutput?: {
      /** The MIME types that it shows, or their families, as in `image/*`. `text/plain` it always gets. */
      readonly mime: readonly string[];
      /** The longest form of one thing that it takes, in bytes as they travel; from 1024 to 2097152. What is longer is left out. */
      readonly maxInlineBytes: number;
    };
    /** What code asks for is asked of the client, like this. */
    readonly inputRequest?: {
      /** Whether it can hide what is typed; it is asked for no password otherwise. */
      readonly password: boolean;
    };
  };
  /** What can't be had here, and why: `runtime.native`, `engine.python` and the like. */
  readonly unavailable: Readonly<Record<string, string>>;
  /** Exactly the methods that may be called on this connection. */
  readonly methods: readonly string[];
  /** Limits of the daemon. */
  readonly limits: {
    /** The longest message that it reads. */
    readonly maxMessageBytes: number;
    /** Requests of one connection that it works on at a time; more are refused (1900). */
    readonly maxInFlight: number;
    /** Open sessions. */
    readonly maxSessions: number;
    /** Executions of one session that run at a time; more wait. */
    readonly maxRunning: number;
    /** Executions of one session that wait; more are refused (1304). */
    readonly maxQueued: number;
    /** Executions of one session that may begin within a minute; more are refused (1405). Absent where any number may. */
    readonly sessionExecutionsPerMinute?: number;
    /** The same of all sessions together. */
    readonly executionsPerMinute?: number;
    /** Live interpreters of one session; more are refused (1307). */
    readonly maxContexts: number;
    /** Ended executions that a session remembers. */
    readonly maxRemembered: number;
    /** Output of each stream of an execution that is kept for `execution/read`. */
    readonly keptOutputBytes: number;
    /** The most bytes of a file that `fs/read` answers at once. */
    readonly maxReadBytes: number;
  };
  /** Where code can be isolated. */
  readonly runtimes: readonly {
    /** Its name in `session/create`. */
    readonly id: string;
    /** How strictly it isolates. */
    readonly isolation: "process" | "namespaces" | "container" | "kernel" | "vm";
    /** Whether it can be used here. */
    readonly available: boolean;
    /** Why it can't be used. */
    readonly reason?: string;
    /** What would mend that. */
    readonly hint?: string;
    /** How long a sandbox of it takes to stand; absent until that was measured here. */
    readonly startMs?: number;
    /** What a sandbox of it takes before anything runs in it; absent until that was measured here, and where it is not counted, as with gVisor when it leaves control groups alone. */
    readonly memoryBytes?: number;
    /** The machines whose engines run its containers; absent for a runtime of this machine alone. */
    readonly machines?: readonly {
      /** Its name in the settings; `local` where they name none. */
      readonly name: string;
      /** Whether it can be used now. */
      readonly available: boolean;
      /** Why it can't be used. */
      readonly reason?: string;
      /** What would mend that. */
      readonly hint?: string;
      /** How many sessions it takes beside the others. */
      readonly weight: number;
      /** This daemon's sessions on it, in whatever runtime. */
      readonly sessions: number;
      /** Sandboxes of this runtime that are ready there for sessions to come. */
      readonly ready: number;
      /** Memory that those take, as far as it is known. */
      readonly readyMemoryBytes: number;
    }[];
  }[];
  /** What can run it. */
  readonly engines: readonly {
    /** Its name in `session/create`. */
    readonly id: string;
    /** The languages it runs, every name that is understood. */
    readonly languages: readonly string[];
    /** Extensions of files that it runs, without the dot. */
    readonly extensions: readonly string[];
    /** Languages that it runs from some version on, and why it does not here is told when one is asked for. */
    readonly laterLanguages?: readonly string[];
    /** Whether it makes a program of the code first: its executions have a stage `compile`. */
    readonly compiles: boolean;
    /** The least memory that a session of it needs for small programs. */
    readonly minMemoryBytes: number;
    /** The least processes and threads that a session of it needs for small programs. */
    readonly minPids: number;
    /** Whether it can be used here. */
    readonly available: boolean;
    /** Its version on this machine, else the one of the first runtime for which that is known. */
    readonly version?: string;
    /** Why it can't be used. */
    readonly reason?: string;
    /** What would mend that. */
    readonly hint?: string;
    /** The runtimes in which it can be used. */
    readonly runtimes: readonly string[];
    /** Its version in each of these, as far as that is known: of an image it is, once a session was made of that. */
    readonly versions: Readonly<Record<string, string>>;
    /** Whether it can be a live interpreter (`context/create`). */
    readonly contexts: boolean;
    /** Whether its programs can be debugged: where a debugger has to be in an image, once a session was made of that. */
    readonly debug: boolean;
  }[];
  /** Names this run of the daemon. */
  readonly instanceId: string;
}

export type ServerInfoParams = Record<string, never>;

export interface ServerInfoResult {
  /** `codebeaker`. */
  readonly name: string;
  /** Its version. */
  readonly version: string;
  /** The version of the protocol on this connection. */
  readonly protocolVersion: string;
  /** Names this run of the daemon. */
  readonly instanceId: string;
  /** Its process id. */
  readonly pid: number;
  /** When it started. */
  readonly startedAt: string;
  /** How long it runs. */
  readonly uptimeMs: number;
  /** Sessions that are open, of all connections. */
  readonly openSessions: number;
  /** What it runs on. */
  readonly platform: {
    /** Operating system: `linux`. */
    readonly os: string;
    /** Architecture: `x86_64`, `aarch64` … */
    readonly arch: string;
    /** Release of the kernel. */
    readonly kernel: string;
  };
  /** Its limits. */
  readonly limits: {
    /** The longest message that it reads. */
    readonly maxMessageBytes: number;
    /** Requests of one connection that it works on at a time; more are refused (1900). */
    readonly maxInFlight: number;
    /** Open sessions. */
    readonly maxSessions: number;
    /** Executions of one session that run at a time; more wait. */
    readonly maxRunning: number;
    /** Executions of one session that wait; more are refused (1304). */
    readonly maxQueued: number;
    /** Executions of one session that may begin within a minute; more are refused (1405). Absent where any number may. */
    readonly sessionExecutionsPerMinute?: number;
    /** The same of all sessions together. */
    readonly executionsPerMinute?: number;
    /** Live interpreters of one session; more are refused (1307). */
    readonly maxContexts: number;
    /** Ended executions that a session remembers. */
    readonly maxRemembered: number;
    /** Output of each stream of an execution that is kept for `execution/read`. */
    readonly keptOutputBytes: number;
    /** The most bytes of a file that `fs/read` answers at once. */
    readonly maxReadBytes: number;
  };
  /** What can't be had here, and why. */
  readonly unavailable: Readonly<Record<string, string>>;
}

export type ServerDoctorParams = Record<string, never>;

export interface ServerDoctorResult {
  /** Whether sessions can be created here. */
  readonly healthy: boolean;
  /** What was looked at. */
  readonly checks: readonly {
    /** Names the check, the same in every version: `runtime.native`, `limits.memory`, `engine.python` … */
    readonly id: string;
    /** What came of it. */
    readonly status: "ok" | "warning" | "failed";
    /** What was found, in one line. */
    readonly summary: string;
    /** Why it is so, where it is not `ok`. */
    readonly reason?: string;
    /** What would mend it. */
    readonly fix?: {
      /** What it does, for a person to read. */
      readonly description: string;
      /** A command that does it. */
      readonly command?: string;
    };
  }[];
}

export type RuntimeListParams = Record<string, never>;

export interface RuntimeListResult {
  /** All runtimes that the daemon knows, usable here or not. */
  readonly runtimes: readonly {
    /** Its name in `session/create`. */
    readonly id: string;
    /** How strictly it isolates. */
    readonly isolation: "process" | "namespaces" | "container" | "kernel" | "vm";
    /** Whether it can be used here. */
    readonly available: boolean;
    /** Why it can't be used. */
    readonly reason?: string;
    /** What would mend that. */
    readonly hint?: string;
    /** How long a sandbox of it takes to stand; absent until that was measured here. */
    readonly startMs?: number;
    /** What a sandbox of it takes before anything runs in it; absent until that was measured here, and where it is not counted, as with gVisor when it leaves control groups alone. */
    readonly memoryBytes?: number;
    /** The machines whose engines run its containers; absent for a runtime of this machine alone. */
    readonly machines?: readonly {
      /** Its name in the settings; `local` where they name none. */
      readonly name: string;
      /** Whether it can be used now. */
      readonly available: boolean;
      /** Why it can't be used. */
      readonly reason?: string;
      /** What would mend that. */
      readonly hint?: string;
      /** How many sessions it takes beside the others. */
      readonly weight: number;
      /** This daemon's sessions on it, in whatever runtime. */
      readonly sessions: number;
      /** Sandboxes of this runtime that are ready there for sessions to come. */
      readonly ready: number;
      /** Memory that those take, as far as it is known. */
      readonly readyMemoryBytes: number;
    }[];
  }[];
  /** Interpreters that stand by in sessions, for code to come. */
  readonly ahead: {
    /** How many there are. */
    readonly interpreters: number;
    /** Memory of their own, of those that were weighed: each is, soon after its start. */
    readonly memoryBytes: number;
    /** The most that there may be. */
    readonly maxInterpreters: number;
    /** The most memory that they may have: one that is beyond it is given up. */
    readonly maxMemoryBytes: number;
  };
}

export type EngineListParams = Record<string, never>;

export interface EngineListResult {
  /** All engines that the daemon knows, usable here or not. */
  readonly engines: readonly {
    /** Its name in `session/create`. */
    readonly id: string;
    /** The languages it runs, every name that is understood. */
    readonly languages: readonly string[];
    /** Extensions of files that it runs, without the dot. */
    readonly extensions: readonly string[];
    /** Languages that it runs from some version on, and why it does not here is told when one is asked for. */
    readonly laterLanguages?: readonly string[];
    /** Whether it makes a program of the code first: its executions have a stage `compile`. */
    readonly compiles: boolean;
    /** The least memory that a session of it needs for small programs. */
    readonly minMemoryBytes: number;
    /** The least processes and threads that a session of it needs for small programs. */
    readonly minPids: number;
    /** Whether it can be used here. */
    readonly available: boolean;
    /** Its version on this machine, else the one of the first runtime for which that is known. */
    readonly version?: string;
    /** Why it can't be used. */
    readonly reason?: string;
    /** What would mend that. */
    readonly hint?: string;
    /** The runtimes in which it can be used. */
    readonly runtimes: readonly string[];
    /** Its version in each of these, as far as that is known: of an image it is, once a session was made of that. */
    readonly versions: Readonly<Record<string, string>>;
    /** Whether it can be a live interpreter (`context/create`). */
    readonly contexts: boolean;
    /** Whether its programs can be debugged: where a debugger has to be in an image, once a session was made of that. */
    readonly debug: boolean;
  }[];
}

export interface SessionCreateParams {
  /** Language of code and files whose execution names none: `python`, `javascript`, `bash`, or another name that `engine/list` knows. */
  language?: string;
  /** The engine that runs it, by its id in `engine/list`. Without it, the best one for the language. */
  engine?: string;
  /** Where it is isolated, by its id in `runtime/list`. Without it, the best one by `preference`. */
  runtime?: string;
  /** The image to take, by name and tag, in place of the engine's own; only of runtimes that have images. */
  image?: string;
  /** What decides between runtimes that would do. */
  preference?: "security" | "speed" | "memory" | "balanced";
  /** No runtime that isolates less is taken, whatever else is asked for. */
  minIsolation?: "process" | "namespaces" | "container" | "kernel" | "vm";
  /** What happens when the `runtime` that was asked for can't be used. */
  fallback?: "refuse" | "allow";
  /** What is in `/workspace`. */
  workspace?: {
    /** How the workspace relates to the host. */
    mode?: "none" | "copy" | "bindRo" | "bindRw" | "overlay";
    /** The host directory, as a `file:` URI. Needed by every mode but `none`. */
    uri?: string;
    /** With `copy`: files and directories of these names are left out at every level; `*` matches any run of characters. */
    exclude?: string[];
  };
  /** Environment variables of every program in the session, beside the few that make a sandbox usable (`PATH`, `HOME`, `LANG` …). Nothing of the daemon's own environment gets in. */
  env?: Record<string, string>;
  /** Limits, together for all that runs in the session. */
  limits?: {
    /** Memory of all processes together. */
    memoryBytes?: number;
    /** Processors that may be busy at a time; a fraction is possible where a cgroup enforces it. Without it, all there are. */
    cpu?: number;
    /** Processes and threads at a time. */
    pids?: number;
    /** Bytes that the files of a workspace in memory (`none`, `copy`, `overlay`) may take; where the workspace is a directory of the host, the size of any one file. */
    diskBytes?: number;
    /** Output that each execution passes on, all its streams together. What comes after is counted and announced as a gap. */
    outputBytes?: number;
    /** Open files of each process. */
    openFiles?: number;
    /** Wall time of an execution that names no `timeoutMs` of its own. */
    executionTimeoutMs?: number;
  };
  /** What of the network can be reached from inside. */
  network?: {
    /** Which destinations. */
    mode?: "none" | "allowlist" | "full";
    /** With `allowlist`: the hosts. `example.org` and `example.org:443` stand for that host, at any port or at one; `*.example.org` for every name below it; an address for itself, in brackets where it has colons. */
    allow?: string[];
  };
  /** The session is closed when it was not used for so long. An execution that runs is use. */
  idleTimeoutMs?: number;
  /** The session is closed at this age, used or not. */
  maxLifetimeMs?: number;
  /** How long the session outlives its client. */
  persist?: "connection" | "untilClosed";
  /** The client's own notes on the session; the daemon only gives them back. */
  labels?: Record<string, string>;
  /** Makes the request repeatable: while the session that a first `session/create` made with this token lives, a second one answers that session and makes none. */
  clientToken?: string;
  /** Reports progress under this token. */
  workDoneToken?: number | string;
}

export interface SessionCreateResult {
  /** Names it from now on. */
  readonly sessionId: string;
  /** What it is up to. */
  readonly state: "active" | "idle" | "closing" | "closed";
  /** Language of code whose execution names none. */
  readonly language?: string;
  /** Its workspace. */
  readonly workspace: {
    /** How it relates to the host. */
    readonly mode: "none" | "copy" | "bindRo" | "bindRw" | "overlay";
    /** The host directory; absent with `none`. */
    readonly uri?: string;
    /** Where programs see it. */
    readonly path: string;
  };
  /** What of the network can be reached. */
  readonly network: {
    /** Which destinations. */
    readonly mode: "none" | "allowlist" | "full";
    /** With `allowlist`: the hosts. `example.org` and `example.org:443` stand for that host, at any port or at one; `*.example.org` for every name below it; an address for itself, in brackets where it has colons. */
    readonly allow: readonly string[];
  };
  /** How long it outlives its client. */
  readonly persist: "connection" | "untilClosed";
  /** When it was created. */
  readonly createdAt: string;
  /** When it was last used. */
  readonly lastUsedAt: string;
  /** When it will be closed, if it is not used before. */
  readonly expiresAt: string;
  /** It is closed when it was not used for so long. */
  readonly idleTimeoutMs: number;
  /** It is closed at this age. */
  readonly maxLifetimeMs: number;
  /** Its executions, counted. */
  readonly executions: {
    /** That wait for their turn. */
    readonly queued: number;
    /** That run. */
    readonly running: number;
    /** That have ended. */
    readonly ended: number;
  };
  /** The client's notes. */
  readonly labels: Readonly<Record<string, string>>;
  /** Which runtime and engine it got, and why. */
  readonly selection: {
    /** The runtime, by its id in `runtime/list`. */
    readonly runtime: string;
    /** The engine of the session's language; absent when it has none. */
    readonly engine?: string;
    /** How strictly it isolates. */
    readonly isolation: "process" | "namespaces" | "container" | "kernel" | "vm";
    /** The machine that the session is on, where its runtime has several. */
    readonly machine?: string;
    /** The container that the session is in, by its engine's id; absent where it is in none. */
    readonly container?: string;
    /** The runtime that was asked for, where this one had to be taken in its place (`fallback`). */
    readonly inPlaceOf?: string;
    /** Every pair that was considered, the chosen one first. */
    readonly considered: readonly {
      /** The runtime. */
      readonly runtime: string;
      /** The engine; absent when the session has no language. */
      readonly engine?: string;
      /** How strictly the runtime isolates. */
      readonly isolation: "process" | "namespaces" | "container" | "kernel" | "vm";
      /** From 0 to 1, higher is better; 0 for what was rejected. */
      readonly score: number;
      /** Why it can't be taken; absent when it could. */
      readonly rejectedBecause?: string;
      /** What would mend that. */
      readonly hint?: string;
    }[];
  };
  /** The limits in force, each with who sees to it. */
  readonly effectiveLimits: {
    /** Memory of all processes together. */
    readonly memoryBytes: {
      /** The limit; `null` when there is none. */
      readonly value: number;
      /** Who sees to it. */
      readonly enforcedBy: "cgroupV2" | "cgroupV1" | "rlimit" | "tmpfs" | "affinity" | "watchdog" | "daemon" | "nobody";
      /** What a reader should know about this way of enforcing it. */
      readonly note?: string;
    };
    /** Processors that may be busy at a time. */
    readonly cpu: {
      /** The limit; `null` when there is none. */
      readonly value: number;
      /** Who sees to it. */
      readonly enforcedBy: "cgroupV2" | "cgroupV1" | "rlimit" | "tmpfs" | "affinity" | "watchdog" | "daemon" | "nobody";
      /** What a reader should know about this way of enforcing it. */
      readonly note?: string;
    };
    /** Processes and threads at a time. Its fields are those of `effectiveLimits.memoryBytes`. */
    readonly pids: {
      /** The limit; `null` when there is none. */
      readonly value: number;
      /** Who sees to it. */
      readonly enforcedBy: "cgroupV2" | "cgroupV1" | "rlimit" | "tmpfs" | "affinity" | "watchdog" | "daemon" | "nobody";
      /** What a reader should know about this way of enforcing it. */
      readonly note?: string;
    };
    /** Bytes of files. Its fields are those of `effectiveLimits.memoryBytes`. */
    readonly diskBytes: {
      /** The limit; `null` when there is none. */
      readonly value: number;
      /** Who sees to it. */
      readonly enforcedBy: "cgroupV2" | "cgroupV1" | "rlimit" | "tmpfs" | "affinity" | "watchdog" | "daemon" | "nobody";
      /** What a reader should know about this way of enforcing it. */
      readonly note?: string;
    };
    /** Output of each execution. Its fields are those of `effectiveLimits.memoryBytes`. */
    readonly outputBytes: {
      /** The limit; `null` when there is none. */
      readonly value: number;
      /** Who sees to it. */
      readonly enforcedBy: "cgroupV2" | "cgroupV1" | "rlimit" | "tmpfs" | "affinity" | "watchdog" | "daemon" | "nobody";
      /** What a reader should know about this way of enforcing it. */
      readonly note?: string;
    };
    /** Open files of each process. Its fields are those of `effectiveLimits.memoryBytes`. */
    readonly openFiles: {
      /** The limit; `null` when there is none. */
      readonly value: number;
      /** Who sees to it. */
      readonly enforcedBy: "cgroupV2" | "cgroupV1" | "rlimit" | "tmpfs" | "affinity" | "watchdog" | "daemon" | "nobody";
      /** What a reader should know about this way of enforcing it. */
      readonly note?: string;
    };
    /** Wall time of each execution that names no `timeoutMs`. Its fields are those of `effectiveLimits.memoryBytes`. */
    readonly executionTimeoutMs: {
      /** The limit; `null` when there is none. */
      readonly value: number;
      /** Who sees to it. */
      readonly enforcedBy: "cgroupV2" | "cgroupV1" | "rlimit" | "tmpfs" | "affinity" | "watchdog" | "daemon" | "nobody";
      /** What a reader should know about this way of enforcing it. */
      readonly note?: string;
    };
  };
  /** The interpreter that stands by for code to come; absent where none does. */
  readonly ahead?: {
    /** Of which engine. */
    readonly engine: string;
    /** The execution that it will be, if the next one is just like the last. */
    readonly executionId: string;
    /** Memory of its own; absent until it was weighed. */
    readonly memoryBytes?: number;
  };
}

export interface SessionGetParams {
  /** Which session. */
  sessionId: string;
}

export type SessionGetResult = SessionCreateResult;

export interface SessionListParams {
  /** Only sessions that have all these labels. */
  labels?: Record<string, string>;
}

export interface SessionListResult {
  /** The sessions of this connection that are not closed, oldest first; each as `session/get` tells of it. */
  readonly sessions: readonly {
    /** Names it from now on. */
    readonly sessionId: string;
    /** What it is up to. */
    readonly state: "active" | "idle" | "closing" | "closed";
    /** Language of code whose execution names none. */
    readonly language?: string;
    /** Its workspace. */
    readonly workspace: {
      /** How it relates to the host. */
      readonly mode: "none" | "copy" | "bindRo" | "bindRw" | "overlay";
      /** The host directory; absent with `none`. */
      readonly uri?: string;
      /** Where programs see it. */
      readonly path: string;
    };
    /** What of the network can be reached. */
    readonly network: {
      /** Which destinations. */
      readonly mode: "none" | "allowlist" | "full";
      /** With `allowlist`: the hosts. `example.org` and `example.org:443` stand for that host, at any port or at one; `*.example.org` for every name below it; an address for itself, in brackets where it has colons. */
      readonly allow: readonly string[];
    };
    /** How long it outlives its client. */
    readonly persist: "connection" | "untilClosed";
    /** When it was created. */
    readonly createdAt: string;
    /** When it was last used. */
    readonly lastUsedAt: string;
    /** When it will be closed, if it is not used before. */
    readonly expiresAt: string;
    /** It is closed when it was not used for so long. */
    readonly idleTimeoutMs: number;
    /** It is closed at this age. */
    readonly maxLifetimeMs: number;
    /** Its executions, counted. */
    readonly executions: {
      /** That wait for their turn. */
      readonly queued: number;
      /** That run. */
      readonly running: number;
      /** That have ended. */
      readonly ended: number;
    };
    /** The client's notes. */
    readonly labels: Readonly<Record<string, string>>;
    /** Which runtime and engine it got, and why. */
    readonly selection: {
      /** The runtime, by its id in `runtime/list`. */
      readonly runtime: string;
      /** The engine of the session's language; absent when it has none. */
      readonly engine?: string;
      /** How strictly it isolates. */
      readonly isolation: "process" | "namespaces" | "container" | "kernel" | "vm";
      /** The machine that the session is on, where its runtime has several. */
      readonly machine?: string;
      /** The container that the session is in, by its engine's id; absent where it is in none. */
      readonly container?: string;
      /** The runtime that was asked for, where this one had to be taken in its place (`fallback`). */
      readonly inPlaceOf?: string;
      /** Every pair that was considered, the chosen one first. */
      readonly considered: readonly {
        /** The runtime. */
        readonly runtime: string;
        /** The engine; absent when the session has no language. */
        readonly engine?: string;
        /** How strictly the runtime isolates. */
        readonly isolation: "process" | "namespaces" | "container" | "kernel" | "vm";
        /** From 0 to 1, higher is better; 0 for what was rejected. */
        readonly score: number;
        /** Why it can't be taken; absent when it could. */
        readonly rejectedBecause?: string;
        /** What would mend that. */
        readonly hint?: string;
      }[];
    };
    /** The limits in force, each with who sees to it. */
    readonly effectiveLimits: {
      /** Memory of all processes together. */
      readonly memoryBytes: {
        /** The limit; `null` when there is none. */
        readonly value: number;
        /** Who sees to it. */
        readonly enforcedBy: "cgroupV2" | "cgroupV1" | "rlimit" | "tmpfs" | "affinity" | "watchdog" | "daemon" | "nobody";
        /** What a reader should know about this way of enforcing it. */
        readonly note?: string;
      };
      /** Processors that may be busy at a time. */
      readonly cpu: {
        /** The limit; `null` when there is none. */
        readonly value: number;
        /** Who sees to it. */
        readonly enforcedBy: "cgroupV2" | "cgroupV1" | "rlimit" | "tmpfs" | "affinity" | "watchdog" | "daemon" | "nobody";
        /** What a reader should know about this way of enforcing it. */
        readonly note?: string;
      };
      /** Processes and threads at a time. Its fields are those of `sessions[].effectiveLimits.memoryBytes`. */
      readonly pids: {
        /** The limit; `null` when there is none. */
        readonly value: number;
        /** Who sees to it. */
        readonly enforcedBy: "cgroupV2" | "cgroupV1" | "rlimit" | "tmpfs" | "affinity" | "watchdog" | "daemon" | "nobody";
        /** What a reader should know about this way of enforcing it. */
        readonly note?: string;
      };
      /** Bytes of files. Its fields are those of `sessions[].effectiveLimits.memoryBytes`. */
      readonly diskBytes: {
        /** The limit; `null` when there is none. */
        readonly value: number;
        /** Who sees to it. */
        readonly enforcedBy: "cgroupV2" | "cgroupV1" | "rlimit" | "tmpfs" | "affinity" | "watchdog" | "daemon" | "nobody";
        /** What a reader should know about this way of enforcing it. */
        readonly note?: string;
      };
      /** Output of each execution. Its fields are those of `sessions[].effectiveLimits.memoryBytes`. */
      readonly outputBytes: {
        /** The limit; `null` when there is none. */
        readonly value: number;
        /** Who sees to it. */
        readonly enforcedBy: "cgroupV2" | "cgroupV1" | "rlimit" | "tmpfs" | "affinity" | "watchdog" | "daemon" | "nobody";
        /** What a reader should know about this way of enforcing it. */
        readonly note?: string;
      };
      /** Open files of each process. Its fields are those of `sessions[].effectiveLimits.memoryBytes`. */
      readonly openFiles: {
        /** The limit; `null` when there is none. */
        readonly value: number;
        /** Who sees to it. */
        readonly enforcedBy: "cgroupV2" | "cgroupV1" | "rlimit" | "tmpfs" | "affinity" | "watchdog" | "daemon" | "nobody";
        /** What a reader should know about this way of enforcing it. */
        readonly note?: string;
      };
      /** Wall time of each execution that names no `timeoutMs`. Its fields are those of `sessions[].effectiveLimits.memoryBytes`. */
      readonly executionTimeoutMs: {
        /** The limit; `null` when there is none. */
        readonly value: number;
        /** Who sees to it. */
        readonly enforcedBy: "cgroupV2" | "cgroupV1" | "rlimit" | "tmpfs" | "affinity" | "watchdog" | "daemon" | "nobody";
        /** What a reader should know about this way of enforcing it. */
        readonly note?: string;
      };
    };
    /** The interpreter that stands by for code to come; absent where none does. */
    readonly ahead?: {
      /** Of which engine. */
      readonly engine: string;
      /** The execution that it will be, if the next one is just like the last. */
      readonly executionId: string;
      /** Memory of its own; absent until it was weighed. */
      readonly memoryBytes?: number;
    };
  }[];
}

export interface SessionCloseParams {
  /** Which session. */
  sessionId: string;
}

export interface SessionCloseResult {
  /** Which session. */
  readonly sessionId: string;
  /** How many executions were under way and were ended. */
  readonly endedExecutions: number;
}

export interface SessionExecuteParams {
  /** In which session. */
  sessionId: string;
  /** What to run. Needed, unless `command` is there. */
  source?: {
    /** Code to run. Exactly one of `code`, `file` and `program` is needed. */
    code?: string;
    /** A file of the workspace to run. */
    file?: string;
    /** A program of the sandbox to run: a name that is looked for in `PATH`, or a path. It is started as it is, never through a shell. */
    program?: string;
    /** With `code` or `file`: the language. Without it, `code` is in the language of the session, and a `file` is told by its name. */
    language?: string;
    /** With `code`: the document that it came from, so that messages can name it. */
    uri?: string;
    /** With `code`: the live interpreter that runs it, as a cell. It keeps its own language, directory and environment. */
    contextId?: string;
    /** With `contextId`: where in the document the code is, so that messages can name its lines. */
    range?: {
      /** Where it begins. */
      start: {
        /** The line, from 0. */
        line: number;
        /** The character in it, from 0, in units of UTF-16. */
        character: number;
      };
      /** Where it ends. Its fields are those of `source.range.start`. */
      end: {
        /** The line, from 0. */
        line: number;
        /** The character in it, from 0, in units of UTF-16. */
        character: number;
      };
    };
    /** Arguments of the program or script; never interpreted by a shell. */
    args?: string[];
    /** With `code` or `file`: arguments of the engine itself, which its compiler gets where it has one. */
    engineArgs?: string[];
    /** Directory to run in, relative to the workspace. Without it, the workspace itself. */
    cwd?: string;
    /** Environment variables beside those of the session, which they override. */
    env?: Record<string, string>;
  };
  /** A typed command, in place of `source` and of all that goes with that. */
  command?: {
    /** What to do. */
    type: "execute" | "write_file" | "read_file" | "create_dir" | "copy_file" | "delete_file" | "list_files" | "shell" | "diff" | "apply_patch" | "install_packages";
    /** Comes back with the result. */
    id?: string;
    /** The file or directory. */
    path?: string;
    /** The text that is written. */
    content?: string;
    /** How it is written. */
    mode?: "Create" | "Overwrite" | "Append";
    /** With directories: also those above it that are missing, or all that is in it. */
    recursive?: boolean;
    /** What is copied; also `sourcePath`. */
    source?: string;
    /** Where it is copied to; also `destinationPath`. */
    destination?: string;
    /** Whether a copy takes the place of what is there: `true` unless it is said otherwise. */
    overwrite?: boolean;
    /** The program, and nothing but its name or path; also `commandName`. No shell reads it. */
    command?: string;
    /** Its arguments, each one as it is. */
    args?: string[];
    /** Where it runs. */
    workingDirectory?: string;
    /** Variables of its environment beside those of the session. */
    environment?: Record<string, string>;
    /** The language of the code; that of the session when it is left out. */
    language?: string;
    /** Code to run. */
    code?: string;
    /** How many seconds a program may take. */
    timeout?: number;
    /** How many mebibytes of memory it may have. */
    memoryLimit?: number;
    /** How many processors it may have. */
    cpuLimit?: number;
    /** Whether it is to reach the network. The session's `network` decides that for all its programs: what does not agree with it is refused. */
    networkEnabled?: boolean;
    /** Packages that are installed; before the code runs, where there is some. */
    packages?: string[];
    /** A file of the workspace that names packages. */
    requirementsFile?: string;
    /** Who installs them: that of the language where it is left out; also `packageManager`. */
    manager?: "pip" | "npm" | "gem";
    /** Packages are a session's, so `true` is refused. */
    global?: boolean;
    /** Options of the installer, none of which is taken. */
    flags?: string[];
    /** The fields of `execute` once more, for clients that put them here. */
    params?: {
      /** As beside it. */
      language?: string;
      /** As beside it. */
      code?: string;
      /** As beside it. */
      packages?: string[];
      /** As beside it. */
      timeout?: number;
      /** As beside it. */
      memoryLimit?: number;
      /** As beside it. */
      cpuLimit?: number;
      /** As beside it. */
      networkEnabled?: boolean;
    };
    /** Names that are listed: a glob. */
    pattern?: string;
    /** Also list names that start with a dot. */
    includeHidden?: boolean;
    /** How many levels are listed; 0 for all. */
    maxDepth?: number;
    /** The file that was before. */
    originalPath?: string;
    /** Its text, in place of a file's. */
    originalContent?: string;
    /** The file that is after. */
    modifiedPath?: string;
    /** Its text, in place of a file's. */
    modifiedContent?: string;
    /** How differences are written. */
    format?: "Unified" | "Context";
    /** How many lines are shown around each. */
    contextLines?: number;
    /** The patch. */
    patch?: string;
    /** The one file that it is for. */
    targetPath?: string;
    /** Say what would be done, and do nothing. */
    dryRun?: boolean;
    /** How many leading parts of names are left out. */
    strip?: number;
  };
  /** Where its standard input comes from. */
  stdin?: "none" | "text" | "stream" | "pty";
  /** With `stdin: text`: the text. With `stdin: stream` or `pty`: what is written before all else. */
  stdinText?: string;
  /** With `stdin: pty`: the size of the terminal. Without it, 80 by 24. */
  pty?: {
    /** Characters in a row. */
    cols: number;
    /** Rows. */
    rows: number;
  };
  /** Wall time after which it is ended. Without it, the session's `executionTimeoutMs`. */
  timeoutMs?: number;
  /** Tighter limits than the session's. */
  limits?: {
    /** Memory of all its processes together. */
    memoryBytes?: number;
    /** Processors it may run on; a fraction is rounded up. */
    cpu?: number;
    /** Processes and threads beside those that run in the session already. */
    pids?: number;
    /** Size of any file that it writes. */
    diskBytes?: number;
    /** Output that it passes on, all streams together. Without it, the session's `outputBytes`. */
    outputBytes?: number;
    /** Open files of each process. */
    openFiles?: number;
    /** What happens when it prints more than `outputBytes`. */
    onOutputLimit?: "truncate" | "kill";
  };
  /** Whether to answer when it has ended; otherwise the answer holds `executionId` alone and comes at once. */
  wait?: boolean;
  /** Whether a debugger can attach to it while it runs, with `debug/start`; for code and files alone. */
  debuggable?: boolean;
  /** Reports progress under this token. */
  workDoneToken?: number | string;
}

export interface SessionExecuteResult {
  /** Which execution. */
  readonly executionId: string;
  /** What came of it. */
  readonly outcome?: "ok" | "error" | "timeout" | "killed" | "outOfMemory" | "cancelled" | "outputLimit" | "lost";
  /** With an engine that compiles: the stage in which it ended. Its exit code and signal are those below. */
  readonly stage?: "compile" | "run";
  /** Exit code of the program, when it exited. */
  readonly exitCode?: number;
  /** Name of the signal that ended the program, when one did. */
  readonly signal?: string;
  /** When the program started; absent when it never did. */
  readonly startedAt?: string;
  /** Wall time from its start to its end. */
  readonly durationMs?: number;
  /** How long it waited for its turn. */
  readonly queueMs?: number;
  /** Processor time of all its processes, of a cell that of its interpreter while it ran; 0 when its sandbox or its interpreter was lost. */
  readonly cpuMs?: number;
  /** The most memory it had, of a cell the most that its interpreter has had until then; 0 when its sandbox was lost. */
  readonly peakMemoryBytes?: number;
  /** What it wrote to standard output. */
  readonly stdout?: {
    /** Bytes that the program wrote, passed on or not. */
    readonly bytes: number;
    /** Whether some were not passed on because of a limit. */
    readonly truncated: boolean;
  };
  /** What it wrote to standard error. Its fields are those of `stdout`. */
  readonly stderr?: {
    /** Bytes that the program wrote, passed on or not. */
    readonly bytes: number;
    /** Whether some were not passed on because of a limit. */
    readonly truncated: boolean;
  };
  /** With `stdin: pty`: what its terminal showed; the other two are empty then. Its fields are those of `stdout`. */
  readonly pty?: {
    /** Bytes that the program wrote, passed on or not. */
    readonly bytes: number;
    /** Whether some were not passed on because of a limit. */
    readonly truncated: boolean;
  };
  /** With an engine that compiles: its stages, as far as it came. All else here is of them together. */
  readonly stages?: readonly {
    /** Which. */
    readonly stage: "compile" | "run";
    /** Exit code of its process, when that exited. */
    readonly exitCode?: number;
    /** Name of the signal that ended its process, when one did. */
    readonly signal?: string;
    /** When it started; absent when it never did. */
    readonly startedAt?: string;
    /** Wall time from its start to its end. */
    readonly durationMs: number;
    /** Processor time of all its processes; 0 when its sandbox was lost. */
    readonly cpuMs: number;
    /** The most memory it had; 0 when its sandbox was lost. */
    readonly peakMemoryBytes: number;
  }[];
  /** Of a cell: the error that it ended with. */
  readonly error?: {
    /** Its kind, as the language names it: `ValueError`. `ContextLost` where the interpreter went. */
    readonly name: string;
    /** What it says. */
    readonly message: string;
    /** The calls that led to it, the innermost last; at most 200. */
    readonly frames: readonly {
      /** The document, as the request named it, or the file of this machine that the workspace has; absent for what is only in the sandbox. */
      readonly uri?: string;
      /** The line in it, from 1: of a cell with a `range`, the line of the whole document. */
      readonly line: number;
      /** The column, from 1, where the language tells. */
      readonly column?: number;
      /** The function. */
      readonly function: string;
      /** The file as the interpreter names it. */
      readonly sandboxPath: string;
    }[];
  };
  /** Of a cell: whether its context has lost its interpreter with it. `context/restart` starts another. */
  readonly contextLost?: boolean;
  /** Of a cell, with `richOutput`: what it has shown, as much as is kept. Not in `execution/exited`. */
  readonly displays?: readonly {
    /** Why it is shown. */
    readonly kind: "result" | "display" | "update";
    /** The name by which it can be replaced. */
    readonly displayId?: string;
    /** Its forms by their MIME types: JSON for `application/json` and `+json`, Base64 for what is not text, else text. `text/plain` is always there. */
    readonly data: Readonly<Record<string, unknown>>;
    /** What the code says of them. */
    readonly metadata?: Readonly<Record<string, unknown>>;
    /** Forms that it has too, and that are left out: they are too long, or nothing that the client takes. */
    readonly omitted?: readonly string[];
  }[];
  /** How much more it has shown. */
  readonly displaysOmitted?: number;
}

export interface ExecutionListParams {
  /** Only those of this session. */
  sessionId?: string;
}

export interface ExecutionListResult {
  /** Those that wait, run, or have ended and are still remembered; oldest first. */
  readonly executions: readonly {
    /** Which execution. */
    readonly executionId: string;
    /** In which session. */
    readonly sessionId: string;
    /** Whether it waits, runs or has ended. */
    readonly state: "queued" | "running" | "ended";
    /** The program and its arguments; of a cell, the engine and what the cell is called. */
    readonly argv: readonly string[];
    /** The context that it is a cell of. */
    readonly contextId?: string;
    /** When it was asked for. */
    readonly queuedAt: string;
    /** Its process id inside the sandbox, while it runs. */
    readonly pid?: number;
    /** What came of it. */
    readonly outcome?: "ok" | "error" | "timeout" | "killed" | "outOfMemory" | "cancelled" | "outputLimit" | "lost";
    /** With an engine that compiles: the stage in which it ended. Its exit code and signal are those below. */
    readonly stage?: "compile" | "run";
    /** Exit code of the program, when it exited. */
    readonly exitCode?: number;
    /** Name of the signal that ended the program, when one did. */
    readonly signal?: string;
    /** When the program started; absent when it never did. */
    readonly startedAt?: string;
    /** Wall time from its start to its end. */
    readonly durationMs?: number;
    /** How long it waited for its turn. */
    readonly queueMs?: number;
    /** Processor time of all its processes, of a cell that of its interpreter while it ran; 0 when its sandbox or its interpreter was lost. */
    readonly cpuMs?: number;
    /** The most memory it had, of a cell the most that its interpreter has had until then; 0 when its sandbox was lost. */
    readonly peakMemoryBytes?: number;
    /** What it wrote to standard output. */
    readonly stdout?: {
      /** Bytes that the program wrote, passed on or not. */
      readonly bytes: number;
      /** Whether some were not passed on because of a limit. */
      readonly truncated: boolean;
    };
    /** What it wrote to standard error. Its fields are those of `executions[].stdout`. */
    readonly stderr?: {
      /** Bytes that the program wrote, passed on or not. */
      readonly bytes: number;
      /** Whether some were not passed on because of a limit. */
      readonly truncated: boolean;
    };
    /** With `stdin: pty`: what its terminal showed; the other two are empty then. Its fields are those of `executions[].stdout`. */
    readonly pty?: {
      /** Bytes that the program wrote, passed on or not. */
      readonly bytes: number;
      /** Whether some were not passed on because of a limit. */
      readonly truncated: boolean;
    };
    /** With an engine that compiles: its stages, as far as it came. All else here is of them together. */
    readonly stages?: readonly {
      /** Which. */
      readonly stage: "compile" | "run";
      /** Exit code of its process, when that exited. */
      readonly exitCode?: number;
      /** Name of the signal that ended its process, when one did. */
      readonly signal?: string;
      /** When it started; absent when it never did. */
      readonly startedAt?: string;
      /** Wall time from its start to its end. */
      readonly durationMs: number;
      /** Processor time of all its processes; 0 when its sandbox was lost. */
      readonly cpuMs: number;
      /** The most memory it had; 0 when its sandbox was lost. */
      readonly peakMemoryBytes: number;
    }[];
    /** Of a cell: the error that it ended with. */
    readonly error?: {
      /** Its kind, as the language names it: `ValueError`. `ContextLost` where the interpreter went. */
      readonly name: string;
      /** What it says. */
      readonly message: string;
      /** The calls that led to it, the innermost last; at most 200. */
      readonly frames: readonly {
        /** The document, as the request named it, or the file of this machine that the workspace has; absent for what is only in the sandbox. */
        readonly uri?: string;
        /** The line in it, from 1: of a cell with a `range`, the line of the whole document. */
        readonly line: number;
        /** The column, from 1, where the language tells. */
        readonly column?: number;
        /** The function. */
        readonly function: string;
        /** The file as the interpreter names it. */
        readonly sandboxPath: string;
      }[];
    };
    /** Of a cell: whether its context has lost its interpreter with it. `context/restart` starts another. */
    readonly contextLost?: boolean;
    /** Of a cell, with `richOutput`: what it has shown, as much as is kept. Not in `execution/exited`. */
    readonly displays?: readonly {
      /** Why it is shown. */
      readonly kind: "result" | "display" | "update";
      /** The name by which it can be replaced. */
      readonly displayId?: string;
      /** Its forms by their MIME types: JSON for `application/json` and `+json`, Base64 for what is not text, else text. `text/plain` is always there. */
      readonly data: Readonly<Record<string, unknown>>;
      /** What the code says of them. */
      readonly metadata?: Readonly<Record<string, unknown>>;
      /** Forms that it has too, and that are left out: they are too long, or nothing that the client takes. */
      readonly omitted?: readonly string[];
    }[];
    /** How much more it has shown. */
    readonly displaysOmitted?: number;
  }[];
}

export interface ExecutionGetParams {
  /** Which execution. */
  executionId: string;
}

export interface ExecutionGetResult {
  /** Which execution. */
  readonly executionId: string;
  /** In which session. */
  readonly sessionId: string;
  /** Whether it waits, runs or has ended. */
  readonly state: "queued" | "running" | "ended";
  /** The program and its arguments; of a cell, the engine and what the cell is called. */
  readonly argv: readonly string[];
  /** The context that it is a cell of. */
  readonly contextId?: string;
  /** When it was asked for. */
  readonly queuedAt: string;
  /** Its process id inside the sandbox, while it runs. */
  readonly pid?: number;
  /** What came of it. */
  readonly outcome?: "ok" | "error" | "timeout" | "killed" | "outOfMemory" | "cancelled" | "outputLimit" | "lost";
  /** With an engine that compiles: the stage in which it ended. Its exit code and signal are those below. */
  readonly stage?: "compile" | "run";
  /** Exit code of the program, when it exited. */
  readonly exitCode?: number;
  /** Name of the signal that ended the program, when one did. */
  readonly signal?: string;
  /** When the program started; absent when it never did. */
  readonly startedAt?: string;
  /** Wall time from its start to its end. */
  readonly durationMs?: number;
  /** How long it waited for its turn. */
  readonly queueMs?: number;
  /** Processor time of all its processes, of a cell that of its interpreter while it ran; 0 when its sandbox or its interpreter was lost. */
  readonly cpuMs?: number;
  /** The most memory it had, of a cell the most that its interpreter has had until then; 0 when its sandbox was lost. */
  readonly peakMemoryBytes?: number;
  /** What it wrote to standard output. */
  readonly stdout?: {
    /** Bytes that the program wrote, passed on or not. */
    readonly bytes: number;
    /** Whether some were not passed on because of a limit. */
    readonly truncated: boolean;
  };
  /** What it wrote to standard error. Its fields are those of `stdout`. */
  readonly stderr?: {
    /** Bytes that the program wrote, passed on or not. */
    readonly bytes: number;
    /** Whether some were not passed on because of a limit. */
    readonly truncated: boolean;
  };
  /** With `stdin: pty`: what its terminal showed; the other two are empty then. Its fields are those of `stdout`. */
  readonly pty?: {
    /** Bytes that the program wrote, passed on or not. */
    readonly bytes: number;
    /** Whether some were not passed on because of a limit. */
    readonly truncated: boolean;
  };
  /** With an engine that compiles: its stages, as far as it came. All else here is of them together. */
  readonly stages?: readonly {
    /** Which. */
    readonly stage: "compile" | "run";
    /** Exit code of its process, when that exited. */
    readonly exitCode?: number;
    /** Name of the signal that ended its process, when one did. */
    readonly signal?: string;
    /** When it started; absent when it never did. */
    readonly startedAt?: string;
    /** Wall time from its start to its end. */
    readonly durationMs: number;
    /** Processor time of all its processes; 0 when its sandbox was lost. */
    readonly cpuMs: number;
    /** The most memory it had; 0 when its sandbox was lost. */
    readonly peakMemoryBytes: number;
  }[];
  /** Of a cell: the error that it ended with. */
  readonly error?: {
    /** Its kind, as the language names it: `ValueError`. `ContextLost` where the interpreter went. */
    readonly name: string;
    /** What it says. */
    readonly message: string;
    /** The calls that led to it, the innermost last; at most 200. */
    readonly frames: readonly {
      /** The document, as the request named it, or the file of this machine that the workspace has; absent for what is only in the sandbox. */
      readonly uri?: string;
      /** The line in it, from 1: of a cell with a `range`, the line of the whole document. */
      readonly line: number;
      /** The column, from 1, where the language tells. */
      readonly column?: number;
      /** The function. */
      readonly function: string;
      /** The file as the interpreter names it. */
      readonly sandboxPath: string;
    }[];
  };
  /** Of a cell: whether its context has lost its interpreter with it. `context/restart` starts another. */
  readonly contextLost?: boolean;
  /** Of a cell, with `richOutput`: what it has shown, as much as is kept. Not in `execution/exited`. */
  readonly displays?: readonly {
    /** Why it is shown. */
    readonly kind: "result" | "display" | "update";
    /** The name by which it can be replaced. */
    readonly displayId?: string;
    /** Its forms by their MIME types: JSON for `application/json` and `+json`, Base64 for what is not text, else text. `text/plain` is always there. */
    readonly data: Readonly<Record<string, unknown>>;
    /** What the code says of them. */
    readonly metadata?: Readonly<Record<string, unknown>>;
    /** Forms that it has too, and that are left out: they are too long, or nothing that the client takes. */
    readonly omitted?: readonly string[];
  }[];
  /** How much more it has shown. */
  readonly displaysOmitted?: number;
}

export interface ExecutionReadParams {
  /** Which execution. */
  executionId: string;
  /** Which of its streams. */
  stream: "stdout" | "stderr" | "pty";
  /** Byte position in the stream to read from. */
  offset?: number;
  /** The most bytes to answer; 1048576 and no more. */
  maxBytes?: number;
  /** When there is nothing at `offset` yet: how long to wait for something. */
  waitMs?: number;
}

export interface ExecutionReadResult {
  /** The output. It never ends within a UTF-8 character. */
  readonly data: string;
  /** What `data` is. */
  readonly encoding: "utf8" | "base64";
  /** Byte position of the first byte of `data`; beyond the `offset` asked for where older output is no longer kept. */
  readonly offset: number;
  /** Where to read on. */
  readonly nextOffset: number;
  /** Whether nothing more will come after `nextOffset`. */
  readonly eof: boolean;
  /** Bytes between the `offset` asked for and the one answered, which are no longer kept. */
  readonly lostBytes: number;
}

export interface ExecutionStdinParams {
  /** Which execution. */
  executionId: string;
  /** What to write. */
  data?: string;
  /** What `data` is. */
  encoding?: "utf8" | "base64";
  /** Whether standard input is at its end after it. A terminal is sent its end-of-file character. */
  eof?: boolean;
}

export interface ExecutionStdinResult {
  /** How many bytes were taken on their way to the program: all of them, unless the request was cancelled. */
  readonly acceptedBytes: number;
}

export interface ExecutionInterruptParams {
  /** Which execution. */
  executionId: string;
}

export type ExecutionInterruptResult = Record<string, never>;

export interface ExecutionKillParams {
  /** Which execution. */
  executionId: string;
}

export type ExecutionKillResult = Record<string, never>;

export interface ExecutionResizePtyParams {
  /** Which execution. */
  executionId: string;
  /** Characters in a row. */
  cols: number;
  /** Rows. */
  rows: number;
}

export type ExecutionResizePtyResult = Record<string, never>;

export interface ContextCreateParams {
  /** In which session. */
  sessionId: string;
  /** In which language: `python`, `javascript` or `typescript`. Without it and without `engine`, that of the session. */
  language?: string;
  /** Which engine: one whose `contexts` is true in `engine/list`. */
  engine?: string;
  /** Directory to start in, relative to the workspace. Without it, the workspace itself. */
  cwd?: string;
  /** Environment variables beside those of the session, which they override. */
  env?: Record<string, string>;
}

export interface ContextCreateResult {
  /** Which context. */
  readonly contextId: string;
  /** In which session. */
  readonly sessionId: string;
  /** What it is an interpreter of. */
  readonly engine: string;
  /** Its language. */
  readonly language: string;
  /** Version of the interpreter, as it says itself. */
  readonly version?: string;
  /** How it is. */
  readonly state: "starting" | "idle" | "busy" | "crashed" | "closed";
  /** With `crashed`: what became of its interpreter. */
  readonly reason?: string;
  /** Process id of the interpreter inside the sandbox, while it is idle. */
  readonly pid?: number;
  /** How many cells and questions run or wait in it. */
  readonly load: number;
  /** When it was asked for. */
  readonly createdAt: string;
}

export interface ContextListParams {
  /** Only those of this session. */
  sessionId?: string;
}

export interface ContextListResult {
  /** The contexts, the oldest of each session first. */
  readonly contexts: readonly {
    /** Which context. */
    readonly contextId: string;
    /** In which session. */
    readonly sessionId: string;
    /** What it is an interpreter of. */
    readonly engine: string;
    /** Its language. */
    readonly language: string;
    /** Version of the interpreter, as it says itself. */
    readonly version?: string;
    /** How it is. */
    readonly state: "starting" | "idle" | "busy" | "crashed" | "closed";
    /** With `crashed`: what became of its interpreter. */
    readonly reason?: string;
    /** Process id of the interpreter inside the sandbox, while it is idle. */
    readonly pid?: number;
    /** How many cells and questions run or wait in it. */
    readonly load: number;
    /** When it was asked for. */
    readonly createdAt: string;
  }[];
}

export interface ContextRestartParams {
  /** Which context. */
  contextId: string;
}

export type ContextRestartResult = ContextCreateResult;

export interface ContextDeleteParams {
  /** Which context. */
  contextId: string;
}

export type ContextDeleteResult = Record<string, never>;

export interface PackageInstallParams {
  /** Which session. */
  sessionId: string;
  /** Who installs. */
  manager: "pip" | "npm" | "gem";
  /** Packages by their names in the registry, with extras and versions as the manager writes them. With `npm`, none means those of `package.json`, with `gem` those of the `Gemfile`. */
  packages?: string[];
  /** With `pip`: a file of requirements in the workspace. Names, versions, markers and hashes are read, options refused. */
  requirements?: string;
  /** Exactly what is pinned: with `pip`, requirements that all have hashes; with `npm`, `package-lock.json`, with `gem`, `Gemfile.lock`. */
  locked?: boolean;
  /** Packages may run programs of their own for it: scripts of npm's, builds from source of pip's, extensions and plug-ins of gem's. */
  scripts?: boolean;
  /** How long it may take. 600000 when absent. */
  timeoutMs?: number;
  /** Reports progress under this token. */
  workDoneToken?: number | string;
}

export interface PackageInstallResult {
  /** The execution that installed. */
  readonly executionId: string;
  /** What came of it. */
  readonly outcome: "ok" | "error" | "timeout" | "killed" | "outOfMemory" | "cancelled" | "outputLimit" | "lost";
  /** With an engine that compiles: the stage in which it ended. Its exit code and signal are those below. */
  readonly stage?: "compile" | "run";
  /** Exit code of the program, when it exited. */
  readonly exitCode?: number;
  /** Name of the signal that ended the program, when one did. */
  readonly signal?: string;
  /** When the program started; absent when it never did. */
  readonly startedAt?: string;
  /** Wall time from its start to its end. */
  readonly durationMs: number;
  /** How long it waited for its turn. */
  readonly queueMs: number;
  /** Processor time of all its processes, of a cell that of its interpreter while it ran; 0 when its sandbox or its interpreter was lost. */
  readonly cpuMs: number;
  /** The most memory it had, of a cell the most that its interpreter has had until then; 0 when its sandbox was lost. */
  readonly peakMemoryBytes: number;
  /** What it wrote to standard output. */
  readonly stdout: {
    /** Bytes that the program wrote, passed on or not. */
    readonly bytes: number;
    /** Whether some were not passed on because of a limit. */
    readonly truncated: boolean;
  };
  /** What it wrote to standard error. Its fields are those of `stdout`. */
  readonly stderr: {
    /** Bytes that the program wrote, passed on or not. */
    readonly bytes: number;
    /** Whether some were not passed on because of a limit. */
    readonly truncated: boolean;
  };
  /** With `stdin: pty`: what its terminal showed; the other two are empty then. Its fields are those of `stdout`. */
  readonly pty?: {
    /** Bytes that the program wrote, passed on or not. */
    readonly bytes: number;
    /** Whether some were not passed on because of a limit. */
    readonly truncated: boolean;
  };
  /** With an engine that compiles: its stages, as far as it came. All else here is of them together. */
  readonly stages?: readonly {
    /** Which. */
    readonly stage: "compile" | "run";
    /** Exit code of its process, when that exited. */
    readonly exitCode?: number;
    /** Name of the signal that ended its process, when one did. */
    readonly signal?: string;
    /** When it started; absent when it never did. */
    readonly startedAt?: string;
    /** Wall time from its start to its end. */
    readonly durationMs: number;
    /** Processor time of all its processes; 0 when its sandbox was lost. */
    readonly cpuMs: number;
    /** The most memory it had; 0 when its sandbox was lost. */
    readonly peakMemoryBytes: number;
  }[];
  /** Of a cell: the error that it ended with. */
  readonly error?: {
    /** Its kind, as the language names it: `ValueError`. `ContextLost` where the interpreter went. */
    readonly name: string;
    /** What it says. */
    readonly message: string;
    /** The calls that led to it, the innermost last; at most 200. */
    readonly frames: readonly {
      /** The document, as the request named it, or the file of this machine that the workspace has; absent for what is only in the sandbox. */
      readonly uri?: string;
      /** The line in it, from 1: of a cell with a `range`, the line of the whole document. */
      readonly line: number;
      /** The column, from 1, where the language tells. */
      readonly column?: number;
      /** The function. */
      readonly function: string;
      /** The file as the interpreter names it. */
      readonly sandboxPath: string;
    }[];
  };
  /** Of a cell: whether its context has lost its interpreter with it. `context/restart` starts another. */
  readonly contextLost?: boolean;
  /** Of a cell, with `richOutput`: what it has shown, as much as is kept. Not in `execution/exited`. */
  readonly displays?: readonly {
    /** Why it is shown. */
    readonly kind: "result" | "display" | "update";
    /** The name by which it can be replaced. */
    readonly displayId?: string;
    /** Its forms by their MIME types: JSON for `application/json` and `+json`, Base64 for what is not text, else text. `text/plain` is always there. */
    readonly data: Readonly<Record<string, unknown>>;
    /** What the code says of them. */
    readonly metadata?: Readonly<Record<string, unknown>>;
    /** Forms that it has too, and that are left out: they are too long, or nothing that the client takes. */
    readonly omitted?: readonly string[];
  }[];
  /** How much more it has shown. */
  readonly displaysOmitted?: number;
  /** What is there now. */
  readonly packages: readonly {
    /** Its name. */
    readonly name: string;
    /** Its version. */
    readonly version: string;
  }[];
}

export interface FsReadParams {
  /** In which session. */
  sessionId: string;
  /** Which file. Needed, unless `pathBase64` is there. */
  path?: string;
  /** The same for a name that is not UTF-8. */
  pathBase64?: string;
  /** Where to start, in bytes. */
  offset?: number;
  /** How many bytes at most. Without it, all the rest, which is refused (1506) where one answer can't carry it. */
  length?: number;
  /** What `data` shall be. With `utf8` and `auto` a part that would end within a character ends before it. */
  encoding?: "auto" | "utf8" | "base64";
}

export interface FsReadResult {
  /** Which file. */
  readonly path: string;
  /** What is in it. */
  readonly data: string;
  /** What `data` is. */
  readonly encoding: "utf8" | "base64";
  /** Where `data` starts. */
  readonly offset: number;
  /** How many bytes `data` stands for. */
  readonly bytes: number;
  /** Size of the file. */
  readonly size: number;
  /** Whether `data` reaches to the end of the file. */
  readonly eof: boolean;
  /** Names the state of the file, for `ifMatch`. */
  readonly etag: string;
  /** Permission bits, in octal. */
  readonly permissions: string;
}

export interface FsWriteParams {
  /** In which session. */
  sessionId: string;
  /** Which file. Needed, unless `pathBase64` is there. */
  path?: string;
  /** The same for a name that is not UTF-8. */
  pathBase64?: string;
  /** What to write. */
  data: string;
  /** What `data` is. */
  encoding?: "utf8" | "base64";
  /** What becomes of a file that is already there. */
  mode?: "create" | "replace" | "append" | "patch";
  /** With `mode: patch`: where to write, in bytes. */
  offset?: number;
  /** Permission bits of a new file, in octal. */
  permissions?: string;
  /** Make the directories above it that are missing. */
  createParents?: boolean;
  /** Write only when the file is in the state that this `etag` names; otherwise 1507. */
  ifMatch?: string;
}

export interface FsWriteResult {
  /** Which file. */
  readonly path: string;
  /** How many bytes were written. */
  readonly bytes: number;
  /** Size of the file now. */
  readonly size: number;
  /** Names the state of the file now. */
  readonly etag: string;
  /** Whether it was not there before. */
  readonly created: boolean;
}

export interface FsListParams {
  /** In which session. */
  sessionId: string;
  /** Which directory. Without it, the workspace itself. */
  path?: string;
  /** The same for a name that is not UTF-8. */
  pathBase64?: string;
  /** Also what is in the directories below, at every level. */
  recursive?: boolean;
  /** How many levels to list, in place of `recursive`; 1 lists the directory alone. */
  depth?: number;
  /** Also names that start with a dot. */
  hidden?: boolean;
  /** The most entries to answer; 10000 and no more. */
  limit?: number;
}

export interface FsListResult {
  /** Sorted by path within each directory. */
  readonly entries: readonly {
    /** Its path from the workspace. */
    readonly path: string;
    /** Where `path` is not exact because the name is not UTF-8: the bytes of the path. */
    readonly pathBase64?: string;
    /** The last part of `path`. */
    readonly name: string;
    /** What it is. */
    readonly type: "file" | "directory" | "symlink" | "other";
    /** Its size in bytes. */
    readonly size: number;
    /** When it was last changed. */
    readonly modifiedAt: string;
    /** Permission bits, in octal. */
    readonly permissions: string;
  }[];
  /** Whether there are more than `limit`. */
  readonly truncated: boolean;
}

export interface FsStatParams {
  /** In which session. */
  sessionId: string;
  /** Which file, link or directory. Needed, unless `pathBase64` is there. */
  path?: string;
  /** The same for a name that is not UTF-8. */
  pathBase64?: string;
}

export interface FsStatResult {
  /** Its path from the workspace. */
  readonly path: string;
  /** Where `path` is not exact because the name is not UTF-8: the bytes of the path. */
  readonly pathBase64?: string;
  /** The last part of `path`. */
  readonly name: string;
  /** What it is. */
  readonly type: "file" | "directory" | "symlink" | "other";
  /** Its size in bytes. */
  readonly size: number;
  /** When it was last changed. */
  readonly modifiedAt: string;
  /** Permission bits, in octal. */
  readonly permissions: string;
  /** Names its state, for `ifMatch`. */
  readonly etag: string;
  /** Of a link: what it says. */
  readonly target?: string;
  /** Where `target` is not exact because it is not UTF-8: its bytes. */
  readonly targetBase64?: string;
}

export interface FsMkdirParams {
  /** In which session. */
  sessionId: string;
  /** Which directory. Needed, unless `pathBase64` is there. */
  path?: string;
  /** The same for a name that is not UTF-8. */
  pathBase64?: string;
  /** Make the directories above it that are missing, and be content with one that is there. Without it, they are an error (1500), and so is that (1501). */
  parents?: boolean;
  /** Its permission bits when it is made, in octal. Those above it have 755. */
  permissions?: string;
}

export interface FsMkdirResult {
  /** Which directory. */
  readonly path: string;
  /** Whether it was not there before. */
  readonly created: boolean;
}

export interface FsRemoveParams {
  /** In which session. */
  sessionId: string;
  /** Which file, link or directory. Needed, unless `pathBase64` is there. */
  path?: string;
  /** The same for a name that is not UTF-8. */
  pathBase64?: string;
  /** Also a directory that is not empty, with all that is in it. */
  recursive?: boolean;
}

export interface FsRemoveResult {
  /** How many files, links and directories were removed. */
  readonly removed: number;
}

export interface FsMoveParams {
  /** In which session. */
  sessionId: string;
  /** Which file, link or directory; a link is moved itself. Needed, unless `fromBase64` is there. */
  from?: string;
  /** The same for a name that is not UTF-8. */
  fromBase64?: string;
  /** Its new path, the name included. Needed, unless `toBase64` is there. */
  to?: string;
  /** The same for a name that is not UTF-8. */
  toBase64?: string;
  /** Take the place of what is there, as with `fs/copy`. */
  overwrite?: boolean;
  /** Make the directories above it that are missing. */
  createParents?: boolean;
}

export interface FsMoveResult {
  /** Where it is now. */
  readonly path: string;
  /** Whether it took the place of something. */
  readonly replaced: boolean;
  /** What was copied, and then removed, because the kernel could not rename it. */
  readonly copied?: {
    /** How many files, links and directories, the one at the top included. */
    readonly entries: number;
    /** The size of the files. */
    readonly bytes: number;
    /** How many pipes, sockets and devices were left out. */
    readonly skipped: number;
  };
}

export interface FsCopyParams {
  /** In which session. */
  sessionId: string;
  /** Which file, link or directory; a link is copied itself. Needed, unless `fromBase64` is there. */
  from?: string;
  /** The same for a name that is not UTF-8. */
  fromBase64?: string;
  /** Its new path, the name included. Needed, unless `toBase64` is there. */
  to?: string;
  /** The same for a name that is not UTF-8. */
  toBase64?: string;
  /** Take the place of what is there: a directory that of a directory, anything else that of anything else. A link is replaced itself, a directory with all that is in it. */
  overwrite?: boolean;
  /** Make the directories above it that are missing. */
  createParents?: boolean;
}

export interface FsCopyResult {
  /** Where it is now. */
  readonly path: string;
  /** How many files, links and directories, the one at the top included. */
  readonly entries: number;
  /** The size of the files. */
  readonly bytes: number;
  /** How many pipes, sockets and devices were left out. */
  readonly skipped: number;
  /** Whether it took the place of something. */
  readonly replaced: boolean;
}

export interface FsWatchParams {
  /** In which session. */
  sessionId: string;
  /** Which directory. Without it, the workspace itself. */
  path?: string;
  /** The same for a name that is not UTF-8. */
  pathBase64?: string;
  /** Also what is below the directories in it. */
  recursive?: boolean;
  /** Files and directories of these names are not looked at, at whatever level; `*` matches any run of characters. */
  exclude?: string[];
  /** What happens within so many milliseconds is told together: from 10 to 60000. */
  debounceMs?: number;
}

export interface FsWatchResult {
  /** Names the watch in `fs/changed` and `fs/unwatch`. */
  readonly watchId: string;
}

export interface FsUnwatchParams {
  /** In which session. */
  sessionId: string;
  /** Which watch. */
  watchId: string;
}

export interface FsUnwatchResult {
  /** Whether there was such a watch. */
  readonly ended: boolean;
}

export interface DebugStartParams {
  /** The session whose programs are debugged. Without it, `launch` describes a session of its own, which ends with the program. */
  sessionId?: string;
  /** How the messages travel. */
  transport?: "tunnel" | "socket";
  /** Arguments of `launch` or `attach`, which hold where the request itself gives none. */
  configuration?: Record<string, unknown>;
}

export interface DebugStartResult {
  /** Names it. */
  readonly debugId: string;
  /** With `transport: socket`: where to connect to. It is gone when what is debugged is. */
  readonly socket?: string;
}

export interface DebugTerminateParams {
  /** Which. */
  debugId: string;
}

export type DebugTerminateResult = Record<string, never>;

export interface RunParams {
  /** The document. An open one runs as it stands in the editor, saved or not. */
  uri: string;
  /** Its language. Without it, as the editor says, else as its name tells. */
  language?: string;
  /** Which engine runs it, by its id in `engine/list`. Without it, the best one for the language. */
  engine?: string;
  /** Arguments of the program; never interpreted by a shell. */
  args?: string[];
  /** Arguments of the engine itself, which its compiler gets where it has one. */
  engineArgs?: string[];
  /** Environment variables beside those of the session. */
  env?: Record<string, string>;
  /** Directory to run in, relative to the workspace. Without it, the workspace itself. */
  cwd?: string;
  /** Where its standard input comes from. Without it, from `stdinText` where there is that. */
  stdin?: "none" | "text" | "stream" | "pty";
  /** With `stdin: text`: the text. With `stdin: stream` or `pty`: what is written before all else. */
  stdinText?: string;
  /** With `stdin: pty`: the size of the terminal. Without it, 80 by 24. */
  pty?: {
    /** Characters in a row. */
    cols: number;
    /** Rows. */
    rows: number;
  };
  /** Wall time after which it is ended. Without it, the session's `executionTimeoutMs`. */
  timeoutMs?: number;
  /** The session to run it in. Without it, the one that `codebeaker.newSession` has opened, else one of its own. */
  sessionId?: string;
  /** Has it run in a session of its own, whatever is open, and says what that is to be. Excludes `sessionId`. */
  session?: {
    /** Where it is isolated, by its id in `runtime/list`. Without it, the best one by `preference`. */
    runtime?: string;
    /** The image to take, in place of the engine's own; only of runtimes that have images. */
    image?: string;
    /** What decides between runtimes that would do. */
    preference?: "security" | "speed" | "memory" | "balanced";
    /** No runtime that isolates less is taken, whatever else is asked for. */
    minIsolation?: "process" | "namespaces" | "container" | "kernel" | "vm";
    /** What happens when the `runtime` that was asked for can't be used. */
    fallback?: "refuse" | "allow";
    /** What is in `/workspace`. Without it, the editor's folder around the document, which programs can't change. */
    workspace?: {
      /** How the workspace relates to the host. */
      mode?: "none" | "copy" | "bindRo" | "bindRw" | "overlay";
      /** The host directory, as a `file:` URI. Needed by every mode but `none`. */
      uri?: string;
      /** With `copy`: files and directories of these names are left out at every level; `*` matches any run of characters. */
      exclude?: string[];
    };
    /** Its limits. */
    limits?: {
      /** Memory of all processes together. */
      memoryBytes?: number;
      /** Processors that may be busy at a time; a fraction is possible where a cgroup enforces it. Without it, all there are. */
      cpu?: number;
      /** Processes and threads at a time. */
      pids?: number;
      /** Bytes that the files of a workspace in memory (`none`, `copy`, `overlay`) may take; where the workspace is a directory of the host, the size of any one file. */
      diskBytes?: number;
      /** Output that each execution passes on, all its streams together. What comes after is counted and announced as a gap. */
      outputBytes?: number;
      /** Open files of each process. */
      openFiles?: number;
      /** Wall time of an execution that names no `timeoutMs` of its own. */
      executionTimeoutMs?: number;
    };
    /** What of the network can be reached from inside. */
    network?: {
      /** Which destinations. */
      mode?: "none" | "allowlist" | "full";
      /** With `allowlist`: the hosts. `example.org` and `example.org:443` stand for that host, at any port or at one; `*.example.org` for every name below it; an address for itself, in brackets where it has colons. */
      allow?: string[];
    };
  };
}

export interface RunResult {
  /** In which session. One of its own is closed when it has ended. */
  readonly sessionId: string;
  /** Which execution. */
  readonly executionId: string;
}

export interface RunCellParams {
  /** The document, which is open. Its cells run as they stand in the editor. */
  uri: string;
  /** Its language. Without it, as the editor says, else as its name tells. */
  language?: string;
  /** A line of the cell that is meant, from 0. */
  line?: number;
  /** Lines to run in place of a cell: those that this range touches, with their indentation taken off. */
  range?: {
    /** Where it begins. */
    start: {
      /** The line, from 0. */
      line: number;
      /** The character in it, from 0, in units of UTF-16. */
      character: number;
    };
    /** Where it ends. Its fields are those of `range.start`. */
    end: {
      /** The line, from 0. */
      line: number;
      /** The character in it, from 0, in units of UTF-16. */
      character: number;
    };
  };
  /** With `line`: which cells run. */
  scope?: "cell" | "above" | "below" | "all";
  /** Wall time after which each is ended. Without it, the session's `executionTimeoutMs`. */
  timeoutMs?: number;
  /** The session that the document's interpreter is in. Without it, the one that `codebeaker.newSession` has opened, else one of its own. */
  sessionId?: string;
  /** What the interpreter's own session is to be; counts when that is made. Excludes `sessionId`. */
  session?: {
    /** Where it is isolated, by its id in `runtime/list`. Without it, the best one by `preference`. */
    runtime?: string;
    /** The image to take, in place of the engine's own; only of runtimes that have images. */
    image?: string;
    /** What decides between runtimes that would do. */
    preference?: "security" | "speed" | "memory" | "balanced";
    /** No runtime that isolates less is taken, whatever else is asked for. */
    minIsolation?: "process" | "namespaces" | "container" | "kernel" | "vm";
    /** What happens when the `runtime` that was asked for can't be used. */
    fallback?: "refuse" | "allow";
    /** What is in `/workspace`. Without it, the editor's folder around the document, which programs can't change. */
    workspace?: {
      /** How the workspace relates to the host. */
      mode?: "none" | "copy" | "bindRo" | "bindRw" | "overlay";
      /** The host directory, as a `file:` URI. Needed by every mode but `none`. */
      uri?: string;
      /** With `copy`: files and directories of these names are left out at every level; `*` matches any run of characters. */
      exclude?: string[];
    };
    /** Its limits. */
    limits?: {
      /** Memory of all processes together. */
      memoryBytes?: number;
      /** Processors that may be busy at a time; a fraction is possible where a cgroup enforces it. Without it, all there are. */
      cpu?: number;
      /** Processes and threads at a time. */
      pids?: number;
      /** Bytes that the files of a workspace in memory (`none`, `copy`, `overlay`) may take; where the workspace is a directory of the host, the size of any one file. */
      diskBytes?: number;
      /** Output that each execution passes on, all its streams together. What comes after is counted and announced as a gap. */
      outputBytes?: number;
      /** Open files of each process. */
      openFiles?: number;
      /** Wall time of an execution that names no `timeoutMs` of its own. */
      executionTimeoutMs?: number;
    };
    /** What of the network can be reached from inside. */
    network?: {
      /** Which destinations. */
      mode?: "none" | "allowlist" | "full";
      /** With `allowlist`: the hosts. `example.org` and `example.org:443` stand for that host, at any port or at one; `*.example.org` for every name below it; an address for itself, in brackets where it has colons. */
      allow?: string[];
    };
  };
}

export interface RunCellResult {
  /** In which session. */
  readonly sessionId: string;
  /** In which interpreter. */
  readonly contextId: string;
  /** Which execution the first cell is. Each of the others is one too, which begins when the one before has ended well. */
  readonly executionId: string;
}

export interface RestartContextParams {
  /** The document, which is open. */
  uri: string;
}

export type RestartContextResult = ContextCreateResult;

export interface DebugParams {
  /** The document. An open one is debugged as it stands in the editor, saved or not. */
  uri: string;
  /** Its language. Without it, as the editor says, else as its name tells. */
  language?: string;
  /** Which engine runs it, by its id in `engine/list`. Without it, the best one for the language. */
  engine?: string;
  /** Arguments of the program. */
  args?: string[];
  /** Whether it is to stop at its first line. */
  stopOnEntry?: boolean;
  /** A line, from 0: only the cell that it is in is debugged, by itself, at the lines that it has in the document. */
  cellLine?: number;
  /** The session to debug it in. Without it, the one that `codebeaker.newSession` has opened, else one of its own. */
  sessionId?: string;
  /** How messages of the Debug Adapter Protocol travel. Without it, through a `socket`. */
  transport?: "tunnel" | "socket";
}

export interface DebugResult {
  /** Names it in `debug/message` and other methods. */
  readonly debugId: string;
  /** With `transport: socket`: the path of the unix socket that a debugger connects to. */
  readonly socket?: string;
  /** The arguments of `launch` that the adapter has already; what the debugger gives itself goes over them. */
  readonly configuration: Readonly<Record<string, unknown>>;
}

export interface StopParams {
  /** Only runs of this document. */
  uri?: string;
  /** Only this execution. */
  executionId?: string;
}

export interface StopResult {
  /** What is being ended: each is interrupted first, and killed if that is not heeded. */
  readonly executionIds: readonly string[];
}

export type NewSessionParams = SessionCreateParams;

export type NewSessionResult = SessionCreateResult;

export interface CloseSessionParams {
  /** Which session. Without it, the one that `codebeaker.newSession` has opened. */
  sessionId?: string;
}

export type CloseSessionResult = SessionCloseResult;

export interface ExecutionStarted {
  /** In which session. */
  readonly sessionId: string;
  /** Which execution. */
  readonly executionId: string;
  /** `compile` for a compiler; absent for the program itself. */
  readonly stage?: "compile" | "run";
  /** Its process id inside the sandbox. */
  readonly pid: number;
  /** When it started. */
  readonly startedAt: string;
}

export interface ExecutionOutput {
  /** In which session. */
  readonly sessionId: string;
  /** Which execution. */
  readonly executionId: string;
  /** 0 for the first `execution/output` or `execution/outputGap` of an execution, and one more for each that follows. */
  readonly seq: number;
  /** `compile` for what a compiler says; absent for what the program does. */
  readonly stage?: "compile" | "run";
  /** Which stream. */
  readonly stream: "stdout" | "stderr" | "pty";
  /** Byte position in that stream of the first byte of `data`. */
  readonly offset: number;
  /** The output. It never ends within a UTF-8 character. */
  readonly data: string;
  /** What `data` is. */
  readonly encoding: "utf8" | "base64";
}

export interface ExecutionOutputGap {
  /** In which session. */
  readonly sessionId: string;
  /** Which execution. */
  readonly executionId: string;
  /** Its place in the one order of output and gaps. */
  readonly seq: number;
  /** Which stream. */
  readonly stream: "stdout" | "stderr" | "pty";
  /** Byte position in that stream of the first byte that is missing. */
  readonly offset: number;
  /** How many bytes are missing. */
  readonly lostBytes: number;
  /** Why. */
  readonly reason: "outputLimit" | "daemonEnded";
}

export interface ExecutionDisplay {
  /** In which session. */
  readonly sessionId: string;
  /** Which execution. */
  readonly executionId: string;
  /** Why it is shown. */
  readonly kind: "result" | "display" | "update";
  /** The name by which it can be replaced. */
  readonly displayId?: string;
  /** Its forms by their MIME types: JSON for `application/json` and `+json`, Base64 for what is not text, else text. `text/plain` is always there. */
  readonly data: Readonly<Record<string, unknown>>;
  /** What the code says of them. */
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** Forms that it has too, and that are left out: they are too long, or nothing that the client takes. */
  readonly omitted?: readonly string[];
}

export interface ExecutionExited {
  /** In which session. */
  readonly sessionId: string;
  /** Which execution. */
  readonly executionId: string;
  /** What came of it. */
  readonly outcome: "ok" | "error" | "timeout" | "killed" | "outOfMemory" | "cancelled" | "outputLimit" | "lost";
  /** With an engine that compiles: the stage in which it ended. Its exit code and signal are those below. */
  readonly stage?: "compile" | "run";
  /** Exit code of the program, when it exited. */
  readonly exitCode?: number;
  /** Name of the signal that ended the program, when one did. */
  readonly signal?: string;
  /** When the program started; absent when it never did. */
  readonly startedAt?: string;
  /** Wall time from its start to its end. */
  readonly durationMs: number;
  /** How long it waited for its turn. */
  readonly queueMs: number;
  /** Processor time of all its processes, of a cell that of its interpreter while it ran; 0 when its sandbox or its interpreter was lost. */
  readonly cpuMs: number;
  /** The most memory it had, of a cell the most that its interpreter has had until then; 0 when its sandbox was lost. */
  readonly peakMemoryBytes: number;
  /** What it wrote to standard output. */
  readonly stdout: {
    /** Bytes that the program wrote, passed on or not. */
    readonly bytes: number;
    /** Whether some were not passed on because of a limit. */
    readonly truncated: boolean;
  };
  /** What it wrote to standard error. Its fields are those of `stdout`. */
  readonly stderr: {
    /** Bytes that the program wrote, passed on or not. */
    readonly bytes: number;
    /** Whether some were not passed on because of a limit. */
    readonly truncated: boolean;
  };
  /** With `stdin: pty`: what its terminal showed; the other two are empty then. Its fields are those of `stdout`. */
  readonly pty?: {
    /** Bytes that the program wrote, passed on or not. */
    readonly bytes: number;
    /** Whether some were not passed on because of a limit. */
    readonly truncated: boolean;
  };
  /** With an engine that compiles: its stages, as far as it came. All else here is of them together. */
  readonly stages?: readonly {
    /** Which. */
    readonly stage: "compile" | "run";
    /** Exit code of its process, when that exited. */
    readonly exitCode?: number;
    /** Name of the signal that ended its process, when one did. */
    readonly signal?: string;
    /** When it started; absent when it never did. */
    readonly startedAt?: string;
    /** Wall time from its start to its end. */
    readonly durationMs: number;
    /** Processor time of all its processes; 0 when its sandbox was lost. */
    readonly cpuMs: number;
    /** The most memory it had; 0 when its sandbox was lost. */
    readonly peakMemoryBytes: number;
  }[];
  /** Of a cell: the error that it ended with. */
  readonly error?: {
    /** Its kind, as the language names it: `ValueError`. `ContextLost` where the interpreter went. */
    readonly name: string;
    /** What it says. */
    readonly message: string;
    /** The calls that led to it, the innermost last; at most 200. */
    readonly frames: readonly {
      /** The document, as the request named it, or the file of this machine that the workspace has; absent for what is only in the sandbox. */
      readonly uri?: string;
      /** The line in it, from 1: of a cell with a `range`, the line of the whole document. */
      readonly line: number;
      /** The column, from 1, where the language tells. */
      readonly column?: number;
      /** The function. */
      readonly function: string;
      /** The file as the interpreter names it. */
      readonly sandboxPath: string;
    }[];
  };
  /** Of a cell: whether its context has lost its interpreter with it. `context/restart` starts another. */
  readonly contextLost?: boolean;
  /** Of a cell, with `richOutput`: what it has shown, as much as is kept. Not in `execution/exited`. */
  readonly displays?: readonly {
    /** Why it is shown. */
    readonly kind: "result" | "display" | "update";
    /** The name by which it can be replaced. */
    readonly displayId?: string;
    /** Its forms by their MIME types: JSON for `application/json` and `+json`, Base64 for what is not text, else text. `text/plain` is always there. */
    readonly data: Readonly<Record<string, unknown>>;
    /** What the code says of them. */
    readonly metadata?: Readonly<Record<string, unknown>>;
    /** Forms that it has too, and that are left out: they are too long, or nothing that the client takes. */
    readonly omitted?: readonly string[];
  }[];
  /** How much more it has shown. */
  readonly displaysOmitted?: number;
}

export interface SessionStateChanged {
  /** Which session. */
  readonly sessionId: string;
  /** What it was. */
  readonly from: "active" | "idle" | "closing" | "closed";
  /** What it is now. */
  readonly to: "active" | "idle" | "closing" | "closed";
  /** Why. */
  readonly reason: "used" | "unused" | "requested" | "idleTimeout" | "maxLifetime" | "runtimeLost" | "shutdown";
  /** More about it, for a person to read. */
  readonly message?: string;
}

export interface ContextStateChanged {
  /** In which session. */
  readonly sessionId: string;
  /** Which context. */
  readonly contextId: string;
  /** `crashed`: its interpreter is gone. `idle`: another was started. */
  readonly state: "starting" | "idle" | "busy" | "crashed" | "closed";
  /** With `crashed`: what became of it. */
  readonly reason?: string;
}

export interface FsChanged {
  /** In which session. */
  readonly sessionId: string;
  /** Which watch. */
  readonly watchId: string;
  /** What changed. */
  readonly changes: readonly {
    /** Its path in the workspace. */
    readonly path: string;
    /** The same where it is not UTF-8. */
    readonly pathBase64?: string;
    /** What happened to it. */
    readonly kind: "created" | "changed" | "removed" | "renamed";
    /** Of what was renamed: its path before. */
    readonly from?: string;
    /** The same where it is not UTF-8. */
    readonly fromBase64?: string;
  }[];
  /** More changed than is told here: look at the files that matter. */
  readonly overflow?: boolean;
  /** Nothing more will be told by this watch, and this is why. */
  readonly ended?: "gone" | "tooLarge" | "noWatches" | "killed";
}

export interface DebugMessage {
  /** Of what. */
  readonly debugId: string;
  /** The message: a request, a response or an event. */
  readonly message: Readonly<Record<string, unknown>>;
}

export interface DebugTerminated {
  /** What. */
  readonly debugId: string;
  /** Why. */
  readonly reason: "disconnected" | "terminated" | "unknown";
}

export interface ExecutionInputRequestParams {
  /** In which session. */
  readonly sessionId: string;
  /** Which execution. */
  readonly executionId: string;
  /** What to show to whoever is to answer. */
  readonly prompt: string;
  /** Whether the answer must not be seen on a screen. */
  readonly password: boolean;
}

export interface ExecutionInputRequestAnswer {
  /** The line, without its end. `null`, or an error in place of the answer, is the end of the input. */
  value?: string;
}

export interface NetAskParams {
  /** Whose programs want it. */
  readonly sessionId: string;
  /** Which host. What it is called is the program's choice: show it as text, and nothing else. */
  readonly host: string;
  /** At which port. */
  readonly port: number;
  /** How. */
  readonly way: "connect" | "http";
}

export interface NetAskAnswer {
  /** What the person says. */
  answer: "once" | "always" | "deny";
}

/** Each method that is called: its parameters and its result. */
export interface Methods {
  "server/info": [ServerInfoParams, ServerInfoResult];
  "server/doctor": [ServerDoctorParams, ServerDoctorResult];
  "runtime/list": [RuntimeListParams, RuntimeListResult];
  "engine/list": [EngineListParams, EngineListResult];
  "session/create": [SessionCreateParams, SessionCreateResult];
  "session/get": [SessionGetParams, SessionGetResult];
  "session/list": [SessionListParams, SessionListResult];
  "session/close": [SessionCloseParams, SessionCloseResult];
  "session/execute": [SessionExecuteParams, SessionExecuteResult];
  "execution/list": [ExecutionListParams, ExecutionListResult];
  "execution/get": [ExecutionGetParams, ExecutionGetResult];
  "execution/read": [ExecutionReadParams, ExecutionReadResult];
  "execution/stdin": [ExecutionStdinParams, ExecutionStdinResult];
  "execution/interrupt": [ExecutionInterruptParams, ExecutionInterruptResult];
  "execution/kill": [ExecutionKillParams, ExecutionKillResult];
  "execution/resizePty": [ExecutionResizePtyParams, ExecutionResizePtyResult];
  "context/create": [ContextCreateParams, ContextCreateResult];
  "context/list": [ContextListParams, ContextListResult];
  "context/restart": [ContextRestartParams, ContextRestartResult];
  "context/delete": [ContextDeleteParams, ContextDeleteResult];
  "package/install": [PackageInstallParams, PackageInstallResult];
  "fs/read": [FsReadParams, FsReadResult];
  "fs/write": [FsWriteParams, FsWriteResult];
  "fs/list": [FsListParams, FsListResult];
  "fs/stat": [FsStatParams, FsStatResult];
  "fs/mkdir": [FsMkdirParams, FsMkdirResult];
  "fs/remove": [FsRemoveParams, FsRemoveResult];
  "fs/move": [FsMoveParams, FsMoveResult];
  "fs/copy": [FsCopyParams, FsCopyResult];
  "fs/watch": [FsWatchParams, FsWatchResult];
  "fs/unwatch": [FsUnwatchParams, FsUnwatchResult];
  "debug/start": [DebugStartParams, DebugStartResult];
  "debug/terminate": [DebugTerminateParams, DebugTerminateResult];
}

/** Each command of `workspace/executeCommand` that is used: its argument and its result. */
export interface Commands {
  "codebeaker.run": [RunParams, RunResult];
  "codebeaker.runCell": [RunCellParams, RunCellResult];
  "codebeaker.restartContext": [RestartContextParams, RestartContextResult];
  "codebeaker.debug": [DebugParams, DebugResult];
  "codebeaker.stop": [StopParams, StopResult];
  "codebeaker.newSession": [NewSessionParams, NewSessionResult];
  "codebeaker.closeSession": [CloseSessionParams, CloseSessionResult];
}

/** Each notification that is listened to, and its parameters. */
export interface Notifications {
  "execution/started": ExecutionStarted;
  "execution/output": ExecutionOutput;
  "execution/outputGap": ExecutionOutputGap;
  "execution/display": ExecutionDisplay;
  "execution/exited": ExecutionExited;
  "session/stateChanged": SessionStateChanged;
  "context/stateChanged": ContextStateChanged;
  "fs/changed": FsChanged;
  "debug/message": DebugMessage;
  "debug/terminated": DebugTerminated;
}

/** Each request of the daemon's that is answered. */
export interface Asked {
  "execution/inputRequest": [ExecutionInputRequestParams, ExecutionInputRequestAnswer];
  "net/ask": [NetAskParams, NetAskAnswer];
}

/** Numbers of errors. They never change their meaning. */
export const Code = {
  ParseError: -32700,
  InvalidRequest: -32600,
  MethodNotFound: -32601,
  InvalidParams: -32602,
  InternalError: -32603,
  ServerNotInitialized: -32002,
  RequestCancelled: -32800,
  FeatureNotNegotiated: 1001,
  ProtocolVersionUnsupported: 1002,
  RequirementUnmet: 1003,
  SessionNotFound: 1100,
  SessionClosed: 1101,
  SessionBusy: 1102,
  SessionLimit: 1103,
  RuntimeUnavailable: 1200,
  LanguageUnsupported: 1201,
  IsolationUnsatisfied: 1202,
  ImageNotFound: 1203,
  ImagePullFailed: 1204,
  RuntimeLost: 1205,
  NotSupportedByRuntime: 1206,
  ImageBuildFailed: 1207,
  ImageInUse: 1208,
  ImageNotAllowed: 1209,
  ExecutionNotFound: 1300,
  NotRunning: 1301,
  StdinClosed: 1302,
  ContextNotFound: 1303,
  QueueFull: 1304,
  ProgramNotStarted: 1305,
  ContextBusy: 1306,
  ContextLimit: 1307,
  ValidationFailed: 1400,
  PathOutsideWorkspace: 1401,
  RateLimited: 1405,
  NetworkDenied: 1407,
  PortNotFound: 1420,
  PortLimit: 1421,
  PortNotOpened: 1422,
  FileNotFound: 1500,
  AlreadyExists: 1501,
  NotADirectory: 1502,
  IsADirectory: 1503,
  NotEmpty: 1504,
  PermissionDenied: 1505,
  TooLarge: 1506,
  FileChanged: 1507,
  DiskFull: 1508,
  PatchFailed: 1509,
  NotARegularFile: 1510,
  WatchLimit: 1514,
  SearchKilled: 1515,
  PackageToolMissing: 1600,
  PackageNameRefused: 1601,
  PackageToolFailed: 1602,
  PackageNotLocked: 1603,
  PackageRegistryUnusable: 1604,
  DebugNotFound: 1700,
  DebuggerUnavailable: 1701,
  DebugLimit: 1702,
  DebugSocketFailed: 1703,
  Overloaded: 1900,
  ShuttingDown: 1901,
} as const;
