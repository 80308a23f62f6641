//! Landlock's scopes: no signal and no abstract socket crosses the sandbox's border.
//!
//! The pid and network namespaces say the same; this holds if one of them is ever entered wrongly.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use crate::failure::{Failure, Step, checked};

/// The first ABI with scopes.
const FIRST_SCOPED_ABI: u32 = 6;

/// `LANDLOCK_CREATE_RULESET_VERSION`.
const ASK_VERSION: libc::c_uint = 1;

/// `LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | LANDLOCK_SCOPE_SIGNAL`.
const SCOPES: u64 = 1 | 2;

/// `struct landlock_ruleset_attr` of the kernel.
#[repr(C)]
struct RulesetAttr {
    file_system: u64,
    network: u64,
    scoped: u64,
}

/// Enters a Landlock domain with scopes. Returns the ABI in force: 0 where the kernel has no scopes
/// or `wanted` is unset.
pub(crate) fn scope(wanted: bool) -> Result<u32, Failure> {
    let abi = if wanted { abi()? } else { 0 };
    if abi < FIRST_SCOPED_ABI {
        return Ok(0);
    }
    let attributes = RulesetAttr { file_system: 0, network: 0, scoped: SCOPES };
    // SAFETY: the kernel reads exactly the size of `attributes` behind a pointer that lives through the
    // call.
    let returned = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            &raw const attributes,
            size_of::<RulesetAttr>(),
            0 as libc::c_uint,
        )
    };
    let descriptor = checked(returned).step("create Landlock ruleset")?;
    // SAFETY: the kernel has just given this descriptor to nobody else.
    let ruleset = unsafe { OwnedFd::from_raw_fd(descriptor as i32) };
    // SAFETY: a system call on numbers.
    let returned = unsafe { libc::syscall(libc::SYS_landlock_restrict_self, ruleset.as_raw_fd(), 0 as libc::c_uint) };
    checked(returned).step("enter Landlock domain")?;
    Ok(abi)
}

/// The kernel's Landlock ABI; 0 when it has none, or has it turned off.
fn abi() -> Result<u32, Failure> {
    // SAFETY: asked for its version, the call takes no structure.
    let returned = unsafe {
        libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<RulesetAttr>(), 0_usize, ASK_VERSION)
    };
    match checked(returned) {
        // A container engine's own filter may refuse what it doesn't know.
        Err(error) if matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EOPNOTSUPP | libc::EPERM)) => Ok(0),
        version => version.step("ask for Landlock ABI").map(|version| version as u32),
    }
}
