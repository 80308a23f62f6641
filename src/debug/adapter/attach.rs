//! Attaches to what runs already: an execution of a session, or a child that another adapter offered.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::Adapter;
use super::capabilities::hinted;
use super::configuration::{self, Attach};
use super::debuggee::{Debuggee, Origin};
use super::launch::CHUNK;
use super::output::{Marks, Printer};
use super::plan::{directory, workspace};
use super::refusal::Refusal;
use crate::agent::plan::WORKSPACE;
use crate::debug::ground::{Target, What};
use crate::debug::sandbox_ground::SandboxGround;
use crate::engine;
use crate::execution::{Execution, OutputStream};
use crate::ids::{ExecutionId, SessionId};
use crate::text;

/// How long one look for output waits.
const LOOK: Duration = Duration::from_secs(60);

impl Adapter {
    /// `attach`.
    pub(super) async fn attach(
        self: &Arc<Self>,
        arguments: Value,
        cancel: &CancellationToken,
    ) -> Result<Value, Refusal> {
        let arguments = configuration::over(&self.configuration, arguments);
        match Attach::read(&arguments)? {
            Attach::Child(token) => self.start_with(self.attach_to_child(&token), cancel).await?,
            Attach::Execution { session, execution, language, just_my_code } => {
                let own = Vec::from_iter(just_my_code.then(|| WORKSPACE.to_owned()));
                let attach = self.attach_to_execution(session, execution, language, own);
                self.start_with(attach, cancel).await?;
            }
        }
        Ok(Value::Null)
    }

    async fn attach_to_child(self: &Arc<Self>, token: &str) -> Result<(), Refusal> {
        let child = self.debugs.nursery.claim(token);
        let child = child.ok_or(Refusal::State("no child waits under this token, or it was waited for too long"))?;
        let debuggee = Arc::new(Debuggee {
            debugger: child.attachment.debugger,
            can: child.can,
            origin: Origin::Child,
            name: child.name.clone(),
            mounts: child.mounts,
            execution: None,
            takes_input: false,
            superseded: CancellationToken::new(),
            concluded: CancellationToken::new(),
            // Its own children go with its parent's.
            orphaned: child.orphaned.child_token(),
            asked_to_end: false.into(),
        });
        self.note(|overview| {
            overview.name = Some(child.name);
            overview.parent = Some(child.parent);
            overview.session = child.session;
            overview.execution = child.execution;
        });
        self.take_on(&debuggee, child.attachment.events, &Arc::default(), None).await
    }

