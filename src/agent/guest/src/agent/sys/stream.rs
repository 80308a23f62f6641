//! Stream sockets of the agent's own: none of its calls waits.

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use libc::{c_int, socklen_t};

use super::{Errno, Result, check, owned, set_nonblocking};

/// Two connected unix sockets: the agent's, which doesn't block, and a program's, which does.
pub(crate) fn pair() -> Result<(OwnedFd, OwnedFd)> {
    let mut ends = [-1; 2];
    let kind = libc::SOCK_STREAM | libc::SOCK_CLOEXEC;
    // SAFETY: the array has room for both descriptors.
    check(unsafe { libc::socketpair(libc::AF_UNIX, kind, 0, ends.as_mut_ptr()) })?;
    let (ours, theirs) = (owned(ends[0])?, owned(ends[1])?);
    set_nonblocking(ours.as_fd())?;
    Ok((ours, theirs))
}

/// A socket that is not connected yet.
pub(crate) fn open(family: c_int) -> Result<OwnedFd> {
    // SAFETY: no pointers.
    owned(unsafe { libc::socket(family, libc::SOCK_STREAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK, 0) })
}

/// Where a socket connects to.
pub(crate) enum Address {
    /// 127.0.0.1.
    Loopback4(u16),
    /// ::1.
    Loopback6(u16),
    /// A unix socket.
    Unix(libc::sockaddr_un, usize),
}

impl Address {
    /// The address of a path, or of an abstract name, which begins with a byte of 0.
    pub(crate) fn unix(name: &[u8]) -> Result<Self> {
        // SAFETY: numbers, for which zero is a value.
        let mut address: libc::sockaddr_un = unsafe { MaybeUninit::zeroed().assume_init() };
        address.sun_family = libc::AF_UNIX as libc::sa_family_t;
        let is_abstract = name.first() == Some(&0);
        if !is_abstract && (name.first() != Some(&b'/') || name.contains(&0)) || is_abstract && name.len() == 1 {
            return Err(Errno(libc::EINVAL));
        }
        // A path keeps a byte for the one that ends it.
        if name.len() + usize::from(!is_abstract) > address.sun_path.len() {
            return Err(Errno(libc::ENAMETOOLONG));
        }
        for (to, from) in address.sun_path.iter_mut().zip(name) {
            *to = *from as libc::c_char;
        }
        let length = std::mem::offset_of!(libc::sockaddr_un, sun_path) + name.len() + usize::from(!is_abstract);
        Ok(Self::Unix(address, length))
    }

    /// The kind of socket that connects to it.
    pub(crate) fn family(&self) -> c_int {
        match self {
            Self::Loopback4(_) => libc::AF_INET,
            Self::Loopback6(_) => libc::AF_INET6,
            Self::Unix(..) => libc::AF_UNIX,
        }
    }

    /// Begins to connect a socket. `Ok(false)` when epoll has to tell how that went.
    pub(crate) fn connect(&self, socket: BorrowedFd<'_>) -> Result<bool> {
        // SAFETY: numbers, for which zero is a value.
        let (mut four, mut six): (libc::sockaddr_in, libc::sockaddr_in6) =
            unsafe { (MaybeUninit::zeroed().assume_init(), MaybeUninit::zeroed().assume_init()) };
        let (address, length): (*const libc::sockaddr, usize) = match self {
            Self::Loopback4(port) => {
                four.sin_family = libc::AF_INET as libc::sa_family_t;
                four.sin_port = port.to_be();
                four.sin_addr.s_addr = u32::from(std::net::Ipv4Addr::LOCALHOST).to_be();
                ((&raw const four).cast(), size_of_val(&four))
            }
            Self::Loopback6(port) => {
                six.sin6_family = libc::AF_INET6 as libc::sa_family_t;
                six.sin6_port = port.to_be();
                six.sin6_addr.s6_addr = std::net::Ipv6Addr::LOCALHOST.octets();
                ((&raw const six).cast(), size_of_val(&six))
            }
            Self::Unix(address, length) => (std::ptr::from_ref(address).cast(), *length),
        };
        // SAFETY: the address is a live local or borrowed, and readable for its length.
        match check(unsafe { libc::connect(socket.as_raw_fd(), address, length as socklen_t) }) {
            Ok(_) => Ok(true),
            Err(Errno(libc::EINPROGRESS)) => Ok(false),
            Err(errno) => Err(errno),
        }
    }
}

