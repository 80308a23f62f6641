//! The protocol between the daemon and the agent, shared by both ends.
//!
//! The agent is PID 1 inside every sandbox and the only way into it. It speaks over one duplex
//! byte stream, whatever carries that stream (a socket pair here, a container's attach stream
//! elsewhere). [`frame`] cuts the stream into frames, [`wire`] says what control frames mean,
//! [`plan`] is what the launcher is told before there is an agent.
//!
//! This library holds data and its encoding only; it makes no system call. The executable beside
//! it (`main.rs`) is linked statically and carried inside the daemon's own binary.

#![forbid(unsafe_code)]

pub mod frame;
pub mod plan;
pub mod wire;
