//! Daemons and sessions: how long until they are there, and how much memory they take.

use std::time::Instant;

use serde_json::json;

use super::Setting;
use crate::Result;
use crate::client::Daemon;
use crate::contest::{Contest, Heading, Peer, Row, Samples, Unit, milliseconds, timed};
use crate::memory;
use crate::programs::Program;

/// Sessions that are asked for at once.
const AT_ONCE: usize = 50;

/// From starting the executable to the answer to `initialize`.
pub(super) fn start(setting: &Setting<'_>) -> Result<Vec<Row>> {
    let floor = Program::new([setting.binary.display().to_string(), "--version".to_owned()]);
    let contest = Contest::new("daemon ready", Unit::Milliseconds, || {
        let began = Instant::now();
        let daemon = Daemon::start(setting.binary)?;
        let taken = milliseconds(began.elapsed());
        daemon.end()?;
        Ok(taken)
    });
    Ok(vec![contest.floor(|| floor.run()).run(setting.rounds(50))?])
}

pub(super) fn session(setting: &Setting<'_>) -> Result<Vec<Row>> {
    let nothing = Program::new(["/bin/true"]);
    let bubblewrap = setting.in_bubblewrap(&Program::new(["/bin/echo"]));
    let mut kernel = setting.kernel()?;
    let mut daemon = Daemon::start(setting.binary)?;
    // What the first session waits for is the daemon's own start.
    let first = daemon.session()?;
    daemon.call("session/close", &json!({"sessionId": first}))?;
    let mut closing = Samples::default();
    let ready = Contest::new("session ready", Unit::Milliseconds, || {
        let began = Instant::now();
        let session = daemon.session()?;
        let taken = milliseconds(began.elapsed());
        let close = json!({"sessionId": session});
        closing.0.push(timed(|| daemon.call("session/close", &close).map(drop))?);
        Ok(taken)
    })
    .floor(|| nothing.run())
    .peer(Peer::Bubblewrap, bubblewrap.as_ref().map(|echo| || echo.first_byte()))
    .slow_peer(Peer::Ipykernel, 20, kernel.as_mut().map(|kernel| || kernel.ask("start")))
    .run(setting.rounds(200))?;
    let closed = Row {
        what: "session closed".to_owned(),
        unit: Unit::Milliseconds,
        ours: closing,
        floor: None,
        peers: Vec::new(),
        heading: Heading::Floor,
        remarks: Vec::new(),
    };
    daemon.end()?;
    Ok(vec![ready, closed])
}

pub(super) fn at_once(setting: &Setting<'_>) -> Result<Vec<Row>> {
    let nothing = Program::new(["/bin/true"]);
    let bubblewrap = setting.in_bubblewrap(&nothing);
    let mut daemon = Daemon::start(setting.binary)?;
    daemon.session()?;
    let contest = Contest::new(format!("{AT_ONCE} sessions at once, all ready"), Unit::Milliseconds, || {
        let began = Instant::now();
        let sessions = open(&mut daemon, AT_ONCE)?;
        let taken = milliseconds(began.elapsed());
        for session in sessions {
            daemon.call("session/close", &json!({"sessionId": session}))?;
        }
        Ok(taken)
    });
    let contest = contest.floor(|| nothing.many(AT_ONCE));
    let contest = contest.peer(Peer::Bubblewrap, bubblewrap.as_ref().map(|nothing| || nothing.many(AT_ONCE)));
    let row = contest.run(setting.rounds(20))?;
    daemon.end()?;
    Ok(vec![row])
}

/// Asks for so many sessions before the first is there.
fn open(daemon: &mut Daemon, count: usize) -> Result<Vec<String>> {
    let asked: Vec<u64> = (0..count).map(|_| daemon.ask("session/create", &json!({}))).collect::<Result<_>>()?;
    daemon.sessions(&asked)
}

/// Fresh daemons, for memory that was used once may never be given back.
pub(super) fn memory(setting: &Setting<'_>) -> Result<Vec<Row>> {
    let sleep = Program::new(["/bin/sh", "-c", "echo; exec sleep 60"]);
    let bubblewrap = setting.in_bubblewrap(&sleep);
    let mut kernel = setting.kernel()?;
    let [mut idle_rss, mut idle_pss, mut used, mut ten, mut fifty] = std::array::from_fn(|_| Samples::default());
    let [mut peer_sandbox, mut peer_kernel] = std::array::from_fn(|_| Samples::default());
    eprintln!("memory ...");
    for _ in 0..setting.rounds(10) {
        let mut daemon = Daemon::start(setting.binary)?;
        let idle = memory::of(daemon.pid())?;
        idle_rss.0.push(idle.resident);
        idle_pss.0.push(idle.proportional);
        // The launcher and what else serves all sessions.
        let (before, _) = memory::of_tree(daemon.pid())?;
        for (count, samples) in [(10, &mut ten), (AT_ONCE, &mut fifty)] {
            let there = daemon.call("session/list", &json!({}))?["sessions"].as_array().map_or(0, Vec::len);
            open(&mut daemon, count - there)?;
            let (after, processes) = memory::of_tree(daemon.pid())?;
            if processes < count {
                return Err(format!("{processes} processes can't be {count} sessions").into());
            }
            samples.0.push((after - before) / count as f64);
        }
        used.0.push(memory::of(daemon.pid())?.resident);
        daemon.end()?;
        if let Some(sleep) = &bubblewrap {
            let sleep = sleep.running()?;
            peer_sandbox.0.push(memory::of_tree(sleep.pid())?.0);
        }
        if let Some(kernel) = &mut kernel {
            peer_kernel.0.push(kernel.ask("memory")?);
        }
    }
    let row = |what: String, ours: Samples| Row {
        what,
        unit: Unit::Mebibytes,
        ours,
        floor: None,
        peers: Vec::new(),
        heading: Heading::Floor,
        remarks: Vec::new(),
    };
    let per_session = |count: usize| format!("each of {count} sessions, all its processes, proportional");
    let mut each_of_ten = row(per_session(10), ten);
    each_of_ten.peers = vec![(Peer::Bubblewrap, peer_sandbox), (Peer::Ipykernel, peer_kernel)];
    Ok(vec![
        row("daemon idle, resident".to_owned(), idle_rss),
        row("daemon idle, proportional".to_owned(), idle_pss),
        row(format!("daemon with {AT_ONCE} sessions, resident"), used),
        each_of_ten,
        row(per_session(AT_ONCE), fifty),
    ])
}
