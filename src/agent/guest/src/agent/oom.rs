//! How many processes the kernel has killed in the sandbox for want of memory.

use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;

use crate::agent::sys::{self, files};

/// Where a container sees the events of its own cgroup: the kernel's version 2, then its version 1.
const FILES: [&std::ffi::CStr; 2] = [c"/sys/fs/cgroup/memory.events", c"/sys/fs/cgroup/memory/memory.oom_control"];

/// The count of the sandbox's own cgroup, where that shows inside.
#[derive(Clone)]
pub(crate) struct OomKills(Option<Rc<OwnedFd>>);

impl OomKills {
    /// Looks for the count.
    pub(crate) fn find() -> Self {
        let mut open = FILES.into_iter().filter_map(|path| sys::open_device(path, libc::O_RDONLY).ok());
        OomKills(open.find(|file| count(file).is_some()).map(Rc::new))
    }

    /// Counts from now.
    pub(crate) fn count_on(&self) -> OomKillsSince {
        OomKillsSince { kills: self.clone(), before: self.so_far() }
    }

    fn so_far(&self) -> Option<u64> {
        self.0.as_deref().and_then(count)
    }
}

/// The count from some time on.
pub(crate) struct OomKillsSince {
    kills: OomKills,
    before: Option<u64>,
}

impl OomKillsSince {
    /// So many until now; `None` where that is not counted.
    pub(crate) fn so_far(&self) -> Option<u64> {
        self.before.zip(self.kills.so_far()).map(|(before, after)| after.saturating_sub(before))
    }
}

fn count(file: &OwnedFd) -> Option<u64> {
    let mut text = [0; 1024];
    let length = files::pread(file.as_fd(), &mut text, 0).ok()?;
    read(std::str::from_utf8(&text[..length]).ok()?)
}

fn read(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn the_count_is_read_in_either_version() {
        assert_eq!(read("oom_kill_disable 0\nunder_oom 0\noom_kill 2\n"), Some(2));
        assert_eq!(read("low 0\nhigh 0\nmax 9\noom 4\noom_kill 3\noom_group_kill 0\n"), Some(3));
        assert_eq!(read("oom_kill_disable 0\nunder_oom 0\n"), None);
    }
}
