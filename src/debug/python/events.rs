//! What the helper says unasked, made into events of the back ends' common words.
//!
//! It promises that an event is whole or the debugger ends, that no more threads are known than a program can
//! have, and that a helper that talks faster than the adapter listens waits.

use std::collections::HashSet;
use std::num::NonZeroU64;

use async_trait::async_trait;
use serde::Deserialize;
use tokio::sync::mpsc;

use super::channel::{Broken, Heard, parse};
use super::values::Module;
use super::wire::{List, MAX_THREADS, Name, Of, Place, Placed, Prose, Thread, at};
use crate::debug::backend::{self as model, DebugEvent};

/// The longest event; answers alone may be longer.
const MAX_EVENT_BYTES: usize = 256 << 10;

/// The first thing that a helper says.
#[derive(Debug, Deserialize)]
pub(super) struct Ready {
    pub(super) event: Name,
    pub(super) version: Name,
    pub(super) engine: Name,
    pub(super) pid: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum Reason {
    Step,
    Breakpoint,
    FunctionBreakpoint,
    Exception,
    Pause,
    Entry,
    Goto,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stopped {
    thread: NonZeroU64,
    reason: Reason,
    #[serde(default)]
    breakpoints: List<u32, 1000>,
    text: Option<Prose>,
    #[serde(default)]
    all_threads: bool,
}

#[derive(Deserialize)]
struct Continued {
    thread: Option<NonZeroU64>,
}

#[derive(Deserialize)]
struct Ended {
    id: NonZeroU64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum Category {
    Console,
    Important,
}

#[derive(Deserialize)]
struct Output {
    category: Category,
    text: Prose,
    place: Option<Place>,
    line: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum Stream {
    Stdout,
    Stderr,
}

#[derive(Deserialize)]
struct Printing {
    stream: Stream,
    offset: u64,
    place: Place,
    line: u32,
}

#[derive(Deserialize)]
struct BreakpointMoved {
    id: u32,
    placed: Placed,
}

#[derive(Deserialize)]
struct SourceLoaded {
    place: Place,
}

/// Passes on what is said.
pub(super) struct Listener {
    events: mpsc::Sender<DebugEvent>,
    threads: HashSet<NonZeroU64>,
}

impl Listener {
    pub(super) fn new(events: mpsc::Sender<DebugEvent>) -> Self {
        Self { events, threads: HashSet::new() }
    }

    fn read(&mut self, name: &str, line: &[u8]) -> Result<Option<DebugEvent>, Broken> {
        if line.len() > MAX_EVENT_BYTES {
            return Err(Broken::TooLong);
        }
        Ok(Some(match name {
            "stopped" => stopped(parse(line)?),
            "continued" => DebugEvent::Continued {
                thread: parse::<Continued>(line)?.thread.map(|thread| Of::Thread.handle(thread)),
            },
            "threadStarted" => {
                let thread: Thread = parse(line)?;
                self.threads.insert(thread.id);
                if self.threads.len() > MAX_THREADS {
                    return Err(Broken::TooManyThreads);
                }
                DebugEvent::ThreadStarted(thread.into())
            }
            "threadEnded" => {
                let Ended { id } = parse(line)?;
                if !self.threads.remove(&id) {
                    return Ok(None);
                }
                DebugEvent::ThreadEnded(Of::Thread.handle(id))
            }
            "output" => output(parse(line)?),
            "printing" => return Ok(printing(parse(line)?)),
            "breakpointMoved" => {
                let BreakpointMoved { id, placed } = parse(line)?;
                DebugEvent::BreakpointMoved { id, placed: placed.into() }
            }
            "module" => return Ok(parse::<Module>(line)?.known().map(DebugEvent::ModuleLoaded)),
            "source" => return Ok(parse::<SourceLoaded>(line)?.place.known().map(DebugEvent::SourceLoaded)),
            "ending" => DebugEvent::Ending,
            _ => return Err(Broken::UnknownEvent),
        }))
    }
}

fn stopped(stopped: Stopped) -> DebugEvent {
    DebugEvent::Stopped {
        thread: Of::Thread.handle(stopped.thread),
        reason: match stopped.reason {
            Reason::Step => model::StopReason::Step,
            Reason::Breakpoint => model::StopReason::Breakpoint,
            Reason::FunctionBreakpoint => model::StopReason::FunctionBreakpoint,
            Reason::Exception => model::StopReason::Exception,
            Reason::Pause => model::StopReason::Pause,
            Reason::Entry => model::StopReason::Entry,
            Reason::Goto => model::StopReason::Goto,
        },
        breakpoints: stopped.breakpoints.0,
        text: stopped.text.map(|text| text.0),
        all_threads: stopped.all_threads,
    }
}

fn output(output: Output) -> DebugEvent {
    DebugEvent::Output {
        category: match output.category {
            Category::Console => model::Category::Console,
            Category::Important => model::Category::Important,
        },
        text: output.text.0,
        place: output.place.and_then(Place::known).map(|place| (place, at(output.line.unwrap_or(0)))),
    }
}

fn printing(printing: Printing) -> Option<DebugEvent> {
    Some(DebugEvent::Printing {
        stream: match printing.stream {
            Stream::Stdout => model::OutputOf::Stdout,
            Stream::Stderr => model::OutputOf::Stderr,
        },
        offset: printing.offset,
        place: printing.place.known()?,
        at: at(printing.line),
    })
}

#[async_trait]
impl Heard for Listener {
    async fn event(&mut self, name: &str, line: &[u8]) -> Result<(), Broken> {
        if let Some(event) = self.read(name, line)? {
            // Nobody listens any more: whoever let go of the events lets go of the debugger too.
            self.events.send(event).await.map_err(|_| Broken::Ended)?;
        }
        Ok(())
    }
}
