//! `fs/diff` and `fs/patch`.

use super::session::find;
use crate::agent::Link;
use crate::files::diff::{self, Comparison, Format};
use crate::files::patch::{self, FileOutcome, HunkOutcome, Order, PatchError};
use crate::files::{self, FilesError};
use crate::protocol::change::{
    DiffFormat, DiffSide, FsDiffParams, FsDiffResult, FsPatchParams, FsPatchResult, MAX_CONTEXT_LINES, MAX_FUZZ,
    MAX_STRIP, PatchAction, PatchFailure, PatchLeft, PatchMismatch, PatchedFile, PatchedHunk,
};
use crate::protocol::encoding::json_bytes;
use crate::protocol::files::{Permissions, path_on_wire};
use crate::protocol::{ErrorKind, ProtocolError, WantedEncoding};
use crate::server::connection::Connection;
use crate::server::{convert, fault};

/// The most bytes of JSON that a difference takes as text.
const MAX_TEXT_BYTES: usize = 12 << 20;

/// A side that was read.
struct Side {
    text: Vec<u8>,
    name: Option<Vec<u8>>,
    etag: Option<String>,
}

pub(in crate::server) async fn diff(
    connection: &Connection,
    params: FsDiffParams,
) -> Result<FsDiffResult, ProtocolError> {
    let session = find(connection, &params.session_id).await?;
    at_most("contextLines", params.context_lines, MAX_CONTEXT_LINES)?;
    if params.original.is_none() && params.modified.is_none() {
        return Err(ProtocolError::invalid_params("original", "original: missing, and `modified` too"));
    }
    let link = session.link().map_err(fault::of_session)?;
    let original = side(link, params.original, "original").await?;
    let modified = side(link, params.modified, "modified").await?;
    let name_of = |side: &Option<Side>| side.as_ref().and_then(|side| side.name.clone());
    let prefixed = |prefix: &str, name: Vec<u8>| {
        if params.prefixes { [prefix.as_bytes(), &name].concat() } else { name }
    };
    // A text goes by the name of the file that it is compared with.
    let old_name = name_of(&original).or_else(|| name_of(&modified)).unwrap_or_else(|| b"original".to_vec());
    let new_name = name_of(&modified).or_else(|| name_of(&original)).unwrap_or_else(|| b"modified".to_vec());
    let (original_etag, modified_etag) = (etag_of(original.as_ref()), etag_of(modified.as_ref()));
    let (old, new) = (original.map(|side| side.text), modified.map(|side| side.text));
    let identical = old == new;
    let sides = Comparison {
        old,
        new,
        old_name: prefixed("a/", old_name),
        new_name: prefixed("b/", new_name),
        context: params.context_lines as usize,
        format: match params.format {
            DiffFormat::Unified => Format::Unified,
            DiffFormat::Context => Format::Context,
        },
    };
    let found = diff::compare(sides).await;
    let wanted = match params.encoding {
        WantedEncoding::Auto if json_bytes(&found.text) > MAX_TEXT_BYTES => WantedEncoding::Base64,
        wanted => wanted,
    };
    let bytes = match wanted {
        WantedEncoding::Base64 => found.text.len().div_ceil(3) * 4,
        _ => json_bytes(&found.text),
    };
    if bytes > MAX_TEXT_BYTES {
        return Err(ProtocolError::new(ErrorKind::TooLarge, "the differences are more than one answer carries")
            .hint("ask for fewer `contextLines`"));
    }
    let Some((diff, encoding)) = wanted.encode(found.text) else {
        return Err(ProtocolError::new(ErrorKind::ValidationFailed, "the differences are not UTF-8")
            .at("encoding")
            .hint("ask for \"base64\" or \"auto\""));
    };
    Ok(FsDiffResult {
        diff,
        encoding,
        identical,
        binary: found.is_binary,
        coarse: found.is_coarse,
        hunks: found.hunks as u64,
        added_lines: found.added as u64,
        removed_lines: found.removed as u64,
        original_etag,
        modified_etag,
    })
}

fn etag_of(side: Option<&Side>) -> Option<String> {
    side?.etag.clone()
}

fn at_most(field: &str, value: u32, most: u32) -> Result<(), ProtocolError> {
    if value <= most {
        return Ok(());
    }
    let message = format!("{field}: {value} is not between 0 and {most}");
    Err(ProtocolError::new(ErrorKind::ValidationFailed, message).at(field))
}

