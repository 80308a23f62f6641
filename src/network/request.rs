//! The head of what a program asks the proxy for, read strictly.
//!
//! Whatever two readers could take for two different things is refused: a host that is no plain one, lengths that
//! contradict each other, lines that are folded. Of what is forwarded, the line and the host are written anew.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Way;
use crate::config::{Host, HostError};

/// The longest head that is read.
pub(super) const MAX_HEAD_BYTES: usize = 16 * 1024;

const MAX_HEADERS: usize = 64;

/// The longest line that is forwarded.
const MAX_PATH_BYTES: usize = 8 * 1024;

/// Headers that end at a proxy.
const HOP_BY_HOP: &[&str] = &["connection", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"];

/// Why a head is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum RequestError {
    #[error("it is no request of HTTP/1.1")]
    NoRequest,
    #[error("its head is longer than {MAX_HEAD_BYTES} bytes")]
    TooLong,
    #[error("it has more than {MAX_HEADERS} headers")]
    TooManyHeaders,
    #[error("this is a proxy: ask for CONNECT host:port or for http://host/path")]
    NotForAProxy,
    #[error("the host can't be read: {0}")]
    Host(HostError),
    #[error("a host has neither a user nor a password")]
    UserInfo,
    #[error("CONNECT needs a port")]
    NoPort,
    #[error("the path can't be forwarded")]
    Path,
    #[error("a body needs one Content-Length, and no other encoding")]
    Body,
}

impl RequestError {
    /// The status with which it is told.
    pub(super) fn status(&self) -> &'static str {
        match self {
            Self::TooLong | Self::TooManyHeaders => "431 Request Header Fields Too Large",
            Self::Body => "411 Length Required",
            _ => "400 Bad Request",
        }
    }
}

/// What is asked for.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) way: Way,
    pub(super) host: Host,
    pub(super) port: u16,
    /// What the program says to be let in with.
    pub(super) credential: Option<String>,
    /// What the host is told first; nothing of a tunnel.
    pub(super) head: Vec<u8>,
    /// How much of what follows belongs to this request; all of it in a tunnel.
    pub(super) body: Option<u64>,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What a program says may be secret.
        f.debug_struct("Request")
            .field("way", &self.way)
            .field("host", &self.host)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

/// Reads a head. `None` while it is not complete; then it, and how many bytes it took.
pub(super) fn read(bytes: &[u8]) -> Result<Option<(Request, usize)>, RequestError> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    let length = match parsed.parse(bytes) {
        Ok(httparse::Status::Complete(length)) if length <= MAX_HEAD_BYTES => length,
        Ok(httparse::Status::Partial) if bytes.len() < MAX_HEAD_BYTES => return Ok(None),
        Ok(_) => return Err(RequestError::TooLong),
        Err(httparse::Error::TooManyHeaders) => return Err(RequestError::TooManyHeaders),
        Err(_) => return Err(RequestError::NoRequest),
    };
    let (Some(method), Some(target), Some(version)) = (parsed.method, parsed.path, parsed.version) else {
        return Err(RequestError::NoRequest);
    };
    let request = if method == "CONNECT" {
        tunnel(target, parsed.headers)?
    } else {
        forwarded(method, target, version, parsed.headers)?
    };
    Ok(Some((request, length)))
}

