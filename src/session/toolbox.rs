//! What programs a sandbox has: engines with their versions, and debuggers.
//!
//! A sandbox of this host's own programs has the host's installations. What an image has is asked once, in the
//! first sandbox made of it, before anything of a session is in there: each program that an engine goes by is
//! started, and those that are there tell their version. What they tell is the image's to say and believed by
//! nobody else. An answer that a tight limit or a slow machine may have spoilt is not kept for other sessions.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::SessionError;
use super::host::Host;
use crate::agent::frame::Stream;
use crate::agent::{Link, LinkError, Program};
use crate::engine::adapters::{ADAPTERS, AdapterProgram};
use crate::engine::{ENGINES, Engine};

/// How long a program may take to tell its version.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// Images that are remembered.
const MAX_IMAGES: usize = 64;

/// The most that is kept of what a program tells.
const MAX_TOLD: usize = 4096;

/// Where images keep programs beside the places that they name: the system's, and those of the official images of Go.
const DIRECTORIES: &[&str] = &["/usr/local/bin", "/usr/bin", "/bin", "/usr/local/go/bin", "/go/bin"];

/// The same for this host, beside the installations that lie elsewhere.
const HOST_DIRECTORIES: &[&str] = &["/usr/local/bin", "/usr/bin", "/bin"];

/// What programs a sandbox has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toolbox {
    engines: BTreeMap<&'static str, Tool>,
    adapters: BTreeMap<&'static str, String>,
    path: String,
    is_host: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Tool {
    program: String,
    version: OnceLock<String>,
}

impl Tool {
    fn new(program: String, version: Option<String>) -> Self {
        Self { program, version: version.map_or_else(OnceLock::new, OnceLock::from) }
    }
}

impl Toolbox {
    /// What sandboxes have that show this host's programs. Versions are asked elsewhere.
    pub(super) fn of_host(host: &Host) -> Self {
        let mut path: Vec<String> = Vec::new();
        for installation in &host.installations {
            let directory = installation.program.parent().map(|bin| bin.display().to_string());
            path.extend(directory.filter(|directory| !installation.roots.is_empty() && !path.contains(directory)));
        }
        path.extend(HOST_DIRECTORIES.iter().map(|directory| (*directory).to_owned()));
        let engines = host
            .installations
            .iter()
            .map(|installation| (installation.engine.id, Tool::new(installation.program.display().to_string(), None)));
        let adapters = host.adapters.iter();
        Self {
            engines: engines.collect(),
            adapters: adapters.map(|one| (one.adapter.id, one.program.display().to_string())).collect(),
            path: path.join(":"),
            is_host: true,
        }
    }

    /// Whether these are this host's programs, and not those of an image.
    #[must_use]
    pub fn is_host(&self) -> bool {
        self.is_host
    }

    /// The executable of an engine.
    ///
    /// # Errors
    /// [`SessionError::EngineMissing`] or [`SessionError::NotInImage`].
    pub fn program(&self, engine: &'static Engine) -> Result<&str, SessionError> {
        match self.engines.get(engine.id) {
            Some(tool) => Ok(&tool.program),
            None if self.is_host => Err(SessionError::EngineMissing { engine: engine.id, install: engine.install }),
            None => Err(SessionError::NotInImage { engine: engine.id, install: engine.install }),
        }
    }

    /// What an image has, to be noted for a later daemon: engines with their programs and versions, and debuggers.
    pub(super) fn noted(&self) -> ToolboxNote {
        let tool = |tool: &Tool| (tool.program.clone(), tool.version.get().cloned());
        ToolboxNote {
            engines: self.engines.iter().map(|(id, of)| ((*id).to_owned(), tool(of))).collect(),
            adapters: self.adapters.iter().map(|(id, program)| ((*id).to_owned(), program.clone())).collect(),
            path: self.path.clone(),
        }
    }

    /// From a note. It comes out of a sandbox: what no image would have told is left out.
    pub(super) fn of_note(note: &ToolboxNote) -> Self {
        let is_sound = |program: &str| {
            program.starts_with('/') && program.len() <= MAX_TOLD && !program.chars().any(char::is_control)
        };
        let engines = ENGINES.iter().filter_map(|engine| {
            let (program, version) = note.engines.get(engine.id).filter(|(program, _)| is_sound(program))?;
            let version = version.as_deref().and_then(plain_version);
            Some((engine.id, Tool::new(program.clone(), version)))
        });
        let adapters = ADAPTERS.iter().filter_map(|adapter| {
            Some((adapter.id, note.adapters.get(adapter.id).filter(|program| is_sound(program))?.clone()))
        });
        let path = if is_sound(&note.path) { note.path.clone() } else { DIRECTORIES.join(":") };
        Self { engines: engines.collect(), adapters: adapters.collect(), path, is_host: false }
    }

