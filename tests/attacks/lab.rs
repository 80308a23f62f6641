//! Sandboxes with and without protections, and hostile programs run in them.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use codebeaker::agent::frame::Stream;
use codebeaker::agent::plan::Protection;
use codebeaker::agent::wire::{Reach, TerminalSize};
use codebeaker::agent::{ByteStream, Ended, Link, LinkError, Process, Program};
use codebeaker::config::{DockerSettings, Limits, PoolSettings};
use codebeaker::container::address::Environment;
use codebeaker::engine;
use codebeaker::runtime::docker::{Docker, Machines, Oci};
use codebeaker::runtime::native::Native;
use codebeaker::runtime::{Keeper, Runtime, SandboxSpec, Workspace};

use crate::actor::Actor;
use crate::harness::engine::Engine;
use crate::harness::{Place, eventually};
use crate::host::Host;
use crate::reach::{harmless, possible};
use crate::survivors::{Made, children};

/// A program that has not ended by then never will: the attack is over.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is before every hostile program.
pub(crate) const PRELUDE: &str = include_str!("programs/prelude.py");

/// A hostile program in Python, from `tests/attacks/programs`.
macro_rules! program {
    ($name:literal) => {
        include_str!(concat!("programs/", $name))
    };
}
pub(crate) use program;

/// The engine that the tests are given. It keeps no container ready: whichever there is is the one that is attacked.
pub(crate) fn machines(place: Place) -> Arc<Machines> {
    let environment = Environment { docker_host: Some(place.engine().address().to_owned()), ..Environment::default() };
    let pool = PoolSettings { size: 0, total: 0, ..PoolSettings::default() };
    let settings = DockerSettings { pool, ..DockerSettings::default() };
    Arc::new(Machines::of(&settings, &environment))
}

/// One test's runtime and the host around it.
pub(crate) struct Lab {
    pub(crate) actor: Actor,
    pub(crate) place: Place,
    pub(crate) host: Host,
    runtime: Arc<dyn Runtime>,
}

/// A sandbox to be made.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    pub(crate) limits: Limits,
    pub(crate) workspace: Workspace,
    pub(crate) without: Vec<Protection>,
    /// The image, for containers; the usual one else.
    pub(crate) image: Option<String>,
}

impl Setting {
    /// With small limits, so that what goes wrong does little harm.
    pub(crate) fn without(without: &[Protection]) -> Self {
        let limits = Limits { memory_bytes: 256 << 20, disk_bytes: 32 << 20, pids: 64, ..Limits::default() };
        Self { limits, workspace: Workspace::None, without: without.to_vec(), image: None }
    }

    /// With all protections.
    pub(crate) fn safe() -> Self {
        Self::without(&[])
    }

    pub(crate) fn workspace(self, workspace: Workspace) -> Self {
        Self { workspace, ..self }
    }
}

/// A sandbox that stands.
pub(crate) struct Stand {
    pub(crate) link: Link,
    pub(crate) keeper: Box<dyn Keeper>,
    /// As the agent reports it.
    pub(crate) landlock_abi: u32,
    facts: String,
    /// The process on the host that all others of it descend from.
    first: u32,
    /// The container that it is.
    container: Option<String>,
}

/// What came of a program.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// Both streams ended when the program had.
    pub(crate) streams_ended: bool,
    pub(crate) ended: Ended,
}

impl Ran {
    /// All that came out of the sandbox.
    pub(crate) fn seen(&self) -> String {
        format!("{}{}{:?}", self.stdout, self.stderr, self.ended)
    }

    /// What the program tried, and what it says came of it: `(worked, detail)`.
    pub(crate) fn attempts(&self) -> BTreeMap<String, (bool, String)> {
        let lines = self.stdout.lines().filter_map(|line| {
            let mut fields = line.splitn(3, '\t');
            let (name, verdict, detail) = (fields.next()?, fields.next()?, fields.next()?);
            Some((name.to_owned(), (verdict == "worked", detail.to_owned())))
        });
        lines.collect()
    }

    /// The number that the program printed under this name.
    pub(crate) fn number(&self, name: &str) -> u64 {
        let attempts = self.attempts();
        let (_, detail) = attempts.get(name).unwrap_or_else(|| panic!("no {name} in {self:#?}"));
        detail.parse().unwrap_or_else(|_| panic!("{name} is no number in {self:#?}"))
    }

    /// Fails unless each of these attempts was made and worked.
    pub(crate) fn assert_worked(&self, names: &[&str]) {
        let attempts = self.attempts();
        for name in names {
            let worked = attempts.get(*name).is_some_and(|(worked, _)| *worked);
            assert!(worked, "{name:?} shall work without its protection, and did not: {self:#?}");
        }
    }

    /// Fails unless attempts were made, and none of them worked.
    pub(crate) fn assert_refused(&self) {
        self.assert_refused_but(&[]);
    }

