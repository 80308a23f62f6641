//! `fs/*`.

use super::session::find;
use crate::agent::wire::{Existing, FileEntry};
use crate::execution::chunk::incomplete_tail;
use crate::files::{self, FilesError, Found, Transfer, WriteOptions};
use crate::protocol::encoding::json_bytes;
use crate::protocol::files::{
    FsCopyParams, FsCopyResult, FsListParams, FsListResult, FsMkdirParams, FsMkdirResult, FsMoveParams, FsMoveResult,
    FsReadParams, FsReadResult, FsRemoveParams, FsRemoveResult, FsStatParams, FsStatResult, FsWriteParams,
    FsWriteResult, MAX_LIST_LIMIT, Permissions, WriteMode, path_on_wire,
};
use crate::protocol::{ErrorKind, ProtocolError, WantedEncoding};
use crate::server::connection::Connection;
use crate::server::{convert, fault};
use crate::transport::current;

/// The most bytes of a file that one answer carries: in base64 they stay below the longest message.
pub(in crate::server) const MAX_READ_BYTES: u64 = 8 << 20;

/// The most bytes of JSON that they take as text, which may be six times as long.
const MAX_TEXT_BYTES: usize = 12 << 20;

/// How deep a recursive listing goes.
const MAX_DEPTH: u32 = 4096;

pub(in crate::server) async fn read(
    connection: &Connection,
    params: FsReadParams,
) -> Result<FsReadResult, ProtocolError> {
    let session = find(connection, &params.session_id).await?;
    let path = params.path_bytes()?;
    let link = session.link().map_err(fault::of_session)?;
    if params.length.is_some_and(|length| length > MAX_READ_BYTES) {
        let message = format!("length: one answer carries at most {MAX_READ_BYTES} bytes");
        return Err(ProtocolError::new(ErrorKind::ValidationFailed, message).at("length"));
    }
    let length = params.length.unwrap_or(MAX_READ_BYTES);
    let mut contents = files::read(link, &path, params.offset, length as usize).await.map_err(fault::of_files)?;
    let size = contents.stat.tag.size;
    let end = params.offset.saturating_add(contents.data.len() as u64);
    if params.length.is_none() && end < size {
        return Err(fault::of_files(FilesError::TooLarge(path_on_wire(&path).0)));
    }
    if params.encoding != WantedEncoding::Base64 && end < size {
        // What was asked for ends within a character: the next part begins with it.
        let whole = contents.data.len() - incomplete_tail(&contents.data);
        if whole > 0 {
            contents.data.truncate(whole);
        }
    }
    let bytes = contents.data.len() as u64;
    let wanted = match params.encoding {
        WantedEncoding::Base64 => WantedEncoding::Base64,
        text if json_bytes(&contents.data) <= MAX_TEXT_BYTES => text,
        WantedEncoding::Auto => WantedEncoding::Base64,
        WantedEncoding::Utf8 => return Err(fault::of_files(FilesError::TooLarge(path_on_wire(&path).0))),
    };
    let Some((data, encoding)) = wanted.encode(contents.data) else {
        let message = format!("{}: not UTF-8", path_on_wire(&path).0);
        return Err(ProtocolError::new(ErrorKind::ValidationFailed, message)
            .at("encoding")
            .hint("ask for \"base64\" or \"auto\""));
    };
    Ok(FsReadResult {
        path: path_on_wire(&path).0,
        data,
        encoding,
        offset: params.offset,
        bytes,
        size,
        eof: params.offset.saturating_add(bytes) >= size,
        etag: convert::etag(contents.stat.tag),
        permissions: Permissions(contents.stat.mode),
    })
}

pub(in crate::server) async fn write(
    connection: &Connection,
    params: FsWriteParams,
) -> Result<FsWriteResult, ProtocolError> {
    let session = find(connection, &params.session_id).await?;
    let path = params.path_bytes()?;
    let existing = match (params.mode, params.offset) {
        (WriteMode::Patch, offset) => Existing::PatchAt(offset.unwrap_or(0)),
        (_, Some(_)) => {
            let message = "offset: goes with `mode: \"patch\"` alone";
            return Err(ProtocolError::invalid_params("offset", message));
        }
        (WriteMode::Create, None) => Existing::Refuse,
        (WriteMode::Replace, None) => Existing::Replace,
        (WriteMode::Append, None) => Existing::Append,
    };
    let options = WriteOptions {
        existing,
        mode: params.permissions.map(|permissions| permissions.0),
        parents: params.create_parents,
        if_match: params.if_match.as_deref().map(convert::tag).transpose()?,
    };
    let data = params.encoding.decode(params.data, "data")?;
    let bytes = data.len() as u64;
    let link = session.link().map_err(fault::of_session)?;
    let written = files::write(link, &path, data.into(), options).await.map_err(fault::of_files)?;
    Ok(FsWriteResult {
        path: path_on_wire(&path).0,
        bytes,
        size: written.stat.tag.size,
        etag: convert::etag(written.stat.tag),
        created: written.created,
    })
}

