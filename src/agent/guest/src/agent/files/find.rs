//! The finder: a process of the agent's own that looks for files, by their names or by what is in them.
//!
//! It is forked and not executed, as a shim is, because nothing bounds how long a regular expression, a line or
//! a tree takes, and the agent's loop may not wait. It holds the workspace and the pipe that it writes to, and has
//! limits of its own; it changes nothing, and a kill at any moment is a proper end. It gets at files as the agent
//! does, name by name beneath the workspace and never through a link, and opens only what is a regular file.

mod content;
mod name;
mod report;
mod rules;
mod utf16;
mod walk;

use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use codebeaker_agent::wire::find::{By, Done, Find, Found, Part, REFUSAL_BYTES};

use self::report::{Full, Report};
use super::aside;
use super::must_be_file;
use super::path::Root;
use crate::agent::sys::{self, Result, files};

/// Where a finder begins.
pub(super) enum Top {
    Directory(OwnedFd),
    File(OwnedFd),
}

impl Top {
    /// Opens what `find` names.
    pub(super) fn open(root: &Root, find: &Find) -> Result<Self> {
        let flags = match find.by {
            By::Name { .. } => libc::O_RDONLY | libc::O_DIRECTORY,
            By::Content(_) => libc::O_RDONLY,
        };
        let opened = root.open(&find.path, flags)?;
        let stat = files::fstat(opened.as_fd())?;
        if stat.st_mode & libc::S_IFMT == libc::S_IFDIR {
            return Ok(Top::Directory(opened));
        }
        must_be_file(&stat)?;
        Ok(Top::File(opened))
    }

    fn as_raw_fd(&self) -> i32 {
        match self {
            Top::Directory(fd) | Top::File(fd) => fd.as_raw_fd(),
        }
    }
}

/// A part of what was asked for that makes no sense, and why.
struct Refusal {
    part: Part,
    why: String,
}

/// Why it ends before the end of the tree.
enum Stop {
    /// What is asked for makes no sense.
    Refused(Refusal),
    /// The answer is full.
    Full,
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Stop::Refused(refusal)
    }
}

impl From<Full> for Stop {
    fn from(_: Full) -> Self {
        Stop::Full
    }
}

/// Is the finder, from the fork to its end.
pub(super) fn be(root: &Root, top: Top, find: &Find, out: OwnedFd) -> ! {
    if aside::settle(&mut [root.as_raw_fd(), top.as_raw_fd(), out.as_raw_fd()]).is_err() {
        sys::exit(1);
    }
    let mut report = Report::new(out);
    let mut done = Done::default();
    let looked = match &find.by {
        By::Name { patterns, limit } => name::find(root, top, find, patterns, *limit, &mut report, &mut done),
        By::Content(content) => content::find(root, top, find, content, &mut report, &mut done),
    };
    match looked {
        Ok(()) => {}
        Err(Stop::Full) => done.truncated = Some(codebeaker_agent::wire::find::Truncated::Bytes),
        Err(Stop::Refused(Refusal { part, mut why })) => {
            if why.len() > REFUSAL_BYTES {
                // What was written comes first, and what is wrong with it in the last line.
                why.drain(..why.rfind('\n').map_or(0, |end| end + 1));
            }
            while why.len() > REFUSAL_BYTES {
                why.pop();
            }
            report.say_last(&Found::Refused { part, why });
        }
    }
    report.say_last(&Found::Done(done));
    report.flush();
    sys::exit(0)
}
