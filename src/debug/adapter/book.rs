//! The breakpoints of one client: what it asked for, what became of each, and the numbers it knows them by.

use std::collections::BTreeMap;

use super::habits::Habits;
use crate::dap::types::{self, SetBreakpointsArguments, SetExceptionBreakpointsArguments, SourceBreakpoint};
use crate::debug::backend::{ExceptionBreakpoint, FunctionBreakpoint, LineBreakpoint, Placed, Position, Terms};
use crate::debug::breakpoints::{Misfit, exception_filter, terms};

/// The source that breakpoints are in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SourceKey {
    /// A file, by its path on the host.
    Path(String),
    /// A text, by the number that the client has for it.
    Reference(u32),
}

/// A breakpoint.
#[derive(Debug, Clone)]
struct Known {
    id: u32,
    /// Where it is wanted; line 0 for a function.
    at: Position,
    terms: Result<Terms, Misfit>,
    placed: Option<Placed>,
}

/// All breakpoints of one client.
#[derive(Debug, Default)]
pub(super) struct Book {
    last: u32,
    lines: BTreeMap<SourceKey, Vec<Known>>,
    functions: Vec<(String, Known)>,
    exceptions: Option<SetExceptionBreakpointsArguments>,
}

impl Book {
    /// Replaces the breakpoints of a source. Those that stay where they were keep their numbers.
    pub(super) fn set_lines(&mut self, key: SourceKey, wanted: &[SourceBreakpoint], habits: &Habits) {
        let mut before = self.lines.remove(&key).unwrap_or_default();
        let known = wanted.iter().map(|wanted| {
            let at = habits.position_in(wanted.line, wanted.column);
            let texts = [&wanted.condition, &wanted.hit_condition, &wanted.log_message].map(Option::as_deref);
            let same = before.iter().position(|known| known.at == at).map(|same| before.swap_remove(same).id);
            let id = same.unwrap_or_else(|| next(&mut self.last));
            Known { id, at, terms: terms(texts[0], texts[1], texts[2]), placed: None }
        });
        let known: Vec<Known> = known.collect();
        if !known.is_empty() {
            self.lines.insert(key, known);
        }
    }

    /// Replaces the breakpoints of functions.
    pub(super) fn set_functions(&mut self, wanted: &[types::FunctionBreakpoint]) {
        let before = std::mem::take(&mut self.functions);
        for wanted in wanted {
            let same = before.iter().find(|(name, _)| *name == wanted.name).map(|(_, known)| known.id);
            let taken = |id: &u32| self.functions.iter().any(|(_, known)| known.id == *id);
            let id = same.filter(|id| !taken(id)).unwrap_or_else(|| next(&mut self.last));
            let terms = terms(wanted.condition.as_deref(), wanted.hit_condition.as_deref(), None);
            let known = Known { id, at: Position::default(), terms, placed: None };
            self.functions.push((wanted.name.clone(), known));
        }
    }

    /// Replaces the exception filters.
    pub(super) fn set_exceptions(&mut self, wanted: SetExceptionBreakpointsArguments) {
        self.exceptions = Some(wanted);
    }

    /// What was asked for of exceptions, if anything was.
    pub(super) fn exceptions(&self) -> Option<&SetExceptionBreakpointsArguments> {
        self.exceptions.as_ref()
    }

    /// Whether functions were asked for.
    pub(super) fn has_functions(&self) -> bool {
        !self.functions.is_empty()
    }

    /// The sources that have breakpoints.
    pub(super) fn keys(&self) -> Vec<SourceKey> {
        self.lines.keys().cloned().collect()
    }

    /// Whether a source has any.
    pub(super) fn has(&self, key: &SourceKey) -> bool {
        self.lines.contains_key(key)
    }

    /// What a back end is to set in a source.
    pub(super) fn wanted_lines(&self, key: &SourceKey) -> Vec<LineBreakpoint> {
        let fit = |known: &Known| {
            let terms = known.terms.clone().ok()?;
            Some(LineBreakpoint { id: known.id, at: known.at, terms })
        };
        self.lines.get(key).into_iter().flatten().filter_map(fit).collect()
    }

