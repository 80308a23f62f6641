//! Dialogues between a client and a debug adapter, as files.
//!
//! The first lines say what the dialogue shows, each after `# `; then `program NAME` names the debuggee.
//! The rest is what is said:
//!
//! - `> command {arguments}`: the client asks. `launch` is given what every launch needs, and the
//!   handshake goes before it unless the dialogue has one of its own.
//! - `< command {body}`: the answer to the oldest such request whose answer the dialogue has not shown.
//! - `< command fails "message"`: the same, and it failed.
//! - `* event {body}`: the adapter tells.
//! - `? command {arguments}`: the adapter asks, and the client agrees.
//! - `never event {body}`: none like this came in the whole dialogue.
//!
//! A message may go on over lines that begin with a blank. `[ours]` before a line: only codebeaker says so;
//! `[oracle]`: only the other debugger does. `child` before a line: it is said in the connection of a
//! child session, which its first line opens.

use serde_json::Value;

/// A dialogue.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Dialogue {
    /// The name of the debuggee's file.
    pub(crate) program: String,
    /// What is said, each with its line.
    pub(crate) steps: Vec<Step>,
}

/// One line of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Step {
    /// Its place in the file, counted from 1.
    pub(crate) line: usize,
    /// Who can do it.
    pub(crate) by: By,
    /// In the connection of the child.
    pub(crate) child: bool,
    /// What is said.
    pub(crate) what: What,
}

/// Whose dialogue a line belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// Everybody's.
    All,
    /// Codebeaker's.
    Ours,
    /// The other debugger's.
    Oracle,
}

/// What is said.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum What {
    /// A request of the client's.
    Ask(String, Option<Value>),
    /// The answer to one.
    Answer(String, Value),
    /// The answer to one that failed, with the message.
    Refusal(String, Value),
    /// An event.
    Event(String, Value),
    /// A request of the adapter's.
    Reverse(String, Value),
    /// An event that must not come.
    Never(String, Value),
}

/// Reads a dialogue. The error begins with the line.
pub(crate) fn parse(text: &str) -> Result<Dialogue, String> {
    let mut program = None;
    let mut said: Vec<(usize, String)> = Vec::new();
    for (line, text) in text.lines().enumerate().map(|(index, line)| (index + 1, line)) {
        if text.is_empty() || text.starts_with('#') {
            continue;
        } else if let Some(name) = text.strip_prefix("program ") {
            program = Some(name.trim().to_owned());
        } else if text.starts_with(' ') {
            let (_, before) = said.last_mut().ok_or_else(|| format!("{line}: continues nothing"))?;
            before.push(' ');
            before.push_str(text.trim_start());
        } else {
            said.push((line, text.to_owned()));
        }
    }
    let steps = said.iter().map(|(line, text)| step(*line, text).map_err(|why| format!("{line}: {why}")));
    let steps = steps.collect::<Result<Vec<_>, _>>()?;
    Ok(Dialogue { program: program.ok_or("1: no line names the program")?, steps })
}

fn step(line: usize, text: &str) -> Result<Step, String> {
    let (by, text) = match text {
        _ if text.starts_with("[ours] ") => (By::Ours, &text["[ours] ".len()..]),
        _ if text.starts_with("[oracle] ") => (By::Oracle, &text["[oracle] ".len()..]),
        _ => (By::All, text),
    };
    let (child, text) = text.strip_prefix("child ").map_or((false, text), |text| (true, text));
    let (sign, rest) = text.split_once(' ').ok_or("a sign, a blank and a name")?;
    let (name, body) = rest.split_once(' ').unwrap_or((rest, ""));
    let (name, body) = (name.to_owned(), body.trim());
    let pattern = |body: &str, absent: Value| {
        if body.is_empty() { Ok(absent) } else { serde_json::from_str(body).map_err(|error| error.to_string()) }
    };
    let any = || Value::String("<any>".to_owned());
    let what = match (sign, body.strip_prefix("fails")) {
        (">", _) => What::Ask(name, if body.is_empty() { None } else { Some(pattern(body, Value::Null)?) }),
        ("<", Some(message)) => What::Refusal(name, pattern(message.trim(), any())?),
        ("<", None) => What::Answer(name, pattern(body, any())?),
        ("*", _) => What::Event(name, pattern(body, any())?),
        ("?", _) => What::Reverse(name, pattern(body, any())?),
        ("never", _) => What::Never(name, pattern(body, any())?),
        _ => return Err(format!("{sign:?} begins nothing")),
    };
    Ok(Step { line, by, child, what })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_dialogue_is_read_with_its_lines() {
        let text = "# What it shows.\nprogram a.py\n\n> launch\n[ours] * stopped {\"reason\":\n    \"entry\"}\n\
                    < evaluate fails \"no…\"\nchild < threads\n";
        let dialogue = parse(text).unwrap();
        assert_eq!(dialogue.program, "a.py");
        let any = json!("<any>");
        let step = |line, by, child, what| Step { line, by, child, what };
        assert_eq!(
            dialogue.steps,
            [
                step(4, By::All, false, What::Ask("launch".to_owned(), None)),
                step(5, By::Ours, false, What::Event("stopped".to_owned(), json!({"reason": "entry"}))),
                step(7, By::All, false, What::Refusal("evaluate".to_owned(), json!("no…"))),
                step(8, By::All, true, What::Answer("threads".to_owned(), any)),
            ]
        );
    }

    #[test]
    fn what_is_no_dialogue_is_told_with_its_line() {
        assert!(parse("program a\nhello there\n").unwrap_err().starts_with("2: "));
        assert!(parse("program a\n> launch {\n").unwrap_err().starts_with("2: "));
        assert!(parse("program a\n  > launch\n").unwrap_err().starts_with("2: "));
        assert!(parse("> launch\n").unwrap_err().starts_with("1: "));
    }
}
