//! The requests that let a program go on, stop it, or move it.

use serde::Deserialize;
use serde_json::{Value, json};

use super::Adapter;
use super::debuggee::Debuggee;
use super::refusal::Refusal;
use super::requests::body;
use crate::dap::types::{
    ContinueResponse, GotoArguments, GotoTarget, GotoTargetsArguments, GotoTargetsResponse, RestartFrameArguments,
    StepInTarget, StepInTargetsArguments, StepInTargetsResponse,
};
use crate::debug::backend::{Choice, Fault, Handle, Step};
use crate::text::{Keep, NAME, clean};

/// Choices in one answer.
const MAX_CHOICES: usize = 1_000;

/// Which thread; clients are known to leave it out.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ThreadChoice {
    #[serde(default)]
    thread_id: Option<u64>,
    #[serde(default)]
    single_thread: Option<bool>,
    #[serde(default)]
    target_id: Option<u64>,
}

impl ThreadChoice {
    fn alone(&self) -> bool {
        self.single_thread == Some(true)
    }
}

impl Adapter {
    /// `continue`.
    pub(super) async fn resume(&self, choice: ThreadChoice) -> Result<Value, Refusal> {
        let debuggee = self.debuggee()?;
        let (number, handle) = self.thread_of(&debuggee, choice.thread_id).await?;
        let alone = choice.alone();
        self.going(number, alone, debuggee.debugger.resume(&handle, alone)).await?;
        body(ContinueResponse { all_threads_continued: Some(!alone) })
    }

    /// `next`, `stepIn` and `stepOut`.
    pub(super) async fn step(&self, command: &str, choice: ThreadChoice) -> Result<Value, Refusal> {
        let debuggee = self.debuggee()?;
        let (number, handle) = self.thread_of(&debuggee, choice.thread_id).await?;
        let step = match (command, choice.target_id) {
            ("next", _) => Step::Over,
            ("stepOut", _) => Step::Out,
            (_, None) => Step::Into(None),
            (_, Some(target)) => Step::Into(Some(self.choice(target)?)),
        };
        let alone = choice.alone();
        self.going(number, alone, debuggee.debugger.step(&handle, step, alone)).await?;
        Ok(Value::Null)
    }

    /// `pause`.
    pub(super) async fn pause(&self, choice: ThreadChoice) -> Result<Value, Refusal> {
        let debuggee = self.debuggee()?;
        let (_, handle) = self.thread_of(&debuggee, choice.thread_id).await?;
        debuggee.debugger.pause(&handle).await?;
        Ok(Value::Null)
    }

    /// `stepInTargets`.
    pub(super) async fn step_in_targets(&self, arguments: StepInTargetsArguments) -> Result<Value, Refusal> {
        let debuggee = self.debuggee()?;
        let (stamp, (thread, frame)) = {
            let desk = self.desk();
            (desk.stamp(), desk.frame(arguments.frame_id)?)
        };
        let choices = debuggee.debugger.step_in_targets(&frame).await?;
        let habits = self.habits();
        let mut desk = self.desk();
        desk.fresh(stamp, thread)?;
        let targets = choices.into_iter().take(MAX_CHOICES).filter_map(|Choice { handle, label, at }| {
            Some(StepInTarget {
                id: desk.choices.mint(thread, handle)?.into(),
                label: clean(&label, Keep::OneLine, NAME),
                line: (at.line > 0).then(|| habits.line_out(at.line)),
                column: at.column.map(|column| habits.column_out(column)),
                end_line: None,
                end_column: None,
            })
        });
        let targets = targets.collect();
        drop(desk);
        body(StepInTargetsResponse { targets })
    }

