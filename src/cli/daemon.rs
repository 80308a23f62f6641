//! The daemon: one client on standard input and output, until it goes, asks for the end, or a signal
//! comes. However it ends, nothing of ours is left.

use std::borrow::Cow;
use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{failed, show};
use crate::config::DockerSettings;
use crate::engine;
use crate::protocol::notification::ShutdownReason;
use crate::runtime::docker::Machines;
use crate::runtime::images::Images;
use crate::server::{self, Daemon};
use crate::session::Sessions;
use crate::transport::{self, Outbox};

pub(super) async fn serve(sessions: Arc<Sessions>, machines: Arc<Machines>, docker: DockerSettings) -> ExitCode {
    if std::io::stdin().is_terminal() {
        show::message(
            "this is the daemon, which waits for an editor's messages on standard input; \
             to run a program, say: codebeaker run FILE",
        );
    }
    let (stdin, stdout) = match (transport::stdin(), transport::stdout()) {
        (Ok(stdin), Ok(stdout)) => (stdin, stdout),
        (Err(error), _) | (_, Err(error)) => return failed(&format!("standard input and output: {error}")),
    };
    let signals = match Signals::new() {
        Ok(signals) => signals,
        Err(error) => return failed(&format!("signals can't be received: {error}")),
    };
    // Asked for now, so that the first session doesn't wait for it.
    let probing = Arc::clone(&sessions);
    let pool = docker.pool.clone();
    tokio::spawn(async move {
        drop(probing.host().probed().await);
        let engines: Vec<_> = pool.prewarm.iter().filter_map(|id| engine::by_id(id)).collect();
        probing.prewarm(&engines, pool.size).await;
    });

    let images = Images::new(docker).with_sessions_on(machines);
    let daemon = Arc::new(Daemon::new(Arc::clone(&sessions), images));
    let outbox = Outbox::new();
    let (service, client) = server::service(Arc::clone(&daemon), outbox.clone());
    let stop = {
        let (daemon, sessions, outbox) = (Arc::clone(&daemon), Arc::clone(&sessions), outbox.clone());
        async move {
            let client_gone = async {
                // Dropped without a word when the client never initializes.
                transport::death_of(client.await.ok().flatten()).await;
            };
            let (reason, why) = tokio::select! {
                name = signals.next() => (ShutdownReason::Signal, Cow::Borrowed(name)),
                () = client_gone => (ShutdownReason::ClientGone, Cow::Borrowed("the client's process ended")),
            };
            server::announce_end(&daemon, &outbox, reason);
            daemon.debugs.close_all().await;
            sessions.close_all().await;
            why
        }
    };
    let exit = transport::serve(stdin, stdout, service, outbox, server::transport_options(), stop).await;
    tracing::info!(?exit, "the connection ended");
    daemon.debugs.close_all().await;
    ExitCode::from(u8::try_from(exit.exit_code()).unwrap_or(1))
}

/// The signals that end the daemon, and the debug adapter.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    pub(super) async fn next(mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.hangup.recv() => "SIGHUP",
        }
    }
}
