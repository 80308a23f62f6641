//! Chooses the engine and the runtime of a new session, and says of each pair why it was not chosen.
//!
//! Nothing below the isolation that the client asked for is ever taken, and nothing below namespaces unless it
//! asked for that. A runtime that was named is taken or the session is refused, unless the client allowed
//! another. All is decided by what the runtimes know already: this waits for nothing.

mod score;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::engine::Engine;
use crate::runtime::{Isolation, Lack, Offer, Probe, Runtime, Want, Workspace};

/// What a client wishes of the place where its code runs.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// Engines that would do, the preferred first; empty when any program may run.
    pub engines: Vec<&'static Engine>,
    /// The language of code whose language nobody names, where an engine runs several.
    pub language: Option<String>,
    /// This runtime.
    pub runtime: Option<String>,
    /// This image and no other.
    pub image: Option<String>,
    /// No weaker isolation than this; namespaces when nothing is said.
    pub min_isolation: Option<Isolation>,
    /// What decides between runtimes that would do.
    pub preference: Preference,
    /// What happens when the runtime that is named can't be used.
    pub fallback: Fallback,
}

/// What decides between runtimes that would do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Preference {
    /// The strictest isolation.
    #[default]
    Security,
    /// A short start before all.
    Speed,
    /// Little memory before all.
    Memory,
    /// Something of each.
    Balanced,
}

impl Preference {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Security, Self::Speed, Self::Memory, Self::Balanced];
}

/// What happens when the runtime that is named can't be used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Fallback {
    /// There is no session then.
    #[default]
    Refuse,
    /// Another is taken, no weaker than was asked for.
    Allow,
}

/// All that bears on where a session can be.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// What the client wishes.
    pub wish: &'a Wish,
    /// What its workspace is.
    pub workspace: &'a Workspace,
    /// Whether it has to outlive its daemon.
    pub outlives: bool,
}

/// An engine in a runtime, considered for a session.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The runtime's name.
    pub runtime: &'static str,
    /// The engine; `None` where any program may run.
    pub engine: Option<&'static Engine>,
    /// How the runtime isolates.
    pub isolation: Isolation,
    /// Higher is better; 0 for what was rejected.
    pub score: f64,
    /// Why it can't be taken; `None` for what could be.
    pub rejection: Option<Rejection>,
}

/// Why a candidate can't be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Of which kind the reason is.
    pub bar: Bar,
    /// In a sentence without a full stop.
    pub because: String,
    /// What would mend it.
    pub fix: Option<String>,
}

/// Kinds of reasons against a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bar {
    /// Another runtime was named.
    NotNamed,
    /// An engine that comes before this one is taken.
    LaterEngine,
    /// It isolates less than was asked for.
    TooWeak,
    /// It can't be used here at all.
    Unavailable,
    /// The engine is not installed on this machine.
    EngineMissing,
    /// It has nothing for this wish.
    Lacks(Lack),
}

/// What came of a selection.
#[derive(Debug, Clone, PartialEq)]
pub struct Selection {
    /// The runtime that was chosen.
    pub runtime: &'static str,
    /// The engine that was chosen.
    pub engine: Option<&'static Engine>,
    /// How it isolates.
    pub isolation: Isolation,
    /// The runtime that was named, where another had to be taken.
    pub in_place_of: Option<String>,
    /// Every pair, the chosen one first.
    pub considered: Vec<Candidate>,
}

