//! What goes over the wire between the daemon and the helper inside the debugged interpreter: JSON, one
//! object a line.
//!
//! The helper shares its process with the debuggee, so nothing of it is believed: each type here keeps no
//! more than its bounds say, whatever the line holds, and a line that has another shape is a violation. What
//! comes out is of the back ends' common words; numbers of the helper's become [`Handle`]s that tell their
//! kind, so that one of a thread is never sent back as one of a value.

use std::fmt;
use std::marker::PhantomData;
use std::num::NonZeroU64;

use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::debug::backend::{self as model, Fault, Handle};

/// The longest line either side sends, its end included.
pub(super) const MAX_LINE_BYTES: usize = 4 << 20;
/// The deepest that a line nests.
pub(super) const MAX_DEPTH: usize = 64;
/// The most variables that are taken at once, whatever was asked for.
pub(super) const MAX_VARIABLES: usize = 10_000;
/// The most threads that a debuggee has.
pub(super) const MAX_THREADS: usize = 4096;
/// The most frames that are taken at once: more than Python's own limit for recursion by far.
pub(super) const MAX_FRAMES: usize = 10_000;
/// The most of anything else.
const MAX_ITEMS: usize = 10_000;
const MAX_PATH_BYTES: usize = 4096;

/// A text of which no more than `N` bytes are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Text<const N: usize>(pub(super) String);

/// A name of something.
pub(super) type Name = Text<1024>;
/// Something to read, of several lines perhaps.
pub(super) type Prose = Text<65_536>;
/// As much as a line holds.
pub(super) type Whole = Text<MAX_LINE_BYTES>;

impl<'de, const N: usize> Deserialize<'de> for Text<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut text = String::deserialize(deserializer)?;
        if text.len() > N {
            text.truncate((0..=N).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0));
            text.shrink_to_fit();
        }
        Ok(Self(text))
    }
}

/// A list of which no more than `N` are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct List<T, const N: usize>(pub(super) Vec<T>);

impl<T, const N: usize> Default for List<T, N> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>, const N: usize> Deserialize<'de> for List<T, N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keep<T, const N: usize>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>, const N: usize> Visitor<'de> for Keep<T, N> {
            type Value = List<T, N>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
                let mut kept = Vec::new();
                while kept.len() < N {
                    match items.next_element()? {
                        Some(item) => kept.push(item),
                        None => return Ok(List(kept)),
                    }
                }
                while items.next_element::<IgnoredAny>()?.is_some() {}
                Ok(List(kept))
            }
        }

        deserializer.deserialize_seq(Keep(PhantomData))
    }
}

/// What a line is, before anybody reads what it says.
#[derive(Debug, Deserialize)]
pub(super) struct Header {
    pub(super) id: Option<u64>,
    pub(super) event: Option<Name>,
}

/// A request to the helper.
#[derive(Debug, Serialize)]
pub(super) struct Request<'a> {
    pub(super) id: u64,
    pub(super) op: &'a str,
    pub(super) args: &'a Value,
}

/// An answer of the helper's.
#[derive(Debug, Deserialize)]
pub(super) struct Answer<T> {
    pub(super) ok: Option<T>,
    pub(super) error: Option<Prose>,
    pub(super) kind: Option<Kind>,
}

/// Why the helper did not do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Kind {
    Refused,
    NotStopped,
    Stale,
    Unsupported,
}

impl Kind {
    pub(super) fn fault(self, text: String) -> Fault {
        match self {
            Self::Refused => Fault::Refused(text),
            Self::NotStopped => Fault::NotStopped,
            Self::Stale => Fault::Stale,
            Self::Unsupported => Fault::Unsupported("this"),
        }
    }
}

/// What a number of the helper's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    Thread,
    Frame,
    Value,
    Choice,
    Text,
}

impl Of {
    const fn mark(self) -> char {
        match self {
            Self::Thread => 't',
            Self::Frame => 'f',
            Self::Value => 'v',
            Self::Choice => 'c',
            Self::Text => 's',
        }
    }

    /// The handle that stands for a number.
    pub(super) fn handle(self, number: NonZeroU64) -> Handle {
        // A letter and twenty digits at most.
        Handle::new(&format!("{}{number}", self.mark())).unwrap_or_else(|| unreachable!("a handle that is too long"))
    }

    /// The number that a handle stands for.
    ///
    /// # Errors
    /// [`Fault::Stale`] for a handle of another kind.
    pub(super) fn number(self, handle: &Handle) -> Result<u64, Fault> {
        handle.as_str().strip_prefix(self.mark()).and_then(|digits| digits.parse().ok()).ok_or(Fault::Stale)
    }
}

/// A place, as the helper names it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Place {
    file: Option<String>,
    text: Option<NonZeroU64>,
    name: Option<Name>,
}

impl Place {
    /// The place, if it is one.
    pub(super) fn known(self) -> Option<model::Place> {
        match (self.file, self.text) {
            (Some(file), None) => {
                let whole = file.starts_with('/') && file.len() <= MAX_PATH_BYTES && !file.contains('\0');
                whole.then_some(model::Place::File(file))
            }
            (None, Some(text)) => {
                let name = self.name.map_or_else(|| "<text>".to_owned(), |name| name.0);
                Some(model::Place::Text { handle: Of::Text.handle(text), name })
            }
            _ => None,
        }
    }
}

/// A place, as it is told to the helper.
///
/// # Errors
/// [`Fault::Stale`] for a place of another back end's.
pub(super) fn told(place: &model::Place) -> Result<Value, Fault> {
    Ok(match place {
        model::Place::File(path) => json!({"file": path}),
        model::Place::Text { handle, name } => json!({"text": Of::Text.number(handle)?, "name": name}),
    })
}

