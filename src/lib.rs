//! codebeaker runs code in sandboxes for editors: sessions, streamed output and files, over JSON-RPC
//! with the Language Server Protocol's framing.
//!
//! # Layers
//!
//! A module imports only from strictly lower layers; `tests/layers.rs` reads this table and fails on
//! a violation. Modules of one layer don't know each other.
//!
//! | layer | modules |
//! | --- | --- |
//! | 0 | ids, config, causes, processes, documents, json, private, text, traces |
//! | 1 | protocol, engine, dap |
//! | 2 | transport, agent |
//! | 3 | sandbox, container |
//! | 4 | runtime |
//! | 5 | execution, files, network |
//! | 6 | context |
//! | 7 | session |
//! | 8 | debug, packages |
//! | 9 | server |
//! | 10 | cli |
//!
//! `protocol` (the wire types of the front) is imported by `transport`, `server` and `cli` alone, so
//! that what lies between never sees JSON-RPC. The package in `agent/guest` is the executable that is
//! PID 1 in a sandbox; `unsafe` code lives there and nowhere else.

#![forbid(unsafe_code)]

pub mod agent;
pub mod causes;
pub mod cli;
pub mod config;
pub mod container;
pub mod context;
pub mod dap;
pub mod debug;
pub mod documents;
pub mod engine;
pub mod execution;
pub mod files;
pub mod ids;
pub mod json;
pub mod network;
pub mod packages;
pub mod private;
pub mod processes;
pub mod protocol;
pub mod runtime;
pub mod sandbox;
pub mod server;
pub mod session;
pub mod text;
pub mod traces;
pub mod transport;
