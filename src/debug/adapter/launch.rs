//! Brings a program up to be debugged: its session, its execution, its debugger, its breakpoints.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::capabilities;
use super::configuration::{self, Choice, Input, Launch, OwnSession};
use super::debuggee::{Debuggee, Origin};
use super::output::{Marks, Printer};
use super::plan::{Plan, directory, told_engine};
use super::refusal::Refusal;
use super::{Adapter, Phase, ending, events};
use crate::agent::wire::TerminalSize;
use crate::debug::Stage;
use crate::debug::backend::{Attachment, Fault};
use crate::debug::ground::{Ground, Preparation, What};
use crate::debug::sandbox_ground::SandboxGround;
use crate::debug::undebugged::Undebugged;
use crate::ids::SessionId;
use crate::runtime::Workspace;
use crate::session::{NewSession, Run, RunLimits, Session, Source, Stdin, Wish};
use crate::text;

/// The longest chunk of output.
pub(super) const CHUNK: usize = 64 << 10;

/// How long bringing a program up may take.
pub(super) const START: Duration = Duration::from_secs(180);

/// How long a program that could not be debugged may take to tell why, by ending.
const LAST_WORDS: Duration = Duration::from_millis(300);

impl Adapter {
    /// `launch`.
    pub(super) async fn launch(
        self: &Arc<Self>,
        arguments: Value,
        cancel: &CancellationToken,
    ) -> Result<Value, Refusal> {
        let arguments = configuration::over(&self.configuration, arguments);
        self.start_with(self.bring_up(&arguments), cancel).await?;
        self.held().launched = Some(arguments);
        Ok(Value::Null)
    }

    /// Has a debuggee brought up by one means or another, and tells the client when it can be configured. If
    /// it fails or is given up, nothing is left.
    pub(super) async fn start_with(
        &self,
        bring_up: impl Future<Output = Result<(), Refusal>>,
        cancel: &CancellationToken,
    ) -> Result<(), Refusal> {
        let given_up = self.begin_start()?;
        let brought_up = tokio::select! {
            brought_up = tokio::time::timeout(START, bring_up) => brought_up.unwrap_or(Err(Refusal::TooSlow(START))),
            () = given_up.cancelled() => Err(Refusal::Cancelled),
            () = cancel.cancelled() => Err(Refusal::Cancelled),
        };
        match brought_up {
            Ok(()) => self.outbox.event("initialized", Value::Null).await,
            Err(_) => self.give_up_start().await,
        }
        brought_up
    }

    /// Notes that a program is being brought up; what is returned gives that up.
    fn begin_start(&self) -> Result<CancellationToken, Refusal> {
        let mut held = self.held();
        match held.phase {
            Phase::Ready => {
                held.phase = Phase::Starting;
                held.launching = CancellationToken::new();
                self.note_stage(Stage::Starting);
                Ok(held.launching.clone())
            }
            Phase::Ended => Err(Refusal::State("the program has ended: disconnect, and debug anew")),
            _ => Err(Refusal::State("a program is debugged already")),
        }
    }

    /// Nothing came of it: takes back what was made for it, so that another try is possible.
    async fn give_up_start(&self) {
        self.release(true).await;
        let mut held = self.held();
        if held.phase == Phase::Starting {
            held.phase = Phase::Ready;
        }
        drop(held);
        self.note_stage(Stage::Waiting);
    }

