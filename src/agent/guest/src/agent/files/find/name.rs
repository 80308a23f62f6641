//! Finding files by their paths.

use std::ops::ControlFlow;

use codebeaker_agent::wire::FileEntry;
use codebeaker_agent::wire::find::{Done, Find, Found, Part, Truncated};
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::report::Report;
use super::rules::as_path;
use super::{Refusal, Stop, Top, walk};
use crate::agent::files::describe;
use crate::agent::files::path::Root;

/// Tells of everything below `top` whose path one of `patterns` matches.
pub(super) fn find(
    root: &Root,
    top: Top,
    find: &Find,
    patterns: &[String],
    limit: u32,
    report: &mut Report,
    done: &mut Done,
) -> Result<(), Stop> {
    let set = read(patterns)?;
    let Top::Directory(top) = top else { return Ok(()) };
    let mut remaining = limit;
    walk::each(root, top, find, done, |entry, done| {
        if !set.is_match(as_path(entry.path)) {
            return Ok(ControlFlow::Continue(()));
        }
        if remaining == 0 {
            done.truncated = Some(Truncated::Limit);
            return Ok(ControlFlow::Break(()));
        }
        remaining -= 1;
        let found = FileEntry { path: entry.path.to_vec(), stat: describe(&entry.stat) };
        report.say(&[Found::Entry(found)])?;
        Ok(ControlFlow::Continue(()))
    })
}

fn read(patterns: &[String]) -> Result<GlobSet, Refusal> {
    let mut set = GlobSetBuilder::new();
    for (number, pattern) in (0..).zip(patterns) {
        let glob = GlobBuilder::new(pattern).literal_separator(true).backslash_escape(true).build();
        set.add(glob.map_err(|error| Refusal { part: Part::Patterns(number), why: error.to_string() })?);
    }
    set.build().map_err(|error| Refusal { part: Part::Patterns(0), why: error.to_string() })
}
