//! A line of code, run by an interpreter that stood by and by one that is started for it.

use std::time::Duration;

use serde_json::{Value, json};

use super::Setting;
use super::runs::{ONE_LINERS, installed};
use crate::Result;
use crate::client::Daemon;
use crate::contest::{Contest, Peer, Row, Unit, timed};

/// How often is asked whether one stands by.
const PAUSE: Duration = Duration::from_millis(10);

pub(super) fn ahead(setting: &Setting<'_>) -> Result<Vec<Row>> {
    let mut cold = without(setting, &[])?;
    let mut warm = Daemon::start(setting.binary)?;
    let sessions = [cold.session()?, warm.session()?];
    let mut rows = Vec::new();
    for (language, name, code) in ONE_LINERS {
        let program = installed(setting, &mut cold, &sessions[0], language, name, code)?;
        let source = json!({"language": language, "code": code});
        warm.execute(&sessions[1], &source)?;
        for is_warm in [true, false] {
            let how = if is_warm { "that stood by" } else { "started for it" };
            let (daemon, session) = if is_warm { (&mut warm, &sessions[1]) } else { (&mut cold, &sessions[0]) };
            let bubblewrap = setting.in_bubblewrap(&program);
            let mut runtime = setting.sandbox_runtime()?;
            let docker = setting.in_docker(&program);
            let argv = json!(program.argv()).to_string();
            let row = Contest::new(format!("{language}, one line, {how}"), Unit::Milliseconds, || {
                if is_warm {
                    wait(daemon, session)?;
                }
                timed(|| daemon.execute(session, &source).map(drop))
            })
            .floor(|| program.run())
            .peer(Peer::Bubblewrap, bubblewrap.as_ref().map(|program| || program.run()))
            .slow_peer(Peer::SandboxRuntime, 5, runtime.as_mut().map(|runtime| || runtime.ask(&argv)))
            .slow_peer(Peer::Docker, 5, docker.as_ref().map(|program| || program.run()))
            .run(setting.rounds(100))?;
            rows.push(row);
        }
    }
    cold.end()?;
    warm.end()?;
    Ok(rows)
}

/// A daemon that starts nothing ahead, with more arguments.
pub(super) fn without(setting: &Setting<'_>, more: &[String]) -> Result<Daemon> {
    let settings = setting.shelf.put("cold.toml", "[ahead]\ninterpreters = 0\n")?;
    let config = ["--config".to_owned(), settings.display().to_string()];
    Daemon::start_with(setting.binary, &[&config, more].concat())
}

/// Waits until an interpreter stands by, and has done what it does before its code.
fn wait(daemon: &mut Daemon, session: &str) -> Result<()> {
    for _ in 0..1000 {
        let told = daemon.call("session/get", &json!({"sessionId": session}))?;
        if told["ahead"].get("memoryBytes").is_some_and(Value::is_u64) {
            return Ok(());
        }
        std::thread::sleep(PAUSE);
    }
    Err("no interpreter stands by".into())
}
