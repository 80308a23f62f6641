//! Debuggers that are adapters themselves, as back ends: delve, netcoredbg, any that a client names.
//!
//! They run in the sandbox beside the program, and are spoken to by the [`proxy`](super::proxy), which
//! believes none of their words. What they say becomes what any back end says; the adapter does the rest, so
//! that a client can't tell them from debuggers of ours but by what they can do.

mod arguments;
mod debugger;
mod events;
mod words;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use tokio::sync::mpsc;

use super::backend::{Attachment, EVENT_QUEUE, Fault, PATIENCE};
use super::ground::{Backend, Conduit, Ground, Preparation, Target, What};
use super::proxy::{Paths, Proxy, Refusal};
use crate::agent::Endpoint;
use crate::dap::ToClient;
use crate::dap::types::Capabilities;
use crate::engine::adapters::{AdapterProgram, PORT, Transport};
use debugger::Proxied;

/// How long a debugger that just started may take to listen, looked at so often.
const DIAL_AGAIN: Duration = Duration::from_millis(20);

/// Makes descriptor 3 the standard input and output of a program, and nothing else of it.
const ON_STDIO: &str = r#"exec "$0" "$@" <&3 >&3 3<&-"#;

/// A debugger of this kind.
#[derive(Debug, Clone)]
pub struct Adapters {
    dialect: Dialect,
    transport: Transport,
    /// The executable and its arguments; what to do about it when there is none.
    command: Result<Vec<String>, String>,
    env: Vec<(String, String)>,
}

/// What a debugger's `launch` wants to be told.
#[derive(Debug, Clone)]
enum Dialect {
    Delve,
    Netcoredbg,
    /// As its client wrote it.
    Own(Value),
}

impl Adapters {
    /// One of those that are known, where it is installed on this host.
    #[must_use]
    pub fn known(adapter: &'static AdapterProgram, installed: Option<PathBuf>) -> Self {
        let missing = || format!("{} is not installed on this machine: {}", adapter.id, adapter.install);
        Self::new(adapter, installed.map(|program| program.display().to_string()).ok_or_else(missing))
    }

    /// One of those that are known, where the image of a session has it.
    #[must_use]
    pub fn of_image(adapter: &'static AdapterProgram, program: Option<&str>) -> Self {
        let AdapterProgram { id, programs, install, .. } = adapter;
        let missing = || {
            let name = programs[0];
            format!("the image of this session has no {id}: name one that has `{name}` (on Debian: {install})")
        };
        Self::new(adapter, program.map(str::to_owned).ok_or_else(missing))
    }

    fn new(adapter: &'static AdapterProgram, program: Result<String, String>) -> Self {
        let args = adapter.args.iter().map(|arg| (*arg).to_owned());
        Self {
            dialect: if adapter.id == "netcoredbg" { Dialect::Netcoredbg } else { Dialect::Delve },
            transport: adapter.transport,
            command: program.map(|program| std::iter::once(program).chain(args).collect()),
            env: adapter.env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        }
    }

    /// The one that a client's configuration names: `{"adapter": {"command": ["prog", "arg"], "transport":
    /// "stdio" | "port"}}`, a program of the workspace or of the sandbox. It gets the configuration as it is,
    /// with the program and the working directory in the sandbox's terms. `None` when it names none.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn of(configuration: &Value) -> Result<Option<Self>, String> {
        let Some(adapter) = configuration.get("adapter").filter(|adapter| !adapter.is_null()) else {
            return Ok(None);
        };
        let words = adapter["command"].as_array().filter(|words| !words.is_empty());
        let words = words.and_then(|words| words.iter().map(|word| word.as_str().map(str::to_owned)).collect());
        let command: Vec<String> = words.ok_or("`adapter.command` must be a list of strings, and not an empty one")?;
        let transport = match adapter.get("transport").map_or(Some("stdio"), Value::as_str) {
            Some("stdio") => Transport::Stdio,
            Some("port") if command.iter().any(|word| word.contains(PORT)) => Transport::Port,
            Some("port") => return Err(format!("`adapter.command` must say where {PORT} goes")),
            _ => return Err("`adapter.transport` must be \"stdio\" or \"port\"".to_owned()),
        };
        let mut own = configuration.clone();
        for ours in ["adapter", "session", "sessionId", "pathMappings", "stdin", "language", "engine"] {
            own.as_object_mut().map(|fields| fields.shift_remove(ours));
        }
        Ok(Some(Self { dialect: Dialect::Own(own), transport, command: Ok(command), env: Vec::new() }))
    }

    async fn reach(&self, ground: &dyn Ground) -> Result<Conduit, Fault> {
        if self.transport == Transport::Stdio {
            return ground.side().await;
        }
        let port = port(ground.directory());
        let dialled = async {
            loop {
                if let Ok(conduit) = ground.dial(Endpoint::Port(port)).await {
                    return conduit;
                }
                tokio::time::sleep(DIAL_AGAIN).await;
            }
        };
        tokio::select! {
            dialled = tokio::time::timeout(PATIENCE, dialled) => dialled.map_err(|_| Fault::Timeout(PATIENCE)),
            how = ground.gone() => Err(Fault::Gone(how)),
        }
    }
}

