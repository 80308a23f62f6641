//! Every engine in containers, where there is an image of it.

use serde_json::json;

use crate::behaviours;
use crate::bench::{Bench, client};
use crate::harness::Place;
use crate::harness::skip::note;
use crate::table::named;

macro_rules! behave {
    ($($language:ident)+) => {
        $(
            pub(crate) fn $language(place: Place) {
                behaves(place, stringify!($language));
            }
        )+
    };
}

behave! { python node deno bun bash ruby go c cpp rust }

/// Goes through the list with an engine, if it has an image. How a program is ended is the place's, whatever runs it.
fn behaves(place: Place, name: &str) {
    let (mut client, language) = (client(place.setup()), named(name));
    let image = format!("codebeaker/{}:latest", language.engine);
    let missing = format!("there is no image {image}: scripts/images.sh makes it");
    if !place.engine().has_image(&image) {
        return note(&missing);
    }
    let wish = json!({"engine": language.engine, "language": language.language});
    let session = match client.call("session/create", place.wish(wish)) {
        Ok(created) => created["sessionId"].as_str().expect("every session has an id").to_owned(),
        // An image of this name may be anybody's.
        Err(refused) => {
            assert_eq!(refused["code"], 1201, "{refused}");
            return note(&missing);
        }
    };
    let mut bench = Bench { client, session, language };
    for behaviour in [
        behaviours::says_hello_in_any_script,
        behaviours::gets_its_arguments_whole,
        behaviours::reads_its_input_to_the_end,
        behaviours::finds_its_variables,
        behaviours::tells_its_exit_code,
        behaviours::tells_where_it_broke,
        behaviours::tells_where_its_source_is_wrong,
        behaviours::gets_no_more_memory_than_it_may,
        behaviours::leaves_no_children,
        behaviours::prints_a_mebibyte_whole,
        behaviours::reads_and_writes_the_workspace,
        behaviours::reaches_no_network,
    ] {
        behaviour(&mut bench);
    }
}
