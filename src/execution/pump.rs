//! Moves a program's output to whoever observes it.
//!
//! The first bytes go at once; what follows closely is gathered for a few milliseconds or until a chunk
//! is full, because clients pay by the message. Both streams go through one pump, so that their order
//! stays as it was seen. Credit goes back to the program only when the observer has taken the bytes.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::time::Instant;

use super::chunk::Chunker;
use super::marked::Marked;
use super::{Execution, Gap, Missing, Observer, Output, OutputStream, Stage, Written};
use crate::agent::{ByteStream, LinkError};

/// How long bytes that follow others may wait for more.
const GATHER: Duration = Duration::from_millis(5);

/// Bytes that are worth a message of their own.
const FULL_BYTES: usize = 32 * 1024;

/// What a pump passes on, and when it stops doing so.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowance {
    /// Bytes of all streams together.
    pub(super) bytes: u64,
    /// The longest chunk.
    pub(super) max_chunk_bytes: usize,
}

/// Where output comes from.
pub(super) enum Source<'a> {
    /// All that a program prints.
    Whole(ByteStream),
    /// What it prints until a mark.
    Part(&'a mut Marked),
}

impl Source<'_> {
    async fn next(&mut self) -> Result<Option<Bytes>, LinkError> {
        match self {
            Self::Whole(stream) => stream.next().await,
            Self::Part(marked) => marked.next().await,
        }
    }

    async fn grant(&mut self, bytes: usize) -> Result<(), LinkError> {
        match self {
            Self::Whole(stream) => stream.grant(bytes).await,
            Self::Part(marked) => marked.grant(bytes).await,
        }
    }
}

/// What of a stream came before a pump.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Before {
    pub(super) written: Written,
    /// So much of it, from its beginning, another daemon had.
    pub(super) missed: u64,
}

impl Before {
    /// Another daemon had this.
    pub(super) fn missed(bytes: u64) -> Self {
        Self { written: Written { bytes, truncated: false }, missed: bytes }
    }
}

/// What came of an execution's output before a pump: that of the stages before, or what another daemon had.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Past {
    pub(super) streams: [Before; 2],
    /// The next number of output or gap.
    pub(super) seq: u64,
    /// What was used of the allowance.
    pub(super) spent: u64,
}

/// One stream within a pump.
struct Lane<'a> {
    stream: OutputStream,
    source: Source<'a>,
    chunker: Chunker,
    waiting: BytesMut,
    written: Written,
    passed: u64,
    open: bool,
}

impl<'a> Lane<'a> {
    fn new(stream: OutputStream, source: Source<'a>, before: &Before) -> Self {
        Self {
            stream,
            source,
            chunker: Chunker::default(),
            waiting: BytesMut::new(),
            written: before.written,
            passed: before.written.bytes,
            open: true,
        }
    }
}

/// Moves the output of one execution.
pub(super) struct Pump<'a> {
    execution: &'a Execution,
    observer: &'a dyn Observer,
    stage: Stage,
    lanes: [Option<Lane<'a>>; 2],
    allowance: Allowance,
    missed: [u64; 2],
    seq: u64,
    spent: u64,
    last_flush: Option<Instant>,
    /// Told once, when the allowance is used up.
    over: Option<tokio::sync::oneshot::Sender<()>>,
}

