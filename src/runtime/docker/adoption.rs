//! Takes up containers that a daemon of this user has left to the next one.
//!
//! They are found in the same listing as what is to be removed, at a daemon's start: they run, carry a session, and
//! the daemon that made them is known to be gone. A container of another user, of another machine's daemon or of one
//! that may still run is never touched. Whether a container can be had is its agent's to say: it lets in one daemon
//! at a time. Nothing here holds a container before its agent has let us in, so who comes too late can't end it.

use std::sync::Arc;
use std::time::Duration;

use codebeaker_agent::plan::JOINER_ID;
use tokio::sync::watch;

use super::draft::{counted, in_plan};
use super::fleet::seated;
use super::health::watch::Severable;
use super::keeper::ContainerKeeper;
use super::machine::Machine;
use super::{Machines, Oci};
use crate::agent::{Link, LinkError};
use crate::causes;
use crate::container::ContainerError;
use crate::container::delivery::AGENT;
use crate::container::engine::{Attached, ContainerEngine, ContainerId, Listed};
use crate::container::labels::{self, Liveness, Owner};
use crate::ids::SessionId;
use crate::runtime::{Left, Programs, SandboxSpec, TakeUpError, TakenUp};
use crate::sandbox::limits;

/// How long an agent may take to let somebody in, once the engine has brought him there.
const PATIENCE: Duration = Duration::from_secs(10);

/// The pauses between attempts while another daemon seems to be there: one that was killed a moment ago is not yet
/// known to be gone.
const AGAIN: [Duration; 4] =
    [Duration::from_millis(200), Duration::from_millis(300), Duration::from_millis(500), Duration::from_secs(1)];

/// A container that was left.
#[derive(Debug, Clone)]
pub(super) struct Found {
    oci: Oci,
    left: Left,
}

/// What was found on all machines. Each is handed out once.
#[derive(Debug, Default)]
pub(super) struct Board {
    state: watch::Sender<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Machines that are being looked at for the first time.
    awaited: usize,
    /// Machines that have not answered yet, and are going to be asked again.
    unseen: Vec<String>,
    found: Vec<Found>,
}

/// A machine that is being looked at, until this is dropped.
#[derive(Debug)]
pub(super) struct Look<'a> {
    board: &'a Board,
    machine: &'a str,
    /// Somebody waits for this look.
    is_awaited: bool,
}

impl Board {
    /// These machines are going to be looked at.
    pub(super) fn expect<'a>(&self, machines: impl Iterator<Item = &'a str>) {
        self.state.send_modify(|state| {
            state.unseen.extend(machines.map(str::to_owned));
            state.awaited = state.unseen.len();
        });
    }

    /// Looks at a machine that has not answered yet. What is left on one that has is not this daemon's to take up:
    /// another, which starts then, is to have it.
    pub(super) fn look<'a>(&'a self, machine: &'a str, is_awaited: bool) -> Option<Look<'a>> {
        let is_unseen = self.state.borrow().unseen.iter().any(|unseen| unseen == machine);
        is_unseen.then_some(Look { board: self, machine, is_awaited })
    }

    /// What has not answered by now is not asked again.
    pub(super) fn give_up(&self) {
        self.state.send_modify(|state| state.unseen.clear());
    }

    /// The next that nobody had; `None` once all machines were looked at, and there are no more on those that
    /// answered.
    pub(super) async fn next(&self, oci: Oci) -> Option<Left> {
        self.next_while(oci, |state| state.awaited > 0).await
    }

    /// As [`Board::next`], as long as there are machines that may still answer.
    pub(super) async fn next_late(&self, oci: Oci) -> Option<Left> {
        self.next_while(oci, |state| !state.unseen.is_empty()).await
    }

    async fn next_while(&self, oci: Oci, may_come: impl Fn(&State) -> bool) -> Option<Left> {
        let mut changes = self.state.subscribe();
        loop {
            let (mut next, mut waits) = (None, false);
            self.state.send_if_modified(|state| {
                let index = state.found.iter().position(|found| found.oci == oci);
                next = index.map(|index| state.found.remove(index).left);
                waits = may_come(state);
                false
            });
            if next.is_some() || !waits {
                return next;
            }
            changes.changed().await.ok()?;
        }
    }
}

