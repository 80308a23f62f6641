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
use super::{Execution, Gap, Missing, Observer, Output, OutputStream, Written};
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
    fn new(stream: OutputStream, source: Source<'a>, passed: u64) -> Self {
        Self {
            stream,
            source,
            chunker: Chunker::default(),
            waiting: BytesMut::new(),
            written: Written { bytes: passed, truncated: false },
            passed,
            open: true,
        }
    }
}

/// Moves the output of one execution.
pub(super) struct Pump<'a> {
    execution: &'a Execution,
    observer: &'a dyn Observer,
    lanes: [Option<Lane<'a>>; 2],
    allowance: Allowance,
    seq: u64,
    last_flush: Option<Instant>,
    /// Told once, when the allowance is used up.
    over: Option<tokio::sync::oneshot::Sender<()>>,
}

/// What went through a pump.
pub(super) struct Pumped {
    pub(super) stdout: Written,
    pub(super) stderr: Written,
}

impl<'a> Pump<'a> {
    pub(super) fn new(
        execution: &'a Execution,
        observer: &'a dyn Observer,
        streams: [Source<'a>; 2],
        passed: [u64; 2],
        allowance: Allowance,
        over: tokio::sync::oneshot::Sender<()>,
    ) -> Self {
        let [stdout, stderr] = streams;
        let lanes = if execution.has_terminal {
            [Some(Lane::new(OutputStream::Pty, stdout, passed[0])), None]
        } else {
            let stderr = Lane::new(OutputStream::Stderr, stderr, passed[1]);
            [Some(Lane::new(OutputStream::Stdout, stdout, passed[0])), Some(stderr)]
        };
        Self { execution, observer, lanes, allowance, seq: 0, last_flush: None, over: Some(over) }
    }

    /// Runs until both streams have ended, or the sandbox is gone: then what came until there is passed on.
    pub(super) async fn run(mut self) -> Pumped {
        for index in 0..self.lanes.len() {
            let Some(Lane { stream, passed: bytes @ 1.., .. }) = self.lanes[index] else { continue };
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
            let output = Output { seq: self.next_seq(), stream, offset, chunk };
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

    async fn finish(mut self) -> Pumped {
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
        let [stdout, stderr] = self.lanes.map(|lane| lane.map(|lane| lane.written).unwrap_or_default());
        Pumped { stdout, stderr }
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
