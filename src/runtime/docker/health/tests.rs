//! Health without a clock: every moment is given.

use proptest::prelude::*;

use super::*;

fn failed() -> Evidence {
    Evidence::Failed("no answer".to_owned())
}

#[test]
fn a_machine_that_stops_answering_is_down_in_less_than_ten_seconds() {
    let start = Instant::now();
    let mut health = Health::default();
    assert_eq!(health.note(Evidence::Answered, start), Some(Change::Up));
    let mut now = start;
    let mut pings = 0;
    while health.standing() != Standing::Down {
        // Each ping is sent as late and fails as late as it may.
        now = health.next_ping(1).expect("a machine with sessions is looked at") + PING_DEADLINE;
        health.note(failed(), now);
        pings += 1;
    }
    assert!(now - start < Duration::from_secs(10), "{:?}", now - start);
    assert_eq!(pings, 2, "one lost ping alone ends nobody's session");
}

#[test]
fn one_failure_among_answers_ends_nothing() {
    let mut now = Instant::now();
    let mut health = Health::default();
    health.note(Evidence::Answered, now);
    for _ in 0..100 {
        now += Duration::from_secs(3);
        assert_eq!(health.note(failed(), now), None);
        assert_eq!(health.standing(), Standing::Suspect);
        now += SETTLE;
        assert_eq!(health.note(Evidence::Answered, now), None);
        assert_eq!((health.standing(), health.why()), (Standing::Healthy, None));
    }
}

#[test]
fn requests_that_fail_together_are_one_mishap() {
    let now = Instant::now();
    let mut health = Health::default();
    health.note(Evidence::Answered, now);
    for _ in 0..10 {
        assert_eq!(health.note(failed(), now), None);
    }
    assert_eq!(health.next_ping(0), Some(now + SETTLE), "with or without sessions, it is settled");
    assert_eq!(health.note(failed(), now + SETTLE), Some(Change::Down));
}

#[test]
fn nobody_looks_at_an_idle_machine() {
    let now = Instant::now();
    let mut health = Health::default();
    assert_eq!(health.next_ping(0), None);
    health.note(Evidence::Answered, now);
    assert_eq!(health.next_ping(0), None);
    assert_eq!(health.next_ping(3), Some(now + PING_EVERY));
}

#[test]
fn a_machine_that_is_down_is_looked_at_until_nobody_wants_it_and_then_forgotten() {
    let mut now = Instant::now();
    let mut health = Health::default();
    assert_eq!(health.note(failed(), now), Some(Change::Down), "nothing is there that a second look would save");
    let (mut pings, mut last) = (0, Duration::ZERO);
    let start = now;
    while let Some(next) = health.next_ping(0) {
        assert!(next - now <= MAX_BACK_OFF && next - now >= last.min(MAX_BACK_OFF), "{:?}", next - now);
        last = next - now;
        now = next;
        health.forget(0);
        assert_eq!(health.standing(), Standing::Down);
        assert_eq!(health.note(failed(), now), None);
        pings += 1;
    }
    assert!(now - start <= WANTED_FOR && pings > 100);
    health.forget(0);
    assert_eq!(health.standing(), Standing::Unknown);
    assert_eq!(health.next_ping(0), None);
}

#[test]
fn a_machine_that_came_back_is_told_of_once() {
    let now = Instant::now();
    let mut health = Health::default();
    health.note(failed(), now);
    assert_eq!(health.note(Evidence::Answered, now), Some(Change::Up));
    assert_eq!(health.note(Evidence::Answered, now), None);
}

proptest! {
    /// Whatever happens, downs and ups alternate, and a machine with sessions is looked at within the back-off.
    #[test]
    fn changes_alternate(steps in proptest::collection::vec((any::<bool>(), 0_u64..20_000, 0_usize..3), 0..200)) {
        let mut now = Instant::now();
        let mut health = Health::default();
        let mut last = None;
        for (answers, later, sessions) in steps {
            now += Duration::from_millis(later);
            let change = health.note(if answers { Evidence::Answered } else { failed() }, now);
            prop_assert_eq!(health.why().is_none(), answers);
            if let Some(change) = change {
                prop_assert_ne!(Some(change), last);
                last = Some(change);
                let standing = if change == Change::Up { Standing::Healthy } else { Standing::Down };
                prop_assert_eq!(health.standing(), standing);
            }
            let next = health.next_ping(sessions);
            prop_assert!(sessions == 0 || next.is_some_and(|next| next <= now + MAX_BACK_OFF));
        }
    }
}
