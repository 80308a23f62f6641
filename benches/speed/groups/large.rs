//! A gibibyte into a workspace and out of it, and how long something cheap takes meanwhile.

use std::path::Path;
use std::time::Instant;

use serde_json::{Value, json};

use super::Setting;
use crate::Result;
use crate::client::{Came, Daemon};
use crate::contest::{Contest, Row, Unit, megabytes_per_second};

const GIBIBYTE: u64 = 1 << 30;

pub(super) fn large(setting: &Setting<'_>) -> Result<Vec<Row>> {
    let mut daemon = Daemon::start(setting.binary)?;
    let limits = json!({"diskBytes": 3 * GIBIBYTE});
    let session = daemon.session_with(&json!({"runtime": "native", "limits": limits}))?;
    let (source, target) = (setting.shelf.path().join("large"), setting.shelf.path().join("back"));
    std::fs::File::create(&source)?.set_len(GIBIBYTE)?;
    let uri = |path: &Path| format!("file://{}", path.display());
    let into = json!({"sessionId": session, "uri": uri(&source), "path": "large", "overwrite": true});
    let out = json!({"sessionId": session, "uri": uri(&target), "path": "large", "overwrite": true});
    let cheap = json!({"sessionId": session});
    let mut rows = Vec::new();
    for (method, params, what) in [("fs/import", &into, "1 GiB in"), ("fs/export", &out, "1 GiB out")] {
        // One is there for the other, and to take its place.
        daemon.call(method, params)?;
        let contest = Contest::new(what, Unit::MegabytesPerSecond, || through(&mut daemon, method, params));
        rows.push(contest.run(setting.rounds(10))?);
        let mut waits = Waits { method, params, cheap: &cheap, under_way: None };
        let contest =
            Contest::new(format!("session/get, {what} meanwhile"), Unit::Milliseconds, || waits.one(&mut daemon));
        rows.push(contest.run(setting.rounds(200))?);
        waits.end(&mut daemon)?;
    }
    daemon.end()?;
    Ok(rows)
}

fn through(daemon: &mut Daemon, method: &str, params: &Value) -> Result<f64> {
    let began = Instant::now();
    daemon.call(method, params)?;
    Ok(megabytes_per_second(GIBIBYTE, began.elapsed()))
}

/// Asks something cheap while something large is under way.
struct Waits<'a> {
    method: &'a str,
    params: &'a Value,
    cheap: &'a Value,
    under_way: Option<u64>,
}

impl Waits<'_> {
    fn one(&mut self, daemon: &mut Daemon) -> Result<f64> {
        let large = match self.under_way {
            Some(large) => large,
            None => *self.under_way.insert(daemon.ask(self.method, self.params)?),
        };
        let began = Instant::now();
        let cheap = daemon.ask("session/get", self.cheap)?;
        loop {
            match daemon.next()? {
                Came::Answer(head) if head.id == cheap => return Ok(began.elapsed().as_secs_f64() * 1000.0),
                Came::Answer(head) if head.id == large => self.under_way = None,
                _ => {}
            }
        }
    }

    fn end(&mut self, daemon: &mut Daemon) -> Result<()> {
        if let Some(large) = self.under_way.take() {
            daemon.wait_for(large)?;
        }
        Ok(())
    }
}
