//! Live interpreters: a cell to its end, a completion, and the start of one.

use serde_json::{Value, json};

use super::Setting;
use crate::Result;
use crate::client::Daemon;
use crate::contest::{Contest, Peer, Row, Unit, timed};

/// A cell of one line, in each language.
const CELLS: [(&str, &str); 2] = [("python", "print(1)"), ("javascript", "console.log(1)")];

pub(super) fn contexts(setting: &Setting<'_>) -> Result<Vec<Row>> {
    let mut daemon = Daemon::start(setting.binary)?;
    let session = daemon.session()?;
    let mut kernel = setting.kernel()?;
    let mut rows = Vec::new();
    for (language, code) in CELLS {
        let context = create(&mut daemon, &session, language)?;
        let source = json!({"contextId": context, "code": code});
        let contest = Contest::new(format!("a cell of one line in {language}"), Unit::Milliseconds, || {
            timed(|| daemon.execute(&session, &source).map(drop))
        });
        let kernel = kernel.as_mut().filter(|_| language == "python");
        rows.push(contest.peer(Peer::Ipykernel, kernel.map(|kernel| || kernel.ask("run"))).run(setting.rounds(1000))?);
    }
    let context = create(&mut daemon, &session, "python")?;
    let question = json!({"contextId": context, "code": "impor", "cursor": 5});
    let contest = Contest::new("a completion in python", Unit::Milliseconds, || {
        timed(|| daemon.call("context/complete", &question).map(drop))
    });
    let asked = contest.peer(Peer::Ipykernel, kernel.as_mut().map(|kernel| || kernel.ask("complete")));
    rows.push(asked.run(setting.rounds(500))?);
    let contest = Contest::new("a live interpreter of python, to its first cell", Unit::Milliseconds, || {
        let mut context = String::new();
        let taken = timed(|| {
            context = create(&mut daemon, &session, "python")?;
            daemon.execute(&session, &json!({"contextId": context, "code": "1"})).map(drop)
        });
        daemon.call("context/delete", &json!({"contextId": context}))?;
        taken
    });
    let started = contest.peer(Peer::Ipykernel, kernel.as_mut().map(|kernel| || kernel.ask("start")));
    rows.push(started.run(setting.rounds(30))?);
    daemon.end()?;
    Ok(rows)
}

fn create(daemon: &mut Daemon, session: &str, language: &str) -> Result<String> {
    let created = daemon.call("context/create", &json!({"sessionId": session, "language": language}))?;
    let context = created.get("contextId").and_then(Value::as_str);
    Ok(context.ok_or_else(|| format!("no interpreter was started: {created}"))?.to_owned())
}
