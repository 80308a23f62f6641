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
---@field laterLanguages? string[] Languages that it runs from some version on, and why it does not here is told when one is asked for.
---@field compiles boolean Whether it makes a program of the code first: its executions have a stage `compile`.
---@field minMemoryBytes integer The least memory that a session of it needs for small programs.
---@field minPids integer The least processes and threads that a session of it needs for small programs.
---@field available boolean Whether it can be used here.
---@field version? string Its version on this machine, else the one of the first runtime for which that is known.
---@field reason? string Why it can't be used.
---@field hint? string What would mend that.
---@field runtimes string[] The runtimes in which it can be used.
---@field versions table<string, string> Its version in each of these, as far as that is known: of an image it is, once a session was made of that.
---@field contexts boolean Whether it can be a live interpreter (`context/create`).
---@field debug boolean Whether its programs can be debugged: where a debugger has to be in an image, once a session was made of that.

---@class codebeaker.InitializeServer.features
---@field streaming? codebeaker.InitializeServer.features.streaming Output is sent while programs run, like this.
---@field stdin? boolean Programs that run can be fed standard input.
---@field pty? boolean Programs can have a terminal.
---@field debug? codebeaker.InitializeServer.features.debug Programs can be debugged, like this.
---@field netAsk? boolean A person is asked about hosts that no rule allows.
---@field fsWatch? boolean What changes in a workspace is told.
---@field contexts? boolean There are live interpreters.
---@field richOutput? codebeaker.InitializeServer.features.richOutput What code displays is sent like this.
---@field inputRequest? codebeaker.InitializeServer.features.inputRequest What code asks for is asked of the client, like this.

---@class codebeaker.InitializeServer.features.debug
---@field transports ("tunnel"|"socket")[] The ways in which the messages of the Debug Adapter Protocol can travel.

---@class codebeaker.InitializeServer.features.inputRequest
---@field password boolean Whether it can hide what is typed; it is asked for no password otherwise.

---@class codebeaker.InitializeServer.features.richOutput
---@field mime string[] The MIME types that it shows, or their families, as in `image/*`. `text/plain` it always gets.
---@field maxInlineBytes integer The longest form of one thing that it takes, in bytes as they travel; from 1024 to 2097152. What is longer is left out.

---@class codebeaker.InitializeServer.features.streaming
---@field encodings ("utf8"|"base64")[] Encodings it understands. `base64` must be among them, for output can be any bytes; with `base64` alone, all output comes in it.
---@field maxChunkBytes integer The most bytes of output in one notification; from 1024 to 65536.

---@class codebeaker.InitializeServer.limits
---@field maxMessageBytes integer The longest message that it reads.
---@field maxInFlight integer Requests of one connection that it works on at a time; more are refused (1900).
---@field maxSessions integer Open sessions.
---@field maxRunning integer Executions of one session that run at a time; more wait.
---@field maxQueued integer Executions of one session that wait; more are refused (1304).
---@field sessionExecutionsPerMinute? integer Executions of one session that may begin within a minute; more are refused (1405). Absent where any number may.
---@field executionsPerMinute? integer The same of all sessions together.
---@field maxContexts integer Live interpreters of one session; more are refused (1307).
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
---@field readyMemoryBytes integer Memory that those take, as far as it is known.

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
---@field ahead? codebeaker.SessionCreateResult.ahead The interpreter that stands by for code to come; absent where none does.

---@class codebeaker.SessionCreateResult.ahead
---@field engine string Of which engine.
---@field executionId string The execution that it will be, if the next one is just like the last.
---@field memoryBytes? integer Memory of its own; absent until it was weighed.

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
---@field allow string[] With `allowlist`: the hosts. `example.org` and `example.org:443` stand for that host, at any port or at one; `*.example.org` for every name below it; an address for itself, in brackets where it has colons.

