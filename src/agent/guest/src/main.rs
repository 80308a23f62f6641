//! The executable that is carried into every sandbox.

#[cfg_attr(not(test), expect(dead_code, reason = "the launcher, which builds the sandbox, calls it"))]
mod agent;

fn main() {}
