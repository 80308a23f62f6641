//! The bookkeeping against a model: whatever happens, nothing is handed out twice and no bound is broken.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

const BOUNDS: Bounds =
    Bounds { per_key: 2, total: 4, bytes: 100, unused: Duration::from_secs(300), rest: Duration::from_millis(300) };

fn later(now: &mut Instant, seconds: u64) -> Instant {
    *now += Duration::from_secs(seconds);
    *now
}

/// Makes all that is ordered, and returns what had to go for it.
fn fill(stock: &mut Stock<u8, u32>, next: &mut u32, now: Instant) -> Vec<u32> {
    let mut gone = Vec::new();
    while let Some((key, went)) = stock.order(now) {
        gone.extend(went);
        *next += 1;
        stock.put(&key, *next, 10).expect("it was ordered");
    }
    gone
}

#[test]
fn nothing_is_made_before_the_first_session_of_a_kind() {
    let (mut now, mut next) = (Instant::now(), 0);
    let mut stock: Stock<u8, u32> = Stock::new(BOUNDS);
    assert_eq!((stock.order(now), stock.next_due(now)), (None, None));
    assert_eq!(stock.take(&1, now), None);
    assert_eq!(stock.order(now), None, "the session itself comes first");
    assert_eq!(stock.next_due(now), Some(now + BOUNDS.rest));
    fill(&mut stock, &mut next, later(&mut now, 1));
    assert_eq!((stock.waiting(), stock.bytes()), (2, 20));
    assert_eq!(stock.take(&2, now), None, "another kind gets none of it");
    assert_eq!(stock.take(&1, now), Some(1));
}

#[test]
fn many_sessions_do_not_keep_the_next_from_being_made() {
    let mut now = Instant::now();
    let mut stock: Stock<u8, u32> = Stock::new(BOUNDS);
    let start = now;
    while stock.order(now).is_none() {
        assert_eq!(stock.take(&1, now), None);
        now += Duration::from_millis(10);
        assert!(now - start <= BOUNDS.rest);
    }
}

#[test]
fn a_kind_in_use_makes_room_at_the_cost_of_those_used_before() {
    let (mut now, mut next) = (Instant::now(), 0);
    let mut stock = Stock::new(BOUNDS);
    for key in [1, 2] {
        stock.want(&key, 2, later(&mut now, 1));
        assert_eq!(fill(&mut stock, &mut next, now), [0; 0]);
    }
    stock.want(&3, 2, later(&mut now, 1));
    assert_eq!(fill(&mut stock, &mut next, now), [1, 3], "the others keep one each");
    let waiting = |kind: u8| stock.waiting_of(|key| *key == kind);
    assert_eq!([waiting(1), waiting(2), waiting(3)], [1, 1, 2]);
    assert_eq!(stock.waiting(), 4);
}

#[test]
fn what_nobody_uses_is_given_up() {
    let (mut now, mut next) = (Instant::now(), 0);
    let mut stock = Stock::new(BOUNDS);
    stock.want(&1, 2, now);
    fill(&mut stock, &mut next, now);
    assert_eq!(stock.next_due(now), Some(now + BOUNDS.unused));
    assert!(stock.give_up_unused(later(&mut now, 299)).is_empty());
    assert_eq!(stock.give_up_unused(later(&mut now, 1)), [1, 2]);
    assert_eq!((stock.waiting(), stock.bytes(), stock.next_due(now)), (0, 0, None));
}

#[test]
fn what_dies_or_can_t_be_made_is_made_again_later_and_later() {
    let mut now = Instant::now();
    let mut stock = Stock::new(BOUNDS);
    stock.want(&1, 1, now);
    let mut last = Duration::ZERO;
    for _ in 0..5 {
        assert_eq!(stock.order(now), Some((1, None)));
        stock.failed(&1, now);
        assert_eq!(stock.order(now), None);
        let next = stock.next_due(now).expect("it is tried again");
        assert!(next - now > last, "{:?}", next - now);
        (last, now) = (next - now, next);
    }
    assert_eq!(stock.order(now), Some((1, None)));
    let number = stock.put(&1, 7, 10).expect("it was ordered");
    assert_eq!(stock.died(&1, number, now), Some(7));
    assert_eq!((stock.died(&1, number, now), stock.take(&1, now), stock.order(now)), (None, None, None));
}

#[test]
fn what_was_given_up_while_it_was_made_is_not_kept() {
    let now = Instant::now();
    let mut stock = Stock::new(BOUNDS);
    stock.want(&1, 1, now);
    assert!(stock.order(now).is_some());
    assert!(stock.give_up(|key| *key == 1).is_empty());
    assert_eq!(stock.put(&1, 7, 10), Err(7));
    assert_eq!((stock.making(), stock.waiting()), (0, 0));
}