---@class codebeaker.SessionCreateResult.selection
---@field runtime string The runtime, by its id in `runtime/list`.
---@field engine? string The engine of the session's language; absent when it has none.
---@field isolation "process"|"namespaces"|"container"|"kernel"|"vm" How strictly it isolates.
---@field machine? string The machine that the session is on, where its runtime has several.
---@field container? string The container that the session is in, by its engine's id; absent where it is in none.
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

---@class codebeaker.SessionListResult
---@field sessions codebeaker.SessionListResult.sessions[] The sessions of this connection that are not closed, oldest first; each as `session/get` tells of it.

---@class codebeaker.SessionListResult.sessions
---@field sessionId string Names it from now on.
---@field state "active"|"idle"|"closing"|"closed" What it is up to.
---@field language? string Language of code whose execution names none.
---@field workspace codebeaker.SessionListResult.sessions.workspace Its workspace.
---@field network codebeaker.SessionListResult.sessions.network What of the network can be reached.
---@field persist "connection"|"untilClosed" How long it outlives its client.
---@field createdAt string When it was created.
---@field lastUsedAt string When it was last used.
---@field expiresAt string When it will be closed, if it is not used before.
---@field idleTimeoutMs integer It is closed when it was not used for so long.
---@field maxLifetimeMs integer It is closed at this age.
---@field executions codebeaker.SessionListResult.sessions.executions Its executions, counted.
---@field labels table<string, string> The client's notes.
---@field selection codebeaker.SessionListResult.sessions.selection Which runtime and engine it got, and why.
---@field effectiveLimits codebeaker.SessionListResult.sessions.effectiveLimits The limits in force, each with who sees to it.
---@field ahead? codebeaker.SessionListResult.sessions.ahead The interpreter that stands by for code to come; absent where none does.

---@class codebeaker.SessionListResult.sessions.ahead
---@field engine string Of which engine.
---@field executionId string The execution that it will be, if the next one is just like the last.
---@field memoryBytes? integer Memory of its own; absent until it was weighed.

---@class codebeaker.SessionListResult.sessions.effectiveLimits
---@field memoryBytes codebeaker.SessionListResult.sessions.effectiveLimits.memoryBytes Memory of all processes together.
---@field cpu codebeaker.SessionListResult.sessions.effectiveLimits.cpu Processors that may be busy at a time.
---@field pids table Processes and threads at a time. Its fields are those of `sessions[].effectiveLimits.memoryBytes`.
---@field diskBytes table Bytes of files. Its fields are those of `sessions[].effectiveLimits.memoryBytes`.
---@field outputBytes table Output of each execution. Its fields are those of `sessions[].effectiveLimits.memoryBytes`.
---@field openFiles table Open files of each process. Its fields are those of `sessions[].effectiveLimits.memoryBytes`.
---@field executionTimeoutMs table Wall time of each execution that names no `timeoutMs`. Its fields are those of `sessions[].effectiveLimits.memoryBytes`.

---@class codebeaker.SessionListResult.sessions.effectiveLimits.cpu
---@field value number The limit; `null` when there is none.
---@field enforcedBy "cgroupV2"|"cgroupV1"|"rlimit"|"tmpfs"|"affinity"|"watchdog"|"daemon"|"nobody" Who sees to it.
---@field note? string What a reader should know about this way of enforcing it.

---@class codebeaker.SessionListResult.sessions.effectiveLimits.memoryBytes
---@field value integer The limit; `null` when there is none.
---@field enforcedBy "cgroupV2"|"cgroupV1"|"rlimit"|"tmpfs"|"affinity"|"watchdog"|"daemon"|"nobody" Who sees to it.
---@field note? string What a reader should know about this way of enforcing it.

---@class codebeaker.SessionListResult.sessions.executions
---@field queued integer That wait for their turn.
---@field running integer That run.
---@field ended integer That have ended.

---@class codebeaker.SessionListResult.sessions.network
---@field mode "none"|"allowlist"|"full" Which destinations.
---@field allow string[] With `allowlist`: the hosts. `example.org` and `example.org:443` stand for that host, at any port or at one; `*.example.org` for every name below it; an address for itself, in brackets where it has colons.

