//! What a plain client is told of a run: the output as `window/logMessage`, and at its end a `window/showMessage`
//! with what came of it and the last lines.
//!
//! All of it is text out of a sandbox: nothing in it styles, moves a cursor or turns the direction of writing, and
//! the length of each message is bounded. The whole output waits for the client like every other: a client that
//! reads nothing holds up the program.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use lsp_types::{LogMessageParams, MessageType, ShowMessageParams};

use crate::execution::{Display, Execution, Gap, Observer, Outcome, Output, OutputStream, Question, Raised, Summary};
use crate::protocol::signal_name;
use crate::text::{Keep, bare, clean, unstyled};
use crate::transport::{Message, Outbox};

/// What of the end of each stream is looked through for tracebacks, in bytes.
const MAX_END: usize = 64 << 10;

/// A line that is longer is logged in pieces, in bytes.
const MAX_LINE: usize = 16 << 10;

/// What of the end of the output is shown, in bytes.
const MAX_TAIL: usize = 2 << 10;

/// And in lines.
const MAX_TAIL_LINES: usize = 20;

/// The longest message that says what came of a run, without the output's end.
const MAX_VERDICT: usize = 1 << 10;

/// The longest error of a cell, in bytes.
const MAX_RAISED: usize = 500;

/// The most that a report of progress shows, in bytes.
const MAX_GLIMPSE: usize = 200;

/// Tells of one run.
pub(super) struct Reporter {
    outbox: Outbox,
    /// Tells clients that know of executions; `None` for a plain one.
    notifier: Option<Arc<dyn Observer>>,
    heard: Mutex<Heard>,
}

/// What was printed.
#[derive(Default)]
struct Heard {
    /// The end of all of it, in the order in which it came.
    tail: String,
    /// Something was before that.
    is_cut: bool,
    /// The end of standard output or of what a terminal showed, and of standard error.
    ends: [String; 2],
    /// Lines that are not complete yet, of standard output and of standard error.
    pending: [String; 2],
    /// The last complete line, until somebody has seen it.
    fresh: Option<String>,
}

impl Heard {
    /// Takes text, and gives the complete lines of that stream.
    fn take(&mut self, stream: OutputStream, text: &str) -> Option<String> {
        let stream = usize::from(stream == OutputStream::Stderr);
        self.is_cut |= keep_end(&mut self.tail, text, MAX_TAIL);
        keep_end(&mut self.ends[stream], text, MAX_END);
        let pending = &mut self.pending[stream];
        pending.push_str(text);
        let end = match pending.rfind('\n') {
            Some(end) => end + 1,
            None if pending.len() > MAX_LINE => pending.len(),
            None => return None,
        };
        let rest = pending.split_off(end);
        let lines = std::mem::replace(pending, rest);
        if let Some(line) = lines.lines().rev().find(|line| !line.trim().is_empty()) {
            self.fresh = Some(clean(&unstyled(line), Keep::OneLine, MAX_GLIMPSE));
        }
        Some(lines)
    }

    /// The last lines, to be shown.
    fn tail(&self) -> String {
        let shown = clean(&unstyled(self.tail.trim_end()), Keep::Lines, 2 * MAX_TAIL);
        let lines: Vec<&str> = shown.lines().collect();
        let first = lines.len().saturating_sub(MAX_TAIL_LINES);
        let mark = if self.is_cut || first > 0 { "…\n" } else { "" };
        format!("{mark}{}", lines[first..].join("\n"))
    }
}

/// Adds to a text and keeps its end; whether something had to go.
fn keep_end(kept: &mut String, text: &str, max: usize) -> bool {
    kept.push_str(text);
    let over = kept.len().saturating_sub(max);
    let from = (over..=kept.len()).find(|at| kept.is_char_boundary(*at)).unwrap_or(over);
    kept.drain(..from);
    over > 0
}

impl Reporter {
    pub(super) fn new(outbox: Outbox, notifier: Option<Arc<dyn Observer>>) -> Self {
        Self { outbox, notifier, heard: Mutex::default() }
    }

    /// The last line that was printed, unless it was seen before.
    pub(super) fn glimpse(&self) -> Option<String> {
        self.heard().fresh.take()
    }

    /// What the program printed last: to standard error, and to standard output.
    pub(super) fn ends(&self) -> [String; 2] {
        let [stdout, stderr] = std::mem::take(&mut self.heard().ends);
        [stderr, stdout]
    }

    /// The last line that was printed: to standard output, where it ended well and there is something.
    pub(super) fn last_line(&self, is_well: bool) -> Option<String> {
        let heard = self.heard();
        let last = |text: &str| {
            let line = text.lines().rev().find(|line| !line.trim().is_empty())?;
            Some(clean(&bare(line), Keep::OneLine, MAX_GLIMPSE))
        };
        let [stdout, stderr] = &heard.ends;
        let (first, second) = if is_well { (stdout, stderr) } else { (stderr, stdout) };
        last(first).or_else(|| last(second))
    }

    /// What came of it, in words, with the last lines.
    pub(super) fn words(&self, name: &str, ended: &Result<Summary, String>) -> String {
        let verdict = match ended {
            Ok(summary) => verdict(summary),
            Err(why) => format!("it was not run: {why}"),
        };
        let message = clean(&format!("{name}: {verdict}"), Keep::Lines, MAX_VERDICT);
        let tail = self.heard().tail();
        if tail.is_empty() { message } else { format!("{message}\n{tail}") }
    }

