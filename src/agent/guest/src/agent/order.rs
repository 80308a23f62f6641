//! A program that was ordered: what it is, and the streams that are made for it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use codebeaker_agent::wire::Spawn;

use crate::agent::execution::Part;
use crate::agent::program::{Failure, Step};
use crate::agent::sys::socket::PASSED;
use crate::agent::sys::{self, Epoll, stream};
use crate::agent::terminal::Terminal;

/// What standard output may hold before its writer waits. More than the default keeps a program that
/// prints much from being woken for every 64 KiB; much more would count against what the kernel lets one
/// user's pipes hold, across all sessions.
const PIPE_BYTES: i32 = 256 * 1024;

/// What a shim is told, and the program's ends of its streams.
pub(crate) struct Order {
    pub(crate) spawn: Spawn,
    /// `None` for `/dev/null`, and in a terminal.
    stdin: Option<OwnedFd>,
    /// `None` in a terminal.
    outputs: Option<[OwnedFd; 2]>,
    /// `None` when it has no side stream.
    side: Option<OwnedFd>,
    /// What a witness waits at, for a terminal that needs one.
    witness: Option<OwnedFd>,
}

/// The agent's ends of a program's streams.
pub(crate) struct Ends {
    pub(crate) stdin: Option<OwnedFd>,
    pub(crate) stdout: OwnedFd,
    /// `None` in a terminal.
    pub(crate) stderr: Option<OwnedFd>,
    pub(crate) terminal: Option<Terminal>,
    pub(crate) side: Option<OwnedFd>,
}

impl Order {
    /// Makes the streams that the program is to have.
    pub(crate) fn make(spawn: Spawn) -> Result<(Order, Ends), Failure> {
        let side = match spawn.side {
            true => stream::pair().map(Some).map_err(|errno| Step::MakeSocket.failed(errno))?,
            false => None,
        };
        let (mut order, mut ends) = match spawn.terminal {
            Some(_) => in_terminal(spawn).map_err(|errno| Step::MakeTerminal.failed(errno))?,
            None => with_pipes(spawn).map_err(|errno| Step::MakePipe.failed(errno))?,
        };
        (ends.side, order.side) = side.unzip();
        Ok((order, ends))
    }

    /// The descriptors that become the program's 0, 1 and 2, and 3 where it has a side stream; the last is for the
    /// witness.
    pub(crate) fn streams<'a>(&'a self, null: &'a OwnedFd, terminal: Option<&'a Terminal>) -> [BorrowedFd<'a>; PASSED] {
        let stdin = self.stdin.as_ref().unwrap_or(null).as_fd();
        let side = self.side.as_ref().unwrap_or(null).as_fd();
        let witness = self.witness.as_ref().unwrap_or(null).as_fd();
        match (&self.outputs, terminal) {
            (Some([stdout, stderr]), _) => [stdin, stdout.as_fd(), stderr.as_fd(), side, witness],
            (None, Some(terminal)) => {
                let shown = terminal.program_side().as_fd();
                [shown, shown, shown, side, witness]
            }
            (None, None) => [null.as_fd(); PASSED],
        }
    }
}

impl Ends {
    /// Has epoll report them.
    pub(crate) fn register(&self, epoll: &Epoll, execution: u32) -> sys::Result<()> {
        let parts = [
            (self.stdin.as_ref(), libc::EPOLLOUT, Part::Stdin),
            (Some(&self.stdout), libc::EPOLLIN, Part::Stdout),
            (self.stderr.as_ref(), libc::EPOLLIN, Part::Stderr),
        ];
        for (fd, events, part) in parts {
            if let Some(fd) = fd {
                epoll.add(fd.as_fd(), events, part.token(execution))?;
            }
        }
        Ok(())
    }
}

fn with_pipes(spawn: Spawn) -> sys::Result<(Order, Ends)> {
    let (program_stdin, stdin) = match spawn.stdin {
        true => sys::pipe().map(|(read, write)| (Some(read), Some(write)))?,
        false => (None, None),
    };
    let (stdout, program_stdout) = sys::pipe()?;
    let (stderr, program_stderr) = sys::pipe()?;
    // Refused where the user's pipes hold much already; it is slower then, not wrong.
    let _ = sys::set_pipe_capacity(stdout.as_fd(), PIPE_BYTES);
    for fd in [stdin.as_ref(), Some(&stdout), Some(&stderr)].into_iter().flatten() {
        sys::set_nonblocking(fd.as_fd())?;
    }
    let outputs = Some([program_stdout, program_stderr]);
    let order = Order { spawn, stdin: program_stdin, outputs, side: None, witness: None };
    Ok((order, Ends { stdin, stdout, stderr: Some(stderr), terminal: None, side: None }))
}

fn in_terminal(spawn: Spawn) -> sys::Result<(Order, Ends)> {
    let (terminal, witness) = spawn.terminal.map(Terminal::open).ok_or(sys::Errno(libc::EINVAL))??;
    // Its descriptors share one open file, which does not block.
    let (stdout, typed) = terminal.ends()?;
    let order = Order { spawn, stdin: None, outputs: None, side: None, witness };
    Ok((order, Ends { stdin: Some(typed), stdout, stderr: None, terminal: Some(terminal), side: None }))
}
