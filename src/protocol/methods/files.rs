//! The methods of files.

use super::super::change::{FsDiffParams, FsDiffResult, FsPatchParams, FsPatchResult};
use super::super::error::ErrorKind::{self, *};
use super::super::files::{
    FsCopyParams, FsCopyResult, FsImportParams, FsImportResult, FsListParams, FsListResult, FsMkdirParams,
    FsMkdirResult, FsMoveParams, FsMoveResult, FsReadParams, FsReadResult, FsRemoveParams, FsRemoveResult,
    FsStatParams, FsStatResult, FsWriteParams, FsWriteResult,
};
use super::super::find::{FsGlobParams, FsGlobResult, FsSearchParams, FsSearchResult};
use super::{Errors, IN_SANDBOX, Method, OF_SESSION, method};

/// Of all that name something in the workspace.
const PATH: Errors = &[OF_SESSION, IN_SANDBOX, ON_PATH];

/// Of all that read or write one file.
const FILE: Errors = &[OF_SESSION, IN_SANDBOX, ON_PATH, ON_FILE, &[FileChanged]];

/// Of all that put files elsewhere.
const TRANSFER: Errors = &[OF_SESSION, IN_SANDBOX, ON_PATH, ON_FILE, &[AlreadyExists, DiskFull]];

const ON_PATH: &[ErrorKind] = &[PathOutsideWorkspace, FileNotFound, NotADirectory, PermissionDenied];

const ON_FILE: &[ErrorKind] = &[IsADirectory, TooLarge, NotARegularFile];

pub(super) const METHODS: &[Method] = &[
    method::<FsReadParams, FsReadResult>("fs/read", "Reads a file of the workspace").shares(FILE),
    method::<FsWriteParams, FsWriteResult>("fs/write", "Writes a file of the workspace")
        .graceful()
        .shares(FILE)
        .errors(&[AlreadyExists, DiskFull]),
    method::<FsListParams, FsListResult>("fs/list", "Lists a directory of the workspace").shares(PATH),
    method::<FsStatParams, FsStatResult>("fs/stat", "Looks at one file, link or directory of the workspace")
        .shares(PATH),
    method::<FsMkdirParams, FsMkdirResult>("fs/mkdir", "Makes a directory of the workspace")
        .graceful()
        .shares(PATH)
        .errors(&[AlreadyExists, DiskFull]),
    method::<FsCopyParams, FsCopyResult>("fs/copy", "Copies a file or directory of the workspace")
        .graceful()
        .shares(TRANSFER),
    method::<FsMoveParams, FsMoveResult>("fs/move", "Moves or renames a file or directory of the workspace")
        .graceful()
        .shares(TRANSFER),
    method::<FsRemoveParams, FsRemoveResult>("fs/remove", "Removes a file or directory of the workspace")
        .graceful()
        .shares(PATH)
        .errors(&[NotEmpty]),
    method::<FsDiffParams, FsDiffResult>("fs/diff", "Compares files of the workspace, or texts with them").shares(FILE),
    method::<FsPatchParams, FsPatchResult>("fs/patch", "Applies a patch to the workspace, all of it or nothing")
        .graceful()
        .shares(FILE)
        .errors(&[PatchFailed]),
    method::<FsImportParams, FsImportResult>(
        "fs/import",
        "Copies a file or directory of this machine into the workspace",
    )
    .graceful()
    .progress()
    .shares(TRANSFER),
    method::<FsGlobParams, FsGlobResult>("fs/glob", "Finds files of the workspace by their names")
        .shares(PATH)
        .errors(&[NotARegularFile, SearchKilled]),
    method::<FsSearchParams, FsSearchResult>("fs/search", "Finds lines in the files of the workspace")
        .shares(PATH)
        .errors(&[NotARegularFile, SearchKilled]),
];
