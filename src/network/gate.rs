//! Decides which host is reached, and at which address.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::sync::OnceCell;

use super::address::is_public;
use super::gateway::Gateway;
use super::log::{Log, Who};
use super::{Answer, Asker, Mode, PATIENCE, Policy, Question, Way};
use crate::config::{Host, NetworkSettings, Pattern};
use crate::ids::SessionId;

/// Questions that may be without an answer at one time.
const MAX_ASKED: usize = 8;

/// Who said no is not asked the same again for so long: a program that tries on and on would be a nuisance.
const NO_MEANS_NO: Duration = Duration::from_secs(60);

/// Answers that are remembered, of each kind.
const MAX_REMEMBERED: usize = 256;

/// How long a name may take to be resolved.
const RESOLVING: Duration = Duration::from_secs(10);

/// The most addresses of a name that are tried.
const MAX_ADDRESSES: usize = 8;

/// Why a host is not reached.
#[derive(Debug, thiserror::Error)]
pub(super) enum Denial {
    #[error("no rule allows it")]
    NotListed,
    #[error("the user refused it")]
    Refused,
    #[error("the user was asked and did not answer")]
    NoAnswer,
    #[error("no rule allows it, and the user is asked about others already")]
    AskedTooMuch,
    #[error("the session has no network")]
    NoNetwork,
    #[error("it has the address {0}, which is not a public one")]
    NotPublic(IpAddr),
    #[error("its name can't be resolved")]
    Unresolved(#[source] io::Error),
    #[error("its name has no address")]
    NoAddress,
    #[error("its name took too long to be resolved")]
    SlowName,
}

/// Finds the addresses of names.
#[async_trait]
pub(super) trait Resolver: Send + Sync {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// As this machine does it.
struct System;

#[async_trait]
impl Resolver for System {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect())
    }
}

/// What lets through, and what does not.
pub(super) struct Gate {
    session: SessionId,
    pub(super) settings: NetworkSettings,
    asker: Option<Arc<dyn Asker>>,
    /// What has to be shown by who comes through, and who that is.
    pub(super) credential: Option<String>,
    /// Who answers an installer in place of its registries.
    pub(super) gateway: Option<Arc<dyn Gateway>>,
    resolver: Box<dyn Resolver>,
    /// How long an answer is waited for.
    patience: Duration,
    pub(super) log: Arc<Log>,
    state: Mutex<State>,
}

type Place = (Host, u16);

#[derive(Default)]
struct State {
    policy: Policy,
    /// Changes with the policy, so that an answer to a question of before changes nothing.
    turn: u64,
    always: Vec<Place>,
    refused: HashMap<Place, Instant>,
    asking: HashMap<Place, Arc<OnceCell<Option<Answer>>>>,
}

/// What can be said without asking.
enum Known {
    Allowed(String),
    Denied(Denial),
    Ask(u64),
}

impl Gate {
    pub(super) fn new(
        session: SessionId,
        settings: NetworkSettings,
        asker: Option<Arc<dyn Asker>>,
        log: Arc<Log>,
    ) -> Self {
        Self {
            session,
            settings,
            asker,
            credential: None,
            gateway: None,
            resolver: Box::new(System),
            patience: PATIENCE,
            log,
            state: Mutex::default(),
        }
    }

    pub(super) fn set(&self, policy: Policy) {
        let mut state = self.state();
        *state = State { policy, turn: state.turn + 1, ..State::default() };
    }

    pub(super) fn policy(&self) -> Policy {
        self.state().policy.clone()
    }

    /// One for an installer of the same session, that has this to show and may reach these and nothing else: the
    /// settings name them, so they may be private.
    pub(super) fn for_installer(
        &self,
        credential: String,
        hosts: Vec<Pattern>,
        gateway: Option<Arc<dyn Gateway>>,
    ) -> Self {
        let settings = NetworkSettings { full: false, private: hosts.clone() };
        let gate = Self::new(self.session.clone(), settings, None, Arc::clone(&self.log));
        gate.set(Policy { mode: Mode::AllowList, allow: hosts });
        Self { credential: Some(credential), gateway, ..gate }
    }

