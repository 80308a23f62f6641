//! Cells: code that runs in a live interpreter.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

use super::interpreter::{Interpreter, ending, gone};
use super::lines::MAX_LINE_BYTES;
use super::names::Document;
use super::talk::Talk;
use super::wire::Op;
use super::{Context, ContextError, Held, State};
use crate::execution::drive::Terms;
use crate::execution::part::{self, Part};
use crate::execution::{Execution, ExecutionError, Observer, Raised, Summary};
use crate::ids::random_name;

/// The longest code: as JSON, with all beside it, it fits into a line.
pub(crate) const MAX_CODE_BYTES: usize = 2 << 20;

/// Code to run, and how.
#[derive(Debug, Clone)]
pub struct Cell {
    /// The code.
    pub code: String,
    /// The document that it is of.
    pub document: Option<Document>,
    /// Its first line there, from 1.
    pub line: u32,
    /// How the client is shown things; without it, values are printed.
    pub rich: Option<Rich>,
    /// Whether the client answers what the code asks for.
    pub input: bool,
}

/// What a client can be shown.
#[derive(Debug, Clone)]
pub struct Rich {
    /// The MIME types that it takes, beside text.
    pub mimes: Vec<String>,
    /// The longest form of a thing that it takes.
    pub max_inline_bytes: usize,
}

/// A place in a context's queue.
pub struct Ticket {
    context: Arc<Context>,
    cell: Cell,
    turn: BoxFuture<'static, Held>,
    reign: CancellationToken,
    asked: Instant,
    place: OwnedSemaphorePermit,
}

impl Context {
    /// Queues a cell, at once.
    ///
    /// # Errors
    /// [`ContextError::Gone`], [`ContextError::QueueFull`] or [`ContextError::TooLong`].
    pub fn queue(self: &Arc<Self>, cell: Cell) -> Result<Ticket, ContextError> {
        if cell.code.len() > MAX_CODE_BYTES || written(&cell.code) > MAX_LINE_BYTES - (64 << 10) {
            return Err(ContextError::TooLong(MAX_CODE_BYTES));
        }
        let (place, turn) = self.join_queue()?;
        Ok(Ticket { context: Arc::clone(self), cell, turn, reign: self.reign(), asked: Instant::now(), place })
    }

    /// Joins the queue, unless it is full or there is nobody to wait for.
    pub(super) fn join_queue(
        self: &Arc<Self>,
    ) -> Result<(OwnedSemaphorePermit, BoxFuture<'static, Held>), ContextError> {
        if let State::Crashed(why) = self.state() {
            return Err(ContextError::Gone { id: self.id.clone(), why });
        }
        let place = Arc::clone(&self.places).try_acquire_owned();
        let place = place.map_err(|_| ContextError::QueueFull { waiting: self.recipe.max_queued })?;
        let mut turn = Arc::clone(&self.slot).lock_owned().boxed();
        // Now, so that turns are in the order in which they were asked for.
        let turn = match (&mut turn).now_or_never() {
            Some(held) => std::future::ready(held).boxed(),
            None => turn,
        };
        Ok((place, turn))
    }
}

/// How long a text is in JSON.
fn written(text: &str) -> usize {
    let length = |byte: u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' => 2,
        0..0x20 => 6,
        _ => 1,
    };
    text.bytes().map(length).sum()
}

impl Ticket {
    /// Runs the cell when its turn has come, and leaves the result in the execution, for those who wait there.
    pub async fn run(self, execution: &Execution, terms: Terms, observer: &dyn Observer) {
        let place = self.place;
        let run = run(self.context, self.cell, self.turn, self.reign, self.asked, execution, terms, observer);
        part::drive_part(execution, observer, run).await;
        drop(place);
    }
}

