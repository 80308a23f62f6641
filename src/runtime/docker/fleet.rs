//! Several machines: which of them a session goes to, and which is asked next when one fails.
//!
//! A session goes to the machine that suits it and has the fewest sessions for its weight; ties go to the one
//! that stands first in the settings. It stays there to its end. The choice and the [`Seat`] that it takes are
//! one step, so that sessions that come together are spread as well.
//!
//! What a machine must have to suit a session is its caller's to say; health and load are known here.

use std::cmp::Ordering;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio_util::sync::{CancellationToken, DropGuard};

use super::health::watch::{self, Seat, Watched, Watchee};
use super::health::{Evidence, Standing};
use crate::runtime::{Lack, Refusal};

pub mod placing;
pub mod seated;

/// One machine of several.
pub struct Member<M> {
    /// What it does.
    pub machine: Arc<M>,
    /// Its name in the settings.
    pub name: String,
    /// How many sessions it takes beside those of others; none at 0.
    pub weight: u32,
    /// What is known of it.
    pub watched: Arc<Watched>,
}

/// All machines, in the order of the settings.
pub struct Fleet<M> {
    members: Vec<Member<M>>,
    choosing: Mutex<()>,
    /// Ends what watches the machines.
    watching: OnceLock<DropGuard>,
}

impl<M> fmt::Debug for Fleet<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.members.iter().map(|member| &member.name)).finish()
    }
}

impl<M: Watchee> Fleet<M> {
    /// These machines. Nothing is asked of any before somebody wants it.
    #[must_use]
    pub fn new(members: impl IntoIterator<Item = Member<M>>) -> Self {
        Self { members: members.into_iter().collect(), choosing: Mutex::default(), watching: OnceLock::new() }
    }

    /// Watches every machine from now on. Must be called within a Tokio runtime.
    pub(super) fn begin(&self) {
        self.watching.get_or_init(|| {
            let ended = CancellationToken::new();
            for member in &self.members {
                let watching = watch::watch(Arc::clone(&member.watched), Arc::clone(&member.machine));
                tokio::spawn(ended.clone().run_until_cancelled_owned(watching));
            }
            ended.drop_guard()
        });
    }

    /// All machines, in the order of the settings.
    #[must_use]
    pub fn members(&self) -> &[Member<M>] {
        &self.members
    }

    /// The machine of this name.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Member<M>> {
        self.members.iter().find(|member| member.name == name)
    }

    /// Whether some machine would take a session, as far as is known; machines that are down are asked in the
    /// background.
    ///
    /// # Errors
    /// Why none would.
    pub fn suits<T>(&self, suits: impl Fn(&M) -> Result<T, Refusal>) -> Result<T, Refusal> {
        let mut refusals = Refusals::default();
        for member in &self.members {
            match member.stands().and_then(|_| suits(&member.machine)) {
                Ok(offer) => return Ok(offer),
                Err(refusal) => refusals.push(&member.name, refusal),
            }
            if member.watched.standing() == Standing::Down {
                member.watched.want();
            }
        }
        Err(refusals.together())
    }

    /// Looks for a machine for one session. Must be called within a Tokio runtime.
    #[must_use]
    pub fn search(&self) -> Search<'_, M> {
        self.begin();
        Search { fleet: self, tried: Vec::new(), failures: Vec::new() }
    }

    /// Asks every machine that is down, or that nobody has asked, and waits for the answers; no longer than
    /// for a ping.
    pub async fn ask(&self) {
        self.begin();
        let silent = self.members.iter().filter(|member| {
            member.weight > 0 && matches!(member.watched.standing(), Standing::Down | Standing::Unknown)
        });
        let asked = silent.map(|member| async {
            member.watched.want();
            watch::ask(&member.watched, &*member.machine).await;
        });
        futures::future::join_all(asked).await;
    }
}

impl<M: Watchee> Member<M> {
    /// Takes in what a request to it showed.
    pub fn note(&self, evidence: Evidence) {
        if let Some(change) = self.watched.note(evidence) {
            self.machine.changed(change);
        }
    }
}

impl<M> Member<M> {
    /// Whether it could take a session now.
    fn stands(&self) -> Result<(), Refusal> {
        if self.weight == 0 {
            let fix = format!("give the machine {:?} a weight in the settings", self.name);
            return Err(Refusal { lack: Lack::Machine, reason: "its weight is 0".to_owned(), fix: Some(fix) });
        }
        if self.watched.standing() == Standing::Down {
            let why = self.watched.why().unwrap_or_else(|| "it does not answer".to_owned());
            let fix = format!("start the container engine of {:?}; it is used again as soon as it answers", self.name);
            return Err(Refusal { lack: Lack::Machine, reason: why, fix: Some(fix) });
        }
        Ok(())
    }

