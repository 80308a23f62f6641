//! The agent as PID 1 of namespaces made for the test, spoken to over its real stream.

mod executions;
mod files;
mod hostile;
mod sandbox;
mod streams;
mod terminal;
mod trees;