    async fn attach_to_execution(
        self: &Arc<Self>,
        session: Option<String>,
        execution: String,
        language: Option<String>,
        just_my_code: Vec<String>,
    ) -> Result<(), Refusal> {
        let session = match (session, &self.given) {
            (Some(id), _) => self.debugs.sessions.get(&SessionId::from(id))?,
            (None, Some(session)) => Arc::clone(session),
            (None, None) => return Err(Refusal::Arguments("give `sessionId` of what runs".to_owned())),
        };
        let id = ExecutionId::from(execution);
        let execution = session.execution(&id).ok_or(crate::execution::ExecutionError::NotFound(id))?;
        if execution.is_over() {
            return Err(Refusal::State("the program has ended: there is nothing left to attach to"));
        }
        let prepared = self.debugs.attachable.get(&execution.id);
        let file = execution.argv.iter().skip(1).find(|argument| engine::by_file(argument).is_some()).cloned();
        let file = prepared.as_ref().map(|prepared| prepared.file.clone()).or(file);
        let said = language.as_deref().and_then(hinted).or(prepared.as_ref().map(|prepared| prepared.engine));
        let engine = said.or(file.as_deref().and_then(engine::by_file)).or(session.engine);
        let engine = engine
            .ok_or_else(|| Refusal::Arguments("what it is written in is not known: give `language`".to_owned()))?;
        let backend = engine.debugger.and_then(|kind| self.debugs.backends.get(kind, &session.toolbox));
        let backend =
            backend.ok_or_else(|| Refusal::Arguments(format!("{} programs can't be debugged here", engine.id)))?;
        let mut mounts = workspace(&session);
        let mut just_my_code = just_my_code;
        if let Some(prepared) = &prepared {
            mounts = prepared.over(mounts);
            just_my_code = just_my_code.into_iter().flat_map(|path| [path, prepared.file.clone()]).collect();
        }
        let name = file.clone().unwrap_or_else(|| target_name(&execution));
        let target = Target {
            what: What::File(file.unwrap_or_default()),
            args: Vec::new(),
            engine_args: Vec::new(),
            cwd: WORKSPACE.to_owned(),
            stop_on_entry: false,
            just_my_code,
            children: false,
            source_maps: true,
        };
        let needed = backend.prepare_to_attach(&target, &directory(&execution.id))?.is_some();
        if needed && prepared.is_none() {
            let why = "it can't be attached to: run it with `debuggable: true` in `session/execute`, or launch it";
            return Err(Refusal::State(why));
        }
        let claim = self.debugs.attachable.claim(&execution.id);
        let claim = claim.ok_or(Refusal::State("another client is attached to it: it has to disconnect first"))?;
        let ground = SandboxGround::new(Arc::clone(&session), Arc::clone(&execution), directory(&execution.id));
        let attachment = backend.attach(&target, Arc::new(ground)).await?;
        self.hold(|held| {
            // The execution is its session's: what gives this start up has no right to end it.
            held.session = Some((Arc::clone(&session), false));
            held.claim = Some(claim);
        })?;
        self.note(|overview| {
            overview.name = Some(text::clean(&name, text::Keep::OneLine, text::NAME));
            overview.session = Some(session.id.clone());
            overview.execution = Some(execution.id.clone());
        });
        let marks = Arc::new(Marks::default());
        let debuggee = Arc::new(Debuggee {
            debugger: attachment.debugger,
            can: Some(backend.capabilities()),
            origin: Origin::Attached,
            name,
            mounts: mounts.clone(),
            execution: Some(Arc::clone(&execution)),
            takes_input: true,
            superseded: CancellationToken::new(),
            concluded: CancellationToken::new(),
            orphaned: CancellationToken::new(),
            asked_to_end: false.into(),
        });
        for stream in streams(&execution) {
            let printer = Printer::new(Arc::clone(self), mounts.clone(), Arc::clone(&marks));
            // Before the client is answered: it expects all that comes of what it does then.
            let from = end_of(&execution, *stream).await;
            tokio::spawn(follow(printer, Arc::clone(&execution), *stream, from, debuggee.superseded.clone()));
        }
        self.take_on(&debuggee, attachment.events, &marks, Some(&session.id)).await
    }
}

fn target_name(execution: &Execution) -> String {
    execution.argv.iter().skip(1).chain(&execution.argv).next().cloned().unwrap_or_default()
}

fn streams(execution: &Execution) -> &'static [OutputStream] {
    if execution.has_terminal { &[OutputStream::Pty] } else { &[OutputStream::Stdout, OutputStream::Stderr] }
}

/// Tells what an execution prints from an offset on. It keeps the end of its output for everybody: a client that
/// does not read loses some, and is told so.
async fn follow(
    printer: Printer,
    execution: Arc<Execution>,
    stream: OutputStream,
    mut offset: u64,
    let_go: CancellationToken,
) {
    let mut chunker = crate::execution::chunk::Chunker::default();
    loop {
        let piece = tokio::select! {
            piece = execution.read(stream, offset, CHUNK, LOOK) => piece,
            () = let_go.cancelled() => return,
        };
        let from = piece.offset;
        if from > offset {
            printer.lost(from - offset).await;
        }
        offset = piece.offset + piece.bytes.len() as u64;
        let mut at = from;
        for chunk in chunker.push(piece.bytes.into(), CHUNK) {
            printer.print(stream, at, &chunk.bytes).await;
            at += chunk.bytes.len() as u64;
        }
        if piece.is_end {
            return printer.finish().await;
        }
    }
}

/// Where the output stands.
async fn end_of(execution: &Execution, stream: OutputStream) -> u64 {
    let mut offset = 0;
    loop {
        let piece = execution.read(stream, offset, usize::MAX, Duration::ZERO).await;
        offset = piece.offset + piece.bytes.len() as u64;
        if piece.bytes.is_empty() || piece.is_end {
            return offset;
        }
    }
}
