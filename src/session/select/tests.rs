//! Selections over every kind of runtime, by runtimes that only say what they are.

use std::time::Duration;

use async_trait::async_trait;
use proptest::prelude::*;

use super::*;
use crate::engine::{self, ENGINES};
use crate::runtime::{Refusal, RuntimeError, Sandbox, SandboxSpec};

pub(in crate::session::select) const ISOLATIONS: [Isolation; 5] =
    [Isolation::Process, Isolation::Namespaces, Isolation::Container, Isolation::Kernel, Isolation::Vm];

const NAMES: [&str; 4] = ["native", "docker", "gvisor", "other"];

/// A runtime that can be chosen and no more.
#[derive(Debug, Clone)]
struct Said {
    id: &'static str,
    isolation: Isolation,
    is_host: bool,
    available: bool,
    /// For each engine, and last for none.
    offers: Vec<Result<Offer, Lack>>,
}

#[async_trait]
impl Runtime for Said {
    fn id(&self) -> &'static str {
        self.id
    }

    fn isolation(&self) -> Isolation {
        self.isolation
    }

    fn has_host_programs(&self) -> bool {
        self.is_host
    }

    async fn probe(&self) -> Probe {
        unreachable!("it was asked before")
    }

    fn offer(&self, want: &Want<'_>) -> Result<Offer, Refusal> {
        let index = want.engine.and_then(|engine| ENGINES.iter().position(|one| one == engine));
        let offer = self.offers[index.unwrap_or(ENGINES.len())];
        offer.map_err(|lack| Refusal { lack, reason: format!("it lacks {lack:?}"), fix: None })
    }

    async fn create(&self, _: SandboxSpec) -> Result<Sandbox, RuntimeError> {
        unreachable!("selecting makes nothing")
    }
}

impl Said {
    fn new(id: &'static str, isolation: Isolation) -> Self {
        Self { id, isolation, is_host: false, available: true, offers: vec![Ok(Offer::default()); ENGINES.len() + 1] }
    }

    fn placed(self) -> (Arc<dyn Runtime>, Probe) {
        let reason = (!self.available).then(|| "it is away".to_owned());
        let probe = Probe { available: self.available, reason, fix: None, remarks: Vec::new() };
        (Arc::new(self), probe)
    }
}

pub(in crate::session::select) fn offer() -> impl Strategy<Value = Offer> {
    (proptest::option::of(0u64..10_000_000), proptest::option::of(0u64..1 << 34))
        .prop_map(|(start, memory_bytes)| Offer { start: start.map(Duration::from_micros), memory_bytes })
}

fn said(id: &'static str) -> impl Strategy<Value = Said> {
    let lack = prop_oneof![Just(Lack::Image), Just(Lack::Workspace), Just(Lack::Persistence), Just(Lack::Machine)];
    let one = prop_oneof![3 => offer().prop_map(Ok), 1 => lack.prop_map(Err)];
    let offers = proptest::collection::vec(one, ENGINES.len() + 1);
    (prop::sample::select(&ISOLATIONS[..]), any::<bool>(), prop::bool::weighted(0.8), offers)
        .prop_map(move |(isolation, is_host, available, offers)| Said { id, isolation, is_host, available, offers })
}

fn runtimes() -> impl Strategy<Value = Vec<Said>> {
    (0..=NAMES.len()).prop_flat_map(|count| NAMES[..count].iter().map(|id| said(id)).collect::<Vec<_>>())
}

fn wish() -> impl Strategy<Value = Wish> {
    let engines = proptest::sample::subsequence(ENGINES.iter().collect::<Vec<_>>(), 0..=ENGINES.len()).prop_shuffle();
    let named = proptest::option::of(prop::sample::select(&NAMES[..]).prop_map(str::to_owned));
    let floor = proptest::option::of(prop::sample::select(&ISOLATIONS[..]));
    let fallback = prop_oneof![Just(Fallback::Refuse), Just(Fallback::Allow)];
    (engines, named, floor, prop::sample::select(&Preference::ALL[..]), fallback).prop_map(
        |(engines, runtime, min_isolation, preference, fallback)| Wish {
            language: None,
            engines,
            runtime,
            image: None,
            min_isolation,
            preference,
            fallback,
        },
    )
}

