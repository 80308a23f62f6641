//! What this machine's own configuration of pip, npm and gem says of registries.
//!
//! Files and variables are read as those tools read them, for the names of registries and for the file of certificates,
//! and for nothing else. Users, passwords and tokens are left where they are: that there are some is all that is kept.
//! Files are read up to a bound, and only where they are files; what can't be read is a fault, not an empty file.

mod gem;
mod npm;
mod pip;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use super::packages::{MAX_REGISTRIES, PackageSettings, Registries, is_scope, registry_host};

/// The largest file that is read.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Where such configuration is looked for.
#[derive(Debug, Clone, Default)]
pub struct Machine {
    /// The user's directory.
    pub home: Option<PathBuf>,
    /// What the whole machine is configured in: `/etc`.
    pub etc: PathBuf,
    /// The environment.
    pub variables: BTreeMap<String, String>,
}

/// What one tool's configuration says, as it is written there.
#[derive(Debug, Default)]
struct Said {
    url: Option<String>,
    more: Vec<String>,
    scopes: BTreeMap<String, String>,
    authorities: Option<String>,
    /// Prefixes of URLs, without their scheme, for which there is something secret.
    secrets: Vec<String>,
}

impl Machine {
    /// This one.
    #[must_use]
    pub fn current() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self {
            home: std::env::home_dir(),
            etc: PathBuf::from("/etc"),
            variables: std::env::vars_os().filter_map(text).collect(),
        }
    }

    /// Completes the settings by what they leave to this machine.
    pub fn complete(&self, settings: &mut PackageSettings) {
        if settings.machine {
            take(&mut settings.pip, pip::read(self), "pip");
            take(&mut settings.npm, npm::read(self), "npm");
            take(&mut settings.gem, gem::read(self), "gem");
        }
    }

    /// Where this daemon's user keeps downloads, among the files that can be made again.
    #[must_use]
    pub fn downloads(&self) -> Option<PathBuf> {
        let named = self.variable("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        Some(named.or_else(|| Some(self.home.as_ref()?.join(".cache")))?.join("codebeaker/packages"))
    }

    fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The user's directory of configuration files.
    fn config_home(&self) -> Option<PathBuf> {
        let named = self.variable("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        named.or_else(|| Some(self.home.as_ref()?.join(".config")))
    }
}

/// Reads a file of text; one that isn't there says nothing.
fn text_of(path: &Path) -> Result<String, String> {
    match read_bounded(path) {
        Ok(bytes) => String::from_utf8(bytes).map_err(|_| format!("{} is not UTF-8", path.display())),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(String::new())
        }
        Err(error) => Err(format!("{} can't be read: {error}", path.display())),
    }
}

/// Reads a file that is one, and not larger than such files are.
///
/// # Errors
/// What the kernel says.
pub fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    // Nobody is waited for who would write into a pipe.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(io::Error::other("it is larger than 1 MiB"));
    }
    Ok(bytes)
}

fn take(registries: &mut Registries, said: Result<Said, String>, tool: &str) {
    let said = said.and_then(|said| apply(registries, said));
    if let Err(fault) = said {
        // Whoever installs something is told; nobody else has to know.
        tracing::info!(tool, %fault, "the configuration of this machine can't be used");
        registries.fault = Some(fault);
    }
}

fn apply(registries: &mut Registries, said: Said) -> Result<(), String> {
    registries.authorities = registries.authorities.take().or(said.authorities.map(PathBuf::from));
    if registries.is_settled {
        return Ok(());
    }
    if said.more.len() > MAX_REGISTRIES || said.scopes.len() > MAX_REGISTRIES {
        return Err(format!("more than {MAX_REGISTRIES} registries are named"));
    }
    let mut found = registries.clone();
    let mut plain = |url: &str| {
        let (url, had_user) = without_user(url.trim());
        found.wants_credentials |= had_user;
        // What could not be read could have a secret in it, so it is not repeated.
        registry_host(&url).map_err(|error| format!("a registry that is named is none: {error}"))?;
        Ok::<_, String>(url.trim_end_matches('/').to_owned())
    };
    let url = said.url.map(|url| plain(&url)).transpose()?;
    let more = said.more.iter().map(|url| plain(url)).collect::<Result<_, _>>()?;
    let scopes = said.scopes.iter().map(|(scope, url)| {
        if is_scope(scope) { Ok((scope.clone(), plain(url)?)) } else { Err(format!("{scope:?} is no scope")) }
    });
    let scopes = scopes.collect::<Result<_, _>>()?;
    found.url = url.unwrap_or(found.url);
    (found.more, found.scopes) = (more, scopes);
    let is_secret = |url: &String| {
        let place = url.split_once("://").map_or(url.as_str(), |(_, place)| place);
        said.secrets.iter().any(|prefix| place.starts_with(prefix.trim_end_matches('/')))
    };
    let has_secret = found.urls().any(is_secret);
    found.wants_credentials |= has_secret;
    *registries = found;
    Ok(())
}

/// A URL without the user in it, and whether there was one.
fn without_user(url: &str) -> (String, bool) {
    let Some((scheme, rest)) = url.split_once("://") else { return (url.to_owned(), false) };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => (format!("{scheme}://{}", &rest[at + 1..]), true),
        None => (url.to_owned(), false),
    }
}

#[cfg(test)]
mod tests;
