//! A raw client for tests of the whole: it starts the real binary, talks to it over real pipes, and
//! holds it to its promises when it is dropped.
//!
//! - [`Wire`](wire::Wire) is the framing alone, over any pair of streams, strict about what it receives.
//! - [`Client`](client::Client) is a daemon with a wire to it.
//! - [`engine`] is the container engine that the tests are given, [`place`] what is asked in each place; [`dockerd`] is an
//!   engine that a test may break.
//! - [`leftovers`] says what a daemon left on the machine.
//! - [`project`] is a directory of the host that sessions get to see.
//! - [`session`] adds sessions and executions.
//! - [`stream`] is what is done with bytes: framing, and logs.
//! - [`taking`] has programs that take until a limit stops them.
//! - [`web`] has servers for them to reach.
//! - [`skip`](mod@skip) says why a test is not run.
//!
//! Every wait has a deadline, and running into one fails the test; nothing else depends on the clock.
#![allow(dead_code, reason = "each test takes the part that it needs")]
#![allow(unused_imports, reason = "each test takes the part that it needs")]
#![allow(unused_macros, reason = "each test takes the part that it needs")]

pub(crate) mod client;
pub(crate) mod dockerd;
pub(crate) mod engine;
pub(crate) mod leftovers;
pub(crate) mod place;
pub(crate) mod project;
pub(crate) mod session;
pub(crate) mod skip;
pub(crate) mod stream;
pub(crate) mod taking;
pub(crate) mod web;
pub(crate) mod wire;

pub(crate) use client::{Client, Setup};
pub(crate) use place::Place;
pub(crate) use session::Execution;
pub(crate) use wire::Wire;

use std::time::{Duration, Instant};

/// How long anything may take. Far more than it does, also on a machine that is busy with other tests.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// Looks until something is so. For what no message tells.
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !is_so() {
        assert!(Instant::now() < deadline, "it never came about that {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
