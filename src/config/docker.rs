//! Settings of container engines: where they are, and which images they run code in.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// What the daemon may do with container engines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DockerSettings {
    /// Whether any is asked at all.
    pub enabled: bool,
    /// What comes before `/ENGINE:latest` in the names of default images.
    pub registry: String,
    /// Images in place of the default ones, by engine id.
    pub images: BTreeMap<String, String>,
    /// Patterns of names that may be pulled, and built upon; `*` stands for any run of characters. Any name may
    /// where this is `None`.
    pub allow: Option<Vec<String>>,
    /// The engines' machines; where there is none, the one that Docker's own command line would use.
    pub machines: Vec<MachineSettings>,
    /// How many containers are kept ready.
    pub pool: PoolSettings,
}

impl Default for DockerSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            registry: "codebeaker".to_owned(),
            images: BTreeMap::new(),
            allow: None,
            machines: Vec::new(),
            pool: PoolSettings::default(),
        }
    }
}

impl DockerSettings {
    /// The image that sessions of this engine run in.
    #[must_use]
    pub fn image_of(&self, engine: &str) -> String {
        self.images.get(engine).cloned().unwrap_or_else(|| format!("{}/{engine}:latest", self.registry))
    }

    /// Whether an image of this name may be pulled, or built upon.
    #[must_use]
    pub fn allows(&self, image: &str) -> bool {
        let Some(patterns) = &self.allow else { return true };
        patterns.iter().any(|pattern| matches(pattern, image))
    }
}

/// Whether the whole text is as the pattern says.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(start) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let end = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = text.find(part) else { return false };
        text = &text[at + part.len()..];
    }
    text.ends_with(end)
}

/// A machine with a container engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineSettings {
    /// Its name as clients see it.
    pub name: String,
    /// Where its engine is, as `DOCKER_HOST` has it.
    pub address: String,
    /// How many sessions it takes beside the others: twice the weight, twice the sessions.
    pub weight: u32,
    /// How the two sides know each other; for addresses over TCP.
    pub tls: Option<TlsFiles>,
}

/// Files in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// Certificates of those who may vouch for the engine.
    pub ca: PathBuf,
    /// What this side shows.
    pub cert: PathBuf,
    /// The key to that.
    pub key: PathBuf,
}

/// How many containers are kept ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolSettings {
    /// Of one kind: the same engine, image and limits.
    pub size: usize,
    /// Of all kinds together.
    pub total: usize,
    /// Memory that all of them may take, as far as it is known, in bytes.
    pub memory_bytes: u64,
    /// Engines for whose sessions some are made ready when the daemon starts, by id.
    pub prewarm: Vec<String>,
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self { size: 2, total: 4, memory_bytes: 512 << 20, prewarm: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_the_named_one_or_that_of_the_registry() {
        let mut docker = DockerSettings::default();
        assert_eq!(docker.image_of("python"), "codebeaker/python:latest");
        docker.registry = "registry.example.com/tools".to_owned();
        docker.images.insert("node".to_owned(), "node:22".to_owned());
        assert_eq!(docker.image_of("python"), "registry.example.com/tools/python:latest");
        assert_eq!(docker.image_of("node"), "node:22");
    }

    #[test]
    fn patterns_cover_whole_names() {
        let docker = DockerSettings::default();
        assert!(docker.allows("anything/at:all"));
        let allow = |patterns: &[&str]| DockerSettings {
            allow: Some(patterns.iter().map(|&pattern| pattern.to_owned()).collect()),
            ..DockerSettings::default()
        };
        let some = allow(&["codebeaker/*", "python:3.12-*", "a*b*c"]);
        for name in ["codebeaker/python:latest", "codebeaker/", "python:3.12-slim", "abc", "a-b-b-c"] {
            assert!(some.allows(name), "{name}");
        }
        for name in ["evil/codebeaker/python", "python:3.1", "python", "ab", "acb", "abcd", ""] {
            assert!(!some.allows(name), "{name}");
        }
        assert!(!allow(&[]).allows("codebeaker/python:latest"));
    }
}
