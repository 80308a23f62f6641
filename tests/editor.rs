//! An editor that knows the Language Server Protocol alone: open documents, code lenses, commands; on the real
//! binary over a real pipe. And what changes for one that knows codebeaker.

mod harness;

#[path = "editor/cells.rs"]
mod cells;
#[path = "editor/commands.rs"]
mod commands;
#[path = "editor/desk.rs"]
mod desk;
#[path = "editor/documents.rs"]
mod documents;
#[path = "editor/problems.rs"]
mod problems;
#[path = "editor/results.rs"]
mod results;
#[path = "editor/runs.rs"]
mod runs;