    /// Makes what the arguments say, up to the point where the program waits to be started.
    pub(super) async fn bring_up(self: &Arc<Self>, arguments: &Value) -> Result<(), Refusal> {
        let launch = Launch::read(arguments)?;
        let (session, own) = self.session_for(&launch, arguments).await?;
        self.hold(|held| held.session = Some((Arc::clone(&session), own)))?;
        self.note(|overview| overview.session = Some(session.id.clone()));
        let plan = self.plan(&launch, arguments, &session)?;
        let name = text::clean(&plan.name, text::Keep::OneLine, text::NAME);
        self.note(|overview| overview.name = Some(name.clone()));

        let preparation = match &plan.backend {
            Some(backend) => backend.prepare(&plan.target, &directory(&plan.id))?,
            None => Preparation::default(),
        };
        let run = self.run(&launch, &plan, preparation)?;
        let marks = Arc::new(Marks::default());
        let printer = Printer::new(Arc::clone(self), plan.mounts.clone(), Arc::clone(&marks));
        let execution = session.execute(run, Arc::new(printer))?;
        self.hold(|held| held.execution = Some(Arc::clone(&execution)))?;
        self.note(|overview| overview.execution = Some(execution.id.clone()));

        let attachment = match &plan.backend {
            Some(backend) => {
                execution.running().await;
                let ground = SandboxGround::new(Arc::clone(&session), Arc::clone(&execution), directory(&plan.id));
                let ground: Arc<dyn Ground> = Arc::new(ground);
                let gone = Arc::clone(&ground);
                tokio::select! {
                    biased;
                    connected = backend.connect(&plan.target, ground) => match connected {
                        Ok(attachment) => attachment,
                        // A debugger that gives a reason knows it better than its end does.
                        Err(fault @ Fault::Refused(_)) => return Err(fault.into()),
                        // What the program says by ending tells more than that its debugger did not answer.
                        Err(fault) => match tokio::time::timeout(LAST_WORDS, gone.gone()).await {
                            Ok(how) => return Err(Refusal::EndedEarly(how)),
                            Err(_) => return Err(fault.into()),
                        },
                    },
                    how = gone.gone() => return Err(Refusal::EndedEarly(how)),
                }
            }
            None => {
                let (_, events) = tokio::sync::mpsc::channel(1);
                Attachment { debugger: Arc::new(Undebugged), events }
            }
        };
        let debuggee = Arc::new(Debuggee {
            debugger: attachment.debugger,
            can: plan.backend.map(|backend| backend.capabilities()),
            origin: Origin::Launched,
            name: plan.name,
            mounts: plan.mounts,
            execution: Some(execution),
            takes_input: launch.input != Input::None,
            superseded: CancellationToken::new(),
            concluded: CancellationToken::new(),
            orphaned: CancellationToken::new(),
            asked_to_end: false.into(),
        });
        let kept = if own { None } else { Some(session.id.clone()) };
        self.take_on(&debuggee, attachment.events, &marks, kept.as_ref()).await
    }

    /// Makes a debuggee the one that is debugged, and sets its breakpoints.
    pub(super) async fn take_on(
        self: &Arc<Self>,
        debuggee: &Arc<Debuggee>,
        events: tokio::sync::mpsc::Receiver<crate::debug::backend::DebugEvent>,
        marks: &Arc<Marks>,
        session: Option<&SessionId>,
    ) -> Result<(), Refusal> {
        let exact = debuggee.can.as_ref().map(capabilities::exact);
        let changed = {
            let mut held = self.held();
            held.debuggee = Some(Arc::clone(debuggee));
            held.phase = Phase::Configuring;
            let exact = exact.unwrap_or_else(|| held.said.clone());
            let changed = capabilities::changed(&held.said, &exact);
            held.said = exact;
            changed
        };
        let telling = events::tell(Arc::clone(self), Arc::clone(debuggee), events, Arc::clone(marks));
        let telling = tokio::spawn(telling);
        tokio::spawn(ending::watch(Arc::clone(self), Arc::clone(debuggee), telling));
        if !changed.is_empty() {
            self.outbox.event("capabilities", json!({"capabilities": changed})).await;
        }
        self.place_all(debuggee, session).await;
        Ok(())
    }

    /// `configurationDone`.
    pub(super) async fn configuration_done(self: &Arc<Self>) -> Result<Value, Refusal> {
        let debuggee = self.debuggee()?;
        {
            let mut held = self.held();
            match held.phase {
                Phase::Configuring => held.phase = Phase::Running,
                _ => return Err(Refusal::State("the configuration is done already")),
            }
        }
        self.note_stage(Stage::Running);
        debuggee.debugger.start().await?;
        let adapter = Arc::clone(self);
        tokio::spawn(async move {
            // After the answer.
            let _gate = adapter.gate.write().await;
            let method = match debuggee.origin {
                Origin::Launched => "launch",
                Origin::Attached => "attach",
                Origin::Child => "attachForSuspendedLaunch",
            };
            let name = text::clean(&debuggee.name, text::Keep::OneLine, text::NAME);
            let body = json!({"name": name, "isLocalProcess": true, "startMethod": method});
            adapter.outbox.event("process", body).await;
        });
        Ok(Value::Null)
    }

