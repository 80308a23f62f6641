//! What becomes of a process of the agent's that looks at files beside it: programs decide what it reads, so it has
//! nothing that could be taken from it, and little that it could use up.

use crate::agent::shim::close_all_but;
use crate::agent::sys::{self, Result};

/// The most address space that it may have. What it needs is bounded far below, but for what a regular expression takes.
const MEMORY_BYTES: u64 = 256 << 20;

/// Leaves everything behind but these descriptors, and takes little from then on.
pub(super) fn settle(keep: &mut [i32]) -> Result<()> {
    // SAFETY: no pointers.
    sys::check(unsafe { libc::setsid() })?;
    close_all_but(keep)?;
    sys::occupy_standard_descriptors()?;
    let limits =
        [(libc::RLIMIT_AS, MEMORY_BYTES), (libc::RLIMIT_FSIZE, 0), (libc::RLIMIT_CORE, 0), (libc::RLIMIT_NPROC, 0)];
    for (resource, most) in limits {
        let most = sys::limit(resource)?.rlim_max.min(most);
        sys::set_limit(resource, libc::rlimit { rlim_cur: most, rlim_max: most })?;
    }
    Ok(())
}
