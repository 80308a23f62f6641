//! A line of code on engines that come from npm, beside the engine itself.

use serde_json::{Value, json};

use super::{Setting, ahead};
use crate::Result;
use crate::contest::{Contest, Peer, Row, Unit, timed};
use crate::programs::Program;

pub(super) fn engines(setting: &Setting<'_>) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (engine, path) in &setting.peers.engines {
        let Ok(path) = path else { continue };
        let path = format!("{engine}={}", path.display());
        let mut daemon = ahead::without(setting, &["--engine".to_owned(), path])?;
        let session = daemon.call("session/create", &json!({"engine": engine}))?;
        let session = session["sessionId"].as_str().ok_or("no session was made")?.to_owned();
        let source = json!({"language": "typescript", "code": "console.log('a line of text' as string)\n"});
        let result = daemon.execute(&session, &source)?;
        let execution = daemon.call("execution/get", &json!({"executionId": result["executionId"]}))?;
        let mut argv: Vec<_> = execution["argv"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        argv.pop();
        let file = setting.shelf.put("one.ts", source["code"].as_str().unwrap_or_default())?.display().to_string();
        let program = Program::new(argv.into_iter().chain([file.as_str()]));
        let bubblewrap = setting.in_bubblewrap(&program);
        let what = format!("{engine}, one line of TypeScript");
        let contest = Contest::new(what, Unit::Milliseconds, || timed(|| daemon.execute(&session, &source).map(drop)))
            .floor(|| program.run())
            .peer(Peer::Bubblewrap, bubblewrap.as_ref().map(|program| || program.run()));
        rows.push(contest.run(setting.rounds(100))?);
        daemon.end()?;
    }
    Ok(rows)
}