impl Look<'_> {
    /// This is what it has.
    pub(super) fn has(self, found: Vec<Found>) {
        self.board.state.send_modify(|state| {
            state.unseen.retain(|unseen| unseen != self.machine);
            state.found.extend(found);
        });
    }
}

impl Drop for Look<'_> {
    fn drop(&mut self) {
        if self.is_awaited {
            self.board.state.send_modify(|state| state.awaited = state.awaited.saturating_sub(1));
        }
    }
}

/// Those of a machine's containers that were left to this user's next daemon.
pub(super) fn left(machine: &str, listed: &[Listed]) -> Vec<Found> {
    let Ok(own) = Owner::current() else { return Vec::new() };
    listed.iter().filter_map(|container| found(machine, container, &own)).collect()
}

fn found(machine: &str, container: &Listed, own: &Owner) -> Option<Found> {
    let label = |name: &str| container.labels.get(name);
    let owner: Owner = label(labels::OWNER)?.parse().ok()?;
    if !container.running || !owner.is_same_user(own) || owner.is_alive_here() != Liveness::Gone {
        return None;
    }
    let session = SessionId::from(label(labels::SESSION)?.clone());
    let oci = label(labels::RUNTIME).and_then(|runtime| Oci::ALL.into_iter().find(|oci| oci.runtime() == runtime));
    let (true, Some(oci)) = (session.is_well_formed(), oci) else {
        let name = &container.name;
        tracing::warn!(name, "a container was left in a way that this version doesn't know; it ends by itself");
        return None;
    };
    let left = Left {
        session,
        notes: label(labels::NOTES).cloned().unwrap_or_default(),
        machine: Some(machine.to_owned()),
        name: container.id.to_string(),
        // Where else the image has programs its agent was told to keep.
        programs: Programs::Image { id: container.image.clone(), path: Vec::new() },
    };
    Some(Found { oci, left })
}

impl Machines {
    /// Takes up a container.
    pub(super) async fn take_up(&self, left: &Left, spec: &SandboxSpec, oci: Oci) -> Result<TakenUp, TakeUpError> {
        let member = left.machine.as_deref().and_then(|name| self.fleet.member(name)).ok_or(TakeUpError::Gone)?;
        self.fleet.begin();
        let (line, seat) = (member.watched.line(), member.watched.seat());
        let machine = &member.machine;
        let away = |reason| TakeUpError::Machine { reason };
        let engine = machine.engine().await.map_err(|cause| away(cause.reason))?;
        let seen = machine.seen().await.map_err(|cause| away(cause.reason))?;
        let id = ContainerId::new(&left.name);
        let mut pauses = AGAIN.into_iter();
        let (link, ready) = loop {
            let sever = |attached: Attached| {
                (Severable::new(attached.reader, line.clone()), Severable::new(attached.writer, line.clone()))
            };
            match (joined(machine, &engine, &id, sever).await, pauses.next()) {
                (Err(TakeUpError::Occupied), Some(pause)) => tokio::time::sleep(pause).await,
                (joined, _) => break joined?,
            }
        };
        let keeper = Box::new(ContainerKeeper::new(Arc::clone(machine), engine, id, true));
        let counted = counted(&seen.facts, oci);
        let workspace = in_plan(&spec.workspace);
        Ok(TakenUp {
            link,
            ready,
            enforcement: limits::enforcement_in_container(&spec.limits, counted, oci == Oci::Default, &workspace),
            keeper: seated::keep(keeper, member, seat, line),
        })
    }
}

