//! One list of behaviours, and every place that sessions can be in: whatever isolates the code, a client finds
//! the same. On the real binary over a real pipe, and with a real container engine.
//!
//! A behaviour knows its place only to ask for it. What a place refuses is in `workspaces` and said there; where the
//! kernel of one is behind, the behaviour says so, and `protocol.md` as well.

mod harness;

#[path = "places/ahead.rs"]
mod ahead;
#[path = "places/cells.rs"]
mod cells;
#[path = "places/changes.rs"]
mod changes;
#[path = "places/commands.rs"]
mod commands;
#[path = "places/contexts.rs"]
mod contexts;
#[path = "places/debugging.rs"]
mod debugging;
#[path = "places/defects.rs"]
mod defects;
#[path = "places/documents.rs"]
mod documents;
#[path = "places/endings.rs"]
mod endings;
#[path = "places/exchange.rs"]
mod exchange;
#[path = "places/files.rs"]
mod files;
#[path = "places/find.rs"]
mod find;
#[path = "places/large.rs"]
mod large;
#[path = "places/limits.rs"]
mod limits;
#[path = "places/lives.rs"]
mod lives;
#[path = "places/network.rs"]
mod network;
#[path = "places/runs.rs"]
mod runs;
#[path = "places/streams.rs"]
mod streams;
#[path = "places/surroundings.rs"]
mod surroundings;
#[path = "places/trees.rs"]
mod trees;
#[path = "places/watches.rs"]
mod watches;
#[path = "places/workspaces.rs"]
mod workspaces;

use harness::place::in_each_place;
use serde_json::{Value, json};

