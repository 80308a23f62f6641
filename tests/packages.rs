//! Packages of a session, from registries on this machine that the settings name: nothing leaves it.

#[path = "packages/commands.rs"]
mod commands;
#[path = "packages/gateway.rs"]
mod gateway;
mod harness;
#[path = "packages/kept.rs"]
mod kept;
#[path = "packages/lab.rs"]
mod lab;
#[path = "packages/machine.rs"]
mod machine;
#[path = "packages/node.rs"]
mod node;
#[path = "packages/python.rs"]
mod python;
#[path = "packages/ruby.rs"]
mod ruby;
#[path = "packages/ways.rs"]
mod ways;

use harness::Place;
use harness::place::in_each_place;
use serde_json::json;

in_each_place! {
    commands :: { d3_d14_packages_of_commands_are_installed }
    python :: { packages_of_python_are_installed_used_listed_and_pinned }
    node :: {
        packages_of_node_are_installed_used_listed_pinned_and_looked_up,
        a_version_that_came_since_is_seen,
    }
    ruby :: {
        packages_of_ruby_are_installed_used_listed_and_pinned,
        gems_run_nothing_of_their_own_unless_they_may,
        gems_that_do_not_go_together_are_told,
        a_gem_that_was_cut_off_is_fetched_again,
    }
    machine :: {
        what_pip_and_npm_are_configured_with_is_asked,
        what_gem_is_configured_with_is_asked,
        no_password_of_this_machine_is_in_a_sandbox,
        what_is_configured_in_vain_is_told_and_nothing_else_is_asked,
    }
    kept :: {
        a_file_is_fetched_once_for_all_sessions,
        a_lock_file_names_the_real_registry,
        what_was_changed_in_the_directory_is_fetched_anew,
        what_is_not_of_its_hash_is_not_kept,
        each_registry_has_files_of_its_own,
        nothing_is_kept_where_that_is_off,
    }
    gateway :: {
        links_to_other_hosts_are_led_and_registries_are_believed_by_their_certificate,
        a_program_gets_nothing_else_by_the_gateway,
    }
    ways :: {
        a_workspace_sends_an_installer_nowhere_else,
        nothing_but_names_of_packages_is_taken,
        the_way_out_is_the_installers_and_leads_to_the_registry_alone,
        an_installation_fails_and_is_given_up_in_good_order,
    }
}

#[test]
fn a_sandbox_without_the_tool_says_what_brings_it() {
    Place::Docker.test(|place| {
        if !lab::has(place, &[], "ruby") {
            return;
        }
        let (mut client, session) = place.open(json!({"language": "ruby"}));
        let params = json!({"sessionId": session, "manager": "npm", "packages": ["tiny"]});
        let missing = client.call("package/install", params).unwrap_err();
        assert_eq!((&missing["code"], missing["data"]["hint"].is_string()), (&json!(1600), true), "{missing}");
        client.allow_unclaimed();
    });
}
