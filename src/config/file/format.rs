//! What may be written in the settings file, and which setting each key of it is.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use serde::Deserialize;

use super::Configuration;
use crate::config::values::{Count, Kind, Number, Processors, Reachable, Registry, Room, Size, Time, Written};
use crate::config::{
    DockerSettings, Limits, MachineSettings, PackageSettings, Patterns, Rates, TlsFiles, ValidationSettings, is_scope,
};

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct File {
    limits: FileLimits,
    ceiling: FileLimits,
    timeouts: Timeouts,
    sessions: SessionNumbers,
    ahead: Ahead,
    rate: FileRates,
    docker: Docker,
    network: Network,
    packages: Packages,
    validation: Validation,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct FileLimits {
    memory: Option<Written<Size>>,
    cpu: Option<Written<Processors>>,
    pids: Option<Written<Count>>,
    disk: Option<Written<Size>>,
    output: Option<Written<Size>>,
    open_files: Option<Written<Count>>,
    execution_timeout: Option<Written<Time>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Timeouts {
    idle: Option<Written<Time>>,
    lifetime: Option<Written<Time>>,
    idle_notice: Option<Written<Time>>,
    cancel_grace: Option<Written<Time>>,
    kill_patience: Option<Written<Time>>,
    create: Option<Written<Time>>,
    stop_grace: Option<Written<Time>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct SessionNumbers {
    max: Option<Written<Count>>,
    max_running: Option<Written<Count>>,
    max_queued: Option<Written<Number>>,
    max_contexts: Option<Written<Number>>,
    max_remembered: Option<Written<Count>>,
    kept_output: Option<Written<Size>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Ahead {
    interpreters: Option<Written<Number>>,
    memory: Option<Written<Size>>,
    unused: Option<Written<Time>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct FileRates {
    session: Option<Written<Count>>,
    daemon: Option<Written<Count>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Docker {
    enabled: Option<bool>,
    registry: Option<String>,
    images: BTreeMap<String, String>,
    allow: Option<Vec<String>>,
    machines: Vec<Machine>,
    pool: Pool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Machine {
    name: String,
    address: String,
    #[serde(default)]
    weight: Option<Written<Count>>,
    #[serde(default)]
    tls: Option<Tls>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tls {
    ca: PathBuf,
    cert: PathBuf,
    key: PathBuf,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Pool {
    size: Option<Written<Number>>,
    total: Option<Written<Number>>,
    memory: Option<Written<Size>>,
    prewarm: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Network {
    full: Option<bool>,
    private: Vec<Written<Reachable>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Packages {
    pip_index: Option<Written<Registry>>,
    pip_extra_indexes: Option<Vec<Written<Registry>>>,
    npm_registry: Option<Written<Registry>>,
    npm_scopes: Option<BTreeMap<Scope, Written<Registry>>>,
    gem_sources: Option<Vec<Written<Registry>>>,
    hosts: Option<Vec<Written<Reachable>>>,
    ca_file: Option<PathBuf>,
    machine: Option<bool>,
    cache: Option<Written<Room>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Validation {
    enforce: Option<bool>,
    code: Option<Written<Count>>,
    extensions: Option<Vec<Extension>>,
    paths: Option<Expressions>,
    commands: Option<Expressions>,
    shell: Option<bool>,
}

/// How a name may end.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Extension(String);

/// A list of regular expressions.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Vec<String>")]
struct Expressions(Patterns);

/// A scope of npm's.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
struct Scope(String);

impl TryFrom<String> for Scope {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if is_scope(&text) { Ok(Self(text)) } else { Err("expected a scope such as \"@corp\"".to_owned()) }
    }
}

impl TryFrom<String> for Extension {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let is_one = text.len() > 1 && text.starts_with('.') && !text.contains('/');
        if is_one { Ok(Self(text.to_lowercase())) } else { Err("expected an extension such as \".py\"".to_owned()) }
    }
}

impl TryFrom<Vec<String>> for Expressions {
    type Error = String;

    fn try_from(patterns: Vec<String>) -> Result<Self, String> {
        Patterns::of(&patterns).map(Self).map_err(|error| format!("expected regular expressions: {error}"))
    }
}

impl Validation {
    fn apply(self, validation: &mut ValidationSettings) {
        let ValidationSettings { enforce, code_chars, extensions, paths, commands, shell } = validation;
        *enforce = self.enforce.unwrap_or(*enforce);
        set_number(code_chars, self.code);
        if let Some(written) = self.extensions {
            *extensions = written.into_iter().map(|extension| extension.0).collect();
        }
        if let Some(written) = self.paths {
            *paths = written.0;
        }
        if let Some(written) = self.commands {
            *commands = written.0;
        }
        *shell = self.shell.unwrap_or(*shell);
    }
}

impl Packages {
    fn apply(self, packages: &mut PackageSettings) {
        let PackageSettings { pip, npm, gem, hosts, machine, cache_bytes, .. } = packages;
        let all = |urls: Option<Vec<Written<Registry>>>| urls.unwrap_or_default().into_iter().map(|url| url.0);
        pip.is_settled = self.pip_index.is_some() || self.pip_extra_indexes.is_some();
        npm.is_settled = self.npm_registry.is_some() || self.npm_scopes.is_some();
        set(&mut pip.url, self.pip_index);
        pip.more = all(self.pip_extra_indexes).collect();
        set(&mut npm.url, self.npm_registry);
        npm.scopes = self.npm_scopes.unwrap_or_default().into_iter().map(|(scope, url)| (scope.0, url.0)).collect();
        let mut sources = all(self.gem_sources);
        if let Some(first) = sources.next() {
            (gem.url, gem.is_settled) = (first, true);
            gem.more = sources.collect();
        }
        if let Some(written) = self.hosts {
            *hosts = written.into_iter().map(|written| written.0).collect();
        }
        for registries in [pip, npm, gem] {
            registries.authorities.clone_from(&self.ca_file);
        }
        *machine = self.machine.unwrap_or(*machine);
        set(cache_bytes, self.cache);
    }
}

fn set<K: Kind>(place: &mut K::Value, written: Option<Written<K>>) {
    if let Some(written) = written {
        *place = written.0;
    }
}

fn set_number<K: Kind<Value = u64>>(place: &mut usize, written: Option<Written<K>>) {
    if let Some(number) = written.and_then(|written| usize::try_from(written.0).ok()) {
        *place = number;
    }
}

/// A bound that holds where one is written.
fn most(written: Option<Written<Count>>) -> Option<NonZeroUsize> {
    NonZeroUsize::new(usize::try_from(written?.0).ok()?)
}

impl FileLimits {
    fn apply(self, limits: &mut Limits) {
        set(&mut limits.memory_bytes, self.memory);
        limits.cpu = self.cpu.map(|written| written.0).or(limits.cpu);
        set(&mut limits.pids, self.pids);
        set(&mut limits.disk_bytes, self.disk);
        set(&mut limits.output_bytes, self.output);
        set(&mut limits.open_files, self.open_files);
        set(&mut limits.execution_timeout, self.execution_timeout);
    }
}

impl File {
    pub(super) fn apply(self, configuration: &mut Configuration) {
        let Configuration { settings, docker, .. } = configuration;
        self.limits.apply(&mut settings.limits);
        self.ceiling.apply(&mut settings.ceiling);
        set(&mut settings.idle_timeout, self.timeouts.idle);
        set(&mut settings.max_lifetime, self.timeouts.lifetime);
        set(&mut settings.idle_notice, self.timeouts.idle_notice);
        set(&mut settings.cancel_grace, self.timeouts.cancel_grace);
        set(&mut settings.kill_patience, self.timeouts.kill_patience);
        set(&mut settings.create_timeout, self.timeouts.create);
        set(&mut settings.stop_grace, self.timeouts.stop_grace);
        set_number(&mut settings.max_sessions, self.sessions.max);
        set_number(&mut settings.max_running, self.sessions.max_running);
        set_number(&mut settings.max_queued, self.sessions.max_queued);
        set_number(&mut settings.max_contexts, self.sessions.max_contexts);
        set_number(&mut settings.max_remembered, self.sessions.max_remembered);
        set_number(&mut settings.kept_output_bytes, self.sessions.kept_output);
        set_number(&mut settings.ahead.interpreters, self.ahead.interpreters);
        set(&mut settings.ahead.memory_bytes, self.ahead.memory);
        set(&mut settings.ahead.unused, self.ahead.unused);
        settings.rates = Rates { session: most(self.rate.session), daemon: most(self.rate.daemon) };
        settings.network.full = self.network.full.unwrap_or(settings.network.full);
        settings.network.private = self.network.private.into_iter().map(|written| written.0).collect();
        self.packages.apply(&mut settings.packages);
        self.validation.apply(&mut settings.validation);
        self.docker.apply(docker);
    }
}

impl Docker {
    fn apply(self, docker: &mut DockerSettings) {
        docker.enabled = self.enabled.unwrap_or(docker.enabled);
        docker.registry = self.registry.unwrap_or_else(|| docker.registry.clone());
        docker.images = self.images;
        docker.allow = self.allow;
        docker.machines = self.machines.into_iter().map(Machine::into).collect();
        set_number(&mut docker.pool.size, self.pool.size);
        set_number(&mut docker.pool.total, self.pool.total);
        set(&mut docker.pool.memory_bytes, self.pool.memory);
        docker.pool.prewarm = self.pool.prewarm;
    }
}

impl From<Machine> for MachineSettings {
    fn from(machine: Machine) -> Self {
        Self {
            name: machine.name,
            address: machine.address,
            weight: machine.weight.and_then(|weight| u32::try_from(weight.0).ok()).unwrap_or(1),
            tls: machine.tls.map(|tls| TlsFiles { ca: tls.ca, cert: tls.cert, key: tls.key }),
        }
    }
}
