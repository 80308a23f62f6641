//! How a client counts lines and writes paths, and what it can show: what it said when it began.

use crate::dap::types::{InitializeRequestArguments, InitializeRequestArgumentsPathFormat};
use crate::debug::backend::Position;
use crate::debug::paths;
use crate::text::Keep;

/// A client's habits.
#[derive(Debug, Clone)]
pub(super) struct Habits {
    /// What it takes the adapter for: a hint at the language.
    pub(super) adapter: String,
    lines_from: u32,
    columns_from: u32,
    uris: bool,
    /// Escape sequences that style text are shown as styles.
    pub(super) styling: bool,
    /// It can open a further connection for a child.
    pub(super) start_debugging: bool,
    /// It takes the types of variables.
    pub(super) types: bool,
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            adapter: String::new(),
            lines_from: 1,
            columns_from: 1,
            uris: false,
            styling: false,
            start_debugging: false,
            types: false,
        }
    }
}

impl Habits {
    pub(super) fn new(arguments: &InitializeRequestArguments) -> Self {
        let from = |at_1: Option<bool>| u32::from(at_1.unwrap_or(true));
        Self {
            adapter: arguments.adapter_id.clone(),
            lines_from: from(arguments.lines_start_at1),
            columns_from: from(arguments.columns_start_at1),
            uris: arguments.path_format == Some(InitializeRequestArgumentsPathFormat::Uri),
            styling: arguments.supports_ansistyling == Some(true),
            start_debugging: arguments.supports_start_debugging_request == Some(true),
            types: arguments.supports_variable_type == Some(true),
        }
    }

    /// Text of several lines is shown so.
    pub(super) fn keep(&self) -> Keep {
        if self.styling { Keep::Styling } else { Keep::Lines }
    }

    /// A line of ours, as the client counts.
    pub(super) fn line_out(&self, line: u32) -> u32 {
        line.saturating_sub(1).saturating_add(self.lines_from)
    }

    /// A column of ours, as the client counts.
    pub(super) fn column_out(&self, column: u32) -> u32 {
        column.saturating_sub(1).saturating_add(self.columns_from)
    }

    /// A position of the client's, as we count.
    pub(super) fn position_in(&self, line: u32, column: Option<u32>) -> Position {
        Position { line: self.line_in(line), column: column.map(|column| self.column_in(column)) }
    }

    /// A line of the client's, as we count.
    pub(super) fn line_in(&self, line: u32) -> u32 {
        line.saturating_add(1).saturating_sub(self.lines_from)
    }

    /// A column of the client's, as we count.
    pub(super) fn column_in(&self, column: u32) -> u32 {
        column.saturating_add(1).saturating_sub(self.columns_from).max(1)
    }

    /// A path of the host, as the client writes it.
    pub(super) fn path_out(&self, path: String) -> String {
        if self.uris { paths::to_uri(&path) } else { path }
    }

    /// The path of the host that the client wrote. Clients that use paths are known to write URIs at times.
    pub(super) fn path_in(&self, path: &str) -> Option<String> {
        if path.starts_with("file:") { paths::from_uri(path) } else { paths::normal(path) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_are_counted_as_the_client_counts() {
        let habits = |at_1| {
            let arguments =
                InitializeRequestArguments { lines_start_at1: at_1, columns_start_at1: at_1, ..Default::default() };
            Habits::new(&arguments)
        };
        for (at_1, first) in [(None, 1), (Some(true), 1), (Some(false), 0)] {
            let habits = habits(at_1);
            assert_eq!((habits.line_out(1), habits.column_out(1)), (first, first));
            assert_eq!(habits.position_in(first, Some(first)), Position { line: 1, column: Some(1) });
            assert_eq!((habits.line_out(u32::MAX) > 0, habits.line_in(u32::MAX) > 0), (true, true));
        }
    }
}