fn tunnel(target: &str, headers: &[httparse::Header<'_>]) -> Result<Request, RequestError> {
    let (host, port) = authority(target)?;
    let port = port.ok_or(RequestError::NoPort)?;
    Ok(Request { way: Way::Tunnel, host, port, credential: credential(headers), head: Vec::new(), body: None })
}

fn forwarded(
    method: &str,
    target: &str,
    version: u8,
    headers: &[httparse::Header<'_>],
) -> Result<Request, RequestError> {
    let (scheme, rest) = target.split_once("://").ok_or(RequestError::NotForAProxy)?;
    if !scheme.eq_ignore_ascii_case("http") {
        return Err(RequestError::NotForAProxy);
    }
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (named, path) = rest.split_at(end);
    let (host, port) = authority(named)?;
    let port = port.unwrap_or(80);
    if path.len() > MAX_PATH_BYTES || path.bytes().any(|byte| !byte.is_ascii_graphic() || byte == b'#') {
        return Err(RequestError::Path);
    }
    let body = body(headers)?;
    let slash = if path.starts_with('/') { "" } else { "/" };
    let mut head = format!("{method} {slash}{path} HTTP/1.{version}\r\nHost: {host}").into_bytes();
    if port != 80 {
        head.extend_from_slice(format!(":{port}").as_bytes());
    }
    head.extend_from_slice(b"\r\nConnection: close\r\n");
    let ends_here: Vec<String> = headers
        .iter()
        .filter(|header| header.name.eq_ignore_ascii_case("connection"))
        .flat_map(|header| {
            String::from_utf8_lossy(header.value)
                .to_ascii_lowercase()
                .split(',')
                .map(|name| name.trim().to_owned())
                .collect::<Vec<_>>()
        })
        .collect();
    for header in headers {
        let name = header.name.to_ascii_lowercase();
        let stays = !HOP_BY_HOP.contains(&name.as_str()) && !name.starts_with("proxy-") && !ends_here.contains(&name);
        // A length that a list of options names is a length all the same.
        if stays || name == "content-length" {
            head.extend_from_slice(header.name.as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(header.value);
            head.extend_from_slice(b"\r\n");
        }
    }
    head.extend_from_slice(b"\r\n");
    Ok(Request { way: Way::Request, host, port, credential: credential(headers), head, body: Some(body) })
}

fn authority(text: &str) -> Result<(Host, Option<u16>), RequestError> {
    if text.contains('@') {
        return Err(RequestError::UserInfo);
    }
    Host::parse_with_port(text).map_err(RequestError::Host)
}

/// How long a body is, where everybody who reads the head must take it for the same.
fn body(headers: &[httparse::Header<'_>]) -> Result<u64, RequestError> {
    let named = |name: &'static str| headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name));
    let mut lengths = named("content-length");
    let length = match (lengths.next(), lengths.next()) {
        (None, _) => 0,
        (Some(one), None) => {
            let digits = std::str::from_utf8(one.value)
                .ok()
                .filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()));
            digits.and_then(|text| text.parse().ok()).ok_or(RequestError::Body)?
        }
        (Some(_), Some(_)) => return Err(RequestError::Body),
    };
    if named("transfer-encoding").next().is_some() { Err(RequestError::Body) } else { Ok(length) }
}

fn credential(headers: &[httparse::Header<'_>]) -> Option<String> {
    let header = headers.iter().find(|header| header.name.eq_ignore_ascii_case("proxy-authorization"))?;
    let text = std::str::from_utf8(header.value).ok()?;
    let (scheme, encoded) = text.split_once(' ')?;
    let decoded = STANDARD.decode(encoded.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn request(text: &str) -> Result<Request, RequestError> {
        read(text.as_bytes()).map(|read| read.expect("it is complete").0)
    }

    #[test]
    fn a_tunnel_names_a_host_and_a_port() {
        let tunnel = request("CONNECT Example.org:443 HTTP/1.1\r\nHost: other.example\r\n\r\n").unwrap();
        assert_eq!((tunnel.way, tunnel.host.to_string(), tunnel.port), (Way::Tunnel, "example.org".to_owned(), 443));
        assert_eq!(request("CONNECT example.org HTTP/1.1\r\n\r\n"), Err(RequestError::NoPort));
        let odd = [
            "user@example.org:443",
            "example.org:443@evil.example:443",
            "example.org.:443",
            "example.org%00.evil:443",
            "0x7f.1:80",
            "127.1:80",
            "[::1%lo]:80",
            "exa\u{fe0e}mple.org:443",
            "example.org:",
            "example.org:443/",
            "example.org\\@evil:443",
            ":443",
        ];
        for target in odd {
            assert!(request(&format!("CONNECT {target} HTTP/1.1\r\n\r\n")).is_err(), "{target}");
        }
    }

    #[test]
    fn what_is_forwarded_names_the_host_that_was_judged() {
        let text = "GET http://Example.org/a?b HTTP/1.1\r\nHost: evil.example\r\nProxy-Authorization: Basic dTpw\r\n\
                    Connection: keep-alive, X-Own\r\nX-Own: 1\r\nAccept: */*\r\nUpgrade: h2c\r\n\r\n";
        let request = request(text).unwrap();
        let head = String::from_utf8(request.head).unwrap();
        assert_eq!(head, "GET /a?b HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\nAccept: */*\r\n\r\n");
        assert_eq!((request.port, request.body, request.credential.as_deref()), (80, Some(0), Some("u:p")));
    }

    #[test]
    fn what_can_be_taken_for_two_things_is_refused() {
        for (text, error) in [
            ("GET / HTTP/1.1\r\n\r\n", RequestError::NotForAProxy),
            ("GET https://a.org/ HTTP/1.1\r\n\r\n", RequestError::NotForAProxy),
            ("GET http://u:p@a.org/ HTTP/1.1\r\n\r\n", RequestError::UserInfo),
            ("GET http://a.org#@b.org/ HTTP/1.1\r\n\r\n", RequestError::UserInfo),
            ("GET http://a.org/#b HTTP/1.1\r\n\r\n", RequestError::Path),
            ("POST http://a.org/ HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", RequestError::Body),
            ("POST http://a.org/ HTTP/1.1\r\nContent-Length: +1\r\n\r\n", RequestError::Body),
            ("POST http://a.org/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", RequestError::Body),
            ("GET http://a.org/ HTTP/1.1\r\nA: b\r\n c\r\n\r\n", RequestError::NoRequest),
            ("GET http://a.org/ HTTP/1.1\r\nA : b\r\n\r\n", RequestError::NoRequest),
            ("\u{16}\u{3}\u{1}tls", RequestError::NoRequest),
        ] {
            assert_eq!(request(text), Err(error), "{text:?}");
        }
        assert!(request("GET http://a.org\\@b.org/ HTTP/1.1\r\n\r\n").is_err());
        let many = format!("GET http://a.org/ HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(MAX_HEADERS + 1));
        assert_eq!(request(&many), Err(RequestError::TooManyHeaders));
        let long = format!("GET http://a.org/ HTTP/1.1\r\nA: {}", "b".repeat(MAX_HEAD_BYTES));
        assert_eq!(read(long.as_bytes()), Err(RequestError::TooLong));
        assert_eq!(read(b"GET http://a.org/ HT"), Ok(None));
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_odd(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            drop(read(&bytes));
            let mut head = b"GET http://".to_vec();
            head.extend(bytes);
            drop(read(&head));
        }
    }
}