/// A socket that waits for connections to this name, on which each byte comes with the name of its sender.
pub(crate) fn listen(name: &[u8]) -> Result<OwnedFd> {
    let socket = open(libc::AF_UNIX)?;
    let Address::Unix(address, length) = Address::unix(name)? else { return Err(Errno(libc::EINVAL)) };
    // SAFETY: the address is readable for its length.
    check(unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length as socklen_t) })?;
    rustix::net::sockopt::set_socket_passcred(&socket, true).map_err(|errno| Errno(errno.raw_os_error()))?;
    // SAFETY: no pointers.
    check(unsafe { libc::listen(socket.as_raw_fd(), 64) })?;
    Ok(socket)
}

/// A socket at which programs find the agent: a port of 127.0.0.1 alone.
pub(crate) fn listen_at(port: u16) -> Result<OwnedFd> {
    let socket = open(libc::AF_INET)?;
    // SAFETY: numbers, for which zero is a value.
    let mut address: libc::sockaddr_in = unsafe { MaybeUninit::zeroed().assume_init() };
    address.sin_family = libc::AF_INET as libc::sa_family_t;
    address.sin_port = port.to_be();
    address.sin_addr.s_addr = u32::from(std::net::Ipv4Addr::LOCALHOST).to_be();
    let length = size_of_val(&address) as socklen_t;
    // SAFETY: the address is a live local, and readable for its length.
    check(unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length) })?;
    // SAFETY: no pointers.
    check(unsafe { libc::listen(socket.as_raw_fd(), 64) })?;
    Ok(socket)
}

/// Takes a program's connection that waits at [`listen_at`]; it doesn't block.
pub(crate) fn accept_program(socket: BorrowedFd<'_>) -> Result<OwnedFd> {
    let (nobody, flags) = (std::ptr::null_mut(), libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK);
    // SAFETY: an address is not asked for.
    let accepted = owned(unsafe { libc::accept4(socket.as_raw_fd(), nobody, std::ptr::null_mut(), flags) })?;
    send_at_once(accepted.as_fd());
    acknowledge_at_once(accepted.as_fd());
    Ok(accepted)
}

/// Takes a connection that waits; it doesn't block.
pub(crate) fn accept(socket: BorrowedFd<'_>) -> Result<OwnedFd> {
    let (nobody, flags) = (std::ptr::null_mut(), libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK);
    // SAFETY: an address is not asked for.
    let accepted = owned(unsafe { libc::accept4(socket.as_raw_fd(), nobody, std::ptr::null_mut(), flags) })?;
    // Inherited, but not under gVisor.
    rustix::net::sockopt::set_socket_passcred(&accepted, true).map_err(|errno| Errno(errno.raw_os_error()))?;
    Ok(accepted)
}

/// The user who was at the other end when it connected.
pub(crate) fn peer_user(socket: BorrowedFd<'_>) -> Result<libc::uid_t> {
    let mut peer = libc::ucred { pid: 0, uid: libc::uid_t::MAX, gid: libc::gid_t::MAX };
    let mut length = size_of::<libc::ucred>() as socklen_t;
    // SAFETY: the pointers are to a ucred and to its size.
    check(unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut peer).cast(),
            &raw mut length,
        )
    })?;
    Ok(peer.uid)
}

