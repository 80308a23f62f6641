//! `fs/watch` and `fs/unwatch`.

use super::session::find;
use crate::files::{self, WatchOrder};
use crate::protocol::watch::{
    DEBOUNCE_MS, FsUnwatchParams, FsUnwatchResult, FsWatchParams, FsWatchResult, MAX_DIRECTORIES, MAX_EXCLUDES,
    MAX_WATCHES,
};
use crate::protocol::{ErrorKind, ProtocolError};
use crate::server::connection::Connection;
use crate::server::fault;

pub(in crate::server) async fn watch(
    connection: &Connection,
    params: FsWatchParams,
) -> Result<FsWatchResult, ProtocolError> {
    let session = find(connection, &params.session_id).await?;
    let path = params.path_bytes()?;
    let link = session.link().map_err(fault::of_session)?;
    let refused = |field: &str, why: String| {
        Err(ProtocolError::new(ErrorKind::ValidationFailed, format!("{field}: {why}")).at(field))
    };
    if !DEBOUNCE_MS.contains(&params.debounce_ms) {
        return refused("debounceMs", format!("not between {} and {}", DEBOUNCE_MS.start(), DEBOUNCE_MS.end()));
    }
    if params.exclude.len() > MAX_EXCLUDES {
        return refused("exclude", format!("more than {MAX_EXCLUDES} names"));
    }
    let Some(place) = connection.watches().reserve(&params.session_id) else {
        let message = format!("a session has no more than {MAX_WATCHES} watches");
        return Err(ProtocolError::new(ErrorKind::WatchLimit, message).hint("end one with `fs/unwatch`"));
    };
    let order = WatchOrder {
        path: path.clone(),
        recursive: params.recursive,
        exclude: params.exclude,
        window_ms: params.debounce_ms,
        directories: MAX_DIRECTORIES,
    };
    let watching = files::watch(link, order).await.map_err(fault::of_watch)?;
    let directory = files::inside(&path).map_err(fault::of_files)?;
    let outbox = connection.outbox().clone();
    let watch_id = connection.watches().begin(&place, &params.session_id, directory, watching, outbox);
    Ok(FsWatchResult { watch_id })
}

pub(in crate::server) async fn unwatch(
    connection: &Connection,
    params: FsUnwatchParams,
) -> Result<FsUnwatchResult, ProtocolError> {
    find(connection, &params.session_id).await?;
    Ok(FsUnwatchResult { ended: connection.watches().end(&params.session_id, &params.watch_id) })
}
