//! Sessions that outlive their daemon, and the next daemon, which takes them up: by the real thing, on the engine that
//! the tests are given.
//!
//! The daemons of one test name a client that no other test has, so that nobody else takes up what they leave.

mod harness;

#[path = "adoption/lab.rs"]
mod lab;
#[path = "adoption/others.rs"]
mod others;
#[path = "adoption/staying.rs"]
mod staying;

use harness::place::in_place;

in_place! {
    docker Docker,
    staying::{
        a_session_goes_on_in_the_next_daemon,
        what_runs_is_answered_for_when_its_daemon_ends,
        live_interpreters_go_with_their_daemon,
        a_flood_goes_on_where_it_was,
        a_terminal_and_an_old_program_go_on,
        a_compiled_program_keeps_its_stages,
        a_session_whose_time_is_over_is_removed,
    }
    others::{
        of_two_daemons_one_gets_it_and_the_other_harms_nothing,
        what_another_has_or_may_want_is_let_be,
    }
}

in_place! {
    gvisor Gvisor,
    staying::{
        a_session_goes_on_in_the_next_daemon,
        what_runs_is_answered_for_when_its_daemon_ends,
        live_interpreters_go_with_their_daemon,
        a_flood_goes_on_where_it_was,
        a_compiled_program_keeps_its_stages,
        a_session_whose_time_is_over_is_removed,
    }
    others::{
        of_two_daemons_one_gets_it_and_the_other_harms_nothing,
        what_another_has_or_may_want_is_let_be,
    }
}
