//! The doors to the debug adapter, on the real binary: standard streams, sockets, a port, and the connection that
//! runs code. Who may come in, what ends with whom, and that nothing is left.

mod harness;

#[path = "debug_doors/children.rs"]
mod children;
#[path = "debug_doors/links.rs"]
mod links;
#[path = "debug_doors/peer.rs"]
mod peer;
#[path = "debug_doors/port.rs"]
mod port;
#[path = "debug_doors/socket.rs"]
mod socket;
#[path = "debug_doors/stdio.rs"]
mod stdio;
#[path = "debug_doors/tunnel.rs"]
mod tunnel;
