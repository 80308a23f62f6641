//! The live interpreters of a session, and the cells that run in them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::bounds::{check_env, check_limits};
use super::command::absolute;
use super::launch::leads_astray;
use super::{Session, SessionError, Sessions};
use crate::agent::Program;
use crate::agent::plan::WORKSPACE;
use crate::config::Limits;
use crate::context::driver::Driver;
use crate::context::{Cell, Context, ContextError, Recipe, Watcher};
use crate::engine::{Engine, Interpreter};
use crate::execution::drive::Terms;
use crate::execution::{Execution, Observer};
use crate::ids::{ContextId, ExecutionId};

/// A live interpreter that a client wants.
#[derive(Clone, Default)]
pub struct NewContext {
    /// Of what; of the session's own engine when absent.
    pub engine: Option<&'static Engine>,
    /// Whether its cells are TypeScript, where the engine has both.
    pub typescript: bool,
    /// Where, as a path of the sandbox; the workspace when absent.
    pub cwd: Option<String>,
    /// Variables beside the session's.
    pub env: BTreeMap<String, String>,
}

/// A cell that a client wants to run.
#[derive(Debug, Clone)]
pub struct CellRun {
    /// In which context.
    pub context: ContextId,
    /// What.
    pub cell: Cell,
    /// Wall time; the session's own when absent.
    pub timeout: Option<Duration>,
    /// Output that is passed on; the session's own when absent.
    pub output_bytes: Option<u64>,
    /// More output than that ends it.
    pub stop_at_output_limit: bool,
    /// The longest chunk of output that the client takes.
    pub max_chunk_bytes: usize,
}

/// Those that there are.
pub(super) struct Contexts {
    table: Mutex<Vec<(Arc<Context>, OwnedSemaphorePermit)>>,
    places: Arc<Semaphore>,
    most: usize,
}

impl Contexts {
    pub(super) fn new(most: usize) -> Self {
        Self { table: Mutex::default(), places: Arc::new(Semaphore::new(most)), most }
    }

    /// Whether there is one, or one is being made.
    pub(super) fn any(&self) -> bool {
        self.places.available_permits() < self.most
    }

    fn table(&self) -> MutexGuard<'_, Vec<(Arc<Context>, OwnedSemaphorePermit)>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sessions {
    /// The context of this name, with its session. Counts as use of that.
    ///
    /// # Errors
    /// [`ContextError::NotFound`], or [`SessionError::Closed`].
    pub fn context(&self, id: &ContextId) -> Result<(Arc<Session>, Arc<Context>), SessionError> {
        let has_it = |session: &Arc<Session>| session.contexts.table().iter().any(|(context, _)| context.id == *id);
        let session = self.list().into_iter().find(has_it).ok_or_else(|| ContextError::NotFound(id.clone()))?;
        let context = session.context(id)?;
        Ok((session, context))
    }
}

impl Session {
    /// Starts a live interpreter, and waits until it can be used.
    ///
    /// # Errors
    /// See [`SessionError`]; nothing is left of it then.
    pub async fn create_context(
        self: &Arc<Self>,
        wanted: NewContext,
        watcher: Arc<dyn Watcher>,
    ) -> Result<Arc<Context>, SessionError> {
        self.use_now()?;
        check_env("env", Some(&wanted.env))?;
        if wanted.cwd.as_deref().is_some_and(|cwd| cwd.contains('\0') || leads_astray(cwd)) {
            let why = "it must be a directory inside the sandbox, without \"..\" and not in /proc".to_owned();
            return Err(SessionError::Invalid { field: "cwd", why });
        }
        let engine = wanted.engine.or(self.engine).ok_or_else(|| {
            let why = "the session has no language either: give one to either".to_owned();
            SessionError::Invalid { field: "language", why }
        })?;
        let interpreter = engine.interpreter.ok_or(ContextError::NoDriver { engine: engine.id })?;
        let program = self.program_of(engine)?;
        let most = self.settings.max_contexts;
        let place = Arc::clone(&self.contexts.places).try_acquire_owned();
        let place = place.map_err(|_| match self.use_now() {
            Ok(()) => ContextError::TooMany(most).into(),
            Err(closed) => closed,
        })?;
        self.stand_down().await;
        let mut env = self.base_env();
        env.extend(self.engine_env(engine));
        env.extend(self.reach_env());
        env.extend(self.changeable().env.clone());
        env.extend(wanted.env);
        let cwd = wanted.cwd.map_or_else(|| WORKSPACE.to_owned(), |cwd| absolute(&cwd));
        let keeper = Arc::clone(&self.keeper);
        let recipe = Recipe {
            link: self.link.clone(),
            program: Program { cwd, ..Program::new(vec![program], env.into_iter().collect()) },
            driver: Driver::of(interpreter),
            typescript: wanted.typescript && interpreter == Interpreter::Node,
            workspace: self.workspace_path().cloned(),
            start_patience: self.settings.create_timeout,
            kill_patience: self.settings.kill_patience,
            max_queued: self.settings.max_queued,
            oom_kills: Box::new(move || keeper.try_lock().ok()?.oom_kills()),
        };
        let context = Context::start(self.id.clone(), engine, recipe, watcher).await?;
        {
            let mut table = self.contexts.table();
            if !self.contexts.places.is_closed() {
                table.push((Arc::clone(&context), place));
                return Ok(context);
            }
        }
        // The session ended meanwhile, and would have overlooked it.
        context.close().await;
        Err(SessionError::Closed { id: self.id.clone(), why: self.why() })
    }

