//! The requests about breakpoints: what the client sets, and where it could.

use std::sync::Arc;

use serde_json::Value;

use super::Adapter;
use super::book::{SourceKey, exception_filters, wanted};
use super::debuggee::{Debuggee, Origin};
use super::refusal::Refusal;
use super::requests::body;
use crate::dap::types::{
    self, BreakpointLocation, BreakpointLocationsArguments, BreakpointLocationsResponse, SetBreakpointsArguments,
    SetBreakpointsResponse, SetExceptionBreakpointsArguments, SetExceptionBreakpointsResponse,
    SetFunctionBreakpointsArguments, SetFunctionBreakpointsResponse, Source,
};
use crate::debug::backend::{Fault, Place, Placed, Position};
use crate::debug::kept::{KeptBreakpoints, MAX_BREAKPOINTS};
use crate::debug::paths;
use crate::ids::SessionId;
use crate::text::{Keep, VALUE, clean};

/// Exception filters in one request.
const MAX_FILTERS: usize = 64;

/// Places for breakpoints in one answer.
const MAX_LOCATIONS: usize = 10_000;

/// What a file comes to that the program can't have.
const ELSEWHERE: &str = "this file is not in the workspace of the program; `session.workspace.path` or `pathMappings` \
                         of the configuration can say where it is";

impl Adapter {
    /// `setBreakpoints`.
    pub(super) async fn set_breakpoints(&self, arguments: SetBreakpointsArguments) -> Result<Value, Refusal> {
        let key = self.key_of(&arguments.source)?;
        let wanted = wanted(&arguments);
        if wanted.len() > MAX_BREAKPOINTS {
            return Err(Refusal::Arguments(format!("there are more than {MAX_BREAKPOINTS} breakpoints")));
        }
        let habits = self.habits();
        self.book().set_lines(key.clone(), &wanted, &habits);
        if let SourceKey::Path(path) = &key {
            let source = Source { path: Some(path.clone()), ..Source::default() };
            let lines = wanted.into_iter().map(|mut wanted| {
                wanted.line = habits.line_in(wanted.line);
                wanted.column = wanted.column.map(|column| habits.column_in(column));
                wanted
            });
            let breakpoints = Some(lines.collect());
            let kept = SetBreakpointsArguments { breakpoints, lines: None, source, source_modified: None };
            self.keep(|all| all.set(kept));
        }
        if let Ok(debuggee) = self.debuggee() {
            self.place(&debuggee, &key).await?;
        }
        let mut breakpoints = self.book().shown_lines(&key, &habits);
        let source = self.source_of(&key);
        for breakpoint in &mut breakpoints {
            breakpoint.source = Some(source.clone());
        }
        body(SetBreakpointsResponse { breakpoints })
    }

    /// `setFunctionBreakpoints`.
    pub(super) async fn set_function_breakpoints(
        &self,
        arguments: SetFunctionBreakpointsArguments,
    ) -> Result<Value, Refusal> {
        if arguments.breakpoints.len() > MAX_BREAKPOINTS {
            return Err(Refusal::Arguments(format!("there are more than {MAX_BREAKPOINTS} breakpoints")));
        }
        self.book().set_functions(&arguments.breakpoints);
        self.keep(|all| all.functions = Some(arguments));
        if let Ok(debuggee) = self.debuggee() {
            self.place_functions(&debuggee).await?;
        }
        let breakpoints = self.book().shown_functions(&self.habits());
        body(SetFunctionBreakpointsResponse { breakpoints })
    }

    /// `setExceptionBreakpoints`.
    pub(super) async fn set_exception_breakpoints(
        &self,
        arguments: SetExceptionBreakpointsArguments,
    ) -> Result<Value, Refusal> {
        if arguments.filters.len() + arguments.filter_options.as_ref().map_or(0, Vec::len) > MAX_FILTERS {
            return Err(Refusal::Arguments("there are too many exception filters".to_owned()));
        }
        self.book().set_exceptions(arguments.clone());
        self.keep(|all| all.exceptions = Some(arguments.clone()));
        let breakpoints = match self.debuggee() {
            Ok(debuggee) => Some(place_exceptions(&debuggee, &arguments).await?),
            Err(_) => None,
        };
        body(SetExceptionBreakpointsResponse { breakpoints })
    }

