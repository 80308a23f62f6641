//! `fs/import` and `fs/export`: what goes between this machine and a workspace, at the word of the client, who may read
//! and write here what the daemon may.

use std::future::Future;

use bytesize::ByteSize;
use tokio::sync::watch;

use super::files::unwanted;
use super::session::find;
use crate::files::{self, Copied, Export, Exported, Import, Most};
use crate::protocol::files::{
    FsExportParams, FsExportResult, FsImportParams, FsImportResult, MAX_EXPORT_ENTRIES, path_on_wire,
};
use crate::protocol::{ErrorKind, ProgressToken, ProtocolError};
use crate::server::connection::Connection;
use crate::server::notifier::Notifier;
use crate::server::{convert, fault};

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
    let (teller, told) = watch::channel(Copied::default());
    let title = format!("Importing {}", source.display());
    let import = files::import(link, &source, how, unwanted(), &teller);
    let imported = reported(connection, params.work_done_token, &title, told, import).await;
    let files::Imported { copied, replaced } = imported.map_err(fault::of_import)?;
    let Copied { files, directories, links, bytes } = copied;
    Ok(FsImportResult { path: path_on_wire(&path).0, files, directories, links, bytes, replaced })
}

pub(in crate::server) async fn export(
    connection: &Connection,
    params: FsExportParams,
) -> Result<FsExportResult, ProtocolError> {
    let session = find(connection, &params.session_id).await?;
    let path = params.path_bytes()?;
    let target = convert::file_path(&params.uri, "uri")?;
    if params.max_entries > MAX_EXPORT_ENTRIES {
        let message = format!("maxEntries: no more than {MAX_EXPORT_ENTRIES} can be taken");
        return Err(ProtocolError::new(ErrorKind::ValidationFailed, message).at("maxEntries"));
    }
    let how = Export {
        from: &path,
        exclude: &params.exclude,
        overwrite: params.overwrite,
        parents: params.create_parents,
        most: Most { bytes: params.max_bytes, entries: params.max_entries },
    };
    let link = session.link().map_err(fault::of_session)?;
    let (teller, told) = watch::channel(Copied::default());
    let title = format!("Exporting to {}", target.display());
    let export = files::export(link, &target, how, unwanted(), &teller);
    let exported = reported(connection, params.work_done_token, &title, told, export).await;
    let Exported { copied, links_left_out, others_left_out, changed, merged } = exported.map_err(fault::of_export)?;
    let Copied { files, directories, links, bytes } = copied;
    let uri = params.uri;
    Ok(FsExportResult { uri, files, directories, links, bytes, links_left_out, others_left_out, changed, merged })
}

/// Has it done, and tells the client how far it is.
async fn reported<T, E>(
    connection: &Connection,
    token: Option<ProgressToken>,
    title: &str,
    told: watch::Receiver<Copied>,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let notifier = Notifier { outbox: connection.outbox().clone(), streaming: None, progress: token };
    let said = |copied: &Copied| (format!("{} files, {}", copied.files, ByteSize(copied.bytes).display().iec()), None);
    notifier.begin(title).through(told, said, work).await
}