fn chosen(places: &[(Arc<dyn Runtime>, Probe)], wish: &Wish, installed: u32) -> Result<Selection, Vec<Candidate>> {
    let is_installed = |engine: &'static Engine| {
        installed & (1 << ENGINES.iter().position(|one| one == engine).unwrap_or_default()) != 0
    };
    let question = Question { wish, workspace: &Workspace::None, outlives: false };
    let (runtime, selection) = select(places, &is_installed, &question)?;
    assert_eq!(runtime.id(), selection.runtime);
    Ok(selection)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_chosen_is_what_was_wished_for(said in runtimes(), wish in wish(), installed in any::<u32>()) {
        let places: Vec<_> = said.iter().cloned().map(Said::placed).collect();
        let outcome = chosen(&places, &wish, installed);
        prop_assert_eq!(&outcome, &chosen(&places, &wish, installed), "the same question has the same answer");
        let considered = match &outcome { Ok(selection) => &selection.considered, Err(considered) => considered };
        prop_assert_eq!(considered.len(), said.len() * wish.engines.len().max(1));
        let floor = wish.min_isolation.unwrap_or(Isolation::Namespaces);
        for candidate in considered {
            let told = candidate.rejection.as_ref().map(|rejection| !rejection.because.is_empty());
            prop_assert!(told != Some(false) && (told.is_none() || candidate.score == 0.0), "{:?}", candidate);
            prop_assert!(candidate.isolation >= floor || !candidate.is_usable(), "{:?}", candidate);
        }
        let Ok(selection) = &outcome else {
            prop_assert!(considered.iter().all(|candidate| !candidate.is_usable()));
            return Ok(());
        };
        let first = &considered[0];
        prop_assert!(first.is_usable());
        prop_assert_eq!((first.runtime, first.engine), (selection.runtime, selection.engine));
        for candidate in considered.iter().filter(|candidate| candidate.is_usable()) {
            prop_assert!(candidate.score <= first.score, "{:?} is better than {:?}", candidate, first);
            prop_assert_eq!(candidate.engine, selection.engine);
        }
        let named = wish.runtime.as_deref();
        if named.is_some_and(|named| named != selection.runtime) {
            prop_assert_eq!(wish.fallback, Fallback::Allow);
            prop_assert_eq!(selection.in_place_of.as_deref(), named);
        } else {
            prop_assert_eq!(&selection.in_place_of, &None);
        }
        if wish.preference == Preference::Security {
            let strictest = considered.iter().filter(|one| one.is_usable()).map(|one| one.isolation).max();
            prop_assert_eq!(strictest, Some(selection.isolation));
        }
    }
}

fn question(wish: Wish) -> Wish {
    Wish { engines: vec![engine::by_id("python").unwrap()], ..wish }
}

#[test]
fn nothing_weaker_than_namespaces_is_taken_unless_asked_for() {
    let places = [Said::new("native", Isolation::Process).placed()];
    let considered = chosen(&places, &question(Wish::default()), 0).unwrap_err();
    assert_eq!(considered[0].rejection.as_ref().map(|rejection| rejection.bar), Some(Bar::TooWeak));
    let asked = Wish { min_isolation: Some(Isolation::Process), ..Wish::default() };
    assert_eq!(chosen(&places, &question(asked), 0).unwrap().isolation, Isolation::Process);
}

#[test]
fn a_named_runtime_is_replaced_only_where_that_is_allowed() {
    let away = Said { available: false, ..Said::new("docker", Isolation::Container) };
    let places = [Said::new("native", Isolation::Namespaces).placed(), away.placed()];
    let wish = |fallback| question(Wish { runtime: Some("docker".to_owned()), fallback, ..Wish::default() });
    let considered = chosen(&places, &wish(Fallback::Refuse), 0).unwrap_err();
    let bars: Vec<_> = considered.iter().map(|one| one.rejection.as_ref().map(|rejection| rejection.bar)).collect();
    assert_eq!(bars, [Some(Bar::NotNamed), Some(Bar::Unavailable)]);
    let selection = chosen(&places, &wish(Fallback::Allow), 0).unwrap();
    assert_eq!((selection.runtime, selection.in_place_of.as_deref()), ("native", Some("docker")));
    let too_weak = Wish { min_isolation: Some(Isolation::Container), ..wish(Fallback::Allow) };
    assert!(chosen(&places, &too_weak, 0).is_err(), "a floor holds for what is taken instead, too");
}

#[test]
fn the_first_engine_that_can_be_had_is_taken_wherever_that_is() {
    let (python, node) = (engine::by_id("python").unwrap(), engine::by_id("node").unwrap());
    let mut strict = Said::new("docker", Isolation::Container);
    strict.offers[0] = Err(Lack::Image);
    let host = Said { is_host: true, ..Said::new("native", Isolation::Namespaces) };
    let wish = Wish { engines: vec![python, node], ..Wish::default() };
    let places = [host.placed(), strict.placed()];
    let selection = chosen(&places, &wish, u32::MAX).unwrap();
    assert_eq!((selection.runtime, selection.engine), ("native", Some(python)));
    let later = selection.considered.iter().find(|one| one.runtime == "docker" && one.engine == Some(node)).unwrap();
    assert_eq!(later.rejection.as_ref().unwrap().because, "python comes first");
    let selection = chosen(&places, &wish, 0).unwrap();
    assert_eq!((selection.runtime, selection.engine), ("docker", Some(node)), "python is in neither");
}