    /// The version of an engine, where that was asked here and told.
    #[must_use]
    pub fn version(&self, engine: &Engine) -> Option<&str> {
        self.engines.get(engine.id)?.version.get().map(String::as_str)
    }

    /// Refuses to have a file of this name run by an engine that runs such files from some version on, and is older.
    /// One that doesn't tell its version has its chance.
    pub(super) async fn check_age(&self, engine: &'static Engine, file: &str, link: &Link) -> Result<(), SessionError> {
        let (Some(since), Some(tool)) = (engine.later_file(file), self.engines.get(engine.id)) else { return Ok(()) };
        if tool.version.get().is_none() {
            let env = with_path(engine.env, &self.path);
            let asked = tokio::time::timeout(PATIENCE, ask(link, &tool.program, engine.version_args, &env)).await;
            if let Ok(Ok(Told { version: Some(version), by_itself: true })) = asked {
                tool.version.get_or_init(|| version);
            }
        }
        match self.version(engine) {
            Some(version) if !engine.is_late(version) => Err(SessionError::EngineTooOld {
                engine: engine.id,
                version: version.to_owned(),
                language: since.languages[0],
                needed: since.version,
            }),
            _ => Ok(()),
        }
    }

    /// The executable of a debugger, if it is there.
    #[must_use]
    pub fn adapter(&self, adapter: &AdapterProgram) -> Option<&str> {
        self.adapters.get(adapter.id).map(String::as_str)
    }

    /// Where programs are found by their names alone: the value of `PATH`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }
}

/// A toolbox as it is noted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ToolboxNote {
    engines: BTreeMap<String, (String, Option<String>)>,
    adapters: BTreeMap<String, String>,
    path: String,
}

/// What is known of images.
#[derive(Debug, Default)]
pub(super) struct Toolboxes {
    images: Mutex<VecDeque<(String, Arc<Toolbox>)>>,
    /// Where sessions found what is taken for an engine when no image is named, by engine and runtime.
    usual: Mutex<BTreeMap<(&'static str, &'static str), Arc<Toolbox>>>,
}

impl Toolboxes {
    /// What an image has, asked of it by this link unless that is known.
    pub(super) async fn of_image(&self, id: &str, path: &[String], link: &Link) -> Arc<Toolbox> {
        if let Some(known) = self.known(id) {
            return known;
        }
        let (toolbox, is_certain) = look(link, &directories(path)).await;
        let toolbox = Arc::new(toolbox);
        let mut images = self.images();
        if is_certain && images.iter().all(|(known, _)| known != id) {
            images.truncate(MAX_IMAGES - 1);
            images.push_front((id.to_owned(), Arc::clone(&toolbox)));
        }
        toolbox
    }

    /// As [`Toolboxes::of_image`], in a sandbox that programs have been in: what it tells is not kept for others.
    pub(super) async fn of_used(&self, id: &str, path: &[String], link: &Link) -> Arc<Toolbox> {
        match self.known(id) {
            Some(known) => known,
            None => Arc::new(look(link, &directories(path)).await.0),
        }
    }

    fn known(&self, id: &str) -> Option<Arc<Toolbox>> {
        self.images().iter().find(|(known, _)| known == id).map(|(_, toolbox)| Arc::clone(toolbox))
    }

    /// Notes that this is what a runtime takes for an engine.
    pub(super) fn note(&self, engine: &'static Engine, runtime: &'static str, toolbox: &Arc<Toolbox>) {
        let mut usual = self.usual.lock().unwrap_or_else(PoisonError::into_inner);
        usual.insert((engine.id, runtime), Arc::clone(toolbox));
    }

    /// The version of an engine in a runtime's images, where a session has found it.
    pub(super) fn version(&self, engine: &'static Engine, runtime: &'static str) -> Option<String> {
        let usual = self.usual.lock().unwrap_or_else(PoisonError::into_inner);
        usual.get(&(engine.id, runtime))?.version(engine).map(str::to_owned)
    }

    /// Whether a runtime's images have a debugger for an engine, where a session has found that out.
    pub(super) fn has_adapter(&self, engine: &'static Engine, runtime: &'static str, adapter: &AdapterProgram) -> bool {
        let usual = self.usual.lock().unwrap_or_else(PoisonError::into_inner);
        usual.get(&(engine.id, runtime)).is_some_and(|toolbox| toolbox.adapter(adapter).is_some())
    }

