//! Where a container engine is: the addresses that Docker's own client takes.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

mod context;
mod search;

pub use search::{Environment, Found, candidates};

/// Where an engine is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Address {
    /// A socket of this machine.
    Unix(PathBuf),
    /// Over the network, readable and open for everybody in between.
    Tcp {
        /// Host and port.
        host_port: String,
    },
    /// Over the network, with both sides known to each other.
    Tls {
        /// Host and port.
        host_port: String,
        /// Who vouches for the engine's certificate.
        ca: PathBuf,
        /// Our certificate.
        cert: PathBuf,
        /// Our key.
        key: PathBuf,
    },
    /// A machine that ssh gets into, with Docker's own client on it.
    Ssh {
        /// As `ssh` takes it after `ssh://`: a host, with a user before it and a port after it if need be.
        destination: String,
    },
}

/// Why there is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// The text is no address.
    #[error("`{text}` is no address of a container engine: {reason}")]
    Text {
        /// The text.
        text: String,
        /// What it should be.
        reason: &'static str,
    },
    /// A file of Docker's client's settings can't be read.
    #[error("{path} can't be read: {reason}")]
    Settings {
        /// Which.
        path: PathBuf,
        /// Why, in a few words.
        reason: String,
    },
    /// There is no such context.
    #[error("there is no Docker context {name}, which {wanted_by} asks for; `docker context ls` lists what there is")]
    NoContext {
        /// Its name.
        name: String,
        /// Who asks for it.
        wanted_by: &'static str,
    },
    /// A context wants what we don't do.
    #[error("the Docker context {name} can't be used: {reason}")]
    Context {
        /// Its name.
        name: String,
        /// Why, and what to do.
        reason: String,
    },
}

const SCHEMES: &str = "it begins with unix://, tcp:// or ssh://";

impl Address {
    /// Whether the engine is reached without any network, so that it may share this machine's files.
    #[must_use]
    pub fn is_local(&self) -> bool {
        matches!(self, Self::Unix(_))
    }

    /// The same place, with the certificates in this directory.
    ///
    /// # Errors
    /// When the place is one where no certificates are used.
    pub fn with_certificates(self, directory: &std::path::Path) -> Result<Self, AddressError> {
        match self {
            Self::Tcp { host_port } | Self::Tls { host_port, .. } => {
                let [ca, cert, key] = ["ca.pem", "cert.pem", "key.pem"].map(|file| directory.join(file));
                Ok(Self::Tls { host_port, ca, cert, key })
            }
            other => Err(text(&other.to_string(), "certificates are for addresses that begin with tcp://")),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp { host_port } | Self::Tls { host_port, .. } => write!(f, "tcp://{host_port}"),
            Self::Ssh { destination } => write!(f, "ssh://{destination}"),
        }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(address: &str) -> Result<Self, AddressError> {
        let wrong = |reason| text(address, reason);
        let Some((scheme, rest)) = address.trim().split_once("://") else { return Err(wrong(SCHEMES)) };
        match scheme {
            "unix" if rest.starts_with('/') => Ok(Self::Unix(rest.into())),
            "unix" => Err(wrong("after unix:// comes the socket's absolute path, as in unix:///var/run/docker.sock")),
            "tcp" => host_port(rest).map(|host_port| Self::Tcp { host_port }).map_err(wrong),
            "http" | "https" => Err(wrong("write tcp:// in its place")),
            "ssh" => destination(rest).map(|destination| Self::Ssh { destination }).map_err(wrong),
            "npipe" | "fd" => Err(wrong("that is for another system or for the engine itself")),
            _ => Err(wrong(SCHEMES)),
        }
    }
}

fn text(text: &str, reason: &'static str) -> AddressError {
    AddressError::Text { text: text.to_owned(), reason }
}

fn host_port(rest: &str) -> Result<String, &'static str> {
    const FORM: &str = "after tcp:// come a host and a port, as in tcp://192.0.2.1:2376";
    let host_port = rest.trim_end_matches('/');
    let (host, port) = host_port.rsplit_once(':').ok_or(FORM)?;
    let bracketed = host.starts_with('[') && host.ends_with(']');
    let is_host =
        |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte) || (bracketed && b":[]%".contains(&byte));
    let named = !host.is_empty() && host.bytes().all(is_host);
    match port.parse::<u16>() {
        Ok(1..) if named => Ok(host_port.to_owned()),
        _ => Err(FORM),
    }
}

/// The text goes to `ssh` as one argument of its command line.
fn destination(rest: &str) -> Result<String, &'static str> {
    let destination = rest.trim_end_matches('/');
    let (user, place) = destination.rsplit_once('@').map_or((None, destination), |(user, place)| (Some(user), place));
    if destination.contains('/') {
        return Err("after ssh:// come a user, a host and a port at most, and no path");
    }
    if user.is_some_and(|user| user.contains(':')) {
        return Err("a password has no place there; use a key and ssh-agent");
    }
    let plain = |text: &str| {
        !text.is_empty()
            && !text.starts_with('-')
            && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"'\"\\`$;&|<>()".contains(&byte))
    };
    if !plain(place) || !user.is_none_or(plain) {
        return Err("after ssh:// comes a host, as in ssh://user@host:22");
    }
    Ok(destination.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_told() {
        for address in [
            "unix:///var/run/docker.sock",
            "tcp://127.0.0.1:2375",
            "tcp://[::1]:2376",
            "tcp://build-1.example:2376",
            "ssh://host",
            "ssh://me@host.example:2222",
        ] {
            assert_eq!(address.parse::<Address>().unwrap().to_string(), address);
        }
        assert!("unix:///s".parse::<Address>().unwrap().is_local());
        assert!(!"tcp://localhost:1/".parse::<Address>().unwrap().is_local());
    }

    #[test]
    fn what_is_no_address_is_refused_with_what_it_should_be() {
        for (address, hint) in [
            ("", SCHEMES),
            ("/var/run/docker.sock", SCHEMES),
            ("unix://var/run", "absolute path"),
            ("tcp://host", "a host and a port"),
            ("tcp://host:0", "a host and a port"),
            ("tcp://:2375", "a host and a port"),
            ("tcp://ho st:2375", "a host and a port"),
            ("tcp://host:2375/path", "a host and a port"),
            ("https://host:2376", "tcp://"),
            ("ssh://", "comes a host"),
            ("ssh://-oProxyCommand=x", "comes a host"),
            ("ssh://-l@host", "comes a host"),
            ("ssh://me:secret@host", "password"),
            ("ssh://host/path", "no path"),
            ("ssh://ho$(x)st", "comes a host"),
            ("npipe:////./pipe/docker_engine", "another system"),
        ] {
            let error = address.parse::<Address>().unwrap_err().to_string();
            assert!(error.contains(hint), "{error}");
        }
    }

    #[test]
    fn certificates_belong_to_the_network() {
        let tcp: Address = "tcp://host:2376".parse().unwrap();
        let Address::Tls { host_port, key, .. } = tcp.with_certificates("/c".as_ref()).unwrap() else { panic!() };
        assert_eq!((host_port.as_str(), key), ("host:2376", "/c/key.pem".into()));
        let unix: Address = "unix:///s".parse().unwrap();
        assert!(unix.with_certificates("/c".as_ref()).is_err());
    }
}
