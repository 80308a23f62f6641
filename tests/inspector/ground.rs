//! A ground without a sandbox: a Node of this machine, and a debugger that is connected to it.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::process::Stdio;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use codebeaker::agent::wire::Endpoint;
use codebeaker::debug::backend::{
    Attachment, DebugEvent, Debugger, Fault, Handle, LineBreakpoint, Page, Place, Placed, Position, Scope, Stack,
    StopReason, Terms, Variable,
};
use codebeaker::debug::ground::{Backend, Conduit, Ground, Target, What};
use codebeaker::debug::inspector::Inspector;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// How long anything may take that a test waits for.
const DEADLINE: Duration = Duration::from_secs(20);

/// What a back end sees of a process of this machine.
struct Here {
    directory: String,
    pid: i32,
}

/// A connection that acknowledges at once, as the agent's relay does: Node writes a message in two parts, the
/// second of which waits for that.
struct Prompt(TcpStream);

impl AsyncRead for Prompt {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.0).poll_read(context, buffer);
        rustix::net::sockopt::set_tcp_quickack(&self.0, true)?;
        read
    }
}

impl AsyncWrite for Prompt {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

#[async_trait]
impl Ground for Here {
    fn directory(&self) -> &str {
        &self.directory
    }

    async fn side(&self) -> Result<Conduit, Fault> {
        Err(Fault::Unsupported("a side stream"))
    }

    async fn dial(&self, endpoint: Endpoint) -> Result<Conduit, Fault> {
        let failed = |error: std::io::Error| Fault::Gone(error.to_string());
        match endpoint {
            Endpoint::Port(port) => {
                let stream = TcpStream::connect(("127.0.0.1", port)).await.map_err(failed)?;
                stream.set_nodelay(true).map_err(failed)?;
                Ok(Box::new(Prompt(stream)))
            }
            Endpoint::Fifo(path) => {
                let path = String::from_utf8(path).expect("a path of this test's own");
                mknodat(CWD, &path, FileType::Fifo, Mode::RWXU, 0).expect("make the pipe");
                let pipe = tokio::net::unix::pipe::OpenOptions::new().read_write(true).open_receiver(path);
                Ok(Box::new(tokio::io::join(pipe.map_err(failed)?, tokio::io::sink())))
            }
            Endpoint::Unix(_) | Endpoint::Listener(_) | Endpoint::Caller(_) | Endpoint::Watch(_) => {
                Err(Fault::Unsupported("a socket, a caller or a watch"))
            }
        }
    }

    async fn read_file(&self, path: &str, max_bytes: usize) -> Result<Vec<u8>, Fault> {
        let bytes = std::fs::read(path).map_err(|error| Fault::Refused(error.to_string()))?;
        if bytes.len() > max_bytes { Err(Fault::Refused("too long".to_owned())) } else { Ok(bytes) }
    }

    async fn signal(&self, signal: i32) -> Result<(), Fault> {
        let pid = rustix::process::Pid::from_raw(self.pid).expect("a process id");
        let signal = rustix::process::Signal::from_named_raw(signal).expect("a signal");
        rustix::process::kill_process(pid, signal).map_err(|error| Fault::Gone(error.to_string()))
    }

    async fn gone(&self) -> String {
        while std::fs::read_link(format!("/proc/{}/exe", self.pid)).is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        "it has ended".to_owned()
    }
}

/// A program that is debugged.
pub(crate) struct Debuggee {
    _directory: TempDir,
    pub(crate) program: String,
    pub(crate) debugger: Arc<dyn Debugger>,
    pub(crate) events: tokio::sync::mpsc::Receiver<DebugEvent>,
    /// Events that were not what was waited for.
    pub(crate) passed: VecDeque<DebugEvent>,
    node: Child,
}

/// Where a program stopped.
pub(crate) struct Stop {
    pub(crate) thread: Handle,
    pub(crate) reason: StopReason,
    pub(crate) breakpoints: Vec<u32>,
    pub(crate) text: Option<String>,
}

/// Node is here, or the calling test says that it is not.
pub(crate) fn has_node() -> bool {
    let found = std::process::Command::new("node").arg("--version").stdout(Stdio::null()).status().is_ok();
    if !found {
        crate::skip::skip("node is not installed");
    }
    found
}

/// Starts a program undebugged, and attaches once it says something.
pub(crate) async fn attach(text: &str) -> Debuggee {
    let directory = tempfile::tempdir().expect("make a directory");
    let program = directory.path().canonicalize().expect("a real path").join("main.js");
    std::fs::write(&program, text).expect("write a file");
    let mut command = Command::new("node");
    command.arg(&program).env_remove("NODE_OPTIONS").kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut node = command.spawn().expect("start node");
    let mut said = [0; 5];
    within(node.stdout.as_mut().expect("a stream").read_exact(&mut said)).await.expect("it says something");
    let program = program.to_str().expect("a path in UTF-8").to_owned();
    let pid = i32::try_from(node.id().expect("it runs")).expect("a process id");
    let ground = Arc::new(Here { directory: "/nowhere".to_owned(), pid });
    let target = target(&program);
    let Attachment { debugger, events } = within(Inspector.attach(&target, ground)).await.expect("a debugger");
    Debuggee { _directory: directory, program, debugger, events, passed: VecDeque::new(), node }
}

fn target(program: &str) -> Target {
    Target {
        what: What::File(program.to_owned()),
        args: Vec::new(),
        engine_args: Vec::new(),
        cwd: "/".to_owned(),
        stop_on_entry: false,
        just_my_code: Vec::new(),
        children: false,
        source_maps: true,
    }
}

/// Starts a program that lies in files: the first is what runs.
pub(crate) async fn launch(files: &[(&str, &str)], change: impl FnOnce(&mut Target)) -> Debuggee {
    let directory = tempfile::tempdir().expect("make a directory");
    let work = directory.path().canonicalize().expect("a real path").join("work");
    for (name, text) in files {
        let path = work.join(name);
        std::fs::create_dir_all(path.parent().expect("a directory")).expect("make the directory");
        std::fs::write(path, text).expect("write a file");
    }
    let program = work.join(files[0].0).to_str().expect("a path in UTF-8").to_owned();
    let mut target = target(&program);
    change(&mut target);
    let own = work.with_file_name("own");
    let own = own.to_str().expect("a path in UTF-8");
    let preparation = Inspector.prepare(&target, own).expect("it can be debugged");
    for (name, bytes) in &preparation.files {
        let path = Path::new(own).join(name);
        std::fs::create_dir_all(path.parent().expect("a directory")).expect("make the directory");
        std::fs::write(path, bytes).expect("write a file");
    }
    let mut command = Command::new("node");
    command.args(&preparation.args).envs(&preparation.env).current_dir(&work).env_remove("NODE_OPTIONS");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let node = command.spawn().expect("start node");
    let pid = i32::try_from(node.id().expect("it runs")).expect("a process id");
    let ground = Arc::new(Here { directory: own.to_owned(), pid });
    let connect = tokio::time::timeout(DEADLINE, Inspector.connect(&target, ground));
    let Attachment { debugger, events } = connect.await.expect("in time").expect("a debugger");
    Debuggee { _directory: directory, program, debugger, events, passed: VecDeque::new(), node }
}

impl Debuggee {
    /// Sets plain breakpoints in the program's first file.
    pub(crate) async fn break_at(&self, lines: &[u32]) -> Vec<Placed> {
        self.break_in(&self.program, lines.iter().map(|line| (*line, Terms::default())).collect()).await
    }

