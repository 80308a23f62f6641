//! What is noted inside a sandbox for the next daemon: what its session has become since it was made, what programs
//! there are, and what runs.
//!
//! The agent keeps it, and tells it to who joins. It comes out of a sandbox, and so decides nothing that matters to
//! another: which session it is, whose and since when lies outside ([`Notes`](super::Notes)). What goes beyond what a
//! client may ask for is not believed.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Session;
use super::bounds::{check_lifetimes, check_limits, millis};
use super::toolbox::{Toolbox, ToolboxNote};
use crate::agent::wire::MAX_NAME_BYTES;
use crate::config::{Limits, Settings};
use crate::execution::drive::Terms;
use crate::execution::{Stage, StageSummary};
use crate::ids::ExecutionId;

/// The most of a program's arguments that is noted.
const MAX_ARGV_BYTES: usize = 512;

/// Stands for arguments that are left out.
const MORE: &str = "…";

/// What a session has become.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Kept {
    pub(super) labels: BTreeMap<String, String>,
    idle_timeout_ms: u64,
    max_lifetime_ms: u64,
    output_bytes: u64,
    execution_timeout_ms: u64,
    toolbox: ToolboxNote,
}

impl Kept {
    /// From what the agent kept; `None` for what can't be.
    pub(super) fn read(bytes: &[u8], settings: &Settings) -> Option<Self> {
        let kept: Self = serde_json::from_slice(bytes).ok()?;
        let (idle, lifetime) = kept.times();
        check_lifetimes(Some(idle), Some(lifetime)).ok()?;
        check_limits(&kept.limits(settings.limits), &settings.ceiling).ok()?;
        Some(kept)
    }

    /// How long it may be unused, and how old it may get.
    pub(super) fn times(&self) -> (Duration, Duration) {
        (Duration::from_millis(self.idle_timeout_ms), Duration::from_millis(self.max_lifetime_ms))
    }

    /// These limits, with those that can be changed as they are now.
    pub(super) fn limits(&self, made_with: Limits) -> Limits {
        let execution_timeout = Duration::from_millis(self.execution_timeout_ms);
        Limits { output_bytes: self.output_bytes, execution_timeout, ..made_with }
    }

    /// What programs there are.
    pub(super) fn toolbox(&self) -> Toolbox {
        Toolbox::of_note(&self.toolbox)
    }
}

impl Session {
    /// Whether there is something to be noted, which the caller is to do.
    pub(super) fn takes_note(&self) -> bool {
        std::mem::take(&mut self.changeable().unnoted)
    }

    /// Has the agent keep what the next daemon has to know. What it can't be told is as it was when it was made.
    pub(super) async fn note_inside(&self) {
        let (kept, alone) = {
            let changeable = self.changeable();
            let kept = Kept {
                labels: changeable.labels.clone(),
                idle_timeout_ms: millis(changeable.idle_timeout),
                max_lifetime_ms: millis(changeable.max_lifetime),
                output_bytes: changeable.limits.output_bytes,
                execution_timeout_ms: millis(changeable.limits.execution_timeout),
                toolbox: self.toolbox.noted(),
            };
            (kept, changeable.idle_timeout)
        };
        // All of it has a form in JSON.
        let words = serde_json::to_vec(&kept).unwrap_or_default();
        if let Err(error) = self.link.keep(words, millis(alone)).await {
            tracing::debug!(session = %self.id, %error, "what changed of a session was not noted");
        }
    }
}

/// An execution that was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Begun {
    id: String,
    at_ms: i64,
    pub(super) argv: Vec<String>,
    timeout_ms: u64,
    output_bytes: u64,
    stop: bool,
    /// What runs is the compiler of what was to run then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    compiles: bool,
    /// What its compiler did before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    compiled: Option<Compiled>,
}

/// A compiler that did what it was to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Compiled {
    at_ms: i64,
    duration_ms: u64,
    cpu_ms: u64,
    memory_bytes: u64,
    written: [u64; 2],
}

