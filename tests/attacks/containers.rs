//! Attacks on what containers alone have: the agent in a volume, and an engine that obeys whoever reaches it.

use crate::actor::each_actor;
use crate::harness::Place;
use crate::lab::{Setting, program};

pub(crate) fn the_agents_volume_and_the_engine_are_out_of_reach(place: Place) {
    each_actor(place, async |mut lab| {
        let engine = place.engine().address().trim_start_matches("unix://").to_owned();
        lab.host.tell("engine", engine.into());
        // What is attacked is there: without it, nothing would be shown.
        let stand = lab.sandbox(Setting::safe()).await;
        let found = stand.run(&["test", "-x", "/.codebeaker/agent"]).await;
        assert_eq!(found.ended.code, Some(0), "{found:?}");
        stand.close().await;
        lab.works_outside(program!("engine.py"), &["the engine's socket"]);
        lab.fails(program!("engine.py")).await;
    });
}
