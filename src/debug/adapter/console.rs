//! What a person types: expressions, lines of the debug console, and input for the program.

use serde::Deserialize;
use serde_json::Value;

use super::inspect::written;
use super::refusal::Refusal;
use super::requests::{EVALUATION, body};
use super::{Adapter, Phase};
use crate::dap::types::{
    CompletionItem, CompletionItemType, CompletionsArguments, CompletionsResponse, EvaluateArguments,
    EvaluateArgumentsContext, EvaluateResponse, SetExpressionArguments, SetExpressionResponse,
};
use crate::debug::backend::{CompletionKind, Handle, Purpose};
use crate::text::{Keep, NAME, VALUE, WHOLE, clean};

/// The longest expression, in bytes.
const MAX_EXPRESSION: usize = 1 << 20;

/// Proposals in one answer.
const MAX_PROPOSALS: usize = 1_000;

/// Input for the program.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StdinArguments {
    /// What is written.
    #[serde(default)]
    data: String,
    /// The input ends after it.
    #[serde(default)]
    eof: bool,
}

impl Adapter {
    /// `evaluate`. While nothing is stopped, a line of the console goes to the program's input.
    pub(super) async fn evaluate(&self, arguments: EvaluateArguments) -> Result<Value, Refusal> {
        let debuggee = self.debuggee()?;
        short(&arguments.expression)?;
        let (purpose, max) = match arguments.context {
            Some(EvaluateArgumentsContext::Repl) => (Purpose::Console, VALUE),
            Some(EvaluateArgumentsContext::Hover) => (Purpose::Hover, VALUE),
            Some(EvaluateArgumentsContext::Clipboard) => (Purpose::Clipboard, WHOLE),
            _ => (Purpose::Watch, VALUE),
        };
        let runs = self.held().phase == Phase::Running && !self.desk().is_stopped();
        if purpose == Purpose::Console && runs && arguments.frame_id.is_none() && debuggee.takes_input {
            let mut line = arguments.expression.clone();
            line.push('\n');
            self.write(&line, false).await?;
            return Ok(written("(written to the program's standard input)"));
        }
        let (stamp, thread, frame) = self.frame_of(arguments.frame_id)?;
        let hex = arguments.format.is_some_and(|format| format.hex == Some(true));
        let evaluation = debuggee.debugger.evaluate(frame.as_ref(), &arguments.expression, purpose, hex);
        let shown = if purpose == Purpose::Console {
            evaluation.await?
        } else {
            tokio::time::timeout(EVALUATION, evaluation).await.map_err(|_| Refusal::TooSlow(EVALUATION))??
        };
        // A line of the console may have let the program go on, and what it gave is no less true then.
        let value = match self.rendered(shown.clone(), stamp, thread, max) {
            Err(Refusal::Stale) => {
                let shown = crate::debug::backend::Shown { handle: None, ..shown };
                self.rendered(shown, stamp, thread, max)?
            }
            value => value?,
        };
        body(EvaluateResponse {
            indexed_variables: value.indexed,
            memory_reference: None,
            named_variables: value.named,
            presentation_hint: value.hint,
            result: value.text,
            ty: value.type_name,
            value_location_reference: None,
            variables_reference: value.reference,
        })
    }

    /// `setExpression`.
    pub(super) async fn set_expression(&self, arguments: SetExpressionArguments) -> Result<Value, Refusal> {
        let debuggee = self.debuggee()?;
        short(&arguments.expression)?;
        short(&arguments.value)?;
        let (stamp, thread, frame) = self.frame_of(arguments.frame_id)?;
        let hex = arguments.format.is_some_and(|format| format.hex == Some(true));
        let (expression, value) = (&arguments.expression, &arguments.value);
        let shown = debuggee.debugger.set_expression(frame.as_ref(), expression, value, hex).await?;
        let value = self.rendered(shown, stamp, thread, VALUE)?;
        body(SetExpressionResponse {
            indexed_variables: value.indexed,
            memory_reference: None,
            named_variables: value.named,
            presentation_hint: value.hint,
            ty: value.type_name,
            value: value.text,
            value_location_reference: None,
            variables_reference: Some(value.reference),
        })
    }

    /// `completions`.
    pub(super) async fn completions(&self, arguments: CompletionsArguments) -> Result<Value, Refusal> {
        let debuggee = self.debuggee()?;
        short(&arguments.text)?;
        let habits = self.habits();
        let (_, _, frame) = self.frame_of(arguments.frame_id)?;
        // From 0, as the debugger has it; a client that names no line means the first.
        let line = arguments.line.map_or(0, |line| habits.line_in(line).saturating_sub(1));
        let column = habits.column_in(arguments.column) - 1;
        let found = debuggee.debugger.completions(frame.as_ref(), &arguments.text, line, column).await?;
        let targets = found.into_iter().take(MAX_PROPOSALS).filter_map(|completion| {
            let label = clean(&completion.label, Keep::OneLine, NAME);
            // What would have to be changed can't be inserted.
            if label != completion.label {
                return None;
            }
            let replaces = completion.replaces.min(column);
            Some(CompletionItem {
                detail: None,
                label,
                length: Some(replaces.into()),
                selection_length: None,
                selection_start: None,
                sort_text: None,
                start: Some(habits.column_out(column - replaces + 1).into()),
                text: None,
                ty: Some(match completion.kind {
                    CompletionKind::Function => CompletionItemType::Function,
                    CompletionKind::Class => CompletionItemType::Class,
                    CompletionKind::Module => CompletionItemType::Module,
                    CompletionKind::Property => CompletionItemType::Property,
                    CompletionKind::Keyword => CompletionItemType::Keyword,
                    CompletionKind::Variable => CompletionItemType::Variable,
                }),
            })
        });
        body(CompletionsResponse { targets: targets.collect() })
    }

    /// `codebeaker/stdin`.
    pub(super) async fn stdin(&self, arguments: StdinArguments) -> Result<Value, Refusal> {
        self.write(&arguments.data, arguments.eof).await?;
        Ok(Value::Null)
    }

    /// Writes to the program's input; waits as long as the program doesn't read.
    async fn write(&self, text: &str, end: bool) -> Result<(), Refusal> {
        let debuggee = self.debuggee()?;
        let execution = debuggee.execution.as_ref().filter(|_| debuggee.takes_input);
        let execution = execution.ok_or(Refusal::State("the program has no input"))?;
        let stdin = execution.stdin().await?;
        if !text.is_empty() {
            stdin.write(text.as_bytes()).await?;
        }
        if end {
            stdin.close().await?;
        }
        Ok(())
    }

    /// The frame that a request is about, if it is about one.
    fn frame_of(&self, number: Option<u64>) -> Result<(super::desk::Stamp, Option<u32>, Option<Handle>), Refusal> {
        let desk = self.desk();
        let stamp = desk.stamp();
        match number {
            None => Ok((stamp, None, None)),
            Some(number) => {
                let (thread, frame) = desk.frame(number)?;
                Ok((stamp, thread, Some(frame)))
            }
        }
    }
}

fn short(text: &str) -> Result<(), Refusal> {
    if text.len() > MAX_EXPRESSION {
        return Err(Refusal::Arguments(format!("the text is longer than {MAX_EXPRESSION} bytes")));
    }
    Ok(())
}
