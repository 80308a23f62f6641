//! Decides how a program is brought up: what debugs it, where it lies in the sandbox, which paths are whose.
//!
//! Nothing is started here, and nothing on a disk is looked at.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use super::Adapter;
use super::capabilities::{hinted, known_as};
use super::configuration::{Launch, OwnSession};
use super::refusal::Refusal;
use crate::agent::plan::{CODE, WORKSPACE};
use crate::debug::ground::{Backend, Target, What};
use crate::debug::paths::{self, Mounts};
use crate::debug::proxied::Adapters;
use crate::engine::{self, Engine, adapters};
use crate::ids::ExecutionId;
use crate::session::Session;

/// A program on its way, all decided.
pub(super) struct Plan {
    /// What runs it; `None` for what a debugger starts by itself.
    pub(super) engine: Option<&'static Engine>,
    /// What debugs it; `None` for what is only run.
    pub(super) backend: Option<Arc<dyn Backend>>,
    pub(super) target: Target,
    pub(super) mounts: Mounts,
    pub(super) id: ExecutionId,
    pub(super) name: String,
}

/// What a program is run and debugged with.
struct Tool {
    engine: Option<&'static Engine>,
    backend: Option<Arc<dyn Backend>>,
}

impl Adapter {
    /// The directory that is to be the workspace: the one that is given, the folder that the program runs in,
    /// or that of the program.
    pub(super) fn workspace_of(&self, own: &OwnSession, launch: &Launch) -> Option<String> {
        let habits = self.habits();
        if let Some(path) = &own.path {
            return habits.path_in(path);
        }
        if let Some(cwd) = launch.cwd.as_ref().and_then(|cwd| habits.path_in(cwd)) {
            return Some(cwd);
        }
        let file = launch.program.as_ref().or(launch.uri.as_ref())?;
        habits.path_in(file).map(|file| paths::directory(&file).to_owned())
    }

    /// Decides all about a program. `arguments` are those that `launch` was read from.
    pub(super) fn plan(&self, launch: &Launch, arguments: &Value, session: &Session) -> Result<Plan, Refusal> {
        let habits = self.habits();
        let id = ExecutionId::random();
        let mut mounts = workspace(session);
        for (local, remote) in &launch.mappings {
            let local = habits.path_in(local).ok_or_else(|| not_absolute("pathMappings.localRoot", local))?;
            let remote = paths::absolute(remote, WORKSPACE).unwrap_or_default();
            mounts = declared(mounts, &local, &remote)?;
        }
        let cwd = match &launch.cwd {
            None => WORKSPACE.to_owned(),
            Some(cwd) => {
                let path = habits.path_in(cwd).or_else(|| paths::absolute(cwd, WORKSPACE));
                let guest = path.and_then(|path| in_sandbox(&mounts, &path));
                guest.ok_or_else(|| outside("cwd", cwd))?
            }
        };
        // A buffer that no file is of yet has a URI of another kind, which names nothing.
        let is_file = |uri: &&String| launch.code.is_some() && (uri.starts_with("file:") || uri.starts_with('/'));
        let file = launch.program.as_ref().or(launch.uri.as_ref().filter(is_file));
        let what = match (&launch.code, &launch.module, file) {
            (Some(code), _, file) => {
                let host = file.and_then(|file| self.host_file(file, launch));
                let extension = engine_of(launch, file, session.engine).map_or("txt", |engine| engine.extensions[0]);
                let name = match &host {
                    Some(host) => paths::name(host).to_owned(),
                    None => format!("main.{extension}"),
                };
                if let Some(host) = host {
                    mounts = declared(mounts, &host, &format!("{}/{name}", directory(&id)))?;
                }
                What::Code { name, text: Bytes::from(code.clone()) }
            }
            (None, Some(module), _) => What::Module(module.clone()),
            (None, None, Some(program)) => {
                let guest = match self.host_file(program, launch) {
                    Some(host) => in_sandbox(&mounts, &host),
                    None => paths::absolute(program, &cwd),
                };
                What::File(guest.ok_or_else(|| outside("program", program))?)
            }
            (None, None, None) => return Err(Refusal::Arguments("there is nothing to run".to_owned())),
        };
        let Tool { engine, backend } = self.tool(launch, arguments, file, session)?;
        let mut own_code: Vec<String> = Vec::new();
        if launch.just_my_code {
            own_code.push(WORKSPACE.to_owned());
            own_code.extend(mounts.guests().map(str::to_owned));
            if let What::Code { name, .. } = &what {
                own_code.push(format!("{}/{name}", directory(&id)));
            }
            own_code.sort();
            own_code.dedup();
        }
        let name = match (&what, file) {
            (What::Module(module), _) => module.clone(),
            (_, Some(file)) => self.host_file(file, launch).unwrap_or_else(|| file.clone()),
            (What::Code { name, .. } | What::File(name), None) => name.clone(),
        };
        let target = Target {
            what,
            args: launch.args.clone(),
            engine_args: launch.engine_args.clone(),
            cwd,
            stop_on_entry: launch.stop_on_entry,
            just_my_code: own_code,
            // A child that nobody can come for would wait for nothing.
            children: launch.children && habits.start_debugging,
            source_maps: launch.source_maps,
        };
        Ok(Plan { engine, backend, target, mounts, id, name })
    }

