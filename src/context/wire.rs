//! What the daemon and a driver say to each other. What a driver says is cut to what may be passed on.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

/// The most characters of a name.
const MAX_NAME: usize = 1000;

/// The most characters of a text.
const MAX_TEXT: usize = 20_000;

/// The most calls of an error.
pub(super) const MAX_FRAMES: usize = 200;

/// The most forms of one thing that is shown.
pub(super) const MAX_FORMS: usize = 64;

/// What the daemon says.
#[derive(Debug, Serialize)]
#[serde(tag = "op", rename_all = "lowercase")]
pub(super) enum Op<'a> {
    /// Run a cell. `interrupts` is how many were sent for those before.
    Execute {
        id: u64,
        code: &'a str,
        name: Option<&'a str>,
        line: u32,
        mark: &'a str,
        rich: bool,
        input: bool,
        interrupts: u64,
    },
    /// The answer to what a cell asked for.
    Input { input: u64, value: &'a str },
    /// There is no answer.
    #[serde(rename = "input")]
    NoInput { input: u64, eof: bool },
    /// What could stand at a place?
    Complete { id: u64, code: &'a str, cursor: u64 },
    /// What is at a place?
    Inspect { id: u64, code: &'a str, cursor: u64, detail: u8 },
    /// What is defined?
    Variables { id: u64, start: u64, count: u64 },
}

impl Op<'_> {
    /// As a line.
    pub(super) fn line(&self) -> Vec<u8> {
        // All of it has a form in JSON.
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        line.push(b'\n');
        line
    }
}

/// What a driver says.
#[derive(Debug, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub(super) enum Event {
    /// It can be told what to do.
    Ready {
        version: Short,
        /// Whether it could read TypeScript.
        #[serde(default)]
        typescript: bool,
    },
    /// Something is shown.
    Display {
        id: u64,
        kind: Kind,
        #[serde(rename = "displayId", default)]
        display_id: Option<Short>,
        data: Map<String, Value>,
        #[serde(default)]
        metadata: Map<String, Value>,
        #[serde(default)]
        omitted: Vec<Short>,
    },
    /// A cell asks for input.
    Input {
        #[serde(rename = "id")]
        _id: u64,
        input: u64,
        prompt: Text,
        #[serde(default)]
        password: bool,
    },
    /// A cell is over.
    Done {
        id: u64,
        status: Status,
        #[serde(default)]
        code: Option<i32>,
        #[serde(default)]
        error: Option<Error>,
        /// Microseconds of processor time.
        #[serde(default)]
        cpu: Option<u64>,
        /// The most memory that the interpreter has had, in bytes.
        #[serde(default)]
        memory: Option<u64>,
    },
    /// The answer to a question.
    Answer {
        id: u64,
        #[serde(default)]
        fault: Option<Text>,
        #[serde(flatten)]
        answer: Map<String, Value>,
    },
}

/// Why something is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Result,
    Display,
    Update,
}

/// How a cell ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    Ok,
    Error,
    Interrupted,
    Exit,
}

/// The error that ended a cell.
#[derive(Debug, Deserialize)]
pub(super) struct Error {
    pub(super) name: Short,
    #[serde(default)]
    pub(super) message: Text,
    #[serde(default)]
    pub(super) frames: Vec<Frame>,
}

/// One call on the way to an error.
#[derive(Debug, Deserialize)]
pub(super) struct Frame {
    pub(super) file: Short,
    pub(super) line: u32,
    #[serde(default)]
    pub(super) column: Option<u32>,
    #[serde(default)]
    pub(super) function: Short,
}

/// A name, cut where it is too long.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Short(pub(super) String);

/// A text, cut where it is too long.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Text(pub(super) String);

impl<'de> Deserialize<'de> for Short {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(cut(text, MAX_NAME)))
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(cut(text, MAX_TEXT)))
    }
}

fn cut(mut text: String, characters: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(characters) {
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_asked_reads_as_the_drivers_read_it() {
        let line = |op: Op<'_>| serde_json::from_slice::<Value>(&op.line()).unwrap();
        assert_eq!(line(Op::Input { input: 3, value: "é" }), json!({"op": "input", "input": 3, "value": "é"}));
        assert_eq!(line(Op::NoInput { input: 3, eof: true }), json!({"op": "input", "input": 3, "eof": true}));
        let cell = Op::Execute {
            id: 1,
            code: "1\n",
            name: None,
            line: 2,
            mark: "ab",
            rich: true,
            input: false,
            interrupts: 7,
        };
        let expected = json!({"op": "execute", "id": 1, "code": "1\n", "name": null, "line": 2, "mark": "ab",
            "rich": true, "input": false, "interrupts": 7});
        assert_eq!(line(cell), expected);
    }

    #[test]
    fn long_words_are_cut() {
        let long = json!({"event": "done", "id": 1, "status": "error", "error": {
            "name": "é".repeat(5000), "message": "m".repeat(50_000), "frames": []}});
        let Event::Done { error: Some(error), .. } = serde_json::from_value(long).unwrap() else { unreachable!() };
        assert_eq!(error.name.0.chars().count(), MAX_NAME + 1);
        assert_eq!(error.message.0.chars().count(), MAX_TEXT + 1);
    }
}
