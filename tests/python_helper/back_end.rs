//! The back end and a real interpreter: a process of ours with one end of a socket pair on descriptor 3.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use codebeaker::agent::Endpoint;
use codebeaker::debug::backend::{
    DebugEvent, Debugger, ExceptionBreakpoint, ExceptionFilter, Fault, Handle, LineBreakpoint, LogPart, Page, Place,
    Position, Purpose, Quality, ScopeKind, Step, StopReason, Terms, Variable, Which,
};
use codebeaker::debug::ground::{Backend, Conduit, Ground, Target, What};
use codebeaker::debug::python::Python;
use tokio::process::{Child, Command};
use tokio::sync::Mutex;

use crate::newest;

const DEADLINE: Duration = Duration::from_secs(60);

const PROGRAM: &str = r#"class Point:
    def __init__(self, x):
        self.x = x
    @property
    def double(self):
        return 2 * self.x

def work(items):
    point = Point(len(items))
    total = sum(items)
    print("total", total)
    return total + point.x

result = work(list(range(1000000)))
try:
    raise ValueError("caught")
except ValueError:
    pass
print("result", result)
raise KeyError("uncaught")
"#;

struct Outside {
    directory: String,
    side: Mutex<Option<Conduit>>,
}

#[async_trait]
impl Ground for Outside {
    fn directory(&self) -> &str {
        &self.directory
    }

    async fn side(&self) -> Result<Conduit, Fault> {
        self.side.lock().await.take().ok_or_else(|| Fault::Gone("it was taken".to_owned()))
    }

    async fn dial(&self, _: Endpoint) -> Result<Conduit, Fault> {
        Err(Fault::Refused("nothing is dialled here".to_owned()))
    }

    async fn read_file(&self, _: &str, _: usize) -> Result<Vec<u8>, Fault> {
        Err(Fault::Refused("nothing is read here".to_owned()))
    }

    async fn signal(&self, _: i32) -> Result<(), Fault> {
        Err(Fault::Refused("nothing is signalled here".to_owned()))
    }

    async fn gone(&self) -> String {
        std::future::pending().await
    }
}

/// A program that is debugged.
struct Stage {
    debugger: Arc<dyn Debugger>,
    events: tokio::sync::mpsc::Receiver<DebugEvent>,
    process: Child,
    place: Place,
    _directory: tempfile::TempDir,
}

impl Stage {
    async fn of(python: &Path, program: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let base = directory.path().canonicalize().unwrap().into_os_string().into_string().unwrap();
        let path = format!("{base}/program.py");
        std::fs::write(&path, program).unwrap();
        let target = Target {
            what: What::File(path.clone()),
            args: vec!["one".to_owned()],
            engine_args: Vec::new(),
            cwd: base.clone(),
            stop_on_entry: false,
            just_my_code: Vec::new(),
            children: false,
            source_maps: false,
        };
        let preparation = Python.prepare(&target, &base).unwrap();
        for (name, contents) in &preparation.files {
            let file = directory.path().join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, contents).unwrap();
        }
        let (ours, theirs) = UnixStream::pair().unwrap();
        // The shell moves the socket to where the helper looks for it.
        let process = Command::new("sh")
            .args(["-c", "exec \"$@\" 3<&0 0</dev/null", "sh"])
            .arg(python)
            .args(&preparation.args)
            .envs(&preparation.env)
            .current_dir(&base)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        ours.set_nonblocking(true).unwrap();
        let side: Conduit = Box::new(tokio::net::UnixStream::from_std(ours).unwrap());
        let ground = Arc::new(Outside { directory: base, side: Mutex::new(Some(side)) });
        let attachment = Python.connect(&target, ground).await.unwrap();
        Self {
            debugger: attachment.debugger,
            events: attachment.events,
            process,
            place: Place::File(path),
            _directory: directory,
        }
    }

    /// Waits for the next stop; what is said meanwhile is put into `said`.
    async fn stopped(&mut self, said: &mut Vec<String>) -> (Handle, StopReason, Vec<u32>) {
        loop {
            match self.events.recv().await.expect("the program stops") {
                DebugEvent::Stopped { thread, reason, breakpoints, .. } => return (thread, reason, breakpoints),
                DebugEvent::Output { text, .. } => said.push(text),
                _ => {}
            }
        }
    }

    async fn children(&self, of: &Handle, page: Page) -> Vec<Variable> {
        self.debugger.variables(of, page).await.unwrap()
    }

    async fn ended(mut self) -> (Option<i32>, String, String) {
        while self.events.recv().await.is_some() {}
        let output = self.process.wait_with_output().await.unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }
}

