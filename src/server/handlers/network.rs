//! `net/*`: what a session's programs may reach.

use std::num::NonZeroU32;
use std::sync::Arc;

use async_trait::async_trait;

use super::session::find;
use crate::config::Pattern;
use crate::network::{Answer, Asker, Decision, Mode, Policy, Question, Way, Who};
use crate::protocol::network::{
    DEFAULT_LOG_LIMIT, NetAnswer, NetAskParams, NetAskResult, NetAsker, NetDecision, NetLogParams, NetLogResult,
    NetPolicyGetParams, NetPolicyResult, NetPolicySetParams, NetWay,
};
use crate::protocol::session::{Network, NetworkMode};
use crate::protocol::{ErrorKind, ProtocolError};
use crate::server::connection::Connection;
use crate::server::{convert, fault};
use crate::session::Session;
use crate::transport::Outbox;

/// The most decisions of one answer.
const MAX_LOG_LIMIT: u32 = 1000;

/// The policy that a client names; `at` is where in the parameters it does.
pub(in crate::server) fn policy(mode: NetworkMode, allow: &[String], at: &str) -> Result<Policy, ProtocolError> {
    let pattern = |(number, text): (usize, &String)| {
        Pattern::parse(text).map_err(|error| {
            let path = format!("{at}allow[{number}]");
            let message = format!("{path}: {text:?} names no host: {error}");
            ProtocolError::new(ErrorKind::ValidationFailed, message)
                .at(path)
                .hint("say \"example.org\", \"example.org:443\", \"*.example.org\" or an address in its usual form")
        })
    };
    let mode = match mode {
        NetworkMode::None => Mode::None,
        NetworkMode::Allowlist => Mode::AllowList,
        NetworkMode::Full => Mode::Full,
    };
    Ok(Policy { mode, allow: allow.iter().enumerate().map(pattern).collect::<Result<_, _>>()? })
}

/// A policy as it travels.
pub(in crate::server) fn network(policy: &Policy) -> Network {
    let mode = match policy.mode {
        Mode::None => NetworkMode::None,
        Mode::AllowList => NetworkMode::Allowlist,
        Mode::Full => NetworkMode::Full,
    };
    Network { mode, allow: policy.allow.iter().map(ToString::to_string).collect() }
}

fn standing(session: &Session) -> NetPolicyResult {
    NetPolicyResult {
        session_id: session.id.to_string(),
        network: network(&session.network.policy()),
        proxy: session.network.proxy(),
        asks: session.network.asks(),
    }
}

pub(in crate::server) async fn get(
    connection: &Connection,
    params: NetPolicyGetParams,
) -> Result<NetPolicyResult, ProtocolError> {
    Ok(standing(&*find(connection, &params.session_id).await?))
}

pub(in crate::server) async fn set(
    connection: &Connection,
    params: NetPolicySetParams,
) -> Result<NetPolicyResult, ProtocolError> {
    let policy = policy(params.mode, &params.allow, "")?;
    let session = find(connection, &params.session_id).await?;
    session.set_network(policy).await.map_err(fault::of_session)?;
    Ok(standing(&session))
}

pub(in crate::server) async fn log(
    connection: &Connection,
    params: NetLogParams,
) -> Result<NetLogResult, ProtocolError> {
    let session = find(connection, &params.session_id).await?;
    let limit = params.limit.map_or(DEFAULT_LOG_LIMIT, NonZeroU32::get).min(MAX_LOG_LIMIT);
    let (decisions, last) = session.network.log(params.since, limit as usize);
    Ok(NetLogResult { decisions: decisions.iter().map(|decision| told(decision)).collect(), last })
}

fn told(decision: &Decision) -> NetDecision {
    NetDecision {
        number: decision.number,
        at: convert::time(&decision.at),
        by: match decision.by {
            Who::Program => NetAsker::Program,
            Who::Installer => NetAsker::Installer,
        },
        host: decision.host.clone(),
        port: decision.port,
        way: way(decision.way),
        allowed: decision.allowed,
        why: decision.why.clone(),
        sent_bytes: decision.sent(),
        received_bytes: decision.received(),
        open: decision.is_open(),
    }
}

fn way(way: Way) -> NetWay {
    match way {
        Way::Tunnel => NetWay::Connect,
        Way::Request => NetWay::Http,
    }
}

/// Asks the person at the editor.
struct Editor {
    outbox: Outbox,
}

/// Who is asked on this connection, where the client can be.
pub(in crate::server) fn asker(connection: &Connection) -> Option<Arc<dyn Asker>> {
    let editor = || Arc::new(Editor { outbox: connection.outbox().clone() }) as Arc<dyn Asker>;
    connection.features().net_ask.then(editor)
}

#[async_trait]
impl Asker for Editor {
    async fn ask(&self, question: Question) -> Option<Answer> {
        let Question { session, host, port, way: how } = question;
        let params = NetAskParams { session_id: session.to_string(), host: host.to_string(), port, way: way(how) };
        let said = self.outbox.ask("net/ask", &params).await;
        let answered = said.ok().and_then(|said| serde_json::from_value::<NetAskResult>(said).ok())?;
        Some(match answered.answer {
            NetAnswer::Once => Answer::Once,
            NetAnswer::Always => Answer::Always,
            NetAnswer::Deny => Answer::Deny,
        })
    }
}
