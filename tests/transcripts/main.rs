//! Replays the dialogues of the documents against the real binary over real pipes.

mod daemon;
mod dialogue;
mod pattern;
mod replay;
#[path = "../harness/skip.rs"]
mod skip;

use std::collections::BTreeSet;
use std::path::Path;

use codebeaker::protocol::editor::COMMANDS;
use codebeaker::protocol::{METHODS, NOTIFICATIONS};
use serde_json::{Value, json};

use daemon::Daemon;
use dialogue::{Dialogue, Stage, Step};

/// The documents that hold dialogues.
const DOCUMENTS: &[&str] = &["protocol.md"];

fn dialogues(document: &str) -> Vec<Dialogue> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(document);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    dialogue::parse(&text).unwrap_or_else(|fault| panic!("{document}:{fault}"))
}

/// Why sessions can't be had on this machine, if they can't.
fn missing() -> Option<String> {
    let mut daemon = Daemon::start();
    daemon.initialize();
    let engines = daemon.call("engine/list", json!({}));
    let engines = engines["result"]["engines"].as_array().cloned().unwrap_or_default();
    let python = engines.iter().any(|engine| engine["id"] == "python" && engine["available"] == true);
    let session = daemon.call("session/create", json!({}));
    daemon.end();
    if let Some(error) = session.get("error") {
        return Some(error.to_string());
    }
    (!python).then(|| "the engine python is not available".to_owned())
}

/// Why there is no container engine to show, if there is none.
fn engine() -> Result<(), String> {
    let address = std::env::var("DOCKER_HOST").map_err(|_| "DOCKER_HOST names no container engine".to_owned())?;
    let asked = std::process::Command::new("docker").args(["image", "inspect", "codebeaker/bash"]).output();
    match asked {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(format!("{address}: {}", String::from_utf8_lossy(&output.stderr).trim_end())),
        Err(error) => Err(format!("docker can't be run: {error}")),
    }
}

#[test]
fn the_documents_tell_what_happens() {
    if let Some(reason) = missing() {
        return skip::skip(&format!("the dialogues of the documents can't be replayed: {reason}"));
    }
    let engine = engine();
    let mut failures = Vec::new();
    for document in DOCUMENTS {
        let dialogues = dialogues(document);
        assert!(!dialogues.is_empty(), "{document} has no dialogue");
        for dialogue in dialogues {
            if dialogue.stage == Stage::Engine
                && let Err(why) = &engine
            {
                skip::skip(&format!("{document}:{}: {why}", dialogue.line));
                continue;
            }
            if let Err(failure) = replay::replay(&dialogue) {
                failures.push(format!("{document}:{failure}"));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

#[test]
fn every_method_and_notification_has_an_example() {
    let dialogues = dialogues("protocol.md");
    let steps = || dialogues.iter().flat_map(|dialogue| &dialogue.steps);
    let method = |message: &Value| message.get("method").and_then(Value::as_str).map(str::to_owned);
    let asked: BTreeSet<String> =
        steps().filter_map(|(_, step)| if let Step::Send(message) = step { method(message) } else { None }).collect();
    let told: BTreeSet<String> =
        steps().filter_map(|(_, step)| if let Step::Expect(message) = step { method(message) } else { None }).collect();
    for method in METHODS {
        assert!(asked.contains(method.name), "no dialogue calls {}", method.name);
    }
    let is_done =
        |command: &str, step: &Step| matches!(step, Step::Send(message) if message["params"]["command"] == command);
    for command in COMMANDS {
        let done = steps().any(|(_, step)| is_done(command.name, step));
        assert!(done, "no dialogue does {}", command.name);
    }
    for notification in NOTIFICATIONS {
        assert!(told.contains(notification.name), "no dialogue shows {}", notification.name);
    }
}
