//! Which port of the gateway stands for which registry: a path there is the same path here.

use std::sync::{Mutex, MutexGuard, PoisonError};

use url::Url;

use crate::config::{Host, Pattern};
use crate::network::GATEWAY;

/// The port of the first.
const FIRST_PORT: u16 = 8001;

/// The most that one installation leads to.
const MAX_ORIGINS: usize = 256;

/// Those of one installation.
#[derive(Debug)]
pub(super) struct Origins {
    hosts: Vec<Pattern>,
    /// Each as `https://host` or `https://host:port`.
    known: Mutex<Vec<String>>,
}

impl Origins {
    /// None yet; nothing but these hosts will ever be one.
    pub(super) fn new(hosts: Vec<Pattern>) -> Self {
        Self { hosts, known: Mutex::default() }
    }

    fn known(&self) -> MutexGuard<'_, Vec<String>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the installer asks for instead of this; `None` where that is not led through the gateway.
    pub(super) fn lead(&self, url: &Url) -> Option<Url> {
        let host = Host::parse(url.host_str()?).ok()?;
        let port = url.port_or_known_default()?;
        let is_plain =
            matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none();
        if !is_plain || !self.hosts.iter().any(|pattern| pattern.matches(&host, port)) {
            return None;
        }
        let origin = url.origin().ascii_serialization();
        let mut known = self.known();
        let number = match known.iter().position(|one| *one == origin) {
            Some(number) => number,
            None if known.len() < MAX_ORIGINS => {
                known.push(origin);
                known.len() - 1
            }
            None => return None,
        };
        let mut led = url.clone();
        led.set_scheme("http").ok()?;
        led.set_host(Some(GATEWAY)).ok()?;
        led.set_port(Some(FIRST_PORT.checked_add(u16::try_from(number).ok()?)?)).ok()?;
        Some(led)
    }

    /// What is meant by this path at this port. What could be read in two ways means nothing.
    pub(super) fn behind(&self, port: u16, path: &str) -> Option<Url> {
        let origin = self.known().get(usize::from(port.checked_sub(FIRST_PORT)?))?.clone();
        let text = format!("{origin}{path}");
        Url::parse(&text).ok().filter(|url| path.starts_with('/') && url.as_str() == text && url.fragment().is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins() -> Origins {
        let hosts = ["a.example:443", "127.0.0.1:8080", "[::1]:80", "*.b.example:443"];
        Origins::new(hosts.iter().map(|host| Pattern::parse(host).unwrap()).collect())
    }

    #[test]
    fn what_may_be_reached_has_a_port_of_its_own() {
        let origins = origins();
        for (number, url) in
            ["https://a.example/x/y?z#w", "http://127.0.0.1:8080/", "http://[::1]/", "https://c.b.example/"]
                .into_iter()
                .enumerate()
        {
            let led = origins.lead(&Url::parse(url).unwrap()).unwrap();
            assert_eq!(led.port(), Some(FIRST_PORT + u16::try_from(number).unwrap()), "{url}");
            let back = origins.behind(led.port().unwrap(), &led[url::Position::BeforePath..url::Position::AfterQuery]);
            assert_eq!(back.unwrap().as_str(), url.split('#').next().unwrap());
        }
        let no = [
            "https://evil.example/",
            "https://a.example:8443/",
            "http://a.example/",
            "ftp://a.example:443/",
            "https://who:secret@a.example/",
            "https://b.example/",
            "data:,a",
        ];
        for url in no {
            assert_eq!(origins.lead(&Url::parse(url).unwrap()), None, "{url}");
        }
    }

    #[test]
    fn a_path_leads_nowhere_else() {
        let origins = origins();
        origins.lead(&Url::parse("https://a.example/").unwrap()).unwrap();
        assert_eq!(origins.behind(FIRST_PORT, "/a/b").unwrap().as_str(), "https://a.example/a/b");
        for path in [
            "",
            "a",
            "@evil.example/",
            ".evil.example/",
            ":1/",
            "/../x",
            "/a/../x",
            "/%2e%2e/x",
            "/a/./b",
            "/a\\b",
            "/a b",
            "/a#b",
            "?/",
        ] {
            assert_eq!(origins.behind(FIRST_PORT, path), None, "{path}");
        }
        // A second host in a path is a path.
        assert_eq!(origins.behind(FIRST_PORT, "//evil.example/").unwrap().host_str(), Some("a.example"));
        for port in [0, 80, FIRST_PORT - 1, FIRST_PORT + 1, u16::MAX] {
            assert_eq!(origins.behind(port, "/"), None);
        }
    }
}
