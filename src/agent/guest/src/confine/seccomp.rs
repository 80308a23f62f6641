//! Installs the system-call filters that the daemon sends as finished BPF.

use crate::failure::{Failure, Step, checked};

/// Installs every filter, in this order. From here on PID 1 is bound by them itself.
pub(crate) fn install(filters: &[Vec<u64>]) -> Result<(), Failure> {
    for filter in filters {
        let mut instructions: Vec<libc::sock_filter> = filter.iter().copied().map(unpacked).collect();
        let length = libc::c_ushort::try_from(instructions.len())
            .map_err(|_| Failure::refused("install system-call filter: too long"))?;
        let program = libc::sock_fprog { len: length, filter: instructions.as_mut_ptr() };
        // SAFETY: the program points at `length` instructions, which the kernel copies during the call.
        let returned = unsafe {
            libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0 as libc::c_uint, &raw const program)
        };
        checked(returned).step("install system-call filter")?;
    }
    Ok(())
}

/// The reverse of the plan's packing: `code | jt << 16 | jf << 24 | k << 32`.
fn unpacked(packed: u64) -> libc::sock_filter {
    libc::sock_filter {
        code: packed as u16,
        jt: (packed >> 16) as u8,
        jf: (packed >> 24) as u8,
        k: (packed >> 32) as u32,
    }
}