/// What breakpoints have in common, as members of `breakpoint`.
pub(super) fn with_terms(mut breakpoint: Value, terms: &model::Terms) -> Value {
    if let Some(condition) = &terms.condition {
        breakpoint["condition"] = json!(condition);
    }
    if let Some(hit) = terms.hit {
        use model::HitCondition as Hit;
        let (operator, times) = match hit {
            Hit::Equal(times) => ("==", times),
            Hit::AtLeast(times) => (">=", times),
            Hit::MoreThan(times) => (">", times),
            Hit::AtMost(times) => ("<=", times),
            Hit::LessThan(times) => ("<", times),
            Hit::Multiple(times) => ("%", times),
        };
        breakpoint["hit"] = json!([operator, times]);
    }
    if let Some(log) = &terms.log {
        let parts = log.iter().map(|part| match part {
            model::LogPart::Text(text) => json!({"text": text}),
            model::LogPart::Expression(expression) => json!({"expression": expression}),
        });
        breakpoint["log"] = parts.collect();
    }
    breakpoint
}

/// The body of an answer that says nothing but yes.
#[derive(Debug, Deserialize)]
pub(super) struct Done {}

/// What became of a breakpoint.
#[derive(Debug, Deserialize)]
pub(super) struct Placed {
    verified: bool,
    line: Option<u32>,
    message: Option<Prose>,
}

impl From<Placed> for model::Placed {
    fn from(placed: Placed) -> Self {
        Self {
            verified: placed.verified,
            at: at(placed.line.unwrap_or(0)),
            message: placed.message.map(|message| message.0),
        }
    }
}

/// The answer about breakpoints.
#[derive(Debug, Deserialize)]
pub(super) struct PlacedAll {
    pub(super) placed: List<Placed, MAX_ITEMS>,
}

/// The answer about where breakpoints can stand.
#[derive(Debug, Deserialize)]
pub(super) struct Lines {
    pub(super) lines: List<u32, MAX_ITEMS>,
}

/// A thread.
#[derive(Debug, Deserialize)]
pub(super) struct Thread {
    pub(super) id: NonZeroU64,
    name: Name,
}

impl From<Thread> for model::ThreadInfo {
    fn from(thread: Thread) -> Self {
        Self { handle: Of::Thread.handle(thread.id), name: thread.name.0 }
    }
}

/// The answer about threads.
#[derive(Debug, Deserialize)]
pub(super) struct Threads {
    pub(super) threads: List<Thread, MAX_THREADS>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
enum FrameHint {
    Subtle,
    Label,
}

/// A frame.
#[derive(Debug, Deserialize)]
pub(super) struct Frame {
    id: NonZeroU64,
    name: Name,
    place: Option<Place>,
    line: Option<u32>,
    module: Option<Name>,
    hint: Option<FrameHint>,
}

impl From<Frame> for model::Frame {
    fn from(frame: Frame) -> Self {
        Self {
            handle: Of::Frame.handle(frame.id),
            name: frame.name.0,
            place: frame.place.and_then(Place::known),
            at: at(frame.line.unwrap_or(0)),
            module: frame.module.and_then(|module| Handle::new(&module.0)),
            hint: match frame.hint {
                None => model::FrameHint::Normal,
                Some(FrameHint::Subtle) => model::FrameHint::Subtle,
                Some(FrameHint::Label) => model::FrameHint::Label,
            },
            restartable: false,
        }
    }
}

/// The answer about a call stack.
#[derive(Debug, Deserialize)]
pub(super) struct Stack {
    pub(super) frames: List<Frame, MAX_FRAMES>,
    pub(super) total: Option<u32>,
}

/// Something to choose from.
#[derive(Debug, Deserialize)]
pub(super) struct Choice {
    id: NonZeroU64,
    label: Name,
    line: Option<u32>,
}

impl From<Choice> for model::Choice {
    fn from(choice: Choice) -> Self {
        Self { handle: Of::Choice.handle(choice.id), label: choice.label.0, at: at(choice.line.unwrap_or(0)) }
    }
}

/// The answer about choices.
#[derive(Debug, Deserialize)]
pub(super) struct Choices {
    pub(super) choices: List<Choice, 1000>,
}

/// Which exceptions stop the program.
#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Filter {
    Raised,
    Uncaught,
    UserUncaught,
}

impl From<model::ExceptionFilter> for Filter {
    fn from(filter: model::ExceptionFilter) -> Self {
        match filter {
            model::ExceptionFilter::Raised => Self::Raised,
            model::ExceptionFilter::Uncaught => Self::Uncaught,
            model::ExceptionFilter::UserUncaught => Self::UserUncaught,
        }
    }
}

/// The answer about an exception.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Exception {
    id: Name,
    description: Prose,
    filter: Option<Filter>,
    stack: Option<Whole>,
    evaluate_name: Option<Name>,
}

impl From<Exception> for model::ExceptionInfo {
    fn from(exception: Exception) -> Self {
        Self {
            id: exception.id.0,
            description: exception.description.0,
            filter: match exception.filter {
                Some(Filter::Raised) | None => model::ExceptionFilter::Raised,
                Some(Filter::Uncaught) => model::ExceptionFilter::Uncaught,
                Some(Filter::UserUncaught) => model::ExceptionFilter::UserUncaught,
            },
            stack: exception.stack.map(|stack| stack.0),
            evaluate_name: exception.evaluate_name.map(|name| name.0),
        }
    }
}

/// A line, at which no column is known.
pub(super) const fn at(line: u32) -> model::Position {
    model::Position { line, column: None }
}
