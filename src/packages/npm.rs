//! Packages of Node: in `node_modules` of the workspace, where Node looks for them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;

use super::names::{check_all, check_npm};
use super::tool::{Ran, Tool, plain};
use super::{
    AUTHORITIES, Advisory, Audit, Installed, Lock, MAX_PACKAGES, Package, PackageError, Packages, USUAL_TIMEOUT, Wanted,
};
use crate::agent::plan::{CODE, WORKSPACE};
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
        let source = self.source().await?;
        let mut args = vec![if wanted.locked { "ci" } else { "install" }.to_owned()];
        if !wanted.scripts {
            args.push("--ignore-scripts".to_owned());
        }
        args.push("--".to_owned());
        args.extend(wanted.packages.iter().cloned());
        let way = self.session.admit_installer(source.hosts).await?;
        let timeout = wanted.timeout.unwrap_or(USUAL_TIMEOUT);
        let ran = self.npm(args, way.variables(), source.authorities, timeout, Some(observer)).await?.well()?;
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
        let way = self.session.admit_installer(source.hosts).await?;
        let args = vec!["audit".to_owned(), "--json".to_owned()];
        let ran = self.npm(args, way.variables(), source.authorities, LOOKING, None).await?;
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
        authorities: Option<Bytes>,
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
        let mut words = vec![format!("--registry={}", registries.url), format!("--prefix={WORKSPACE}")];
        words.extend(registries.scopes.iter().map(|(scope, url)| format!("--{scope}:registry={url}")));
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
