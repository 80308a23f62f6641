//! What is said with a driver while a cell runs.

use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio_util::sync::CancellationToken;

use super::Context;
use super::cell::Rich;
use super::interpreter::Channel;
use super::lines::Broken;
use super::wire::{Error, Event, Kind, MAX_FORMS, MAX_FRAMES, Op, Status};
use crate::execution::part::{Told, Verdict};
use crate::execution::{Display, DisplayKind, Execution, Frame, Observer, Question, Raised};

/// How much a cell asks for at a time: it takes a thread for each.
const MAX_QUESTIONS: usize = 16;

/// The longest answer that a cell gets.
const MAX_ANSWER_BYTES: usize = 1 << 20;

/// A cell that was told to run.
pub(super) struct Talk<'a> {
    pub(super) context: &'a Context,
    pub(super) channel: &'a mut Channel,
    pub(super) execution: &'a Execution,
    pub(super) observer: &'a dyn Observer,
    /// The number of the cell.
    pub(super) id: u64,
    /// How it is shown things, where it is.
    pub(super) rich: Option<&'a Rich>,
    /// Whether somebody answers what it asks for.
    pub(super) input: bool,
    /// How much it may show yet, in bytes.
    pub(super) room: u64,
    /// Cancelled once it has said that its output is marked.
    pub(super) due: CancellationToken,
}

impl Talk<'_> {
    /// Hears it out.
    pub(super) async fn hold(self) -> Told {
        match self.listen().await {
            Ok(verdict) => Told::Over(verdict),
            Err(broken) => Told::Gone(broken.to_string()),
        }
    }

    async fn listen(self) -> Result<Verdict, Broken> {
        let Self { context, channel, execution, observer, id, rich, input, mut room, due } = self;
        let mut questions = FuturesUnordered::new();
        loop {
            let event = tokio::select! {
                event = channel.hear() => event?,
                Some((number, answer)) = questions.next(), if !questions.is_empty() => {
                    answer_with(channel, number, answer);
                    continue;
                }
            };
            match event {
                // Threads that an earlier cell has left speak in its name.
                Event::Display { id: of, kind, display_id, data, metadata, omitted } if of <= id => {
                    let Some(rich) = rich else { continue };
                    if data.len() > MAX_FORMS || omitted.len() > MAX_FORMS {
                        return Err(Broken::TooMuch);
                    }
                    let mut display = Display {
                        kind: kind_of(kind),
                        id: display_id.map(|id| id.0),
                        data,
                        metadata,
                        omitted: omitted.into_iter().map(|mime| mime.0).collect(),
                    };
                    display.keep(&rich.mimes, rich.max_inline_bytes);
                    match room.checked_sub(display.length() as u64) {
                        Some(left) => {
                            room = left;
                            execution.show(display, observer).await;
                        }
                        None => execution.leave_out(),
                    }
                }
                Event::Input { input: number, prompt, password, .. } => {
                    if input && questions.len() < MAX_QUESTIONS {
                        let question = Question { prompt: prompt.0, password };
                        questions.push(async move { (number, observer.asked(execution, &question).await) });
                    } else {
                        answer_with(channel, number, None);
                    }
                }
                Event::Done { id: of, status, code, error, cpu, memory } if of == id => {
                    due.cancel();
                    return Ok(Verdict {
                        failed: status != Status::Ok && code != Some(0),
                        interrupted: status == Status::Interrupted,
                        code,
                        cpu: cpu.map(Duration::from_micros),
                        peak_memory_bytes: memory,
                        raised: error.map(|error| raised(context, error)),
                    });
                }
                // A question that nobody waited for any more.
                Event::Answer { id: of, .. } if of < id => {}
                _ => return Err(Broken::Unasked),
            }
        }
    }
}

fn answer_with(channel: &mut Channel, input: u64, answer: Option<String>) {
    match answer.filter(|answer| answer.len() <= MAX_ANSWER_BYTES) {
        Some(value) => channel.say(&Op::Input { input, value: &value }),
        None => channel.say(&Op::NoInput { input, eof: true }),
    }
}

fn kind_of(kind: Kind) -> DisplayKind {
    match kind {
        Kind::Result => DisplayKind::Result,
        Kind::Display => DisplayKind::Display,
        Kind::Update => DisplayKind::Update,
    }
}

fn raised(context: &Context, error: Error) -> Raised {
    let (names, workspace) = (context.names(), context.recipe.workspace.as_deref());
    let frames = error.frames.into_iter().take(MAX_FRAMES).map(|frame| Frame {
        origin: names.origin(&frame.file.0, workspace),
        file: frame.file.0,
        line: frame.line,
        column: frame.column,
        function: frame.function.0,
    });
    Raised { name: error.name.0, message: error.message.0, frames: frames.collect() }
}
