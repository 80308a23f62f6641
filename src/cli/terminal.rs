//! The terminal that `codebeaker run` was started in, while a program in the sandbox uses it.
//!
//! The program never gets this terminal: it has one of its own, and bytes are passed between the two.

use std::io::{self, IsTerminal};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

use crate::agent::wire::TerminalSize;

/// Whether input and output both are a terminal.
pub(super) fn is_there() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// Its size now.
pub(super) fn size() -> TerminalSize {
    let known = tcgetwinsize(io::stdout()).ok().filter(|size| size.ws_col > 0 && size.ws_row > 0);
    known.map_or(TerminalSize { cols: 80, rows: 24 }, |size| TerminalSize { cols: size.ws_col, rows: size.ws_row })
}

/// Passes every key on as it is, until dropped.
pub(super) struct Raw {
    before: Termios,
    raw: Termios,
}

impl Raw {
    pub(super) fn enter() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(io::stdin(), OptionalActions::Drain, &raw)?;
        Ok(Self { before, raw })
    }

    /// Does so again, after this command was stopped and the shell had the terminal.
    pub(super) fn enter_again(&self) {
        if let Err(error) = tcsetattr(io::stdin(), OptionalActions::Drain, &self.raw) {
            tracing::warn!(%error, "keys can't be passed on as they are");
        }
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        if let Err(error) = tcsetattr(io::stdin(), OptionalActions::Drain, &self.before) {
            tracing::warn!(%error, "the terminal could not be put back; `stty sane` does it");
        }
    }
}
