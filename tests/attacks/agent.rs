//! Attacks on the agent: PID 1 of the sandbox, who runs as the same user as every program.

use std::time::Duration;

use codebeaker::agent::plan::Protection::{Seccomp, UndumpableAgent};

use crate::actor::each_actor;
use crate::harness::Place;
use crate::lab::{Setting, program};

pub(crate) fn programs_cant_trace_read_or_rob_the_agent(place: Place) {
    each_actor(place, async |mut lab| {
        let attempts = ["environ", "mem", "maps", "exe", "descriptors", "ptrace", "process_vm_readv", "pidfd_getfd"];
        lab.works(program!("agent.py"), &[UndumpableAgent, Seccomp], &attempts).await;
        lab.fails(program!("agent.py")).await;
    });
}

pub(crate) fn programs_cant_take_the_agents_limits_and_turns_away(place: Place) {
    each_actor(place, async |mut lab| {
        lab.works(program!("starve_agent.py"), &[UndumpableAgent, Seccomp], &["limit", "priority"]).await;
        lab.fails(program!("starve_agent.py")).await;
    });
}

pub(crate) fn programs_cant_speak_for_the_agent(place: Place) {
    each_actor(place, async |mut lab| {
        // Without protection the daemon hears the forged words, and ends the session for them.
        let stand = lab.sandbox(Setting::without(&[UndumpableAgent, Seccomp])).await;
        let process = stand.start(stand.hostile(program!("forge.py"))).await;
        let lost = tokio::time::timeout(Duration::from_secs(30), stand.link.lost()).await;
        println!("without protection: {:?}", lost.expect("the daemon did not hear the forged words"));
        drop(process);
        drop(stand);
        match lab.place {
            // There the agent's descriptors are open to programs.
            Place::Gvisor => lab.loses_itself_alone(program!("forge.py")).await,
            Place::Native | Place::Docker => lab.fails(program!("forge.py")).await,
        }
    });
}
