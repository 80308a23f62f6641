//! What became of a sandbox that a request was under way in: the session learns it a moment after the request
//! failed, and who asked is to hear it with the failure.

use std::time::Duration;

use serde_json::Value;

use super::connection::Connection;
use crate::ids::{ContextId, ExecutionId, SessionId};
use crate::protocol::{ErrorKind, ProtocolError};
use crate::session::{Session, Why};

/// How long a session may take to learn it: a little more than it waits itself.
const PATIENCE: Duration = Duration::from_secs(6);

/// Looks so often.
const AGAIN: Duration = Duration::from_millis(20);

/// The session that a request is about, to be asked when it failed.
pub(super) struct Subject(Option<std::sync::Arc<Session>>);

impl Subject {
    pub(super) fn of(connection: &Connection, params: &Value) -> Self {
        let sessions = &connection.daemon().sessions;
        let name = |field: &str| params.get(field).and_then(Value::as_str).map(str::to_owned);
        let of_execution = || sessions.execution(&ExecutionId::from(name("executionId")?)).map(|it| it.session.clone());
        let of_context = || sessions.context(&ContextId::from(name("contextId")?)).ok().map(|it| it.1.session.clone());
        let id = name("sessionId").map(SessionId::from).or_else(of_execution).or_else(of_context);
        Self(id.and_then(|id| sessions.get(&id).ok()))
    }

    /// The error, with what is known of the sandbox if that was lost.
    pub(super) async fn explain(self, mut error: ProtocolError) -> ProtocolError {
        let Some(session) = self.0.filter(|_| error.kind() == ErrorKind::RuntimeLost) else { return error };
        let learned = async {
            loop {
                match session.why() {
                    Some(why) => return why,
                    None => tokio::time::sleep(AGAIN).await,
                }
            }
        };
        if let Ok(Why::RuntimeLost(how)) = tokio::time::timeout(PATIENCE, learned).await
            && !error.message.contains(&how)
        {
            error.message = format!("{}: {how}", error.message);
        }
        error.session(session.id.as_str())
    }
}
