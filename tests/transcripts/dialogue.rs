//! Dialogues as the documents write them.
//!
//! A dialogue is a fenced block of the language `dialogue`. `-->` begins what the client sends, `<--` what
//! it gets; a message may go on over lines that begin with a blank. Both are JSON-RPC messages without
//! `"jsonrpc": "2.0"`. `--! SIGTERM` sends the daemon that signal. A block `dialogue` begins after the handshake, unless it begins with `initialize`;
//! in a block `dialogue in a session` there is a session too, and `<sessionId>` is its id; in a block
//! `dialogue with an engine` there is a container engine, which has the images of `scripts/images.sh`.

use serde_json::Value;

/// One dialogue.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Dialogue {
    /// Where the block begins in the document, counted from 1.
    pub(crate) line: usize,
    /// What there is when it begins.
    pub(crate) stage: Stage,
    /// What is said, each with its line.
    pub(crate) steps: Vec<(usize, Step)>,
}

/// What there is when a dialogue begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// A daemon.
    Bare,
    /// A session too.
    Session,
    /// A container engine too.
    Engine,
}

/// One message.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    /// From the client.
    Send(Value),
    /// To the client.
    Expect(Value),
    /// `SIGTERM` for the daemon.
    Terminate,
}

enum Kind {
    Sent,
    Expected,
    Signal,
}

/// All dialogues of a document. The error begins with the line.
pub(crate) fn parse(document: &str) -> Result<Vec<Dialogue>, String> {
    let mut dialogues = Vec::new();
    let mut lines = document.lines().enumerate().map(|(index, line)| (index + 1, line));
    while let Some((line, text)) = lines.next() {
        let stage = match text.strip_prefix("```dialogue") {
            None => continue,
            Some("") => Stage::Bare,
            Some(" in a session") => Stage::Session,
            Some(" with an engine") => Stage::Engine,
            Some(other) => return Err(format!("{line}: a dialogue can't begin {other:?}")),
        };
        let mut messages: Vec<(usize, Kind, String)> = Vec::new();
        loop {
            let Some((line, text)) = lines.next() else {
                return Err(format!("{line}: the dialogue has no end"));
            };
            if text == "```" {
                break;
            } else if let Some(message) = text.strip_prefix("--> ") {
                messages.push((line, Kind::Sent, message.to_owned()));
            } else if let Some(message) = text.strip_prefix("<-- ") {
                messages.push((line, Kind::Expected, message.to_owned()));
            } else if text == "--! SIGTERM" {
                messages.push((line, Kind::Signal, "null".to_owned()));
            } else {
                match messages.last_mut() {
                    Some((_, _, message)) if text.starts_with(' ') => message.push_str(text.trim_start()),
                    _ => return Err(format!("{line}: neither a message nor the continuation of one")),
                }
            }
        }
        let mut steps = Vec::new();
        for (line, kind, message) in messages {
            let message = serde_json::from_str(&message).map_err(|error| format!("{line}: {error}"))?;
            let step = match kind {
                Kind::Sent => Step::Send(message),
                Kind::Expected => Step::Expect(message),
                Kind::Signal => Step::Terminate,
            };
            steps.push((line, step));
        }
        dialogues.push(Dialogue { line, stage, steps });
    }
    Ok(dialogues)
}

#[test]
fn a_dialogue_is_read_with_its_lines() {
    let document = "text\n```dialogue in a session\n--> {\"id\": 1,\n     \"method\": \"a\"}\n<-- {\"id\": 1}\n--! SIGTERM\n```\n```json\n{}\n```\n";
    let dialogues = parse(document).unwrap();
    let [dialogue] = &dialogues[..] else { panic!("{dialogues:?}") };
    assert!(dialogue.stage == Stage::Session && dialogue.line == 2);
    let sent = serde_json::json!({"id": 1, "method": "a"});
    let expected = serde_json::json!({"id": 1});
    assert_eq!(dialogue.steps, [(3, Step::Send(sent)), (5, Step::Expect(expected)), (6, Step::Terminate)]);
}

#[test]
fn what_is_no_dialogue_is_told_with_its_line() {
    assert!(parse("\n```dialogue\nhello\n```\n").unwrap_err().starts_with("3: "));
    assert!(parse("```dialogue\n--> {\n```\n").unwrap_err().starts_with("2: "));
    assert!(parse("```dialogue on the moon\n```\n").unwrap_err().starts_with("1: "));
    assert!(parse("```dialogue\n--> {}\n").unwrap_err().starts_with("1: "));
}
