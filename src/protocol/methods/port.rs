//! The methods of open ports.

use super::super::catalogue::Done;
use super::super::error::ErrorKind::*;
use super::super::port::{OpenPort, PortCloseParams, PortExposeParams, PortListParams, PortListResult};
use super::{Method, SESSION, method};

pub(super) const METHODS: &[Method] = &[
    method::<PortExposeParams, OpenPort>("port/expose", "Opens a port of a sandbox to this machine")
        .graceful()
        .shares(SESSION)
        .errors(&[PortLimit, PortNotOpened]),
    method::<PortListParams, PortListResult>("port/list", "The ports that are open").shares(SESSION),
    method::<PortCloseParams, Done>("port/close", "Shuts an open port, with all that goes through it")
        .graceful()
        .errors(&[PortNotFound]),
];
