//! The debugger of one Python process: each call is a question to the helper inside it.

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::io::ReadHalf;
use tokio::sync::mpsc;

use super::channel::{Broken, Channel, LineReader};
use super::events::Listener;
use super::values::{Completions, Modules, Scopes, Shown as ShownWire, Source, Sources, Variables};
use super::wire::{
    Choices, Done, Exception, Filter, Lines, MAX_VARIABLES, Of, Place as PlaceWire, PlacedAll, Stack as StackWire,
    Threads, at, told, with_terms,
};
use crate::debug::backend::{
    Attachment, Choice, Completion, DebugEvent, Debugger, EVENT_QUEUE, ExceptionBreakpoint, ExceptionInfo, Fault,
    FunctionBreakpoint, Handle, LineBreakpoint, Module, PATIENCE, Page, Place, Placed, Position, Purpose, Scope, Shown,
    Stack, Step, ThreadInfo, Variable, Which,
};
use crate::debug::ground::Conduit;

/// The most lines between which breakpoints are looked for.
const MAX_LINES: u32 = 100_000;

/// One debugged Python process.
pub(super) struct Python {
    channel: Channel,
}

impl Python {
    /// The debugger at the other end of a stream whose helper said that it is ready. What is put into `events`
    /// beside what the helper says comes from other places (its children).
    pub(super) fn attachment(
        reader: LineReader<ReadHalf<Conduit>>,
        writer: tokio::io::WriteHalf<Conduit>,
        program: impl Future<Output = String> + Send + 'static,
    ) -> (Attachment, mpsc::WeakSender<DebugEvent>) {
        let (sender, events) = mpsc::channel(EVENT_QUEUE);
        let weak = sender.downgrade();
        let channel = Channel::open(reader, writer, program, Listener::new(sender));
        (Attachment { debugger: std::sync::Arc::new(Self { channel }), events }, weak)
    }

    /// A question whose answer takes no code of the program's.
    async fn ask<T: serde::de::DeserializeOwned>(&self, op: &'static str, args: Value) -> Result<T, Fault> {
        self.channel.call(op, args, Some(PATIENCE)).await
    }

    async fn order(&self, op: &'static str, args: Value) -> Result<(), Fault> {
        self.ask::<Done>(op, args).await.map(drop)
    }

    /// Breakpoints are set, and as many are answered.
    async fn place(&self, op: &'static str, args: Value, wanted: usize) -> Result<Vec<Placed>, Fault> {
        let PlacedAll { placed } = self.ask(op, args).await?;
        if placed.0.len() != wanted {
            return Err(self.channel.give_up(Broken::Malformed("breakpoints that nobody set".to_owned())));
        }
        Ok(placed.0.into_iter().map(Into::into).collect())
    }
}

/// Arguments, and the frame that they are about, if any.
fn in_frame(frame: Option<&Handle>, mut args: Value) -> Result<Value, Fault> {
    if let Some(frame) = frame {
        args["frame"] = json!(Of::Frame.number(frame)?);
    }
    Ok(args)
}

fn all<W: Into<M>, M>(items: Vec<W>) -> Vec<M> {
    items.into_iter().map(Into::into).collect()
}

#[async_trait]
impl Debugger for Python {
    async fn start(&self) -> Result<(), Fault> {
        self.order("start", json!({})).await
    }

    async fn set_breakpoints(&self, place: &Place, wanted: Vec<LineBreakpoint>) -> Result<Vec<Placed>, Fault> {
        let breakpoints: Vec<_> = wanted
            .iter()
            .map(|wanted| with_terms(json!({"id": wanted.id, "line": wanted.at.line}), &wanted.terms))
            .collect();
        let args = json!({"place": told(place)?, "breakpoints": breakpoints});
        self.place("setBreakpoints", args, wanted.len()).await
    }

    async fn set_function_breakpoints(&self, wanted: Vec<FunctionBreakpoint>) -> Result<Vec<Placed>, Fault> {
        let breakpoints: Vec<_> = wanted
            .iter()
            .map(|wanted| with_terms(json!({"id": wanted.id, "name": wanted.name}), &wanted.terms))
            .collect();
        self.place("setFunctionBreakpoints", json!({"breakpoints": breakpoints}), wanted.len()).await
    }

    async fn set_exception_breakpoints(&self, wanted: Vec<ExceptionBreakpoint>) -> Result<Vec<Placed>, Fault> {
        let filters: Vec<_> = wanted
            .iter()
            .map(|wanted| {
                let mut filter = json!({"filter": Filter::from(wanted.filter)});
                if let Some(condition) = &wanted.condition {
                    filter["condition"] = json!(condition);
                }
                filter
            })
            .collect();
        self.place("setExceptionBreakpoints", json!({"filters": filters}), wanted.len()).await
    }

    async fn breakpoint_locations(&self, place: &Place, from: Position, to: Position) -> Result<Vec<Position>, Fault> {
        let last = to.line.min(from.line.saturating_add(MAX_LINES));
        let args = json!({"place": told(place)?, "from": from.line, "to": last});
        let Lines { lines } = self.ask("breakpointLocations", args).await?;
        Ok(lines.0.into_iter().filter(|line| (from.line..=last).contains(line)).map(at).collect())
    }

    async fn threads(&self) -> Result<Vec<ThreadInfo>, Fault> {
        Ok(all(self.ask::<Threads>("threads", json!({})).await?.threads.0))
    }

    async fn stack(&self, thread: &Handle, start: u32, count: Option<u32>) -> Result<Stack, Fault> {
        let args = json!({"thread": Of::Thread.number(thread)?, "start": start, "count": count});
        let mut stack: StackWire = self.ask("stack", args).await?;
        stack.frames.0.truncate(count.map_or(usize::MAX, |count| count as usize));
        Ok(Stack { frames: all(stack.frames.0), total: stack.total })
    }

