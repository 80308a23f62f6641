//! Packages of a session: installed by pip, npm or gem inside the sandbox, listed, pinned and looked up.
//!
//! What installs is an execution like any other, with a way out of its own for as long as it runs: to the registries of the
//! settings, and to nothing else. It promises that no name or file of requirements is taken for an option, a path or a
//! URL, and that what the tools print is read as what a sandbox says: bounded, and believed by nobody else.

mod gateway;
mod gem;
mod names;
mod npm;
mod pip;
mod store;
mod tool;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use self::gateway::Registry;
use self::store::Store;
use crate::causes;
use crate::config::{HostError, Pattern, Registries, machine};
use crate::execution::{ExecutionError, Observer, Outcome, Summary};
use crate::files::FilesError;
use crate::ids::ExecutionId;
use crate::network::{Admission, Gateway};
use crate::session::{Session, SessionError};

pub use names::NameFault;

/// How long an installation may take unless somebody says otherwise.
pub const USUAL_TIMEOUT: Duration = Duration::from_secs(600);

/// The most packages that are named at once, or listed.
pub const MAX_PACKAGES: usize = 5000;

/// Where the session's own Python is, in every sandbox: it goes with the session, and is no part of a workspace.
const OWN_PYTHON: &str = "/tmp/.codebeaker/python";

/// Where the session's own gems are.
const OWN_GEMS: &str = "/tmp/.codebeaker/gems";

/// The certificates that registries are believed by, in the directory of the installer's own.
const AUTHORITIES: &str = "authorities.pem";

/// Who installs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Manager {
    /// Packages of Python.
    Pip,
    /// Packages of Node.
    Npm,
    /// Packages of Ruby.
    Gem,
}

/// What is to be installed.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Packages by their names, with versions as the manager writes them.
    pub packages: Vec<String>,
    /// A file of the workspace that names them.
    pub requirements: Option<Vec<u8>>,
    /// Exactly what is pinned, or nothing.
    pub locked: bool,
    /// Packages may run programs of their own for it.
    pub scripts: bool,
    /// How long it may take.
    pub timeout: Option<Duration>,
}

/// A package that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// Something known against a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advisory {
    /// Of which package.
    pub package: String,
    /// How bad, in the registry's words.
    pub severity: String,
    /// What it is.
    pub title: String,
    /// Where it is told.
    pub url: Option<String>,
}

/// What is known against the packages of a session.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Audit {
    /// Why the registry could not be asked, where it could not.
    pub unavailable: Option<String>,
    /// What it knows.
    pub advisories: Vec<Advisory>,
    /// What doesn't go together, in the manager's words.
    pub conflicts: Vec<String>,
}

/// Packages with their exact versions, as the manager reads them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// What such a file is called.
    pub name: &'static str,
    /// What is in it.
    pub text: String,
}

/// How an installation went that went well.
#[derive(Debug, Clone)]
pub struct Installed {
    /// The execution that did it.
    pub execution: ExecutionId,
    /// How that ended.
    pub summary: Summary,
    /// What is there now.
    pub packages: Vec<Package>,
}