in_each_place! {
    runs::{
        each_engine_says_hello,
        both_streams_arrive_whole_and_in_order,
        exit_codes_and_deaths_are_told_apart,
        a_program_gets_its_arguments_variables_and_directory,
        executions_run_side_by_side,
        what_an_execution_leaves_is_gone_when_it_ends,
        what_can_not_be_started_says_why,
        a_program_finds_no_more_than_it_was_given,
    }
    ahead::{
        one_that_stood_by_is_like_any_other,
        what_differs_is_started_as_ever,
        limits_hold_for_one_that_stood_by,
        none_stands_by_where_something_runs,
        one_is_asked_for_and_all_are_counted,
        the_settings_bound_what_stands_by,
    }
    streams::{
        ten_mebibytes_arrive_unchanged,
        no_character_is_cut,
        input_is_echoed_until_it_is_closed,
        a_terminal_tells_its_size_and_follows_it,
        control_c_reaches_the_foreground_of_a_terminal,
        streams_do_not_hold_each_other_up,
    }
    endings::{
        signals_reach_every_process_and_an_interrupt_the_foreground,
        cancelling_asks_and_then_insists,
        the_time_out_ends_all_and_keeps_what_was_printed,
        too_much_output_is_cut_off_or_ends_the_program,
        a_terminated_tree_is_gone_whatever_it_did,
    }
    defects::{
        d7_a_failure_leaves_the_session_usable,
        d8_nothing_is_answered_from_what_was_answered_before,
        d10_code_is_judged_by_what_it_may_do,
        d12_output_comes_while_the_program_runs,
        d14_what_a_program_is_to_reach_is_heeded_or_refused,
        d16_wrong_parameters_are_the_callers,
        d20_a_session_names_one_runtime_and_a_container_where_there_is_one,
    }
    documents::{
        an_open_document_runs_as_it_stands,
    }
    contexts::{
        an_interpreter_keeps_its_state,
        a_cell_tells_what_it_has_used,
        output_is_kept_exactly,
        cells_wait_for_each_other_and_contexts_do_not,
        an_interrupt_keeps_the_state,
        what_does_not_heed_an_interrupt_costs_the_interpreter,
        a_crash_is_told_and_a_restart_helps,
        errors_name_the_lines_of_the_document,
        a_session_ends_with_its_interpreters,
        there_is_a_limit_to_everything,
    }
    cells::{
        what_is_shown_comes_in_several_forms,
        a_client_that_shows_text_alone_gets_text,
        input_is_asked_of_the_client,
        an_interpreter_answers_questions,
        a_hostile_cell_costs_its_own_interpreter_at_most,
        an_interpreter_out_of_memory_is_told_as_that,
        javascript_has_live_interpreters_too,
    }
    files::{
        a_file_is_written_read_listed_and_removed,
        appending_patching_and_ranges_do_what_they_say,
        nobody_undoes_anothers_work_unawares,
        links_are_listed_and_lead_nowhere_outside,
        sixty_four_mebibytes_go_in_and_come_out,
        programs_and_requests_see_the_same_files,
        the_tools_of_the_system_look_at_files,
    }
    changes::{
        a_difference_is_a_patch_that_makes_one_file_the_other,
        a_patch_makes_changes_moves_and_removes_files,
        a_patch_that_does_not_fit_changes_nothing,
        a_patch_leads_nowhere_outside,
        what_was_written_before_a_write_fails_is_put_back,
    }
    trees::{
        a_path_is_looked_at,
        directories_are_made,
        trees_are_copied_and_moved,
        what_is_there_is_replaced_only_when_asked,
        a_copy_that_is_given_up_leaves_nothing,
    }
    exchange::{
        a_directory_of_this_machine_is_imported,
        what_can_not_be_imported_leaves_nothing,
        an_import_that_is_given_up_leaves_nothing,
        a_directory_of_the_workspace_is_exported,
        what_can_not_be_exported_leaves_nothing,
        an_export_that_is_given_up_leaves_nothing,
    }
    find::{
        files_are_found_by_their_names,
        lines_are_found_by_what_they_say,
        a_search_ends_when_nobody_waits_for_it,
    }
    commands::{
        d1_d3_every_command_works_in_both_spellings,
        d14_limits_and_network_of_a_command_are_heeded,
        d2_d4_what_fails_is_told_in_the_same_shape,
        d5_d18_no_shell_reads_names_and_arguments,
        d6_d7_d17_output_is_whole_and_failures_leave_a_session_usable,
        d9_d10_what_the_original_was_attacked_with_is_harmless,
        d21_a_session_is_closed_while_a_command_runs,
        a_batch_does_its_commands_in_order,
        an_atomic_batch_is_done_as_a_whole_or_put_back,
    }
    large::{
        a_gibibyte_goes_in_and_comes_out,
    }
    watches::{
        changes_of_programs_and_of_requests_are_told,
        a_tree_is_watched_as_it_grows_and_moves,
        what_is_left_out_or_elsewhere_is_not_told,
        what_can_not_be_told_is_told_to_be_missing,
        a_watch_ends_when_it_is_to,
    }
    workspaces::{
        an_empty_workspace_is_empty_and_can_be_written_to,
        a_copy_is_whole_but_for_what_is_left_out,
        a_bound_directory_is_the_hosts_own,
        an_overlay_is_made_or_refused_with_a_way_out,
        what_lies_below_an_overlay_is_moved_and_replaced,
        a_workspace_that_does_not_fit_is_refused,
    }
    limits::{
        memory_is_limited,
        processes_are_limited,
        a_session_full_of_processes_leaves_another_its_own,
        open_files_are_limited,
        the_disk_is_limited_and_its_end_is_told,
        one_execution_can_be_held_tighter,
        the_limits_that_are_named_are_in_force,
    }
    lives::{
        a_session_says_where_it_is,
        an_unused_session_turns_idle_and_then_ends,
        a_session_ends_at_its_greatest_age,
        closing_ends_what_runs,
        sessions_do_not_see_each_other,
        the_end_of_the_input_ends_everything,
        nothing_is_left_of_a_killed_daemon,
    }
    surroundings::{
        the_hosts_loopback_is_not_reached,
        a_loopback_of_its_own_works,
        programs_are_nobody_in_particular,
    }
    network::{
        without_a_policy_there_is_no_proxy,
        what_is_listed_is_reached_and_nothing_else,
        much_goes_through_a_tunnel_both_ways,
        a_policy_is_changed_and_taken_back,
        the_editor_is_asked_where_it_can_answer,
        full_reaches_what_is_not_listed_where_the_settings_allow_it,
    }
    debugging::{
        a_breakpoint_in_python_is_met,
        a_breakpoint_in_node_is_met,
        a_running_program_in_python_is_attached_to,
        a_running_program_in_node_is_attached_to,
        unsaved_code_is_debugged_by_its_name,
        a_path_that_is_mapped_names_its_file,
    }
}

fn python(code: &str) -> Value {
    json!({"code": code, "language": "python"})
}

fn bash(code: &str) -> Value {
    json!({"code": code, "language": "bash"})
}
