//! From what a client wants to run to the program that is started.
//!
//! Code, input and variables may be secret: what holds them can't be printed, so that no log gets them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::ahead::{self, Standing};
use super::bounds::{check_env, check_limits};
use super::command::{self, Command, absolute};
use super::{Session, SessionError, inside};
use crate::agent::Program;
use crate::agent::plan::WORKSPACE;
use crate::agent::wire::{ExecutionLimits, TerminalSize};
use crate::config::Limits;
use crate::engine::Engine;
use crate::execution::drive::{Compiler, Order, Place, Terms, drive, join_queue};
use crate::execution::{Execution, ExecutionError, Observer, StageSummary};
use crate::ids::ExecutionId;

/// What to run.
#[derive(Clone)]
pub enum Source {
    /// Code that comes with the request.
    Code {
        /// The code.
        text: Bytes,
        /// What runs it; the session's engine when absent.
        engine: Option<&'static Engine>,
        /// The file name it goes by in messages; chosen by the engine when absent.
        name: Option<String>,
    },
    /// A file of the workspace.
    File {
        /// Its path, relative to the workspace or absolute inside the sandbox.
        path: String,
        /// What runs it; told by its extension when absent.
        engine: Option<&'static Engine>,
    },
    /// A program of the sandbox.
    Program(String),
    /// An engine itself, with the arguments of the run and no others.
    Engine {
        /// Which.
        engine: &'static Engine,
        /// Files that it is started with, by names relative to the execution's own directory
        /// ([`ExecutionId`] below [`crate::agent::plan::CODE`]); a name may lead through one directory.
        files: Vec<(String, Bytes)>,
        /// Whether it finds modules in the workspace, as code does that lies elsewhere.
        finds_workspace: bool,
    },
    /// A program of the sandbox that runs others: a debugger.
    Tool {
        /// Which, as the sandbox names it.
        program: String,
        /// The engine whose programs it runs: it finds in its environment what they find.
        engine: Option<&'static Engine>,
        /// As of [`Source::Engine`].
        files: Vec<(String, Bytes)>,
    },
}

/// What a program's input is.
#[derive(Clone)]
pub enum Stdin {
    /// Nothing to read.
    None,
    /// This, and then its end.
    Text(Bytes),
    /// This, and then what the client writes as it goes.
    Stream(Bytes),
    /// A terminal of this size, and what is typed into it first.
    Pty(TerminalSize, Bytes),
}

/// Limits of one execution; what is `None` is the session's own.
#[derive(Debug, Clone, Copy, Default)]
pub struct RunLimits {
    /// Resident memory of all its processes.
    pub memory_bytes: Option<u64>,
    /// Processors.
    pub cpu: Option<f64>,
    /// Processes and threads.
    pub pids: Option<u64>,
    /// The size of any file it writes.
    pub disk_bytes: Option<u64>,
    /// Output that is passed on.
    pub output_bytes: Option<u64>,
    /// Open descriptors of each process.
    pub open_files: Option<u64>,
    /// Wall time.
    pub timeout: Option<Duration>,
    /// More output than the limit ends the program.
    pub stop_at_output_limit: bool,
}

/// A run that a client asks for.
#[derive(Clone)]
pub struct Run {
    /// What the execution is to be called, for who has to know that beforehand; by chance when absent.
    pub id: Option<ExecutionId>,
    /// What.
    pub source: Source,
    /// Its arguments.
    pub args: Vec<String>,
    /// Arguments of the engine itself, which its compiler gets where it has one; for code and files.
    pub engine_args: Vec<String>,
    /// Where, as a path of the sandbox; the workspace when absent.
    pub cwd: Option<String>,
    /// Variables beside the session's.
    pub env: BTreeMap<String, String>,
    /// Its input.
    pub stdin: Stdin,
    /// Whether it finds a two-way stream on descriptor 3, which is [`Execution::take_side`].
    pub side: bool,
    /// Its limits.
    pub limits: RunLimits,
    /// The longest chunk of output that the client takes.
    pub max_chunk_bytes: usize,
}

impl Run {
    /// Code that is yet to come, and asks for nothing.
    pub(super) fn of_code(engine: Option<&'static Engine>) -> Self {
        Self {
            id: None,
            source: Source::Code { text: Bytes::new(), engine, name: None },
            args: Vec::new(),
            engine_args: Vec::new(),
            cwd: None,
            env: BTreeMap::new(),
            stdin: Stdin::None,
            side: false,
            limits: RunLimits::default(),
            max_chunk_bytes: 0,
        }
    }
}

