//! Packages of Ruby: in a directory of the session's own, where its executions of Ruby look for them from then on; by
//! bundler where the workspace has a `Gemfile`, else by gem.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;

use super::names::{check_all, check_gem};
use super::tool::{Ran, Tool, plain};
use super::{
    AUTHORITIES, Audit, Installed, Lock, MAX_PACKAGES, OWN_GEMS, Package, PackageError, Packages, Source,
    USUAL_TIMEOUT, Wanted,
};
use crate::agent::plan::{CODE, WORKSPACE};
use crate::engine;
use crate::execution::Observer;
use crate::files::{self, FilesError};
use crate::ids::ExecutionId;

/// How long looking may take.
const LOOKING: Duration = Duration::from_secs(60);

const FIX: &str = "install Ruby (apt-get install ruby), or name an image that has it";

const FIX_BUNDLER: &str = "install bundler (apt-get install ruby-bundler), or name an image that has it";

/// What runs gem and bundler.
const DRIVER: &str = include_str!("gems.rb");

const DRIVER_NAME: &str = "gems.rb";

/// The driver's own exit code where there is no bundler.
const NO_BUNDLER: i32 = 69;

const GEMFILE: &str = "Gemfile";

const LOCK: &str = "Gemfile.lock";

/// The largest lock file that is passed on.
const MAX_LOCK_BYTES: usize = 4 << 20;

/// Bundler's own files, beside the workspace's.
const BUNDLER: &str = "/tmp/.codebeaker/bundler";

#[derive(Deserialize)]
struct Listed {
    name: String,
    version: String,
}

