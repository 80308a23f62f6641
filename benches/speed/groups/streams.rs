//! Output through the whole daemon: to a reader that only reads, and to the one of VS Code's extensions.

use std::process::Command;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::Setting;
use crate::Result;
use crate::client::{Came, Daemon};
use crate::contest::{Contest, Peer, Row, Unit, megabytes_per_second};
use crate::peers::Assistant;
use crate::programs::{EMIT, Pieces, Program, STREAM_BYTES};

pub(super) fn stream(setting: &Setting<'_>) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (pieces, name) in [(Pieces::Lines, "80-byte lines"), (Pieces::Chunks, "64 KiB chunks")] {
        let what = format!("{} MiB in {name}", STREAM_BYTES >> 20);
        let printer = setting.printer.display().to_string();
        let program = Program::new([printer.as_str(), EMIT, pieces.argument()]);
        rows.push(to_a_reader(setting, &what, pieces, &program)?);
        if let Ok(tools) = &setting.peers.vscode_jsonrpc {
            let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/speed/reader.mjs");
            let mut reader =
                Assistant::start(Command::new("node").arg(script).args([tools, setting.binary]).arg(&printer))?;
            let what = format!("{what}, to vscode-jsonrpc");
            let contest = Contest::new(what, Unit::MegabytesPerSecond, || reader.ask(pieces.argument()));
            rows.push(contest.floor(|| program.throughput()).run(setting.rounds(10))?);
        }
    }
    Ok(rows)
}

fn to_a_reader(setting: &Setting<'_>, what: &str, pieces: Pieces, program: &Program) -> Result<Row> {
    let mut daemon = Daemon::start(setting.binary)?;
    let session = daemon.session()?;
    let data = STANDARD.encode(std::fs::read(&setting.printer)?);
    let write =
        json!({"sessionId": session, "path": "print", "data": data, "encoding": "base64", "permissions": "755"});
    daemon.call("fs/write", &write)?;
    let params = json!({
        "sessionId": session,
        "source": {"program": "./print", "args": [EMIT, pieces.argument()]},
        "limits": {"outputBytes": 1 << 30},
    });
    let bubblewrap = setting.peers.bubblewrap.as_ref().ok();
    let directory = setting.printer.parent();
    let bubblewrap = bubblewrap.map(|bubblewrap| bubblewrap.wrap(program, directory));
    let mut kernel = setting.kernel()?;
    let row = Contest::new(what, Unit::MegabytesPerSecond, || through(&mut daemon, &params))
        .floor(|| program.throughput())
        .peer(Peer::Bubblewrap, bubblewrap.as_ref().map(|program| || program.throughput()))
        .slow_peer(Peer::Ipykernel, 5, kernel.as_mut().map(|kernel| || kernel.ask(pieces.argument())))
        .run(setting.rounds(20))?;
    daemon.end()?;
    Ok(row)
}

/// Megabytes a second of what a program prints, all of which comes to the client.
pub(super) fn through(daemon: &mut Daemon, params: &Value) -> Result<f64> {
    let began = Instant::now();
    let id = daemon.ask("session/execute", params)?;
    let mut bytes = 0;
    loop {
        match daemon.next()? {
            Came::Output => bytes += daemon.body_bytes() as u64,
            Came::Answer(head) if head.id == id => break,
            _ => {}
        }
    }
    let taken = began.elapsed();
    // Envelopes and escapes only add to what the program printed.
    if bytes < STREAM_BYTES {
        return Err(format!("only {bytes} bytes came").into());
    }
    Ok(megabytes_per_second(STREAM_BYTES, taken))
}