    /// Who comes through.
    pub(super) fn who(&self) -> Who {
        if self.credential.is_some() { Who::Installer } else { Who::Program }
    }

    /// Whether there is somebody to ask.
    pub(super) fn asks(&self) -> bool {
        self.asker.is_some()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Decides, and says by which rule; asks a person where there is none.
    pub(super) async fn judge(&self, host: &Host, port: u16, way: Way) -> Result<String, Denial> {
        match self.known(host, port) {
            Known::Allowed(rule) => Ok(rule),
            Known::Denied(denial) => Err(denial),
            Known::Ask(turn) => self.ask(host, port, way, turn).await,
        }
    }

    fn known(&self, host: &Host, port: u16) -> Known {
        let mut state = self.state();
        match state.policy.mode {
            Mode::None => return Known::Denied(Denial::NoNetwork),
            Mode::Full => return Known::Allowed("full".to_owned()),
            Mode::AllowList => {}
        }
        if let Some(rule) = state.policy.allow.iter().find(|pattern| pattern.matches(host, port)) {
            return Known::Allowed(rule.to_string());
        }
        let place = (host.clone(), port);
        if state.always.contains(&place) {
            return Known::Allowed("the user allowed it for this session".to_owned());
        }
        state.refused.retain(|_, at| at.elapsed() < NO_MEANS_NO);
        if state.refused.contains_key(&place) {
            return Known::Denied(Denial::Refused);
        }
        if self.asker.is_none() { Known::Denied(Denial::NotListed) } else { Known::Ask(state.turn) }
    }

    async fn ask(&self, host: &Host, port: u16, way: Way, turn: u64) -> Result<String, Denial> {
        let Some(asker) = &self.asker else { return Err(Denial::NotListed) };
        let place = (host.clone(), port);
        let question = {
            let mut state = self.state();
            if !state.asking.contains_key(&place) && state.asking.len() >= MAX_ASKED {
                return Err(Denial::AskedTooMuch);
            }
            Arc::clone(state.asking.entry(place.clone()).or_default())
        };
        let _asked = Asking { gate: self, place: &place, question: &question };
        let asked = Question { session: self.session.clone(), host: host.clone(), port, way };
        // Who wants the same meanwhile gets the same answer.
        let answer = question
            .get_or_init(|| async { tokio::time::timeout(self.patience, asker.ask(asked)).await.unwrap_or_default() })
            .await;
        let mut state = self.state();
        if state.turn != turn {
            // The answer was about a policy that holds no more.
            return Err(Denial::NotListed);
        }
        match answer {
            None => Err(Denial::NoAnswer),
            Some(Answer::Once) => Ok("the user allowed it once".to_owned()),
            Some(Answer::Always) => {
                if state.always.len() < MAX_REMEMBERED && !state.always.contains(&place) {
                    state.always.push(place.clone());
                }
                Ok("the user allowed it for this session".to_owned())
            }
            Some(Answer::Deny) => {
                if state.refused.len() < MAX_REMEMBERED {
                    state.refused.insert(place.clone(), Instant::now());
                }
                Err(Denial::Refused)
            }
        }
    }

    /// Where a host that was let through is, now: addresses that it may be reached at, and no others. They are asked for
    /// once, so that none can take the place of one that was looked at.
    pub(super) async fn addresses(&self, host: &Host, port: u16) -> Result<Vec<SocketAddr>, Denial> {
        let found = match host {
            Host::Address(address) => vec![*address],
            Host::Name(name) => match tokio::time::timeout(RESOLVING, self.resolver.resolve(name)).await {
                Ok(found) => found.map_err(Denial::Unresolved)?,
                Err(_) => return Err(Denial::SlowName),
            },
        };
        let is_named = |host: &Host| self.settings.private.iter().any(|pattern: &Pattern| pattern.matches(host, port));
        let by_name = is_named(host);
        let (good, bad): (Vec<IpAddr>, Vec<IpAddr>) = found
            .into_iter()
            .map(|address| address.to_canonical())
            .partition(|address| by_name || is_public(*address) || is_named(&Host::Address(*address)));
        if good.is_empty() {
            return Err(bad.first().map_or(Denial::NoAddress, |address| Denial::NotPublic(*address)));
        }
        Ok(good.into_iter().take(MAX_ADDRESSES).map(|address| SocketAddr::new(address, port)).collect())
    }
}

/// A question that is forgotten when nobody waits for it.
struct Asking<'a> {
    gate: &'a Gate,
    place: &'a Place,
    question: &'a Arc<OnceCell<Option<Answer>>>,
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        let mut state = self.gate.state();
        let is_ours = state.asking.get(self.place).is_some_and(|asked| Arc::ptr_eq(asked, self.question));
        // The table has one, and we the other.
        if is_ours && (Arc::strong_count(self.question) == 2 || self.question.initialized()) {
            state.asking.remove(self.place);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Gives the next of these with each question.
    struct Fickle(Vec<&'static str>, AtomicUsize);

    #[async_trait]
    impl Resolver for Arc<Fickle> {
        async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
            let turn = self.1.fetch_add(1, Ordering::SeqCst);
            Ok(self.0[turn].split(' ').map(|address| address.parse().unwrap()).collect())
        }
    }

    fn gate(
        policy: Policy,
        private: &[&str],
        answers: &[&'static str],
        asker: Option<Arc<dyn Asker>>,
    ) -> (Gate, Arc<Fickle>) {
        let private = private.iter().map(|text| Pattern::parse(text).unwrap()).collect();
        let settings = NetworkSettings { full: true, private };
        let fickle = Arc::new(Fickle(answers.to_vec(), AtomicUsize::new(0)));
        let mut gate = Gate::new(SessionId::random(), settings, asker, Arc::default());
        gate.resolver = Box::new(Arc::clone(&fickle));
        gate.patience = Duration::from_millis(20);
        gate.set(policy);
        (gate, fickle)
    }

    fn host(text: &str) -> Host {
        Host::parse(text).unwrap()
    }

    fn list(allow: &[&str]) -> Policy {
        Policy { mode: Mode::AllowList, allow: allow.iter().map(|text| Pattern::parse(text).unwrap()).collect() }
    }

    #[tokio::test]
    async fn a_name_that_changes_its_address_is_connected_to_where_it_was_looked_at() {
        let (gate, resolver) = gate(list(&["a.org"]), &[], &["1.1.1.1", "127.0.0.1", "127.0.0.1 1.1.1.1"], None);
        assert_eq!(gate.addresses(&host("a.org"), 80).await.unwrap(), ["1.1.1.1:80".parse().unwrap()]);
        assert_eq!(resolver.1.load(Ordering::SeqCst), 1, "a second look could find another address");
        assert!(matches!(gate.addresses(&host("a.org"), 80).await, Err(Denial::NotPublic(_))));
        assert_eq!(gate.addresses(&host("a.org"), 80).await.unwrap(), ["1.1.1.1:80".parse().unwrap()]);
    }

    #[tokio::test]
    async fn what_is_private_is_reached_where_the_settings_name_it_and_only_there() {
        let answers = ["10.0.0.1", "10.0.0.1", "10.0.0.2"];
        let (gate, _) = gate(list(&[]), &["inside.example:80", "10.0.0.2"], &answers, None);
        assert!(gate.addresses(&host("inside.example"), 80).await.is_ok());
        assert!(matches!(gate.addresses(&host("inside.example"), 81).await, Err(Denial::NotPublic(_))));
        assert!(gate.addresses(&host("other.example"), 81).await.is_ok(), "the address is named");
        assert!(gate.addresses(&host("169.254.169.254"), 80).await.is_err());
        assert!(gate.addresses(&host("[::ffff:127.0.0.1]"), 80).await.is_err());
    }

    #[tokio::test]
    async fn rules_decide_and_nothing_is_allowed_by_none() {
        let (gate, _) = gate(list(&["a.org:443", "*.b.org"]), &[], &[], None);
        let judge = async |name: &str, port| gate.judge(&host(name), port, Way::Tunnel).await;
        assert_eq!(judge("A.org", 443).await.unwrap(), "a.org:443");
        assert_eq!(judge("x.b.org", 1).await.unwrap(), "*.b.org");
        assert!(matches!(judge("a.org", 80).await, Err(Denial::NotListed)));
        gate.set(Policy { mode: Mode::Full, allow: Vec::new() });
        assert!(judge("any.org", 80).await.is_ok());
        gate.set(Policy::default());
        assert!(matches!(judge("a.org", 443).await, Err(Denial::NoNetwork)));
    }

    /// Answers as it is told, and counts how often it was asked.
    struct Person(Option<Answer>, AtomicUsize);

    #[async_trait]
    impl Asker for Person {
        async fn ask(&self, _: Question) -> Option<Answer> {
            self.1.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            match self.0 {
                None => std::future::pending().await,
                answer => answer,
            }
        }
    }

    async fn asked_twice(answer: Option<Answer>) -> (Vec<bool>, usize, Gate) {
        let person = Arc::new(Person(answer, AtomicUsize::new(0)));
        let (gate, _) = gate(list(&["a.org"]), &[], &[], Some(person.clone()));
        let mut came = vec![gate.judge(&host("a.org"), 1, Way::Tunnel).await.is_ok()];
        assert_eq!(person.1.load(Ordering::SeqCst), 0, "a rule allows it");
        for _ in 0..2 {
            came.push(gate.judge(&host("b.org"), 1, Way::Tunnel).await.is_ok());
        }
        (came, person.1.load(Ordering::SeqCst), gate)
    }

    #[tokio::test]
    async fn a_person_is_asked_no_more_than_needs_be() {
        let (came, asked, _) = asked_twice(Some(Answer::Once)).await;
        assert_eq!((came, asked), (vec![true, true, true], 2));
        let (came, asked, gate) = asked_twice(Some(Answer::Always)).await;
        assert_eq!((came, asked), (vec![true, true, true], 1));
        gate.set(list(&[]));
        assert!(matches!(gate.known(&host("b.org"), 1), Known::Ask(_)), "a new policy begins anew");
        let (came, asked, gate) = asked_twice(Some(Answer::Deny)).await;
        assert_eq!((came, asked), (vec![true, false, false], 1));
        assert!(matches!(gate.known(&host("b.org"), 2), Known::Ask(_)), "another port is another question");
        let (came, _, gate) = asked_twice(None).await;
        assert_eq!(came, [true, false, false], "no answer is a no");
        assert!(gate.state().asking.is_empty());
    }

    #[tokio::test]
    async fn many_who_want_the_same_ask_once_and_many_questions_are_too_many() {
        let person = Arc::new(Person(Some(Answer::Once), AtomicUsize::new(0)));
        let (gate, _) = gate(list(&[]), &[], &[], Some(person.clone()));
        let b = host("b.org");
        let all = (0..20).map(|_| gate.judge(&b, 1, Way::Tunnel));
        assert!(futures::future::join_all(all).await.iter().all(Result::is_ok));
        assert_eq!(person.1.load(Ordering::SeqCst), 1);
        let all = (1..=20).map(|port| gate.judge(&b, port, Way::Tunnel));
        let refused = futures::future::join_all(all).await.iter().filter(|one| one.is_err()).count();
        assert_eq!(refused, 20 - MAX_ASKED);
        assert!(gate.state().asking.is_empty());
    }
}
