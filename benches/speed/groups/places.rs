//! Sessions in containers: of ours with runc and in gVisor, beside ours in the namespaces of this host, and beside what
//! else runs programs in containers of the same image.
//!
//! A client that keeps a container for each session, as ours does, is docker-py or llm-sandbox, or `docker exec`. `docker run`
//! makes one for each program.

use std::time::Instant;

use serde_json::{Value, json};

use super::{Setting, files, streams};
use crate::Result;
use crate::client::Daemon;
use crate::contest::{Contest, Peer, Row, Unit, milliseconds, timed};
use crate::peers::Assistant;
use crate::programs::Program;

/// Prints 100 MiB.
const PRINT: &str = "import sys\ntext = ((b'x' * 79 + b'\\n') * 820)[:65536]\nfor _ in range(1600): \
                     sys.stdout.buffer.write(text)";

/// A daemon, and a session in one of its runtimes.
struct Place {
    daemon: Daemon,
    session: String,
    params: Value,
}

impl Place {
    fn open(setting: &Setting<'_>, params: Value) -> Result<Self> {
        let mut daemon = Daemon::start(setting.binary)?;
        let session = daemon.session_with(&params)?;
        Ok(Self { daemon, session, params })
    }

    fn execute(&mut self, source: &Value) -> Result<f64> {
        timed(|| self.daemon.execute(&self.session, source).map(drop))
    }

    /// From the request for a session to the first output in it.
    fn create(&mut self) -> Result<f64> {
        let began = Instant::now();
        let session = self.daemon.session_with(&self.params)?;
        let source = json!({"program": "/bin/echo", "args": ["first"]});
        let id = self.daemon.ask("session/execute", &json!({"sessionId": session, "source": source}))?;
        self.daemon.wait_for_output()?;
        let taken = milliseconds(began.elapsed());
        self.daemon.wait_for(id)?;
        self.close(&session)?;
        Ok(taken)
    }

    /// The first execution in a session.
    fn first(&mut self) -> Result<f64> {
        let session = self.daemon.session_with(&self.params)?;
        let taken = timed(|| self.daemon.execute(&session, &json!({"program": "/bin/true"})).map(drop))?;
        self.close(&session)?;
        Ok(taken)
    }

    fn close(&mut self, session: &str) -> Result<()> {
        self.daemon.call("session/close", &json!({"sessionId": session})).map(drop)
    }
}

/// What else runs programs in containers.
struct Others {
    docker_py: Option<Assistant>,
    llm_sandbox: Option<Assistant>,
}

pub(super) fn places(setting: &Setting<'_>) -> Result<Vec<Row>> {
    let Ok(container) = &setting.peers.docker else { return Ok(Vec::new()) };
    let image = container.image();
    let in_container = |runtime| match container.other_image() {
        Some(image) => json!({"runtime": runtime, "engine": "python", "image": image}),
        None => json!({"runtime": runtime, "engine": "python"}),
    };
    let mut docker = match Place::open(setting, in_container("docker")) {
        Ok(docker) => docker,
        Err(error) => {
            eprintln!("places are left out, for there is no session in a container: {error}");
            return Ok(Vec::new());
        }
    };
    let mut native = Place::open(setting, json!({"runtime": "native", "engine": "python"}))?;
    let gvisor = Place::open(setting, in_container("gvisor"));
    let remark = gvisor.as_ref().err().map(|error| format!("gVisor is missing: {error}"));
    let mut gvisor = gvisor.ok();
    let mut others = Others {
        docker_py: setting.container_client(setting.peers.docker_py.as_ref().ok(), image)?,
        llm_sandbox: setting.container_client(setting.peers.llm_sandbox.as_ref().ok(), image)?,
    };
    let mut rows = Vec::new();

    let echo = Program::new(["/bin/echo", "first"]);
    let alone = container.alone(&echo);
    let contest = Contest::new("a session made, first output", Unit::Milliseconds, || docker.create())
        .native(|| native.create())
        .peer(Peer::Gvisor, gvisor.as_mut().map(|gvisor| || gvisor.create()))
        .peer(Peer::DockerRun, Some(|| alone.first_byte()));
    rows.push(others.join(contest, "create").run(setting.rounds(30))?);

    let contest = Contest::new("the first /bin/true of a session", Unit::Milliseconds, || docker.first())
        .native(|| native.first())
        .peer(Peer::Gvisor, gvisor.as_mut().map(|gvisor| || gvisor.first()));
    rows.push(others.join(contest, "first").run(setting.rounds(30))?);

    let runs = [("/bin/true", "true", vec!["/bin/true"]), ("python -c pass", "python", vec!["python3", "-c", "pass"])];
    for (name, word, argv) in runs {
        let source = json!({"program": argv[0], "args": argv[1..]});
        let program = Program::new(argv);
        let (alone, inside) = (container.alone(&program), container.wrap(&program));
        let contest = Contest::new(format!("{name} in a session"), Unit::Milliseconds, || docker.execute(&source))
            .native(|| native.execute(&source))
            .peer(Peer::Gvisor, gvisor.as_mut().map(|gvisor| || gvisor.execute(&source)))
            .slow_peer(Peer::DockerRun, 10, Some(|| alone.run()))
            .slow_peer(Peer::Docker, 5, Some(|| inside.run()));
        rows.push(others.join(contest, word).run(setting.rounds(200))?);
    }

    for ((bytes, name, rounds), word) in files::SIZES.into_iter().zip(["small", "large"]) {
        let file = |place: &mut Place| {
            let mut there_and_back = files::there_and_back(&place.session, bytes);
            timed(|| there_and_back(&mut place.daemon))
        };
        let contest = Contest::new(files::what(name), Unit::Milliseconds, || file(&mut docker))
            .native(|| file(&mut native))
            .peer(Peer::Gvisor, gvisor.as_mut().map(|gvisor| || file(gvisor)));
        rows.push(others.join(contest, word).run(setting.rounds(rounds / 2))?);
    }

    let print = Program::new(["python3", "-c", PRINT]);
    let inside = container.wrap(&print);
    let stream = |place: &mut Place| {
        let source = json!({"program": "python3", "args": ["-c", PRINT]});
        let limits = json!({"outputBytes": 1 << 30});
        let params = json!({"sessionId": place.session, "source": source, "limits": limits});
        streams::through(&mut place.daemon, &params)
    };
    let contest = Contest::new("100 MiB in 64 KiB chunks", Unit::MegabytesPerSecond, || stream(&mut docker))
        .native(|| stream(&mut native))
        .peer(Peer::Gvisor, gvisor.as_mut().map(|gvisor| || stream(gvisor)))
        .peer(Peer::Docker, Some(|| inside.throughput()));
    rows.push(others.join(contest, "stream").run(setting.rounds(20))?);

    if let Some(row) = rows.first_mut() {
        row.remarks.extend(remark);
    }
    for place in [Some(docker), Some(native), gvisor].into_iter().flatten() {
        place.daemon.end()?;
    }
    Ok(rows)
}

impl Others {
    /// Has them measured too, by the word that they know it by.
    fn join<'a>(&'a mut self, contest: Contest<'a>, word: &'static str) -> Contest<'a> {
        let docker_py = self.docker_py.as_mut();
        let llm_sandbox = self.llm_sandbox.as_mut();
        contest
            .slow_peer(Peer::DockerPy, 2, docker_py.map(|one| move || one.ask(&format!("docker-py {word}"))))
            .slow_peer(Peer::LlmSandbox, 2, llm_sandbox.map(|one| move || one.ask(&format!("llm-sandbox {word}"))))
    }
}
