//! Every engine in containers, where there is an image of it.

use serde_json::json;

use crate::behaviours;
use crate::bench::{Bench, client};
use crate::harness::Place;
use crate::harness::skip::note;
use crate::table::LANGUAGES;

/// Goes through the list with each engine that has an image.
pub(crate) fn each_engine_behaves(place: Place) {
    let mut client = client(place.setup());
    let mut missing = Vec::new();
    for language in LANGUAGES {
        let image = format!("codebeaker/{}:latest", language.engine);
        if !place.engine().has_image(&image) {
            missing.push(language.name);
            continue;
        }
        let wish = json!({"engine": language.engine, "language": language.language});
        let session = match client.call("session/create", place.wish(wish)) {
            Ok(created) => created["sessionId"].as_str().expect("every session has an id").to_owned(),
            // An image of this name may be anybody's.
            Err(refused) => {
                assert_eq!(refused["code"], 1201, "{refused}");
                missing.push(language.name);
                continue;
            }
        };
        let mut bench = Bench { client, session, language };
        eprintln!("{}", language.name);
        behaviours::says_hello_in_any_script(&mut bench);
        behaviours::gets_its_arguments_whole(&mut bench);
        behaviours::reads_its_input_to_the_end(&mut bench);
        behaviours::tells_its_exit_code(&mut bench);
        behaviours::tells_where_its_source_is_wrong(&mut bench);
        behaviours::leaves_no_children(&mut bench);
        behaviours::prints_a_mebibyte_whole(&mut bench);
        behaviours::reads_and_writes_the_workspace(&mut bench);
        behaviours::reaches_no_network(&mut bench);
        let session = bench.session.clone();
        client = bench.client;
        client.request("session/close", json!({"sessionId": session}));
    }
    if !missing.is_empty() {
        note(&format!("there are no images of {}", missing.join(", ")));
    }
}