/// Reads one side of a comparison; `field` is what it is called in the parameters.
async fn side(link: &Link, side: Option<DiffSide>, field: &str) -> Result<Option<Side>, ProtocolError> {
    let Some(side) = side else { return Ok(None) };
    let path = side.path_bytes(field)?;
    let name = path.as_deref().map(files::inside).transpose().map_err(fault::of_files)?;
    let wanted = side.if_match.as_deref().map(convert::tag).transpose()?;
    let missing = || ProtocolError::invalid_params(format!("{field}.path"), format!("{field}.path: missing"));
    let (text, etag) = match (side.data, path) {
        (Some(_), _) if wanted.is_some() => {
            let at = format!("{field}.ifMatch");
            return Err(ProtocolError::invalid_params(&at, format!("{at}: a text has no state to match")));
        }
        (Some(data), _) => (side.encoding.decode(data, &format!("{field}.data"))?, None),
        (None, Some(path)) => {
            let contents = files::read(link, &path, 0, diff::MAX_BYTES + 1).await.map_err(fault::of_files)?;
            if wanted.is_some_and(|wanted| wanted != contents.stat.tag) {
                return Err(fault::of_files(FilesError::Changed(path_on_wire(&path).0)));
            }
            (contents.data, Some(convert::etag(contents.stat.tag)))
        }
        (None, None) => return Err(missing()),
    };
    if diff::is_too_large(&text) {
        let (bytes, lines) = (diff::MAX_BYTES, diff::MAX_LINES);
        let message = format!("{field}: a text to compare has at most {bytes} bytes and {lines} lines");
        return Err(ProtocolError::new(ErrorKind::TooLarge, message).at(field));
    }
    Ok(Some(Side { text, name, etag }))
}

pub(in crate::server) async fn patch(
    connection: &Connection,
    params: FsPatchParams,
) -> Result<FsPatchResult, ProtocolError> {
    let session = find(connection, &params.session_id).await?;
    at_most("fuzz", params.fuzz, MAX_FUZZ)?;
    at_most("strip", params.strip.unwrap_or(0), MAX_STRIP)?;
    let only = params.path_bytes()?.as_deref().map(files::inside).transpose().map_err(fault::of_files)?;
    let link = session.link().map_err(fault::of_session)?;
    let order = Order {
        text: params.encoding.decode(params.patch, "patch")?,
        only,
        strip: params.strip.map(|strip| strip as usize),
        fuzz: params.fuzz as usize,
        reverse: params.reverse,
        dry_run: params.dry_run,
    };
    let files = patch::patch(link, order).await.map_err(failed)?;
    Ok(FsPatchResult { dry_run: params.dry_run, files: files.iter().map(patched).collect() })
}

fn failed(error: PatchError) -> ProtocolError {
    let message = error.to_string();
    let (kind, hint) = match &error {
        PatchError::Files(error) => return fault::of_files(error.clone()),
        PatchError::Syntax(_) => (ErrorKind::ValidationFailed, "give a unified diff, as `git diff` writes it"),
        PatchError::Name { .. } => (ErrorKind::ValidationFailed, "`strip` says how many leading parts to leave out"),
        PatchError::ManyFiles(_) => (ErrorKind::ValidationFailed, "leave `path` out, or send one file's part"),
        PatchError::TooLarge(_) => (ErrorKind::TooLarge, "send it in parts, one file after the other"),
        PatchError::Misfit(_) => (ErrorKind::PatchFailed, "read the files again, and make the patch anew"),
        PatchError::Write { left, .. } if left.is_empty() => (ErrorKind::PatchFailed, "try again"),
        PatchError::Write { .. } => {
            (ErrorKind::PatchFailed, "read the files of `data.patch.left`, which a program has changed as well")
        }
    };
    let mut protocol = ProtocolError::new(kind, message).hint(hint);
    if kind == ErrorKind::ValidationFailed {
        protocol = protocol.at("patch");
    }
    let (files, left) = match error {
        PatchError::Misfit(files) => (files, Vec::new()),
        PatchError::Write { files, left, .. } => (files, left),
        _ => return protocol,
    };
    let left = left.into_iter().map(|left| PatchLeft { path: path_on_wire(&left.path).0, error: left.why.to_string() });
    let failure = PatchFailure { files: files.iter().map(patched).collect(), left: left.collect() };
    protocol.data.patch = Some(Box::new(failure));
    protocol
}

fn patched(file: &FileOutcome) -> PatchedFile {
    let (path, path_base64) = path_on_wire(&file.path);
    let (old_path, old_path_base64) = file.old_path.as_deref().map(path_on_wire).unzip();
    PatchedFile {
        path,
        path_base64,
        old_path,
        old_path_base64: old_path_base64.flatten(),
        action: match file.action {
            patch::Action::Modified => PatchAction::Modified,
            patch::Action::Created => PatchAction::Created,
            patch::Action::Deleted => PatchAction::Deleted,
            patch::Action::Renamed => PatchAction::Renamed,
            patch::Action::Copied => PatchAction::Copied,
        },
        hunks: file.hunks.iter().map(hunk).collect(),
        line_ends_adapted: file.has_other_line_ends,
        etag: file.stat.map(|stat| convert::etag(stat.tag)),
        size: file.stat.map(|stat| stat.tag.size),
        permissions: file.stat.map(|stat| Permissions(stat.mode)),
        error: file.fault.clone(),
    }
}

fn hunk(hunk: &HunkOutcome) -> PatchedHunk {
    PatchedHunk {
        header: hunk.header.clone(),
        patch_line: hunk.patch_line as u64,
        fits: hunk.misfit.is_none(),
        line: hunk.line as u64,
        offset: hunk.offset,
        fuzz: hunk.fuzz as u64,
        mismatch: hunk.misfit.as_ref().map(|misfit| PatchMismatch {
            line: misfit.line as u64,
            expected: misfit.expected.clone(),
            found: misfit.found.clone(),
            already_applied: misfit.is_applied,
        }),
    }
}
