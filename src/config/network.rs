//! Settings of the network, and how hosts are named in them and by clients.
//!
//! A host is read strictly and into one form, so that two ways to write it are never two hosts, nor one that was
//! judged another that is connected to: ASCII in lower case, no dot at the end, addresses in the one usual form of theirs.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The longest name of a host.
const MAX_NAME_BYTES: usize = 253;

/// The longest part of one between dots.
const MAX_LABEL_BYTES: usize = 63;

/// What the person who runs the daemon lets sandboxes reach.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NetworkSettings {
    /// Whether a session may have every public host.
    pub full: bool,
    /// What may be reached though its address is of this machine or of a private network.
    pub private: Vec<Pattern>,
}

/// Why a text names no host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// Nothing, or too much.
    #[error("expected a name of 1 to {MAX_NAME_BYTES} characters")]
    Length,
    /// A part of it is empty, too long or begins or ends with a hyphen: also where a dot ends the name.
    #[error("{0:?} can't be a part of a name")]
    Label(String),
    /// Something that is in no name: also letters beyond ASCII, which travel as `xn--…`.
    #[error("{0:?} can't be in a name; names in other scripts are written as `xn--…`")]
    Character(char),
    /// It ends as an address does, and is none in its usual form.
    #[error("expected an address of four numbers from 0 to 255")]
    Number,
    /// What stands in brackets is no address.
    #[error("expected an address such as [2001:db8::1]")]
    Bracketed,
    /// A registry is a URL without a user.
    #[error("expected a URL such as https://registry.example.com/simple")]
    Registry,
    /// What follows the host is no port.
    #[error("expected a port from 1 to 65535")]
    Port,
}

/// A host, in the one form in which it is compared.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Host {
    /// A name, which somebody has to resolve.
    Name(String),
    /// An address; one of version 4 is never here in a form of version 6.
    Address(IpAddr),
}

impl Host {
    /// Reads a host without a port; an address of version 6 stands in brackets.
    ///
    /// # Errors
    /// [`HostError`].
    pub fn parse(text: &str) -> Result<Self, HostError> {
        if let Some(rest) = text.strip_prefix('[') {
            let inner = rest.strip_suffix(']').ok_or(HostError::Bracketed)?;
            let address: Ipv6Addr = inner.parse().map_err(|_| HostError::Bracketed)?;
            return Ok(Self::Address(IpAddr::V6(address).to_canonical()));
        }
        if text.is_empty() || text.len() > MAX_NAME_BYTES {
            return Err(HostError::Length);
        }
        let fits = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.');
        if let Some(odd) = text.chars().find(|character| !fits(*character)) {
            return Err(HostError::Character(odd));
        }
        let is_bad = |label: &&str| {
            label.is_empty() || label.len() > MAX_LABEL_BYTES || label.starts_with('-') || label.ends_with('-')
        };
        if let Some(label) = text.split('.').find(is_bad) {
            return Err(HostError::Label(label.to_owned()));
        }
        let last = text.rsplit('.').next().unwrap_or_default();
        // What other readers take for a number, in whatever base, is an address in its usual form or nothing.
        if last.bytes().all(|byte| byte.is_ascii_digit())
            || last.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("0x"))
        {
            let address: Ipv4Addr = text.parse().map_err(|_| HostError::Number)?;
            return Ok(Self::Address(IpAddr::V4(address)));
        }
        Ok(Self::Name(text.to_ascii_lowercase()))
    }

    /// Reads a host with its port, if it has one.
    ///
    /// # Errors
    /// [`HostError`].
    pub fn parse_with_port(text: &str) -> Result<(Self, Option<u16>), HostError> {
        let (host, port) = split(text);
        Ok((Self::parse(host)?, port.map(parse_port).transpose()?))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => write!(f, "{address}"),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

fn split(text: &str) -> (&str, Option<&str>) {
    match text.rfind(':') {
        Some(at) if !text[at..].contains(']') => (&text[..at], Some(&text[at + 1..])),
        _ => (text, None),
    }
}

fn parse_port(text: &str) -> Result<u16, HostError> {
    // A number of Rust's may have a sign, and zeros before it.
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|_| is_plain).ok_or(HostError::Port)
}