impl<'a> Pump<'a> {
    pub(super) fn new(
        execution: &'a Execution,
        observer: &'a dyn Observer,
        stage: Stage,
        streams: [Source<'a>; 2],
        past: Past,
        allowance: Allowance,
        over: tokio::sync::oneshot::Sender<()>,
    ) -> Self {
        let [stdout, stderr] = streams;
        let lanes = if execution.has_terminal {
            [Some(Lane::new(OutputStream::Pty, stdout, &past.streams[0])), None]
        } else {
            let stderr = Lane::new(OutputStream::Stderr, stderr, &past.streams[1]);
            [Some(Lane::new(OutputStream::Stdout, stdout, &past.streams[0])), Some(stderr)]
        };
        let Past { streams, seq, spent } = past;
        let allowance = Allowance { bytes: allowance.bytes.saturating_sub(spent), ..allowance };
        let missed = streams.map(|stream| stream.missed);
        Self { execution, observer, stage, lanes, allowance, missed, seq, spent, last_flush: None, over: Some(over) }
    }

    /// Runs until both streams have ended, or the sandbox is gone: then what came until there is passed on. Returns
    /// what came until now.
    pub(super) async fn run(mut self) -> Past {
        for index in 0..self.lanes.len() {
            let (Some(Lane { stream, .. }), bytes @ 1..) = (&self.lanes[index], self.missed[index]) else { continue };
            let stream = *stream;
            self.tell_gap(stream, 0, bytes, Missing::AnotherDaemon).await;
        }
        loop {
            let [first, second] = &mut self.lanes;
            if !is_open(first) && !is_open(second) {
                // Nothing more can come, so nothing is worth waiting for.
                return self.finish().await;
            }
            let has_waiting = [&*first, &*second].into_iter().flatten().any(|lane| !lane.waiting.is_empty());
            let due = self.last_flush.unwrap_or_else(Instant::now) + GATHER;
            let (index, read) = tokio::select! {
                read = next(first), if is_open(first) => (0, read),
                read = next(second), if is_open(second) => (1, read),
                () = tokio::time::sleep_until(due), if has_waiting => {
                    self.flush_all().await;
                    continue;
                }
            };
            match read {
                Ok(Some(bytes)) => self.take(index, bytes).await,
                Ok(None) | Err(_) => {
                    if let Some(lane) = &mut self.lanes[index] {
                        lane.open = false;
                    }
                }
            }
        }
    }

    async fn take(&mut self, index: usize, bytes: Bytes) {
        if self.lanes[1 - index].as_ref().is_some_and(|other| !other.waiting.is_empty()) {
            self.flush(1 - index).await;
        }
        let Some(lane) = &mut self.lanes[index] else { return };
        let rested = self.last_flush.is_none_or(|last| last.elapsed() >= GATHER);
        if lane.waiting.is_empty() && (rested || bytes.len() >= FULL_BYTES) {
            self.pass(index, bytes).await;
            return;
        }
        lane.waiting.extend_from_slice(&bytes);
        if rested || lane.waiting.len() >= FULL_BYTES {
            self.flush(index).await;
        }
    }

    async fn flush_all(&mut self) {
        for index in 0..self.lanes.len() {
            self.flush(index).await;
        }
    }

    async fn flush(&mut self, index: usize) {
        let Some(lane) = &mut self.lanes[index] else { return };
        if !lane.waiting.is_empty() {
            let bytes = lane.waiting.split().freeze();
            self.pass(index, bytes).await;
        }
    }

    /// Passes bytes on as far as the allowance goes, counts the rest, and gives the credit back.
    async fn pass(&mut self, index: usize, bytes: Bytes) {
        let Some(lane) = &mut self.lanes[index] else { return };
        let length = bytes.len();
        lane.written.bytes += length as u64;
        let allowed = usize::try_from(self.allowance.bytes).map_or(length, |left| left.min(length));
        let cut = allowed < length;
        if !lane.written.truncated && allowed > 0 {
            self.allowance.bytes -= allowed as u64;
            self.spent += allowed as u64;
            let chunks = lane.chunker.push(bytes.slice(..allowed), self.allowance.max_chunk_bytes);
            self.send(index, chunks).await;
        }
        if cut {
            self.cut_off(index);
        }
        if let Some(lane) = &mut self.lanes[index] {
            // A stream that is gone needs no credit; the next read says so.
            drop(lane.source.grant(length).await);
        }
        self.last_flush = Some(Instant::now());
    }

    fn cut_off(&mut self, index: usize) {
        if let Some(lane) = &mut self.lanes[index] {
            lane.written.truncated = true;
            // A character that the limit cuts in two belongs to the hole.
            lane.chunker = Chunker::default();
        }
        if let Some(over) = self.over.take() {
            // Nobody listens when the program is to run on.
            over.send(()).unwrap_or_default();
        }
    }

    async fn send(&mut self, index: usize, chunks: Vec<super::Chunk>) {
        for chunk in chunks {
            let Some(lane) = &mut self.lanes[index] else { return };
            let (stream, offset) = (lane.stream, lane.passed);
            lane.passed += chunk.bytes.len() as u64;
            self.execution.keep(stream, &chunk.bytes);
            let output = Output { seq: self.next_seq(), stream, offset, chunk, stage: self.stage };
            self.observer.output(self.execution, output).await;
        }
    }

    async fn tell_gap(&mut self, stream: OutputStream, offset: u64, bytes: u64, why: Missing) {
        let gap = Gap { seq: self.next_seq(), stream, offset, bytes, why };
        self.observer.gap(self.execution, gap).await;
    }

    fn next_seq(&mut self) -> u64 {
        self.seq += 1;
        self.seq - 1
    }

    async fn finish(mut self) -> Past {
        self.flush_all().await;
        for index in 0..self.lanes.len() {
            let Some(lane) = &mut self.lanes[index] else { continue };
            let held = lane.chunker.finish(self.allowance.max_chunk_bytes);
            self.send(index, held).await;
            let Some(lane) = &self.lanes[index] else { continue };
            let (stream, offset, missing) = (lane.stream, lane.passed, lane.written.bytes - lane.passed);
            if missing > 0 {
                self.tell_gap(stream, offset, missing, Missing::OverLimit).await;
            }
        }
        let streams = self.lanes.map(|lane| lane.map(|lane| lane.written).unwrap_or_default());
        let streams = streams.map(|written| Before { written, missed: 0 });
        Past { streams, seq: self.seq, spent: self.spent }
    }
}

fn is_open(lane: &Option<Lane<'_>>) -> bool {
    lane.as_ref().is_some_and(|lane| lane.open)
}

async fn next(lane: &mut Option<Lane<'_>>) -> Result<Option<Bytes>, LinkError> {
    match lane {
        Some(lane) => lane.source.next().await,
        None => Ok(None),
    }
}
