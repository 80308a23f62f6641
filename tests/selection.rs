//! What a session makes of the runtime that was chosen for it: its programs, its end, its staying on. By runtimes
//! that stand in for containers, with the sandboxes of this kernel behind them.

mod harness;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use codebeaker::config::Settings;
use codebeaker::engine::{self, ENGINES, discover};
use codebeaker::runtime::native::Native;
use codebeaker::runtime::{
    Isolation, Keeper, Offer, Outlives, Probe, Programs, Refusal, Runtime, RuntimeError, Sandbox, SandboxSpec, Usage,
    Want,
};
use codebeaker::session::{
    Fallback, Host, NewSession, Notes, Session, SessionError, Sessions, State, StateChange, Watcher, Why, Wish,
};
use harness::{DEADLINE, skip};
use tokio::sync::Notify;

/// What became of the sandboxes of a stand-in.
#[derive(Default)]
struct Book {
    outlives: Mutex<Option<Outlives>>,
    left: AtomicUsize,
    destroyed: AtomicUsize,
    /// Ends the sandbox from outside.
    kill: Notify,
}

/// Sandboxes of this kernel that are told to be of an image, and of a container.
struct StandIn {
    native: Native,
    image: &'static str,
    book: Arc<Book>,
}

#[async_trait]
impl Runtime for StandIn {
    fn id(&self) -> &'static str {
        "stand-in"
    }

    fn isolation(&self) -> Isolation {
        Isolation::Container
    }

    async fn probe(&self) -> Probe {
        self.native.probe().await
    }

    fn offer(&self, _: &Want<'_>) -> Result<Offer, Refusal> {
        Ok(Offer::default())
    }

    async fn create(&self, spec: SandboxSpec) -> Result<Sandbox, RuntimeError> {
        *self.book.outlives.lock().unwrap() = spec.outlives.clone();
        let made = self.native.create(spec).await?;
        let inner = Arc::new(tokio::sync::Mutex::new(made.keeper));
        let (book, killed) = (Arc::clone(&self.book), Arc::clone(&inner));
        tokio::spawn(async move {
            book.kill.notified().await;
            killed.lock().await.destroy().await;
        });
        let keeper = Box::new(Kept { inner, book: Arc::clone(&self.book), left: false });
        Ok(Sandbox {
            programs: Programs::Image { id: self.image.to_owned(), path: Vec::new() },
            keeper,
            machine: Some("here".to_owned()),
            ..made
        })
    }
}

struct Kept {
    inner: Arc<tokio::sync::Mutex<Box<dyn Keeper>>>,
    book: Arc<Book>,
    left: bool,
}

#[async_trait]
impl Keeper for Kept {
    fn oom_kills(&self) -> Option<u64> {
        None
    }

    fn container(&self) -> Option<String> {
        None
    }

    fn usage(&self) -> Usage {
        Usage::default()
    }

    async fn fate(&mut self) -> Option<String> {
        Some("somebody stopped its container".to_owned())
    }

    fn leave(&mut self) -> bool {
        self.left = self.book.outlives.lock().unwrap().is_some();
        self.book.left.fetch_add(usize::from(self.left), Ordering::SeqCst);
        self.left
    }

    async fn destroy(&mut self) -> bool {
        self.book.destroyed.fetch_add(1, Ordering::SeqCst);
        self.inner.lock().await.destroy().await
    }
}

#[derive(Default)]
struct Noted(Mutex<Vec<StateChange>>);

#[async_trait]
impl Watcher for Noted {
    async fn changed(&self, _: &Session, change: StateChange) {
        self.0.lock().unwrap().push(change);
    }
}

/// Sessions with this host's own runtime and a stand-in.
fn with_stand_in<F: Future<Output = ()>>(test: impl FnOnce(Arc<Sessions>, Arc<Book>) -> F) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let book = Arc::new(Book::default());
        let stand_in = StandIn { native: Native::start(), image: "sha256:0a", book: Arc::clone(&book) };
        if let Some(reason) = stand_in.probe().await.reason {
            return skip::skip(&reason);
        }
        let installations = discover::installations(&std::env::var("PATH").unwrap_or_default(), None);
        let host = Host::new(vec![Arc::new(Native::start()), Arc::new(stand_in)], installations);
        let sessions = Arc::new(Sessions::new(Settings::default(), host));
        tokio::time::timeout(DEADLINE, test(Arc::clone(&sessions), book)).await.expect("the test is not stuck");
        sessions.close_all().await;
    });
}

async fn open(sessions: &Arc<Sessions>, wanted: NewSession) -> Result<Arc<Session>, SessionError> {
    sessions.create(wanted, Arc::new(Noted::default())).await
}

