//! What a program prints, as events: whole characters, cleaned, each with the line that printed it.
//!
//! Output comes by the execution's streams, and where it was printed from by the debugger; the two meet here.
//! A client that does not read holds back the program.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::Adapter;
use super::debuggee;
use crate::debug::backend::{OutputOf, Place, Position};
use crate::debug::paths::Mounts;
use crate::execution::{Execution, Gap, Observer, Output, OutputStream, Summary};
use crate::text::{escape, incomplete_styling};

/// How long output waits to be told where it was printed.
const PATIENCE: Duration = Duration::from_millis(20);

/// After so many chunks whose place nobody told, none is waited for until one is told again.
const MISSES: u32 = 3;

/// Places that are remembered of one stream.
const MAX_MARKS: usize = 4096;

/// Where output is printed, as far as a debugger told.
#[derive(Debug, Default)]
pub(super) struct Marks {
    streams: Mutex<[Stream; 2]>,
    told: Notify,
    /// Nothing more will be told.
    pub(super) over: CancellationToken,
}

#[derive(Debug, Default)]
struct Stream {
    marks: VecDeque<(u64, Place, Position)>,
    /// The last mark that was used.
    current: Option<(Place, Position)>,
    misses: u32,
}

impl Marks {
    /// From this byte on, the stream is printed from here.
    pub(super) fn tell(&self, stream: OutputOf, offset: u64, place: Place, at: Position) {
        let mut streams = self.lock();
        let stream = &mut streams[index(stream)];
        // Offsets rise; one that does not is a debuggee's joke.
        if stream.marks.back().is_some_and(|(last, ..)| *last > offset) {
            return;
        }
        stream.misses = 0;
        stream.marks.push_back((offset, place, at));
        if stream.marks.len() > MAX_MARKS {
            stream.marks.pop_front();
        }
        drop(streams);
        self.told.notify_waiters();
    }

    /// Waits, for a moment and where that has helped before, until a mark is known that a chunk from `offset`
    /// to `end` can use.
    async fn wait(&self, stream: OutputOf, offset: u64, end: u64) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let told = self.told.notified();
            tokio::pin!(told);
            // Registered before the look, so that what is told in between is not missed.
            told.as_mut().enable();
            {
                let streams = self.lock();
                let stream = &streams[index(stream)];
                let known = stream.marks.iter().any(|(mark, ..)| (offset..end).contains(mark));
                if known || stream.misses >= MISSES || self.over.is_cancelled() {
                    return;
                }
            }
            let waited = tokio::select! {
                waited = tokio::time::timeout_at(deadline, told) => waited,
                () = self.over.cancelled() => return,
            };
            if waited.is_err() {
                let mut streams = self.lock();
                streams[index(stream)].misses += 1;
                return;
            }
        }
    }

    /// Cuts a chunk where its place changes: the length of each piece and where it was printed.
    fn cut(&self, stream: OutputOf, offset: u64, bytes: &[u8]) -> Vec<(usize, Option<(Place, Position)>)> {
        let mut streams = self.lock();
        let stream = &mut streams[index(stream)];
        let mut pieces = Vec::new();
        let mut from = 0;
        while let Some((mark, place, at)) = stream.marks.front() {
            let reached = mark.saturating_sub(offset);
            if reached >= bytes.len() as u64 && *mark > offset {
                break;
            }
            // Never inside of a character.
            let mut to = usize::try_from(reached).unwrap_or(usize::MAX).min(bytes.len());
            while to < bytes.len() && bytes[to] & 0xC0 == 0x80 {
                to += 1;
            }
            let next = Some((place.clone(), *at));
            stream.marks.pop_front();
            if to > from {
                pieces.push((to - from, stream.current.clone()));
                from = to;
            }
            stream.current = next;
        }
        if from < bytes.len() {
            pieces.push((bytes.len() - from, stream.current.clone()));
        }
        pieces
    }

    fn lock(&self) -> MutexGuard<'_, [Stream; 2]> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn index(stream: OutputOf) -> usize {
    match stream {
        OutputOf::Stdout => 0,
        OutputOf::Stderr => 1,
    }
}

/// Tells the client what an execution prints.
pub(super) struct Printer {
    adapter: Arc<Adapter>,
    mounts: Mounts,
    marks: Arc<Marks>,
    /// The beginnings of styling sequences that are not complete yet, by stream.
    held: Mutex<[String; 2]>,
}

impl Printer {
    pub(super) fn new(adapter: Arc<Adapter>, mounts: Mounts, marks: Arc<Marks>) -> Self {
        Self { adapter, mounts, marks, held: Mutex::default() }
    }

