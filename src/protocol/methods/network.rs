//! The methods of the network.

use super::super::error::ErrorKind::*;
use super::super::handshake::Feature;
use super::super::network::{
    NetAskParams, NetAskResult, NetLogParams, NetLogResult, NetPolicyGetParams, NetPolicyResult, NetPolicySetParams,
};
use super::{Method, SANDBOX, SESSION, method, question};

pub(super) const METHODS: &[Method] = &[
    method::<NetPolicyGetParams, NetPolicyResult>("net/policy/get", "What a session's programs may reach")
        .shares(SESSION),
    method::<NetPolicySetParams, NetPolicyResult>("net/policy/set", "Changes what a session's programs may reach")
        .graceful()
        .shares(SANDBOX)
        .errors(&[NetworkDenied]),
    method::<NetLogParams, NetLogResult>("net/log", "Which hosts were asked for, and what came of it").shares(SESSION),
];

/// What the daemon asks.
pub(super) const ASKED: &[Method] =
    &[question::<NetAskParams, NetAskResult>("net/ask", "Whether a program may reach a host that no rule allows")
        .needs(Feature::NetAsk)];
