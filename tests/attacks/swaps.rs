//! Attacks by a directory that is swapped with a link that leads out, while requests go through it.

use codebeaker::agent::plan::Protection::BeneathWorkspace;

use crate::actor::each_actor;
use crate::harness::Place;
use crate::lab::{Setting, Stand, program};

/// What requests met while links were swapped.
pub(crate) struct Met {
    /// Whether something got out, as it shall where nothing protects from it.
    pub(crate) works: bool,
    /// The claims that hold where something does, each with what it means if it doesn't.
    pub(crate) claims: Vec<(bool, String)>,
}

/// Makes requests while links are swapped, first without the protection until something gets out, and then with it. The
/// swaps go by chance, and in gVisor's kernel now and then not at all: so it is tried again. `begun` says when the
/// program is at it; `attempt` makes the requests, and is told whether something protects from them; `judge` looks at
/// what came of them when the program is gone.
pub(crate) fn meanwhile<T>(
    place: Place,
    begun: impl AsyncFn(&Stand) -> bool,
    attempt: impl AsyncFn(&Stand, bool) -> T,
    judge: impl AsyncFn(&Stand, T) -> Met,
) {
    each_actor(place, async |mut lab| {
        let mut works = false;
        for without in [vec![BeneathWorkspace], vec![BeneathWorkspace], vec![BeneathWorkspace], vec![]] {
            let is_protected = without.is_empty();
            if works && !is_protected {
                continue;
            }
            let stand = lab.sandbox(Setting::without(&without)).await;
            let process = stand.start(stand.hostile(program!("swap.py"))).await;
            while !begun(&stand).await {
                tokio::task::yield_now().await;
            }
            println!("without {without:?}:");
            let tried = attempt(&stand, is_protected).await;
            stand.kill(&process).await;
            let ran = stand.finish(process).await;
            let met = judge(&stand, tried).await;
            if is_protected {
                assert!(works, "the attack does not work");
                for (holds, otherwise) in met.claims {
                    assert!(holds, "{otherwise}");
                }
                lab.host.assert_untouched(&ran.seen());
            } else {
                works = met.works;
                println!("it works: {works}; {ran:#?}");
            }
            stand.assert_works().await;
            stand.close().await;
        }
    });
}
