//! One list of behaviours, and every engine: whatever runs the code, a client finds the same. On the real binary with
//! the real toolchains; where one is missing, its tests are skipped aloud.
//!
//! `programs/` has one program for each language, which does what its first argument says.

mod harness;

#[path = "languages/behaviours.rs"]
mod behaviours;
#[path = "languages/bench.rs"]
mod bench;
#[path = "languages/compiled.rs"]
mod compiled;
#[path = "languages/containers.rs"]
mod containers;
#[path = "languages/defects.rs"]
mod defects;
#[path = "languages/table.rs"]
mod table;
#[path = "languages/typescript.rs"]
mod typescript;

/// Makes a test of each behaviour with each engine on this machine: `ENGINE::BEHAVIOUR`.
macro_rules! in_each_language {
    ($list:tt $($language:ident)+) => {
        $(in_each_language!(@one $language $list);)+
    };
    (@one $language:ident [$($behaviour:ident)+]) => {
        mod $language {
            $(
                #[test]
                fn $behaviour() {
                    $crate::bench::on_this_machine(stringify!($language), $crate::behaviours::$behaviour);
                }
            )+
        }
    };
}

in_each_language! {
    [
        says_hello_in_any_script
        gets_its_arguments_whole
        reads_its_input_to_the_end
        finds_its_variables
        tells_its_exit_code
        keeps_its_streams_apart
        tells_where_it_broke
        tells_where_its_source_is_wrong
        is_ended_when_its_time_is_up
        gets_no_more_memory_than_it_may
        leaves_no_children
        prints_a_mebibyte_whole
        reads_and_writes_the_workspace
        reaches_no_network
        runs_from_a_file_and_from_unsaved_code
        is_killed_and_interrupted
    ]
    python node deno bun typescript_by_bun javascript_by_deno bash ruby go c cpp rust csharp
}

harness::place::in_place! { docker Docker, containers::{ python, node, deno, bun, bash, ruby, go, c, cpp, rust } }
harness::place::in_place! { gvisor Gvisor, containers::{ python, node, deno, bun, bash, ruby, go, c, cpp, rust } }
