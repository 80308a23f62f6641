//! Files: written through the daemon and read back.

use serde_json::json;

use super::Setting;
use crate::Result;
use crate::client::Daemon;
use crate::contest::{Contest, Row, Unit, timed};

/// Sizes of files, what they are called, and how many samples are taken.
pub(super) const SIZES: [(usize, &str, usize); 2] = [(1 << 10, "1 KiB", 500), (1 << 20, "1 MiB", 100)];

pub(super) fn file(setting: &Setting<'_>) -> Result<Vec<Row>> {
    let mut daemon = Daemon::start(setting.binary)?;
    let session = daemon.session()?;
    let mut rows = Vec::new();
    for (bytes, name, rounds) in SIZES {
        let path = setting.shelf.put("file.txt", "")?;
        let floor_text = text(bytes);
        let mut there_and_back = there_and_back(&session, bytes);
        let mut write = written(&session, bytes);
        let contest = Contest::new(what(name), Unit::Milliseconds, || timed(|| there_and_back(&mut daemon)));
        let contest = contest.floor(|| {
            timed(|| {
                std::fs::write(&path, &floor_text)?;
                if std::fs::read(&path)?.len() == bytes { Ok(()) } else { Err("a part is missing".into()) }
            })
        });
        rows.push(contest.run(setting.rounds(rounds))?);
        let contest =
            Contest::new(format!("file of {name}, written"), Unit::Milliseconds, || timed(|| write(&mut daemon)));
        let contest = contest.floor(|| timed(|| Ok(std::fs::write(&path, &floor_text)?)));
        rows.push(contest.run(setting.rounds(rounds))?);
    }
    daemon.end()?;
    Ok(rows)
}

pub(super) fn what(name: &str) -> String {
    format!("file of {name}, written and read")
}

/// Writes a file of so many bytes, and reads it.
pub(super) fn there_and_back(session: &str, bytes: usize) -> impl FnMut(&mut Daemon) -> Result<()> + use<> {
    let mut write = written(session, bytes);
    let read = json!({"sessionId": session, "path": "file.txt"}).to_string();
    move |daemon| {
        write(daemon)?;
        let id = daemon.ask_raw("fs/read", &read)?;
        if daemon.wait_for(id)? < bytes { Err("a part of the file is missing".into()) } else { Ok(()) }
    }
}

/// Writes a file of so many bytes.
fn written(session: &str, bytes: usize) -> impl FnMut(&mut Daemon) -> Result<()> + use<> {
    let write = json!({"sessionId": session, "path": "file.txt", "data": text(bytes)}).to_string();
    move |daemon| {
        let id = daemon.ask_raw("fs/write", &write)?;
        daemon.wait_for(id).map(drop)
    }
}

fn text(bytes: usize) -> String {
    "0123456789abcde\n".chars().cycle().take(bytes).collect()
}
