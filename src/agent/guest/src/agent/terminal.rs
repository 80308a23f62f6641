//! Pseudo-terminals: made here, shown to the program as its controlling terminal.
//!
//! The agent keeps an end of the program's side open as long as the execution lasts, so that the
//! terminal survives a moment in which no process has it open. Under gVisor a [`Witness`] stands in for what
//! the kernel's terminals lack.

use std::os::fd::{AsFd, OwnedFd};

use codebeaker_agent::wire::TerminalSize;

use crate::agent::sys::{self, Result};
use crate::agent::witness::{Keys, Witness};

/// What ends the input of a program that reads its terminal line by line (Ctrl+D).
pub(crate) const END_OF_INPUT: u8 = 0x04;

/// The agent's side of a pseudo-terminal.
pub(crate) struct Terminal {
    master: OwnedFd,
    program_side: OwnedFd,
    witness: Option<Witness>,
    /// The kernel turns keys into signals.
    knows_keys: bool,
}

impl Terminal {
    /// A terminal of this size, in the kernel's default mode, and UTF-8 to the line editor; and what its
    /// witness is to wait at, where it needs one.
    pub(crate) fn open(size: TerminalSize) -> Result<(Self, Option<OwnedFd>)> {
        let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_NONBLOCK;
        let master = sys::open_device(c"/dev/ptmx", flags)?;
        let mut locked: libc::c_int = 0;
        // SAFETY: `TIOCSPTLCK` reads an int.
        unsafe { sys::ioctl(master.as_fd(), libc::TIOCSPTLCK, &mut locked) }?;
        let program_side = sys::terminal_peer(master.as_fd())?;
        let mut terminal = Terminal { master, program_side, witness: None, knows_keys: true };
        terminal.set_size(size)?;
        let mut waits = None;
        if Self::needs_witness() {
            let (witness, end) = Witness::new()?;
            (terminal.witness, waits) = (Some(witness), Some(end));
            terminal.knows_keys = terminal.tries_a_key()?;
        }
        let mut mode = sys::terminal_mode(terminal.program_side.as_fd())?;
        // Erasing takes back whole characters, not single bytes.
        mode.c_iflag |= libc::IUTF8;
        sys::set_terminal_mode(terminal.program_side.as_fd(), &mut mode)?;
        Ok((terminal, waits))
    }

    /// Whether the kernel tells nobody outside a terminal's session who is in its foreground.
    pub(crate) fn needs_witness() -> bool {
        sys::is_gvisor()
    }

    /// Whether the kernel takes Ctrl+C for a signal: then it isn't there to be read. Nobody has the terminal yet.
    fn tries_a_key(&self) -> Result<bool> {
        let mode = sys::terminal_mode(self.program_side.as_fd())?;
        let mut trial = mode;
        trial.c_lflag = libc::ISIG;
        sys::set_terminal_mode(self.program_side.as_fd(), &mut trial)?;
        sys::write(self.master.as_fd(), &[mode.c_cc[libc::VINTR]])?;
        let there = sys::level(self.program_side.as_fd())?;
        if there > 0 {
            sys::read(self.program_side.as_fd(), &mut [0; 16])?;
        }
        sys::set_terminal_mode(self.program_side.as_fd(), &mut { mode })?;
        Ok(there == 0)
    }

    /// Changes the size; the foreground process group gets `SIGWINCH` if it is another.
    pub(crate) fn resize(&self, size: TerminalSize) -> Result<()> {
        // Telling twice that the size is another does no harm.
        let is_new = self.witness.is_some() && self.size() != Some(size);
        self.set_size(size)?;
        if let Some(witness) = self.witness.as_ref().filter(|_| is_new) {
            witness.deliver(libc::SIGWINCH);
        }
        Ok(())
    }

    fn set_size(&self, size: TerminalSize) -> Result<()> {
        let mut size = libc::winsize { ws_row: size.rows, ws_col: size.cols, ws_xpixel: 0, ws_ypixel: 0 };
        // SAFETY: `TIOCSWINSZ` reads a winsize.
        unsafe { sys::ioctl(self.master.as_fd(), libc::TIOCSWINSZ, &mut size) }.map(drop)
    }

    fn size(&self) -> Option<TerminalSize> {
        let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
        // SAFETY: `TIOCGWINSZ` fills in a winsize.
        unsafe { sys::ioctl(self.master.as_fd(), libc::TIOCGWINSZ, &mut size) }.ok()?;
        Some(TerminalSize { cols: size.ws_col, rows: size.ws_row })
    }

    /// Signals the process group that Ctrl+C would reach. Returns whether one may have been reached.
    pub(crate) fn signal(&self, signal: i32) -> bool {
        if let Some(witness) = &self.witness {
            return witness.deliver(signal);
        }
        let mut group: libc::pid_t = 0;
        // SAFETY: `TIOCGPGRP` fills in a pid_t.
        let told = unsafe { sys::ioctl(self.master.as_fd(), libc::TIOCGPGRP, &mut group) }.is_ok() && group > 1;
        if told {
            sys::kill(-group, signal);
        }
        told
    }

    /// The keys that are to be turned into signals, where the kernel doesn't do so.
    pub(crate) fn keys(&self) -> Option<Keys> {
        let witness = self.witness.as_ref().filter(|_| !self.knows_keys)?.again().ok()?;
        Keys::new(witness, self.master.as_fd()).ok()
    }

    /// A descriptor for what the terminal shows, and one for what is typed: two registrations with
    /// epoll need two descriptors.
    pub(crate) fn ends(&self) -> Result<(OwnedFd, OwnedFd)> {
        Ok((sys::duplicate(self.master.as_fd())?, sys::duplicate(self.master.as_fd())?))
    }

    /// What becomes the program's standard streams.
    pub(crate) fn program_side(&self) -> &OwnedFd {
        &self.program_side
    }
}
