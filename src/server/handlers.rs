//! One function a method: reads what was asked, has it done below, and answers.

pub(super) mod catalogue;
pub(super) mod cell;
pub(super) mod change;
pub(super) mod command;
pub(super) mod context;
pub(super) mod debug;
pub(super) mod exchange;
pub(super) mod execution;
pub(super) mod files;
pub(super) mod find;
pub(super) mod image;
pub(super) mod info;
pub(super) mod network;
pub(super) mod packages;
pub(super) mod port;
pub(super) mod session;
pub(super) mod watch;