    fn rank(&self) -> Rank {
        Rank {
            // One that may fail is asked when no other is left.
            doubt: u8::from(self.watched.standing() == Standing::Suspect) + u8::from(self.watched.is_crowded()),
            load: self.watched.sessions() as u64 + 1,
            weight: u64::from(self.weight),
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Rank {
    doubt: u8,
    load: u64,
    weight: u64,
}

impl Rank {
    /// The lesser goes first. Load for weight is compared without dividing, so that no tie is broken by rounding.
    fn compare(&self, other: &Self) -> Ordering {
        let load = (self.load * other.weight).cmp(&(other.load * self.weight));
        self.doubt.cmp(&other.doubt).then(load)
    }
}

/// A search for a machine: each is offered once, the best first.
pub struct Search<'a, M> {
    fleet: &'a Fleet<M>,
    tried: Vec<usize>,
    failures: Vec<(String, Refusal)>,
}

impl<'a, M: Watchee> Search<'a, M> {
    /// The best machine that was not tried yet, with a seat on it; `None` when none is left.
    pub fn next(&mut self, suits: impl Fn(&M) -> Result<(), Refusal>) -> Option<(&'a Member<M>, Seat)> {
        let _choosing = self.fleet.choosing.lock().unwrap_or_else(PoisonError::into_inner);
        let candidates = self.fleet.members.iter().enumerate().filter(|(index, member)| {
            !self.tried.contains(index) && member.stands().is_ok() && suits(&member.machine).is_ok()
        });
        // Of equals the first is taken.
        let best = candidates
            .map(|(index, member)| (index, member, member.rank()))
            .reduce(|best, next| if next.2.compare(&best.2).is_lt() { next } else { best });
        let (index, member, _) = best?;
        self.tried.push(index);
        Some((member, member.watched.seat()))
    }

    /// The machine that was offered last could not make the sandbox, for this reason.
    pub fn failed(&mut self, why: Refusal) {
        if let Some(&index) = self.tried.last() {
            self.failures.push((self.fleet.members[index].name.clone(), why));
        }
    }

    /// Whether a machine was tried.
    #[must_use]
    pub fn has_tried(&self) -> bool {
        !self.tried.is_empty()
    }

    /// Why there is no machine: what each that was tried said, and what keeps the others from being tried.
    #[must_use]
    pub fn refusal(&self, suits: impl Fn(&M) -> Result<(), Refusal>) -> Refusal {
        let mut refusals = Refusals::default();
        for (name, why) in &self.failures {
            refusals.push(name, why.clone());
        }
        for (index, member) in self.fleet.members.iter().enumerate() {
            if !self.tried.contains(&index)
                && let Err(refusal) = member.stands().and_then(|()| suits(&member.machine))
            {
                refusals.push(&member.name, refusal);
            }
        }
        refusals.together()
    }
}

/// What several machines have against a session.
#[derive(Default)]
struct Refusals(Vec<(String, Refusal)>);

impl Refusals {
    fn push(&mut self, name: &str, refusal: Refusal) {
        self.0.push((name.to_owned(), refusal));
    }

    fn together(mut self) -> Refusal {
        if self.0.len() == 1
            && let Some((_, only)) = self.0.pop()
        {
            return only;
        }
        if self.0.is_empty() {
            let fix = Some("set `enabled = true` under `[docker]` in the settings".to_owned());
            return Refusal { lack: Lack::Machine, reason: "container engines are turned off".to_owned(), fix };
        }
        // A machine that is there and lacks something is nearer to doing it than one that isn't.
        let mut lacks = self.0.iter().map(|(_, refusal)| refusal.lack);
        let lack = lacks.rfind(|lack| *lack != Lack::Machine).unwrap_or(Lack::Machine);
        let said: Vec<_> = self.0.iter().map(|(name, refusal)| format!("{name}: {}", refusal.reason)).collect();
        let mut fixes: Vec<String> = Vec::new();
        for fix in self.0.into_iter().filter_map(|(_, refusal)| refusal.fix) {
            if !fixes.contains(&fix) {
                fixes.push(fix);
            }
        }
        let fix = (!fixes.is_empty()).then(|| fixes.join("; or "));
        Refusal { lack, reason: format!("no machine can take it: {}", said.join("; ")), fix }
    }
}

#[cfg(test)]
mod tests;
