//! `codebeaker dap`: a debug adapter on standard input and output, behind a socket or behind a port; or a pipe to
//! one. However it ends, what it debugs ends with it, and no socket is left.

use std::convert::Infallible;
use std::io::{IsTerminal, Read, Write};
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use clap::Args;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, copy};

use super::daemon::Signals;
use super::{failed, show};
use crate::causes::in_full;
use crate::debug::door::{self, Children, Door, Ending, Gate, Reception, Token};
use crate::debug::{Debugs, Opening};
use crate::session::{Session, Sessions, StateChange, Watcher};
use crate::transport;

/// How long the far end may take to say its last words when the client has ended.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Be a debug adapter, for any client of the Debug Adapter Protocol.
#[derive(Debug, Args)]
#[command(
    after_help = "Without an option it speaks the Debug Adapter Protocol on standard input and output, and a client \
                  starts it. Programs are debugged in a sandbox; see the README for configurations of editors."
)]
pub(super) struct DapArgs {
    /// Be a pipe to the debug adapter behind this unix socket
    #[arg(long, value_name = "PATH", conflicts_with = "listen")]
    connect: Option<PathBuf>,
    /// Serve clients that connect to unix:PATH, or to tcp:127.0.0.1:PORT with a token; port 0 is any that is free
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    listen: Option<Address>,
    /// The file with the token that clients name as `__codebeakerToken`; - for standard input
    #[arg(long, value_name = "FILE", requires = "listen")]
    token: Option<PathBuf>,
}

impl DapArgs {
    /// Whether it serves more than the client that started it.
    pub(super) fn is_for_many(&self) -> bool {
        self.listen.is_some()
    }
}

/// Where clients connect to.
#[derive(Debug, Clone)]
enum Address {
    Unix(PathBuf),
    Tcp(SocketAddr),
}

fn address(text: &str) -> Result<Address, String> {
    match text.split_once(':') {
        Some(("unix", path)) if !path.is_empty() => Ok(Address::Unix(PathBuf::from(path))),
        Some(("tcp", address)) => match address.parse::<SocketAddr>() {
            Ok(address) if address.ip().is_loopback() => Ok(Address::Tcp(address)),
            Ok(_) => Err("only the loopback can be listened on, such as tcp:127.0.0.1:0".to_owned()),
            Err(_) => Err("it must be an address and a port, such as tcp:127.0.0.1:0".to_owned()),
        },
        _ => Err("it must be unix:PATH or tcp:127.0.0.1:PORT".to_owned()),
    }
}

/// Nobody but the debug client uses the session, and the adapter tells it how the session fares.
struct Alone;

#[async_trait]
impl Watcher for Alone {
    async fn changed(&self, _: &Session, _: StateChange) {}
}

/// Does what the arguments say; `sessions` makes what an adapter needs.
pub(super) async fn dap(args: DapArgs, sessions: impl FnOnce() -> Result<Arc<Sessions>, String>) -> ExitCode {
    let signals = match Signals::new() {
        Ok(signals) => signals,
        Err(error) => return failed(&format!("signals can't be received: {error}")),
    };
    if let Some(path) = args.connect {
        return tokio::select! {
            ended = pipe(&path) => ended,
            _ = signals.next() => ExitCode::SUCCESS,
        };
    }
    let sessions = match sessions() {
        Ok(sessions) => sessions,
        Err(error) => return failed(&error),
    };
    // Asked for now, so that the first program doesn't wait for it.
    let probing = Arc::clone(&sessions);
    tokio::spawn(async move { probing.host().probed().await.len() });

    let debugs = Arc::new(Debugs::new(Arc::clone(&sessions)));
    let reception = Reception {
        debugs: Arc::clone(&debugs),
        opening: Arc::new(|| Opening { session: None, configuration: None, watcher: Arc::new(Alone) }),
        gate: Gate::Open,
        children: Children::SameDoor,
    };
    let serving = async {
        match args.listen {
            None => alone(&reception).await,
            Some(address) => match listen(reception, address, args.token.as_deref()).await {
                Ok(never) => match never {},
                Err(why) => failed(&why),
            },
        }
    };
    // What serves is dropped before all is ended, and its socket with it.
    let code = tokio::select! {
        code = serving => code,
        name = signals.next() => {
            tracing::info!(name, "the end was asked for");
            ExitCode::SUCCESS
        }
    };
    debugs.close_all().await;
    sessions.close_all().await;
    code
}

