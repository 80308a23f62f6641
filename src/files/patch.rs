//! Applies a patch to the workspace: all of it, or nothing.
//!
//! What the patch names is read first, then everything is computed, and only when every hunk has its place is
//! anything written: each file on the condition that it is still what was read. Should a write fail after others
//! went well, those are put back, and what can't be (a program was quicker) is told. Names in a patch never lead out
//! of the workspace, neither by themselves nor by links; what is no regular file is not patched.

mod commit;
mod hunks;
mod names;
mod parts;
mod plan;
mod syntax;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

pub use self::commit::Left;
pub use self::hunks::{HunkOutcome, Misfit};
pub(super) use self::names::quoted;
use self::names::{NameFault, checked, leading_parts};
use self::parts::{FilePatch, Kind};
pub use self::plan::{Action, FileOutcome};
use self::plan::{Change, Found, Named, Source};
pub use self::syntax::SyntaxFault;
use super::turn::computed;
use super::{FilesError, diff, read, shown, stat};
use crate::agent::Link;
use crate::agent::wire::{FileKind, FileStat};

/// The most bytes of one file that is patched.
const MAX_FILE_BYTES: usize = diff::MAX_BYTES;

/// The most bytes of all files of a patch, as they were; and as they become.
const MAX_BYTES: usize = 64 << 20;

/// A patch, and how to take it.
#[derive(Debug)]
pub struct Order {
    /// The patch.
    pub text: Vec<u8>,
    /// The one file that it is for, whatever names it has.
    pub only: Option<Vec<u8>>,
    /// Leading parts of each name that are left out; without it, what says only which side a name is of.
    pub strip: Option<usize>,
    /// How many lines of context at either end of a hunk may be let go of.
    pub fuzz: usize,
    /// Undo it.
    pub reverse: bool,
    /// Write nothing.
    pub dry_run: bool,
}

/// Why a patch was not applied.
#[derive(Debug, thiserror::Error)]
pub enum PatchError {
    /// It is no patch.
    #[error(transparent)]
    Syntax(#[from] SyntaxFault),
    /// A name in it can't be one.
    #[error("line {line} of the patch: {name}: {why}")]
    Name {
        /// Where in the patch.
        line: usize,
        /// The name.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// It is for more than the one file.
    #[error("the patch is for {0} files, and `path` names one")]
    ManyFiles(usize),
    /// It is more than can be handled at once.
    #[error("{0}")]
    TooLarge(String),
    /// Something that it names can't be read.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// It does not fit. Nothing was written.
    #[error("{}", misfits(.0))]
    Misfit(Vec<FileOutcome>),
    /// A file can't be written.
    #[error("{source}{}", if left.is_empty() { "; what was written before was put back" } else { "" })]
    Write {
        /// What was to become of the files.
        files: Vec<FileOutcome>,
        /// Why.
        #[source]
        source: FilesError,
        /// What was written before and can't be put back.
        left: Vec<Left>,
    },
}

fn misfits(files: &[FileOutcome]) -> String {
    let mut faults = files.iter().filter_map(|file| Some((file, file.fault.as_ref()?)));
    let Some((file, fault)) = faults.next() else { return "the patch does not fit".to_owned() };
    let more = faults.count();
    let rest = if more > 0 { format!(" (and {more} more files)") } else { String::new() };
    format!("{}: {fault}{rest}; nothing was written", shown(&file.path))
}

/// Applies a patch, and says what became of each file.
///
/// # Errors
/// See [`PatchError`]. Unless it names what is left, the workspace is as it was.
pub async fn patch(link: &Link, order: Order) -> Result<Vec<FileOutcome>, PatchError> {
    let Order { text, only, strip, fuzz, reverse, dry_run } = order;
    if diff::is_too_large(&text) {
        let (bytes, lines) = (diff::MAX_BYTES, diff::MAX_LINES);
        return Err(PatchError::TooLarge(format!("a patch has at most {bytes} bytes and {lines} lines")));
    }
    let (paths, text) = computed(move || {
        let text = syntax::normalized(&text).into_owned();
        let files = named(&text, only.as_deref(), strip, reverse)?;
        let paths = files.iter().flat_map(|file| [&file.old, &file.new]).flatten().cloned();
        Ok::<_, PatchError>((paths.collect::<BTreeSet<_>>(), (text, only)))
    })
    .await?;
    let found = load(link, paths).await?;
    let planned = computed(move || {
        let (text, only) = text;
        // Read again rather than kept: what was read lies in the text.
        let files = named(&text, only.as_deref(), strip, reverse)?;
        plan::plan(files, found, fuzz, MAX_BYTES)
            .ok_or_else(|| PatchError::TooLarge(format!("the files of a patch may become {MAX_BYTES} bytes together")))
    });
    let (mut files, changes) = planned.await?;
    if files.iter().any(|file| file.fault.is_some()) {
        return Err(PatchError::Misfit(files));
    }
    if dry_run {
        return Ok(files);
    }
    match commit_whole(link, changes).await {
        Ok(stats) => {
            for file in &mut files {
                file.stat = stats.get(&file.path).copied();
            }
            Ok(files)
        }
        Err((source, left)) => Err(PatchError::Write { files, source, left }),
    }
}

/// On a task of its own, which nobody who stops waiting can stop halfway.
async fn commit_whole(
    link: &Link,
    changes: Vec<Change>,
) -> Result<BTreeMap<Vec<u8>, FileStat>, (FilesError, Vec<Left>)> {
    let link = link.clone();
    let done = tokio::spawn(async move { commit::commit(&link, changes).await }).await;
    match done.map_err(tokio::task::JoinError::try_into_panic) {
        Ok(done) => done,
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        // The daemon ends, and with it whoever waits here.
        Err(Err(_)) => std::future::pending().await,
    }
}

/// Reads a patch, and finds what its names name.
fn named<'a>(
    text: &'a [u8],
    only: Option<&[u8]>,
    strip: Option<usize>,
    reverse: bool,
) -> Result<Vec<Named<'a>>, PatchError> {
    let files = syntax::parse(text)?;
    if only.is_some() && files.len() > 1 {
        return Err(PatchError::ManyFiles(files.len()));
    }
    let files = files.into_iter().map(|file| if reverse { file.reversed() } else { file });
    files
        .map(|file| {
            if let Some(only) = only {
                let side = |is_there: bool| is_there.then(|| only.to_vec());
                let (old, new) = (side(file.kind != Kind::Create), side(file.kind != Kind::Delete));
                return Ok(Named { patch: file, old, new });
            }
            let parts = strip.unwrap_or_else(|| match file.is_bare {
                true => 1,
                false => file.leading_parts.unwrap_or_else(|| leading_parts(file.old.as_deref(), file.new.as_deref())),
            });
            // A name without the part that says the side has one part less to leave out.
            let parts = if file.is_bare { parts.saturating_sub(1) } else { parts };
            let name = |name: &Option<Vec<u8>>| match name {
                Some(name) => checked(name, parts).map(Some).map_err(|fault| wrong_name(&file, name, fault)),
                None => Ok(None),
            };
            let (old, new) = (name(&file.old)?, name(&file.new)?);
            if old.is_none() && new.is_none() {
                let why = "hunks of no file: name it with `path`".to_owned();
                return Err(SyntaxFault { line: file.line, why }.into());
            }
            Ok(Named { patch: file, old, new })
        })
        .collect()
}