    async fn session_for(&self, launch: &Launch, arguments: &Value) -> Result<(Arc<Session>, bool), Refusal> {
        let sessions = &self.debugs.sessions;
        let own = match (&launch.session, &self.given) {
            (Some(Choice::Existing(id)), _) => return Ok((sessions.get(&SessionId::from(id.clone()))?, false)),
            (Some(Choice::Own(own)), _) => (**own).clone(),
            (None, Some(session)) => return Ok((Arc::clone(session), false)),
            (None, None) => OwnSession::default(),
        };
        let mut workspace = own.workspace(self.workspace_of(&own, launch))?;
        if let (Some(program), Workspace::None, None) = (&launch.program, &workspace, &own.mode) {
            let why = format!("`program`: {program:?} is no absolute path: give one, or `cwd` as one");
            return Err(Refusal::Arguments(why));
        }
        let wish = Wish {
            engines: told_engine(launch, arguments).into_iter().collect(),
            runtime: own.runtime.clone(),
            image: own.image.clone(),
            ..Wish::default()
        };
        if let (None, Workspace::Overlay { path }) = (&own.mode, &workspace) {
            workspace = sessions.unchanged(&wish, path.clone()).await;
        }
        let ceiling = sessions.settings().ceiling;
        let mut limits = own.limits(sessions.settings().limits)?;
        limits.execution_timeout = own.timeout.unwrap_or(ceiling.execution_timeout);
        let wanted = NewSession {
            wish,
            workspace,
            limits: Some(limits),
            // A program that waits at a breakpoint is in use as long as its client wants.
            max_lifetime: Some(ceiling.execution_timeout),
            ..NewSession::default()
        };
        Ok((sessions.create(wanted, Arc::clone(&self.watcher)).await?, true))
    }

    fn run(&self, launch: &Launch, plan: &Plan, preparation: Preparation) -> Result<Run, Refusal> {
        let mut env: BTreeMap<String, String> = preparation.env;
        for (name, value) in &launch.env {
            match value {
                Some(value) => {
                    // What the debugger needs is not overwritten by chance.
                    env.entry(name.clone()).or_insert_with(|| value.clone());
                }
                None => {
                    env.remove(name);
                }
            }
        }
        let (source, args, side) = match &plan.backend {
            Some(_) => {
                let files = preparation.files;
                let source = match (preparation.program, plan.engine) {
                    (Some(program), engine) => Source::Tool { program, engine, files },
                    (None, Some(engine)) => Source::Engine { engine, files, finds_workspace: true },
                    (None, None) => return Err(Refusal::Bug),
                };
                (source, preparation.args, preparation.side)
            }
            None => {
                let (source, args) = undebugged(plan, launch)?;
                (source, args, false)
            }
        };
        let stdin = match launch.input {
            Input::None => Stdin::None,
            Input::Stream => Stdin::Stream(Bytes::new()),
            Input::Pty => Stdin::Pty(TerminalSize { cols: 80, rows: 24 }, Bytes::new()),
        };
        let timeout = match &launch.session {
            Some(Choice::Own(own)) => own.timeout,
            _ => None,
        };
        let has_engine = matches!(source, Source::Code { .. } | Source::File { .. });
        let engine_args = if has_engine { launch.engine_args.clone() } else { Vec::new() };
        let longest = self.debugs.sessions.settings().ceiling.execution_timeout;
        let limits = RunLimits { timeout: Some(timeout.unwrap_or(longest)), ..RunLimits::default() };
        Ok(Run {
            source,
            args,
            engine_args,
            cwd: Some(plan.target.cwd.clone()),
            env,
            stdin,
            limits,
            max_chunk_bytes: CHUNK,
            id: Some(plan.id.clone()),
            side,
        })
    }
}

/// What runs a program that is not debugged.
fn undebugged(plan: &Plan, launch: &Launch) -> Result<(Source, Vec<String>), Refusal> {
    let engine = plan.engine;
    let args = launch.args.clone();
    Ok(match (&plan.target.what, engine) {
        (What::Code { name, text }, _) => (Source::Code { text: text.clone(), engine, name: Some(name.clone()) }, args),
        (What::File(path), _) => (Source::File { path: path.clone(), engine }, args),
        (What::Module(module), Some(engine)) if engine.id == "python" => {
            let mut all = launch.engine_args.clone();
            all.extend(["-m".to_owned(), module.clone()]);
            all.extend(args);
            (Source::Engine { engine, files: Vec::new(), finds_workspace: true }, all)
        }
        (What::Module(_), _) => {
            return Err(Refusal::Arguments("only Python's programs can be modules to run".to_owned()));
        }
    })
}
