//! Programs in a session that is there: run to the end, to their first byte, and cancelled.

use std::time::Instant;

use serde_json::{Value, json};

use super::{Setting, ahead};
use crate::Result;
use crate::client::Daemon;
use crate::contest::{Contest, Peer, Row, Unit, milliseconds, timed};
use crate::programs::Program;

/// A program of one line, in each language.
pub(super) const ONE_LINERS: [(&str, &str, &str); 2] =
    [("python", "one.py", "print('a line of text')\n"), ("node", "one.js", "console.log('a line of text')\n")];

/// Loops that are busy and print that they are.
const LOOPS: [(&str, &str, &str); 2] =
    [("bash", "busy.sh", "echo\nwhile :; do :; done\n"), ("python", "busy.py", "print()\nwhile True: pass\n")];

pub(super) fn run(setting: &Setting<'_>) -> Result<Vec<Row>> {
    let mut daemon = ahead::without(setting, &[])?;
    let session = daemon.session()?;
    let nothing = Program::new(["/bin/true"]);
    let source = json!({"program": "/bin/true"});
    let mut rows = vec![contest(setting, "/bin/true", &mut daemon, &session, &source, &nothing, None)?];
    for (language, name, code) in ONE_LINERS {
        let program = installed(setting, &mut daemon, &session, language, name, code)?;
        let source = json!({"language": language, "code": code});
        let what = format!("{language}, one line");
        rows.push(contest(setting, &what, &mut daemon, &session, &source, &program, Some(language))?);
    }
    daemon.end()?;
    Ok(rows)
}

fn contest(
    setting: &Setting<'_>,
    what: &str,
    daemon: &mut Daemon,
    session: &str,
    source: &Value,
    program: &Program,
    language: Option<&str>,
) -> Result<Row> {
    let mut kernel = if language == Some("python") { setting.kernel()? } else { None };
    let bubblewrap = setting.in_bubblewrap(program);
    let docker = setting.in_docker(program);
    Contest::new(what, Unit::Milliseconds, || timed(|| daemon.execute(session, source).map(drop)))
        .floor(|| program.run())
        .peer(Peer::Bubblewrap, bubblewrap.as_ref().map(|program| || program.run()))
        .peer(Peer::Ipykernel, kernel.as_mut().map(|kernel| || kernel.ask("run")))
        .peer(Peer::Docker, docker.as_ref().map(|program| || program.run()))
        .run(setting.rounds(if language.is_some() { 100 } else { 500 }))
}

/// A program of the host's that is the same as a run of code in the session.
pub(super) fn installed(
    setting: &Setting<'_>,
    daemon: &mut Daemon,
    session: &str,
    language: &str,
    name: &str,
    code: &str,
) -> Result<Program> {
    let interpreter = daemon.interpreter(session, language)?;
    Ok(Program::new([interpreter, setting.shelf.put(name, code)?.display().to_string()]))
}

pub(super) fn first_byte(setting: &Setting<'_>) -> Result<Vec<Row>> {
    let mut daemon = Daemon::start(setting.binary)?;
    let session = daemon.session()?;
    let echo = Program::new(["/bin/echo", "first"]);
    let bubblewrap = setting.in_bubblewrap(&echo);
    let docker = setting.in_docker(&echo);
    let mut kernel = setting.kernel()?;
    let params = json!({"sessionId": session, "source": {"program": "/bin/echo", "args": ["first"]}});
    let row = Contest::new("first byte of /bin/echo", Unit::Milliseconds, || {
        let began = Instant::now();
        let id = daemon.ask("session/execute", &params)?;
        daemon.wait_for_output()?;
        let taken = milliseconds(began.elapsed());
        daemon.wait_for(id)?;
        Ok(taken)
    })
    .floor(|| echo.first_byte())
    .peer(Peer::Bubblewrap, bubblewrap.as_ref().map(|echo| || echo.first_byte()))
    .peer(Peer::Ipykernel, kernel.as_mut().map(|kernel| || kernel.ask("first")))
    .peer(Peer::Docker, docker.as_ref().map(|echo| || echo.first_byte()))
    .run(setting.rounds(500))?;
    daemon.end()?;
    Ok(vec![row])
}

/// From the cancellation, sent when the first output is there, to the answer with the result.
pub(super) fn cancel(setting: &Setting<'_>) -> Result<Vec<Row>> {
    let mut daemon = Daemon::start(setting.binary)?;
    let session = daemon.session()?;
    let mut rows = Vec::new();
    for (language, name, code) in LOOPS {
        let program = installed(setting, &mut daemon, &session, language, name, code)?;
        let mut kernel = if language == "python" { setting.kernel()? } else { None };
        let params = json!({"sessionId": session, "source": {"language": language, "code": code}});
        let contest = Contest::new(format!("cancel of a busy loop in {language}"), Unit::Milliseconds, || {
            let id = daemon.ask("session/execute", &params)?;
            daemon.wait_for_output()?;
            timed(|| {
                daemon.cancel(id)?;
                daemon.wait_for(id).map(drop)
            })
        });
        let contest = contest.floor(|| program.interrupt());
        let contest = contest.peer(Peer::Ipykernel, kernel.as_mut().map(|kernel| || kernel.ask("cancel")));
        rows.push(contest.run(setting.rounds(100))?);
    }
    daemon.end()?;
    Ok(rows)
}