impl Begun {
    pub(super) fn new(id: &ExecutionId, argv: &[String], terms: &Terms) -> Self {
        Self {
            id: id.to_string(),
            at_ms: Timestamp::now().as_millisecond(),
            argv: shortened(argv),
            timeout_ms: millis(terms.timeout),
            output_bytes: terms.output_bytes,
            stop: terms.stop_at_output_limit,
            compiles: false,
            compiled: None,
        }
    }

    /// The stage before that.
    pub(super) fn compiling(self) -> Self {
        Self { compiles: true, ..self }
    }

    /// The stage after that, with what is told of the compiler and how many bytes it printed on each stream.
    pub(super) fn compiled_by(self, compiler: &StageSummary, written: [u64; 2]) -> Self {
        let compiled = Compiled {
            at_ms: compiler.started_at.map_or(self.at_ms, Timestamp::as_millisecond),
            duration_ms: millis(compiler.duration),
            cpu_ms: millis(compiler.cpu.unwrap_or_default()),
            memory_bytes: compiler.peak_memory_bytes.unwrap_or_default(),
            written,
        };
        Self { compiled: Some(compiled), ..self }
    }

    /// How its compiler ended, and how many bytes that printed. No time is longer than an execution may take.
    pub(super) fn compiler(&self, settings: &Settings) -> (Option<StageSummary>, [u64; 2]) {
        let Some(compiled) = self.compiled.as_ref().filter(|_| !self.compiles) else { return (None, [0; 2]) };
        let time = |ms| Duration::from_millis(ms).min(settings.ceiling.execution_timeout);
        let stage = StageSummary {
            stage: Stage::Compile,
            exit_code: Some(0),
            signal: None,
            started_at: Timestamp::from_millisecond(compiled.at_ms).ok(),
            duration: time(compiled.duration_ms),
            cpu: Some(time(compiled.cpu_ms)),
            peak_memory_bytes: Some(compiled.memory_bytes),
        };
        (Some(stage), compiled.written)
    }

    pub(super) fn stage(&self) -> Stage {
        if self.compiles { Stage::Compile } else { Stage::Run }
    }

    /// As the name by which the agent knows it.
    pub(super) fn written(&self) -> String {
        let mut name = serde_json::to_string(self).unwrap_or_default();
        if name.len() > MAX_NAME_BYTES {
            // Arguments that are mostly characters with a longer form in JSON.
            let bare = Self { argv: vec![MORE.to_owned()], ..self.clone() };
            name = serde_json::to_string(&bare).unwrap_or_default();
        }
        name
    }

    /// From such a name; `None` for what no daemon gave.
    pub(super) fn read(name: &str) -> Option<Self> {
        let begun: Self = serde_json::from_str(name).ok()?;
        (begun.id().is_well_formed() && Timestamp::from_millisecond(begun.at_ms).is_ok()).then_some(begun)
    }

    pub(super) fn id(&self) -> ExecutionId {
        ExecutionId::from(self.id.clone())
    }