/// Takes one byte, and returns the user who sent it.
pub(crate) fn first_word(socket: BorrowedFd<'_>) -> Result<libc::uid_t> {
    const CREDENTIALS: u32 = size_of::<libc::ucred>() as u32;
    let mut byte = 0_u8;
    let mut piece = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
    // Room for the credentials, which come first, and for no descriptor.
    let mut control = [0_u64; 4];
    // SAFETY: a zeroed header is valid, and is then pointed at memory that outlives the call. The kernel fills
    // in the header and as much of the control buffer as it says; a ucred is read only where one was sent.
    unsafe {
        let mut message: libc::msghdr = MaybeUninit::zeroed().assume_init();
        message.msg_iov = &raw mut piece;
        message.msg_iovlen = 1;
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = libc::CMSG_SPACE(CREDENTIALS) as _;
        let flags = libc::MSG_CMSG_CLOEXEC | libc::MSG_DONTWAIT;
        if super::check_size(libc::recvmsg(socket.as_raw_fd(), &raw mut message, flags))? != 1 {
            return Err(Errno(libc::ENOTCONN));
        }
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        if header.is_null()
            || (*header).cmsg_level != libc::SOL_SOCKET
            || (*header).cmsg_type != libc::SCM_CREDENTIALS
            || (*header).cmsg_len < libc::CMSG_LEN(CREDENTIALS) as _
        {
            return Err(Errno(libc::EACCES));
        }
        Ok(libc::CMSG_DATA(header).cast::<libc::ucred>().read_unaligned().uid)
    }
}

/// How a connection that was begun went.
pub(crate) fn connected(socket: BorrowedFd<'_>) -> Result<()> {
    let mut error: c_int = 0;
    let mut length = size_of::<c_int>() as socklen_t;
    // SAFETY: the pointers are to an int and to its size.
    check(unsafe {
        libc::getsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_ERROR, (&raw mut error).cast(), &raw mut length)
    })?;
    if error == 0 { Ok(()) } else { Err(Errno(error)) }
}

/// Sends small pieces at once.
pub(crate) fn send_at_once(socket: BorrowedFd<'_>) {
    switch_on(socket, libc::TCP_NODELAY);
}

/// Acknowledges what came at once. The kernel forgets this, so it is asked for after each read: a peer that
/// writes a message in two pieces would wait 40 ms between them.
pub(crate) fn acknowledge_at_once(socket: BorrowedFd<'_>) {
    switch_on(socket, libc::TCP_QUICKACK);
}

/// It is slower without, not wrong, so a refusal is none of the caller's business.
fn switch_on(socket: BorrowedFd<'_>, option: c_int) {
    let on: c_int = 1;
    let length = size_of::<c_int>() as socklen_t;
    // SAFETY: the pointer is to an int of that size.
    unsafe { libc::setsockopt(socket.as_raw_fd(), libc::IPPROTO_TCP, option, (&raw const on).cast(), length) };
}

/// The peer reads the end, through whichever descriptor of this socket.
pub(crate) fn end_writing(socket: BorrowedFd<'_>) {
    // A peer that is gone already needs no end.
    // SAFETY: no pointers.
    unsafe { libc::shutdown(socket.as_raw_fd(), libc::SHUT_WR) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unix_name_is_a_whole_path_or_an_abstract_name() {
        for (name, errno) in [
            (&b""[..], libc::EINVAL),
            (b"a/b", libc::EINVAL),
            (b"/a\0b", libc::EINVAL),
            (b"\0", libc::EINVAL),
            (&[b'/'; 108], libc::ENAMETOOLONG),
            (&[0; 109], libc::ENAMETOOLONG),
        ] {
            assert_eq!(Address::unix(name).err(), Some(Errno(errno)), "{name:?}");
        }
        for name in [&b"/a"[..], b"\0a", &[b'/'; 107], &[0; 108]] {
            assert!(Address::unix(name).is_ok(), "{name:?}");
        }
    }
}