fn wrong_name(file: &FilePatch<'_>, name: &[u8], fault: NameFault) -> PatchError {
    let name = String::from_utf8_lossy(&quoted(name)).into_owned();
    match fault {
        NameFault::Outside => FilesError::OutsideWorkspace(name).into(),
        NameFault::Bad(why) => PatchError::Name { line: file.line, name, why },
    }
}

/// Reads every file that a patch names.
async fn load(link: &Link, paths: BTreeSet<Vec<u8>>) -> Result<BTreeMap<Vec<u8>, Found>, PatchError> {
    let mut found = BTreeMap::new();
    let mut total = 0;
    for path in paths {
        let one = match stat(link, &path).await {
            Err(FilesError::NotFound(_)) => Found::Nothing,
            Err(error) => return Err(error.into()),
            Ok(there) if there.stat.kind != FileKind::File => Found::Other,
            Ok(there) => {
                let stat = there.stat;
                let size = usize::try_from(stat.tag.size).unwrap_or(usize::MAX);
                total += size.min(MAX_BYTES);
                if size > MAX_FILE_BYTES || total > MAX_BYTES {
                    let why = format!("files to patch have at most {MAX_FILE_BYTES} bytes, and {MAX_BYTES} together");
                    return Err(PatchError::TooLarge(format!("{}: {why}", shown(&path))));
                }
                let contents = read(link, &path, 0, size).await?;
                // What was looked at is not what was read: a link, or another file.
                if contents.stat.tag != stat.tag {
                    return Err(FilesError::Changed(shown(&path)).into());
                }
                if diff::is_too_large(&contents.data) {
                    let why = format!("files to patch have at most {} lines", diff::MAX_LINES);
                    return Err(PatchError::TooLarge(format!("{}: {why}", shown(&path))));
                }
                Found::File(Source { data: Bytes::from(contents.data), stat: contents.stat })
            }
        };
        found.insert(path, one);
    }
    Ok(found)
}
