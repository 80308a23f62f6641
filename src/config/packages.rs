//! Where packages come from: registries, as the settings name them, else as the managers' own configuration of this
//! machine does, else the public ones.
//!
//! No URL here has a user in it. What a machine's configuration says that can't be used is kept as a fault: nothing is
//! installed then, since a package of the public registry is not the one that was meant.

use std::path::PathBuf;

use super::{Host, HostError, Pattern};

/// The most further registries of one manager, and the most scopes.
pub(super) const MAX_REGISTRIES: usize = 64;

/// The longest URL of one.
const MAX_URL_BYTES: usize = 2000;

/// Where packages come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageSettings {
    /// The indexes of pip.
    pub pip: Registries,
    /// The registries of npm.
    pub npm: Registries,
    /// The sources of gem.
    pub gem: Registries,
    /// Hosts that files are fetched from beside the registries' own.
    pub hosts: Vec<Pattern>,
    /// Whether the managers' own configuration of this machine is heeded.
    pub machine: bool,
    /// Bytes of downloads that are kept for all sessions; none where nothing is kept.
    pub cache_bytes: u64,
    /// Where they are kept; nowhere without it.
    pub cache: Option<PathBuf>,
}

impl Default for PackageSettings {
    fn default() -> Self {
        // These lead to files of another host, and to another index.
        let beside = ["files.pythonhosted.org", "index.rubygems.org"];
        Self {
            pip: Registries::of("https://pypi.org/simple"),
            npm: Registries::of("https://registry.npmjs.org"),
            gem: Registries::of("https://rubygems.org"),
            hosts: beside.iter().map(|name| Pattern::of(Host::Name((*name).to_owned()), 443)).collect(),
            machine: true,
            cache_bytes: 2 << 30,
            cache: None,
        }
    }
}

/// The registries of one manager.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Registries {
    /// The one that is asked first.
    pub url: String,
    /// Those that are asked as well.
    pub more: Vec<String>,
    /// Those that packages of a scope come from, by the scope with its `@`.
    pub scopes: Vec<(String, String)>,
    /// A file of certificates by which the registries are believed, instead of the usual ones.
    pub authorities: Option<PathBuf>,
    /// The settings name them.
    pub is_settled: bool,
    /// The machine's configuration has a user or a token for one, which no sandbox gets.
    pub wants_credentials: bool,
    /// Why the machine's configuration can't be used.
    pub fault: Option<String>,
}

impl Registries {
    fn of(url: &str) -> Self {
        Self { url: url.to_owned(), ..Self::default() }
    }

    /// All of them.
    pub fn urls(&self) -> impl Iterator<Item = &String> {
        std::iter::once(&self.url).chain(&self.more).chain(self.scopes.iter().map(|(_, url)| url))
    }

    /// Where they are reached.
    ///
    /// # Errors
    /// [`HostError`].
    pub fn hosts(&self) -> Result<Vec<Pattern>, HostError> {
        self.urls().map(|url| registry_host(url)).collect()
    }
}

/// The host and the port that a registry is reached at.
///
/// # Errors
/// [`HostError`]: also when it is no URL of `http` or `https`, or has a user in it.
pub fn registry_host(url: &str) -> Result<Pattern, HostError> {
    let (rest, usual) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
        (Some(rest), _) => (rest, 443),
        (_, Some(rest)) => (rest, 80),
        _ => return Err(HostError::Registry),
    };
    let is_odd = |character: char| !character.is_ascii() || character.is_whitespace() || character.is_control();
    if url.len() > MAX_URL_BYTES || url.chars().any(is_odd) {
        return Err(HostError::Registry);
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, port) = Host::parse_with_port(&rest[..end])?;
    Ok(Pattern::of(host, port.unwrap_or(usual)))
}

/// Whether this is a scope of npm's, with its `@`.
#[must_use]
pub fn is_scope(text: &str) -> bool {
    let fits = |character: char| {
        character.is_ascii_lowercase() || character.is_ascii_digit() || matches!(character, '-' | '_' | '.')
    };
    text.strip_prefix('@').is_some_and(|name| (1..=200).contains(&name.len()) && name.chars().all(fits))
}
