//! What an installer asks of the daemon itself, in place of its registries: at the proxy that it has, below a name that no
//! other host can have.
//!
//! It promises that only reading is asked for, with a path of plain characters and nothing else that a program says but
//! what it likes to be answered in; and that an answer that failed on its way is never taken for a whole one.

use std::io;
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::Way;
use super::request::Request;
use crate::config::Host;

/// The name of the gateway; `invalid` is a top-level domain that nobody will ever have.
pub const GATEWAY: &str = "packages.codebeaker.invalid";

/// The most headers that a head has which was written anew.
const MAX_HEADERS: usize = 80;

/// How long a program may take for what was written to it.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Get {
    /// Without the body.
    pub is_head: bool,
    /// At which port of the gateway.
    pub port: u16,
    /// From the slash on, with the query: printable ASCII.
    pub path: String,
    /// In what form.
    pub accept: Option<String>,
}

/// Answers in place of registries.
#[async_trait]
pub trait Gateway: Send + Sync {
    /// Writes the whole answer. What is cut off was not whole, which the program can see.
    async fn answer(&self, get: Get, program: &mut (dyn AsyncWrite + Send + Unpin)) -> io::Result<()>;
}

/// Whether a request is for the gateway.
pub(super) fn is_meant(request: &Request) -> bool {
    request.way == Way::Request && matches!(&request.host, Host::Name(name) if name == GATEWAY)
}

/// Reads what is asked for; the head was written anew by `request`.
pub(super) fn get(request: &Request) -> Result<Get, &'static str> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    let (Ok(_), Some(method), Some(path)) = (parsed.parse(&request.head), parsed.method, parsed.path) else {
        return Err("the request can't be read");
    };
    let is_head = match method {
        "GET" => false,
        "HEAD" => true,
        _ => return Err("packages can be fetched, and nothing else"),
    };
    let accept = parsed.headers.iter().find(|header| header.name.eq_ignore_ascii_case("accept"));
    let accept = accept.and_then(|header| std::str::from_utf8(header.value).ok()).map(str::to_owned);
    Ok(Get { is_head, port: request.port, path: path.to_owned(), accept })
}

/// Has it answered.
pub(super) async fn answer(
    gateway: &dyn Gateway,
    get: Get,
    program: &mut (impl AsyncRead + AsyncWrite + Send + Unpin),
) {
    if let Err(error) = gateway.answer(get, program).await {
        tracing::debug!(%error, "an answer to an installer was cut off");
        return;
    }
    let told = async {
        program.shutdown().await?;
        // A socket that is closed with something unread loses what was written last.
        let mut rest = [0; 4096];
        while program.read(&mut rest).await? > 0 {}
        Ok::<_, io::Error>(())
    };
    drop(tokio::time::timeout(LAST_WORDS, told).await);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::request;

    fn got(text: &str) -> Option<Result<Get, &'static str>> {
        let (request, _) = request::read(text.as_bytes()).unwrap().unwrap();
        is_meant(&request).then(|| get(&request))
    }

    #[test]
    fn reading_alone_is_asked_for() {
        let head = "Host: evil.example\r\nAccept: a/b\r\nRange: bytes=0-\r\nAuthorization: Basic eA==\r\n\r\n";
        let text = format!("GET http://Packages.codebeaker.invalid:8002/simple/a?b=c HTTP/1.1\r\n{head}");
        let get = Get { is_head: false, port: 8002, path: "/simple/a?b=c".to_owned(), accept: Some("a/b".to_owned()) };
        assert_eq!(got(&text), Some(Ok(get.clone())));
        assert_eq!(got(&text.replace("GET", "HEAD")), Some(Ok(Get { is_head: true, ..get })));
        assert!(got(&text.replace("GET", "POST")).unwrap().is_err());
        assert_eq!(got(&text.replace("Packages", "other")), None);
        assert_eq!(got("CONNECT packages.codebeaker.invalid:8002 HTTP/1.1\r\n\r\n"), None);
    }
}