#[test]
fn memory_is_bounded() {
    let now = Instant::now();
    let mut stock = Stock::new(BOUNDS);
    stock.want(&1, 2, now);
    stock.order(now);
    assert!(stock.put(&1, 1, 60).is_ok());
    stock.order(now);
    assert_eq!(stock.put(&1, 2, 60), Err(2), "it would be too much");
    assert_eq!((stock.bytes(), stock.order(now)), (60, None), "and is not made over and over");
}

#[test]
fn a_closed_stock_takes_nothing() {
    let (now, mut next) = (Instant::now(), 0);
    let mut stock = Stock::new(BOUNDS);
    stock.want(&1, 2, now);
    fill(&mut stock, &mut next, now);
    stock.want(&2, 2, now);
    assert!(stock.order(now).is_some());
    assert_eq!(stock.close(), [1, 2]);
    assert_eq!(stock.put(&2, 9, 10), Err(9));
    stock.want(&1, 2, now);
    assert_eq!((stock.take(&1, now), stock.order(now), stock.waiting()), (None, None, 0));
}

#[derive(Debug, Clone)]
enum Step {
    Take(u8),
    Want(u8, usize),
    Order,
    Put(u64),
    Fail,
    Die(usize),
    GiveUp(u8),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..4_u8).prop_map(Step::Take),
        1 => (0..4_u8, 0..5_usize).prop_map(|(key, count)| Step::Want(key, count)),
        4 => Just(Step::Order),
        4 => (0..60_u64).prop_map(Step::Put),
        1 => Just(Step::Fail),
        1 => any::<usize>().prop_map(Step::Die),
        1 => (0..4_u8).prop_map(Step::GiveUp),
        1 => (0..200_000_u64).prop_map(Step::Wait),
    ]
}

proptest! {
    #[test]
    fn nothing_is_handed_out_twice_and_no_bound_is_broken(steps in proptest::collection::vec(step(), 0..300)) {
        let mut now = Instant::now();
        let mut stock: Stock<u8, u32> = Stock::new(BOUNDS);
        // What left the stock, what is ordered, and what may wait.
        let mut left = HashSet::new();
        let mut ordered: VecDeque<u8> = VecDeque::new();
        let mut waiting: Vec<(u8, Number, u32)> = Vec::new();
        let mut next = 0;
        for step in steps {
            let went: Vec<u32> = match step {
                Step::Take(key) => {
                    let taken = stock.take(&key, now);
                    if let Some(thing) = taken {
                        prop_assert!(waiting.iter().any(|(of, _, it)| (*of, *it) == (key, thing)), "of another kind");
                    }
                    taken.into_iter().collect()
                }
                Step::Want(key, count) => {
                    stock.want(&key, count, now);
                    Vec::new()
                }
                Step::Order => match stock.order(now) {
                    Some((key, gone)) => {
                        ordered.push_back(key);
                        gone.into_iter().collect()
                    }
                    None => Vec::new(),
                },
                Step::Put(bytes) => match ordered.pop_front() {
                    Some(key) => {
                        next += 1;
                        match stock.put(&key, next, bytes) {
                            Ok(number) => { waiting.push((key, number, next)); Vec::new() }
                            Err(thing) => vec![thing],
                        }
                    }
                    None => Vec::new(),
                },
                Step::Fail => {
                    if let Some(key) = ordered.pop_front() {
                        stock.failed(&key, now);
                    }
                    Vec::new()
                }
                Step::Die(index) if !waiting.is_empty() => {
                    let (key, number, _) = waiting[index % waiting.len()];
                    stock.died(&key, number, now).into_iter().collect()
                }
                Step::Die(_) => Vec::new(),
                Step::GiveUp(key) => stock.give_up(|of| *of == key),
                Step::Wait(milliseconds) => {
                    now += Duration::from_millis(milliseconds);
                    stock.give_up_unused(now)
                }
            };
            for thing in went {
                prop_assert!(left.insert(thing), "{} left twice", thing);
            }
            waiting.retain(|(_, _, thing)| !left.contains(thing));
            prop_assert_eq!(stock.waiting(), waiting.len());
            prop_assert_eq!(stock.making(), ordered.len());
            prop_assert!(stock.waiting() + stock.making() <= BOUNDS.total);
            prop_assert!(stock.bytes() <= BOUNDS.bytes);
            for key in 0..4 {
                prop_assert!(stock.waiting_of(|of| *of == key) <= BOUNDS.per_key);
            }
            prop_assert!(stock.next_due(now).is_none_or(|due| due > now), "a loop would spin");
        }
        for thing in stock.close() {
            prop_assert!(left.insert(thing), "{} left twice", thing);
        }
    }
}
