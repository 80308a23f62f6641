//! Joins a sandbox that outlived its daemon: relays between the daemon's streams and the agent.
//!
//! An engine of containers runs this in the sandbox, as a user that no program can become. It ends as soon as
//! either side does.

use std::io::{self, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::process::{ExitCode, exit};

use codebeaker_agent::plan::JOIN_NAME;

/// Relays until one side has ended.
pub(crate) fn run() -> ExitCode {
    let joined = SocketAddr::from_abstract_name(&JOIN_NAME[1..]).and_then(|name| UnixStream::connect_addr(&name));
    let (mut to_agent, mut from_agent) = match joined.and_then(|agent| Ok((agent.try_clone()?, agent))) {
        Ok(both) => both,
        Err(error) => {
            eprintln!("no agent waits to be joined here: {error}");
            return ExitCode::FAILURE;
        }
    };
    // With the byte the kernel says who this is; gVisor, where both ends want to have it so.
    let named = rustix::net::sockopt::set_socket_passcred(&to_agent, true);
    if named.is_err() || to_agent.write_all(b"j").is_err() {
        return ExitCode::FAILURE;
    }
    // The other end of either way shows in the end of the process.
    let telling = std::thread::Builder::new().spawn(move || exit(relay(&mut io::stdin(), &mut to_agent)));
    if telling.is_err() {
        return ExitCode::FAILURE;
    }
    exit(relay(&mut from_agent, &mut Unbuffered))
}

fn relay(from: &mut impl io::Read, to: &mut impl io::Write) -> i32 {
    i32::from(io::copy(from, to).is_err())
}

/// Standard output as it is: the usual one waits for the end of a line.
struct Unbuffered;

impl io::Write for Unbuffered {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::write(rustix::stdio::stdout(), bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