---@class codebeaker.SessionListResult.sessions.selection
---@field runtime string The runtime, by its id in `runtime/list`.
---@field engine? string The engine of the session's language; absent when it has none.
---@field isolation "process"|"namespaces"|"container"|"kernel"|"vm" How strictly it isolates.
---@field machine? string The machine that the session is on, where its runtime has several.
---@field container? string The container that the session is in, by its engine's id; absent where it is in none.
---@field inPlaceOf? string The runtime that was asked for, where this one had to be taken in its place (`fallback`).
---@field considered codebeaker.SessionListResult.sessions.selection.considered[] Every pair that was considered, the chosen one first.

---@class codebeaker.SessionListResult.sessions.selection.considered
---@field runtime string The runtime.
---@field engine? string The engine; absent when the session has no language.
---@field isolation "process"|"namespaces"|"container"|"kernel"|"vm" How strictly the runtime isolates.
---@field score number From 0 to 1, higher is better; 0 for what was rejected.
---@field rejectedBecause? string Why it can't be taken; absent when it could.
---@field hint? string What would mend that.

---@class codebeaker.SessionListResult.sessions.workspace
---@field mode "none"|"copy"|"bindRo"|"bindRw"|"overlay" How it relates to the host.
---@field uri? string The host directory; absent with `none`.
---@field path string Where programs see it.

---@class codebeaker.ExecutionListResult
---@field executions codebeaker.ExecutionListResult.executions[] Those that wait, run, or have ended and are still remembered; oldest first.

---@class codebeaker.ExecutionListResult.executions
---@field executionId string Which execution.
---@field sessionId string In which session.
---@field state "queued"|"running"|"ended" Whether it waits, runs or has ended.
---@field argv string[] The program and its arguments; of a cell, the engine and what the cell is called.
---@field contextId? string The context that it is a cell of.
---@field queuedAt string When it was asked for.
---@field pid? integer Its process id inside the sandbox, while it runs.
---@field outcome? "ok"|"error"|"timeout"|"killed"|"outOfMemory"|"cancelled"|"outputLimit"|"lost" What came of it.
---@field stage? "compile"|"run" With an engine that compiles: the stage in which it ended. Its exit code and signal are those below.
---@field exitCode? integer Exit code of the program, when it exited.
---@field signal? string Name of the signal that ended the program, when one did.
---@field startedAt? string When the program started; absent when it never did.
---@field durationMs? integer Wall time from its start to its end.
---@field queueMs? integer How long it waited for its turn.
---@field cpuMs? integer Processor time of all its processes, of a cell that of its interpreter while it ran; 0 when its sandbox or its interpreter was lost.
---@field peakMemoryBytes? integer The most memory it had, of a cell the most that its interpreter has had until then; 0 when its sandbox was lost.
---@field stdout? codebeaker.ExecutionListResult.executions.stdout What it wrote to standard output.
---@field stderr? table What it wrote to standard error. Its fields are those of `executions[].stdout`.
---@field pty? table With `stdin: pty`: what its terminal showed; the other two are empty then. Its fields are those of `executions[].stdout`.
---@field stages? codebeaker.ExecutionListResult.executions.stages[] With an engine that compiles: its stages, as far as it came. All else here is of them together.
---@field error? codebeaker.ExecutionListResult.executions.error Of a cell: the error that it ended with.
---@field contextLost? boolean Of a cell: whether its context has lost its interpreter with it. `context/restart` starts another.
---@field displays? codebeaker.ExecutionListResult.executions.displays[] Of a cell, with `richOutput`: what it has shown, as much as is kept. Not in `execution/exited`.
---@field displaysOmitted? integer How much more it has shown.

---@class codebeaker.ExecutionListResult.executions.displays
---@field kind "result"|"display"|"update" Why it is shown.
---@field displayId? string The name by which it can be replaced.
---@field data table Its forms by their MIME types: JSON for `application/json` and `+json`, Base64 for what is not text, else text. `text/plain` is always there.
---@field metadata? table What the code says of them.
---@field omitted? string[] Forms that it has too, and that are left out: they are too long, or nothing that the client takes.

