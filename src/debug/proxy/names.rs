//! Names that the debugger in the sandbox gave, and the numbers that a client gets to see instead.
//!
//! A number is minted once and never used again, so one that is out of date names nothing, whatever the
//! debugger calls by the same name meanwhile. Every table is bounded.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::Refusal;

/// What has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Thread,
    Frame,
    /// `variablesReference`.
    Values,
    Breakpoint,
    Module,
    StepInTarget,
    GotoTarget,
}

impl Kind {
    const ALL: [Self; 7] =
        [Self::Thread, Self::Frame, Self::Values, Self::Breakpoint, Self::Module, Self::StepInTarget, Self::GotoTarget];

    /// What its names mean ends when the program goes on.
    fn is_of_a_stop(self) -> bool {
        matches!(self, Self::Frame | Self::Values | Self::StepInTarget | Self::GotoTarget)
    }

    /// 0 means that there is none.
    fn has_none(self) -> bool {
        self == Self::Values
    }
}

/// A source that is no file of the client's.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Inner {
    /// Its path inside the sandbox.
    pub(super) path: Option<String>,
    /// The debugger's own number for it; 0 for none.
    pub(super) reference: i64,
}

/// The most names of one kind at a time.
pub(super) const MAX_NAMES: usize = 100_000;

#[derive(Debug)]
struct Table<T> {
    minted: HashMap<T, u32>,
    meant: HashMap<u32, T>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { minted: HashMap::new(), meant: HashMap::new() }
    }
}

impl<T: Clone + Eq + std::hash::Hash> Table<T> {
    fn mint(&mut self, name: T, next: &mut u32) -> Option<u32> {
        if let Some(number) = self.minted.get(&name) {
            return Some(*number);
        }
        // DAP's numbers end where those of 32 bits with a sign do.
        if self.minted.len() >= MAX_NAMES || *next >= i32::MAX as u32 {
            return None;
        }
        *next += 1;
        self.minted.insert(name.clone(), *next);
        self.meant.insert(*next, name);
        Some(*next)
    }

    fn retain(&mut self, keep: impl Fn(&T) -> bool) {
        self.minted.retain(|name, _| keep(name));
        self.meant.retain(|_, name| keep(name));
    }
}

/// All names of one debugger.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// By the text of the debugger's JSON: a module's name may be a number or a string.
    tables: HashMap<Kind, Table<String>>,
    sources: Table<Inner>,
    next: u32,
}

impl Names {
    /// The client's number for the debugger's name. `None` for what is no name, and when there are too many.
    pub(super) fn mint(&mut self, kind: Kind, name: &Value) -> Option<u32> {
        if kind.has_none() && name.as_i64() == Some(0) {
            return Some(0);
        }
        let is_name = name.is_i64() || name.is_u64() || (kind == Kind::Module && name.is_string());
        let text = is_name.then(|| name.to_string())?;
        self.tables.entry(kind).or_default().mint(text, &mut self.next)
    }

    /// The debugger's name for the client's number.
    pub(super) fn meaning(&self, kind: Kind, number: &Value) -> Result<Value, Refusal> {
        let number = number.as_u64().ok_or(Refusal::NoNumber)?;
        if kind.has_none() && number == 0 {
            return Ok(0.into());
        }
        let number = u32::try_from(number).map_err(|_| Refusal::Stale)?;
        let text = self.tables.get(&kind).and_then(|table| table.meant.get(&number)).ok_or(Refusal::Stale)?;
        serde_json::from_str(text).map_err(|_| Refusal::Stale)
    }

    /// The client's `sourceReference` for a source of the debugger's.
    pub(super) fn mint_source(&mut self, source: Inner) -> Option<u32> {
        self.sources.mint(source, &mut self.next)
    }

    /// The source of a client's `sourceReference`.
    pub(super) fn source(&self, number: u64) -> Result<&Inner, Refusal> {
        u32::try_from(number).ok().and_then(|number| self.sources.meant.get(&number)).ok_or(Refusal::Stale)
    }

    /// The program goes on: its frames and values are no more.
    pub(super) fn forget_stop(&mut self) {
        for kind in Kind::ALL.into_iter().filter(|kind| kind.is_of_a_stop()) {
            self.tables.remove(&kind);
        }
    }

    /// Forgets all threads but these of the client's numbers.
    pub(super) fn keep_threads(&mut self, numbers: &HashSet<u64>) {
        if let Some(table) = self.tables.get_mut(&Kind::Thread) {
            let kept: HashSet<String> = table
                .meant
                .iter()
                .filter(|(number, _)| numbers.contains(&u64::from(**number)))
                .map(|(_, name)| name.clone())
                .collect();
            table.retain(|name| kept.contains(name));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_number_means_what_it_was_minted_for_until_the_program_goes_on() {
        let mut names = Names::default();
        let frame = names.mint(Kind::Frame, &json!(-7)).unwrap();
        assert_eq!(names.mint(Kind::Frame, &json!(-7)), Some(frame));
        assert_eq!(names.meaning(Kind::Frame, &json!(frame)), Ok(json!(-7)));
        assert_eq!(names.meaning(Kind::Values, &json!(frame)), Err(Refusal::Stale), "a number is of one kind");
        names.forget_stop();
        assert_eq!(names.meaning(Kind::Frame, &json!(frame)), Err(Refusal::Stale));
        assert_ne!(names.mint(Kind::Frame, &json!(-7)), Some(frame), "no number is used again");
    }

    #[test]
    fn threads_that_are_gone_are_forgotten_and_the_others_keep_their_numbers() {
        let mut names = Names::default();
        let [first, second] = [1, 2].map(|thread| names.mint(Kind::Thread, &json!(thread)).unwrap());
        names.keep_threads(&[u64::from(second)].into());
        assert_eq!(names.meaning(Kind::Thread, &json!(first)), Err(Refusal::Stale));
        assert_eq!(names.mint(Kind::Thread, &json!(2)), Some(second));
        names.forget_stop();
        assert_eq!(names.meaning(Kind::Thread, &json!(second)), Ok(json!(2)));
    }

    #[test]
    fn what_is_no_name_gets_no_number_and_neither_does_one_too_many() {
        let mut names = Names::default();
        for odd in [json!("1"), json!(1.5), json!(null), json!([1]), json!({})] {
            assert_eq!(names.mint(Kind::Frame, &odd), None, "{odd}");
        }
        assert!(names.mint(Kind::Module, &json!("main")).is_some());
        assert_eq!(names.mint(Kind::Values, &json!(0)), Some(0));
        for value in 1..=MAX_NAMES {
            assert!(names.mint(Kind::Values, &json!(value)).is_some());
        }
        assert_eq!(names.mint(Kind::Values, &json!(-1)), None);
    }
}
