//! Faults: of engines, of containers, of daemons. Whatever breaks, it is told within seconds, what can go on does, and
//! in the end nothing is left.
//!
//! Engines that are broken on purpose are the test's own; the one that all tests share is only looked at.

// A test says what was done to what, for whoever has to understand a failure.
#![allow(clippy::print_stdout)]

mod harness;

#[path = "faults/containers.rs"]
mod containers;
#[path = "faults/daemons.rs"]
mod daemons;
#[path = "faults/ends.rs"]
mod ends;
#[path = "faults/engines.rs"]
mod engines;

use harness::place::in_place;
use serde_json::{Value, json};

in_place! {
    docker Docker,
    containers::{
        a_container_that_is_killed_from_outside_is_told,
        a_container_that_is_removed_from_outside_is_told,
        a_full_disk_ends_no_session,
    }
    daemons::{
        nothing_is_left_of_a_daemon_that_is_killed_in_any_state,
        what_a_daemon_could_not_remove_the_next_one_does,
        two_daemons_on_one_engine_leave_each_other_alone,
    }
    ends::{
        nothing_is_left_at_the_end_that_a_client_asks_for,
        nothing_is_left_when_the_client_goes,
        nothing_is_left_after_a_signal,
        nothing_is_left_once_the_next_daemon_has_looked,
    }
    engines::{
        an_engine_that_hangs_or_ends_in_the_middle_is_told_and_found_again,
    }
}

in_place! {
    gvisor Gvisor,
    containers::{
        a_container_that_is_killed_from_outside_is_told,
        a_container_that_is_removed_from_outside_is_told,
        a_full_disk_ends_no_session,
    }
    daemons::{
        nothing_is_left_of_a_daemon_that_is_killed_in_any_state,
        two_daemons_on_one_engine_leave_each_other_alone,
    }
    ends::{
        nothing_is_left_at_the_end_that_a_client_asks_for,
        nothing_is_left_once_the_next_daemon_has_looked,
    }
}

fn bash(code: &str) -> Value {
    json!({"code": code, "language": "bash"})
}
