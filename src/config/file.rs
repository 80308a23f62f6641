//! The settings file: TOML that says what shall be different from the defaults.
//!
//! A file that was named must be there; the default one need not. What is wrong in one is told with file, line
//! and key, and with what was expected; nothing that it says is passed over in silence.

mod format;
mod place;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::de::DeTable;

use super::{DockerSettings, MachineSettings, Settings};
use format::File;
use place::{Step, key, path_at, place_of, shown};

/// The longest name of a machine.
const MAX_NAME_CHARS: usize = 64;

/// What holds after the file was read.
#[derive(Debug, Clone, Default)]
pub struct Configuration {
    /// The file, where there is one.
    pub file: Option<PathBuf>,
    /// Those of sessions.
    pub settings: Settings,
    /// Those of container engines.
    pub docker: DockerSettings,
}

/// What is wrong with a settings file.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It is not there, or may not be read.
    #[error("the settings file {} can't be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// Something in it is not as it should be.
    #[error("{}:{line}: {}{message}", path.display(), key.as_ref().map(|key| format!("{key}: ")).unwrap_or_default())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The key with those of its tables, where it is about one.
        key: Option<String>,
        /// What is wrong, and what was expected.
        message: String,
    },
}

/// Where the settings file is when no other was named: in `$XDG_CONFIG_HOME`, else in `~/.config`.
#[must_use]
pub fn default_path(config_home: Option<PathBuf>, home: Option<&Path>) -> Option<PathBuf> {
    // The specification of these directories says to ignore a relative one.
    let directory = config_home.filter(|path| path.is_absolute()).or_else(|| Some(home?.join(".config")))?;
    Some(directory.join("codebeaker/config.toml"))
}

