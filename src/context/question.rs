//! Questions about what an interpreter holds: they are asked between cells, and change nothing.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::interpreter::Interpreter;
use super::lines::Broken;
use super::wire::{Event, Op, Short, Text};
use super::{Context, ContextError};
use crate::execution::Origin;

/// How long a question waits for what runs.
const BUSY_PATIENCE: Duration = Duration::from_secs(2);

/// How long the answer may take.
const ANSWER_PATIENCE: Duration = Duration::from_secs(10);

/// The most proposals of a completion.
const MAX_MATCHES: usize = 1000;

/// The most variables of an answer.
const MAX_VARIABLES: u64 = 1000;

/// What could stand at a place.
#[derive(Debug, Default, Deserialize)]
pub struct Completion {
    matches: Vec<Match>,
    /// Where what they replace begins, in units of UTF-16.
    pub start: u64,
    /// Where it ends.
    pub end: u64,
}

impl Completion {
    /// Texts, each with what it is.
    pub fn matches(self) -> impl Iterator<Item = (String, String)> {
        self.matches.into_iter().take(MAX_MATCHES).map(|one| (one.text.0, one.kind.0))
    }
}

#[derive(Debug, Deserialize)]
struct Match {
    text: Short,
    #[serde(default)]
    kind: Short,
}

/// What stands at a place.
#[derive(Debug, Default, Deserialize)]
pub struct Inspection {
    /// Whether there is anything.
    pub found: bool,
    name: Option<Short>,
    r#type: Option<Short>,
    signature: Option<Text>,
    doc: Option<String>,
    value: Option<Text>,
    file: Option<Short>,
    /// The line where it was written.
    pub line: Option<u32>,
    /// Where that is.
    #[serde(skip)]
    pub origin: Option<Origin>,
}