    /// `gotoTargets`.
    pub(super) async fn goto_targets(&self, arguments: GotoTargetsArguments) -> Result<Value, Refusal> {
        let debuggee = self.debuggee()?;
        let place = self.place_of(&debuggee, &arguments.source)?;
        let habits = self.habits();
        let at = habits.position_in(arguments.line, arguments.column);
        let stamp = self.desk().stamp();
        let choices = debuggee.debugger.goto_targets(&place, at).await?;
        let mut desk = self.desk();
        desk.fresh(stamp, None)?;
        let targets = choices.into_iter().take(MAX_CHOICES).filter_map(|Choice { handle, label, at }| {
            Some(GotoTarget {
                id: desk.choices.mint(None, handle)?.into(),
                label: clean(&label, Keep::OneLine, NAME),
                line: habits.line_out(at.line),
                column: at.column.map(|column| habits.column_out(column)),
                end_line: None,
                end_column: None,
                instruction_pointer_reference: None,
            })
        });
        let targets = targets.collect();
        drop(desk);
        body(GotoTargetsResponse { targets })
    }

    /// `goto`.
    pub(super) async fn go_to(&self, arguments: GotoArguments) -> Result<Value, Refusal> {
        let debuggee = self.debuggee()?;
        let (number, handle) = self.desk().thread(arguments.thread_id)?;
        let target = self.choice(arguments.target_id)?;
        self.going(number, true, debuggee.debugger.go_to(&handle, &target)).await?;
        Ok(Value::Null)
    }

    /// `restartFrame`.
    pub(super) async fn restart_frame(&self, arguments: RestartFrameArguments) -> Result<Value, Refusal> {
        let debuggee = self.debuggee()?;
        let (thread, frame) = self.desk().frame(arguments.frame_id)?;
        let thread = thread.or_else(|| self.desk().likely_thread()).unwrap_or(0);
        self.going(thread, true, debuggee.debugger.restart_frame(&frame)).await?;
        Ok(Value::Null)
    }

    /// Has a thread go on; what was known of it is forgotten once it does.
    async fn going(
        &self,
        thread: u32,
        alone: bool,
        go: impl Future<Output = Result<(), Fault>>,
    ) -> Result<(), Refusal> {
        let going = self.desk().go(alone.then_some(thread));
        let gone = go.await;
        {
            let mut desk = self.desk();
            match gone {
                Ok(()) => desk.gone(&going),
                Err(_) => desk.stayed(going),
            }
        }
        self.note_stops();
        Ok(gone?)
    }

    fn choice(&self, number: u64) -> Result<Handle, Refusal> {
        let choice = self.desk().choices.get(number);
        choice.map(|(_, handle)| handle).map_err(|missing| Refusal::missing(missing, "target", number))
    }

    /// The thread that is meant; where none is named, the one that stopped last.
    async fn thread_of(&self, debuggee: &Debuggee, named: Option<u64>) -> Result<(u32, Handle), Refusal> {
        if let Some(number) = named.filter(|number| *number > 0) {
            return self.desk().thread(number);
        }
        let likely = self.desk().likely_thread();
        if let Some(number) = likely {
            return self.desk().thread(number.into());
        }
        let threads = debuggee.debugger.threads().await?;
        let first = threads.into_iter().next().ok_or(Refusal::State("the program has no threads"))?;
        let number = self.desk().threads.number(&first.handle);
        let (number, _) = number.ok_or(Refusal::State("the program has too many threads"))?;
        Ok((number, first.handle))
    }

    /// `threads`.
    pub(super) async fn threads(&self) -> Result<Value, Refusal> {
        let debuggee = match self.debuggee() {
            Ok(debuggee) => debuggee,
            // Clients ask once more when all is over.
            Err(_) if self.held().phase == super::Phase::Ended => return Ok(json!({"threads": []})),
            Err(refusal) => return Err(refusal),
        };
        let threads = debuggee.debugger.threads().await?;
        let mut desk = self.desk();
        let shown = threads.into_iter().filter_map(|thread| {
            let (number, _) = desk.threads.number(&thread.handle)?;
            Some(json!({"id": number, "name": clean(&thread.name, Keep::OneLine, NAME)}))
        });
        let shown: Vec<Value> = shown.take(super::desk::MAX_THREADS).collect();
        Ok(json!({"threads": shown}))
    }
}