    /// What a back end is to set at functions.
    pub(super) fn wanted_functions(&self) -> Vec<FunctionBreakpoint> {
        let fit = |(name, known): &(String, Known)| {
            let terms = known.terms.clone().ok()?;
            Some(FunctionBreakpoint { id: known.id, name: name.clone(), terms })
        };
        self.functions.iter().filter_map(fit).collect()
    }

    /// Notes what a back end answered for those that it was asked to set in a source, by number. What it did
    /// not answer for is not set.
    pub(super) fn placed_lines(&mut self, key: &SourceKey, asked: &[u32], placed: &[Placed]) {
        note(self.lines.get_mut(key).into_iter().flatten(), asked, placed);
    }

    /// Notes what a back end answered for functions.
    pub(super) fn placed_functions(&mut self, asked: &[u32], placed: &[Placed]) {
        note(self.functions.iter_mut().map(|(_, known)| known), asked, placed);
    }

    /// Notes that a breakpoint moved. Its source, when it is one of a source; `None` for one that nobody set.
    pub(super) fn moved(&mut self, id: u32, placed: Placed) -> Option<Option<SourceKey>> {
        for (key, known) in &mut self.lines {
            if let Some(known) = known.iter_mut().find(|known| known.id == id) {
                known.placed = Some(placed);
                return Some(Some(key.clone()));
            }
        }
        let (_, known) = self.functions.iter_mut().find(|(_, known)| known.id == id)?;
        known.placed = Some(placed);
        Some(None)
    }

    /// Nothing is set any more, for there is no program to set it in.
    pub(super) fn lift(&mut self) {
        let functions = self.functions.iter_mut().map(|(_, known)| known);
        for known in self.lines.values_mut().flatten().chain(functions) {
            known.placed = None;
        }
    }

    /// The breakpoints of a source as the client sees them, without their source.
    pub(super) fn shown_lines(&self, key: &SourceKey, habits: &Habits) -> Vec<types::Breakpoint> {
        self.lines.get(key).into_iter().flatten().map(|known| shown(known, habits)).collect()
    }

    /// The breakpoints of functions as the client sees them.
    pub(super) fn shown_functions(&self, habits: &Habits) -> Vec<types::Breakpoint> {
        self.functions.iter().map(|(_, known)| shown(known, habits)).collect()
    }

    /// One breakpoint as the client sees it.
    pub(super) fn shown(&self, id: u32, habits: &Habits) -> Option<types::Breakpoint> {
        let functions = self.functions.iter().map(|(_, known)| known);
        let known = self.lines.values().flatten().chain(functions).find(|known| known.id == id)?;
        Some(shown(known, habits))
    }

    /// Of some numbers, those that the client knows.
    pub(super) fn known(&self, ids: &[u32]) -> Vec<u32> {
        let functions = self.functions.iter().map(|(_, known)| known.id);
        let known: Vec<u32> = self.lines.values().flatten().map(|known| known.id).chain(functions).collect();
        let mut ids: Vec<u32> = ids.iter().copied().filter(|id| known.contains(id)).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}

/// The exception filters that a client asked for, in the order in which they are answered: each as a back end
/// takes it, or what is wrong with it.
pub(super) fn exception_filters(
    arguments: &SetExceptionBreakpointsArguments,
) -> Vec<Result<ExceptionBreakpoint, String>> {
    let options = arguments.filter_options.iter().flatten();
    let plain = arguments.filters.iter().map(|filter| (filter, None));
    let all = plain.chain(options.map(|option| (&option.filter_id, option.condition.clone())));
    all.map(|(name, condition)| {
        let condition = condition.filter(|condition| !condition.trim().is_empty());
        let filter = exception_filter(name).ok_or_else(|| "there is no exception filter of this name".to_owned())?;
        Ok(ExceptionBreakpoint { filter, condition })
    })
    .collect()
}

/// The breakpoints that a client's request wants in a source; the old way of giving lines alone included.
pub(super) fn wanted(arguments: &SetBreakpointsArguments) -> Vec<SourceBreakpoint> {
    let lines = arguments.lines.iter().flatten();
    let plain = |line: &u64| SourceBreakpoint {
        column: None,
        condition: None,
        hit_condition: None,
        line: u32::try_from(*line).unwrap_or(u32::MAX),
        log_message: None,
        mode: None,
    };
    arguments.breakpoints.clone().unwrap_or_else(|| lines.map(plain).collect())
}

fn next(last: &mut u32) -> u32 {
    *last = last.saturating_add(1);
    *last
}

fn note<'a>(known: impl Iterator<Item = &'a mut Known>, asked: &[u32], placed: &[Placed]) {
    for known in known {
        if let Some(at) = asked.iter().position(|id| *id == known.id) {
            let missing = || Placed { message: Some("the debugger did not say".to_owned()), ..Placed::default() };
            known.placed = Some(placed.get(at).cloned().unwrap_or_else(missing));
        }
    }
}

