//! The choice of a machine, without machines.

use async_trait::async_trait;
use proptest::prelude::*;

use super::*;
use crate::runtime::docker::health::Change;

struct Fake {
    answers: Mutex<Result<(), String>>,
    has_image: bool,
}

#[async_trait]
impl Watchee for Fake {
    async fn ping(&self) -> Result<(), String> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn changed(&self, _: Change) {}
}

fn fake(has_image: bool) -> Arc<Fake> {
    Arc::new(Fake { answers: Mutex::new(Ok(())), has_image })
}

fn fleet(weights: &[u32]) -> Fleet<Fake> {
    Fleet::new(weights.iter().enumerate().map(|(index, weight)| member(&format!("m{index}"), *weight, fake(true))))
}

fn member(name: &str, weight: u32, machine: Arc<Fake>) -> Member<Fake> {
    Member { machine, name: name.to_owned(), weight, watched: Arc::default() }
}

fn refused(reason: &str) -> Refusal {
    Refusal { lack: Lack::Machine, reason: reason.to_owned(), fix: None }
}

fn anyone(_: &Fake) -> Result<(), Refusal> {
    Ok(())
}

fn has_image(machine: &Fake) -> Result<(), Refusal> {
    let fix = Some("build it".to_owned());
    machine.has_image.then_some(()).ok_or(Refusal { lack: Lack::Image, reason: "it has no image".to_owned(), fix })
}

fn down(member: &Member<Fake>) {
    member.note(Evidence::Failed("nobody is there".to_owned()));
}

fn sessions(fleet: &Fleet<Fake>) -> Vec<usize> {
    fleet.members().iter().map(|member| member.watched.sessions()).collect()
}

#[tokio::test]
async fn sessions_are_spread_by_weight_and_leave_with_their_seats() {
    let fleet = fleet(&[1, 3, 0, 1]);
    let mut seats: Vec<_> = (0..100).map(|_| fleet.search().next(anyone).expect("there is one").1).collect();
    assert_eq!(sessions(&fleet), [20, 60, 0, 20]);
    seats.clear();
    assert_eq!(sessions(&fleet), [0, 0, 0, 0]);
}

#[tokio::test]
async fn each_machine_is_offered_once_and_all_say_why_they_failed() {
    let fleet = fleet(&[1, 2, 1]);
    let mut search = fleet.search();
    let mut offered = Vec::new();
    while let Some((member, _seat)) = search.next(anyone) {
        offered.push(member.name.as_str());
        search.failed(refused(&format!("{} broke", member.name)));
    }
    assert_eq!(offered, ["m1", "m0", "m2"]);
    assert_eq!(search.refusal(anyone).reason, "no machine can take it: m1: m1 broke; m0: m0 broke; m2: m2 broke");
}

#[tokio::test]
async fn a_machine_that_is_down_is_not_offered_and_is_again_when_it_answers() {
    let fleet = fleet(&[1, 1]);
    down(&fleet.members()[0]);
    assert_eq!(fleet.search().next(anyone).map(|(member, _)| member.name.as_str()), Some("m1"));
    down(&fleet.members()[1]);
    assert!(fleet.search().next(anyone).is_none());
    let refusal = fleet.suits(anyone).expect_err("none answers");
    assert_eq!(refusal.reason, "no machine can take it: m0: nobody is there; m1: nobody is there");
    fleet.ask().await;
    assert_eq!(fleet.search().next(anyone).map(|(member, _)| member.name.as_str()), Some("m0"));
}

#[tokio::test]
async fn one_that_has_no_room_or_may_fail_goes_last() {
    let fleet = fleet(&[9, 9, 1]);
    fleet.members()[0].watched.crowd();
    fleet.members()[1].note(Evidence::Answered);
    fleet.members()[1].note(Evidence::Failed("a hiccup".to_owned()));
    let mut search = fleet.search();
    let offered: Vec<_> = std::iter::from_fn(|| search.next(anyone)).map(|(member, _)| member.name.as_str()).collect();
    assert_eq!(offered, ["m2", "m0", "m1"]);
}

#[tokio::test]
async fn what_a_machine_lacks_is_said_with_what_mends_it() {
    let fleet = Fleet::new([member("only", 1, fake(false))]);
    let refusal = fleet.suits(has_image).expect_err("it has no image");
    assert_eq!((refusal.reason.as_str(), refusal.fix.as_deref()), ("it has no image", Some("build it")));
    let fleet = Fleet::new([member("a", 1, fake(false)), member("b", 1, fake(true))]);
    assert!(fleet.suits(has_image).is_ok());
    let mut search = fleet.search();
    assert_eq!(search.next(has_image).map(|(member, _)| member.name.as_str()), Some("b"));
    assert!(search.next(has_image).is_none());
    let nobody: Fleet<Fake> = Fleet::new([]);
    assert_eq!(nobody.suits(anyone).expect_err("there is none").reason, "container engines are turned off");
}

proptest! {
    /// However many there are and whoever leaves, no machine gets a session while another has less for its weight.
    #[test]
    fn the_least_loaded_is_taken(
        weights in proptest::collection::vec(1..10_u32, 1..6),
        steps in proptest::collection::vec((any::<bool>(), any::<usize>()), 0..150),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        let _inside = runtime.enter();
        let fleet = fleet(&weights);
        let mut seats = Vec::new();
        for (leaves, which) in steps {
            if leaves && !seats.is_empty() {
                seats.swap_remove(which % seats.len());
                continue;
            }
            let before = sessions(&fleet);
            let (taken, seat) = fleet.search().next(anyone).expect("there is one");
            let taken = fleet.members().iter().position(|member| member.name == taken.name).expect("it is one of them");
            let load = |index: usize| (before[index] + 1) as f64 / f64::from(weights[index]);
            for other in 0..weights.len() {
                prop_assert!(load(taken) <= load(other) + 1e-9, "{before:?} {weights:?} {taken} {other}");
            }
            seats.push(seat);
        }
    }
}