impl Session {
    /// Queues a run. By the time this returns, the execution has its place in the queue; it runs to its end
    /// whether or not anybody waits for that.
    ///
    /// # Errors
    /// See [`SessionError`]; nothing is run then.
    pub fn execute(self: &Arc<Self>, run: Run, observer: Arc<dyn Observer>) -> Result<Arc<Execution>, SessionError> {
        self.use_now()?;
        check_env("source.env", Some(&run.env))?;
        self.check_run(&run)?;
        let standing = self.ahead.take();
        let drawn_up = |id: &ExecutionId| {
            let command = self.command(&run, id)?;
            let engine = command.engine;
            Ok::<_, SessionError>((engine, self.order(run.clone(), command, id)))
        };
        let (id, engine, mut order, is_early) = match ahead::suited(&run, standing.as_ref(), &drawn_up)? {
            Some((id, (engine, order))) => (id, engine, order, true),
            None => {
                // Never that of what stood by, whose directory goes with it.
                let id = run.id.clone().unwrap_or_else(ExecutionId::random);
                let (engine, order) = drawn_up(&id)?;
                (id, engine, order, false)
            }
        };
        let pause = self.note_template(&run, engine, &order, &id);
        if self.persist {
            let begun = inside::Begun::new(&id, &order.program.argv, &order.terms);
            order.program.name = begun.written();
            if let Some(compiler) = &mut order.compiler {
                compiler.program.name = begun.clone().compiling().written();
                let named = move |stage: &StageSummary, written| begun.clone().compiled_by(stage, written).written();
                order.named = Some(Box::new(named));
            }
        }
        let Program { argv, terminal, .. } = &order.program;
        let kept = self.settings.kept_output_bytes;
        let execution = Arc::new(Execution::new(id, self.id.clone(), argv.clone(), terminal.is_some(), kept));
        self.enlist(&execution)?;
        // Once it is on the list nothing begins to stand by, and what has begun since the look goes first.
        let (early, unfit) = if is_early { (standing, None) } else { (None, standing) };
        order.early = early.and_then(Standing::into_early);
        order.gone_first = unfit.into_iter().chain(self.ahead.take()).map(Standing::end).collect();
        let keeper = Arc::clone(&self.keeper);
        let place = Place {
            link: self.link.clone(),
            turn: join_queue(&self.turns),
            oom_kills: Box::new(move || keeper.try_lock().ok()?.oom_kills()),
        };
        let (session, driven) = (Arc::clone(self), Arc::clone(&execution));
        tokio::spawn(async move {
            drive(&driven, order, place, &*observer).await;
            // The end of an execution is use, and lets the idle time begin.
            drop(session.use_now());
            session.touched.notify_one();
            session.stand_by_after(pause).await;
        });
        Ok(execution)
    }

    fn check_run(&self, run: &Run) -> Result<(), SessionError> {
        if run.id.as_ref().is_some_and(|id| !id.is_well_formed()) {
            let why = "it is no name that an execution can have".to_owned();
            return Err(SessionError::Invalid { field: "executionId", why });
        }
        let RunLimits { memory_bytes, cpu, pids, disk_bytes, output_bytes, open_files, timeout, .. } = run.limits;
        let own = self.changeable().limits;
        let asked = Limits {
            memory_bytes: memory_bytes.unwrap_or(own.memory_bytes),
            cpu: cpu.or(own.cpu),
            pids: pids.unwrap_or(own.pids),
            disk_bytes: disk_bytes.unwrap_or(own.disk_bytes),
            output_bytes: output_bytes.unwrap_or(own.output_bytes),
            open_files: open_files.unwrap_or(own.open_files),
            execution_timeout: timeout.unwrap_or(own.execution_timeout),
        };
        // Output and time are the daemon's to spend; the rest is bounded by the sandbox itself.
        let ceiling = self.settings.ceiling;
        let most = Limits { output_bytes: ceiling.output_bytes, execution_timeout: ceiling.execution_timeout, ..own };
        check_limits(&asked, &most).map_err(|error| match error {
            SessionError::Invalid { field: "limits.executionTimeoutMs", why } => {
                SessionError::Invalid { field: "timeoutMs", why }
            }
            other => other,
        })?;
        let arguments = std::iter::once(("source.cwd", run.cwd.as_deref().unwrap_or_default()))
            .chain(run.args.iter().map(|arg| ("source.args", arg.as_str())))
            .chain(run.engine_args.iter().map(|arg| ("source.engineArgs", arg.as_str())));
        for (field, text) in arguments {
            if text.contains('\0') {
                return Err(SessionError::Invalid { field, why: "it contains NUL".to_owned() });
            }
        }
        if run.cwd.as_deref().is_some_and(leads_astray) {
            let why = "it must be a directory inside the sandbox, without \"..\" and not in /proc".to_owned();
            return Err(SessionError::Invalid { field: "source.cwd", why });
        }
        Ok(())
    }

