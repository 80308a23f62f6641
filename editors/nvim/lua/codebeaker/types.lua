--- What the daemon says, as far as the plug-in reads it. Generated from protocol.md by scripts/types.lua.
---@meta
-- luacheck: no max line length

---@class codebeaker.InitializeServer
---@field protocolVersion string The version that both speak from now on.
---@field features codebeaker.InitializeServer.features The features that both have. What is absent was not negotiated.
---@field unavailable table<string, string> What can't be had here, and why: `runtime.native`, `engine.python` and the like.
---@field methods string[] Exactly the methods that may be called on this connection.
---@field limits codebeaker.InitializeServer.limits Limits of the daemon.
---@field runtimes codebeaker.InitializeServer.runtimes[] Where code can be isolated.
---@field engines codebeaker.InitializeServer.engines[] What can run it.
---@field instanceId string Names this run of the daemon.

---@class codebeaker.InitializeServer.engines
---@field id string Its name in `session/create`.
---@field languages string[] The languages it runs, every name that is understood.
---@field extensions string[] Extensions of files that it runs, without the dot.
---@field available boolean Whether it can be used here.
---@field version? string Its version on this machine, else the one of the first runtime for which that is known.
---@field reason? string Why it can't be used.
---@field hint? string What would mend that.
---@field runtimes string[] The runtimes in which it can be used.
---@field versions table<string, string> Its version in each of these, as far as that is known: of an image it is, once a session was made of that.
---@field debug boolean Whether its programs can be debugged: where a debugger has to be in an image, once a session was made of that.

---@class codebeaker.InitializeServer.features
---@field streaming? codebeaker.InitializeServer.features.streaming Output is sent while programs run, like this.
---@field stdin? boolean Programs that run can be fed standard input.
---@field pty? boolean Programs can have a terminal.
---@field debug? codebeaker.InitializeServer.features.debug Programs can be debugged, like this.

---@class codebeaker.InitializeServer.features.debug
---@field transports ("tunnel"|"socket")[] The ways in which the messages of the Debug Adapter Protocol can travel.

---@class codebeaker.InitializeServer.features.streaming
---@field encodings ("utf8"|"base64")[] Encodings it understands. `base64` must be among them, for output can be any bytes; with `base64` alone, all output comes in it.
---@field maxChunkBytes integer The most bytes of output in one notification; from 1024 to 65536.

---@class codebeaker.InitializeServer.limits
---@field maxMessageBytes integer The longest message that it reads.
---@field maxInFlight integer Requests of one connection that it works on at a time; more are refused (1900).
---@field maxSessions integer Open sessions.
---@field maxRunning integer Executions of one session that run at a time; more wait.
---@field maxQueued integer Executions of one session that wait; more are refused (1304).
---@field maxRemembered integer Ended executions that a session remembers.
---@field keptOutputBytes integer Output of each stream of an execution that is kept for `execution/read`.
---@field maxReadBytes integer The most bytes of a file that `fs/read` answers at once.

---@class codebeaker.InitializeServer.runtimes
---@field id string Its name in `session/create`.
---@field isolation "process"|"namespaces"|"container"|"kernel"|"vm" How strictly it isolates.
---@field available boolean Whether it can be used here.
---@field reason? string Why it can't be used.
---@field hint? string What would mend that.
---@field startMs? integer How long a sandbox of it takes to stand; absent until that was measured here.
---@field memoryBytes? integer What a sandbox of it takes before anything runs in it; absent until that was measured here, and where it is not counted, as with gVisor when it leaves control groups alone.
---@field machines? codebeaker.InitializeServer.runtimes.machines[] The machines whose engines run its containers; absent for a runtime of this machine alone.

---@class codebeaker.InitializeServer.runtimes.machines
---@field name string Its name in the settings; `local` where they name none.
---@field available boolean Whether it can be used now.
---@field reason? string Why it can't be used.
---@field hint? string What would mend that.
---@field weight integer How many sessions it takes beside the others.
---@field sessions integer This daemon's sessions on it, in whatever runtime.
---@field ready integer Sandboxes of this runtime that are ready there for sessions to come.

---@class codebeaker.SessionCreateResult
---@field sessionId string Names it from now on.
---@field state "active"|"idle"|"closing"|"closed" What it is up to.
---@field language? string Language of code whose execution names none.
---@field workspace codebeaker.SessionCreateResult.workspace Its workspace.
---@field network codebeaker.SessionCreateResult.network What of the network can be reached.
---@field persist "connection"|"untilClosed" How long it outlives its client.
---@field createdAt string When it was created.
---@field lastUsedAt string When it was last used.
---@field expiresAt string When it will be closed, if it is not used before.
---@field idleTimeoutMs integer It is closed when it was not used for so long.
---@field maxLifetimeMs integer It is closed at this age.
---@field executions codebeaker.SessionCreateResult.executions Its executions, counted.
---@field labels table<string, string> The client's notes.
---@field selection codebeaker.SessionCreateResult.selection Which runtime and engine it got, and why.
---@field effectiveLimits codebeaker.SessionCreateResult.effectiveLimits The limits in force, each with who sees to it.