    /// `breakpointLocations`.
    pub(super) async fn breakpoint_locations(&self, arguments: BreakpointLocationsArguments) -> Result<Value, Refusal> {
        let debuggee = self.debuggee()?;
        let place = self.place_of(&debuggee, &arguments.source)?;
        let habits = self.habits();
        let from = habits.position_in(arguments.line, arguments.column);
        let to = habits.position_in(arguments.end_line.unwrap_or(arguments.line), arguments.end_column);
        if from.line > to.line {
            return Err(Refusal::Arguments("`endLine` is before `line`".to_owned()));
        }
        let mut found = debuggee.debugger.breakpoint_locations(&place, from, to).await?;
        found.truncate(MAX_LOCATIONS);
        let breakpoints = found.iter().filter(|at| (from.line..=to.line).contains(&at.line)).map(|at| {
            let column = at.column.map(|column| habits.column_out(column));
            BreakpointLocation { column, end_column: None, end_line: None, line: habits.line_out(at.line) }
        });
        body(BreakpointLocationsResponse { breakpoints: breakpoints.collect() })
    }

    /// Sets all that the client asked for so far, and what is kept for the session, in a new debuggee. The
    /// client hears what became of those that it asked for.
    pub(super) async fn place_all(&self, debuggee: &Arc<Debuggee>, session: Option<&SessionId>) {
        let asked = self.book().keys();
        if let Some(session) = session {
            self.take_over(self.debugs.kept.get(session));
        }
        let keys = self.book().keys();
        for key in keys {
            if let Err(refusal) = self.place(debuggee, &key).await {
                tracing::debug!(%refusal, "breakpoints of a source were not set");
            }
            if asked.contains(&key) {
                let ids = self.book().shown_lines(&key, &self.habits());
                for id in ids.iter().filter_map(|shown| shown.id.and_then(|id| u32::try_from(id).ok())) {
                    self.tell_breakpoint(id, Some(&key)).await;
                }
            }
        }
        if self.book().has_functions()
            && let Err(refusal) = self.place_functions(debuggee).await
        {
            tracing::debug!(%refusal, "function breakpoints were not set");
        }
        let exceptions = self.book().exceptions().cloned();
        if let Some(exceptions) = exceptions
            && let Err(refusal) = place_exceptions(debuggee, &exceptions).await
        {
            tracing::debug!(%refusal, "exception filters were not set");
        }
    }

    /// Takes breakpoints over that were kept, where the client has none of its own.
    fn take_over(&self, kept: KeptBreakpoints) {
        let ours = super::habits::Habits::default();
        let mut book = self.book();
        for source in kept.sources {
            let key = source.source.path.as_deref().and_then(|path| self.habits().path_in(path)).map(SourceKey::Path);
            if let Some(key) = key.filter(|key| !book.has(key)) {
                book.set_lines(key, &wanted(&source), &ours);
            }
        }
        if let Some(functions) = kept.functions.filter(|_| !book.has_functions()) {
            book.set_functions(&functions.breakpoints);
        }
        if let Some(exceptions) = kept.exceptions.filter(|_| book.exceptions().is_none()) {
            book.set_exceptions(exceptions);
        }
    }

    /// Sets the breakpoints of a source.
    async fn place(&self, debuggee: &Debuggee, key: &SourceKey) -> Result<(), Refusal> {
        let wanted = self.book().wanted_lines(key);
        let asked: Vec<u32> = wanted.iter().map(|wanted| wanted.id).collect();
        let place = match key {
            SourceKey::Path(path) => debuggee.mounts.to_guest(path).map(Place::File),
            SourceKey::Reference(number) => self.desk().sources.get((*number).into()).ok(),
        };
        let placed = match place {
            Some(place) => debuggee.debugger.set_breakpoints(&place, wanted).await?,
            None => refused(&asked, ELSEWHERE),
        };
        self.book().placed_lines(key, &asked, &placed);
        Ok(())
    }