    /// What runs and debugs a program: an adapter that the client names, or what its language has.
    fn tool(
        &self,
        launch: &Launch,
        arguments: &Value,
        file: Option<&String>,
        session: &Session,
    ) -> Result<Tool, Refusal> {
        let debugged = !launch.no_debug;
        if let Some(own) = Adapters::of(arguments).map_err(Refusal::Arguments)?.filter(|_| debugged) {
            return Ok(Tool { engine: None, backend: Some(Arc::new(own)) });
        }
        let backends = &self.debugs.backends;
        let tools = &session.toolbox;
        if let Some(engine) = engine_of(launch, file, session.engine) {
            let backend = engine.debugger.filter(|_| debugged).and_then(|kind| backends.get(kind, tools));
            if debugged && backend.is_none() {
                let why = format!("{} programs can't be debugged here; `noDebug` runs them", engine.id);
                return Err(Refusal::Arguments(why));
            }
            return Ok(Tool { engine: Some(engine), backend });
        }
        let named = [&launch.language, &launch.kind];
        let adapter = named.into_iter().flatten().find_map(|name| adapters::by_language(known_as(name)));
        match adapter.and_then(|adapter| backends.get(engine::Debugger::Adapter(adapter), tools)) {
            Some(backend) if debugged => Ok(Tool { engine: None, backend: Some(backend) }),
            _ => Err(unknown_language(launch.language.as_deref())),
        }
    }

    /// The path on the host of a file that the client named; `None` for a relative path with nothing to be
    /// relative to.
    fn host_file(&self, file: &str, launch: &Launch) -> Option<String> {
        let habits = self.habits();
        habits.path_in(file).or_else(|| {
            let cwd = launch.cwd.as_ref().and_then(|cwd| habits.path_in(cwd))?;
            paths::absolute(file, &cwd)
        })
    }
}

/// What runs the program: as its client says, else as its file tells, else as the session has it.
fn engine_of(launch: &Launch, file: Option<&String>, of_session: Option<&'static Engine>) -> Option<&'static Engine> {
    // What is said counts, also when it is known to nobody here.
    if let Some(language) = launch.language.as_deref() {
        return hinted(language);
    }
    let by_file = file.and_then(|file| engine::by_file(file));
    let by_kind = launch.kind.as_deref().and_then(hinted);
    let by_module = || launch.module.as_ref().and_then(|_| engine::by_id("python"));
    by_file.or(by_kind).or(of_session).or_else(by_module)
}

/// What a session has to have that is made for a program, as far as the program tells. What a debugger of the
/// client's own starts is that debugger's to know.
pub(super) fn told_engine(launch: &Launch, arguments: &Value) -> Option<&'static Engine> {
    let is_our_own = arguments.get("adapter").is_none_or(Value::is_null);
    engine_of(launch, launch.program.as_ref().or(launch.uri.as_ref()), None).filter(|_| is_our_own)
}

/// The workspace, as the editor has it. One that is nowhere but in the sandbox goes by the same name there.
pub(super) fn workspace(session: &Session) -> Mounts {
    let host = session.workspace_path().map_or(WORKSPACE.into(), |path| path.to_string_lossy());
    Mounts::default().with(&host, WORKSPACE).unwrap_or_default()
}

/// The directory of an execution in the sandbox.
pub(super) fn directory(id: &ExecutionId) -> String {
    format!("{CODE}/{id}")
}

fn declared(mounts: Mounts, host: &str, guest: &str) -> Result<Mounts, Refusal> {
    mounts.with(host, guest).ok_or_else(|| not_absolute("path", host))
}

/// A path of the host inside the sandbox; paths of the workspace may be given as the sandbox has them.
fn in_sandbox(mounts: &Mounts, path: &str) -> Option<String> {
    let already = || path == WORKSPACE || path.starts_with(&format!("{WORKSPACE}/"));
    mounts.to_guest(path).or_else(|| already().then(|| path.to_owned()))
}

fn not_absolute(field: &str, path: &str) -> Refusal {
    Refusal::Arguments(format!("`{field}`: {path:?} is no absolute path"))
}

/// What it is written in can't be told, or is a language that nothing here debugs.
fn unknown_language(said: Option<&str>) -> Refusal {
    let languages = "python, node, go, csharp, or with `noDebug` one of `codebeaker doctor`";
    Refusal::Arguments(match said {
        Some(language) => format!("`language`: {language:?} is not known: give {languages}; or name an `adapter`"),
        None => format!("what this is written in is not known: give `language`, which is {languages}"),
    })
}

fn outside(field: &str, path: &str) -> Refusal {
    Refusal::Arguments(format!(
        "`{field}`: {path:?} is outside of the workspace; set `cwd` or `session.workspace.path` to a directory that it \
         lies in"
    ))
}
