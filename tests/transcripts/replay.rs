//! Plays a dialogue: sends what the client says, and takes what it gets in the order that matters.
//!
//! Messages about one execution (its notifications, and the answer to `session/execute`) must come in the
//! order of the document. Others may overtake them. `execution/output` may come in several parts, which are
//! joined. Messages of a debug adapter come in any order. A message that the document does not show is a failure.

use serde_json::{Value, json};

use super::daemon::Daemon;
use super::dialogue::{Dialogue, Stage, Step};
use super::pattern::{Bindings, compare, fill};

/// Plays a dialogue. The error begins with the line.
pub(crate) fn replay(dialogue: &Dialogue) -> Result<(), String> {
    let mut daemon = if dialogue.stage == Stage::Engine { Daemon::with_engine() } else { Daemon::start() };
    let mut names = Bindings::new();
    let first = dialogue.steps.first().map(|(_, step)| step);
    if !matches!(first, Some(Step::Send(message)) if message["method"] == "initialize") {
        daemon.initialize();
    }
    if dialogue.stage == Stage::Session {
        let session = daemon.call("session/create", json!({}));
        let id =
            session["result"].get("sessionId").ok_or_else(|| format!("{}: no session: {session}", dialogue.line))?;
        names.insert("sessionId".to_owned(), id.clone());
    }
    let mut said: Vec<Value> = Vec::new();
    for (line, step) in &dialogue.steps {
        let failed = |failure: String| format!("{line}: {failure}");
        match step {
            Step::Send(message) => {
                let message = fill(message, &names).map_err(failed)?;
                daemon.send(&message);
                said.push(message["method"].clone());
            }
            Step::Terminate => daemon.terminate(),
            Step::Expect(written) => take(&mut daemon, written, &mut names).map_err(failed)?,
        }
    }
    let failed = |failure: String| format!("{}: {failure}", dialogue.line);
    let terminated = dialogue.steps.iter().any(|(_, step)| *step == Step::Terminate);
    if terminated || said.iter().any(|method| method == "exit") {
        while daemon.wait().is_some() {}
        nothing_left(&mut daemon).map_err(failed)?;
        let (status, expected) = (daemon.exited().code(), i32::from(!said.iter().any(|method| method == "shutdown")));
        return if status == Some(expected) { Ok(()) } else { Err(failed(format!("it exited with {status:?}"))) };
    }
    // What was sent before the answer to this has come when it comes.
    daemon.call("session/list", json!({}));
    nothing_left(&mut daemon).map_err(failed)?;
    let status = daemon.end();
    if status.success() { Ok(()) } else { Err(failed(format!("the daemon ended with {status}"))) }
}

fn nothing_left(daemon: &mut Daemon) -> Result<(), String> {
    match &daemon.unclaimed()[..] {
        [] => Ok(()),
        left => Err(format!("the document does not show {}", json!(left))),
    }
}

/// Takes the message that is written.
fn take(daemon: &mut Daemon, written: &Value, names: &mut Bindings) -> Result<(), String> {
    let mut joined: Option<Value> = None;
    loop {
        let Some(index) = daemon.unclaimed().iter().position(|real| is_meant(written, real, names)) else {
            if daemon.wait().is_none() {
                return Err(format!("expected {written}; there is only {}", json!(daemon.unclaimed())));
            }
            continue;
        };
        let messages = daemon.unclaimed();
        let execution = execution_of(&messages[index]);
        if let Some(earlier) =
            messages[..index].iter().find(|one| execution.is_some() && execution_of(one) == execution)
        {
            return Err(format!("expected {written} before {earlier}"));
        }
        let real = messages.remove(index);
        let real = match joined.take() {
            Some(before) => join(before, &real),
            None => real,
        };
        if is_part(written, &real) {
            joined = Some(real);
            continue;
        }
        return compare(written, &real, names).map_err(|why| format!("{why}\n  the message: {real}"));
    }
}

/// Whether a real message is the one that is written, right or wrong.
fn is_meant(written: &Value, real: &Value, names: &Bindings) -> bool {
    if let Some(method) = written.get("method") {
        let named = written["params"].get("executionId").and_then(|id| fill(id, names).ok());
        let same = named.is_none_or(|id| real["params"].get("executionId") == Some(&id));
        return real.get("method") == Some(method) && same && is_carried(&written["params"], &real["params"]);
    }
    real.get("method").is_none() && real.get("id") == written.get("id")
}

/// Whether a message that another one carries is the one that is written: an answer by its question, others by
/// their name.
fn is_carried(written: &Value, real: &Value) -> bool {
    let (written, real) = (&written["message"], &real["message"]);
    ["type", "event", "command", "request_seq"].iter().all(|field| written[field] == real[field])
}

/// The execution that a message is about.
fn execution_of(message: &Value) -> Option<&Value> {
    match message.get("method") {
        // What the daemon asks overtakes what it tells.
        Some(_) if message.get("id").is_some() => None,
        Some(_) => message["params"].get("executionId"),
        // Other answers name an execution too, but only this one comes after all that is told of it.
        None if message["result"].get("outcome").is_some() => message["result"].get("executionId"),
        None => None,
    }
}

/// Whether a real output is the beginning of the one that is written.
fn is_part(written: &Value, real: &Value) -> bool {
    if real["method"] != "execution/output" || written["method"] != "execution/output" {
        return false;
    }
    match (written["params"]["data"].as_str(), real["params"]["data"].as_str()) {
        (Some(whole), Some(part)) => part.len() < whole.len() && whole.starts_with(part),
        _ => false,
    }
}

/// Output with what follows it.
fn join(mut before: Value, next: &Value) -> Value {
    let data = [&before, next].map(|message| message["params"]["data"].as_str().unwrap_or_default()).concat();
    before["params"]["data"] = json!(data);
    before
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(execution: &str, data: &str) -> Value {
        json!({"method": "execution/output", "params": {"executionId": execution, "data": data}})
    }

    #[test]
    fn output_in_parts_is_one_output() {
        let written = output("<executionId>", "hello\n");
        assert!(is_part(&written, &output("e", "hel")));
        assert!(!is_part(&written, &output("e", "hello\n")) && !is_part(&written, &output("e", "help")));
        assert_eq!(join(output("e", "hel"), &output("e", "lo\n")), output("e", "hello\n"));
    }

    #[test]
    fn a_message_is_known_by_its_id_or_its_execution() {
        let names = Bindings::from([("executionId".to_owned(), json!("e"))]);
        let written = output("<executionId>", "x");
        assert!(is_meant(&written, &output("e", "y"), &names) && !is_meant(&written, &output("f", "x"), &names));
        assert!(is_meant(&written, &output("f", "x"), &Bindings::new()));
        let answer = json!({"id": 1, "result": {"executionId": "e", "outcome": "ok"}});
        assert!(is_meant(&json!({"id": 1}), &answer, &names) && !is_meant(&json!({"id": 2}), &answer, &names));
        assert_eq!(execution_of(&answer), Some(&json!("e")));
        assert_eq!(execution_of(&json!({"id": 1, "result": {"executionId": "e", "running": true}})), None);
    }
}
