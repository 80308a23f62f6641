//! Files: written through the daemon and read back.

use serde_json::json;

use super::Setting;
use crate::Result;
use crate::client::Daemon;
use crate::contest::{Contest, Row, Unit, timed};

pub(super) fn file(setting: &Setting<'_>) -> Result<Vec<Row>> {
    let mut daemon = Daemon::start(setting.binary)?;
    let session = daemon.session()?;
    let mut rows = Vec::new();
    for (bytes, name, rounds) in [(1 << 10, "1 KiB", 500), (1 << 20, "1 MiB", 100)] {
        let text: String = "0123456789abcde\n".chars().cycle().take(bytes).collect();
        let write = json!({"sessionId": session, "path": "file.txt", "data": text}).to_string();
        let read = json!({"sessionId": session, "path": "file.txt"}).to_string();
        let path = setting.shelf.put("file.txt", "")?;
        let floor_text = text.clone();
        let contest = Contest::new(format!("file of {name}, written and read"), Unit::Milliseconds, || {
            timed(|| {
                let id = daemon.ask_raw("fs/write", &write)?;
                daemon.wait_for(id)?;
                let id = daemon.ask_raw("fs/read", &read)?;
                if daemon.wait_for(id)? < bytes { Err("a part of the file is missing".into()) } else { Ok(()) }
            })
        });
        let contest = contest.floor(|| {
            timed(|| {
                std::fs::write(&path, &floor_text)?;
                if std::fs::read(&path)?.len() == bytes { Ok(()) } else { Err("a part is missing".into()) }
            })
        });
        rows.push(contest.run(setting.rounds(rounds))?);
    }
    daemon.end()?;
    Ok(rows)
}