---@class codebeaker.ExecutionListResult.executions.error
---@field name string Its kind, as the language names it: `ValueError`. `ContextLost` where the interpreter went.
---@field message string What it says.
---@field frames codebeaker.ExecutionListResult.executions.error.frames[] The calls that led to it, the innermost last; at most 200.

---@class codebeaker.ExecutionListResult.executions.error.frames
---@field uri? string The document, as the request named it, or the file of this machine that the workspace has; absent for what is only in the sandbox.
---@field line integer The line in it, from 1: of a cell with a `range`, the line of the whole document.
---@field column? integer The column, from 1, where the language tells.
---@field function string The function.
---@field sandboxPath string The file as the interpreter names it.

---@class codebeaker.ExecutionListResult.executions.stages
---@field stage "compile"|"run" Which.
---@field exitCode? integer Exit code of its process, when that exited.
---@field signal? string Name of the signal that ended its process, when one did.
---@field startedAt? string When it started; absent when it never did.
---@field durationMs integer Wall time from its start to its end.
---@field cpuMs integer Processor time of all its processes; 0 when its sandbox was lost.
---@field peakMemoryBytes integer The most memory it had; 0 when its sandbox was lost.

---@class codebeaker.ExecutionListResult.executions.stdout
---@field bytes integer Bytes that the program wrote, passed on or not.
---@field truncated boolean Whether some were not passed on because of a limit.

---@class codebeaker.ExecutionReadResult
---@field data string The output. It never ends within a UTF-8 character.
---@field encoding "utf8"|"base64" What `data` is.
---@field offset integer Byte position of the first byte of `data`; beyond the `offset` asked for where older output is no longer kept.
---@field nextOffset integer Where to read on.
---@field eof boolean Whether nothing more will come after `nextOffset`.
---@field lostBytes integer Bytes between the `offset` asked for and the one answered, which are no longer kept.

---@class codebeaker.RuntimeListResult
---@field runtimes codebeaker.RuntimeListResult.runtimes[] All runtimes that the daemon knows, usable here or not.
---@field ahead codebeaker.RuntimeListResult.ahead Interpreters that stand by in sessions, for code to come.

---@class codebeaker.RuntimeListResult.ahead
---@field interpreters integer How many there are.
---@field memoryBytes integer Memory of their own, of those that were weighed: each is, soon after its start.
---@field maxInterpreters integer The most that there may be.
---@field maxMemoryBytes integer The most memory that they may have: one that is beyond it is given up.

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
---@field readyMemoryBytes integer Memory that those take, as far as it is known.

---@class codebeaker.PackageInstall
---@field sessionId string Which session.
---@field manager "pip"|"npm"|"gem" Who installs.
---@field packages? string[] Packages by their names in the registry, with extras and versions as the manager writes them. With `npm`, none means those of `package.json`, with `gem` those of the `Gemfile`.
---@field requirements? string With `pip`: a file of requirements in the workspace. Names, versions, markers and hashes are read, options refused.
---@field locked? boolean Exactly what is pinned: with `pip`, requirements that all have hashes; with `npm`, `package-lock.json`, with `gem`, `Gemfile.lock`.
---@field scripts? boolean Packages may run programs of their own for it: scripts of npm's, builds from source of pip's, extensions and plug-ins of gem's.
---@field timeoutMs? integer How long it may take. 600000 when absent.
---@field workDoneToken? integer|string Reports progress under this token.

