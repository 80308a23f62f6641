//! Debuggers that are measured: debug adapters, spoken to as an editor does, and V8's inspector, spoken to
//! with nothing between.

mod adapter;
mod inspector;

use std::path::Path;

use serde_json::Value;

use crate::Result;

pub(crate) use adapter::Adapter;
pub(crate) use inspector::Inspector;

/// A program that is debugged, by whatever debugger: what the rows measure.
pub(crate) trait Debugging {
    /// Steps over a line.
    fn step(&mut self) -> Result<()>;

    /// Takes all breakpoints away.
    fn clear(&mut self) -> Result<()>;

    /// Threads, stack, scopes, and the variables of the innermost scope; gives how many those are.
    fn look(&mut self) -> Result<usize>;

    /// Evaluates in the innermost frame, which [`Debugging::look`] has found.
    fn evaluate(&mut self, expression: &str) -> Result<Value>;

    /// The elements of a list from 50 000 on, as few over a hundred as the debugger manages; gives how many came.
    fn page(&mut self, expression: &str) -> Result<usize>;

    /// Lets it run to its end, and gives what it said of itself: the figure after `RESULT`.
    fn result(&mut self) -> Result<f64>;
}

/// A breakpoint.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Breakpoint<'a> {
    pub(crate) line: u32,
    pub(crate) condition: Option<&'a str>,
}

/// What starts a program in a debugger, with these breakpoints, and brings it to its first stop unless it runs
/// to the end.
pub(crate) type Starter<'a> = dyn Fn(&Path, &[Breakpoint<'_>], bool) -> Result<Box<dyn Debugging>> + 'a;

/// The figure that a program prints after `RESULT`.
fn figure(printed: &str) -> Option<f64> {
    let line = printed.split("RESULT ").nth(1)?;
    line.split_once('\n')?.0.trim().parse().ok()
}