pub(in crate::server) async fn list(
    connection: &Connection,
    params: FsListParams,
) -> Result<FsListResult, ProtocolError> {
    let session = find(connection, &params.session_id).await?;
    let path = params.path_bytes()?;
    if params.limit == 0 || params.limit > MAX_LIST_LIMIT {
        let message = format!("limit: {} is not between 1 and {MAX_LIST_LIMIT}", params.limit);
        return Err(ProtocolError::new(ErrorKind::ValidationFailed, message).at("limit"));
    }
    let depth = match (params.recursive, params.depth) {
        (_, Some(depth)) => depth.get().min(MAX_DEPTH),
        (true, None) => MAX_DEPTH,
        (false, None) => 1,
    };
    let link = session.link().map_err(fault::of_session)?;
    let listing = files::list(link, &path, depth, params.hidden, params.limit).await.map_err(fault::of_files)?;
    let directory = files::inside(&path).map_err(fault::of_files)?;
    let entries = listing.entries.iter().map(|entry| convert::entry(&directory, entry)).collect();
    Ok(FsListResult { entries, truncated: listing.truncated })
}

pub(in crate::server) async fn stat(
    connection: &Connection,
    params: FsStatParams,
) -> Result<FsStatResult, ProtocolError> {
    let session = find(connection, &params.session_id).await?;
    let path = params.path_bytes()?;
    let link = session.link().map_err(fault::of_session)?;
    let Found { stat, target } = files::stat(link, &path).await.map_err(fault::of_files)?;
    let entry = FileEntry { path: files::inside(&path).map_err(fault::of_files)?, stat };
    let target = target.as_deref().map(path_on_wire);
    Ok(FsStatResult {
        entry: convert::entry(b"", &entry),
        etag: convert::etag(stat.tag),
        target_base64: target.as_ref().and_then(|(_, base64)| base64.clone()),
        target: target.map(|(shown, _)| shown),
    })
}

pub(in crate::server) async fn mkdir(
    connection: &Connection,
    params: FsMkdirParams,
) -> Result<FsMkdirResult, ProtocolError> {
    let session = find(connection, &params.session_id).await?;
    let path = params.path_bytes()?;
    let mode = params.permissions.map_or(0o755, |permissions| permissions.0);
    let link = session.link().map_err(fault::of_session)?;
    let created = files::make_directory(link, &path, mode, params.parents).await.map_err(fault::of_files)?;
    Ok(FsMkdirResult { path: path_on_wire(&path).0, created })
}

pub(in crate::server) async fn copy(
    connection: &Connection,
    params: FsCopyParams,
) -> Result<FsCopyResult, ProtocolError> {
    let session = find(connection, &params.session_id).await?;
    let (from, to) = params.paths()?;
    let transfer = Transfer { from: &from, to: &to, overwrite: params.overwrite, parents: params.create_parents };
    let link = session.link().map_err(fault::of_session)?;
    let copy = files::copy(link, transfer, unwanted()).await.map_err(fault::of_transfer)?;
    Ok(FsCopyResult { path: path_on_wire(&to).0, copied: convert::copied(copy.copied), replaced: copy.replaced })
}

pub(in crate::server) async fn rename(
    connection: &Connection,
    params: FsMoveParams,
) -> Result<FsMoveResult, ProtocolError> {
    let session = find(connection, &params.session_id).await?;
    let (from, to) = params.paths()?;
    let transfer = Transfer { from: &from, to: &to, overwrite: params.overwrite, parents: params.create_parents };
    let link = session.link().map_err(fault::of_session)?;
    let moved = files::rename(link, transfer, unwanted()).await.map_err(fault::of_transfer)?;
    let copied = moved.copied.map(convert::copied);
    Ok(FsMoveResult { path: path_on_wire(&to).0, replaced: moved.replaced, copied })
}

/// Resolves when the client has cancelled the request.
pub(super) async fn unwanted() {
    match current() {
        Some(request) => request.cancellation().cancelled().await,
        None => std::future::pending().await,
    }
}

pub(in crate::server) async fn remove(
    connection: &Connection,
    params: FsRemoveParams,
) -> Result<FsRemoveResult, ProtocolError> {
    let session = find(connection, &params.session_id).await?;
    let path = params.path_bytes()?;
    let link = session.link().map_err(fault::of_session)?;
    let removed = files::remove(link, &path, params.recursive).await.map_err(fault::of_files)?;
    Ok(FsRemoveResult { removed })
}