impl Inspection {
    /// Its texts: name, type, signature, documentation, value and file.
    #[must_use]
    pub fn texts(self) -> [Option<String>; 6] {
        let Self { name, r#type, signature, doc, value, file, .. } = self;
        let short = |text: Option<Short>| text.map(|text| text.0);
        let text = |text: Option<Text>| text.map(|text| text.0);
        [short(name), short(r#type), text(signature), doc, text(value), short(file)]
    }
}

/// What is defined.
#[derive(Debug, Default, Deserialize)]
pub struct Variables {
    variables: Vec<Variable>,
    /// How many there are in all.
    pub total: u64,
}

impl Variables {
    /// Those that were asked for.
    pub fn all(self) -> impl Iterator<Item = Variable> {
        self.variables.into_iter().take(MAX_VARIABLES as usize)
    }
}

/// Something that has a name.
#[derive(Debug, Deserialize)]
pub struct Variable {
    name: Short,
    r#type: Short,
    value: Short,
    /// How much is in it.
    #[serde(default)]
    pub size: Option<u64>,
    /// Whether there is more in it than its value shows.
    #[serde(default)]
    pub expandable: bool,
}

impl Variable {
    /// Its name, its type and its value.
    #[must_use]
    pub fn texts(self) -> [String; 3] {
        [self.name.0, self.r#type.0, self.value.0]
    }
}

/// What can be asked.
#[derive(Debug, Clone, Copy)]
enum Question<'a> {
    Complete { code: &'a str, cursor: u64 },
    Inspect { code: &'a str, cursor: u64, detail: bool },
    Variables { start: u64, count: u64 },
}

impl<'a> Question<'a> {
    fn op(self, id: u64) -> Op<'a> {
        match self {
            Self::Complete { code, cursor } => Op::Complete { id, code, cursor },
            Self::Inspect { code, cursor, detail } => Op::Inspect { id, code, cursor, detail: u8::from(detail) },
            Self::Variables { start, count } => Op::Variables { id, start, count },
        }
    }

    fn length(self) -> usize {
        match self {
            Self::Complete { code, .. } | Self::Inspect { code, .. } => code.len(),
            Self::Variables { .. } => 0,
        }
    }
}

/// How many code points a text has before a place that is counted in units of UTF-16.
fn code_points(text: &str, units: u64) -> u64 {
    let mut passed = 0;
    let before = text.chars().take_while(|letter| {
        passed += letter.len_utf16() as u64;
        passed <= units
    });
    before.count() as u64
}

/// The other way round.
fn units(text: &str, code_points: u64) -> u64 {
    let before = text.chars().take(usize::try_from(code_points).unwrap_or(usize::MAX));
    before.map(|letter| letter.len_utf16() as u64).sum()
}

impl Context {
    /// What could stand at a place, which is counted in units of UTF-16.
    ///
    /// # Errors
    /// [`ContextError::Busy`], [`ContextError::NoAnswer`], [`ContextError::TooSlow`], or as [`Context::queue`].
    pub async fn complete(self: &Arc<Self>, code: &str, cursor: u64) -> Result<Completion, ContextError> {
        let question = Question::Complete { code, cursor: self.to_driver(code, cursor) };
        let mut found: Completion = self.ask(question).await?;
        found.start = self.of_driver(code, found.start);
        found.end = self.of_driver(code, found.end).max(found.start);
        Ok(found)
    }

    /// What stands at a place.
    ///
    /// # Errors
    /// As [`Context::complete`].
    pub async fn inspect(self: &Arc<Self>, code: &str, cursor: u64, detail: bool) -> Result<Inspection, ContextError> {
        let question = Question::Inspect { code, cursor: self.to_driver(code, cursor), detail };
        let mut found: Inspection = self.ask(question).await?;
        let workspace = self.recipe.workspace.as_deref();
        found.origin = found.file.as_ref().map(|file| self.names().origin(&file.0, workspace));
        Ok(found)
    }

    /// What the code has defined, from the one of this number on.
    ///
    /// # Errors
    /// As [`Context::complete`].
    pub async fn variables(self: &Arc<Self>, start: u64, count: u64) -> Result<Variables, ContextError> {
        self.ask(Question::Variables { start: start.min(u64::from(u32::MAX)), count: count.min(MAX_VARIABLES) }).await
    }

    fn to_driver(&self, code: &str, cursor: u64) -> u64 {
        if self.recipe.driver.counts_code_points { code_points(code, cursor) } else { cursor }
    }

    fn of_driver(&self, code: &str, place: u64) -> u64 {
        let end = code.encode_utf16().count() as u64;
        if self.recipe.driver.counts_code_points { units(code, place) } else { place.min(end) }
    }
}

impl Context {
    /// Asks something, when what runs is over. Who gives up waiting leaves an answer behind, which the next one who
    /// listens throws away.
    async fn ask<A: DeserializeOwned>(self: &Arc<Self>, question: Question<'_>) -> Result<A, ContextError> {
        let longest = super::cell::MAX_CODE_BYTES / 4;
        if question.length() > longest {
            return Err(ContextError::TooLong(longest));
        }
        let (place, turn) = self.join_queue()?;
        let reign = self.reign();
        let mut held = tokio::select! {
            held = tokio::time::timeout(BUSY_PATIENCE, turn) => held.map_err(|_| ContextError::Busy(self.id.clone()))?,
            () = reign.cancelled() => return Err(ContextError::Busy(self.id.clone())),
        };
        let gone = || ContextError::Gone { id: self.id.clone(), why: self.fate() };
        let interpreter = held.as_mut().filter(|interpreter| !interpreter.is_gone()).ok_or_else(gone)?;
        let answered = ask(interpreter, question).await;
        let answered = answered.and_then(|answer| match answer {
            Some(Ok(answer)) => serde_json::from_value(Value::Object(answer)).map(Ok).map_err(|_| Broken::Malformed),
            Some(Err(fault)) => Ok(Err(ContextError::NoAnswer(fault))),
            None => Ok(Err(ContextError::TooSlow(self.id.clone()))),
        });
        drop(place);
        match answered {
            Ok(answer) => answer,
            Err(broken) => {
                self.lose(&mut held, broken.to_string()).await;
                Err(gone())
            }
        }
    }
}

type Answer = Result<Map<String, Value>, String>;

/// `None` when there was none in time.
async fn ask(interpreter: &mut Interpreter, question: Question<'_>) -> Result<Option<Answer>, Broken> {
    let id = interpreter.next_id();
    interpreter.channel.say(&question.op(id));
    let by = Instant::now() + ANSWER_PATIENCE;
    loop {
        let Ok(event) = tokio::time::timeout_at(by, interpreter.channel.hear()).await else { return Ok(None) };
        match event? {
            Event::Answer { id: of, fault, answer } if of == id => {
                return Ok(Some(match fault {
                    Some(fault) => Err(fault.0),
                    None => Ok(answer),
                }));
            }
            Event::Answer { id: of, .. } if of < id => {}
            // What threads of earlier cells show while nothing runs has nobody to see it.
            Event::Display { id: of, .. } if of < id => {}
            Event::Input { input, .. } => interpreter.channel.say(&Op::NoInput { input, eof: true }),
            _ => return Err(Broken::Unasked),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_in_the_drivers_units_and_back() {
        let text = "a\u{1f600}é";
        for (in_utf16, in_code_points) in [(0, 0), (1, 1), (3, 2), (4, 3), (99, 3)] {
            assert_eq!(code_points(text, in_utf16), in_code_points, "{in_utf16}");
            assert_eq!(units(text, in_code_points), in_utf16.min(4));
        }
        // Within a character is before it.
        assert_eq!(code_points(text, 2), 1);
        assert_eq!(units(text, u64::MAX), 4);
    }
}