---@class codebeaker.SessionCreateResult.effectiveLimits
---@field memoryBytes codebeaker.SessionCreateResult.effectiveLimits.memoryBytes Memory of all processes together.
---@field cpu codebeaker.SessionCreateResult.effectiveLimits.cpu Processors that may be busy at a time.
---@field pids table Processes and threads at a time. Its fields are those of `effectiveLimits.memoryBytes`.
---@field diskBytes table Bytes of files. Its fields are those of `effectiveLimits.memoryBytes`.
---@field outputBytes table Output of each execution. Its fields are those of `effectiveLimits.memoryBytes`.
---@field openFiles table Open files of each process. Its fields are those of `effectiveLimits.memoryBytes`.
---@field executionTimeoutMs table Wall time of each execution that names no `timeoutMs`. Its fields are those of `effectiveLimits.memoryBytes`.

---@class codebeaker.SessionCreateResult.effectiveLimits.cpu
---@field value number The limit; `null` when there is none.
---@field enforcedBy "cgroupV2"|"cgroupV1"|"rlimit"|"tmpfs"|"affinity"|"watchdog"|"daemon"|"nobody" Who sees to it.
---@field note? string What a reader should know about this way of enforcing it.

---@class codebeaker.SessionCreateResult.effectiveLimits.memoryBytes
---@field value integer The limit; `null` when there is none.
---@field enforcedBy "cgroupV2"|"cgroupV1"|"rlimit"|"tmpfs"|"affinity"|"watchdog"|"daemon"|"nobody" Who sees to it.
---@field note? string What a reader should know about this way of enforcing it.

---@class codebeaker.SessionCreateResult.executions
---@field queued integer That wait for their turn.
---@field running integer That run.
---@field ended integer That have ended.

---@class codebeaker.SessionCreateResult.network
---@field mode "none"|"allowlist"|"full" Which destinations.
---@field allow string[] With `allowlist`: the hosts.

---@class codebeaker.SessionCreateResult.selection
---@field runtime string The runtime, by its id in `runtime/list`.
---@field engine? string The engine of the session's language; absent when it has none.
---@field isolation "process"|"namespaces"|"container"|"kernel"|"vm" How strictly it isolates.
---@field machine? string The machine that the session is on, where its runtime has several.
---@field inPlaceOf? string The runtime that was asked for, where this one had to be taken in its place (`fallback`).
---@field considered codebeaker.SessionCreateResult.selection.considered[] Every pair that was considered, the chosen one first.

---@class codebeaker.SessionCreateResult.selection.considered
---@field runtime string The runtime.
---@field engine? string The engine; absent when the session has no language.
---@field isolation "process"|"namespaces"|"container"|"kernel"|"vm" How strictly the runtime isolates.
---@field score number From 0 to 1, higher is better; 0 for what was rejected.
---@field rejectedBecause? string Why it can't be taken; absent when it could.
---@field hint? string What would mend that.

---@class codebeaker.SessionCreateResult.workspace
---@field mode "none"|"copy"|"bindRo"|"bindRw"|"overlay" How it relates to the host.
---@field uri? string The host directory; absent with `none`.
---@field path string Where programs see it.

---@class codebeaker.RuntimeListResult
---@field runtimes codebeaker.RuntimeListResult.runtimes[] All runtimes that the daemon knows, usable here or not.

---@class codebeaker.RuntimeListResult.runtimes
---@field id string Its name in `session/create`.
---@field isolation "process"|"namespaces"|"container"|"kernel"|"vm" How strictly it isolates.
---@field available boolean Whether it can be used here.
---@field reason? string Why it can't be used.
---@field hint? string What would mend that.
---@field startMs? integer How long a sandbox of it takes to stand; absent until that was measured here.
---@field memoryBytes? integer What a sandbox of it takes before anything runs in it; absent until that was measured here, and where it is not counted, as with gVisor when it leaves control groups alone.
---@field machines? codebeaker.RuntimeListResult.runtimes.machines[] The machines whose engines run its containers; absent for a runtime of this machine alone.

---@class codebeaker.RuntimeListResult.runtimes.machines
---@field name string Its name in the settings; `local` where they name none.
---@field available boolean Whether it can be used now.
---@field reason? string Why it can't be used.
---@field hint? string What would mend that.
---@field weight integer How many sessions it takes beside the others.
---@field sessions integer This daemon's sessions on it, in whatever runtime.
---@field ready integer Sandboxes of this runtime that are ready there for sessions to come.

---@class codebeaker.FsListResult
---@field entries codebeaker.FsListResult.entries[] Sorted by path within each directory.
---@field truncated boolean Whether there are more than `limit`.

---@class codebeaker.FsListResult.entries
---@field path string Its path from the workspace.
---@field pathBase64? string Where `path` is not exact because the name is not UTF-8: the bytes of the path.
---@field name string The last part of `path`.
---@field type "file"|"directory"|"symlink"|"other" What it is.
---@field size integer Its size in bytes.
---@field modifiedAt string When it was last changed.
---@field permissions string Permission bits, in octal.