fn shown(known: &Known, habits: &Habits) -> types::Breakpoint {
    use crate::text::{Keep, VALUE, clean};
    let mut breakpoint = types::Breakpoint { id: Some(known.id.into()), ..types::Breakpoint::default() };
    let mut at = known.at;
    match (&known.terms, &known.placed) {
        (Err(misfit), _) => breakpoint.message = Some(misfit.to_string()),
        (Ok(_), None) => {
            breakpoint.message = Some("it is set when the program starts".to_owned());
            breakpoint.reason = Some(types::BreakpointReason::Pending);
        }
        (Ok(_), Some(placed)) => {
            breakpoint.verified = placed.verified;
            breakpoint.message = placed.message.as_deref().map(|text| clean(text, Keep::Lines, VALUE));
            if placed.at.line > 0 {
                at = placed.at;
            }
        }
    }
    breakpoint.line = (at.line > 0).then(|| habits.line_out(at.line));
    breakpoint.column = at.column.map(|column| habits.column_out(column));
    breakpoint
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(line: u32, hit: Option<&str>) -> SourceBreakpoint {
        let hit_condition = hit.map(str::to_owned);
        SourceBreakpoint { column: None, condition: None, hit_condition, line, log_message: None, mode: None }
    }

    #[test]
    fn a_breakpoint_that_stays_keeps_its_number_and_a_misfit_is_never_set() {
        let (mut book, habits) = (Book::default(), Habits::default());
        let key = SourceKey::Path("/a.py".to_owned());
        book.set_lines(key.clone(), &[at(1, None), at(2, None)], &habits);
        book.set_lines(key.clone(), &[at(3, Some("?")), at(2, None), at(2, None)], &habits);
        let shown = book.shown_lines(&key, &habits);
        assert_eq!(shown.iter().map(|shown| shown.id).collect::<Vec<_>>(), [Some(3), Some(2), Some(4)]);
        assert!(shown[0].message.as_ref().is_some_and(|message| message.contains("hit condition")));
        assert_eq!(book.wanted_lines(&key).iter().map(|wanted| wanted.id).collect::<Vec<_>>(), [2, 4]);
    }

    #[test]
    fn what_a_back_end_does_not_answer_for_is_not_set() {
        let (mut book, habits) = (Book::default(), Habits::default());
        let key = SourceKey::Path("/a.py".to_owned());
        book.set_lines(key.clone(), &[at(1, None), at(2, None)], &habits);
        let placed = Placed { verified: true, at: Position { line: 5, column: None }, message: None };
        book.placed_lines(&key, &[1, 2], &[placed]);
        let shown = book.shown_lines(&key, &habits);
        assert_eq!((shown[0].verified, shown[0].line), (true, Some(5)));
        assert_eq!((shown[1].verified, shown[1].line), (false, Some(2)));
        assert_eq!(book.known(&[2, 9, 1, 2]), [1, 2]);
    }
}
