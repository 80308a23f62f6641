//! Ports of a sandbox that are open to this machine.

use std::num::NonZeroU16;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Parameters of `port/expose`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PortExposeParams {
    /// Which session.
    pub session_id: String,
    /// The port at which a program listens, or will, on the sandbox's own loopback.
    pub port: NonZeroU16,
    /// Where it is to be reached on this machine.
    #[serde(default)]
    pub to: PortTo,
    /// With `loopback`: the port of this machine. Without it, any that is free.
    pub host_port: Option<NonZeroU16>,
}

/// Where a port of a sandbox is reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum PortTo {
    /// A unix socket that this user alone can connect to.
    #[default]
    Socket,
    /// A port of 127.0.0.1, with a token.
    Loopback,
}

/// An open port; result of `port/expose` and parameters of `port/opened`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OpenPort {
    /// Names it from now on.
    pub port_id: String,
    /// Whose sandbox it leads into.
    pub session_id: String,
    /// The port in there.
    pub port: u16,
    /// Where it is reached.
    pub to: PortTo,
    /// With `socket`: the socket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// With `loopback`: the port of 127.0.0.1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_port: Option<u16>,
    /// With `loopback`: what each connection has to show first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// With `loopback`: what a browser is given. It has the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// Parameters of `port/list`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PortListParams {
    /// Only those of this session.
    pub session_id: Option<String>,
}

/// Result of `port/list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PortListResult {
    /// The open ports.
    pub ports: Vec<OpenPort>,
}

/// Parameters of `port/close`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PortCloseParams {
    /// Which open port.
    pub port_id: String,
}

/// Parameters of `port/closed`: nothing leads there any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PortClosedNotice {
    /// Which open port.
    pub port_id: String,
    /// Whose it was.
    pub session_id: String,
    /// Why.
    pub reason: PortClosedReason,
}

/// Why a port is open no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum PortClosedReason {
    /// `port/close`.
    Requested,
    /// Its session ended.
    SessionEnded,
}