---@class codebeaker.PackageInstallResult
---@field executionId string The execution that installed.
---@field outcome "ok"|"error"|"timeout"|"killed"|"outOfMemory"|"cancelled"|"outputLimit"|"lost" What came of it.
---@field stage? "compile"|"run" With an engine that compiles: the stage in which it ended. Its exit code and signal are those below.
---@field exitCode? integer Exit code of the program, when it exited.
---@field signal? string Name of the signal that ended the program, when one did.
---@field startedAt? string When the program started; absent when it never did.
---@field durationMs integer Wall time from its start to its end.
---@field queueMs integer How long it waited for its turn.
---@field cpuMs integer Processor time of all its processes, of a cell that of its interpreter while it ran; 0 when its sandbox or its interpreter was lost.
---@field peakMemoryBytes integer The most memory it had, of a cell the most that its interpreter has had until then; 0 when its sandbox was lost.
---@field stdout codebeaker.PackageInstallResult.stdout What it wrote to standard output.
---@field stderr table What it wrote to standard error. Its fields are those of `stdout`.
---@field pty? table With `stdin: pty`: what its terminal showed; the other two are empty then. Its fields are those of `stdout`.
---@field stages? codebeaker.PackageInstallResult.stages[] With an engine that compiles: its stages, as far as it came. All else here is of them together.
---@field error? codebeaker.PackageInstallResult.error Of a cell: the error that it ended with.
---@field contextLost? boolean Of a cell: whether its context has lost its interpreter with it. `context/restart` starts another.
---@field displays? codebeaker.PackageInstallResult.displays[] Of a cell, with `richOutput`: what it has shown, as much as is kept. Not in `execution/exited`.
---@field displaysOmitted? integer How much more it has shown.
---@field packages codebeaker.PackageInstallResult.packages[] What is there now.

---@class codebeaker.PackageInstallResult.displays
---@field kind "result"|"display"|"update" Why it is shown.
---@field displayId? string The name by which it can be replaced.
---@field data table Its forms by their MIME types: JSON for `application/json` and `+json`, Base64 for what is not text, else text. `text/plain` is always there.
---@field metadata? table What the code says of them.
---@field omitted? string[] Forms that it has too, and that are left out: they are too long, or nothing that the client takes.

---@class codebeaker.PackageInstallResult.error
---@field name string Its kind, as the language names it: `ValueError`. `ContextLost` where the interpreter went.
---@field message string What it says.
---@field frames codebeaker.PackageInstallResult.error.frames[] The calls that led to it, the innermost last; at most 200.

---@class codebeaker.PackageInstallResult.error.frames
---@field uri? string The document, as the request named it, or the file of this machine that the workspace has; absent for what is only in the sandbox.
---@field line integer The line in it, from 1: of a cell with a `range`, the line of the whole document.
---@field column? integer The column, from 1, where the language tells.
---@field function string The function.
---@field sandboxPath string The file as the interpreter names it.

---@class codebeaker.PackageInstallResult.packages
---@field name string Its name.
---@field version string Its version.

---@class codebeaker.PackageInstallResult.stages
---@field stage "compile"|"run" Which.
---@field exitCode? integer Exit code of its process, when that exited.
---@field signal? string Name of the signal that ended its process, when one did.
---@field startedAt? string When it started; absent when it never did.
---@field durationMs integer Wall time from its start to its end.
---@field cpuMs integer Processor time of all its processes; 0 when its sandbox was lost.
---@field peakMemoryBytes integer The most memory it had; 0 when its sandbox was lost.

---@class codebeaker.PackageInstallResult.stdout
---@field bytes integer Bytes that the program wrote, passed on or not.
---@field truncated boolean Whether some were not passed on because of a limit.

---@class codebeaker.ExecutionDisplay
---@field sessionId string In which session.
---@field executionId string Which execution.
---@field kind "result"|"display"|"update" Why it is shown.
---@field displayId? string The name by which it can be replaced.
---@field data table Its forms by their MIME types: JSON for `application/json` and `+json`, Base64 for what is not text, else text. `text/plain` is always there.
---@field metadata? table What the code says of them.
---@field omitted? string[] Forms that it has too, and that are left out: they are too long, or nothing that the client takes.

---@class codebeaker.ExecutionInputRequest
---@field sessionId string In which session.
---@field executionId string Which execution.
---@field prompt string What to show to whoever is to answer.
---@field password boolean Whether the answer must not be seen on a screen.

