//! What a back end gets of the sandbox that its debuggee runs in, and how it brings the debuggee up.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};

use super::backend::{Attachment, Fault};
use crate::agent::Endpoint;
use crate::dap::types::Capabilities;

/// A stream of bytes both ways.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A stream of bytes into the sandbox. What comes out of it is hostile.
pub type Conduit = Box<dyn Duplex>;

/// What is debugged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A file, by its path inside the sandbox.
    File(String),
    /// A module that the engine finds by its name (`python -m`).
    Module(String),
    /// Code that came with the request.
    Code {
        /// The file name it goes by.
        name: String,
        /// The code.
        text: Bytes,
    },
}

/// A program that is to be debugged.
#[derive(Debug, Clone)]
pub struct Target {
    /// What.
    pub what: What,
    /// Its arguments.
    pub args: Vec<String>,
    /// Arguments of the engine itself, before the program: `--experimental-vm-modules`.
    pub engine_args: Vec<String>,
    /// Where it runs, as a path of the sandbox.
    pub cwd: String,
    /// It stops at its first line.
    pub stop_on_entry: bool,
    /// Only what lies below these paths of the sandbox is the user's own code; empty for all code.
    pub just_my_code: Vec<String>,
    /// Programs that it starts are debugged too.
    pub children: bool,
    /// Source maps are followed.
    pub source_maps: bool,
}

/// How a debuggee is to be started.
#[derive(Debug, Clone, Default)]
pub struct Preparation {
    /// Files to be put into the execution's own directory, by names relative to it.
    pub files: Vec<(String, Bytes)>,
    /// What is started in place of the engine: a debugger that starts the program itself.
    pub program: Option<String>,
    /// Arguments after the engine's executable, or the program's.
    pub args: Vec<String>,
    /// Variables beside those of the session.
    pub env: BTreeMap<String, String>,
    /// The program gets a two-way stream on descriptor 3, which is [`Ground::side`].
    pub side: bool,
}

/// The sandbox, as far as a back end may use it.
#[async_trait]
pub trait Ground: Send + Sync {
    /// The execution's own directory, which programs can't change: `/run/codebeaker/…`.
    fn directory(&self) -> &str;

    /// The other end of the program's descriptor 3. Can be taken once.
    async fn side(&self) -> Result<Conduit, Fault>;

    /// Connects to something that listens inside the sandbox.
    async fn dial(&self, endpoint: Endpoint) -> Result<Conduit, Fault>;

    /// A file of the workspace, through the sandbox's own view of it.
    async fn read_file(&self, path: &str, max_bytes: usize) -> Result<Vec<u8>, Fault>;

    /// Sends the program a signal.
    async fn signal(&self, signal: i32) -> Result<(), Fault>;

    /// Resolves when the program is gone, with a line about it: so that nobody waits for what can't come.
    async fn gone(&self) -> String;
}

/// A kind of debugger.
#[async_trait]
pub trait Backend: Send + Sync {
    /// What it can do, as DAP names it, its exception filters included.
    fn capabilities(&self) -> Capabilities;

    /// How to start the debuggee. `directory` is what [`Ground::directory`] will be.
    ///
    /// # Errors
    /// [`Fault::Refused`] when it can't be debugged as asked, with what to do about it.
    fn prepare(&self, target: &Target, directory: &str) -> Result<Preparation, Fault>;

    /// How to run a program at full speed that can be attached to later, where that takes any preparation: what is
    /// run without it can't be attached to then.
    ///
    /// # Errors
    /// As of [`Backend::prepare`].
    fn prepare_to_attach(&self, target: &Target, directory: &str) -> Result<Option<Preparation>, Fault> {
        let _ = (target, directory);
        Ok(None)
    }

    /// Connects to the debuggee that was started so. It waits for
    /// [`Debugger::start`](super::backend::Debugger::start).
    async fn connect(&self, target: &Target, ground: Arc<dyn Ground>) -> Result<Attachment, Fault>;

    /// Connects to a program that runs already.
    async fn attach(&self, target: &Target, ground: Arc<dyn Ground>) -> Result<Attachment, Fault>;
}