    /// Tells what was printed from an offset on.
    pub(super) async fn print(&self, stream: OutputStream, offset: u64, bytes: &[u8]) {
        let of = of(stream);
        let end = offset.saturating_add(bytes.len() as u64);
        self.marks.wait(of, offset, end).await;
        let mut rest = bytes;
        for (length, place) in self.marks.cut(of, offset, bytes) {
            let (piece, after) = rest.split_at(length.min(rest.len()));
            rest = after;
            let text = self.whole(of, &String::from_utf8_lossy(piece));
            self.tell(of, &text, place).await;
        }
    }

    /// The text with what was held back before it, less what has to be held back now.
    fn whole(&self, of: OutputOf, text: &str) -> String {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let held = &mut held[index(of)];
        let mut whole = std::mem::take(held) + text;
        if self.adapter.habits().styling {
            *held = whole.split_off(whole.len() - incomplete_styling(&whole));
        }
        whole
    }

    /// Tells that this many bytes were gone before they could be told.
    pub(super) async fn lost(&self, bytes: u64) {
        let text = format!("\n({bytes} bytes of output are not shown: they were not read in time)\n");
        self.adapter.outbox.event("output", json!({"category": "console", "output": text})).await;
    }

    /// Tells what was held back, at the end.
    pub(super) async fn finish(&self) {
        for of in [OutputOf::Stdout, OutputOf::Stderr] {
            let text = {
                let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
                std::mem::take(&mut held[index(of)])
            };
            self.tell(of, &text, None).await;
        }
    }

    async fn tell(&self, of: OutputOf, text: &str, place: Option<(Place, Position)>) {
        if text.is_empty() {
            return;
        }
        let habits = self.adapter.habits();
        let category = if of == OutputOf::Stdout { "stdout" } else { "stderr" };
        let mut body = json!({"category": category, "output": escape(text, habits.keep())});
        if let Some((place, at)) = place {
            let source = debuggee::source(&self.mounts, &place, &mut self.adapter.desk(), &habits);
            put_place(&mut body, source, at, &habits);
        }
        self.adapter.outbox.event("output", body).await;
    }
}

/// Adds where something was printed to an `output` event.
pub(super) fn put_place(
    body: &mut Value,
    source: Option<crate::dap::types::Source>,
    at: Position,
    habits: &super::habits::Habits,
) {
    let Some(source) = source.and_then(|source| serde_json::to_value(source).ok()) else { return };
    body["source"] = source;
    body["line"] = json!(habits.line_out(at.line));
    if let Some(column) = at.column {
        body["column"] = json!(habits.column_out(column));
    }
}

fn of(stream: OutputStream) -> OutputOf {
    match stream {
        OutputStream::Stderr => OutputOf::Stderr,
        OutputStream::Stdout | OutputStream::Pty => OutputOf::Stdout,
    }
}

#[async_trait]
impl Observer for Printer {
    async fn started(&self, _: &Execution) {}

    async fn output(&self, _: &Execution, output: Output) {
        self.print(output.stream, output.offset, &output.chunk.bytes).await;
    }

    async fn gap(&self, _: &Execution, gap: Gap) {
        let text = format!("\n({} bytes of output are not shown: the limit is reached)\n", gap.bytes);
        self.adapter.outbox.event("output", json!({"category": "console", "output": text})).await;
    }

    async fn exited(&self, _: &Execution, _: &Summary) {
        self.finish().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(name: &str) -> Place {
        Place::File(name.to_owned())
    }

    fn at(line: u32) -> Position {
        Position { line, column: None }
    }

    #[test]
    fn a_chunk_is_cut_where_its_place_changes_and_never_in_a_character() {
        let marks = Marks::default();
        marks.tell(OutputOf::Stdout, 2, place("/a"), at(1));
        marks.tell(OutputOf::Stdout, 5, place("/a"), at(2));
        marks.tell(OutputOf::Stdout, 1, place("/joke"), at(9));
        let pieces = marks.cut(OutputOf::Stdout, 0, "abcdé!".as_bytes());
        let lines: Vec<_> =
            pieces.iter().map(|(length, place)| (*length, place.as_ref().map(|(_, at)| at.line))).collect();
        assert_eq!(lines, [(2, None), (4, Some(1)), (1, Some(2))]);
        let pieces = marks.cut(OutputOf::Stdout, 7, b"more");
        assert_eq!(pieces[0].1.as_ref().map(|(_, at)| at.line), Some(2), "a place holds until the next");
        assert_eq!(marks.cut(OutputOf::Stderr, 0, b"x")[0].1, None);
    }

    #[tokio::test]
    async fn output_waits_for_nobody_once_waiting_did_not_help() {
        let marks = Marks::default();
        for _ in 0..MISSES {
            marks.wait(OutputOf::Stdout, 0, 1).await;
        }
        assert_eq!(marks.lock()[0].misses, MISSES);
        marks.tell(OutputOf::Stdout, 0, place("/a"), at(1));
        marks.wait(OutputOf::Stdout, 0, 1).await;
        assert_eq!(marks.lock()[0].misses, 0);
    }
}
