//! What of the host a sandbox shows.
//!
//! An allow-list: the programs and libraries of the system, the few files under `/etc` that programs
//! can't do without, and installations of engines that live elsewhere. Never `/home`, `/root`, `/opt`,
//! `/run`, `/var` or `/sys`; users, groups and host names are made up.

use std::fs;
use std::path::{Path, PathBuf};

use codebeaker_agent::plan::{Bind, CODE, SANDBOX_ID, WORKSPACE};

/// Programs and libraries.
const SYSTEM: [&str; 8] = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store"];

/// Configuration that holds no secret and without which programs fail or behave strangely.
const CONFIGURATION: [&str; 24] = [
    "/etc/alternatives",
    "/etc/bash.bashrc",
    "/etc/ca-certificates",
    "/etc/ca-certificates.conf",
    "/etc/crypto-policies",
    "/etc/dotnet",
    "/etc/fonts",
    "/etc/gai.conf",
    "/etc/host.conf",
    "/etc/inputrc",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/magic",
    "/etc/mime.types",
    "/etc/nsswitch.conf",
    "/etc/pki/ca-trust",
    "/etc/pki/tls",
    "/etc/protocols",
    "/etc/services",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
    "/etc/timezone",
];

/// Beginnings of names under `/etc`, for configuration that carries a version in its name.
const VERSIONED_CONFIGURATION: [&str; 4] = ["java-", "perl", "python3", "ruby"];

/// Directories that are never shown whole, not even as an engine's installation.
const NEVER_WHOLE: [&str; 16] = [
    "/", "/boot", "/dev", "/etc", "/home", "/media", "/mnt", "/opt", "/proc", "/root", "/run", "/srv", "/sys", "/tmp",
    "/usr", "/var",
];

/// Why an engine's installation can't be shown.
#[derive(Debug, thiserror::Error)]
pub enum RootError {
    /// It is not there, or may not be looked at.
    #[error("the installation {path} can't be looked at")]
    Unreachable {
        /// What was asked for.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: std::io::Error,
    },
    /// To show it would show what a sandbox must not see.
    #[error("the installation {path} would show more than an engine")]
    TooWide {
        /// What was asked for.
        path: PathBuf,
    },
}

/// The host's part of a sandbox's root.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct View {
    /// Host paths to show.
    pub binds: Vec<Bind>,
    /// Links to make.
    pub links: Vec<(PathBuf, PathBuf)>,
    /// Files to make.
    pub files: Vec<(PathBuf, Vec<u8>)>,
}

/// The view of a sandbox with these engine installations. With `minimal` unset, which is for attack
/// tests alone, the rest of the host's tree is shown as well.
///
/// # Errors
/// When an installation can't be shown.
pub fn view(hostname: &str, engine_roots: &[PathBuf], minimal: bool) -> Result<View, RootError> {
    let mut view = View { files: made_up(hostname), ..View::default() };
    let configuration = CONFIGURATION.into_iter().map(PathBuf::from).chain(versioned_configuration());
    for path in SYSTEM.into_iter().map(PathBuf::from).chain(configuration) {
        view.show(path);
    }
    // What programs expect to outlive them, and here ends with the sandbox.
    view.links.push(("/var/tmp".into(), "/tmp".into()));
    if !minimal {
        view.show_everything();
        return Ok(view);
    }
    for root in engine_roots {
        view.show_installation(root)?;
    }
    Ok(view)
}

impl View {
    fn show(&mut self, path: PathBuf) {
        self.binds.push(Bind { source: path.clone(), target: path, optional: true });
    }

    fn show_installation(&mut self, root: &Path) -> Result<(), RootError> {
        let real =
            fs::canonicalize(root).map_err(|source| RootError::Unreachable { path: root.to_path_buf(), source })?;
        if SYSTEM.iter().any(|shown| root.starts_with(shown) && real.starts_with(shown)) {
            return Ok(());
        }
        if is_too_wide(&real, std::env::home_dir().as_deref()) {
            return Err(RootError::TooWide { path: real });
        }
        if !SYSTEM.iter().any(|shown| real.starts_with(shown)) && !self.shows(&real) {
            self.binds.push(Bind { source: real.clone(), target: real.clone(), optional: false });
        }
        // Engines know themselves by the path they were found under.
        if real != root && !self.links.iter().any(|(path, _)| path == root) {
            self.links.push((root.to_path_buf(), real));
        }
        Ok(())
    }

