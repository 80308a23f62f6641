//! Executions that were run so that they can be attached to, and who is attached to which.
//!
//! A run is changed before it begins, or not at all: nothing is done to a program that runs. What is remembered
//! of one goes with its execution.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use super::backend::Fault;
use super::ground::{Target, What};
use super::paths::{self, Mounts};
use super::{Backends, Debugs};
use crate::agent::plan::{CODE, WORKSPACE};
use crate::engine::Engine;
use crate::ids::ExecutionId;
use crate::session::{Run, Session, Source};

/// Why a program can't be run so that it can be attached to.
#[derive(Debug, thiserror::Error)]
pub enum NotDebuggable {
    /// It is no engine's.
    #[error("only code and files can be debugged: which language a program is of is not known")]
    Program,
    /// There is no debugger for it.
    #[error("{0} programs can't be debugged here")]
    Language(&'static str),
    /// Its debugger can't do it.
    #[error(transparent)]
    Debugger(#[from] Fault),
}

/// A run that can be attached to once it runs.
pub struct Debuggable {
    /// The run.
    pub run: Run,
    prepared: Option<Prepared>,
}

/// What is to be known of an execution when it is attached to.
#[derive(Debug, Clone)]
pub(super) struct Prepared {
    pub(super) engine: &'static Engine,
    /// The program: its path in the sandbox.
    pub(super) file: String,
    /// The editor's path of code that came with its request.
    pub(super) origin: Option<String>,
}

impl Prepared {
    /// The declared directories with the code that came with the request.
    pub(super) fn over(&self, mounts: Mounts) -> Mounts {
        let Some(origin) = &self.origin else { return mounts };
        mounts.clone().with(origin, &self.file).unwrap_or(mounts)
    }
}

/// What is remembered.
#[derive(Debug, Default)]
pub(super) struct Register {
    prepared: Mutex<BTreeMap<ExecutionId, Prepared>>,
    attached: Arc<Mutex<BTreeSet<ExecutionId>>>,
}

impl Register {
    pub(super) fn get(&self, id: &ExecutionId) -> Option<Prepared> {
        self.prepared.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// Makes the caller the one that is attached to an execution; `None` when there is one already.
    pub(super) fn claim(&self, id: &ExecutionId) -> Option<Claim> {
        let is_new = self.attached.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone());
        is_new.then(|| Claim { id: id.clone(), attached: Arc::clone(&self.attached) })
    }
}

/// Being the one that is attached to an execution, until it is dropped.
#[derive(Debug)]
pub(super) struct Claim {
    id: ExecutionId,
    attached: Arc<Mutex<BTreeSet<ExecutionId>>>,
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.attached.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

impl Debugs {
    /// The run, so that it can be attached to. `uri` is that of the document which its code is of. What is wrong
    /// with the run itself is left for the session to say.
    ///
    /// # Errors
    /// [`NotDebuggable`].
    pub fn debuggable(&self, session: &Session, run: Run, uri: Option<&str>) -> Result<Debuggable, NotDebuggable> {
        let known = match &run.source {
            Source::Code { engine, .. } => engine.or(session.engine),
            Source::File { path, engine } => session.engine_of_file(path, *engine),
            Source::Program(_) | Source::Engine { .. } | Source::Tool { .. } => return Err(NotDebuggable::Program),
        };
        let Some(engine) = known else { return Ok(Debuggable { run, prepared: None }) };
        let backend = self.backend_of(session, engine).ok_or(NotDebuggable::Language(engine.id))?;
        let id = run.id.clone().unwrap_or_else(ExecutionId::random);
        let directory = format!("{CODE}/{id}");
        let (what, file) = match &run.source {
            Source::Code { text, name, .. } => {
                let name = name.clone().unwrap_or_else(|| session.file_name(engine));
                let file = format!("{directory}/{name}");
                (What::Code { name, text: text.clone() }, file)
            }
            Source::File { path, .. } if !path.is_empty() && !path.contains('\0') => {
                // As it was written: the program sees it as its own name.
                let path = if path.starts_with('/') { path.clone() } else { format!("{WORKSPACE}/{path}") };
                (What::File(path.clone()), path)
            }
            _ => return Ok(Debuggable { run, prepared: None }),
        };
        let target = Target {
            what,
            args: run.args.clone(),
            engine_args: run.engine_args.clone(),
            cwd: run.cwd.clone().unwrap_or_else(|| WORKSPACE.to_owned()),
            stop_on_entry: false,
            just_my_code: vec![WORKSPACE.to_owned(), file.clone()],
            children: false,
            source_maps: true,
        };
        let origin = uri.and_then(|uri| paths::from_uri(uri).or_else(|| paths::normal(uri)));
        let origin = origin.filter(|_| matches!(target.what, What::Code { .. }));
        let prepared = Some(Prepared { engine, file, origin });
        let Some(preparation) = backend.prepare_to_attach(&target, &directory)? else {
            return Ok(Debuggable { run: Run { id: Some(id), ..run }, prepared });
        };
        let mut env = preparation.env;
        env.extend(run.env);
        let finds_workspace = matches!(target.what, What::Code { .. });
        let source = Source::Engine { engine, files: preparation.files, finds_workspace };
        let (args, side) = (preparation.args, preparation.side);
        let run = Run { id: Some(id), source, args, engine_args: Vec::new(), env, side, ..run };
        Ok(Debuggable { run, prepared })
    }

    /// Runs it, and remembers it as long as its session does.
    ///
    /// # Errors
    /// As of [`Session::execute`].
    pub fn execute(
        &self,
        session: &Arc<Session>,
        debuggable: Debuggable,
        observer: Arc<dyn crate::execution::Observer>,
    ) -> Result<Arc<crate::execution::Execution>, crate::session::SessionError> {
        let execution = session.execute(debuggable.run, observer)?;
        if let Some(prepared) = debuggable.prepared {
            let mut known = self.attachable.prepared.lock().unwrap_or_else(PoisonError::into_inner);
            known.retain(|id, _| self.sessions.execution(id).is_some());
            known.insert(execution.id.clone(), prepared);
        }
        Ok(execution)
    }

    fn backend_of(&self, session: &Session, engine: &Engine) -> Option<Arc<dyn super::ground::Backend>> {
        let backends: &Backends = &self.backends;
        engine.debugger.and_then(|kind| backends.get(kind, &session.toolbox))
    }
}
