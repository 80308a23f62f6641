//! The sandbox as a back end sees it: one execution of one session.

use std::sync::Arc;

use async_trait::async_trait;

use super::backend::Fault;
use super::ground::{Conduit, Ground};
use crate::agent::Endpoint;
use crate::agent::wire::Reach;
use crate::causes::in_full;
use crate::execution::{Execution, Summary};
use crate::files;
use crate::session::Session;

/// Bytes of a file that are asked for at a time.
const STEP: usize = 256 << 10;

/// An execution's sandbox.
pub(super) struct SandboxGround {
    session: Arc<Session>,
    execution: Arc<Execution>,
    directory: String,
}

impl SandboxGround {
    pub(super) fn new(session: Arc<Session>, execution: Arc<Execution>, directory: String) -> Self {
        Self { session, execution, directory }
    }
}

#[async_trait]
impl Ground for SandboxGround {
    fn directory(&self) -> &str {
        &self.directory
    }

    async fn side(&self) -> Result<Conduit, Fault> {
        self.execution.running().await;
        let side = self.execution.take_side();
        side.map(|side| Box::new(side) as Conduit)
            .ok_or_else(|| Fault::Gone("it has no stream of the debugger's".into()))
    }

    async fn dial(&self, endpoint: Endpoint) -> Result<Conduit, Fault> {
        let connected = self.session.connect(endpoint).await;
        connected.map(|conduit| Box::new(conduit) as Conduit).map_err(|error| Fault::Refused(in_full(&error)))
    }

    async fn read_file(&self, path: &str, max_bytes: usize) -> Result<Vec<u8>, Fault> {
        let refused = |error: &dyn std::error::Error| Fault::Refused(in_full(error));
        let link = self.session.link().map_err(|error| refused(&error))?;
        let mut contents = Vec::new();
        loop {
            let at = contents.len();
            let wanted = STEP.min(max_bytes - at + 1);
            let read = files::read(link, path.as_bytes(), at as u64, wanted).await.map_err(|error| refused(&error))?;
            if read.data.is_empty() {
                return Ok(contents);
            }
            contents.extend_from_slice(&read.data);
            if contents.len() > max_bytes {
                return Err(Fault::Refused(format!("the file is larger than {max_bytes} bytes")));
            }
        }
    }

    async fn signal(&self, signal: i32) -> Result<(), Fault> {
        let sent = self.execution.signal(signal, Reach::Foreground).await;
        sent.map_err(|error| Fault::Gone(error.to_string()))
    }

    async fn gone(&self) -> String {
        match self.execution.ended().await {
            Ok(summary) => ending(&summary),
            Err(error) => error.to_string(),
        }
    }
}

/// How a program ended, in a line.
pub(super) fn ending(summary: &Summary) -> String {
    match (summary.exit_code, summary.signal) {
        (Some(code), _) => format!("it exited with code {code}"),
        (None, Some(signal)) => format!("signal {signal} ended it"),
        (None, None) => "its sandbox went".to_owned(),
    }
}
