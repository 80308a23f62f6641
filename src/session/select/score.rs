//! What a place is worth: three numbers between 0 and 1, weighed as the client prefers.
//!
//! | number | 1 | is |
//! | --- | --- | --- |
//! | isolation | a virtual machine | its rank among the five, in steps of a quarter |
//! | start | at once | a half at 100 ms, a third at 200 ms, an eleventh at a second |
//! | memory | none | a half at 32 MiB, a quarter at 96 MiB |
//!
//! | preference | isolation | start | memory |
//! | --- | --- | --- | --- |
//! | security | 0.9 | 0.06 | 0.04 |
//! | speed | 0.1 | 0.8 | 0.1 |
//! | memory | 0.1 | 0.1 | 0.8 |
//! | balanced | 0.4 | 0.3 | 0.3 |
//!
//! With `security` a step of isolation weighs more than all the rest together, so the strictest always wins.
//! What was not measured yet is taken to be what is usual for its kind of isolation.

use std::time::Duration;

use super::Preference;
use crate::runtime::{Isolation, Offer};

/// A start of this is worth a half.
const HALF_START: Duration = Duration::from_millis(100);

/// Memory of this is worth a half.
const HALF_MEMORY: u64 = 32 << 20;

struct Weights {
    isolation: f64,
    start: f64,
    memory: f64,
}

fn weights(preference: Preference) -> Weights {
    let (isolation, start, memory) = match preference {
        Preference::Security => (0.9, 0.06, 0.04),
        Preference::Speed => (0.1, 0.8, 0.1),
        Preference::Memory => (0.1, 0.1, 0.8),
        Preference::Balanced => (0.4, 0.3, 0.3),
    };
    Weights { isolation, start, memory }
}

/// What is taken for granted of a place that was not measured yet.
fn usual(isolation: Isolation) -> (Duration, u64) {
    let (milliseconds, mebibytes) = match isolation {
        Isolation::Process => (5, 8),
        Isolation::Namespaces => (20, 12),
        Isolation::Container => (500, 32),
        Isolation::Kernel => (1000, 96),
        Isolation::Vm => (3000, 256),
    };
    (Duration::from_millis(milliseconds), mebibytes << 20)
}

/// Higher is better; between 0 and 1, to three digits, so that chance in a measurement decides nothing.
pub(super) fn score(preference: Preference, isolation: Isolation, offer: &Offer) -> f64 {
    let (usual_start, usual_memory) = usual(isolation);
    let (start, memory) = (offer.start.unwrap_or(usual_start), offer.memory_bytes.unwrap_or(usual_memory));
    let weights = weights(preference);
    let score = weights.isolation * f64::from(isolation as u8) / f64::from(Isolation::Vm as u8)
        + weights.start * worth(start.as_secs_f64(), HALF_START.as_secs_f64())
        + weights.memory * worth(memory as f64, HALF_MEMORY as f64);
    (score * 1000.0).round() / 1000.0
}

/// 1 for nothing, a half for `half`, ever less for more.
fn worth(amount: f64, half: f64) -> f64 {
    half / (half + amount)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::session::select::tests::{ISOLATIONS, offer};

    #[test]
    fn the_weights_of_a_preference_are_all_there_is_to_win() {
        for preference in Preference::ALL {
            let Weights { isolation, start, memory } = weights(preference);
            assert!((isolation + start + memory - 1.0).abs() < 1e-9, "{preference:?}");
        }
        let best = Offer { start: Some(Duration::ZERO), memory_bytes: Some(0) };
        assert_eq!(score(Preference::Balanced, Isolation::Vm, &best), 1.0);
    }

    #[test]
    fn each_preference_finds_what_it_looks_for() {
        let quick = Offer { start: Some(Duration::from_millis(5)), memory_bytes: Some(200 << 20) };
        let small = Offer { start: Some(Duration::from_secs(1)), memory_bytes: Some(2 << 20) };
        let of = |preference, offer| score(preference, Isolation::Namespaces, offer);
        assert!(of(Preference::Speed, &quick) > of(Preference::Speed, &small));
        assert!(of(Preference::Memory, &small) > of(Preference::Memory, &quick));
    }

    proptest! {
        #[test]
        fn with_security_nothing_makes_up_for_a_step_of_isolation(strong in offer(), weak in offer()) {
            for pair in ISOLATIONS.windows(2) {
                let (weak, strong) = (
                    score(Preference::Security, pair[0], &weak),
                    score(Preference::Security, pair[1], &strong),
                );
                prop_assert!(strong > weak, "{:?}: {strong} {weak}", pair);
            }
        }
    }
}
