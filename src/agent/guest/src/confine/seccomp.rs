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

/// Has a write of nothing to a standard stream succeed at once. To a terminal of gVisor's it would wait for ever,
/// and programs make such writes: Python, where its output is not buffered, for every line of a traceback.
pub(crate) fn answer_empty_writes() -> Result<(), Failure> {
    const LOAD: u64 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u64;
    const EQUALS: u64 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u64;
    const EXCEEDS: u64 = (libc::BPF_JMP | libc::BPF_JGT | libc::BPF_K) as u64;
    const ANSWER: u64 = (libc::BPF_RET | libc::BPF_K) as u64;
    let instruction = |code: u64, jt: u64, jf: u64, k: u64| code | jt << 16 | jf << 24 | k << 32;
    // Where `seccomp_data` has the call's number, and the low half of each argument of 64 bits.
    let (number, low_half) = (0, |argument: u64| 16 + 8 * argument);
    install(&[vec![
        instruction(LOAD, 0, 0, number),
        instruction(EQUALS, 0, 7, libc::SYS_write as u64),
        instruction(LOAD, 0, 0, low_half(0)),
        instruction(EXCEEDS, 5, 0, 2),
        instruction(LOAD, 0, 0, low_half(2)),
        instruction(EQUALS, 0, 3, 0),
        instruction(LOAD, 0, 0, low_half(2) + 4),
        instruction(EQUALS, 0, 1, 0),
        // The error 0, which is none.
        instruction(ANSWER, 0, 0, libc::SECCOMP_RET_ERRNO.into()),
        instruction(ANSWER, 0, 0, libc::SECCOMP_RET_ALLOW.into()),
    ]])
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