/// Reads the file that was named, else the default one where it is there. `engines` are the ids that the file may
/// name.
///
/// # Errors
/// When a file can't be read, or when something in it is wrong.
pub fn load(
    named: Option<&Path>,
    default: Option<PathBuf>,
    engines: &[&'static str],
) -> Result<Configuration, FileError> {
    let must_exist = named.is_some();
    let Some(path) = named.map(Path::to_owned).or(default) else { return Ok(Configuration::default()) };
    match std::fs::read_to_string(&path) {
        Ok(text) => parse(&text, &path, engines),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !must_exist => Ok(Configuration::default()),
        Err(source) => Err(FileError::Unreadable { path, source }),
    }
}

/// Reads the text of a settings file.
///
/// # Errors
/// When something in it is wrong.
pub fn parse(text: &str, path: &Path, engines: &[&'static str]) -> Result<Configuration, FileError> {
    let document = DeTable::parse(text).map_err(|error| Fault::of(&error, None).told(text, path))?;
    let file = toml::Deserializer::parse(text).and_then(File::deserialize);
    let file = file.map_err(|error| Fault::of(&error, Some(document.get_ref())).told(text, path))?;
    let mut configuration = Configuration { file: Some(path.to_owned()), ..Configuration::default() };
    file.apply(&mut configuration);
    check(&configuration, engines).map_err(|(key, message)| {
        let at = place_of(document.get_ref(), &key).unwrap_or_default();
        Fault { at, key: Some(shown(&key)), message }.told(text, path)
    })?;
    Ok(configuration)
}

/// What no single value can be judged for.
fn check(configuration: &Configuration, engines: &[&'static str]) -> Result<(), (Vec<Step>, String)> {
    let Settings { limits, ceiling, .. } = &configuration.settings;
    let over = [
        ("memory", limits.memory_bytes > ceiling.memory_bytes),
        ("cpu", limits.cpu.zip(ceiling.cpu).is_some_and(|(cpu, most)| cpu > most)),
        ("pids", limits.pids > ceiling.pids),
        ("disk", limits.disk_bytes > ceiling.disk_bytes),
        ("output", limits.output_bytes > ceiling.output_bytes),
        ("open-files", limits.open_files > ceiling.open_files),
        ("execution-timeout", limits.execution_timeout > ceiling.execution_timeout),
    ];
    if let Some((name, _)) = over.iter().find(|(_, over)| *over) {
        return Err((key(&["limits", name]), format!("more than `ceiling.{name}` allows")));
    }
    let docker = &configuration.docker;
    if docker.registry.is_empty() || docker.registry.ends_with('/') {
        let message = "expected a name such as \"registry.example.com/tools\", without a slash at its end";
        return Err((key(&["docker", "registry"]), message.to_owned()));
    }
    for (engine, image) in &docker.images {
        let place = key(&["docker", "images", engine]);
        if !engines.contains(&engine.as_str()) {
            return Err((place, format!("there is no such engine; {}", instead(engine, engines))));
        }
        if image.is_empty() {
            return Err((place, "expected the name of an image".to_owned()));
        }
    }
    for (index, engine) in docker.pool.prewarm.iter().enumerate() {
        if !engines.contains(&engine.as_str()) {
            let mut place = key(&["docker", "pool", "prewarm"]);
            place.push(Step::Index(index));
            return Err((place, format!("there is no such engine; {}", instead(engine, engines))));
        }
    }
    for (index, machine) in docker.machines.iter().enumerate() {
        let place = |name| {
            let mut path = key(&["docker", "machines"]);
            path.extend([Step::Index(index), Step::Key(String::from(name))]);
            path
        };
        let MachineSettings { name, address, .. } = machine;
        if name.is_empty() || name.chars().count() > MAX_NAME_CHARS || name.chars().any(char::is_control) {
            return Err((place("name"), format!("expected 1 to {MAX_NAME_CHARS} printable characters")));
        }
        if docker.machines[..index].iter().any(|other| other.name == *name) {
            return Err((place("name"), format!("two machines are called {name:?}")));
        }
        if address.is_empty() {
            return Err((place("address"), "expected an address such as \"tcp://build.example.com:2376\"".to_owned()));
        }
    }
    Ok(())
}

/// What to write in place of something that there isn't.
fn instead(found: &str, known: &[&str]) -> String {
    let near = known.iter().map(|&name| (strsim::jaro_winkler(found, name), name));
    match near.max_by(|(a, _), (b, _)| a.total_cmp(b)) {
        Some((likeness, name)) if likeness > 0.8 => format!("did you mean `{name}`?"),
        _ => format!("there are {}", known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")),
    }
}

/// What is wrong, by its place in the text.
struct Fault {
    at: usize,
    key: Option<String>,
    message: String,
}

impl Fault {
    fn of(error: &toml::de::Error, document: Option<&DeTable<'_>>) -> Self {
        let at = error.span().map_or(0, |span| span.start);
        let key = document.map(|document| path_at(document, at)).filter(|path| !path.is_empty());
        let message = match unknown(error.message()) {
            Some((field, known)) => format!("there is no such key; {}", instead(field, &known)),
            None => in_words_of_toml(error.message()),
        };
        Self { at, key: key.map(|path| shown(&path)), message }
    }

    fn told(self, text: &str, path: &Path) -> FileError {
        let line = text.bytes().take(self.at).filter(|byte| *byte == b'\n').count() + 1;
        FileError::Wrong { path: path.to_owned(), line, key: self.key, message: self.message }
    }
}

/// The names of TOML for what serde calls by Rust's, all in one line.
fn in_words_of_toml(message: &str) -> String {
    let message = message.replace('\n', ", ");
    match message.split_once(", expected struct ") {
        Some((found, _)) => format!("{found}, expected a table"),
        None => message
            .replace(", expected a map", ", expected a table")
            .replace(", expected a sequence", ", expected an array"),
    }
}

/// The unknown key of serde's message about one, with those that it knows.
fn unknown(message: &str) -> Option<(&str, Vec<&str>)> {
    let mut quoted = message.strip_prefix("unknown field ")?.split('`').skip(1).step_by(2);
    Some((quoted.next()?, quoted.collect()))
}

impl fmt::Display for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            Some(path) => write!(f, "settings of {}", path.display()),
            None => f.write_str("default settings: there is no settings file"),
        }
    }
}

#[cfg(test)]
mod tests;
