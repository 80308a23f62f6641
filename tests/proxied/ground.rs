//! A sandbox to debug in, and an execution of it as back ends see it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use codebeaker::agent::Endpoint;
use codebeaker::agent::plan::CODE;
use codebeaker::agent::wire::Reach;
use codebeaker::causes::in_full;
use codebeaker::config::Settings;
use codebeaker::debug::backend::{Attachment, DebugEvent, Fault};
use codebeaker::debug::ground::{Backend, Conduit, Ground, Target, What};
use codebeaker::engine::{self, discover};
use codebeaker::execution::{Execution, Gap, Observer, Output, Summary};
use codebeaker::ids::ExecutionId;
use codebeaker::runtime::Workspace;
use codebeaker::runtime::native::Native;
use codebeaker::session::{
    Host, NewSession, Run, RunLimits, Session, Sessions, Source, StateChange, Stdin, Watcher, Why,
};

/// How long anything may take.
pub(crate) const DEADLINE: Duration = Duration::from_secs(90);

/// The machine as the daemon finds it.
pub(crate) fn host() -> Host {
    let path = std::env::var("PATH").unwrap_or_default();
    let installations = discover::installations(&path, None);
    Host::new(vec![Arc::new(Native::start())], installations).with_adapters(discover::adapters(&path, None))
}

/// A session, and what ran in it.
pub(crate) struct Stand {
    pub(crate) session: Arc<Session>,
    printed: Arc<Mutex<Vec<u8>>>,
}

struct Nobody;

#[async_trait]
impl Watcher for Nobody {
    async fn changed(&self, _: &Session, _: StateChange) {}
}

struct Listener(Arc<Mutex<Vec<u8>>>);

#[async_trait]
impl Observer for Listener {
    async fn started(&self, _: &Execution) {}

    async fn output(&self, _: &Execution, output: Output) {
        self.0.lock().unwrap().extend_from_slice(&output.chunk.bytes);
    }

    async fn gap(&self, _: &Execution, _: Gap) {}

    async fn exited(&self, _: &Execution, _: &Summary) {}
}

/// An execution, as a back end sees it.
pub(crate) struct Within {
    session: Arc<Session>,
    pub(crate) execution: Arc<Execution>,
    directory: String,
}

#[async_trait]
impl Ground for Within {
    fn directory(&self) -> &str {
        &self.directory
    }

    async fn side(&self) -> Result<Conduit, Fault> {
        self.execution.running().await;
        let side = self.execution.take_side();
        side.map(|side| Box::new(side) as Conduit).ok_or_else(|| Fault::Gone("it has no such stream".to_owned()))
    }

    async fn dial(&self, endpoint: Endpoint) -> Result<Conduit, Fault> {
        let connected = self.session.connect(endpoint).await;
        connected.map(|conduit| Box::new(conduit) as Conduit).map_err(|error| Fault::Refused(in_full(&error)))
    }

    async fn read_file(&self, _: &str, _: usize) -> Result<Vec<u8>, Fault> {
        Err(Fault::Unsupported("reading files"))
    }

    async fn signal(&self, signal: i32) -> Result<(), Fault> {
        self.execution.signal(signal, Reach::Tree).await.map_err(|error| Fault::Gone(error.to_string()))
    }

    async fn gone(&self) -> String {
        match self.execution.ended().await {
            Ok(summary) => format!("{:?}, exit code {:?}", summary.outcome, summary.exit_code),
            Err(error) => error.to_string(),
        }
    }
}

/// A file of the workspace that is to be debugged.
pub(crate) fn target(file: &str) -> Target {
    Target {
        what: What::File(format!("/workspace/{file}")),
        args: Vec::new(),
        engine_args: Vec::new(),
        cwd: "/workspace".to_owned(),
        stop_on_entry: false,
        just_my_code: Vec::new(),
        children: false,
        source_maps: false,
    }
}

impl Stand {
    pub(crate) async fn new(host: Host, workspace: PathBuf) -> Self {
        let sessions = Arc::new(Sessions::new(Settings::default(), host));
        let workspace = Workspace::Overlay { path: workspace };
        let wanted = NewSession { workspace, ..NewSession::default() };
        let session = sessions.create(wanted, Arc::new(Nobody)).await.expect("a session");
        Self { session, printed: Arc::default() }
    }

    /// Launches a debuggee as the adapter does.
    pub(crate) async fn launch(
        &self,
        backend: &dyn Backend,
        target: &Target,
        engine: Option<&str>,
    ) -> Result<(Attachment, Arc<Within>), Fault> {
        let id = ExecutionId::random();
        let directory = format!("{CODE}/{id}");
        let preparation = backend.prepare(target, &directory)?;
        let engine = engine.and_then(engine::by_id);
        let program = preparation.program.expect("these debuggers start the program themselves");
        let run = Run {
            id: Some(id),
            source: Source::Tool { program, engine, files: preparation.files },
            args: preparation.args,
            engine_args: Vec::new(),
            cwd: Some(target.cwd.clone()),
            env: preparation.env,
            stdin: Stdin::Stream(Bytes::new()),
            side: preparation.side,
            limits: RunLimits::default(),
            max_chunk_bytes: 64 << 10,
        };
        let execution = self.session.execute(run, Arc::new(Listener(Arc::clone(&self.printed)))).expect("it is run");
        execution.running().await;
        let within = Arc::new(Within { session: Arc::clone(&self.session), execution, directory });
        let ground: Arc<dyn Ground> = Arc::clone(&within) as Arc<dyn Ground>;
        let connected = tokio::time::timeout(DEADLINE, backend.connect(target, ground)).await;
        Ok((connected.expect("an answer")?, within))
    }

    /// What programs have printed so far.
    pub(crate) fn printed(&self) -> String {
        String::from_utf8_lossy(&self.printed.lock().unwrap()).into_owned()
    }

    pub(crate) async fn close(self) {
        self.session.close(Why::ClosedByClient).await;
    }
}

/// What happens next that `wanted` makes something of.
pub(crate) async fn next<T>(attachment: &mut Attachment, wanted: impl Fn(&DebugEvent) -> Option<T>) -> T {
    let search = async {
        loop {
            let event = attachment.events.recv().await.expect("the debugger is there");
            if let Some(found) = wanted(&event) {
                return found;
            }
        }
    };
    tokio::time::timeout(DEADLINE, search).await.expect("it happens")
}
