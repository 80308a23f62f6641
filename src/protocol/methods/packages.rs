//! The methods of packages.

use super::super::error::ErrorKind::*;
use super::super::packages::{
    PackageAuditResult, PackageInstallParams, PackageInstallResult, PackageListResult, PackageLockResult, PackagesRef,
};
use super::{Method, SANDBOX, method};

pub(super) const METHODS: &[Method] = &[
    method::<PackageInstallParams, PackageInstallResult>("package/install", "Installs packages in a session")
        .graceful()
        .progress()
        .shares(SANDBOX)
        .errors(&[
            LanguageUnsupported,
            QueueFull,
            RateLimited,
            ProgramNotStarted,
            DiskFull,
            FileNotFound,
            PathOutsideWorkspace,
            TooLarge,
            PackageToolMissing,
            PackageNameRefused,
            PackageToolFailed,
            PackageRegistryUnusable,
        ]),
    method::<PackagesRef, PackageListResult>("package/list", "The packages that a session has").shares(SANDBOX).errors(
        &[LanguageUnsupported, QueueFull, RateLimited, ProgramNotStarted, PackageToolMissing, PackageToolFailed],
    ),
    method::<PackagesRef, PackageLockResult>("package/lock", "The packages that a session has, pinned")
        .shares(SANDBOX)
        .errors(&[
            LanguageUnsupported,
            QueueFull,
            RateLimited,
            ProgramNotStarted,
            TooLarge,
            PackageToolMissing,
            PackageToolFailed,
            PackageNotLocked,
        ]),
    method::<PackagesRef, PackageAuditResult>("package/audit", "What is known against the packages of a session")
        .shares(SANDBOX)
        .errors(&[
            LanguageUnsupported,
            QueueFull,
            RateLimited,
            ProgramNotStarted,
            PackageToolMissing,
            PackageToolFailed,
            PackageRegistryUnusable,
        ]),
];
