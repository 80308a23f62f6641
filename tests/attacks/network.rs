//! Attacks on the network: the host's, and what lies behind it.

use codebeaker::agent::plan::Protection::{Landlock, MinimalRoot, Network};

use crate::actor::each_actor;
use crate::harness::{Place, skip};
use crate::lab::{Setting, program};
use crate::reach::possible;

pub(crate) fn nothing_on_a_network_is_reached(place: Place) {
    each_actor(place, async |mut lab| {
        // Without the protection only the host itself is reached for: other machines are none of a test's business.
        lab.host.tell("inside", false.into());
        let stand = lab.sandbox(Setting::without(&[Network])).await;
        let ran = stand.attack(program!("network.py")).await;
        println!("without a network of its own:\n{}", ran.stdout);
        let reached = possible(place, &["host's loopback", "all of loopback"]);
        ran.assert_worked(&reached);
        assert!(lab.host.connections() >= reached.len(), "the canaries saw no connection: {ran:#?}");
        stand.close().await;

        lab.host.tell("inside", true.into());
        lab.fails(program!("network.py")).await;
    });
}

pub(crate) fn no_socket_of_the_host_is_reached_by_path_or_by_name(place: Place) {
    each_actor(place, async |mut lab| {
        let stand = lab.sandbox(Setting::without(&[Network, Landlock, MinimalRoot])).await;
        let ran = stand.attack(program!("sockets.py")).await;
        println!("without protections:\n{}", ran.stdout);
        // No file of the host's is in a container, whatever is left out.
        let path = if lab.place.has_containers() { None } else { Some("path") };
        ran.assert_worked(&possible(place, &["abstract", "names of the host's sockets"]));
        ran.assert_worked(path.as_slice());
        let least = path.iter().chain(&possible(place, &["abstract"])).count();
        assert!(lab.host.connections() >= least, "the canaries saw no connection: {ran:#?}");
        stand.close().await;
        lab.fails(program!("sockets.py")).await;
    });
}

pub(crate) fn landlock_alone_keeps_abstract_sockets_away(place: Place) {
    each_actor(place, async |lab| {
        let stand = lab.sandbox(Setting::without(&[Network])).await;
        let ran = stand.attack(program!("sockets.py")).await;
        let (worked, detail) = ran.attempts()["abstract"].clone();
        if stand.landlock_abi >= 6 {
            assert!(!worked, "HOLE: {detail}");
        } else {
            // gVisor's kernel has no Landlock at all.
            let skip = if place == Place::Gvisor { skip::note } else { skip::skip };
            skip("this kernel's Landlock has no scopes");
        }
        lab.host.connections();
        stand.close().await;
    });
}