    /// The same, where these may work.
    pub(crate) fn assert_refused_but(&self, harmless: &[&str]) {
        let attempts = self.attempts();
        assert!(!attempts.is_empty(), "nothing was tried: {self:#?}");
        let worked = attempts.iter().filter(|(name, (worked, _))| *worked && !harmless.contains(&name.as_str()));
        let worked: Vec<_> = worked.collect();
        assert!(worked.is_empty(), "HOLE: {worked:#?}\n{self:#?}");
    }
}

impl Lab {
    pub(crate) fn open(actor: Actor, place: Place, ground: &Path) -> Self {
        let runtime: Arc<dyn Runtime> = match place {
            Place::Native => Arc::new(Native::start()),
            Place::Docker => Arc::new(Docker::new(Oci::Default, machines(place))),
            Place::Gvisor => Arc::new(Docker::new(Oci::Runsc, machines(place))),
        };
        Self { actor, place, host: Host::new(ground), runtime }
    }

    pub(crate) async fn sandbox(&self, setting: Setting) -> Stand {
        let shown = format!("{setting:?}");
        self.try_sandbox(setting).await.unwrap_or_else(|error| panic!("{shown}: {error}"))
    }

    /// A sandbox, or why it doesn't stand.
    pub(crate) async fn try_sandbox(&self, setting: Setting) -> Result<Stand, String> {
        let Setting { limits, workspace, without, image } = setting;
        let (hostname, engine) = ("target".to_owned(), engine::by_id("python"));
        let spec = SandboxSpec { limits, workspace, image, hostname, engine, without, ..SandboxSpec::default() };
        let before = (children(), self.containers());
        let sandbox = self.runtime.create(spec).await.map_err(|error| error.to_string())?;
        let linked = Link::open(sandbox.reader, sandbox.writer).await;
        let (link, ready) = linked.map_err(|error| error.to_string())?;
        let container = self.containers().into_iter().find(|container| !before.1.contains(container));
        let first = match &container {
            Some(name) => {
                let pid = self.place.engine().order(&["inspect", "--format", "{{.State.Pid}}", name]);
                pid.parse().expect("a process id")
            }
            None => children().into_iter().find(|child| !before.0.contains(child)).expect("a launcher"),
        };
        assert_eq!(container.is_some(), self.place.has_containers(), "nothing else than what is attacked");
        let facts = self.host.facts().to_string();
        Ok(Stand { link, keeper: sandbox.keeper, facts, first, container, landlock_abi: ready.landlock_abi })
    }

    /// Runs the program as a process of the host, where nothing stands in its way: there each of `attempts` has to
    /// work. For what no protection can be left out of a container for, and for programs that change nothing.
    pub(crate) fn works_outside(&self, program: &str, attempts: &[&str]) {
        let code = format!("{PRELUDE}\n{program}");
        let mut facts = self.host.facts().clone();
        facts["only"] = attempts.into();
        let output = Command::new("python3").args(["-I", "-c", &code, &facts.to_string()]).output();
        let output = output.expect("run python3");
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        for attempt in attempts {
            let worked = printed.lines().any(|line| line.starts_with(&format!("{attempt}\tworked\t")));
            assert!(worked, "{attempt:?} shall work outside, and did not: {printed}");
        }
        self.host.connections();
    }

    /// Gives a directory of the host to who uses it in a sandbox. In a container of a daemon of root's that is a user
    /// like any other.
    pub(crate) fn share(&self, directory: &Path) {
        if self.place.has_containers() && self.actor == Actor::Root {
            let done = Command::new("chown").args(["-hR", "1000:1000"]).arg(directory).status();
            assert!(done.is_ok_and(|status| status.success()), "give a directory away");
        }
    }

    /// The containers of this test.
    pub(crate) fn containers(&self) -> Vec<String> {
        if self.place.has_containers() { self.place.engine().containers_of(std::process::id()) } else { Vec::new() }
    }

    /// Runs the program where these protections are missing: there each of `attempts` has to work that can.
    pub(crate) async fn works(&self, program: &str, without: &[Protection], attempts: &[&str]) {
        let possible = possible(self.place, attempts);
        if possible.is_empty() && !attempts.is_empty() {
            return println!("{:?} has none of {attempts:?}", self.place);
        }
        let stand = self.sandbox(Setting::without(without)).await;
        let ran = stand.attack(program).await;
        println!("without {without:?}:\n{}", ran.stdout);
        ran.assert_worked(&possible);
        stand.close().await;
        // What it touched was to be touched.
        self.host.connections();
    }

    /// Runs the program where nothing is missing: nothing it tries may work, and the session goes on.
    pub(crate) async fn fails(&mut self, program: &str) {
        let stand = self.sandbox(Setting::safe()).await;
        let ran = stand.attack(program).await;
        println!("with everything:\n{}", ran.stdout);
        ran.assert_refused_but(&harmless(self.place));
        self.host.assert_untouched(&ran.seen());
        stand.assert_works().await;
        stand.close().await;
    }