---@class codebeaker.NetAsk
---@field sessionId string Whose programs want it.
---@field host string Which host. What it is called is the program's choice: show it as text, and nothing else.
---@field port integer At which port.
---@field way "connect"|"http" How.

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
---@field engine? string Which engine runs it, by its id in `engine/list`. Without it, the best one for the language.
---@field args? string[] Arguments of the program; never interpreted by a shell.
---@field engineArgs? string[] Arguments of the engine itself, which its compiler gets where it has one.
---@field env? table<string, string> Environment variables beside those of the session.
---@field cwd? string Directory to run in, relative to the workspace. Without it, the workspace itself.
---@field stdin? "none"|"text"|"stream"|"pty" Where its standard input comes from. Without it, from `stdinText` where there is that.
---@field stdinText? string With `stdin: text`: the text. With `stdin: stream` or `pty`: what is written before all else.
---@field pty? codebeaker.RunArgument.pty With `stdin: pty`: the size of the terminal. Without it, 80 by 24.
---@field timeoutMs? integer Wall time after which it is ended. Without it, the session's `executionTimeoutMs`.
---@field sessionId? string The session to run it in. Without it, the one that `codebeaker.newSession` has opened, else one of its own.
---@field session? codebeaker.RunArgument.session Has it run in a session of its own, whatever is open, and says what that is to be. Excludes `sessionId`.

---@class codebeaker.RunArgument.pty
---@field cols integer Characters in a row.
---@field rows integer Rows.

---@class codebeaker.RunArgument.session
---@field runtime? string Where it is isolated, by its id in `runtime/list`. Without it, the best one by `preference`.
---@field image? string The image to take, in place of the engine's own; only of runtimes that have images.
---@field preference? "security"|"speed"|"memory"|"balanced" What decides between runtimes that would do.
---@field minIsolation? "process"|"namespaces"|"container"|"kernel"|"vm" No runtime that isolates less is taken, whatever else is asked for.
---@field fallback? "refuse"|"allow" What happens when the `runtime` that was asked for can't be used.
---@field workspace? codebeaker.RunArgument.session.workspace What is in `/workspace`. Without it, the editor's folder around the document, which programs can't change.
---@field limits? codebeaker.RunArgument.session.limits Its limits.
---@field network? codebeaker.RunArgument.session.network What of the network can be reached from inside.

---@class codebeaker.RunArgument.session.limits
---@field memoryBytes? integer Memory of all processes together.
---@field cpu? number Processors that may be busy at a time; a fraction is possible where a cgroup enforces it. Without it, all there are.
---@field pids? integer Processes and threads at a time.
---@field diskBytes? integer Bytes that the files of a workspace in memory (`none`, `copy`, `overlay`) may take; where the workspace is a directory of the host, the size of any one file.
---@field outputBytes? integer Output that each execution passes on, all its streams together. What comes after is counted and announced as a gap.
---@field openFiles? integer Open files of each process.
---@field executionTimeoutMs? integer Wall time of an execution that names no `timeoutMs` of its own.

---@class codebeaker.RunArgument.session.network
---@field mode? "none"|"allowlist"|"full" Which destinations.
---@field allow? string[] With `allowlist`: the hosts. `example.org` and `example.org:443` stand for that host, at any port or at one; `*.example.org` for every name below it; an address for itself, in brackets where it has colons.

---@class codebeaker.RunArgument.session.workspace
---@field mode? "none"|"copy"|"bindRo"|"bindRw"|"overlay" How the workspace relates to the host.
---@field uri? string The host directory, as a `file:` URI. Needed by every mode but `none`.
---@field exclude? string[] With `copy`: files and directories of these names are left out at every level; `*` matches any run of characters.

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
---@field stage? "compile"|"run" `compile` for a compiler; absent for the program itself.
---@field pid integer Its process id inside the sandbox.
---@field startedAt string When it started.

