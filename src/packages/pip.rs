//! Packages of Python: in an environment of the session's own, which executions of Python use from then on.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;

use super::names::{check_all, check_pip, read_requirements};
use super::tool::{Ran, Tool, plain};
use super::{
    AUTHORITIES, Audit, Installed, Lock, MAX_PACKAGES, OWN_PYTHON, Package, PackageError, Packages, USUAL_TIMEOUT,
    Wanted,
};
use crate::agent::plan::CODE;
use crate::engine;
use crate::execution::Observer;
use crate::ids::ExecutionId;
use crate::network::GATEWAY;

/// How long looking may take.
const LOOKING: Duration = Duration::from_secs(60);

const FIX: &str = "install pip 22.3 or newer (apt-get install python3-pip), or name an image that has it";

/// The file of requirements, in the directory of the installer's own.
const REQUIREMENTS: &str = "requirements.txt";

#[derive(Deserialize)]
struct Listed {
    name: String,
    version: String,
}

fn interpreter() -> String {
    format!("{OWN_PYTHON}/bin/python")
}

impl Packages<'_> {
    pub(super) async fn pip_install(
        &self,
        wanted: &Wanted,
        observer: Arc<dyn Observer>,
    ) -> Result<Installed, PackageError> {
        check_all(&wanted.packages, check_pip)?;
        let fault = |(line, fault)| PackageError::Requirement { line, fault };
        let requirements = wanted.requirements.as_deref().map(read_requirements).transpose().map_err(fault)?;
        if wanted.packages.is_empty() && requirements.as_ref().is_none_or(String::is_empty) {
            return Err(PackageError::Nothing);
        }
        if wanted.locked && !wanted.packages.is_empty() {
            return Err(PackageError::NotTogether("what is locked is named by the requirements alone"));
        }
        self.pip_prepare().await?;
        let source = self.kept_source().await?;
        let id = ExecutionId::random();
        let mut args =
            words(&["install", "--isolated", "--no-input", "--no-cache-dir", "--progress-bar=off", "--index-url"]);
        args.push(source.led(&source.registries.url));
        args.extend(source.registries.more.iter().flat_map(|url| ["--extra-index-url".to_owned(), source.led(url)]));
        if source.gateway.is_some() {
            // It is no further than a port of the sandbox's loopback.
            args.extend(words(&["--trusted-host", GATEWAY]));
        }
        if !wanted.scripts {
            args.extend(words(&["--only-binary", ":all:"]));
        }
        if wanted.locked {
            args.push("--require-hashes".to_owned());
        }
        let mut files = Vec::new();
        if let Some(authorities) = source.authorities.clone() {
            files.push((AUTHORITIES.to_owned(), authorities));
            args.extend(["--cert".to_owned(), format!("{CODE}/{id}/{AUTHORITIES}")]);
        }
        if let Some(text) = requirements {
            // Where no program can change what was looked at.
            files.push((REQUIREMENTS.to_owned(), Bytes::from(text)));
            args.extend(["--requirement".to_owned(), format!("{CODE}/{id}/{REQUIREMENTS}")]);
        }
        args.push("--".to_owned());
        args.extend(wanted.packages.iter().cloned());
        let way = self.admit(&source).await?;
        let timeout = wanted.timeout.unwrap_or(USUAL_TIMEOUT);
        let ran = self.pip(id, args, way.variables(), files, timeout, Some(observer)).await?.well()?;
        drop(way);
        self.session.use_python(&interpreter());
        let (execution, summary) = (ran.execution, ran.summary);
        Ok(Installed { execution, summary, packages: self.pip_list().await? })
    }

    /// Makes the environment, unless it is there.
    async fn pip_prepare(&self) -> Result<(), PackageError> {
        let version = self.pip_with(&["--version"]).await?;
        if version.summary.exit_code != Some(0) {
            return Err(PackageError::ToolMissing { tool: "pip", fix: FIX });
        }
        let python = self.python()?;
        let args = words(&["-I", "-m", "venv", "--without-pip", OWN_PYTHON]);
        self.run(tool("venv", &python, args, LOOKING), FIX, None).await?.well()?;
        Ok(())
    }

    pub(super) async fn pip_list(&self) -> Result<Vec<Package>, PackageError> {
        if !self.session.has_own_python() {
            return Ok(Vec::new());
        }
        let ran = self.of_own(&["list", "--format=json"]).await?.well()?;
        let listed: Vec<Listed> = serde_json::from_slice(&ran.stdout).unwrap_or_default();
        let package = |one: Listed| Package { name: plain(&one.name), version: plain(&one.version) };
        Ok(listed.into_iter().take(MAX_PACKAGES).map(package).collect())
    }

    pub(super) async fn pip_lock(&self) -> Result<Lock, PackageError> {
        let text = match self.session.has_own_python() {
            true => String::from_utf8_lossy(&self.of_own(&["freeze"]).await?.well()?.stdout).into_owned(),
            false => String::new(),
        };
        Ok(Lock { name: REQUIREMENTS, text })
    }

    pub(super) async fn pip_audit(&self) -> Result<Audit, PackageError> {
        let unavailable = "an index of pip's has no advisories to ask for; what is told is what doesn't go together";
        let mut audit = Audit { unavailable: Some(unavailable.to_owned()), ..Audit::default() };
        if self.session.has_own_python() {
            let ran = self.of_own(&["check"]).await?;
            if ran.summary.exit_code != Some(0) {
                let printed = String::from_utf8_lossy(&ran.stdout);
                audit.conflicts = printed.lines().take(MAX_PACKAGES).map(plain).collect();
            }
        }
        Ok(audit)
    }

    /// The Python that the sandbox has by itself.
    fn python(&self) -> Result<String, PackageError> {
        let engine = engine::by_id("python").ok_or(PackageError::ToolMissing { tool: "python", fix: FIX })?;
        Ok(self.session.toolbox.program(engine)?.to_owned())
    }

    async fn of_own(&self, args: &[&str]) -> Result<Ran, PackageError> {
        self.pip(ExecutionId::random(), words(args), Vec::new(), Vec::new(), LOOKING, None).await
    }

    async fn pip_with(&self, args: &[&str]) -> Result<Ran, PackageError> {
        let python = self.python()?;
        // Isolated: nothing of the workspace passes for a module of Python's.
        let all = words(&["-I", "-m", "pip"]).into_iter().chain(words(args)).collect();
        self.run(tool("pip", &python, all, LOOKING), FIX, None).await
    }

    async fn pip(
        &self,
        id: ExecutionId,
        args: Vec<String>,
        env: Vec<(String, String)>,
        files: Vec<(String, Bytes)>,
        timeout: Duration,
        onward: Option<Arc<dyn Observer>>,
    ) -> Result<Ran, PackageError> {
        let python = self.python()?;
        let mut all = words(&["-I", "-m", "pip", "--disable-pip-version-check", "--python"]);
        all.push(interpreter());
        all.extend(args);
        self.run(Tool { id, env, files, ..tool("pip", &python, all, timeout) }, FIX, onward).await
    }
}

fn tool<'a>(name: &'static str, program: &'a str, args: Vec<String>, timeout: Duration) -> Tool<'a> {
    Tool { name, program, args, env: Vec::new(), files: Vec::new(), id: ExecutionId::random(), timeout }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}
