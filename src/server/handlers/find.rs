//! `fs/glob` and `fs/search`.

use super::session::find;
use crate::agent::wire::find::{self as wire, By, Case, Content, Incomplete};
use crate::files;
use crate::files::find::{self as finding, Cut};
use crate::protocol::files::path_on_wire;
use crate::protocol::find::{
    FsGlobParams, FsGlobResult, FsSearchParams, FsSearchResult, Incompleteness, MAX_CONTEXT, MAX_LIMIT, MAX_PATTERNS,
    MAX_TIMEOUT_MS, SearchCase, SearchMatch, SearchedFile, SearchedLine, SkippedFiles, Truncation,
};
use crate::protocol::{ErrorKind, ProtocolError, WantedEncoding};
use crate::server::connection::Connection;
use crate::server::{convert, fault};

pub(in crate::server) async fn glob(
    connection: &Connection,
    params: FsGlobParams,
) -> Result<FsGlobResult, ProtocolError> {
    let session = find(connection, &params.session_id).await?;
    let path = params.path_bytes()?;
    let link = session.link().map_err(fault::of_session)?;
    bounded("limit", u64::from(params.limit), 1, MAX_LIMIT.into())?;
    bounded("timeoutMs", params.timeout_ms.into(), 1, MAX_TIMEOUT_MS.into())?;
    bounded("patterns", params.patterns.len() as u64, 1, MAX_PATTERNS as u64)?;
    bounded("exclude", params.exclude.len() as u64, 0, MAX_PATTERNS as u64)?;
    let asked = wire::Find {
        path: path.clone(),
        hidden: params.hidden,
        gitignore: params.gitignore,
        exclude: params.exclude,
        millis: params.timeout_ms,
        by: By::Name { patterns: params.patterns, limit: params.limit },
    };
    let found = finding::by_name(link, asked).await.map_err(fault::of_find)?;
    let directory = files::inside(&path).map_err(fault::of_files)?;
    Ok(FsGlobResult {
        entries: found.entries.iter().map(|entry| convert::entry(&directory, entry)).collect(),
        unreadable: found.summary.unreadable,
        truncated: found.summary.cut.map(truncation),
    })
}

pub(in crate::server) async fn search(
    connection: &Connection,
    params: FsSearchParams,
) -> Result<FsSearchResult, ProtocolError> {
    let session = find(connection, &params.session_id).await?;
    let path = params.path_bytes()?;
    let link = session.link().map_err(fault::of_session)?;
    bounded("limit", u64::from(params.limit), 1, MAX_LIMIT.into())?;
    bounded("limitPerFile", params.limit_per_file.unwrap_or(1).into(), 1, MAX_LIMIT.into())?;
    bounded("timeoutMs", params.timeout_ms.into(), 1, MAX_TIMEOUT_MS.into())?;
    bounded("before", params.before.into(), 0, MAX_CONTEXT.into())?;
    bounded("after", params.after.into(), 0, MAX_CONTEXT.into())?;
    bounded("include", params.include.len() as u64, 0, MAX_PATTERNS as u64)?;
    bounded("exclude", params.exclude.len() as u64, 0, MAX_PATTERNS as u64)?;
    let content = Content {
        pattern: params.pattern,
        literal: params.literal,
        case: match params.case {
            SearchCase::Sensitive => Case::Sensitive,
            SearchCase::Insensitive => Case::Insensitive,
            SearchCase::Smart => Case::Smart,
        },
        word: params.word,
        before: params.before,
        after: params.after,
        include: params.include,
        limit: params.limit,
        limit_per_file: params.limit_per_file,
        file_bytes: params.max_file_bytes,
    };
    let asked = wire::Find {
        path: path.clone(),
        hidden: params.hidden,
        gitignore: params.gitignore,
        exclude: params.exclude,
        millis: params.timeout_ms,
        by: By::Content(content),
    };
    let found = finding::by_content(link, asked).await.map_err(fault::of_find)?;
    let directory = files::inside(&path).map_err(fault::of_files)?;
    let summary = found.summary;
    Ok(FsSearchResult {
        files: found.files.into_iter().map(|found| file(&directory, found)).collect(),
        searched: summary.searched,
        skipped: SkippedFiles { binary: summary.binary, large: summary.large, unreadable: summary.unreadable },
        truncated: summary.cut.map(truncation),
    })
}

fn bounded(field: &str, value: u64, least: u64, most: u64) -> Result<(), ProtocolError> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    let message = format!("{field}: {value} is not between {least} and {most}");
    Err(ProtocolError::new(ErrorKind::ValidationFailed, message).at(field))
}

fn file(directory: &[u8], found: finding::File) -> SearchedFile {
    let (path, path_base64) = path_on_wire(&finding::below(directory, &found.path));
    let incomplete = found.incomplete.map(|why| match why {
        Incomplete::Limit => Incompleteness::Limit,
        Incomplete::Binary => Incompleteness::Binary,
        Incomplete::LongLine => Incompleteness::LongLine,
        Incomplete::Unreadable => Incompleteness::Unreadable,
    });
    SearchedFile { path, path_base64, lines: found.lines.into_iter().map(line).collect(), incomplete }
}

fn line(line: wire::Line) -> SearchedLine {
    let (text, encoding) = WantedEncoding::Auto.encode(line.text).unwrap_or_default();
    let matches = line.matches.iter().map(|span| SearchMatch {
        start: span.start,
        end: span.end,
        character: span.start_utf16,
        end_character: span.end_utf16,
    });
    let (number, offset, matches) = (line.number, line.offset, matches.collect());
    SearchedLine { line: number, offset, text, encoding, text_start: line.cut.then_some(line.start), matches }
}

fn truncation(cut: Cut) -> Truncation {
    match cut {
        Cut::Limit => Truncation::Limit,
        Cut::Bytes => Truncation::Bytes,
        Cut::Names => Truncation::Names,
        Cut::Time => Truncation::Time,
        Cut::Memory => Truncation::Memory,
    }
}
