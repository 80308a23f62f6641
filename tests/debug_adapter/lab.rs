//! A client of the adapter, and what it is tested in.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use codebeaker::debug::{Backends, Client, Debugs, Messages, Opening};
use codebeaker::engine::{Debugger, discover};
use codebeaker::execution::{Execution, Gap, Observer, Output, Summary};
use codebeaker::runtime::native::Native;
use codebeaker::session::{Host, NewSession, Session, Sessions, StateChange, Watcher};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::fake::{FakeBackend, Script};

/// How long anything may take.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// Nobody is told.
pub(crate) struct Deaf;

#[async_trait]
impl Watcher for Deaf {
    async fn changed(&self, _: &Session, _: StateChange) {}
}

/// Nobody hears what an execution prints.
pub(crate) struct Nobody;

#[async_trait]
impl Observer for Nobody {
    async fn started(&self, _: &Execution) {}
    async fn output(&self, _: &Execution, _: Output) {}
    async fn gap(&self, _: &Execution, _: Gap) {}
    async fn exited(&self, _: &Execution, _: &Summary) {}
}

/// A daemon's debugging, with a debugger of the test's.
pub(crate) struct Lab {
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) debugs: Arc<Debugs>,
    pub(crate) script: Arc<Script>,
    pub(crate) workspace: TempDir,
}

impl Lab {
    /// `None`, and the reason is said, where no sandbox can be made.
    pub(crate) async fn new() -> Option<Self> {
        let installations = discover::installations(&std::env::var("PATH").unwrap_or_default(), None);
        let native = Arc::new(Native::start());
        let host = Host::new(vec![native], installations);
        let sessions = Arc::new(Sessions::new(codebeaker::config::Settings::default(), host));
        let probed = sessions.host().probed().await;
        if let Some((_, probe)) = probed.iter().find(|(_, probe)| !probe.available) {
            super::skip::skip(&format!("no sandbox can be made: {probe:?}"));
            return None;
        }
        let script = Arc::new(Script::default());
        let backend = Arc::new(FakeBackend(Arc::clone(&script)));
        let backends = Backends::default().with(Debugger::Python, backend);
        let debugs = Arc::new(Debugs::with_backends(Arc::clone(&sessions), backends));
        let workspace = tempfile::tempdir().unwrap();
        std::fs::write(workspace.path().join("main.py"), "print(1)\n").unwrap();
        Some(Self { sessions, debugs, script, workspace })
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.workspace.path().join(name).display().to_string()
    }

    pub(crate) async fn session(&self) -> Arc<Session> {
        let path = self.workspace.path().to_owned();
        let workspace = codebeaker::runtime::Workspace::Overlay { path };
        let wanted = NewSession { workspace, ..NewSession::default() };
        self.sessions.create(wanted, Arc::new(Deaf)).await.unwrap()
    }

    /// A client that has said nothing yet.
    pub(crate) fn client(&self, session: Option<Arc<Session>>) -> TestClient {
        let opening = Opening { session, configuration: None, watcher: Arc::new(Deaf) };
        let (client, messages) = self.debugs.open(opening).unwrap();
        TestClient { client, messages, seq: 0, seen: VecDeque::new(), last: 0 }
    }

    /// A client whose program is launched and started.
    pub(crate) async fn running(&self, arguments: Value) -> TestClient {
        let mut client = self.client(None);
        client.initialize(json!({})).await;
        let mut launch = json!({"program": self.path("main.py")});
        launch.as_object_mut().unwrap().extend(arguments.as_object().cloned().unwrap());
        client.ok("launch", launch).await;
        client.event("initialized").await;
        client.ok("configurationDone", json!({})).await;
        client.event("process").await;
        client
    }

    /// As [`Lab::running`], with the main thread stopped in these frames.
    pub(crate) async fn stopped(&self, arguments: Value) -> (TestClient, u64) {
        let mut client = self.running(arguments).await;
        self.script.stop("main", codebeaker::debug::backend::StopReason::Breakpoint, Vec::new()).await;
        let stopped = client.event("stopped").await;
        let thread = stopped["threadId"].as_u64().unwrap();
        (client, thread)
    }
}

/// A client that is strict about what it is sent.
pub(crate) struct TestClient {
    pub(crate) client: Client,
    pub(crate) messages: Messages,
    pub(crate) seq: i64,
    /// Messages that were read and not asked for yet.
    pub(crate) seen: VecDeque<Value>,
    last: i64,
}

impl TestClient {
    pub(crate) async fn initialize(&mut self, more: Value) -> Value {
        let mut arguments = json!({"adapterID": "python", "linesStartAt1": true, "columnsStartAt1": true});
        arguments.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        self.ok("initialize", arguments).await
    }

    /// Sends a request, and does not wait.
    pub(crate) async fn send(&mut self, command: &str, arguments: Value) -> i64 {
        self.seq += 1;
        let mut message = json!({"seq": self.seq, "type": "request", "command": command});
        if !arguments.is_null() {
            message["arguments"] = arguments;
        }
        self.client.send(message).await.unwrap();
        self.seq
    }

    /// The next message; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        let message = tokio::time::timeout(DEADLINE, self.messages.recv()).await.expect("a message in time")?;
        let seq = message["seq"].as_i64().expect("a number");
        assert_eq!(seq, self.last + 1, "numbers rise by one: {message}");
        self.last = seq;
        Some(message)
    }

    /// The first message that is so; those before it stay.
    pub(crate) async fn find(&mut self, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        if let Some(at) = self.seen.iter().position(&is_it) {
            return self.seen.remove(at).unwrap();
        }
        loop {
            match self.next().await {
                Some(message) if is_it(&message) => return message,
                Some(message) => self.seen.push_back(message),
                None => panic!("the adapter ended without {what}; before: {:?}", self.seen),
            }
        }
    }

    pub(crate) async fn answer(&mut self, seq: i64) -> Value {
        self.find(&format!("an answer to {seq}"), |message| message["request_seq"] == seq).await
    }

    pub(crate) async fn event(&mut self, name: &str) -> Value {
        let mut event = self.find(name, |message| message["event"] == name).await;
        event["body"].take()
    }

    pub(crate) async fn request(&mut self, command: &str, arguments: Value) -> Value {
        let seq = self.send(command, arguments).await;
        self.answer(seq).await
    }

    pub(crate) async fn ok(&mut self, command: &str, arguments: Value) -> Value {
        let mut answer = self.request(command, arguments).await;
        assert_eq!(answer["success"], true, "{answer}");
        answer["body"].take()
    }

    pub(crate) async fn refused(&mut self, command: &str, arguments: Value) -> String {
        let answer = self.request(command, arguments).await;
        assert_eq!(answer["success"], false, "{answer}");
        answer["message"].as_str().expect("a message").to_owned()
    }

    /// All that is left, to the end.
    pub(crate) async fn rest(&mut self) -> Vec<Value> {
        let mut rest: Vec<Value> = self.seen.drain(..).collect();
        while let Some(message) = self.next().await {
            rest.push(message);
        }
        rest
    }
}

/// The names of the events among some messages.
pub(crate) fn events(messages: &[Value]) -> Vec<&str> {
    messages.iter().filter_map(|message| message["event"].as_str()).collect()
}
