//! Packages of Node: in `node_modules` of the workspace, where Node looks for them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::names::{check_all, check_npm};
use super::tool::{Ran, Tool, plain};
use super::{
    AUTHORITIES, Advisory, Audit, Installed, Lock, MAX_PACKAGES, Package, PackageError, Packages, Source,
    USUAL_TIMEOUT, Wanted,
};
use crate::agent::plan::{CODE, WORKSPACE};
use crate::config::Registries;
use crate::execution::Observer;
use crate::files::{self, FilesError};
use crate::ids::ExecutionId;

const LOOKING: Duration = Duration::from_secs(120);

const FIX: &str = "install npm (apt-get install npm), or name an image that has it";

const LOCK: &str = "package-lock.json";

/// The largest lock file that is passed on.
const MAX_LOCK_BYTES: usize = 4 << 20;

#[derive(Deserialize)]
struct Listed {
    #[serde(default)]
    dependencies: BTreeMap<String, Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    version: Option<String>,
}

impl Packages<'_> {
    pub(super) async fn npm_install(
        &self,
        wanted: &Wanted,
        observer: Arc<dyn Observer>,
    ) -> Result<Installed, PackageError> {
        check_all(&wanted.packages, check_npm)?;
        if wanted.requirements.is_some() {
            return Err(PackageError::NotTogether("npm reads package.json of the workspace: leave `requirements` out"));
        }
        if wanted.locked && !wanted.packages.is_empty() {
            return Err(PackageError::NotTogether("what is locked is named by package-lock.json alone"));
        }
        let source = self.kept_source().await?;
        let mut args = vec![if wanted.locked { "ci" } else { "install" }.to_owned()];
        if !wanted.scripts {
            args.push("--ignore-scripts".to_owned());
        }
        args.push("--".to_owned());
        args.extend(wanted.packages.iter().cloned());
        let way = self.admit(&source).await?;
        let timeout = wanted.timeout.unwrap_or(USUAL_TIMEOUT);
        let ran = self.npm(args, way.variables(), Some(&source), timeout, Some(observer)).await?.well()?;
        drop(way);
        let (execution, summary) = (ran.execution, ran.summary);
        Ok(Installed { execution, summary, packages: self.npm_list().await? })
    }

    pub(super) async fn npm_list(&self) -> Result<Vec<Package>, PackageError> {
        let ran = self
            .npm(vec!["ls".to_owned(), "--json".to_owned(), "--depth=0".to_owned()], Vec::new(), None, LOOKING, None)
            .await?;
        // It ends with 1 where something is missing or too much, and lists what is there all the same.
        let Ok(listed) = serde_json::from_slice::<Listed>(&ran.stdout) else { return ran.well().map(|_| Vec::new()) };
        let package =
            |(name, one): (String, Dependency)| Some(Package { name: plain(&name), version: plain(&one.version?) });
        Ok(listed.dependencies.into_iter().take(MAX_PACKAGES).filter_map(package).collect())
    }

    pub(super) async fn npm_lock(&self) -> Result<Lock, PackageError> {
        let link = self.session.link()?;
        match files::read(link, LOCK.as_bytes(), 0, MAX_LOCK_BYTES).await {
            Ok(contents) => Ok(Lock { name: LOCK, text: String::from_utf8_lossy(&contents.data).into_owned() }),
            Err(FilesError::NotFound(_)) => Err(PackageError::NotLocked(LOCK)),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn npm_audit(&self) -> Result<Audit, PackageError> {
        let source = self.source().await?;
        let way = self.admit(&source).await?;
        let args = vec!["audit".to_owned(), "--json".to_owned()];
        let ran = self.npm(args, way.variables(), Some(&source), LOOKING, None).await?;
        drop(way);
        let Ok(told) = serde_json::from_slice::<Value>(&ran.stdout) else {
            return ran.well().map(|_| Audit::default());
        };
        Ok(audit(&told))
    }

    async fn npm(
        &self,
        args: Vec<String>,
        env: Vec<(String, String)>,
        source: Option<&Source<'_>>,
        timeout: Duration,
        onward: Option<Arc<dyn Observer>>,
    ) -> Result<Ran, PackageError> {
        let (_, registries) = self.registries();
        let id = ExecutionId::random();
        let settings = [
            ("cache", "/tmp/.codebeaker/npm"),
            ("userconfig", "/tmp/.codebeaker/npmrc"),
            ("update_notifier", "false"),
            ("fund", "false"),
            ("progress", "false"),
            ("fetch_retries", "1"),
            ("noproxy", ""),
        ];
        let mut all: Vec<(String, String)> =
            settings.iter().map(|(name, value)| (format!("npm_config_{name}"), (*value).to_owned())).collect();
        all.extend(env);
        // What stands on the command line beats what a file of the workspace says.
        let led = |url: &str| source.map_or_else(|| url.to_owned(), |source| source.led(url));
        let authorities = source.and_then(|source| source.authorities.clone());
        let mut words = vec![format!("--registry={}", led(&registries.url)), format!("--prefix={WORKSPACE}")];
        words.extend(registries.scopes.iter().map(|(scope, url)| format!("--{scope}:registry={}", led(url))));
        if source.is_some_and(|source| source.gateway.is_some()) {
            words.push(format!("--replace-registry-host={}", replaced(registries).unwrap_or("never".to_owned())));
        }
        words.extend(authorities.is_some().then(|| format!("--cafile={CODE}/{id}/{AUTHORITIES}")));
        let is_install = args.first().is_some_and(|word| word == "install" || word == "ci");
        words.extend(is_install.then(|| "--no-audit".to_owned()));
        let mut args = args.into_iter();
        let command = args.next().into_iter();
        let args = command.chain(words).chain(args).collect();
        let files = authorities.map(|authorities| (AUTHORITIES.to_owned(), authorities)).into_iter().collect();
        self.run(Tool { name: "npm", program: "npm", args, env: all, files, id, timeout }, FIX, onward).await
    }
}

/// The host whose links npm leads to the registry by itself, so that lock files go on naming the real one. It does that by
/// the host alone, and where the registry lies below a path not always the same.
fn replaced(registries: &Registries) -> Option<String> {
    let host = |url: &str| Some(Url::parse(url).ok()?.host_str()?.to_owned());
    let url = Url::parse(&registries.url).ok().filter(|url| url.path() == "/")?;
    let is_others = registries.scopes.iter().any(|(_, scope)| host(scope).as_deref() == url.host_str());
    url.host_str().filter(|_| !is_others).map(str::to_owned)
}

/// What npm tells, as far as it tells anything.
fn audit(told: &Value) -> Audit {
    let text = |value: &Value| value.as_str().map(plain);
    if let Some(found) = told["vulnerabilities"].as_object() {
        let advisories = found.iter().flat_map(|(package, one)| {
            let severity = text(&one["severity"]).unwrap_or_default();
            let ways = one["via"].as_array().map(Vec::as_slice).unwrap_or_default();
            // A name there is of another package in this list.
            ways.iter().filter(|way| way.is_object()).map(move |way| Advisory {
                package: plain(package),
                severity: text(&way["severity"]).unwrap_or_else(|| severity.clone()),
                title: text(&way["title"]).unwrap_or_default(),
                url: text(&way["url"]),
            })
        });
        return Audit { advisories: advisories.take(MAX_PACKAGES).collect(), ..Audit::default() };
    }
    let error = &told["error"];
    let why = text(&error["summary"]).or_else(|| text(&told["message"])).filter(|why| !why.is_empty());
    let unavailable = Some(why.unwrap_or_else(|| "the registry does not tell".to_owned()));
    Audit { unavailable, ..Audit::default() }
}