    /// Tells a plain client what came of it.
    pub(super) async fn conclude(&self, name: &str, ended: &Result<Summary, String>) {
        if self.notifier.is_some() {
            return;
        }
        let is_fine = |summary: &Summary| matches!(summary.outcome, Outcome::Ok | Outcome::Cancelled);
        let typ = if ended.as_ref().is_ok_and(is_fine) { MessageType::INFO } else { MessageType::ERROR };
        let message = self.words(name, ended);
        self.send("window/showMessage", &ShowMessageParams { typ, message }).await;
    }

    async fn log(&self, text: &str) {
        let shown = clean(&unstyled(text.trim_end_matches(['\r', '\n'])), Keep::Lines, 1 << 20);
        self.send("window/logMessage", &LogMessageParams { typ: MessageType::INFO, message: shown }).await;
    }

    async fn send<P: serde::Serialize>(&self, method: &str, params: &P) {
        let message = Message::notification(method, params).expect("a message can be written as JSON");
        // A client that is gone needs to be told nothing.
        self.outbox.data(message).await.map(drop).unwrap_or_default();
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a cell ended with, in one line.
pub(super) fn raised_in_words(raised: &Raised) -> String {
    let (name, message) = (&raised.name, &raised.message);
    clean(&if message.is_empty() { name.clone() } else { format!("{name}: {message}") }, Keep::OneLine, MAX_RAISED)
}

/// What came of a run, in words.
pub(super) fn verdict(summary: &Summary) -> String {
    let what = match summary.outcome {
        Outcome::Ok => "ended well".to_owned(),
        Outcome::Error => match (&summary.raised, summary.exit_code) {
            (Some(raised), _) => format!("failed with {}", raised_in_words(raised)),
            (None, Some(code)) => format!("failed with exit code {code}"),
            (None, None) => "failed".to_owned(),
        },
        Outcome::Timeout => "took too long and was ended".to_owned(),
        Outcome::Killed => match summary.signal {
            Some(signal) => format!("was killed by {}", signal_name(signal)),
            None => "was killed".to_owned(),
        },
        Outcome::OutOfMemory => "ran out of memory".to_owned(),
        Outcome::Cancelled => "was stopped".to_owned(),
        Outcome::OutputLimit => "printed more than it may and was ended".to_owned(),
        Outcome::Lost => "was lost: its sandbox ended".to_owned(),
    };
    format!("{what} after {:.1} s", summary.duration.as_secs_f64())
}

#[async_trait]
impl Observer for Reporter {
    async fn started(&self, execution: &Execution) {
        if let Some(notifier) = &self.notifier {
            notifier.started(execution).await;
        }
    }

    async fn output(&self, execution: &Execution, output: Output) {
        let text = String::from_utf8_lossy(&output.chunk.bytes);
        let lines = self.heard().take(output.stream, &text);
        match (&self.notifier, lines) {
            (Some(notifier), _) => notifier.output(execution, output).await,
            (None, Some(lines)) => self.log(&lines).await,
            (None, None) => {}
        }
    }

    async fn gap(&self, execution: &Execution, gap: Gap) {
        match &self.notifier {
            Some(notifier) => notifier.gap(execution, gap).await,
            None => self.log(&format!("[{} bytes of output are left out]", gap.bytes)).await,
        }
    }

    async fn displayed(&self, execution: &Execution, display: &Display) {
        if let Some(notifier) = &self.notifier {
            notifier.displayed(execution, display).await;
        }
    }

    async fn asked(&self, execution: &Execution, question: &Question) -> Option<String> {
        self.notifier.as_ref()?.asked(execution, question).await
    }

    async fn exited(&self, execution: &Execution, summary: &Summary) {
        let rest = std::mem::take(&mut self.heard().pending);
        match &self.notifier {
            Some(notifier) => notifier.exited(execution, summary).await,
            None => {
                for text in rest.iter().filter(|text| !text.is_empty()) {
                    self.log(text).await;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_logged_whole_and_the_end_is_kept() {
        let mut heard = Heard::default();
        assert_eq!(heard.take(OutputStream::Stdout, "a\nb"), Some("a\n".to_owned()));
        assert_eq!(heard.take(OutputStream::Stderr, "x\x1b[31m"), None);
        assert_eq!(heard.take(OutputStream::Stdout, "c\n"), Some("bc\n".to_owned()));
        assert_eq!(heard.fresh.as_deref(), Some("bc"));
        assert_eq!(heard.take(OutputStream::Stderr, "y\x1b[2J\n"), Some("x\x1b[31my\x1b[2J\n".to_owned()));
        assert_eq!(heard.fresh.as_deref(), Some("xy\\x1b[2J"));
        assert_eq!(heard.tail(), "a\nbxc\ny\\x1b[2J");
    }

    #[test]
    fn neither_a_long_line_nor_many_short_ones_are_kept_for_ever() {
        let mut heard = Heard::default();
        let long = "é".repeat(MAX_LINE);
        assert_eq!(heard.take(OutputStream::Stdout, &long).as_deref(), Some(long.as_str()));
        assert!(heard.pending[0].is_empty() && heard.tail.len() <= MAX_TAIL);
        assert!(heard.fresh.as_ref().is_some_and(|line| line.len() <= MAX_GLIMPSE + '…'.len_utf8()));
        heard.take(OutputStream::Stdout, &"1\n".repeat(100));
        assert_eq!(heard.tail(), format!("…\n{}", ["1"; MAX_TAIL_LINES].join("\n")));
    }
}
