//! Engines that are run themselves, with files and a stream of their own: what a debugger needs of a session.

#[path = "harness/skip.rs"]
mod skip;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use codebeaker::agent::Endpoint;
use codebeaker::agent::plan::CODE;
use codebeaker::config::Settings;
use codebeaker::engine::{self, discover};
use codebeaker::execution::{Execution, Gap, Observer, Outcome, Output, OutputStream, Summary};
use codebeaker::ids::ExecutionId;
use codebeaker::runtime::native::Native;
use codebeaker::session::{
    ConnectError, Host, NewSession, Run, RunLimits, Session, SessionError, Sessions, Source, StateChange, Stdin,
    Watcher, Why,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Until something happens that must happen.
const DEADLINE: Duration = Duration::from_secs(60);

struct Unwatched;

#[async_trait]
impl Watcher for Unwatched {
    async fn changed(&self, _: &Session, _: StateChange) {}
}

/// Keeps standard output.
#[derive(Default)]
struct Kept(Mutex<String>);

#[async_trait]
impl Observer for Kept {
    async fn started(&self, _: &Execution) {}
    async fn output(&self, _: &Execution, output: Output) {
        self.0.lock().unwrap().push_str(&String::from_utf8_lossy(&output.chunk.bytes));
    }
    async fn gap(&self, _: &Execution, _: Gap) {}
    async fn exited(&self, _: &Execution, _: &Summary) {}
}

fn python(args: &[&str], files: &[(&str, &str)]) -> Run {
    let files = files.iter().map(|(name, text)| ((*name).to_owned(), Bytes::from(text.to_string()))).collect();
    Run {
        id: None,
        source: Source::Engine { engine: engine::by_id("python").unwrap(), files, finds_workspace: true },
        args: args.iter().map(|arg| (*arg).to_owned()).collect(),
        engine_args: Vec::new(),
        cwd: None,
        env: BTreeMap::new(),
        stdin: Stdin::None,
        side: false,
        limits: RunLimits::default(),
        max_chunk_bytes: 64 * 1024,
    }
}

/// Runs it, and says how it ended and what it printed.
async fn run(session: &Arc<Session>, run: Run) -> (Arc<Execution>, Summary, String) {
    let kept = Arc::new(Kept::default());
    let execution = session.execute(run, kept.clone()).unwrap();
    let summary = execution.ended().await.unwrap();
    let printed = kept.0.lock().unwrap().clone();
    (execution, summary, printed)
}

fn with_session<F: Future<Output = ()>>(test: impl FnOnce(Arc<Session>) -> F) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let path = std::env::var("PATH").unwrap_or_default();
        let installations = discover::installations(&path, std::env::home_dir().as_deref());
        let host = Host::new(vec![Arc::new(Native::start())], installations);
        let sessions = Arc::new(Sessions::new(Settings::default(), host));
        let session = match sessions.create(NewSession::default(), Arc::new(Unwatched)).await {
            Ok(session) => session,
            Err(error) => return skip::skip(&error.to_string()),
        };
        tokio::time::timeout(DEADLINE, test(Arc::clone(&session))).await.expect("the test is not stuck");
        session.close(Why::ClosedByClient).await;
    });
}

#[test]
fn an_engine_gets_its_arguments_its_files_and_nothing_else() {
    with_session(async |session| {
        let large = format!("answer = 42 {}", " ".repeat(300_000));
        let boot = "import os, sys, package, large\n\
                    print(sys.argv[1:], sys.flags.no_site, package.name, large.answer)\n\
                    print(os.environ['PYTHONUNBUFFERED'], os.environ['PYTHONPATH'], os.getcwd())\n\
                    try: open(os.path.join(os.path.dirname(__file__), 'new'), 'w')\n\
                    except OSError as error: print(error.strerror)\n\
                    try: open(__file__, 'a')\n\
                    except OSError as error: print(error.strerror)";
        let id = ExecutionId::random();
        let start = format!("{CODE}/{id}/boot.py");
        let files = [("boot.py", boot), ("package/__init__.py", "name = 'own'"), ("large.py", &large)];
        let mut wanted = python(&["-S", &start, "one", "two three"], &files);
        wanted.id = Some(id.clone());
        let (execution, summary, printed) = run(&session, wanted.clone()).await;
        let expected = "['one', 'two three'] 1 own 42\n1 /workspace /workspace\n\
                        Read-only file system\nPermission denied\n";
        assert_eq!(printed, expected);
        assert_eq!((summary.outcome, &execution.id), (Outcome::Ok, &id));
        assert_eq!(execution.argv[1..], wanted.args);
        assert!(execution.take_side().is_none(), "it was not asked for");
        // Its files go with it; and its name was its own.
        let look = ["-c", "import os, sys; print(os.path.exists(sys.argv[1]))", &start];
        assert_eq!(run(&session, python(&look, &[])).await.2, "False\n");
        let again = session.execute(wanted, Arc::new(Kept::default()));
        assert!(matches!(again, Err(SessionError::Invalid { field: "executionId", .. })), "{again:?}");
    });
}

