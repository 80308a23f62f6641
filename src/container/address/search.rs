//! Finds the engine that Docker's own client would talk to.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::{Address, AddressError, context};

/// What of the environment says where an engine is.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// `DOCKER_HOST`: an address.
    pub docker_host: Option<String>,
    /// `DOCKER_CONTEXT`: the name of a context.
    pub docker_context: Option<String>,
    /// `DOCKER_TLS_VERIFY`: the address is to be used with certificates.
    pub tls_verify: bool,
    /// `DOCKER_CERT_PATH`: where those are.
    pub cert_path: Option<PathBuf>,
    /// `DOCKER_CONFIG`, or `.docker` in the home directory.
    pub settings: Option<PathBuf>,
    /// `XDG_RUNTIME_DIR`, where engines of ordinary users have their sockets.
    pub runtime_dir: Option<PathBuf>,
    /// Where the file system begins, for sockets that are always in the same place.
    pub root: PathBuf,
}

/// An engine that may be there, and who says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Where.
    pub address: Address,
    /// Who says so, for people: such as `DOCKER_HOST`.
    pub by: String,
}

impl Environment {
    /// That of this process.
    #[must_use]
    pub fn current() -> Self {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let text = |name: &str| variable(name).map(|value: OsString| value.to_string_lossy().into_owned());
        let home = variable("HOME").map(|home| PathBuf::from(home).join(".docker"));
        Self {
            docker_host: text("DOCKER_HOST"),
            docker_context: text("DOCKER_CONTEXT"),
            tls_verify: variable("DOCKER_TLS_VERIFY").is_some(),
            cert_path: variable("DOCKER_CERT_PATH").map(PathBuf::from),
            settings: variable("DOCKER_CONFIG").map(PathBuf::from).or(home),
            runtime_dir: variable("XDG_RUNTIME_DIR").map(PathBuf::from),
            root: "/".into(),
        }
    }
}

/// Where an engine may be, the likeliest first. What is asked for by name is the only one; without that, it is
/// every socket that is there, and Docker's own where none is. The first that answers is the one.
///
/// # Errors
/// When what is asked for by name can't be.
pub fn candidates(explicit: Option<&str>, environment: &Environment) -> Result<Vec<Found>, AddressError> {
    if let Some(address) = explicit {
        return Ok(vec![found(with_environment_certificates(address.parse()?, environment)?, "the settings")]);
    }
    if let Some(address) = &environment.docker_host {
        return Ok(vec![found(with_environment_certificates(address.parse()?, environment)?, "DOCKER_HOST")]);
    }
    if let Some((name, wanted_by)) = chosen_context(environment)? {
        let directory = environment.settings.as_deref().unwrap_or(Path::new(""));
        let address = context::address(directory, &name, wanted_by)?;
        return Ok(vec![found(address, &format!("the Docker context {name}"))]);
    }
    Ok(sockets(environment))
}

fn found(address: Address, by: &str) -> Found {
    Found { address, by: by.to_owned() }
}

fn with_environment_certificates(address: Address, environment: &Environment) -> Result<Address, AddressError> {
    let directory = environment.cert_path.as_deref().or(environment.settings.as_deref());
    match (&address, directory) {
        (Address::Tcp { .. }, Some(directory)) if environment.tls_verify => address.with_certificates(directory),
        _ => Ok(address),
    }
}

fn chosen_context(environment: &Environment) -> Result<Option<(String, &'static str)>, AddressError> {
    let chosen = match (&environment.docker_context, &environment.settings) {
        (Some(name), _) => Some((name.clone(), "DOCKER_CONTEXT")),
        (None, Some(settings)) => context::current(settings)?.map(|name| (name, "Docker's config.json")),
        (None, None) => None,
    };
    Ok(chosen.filter(|(name, _)| name != context::DEFAULT))
}

