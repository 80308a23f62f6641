//! `codebeaker run`: one program in a sandbox of its own, with this command's input, output, terminal and
//! signals passed through.

mod args;
mod input;
mod output;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;

use super::{exit_code, failed, show, terminal};
use crate::agent::wire::Reach;
use crate::execution::{Execution, ExecutionError, Outcome, Summary};
use crate::runtime::Workspace;
use crate::server;
use crate::session::{NewSession, Run, Session, SessionError, Sessions, StateChange, Stdin, Watcher, Why};
use output::Printer;

pub(super) use args::RunArgs;

const SIGHUP: u8 = 1;
const SIGINT: u8 = 2;
const SIGTERM: u8 = 15;

/// From the wish that this command ends until it no longer waits for its output to be read: enough for a
/// program that has to be killed in the end.
const READER_GRACE: Duration = Duration::from_secs(2);

/// From that wish until a sandbox that is still being made is left to itself: enough to end one that stands.
const MAKING_GRACE: Duration = Duration::from_secs(5);

/// Nobody but this command uses the session, and it knows how the session fares.
struct Alone;

#[async_trait]
impl Watcher for Alone {
    async fn changed(&self, _: &Session, _: StateChange) {}
}

pub(super) async fn run(sessions: Arc<Sessions>, args: RunArgs) -> ExitCode {
    let plan = match args.plan(sessions.settings()) {
        Ok(plan) => plan,
        Err(message) => return failed(&message),
    };
    let workspace = match plan.workspace {
        Workspace::Overlay { path } if plan.may_be_copied => sessions.unchanged(&plan.wish, path).await,
        workspace => workspace,
    };
    let wanted = NewSession {
        wish: plan.wish,
        workspace,
        env: plan.env,
        network: plan.network,
        limits: Some(plan.limits),
        ..NewSession::default()
    };
    let mut signals = match Signals::new() {
        Ok(signals) => signals,
        Err(error) => return failed(&format!("signals can't be received: {error}")),
    };
    let session = match made(&sessions, wanted, &mut signals).await {
        Ok(session) => session,
        Err(code) => return code,
    };
    let code = in_session(&session, &args, plan.source, plan.stdin_is_code, signals).await;
    session.close(Why::ClosedByClient).await;
    code
}

/// Makes the session. A signal gives it up: what there is of a sandbox by then is ended first, unless another signal
/// says that this may not take so long.
async fn made(sessions: &Arc<Sessions>, wanted: NewSession, signals: &mut Signals) -> Result<Arc<Session>, ExitCode> {
    let making = sessions.create(wanted, Arc::new(Alone));
    tokio::pin!(making);
    let signal = tokio::select! {
        biased;
        made = &mut making => return made.map_err(refused),
        signal = signals.ending() => signal,
    };
    tokio::select! {
        made = tokio::time::timeout(MAKING_GRACE, making) => {
            if let Ok(Ok(session)) = made {
                session.close(Why::ClosedByClient).await;
            }
        }
        _ = signals.ending() => {}
    }
    Err(ExitCode::from(exit_code::SIGNAL + signal))
}

async fn in_session(
    session: &Arc<Session>,
    args: &RunArgs,
    source: crate::session::Source,
    stdin_is_code: bool,
    signals: Signals,
) -> ExitCode {
    let uses_terminal = terminal::is_there() && !args.json && !stdin_is_code;
    let stdin = match (stdin_is_code, uses_terminal) {
        (true, _) => Stdin::None,
        (false, true) => Stdin::Pty(terminal::size(), bytes::Bytes::new()),
        (false, false) => Stdin::Stream(bytes::Bytes::new()),
    };
    let printer = Arc::new(Printer::new(args.json));
    let run = Run {
        id: None,
        source,
        args: args.args.clone(),
        engine_args: Vec::new(),
        cwd: args.cwd.clone(),
        env: std::collections::BTreeMap::new(),
        stdin,
        side: false,
        limits: crate::session::RunLimits::default(),
        max_chunk_bytes: 64 * 1024,
    };
    // Signals are heeded by now: one that is not would leave the terminal changed.
    let raw = uses_terminal.then(terminal::Raw::enter);
    let raw = match raw.transpose() {
        Ok(raw) => raw,
        Err(error) => return failed(&format!("the terminal: {error}")),
    };
    let execution = match session.execute(run, printer.clone()) {
        Ok(execution) => execution,
        Err(error) => {
            drop(raw);
            return refused(error);
        }
    };
    if !stdin_is_code {
        input::pass(Arc::clone(&execution));
    }
    let ended = until_ended(&execution, &printer, signals, raw.as_ref()).await;
    drop(raw);
    match ended {
        Ok(summary) => {
            let time = session.snapshot().limits.execution_timeout;
            finish(&summary, &execution, time, args, &printer).await
        }
        Err(error) => {
            let code = match &error {
                ExecutionError::NotStarted { step, errno } if is_missing(step, *errno) => exit_code::NOT_FOUND,
                ExecutionError::NotStarted { .. } => exit_code::NOT_STARTED,
                _ => exit_code::FAILED,
            };
            refused(SessionError::Execution(error));
            ExitCode::from(code)
        }
    }
}

