//! The notifications.

use super::super::context::{ContextStateNotice, DisplayNotice};
use super::super::debug::{DebugMessage, DebugTerminatedNotice};
use super::super::handshake::Feature;
use super::super::notification::{
    ExitedNotice, OutputGapNotice, OutputNotice, ShuttingDownNotice, StartedNotice, StateChangedNotice,
};
use super::super::port::{OpenPort, PortClosedNotice};
use super::super::watch::ChangedNotice;
use super::{Notification, notification};

pub(super) const NOTIFICATIONS: &[Notification] = &[
    notification::<StartedNotice>("execution/started", "A program runs"),
    notification::<OutputNotice<'static>>("execution/output", "A program printed something").needs(Feature::Streaming),
    notification::<OutputGapNotice>("execution/outputGap", "Output is not passed on").needs(Feature::Streaming),
    notification::<DisplayNotice>("execution/display", "A cell shows something").needs(Feature::RichOutput),
    notification::<ExitedNotice>("execution/exited", "A program and everything it left behind are gone"),
    notification::<StateChangedNotice>("session/stateChanged", "A session is used again, idle, closing or closed"),
    notification::<ChangedNotice>("fs/changed", "Something changed in a directory that is watched")
        .needs(Feature::FsWatch),
    notification::<OpenPort>("port/opened", "A port of a sandbox is open to this machine"),
    notification::<PortClosedNotice>("port/closed", "A port is open no more"),
    notification::<ContextStateNotice>("context/stateChanged", "A live interpreter is gone, or was started anew")
        .needs(Feature::Contexts),
    notification::<DebugMessage>("debug/message", "A message of the Debug Adapter Protocol; clients send it too")
        .needs(Feature::Debug)
        .both_ways(),
    notification::<DebugTerminatedNotice>("debug/terminated", "Nothing more is heard of something that was debugged")
        .needs(Feature::Debug),
    notification::<ShuttingDownNotice>("server/shuttingDown", "The daemon is about to end"),
];