fn sockets(environment: &Environment) -> Vec<Found> {
    let standard = environment.root.join("var/run/docker.sock");
    let runtime = environment.runtime_dir.as_deref();
    let places = [
        (Some(standard.clone()), "Docker's socket"),
        (runtime.map(|directory| directory.join("docker.sock")), "rootless Docker's socket"),
        (runtime.map(|directory| directory.join("podman/podman.sock")), "rootless Podman's socket"),
        (Some(environment.root.join("run/podman/podman.sock")), "Podman's socket"),
    ];
    let mut there: Vec<Found> = places
        .into_iter()
        .filter_map(|(path, by)| Some((path?, by)))
        .filter(|(path, _)| path.exists())
        .map(|(path, by)| found(Address::Unix(path), by))
        .collect();
    if there.is_empty() {
        there.push(found(Address::Unix(standard), "Docker's socket"));
    }
    there
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    struct Home {
        directory: tempfile::TempDir,
        environment: Environment,
    }

    fn home() -> Home {
        let directory = tempfile::tempdir().unwrap();
        let environment = Environment {
            settings: Some(directory.path().join(".docker")),
            runtime_dir: Some(directory.path().join("runtime")),
            root: directory.path().to_owned(),
            ..Environment::default()
        };
        Home { directory, environment }
    }

    impl Home {
        fn write(&self, path: &str, content: &str) {
            let path = self.directory.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }

        fn context(&self, id: &str, name: &str, endpoint: &str) {
            let meta = format!(r#"{{"Name":"{name}","Metadata":{{}},"Endpoints":{{"docker":{endpoint}}}}}"#);
            self.write(&format!(".docker/contexts/meta/{id}/meta.json"), &meta);
        }

        fn addresses(&self) -> Vec<String> {
            let found = candidates(None, &self.environment).unwrap();
            found.into_iter().map(|found| found.address.to_string()).collect()
        }

        fn error(&self) -> String {
            candidates(None, &self.environment).unwrap_err().to_string()
        }
    }

    #[test]
    fn what_is_said_outright_comes_first_then_the_environment_then_the_context() {
        let mut home = home();
        home.context("1", "far", r#"{"Host":"ssh://far"}"#);
        home.write(".docker/config.json", r#"{"auths":{},"currentContext":"far"}"#);
        assert_eq!(home.addresses(), ["ssh://far"]);
        home.environment.docker_context = Some("default".to_owned());
        assert!(home.addresses()[0].ends_with("/var/run/docker.sock"));
        home.environment.docker_host = Some("tcp://near:2375".to_owned());
        assert_eq!(home.addresses(), ["tcp://near:2375"]);
        let explicit = candidates(Some("unix:///own"), &home.environment).unwrap();
        assert_eq!(explicit[0].address, Address::Unix("/own".into()));
    }

    #[test]
    fn certificates_come_with_the_environment() {
        let mut home = home();
        home.environment.docker_host = Some("tcp://far:2376".to_owned());
        home.environment.cert_path = Some("/certificates".into());
        let address = |home: &Home| candidates(None, &home.environment).unwrap().remove(0).address;
        assert!(matches!(address(&home), Address::Tcp { .. }));
        home.environment.tls_verify = true;
        assert!(matches!(address(&home), Address::Tls { ca, .. } if ca == Path::new("/certificates/ca.pem")));
        home.environment.cert_path = None;
        assert!(matches!(address(&home), Address::Tls { ca, .. } if ca.ends_with(".docker/ca.pem")));
    }

    #[test]
    fn certificates_come_with_a_context() {
        let mut home = home();
        home.environment.docker_context = Some("far".to_owned());
        home.context("0", "other", r#"{"Host":"ssh://other"}"#);
        home.context("1", "far", r#"{"Host":"tcp://far:2376","SkipTLSVerify":false}"#);
        home.write(".docker/contexts/tls/1/docker/ca.pem", "");
        home.write(".docker/contexts/tls/1/docker/cert.pem", "");
        assert!(home.error().contains("docker/key.pem is missing"), "{}", home.error());
        home.write(".docker/contexts/tls/1/docker/key.pem", "");
        let address = candidates(None, &home.environment).unwrap().remove(0).address;
        assert!(matches!(address, Address::Tls { key, .. } if key.ends_with("contexts/tls/1/docker/key.pem")));
    }

    #[test]
    fn a_context_that_can_not_be_used_is_told() {
        let mut home = home();
        home.environment.docker_context = Some("far".to_owned());
        assert!(home.error().contains("no Docker context far, which DOCKER_CONTEXT asks for"), "{}", home.error());
        home.context("1", "far", r#"{"Host":"tcp://far:2376","SkipTLSVerify":true}"#);
        assert!(home.error().contains("doesn't check the engine's certificate"), "{}", home.error());
        home.context("1", "far", r#"{"Host":"far:2376"}"#);
        assert!(home.error().contains("it begins with unix://"), "{}", home.error());
        home.environment.docker_context = None;
        home.write(".docker/config.json", "{");
        assert!(home.error().contains("config.json can't be read"), "{}", home.error());
    }

    #[test]
    fn sockets_that_are_there_come_in_order() {
        let home = home();
        let ends = |home: &Home, ends: &[&str]| {
            let addresses = home.addresses();
            assert_eq!(addresses.len(), ends.len(), "{addresses:?}");
            assert!(addresses.iter().zip(ends).all(|(address, end)| address.ends_with(end)), "{addresses:?}");
        };
        ends(&home, &["/var/run/docker.sock"]);
        home.write("run/podman/podman.sock", "");
        ends(&home, &["/run/podman/podman.sock"]);
        home.write("runtime/docker.sock", "");
        home.write("var/run/docker.sock", "");
        ends(&home, &["/var/run/docker.sock", "/runtime/docker.sock", "/run/podman/podman.sock"]);
    }
}