/// Goes into a container and asks its agent to be let in.
async fn joined<R, W>(
    machine: &Machine,
    engine: &ContainerEngine,
    id: &ContainerId,
    sever: impl FnOnce(Attached) -> (R, W),
) -> Result<(Link, codebeaker_agent::wire::Ready), TakeUpError>
where
    R: tokio::io::AsyncRead + Send + 'static,
    W: tokio::io::AsyncWrite + Send + 'static,
{
    let argv = [AGENT.to_owned(), "join".to_owned()];
    let inside = engine.join(id, &argv, (JOINER_ID, JOINER_ID)).await;
    machine.heard(&inside);
    let attached = inside.map_err(|error| match error {
        ContainerError::NoContainer { .. } | ContainerError::Conflict { .. } => TakeUpError::Gone,
        error => TakeUpError::NotJoined { reason: causes::in_full(&error) },
    })?;
    let complaint = attached.complaint.clone();
    let (reader, writer) = sever(attached);
    match tokio::time::timeout(PATIENCE, Link::join(reader, writer)).await {
        Ok(Ok(joined)) => Ok(joined),
        Ok(Err(LinkError::Occupied)) => Err(TakeUpError::Occupied),
        Ok(Err(error)) => {
            let said = complaint.text().map(|said| format!(", after it had said {said:?}")).unwrap_or_default();
            Err(TakeUpError::NotJoined { reason: format!("{}{said}", causes::in_full(&error)) })
        }
        Err(_) => {
            let reason = format!("it said nothing within {} s", PATIENCE.as_secs());
            Err(TakeUpError::NotJoined { reason })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn container(owner: &str, change: impl FnOnce(&mut Listed)) -> Option<Found> {
        let session = SessionId::random();
        let labels = [
            (labels::OWNER, owner),
            (labels::SESSION, session.as_str()),
            (labels::RUNTIME, "gvisor"),
            (labels::NOTES, "notes"),
        ];
        let labels: BTreeMap<_, _> = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let (id, name, image) = (ContainerId::new("1"), "one".to_owned(), "sha256:1".to_owned());
        let mut listed = Listed { id, name, image, labels, running: true, created: 0 };
        change(&mut listed);
        found("here", &listed, &Owner::current().unwrap())
    }

    #[test]
    fn only_what_a_gone_daemon_of_this_user_left_running_is_taken_up() {
        let own = Owner::current().unwrap().to_string();
        let parts: Vec<&str> = own.split('/').collect();
        let with = |index: usize, part: &str| {
            let mut parts = parts.clone();
            // No process has started before the machine did.
            parts[4] = "0";
            parts[index] = part;
            parts.join("/")
        };
        let gone = with(4, "0");
        let taken = container(&gone, |_| {}).unwrap();
        assert_eq!((taken.oci, taken.left.notes.as_str(), taken.left.name.as_str()), (Oci::Runsc, "notes", "1"));
        assert!(container(&own, |_| {}).is_none(), "its daemon lives");
        assert!(container(&with(0, "another machine"), |_| {}).is_none());
        assert!(container(&with(5, "4242"), |_| {}).is_none(), "another user's");
        assert!(container("", |_| {}).is_none());
        assert!(container(&gone, |listed| listed.running = false).is_none());
        for label in [labels::SESSION, labels::RUNTIME] {
            assert!(container(&gone, |listed| drop(listed.labels.remove(label))).is_none(), "{label}");
        }
        let odd = container(&gone, |listed| drop(listed.labels.insert(labels::SESSION.to_owned(), "../x".to_owned())));
        assert!(odd.is_none());
    }

    #[tokio::test]
    async fn each_is_handed_out_once_and_what_answers_late_comes_late() {
        let board = Board::default();
        assert_eq!(board.next(Oci::Runsc).await, None, "nobody looks anywhere");
        board.expect(["one", "other"].into_iter());
        let (one, other) = (board.look("one", true).unwrap(), board.look("other", true).unwrap());
        let own = Owner::current().unwrap().to_string();
        let parts: Vec<&str> = own.split('/').collect();
        let gone = [parts[0], parts[1], parts[2], parts[3], "0", parts[5]].join("/");
        let left = || container(&gone, |_| {}).into_iter().collect();
        one.has(left());
        assert!(board.next(Oci::Runsc).await.is_some());
        // It doesn't answer.
        let (last, ()) = tokio::join!(board.next(Oci::Runsc), async { drop(other) });
        assert_eq!((last, board.next(Oci::Default).await), (None, None));
        assert!(board.look("one", false).is_none(), "what is left there now is another's");
        let (late, ()) = tokio::join!(board.next_late(Oci::Runsc), async {
            board.look("other", false).unwrap().has(left());
        });
        assert!(late.is_some());
        assert_eq!(board.next_late(Oci::Runsc).await, None);
    }
}
