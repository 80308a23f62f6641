//! The token of a port of the loopback, to which every user and every page in a browser can connect.
//!
//! It is shown first: as a line of its own, `codebeaker-token TOKEN`, which goes no further; or in a request of HTTP, by
//! its query (`/?codebeaker-token=TOKEN`), which is answered with a cookie and a way on, or by that cookie. What is not
//! shown within the first head is not let in.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// What the line begins with, and what query and cookie are called.
pub(super) const NAME: &str = "codebeaker-token";

/// The longest beginning that is looked at.
const MAX_HEAD_BYTES: usize = 16 * 1024;

const MAX_HEADERS: usize = 100;

/// What the beginning of a connection says.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    /// Not enough to know.
    NotYet,
    /// The token; this much of it goes no further.
    Token(usize),
    /// The token in a query: on to the same place without it.
    Query(String),
    /// Something else.
    No,
}

/// Reads until the token was shown, and returns what of it goes on. `None` where it was not, and who came was told so.
pub(super) async fn shown(
    client: &mut (impl AsyncRead + AsyncWrite + Unpin),
    port: u16,
    token: &str,
) -> io::Result<Option<Vec<u8>>> {
    let (mut bytes, mut part) = (Vec::new(), [0; 4096]);
    loop {
        match read(&bytes, port, token) {
            Said::NotYet if bytes.len() < MAX_HEAD_BYTES => {}
            Said::Token(used) => return Ok(Some(bytes.split_off(used))),
            Said::Query(on) => {
                let cookie = format!("{NAME}-{port}={token}; HttpOnly; SameSite=Strict; Path=/");
                let head = format!("HTTP/1.1 303 See Other\r\nLocation: {on}\r\nSet-Cookie: {cookie}\r\n");
                return told(client, &format!("{head}Referrer-Policy: no-referrer\r\n")).await;
            }
            Said::NotYet | Said::No => return told(client, "HTTP/1.1 403 Forbidden\r\n").await,
        }
        match client.read(&mut part).await? {
            0 => return Ok(None),
            length => bytes.extend_from_slice(&part[..length]),
        }
    }
}

async fn told(client: &mut (impl AsyncWrite + Unpin), head: &str) -> io::Result<Option<Vec<u8>>> {
    client.write_all(format!("{head}Content-Length: 0\r\nConnection: close\r\n\r\n").as_bytes()).await?;
    client.shutdown().await?;
    Ok(None)
}

fn read(bytes: &[u8], port: u16, token: &str) -> Said {
    let line = format!("{NAME} ");
    let seen = bytes.len().min(line.len());
    if bytes[..seen] == line.as_bytes()[..seen] {
        let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else { return Said::NotYet };
        let shown = bytes[line.len().min(end)..end].trim_ascii_end();
        return if is_same(shown, token) { Said::Token(end + 1) } else { Said::No };
    }
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(bytes) {
        Ok(httparse::Status::Partial) => return Said::NotYet,
        Ok(httparse::Status::Complete(_)) => {}
        Err(_) => return Said::No,
    }
    let wanted = format!("{NAME}-{port}");
    let cookies = request.headers.iter().filter(|header| header.name.eq_ignore_ascii_case("cookie"));
    let shows = |cookies: &[u8]| {
        let mut pairs = cookies.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        pairs.any(|pair| {
            let value = pair.strip_prefix(wanted.as_bytes()).and_then(|rest| rest.strip_prefix(b"="));
            value.is_some_and(|value| is_same(value, token))
        })
    };
    if cookies.map(|header| header.value).any(shows) {
        return Said::Token(0);
    }
    request.path.and_then(|path| without_token(path, token)).map_or(Said::No, Said::Query)
}

/// The path without the token in its query; `None` where it has none, or leads to another place than this.
fn without_token(path: &str, token: &str) -> Option<String> {
    let (place, query) = path.split_once('?')?;
    // Two slashes at the start would name another host.
    if !place.starts_with('/') || place.starts_with("//") || place.contains('\\') {
        return None;
    }
    let is_token = |pair: &&str| {
        let value = pair.strip_prefix(NAME).and_then(|rest| rest.strip_prefix('='));
        value.is_some_and(|value| is_same(value.as_bytes(), token))
    };
    let (tokens, rest): (Vec<&str>, Vec<&str>) = query.split('&').partition(is_token);
    let mark = if rest.is_empty() { "" } else { "?" };
    (!tokens.is_empty()).then(|| format!("{place}{mark}{}", rest.join("&")))
}

/// Compares without telling by its time how much is right.
fn is_same(shown: &[u8], token: &str) -> bool {
    let differs = shown.iter().zip(token.as_bytes()).fold(0, |sum, (a, b)| sum | (a ^ b));
    shown.len() == token.len() && differs == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_shown_in_three_ways_and_in_no_other() {
        let said = |text: &str| read(text.as_bytes(), 7, "secret");
        assert_eq!(said("codebeaker-token secret\nGET"), Said::Token(24));
        assert_eq!(said("codebeaker-token secret\r\n"), Said::Token(25));
        assert_eq!(said("GET / HTTP/1.1\r\nCookie: a=b; codebeaker-token-7=secret\r\n\r\n"), Said::Token(0));
        assert_eq!(said("GET /a?codebeaker-token=secret HTTP/1.1\r\n\r\n"), Said::Query("/a".to_owned()));
        assert_eq!(said("GET /a?b=c&codebeaker-token=secret HTTP/1.1\r\n\r\n"), Said::Query("/a?b=c".to_owned()));
        for early in ["", "code", "codebeaker-token sec", "GET / HTTP/1.1\r\nCookie: "] {
            assert_eq!(said(early), Said::NotYet, "{early:?}");
        }
        for no in [
            "codebeaker-token \n",
            "codebeaker-token\n",
            "codebeaker-token secre\n",
            "codebeaker-token secrets\n",
            "\u{16}\u{3}",
            "hello\n\n",
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nCookie: codebeaker-token-8=secret\r\n\r\n",
            "GET / HTTP/1.1\r\nCookie: codebeaker-token-7=\r\n\r\n",
            "GET //evil.example/?codebeaker-token=secret HTTP/1.1\r\n\r\n",
            "GET /\\evil.example/?codebeaker-token=secret HTTP/1.1\r\n\r\n",
            "GET http://evil.example/?codebeaker-token=secret HTTP/1.1\r\n\r\n",
        ] {
            assert_eq!(said(no), Said::No, "{no:?}");
        }
    }
}
