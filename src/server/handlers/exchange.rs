//! `fs/import`: what goes between this machine and a workspace, at the word of the client, who may read here what the
//! daemon may read.

use std::time::Duration;

use bytesize::ByteSize;
use tokio::sync::watch;

use super::files::unwanted;
use super::session::find;
use crate::files::{self, Copied, Import};
use crate::protocol::ProtocolError;
use crate::protocol::files::{FsImportParams, FsImportResult, path_on_wire};
use crate::server::connection::Connection;
use crate::server::notifier::Notifier;
use crate::server::{convert, fault};

/// People can't follow more.
const BETWEEN_REPORTS: Duration = Duration::from_millis(100);

pub(in crate::server) async fn import(
    connection: &Connection,
    params: FsImportParams,
) -> Result<FsImportResult, ProtocolError> {
    let session = find(connection, &params.session_id).await?;
    let path = params.path_bytes()?;
    let source = convert::file_path(&params.uri, "uri")?;
    let how =
        Import { to: &path, exclude: &params.exclude, overwrite: params.overwrite, parents: params.create_parents };
    let link = session.link().map_err(fault::of_session)?;
    let notifier = Notifier { outbox: connection.outbox().clone(), streaming: None, progress: params.work_done_token };
    let progress = notifier.begin(&format!("Importing {}", source.display()));
    let (teller, mut told) = watch::channel(Copied::default());
    let telling = async {
        while told.changed().await.is_ok() {
            let copied = *told.borrow_and_update();
            let message = format!("{} files, {}", copied.files, ByteSize(copied.bytes).display().iec());
            progress.report(&message, None).await;
            tokio::time::sleep(BETWEEN_REPORTS).await;
        }
        std::future::pending().await
    };
    let imported = tokio::select! {
        imported = files::import(link, &source, how, unwanted(), &teller) => imported,
        never = telling => never,
    };
    progress.end(if imported.is_ok() { "done" } else { "failed" }).await;
    let files::Imported { copied, replaced } = imported.map_err(fault::of_import)?;
    let Copied { files, directories, links, bytes } = copied;
    Ok(FsImportResult { path: path_on_wire(&path).0, files, directories, links, bytes, replaced })
}