    fn images(&self) -> MutexGuard<'_, VecDeque<(String, Arc<Toolbox>)>> {
        self.images.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks the sandbox at the other end for all that could be there. Whether the answer holds for every sandbox of
/// the same image.
async fn look(link: &Link, directories: &[&str]) -> (Toolbox, bool) {
    let path = directories.join(":");
    let engines = ENGINES.iter().map(|engine| async {
        let env = with_path(engine.env, &path);
        let found = find(link, directories, engine.programs, engine.version_args, &env).await;
        if found.tool.is_none() || engine.needs.is_empty() {
            return (engine.id, found);
        }
        let needed = find(link, directories, engine.needs, &["--version"], &env).await;
        let is_certain = found.is_certain && needed.is_certain;
        (engine.id, Found { tool: found.tool.filter(|_| needed.tool.is_some()), is_certain })
    });
    let adapters = ADAPTERS.iter().map(|adapter| async {
        let env = with_path(adapter.env, &path);
        (adapter.id, find(link, directories, adapter.programs, &["--version"], &env).await)
    });
    let (engines, adapters) = tokio::join!(futures::future::join_all(engines), futures::future::join_all(adapters));
    let is_certain = engines.iter().chain(&adapters).all(|(_, found)| found.is_certain);
    let there = |found: Vec<(&'static str, Found)>| found.into_iter().filter_map(|(id, found)| Some((id, found.tool?)));
    let toolbox = Toolbox {
        engines: there(engines).collect(),
        adapters: there(adapters).map(|(id, tool)| (id, tool.program)).collect(),
        path,
        is_host: false,
    };
    (toolbox, is_certain)
}

struct Found {
    tool: Option<Tool>,
    is_certain: bool,
}

/// The first of these programs that is there.
async fn find(link: &Link, directories: &[&str], programs: &[&str], args: &[&str], env: &[(String, String)]) -> Found {
    for directory in directories {
        for name in programs {
            let program = format!("{directory}/{name}");
            let found = |version, is_certain| Found { tool: Some(Tool::new(program.clone(), version)), is_certain };
            return match tokio::time::timeout(PATIENCE, ask(link, &program, args, env)).await {
                Ok(Ok(told)) => found(told.version, told.by_itself),
                Ok(Err(LinkError::NotStarted { errno, .. })) if is_for_want(errno) => found(None, false),
                // It is not there, or can't be run by anybody.
                Ok(Err(LinkError::NotStarted { .. })) => continue,
                Ok(Err(_)) => Found { tool: None, is_certain: false },
                Err(_) => found(None, false),
            };
        }
    }
    Found { tool: None, is_certain: true }
}

/// Whether a program could not be started for want of something that another session may have.
fn is_for_want(errno: i32) -> bool {
    [Errno::AGAIN, Errno::NOMEM, Errno::MFILE, Errno::NFILE].iter().any(|want| want.raw_os_error() == errno)
}

/// The directories of an image's own, and those where any image may have programs.
fn directories(own: &[String]) -> Vec<&str> {
    let mut all: Vec<&str> = own.iter().map(String::as_str).collect();
    for directory in DIRECTORIES {
        if !all.contains(directory) {
            all.push(directory);
        }
    }
    all
}

fn with_path(env: &[(&str, &str)], path: &str) -> Vec<(String, String)> {
    let path = ("PATH".to_owned(), path.to_owned());
    env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).chain([path]).collect()
}

/// What a program tells of itself.
pub(super) struct Told {
    /// The first line that it printed, unless that is empty.
    pub(super) version: Option<String>,
    /// It ended by itself: nobody killed it on the way.
    pub(super) by_itself: bool,
}

/// Runs a program and reads the first line that it prints.
pub(super) async fn ask(
    link: &Link,
    program: &str,
    args: &[&str],
    env: &[(String, String)],
) -> Result<Told, LinkError> {
    let argv = std::iter::once(program).chain(args.iter().copied()).map(str::to_owned).collect();
    // Nothing of a workspace has a say in it.
    let mut process = link.spawn(Program { cwd: "/".to_owned(), ..Program::new(argv, env.to_vec()) }).await?;
    let mut output = process.output(Stream::Stdout);
    let mut text = Vec::new();
    while let Some(bytes) = output.next().await? {
        output.grant(bytes.len()).await?;
        text.extend_from_slice(&bytes[..bytes.len().min(MAX_TOLD - text.len())]);
    }
    let ended = process.ended().await?;
    let text = String::from_utf8_lossy(&text);
    let line = text.lines().next().unwrap_or_default().trim();
    Ok(Told { version: plain_version(line), by_itself: ended.code.is_some() })
}

/// What a sandbox says ends up on a person's screen.
fn plain_version(told: &str) -> Option<String> {
    let version: String = told.chars().filter(|char| !char.is_control()).take(200).collect();
    Some(version).filter(|version| !version.is_empty())
}
