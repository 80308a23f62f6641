//! An interpreter that stands by for code to come: whoever could get at it would be in everything that runs later.

use codebeaker::agent::wire::Awaited;
use serde_json::json;

use crate::actor::each_actor;
use crate::daemon::Daemon;
use crate::harness::Place;
use crate::lab::{PRELUDE, Setting};

/// Looks for an interpreter that waits, and puts words of its own into its memory; then for those that only die of it.
const POISON: &str = r#"
def others():
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if int(pid) == os.getpid():
            continue
        try:
            words = open(f"/proc/{pid}/cmdline", "rb").read().split(b"\0")
        except OSError:
            continue
        if any(word.startswith(b"/run/codebeaker/") for word in words):
            yield int(pid)

def poison():
    count = 0
    for pid in others():
        with open(f"/proc/{pid}/mem", "r+b", buffering=0) as memory:
            for line in open(f"/proc/{pid}/maps"):
                place, modes = line.split()[:2]
                if not modes.startswith("rw"):
                    continue
                start, end = (int(part, 16) for part in place.split("-"))
                try:
                    memory.seek(start)
                    held = memory.read(end - start)
                except (OSError, OverflowError, ValueError):
                    continue
                at = held.find(b"clean-word")
                while at >= 0:
                    memory.seek(start + at)
                    memory.write(b"dirty-word")
                    count += 1
                    at = held.find(b"clean-word", at + 1)
    return must(count)

attempt("poison", poison)
say("found", "worked", len(list(others())))
"#;

/// Leaves what an interpreter would run at its start.
const PLANT: &str = r#"open("sitecustomize.py", "w").write("import os; os.environ['WORD'] = 'dirty-word'")"#;

pub(crate) fn nobody_gets_at_an_interpreter_that_stands_by(place: Place) {
    each_actor(place, async |lab| {
        // One that stands by beside a program, as it never does: whoever finds it has a say in what it runs.
        let stand = lab.sandbox(Setting::safe()).await;
        let mut waiting = stand.program(&["/usr/bin/python3", "/run/codebeaker/early/main.py"]);
        waiting.env.push(("WORD".to_owned(), "clean-word".to_owned()));
        let awaited = Awaited { path: b"early/main.py".to_vec(), absent: Vec::new() };
        let early = stand.link.spawn_ahead(waiting, awaited).await.expect("start it");
        let scale = early.scale();
        // By then it has read its environment.
        while scale.weigh().await.expect("it waits") < 2 << 20 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        let ran = stand.attack(POISON).await;
        assert_eq!(ran.number("found"), 1, "{ran:#?}");
        // gVisor lets nobody write to the memory of others.
        if place != Place::Gvisor {
            ran.assert_worked(&["poison"]);
        }
        early.release(&"import os; print(os.environ['WORD'])".into()).await.expect("it waits for it");
        let poisoned = stand.finish(early).await;
        let word = if place == Place::Gvisor { "clean-word\n" } else { "dirty-word\n" };
        assert_eq!(poisoned.stdout, word, "the attack does not work without its protection: {poisoned:#?}");
        stand.close().await;

        // In a session nothing stands by while anything runs.
        let mut daemon = Daemon::start(&lab, &[]);
        let session = daemon.session(json!({"language": "python", "env": {"WORD": "clean-word"}}));
        let print = "import os; print(os.environ['WORD'])";
        let attack = format!("import sys\nsys.argv.append('{{}}')\n{PRELUDE}\n{POISON}");
        for _ in 0..3 {
            daemon.python(&session, print);
            daemon.python(&session, &attack);
            daemon.python(&session, PLANT);
            daemon.request("fs/remove", json!({"sessionId": session, "path": "sitecustomize.py"}));
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
            daemon.python(&session, print);
        }
        let printed = daemon.printed(&session);
        println!("{printed}");
        assert!(!printed.contains("dirty-word"), "HOLE: {printed}");
        assert!(printed.lines().filter(|line| *line == "clean-word").count() >= 6, "{printed}");
        assert!(!printed.lines().any(|line| line.starts_with("found\t") && !line.ends_with("\t0")), "HOLE: {printed}");
        daemon.stop();
    });
}
