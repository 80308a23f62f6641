//! Watching with a machine that does as it is told, and a clock that waits for nobody.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;

use super::*;

#[derive(Default)]
struct Fake {
    pings: AtomicUsize,
    /// Answers, refuses, or is silent.
    mood: Mutex<Mood>,
    changes: Mutex<Vec<Change>>,
    changed: watch::Sender<usize>,
}

#[derive(Clone, Copy, Default)]
enum Mood {
    #[default]
    Answers,
    Refuses,
    Silent,
}

impl Fake {
    fn set(&self, mood: Mood) {
        *self.mood.lock().expect("no test panics in here") = mood;
    }

    async fn until_changes(&self, count: usize) -> Vec<Change> {
        let mut changed = self.changed.subscribe();
        let waited = tokio::time::timeout(Duration::from_secs(60), changed.wait_for(|so_far| *so_far >= count));
        waited.await.expect("in time").expect("the machine is there");
        self.changes.lock().expect("no test panics in here").clone()
    }
}

#[async_trait]
impl Watchee for Fake {
    async fn ping(&self) -> Result<(), String> {
        self.pings.fetch_add(1, Ordering::SeqCst);
        let mood = *self.mood.lock().expect("no test panics in here");
        match mood {
            Mood::Answers => Ok(()),
            Mood::Refuses => Err("refused".to_owned()),
            Mood::Silent => std::future::pending().await,
        }
    }

    fn changed(&self, change: Change) {
        self.changes.lock().expect("no test panics in here").push(change);
        self.changed.send_modify(|count| *count += 1);
    }
}

fn start() -> (Arc<Fake>, Arc<Watched>, tokio::task::AbortHandle) {
    let (machine, watched) = (Arc::new(Fake::default()), Arc::new(Watched::default()));
    let task = tokio::spawn(watch_it(Arc::clone(&watched), Arc::clone(&machine)));
    (machine, watched, task.abort_handle())
}

async fn watch_it(watched: Arc<Watched>, machine: Arc<Fake>) {
    super::watch(watched, machine).await;
}

#[tokio::test]
async fn an_idle_machine_is_left_alone() {
    let (machine, watched, _task) = start();
    ask(&watched, &*machine).await;
    assert_eq!(machine.pings.load(Ordering::SeqCst), 1);
    tokio::time::sleep(PING_DEADLINE + super::super::PING_EVERY).await;
    assert_eq!(machine.pings.load(Ordering::SeqCst), 1);
    assert_eq!(watched.standing(), Standing::Healthy);
}

#[tokio::test]
async fn a_machine_that_falls_silent_takes_its_streams_with_it_and_is_found_again() {
    let (machine, watched, _task) = start();
    ask(&watched, &*machine).await;
    let seat = watched.seat();
    let (ours, _theirs) = tokio::io::duplex(8);
    let (reader, writer) = tokio::io::split(ours);
    let mut reader = Severable::new(reader, watched.line());
    let mut writer = Severable::new(writer, watched.line());
    machine.set(Mood::Silent);
    assert_eq!(machine.until_changes(2).await, [Change::Up, Change::Down]);
    assert_eq!(reader.read(&mut [0; 8]).await.expect("it ends"), 0);
    assert!(writer.write_all(&[0; 64]).await.is_err(), "nobody reads it, and nobody will");
    assert!(watched.why().is_some_and(|why| why.contains("did not answer")));
    drop(seat);
    machine.set(Mood::Answers);
    assert_eq!(machine.until_changes(3).await[2], Change::Up);
    assert!(!watched.line().is_cancelled(), "who comes now has a line of their own");
}

#[tokio::test]
async fn what_was_said_before_the_end_is_still_read() {
    let line = CancellationToken::new();
    let (mut theirs, ours) = tokio::io::duplex(64);
    let mut ours = Severable::new(ours, line.clone());
    theirs.write_all(b"last words").await.expect("there is room");
    line.cancel();
    let mut said = Vec::new();
    ours.read_to_end(&mut said).await.expect("it ends");
    assert_eq!(said, b"last words");
}

#[tokio::test]
async fn a_failing_request_is_settled_by_a_ping_at_once() {
    let (machine, watched, _task) = start();
    ask(&watched, &*machine).await;
    let _seat = watched.seat();
    machine.set(Mood::Refuses);
    watched.note(Evidence::Failed("a request failed".to_owned()));
    assert_eq!(watched.standing(), Standing::Suspect);
    assert_eq!(machine.until_changes(2).await, [Change::Up, Change::Down]);
    assert_eq!(watched.why().as_deref(), Some("refused"));
}
