//! Plays a dialogue with an adapter: says what the client says, and takes what it gets.
//!
//! Events that tell where the debuggee stands (`stopped`, `exited`, `terminated`, `initialized`) must come
//! as the dialogue shows them, and no others. Other events may come in any number; output may come in
//! pieces, which are joined. Every request is answered, and well unless the dialogue says otherwise.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::connection::{Absent, Connection};
use super::pattern::{Bindings, compare, fill};
use super::script::{By, Dialogue, Step, What};

/// The events that must all be shown, in their order.
const TOLD: [&str; 4] = ["initialized", "stopped", "exited", "terminated"];

/// An adapter that can play a part.
pub(crate) struct Part<'a> {
    /// Whether it is codebeaker's.
    pub(crate) ours: bool,
    /// How to start it.
    pub(crate) command: Box<dyn Fn() -> Command + 'a>,
    /// What each launch is given, beside what the dialogue says.
    pub(crate) launch: Value,
}

/// A connection, and what the dialogue has shown of it so far.
struct Talk {
    connection: Connection,
    /// The requests whose answers the dialogue has not shown, in order, with the line.
    unshown: Vec<(i64, String, usize)>,
}

/// All that came in a dialogue, by connection.
pub(crate) type Record = Vec<Value>;

/// Plays a dialogue in which `<program>` is this file. The error begins with the line. What the adapter
/// said is given back for further checks.
pub(crate) fn play(dialogue: &Dialogue, part: &Part<'_>, program: &Path) -> (Result<(), String>, Vec<Record>) {
    let mut names = Bindings::new();
    let directory = program.parent().expect("a file has a directory");
    names.insert("program".to_owned(), json!(program));
    names.insert("directory".to_owned(), json!(directory));
    let mut stage = Stage { part, names, main: None, child: None, configuration: None };
    let mut result = Ok(());
    for step in dialogue.steps.iter().filter(|step| part.plays(step.by)) {
        result = stage.step(step).map_err(|why| format!("{}: {why}{}", step.line, stage.states()));
        if result.is_err() {
            break;
        }
    }
    if result.is_ok() {
        result = stage.finish(dialogue).map_err(|why| format!("at the end: {why}{}", stage.states()));
    }
    let talks = [stage.main.take(), stage.child.take()];
    (result, talks.into_iter().flatten().map(|talk| talk.connection.record.clone()).collect())
}

impl Part<'_> {
    fn plays(&self, by: By) -> bool {
        match by {
            By::All => true,
            By::Ours => self.ours,
            By::Oracle => !self.ours,
        }
    }
}

struct Stage<'a> {
    part: &'a Part<'a>,
    names: Bindings,
    main: Option<Talk>,
    child: Option<Talk>,
    /// What the adapter asked to start a child session with.
    configuration: Option<Value>,
}

