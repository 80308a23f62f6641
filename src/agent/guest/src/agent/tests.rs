//! The agent as PID 1 of namespaces made for the test, spoken to over its real stream.

mod conduits;
mod executions;
mod files;
mod find;
mod hostile;
mod namespaces;
mod sandbox;
mod side;
mod streams;
mod terminal;
mod transfers;
mod trees;