    /// Its live interpreters, the oldest first.
    #[must_use]
    pub fn contexts(&self) -> Vec<Arc<Context>> {
        self.contexts.table().iter().map(|(context, _)| Arc::clone(context)).collect()
    }

    /// One of them. Counts as use.
    ///
    /// # Errors
    /// [`SessionError::Closed`], or [`ContextError::NotFound`].
    pub fn context(&self, id: &ContextId) -> Result<Arc<Context>, SessionError> {
        self.use_now()?;
        let found = self.contexts.table().iter().find(|(context, _)| context.id == *id).map(|(one, _)| Arc::clone(one));
        Ok(found.ok_or_else(|| ContextError::NotFound(id.clone()))?)
    }

    /// Ends one of them, and waits until it is gone.
    ///
    /// # Errors
    /// As [`Session::context`].
    pub async fn delete_context(&self, id: &ContextId) -> Result<(), SessionError> {
        let context = self.context(id)?;
        context.close().await;
        // Its place is free only now.
        self.contexts.table().retain(|(one, _)| one.id != *id);
        Ok(())
    }

    /// Queues a cell. By the time this returns, it has its place in the queue of its context; it runs to its end
    /// whether or not anybody waits for that.
    ///
    /// # Errors
    /// See [`SessionError`]; nothing is run then.
    pub fn execute_cell(
        self: &Arc<Self>,
        run: CellRun,
        observer: Arc<dyn Observer>,
    ) -> Result<Arc<Execution>, SessionError> {
        let context = self.context(&run.context)?;
        let terms = self.terms_of(&run)?;
        let label = run.cell.document.as_ref().map_or("<cell>", |document| &document.name);
        let argv = vec![context.engine.id.to_owned(), label.to_owned()];
        let kept = self.settings.kept_output_bytes;
        let execution = Execution::new(ExecutionId::random(), self.id.clone(), argv, false, kept);
        let execution = Arc::new(execution.in_context(run.context));
        let ticket = context.queue(run.cell)?;
        self.enlist(&execution)?;
        let (session, driven) = (Arc::clone(self), Arc::clone(&execution));
        tokio::spawn(async move {
            ticket.run(&driven, terms, &*observer).await;
            // The end of an execution is use, and lets the idle time begin.
            drop(session.use_now());
            session.touched.notify_one();
        });
        Ok(execution)
    }

    fn terms_of(&self, run: &CellRun) -> Result<Terms, SessionError> {
        let (own, ceiling) = (self.changeable().limits, self.settings.ceiling);
        let output_bytes = run.output_bytes.unwrap_or(own.output_bytes);
        let execution_timeout = run.timeout.unwrap_or(own.execution_timeout);
        let most = Limits { output_bytes: ceiling.output_bytes, execution_timeout: ceiling.execution_timeout, ..own };
        check_limits(&Limits { output_bytes, execution_timeout, ..own }, &most)?;
        Ok(Terms {
            timeout: execution_timeout,
            output_bytes,
            stop_at_output_limit: run.stop_at_output_limit,
            max_chunk_bytes: run.max_chunk_bytes,
            cancel_grace: self.settings.cancel_grace,
            kill_patience: self.settings.kill_patience,
        })
    }

    /// Ends all of them, and lets no more be made.
    pub(super) async fn close_contexts(&self) {
        let all = {
            let mut table = self.contexts.table();
            self.contexts.places.close();
            std::mem::take(&mut *table)
        };
        futures::future::join_all(all.iter().map(|(context, _)| context.close())).await;
    }
}