    async fn place_functions(&self, debuggee: &Debuggee) -> Result<(), Refusal> {
        let wanted = self.book().wanted_functions();
        let asked: Vec<u32> = wanted.iter().map(|wanted| wanted.id).collect();
        let placed = match debuggee.debugger.set_function_breakpoints(wanted).await {
            Err(Fault::Unsupported(what)) => refused(&asked, &Fault::Unsupported(what).to_string()),
            placed => placed?,
        };
        self.book().placed_functions(&asked, &placed);
        Ok(())
    }

    /// Keeps for later programs of the session what the client set, unless the session is the adapter's own.
    fn keep(&self, change: impl FnOnce(&mut KeptBreakpoints)) {
        let held = self.held();
        let is_child = held.debuggee.as_ref().is_some_and(|debuggee| debuggee.origin == Origin::Child);
        let held_session = held.session.as_ref().filter(|(_, own)| !own).map(|(session, _)| session.id.clone());
        drop(held);
        let session = held_session.or_else(|| self.given.as_ref().map(|session| session.id.clone()));
        if let Some(session) = session.filter(|_| !is_child) {
            self.debugs.kept.change(&session, &self.debugs.open_sessions(), change);
        }
    }

    /// What a source is to us that the client names.
    fn key_of(&self, source: &Source) -> Result<SourceKey, Refusal> {
        if let Some(number) = source.source_reference.filter(|number| *number > 0) {
            return Ok(SourceKey::Reference(number));
        }
        let path = source.path.as_deref().ok_or_else(|| Refusal::Arguments("`source.path` is missing".to_owned()))?;
        let path = self.habits().path_in(path);
        path.map(SourceKey::Path).ok_or_else(|| Refusal::Arguments("`source.path` is no absolute path".to_owned()))
    }

    /// The place of a source that the client names.
    pub(super) fn place_of(&self, debuggee: &Debuggee, source: &Source) -> Result<Place, Refusal> {
        match self.key_of(source)? {
            SourceKey::Path(path) => {
                let guest = debuggee.mounts.to_guest(&path);
                guest.map(Place::File).ok_or(Refusal::State(ELSEWHERE))
            }
            SourceKey::Reference(number) => {
                let number = u64::from(number);
                let place = self.desk().sources.get(number);
                place.map_err(|missing| Refusal::missing(missing, "source", number))
            }
        }
    }

    /// A source as the client names it.
    pub(super) fn source_of(&self, key: &SourceKey) -> Source {
        match key {
            SourceKey::Path(path) => {
                let name = Some(paths::name(path).to_owned());
                Source { name, path: Some(self.habits().path_out(path.clone())), ..Source::default() }
            }
            SourceKey::Reference(number) => Source { source_reference: Some(*number), ..Source::default() },
        }
    }
}

fn refused(asked: &[u32], why: &str) -> Vec<Placed> {
    asked.iter().map(|_| Placed { message: Some(why.to_owned()), ..Placed::default() }).collect()
}

async fn place_exceptions(
    debuggee: &Debuggee,
    arguments: &SetExceptionBreakpointsArguments,
) -> Result<Vec<types::Breakpoint>, Refusal> {
    let filters = exception_filters(arguments);
    let wanted = filters.iter().filter_map(|filter| filter.as_ref().ok().cloned()).collect();
    let mut placed = debuggee.debugger.set_exception_breakpoints(wanted).await?.into_iter();
    let shown = filters.into_iter().map(|filter| {
        let placed = match filter {
            Ok(_) => placed.next().unwrap_or_default(),
            Err(why) => Placed { verified: false, at: Position::default(), message: Some(why) },
        };
        let message = placed.message.map(|text| clean(&text, Keep::Lines, VALUE));
        types::Breakpoint { verified: placed.verified, message, ..types::Breakpoint::default() }
    });
    Ok(shown.collect())
}