    /// Sets breakpoints in a file. Their numbers count from 1.
    pub(crate) async fn break_in(&self, path: &str, wanted: Vec<(u32, Terms)>) -> Vec<Placed> {
        let wanted = wanted.into_iter().zip(1..).map(|((line, terms), id)| LineBreakpoint {
            id,
            at: Position { line, column: None },
            terms,
        });
        let place = Place::File(path.to_owned());
        within(self.debugger.set_breakpoints(&place, wanted.collect())).await.expect("breakpoints")
    }

    /// The next event, or `None` at the end.
    pub(crate) async fn event(&mut self) -> Option<DebugEvent> {
        within(self.events.recv()).await
    }

    /// The next stop; what happens before is kept.
    pub(crate) async fn stop(&mut self) -> Stop {
        loop {
            match self.event().await.expect("it stops before it ends") {
                DebugEvent::Stopped { thread, reason, breakpoints, text, .. } => {
                    return Stop { thread, reason, breakpoints, text };
                }
                other => self.passed.push_back(other),
            }
        }
    }

    /// Lets it begin, and waits for its first stop.
    pub(crate) async fn start(&mut self) -> Stop {
        within(self.debugger.start()).await.expect("it starts");
        self.stop().await
    }

    /// The whole stack.
    pub(crate) async fn stack(&self, stop: &Stop) -> Stack {
        within(self.debugger.stack(&stop.thread, 0, None)).await.expect("a stack")
    }

    /// The line of the innermost frame, and that frame.
    pub(crate) async fn top(&self, stop: &Stop) -> (u32, Handle) {
        let stack = within(self.debugger.stack(&stop.thread, 0, Some(1))).await.expect("a stack");
        let frame = stack.frames.into_iter().next().expect("a frame");
        (frame.at.line, frame.handle)
    }

    /// The scope of this name.
    pub(crate) async fn scope(&self, frame: &Handle, name: &str) -> Scope {
        let scopes = within(self.debugger.scopes(frame)).await.expect("scopes");
        let found = scopes.iter().find(|scope| scope.name == name).cloned();
        found.unwrap_or_else(|| panic!("{name} in {scopes:?}"))
    }

    /// Children.
    pub(crate) async fn children(&self, of: &Handle, page: Page) -> Vec<Variable> {
        within(self.debugger.variables(of, page)).await.expect("variables")
    }

    /// It has not ended.
    pub(crate) fn still_runs(&mut self) -> bool {
        self.node.try_wait().expect("its status").is_none()
    }

    /// Goes on to the end; what happens before is kept. Answers the exit code, standard output and error.
    pub(crate) async fn finish(mut self) -> (Option<i32>, String, String, VecDeque<DebugEvent>) {
        while let Some(event) = self.event().await {
            self.passed.push_back(event);
        }
        drop(self.debugger);
        let (mut stdout, mut stderr) = (String::new(), String::new());
        let streams = async {
            let out = self.node.stdout.as_mut().expect("a stream").read_to_string(&mut stdout).await;
            out.and(self.node.stderr.as_mut().expect("a stream").read_to_string(&mut stderr).await)
        };
        within(streams).await.expect("read its output");
        let status = within(self.node.wait()).await.expect("its status");
        (status.code(), stdout, stderr, self.passed)
    }
}

/// Waits, but not for ever.
pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future).await.expect("in time")
}
