//! What an engine tells of our containers by itself.

use std::collections::BTreeMap;
use std::pin::Pin;

use bollard::models::EventMessage;
use bollard::query_parameters::EventsOptionsBuilder;
use futures::{Stream, StreamExt};

use super::{ContainerEngine, ContainerId, by_labels, in_order};
use crate::container::ContainerError;
use crate::container::labels;

/// Something happened to a container of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerEvent {
    /// Which.
    pub id: ContainerId,
    /// Its labels. The engine adds its own facts to them, such as `image` and `name`.
    pub labels: BTreeMap<String, String>,
    /// What.
    pub kind: EventKind,
}

/// What happened to a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// Its first program ended, and all others with it.
    Died {
        /// How the first program ended; 137 when it was killed.
        exit_code: Option<i64>,
    },
    /// The kernel has killed something in it for want of memory.
    OutOfMemory,
    /// The engine has forgotten it.
    Removed,
}

/// Events as they come. It ends, or fails, with the connection: who needs more asks again.
pub type ContainerEvents = Pin<Box<dyn Stream<Item = Result<ContainerEvent, ContainerError>> + Send>>;

impl ContainerEngine {
    /// What happens from now on to every container with our label.
    ///
    /// # Errors
    /// When the engine is away.
    pub async fn events(&self) -> Result<ContainerEvents, ContainerError> {
        let mut filters = by_labels(&[(labels::MANAGED, None)]);
        filters.insert("type".to_owned(), vec!["container".to_owned()]);
        filters.insert("event".to_owned(), ["die", "oom", "destroy"].map(str::to_owned).to_vec());
        let mut options = EventsOptionsBuilder::new().filters(&filters);
        // The stream is asked for only when it is first read. What happens until then is told too.
        let now = self.info().await?.system_time;
        if let Some(now) = now.and_then(|now| now.parse::<jiff::Timestamp>().ok()) {
            // The engine reads no other form.
            options = options.since(&format!("{}.{:09}", now.as_second(), now.subsec_nanosecond()));
        }
        let engine = self.clone();
        let events = self.docker.events(Some(options.build())).filter_map(move |message| {
            let event = match message {
                Ok(message) => event(message).map(Ok),
                Err(error) => Some(Err(engine.fault("tell what happens", error))),
            };
            std::future::ready(event)
        });
        Ok(Box::pin(events))
    }
}

fn event(message: EventMessage) -> Option<ContainerEvent> {
    let actor = message.actor?;
    let labels = in_order(actor.attributes);
    let kind = match message.action?.as_str() {
        "die" => EventKind::Died { exit_code: labels.get("exitCode").and_then(|code| code.parse().ok()) },
        "oom" => EventKind::OutOfMemory,
        "destroy" => EventKind::Removed,
        _ => return None,
    };
    Some(ContainerEvent { id: ContainerId::new(actor.id?), labels, kind })
}