    fn shows(&self, path: &Path) -> bool {
        self.binds.iter().any(|bind| !bind.optional && path.starts_with(&bind.target))
    }

    /// Every other directory of the host, except those that a sandbox needs to have of its own.
    fn show_everything(&mut self) {
        let own = ["/dev", "/proc", "/tmp", "/etc", "/run", "/var", WORKSPACE];
        let deeper = ["/etc", "/run", "/var"];
        let listed =
            ["/"].into_iter().chain(deeper).flat_map(|directory| fs::read_dir(directory).into_iter().flatten());
        for path in listed.flatten().map(|entry| entry.path()) {
            let taken = own.iter().any(|own| Path::new(own) == path)
                || Path::new(CODE) == path
                || self.binds.iter().any(|bind| bind.target.starts_with(&path))
                || self.links.iter().any(|(made, _)| *made == path)
                || self.files.iter().any(|(made, _)| *made == path);
            if !taken {
                self.show(path);
            }
        }
    }
}

fn is_too_wide(root: &Path, home: Option<&Path>) -> bool {
    NEVER_WHOLE.iter().any(|path| Path::new(path) == root)
        || home.is_some_and(|home| home.starts_with(root))
        // The homes of others: /home/somebody.
        || root.parent() == Some(Path::new("/home"))
        || ["/proc", "/sys", "/dev", "/run"].iter().any(|kernel| root.starts_with(kernel))
}

fn versioned_configuration() -> impl Iterator<Item = PathBuf> {
    let listed = fs::read_dir("/etc").into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = listed
        .filter(|entry| {
            let name = entry.file_name();
            VERSIONED_CONFIGURATION.iter().any(|start| name.to_string_lossy().starts_with(start))
        })
        .map(|entry| entry.path())
        .collect();
    found.sort();
    found.into_iter()
}

fn made_up(hostname: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let passwd = format!(
        "root:x:0:0:root:/nonexistent:/usr/sbin/nologin\n\
         sandbox:x:{SANDBOX_ID}:{SANDBOX_ID}:sandbox:{WORKSPACE}:/bin/sh\n\
         nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
    );
    let group = format!("root:x:0:\nsandbox:x:{SANDBOX_ID}:\nnogroup:x:65534:\n");
    let hosts = format!("127.0.0.1\tlocalhost {hostname}\n::1\tlocalhost\n");
    [("/etc/passwd", passwd), ("/etc/group", group), ("/etc/hosts", hosts), ("/etc/hostname", format!("{hostname}\n"))]
        .map(|(path, text)| (PathBuf::from(path), text.into_bytes()))
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_is_no_installation() {
        let home = Path::new("/home/ada");
        for path in ["/", "/home", "/home/ada", "/home/bob", "/opt", "/proc/1", "/run/user/1000", "/root"] {
            assert!(is_too_wide(Path::new(path), Some(home)), "{path}");
        }
        for path in ["/home/ada/.pyenv/versions/3.12.1", "/opt/node", "/home/bob/.nvm/versions/node/v20"] {
            assert!(!is_too_wide(Path::new(path), Some(home)), "{path}");
        }
    }

    #[test]
    fn an_installation_is_shown_once_and_reachable_under_both_its_names() {
        let directory = tempfile::tempdir().unwrap();
        let real = fs::canonicalize(directory.path()).unwrap().join("real");
        fs::create_dir(&real).unwrap();
        let alias = real.with_file_name("alias");
        std::os::unix::fs::symlink(&real, &alias).unwrap();
        let view = view("box", &[real.clone(), alias.clone(), real.join(".")], true).unwrap();
        assert_eq!(view.binds.iter().filter(|bind| bind.source == real).count(), 1);
        assert!(view.links.contains(&(alias, real)));
    }

    #[test]
    fn the_hosts_secrets_are_not_in_the_view() {
        let view = view("box", &[], true).unwrap();
        for hidden in ["/home", "/root", "/opt", "/run", "/var", "/sys", "/etc", "/etc/shadow", "/etc/ssl", "/tmp"] {
            assert!(!view.binds.iter().any(|bind| bind.source == Path::new(hidden)), "{hidden}");
        }
    }
}
