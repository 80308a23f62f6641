//! `package/*`: packages of a session.

use std::sync::Arc;
use std::time::Duration;

use super::files::unwanted;
use super::session::find;
use crate::files;
use crate::packages::{self, Manager, PackageError, Packages, Wanted};
use crate::protocol::packages::{
    Advisory, Package, PackageAuditResult, PackageInstallParams, PackageInstallResult, PackageListResult,
    PackageLockResult, PackageManager, PackagesRef,
};
use crate::protocol::{ErrorKind, ProtocolError};
use crate::server::connection::Connection;
use crate::server::notifier::Notifier;
use crate::server::{convert, fault};
use crate::session::Session;

/// The largest file of requirements.
const MAX_REQUIREMENTS: usize = 1 << 20;

fn manager(of: PackageManager) -> Manager {
    match of {
        PackageManager::Pip => Manager::Pip,
        PackageManager::Npm => Manager::Npm,
        PackageManager::Gem => Manager::Gem,
    }
}

fn packages<'a>(connection: &Connection, session: &'a Arc<Session>, of: PackageManager) -> Packages<'a> {
    let max_chunk_bytes = connection.streaming().unwrap_or_default().max_chunk_bytes as usize;
    Packages { session, manager: manager(of), max_chunk_bytes }
}

pub(in crate::server) async fn install(
    connection: &Connection,
    params: PackageInstallParams,
) -> Result<PackageInstallResult, ProtocolError> {
    let session = find(connection, &params.session_id).await?;
    let requirements = match &params.requirements {
        None => None,
        Some(path) => {
            let link = session.link().map_err(fault::of_session)?;
            let read = files::read(link, path.as_bytes(), 0, MAX_REQUIREMENTS).await;
            Some(read.map_err(|error| fault::of_files(error).at("requirements"))?.data)
        }
    };
    let wanted = Wanted {
        packages: params.packages,
        requirements,
        locked: params.locked,
        scripts: params.scripts,
        timeout: params.timeout_ms.map(|ms| Duration::from_millis(ms.get())),
    };
    let notifier = Notifier {
        outbox: connection.outbox().clone(),
        streaming: connection.streaming(),
        progress: params.work_done_token,
    };
    let progress = notifier.begin("Installing packages");
    let installed =
        packages(connection, &session, params.manager).install(&wanted, Arc::new(notifier.clone()), unwanted()).await;
    progress.end(if installed.is_ok() { "installed" } else { "not installed" }).await;
    let installed = installed.map_err(of_packages)?;
    Ok(PackageInstallResult {
        execution_id: installed.execution.to_string(),
        ending: convert::ending(&installed.summary, false),
        packages: told(installed.packages),
    })
}

pub(in crate::server) async fn list(
    connection: &Connection,
    params: PackagesRef,
) -> Result<PackageListResult, ProtocolError> {
    let session = find(connection, &params.session_id).await?;
    let listed = packages(connection, &session, params.manager).list().await;
    Ok(PackageListResult { packages: told(listed.map_err(of_packages)?) })
}

pub(in crate::server) async fn lock(
    connection: &Connection,
    params: PackagesRef,
) -> Result<PackageLockResult, ProtocolError> {
    let session = find(connection, &params.session_id).await?;
    let lock = packages(connection, &session, params.manager).lock().await.map_err(of_packages)?;
    Ok(PackageLockResult { name: lock.name.to_owned(), text: lock.text })
}

pub(in crate::server) async fn audit(
    connection: &Connection,
    params: PackagesRef,
) -> Result<PackageAuditResult, ProtocolError> {
    let session = find(connection, &params.session_id).await?;
    let of = packages(connection, &session, params.manager);
    let audit = of.audit().await.map_err(of_packages)?;
    let advisory = |one: packages::Advisory| Advisory {
        package: one.package,
        severity: one.severity,
        title: one.title,
        url: one.url,
    };
    Ok(PackageAuditResult {
        available: audit.unavailable.is_none(),
        reason: audit.unavailable,
        advisories: audit.advisories.into_iter().map(advisory).collect(),
        conflicts: audit.conflicts,
        packages: told(of.list().await.map_err(of_packages)?),
    })
}

fn told(packages: Vec<packages::Package>) -> Vec<Package> {
    packages.into_iter().map(|one| Package { name: one.name, version: one.version }).collect()
}

fn of_packages(error: PackageError) -> ProtocolError {
    let message = crate::causes::in_full(&error);
    let new = |kind| ProtocolError::new(kind, message.clone());
    match error {
        PackageError::ToolMissing { fix, .. } => new(ErrorKind::PackageToolMissing).hint(fix),
        PackageError::Name { number, .. } => new(ErrorKind::PackageNameRefused)
            .at(format!("packages[{number}]"))
            .hint("name it as the registry does, with a version if need be"),
        PackageError::Requirement { .. } => new(ErrorKind::PackageNameRefused)
            .at("requirements")
            .hint("a line is a name with a version, a marker and hashes; options, paths and URLs are not taken"),
        PackageError::Nothing | PackageError::TooMany => new(ErrorKind::ValidationFailed).at("packages"),
        PackageError::NotTogether(_) => new(ErrorKind::ValidationFailed).at("requirements"),
        PackageError::NotLocked(_) => new(ErrorKind::PackageNotLocked).hint("install something with `package/install`"),
        PackageError::Failed { execution, without_credentials: true, .. } => new(ErrorKind::PackageToolFailed)
            .execution(execution.as_str())
            .hint(
                "this machine has a user or a token for the registry, which no sandbox gets; name a registry that wants \
                 none in the daemon's settings (`packages`)",
            ),
        PackageError::Machine { .. } => new(ErrorKind::PackageRegistryUnusable)
            .hint("mend it, or name the registries in the daemon's settings (`packages`), and start the daemon again"),
        PackageError::Failed { execution, .. } => new(ErrorKind::PackageToolFailed)
            .execution(execution.as_str())
            .hint("`net/log` tells which hosts it asked for; what builds or runs scripts needs `scripts: true`"),
        PackageError::GivenUp => new(ErrorKind::RequestCancelled),
        PackageError::Registry(_) => new(ErrorKind::InternalError),
        PackageError::Session(error) => fault::of_session(error),
        PackageError::Execution(error) => fault::of_execution(error),
        PackageError::Files(error) => fault::of_files(error),
    }
}