fn is_missing(step: &str, errno: i32) -> bool {
    errno == rustix::io::Errno::NOENT.raw_os_error() && step != "enter directory"
}

/// Waits for the end, and passes signals and new sizes of the terminal on until then.
async fn until_ended(
    execution: &Execution,
    printer: &Printer,
    signals: Signals,
    raw: Option<&terminal::Raw>,
) -> Result<Summary, ExecutionError> {
    let Signals { mut interrupt, mut terminate, mut hangup, mut resized, mut resumed } = signals;
    let ended = execution.ended();
    tokio::pin!(ended);
    let mut interrupts = 0;
    let mut reader_gone = false;
    // When what was printed is no longer waited for to be read.
    let mut patience = None;
    loop {
        tokio::select! {
            biased;
            ended = &mut ended => return ended,
            () = printer.reader_gone(), if !reader_gone => {
                reader_gone = true;
                execution.kill();
            }
            _ = interrupt.recv() => {
                interrupts += 1;
                // The first is the program's to answer; whoever presses again means it.
                if interrupts == 1 && execution.signal(i32::from(SIGINT), Reach::Foreground).await.is_ok() {
                    continue;
                }
                execution.kill();
                patience = patience.or(Some(Instant::now() + READER_GRACE));
            }
            () = either(&mut terminate, &mut hangup) => {
                execution.cancel();
                patience = patience.or(Some(Instant::now() + READER_GRACE));
            }
            _ = resized.recv() => {
                if let Err(error) = execution.resize(terminal::size()).await {
                    tracing::debug!(%error, "the new size of the terminal had nobody to go to");
                }
            }
            _ = resumed.recv() => {
                if let Some(raw) = raw {
                    raw.enter_again();
                }
            }
            () = tokio::time::sleep_until(patience.unwrap_or_else(Instant::now)), if patience.is_some() && !reader_gone => {
                printer.give_up();
            }
        }
    }
}

/// The signals that this command heeds.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
    resized: Signal,
    /// It runs again after it was stopped.
    resumed: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            resized: signal(SignalKind::window_change())?,
            resumed: signal(SignalKind::from_raw(rustix::process::Signal::CONT.as_raw()))?,
        })
    }

    /// Resolves when one came that asks for the end, with its number.
    async fn ending(&mut self) -> u8 {
        tokio::select! {
            _ = self.interrupt.recv() => SIGINT,
            _ = self.terminate.recv() => SIGTERM,
            _ = self.hangup.recv() => SIGHUP,
        }
    }
}

async fn either(one: &mut Signal, other: &mut Signal) {
    tokio::select! {
        _ = one.recv() => {}
        _ = other.recv() => {}
    }
}

async fn finish(
    summary: &Summary,
    execution: &Execution,
    time: Duration,
    args: &RunArgs,
    printer: &Printer,
) -> ExitCode {
    if args.json {
        let mut report = json!(server::ending(summary, execution.has_terminal));
        report["output"] = printer.captured();
        printer.print_line(&report.to_string()).await;
    } else if let Some(why) = explain(summary, time) {
        show::message(&why);
    }
    ExitCode::from(code(summary))
}

/// What the exit code alone does not tell. `time` is how long the program might take.
fn explain(summary: &Summary, time: Duration) -> Option<String> {
    let truncated = summary.stdout.truncated || summary.stderr.truncated;
    match summary.outcome {
        Outcome::Timeout => {
            let time = humantime::format_duration(time);
            Some(format!("the program was ended after its {time}; give it more with --timeout"))
        }
        Outcome::OutOfMemory => Some("the program ran out of memory; give it more with --memory".to_owned()),
        Outcome::OutputLimit => Some("the program was ended for printing more than --output allows".to_owned()),
        Outcome::Lost => Some("the sandbox ended unexpectedly".to_owned()),
        _ if truncated => Some("the program printed more than --output allows; the rest was dropped".to_owned()),
        _ => None,
    }
}

fn code(summary: &Summary) -> u8 {
    match (summary.outcome, summary.exit_code, summary.signal) {
        (Outcome::Timeout, _, _) => exit_code::TIMEOUT,
        (Outcome::Lost, _, _) => exit_code::FAILED,
        (_, Some(code), _) => u8::try_from(code & 0xff).unwrap_or(u8::MAX),
        (_, None, Some(signal)) => exit_code::SIGNAL.wrapping_add(u8::try_from(signal & 0x7f).unwrap_or(0)),
        (_, None, None) => exit_code::FAILED,
    }
}

fn refused(error: SessionError) -> ExitCode {
    let refusal = server::refusal(error);
    failed(&match &refusal.data.hint {
        Some(hint) => format!("{refusal}\n  {hint}"),
        None => refusal.to_string(),
    })
}
