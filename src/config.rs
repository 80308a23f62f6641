//! The daemon's settings: every limit and default in one place.
//!
//! `docker` has those of container engines, `network` those of what can be reached, `packages` those of
//! where packages come from, `validation` the words that commands are refused for; `file` reads what a person changes of all of them, and `machine` what pip, npm and gem are configured
//! with. Nothing here acts on a setting, and no setting is read from anywhere else.

mod docker;
pub mod file;
pub mod machine;
mod network;
mod packages;
mod validation;
mod values;

use std::num::NonZeroUsize;
use std::time::Duration;

pub use docker::{DockerSettings, MachineSettings, PoolSettings, TlsFiles};
pub use network::{Host, HostError, NetworkSettings, Pattern};
pub use packages::{PackageSettings, Registries, is_scope, registry_host};
pub use validation::{Patterns, ValidationSettings};

/// Limits of one session or of one execution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Memory of all its processes together, in bytes.
    pub memory_bytes: u64,
    /// Processors it may use; may be a fraction. `None` for all there are.
    pub cpu: Option<f64>,
    /// Processes and threads at one time.
    pub pids: u64,
    /// Bytes that all its files may take, where they are held in memory; else the size of one file.
    pub disk_bytes: u64,
    /// Bytes of output that one execution passes on, all streams together; the rest is counted.
    pub output_bytes: u64,
    /// Open descriptors of each process.
    pub open_files: u64,
    /// Wall time of one execution.
    pub execution_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 512 << 20,
            cpu: None,
            pids: 256,
            disk_bytes: 1 << 30,
            output_bytes: 64 << 20,
            open_files: 1024,
            execution_timeout: Duration::from_secs(300),
        }
    }
}

/// How much may stand by for code to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AheadSettings {
    /// Interpreters of all sessions together; none where nothing is to be started ahead.
    pub interpreters: usize,
    /// Memory that they may have together, in bytes.
    pub memory_bytes: u64,
    /// One that nobody needed for so long is given up.
    pub unused: Duration,
}

impl Default for AheadSettings {
    fn default() -> Self {
        Self { interpreters: 8, memory_bytes: 512 << 20, unused: Duration::from_secs(300) }
    }
}

/// Executions that may begin within any minute; any number where it is `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rates {
    /// Of one session.
    pub session: Option<NonZeroUsize>,
    /// Of all sessions together.
    pub daemon: Option<NonZeroUsize>,
}

/// Settings of one daemon.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What a session gets when its client asks for nothing else.
    pub limits: Limits,
    /// The most that a client may ask for.
    pub ceiling: Limits,
    /// A session that nobody used for so long is closed.
    pub idle_timeout: Duration,
    /// A session is closed at this age, used or not.
    pub max_lifetime: Duration,
    /// How long a session may be unused before it says that it is idle.
    pub idle_notice: Duration,
    /// Sessions at one time.
    pub max_sessions: usize,
    /// Executions that run at one time in a session; more wait.
    pub max_running: usize,
    /// Executions that wait in a session; more are refused.
    pub max_queued: usize,
    /// Live interpreters of a session.
    pub max_contexts: usize,
    /// Ended executions that a session remembers.
    pub max_remembered: usize,
    /// Executions that may begin within a minute; more are refused. A person is never kept waiting by a default.
    pub rates: Rates,
    /// Output that an execution keeps for `execution/read`, per stream, in bytes.
    pub kept_output_bytes: usize,
    /// From the interrupt of a cancelled execution to its termination, and from there to its end.
    pub cancel_grace: Duration,
    /// How long a program that was killed may take to be gone; then its whole sandbox is ended.
    pub kill_patience: Duration,
    /// How long a sandbox may take to stand.
    pub create_timeout: Duration,
    /// How long sessions may take to end when the daemon stops.
    pub stop_grace: Duration,
    /// Interpreters that are started ahead of the code that they will run.
    pub ahead: AheadSettings,
    /// What sandboxes may reach.
    pub network: NetworkSettings,
    /// Where packages come from.
    pub packages: PackageSettings,
    /// The words for which typed commands are refused.
    pub validation: ValidationSettings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            ceiling: Limits {
                memory_bytes: 64 << 30,
                cpu: None,
                pids: 32_768,
                disk_bytes: 256 << 30,
                output_bytes: 1 << 40,
                open_files: 1 << 20,
                execution_timeout: Duration::from_secs(24 * 3600),
            },
            idle_timeout: Duration::from_secs(30 * 60),
            max_lifetime: Duration::from_secs(120 * 60),
            idle_notice: Duration::from_secs(60),
            max_sessions: 10,
            max_running: 16,
            max_queued: 64,
            max_contexts: 8,
            max_remembered: 100,
            rates: Rates::default(),
            kept_output_bytes: 256 << 10,
            cancel_grace: Duration::from_millis(500),
            kill_patience: Duration::from_secs(30),
            create_timeout: Duration::from_secs(30),
            stop_grace: Duration::from_secs(5),
            ahead: AheadSettings::default(),
            network: NetworkSettings::default(),
            packages: PackageSettings::default(),
            validation: ValidationSettings::default(),
        }
    }
}
