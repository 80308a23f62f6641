//! `initialize`: finds what client and daemon have in common, or says why that is not enough.

use std::collections::BTreeMap;

use lsp_types::{InitializeParams, InitializeResult, ServerCapabilities, ServerInfo};
use serde_json::json;

use super::connection::Connection;
use super::editor::Facts;
use super::handlers::catalogue::{engine_infos, runtime_infos};
use super::handlers::info;
use crate::protocol::ProtocolError;
use crate::protocol::handshake::{ClientAdvertisement, Features, PROTOCOL_VERSIONS, ServerAdvertisement};
use crate::protocol::methods::METHODS;

/// The most characters of a client's name that count.
const MAX_CLIENT_NAME: usize = 200;

pub(super) async fn shake(
    connection: &Connection,
    params: InitializeParams,
) -> Result<InitializeResult, ProtocolError> {
    let client = ClientAdvertisement::read(params.capabilities.experimental.as_ref())?;
    let sessions = &connection.daemon().sessions;
    // Who requires something gets a sound answer; nobody else waits for an engine of containers that is slow.
    let is_strict = client.as_ref().is_some_and(|client| !client.requires.is_empty());
    let probed = if is_strict { sessions.host().probed().await } else { sessions.host().glanced().await };
    let (runtimes, engines) = (runtime_infos(&probed), engine_infos(sessions, &probed));
    let (version, features) = match &client {
        // A plain LSP client gets every feature with its defaults.
        None => (PROTOCOL_VERSIONS[0], Features::all()),
        Some(client) => {
            let version = client.common_version()?;
            let features = client.common_features()?;
            client.check_requirements(&features, &runtimes, &engines)?;
            (version, features)
        }
    };
    let offered = |feature: Option<_>| feature.is_none_or(|feature| features.has(feature));
    let methods = METHODS.iter().filter(|method| offered(method.feature)).map(|method| method.name.to_owned());
    let advertisement = ServerAdvertisement {
        protocol_version: version.to_owned(),
        features: features.clone(),
        unavailable: info::unavailable(&runtimes, &engines),
        methods: methods.collect(),
        limits: info::limits(connection),
        runtimes,
        engines,
        instance_id: connection.daemon().instance.to_string(),
    };
    let facts = Facts::read(&params, client.is_none());
    connection.editor().settle(facts, &params);
    let name = params.client_info.map(|client| client.name.chars().take(MAX_CLIENT_NAME).collect());
    connection.settle(features, params.process_id, name);
    let experimental = BTreeMap::from([("codebeaker", json!(advertisement))]);
    Ok(InitializeResult {
        capabilities: ServerCapabilities { experimental: Some(json!(experimental)), ..facts.capabilities() },
        server_info: Some(ServerInfo {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        }),
    })
}
