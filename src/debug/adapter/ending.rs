//! Brings a debuggee down, and tells the client of its end: exactly once, after all that it printed.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::configuration::{Launch, over};
use super::debuggee::{Debuggee, Origin};
use super::refusal::Refusal;
use super::requests::read;
use super::{Adapter, Phase};
use crate::agent::wire::Reach;
use crate::dap::types::DisconnectArguments;
use crate::debug::Stage;
use crate::execution::{Execution, ExecutionError, Outcome, Summary};
use crate::session::Why;

const SIGTERM: i32 = 15;

/// How long a killed program, its session, or a debugger that lets go may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long the debugger of a program that is gone may take to say its last.
const LAST_WORDS: Duration = Duration::from_secs(2);

impl Adapter {
    /// `terminate`: asks the program to end; asked again, ends it.
    pub(super) async fn terminate(&self) -> Result<Value, Refusal> {
        let (phase, launching) = {
            let held = self.held();
            (held.phase, held.launching.clone())
        };
        match phase {
            Phase::Fresh | Phase::Ready => return Err(Refusal::State("nothing is debugged yet")),
            Phase::Starting => launching.cancel(),
            Phase::Ended => {}
            Phase::Configuring | Phase::Running => {
                let debuggee = self.debuggee()?;
                let Some(execution) = &debuggee.execution else {
                    return Err(Refusal::State("a child can't be ended by itself: end its parent"));
                };
                if debuggee.asked_to_end.swap(true, Ordering::Relaxed) {
                    execution.kill();
                } else {
                    match execution.signal(SIGTERM, Reach::Foreground).await {
                        // It has ended meanwhile, which is what was asked for.
                        Ok(()) | Err(ExecutionError::NotRunning(_)) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
            }
        }
        Ok(Value::Null)
    }

    /// `disconnect`: the end of the dialogue, and of what was launched for it.
    pub(super) async fn disconnect(&self, arguments: Value) -> Result<Value, Refusal> {
        let arguments: DisconnectArguments = read(arguments)?;
        if arguments.suspend_debuggee == Some(true) {
            return Err(Refusal::Arguments("`suspendDebuggee` is not supported".to_owned()));
        }
        self.closing.cancel();
        let debuggee = self.held().debuggee.clone();
        let launched = debuggee.as_ref().is_none_or(|debuggee| debuggee.origin == Origin::Launched);
        let terminate = arguments.terminate_debuggee.unwrap_or(launched);
        if let Some(debuggee) = debuggee.filter(|_| terminate)
            && let Some(execution) = &debuggee.execution
        {
            execution.kill();
            // So that the client hears of its end before the answer, if it listens.
            drop(tokio::time::timeout(PATIENCE, debuggee.concluded.cancelled()).await);
        }
        self.release(terminate).await;
        Ok(Value::Null)
    }

    /// `restart`: the same program anew, in a fresh sandbox where the adapter made it, with all breakpoints.
    pub(super) async fn restart(self: &Arc<Self>, arguments: &Value) -> Result<Value, Refusal> {
        let old = self.debuggee()?;
        let launched = self.held().launched.clone().filter(|_| old.origin == Origin::Launched);
        let launched = launched.ok_or(Refusal::State("only what was launched can be restarted"))?;
        let wanted = match arguments.get("arguments") {
            Some(arguments @ Value::Object(_)) => over(&self.configuration, arguments.clone()),
            _ => launched,
        };
        // Looked at before anything is ended for it.
        Launch::read(&wanted)?;
        old.superseded.cancel();
        self.release(true).await;
        for thread in self.forget_program() {
            self.outbox.event("thread", json!({"reason": "exited", "threadId": thread})).await;
        }
        let begun = async {
            self.hold(|held| held.phase = Phase::Starting)?;
            self.note_stage(Stage::Starting);
            tokio::time::timeout(super::launch::START, self.bring_up(&wanted))
                .await
                .unwrap_or(Err(Refusal::TooSlow(super::launch::START)))?;
            self.held().launched = Some(wanted);
            self.configuration_done().await
        };
        let begun = begun.await;
        if begun.is_err() {
            self.release(true).await;
            self.held().phase = Phase::Ended;
            self.note_stage(Stage::Ended);
            self.outbox.event("terminated", Value::Null).await;
        }
        begun
    }

    /// Ends or lets go of what is debugged, and of all that was made for it. Nobody is told.
    pub(super) async fn release(&self, terminate: bool) {
        // Until its debugger has let go, nobody else can have it.
        let (debuggee, execution, session, _claim) = {
            let mut held = self.held();
            held.launching.cancel();
            (held.debuggee.take(), held.execution.take(), held.session.take(), held.claim.take())
        };
        let own = session.as_ref().is_some_and(|(_, own)| *own);
        if let Some(debuggee) = &debuggee {
            debuggee.superseded.cancel();
            debuggee.orphaned.cancel();
            if !terminate && !own {
                drop(tokio::time::timeout(PATIENCE, debuggee.debugger.detach()).await);
            }
        }
        if let Some(execution) = execution.filter(|_| terminate || own) {
            end(&execution).await;
        }
        if let Some((session, true)) = session {
            drop(tokio::time::timeout(PATIENCE, session.close(Why::ClosedByClient)).await);
        }
    }

    /// The adapter ends: so does what it launched.
    pub(super) async fn end(&self) {
        let launched = self.held().debuggee.as_ref().is_none_or(|debuggee| debuggee.origin == Origin::Launched);
        self.release(launched).await;
        self.note_stage(Stage::Ended);
    }

    /// Forgets all numbers of a program that is gone; says what threads it had.
    fn forget_program(&self) -> Vec<u32> {
        self.book().lift();
        self.desk().clear()
    }

    /// Tells the client that its debuggee is gone, unless it is not its any more.
    async fn conclude(&self, debuggee: &Arc<Debuggee>, exit_code: Option<u64>) {
        let is_its = {
            let mut held = self.held();
            let is_its = held.debuggee.as_ref().is_some_and(|current| Arc::ptr_eq(current, debuggee))
                && held.phase != Phase::Ended
                && !debuggee.superseded.is_cancelled();
            if is_its {
                held.phase = Phase::Ended;
            }
            is_its
        };
        if is_its {
            self.note_stage(Stage::Ended);
            self.forget_program();
            if let Some(code) = exit_code {
                self.outbox.event("exited", json!({"exitCode": code})).await;
            }
            self.outbox.event("terminated", Value::Null).await;
        }
        debuggee.orphaned.cancel();
        debuggee.concluded.cancel();
    }
}

async fn end(execution: &Execution) {
    execution.kill();
    if tokio::time::timeout(PATIENCE, execution.ended()).await.is_err() {
        tracing::warn!(execution = %execution.id, "a debugged program did not end in time");
    }
}

/// Waits for the end of a debuggee and tells the client of it. `telling` ends when its debugger is gone.
pub(super) async fn watch(adapter: Arc<Adapter>, debuggee: Arc<Debuggee>, mut telling: JoinHandle<()>) {
    let Some(execution) = &debuggee.execution else {
        // A child has nothing but its debugger to tell of its end.
        drop(telling.await);
        return adapter.conclude(&debuggee, None).await;
    };
    let mut told = false;
    if debuggee.origin == Origin::Attached {
        tokio::select! {
            _ = execution.ended() => {}
            _ = &mut telling => {
                told = true;
                // It may go on, but is debugged no more; or it ends at this moment.
                drop(tokio::time::timeout(LAST_WORDS, execution.ended()).await);
            }
            () = debuggee.superseded.cancelled() => return telling.abort(),
        }
    }
    let ended = match execution.is_over() || debuggee.origin == Origin::Launched {
        true => Some(execution.ended().await),
        false => None,
    };
    if !told && tokio::time::timeout(LAST_WORDS, &mut telling).await.is_err() {
        telling.abort();
    }
    let remark = match &ended {
        Some(Ok(summary)) => remark(summary),
        Some(Err(error)) => Some(error.to_string()),
        None => Some("it is not debugged any more".to_owned()),
    };
    if let Some(remark) = remark.filter(|_| !debuggee.superseded.is_cancelled()) {
        let output = format!("The program: {remark}\n");
        adapter.outbox.event("output", json!({"category": "important", "output": output})).await;
    }
    let code = ended.and_then(Result::ok).and_then(|summary| exit_code(&summary));
    adapter.conclude(&debuggee, code).await;
}

/// What shells say: the code, or 128 and the signal.
fn exit_code(summary: &Summary) -> Option<u64> {
    let code = summary.exit_code.or(summary.signal.map(|signal| 128 + signal))?;
    // A code is a byte as the kernel has it.
    u64::try_from(code).ok()
}

/// What an exit code does not tell.
fn remark(summary: &Summary) -> Option<String> {
    let remark = match summary.outcome {
        Outcome::Timeout => "its time was up",
        Outcome::OutOfMemory => "its memory was up",
        Outcome::OutputLimit => "it printed more than it may",
        Outcome::Lost => "its sandbox went",
        Outcome::Ok | Outcome::Error | Outcome::Killed | Outcome::Cancelled => return None,
    };
    Some(remark.to_owned())
}
