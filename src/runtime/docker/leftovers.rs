//! Removes what daemons that are gone have left on an engine.
//!
//! A container goes with its daemon's connection, so only those are ever found whose daemon went before they were
//! started, or whose engine could not end them. One that was asked to outlive its daemon is left alone while it runs: the
//! next daemon may want it, and it ends by itself when none does. A container whose daemon may still run,
//! here or elsewhere, is never touched.

use std::time::Duration;

use super::keeper;
use super::machine::Machine;
use crate::causes;
use crate::container::engine::Listed;
use crate::container::labels::{self, Liveness, Owner};

/// How long all of it may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many are ended at a time.
const AT_A_TIME: usize = 4;

/// What was found and what became of it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// Names of containers that are gone now.
    pub removed: Vec<String>,
    /// Names of containers that could not be removed in time.
    pub stuck: Vec<String>,
}

impl Machine {
    /// Removes what daemons that are gone have left here. What can't be asked for can't be removed either.
    pub async fn recover(&self) -> Recovered {
        self.recover_but(|_| {}).await
    }

    /// The same, and tells first of all containers of ours that are here.
    pub(super) async fn recover_but(&self, tell: impl FnOnce(&[Listed])) -> Recovered {
        let mut recovered = Recovered::default();
        let Ok(engine) = self.engine().await else { return recovered };
        let found = match engine.list(&[(labels::MANAGED, None), (labels::OWNER, None)]).await {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(
                    machine = self.name(),
                    error = causes::in_full(&error),
                    "what was left can't be looked for"
                );
                return recovered;
            }
        };
        tell(&found);
        let abandoned: Vec<Listed> = found.into_iter().filter(is_abandoned).collect();
        let ended = async {
            for some in abandoned.chunks(AT_A_TIME) {
                let ends = some.iter().map(|container| keeper::end(&engine, &container.id));
                for (container, ended) in some.iter().zip(futures::future::join_all(ends).await) {
                    let known = if ended { &mut recovered.removed } else { &mut recovered.stuck };
                    known.push(container.name.clone());
                }
            }
        };
        if tokio::time::timeout(PATIENCE, ended).await.is_err() {
            let known: Vec<_> = recovered.removed.iter().chain(&recovered.stuck).cloned().collect();
            let rest = abandoned.into_iter().map(|container| container.name).filter(|name| !known.contains(name));
            recovered.stuck.extend(rest);
        }
        recovered
    }
}

fn is_abandoned(container: &Listed) -> bool {
    let owner = container.labels.get(labels::OWNER).and_then(|owner| owner.parse::<Owner>().ok());
    let is_gone = owner.is_some_and(|owner| owner.is_alive_here() == Liveness::Gone);
    let is_kept = container.running && container.labels.contains_key(labels::SESSION);
    is_gone && !is_kept
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::container::engine::ContainerId;

    #[test]
    fn only_what_nobody_can_want_any_more_is_abandoned() {
        let own = Owner::current().unwrap().to_string();
        let mut parts: Vec<&str> = own.split('/').collect();
        // No process has started before the machine did.
        parts[4] = "0";
        let gone = parts.join("/");
        parts[0] = "another machine";
        let elsewhere = parts.join("/");
        let container = |owner: &str, session: bool, running| {
            let session = session.then(|| (labels::SESSION.to_owned(), "s".to_owned()));
            let labels: BTreeMap<_, _> =
                [(labels::OWNER.to_owned(), owner.to_owned())].into_iter().chain(session).collect();
            let (id, name, image) = (ContainerId::new("1"), "one".to_owned(), String::new());
            is_abandoned(&Listed { id, name, image, labels, running, created: 0 })
        };
        assert!(container(&gone, false, true) && container(&gone, false, false) && container(&gone, true, false));
        assert!(!container(&gone, true, true), "it outlives its daemon");
        assert!(!container(&own, false, true) && !container(&elsewhere, false, false) && !container("", false, false));
    }
}