/// Hosts that may be reached: `host`, `host:443`, `*.example.org`, `*.example.org:443`, `[2001:db8::1]:443`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pattern {
    hosts: Hosts,
    /// `None` for every port.
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Hosts {
    One(Host),
    /// All names that end with a dot and this one.
    Below(String),
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// [`HostError`].
    pub fn parse(text: &str) -> Result<Self, HostError> {
        let (host, port) = split(text);
        let hosts = match host.strip_prefix("*.") {
            None => Hosts::One(Host::parse(host)?),
            Some(parent) => match Host::parse(parent)? {
                Host::Name(name) => Hosts::Below(name),
                Host::Address(_) => return Err(HostError::Number),
            },
        };
        Ok(Self { hosts, port: port.map(parse_port).transpose()? })
    }

    /// One host, at one port.
    #[must_use]
    pub fn of(host: Host, port: u16) -> Self {
        Self { hosts: Hosts::One(host), port: Some(port) }
    }

    /// Whether it stands for this host at this port.
    #[must_use]
    pub fn matches(&self, host: &Host, port: u16) -> bool {
        let fits = match (&self.hosts, host) {
            (Hosts::One(one), host) => one == host,
            (Hosts::Below(parent), Host::Name(name)) => {
                name.strip_suffix(parent.as_str()).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
            }
            (Hosts::Below(_), Host::Address(_)) => false,
        };
        fits && self.port.is_none_or(|own| own == port)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.hosts {
            Hosts::One(host) => write!(f, "{host}")?,
            Hosts::Below(parent) => write!(f, "*.{parent}")?,
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> Host {
        Host::Name(text.to_owned())
    }

    #[test]
    fn one_host_has_one_form() {
        for (text, host) in [
            ("Example.ORG", "example.org"),
            ("a_b.example.org", "a_b.example.org"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
            ("127.0.0.1", "127.0.0.1"),
            ("[::ffff:127.0.0.1]", "127.0.0.1"),
            ("[0:0:0:0:0:0:0:1]", "[::1]"),
            ("1e100.net", "1e100.net"),
        ] {
            assert_eq!(Host::parse(text).unwrap().to_string(), host);
        }
    }

    #[test]
    fn what_other_readers_would_take_for_something_else_is_no_host() {
        let long = format!("{}.org", "a".repeat(64));
        for text in [
            "",
            ".",
            "example.org.",
            ".example.org",
            "a..b",
            "-a.org",
            "a-.org",
            "user@example.org",
            "a b",
            "a\0b",
            "a%2eb",
            "exämple.org",
            "１２７.0.0.1",
            "例え.jp",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0X7F.1",
            "0177.0.0.1",
            "127.0.0.01",
            "256.1.1.1",
            "1.2.3.4.5",
            "a.0x1",
            "::1",
            "[::1",
            "[::1%eth0]",
            "[127.0.0.1]",
            "[]",
            "a/b",
            "a\\b",
            "a:b",
            "*",
            &long,
        ] {
            assert!(Host::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_port_is_a_plain_number() {
        assert_eq!(Host::parse_with_port("a.org:443"), Ok((name("a.org"), Some(443))));
        assert_eq!(Host::parse_with_port("[::1]:8080").unwrap().1, Some(8080));
        for text in ["a:", "a:0", "a:+1", "a:01", "a:65536", "a:80:80", "a:x", "::1:80"] {
            assert!(Host::parse_with_port(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_pattern_stands_for_what_it_says_and_for_nothing_near_it() {
        for (pattern, host, port, fits) in [
            ("example.org", "example.org", 1, true),
            ("EXAMPLE.org:443", "example.org", 443, true),
            ("example.org:443", "example.org", 80, false),
            ("example.org", "www.example.org", 443, false),
            ("*.example.org", "www.example.org", 443, true),
            ("*.example.org", "a.b.example.org", 443, true),
            ("*.example.org", "example.org", 443, false),
            ("*.example.org", "badexample.org", 443, false),
            ("*.example.org:443", "www.example.org", 80, false),
            ("127.0.0.1:80", "[::ffff:127.0.0.1]", 80, true),
        ] {
            let parsed = Pattern::parse(pattern).unwrap();
            assert_eq!(parsed.matches(&Host::parse(host).unwrap(), port), fits, "{pattern} {host}:{port}");
        }
        for text in ["*", "*.", "*org", "a.*.org", "*.1.2.3.4", "http://a.org", "a.org/", "a.org:", "*.*.org"] {
            assert!(Pattern::parse(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_read_again_as_the_same(text in "\\PC{0,40}") {
            if let Ok(host) = Host::parse(&text) {
                prop_assert_eq!(Host::parse(&host.to_string()), Ok(host));
            }
            if let Ok(pattern) = Pattern::parse(&text) {
                prop_assert_eq!(Pattern::parse(&pattern.to_string()), Ok(pattern));
            }
        }
    }
}