---@class codebeaker.ExecutionOutput
---@field sessionId string In which session.
---@field executionId string Which execution.
---@field seq integer 0 for the first `execution/output` or `execution/outputGap` of an execution, and one more for each that follows.
---@field stage? "compile"|"run" `compile` for what a compiler says; absent for what the program does.
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
---@field stage? "compile"|"run" With an engine that compiles: the stage in which it ended. Its exit code and signal are those below.
---@field exitCode? integer Exit code of the program, when it exited.
---@field signal? string Name of the signal that ended the program, when one did.
---@field startedAt? string When the program started; absent when it never did.
---@field durationMs integer Wall time from its start to its end.
---@field queueMs integer How long it waited for its turn.
---@field cpuMs integer Processor time of all its processes, of a cell that of its interpreter while it ran; 0 when its sandbox or its interpreter was lost.
---@field peakMemoryBytes integer The most memory it had, of a cell the most that its interpreter has had until then; 0 when its sandbox was lost.
---@field stdout codebeaker.ExecutionExited.stdout What it wrote to standard output.
---@field stderr table What it wrote to standard error. Its fields are those of `stdout`.
---@field pty? table With `stdin: pty`: what its terminal showed; the other two are empty then. Its fields are those of `stdout`.
---@field stages? codebeaker.ExecutionExited.stages[] With an engine that compiles: its stages, as far as it came. All else here is of them together.
---@field error? codebeaker.ExecutionExited.error Of a cell: the error that it ended with.
---@field contextLost? boolean Of a cell: whether its context has lost its interpreter with it. `context/restart` starts another.
---@field displays? codebeaker.ExecutionExited.displays[] Of a cell, with `richOutput`: what it has shown, as much as is kept. Not in `execution/exited`.
---@field displaysOmitted? integer How much more it has shown.

---@class codebeaker.ExecutionExited.displays
---@field kind "result"|"display"|"update" Why it is shown.
---@field displayId? string The name by which it can be replaced.
---@field data table Its forms by their MIME types: JSON for `application/json` and `+json`, Base64 for what is not text, else text. `text/plain` is always there.
---@field metadata? table What the code says of them.
---@field omitted? string[] Forms that it has too, and that are left out: they are too long, or nothing that the client takes.

---@class codebeaker.ExecutionExited.error
---@field name string Its kind, as the language names it: `ValueError`. `ContextLost` where the interpreter went.
---@field message string What it says.
---@field frames codebeaker.ExecutionExited.error.frames[] The calls that led to it, the innermost last; at most 200.

---@class codebeaker.ExecutionExited.error.frames
---@field uri? string The document, as the request named it, or the file of this machine that the workspace has; absent for what is only in the sandbox.
---@field line integer The line in it, from 1: of a cell with a `range`, the line of the whole document.
---@field column? integer The column, from 1, where the language tells.
---@field function string The function.
---@field sandboxPath string The file as the interpreter names it.

---@class codebeaker.ExecutionExited.stages
---@field stage "compile"|"run" Which.
---@field exitCode? integer Exit code of its process, when that exited.
---@field signal? string Name of the signal that ended its process, when one did.
---@field startedAt? string When it started; absent when it never did.
---@field durationMs integer Wall time from its start to its end.
---@field cpuMs integer Processor time of all its processes; 0 when its sandbox was lost.
---@field peakMemoryBytes integer The most memory it had; 0 when its sandbox was lost.

---@class codebeaker.ExecutionExited.stdout
---@field bytes integer Bytes that the program wrote, passed on or not.
---@field truncated boolean Whether some were not passed on because of a limit.

---@class codebeaker.SessionStateChanged
---@field sessionId string Which session.
---@field from "active"|"idle"|"closing"|"closed" What it was.
---@field to "active"|"idle"|"closing"|"closed" What it is now.
---@field reason "used"|"unused"|"requested"|"idleTimeout"|"maxLifetime"|"runtimeLost"|"shutdown" Why.
---@field message? string More about it, for a person to read.

---@class codebeaker.ContextStateChanged
---@field sessionId string In which session.
---@field contextId string Which context.
---@field state "starting"|"idle"|"busy"|"crashed"|"closed" `crashed`: its interpreter is gone. `idle`: another was started.
---@field reason? string With `crashed`: what became of it.