impl Stage<'_> {
    fn states(&self) -> String {
        let talks = [("", &self.main), ("child ", &self.child)];
        let talks = talks.into_iter().filter_map(|(name, talk)| Some((name, talk.as_ref()?)));
        talks.map(|(name, talk)| format!("\n{name}{}", talk.connection.state())).collect()
    }

    fn step(&mut self, step: &Step) -> Result<(), String> {
        self.open(step)?;
        let slot = if step.child { &mut self.child } else { &mut self.main };
        let talk = slot.as_mut().ok_or("nothing was asked yet")?;
        match &step.what {
            What::Ask(command, arguments) => {
                let arguments = arguments.as_ref().map(|arguments| fill(arguments, &self.names)).transpose()?;
                let arguments = match (command.as_str(), step.child) {
                    ("launch", false) => Some(merged(self.part.launch.clone(), arguments, &self.names)?),
                    ("attach", true) => self.configuration.clone(),
                    _ => arguments,
                };
                let seq = talk.connection.send(command, arguments.as_ref());
                self.names.insert(format!("{command}Seq"), json!(seq));
                talk.unshown.push((seq, command.clone(), step.line));
                Ok(())
            }
            What::Answer(command, written) => {
                let answer = talk.answer(command)?;
                if answer["success"] != true {
                    return Err(format!("{command} failed: {answer}"));
                }
                compare(written, &answer["body"], &mut self.names).map_err(|why| format!("{why}\n  of {answer:.2000}"))
            }
            What::Refusal(command, written) => {
                let answer = talk.answer(command)?;
                if answer["success"] != false {
                    return Err(format!("{command} did not fail: {answer}"));
                }
                compare(written, &answer["message"], &mut self.names).map_err(|why| format!("{why}\n  of {answer}"))
            }
            What::Event(event, written) => talk.event(event, written, &mut self.names),
            What::Reverse(command, written) => {
                let request = talk.connection.take(|one| one["type"] == "request" && one["command"] == *command);
                let request = request.map_err(|why| format!("no request {command}: {why:?}"))?;
                compare(written, &request["arguments"], &mut self.names)?;
                self.configuration = Some(request["arguments"]["configuration"].clone());
                talk.connection.send_message(json!({
                    "type": "response", "request_seq": request["seq"], "success": true, "command": command,
                }));
                Ok(())
            }
            // Is known at the end.
            What::Never(..) => Ok(()),
        }
    }

    /// Opens the connection of a step, and shakes hands unless the step does.
    fn open(&mut self, step: &Step) -> Result<(), String> {
        let slot = if step.child { &mut self.child } else { &mut self.main };
        if slot.is_some() {
            return Ok(());
        }
        let port = self.configuration.as_ref().and_then(|configuration| configuration["connect"]["port"].as_u64());
        let connection = match port {
            Some(port) if step.child => Connection::dial(u16::try_from(port).map_err(|_| "no port")?),
            _ => Connection::spawn(&mut (self.part.command)()),
        };
        let talk = slot.insert(Talk { connection, unshown: Vec::new() });
        if !matches!(&step.what, What::Ask(command, _) if command == "initialize") {
            let seq = talk.connection.send("initialize", Some(&handshake()));
            let answer = talk.connection.answer(seq).map_err(|why| format!("initialize: {why:?}"))?;
            if answer["success"] != true {
                return Err(format!("initialize: {answer}"));
            }
        }
        Ok(())
    }

    fn finish(&mut self, dialogue: &Dialogue) -> Result<(), String> {
        let part = self.part;
        for talk in [&mut self.child, &mut self.main].into_iter().flatten() {
            talk.end(part.ours)?;
        }
        for step in dialogue.steps.iter().filter(|step| part.plays(step.by)) {
            let What::Never(event, written) = &step.what else { continue };
            let written = fill(written, &self.names).unwrap_or_else(|_| written.clone());
            let talk = if step.child { &self.child } else { &self.main };
            for came in talk.iter().flat_map(|talk| &talk.connection.record) {
                if came["event"] == *event && compare(&written, &came["body"], &mut Bindings::new()).is_ok() {
                    return Err(format!("line {}: it came: {came}", step.line));
                }
            }
        }
        Ok(())
    }
}

impl Talk {
    /// Waits for the answer to the oldest request of this name whose answer was not shown.
    fn answer(&mut self, command: &str) -> Result<Value, String> {
        let asked = self.unshown.iter().position(|(_, asked, _)| asked == command);
        let (seq, ..) = self.unshown.remove(asked.ok_or_else(|| format!("{command} was not asked"))?);
        self.connection.answer(seq).map_err(|why| format!("no answer to {command}: {why:?}"))
    }