/// Chooses by what `runtimes` know; `is_installed` tells whether this host has an engine.
///
/// # Errors
/// Every candidate, each with the reason why it can't be taken.
pub fn select<'a>(
    runtimes: &'a [(Arc<dyn Runtime>, Probe)],
    is_installed: &dyn Fn(&'static Engine) -> bool,
    question: &Question<'_>,
) -> Result<(&'a Arc<dyn Runtime>, Selection), Vec<Candidate>> {
    let wish = question.wish;
    let engines: Vec<Option<&'static Engine>> =
        if wish.engines.is_empty() { vec![None] } else { wish.engines.iter().copied().map(Some).collect() };
    let mut considered: Vec<Candidate> = engines
        .iter()
        .flat_map(|engine| runtimes.iter().map(move |(runtime, probe)| (*engine, runtime, probe)))
        .map(|(engine, runtime, probe)| judge(&**runtime, probe, engine, is_installed, question))
        .collect();
    let mut in_place_of = None;
    if let Some(named) = wish.runtime.as_deref() {
        if wish.fallback == Fallback::Refuse || considered.iter().any(|one| one.runtime == named && one.is_usable()) {
            for other in considered.iter_mut().filter(|other| other.runtime != named) {
                other.reject(Bar::NotNamed, "another runtime was asked for".to_owned());
            }
        } else {
            in_place_of = Some(named.to_owned());
        }
    }
    // Engines come in the order of preference, so the first that can be had is that of the first usable pair.
    if let Some(first) = considered.iter().find(|candidate| candidate.is_usable()).and_then(|first| first.engine) {
        for later in considered.iter_mut().filter(|later| later.is_usable() && later.engine != Some(first)) {
            later.reject(Bar::LaterEngine, format!("{} comes first", first.id));
        }
    }
    let Some(best) = best(&considered) else { return Err(considered) };
    considered[..=best].rotate_right(1);
    let Candidate { runtime: id, engine, isolation, .. } = considered[0];
    let (runtime, _) = &runtimes[best % runtimes.len()];
    Ok((runtime, Selection { runtime: id, engine, isolation, in_place_of, considered }))
}

/// Where the best usable candidate is: the best scored, of equals the strictest, of those the first.
fn best(considered: &[Candidate]) -> Option<usize> {
    let mut best: Option<usize> = None;
    for (index, candidate) in considered.iter().enumerate().filter(|(_, candidate)| candidate.is_usable()) {
        let rank = |candidate: &Candidate| (candidate.score, candidate.isolation);
        if best.is_none_or(|best| rank(candidate) > rank(&considered[best])) {
            best = Some(index);
        }
    }
    best
}

impl Candidate {
    /// Whether it could be taken.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.rejection.is_none()
    }

    fn reject(&mut self, bar: Bar, because: String) {
        self.score = 0.0;
        self.rejection = Some(Rejection { bar, because, fix: None });
    }
}

/// What is to be said of a pair, whatever was named and whatever the others are.
fn judge(
    runtime: &dyn Runtime,
    probe: &Probe,
    engine: Option<&'static Engine>,
    is_installed: &dyn Fn(&'static Engine) -> bool,
    question: &Question<'_>,
) -> Candidate {
    let isolation = runtime.isolation();
    let (score, rejection) = match offer(runtime, probe, engine, is_installed, question) {
        Ok(offer) => (score::score(question.wish.preference, isolation, &offer), None),
        Err(rejection) => (0.0, Some(rejection)),
    };
    Candidate { runtime: runtime.id(), engine, isolation, score, rejection }
}

fn offer(
    runtime: &dyn Runtime,
    probe: &Probe,
    engine: Option<&'static Engine>,
    is_installed: &dyn Fn(&'static Engine) -> bool,
    question: &Question<'_>,
) -> Result<Offer, Rejection> {
    let rejected = |bar, because: &str, fix| Rejection { bar, because: because.to_owned(), fix };
    let Question { wish, workspace, outlives } = *question;
    if runtime.isolation() < wish.min_isolation.unwrap_or(Isolation::Namespaces) {
        return Err(rejected(Bar::TooWeak, "its isolation is weaker than was asked for", None));
    }
    if !probe.available {
        let because = probe.reason.as_deref().unwrap_or("it can't be used here");
        return Err(rejected(Bar::Unavailable, because, probe.fix.clone()));
    }
    let offer = runtime
        .offer(&Want { engine, image: wish.image.as_deref(), workspace, outlives })
        .map_err(|refusal| rejected(Bar::Lacks(refusal.lack), &refusal.reason, refusal.fix))?;
    match engine.filter(|engine| runtime.has_host_programs() && !is_installed(engine)) {
        Some(engine) => {
            let because = format!("{} is not installed on this machine", engine.id);
            Err(rejected(Bar::EngineMissing, &because, Some(format!("install it: {}", engine.install))))
        }
        None => Ok(offer),
    }
}