#[expect(clippy::too_many_arguments, reason = "all of a ticket, taken apart")]
async fn run(
    context: Arc<Context>,
    cell: Cell,
    turn: BoxFuture<'static, Held>,
    reign: CancellationToken,
    asked: Instant,
    execution: &Execution,
    terms: Terms,
    observer: &dyn Observer,
) -> Result<Summary, ExecutionError> {
    let no_interpreter = |why: String| ExecutionError::NoInterpreter { id: context.id.clone(), why };
    let mut held = tokio::select! {
        biased;
        reason = execution.ended_early() => return Ok(part::not_begun(reason, asked.elapsed())),
        () = reign.cancelled() => return Err(no_interpreter("it was restarted or deleted meanwhile".to_owned())),
        held = turn => held,
    };
    let Some(interpreter) = held.as_mut().filter(|interpreter| !interpreter.is_gone()) else {
        return Err(no_interpreter(context.fate()));
    };
    if interpreter.reign.is_cancelled() {
        return Err(no_interpreter("it was restarted or deleted meanwhile".to_owned()));
    }
    context.turn(State::Busy);
    let (mut summary, lost) = converse(&context, interpreter, &cell, asked, execution, terms, observer).await;
    match lost {
        None => {
            context.turn(State::Idle);
        }
        Some(why) => {
            summary.raised.get_or_insert(Raised {
                name: "ContextLost".to_owned(),
                message: why.clone(),
                frames: Vec::new(),
            });
            context.lose(&mut held, why).await;
        }
    }
    Ok(summary)
}

async fn converse(
    context: &Context,
    interpreter: &mut Interpreter,
    cell: &Cell,
    asked: Instant,
    execution: &Execution,
    terms: Terms,
    observer: &dyn Observer,
) -> (Summary, Option<String>) {
    let (id, reign) = (interpreter.next_id(), interpreter.reign.clone());
    let (host, [stdout, stderr], channel, ended) = interpreter.parts();
    let mut told = ended.clone();
    // Nobody can print it who has not seen it.
    let mark = format!("{}{}", random_name(""), random_name(""));
    let due = CancellationToken::new();
    let bytes = format!("\0{mark}\0").into_bytes();
    stdout.begin(bytes.clone(), due.clone()).await;
    stderr.begin(bytes, due.clone()).await;
    let workspace = context.recipe.workspace.as_deref();
    let name = cell.document.as_ref().map(|document| context.names().inside(document, workspace));
    channel.say(&Op::Execute {
        id,
        code: &cell.code,
        name: name.as_deref(),
        line: cell.line,
        mark: &mark,
        rich: cell.rich.is_some(),
        input: cell.input,
        // None of those is for this cell, however late it comes.
        interrupts: host.interrupts.load(Ordering::Relaxed),
    });
    let rich = cell.rich.as_ref();
    let room = terms.output_bytes;
    let talk = Talk { context, channel, execution, observer, id, rich, input: cell.input, room, due };
    let part = Part {
        host: host.clone(),
        streams: [stdout, stderr],
        talk: talk.hold(),
        gone: async { gone(&mut told).await },
        terms,
        queued: asked.elapsed(),
        oom_kills: &context.recipe.oom_kills,
    };
    let kill = host.kill.clone();
    let seen = part::see_part(execution, observer, part);
    tokio::pin!(seen);
    let (summary, lost) = tokio::select! {
        seen = &mut seen => seen,
        () = reign.cancelled() => {
            kill.cancel();
            seen.await
        }
    };
    // That a stream has ended says less than how its process did.
    let lost = match lost {
        Some(why) if reign.is_cancelled() => Some(format!("the context was restarted or deleted ({why})")),
        Some(_) if summary.exit_code.is_some() || summary.signal.is_some_and(|signal| signal != 9) => {
            let ended = ended.borrow().clone().flatten();
            Some(ending(ended.as_ref()))
        }
        lost => lost,
    };
    (summary, lost)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_in_json_is_what_it_is() {
        for text in ["", "a\nb", "\u{1}\"\\é\u{1f600}\u{7f}", "\t\r\u{b}"] {
            assert!(written(text) >= serde_json::to_string(text).unwrap().len() - 2, "{text:?}");
        }
    }
}