    fn event(&mut self, event: &str, written: &Value, names: &mut Bindings) -> Result<(), String> {
        if TOLD.contains(&event) {
            let is_told = |one: &Value| one["event"].as_str().is_some_and(|name| TOLD.contains(&name));
            // Nothing follows from a launch that failed.
            let failed = |one: &Value| one["command"] == "launch" && one["success"] == false;
            let came = self.connection.take(|one| is_told(one) || failed(one));
            let came = came.map_err(|why| format!("no event {event}: {why:?}"))?;
            if came["event"] != event {
                return Err(format!("expected {event}, but first came {came}"));
            }
            return compare(written, &came["body"], names).map_err(|why| format!("{why}\n  of {came}"));
        }
        let deadline = std::time::Instant::now() + super::connection::PATIENCE;
        loop {
            let unclaimed = &mut self.connection.unclaimed;
            let events = unclaimed.iter().enumerate().filter(|(_, one)| one["event"] == event);
            let mut joined: BTreeMap<String, Value> = BTreeMap::new();
            for (index, one) in events {
                if compare(written, &one["body"], names).is_ok() {
                    unclaimed.remove(index);
                    return Ok(());
                }
                let category = one["body"]["category"].to_string();
                let whole = joined.entry(category).and_modify(|whole| join(whole, &one["body"]));
                let whole = whole.or_insert_with(|| one["body"].clone());
                if event == "output" && compare(written, whole, names).is_ok() {
                    return Ok(());
                }
            }
            let why = match self.connection.receive(deadline) {
                Ok(()) => continue,
                Err(Absent::Late) => "until the deadline",
                Err(Absent::Closed) => "before the end",
            };
            return Err(format!("no event {event} {written} came {why}"));
        }
    }

    /// Lets go as editors do, and takes what is left to come.
    fn end(&mut self, ours: bool) -> Result<(), String> {
        let left = self.unshown.iter().any(|(_, command, _)| command == "disconnect")
            || self.connection.record.iter().any(|one| one["command"] == "disconnect");
        if !left {
            let seq = self.connection.send("disconnect", Some(&json!({"terminateDebuggee": true})));
            let answer = self.connection.answer(seq);
            if ours && answer.as_ref().map_or(true, |answer| answer["success"] != true) {
                return Err(format!("disconnect: {answer:?}"));
            }
        }
        for (seq, command, line) in std::mem::take(&mut self.unshown) {
            let answer = self.connection.answer(seq);
            let answer = answer.map_err(|why| format!("{command} of line {line} is not answered: {why:?}"))?;
            if answer["success"] != true {
                return Err(format!("{command} of line {line} failed: {answer}"));
            }
        }
        let status = self.connection.end()?;
        let told = self.connection.unclaimed.iter().filter(|one| TOLD.iter().any(|event| one["event"] == *event));
        // What letting go brings about needs no line.
        let told: Vec<_> = told.filter(|one| one["event"] != "exited" && one["event"] != "terminated").collect();
        if !told.is_empty() {
            return Err(format!("the dialogue does not show {}", json!(told)));
        }
        for event in ["exited", "terminated"] {
            if ours && self.connection.record.iter().filter(|one| one["event"] == event).count() > 1 {
                return Err(format!("{event} came twice"));
            }
        }
        if ours && let Some(request) = self.connection.unclaimed.iter().find(|one| one["type"] == "request") {
            return Err(format!("the dialogue does not show {request}"));
        }
        if ours && !self.connection.faults.is_empty() {
            return Err(self.connection.faults.join("\n"));
        }
        match status {
            Some(status) if ours && !status.success() => Err(format!("the adapter ended with {status}")),
            _ => Ok(()),
        }
    }
}

/// What an editor says of itself.
fn handshake() -> Value {
    json!({
        "clientID": "dialogue", "adapterID": "codebeaker", "locale": "en", "pathFormat": "path",
        "linesStartAt1": true, "columnsStartAt1": true, "supportsVariableType": true,
        "supportsVariablePaging": true, "supportsRunInTerminalRequest": true,
        "supportsStartDebuggingRequest": true, "supportsInvalidatedEvent": true,
    })
}

/// What every launch needs, and what this one wants besides.
fn merged(usual: Value, wanted: Option<Value>, names: &Bindings) -> Result<Value, String> {
    let mut merged = fill(&usual, names)?;
    if let Some(Value::Object(wanted)) = wanted {
        for (name, value) in wanted {
            merged[name] = value;
        }
    }
    // A dialogue takes away what it has no use for.
    if let Some(fields) = merged.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    Ok(merged)
}

fn join(whole: &mut Value, next: &Value) {
    let texts = [&*whole, next].map(|one| one["output"].as_str().unwrap_or_default());
    whole["output"] = json!(texts.concat());
}