    /// Runs the program where nothing is missing and it may end its own session all the same: no other ends with that,
    /// and nothing is left of it.
    pub(crate) async fn loses_itself_alone(&mut self, program: &str) {
        let (neighbour, stand) = (self.sandbox(Setting::safe()).await, self.sandbox(Setting::safe()).await);
        let made = stand.made();
        let process = stand.start(stand.hostile(program)).await;
        match stand.try_finish(process).await {
            Ok(ran) => self.host.assert_untouched(&ran.seen()),
            Err(lost) => println!("its session ends: {lost}"),
        }
        neighbour.assert_works().await;
        drop(stand);
        made.assert_gone();
        neighbour.assert_works().await;
        neighbour.close().await;
    }
}

impl Stand {
    /// A program in Python.
    pub(crate) fn hostile(&self, program: &str) -> Program {
        let code = format!("{PRELUDE}\n{program}");
        self.program(&["python3", "-I", "-c", &code, &self.facts])
    }

    pub(crate) fn program(&self, argv: &[&str]) -> Program {
        let env = [("HOME", "/workspace"), ("PATH", "/usr/local/bin:/usr/bin:/bin"), ("PYTHONUNBUFFERED", "1")];
        let env = env.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Program::new(argv.iter().map(|arg| (*arg).to_owned()).collect(), env.into())
    }

    pub(crate) async fn start(&self, program: Program) -> Process {
        self.link.spawn(program).await.expect("start a program")
    }

    /// Runs a hostile program to its end.
    pub(crate) async fn attack(&self, program: &str) -> Ran {
        self.finish(self.start(self.hostile(program)).await).await
    }

    /// The same, in a terminal.
    pub(crate) async fn attack_in_terminal(&self, program: &str) -> Ran {
        let terminal = Some(TerminalSize { cols: 80, rows: 24 });
        self.finish(self.start(Program { terminal, ..self.hostile(program) }).await).await
    }

    pub(crate) async fn run(&self, argv: &[&str]) -> Ran {
        self.finish(self.start(self.program(argv)).await).await
    }

    /// Waits for the end of a program and takes what it printed.
    pub(crate) async fn finish(&self, process: Process) -> Ran {
        self.try_finish(process).await.expect("the sandbox outlives its program")
    }

    /// The same, where the sandbox may end with its program.
    pub(crate) async fn try_finish(&self, mut process: Process) -> Result<Ran, LinkError> {
        let outputs = [Stream::Stdout, Stream::Stderr].map(|stream| Output::read(process.output(stream)));
        let ended = match tokio::time::timeout(PATIENCE, process.ended()).await {
            Ok(ended) => ended?,
            Err(_) => {
                let printed = outputs.each_ref().map(Output::text);
                panic!("the program does not end; so far it printed {printed:#?}");
            }
        };
        let [mut out, mut err] = outputs;
        // Nobody promises when the streams end if somebody else holds them: a moment is enough to see.
        let both = async { (out.end().await, err.end().await) };
        let streams_ended = tokio::time::timeout(Duration::from_secs(2), both).await.is_ok();
        Ok(Ran { stdout: out.text(), stderr: err.text(), streams_ended, ended })
    }

    /// Ends all of an execution by force.
    pub(crate) async fn kill(&self, process: &Process) {
        process.signals().send(9, Reach::Tree).await.expect("send the signal");
    }

    /// Fails unless the next program runs.
    pub(crate) async fn assert_works(&self) {
        let ran = self.run(&["/bin/echo", "still here"]).await;
        assert_eq!(ran.stdout, "still here\n", "{ran:?}");
    }

    /// What it is made of on the host.
    pub(crate) fn made(&self) -> Made {
        if self.container.is_some() { Made::by_engine(self.first) } else { Made::by(self.first) }
    }

    /// Ends the sandbox; nothing of it may be left.
    pub(crate) async fn close(mut self) {
        let made = self.made();
        let least = if self.container.is_some() { 1 } else { 2 };
        assert!(made.processes() >= least, "a sandbox is PID 1 at least, and a launcher: {made:?}");
        let ended = self.keeper.destroy().await;
        // An engine that is busy is asked again in the background.
        assert!(ended || self.container.is_some(), "the sandbox did not end");
        made.assert_gone();
        if let Some(container) = &self.container {
            let engine = Engine::given().expect("it was there");
            eventually("its container is gone", || !engine.containers_of(std::process::id()).contains(container));
        }
    }
}

/// A stream that is read while the program runs.
struct Output {
    bytes: Arc<Mutex<Vec<u8>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Output {
    fn read(mut stream: ByteStream) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&bytes);
        let task = tokio::spawn(async move {
            while let Ok(Some(part)) = stream.next().await {
                kept.lock().expect("nobody panics with it").extend_from_slice(&part);
                if stream.grant(part.len()).await.is_err() {
                    return;
                }
            }
        });
        Self { bytes, task }
    }

    async fn end(&mut self) {
        (&mut self.task).await.expect("the reader does not panic");
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().expect("nobody panics with it")).into_owned()
    }
}
