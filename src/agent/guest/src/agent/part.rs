//! The parts of executions and conduits, as epoll tells them apart.

/// What epoll reports about an execution or a conduit, which is all side; a shim is reported on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Stdin,
    Stdout,
    Stderr,
    Side,
}

impl Part {
    /// Names this part of what has the number to epoll; at least 4, lower tokens are the loop's own.
    pub(crate) fn token(self, execution: u32) -> u64 {
        u64::from(execution) << 2 | self as u64
    }

    /// What [`Part::token`] named.
    pub(crate) fn of(token: u64) -> (u32, Part) {
        let part = match token & 3 {
            0 => Part::Stdin,
            1 => Part::Stdout,
            2 => Part::Stderr,
            _ => Part::Side,
        };
        ((token >> 2) as u32, part)
    }
}