/// Why something can't be done with packages.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// The tool is not in the sandbox.
    #[error("there is no {tool} in the sandbox")]
    ToolMissing {
        /// Which.
        tool: &'static str,
        /// What brings it.
        fix: &'static str,
    },
    /// A package that was named is none.
    #[error("packages[{number}]: {text:?} names no package: {fault}")]
    Name {
        /// Which of those that were named, from 0.
        number: usize,
        /// What was named.
        text: String,
        /// What is wrong.
        fault: NameFault,
    },
    /// A line of the requirements is none.
    #[error("line {line} of the requirements: {fault}")]
    Requirement {
        /// From 1.
        line: usize,
        /// What is wrong.
        fault: NameFault,
    },
    /// Nothing was named.
    #[error("no package was named")]
    Nothing,
    /// What was asked for does not go together.
    #[error("{0}")]
    NotTogether(&'static str),
    /// More than are taken at once.
    #[error("more than {MAX_PACKAGES} packages")]
    TooMany,
    /// There is no such file as a lock is read from.
    #[error("nothing is locked: there is no {0} in the workspace")]
    NotLocked(&'static str),
    /// The tool ran and failed.
    #[error("{tool} {}{}", how(.summary), said(.printed))]
    Failed {
        /// Which.
        tool: &'static str,
        /// The execution.
        execution: ExecutionId,
        /// How it ended.
        summary: Box<Summary>,
        /// The last that it printed.
        printed: String,
        /// This machine has something secret for the registry, which the tool was not given.
        without_credentials: bool,
    },
    /// Nobody wants it any more.
    #[error("it was given up")]
    GivenUp,
    /// A registry of the settings is none.
    #[error("a registry of the settings can't be read")]
    Registry(#[from] HostError),
    /// What this machine says of registries can't be used.
    #[error("{tool} is configured on this machine in a way that can't be used: {fault}")]
    Machine {
        /// Whose configuration.
        tool: &'static str,
        /// What is wrong with it.
        fault: String,
    },
    /// The session can't run it.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// It was not run.
    #[error(transparent)]
    Execution(#[from] ExecutionError),
    /// A file of the workspace can't be had.
    #[error(transparent)]
    Files(#[from] FilesError),
}

fn how(summary: &Summary) -> String {
    match (summary.outcome, summary.exit_code) {
        (Outcome::Timeout, _) => "took too long".to_owned(),
        (Outcome::OutOfMemory, _) => "ran out of memory".to_owned(),
        (_, Some(code)) => format!("ended with {code}"),
        _ => "was ended".to_owned(),
    }
}

fn said(printed: &str) -> String {
    if printed.is_empty() { String::new() } else { format!(": {printed}") }
}

/// Packages of one session, by one manager.
pub struct Packages<'a> {
    /// Whose.
    pub session: &'a Arc<Session>,
    /// By whom.
    pub manager: Manager,
    /// The longest chunk of output that the client takes.
    pub max_chunk_bytes: usize,
}

impl Packages<'_> {
    /// Installs what is wanted. `observer` is told what the installer prints, and no one else of what is run besides.
    ///
    /// # Errors
    /// [`PackageError`].
    pub async fn install(
        &self,
        wanted: &Wanted,
        observer: Arc<dyn Observer>,
        unwanted: impl Future<Output = ()>,
    ) -> Result<Installed, PackageError> {
        if wanted.packages.len() > MAX_PACKAGES {
            return Err(PackageError::TooMany);
        }
        let work = async {
            match self.manager {
                Manager::Pip => self.pip_install(wanted, observer).await,
                Manager::Npm => self.npm_install(wanted, observer).await,
                Manager::Gem => self.gem_install(wanted, observer).await,
            }
        };
        let work = async {
            work.await.map_err(|error| match error {
                PackageError::Failed { tool, execution, summary, printed, .. } => {
                    let without_credentials = self.registries().1.wants_credentials;
                    PackageError::Failed { tool, execution, summary, printed, without_credentials }
                }
                other => other,
            })
        };
        tokio::select! {
            biased;
            done = work => done,
            // What runs is asked to end as its handle is dropped.
            () = unwanted => Err(PackageError::GivenUp),
        }
    }

    /// What is installed.
    ///
    /// # Errors
    /// [`PackageError`].
    pub async fn list(&self) -> Result<Vec<Package>, PackageError> {
        match self.manager {
            Manager::Pip => self.pip_list().await,
            Manager::Npm => self.npm_list().await,
            Manager::Gem => self.gem_list().await,
        }
    }

    /// What is installed, pinned.
    ///
    /// # Errors
    /// [`PackageError`].
    pub async fn lock(&self) -> Result<Lock, PackageError> {
        match self.manager {
            Manager::Pip => self.pip_lock().await,
            Manager::Npm => self.npm_lock().await,
            Manager::Gem => self.gem_lock().await,
        }
    }

    /// What is known against what is installed.
    ///
    /// # Errors
    /// [`PackageError`].
    pub async fn audit(&self) -> Result<Audit, PackageError> {
        match self.manager {
            Manager::Pip => self.pip_audit().await,
            Manager::Npm => self.npm_audit().await,
            Manager::Gem => self.gem_audit().await,
        }
    }

    /// What the manager is called, and its registries.
    fn registries(&self) -> (&'static str, &Registries) {
        let settings = &self.session.settings().packages;
        match self.manager {
            Manager::Pip => ("pip", &settings.pip),
            Manager::Npm => ("npm", &settings.npm),
            Manager::Gem => ("gem", &settings.gem),
        }
    }

    /// Where the manager's packages come from.
    async fn source(&self) -> Result<Source<'_>, PackageError> {
        let (tool, registries) = self.registries();
        if let Some(fault) = &registries.fault {
            return Err(PackageError::Machine { tool, fault: fault.clone() });
        }
        let mut hosts = registries.hosts()?;
        hosts.extend(self.session.settings().packages.hosts.iter().cloned());
        let Some(path) = registries.authorities.clone() else {
            return Ok(Source { registries, hosts, authorities: None, gateway: None });
        };
        let read = tokio::task::spawn_blocking(move || (machine::read_bounded(&path), path)).await;
        let fault = |fault: String| PackageError::Machine { tool, fault };
        let (read, path) = read.map_err(|_| fault("its certificates can't be read".to_owned()))?;
        let bytes = read.map_err(|error| fault(format!("{} can't be read: {error}", path.display())))?;
        let authorities = certificates(&bytes);
        if authorities.is_empty() {
            return Err(fault(format!("{} has no certificates", path.display())));
        }
        Ok(Source { registries, hosts, authorities: Some(Bytes::from(authorities)), gateway: None })
    }

    /// The same by way of the daemon itself, which keeps what is fetched; without it where that can't be.
    async fn kept_source(&self) -> Result<Source<'_>, PackageError> {
        let mut source = self.source().await?;
        let settings = &self.session.settings().packages;
        let (Some(directory), most @ 1..) = (settings.cache.clone(), settings.cache_bytes) else { return Ok(source) };
        let in_secret = source.registries.urls().any(|url| url.starts_with("https:"));
        let (manager, hosts) = (self.manager, source.hosts.clone());
        let (outside, authorities) = (self.session.outside(hosts.clone()), source.authorities.clone());
        let made = tokio::task::spawn_blocking(move || {
            let store = Store::open(&directory, most).map_err(|error| format!("{}: {error}", directory.display()))?;
            Registry::new(manager, in_secret, hosts, outside, authorities.as_deref(), Arc::new(store))
                .map_err(|error| causes::in_full(&error))
        });
        match made.await.unwrap_or_else(|error| Err(error.to_string())) {
            Ok(gateway) => source.gateway = Some(Arc::new(gateway)),
            Err(error) => tracing::warn!(%error, "downloads can't be kept; packages are installed without that"),
        }
        Ok(source)
    }

    /// Opens the way to where packages come from.
    async fn admit(&self, source: &Source<'_>) -> Result<Admission, PackageError> {
        let gateway = source.gateway.clone().map(|gateway| gateway as Arc<dyn Gateway>);
        Ok(self.session.admit_installer(source.hosts.clone(), gateway).await?)
    }
}