    pub(super) fn order(&self, run: Run, command: Command, id: &ExecutionId) -> Order {
        let mut env = self.base_env();
        if let Some(engine) = command.engine {
            env.extend(self.engine_env(engine));
            let finds_workspace = match run.source {
                Source::Engine { finds_workspace, .. } => finds_workspace,
                // It lies beside its modules.
                Source::File { .. } => false,
                Source::Code { .. } | Source::Tool { .. } | Source::Program(_) => command.code.is_some(),
            };
            if let (Some(variable), true) = (engine.module_path, finds_workspace) {
                // Node looks for packages below a module's own directory, which is none of the workspace's here.
                let packages =
                    if variable == "NODE_PATH" { format!(":{WORKSPACE}/node_modules") } else { String::new() };
                env.insert(variable.to_owned(), format!("{WORKSPACE}{packages}"));
            }
        }
        let (input, input_ends, terminal) = match run.stdin {
            Stdin::None => (None, false, None),
            Stdin::Text(text) => (Some(text), true, None),
            Stdin::Stream(first) => (Some(first), false, None),
            Stdin::Pty(size, first) => (Some(first), false, Some(size)),
        };
        if terminal.is_some() {
            env.insert("TERM".to_owned(), "xterm-256color".to_owned());
        }
        env.extend(self.reach_env());
        env.extend(self.changeable().env.clone());
        env.extend(run.env);
        let Command { argv: mut run_argv, compiler, code, .. } = command;
        run_argv.extend(run.args);
        let (limits, own) = (run.limits, self.changeable().limits);
        let program = Program {
            argv: run_argv,
            env: env.into_iter().collect(),
            cwd: run.cwd.map_or_else(|| WORKSPACE.to_owned(), |cwd| absolute(&cwd)),
            stdin: input.is_some(),
            terminal,
            side: run.side,
            name: String::new(),
            limits: ExecutionLimits {
                memory_bytes: limits.memory_bytes,
                processes: limits.pids,
                open_files: limits.open_files,
                file_bytes: limits.disk_bytes,
                // Whole processors, as only those can be given to a single program.
                processors: limits.cpu.map(|cpu| cpu.ceil() as u32),
            },
        };
        let compiler = compiler.map(|argv| Compiler {
            program: Program { argv, stdin: false, side: false, ..program.clone() },
            directory: command::made_in(id),
            target: command::MADE.to_owned(),
        });
        Order {
            program,
            compiler,
            named: None,
            code,
            early: None,
            gone_first: Vec::new(),
            input,
            input_ends,
            terms: Terms {
                timeout: limits.timeout.unwrap_or(own.execution_timeout),
                output_bytes: limits.output_bytes.unwrap_or(own.output_bytes),
                stop_at_output_limit: limits.stop_at_output_limit,
                max_chunk_bytes: run.max_chunk_bytes,
                cancel_grace: self.settings.cancel_grace,
                kill_patience: self.settings.kill_patience,
            },
        }
    }

    /// What every program finds in its environment; nothing of the daemon's own.
    pub(super) fn base_env(&self) -> BTreeMap<String, String> {
        let pairs = [
            ("HOME", WORKSPACE),
            ("LANG", "C.UTF-8"),
            ("LOGNAME", "user"),
            ("PATH", self.toolbox.path()),
            ("TMPDIR", "/tmp"),
            ("USER", "user"),
        ];
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    }

    /// Puts the execution on the session's list, and takes the oldest that have ended off it.
    pub(super) fn enlist(&self, execution: &Arc<Execution>) -> Result<(), SessionError> {
        let mut executions = self.lock_executions();
        if executions.iter().any(|known| known.id == execution.id) {
            let why = format!("{} is the name of another already", execution.id);
            return Err(SessionError::Invalid { field: "executionId", why });
        }
        // Cells wait in their contexts.
        let active = |known: &&Arc<Execution>| !known.is_over() && known.context.is_none();
        let waiting = executions.iter().filter(active).count().saturating_sub(self.settings.max_running);
        if waiting >= self.settings.max_queued && execution.context.is_none() {
            return Err(ExecutionError::QueueFull { waiting }.into());
        }
        self.pace.begin()?;
        let mut over = executions.iter().filter(|known| known.is_over()).count();
        executions.retain(|known| {
            let forget = over >= self.settings.max_remembered && known.is_over();
            over -= usize::from(forget);
            !forget
        });
        executions.push(Arc::clone(execution));
        Ok(())
    }
}

/// Whether a directory is meant that is none of a program's: the directories of processes lead anywhere.
pub(super) fn leads_astray(cwd: &str) -> bool {
    let mut names = cwd.split('/').filter(|name| !matches!(*name, "" | "."));
    cwd.split('/').any(|name| name == "..") || (cwd.starts_with('/') && names.next() == Some("proc"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_of_processes_is_seen_through_its_disguises() {
        for cwd in ["/proc", "/proc/1/root", "//proc/1", "/./proc/self", "a/../..", ".."] {
            assert!(leads_astray(cwd), "{cwd}");
        }
        for cwd in ["", "a/b", "/workspace/proc", "proc", "/process", "/tmp", "a..b"] {
            assert!(!leads_astray(cwd), "{cwd}");
        }
    }
}
