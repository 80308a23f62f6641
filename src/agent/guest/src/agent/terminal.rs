//! Pseudo-terminals: made here, shown to the program as its controlling terminal.
//!
//! The agent keeps an end of the program's side open as long as the execution lasts, so that the
//! terminal survives a moment in which no process has it open.

use std::os::fd::{AsFd, OwnedFd};

use codebeaker_agent::wire::TerminalSize;

use crate::agent::sys::{self, Result};

/// What ends the input of a program that reads its terminal line by line (Ctrl+D).
pub(crate) const END_OF_INPUT: u8 = 0x04;

/// The agent's side of a pseudo-terminal.
pub(crate) struct Terminal {
    master: OwnedFd,
    program_side: OwnedFd,
}

impl Terminal {
    /// A terminal of this size, in the kernel's default mode, and UTF-8 to the line editor.
    pub(crate) fn open(size: TerminalSize) -> Result<Self> {
        let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_NONBLOCK;
        let master = sys::open_device(c"/dev/ptmx", flags)?;
        let mut locked: libc::c_int = 0;
        // SAFETY: `TIOCSPTLCK` reads an int.
        unsafe { sys::ioctl(master.as_fd(), libc::TIOCSPTLCK, &mut locked) }?;
        let program_side = sys::terminal_peer(master.as_fd())?;
        // SAFETY: all zeroes is a valid termios, which `TCGETS` then fills in.
        let mut mode: libc::termios = unsafe { std::mem::zeroed() };
        // SAFETY: `TCGETS` and `TCSETS` take the kernel's termios, the head of glibc's.
        unsafe {
            sys::ioctl(program_side.as_fd(), libc::TCGETS, &mut mode)?;
            // Erasing takes back whole characters, not single bytes.
            mode.c_iflag |= libc::IUTF8;
            sys::ioctl(program_side.as_fd(), libc::TCSETS, &mut mode)?;
        }
        let terminal = Terminal { master, program_side };
        terminal.resize(size)?;
        Ok(terminal)
    }

    /// Changes the size; the foreground process group gets `SIGWINCH`.
    pub(crate) fn resize(&self, size: TerminalSize) -> Result<()> {
        let mut size = libc::winsize { ws_row: size.rows, ws_col: size.cols, ws_xpixel: 0, ws_ypixel: 0 };
        // SAFETY: `TIOCSWINSZ` reads a winsize.
        unsafe { sys::ioctl(self.master.as_fd(), libc::TIOCSWINSZ, &mut size) }.map(drop)
    }

    /// The process group that Ctrl+C would reach.
    pub(crate) fn foreground(&self) -> Option<i32> {
        let mut group: libc::pid_t = 0;
        // SAFETY: `TIOCGPGRP` fills in a pid_t.
        unsafe { sys::ioctl(self.master.as_fd(), libc::TIOCGPGRP, &mut group) }.ok()?;
        (group > 1).then_some(group)
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
