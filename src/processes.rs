//! What tells one process from every other that runs or ran since the machine started.
//!
//! A process id alone is used again by the kernel; with the process's start time it is not. And it means something in
//! one pid namespace only.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;

/// The inode number of this process's pid namespace.
///
/// # Errors
/// When `/proc` doesn't tell.
pub fn own_pid_namespace() -> io::Result<u64> {
    Ok(fs::metadata("/proc/self/ns/pid")?.ino())
}

/// When a process started, in clock ticks since the machine did.
///
/// # Errors
/// [`io::ErrorKind::NotFound`] for one that has ended, though nobody may have waited for it yet; others when `/proc`
/// doesn't tell.
pub fn start_time(pid: u32) -> io::Result<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let invalid = || io::Error::new(io::ErrorKind::InvalidData, "a stat line without start time");
    let (state, start_time) = parse_stat(&stat).ok_or_else(invalid)?;
    if matches!(state, "Z" | "X") { Err(io::ErrorKind::NotFound.into()) } else { Ok(start_time) }
}

/// The third field and the 22nd. The second is the process's own choice and may hold spaces and brackets, so fields
/// are counted from its end.
fn parse_stat(stat: &str) -> Option<(&str, u64)> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    Some((fields.next()?, fields.nth(18)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_names_itself_strangely_is_read_right() {
        let stat = "5 (a) b (c) S 1 5 5 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 0 0";
        assert_eq!(parse_stat(stat), Some(("S", 987_654)));
        assert_eq!(parse_stat("5 (a"), None);
    }

    #[test]
    fn a_process_that_has_ended_is_not_found() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        assert!(start_time(std::process::id()).is_ok());
        child.wait().unwrap();
        assert_eq!(start_time(child.id()).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
