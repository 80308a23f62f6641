//! What stands in for a debugger where a program is only run: it stops nowhere and knows nothing.

use async_trait::async_trait;

use super::backend::{
    Completion, Debugger, ExceptionBreakpoint, ExceptionInfo, Fault, Frame, Handle, LineBreakpoint, Page, Place,
    Placed, Position, Purpose, Scope, Shown, Stack, Step, ThreadInfo, Variable,
};

/// Controls nothing.
#[derive(Debug)]
pub(super) struct Undebugged;

fn refused<T>() -> Result<T, Fault> {
    Err(Fault::Refused("the program runs undebugged (`noDebug`)".to_owned()))
}

#[async_trait]
impl Debugger for Undebugged {
    async fn start(&self) -> Result<(), Fault> {
        Ok(())
    }

    async fn set_breakpoints(&self, _: &Place, wanted: Vec<LineBreakpoint>) -> Result<Vec<Placed>, Fault> {
        let message = Some("the program runs undebugged".to_owned());
        Ok(wanted.iter().map(|_| Placed { message: message.clone(), ..Placed::default() }).collect())
    }

    async fn set_exception_breakpoints(&self, wanted: Vec<ExceptionBreakpoint>) -> Result<Vec<Placed>, Fault> {
        Ok(wanted.iter().map(|_| Placed::default()).collect())
    }

    async fn breakpoint_locations(&self, _: &Place, _: Position, _: Position) -> Result<Vec<Position>, Fault> {
        Ok(Vec::new())
    }

    async fn threads(&self) -> Result<Vec<ThreadInfo>, Fault> {
        Ok(Vec::new())
    }

    async fn stack(&self, _: &Handle, _: u32, _: Option<u32>) -> Result<Stack, Fault> {
        refused::<Vec<Frame>>().map(|_| Stack::default())
    }

    async fn scopes(&self, _: &Handle) -> Result<Vec<Scope>, Fault> {
        refused()
    }

    async fn variables(&self, _: &Handle, _: Page) -> Result<Vec<Variable>, Fault> {
        refused()
    }

    async fn set_variable(&self, _: &Handle, _: &str, _: &str, _: bool) -> Result<Shown, Fault> {
        refused()
    }

    async fn set_expression(&self, _: Option<&Handle>, _: &str, _: &str, _: bool) -> Result<Shown, Fault> {
        refused()
    }

    async fn evaluate(&self, _: Option<&Handle>, _: &str, _: Purpose, _: bool) -> Result<Shown, Fault> {
        refused()
    }

    async fn interrupt(&self) {}

    async fn completions(&self, _: Option<&Handle>, _: &str, _: u32, _: u32) -> Result<Vec<Completion>, Fault> {
        Ok(Vec::new())
    }

    async fn exception_info(&self, _: &Handle) -> Result<ExceptionInfo, Fault> {
        refused()
    }

    async fn resume(&self, _: &Handle, _: bool) -> Result<(), Fault> {
        refused()
    }

    async fn step(&self, _: &Handle, _: Step, _: bool) -> Result<(), Fault> {
        refused()
    }

    async fn pause(&self, _: &Handle) -> Result<(), Fault> {
        refused()
    }

    async fn loaded_sources(&self) -> Result<Vec<Place>, Fault> {
        Ok(Vec::new())
    }

    async fn source(&self, _: &Place) -> Result<String, Fault> {
        refused()
    }

    async fn detach(&self) {}
}
