//! What a session that outlives its daemon leaves for the next one to know.
//!
//! The notes lie beside the sandbox, where others than this daemon may read them: nothing secret is in them, and
//! so no variables of the environment.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::NewSession;
use super::bounds::millis;
use crate::config::Limits;
use crate::engine::{self, Engine};
use crate::runtime::Workspace;

/// What the next daemon has to know of a session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notes {
    engine: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    language: Option<String>,
    image: Option<String>,
    workspace: WorkspaceNote,
    limits: LimitsNote,
    idle_timeout_ms: u64,
    max_lifetime_ms: u64,
    labels: BTreeMap<String, String>,
    client_token: Option<String>,
    created_at: String,
    client: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LimitsNote {
    memory_bytes: u64,
    cpu: Option<f64>,
    pids: u64,
    disk_bytes: u64,
    output_bytes: u64,
    open_files: u64,
    execution_timeout_ms: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "mode")]
enum WorkspaceNote {
    None,
    Copy { path: std::path::PathBuf, exclude: Vec<String> },
    Bind { path: std::path::PathBuf, writable: bool },
    Overlay { path: std::path::PathBuf },
}

impl Notes {
    /// Of a session that is to be made.
    pub(super) fn new(
        wanted: &NewSession,
        engine: Option<&'static Engine>,
        limits: &Limits,
        times: (Duration, Duration),
        created_at: Timestamp,
    ) -> Self {
        let (idle_timeout, max_lifetime) = times;
        Self {
            engine: engine.map(|engine| engine.id.to_owned()),
            language: wanted.wish.language.clone(),
            image: wanted.wish.image.clone(),
            workspace: match wanted.workspace.clone() {
                Workspace::None => WorkspaceNote::None,
                Workspace::Copy { path, exclude } => WorkspaceNote::Copy { path, exclude },
                Workspace::Bind { path, writable } => WorkspaceNote::Bind { path, writable },
                Workspace::Overlay { path } => WorkspaceNote::Overlay { path },
            },
            limits: LimitsNote {
                memory_bytes: limits.memory_bytes,
                cpu: limits.cpu,
                pids: limits.pids,
                disk_bytes: limits.disk_bytes,
                output_bytes: limits.output_bytes,
                open_files: limits.open_files,
                execution_timeout_ms: millis(limits.execution_timeout),
            },
            idle_timeout_ms: millis(idle_timeout),
            max_lifetime_ms: millis(max_lifetime),
            labels: wanted.labels.clone(),
            client_token: wanted.client_token.clone(),
            created_at: created_at.to_string(),
            client: wanted.client.clone(),
        }
    }

    /// As text, to be kept beside the sandbox.
    #[must_use]
    pub fn written(&self) -> String {
        // All of it has a form in JSON: no keys but strings, no numbers that are none.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// From what [`Notes::written`] gave. `None` for anything else: another version's notes are nobody's.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let notes: Self = serde_json::from_str(text).ok()?;
        notes.created_at.parse::<Timestamp>().ok()?;
        let knows_engine = notes.engine.as_deref().is_none_or(|id| engine::by_id(id).is_some());
        knows_engine.then_some(notes)
    }

    /// When the session was made.
    #[must_use]
    pub fn created_at(&self) -> Timestamp {
        // It was looked at when it was read.
        self.created_at.parse().unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// The language of code whose language nobody names.
    #[must_use]
    pub fn language(&self) -> Option<&str> {
        self.language.as_deref()
    }

    /// The name of the client that it was made for.
    #[must_use]
    pub fn client(&self) -> Option<&str> {
        self.client.as_deref()
    }

    /// The token that its client made it with.
    #[must_use]
    pub fn client_token(&self) -> Option<&str> {
        self.client_token.as_deref()
    }

    /// Names and values that its client attached.
    #[must_use]
    pub fn labels(&self) -> &BTreeMap<String, String> {
        &self.labels
    }

    /// How long it may be unused, and how old it may get.
    #[must_use]
    pub fn times(&self) -> (Duration, Duration) {
        (Duration::from_millis(self.idle_timeout_ms), Duration::from_millis(self.max_lifetime_ms))
    }

    /// What its workspace is.
    #[must_use]
    pub fn workspace(&self) -> Workspace {
        match self.workspace.clone() {
            WorkspaceNote::None => Workspace::None,
            WorkspaceNote::Copy { path, exclude } => Workspace::Copy { path, exclude },
            WorkspaceNote::Bind { path, writable } => Workspace::Bind { path, writable },
            WorkspaceNote::Overlay { path } => Workspace::Overlay { path },
        }
    }

    /// The engine of the session's code, as far as this daemon knows it.
    #[must_use]
    pub fn engine(&self) -> Option<&'static Engine> {
        engine::by_id(self.engine.as_deref()?)
    }

    /// The session's limits.
    #[must_use]
    pub fn limits(&self) -> Limits {
        let LimitsNote { memory_bytes, cpu, pids, disk_bytes, output_bytes, open_files, execution_timeout_ms } =
            self.limits;
        let execution_timeout = Duration::from_millis(execution_timeout_ms);
        Limits { memory_bytes, cpu, pids, disk_bytes, output_bytes, open_files, execution_timeout }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_noted_is_read_again_and_tells_no_secret() {
        let wanted = NewSession {
            env: BTreeMap::from([("TOKEN".to_owned(), "s3cret".to_owned())]),
            labels: BTreeMap::from([("a".to_owned(), "1".to_owned())]),
            workspace: Workspace::Copy { path: "/home/me".into(), exclude: vec![".git".to_owned()] },
            client_token: Some("mine".to_owned()),
            client: Some("editor".to_owned()),
            ..NewSession::default()
        };
        let limits = Limits { cpu: Some(0.5), ..Limits::default() };
        let times = (Duration::from_secs(60), Duration::from_secs(600));
        let notes = Notes::new(&wanted, engine::by_id("python"), &limits, times, Timestamp::UNIX_EPOCH);
        let text = notes.written();
        assert!(!text.contains("s3cret") && !text.contains("TOKEN"), "{text}");
        let read = Notes::read(&text).unwrap();
        assert_eq!(read, notes);
        assert_eq!((read.limits(), read.engine()), (limits, engine::by_id("python")));
        assert_eq!((read.created_at(), read.times()), (Timestamp::UNIX_EPOCH, times));
        assert_eq!((read.workspace(), read.labels()), (wanted.workspace, &wanted.labels));
        assert_eq!((read.client(), read.client_token()), (Some("editor"), Some("mine")));
        assert_eq!(Notes::read("{}"), None);
        assert_eq!(Notes::read(&text.replace("1970", "then")), None);
        assert_eq!(Notes::read(&text.replace("python", "a language to come")), None);
    }
}
