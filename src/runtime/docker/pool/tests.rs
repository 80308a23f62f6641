//! The pool with sandboxes that are pipes: what is handed out, to whom, and what is left of the rest.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use codebeaker_agent::frame::{Channel, Kind, append};
use codebeaker_agent::wire::{FromAgent, Ready};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::*;
use crate::runtime::{Keeper, Programs, Usage, Workspace};

const DEADLINE: Duration = Duration::from_secs(30);

/// Makes sandboxes that say which they are, and knows which live.
#[derive(Default)]
struct Fake {
    made: AtomicUsize,
    fails: AtomicBool,
    says: Mutex<Vec<u8>>,
    alive: Arc<Mutex<HashSet<usize>>>,
    /// The far ends.
    agents: Mutex<Vec<DuplexStream>>,
}

struct FakeKeeper {
    number: usize,
    alive: Arc<Mutex<HashSet<usize>>>,
}

#[async_trait]
impl Keeper for FakeKeeper {
    fn oom_kills(&self) -> Option<u64> {
        None
    }

    fn container(&self) -> Option<String> {
        None
    }

    fn usage(&self) -> Usage {
        Usage { memory_bytes: Some(1000), ..Usage::default() }
    }

    async fn destroy(&mut self) -> bool {
        self.alive.lock().expect("no test panics in here").remove(&self.number);
        true
    }
}

impl Drop for FakeKeeper {
    fn drop(&mut self) {
        self.alive.lock().expect("no test panics in here").remove(&self.number);
    }
}

fn ready() -> Vec<u8> {
    let mut said = Vec::new();
    let message = postcard::to_stdvec(&FromAgent::Ready(Ready::default())).expect("it can be written");
    append(&mut said, Kind::Control, Channel::CONTROL, &message);
    said
}

#[async_trait]
impl Maker<&'static str> for Fake {
    async fn make(&self, key: &&'static str) -> Result<Sandbox, String> {
        if self.fails.load(Ordering::SeqCst) {
            return Err("no room".to_owned());
        }
        let number = self.made.fetch_add(1, Ordering::SeqCst);
        self.alive.lock().expect("no test panics in here").insert(number);
        let (ours, mut theirs) = tokio::io::duplex(256 * 1024);
        let said = self.says.lock().expect("no test panics in here").clone();
        theirs.write_all(&said).await.expect("there is room");
        self.agents.lock().expect("no test panics in here").push(theirs);
        let (reader, writer) = tokio::io::split(ours);
        Ok(Sandbox {
            reader: Box::new(reader),
            writer: Box::new(writer),
            programs: Programs::Image { id: (*key).to_owned(), path: Vec::new() },
            machine: Some(number.to_string()),
            unfilled: Workspace::None,
            enforcement: Vec::new(),
            keeper: Box::new(FakeKeeper { number, alive: Arc::clone(&self.alive) }),
        })
    }
}

/// What a pool holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Held {
    /// Sandboxes that wait.
    waiting: usize,
    /// Sandboxes that are being made.
    making: usize,
    /// Memory of those that wait.
    bytes: u64,
}

impl Pool<&'static str> {
    fn held(&self) -> Held {
        let stock = self.shared.stock();
        Held { waiting: stock.waiting(), making: stock.making(), bytes: stock.bytes() }
    }
}