    pub(super) fn created_at(&self) -> Timestamp {
        // It was looked at when it was read.
        Timestamp::from_millisecond(self.at_ms).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// What bounds it, no more than a client could have asked for.
    pub(super) fn terms(&self, settings: &Settings, max_chunk_bytes: usize) -> Terms {
        Terms {
            timeout: Duration::from_millis(self.timeout_ms).min(settings.ceiling.execution_timeout),
            output_bytes: self.output_bytes.min(settings.ceiling.output_bytes),
            stop_at_output_limit: self.stop,
            max_chunk_bytes,
            cancel_grace: settings.cancel_grace,
            kill_patience: settings.kill_patience,
        }
    }
}

/// As many arguments as there is room for.
fn shortened(argv: &[String]) -> Vec<String> {
    let mut room = MAX_ARGV_BYTES;
    let mut short = Vec::new();
    for argument in argv {
        let Some(rest) = room.checked_sub(argument.len() + 4) else {
            short.push(MORE.to_owned());
            break;
        };
        room = rest;
        short.push(argument.clone());
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms() -> Terms {
        let settings = Settings::default();
        Terms {
            timeout: Duration::from_secs(7),
            output_bytes: 99,
            stop_at_output_limit: true,
            max_chunk_bytes: 1,
            cancel_grace: settings.cancel_grace,
            kill_patience: settings.kill_patience,
        }
    }

    #[test]
    fn an_execution_is_known_again_by_its_name() {
        let (id, argv) = (ExecutionId::random(), ["cat".to_owned(), "\u{1}".repeat(4000)]);
        let begun = Begun::new(&id, &argv, &terms());
        let read = Begun::read(&begun.written()).unwrap();
        assert_eq!((read.id(), read.created_at()), (id.clone(), begun.created_at()));
        assert_eq!(read.argv, ["cat", MORE]);
        assert_eq!((read.stage(), read.clone().compiling().stage()), (Stage::Run, Stage::Compile));
        assert_eq!(Begun::read(&read.clone().compiling().written()).unwrap().stage(), Stage::Compile);
        let again = read.terms(&Settings::default(), 1);
        assert_eq!((again.timeout, again.output_bytes, again.stop_at_output_limit), (Duration::from_secs(7), 99, true));
        let settings = Settings::default();
        assert_eq!(read.compiler(&settings), (None, [0; 2]));
        let stage = StageSummary {
            stage: Stage::Compile,
            exit_code: Some(0),
            signal: None,
            started_at: Some(begun.created_at()),
            duration: Duration::from_millis(3),
            cpu: Some(Duration::from_millis(2)),
            peak_memory_bytes: Some(1),
        };
        let compiled = Begun::read(&begun.clone().compiled_by(&stage, [4, 5]).written()).unwrap();
        assert_eq!((compiled.stage(), compiled.compiler(&settings)), (Stage::Run, (Some(stage.clone()), [4, 5])));
        // Whoever wrote it, it is not longer than anything may take.
        let long = StageSummary { duration: Duration::MAX, ..stage };
        let (long, written) = begun.compiled_by(&long, [u64::MAX; 2]).compiler(&settings);
        assert_eq!((long.unwrap().duration, written), (settings.ceiling.execution_timeout, [u64::MAX; 2]));
        // Each of these takes six bytes in JSON.
        let odd = Begun::new(&id, &["\u{1}".repeat(400)], &terms());
        assert!(odd.written().len() <= MAX_NAME_BYTES);
        assert_eq!(Begun::read(&odd.written()).unwrap().id(), id);
    }

    #[test]
    fn what_no_daemon_wrote_is_no_execution_and_no_session() {
        let name = Begun::new(&ExecutionId::random(), &[], &terms()).written();
        assert!(Begun::read(&name).is_some());
        for odd in ["", "{}", "[]", &name.replace("exe_", "../"), &name.replace("exe_", "exe_x")] {
            assert_eq!(Begun::read(odd), None, "{odd}");
        }
        let settings = Settings::default();
        let kept = Kept {
            labels: BTreeMap::new(),
            idle_timeout_ms: 1,
            max_lifetime_ms: 1,
            output_bytes: 1,
            execution_timeout_ms: 1,
            toolbox: ToolboxNote::default(),
        };
        let read = |kept: &Kept| Kept::read(&serde_json::to_vec(kept).unwrap(), &settings);
        assert_eq!(read(&kept), Some(kept.clone()));
        assert_eq!(read(&Kept { max_lifetime_ms: u64::MAX, ..kept.clone() }), None);
        assert_eq!(read(&Kept { idle_timeout_ms: 0, ..kept.clone() }), None);
        assert_eq!(read(&Kept { output_bytes: u64::MAX, ..kept }), None);
        assert_eq!(Kept::read(b"", &settings), None);
    }
}
