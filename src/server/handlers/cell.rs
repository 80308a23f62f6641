//! `session/execute` with a `contextId`.

use std::sync::Arc;
use std::time::Duration;

use lsp_types::Url;

use super::execution::{answer, file_name};
use crate::context::{Cell, Document, Rich};
use crate::ids::ContextId;
use crate::protocol::execution::{ExecuteParams, ExecuteResult, StdinMode};
use crate::protocol::handshake::Feature;
use crate::protocol::limits::{ExecutionLimits, OnOutputLimit};
use crate::protocol::source::{Runnable, Source as AskedSource};
use crate::protocol::{ErrorKind, ProtocolError};
use crate::server::cells::CellNotifier;
use crate::server::connection::Connection;
use crate::server::fault;
use crate::server::notifier::Notifier;
use crate::session::{CellRun, Session};

/// The longest URI that a document has.
const MAX_URI: usize = 8192;

pub(super) async fn execute(
    connection: &Connection,
    session: &Arc<Session>,
    source: AskedSource,
    params: ExecuteParams,
    notifier: Notifier,
) -> Result<ExecuteResult, ProtocolError> {
    let features = connection.features();
    features.demand(Feature::Contexts, "`source.contextId`")?;
    check(&params)?;
    let Runnable::Cell { code, context_id, uri, range } = source.what else {
        return Err(ProtocolError::new(ErrorKind::InternalError, "it is no cell"));
    };
    let cell = Cell {
        code,
        document: uri.map(document).transpose()?,
        line: range.map_or(1, |range| range.start.line.saturating_add(1)),
        rich: features
            .rich_output
            .as_ref()
            .map(|offer| Rich { mimes: offer.mime.clone(), max_inline_bytes: offer.max_inline_bytes as usize }),
        input: features.input_request.is_some(),
    };
    let run = CellRun {
        context: ContextId::from(context_id),
        cell,
        timeout: params.timeout_ms.map(|ms| Duration::from_millis(ms.get())),
        output_bytes: params.limits.output_bytes,
        stop_at_output_limit: params.limits.on_output_limit == OnOutputLimit::Kill,
        max_chunk_bytes: connection.streaming().unwrap_or_default().max_chunk_bytes as usize,
    };
    let observer = Arc::new(CellNotifier { notifier: notifier.clone(), features });
    let execution = session.execute_cell(run, observer).map_err(fault::of_session)?;
    answer(&execution, &notifier, params.wait).await
}

/// Refuses what a cell can't have: it runs in a process that is there already.
fn check(params: &ExecuteParams) -> Result<(), ProtocolError> {
    let refuse = |path: &str, what: &str| {
        let message = format!("{path}: a cell {what}");
        Err(ProtocolError::new(ErrorKind::ValidationFailed, message).at(path))
    };
    if params.stdin != StdinMode::None || params.stdin_text.is_some() || params.pty.is_some() {
        return refuse("stdin", "asks for its input by `execution/inputRequest`");
    }
    if params.debuggable {
        return refuse("debuggable", "can't be attached to");
    }
    let ExecutionLimits { memory_bytes, cpu, pids, disk_bytes, open_files, .. } = params.limits;
    let of_process =
        [memory_bytes.is_some(), cpu.is_some(), pids.is_some(), disk_bytes.is_some(), open_files.is_some()];
    if of_process.contains(&true) {
        return refuse("limits", "has the limits of its session, and may have its own of time and output alone");
    }
    Ok(())
}

fn document(uri: String) -> Result<Document, ProtocolError> {
    if uri.len() > MAX_URI {
        let message = format!("source.uri: it is longer than {MAX_URI} bytes");
        return Err(ProtocolError::invalid_params("source.uri", message));
    }
    let name = file_name(&uri)?;
    let url = Url::parse(&uri).ok().filter(|url| url.scheme() == "file");
    Ok(Document { path: url.and_then(|url| url.to_file_path().ok()), uri, name })
}