impl Packages<'_> {
    pub(super) async fn gem_install(
        &self,
        wanted: &Wanted,
        observer: Arc<dyn Observer>,
    ) -> Result<Installed, PackageError> {
        check_all(&wanted.packages, check_gem)?;
        if wanted.requirements.is_some() {
            return Err(PackageError::NotTogether(
                "bundler reads the Gemfile of the workspace: leave `requirements` out",
            ));
        }
        if wanted.locked && !wanted.packages.is_empty() {
            return Err(PackageError::NotTogether("what is locked is named by Gemfile.lock alone"));
        }
        let by_bundler = wanted.packages.is_empty();
        if by_bundler && self.gem_file(GEMFILE, 1).await?.is_none() {
            return Err(PackageError::Nothing);
        }
        let source = self.kept_source().await?;
        let mut files = Vec::new();
        let mut env = Vec::new();
        let id = ExecutionId::random();
        if let Some(authorities) = source.authorities.clone() {
            files.push((AUTHORITIES.to_owned(), authorities));
            env.push(("SSL_CERT_FILE".to_owned(), format!("{CODE}/{id}/{AUTHORITIES}")));
        }
        let scripts = if wanted.scripts { "scripts" } else { "no-scripts" };
        let mut args: Vec<String> =
            [if by_bundler { "bundle" } else { "gem" }, scripts, "install"].map(str::to_owned).into();
        if by_bundler {
            env.extend(bundler(wanted, &source));
        } else {
            // A name is never that of a file here, and nothing but these is asked.
            args.extend(
                ["--norc", "--remote", "--no-document", "--no-user-install", "--clear-sources"].map(str::to_owned),
            );
            args.extend(
                source.registries.urls().flat_map(|url| ["--source".to_owned(), format!("{}/", source.led(url))]),
            );
            // What follows `--` would be for the compiler.
            args.extend(wanted.packages.iter().cloned());
        }
        let way = self.admit(&source).await?;
        env.extend(way.variables());
        let timeout = wanted.timeout.unwrap_or(USUAL_TIMEOUT);
        let ran = self.gem(id, args, env, files, timeout, Some(observer)).await?;
        if by_bundler && ran.summary.exit_code == Some(NO_BUNDLER) {
            return Err(PackageError::ToolMissing { tool: "bundler", fix: FIX_BUNDLER });
        }
        let ran = ran.well()?;
        drop(way);
        self.session.use_gems(OWN_GEMS);
        let (execution, summary) = (ran.execution, ran.summary);
        Ok(Installed { execution, summary, packages: self.gem_list().await? })
    }

    pub(super) async fn gem_list(&self) -> Result<Vec<Package>, PackageError> {
        if !self.session.has_own_gems() {
            return Ok(Vec::new());
        }
        let ran = self.of_gems("list").await?.well()?;
        let listed: Vec<Listed> = serde_json::from_slice(&ran.stdout).unwrap_or_default();
        let package = |one: Listed| Package { name: plain(&one.name), version: plain(&one.version) };
        Ok(listed.into_iter().take(MAX_PACKAGES).map(package).collect())
    }

    pub(super) async fn gem_lock(&self) -> Result<Lock, PackageError> {
        if let Some(locked) = self.gem_file(LOCK, MAX_LOCK_BYTES).await? {
            return Ok(Lock { name: LOCK, text: String::from_utf8_lossy(&locked).into_owned() });
        }
        let mut packages = self.gem_list().await?;
        if packages.is_empty() {
            return Err(PackageError::NotLocked(LOCK));
        }
        // Of one that is there in several versions, Ruby takes the last.
        packages.reverse();
        packages.dedup_by(|one, kept| one.name == kept.name);
        let gems = packages.iter().rev().map(|one| format!("gem {:?}, {:?}\n", one.name, one.version));
        let source = &self.session.settings().packages.gem.url;
        Ok(Lock { name: GEMFILE, text: format!("source {source:?}\n\n{}", gems.collect::<String>()) })
    }

    pub(super) async fn gem_audit(&self) -> Result<Audit, PackageError> {
        let unavailable = "a source of gem's has no advisories to ask for; what is told is what doesn't go together";
        let mut audit = Audit { unavailable: Some(unavailable.to_owned()), ..Audit::default() };
        if self.session.has_own_gems() {
            let ran = self.of_gems("conflicts").await?.well()?;
            let printed = String::from_utf8_lossy(&ran.stdout);
            audit.conflicts = printed.lines().take(MAX_PACKAGES).map(plain).collect();
        }
        Ok(audit)
    }

    async fn of_gems(&self, what: &str) -> Result<Ran, PackageError> {
        self.gem(ExecutionId::random(), vec![what.to_owned()], Vec::new(), Vec::new(), LOOKING, None).await
    }

    /// A file of the workspace, where it is there.
    async fn gem_file(&self, name: &str, most: usize) -> Result<Option<Vec<u8>>, PackageError> {
        match files::read(self.session.link()?, name.as_bytes(), 0, most).await {
            Ok(contents) => Ok(Some(contents.data)),
            Err(FilesError::NotFound(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn gem(
        &self,
        id: ExecutionId,
        args: Vec<String>,
        env: Vec<(String, String)>,
        mut files: Vec<(String, Bytes)>,
        timeout: Duration,
        onward: Option<Arc<dyn Observer>>,
    ) -> Result<Ran, PackageError> {
        let engine = engine::by_id("ruby").ok_or(PackageError::ToolMissing { tool: "ruby", fix: FIX })?;
        let program = self.session.toolbox.program(engine)?.to_owned();
        files.push((DRIVER_NAME.to_owned(), Bytes::from_static(DRIVER.as_bytes())));
        let args = std::iter::once(format!("{CODE}/{id}/{DRIVER_NAME}")).chain(args).collect();
        let own = [("GEM_HOME".to_owned(), OWN_GEMS.to_owned())];
        let env = env.into_iter().chain(own).collect();
        self.run(Tool { name: "gem", program: &program, args, env, files, id, timeout }, FIX, onward).await
    }
}

/// What bundler is told by its environment, which stands over what the workspace says of the same.
fn bundler(wanted: &Wanted, source: &Source<'_>) -> Vec<(String, String)> {
    let gemfile = format!("{WORKSPACE}/{GEMFILE}");
    let mut settings = vec![
        ("BUNDLE_GEMFILE", gemfile.as_str()),
        ("BUNDLE_APP_CONFIG", BUNDLER),
        ("BUNDLE_USER_HOME", BUNDLER),
        ("BUNDLE_PATH__SYSTEM", "true"),
        // It would fetch the version of itself that a lock file names.
        ("BUNDLE_VERSION", "system"),
        ("BUNDLE_SILENCE_ROOT_WARNING", "true"),
        ("BUNDLE_RETRY", "1"),
    ];
    settings.extend(wanted.locked.then_some(("BUNDLE_FROZEN", "true")));
    settings.extend((!wanted.scripts).then_some(("BUNDLE_PLUGINS", "false")));
    let settings = settings.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
    let led = source.registries.urls().filter(|_| source.gateway.is_some());
    let mirrors = led.map(|url| (mirror_of(&format!("{url}/")), source.led(url)));
    let usual = (mirror_of("https://rubygems.org/"), source.led(&source.registries.url));
    settings.chain(mirrors).chain([usual]).collect()
}

/// The variable that leads bundler from one source to another. A path with capitals has none.
fn mirror_of(url: &str) -> String {
    format!("BUNDLE_MIRROR__{}", url.replace('.', "__").replace('-', "___").to_ascii_uppercase())
}
