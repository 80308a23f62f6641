//! A pair of sockets that keeps messages whole and can carry descriptors.

use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use libc::c_int;

use super::{Errno, Result, check, check_size, owned};

/// How many descriptors go with a message.
pub(crate) const PASSED: usize = 5;

/// Room for the control message that carries them, aligned as its header must be.
type Control = [u64; 8];

const PASSED_BYTES: u32 = (PASSED * size_of::<c_int>()) as u32;

/// Two connected ends; reading from one whose other is closed yields an empty message.
pub(crate) fn pair() -> Result<(OwnedFd, OwnedFd)> {
    let mut ends = [-1; 2];
    let kind = libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC;
    // SAFETY: the array has room for both descriptors.
    check(unsafe { libc::socketpair(libc::AF_UNIX, kind, 0, ends.as_mut_ptr()) })?;
    Ok((owned(ends[0])?, owned(ends[1])?))
}

/// Sends a message with descriptors, or nothing of it. Never waits.
pub(crate) fn send(socket: BorrowedFd<'_>, bytes: &[u8], passed: [BorrowedFd<'_>; PASSED]) -> Result<()> {
    let mut piece = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    let mut control: Control = [0; 8];
    // SAFETY: a zeroed header is valid, and is then pointed at memory that outlives the call; the control
    // buffer has room for one message of `PASSED` descriptors.
    let sent = unsafe {
        let mut message: libc::msghdr = MaybeUninit::zeroed().assume_init();
        message.msg_iov = &raw mut piece;
        message.msg_iovlen = 1;
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = libc::CMSG_SPACE(PASSED_BYTES) as _;
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        (*header).cmsg_level = libc::SOL_SOCKET;
        (*header).cmsg_type = libc::SCM_RIGHTS;
        (*header).cmsg_len = libc::CMSG_LEN(PASSED_BYTES) as _;
        let data = libc::CMSG_DATA(header).cast::<c_int>();
        for (at, fd) in passed.iter().enumerate() {
            data.add(at).write_unaligned(fd.as_raw_fd());
        }
        libc::sendmsg(socket.as_raw_fd(), &raw const message, libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL)
    };
    check_size(sent).map(drop)
}

/// Waits for a message, and takes the descriptors that came with it. `None` when the other end is closed.
pub(crate) fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<Option<(usize, [OwnedFd; PASSED])>> {
    let mut piece = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    let mut control: Control = [0; 8];
    // SAFETY: a zeroed header is valid, and is then pointed at memory that outlives the call.
    let (length, message) = unsafe {
        let mut message: libc::msghdr = MaybeUninit::zeroed().assume_init();
        message.msg_iov = &raw mut piece;
        message.msg_iovlen = 1;
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = libc::CMSG_SPACE(PASSED_BYTES) as _;
        let length = loop {
            match check_size(libc::recvmsg(socket.as_raw_fd(), &raw mut message, libc::MSG_CMSG_CLOEXEC)) {
                Err(Errno(libc::EINTR)) => {}
                other => break other?,
            }
        };
        (length, message)
    };
    if length == 0 {
        return Ok(None);
    }
    // SAFETY: the kernel filled in the header; a first control message lies whole within the buffer, and
    // its descriptors are ours and nobody else's.
    unsafe {
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        if header.is_null() || (*header).cmsg_len != libc::CMSG_LEN(PASSED_BYTES) as _ {
            return Err(Errno(libc::EBADMSG));
        }
        let data = libc::CMSG_DATA(header).cast::<c_int>();
        Ok(Some((length, std::array::from_fn(|at| OwnedFd::from_raw_fd(data.add(at).read_unaligned())))))
    }
}
