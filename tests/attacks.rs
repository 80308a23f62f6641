//! Attacks on sandboxes, from inside. Each test first shows that its attack works with the protection
//! left out that is to stop it, and then that it fails with all of them.
//!
//! Whether an attack worked is decided outside the sandbox, by the canaries of [`host`]; what the
//! hostile program says of itself only tells what to look at. Every attack is made twice, as root and
//! as an ordinary user: see [`actor`]. The programs are in `tests/attacks/programs`, and
//! `docs/security.md` says which guarantee each test holds up.

// A test says what its attack tried and what came of it, for whoever has to understand a failure.
#![allow(clippy::print_stdout)]

mod harness;

#[path = "attacks/actor.rs"]
mod actor;
#[path = "attacks/agent.rs"]
mod agent;
#[path = "attacks/ahead.rs"]
mod ahead;
#[path = "attacks/containers.rs"]
mod containers;
#[path = "attacks/daemon.rs"]
mod daemon;
#[path = "attacks/ending.rs"]
mod ending;
#[path = "attacks/exports.rs"]
mod exports;
#[path = "attacks/files.rs"]
mod files;
#[path = "attacks/finds.rs"]
mod finds;
#[path = "attacks/host.rs"]
mod host;
#[path = "attacks/images.rs"]
mod images;
#[path = "attacks/kernel.rs"]
mod kernel;
#[path = "attacks/lab.rs"]
mod lab;
#[path = "attacks/network.rs"]
mod network;
#[path = "attacks/patches.rs"]
mod patches;
#[path = "attacks/processes.rs"]
mod processes;
#[path = "attacks/proxy.rs"]
mod proxy;
#[path = "attacks/reach.rs"]
mod reach;
#[path = "attacks/reader.rs"]
mod reader;
#[path = "attacks/resources.rs"]
mod resources;
#[path = "attacks/secrets.rs"]
mod secrets;
#[path = "attacks/survivors.rs"]
mod survivors;
#[path = "attacks/swaps.rs"]
mod swaps;
#[path = "attacks/transfers.rs"]
mod transfers;
#[path = "attacks/watches.rs"]
mod watches;
#[path = "attacks/workspace.rs"]
mod workspace;

use harness::place::{in_each_place, in_place};

in_each_place! {
    ahead::{
        nobody_gets_at_an_interpreter_that_stands_by,
    }
    agent::{
        programs_cant_trace_read_or_rob_the_agent,
        programs_cant_take_the_agents_limits_and_turns_away,
        programs_cant_speak_for_the_agent,
    }
    ending::{
        cancel_time_out_and_close_together_give_one_end_and_one_answer,
        a_stubborn_program_ends_at_its_time_out_and_the_session_goes_on,
    }
    files::{
        no_link_leads_a_file_request_out_of_the_workspace,
        nor_does_a_link_that_is_swapped_while_the_request_runs,
        what_is_no_file_is_refused_at_once,
        hard_links_renames_and_changes_outside_the_workspace_are_refused,
    }
    transfers::{
        no_link_leads_a_copy_or_a_move_out_of_the_workspace,
        nor_does_a_directory_that_is_swapped_while_it_is_copied,
        no_link_leads_an_import_out_of_the_workspace,
    }
    exports::{
        no_link_leads_an_export_out_of_its_target,
        nor_does_a_tree_that_never_ends_fill_the_host,
    }
    finds::{
        no_link_leads_a_search_out_of_the_workspace,
        nor_does_a_link_that_is_swapped_while_it_looks,
        nothing_in_a_tree_holds_a_search_up_or_makes_it_large,
    }
    kernel::{
        no_namespaces_are_made_or_joined,
        nothing_is_mounted_and_no_other_root_entered,
        calls_that_keep_breaking_kernels_are_not_there,
        other_calling_conventions_dont_get_around_the_filter,
        no_characters_are_pushed_into_a_terminal,
        only_common_families_of_sockets,
        files_that_command_the_kernel_are_out_of_reach,
        no_device_is_made_or_opened,
        no_program_gives_another_identity,
    }
    network::{
        nothing_on_a_network_is_reached,
        no_socket_of_the_host_is_reached_by_path_or_by_name,
        landlock_alone_keeps_abstract_sockets_away,
    }
    patches::{
        no_patch_leads_out_of_the_workspace,
        nor_does_one_while_a_link_is_swapped,
    }
    proxy::{
        no_odd_name_reaches_what_is_not_listed,
        no_name_leads_to_a_private_address,
        beside_the_proxy_there_is_no_way_out,
        nobody_comes_through_anothers_proxy,
        a_flood_at_the_proxy_holds_up_nothing_else,
    }
    processes::{
        a_fork_bomb_stays_within_its_limit,
        nothing_outlives_its_execution,
        orphans_are_reaped,
        a_program_that_ignores_every_signal_ends,
        a_program_that_stops_itself_or_its_group_ends,
        no_signal_from_inside_ends_the_session,
        running_out_of_descriptors_hurts_the_program_alone,
        a_child_that_holds_stdout_open_holds_up_nothing,
    }
    reader::{
        escape_sequences_reach_no_terminal_raw,
        endless_output_costs_the_daemon_no_memory,
        names_that_are_no_text_are_listed_read_and_removed,
    }
    resources::{
        private_memory_stays_within_its_limit,
        shared_memory_stays_within_the_same_limit,
        so_does_the_memory_of_many_processes_together,
        so_does_memory_that_belongs_to_no_process,
        a_full_disk_is_an_error_and_not_the_hosts,
        a_flood_of_files_and_deep_directories_break_nothing,
        filled_pipes_and_sockets_stay_bounded,
    }
    secrets::{
        no_secret_of_the_host_shows,
        the_daemons_environment_does_not_show,
        a_sessions_environment_shows_in_no_list_and_no_log,
        sessions_see_nothing_of_each_other,
        a_program_has_three_descriptors_and_nothing_of_ours,
        no_working_directory_leads_through_proc,
        no_executable_of_ours_or_the_hosts_is_changed,
    }
    watches::{
        a_watch_that_is_killed_or_flooded_hurts_nothing_else,
    }
    workspace::{
        a_directory_of_the_host_is_as_closed_as_its_mode_says,
        no_file_left_on_the_host_gives_its_owners_identity,
        a_socket_in_a_copied_or_overlaid_directory_leads_nowhere,
    }
}

// Of containers `tests/faults.rs` tells what is left of them; nothing of ours launches them.
in_place! {
    launched Native,
    ending::{
        nothing_is_left_however_the_daemon_ends,
        what_a_killed_launcher_leaves_is_cleared_by_the_next_daemon,
    }
}

in_place! {
    in_docker Docker,
    containers::{
        the_agents_volume_and_the_engine_are_out_of_reach,
    }
    images::{
        an_image_has_no_say_in_how_it_is_run,
        an_image_in_the_way_of_what_is_mounted_runs_nothing,
        an_image_passes_for_no_daemons_container,
    }
}

in_place! {
    in_gvisor Gvisor,
    containers::{
        the_agents_volume_and_the_engine_are_out_of_reach,
    }
    images::{
        an_image_has_no_say_in_how_it_is_run,
        an_image_in_the_way_of_what_is_mounted_runs_nothing,
    }
}
