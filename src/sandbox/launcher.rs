//! Starts launchers: one process for each sandbox, which builds it, becomes its PID 1's parent and
//! clears up after it.
//!
//! One thread that lives as long as the daemon starts them all. Starting takes system calls that can
//! block, which the threads that serve clients must not; and what the kernel ties to the thread that
//! made a process then hangs on none that comes and goes.

use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use codebeaker_agent::plan::{Cleanup, MAX_PLAN_BYTES};
use rustix::process::{Pid, Signal};
use serde::Serialize;
use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use super::blueprint::{Blueprint, BlueprintError, Drawn, Site};
use super::cgroup::Reserved;
use super::executable::Executable;

/// Sandboxes that may wait for the thread at one time; more wait before that.
const QUEUE: usize = 32;

/// A launcher reads its plan at once, or something is wrong with it.
const PLAN_TIMEOUT: Duration = Duration::from_secs(5);

/// From the wish that a sandbox ends to force.
const PATIENCE: Duration = Duration::from_millis(1500);

/// From force to giving up.
const LAST_PATIENCE: Duration = Duration::from_millis(500);

/// Why a sandbox could not be started. What goes wrong inside the launcher is not here: the launcher
/// says it on the stream.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// The thread can't be had, or is gone.
    #[error("the thread that starts sandboxes is not there")]
    NoThread,
    /// The launcher could not be started.
    #[error("the launcher could not be started")]
    Spawn(#[source] io::Error),
    /// The sandbox's plan could not be made.
    #[error(transparent)]
    Blueprint(#[from] BlueprintError),
    /// The plan can't be encoded, or is longer than a launcher reads.
    #[error("the plan of {bytes} bytes is too long")]
    PlanTooLong {
        /// How long it is.
        bytes: usize,
    },
    /// The plan can't be encoded.
    #[error("the plan can't be encoded")]
    Encode(#[from] postcard::Error),
    /// The launcher did not take its plan.
    #[error("the launcher did not take its plan")]
    SendPlan(#[source] io::Error),
}

/// The thread, seen from those who want sandboxes.
#[derive(Debug, Clone)]
pub struct Launcher {
    orders: mpsc::Sender<Order>,
}

#[derive(Debug)]
struct Order {
    blueprint: Blueprint,
    /// The runtime that watches over the launcher.
    runtime: Handle,
    answer: oneshot::Sender<Result<Launched, LaunchError>>,
}

/// A sandbox that is being built, or stands, or failed: the stream will tell.
#[derive(Debug)]
pub struct Launched {
    /// The stream to the agent. Nothing has been read from it.
    pub stream: UnixStream,
    /// The launcher.
    pub process: Process,
    /// What was decided on the way.
    pub drawn: Drawn,
}

impl Launcher {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn start(executable: Executable, site: Arc<Site>) -> Result<Self, LaunchError> {
        let (orders, mut taken) = mpsc::channel::<Order>(QUEUE);
        thread::Builder::new()
            .name("launcher".to_owned())
            .spawn(move || {
                while let Some(order) = taken.blocking_recv() {
                    let _watched_by = order.runtime.enter();
                    // Who ordered may have gone away; then the sandbox goes, too.
                    let _unwanted = order.answer.send(launch(&executable, &site, &order.blueprint));
                }
            })
            .map_err(|_| LaunchError::NoThread)?;
        Ok(Self { orders })
    }

    /// Starts the launcher of one sandbox and sends it its plan.
    ///
    /// # Errors
    /// When it can't be started; nothing is left then.
    pub async fn launch(&self, blueprint: Blueprint) -> Result<Launched, LaunchError> {
        let (answer, answered) = oneshot::channel();
        self.orders
            .send(Order { blueprint, runtime: Handle::current(), answer })
            .await
            .map_err(|_| LaunchError::NoThread)?;
        answered.await.map_err(|_| LaunchError::NoThread)?
    }
}

fn launch(executable: &Executable, site: &Site, blueprint: &Blueprint) -> Result<Launched, LaunchError> {
    let (ours, theirs) = UnixStream::pair().map_err(LaunchError::Spawn)?;
    let child = Command::new(executable.path())
        .arg0("codebeaker-agent")
        .arg("launch")
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(LaunchError::Spawn)?;
    // Only a process that has been waited for has no id.
    let id = child.id().ok_or(LaunchError::Spawn(io::ErrorKind::NotFound.into()))?;
    let process = Process { child, id };
    let reserved = blueprint.reserve(site);
    send(&Cleanup { cgroup_dirs: reserved.as_ref().map(Reserved::directories).unwrap_or_default() }, &ours)?;
    // The launcher starts up while its plan is made.
    let (plan, drawn) = blueprint.draw(site, process.id(), reserved)?;
    send(&plan, &ours)?;
    ours.set_nonblocking(true).map_err(LaunchError::SendPlan)?;
    Ok(Launched { stream: ours, process, drawn })
}

fn send(plan: &impl Serialize, mut stream: &UnixStream) -> Result<(), LaunchError> {
    let mut message = vec![0; 4];
    message = postcard::to_extend(plan, message)?;
    let bytes = message.len() - 4;
    let length = u32::try_from(bytes).ok().filter(|_| bytes <= MAX_PLAN_BYTES);
    let length = length.ok_or(LaunchError::PlanTooLong { bytes })?;
    message[..4].copy_from_slice(&length.to_le_bytes());
    stream.set_write_timeout(Some(PLAN_TIMEOUT)).map_err(LaunchError::SendPlan)?;
    stream.write_all(&message).map_err(LaunchError::SendPlan)
}

/// A launcher that runs. Dropping it ends its sandbox without waiting.
#[derive(Debug)]
pub struct Process {
    child: Child,
    id: u32,
}

impl Process {
    /// Its process id on the host.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Ends the sandbox and waits until all of it is gone, for at most two seconds. Whether it is.
    pub async fn end(&mut self) -> bool {
        self.signal(Signal::TERM);
        if self.ends_within(PATIENCE).await {
            return true;
        }
        self.signal(Signal::KILL);
        self.ends_within(LAST_PATIENCE).await
    }

    async fn ends_within(&mut self, time: Duration) -> bool {
        matches!(tokio::time::timeout(time, self.child.wait()).await, Ok(Ok(_)))
    }

    fn signal(&self, signal: Signal) {
        // While it has not been waited for it has its id, and nobody else can.
        if let Some(pid) = self.child.id().and_then(|id| Pid::from_raw(id.cast_signed())) {
            // It may have ended by itself already.
            let _gone = rustix::process::kill_process(pid, signal);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // What is left of it in the process table is the runtime's to clear.
        self.signal(Signal::TERM);
    }
}