fn at(line: u32) -> Position {
    Position { line, column: None }
}

fn breakpoint(id: u32, line: u32, terms: Terms) -> LineBreakpoint {
    LineBreakpoint { id, at: at(line), terms }
}

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(DEADLINE, test).await.expect("nothing may hang") });
}

#[test]
fn a_program_is_debugged_from_its_start_to_its_end() {
    let Some(python) = newest() else { return };
    run(async {
        let mut stage = Stage::of(&python, PROGRAM).await;
        let debugger = Arc::clone(&stage.debugger);
        let log = vec![LogPart::Text("x is ".to_owned()), LogPart::Expression("x".to_owned())];
        let wanted = vec![
            breakpoint(7, 11, Terms::default()),
            breakpoint(8, 3, Terms { log: Some(log), ..Terms::default() }),
            breakpoint(9, 12, Terms { condition: Some("1 +".to_owned()), ..Terms::default() }),
        ];
        let placed = debugger.set_breakpoints(&stage.place, wanted).await.unwrap();
        assert_eq!(placed.iter().map(|placed| placed.verified).collect::<Vec<_>>(), [true, true, false]);
        assert!(placed[2].message.as_deref().unwrap().contains("SyntaxError"));
        let lines = debugger.breakpoint_locations(&stage.place, at(8), at(12)).await.unwrap();
        assert_eq!(lines, [8, 9, 10, 11, 12].map(at));
        let filters = [ExceptionFilter::Raised, ExceptionFilter::Uncaught];
        let filters = filters.map(|filter| ExceptionBreakpoint { filter, condition: None });
        assert_eq!(debugger.set_exception_breakpoints(filters.to_vec()).await.unwrap().len(), 2);
        debugger.start().await.unwrap();

        let mut said = Vec::new();
        let (thread, reason, breakpoints) = stage.stopped(&mut said).await;
        assert_eq!((reason, breakpoints), (StopReason::Breakpoint, vec![7]));
        assert_eq!(said, ["x is 1000000\n"]);
        assert_eq!(debugger.threads().await.unwrap()[0].handle, thread);
        let stack = debugger.stack(&thread, 0, Some(1)).await.unwrap();
        assert_eq!((stack.frames.len(), stack.total), (1, Some(2)));
        let frame = &stack.frames[0];
        assert_eq!((frame.name.as_str(), frame.at, frame.place.as_ref()), ("work", at(11), Some(&stage.place)));

        let scopes = debugger.scopes(&frame.handle).await.unwrap();
        assert_eq!((scopes[0].kind, scopes[0].named), (ScopeKind::Locals, Some(3)));
        assert!(scopes[1].expensive && scopes[1].kind == ScopeKind::Globals);
        let locals = stage.children(&scopes[0].handle, Page::default()).await;
        let names: Vec<_> = locals.iter().map(|variable| variable.name.as_str()).collect();
        assert_eq!(names, ["items", "point", "total"]);
        let items = &locals[0].value;
        assert_eq!((items.indexed, items.type_name.as_deref()), (Some(1_000_000), Some("list")));
        let page = Page { which: Which::Indexed, start: 999_998, count: Some(5), hex: true };
        let last = stage.children(items.handle.as_ref().unwrap(), page).await;
        let shown: Vec<_> =
            last.iter().map(|variable| (variable.name.as_str(), variable.value.text.as_str())).collect();
        assert_eq!(shown, [("999998", "0xf423e"), ("999999", "0xf423f")]);
        let point = stage.children(locals[1].value.handle.as_ref().unwrap(), Page::default()).await;
        let double = point.iter().find(|variable| variable.name == "double").unwrap();
        assert!(double.value.qualities.contains(&Quality::Lazy));
        let computed = stage.children(double.value.handle.as_ref().unwrap(), Page::default()).await;
        assert_eq!((computed.len(), computed[0].value.text.as_str()), (1, "2000000"));

        let set = debugger.set_variable(&scopes[0].handle, "total", "21 * 2", false).await.unwrap();
        assert_eq!(set.text, "42");
        let set = debugger.set_expression(Some(&frame.handle), "point.x", "total", true).await.unwrap();
        assert_eq!(set.text, "0x2a");
        let evaluate = |text: &'static str, purpose| debugger.evaluate(Some(&frame.handle), text, purpose, false);
        assert_eq!(evaluate("point.double", Purpose::Watch).await.unwrap().text, "84");
        assert!(matches!(evaluate("point.double", Purpose::Hover).await, Err(Fault::Refused(_))));
        assert_eq!(evaluate("p total", Purpose::Console).await.unwrap().text, "42");
        assert!(matches!(evaluate("1 / 0", Purpose::Console).await, Err(Fault::Refused(why)) if why.contains("Zero")));
        let proposals = debugger.completions(Some(&frame.handle), "point.dou", 0, 9).await.unwrap();
        assert_eq!(
            proposals.iter().map(|each| (each.label.as_str(), each.replaces)).collect::<Vec<_>>(),
            [("double", 3)]
        );
        assert!(debugger.modules().await.unwrap().iter().any(|module| module.name == "__main__"));
        assert!(debugger.loaded_sources().await.unwrap().contains(&stage.place));
        assert_eq!(debugger.source(&stage.place).await.unwrap(), PROGRAM);
        let targets = debugger.goto_targets(&stage.place, at(12)).await.unwrap();
        assert_eq!(targets[0].at, at(12));

        debugger.step(&thread, Step::Over, false).await.unwrap();
        assert_eq!(stage.stopped(&mut said).await.1, StopReason::Step);
        assert!(matches!(debugger.scopes(&frame.handle).await, Err(Fault::Stale)));
        debugger.resume(&thread, false).await.unwrap();
        assert_eq!(stage.stopped(&mut said).await.1, StopReason::Exception);
        let exception = debugger.exception_info(&thread).await.unwrap();
        assert_eq!((exception.id.as_str(), exception.description.as_str()), ("ValueError", "caught"));
        debugger.resume(&thread, false).await.unwrap();
        assert_eq!(stage.stopped(&mut said).await.1, StopReason::Exception);
        let exception = debugger.exception_info(&thread).await.unwrap();
        assert!(exception.id.contains("KeyError"));
        debugger.set_exception_breakpoints(Vec::new()).await.unwrap();
        debugger.resume(&thread, false).await.unwrap();
        let (code, stdout, stderr) = stage.ended().await;
        assert_eq!((code, stdout.as_str()), (Some(1), "total 42\nresult 84\n"));
        assert!(stderr.contains("KeyError: 'uncaught'") && !stderr.contains("codebeaker"), "{stderr}");
        assert!(matches!(debugger.threads().await, Err(Fault::Gone(_))));
    });
}