---@class codebeaker.FsReadResult
---@field path string Which file.
---@field data string What is in it.
---@field encoding "utf8"|"base64" What `data` is.
---@field offset integer Where `data` starts.
---@field bytes integer How many bytes `data` stands for.
---@field size integer Size of the file.
---@field eof boolean Whether `data` reaches to the end of the file.
---@field etag string Names the state of the file, for `ifMatch`.
---@field permissions string Permission bits, in octal.

---@class codebeaker.FsWriteResult
---@field path string Which file.
---@field bytes integer How many bytes were written.
---@field size integer Size of the file now.
---@field etag string Names the state of the file now.
---@field created boolean Whether it was not there before.

---@class codebeaker.ServerDoctorResult
---@field healthy boolean Whether sessions can be created here.
---@field checks codebeaker.ServerDoctorResult.checks[] What was looked at.

---@class codebeaker.ServerDoctorResult.checks
---@field id string Names the check, the same in every version: `runtime.native`, `limits.memory`, `engine.python` …
---@field status "ok"|"warning"|"failed" What came of it.
---@field summary string What was found, in one line.
---@field reason? string Why it is so, where it is not `ok`.
---@field fix? codebeaker.ServerDoctorResult.checks.fix What would mend it.

---@class codebeaker.ServerDoctorResult.checks.fix
---@field description string What it does, for a person to read.
---@field command? string A command that does it.

---@class codebeaker.RunArgument
---@field uri string The document. An open one runs as it stands in the editor, saved or not.
---@field language? string Its language. Without it, as the editor says, else as its name tells.
---@field args? string[] Arguments of the program; never interpreted by a shell.
---@field env? table<string, string> Environment variables beside those of the session.
---@field cwd? string Directory to run in, relative to the workspace. Without it, the workspace itself.
---@field stdinText? string All that it can read from its standard input. Without it, nothing.
---@field timeoutMs? integer Wall time after which it is ended. Without it, the session's `executionTimeoutMs`.
---@field sessionId? string The session to run it in. Without it, the one that `codebeaker.newSession` has opened, else one of its own.

---@class codebeaker.RunResult
---@field sessionId string In which session. One of its own is closed when it has ended.
---@field executionId string Which execution.

---@class codebeaker.DebugResult
---@field debugId string Names it in `debug/message` and other methods.
---@field socket? string With `transport: socket`: the path of the unix socket that a debugger connects to.
---@field configuration table The arguments of `launch` that the adapter has already; what the debugger gives itself goes over them.

---@class codebeaker.ExecutionStarted
---@field sessionId string In which session.
---@field executionId string Which execution.
---@field pid integer Its process id inside the sandbox.
---@field startedAt string When it started.

---@class codebeaker.ExecutionOutput
---@field sessionId string In which session.
---@field executionId string Which execution.
---@field seq integer 0 for the first `execution/output` or `execution/outputGap` of an execution, and one more for each that follows.
---@field stream "stdout"|"stderr"|"pty" Which stream.
---@field offset integer Byte position in that stream of the first byte of `data`.
---@field data string The output. It never ends within a UTF-8 character.
---@field encoding "utf8"|"base64" What `data` is.

---@class codebeaker.ExecutionOutputGap
---@field sessionId string In which session.
---@field executionId string Which execution.
---@field seq integer Its place in the one order of output and gaps.
---@field stream "stdout"|"stderr"|"pty" Which stream.
---@field offset integer Byte position in that stream of the first byte that is missing.
---@field lostBytes integer How many bytes are missing.
---@field reason "outputLimit"|"daemonEnded" Why.

---@class codebeaker.ExecutionExited
---@field sessionId string In which session.
---@field executionId string Which execution.
---@field outcome "ok"|"error"|"timeout"|"killed"|"outOfMemory"|"cancelled"|"outputLimit"|"lost" What came of it.
---@field exitCode? integer Exit code of the program, when it exited.
---@field signal? string Name of the signal that ended the program, when one did.
---@field startedAt? string When the program started; absent when it never did.
---@field durationMs integer Wall time from its start to its end.
---@field queueMs integer How long it waited for its turn.
---@field cpuMs integer Processor time of all its processes; 0 when its sandbox was lost.
---@field peakMemoryBytes integer The most memory it had; 0 when its sandbox was lost.
---@field stdout codebeaker.ExecutionExited.stdout What it wrote to standard output.
---@field stderr table What it wrote to standard error. Its fields are those of `stdout`.
---@field pty? table With `stdin: pty`: what its terminal showed; the other two are empty then. Its fields are those of `stdout`.

---@class codebeaker.ExecutionExited.stdout
---@field bytes integer Bytes that the program wrote, passed on or not.
---@field truncated boolean Whether some were not passed on because of a limit.

---@class codebeaker.SessionStateChanged
---@field sessionId string Which session.
---@field from "active"|"idle"|"closing"|"closed" What it was.
---@field to "active"|"idle"|"closing"|"closed" What it is now.
---@field reason "used"|"unused"|"requested"|"idleTimeout"|"maxLifetime"|"runtimeLost"|"shutdown" Why.
---@field message? string More about it, for a person to read.
