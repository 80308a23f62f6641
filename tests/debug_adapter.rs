//! The debug adapter, by scripted clients, over a debugger that does as each test says.
//!
//! The session, the sandbox and the execution are real; only the debugger is not: it answers what a test put
//! into it, and a test makes it speak at any moment. What a client may rely on, and what a hostile debuggee can't
//! do, is shown here; that languages are debugged rightly is shown elsewhere.

#[path = "debug_adapter/dialogue.rs"]
mod dialogue;
#[path = "debug_adapter/fake.rs"]
mod fake;
#[path = "debug_adapter/hostile.rs"]
mod hostile;
#[path = "debug_adapter/lab.rs"]
mod lab;
#[path = "debug_adapter/launching.rs"]
mod launching;
#[path = "debug_adapter/random.rs"]
mod random;
#[path = "harness/skip.rs"]
mod skip;