/// Where packages come from.
struct Source<'a> {
    registries: &'a Registries,
    /// What has to be reached for it.
    hosts: Vec<Pattern>,
    /// By what the registries are believed.
    authorities: Option<Bytes>,
    /// Who stands for the registries.
    gateway: Option<Arc<Registry>>,
}

impl Source<'_> {
    /// What the installer is told in place of the URL of a registry.
    fn led(&self, url: &str) -> String {
        self.gateway.as_ref().map_or_else(|| url.to_owned(), |gateway| gateway.lead(url))
    }
}

/// The certificates of a PEM file, and nothing that may lie there with them: a key, say.
fn certificates(bytes: &[u8]) -> String {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    let text = String::from_utf8_lossy(bytes);
    let found = text.split(BEGIN).skip(1).filter_map(|rest| Some(rest.split_once(END)?.0));
    let is_plain = |inner: &&str| {
        inner.chars().all(|character| character.is_ascii_alphanumeric() || "+/=\r\n \t".contains(character))
    };
    found.filter(is_plain).map(|inner| format!("{BEGIN}{inner}{END}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_file_of_certificates_nothing_else_goes_into_a_sandbox() {
        let one = "-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n";
        let key = "-----BEGIN PRIVATE KEY-----\nU0VDUkVU\n-----END PRIVATE KEY-----\n";
        let odd = "-----BEGIN CERTIFICATE-----\npassword: SECRET\n-----END CERTIFICATE-----\n";
        assert_eq!(certificates(format!("# a comment\n{one}{key}{odd}{one}").as_bytes()), one.repeat(2));
        assert_eq!(certificates(key.as_bytes()), "");
        assert_eq!(certificates(b"-----BEGIN CERTIFICATE-----\nQUJD"), "");
    }
}
