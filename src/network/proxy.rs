//! One connection of a program to the proxy: one request, or one tunnel.

use std::io;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Way;
use super::gate::{Denial, Gate};
use super::gateway;
use super::log::{Asked, Traffic};
use super::relay::relay;
use super::request::{self, MAX_HEAD_BYTES, Request, RequestError};
use crate::causes;

/// How long a program may take to say what it wants.
const HEAD_PATIENCE: Duration = Duration::from_secs(15);

/// How long a host may take to be connected to, all its addresses together.
pub(super) const CONNECTING: Duration = Duration::from_secs(20);

/// How long a program may take to hear why it gets nothing.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Serves a program that has connected.
pub(super) async fn serve(mut program: impl AsyncRead + AsyncWrite + Send + Unpin, gate: &Gate) {
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(HEAD_PATIENCE, read(&mut program, &mut bytes)).await;
    let request = match read {
        Ok(Ok(Some(request))) => request,
        // Who says nothing, or not all, wants nothing.
        Err(_) | Ok(Ok(None)) => return,
        Ok(Err(error)) => {
            let asked = Asked { by: gate.who(), way: Way::Request, host: "", port: 0 };
            over(&gate.log.note(asked, Err(error.to_string())));
            return refuse(&mut program, error.status(), &error.to_string()).await;
        }
    };
    let host = request.host.to_string();
    let asked = Asked { by: gate.who(), way: request.way, host: &host, port: request.port };
    if gate.credential.as_ref().is_some_and(|wanted| request.credential.as_ref() != Some(wanted)) {
        over(&gate.log.note(asked, Err("who asked is not the installer".to_owned())));
        let status = "407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"codebeaker\"";
        return refuse(&mut program, status, "this way out is the installer's").await;
    }
    if let Some(gateway) = gate.gateway.as_ref().filter(|_| gateway::is_meant(&request)) {
        return match gateway::get(&request) {
            Ok(get) => gateway::answer(gateway.as_ref(), get, &mut program).await,
            Err(why) => refuse(&mut program, "405 Method Not Allowed", why).await,
        };
    }
    let found = match gate.judge(&request.host, request.port, request.way).await {
        Ok(rule) => gate.addresses(&request.host, request.port).await.map(|addresses| (rule, addresses)),
        Err(denial) => Err(denial),
    };
    let (rule, addresses) = match found {
        Ok(found) => found,
        Err(denial) => {
            let why = causes::in_full(&denial);
            over(&gate.log.note(asked, Err(why.clone())));
            return deny(&mut program, &host, request.port, &denial, &why).await;
        }
    };
    let traffic = gate.log.note(asked, Ok(rule));
    let _over = Over(&traffic);
    let connected = tokio::time::timeout(CONNECTING, TcpStream::connect(&addresses[..])).await;
    match connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
        Ok(host) => {
            if let Err(error) = pass(program, host, request, &bytes, &traffic).await {
                tracing::debug!(%error, "a connection through the proxy was cut off");
            }
        }
        Err(error) => {
            let why = format!("{host}:{} is allowed, but can't be connected to: {error}", request.port);
            refuse(&mut program, "502 Bad Gateway", &why).await;
        }
    }
}

/// Reads the head; what came beyond it stays in `bytes`.
async fn read(program: &mut (impl AsyncRead + Unpin), bytes: &mut Vec<u8>) -> Result<Option<Request>, RequestError> {
    let mut part = [0; 4096];
    loop {
        if let Some((request, length)) = request::read(bytes)? {
            bytes.drain(..length);
            return Ok(Some(request));
        }
        let room = (MAX_HEAD_BYTES + 1).saturating_sub(bytes.len()).min(part.len());
        match program.read(&mut part[..room]).await {
            Ok(length @ 1..) => bytes.extend_from_slice(&part[..length]),
            Ok(0) | Err(_) => return Ok(None),
        }
    }
}

async fn pass(
    mut program: impl AsyncRead + AsyncWrite + Unpin,
    mut host: TcpStream,
    request: Request,
    beyond: &[u8],
    traffic: &Traffic,
) -> io::Result<()> {
    host.set_nodelay(true)?;
    match request.way {
        Way::Tunnel => program.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?,
        Way::Request => host.write_all(&request.head).await?,
    }
    // What follows the body belongs to nothing: a second request would not be looked at.
    let body = request.body.map_or(beyond.len(), |body| usize::try_from(body).unwrap_or(usize::MAX).min(beyond.len()));
    host.write_all(&beyond[..body]).await?;
    traffic.sent.fetch_add((request.head.len() + body) as u64, Ordering::Relaxed);
    relay(program, host, traffic, request.body.map(|most| most - body as u64)).await
}

pub(super) fn over(traffic: &Traffic) {
    traffic.over.store(true, Ordering::Relaxed);
}

/// Tells the log that nothing passes any more, however that came.
struct Over<'a>(&'a Traffic);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        over(self.0);
    }
}

async fn deny(program: &mut (impl AsyncRead + AsyncWrite + Unpin), host: &str, port: u16, denial: &Denial, why: &str) {
    let status = match denial {
        Denial::Unresolved(_) | Denial::NoAddress | Denial::SlowName => "502 Bad Gateway",
        _ => "403 Forbidden",
    };
    refuse(program, status, &format!("{host}:{port} is not reached: {why}")).await;
}

/// Answers no, in words that the program may print.
async fn refuse(program: &mut (impl AsyncRead + AsyncWrite + Unpin), status: &str, why: &str) {
    let body = format!("codebeaker: {why}\n");
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let told = async {
        program.write_all(format!("{head}{body}").as_bytes()).await?;
        program.shutdown().await?;
        // A socket that is closed with something unread loses what was written last.
        let mut rest = [0; 4096];
        while program.read(&mut rest).await? > 0 {}
        Ok::<_, io::Error>(())
    };
    // Who doesn't want to hear it needs no more.
    drop(tokio::time::timeout(LAST_WORDS, told).await);
}