#[test]
fn what_is_no_name_is_refused() {
    with_session(async |session| {
        for name in ["../x", "a/b/c", "/etc/x", "", "a/"] {
            let refused = session.execute(python(&[], &[(name, "")]), Arc::new(Kept::default()));
            assert!(matches!(refused, Err(SessionError::Invalid { field: "source.files", .. })), "{name}");
        }
        for id in ["", "..", "exe_../../x", "exe_"] {
            let mut wanted = python(&[], &[]);
            wanted.id = Some(ExecutionId::from(id.to_owned()));
            let refused = session.execute(wanted, Arc::new(Kept::default()));
            assert!(matches!(refused, Err(SessionError::Invalid { field: "executionId", .. })), "{id}");
        }
    });
}

#[test]
fn an_execution_has_a_stream_beside_once() {
    with_session(async |session| {
        let code = "import socket\ns = socket.socket(fileno=3); s.set_inheritable(False)\n\
                    while data := s.recv(9): s.sendall(data.upper())\nprint('over')";
        let mut wanted = python(&["-c", code], &[]);
        wanted.side = true;
        let kept = Arc::new(Kept::default());
        let execution = session.execute(wanted.clone(), kept.clone()).unwrap();
        execution.running().await;
        let mut side = execution.take_side().expect("it was asked for");
        assert!(execution.take_side().is_none(), "it is somebody's");
        side.write_all(b"hello").await.unwrap();
        let mut heard = [0; 5];
        side.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"HELLO");
        side.shutdown().await.unwrap();
        assert_eq!(execution.ended().await.unwrap().outcome, Outcome::Ok);
        assert_eq!(side.read(&mut heard).await.unwrap(), 0);
        assert_eq!(*kept.0.lock().unwrap(), "over\n");
        // One that nobody takes is in nobody's way, and not kept for ever.
        wanted.args[1] = "import os; os.write(3, b'x' * 100); print('fine')".to_owned();
        let (execution, _, printed) = run(&session, wanted).await;
        assert_eq!(printed, "fine\n");
        assert!(execution.take_side().is_none());
    });
}

#[test]
fn a_pipe_in_an_executions_own_directory_is_there_before_it_and_goes_with_it() {
    with_session(async |session| {
        let id = ExecutionId::random();
        let mut pipe = session.connect(Endpoint::Fifo(format!("{id}/events").into_bytes())).await.unwrap();
        let code = "import os, sys\nfd = os.open(sys.argv[1], os.O_WRONLY); os.write(fd, b'event')";
        let path = format!("{CODE}/{id}/events");
        let start = format!("{CODE}/{id}/main.py");
        let mut wanted = python(&[&start, &path], &[("main.py", code)]);
        wanted.id = Some(id.clone());
        assert_eq!(run(&session, wanted).await.1.outcome, Outcome::Ok);
        let mut heard = [0; 5];
        pipe.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"event");
        let look = ["-c", "import os; print(os.listdir('/run/codebeaker'))"];
        let (execution, _, printed) = run(&session, python(&look, &[])).await;
        assert_eq!(printed, "[]\n", "{}", execution.id);
    });
}

#[test]
fn a_run_may_last_longer_than_those_of_its_session() {
    with_session(async |session| {
        let update =
            codebeaker::session::Update { execution_timeout: Some(Duration::from_secs(1)), ..Default::default() };
        session.update(update).unwrap();
        let mut wanted = python(&["-c", "import time; time.sleep(1.5); print('slept')"], &[]);
        wanted.limits.timeout = Some(Duration::from_secs(30));
        assert_eq!(run(&session, wanted).await.2, "slept\n");
    });
}

#[test]
fn a_session_that_ended_leads_nowhere() {
    with_session(async |session| {
        let mut pipe = session.connect(Endpoint::Fifo(b"events".to_vec())).await.unwrap();
        let mut wanted = python(&["-c", "import time; time.sleep(60)"], &[]);
        wanted.side = true;
        let execution = session.execute(wanted, Arc::new(Kept::default())).unwrap();
        execution.running().await;
        let mut side = execution.take_side().expect("it was asked for");
        session.close(Why::ClosedByClient).await;
        // A program that was killed ends its stream; the sandbox that went breaks every one.
        assert!(matches!(side.read(&mut [0; 9]).await, Ok(0) | Err(_)));
        assert!(pipe.read(&mut [0; 9]).await.is_err());
        assert!(side.write_all(b"x").await.is_err() && pipe.write_all(b"x").await.is_err());
        let refused = session.connect(Endpoint::Port(1)).await;
        assert!(matches!(refused, Err(ConnectError::Session(SessionError::Closed { .. }))), "{refused:?}");
        assert!(execution.read(OutputStream::Stdout, 0, 9, Duration::ZERO).await.is_end);
    });
}
