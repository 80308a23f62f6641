//! Packages of a command: who installs them, and what of the original's options is refused.

use serde_json::{Value, json};

use super::Asking;
use crate::engine;
use crate::protocol::command::Command;
use crate::protocol::packages::PackageManager;
use crate::protocol::{ErrorKind, ProtocolError};
use crate::server::handlers::session::find;

impl Asking<'_> {
    /// Installs the packages that a command names.
    pub(super) async fn install(&self, command: &Command) -> Result<Value, ProtocolError> {
        if command.global == Some(true) {
            let error = ProtocolError::new(ErrorKind::ValidationFailed, "global: packages are those of a session");
            return Err(error.at("global").hint("leave it out: every execution of the session uses them"));
        }
        if command.flags.as_ref().is_some_and(|flags| !flags.is_empty()) {
            let error = ProtocolError::new(ErrorKind::ValidationFailed, "flags: no option of an installer is taken");
            return Err(error.at("flags").hint("`package/install` has `locked` and `scripts`"));
        }
        let manager = match command.manager {
            Some(manager) => manager,
            None => self.manager_of(command.language.as_deref()).await?,
        };
        let mut order = json!({
            "manager": manager, "packages": command.packages.clone().unwrap_or_default(),
            "requirements": command.requirements_file,
        });
        // The time of a command with code is the code's.
        if let Some(seconds) = command.timeout.filter(|_| command.code.is_none()) {
            order["timeoutMs"] = (u64::from(seconds) * 1000).into();
        }
        self.ask("package/install", order).await
    }

    /// Who installs what this language uses: where there is none, that of the session.
    async fn manager_of(&self, language: Option<&str>) -> Result<PackageManager, ProtocolError> {
        let engine = match language {
            Some(language) => engine::by_language(language).or_else(|| engine::by_id(language)),
            None => find(self.connection, self.session).await?.engine,
        };
        match engine.map(|engine| engine.id) {
            Some("python") => Ok(PackageManager::Pip),
            Some("node" | "deno" | "bun") => Ok(PackageManager::Npm),
            Some("ruby") => Ok(PackageManager::Gem),
            _ => {
                let message = "packages: nobody here installs packages for this language";
                Err(ProtocolError::new(ErrorKind::LanguageUnsupported, message)
                    .at("packages")
                    .hint("say with `manager` who is to: `pip`, `npm` or `gem`"))
            }
        }
    }
}