fn wish(engine: &str) -> Wish {
    Wish { engines: vec![engine::by_id(engine).unwrap()], ..Wish::default() }
}

#[test]
fn an_image_is_asked_once_for_what_it_has() {
    with_stand_in(async |sessions, book| {
        let bash = engine::by_id("bash").unwrap();
        assert_eq!(sessions.version_in(bash, &*sessions.host().runtimes[1]), None, "nobody asked it yet");
        let first = open(&sessions, NewSession { wish: wish("bash"), ..NewSession::default() }).await.unwrap();
        // The strictest, where nothing else is said.
        assert_eq!((first.selection.runtime, first.machine.as_deref()), ("stand-in", Some("here")));
        assert_eq!(first.engine, Some(bash));
        assert!(first.toolbox.program(bash).unwrap().ends_with("/bash"));
        assert!(first.toolbox.version(bash).unwrap().contains("bash"), "{:?}", first.toolbox);
        let known = sessions.version_in(bash, &*sessions.host().runtimes[1]);
        assert_eq!(known.as_deref(), first.toolbox.version(bash));
        let second = open(&sessions, NewSession::default()).await.unwrap();
        assert!(Arc::ptr_eq(&first.toolbox, &second.toolbox));
        let native = Wish { runtime: Some("native".to_owned()), ..wish("bash") };
        let native = open(&sessions, NewSession { wish: native, ..NewSession::default() }).await.unwrap();
        assert!(Arc::ptr_eq(&native.toolbox, sessions.host_tools()));
        let Some(missing) = ENGINES.iter().find(|engine| first.toolbox.program(engine).is_err()) else {
            return skip::skip("every engine is installed here");
        };
        let refused = open(&sessions, NewSession { wish: wish(missing.id), ..NewSession::default() }).await;
        assert!(matches!(refused, Err(SessionError::NotInImage { engine, .. }) if engine == missing.id), "{refused:?}");
        assert_eq!(book.destroyed.load(Ordering::SeqCst), 1, "nothing of it is left");
    });
}

#[test]
fn a_session_that_lost_its_sandbox_tells_its_fate() {
    with_stand_in(async |sessions, book| {
        let noted = Arc::new(Noted::default());
        let session = sessions.create(NewSession::default(), noted.clone()).await.unwrap();
        book.kill.notify_one();
        while session.state() != State::Closed {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let Some(Why::RuntimeLost(how)) = session.why() else { panic!("{:?}", session.why()) };
        assert!(how.contains("somebody stopped its container"), "{how}");
        assert_eq!(noted.0.lock().unwrap().last().map(|change| change.why.clone()), session.why());
        let again = sessions.get(&session.id).unwrap_err().to_string();
        assert!(again.contains("somebody stopped its container"), "{again}");
    });
}

#[test]
fn a_session_that_is_to_stay_is_left_to_the_next_daemon() {
    with_stand_in(async |sessions, book| {
        let persist = || NewSession {
            wish: wish("bash"),
            labels: [("a".to_owned(), "1".to_owned())].into(),
            idle_timeout: Some(Duration::from_secs(90)),
            persist: true,
            ..NewSession::default()
        };
        let native = Wish { runtime: Some("native".to_owned()), ..Wish::default() };
        let refused = open(&sessions, NewSession { wish: native.clone(), ..persist() }).await;
        assert!(matches!(refused, Err(SessionError::NoRuntime { .. })), "{refused:?}");
        let instead = Wish { fallback: Fallback::Allow, ..native };
        let closed = open(&sessions, NewSession { wish: instead, ..persist() }).await.unwrap();
        assert_eq!(closed.selection.in_place_of.as_deref(), Some("native"));
        let told = book.outlives.lock().unwrap().clone().unwrap();
        assert_eq!((told.session, told.alone), (closed.id.clone(), Duration::from_secs(90)));
        let notes = Notes::read(&told.notes).unwrap();
        assert_eq!(notes.limits(), sessions.settings().limits);
        closed.close(Why::ClosedByClient).await;
        assert_eq!((book.left.load(Ordering::SeqCst), book.destroyed.load(Ordering::SeqCst)), (0, 1));
        let noted = Arc::new(Noted::default());
        let stays = sessions.create(persist(), noted.clone()).await.unwrap();
        sessions.close_all().await;
        assert_eq!((book.left.load(Ordering::SeqCst), book.destroyed.load(Ordering::SeqCst)), (1, 1));
        assert_eq!(stays.state(), State::Closed, "it is nothing of this daemon's any more");
        assert!(noted.0.lock().unwrap().is_empty(), "nobody is told that it ended");
    });
}