/// One client, on standard input and output.
async fn alone(reception: &Reception) -> ExitCode {
    if std::io::stdin().is_terminal() {
        show::message("this is a debug adapter, which waits for an editor's messages on standard input");
    }
    let (stdin, stdout) = match standard_streams() {
        Ok(streams) => streams,
        Err(why) => return failed(&why),
    };
    let adapter = match reception.debugs.open((reception.opening)()) {
        Ok(adapter) => adapter,
        Err(error) => return failed(&in_full(&error)),
    };
    match door::hold_with_children(adapter, reception, stdin, stdout).await {
        Ending::Elsewhere(detour) => match detour.follow().await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failed(&in_full(&error)),
        },
        ending => {
            tracing::info!(%ending, "the client's conversation ended");
            ExitCode::SUCCESS
        }
    }
}

/// Every client that connects.
async fn listen(mut reception: Reception, address: Address, token: Option<&Path>) -> Result<Infallible, String> {
    if let Some(path) = token {
        let token = read_token(path).map_err(|why| format!("--token {}: {why}", path.display()))?;
        reception.gate = Gate::Token(token.clone());
        reception.children = Children::WithToken(token);
    }
    let (door, name) = match address {
        Address::Unix(path) => {
            let socket = door::socket::Socket::bind(&path).map_err(|fault| in_full(&fault))?;
            let name = format!("unix:{}", socket.path().display());
            (Door::Socket(Arc::new(socket)), name)
        }
        Address::Tcp(_) if token.is_none() => {
            return Err("every user of this machine can connect to a port: give it a --token".to_owned());
        }
        Address::Tcp(address) => {
            let port = door::tcp::Port::bind(address).await.map_err(|fault| in_full(&fault))?;
            let name = format!("tcp:{}", port.address());
            (Door::Port(port), name)
        }
    };
    // Whoever started this may not want to know.
    drop(writeln!(std::io::stdout(), "{name}"));
    Ok(reception.receive(&door).await)
}

fn read_token(path: &Path) -> Result<Token, String> {
    let mut text = String::new();
    let most = 4 * Token::MOST as u64;
    if path == Path::new("-") {
        std::io::stdin().take(most).read_to_string(&mut text).map_err(|error| error.to_string())?;
    } else {
        let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
        let metadata = file.metadata().map_err(|error| error.to_string())?;
        if metadata.is_file() && metadata.mode() & 0o077 != 0 {
            return Err("others can read it: chmod 600 it".to_owned());
        }
        file.take(most).read_to_string(&mut text).map_err(|error| error.to_string())?;
    }
    Token::read(&text).map_err(|fault| fault.to_string())
}

/// Carries bytes between standard input and output and a socket.
async fn pipe(path: &Path) -> ExitCode {
    let stream = match door::socket::dial(path).await {
        Ok(stream) => stream,
        Err(fault) => {
            let path = path.display();
            return failed(&format!("{}; `codebeaker dap --listen unix:{path}` serves it", in_full(&fault)));
        }
    };
    let (stdin, stdout) = match standard_streams() {
        Ok(streams) => streams,
        Err(why) => return failed(&why),
    };
    let (from, to) = stream.into_split();
    // Either end may be closed by whoever is there at any time.
    drop(carry(stdin, stdout, from, to).await);
    ExitCode::SUCCESS
}

async fn carry(
    mut stdin: impl AsyncRead + Unpin,
    mut stdout: impl AsyncWrite + Unpin,
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
) -> std::io::Result<()> {
    let back = copy(&mut from, &mut stdout);
    tokio::pin!(back);
    tokio::select! {
        ended = &mut back => return ended.map(|_| ()),
        said = copy(&mut stdin, &mut to) => said?,
    };
    to.shutdown().await?;
    tokio::time::timeout(LAST_WORDS, back).await??;
    Ok(())
}

fn standard_streams() -> Result<(transport::Stdin, transport::Stdout), String> {
    let streams = transport::stdin().and_then(|stdin| Ok((stdin, transport::stdout()?)));
    streams.map_err(|error| format!("standard input and output: {error}"))
}
