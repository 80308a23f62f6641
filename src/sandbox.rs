//! Sandboxes made of Linux namespaces: everything between "a sandbox is wanted" and "the agent runs
//! as PID 1 in it", on the daemon's side.
//!
//! The daemon carries the agent's executable ([`executable`]), starts it as a launcher ([`launcher`]),
//! and sends it a plan ([`blueprint`]) that says all: what of the host is shown ([`root`]), which
//! system calls exist ([`seccomp`]), which limits hold and who enforces them ([`limits`], [`cgroup`]).
//! Whether all that works on this machine, and what it costs, is found out by doing it once ([`probe`],
//! [`footprint`]); what a daemon
//! that was killed left behind is removed by the next one ([`leftovers`]).
//!
//! Nothing here runs a program that is not ours, and nothing falls back to less protection than a
//! blueprint asks for: what can't be had is an error.

pub mod blueprint;
pub mod cgroup;
pub mod executable;
pub mod footprint;
pub mod launcher;
pub mod leftovers;
pub mod limits;
pub mod privilege;
pub mod probe;
pub mod root;
pub mod seccomp;