#[test]
fn an_evaluation_that_does_not_end_can_be_interrupted() {
    let Some(python) = newest() else { return };
    run(async {
        let mut stage = Stage::of(&python, "value = 1\nprint(value)\n").await;
        let debugger = Arc::clone(&stage.debugger);
        debugger.set_breakpoints(&stage.place, vec![breakpoint(1, 2, Terms::default())]).await.unwrap();
        debugger.start().await.unwrap();
        let (thread, ..) = stage.stopped(&mut Vec::new()).await;
        let stack = debugger.stack(&thread, 0, None).await.unwrap();
        let frame = stack.frames[0].handle.clone();
        let endless = debugger.evaluate(Some(&frame), "while True: value += 1", Purpose::Console, false);
        tokio::time::timeout(Duration::from_millis(300), endless).await.expect_err("it ends by itself");
        debugger.interrupt().await;
        let shown = debugger.evaluate(Some(&frame), "value > 1", Purpose::Watch, false).await.unwrap();
        assert_eq!(shown.text, "True");
        debugger.resume(&thread, false).await.unwrap();
        assert_eq!(stage.ended().await.0, Some(0));
    });
}

#[test]
fn a_program_whose_debugger_is_dropped_ends() {
    let Some(python) = newest() else { return };
    run(async {
        let stage = Stage::of(&python, "import time\nwhile True:\n    time.sleep(1)\n").await;
        stage.debugger.start().await.unwrap();
        let Stage { debugger, events, mut process, .. } = stage;
        drop((debugger, events));
        assert!(!process.wait().await.unwrap().success());
    });
}

#[test]
fn a_program_that_was_let_go_of_runs_on() {
    let Some(python) = newest() else { return };
    run(async {
        let mut stage = Stage::of(&python, "value = 1\nprint(value)\n").await;
        let debugger = Arc::clone(&stage.debugger);
        debugger.set_breakpoints(&stage.place, vec![breakpoint(1, 2, Terms::default())]).await.unwrap();
        debugger.start().await.unwrap();
        stage.stopped(&mut Vec::new()).await;
        debugger.detach().await;
        drop(debugger);
        let Stage { debugger, events, process, .. } = stage;
        drop((debugger, events));
        let output = process.wait_with_output().await.unwrap();
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(0), b"1\n".as_slice()));
    });
}