fn start(says: Vec<u8>) -> (Arc<Fake>, Pool<&'static str>) {
    let maker = Arc::new(Fake { says: Mutex::new(says), ..Fake::default() });
    let pool = Pool::new(Bounds::default(), Arc::clone(&maker) as Arc<dyn Maker<_>>);
    (maker, pool)
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !is_so() {
        assert!(Instant::now() < deadline, "it never came about that {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_session_gets_one_that_is_ready_with_all_it_said_and_no_other_gets_it() {
    let (maker, pool) = start(ready());
    assert!(pool.take(&"python").await.is_none(), "the first one is made by its session");
    until("two wait", || pool.held().waiting == 2).await;
    assert_eq!(pool.held().bytes, 2000);
    let mut seen = HashSet::new();
    for _ in 0..5 {
        let mut sandbox = loop {
            match pool.take(&"python").await {
                Some(sandbox) => break sandbox,
                None => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        };
        let mut said = vec![0; ready().len()];
        sandbox.reader.read_exact(&mut said).await.expect("it has spoken");
        assert_eq!(said, ready());
        assert!(seen.insert(sandbox.machine.clone()), "{:?} was handed out before", sandbox.machine);
    }
    assert!(pool.take(&"node").await.is_none(), "what waits is of another kind");
    drop(pool);
    until("nothing lives", || maker.alive.lock().expect("no test panics in here").is_empty()).await;
}

#[tokio::test]
async fn a_taker_that_gives_up_midway_leaves_nothing_to_another() {
    let (maker, pool) = start(ready());
    pool.prewarm(&"python", 1);
    until("one waits", || pool.held().waiting == 1).await;
    {
        let mut taking = std::pin::pin!(pool.take(&"python"));
        // Polled once: the sandbox is off its shelf, and not yet in anybody's hands.
        assert!(futures::poll!(&mut taking).is_pending());
    }
    assert_eq!(pool.held().waiting, 0);
    until("it is ended", || !maker.alive.lock().expect("no test panics in here").contains(&0)).await;
}

#[tokio::test]
async fn one_that_dies_or_says_too_much_is_dropped() {
    for dies in [true, false] {
        let (maker, pool) = start(ready());
        pool.prewarm(&"python", 1);
        until("one waits", || pool.held().waiting == 1).await;
        let mut agent = maker.agents.lock().expect("no test panics in here").remove(0);
        let agent = if dies {
            drop(agent);
            None
        } else {
            // More than the pipe holds: it is dropped in the middle of it.
            let _ = tokio::time::timeout(DEADLINE, agent.write_all(&vec![0; 4 << 20])).await.expect("in time");
            Some(agent)
        };
        until("it is ended", || !maker.alive.lock().expect("no test panics in here").contains(&0)).await;
        until("another is made for it", || maker.made.load(Ordering::SeqCst) == 2).await;
        drop(agent);
    }
}

#[tokio::test]
async fn one_that_never_gets_ready_is_not_offered() {
    let mut failed = Vec::new();
    let message = FromAgent::SetupFailed { step: "install seccomp".to_owned(), errno: 22 };
    let message = postcard::to_stdvec(&message).expect("it can be written");
    append(&mut failed, Kind::Control, Channel::CONTROL, &message);
    let too_long = vec![0xff; 100];
    for says in [failed, too_long] {
        let (maker, pool) = start(says);
        pool.prewarm(&"python", 1);
        until("one was made and ended", || {
            let made = maker.made.load(Ordering::SeqCst);
            made > 0 && pool.held().making == 0 && maker.alive.lock().expect("no test panics in here").is_empty()
        })
        .await;
        assert_eq!(pool.held(), Held::default());
    }
}

#[tokio::test]
async fn closing_ends_all_and_makes_no_more() {
    let (maker, pool) = start(ready());
    pool.prewarm(&"python", 2);
    until("two wait", || pool.held().waiting == 2).await;
    pool.close().await;
    assert!(maker.alive.lock().expect("no test panics in here").is_empty());
    pool.prewarm(&"python", 2);
    assert!(pool.take(&"python").await.is_none());
    assert_eq!((pool.held(), maker.made.load(Ordering::SeqCst)), (Held::default(), 2));
}

#[tokio::test]
async fn kinds_are_given_up_one_by_one() {
    let (maker, pool) = start(ready());
    pool.prewarm(&"python", 1);
    pool.prewarm(&"node", 1);
    until("both wait", || pool.held().waiting == 2).await;
    pool.give_up(|key| *key == "python");
    until("one is ended", || maker.alive.lock().expect("no test panics in here").len() == 1).await;
    assert!(pool.take(&"node").await.is_some());
}