    async fn scopes(&self, frame: &Handle) -> Result<Vec<Scope>, Fault> {
        let args = json!({"frame": Of::Frame.number(frame)?});
        Ok(all(self.ask::<Scopes>("scopes", args).await?.scopes.0))
    }

    async fn variables(&self, of: &Handle, page: Page) -> Result<Vec<Variable>, Fault> {
        let which = match page.which {
            Which::All => "all",
            Which::Named => "named",
            Which::Indexed => "indexed",
        };
        let count = page.count.map_or(MAX_VARIABLES, |count| (count as usize).min(MAX_VARIABLES));
        let of = Of::Value.number(of)?;
        let args = json!({"of": of, "which": which, "start": page.start, "count": count, "hex": page.hex});
        let mut variables: Variables = self.ask("variables", args).await?;
        variables.variables.0.truncate(count);
        Ok(all(variables.variables.0))
    }

    async fn set_variable(&self, of: &Handle, name: &str, value: &str, hex: bool) -> Result<Shown, Fault> {
        let args = json!({"of": Of::Value.number(of)?, "name": name, "value": value, "hex": hex});
        self.channel.call::<ShownWire>("setVariable", args, None).await.map(Into::into)
    }

    async fn set_expression(
        &self,
        frame: Option<&Handle>,
        expression: &str,
        value: &str,
        hex: bool,
    ) -> Result<Shown, Fault> {
        let args = in_frame(frame, json!({"expression": expression, "value": value, "hex": hex}))?;
        self.channel.call::<ShownWire>("setExpression", args, None).await.map(Into::into)
    }

    async fn evaluate(
        &self,
        frame: Option<&Handle>,
        expression: &str,
        purpose: Purpose,
        hex: bool,
    ) -> Result<Shown, Fault> {
        let purpose = match purpose {
            Purpose::Hover => "hover",
            Purpose::Watch => "watch",
            Purpose::Console => "console",
            Purpose::Clipboard => "clipboard",
        };
        let args = in_frame(frame, json!({"expression": expression, "purpose": purpose, "hex": hex}))?;
        self.channel.call::<ShownWire>("evaluate", args, None).await.map(Into::into)
    }

    async fn interrupt(&self) {
        // It may arrive before what it is for has begun.
        let requests = self.channel.given_up();
        if let Err(fault) = self.order("interrupt", json!({"requests": requests})).await {
            tracing::debug!(%fault, "an evaluation could not be interrupted");
        }
    }

    async fn completions(
        &self,
        frame: Option<&Handle>,
        text: &str,
        line: u32,
        column: u32,
    ) -> Result<Vec<Completion>, Fault> {
        let args = in_frame(frame, json!({"text": text, "line": line, "column": column}))?;
        Ok(all(self.ask::<Completions>("completions", args).await?.completions.0))
    }

    async fn exception_info(&self, thread: &Handle) -> Result<ExceptionInfo, Fault> {
        let args = json!({"thread": Of::Thread.number(thread)?});
        self.ask::<Exception>("exceptionInfo", args).await.map(Into::into)
    }

    async fn resume(&self, thread: &Handle, alone: bool) -> Result<(), Fault> {
        self.order("resume", json!({"thread": Of::Thread.number(thread)?, "alone": alone})).await
    }

    async fn step(&self, thread: &Handle, step: Step, alone: bool) -> Result<(), Fault> {
        let mut args = json!({"thread": Of::Thread.number(thread)?, "alone": alone});
        args["kind"] = json!(match &step {
            Step::Into(_) => "into",
            Step::Over => "over",
            Step::Out => "out",
        });
        if let Step::Into(Some(target)) = &step {
            args["target"] = json!(Of::Choice.number(target)?);
        }
        self.order("step", args).await
    }

    async fn pause(&self, thread: &Handle) -> Result<(), Fault> {
        self.order("pause", json!({"thread": Of::Thread.number(thread)?})).await
    }

    async fn step_in_targets(&self, frame: &Handle) -> Result<Vec<Choice>, Fault> {
        let args = json!({"frame": Of::Frame.number(frame)?});
        Ok(all(self.ask::<Choices>("stepInTargets", args).await?.choices.0))
    }

    async fn goto_targets(&self, place: &Place, at: Position) -> Result<Vec<Choice>, Fault> {
        let args = json!({"place": told(place)?, "line": at.line});
        Ok(all(self.ask::<Choices>("gotoTargets", args).await?.choices.0))
    }

    async fn go_to(&self, thread: &Handle, target: &Handle) -> Result<(), Fault> {
        let args = json!({"thread": Of::Thread.number(thread)?, "target": Of::Choice.number(target)?});
        self.order("goto", args).await
    }

    async fn modules(&self) -> Result<Vec<Module>, Fault> {
        let modules = self.ask::<Modules>("modules", json!({})).await?.modules.0;
        Ok(modules.into_iter().filter_map(super::values::Module::known).collect())
    }

    async fn loaded_sources(&self) -> Result<Vec<Place>, Fault> {
        let sources = self.ask::<Sources>("loadedSources", json!({})).await?.sources.0;
        Ok(sources.into_iter().filter_map(PlaceWire::known).collect())
    }

    async fn source(&self, place: &Place) -> Result<String, Fault> {
        Ok(self.ask::<Source>("source", json!({"place": told(place)?})).await?.text.0)
    }

    async fn detach(&self) {
        if let Err(fault) = self.order("detach", json!({})).await {
            tracing::debug!(%fault, "a program was not told that nobody debugs it any more");
        }
    }
}