/// The port that the debugger of an execution listens on: one of its own, told by its directory.
fn port(directory: &str) -> u16 {
    let sum = directory
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    // Below those that the kernel gives to connections, above those that services use.
    10_000 + u16::try_from(sum % 20_000).unwrap_or_default()
}

/// Both sides of the proxy are this daemon's: the adapter knows the client's paths.
struct AsTheyAre;

impl Paths for AsTheyAre {
    fn to_client(&self, inside: &str) -> Option<String> {
        inside.starts_with('/').then(|| inside.to_owned())
    }

    fn to_sandbox(&self, path: &str) -> Option<String> {
        path.starts_with('/').then(|| path.to_owned())
    }
}

#[async_trait]
impl Backend for Adapters {
    fn capabilities(&self) -> Capabilities {
        arguments::capabilities(&self.dialect)
    }

    fn prepare(&self, target: &Target, directory: &str) -> Result<Preparation, Fault> {
        let command = self.command.as_ref().map_err(|missing| Fault::Refused(missing.clone()))?;
        let mut words = command.iter().map(|word| word.replace(PORT, &port(directory).to_string()));
        let files = match &target.what {
            What::Code { name, text } => vec![(name.clone(), text.clone())],
            What::File(_) | What::Module(_) => Vec::new(),
        };
        let side = self.transport == Transport::Stdio;
        let (program, args) = if side {
            let script = ["-c".to_owned(), ON_STDIO.to_owned()];
            (Some("/bin/sh".to_owned()), script.into_iter().chain(words).collect())
        } else {
            (words.next(), words.collect())
        };
        Ok(Preparation { files, program, args, env: self.env.iter().cloned().collect(), side })
    }

    async fn connect(&self, target: &Target, ground: Arc<dyn Ground>) -> Result<Attachment, Fault> {
        let conduit = self.reach(&*ground).await?;
        let (out, mut heard) = mpsc::channel::<ToClient>(EVENT_QUEUE);
        let proxy = Proxy::start(conduit, Arc::new(AsTheyAre), out);
        let can = proxy.control("initialize", arguments::initialize(&self.dialect)).await.map_err(fault)?;
        let launch = arguments::launch(&self.dialect, target, ground.directory());
        // Some answer it when the configuration is done, some when they are ready for the configuration.
        let launching = tokio::spawn({
            let proxy = proxy.clone();
            async move { proxy.control("launch", launch).await }
        });
        let mut debugger = Proxied::new(proxy, can, launching);
        debugger.ready(&mut heard).await?;
        let debugger = Arc::new(debugger);
        let (sender, events) = mpsc::channel(EVENT_QUEUE);
        tokio::spawn(events::pass_on(Arc::clone(&debugger), heard, sender));
        Ok(Attachment { debugger, events })
    }

    async fn attach(&self, _: &Target, _: Arc<dyn Ground>) -> Result<Attachment, Fault> {
        Err(Fault::Unsupported("attaching to a running program"))
    }
}

fn fault(refusal: Refusal) -> Fault {
    match refusal {
        Refusal::Unsupported => Fault::Unsupported("this"),
        Refusal::Stale | Refusal::NoNumber => Fault::Stale,
        Refusal::Timeout(patience) => Fault::Timeout(patience),
        Refusal::Gone => Fault::Gone("the debugger is gone".to_owned()),
        Refusal::Outside | Refusal::Busy | Refusal::Senseless | Refusal::Said(_) => Fault::Refused(refusal.to_string()),
    }
}

#[cfg(test)]
mod tests;
