//! From a method's name to its handler.
//!
//! The service knows exactly the methods of [`METHODS`]; one that needs a feature which was not negotiated
//! is refused here, so that no handler has to ask.

use futures::FutureExt;
use futures::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tower_lsp::{LspService, jsonrpc};

use super::connection::Connection;
use super::handlers::{execution, files, info, session};
use crate::protocol::methods::{self, METHODS};
use crate::protocol::{ErrorKind, ProtocolError, parse};

/// The service of one connection.
pub(super) fn build(connection: impl FnOnce() -> Connection) -> LspService<Connection> {
    let mut builder = LspService::build(|_client| connection());
    for method in METHODS {
        let name = method.name;
        builder = builder.custom_method(name, move |connection: &Connection, params: Value| {
            let connection = connection.clone();
            let call: BoxFuture<'static, jsonrpc::Result<Value>> =
                async move { connection.call(name, params).await }.boxed();
            call
        });
    }
    // The socket of the service's own client carries nothing: all that is sent goes by the outbox.
    let (service, _socket) = builder.finish();
    service
}

/// Runs the handler of a method.
pub(super) async fn dispatch(connection: &Connection, name: &str, params: Value) -> Result<Value, ProtocolError> {
    let Some(method) = methods::find(name) else { return Err(methods::not_found(name)) };
    if let Some(feature) = method.feature {
        connection.features().demand(feature, name)?;
    }
    let params = Some(params);
    match name {
        "server/info" => answer(parse(params), |p| info::info(connection, p)).await,
        "server/doctor" => answer(parse(params), |p| info::doctor(connection, p)).await,
        "runtime/list" => answer(parse(params), |p| info::runtimes(connection, p)).await,
        "engine/list" => answer(parse(params), |p| info::engines(connection, p)).await,
        "session/create" => answer(parse(params), |p| session::create(connection, p)).await,
        "session/get" => answer(parse(params), |p| session::get(connection, p)).await,
        "session/list" => answer(parse(params), |p| session::list(connection, p)).await,
        "session/update" => answer(parse(params), |p| session::update(connection, p)).await,
        "session/keepAlive" => answer(parse(params), |p| session::keep_alive(connection, p)).await,
        "session/close" => answer(parse(params), |p| session::close(connection, p)).await,
        "session/execute" => answer(parse(params), |p| execution::execute(connection, p)).await,
        "execution/list" => answer(parse(params), |p| execution::list(connection, p)).await,
        "execution/get" => answer(parse(params), |p| execution::get(connection, p)).await,
        "execution/wait" => answer(parse(params), |p| execution::wait(connection, p)).await,
        "execution/read" => answer(parse(params), |p| execution::read(connection, p)).await,
        "execution/stdin" => answer(parse(params), |p| execution::stdin(connection, p)).await,
        "execution/signal" => answer(parse(params), |p| execution::signal(connection, p)).await,
        "execution/interrupt" => answer(parse(params), |p| execution::interrupt(connection, p)).await,
        "execution/kill" => answer(parse(params), |p| execution::kill(connection, p)).await,
        "execution/resizePty" => answer(parse(params), |p| execution::resize(connection, p)).await,
        "fs/read" => answer(parse(params), |p| files::read(connection, p)).await,
        "fs/write" => answer(parse(params), |p| files::write(connection, p)).await,
        "fs/list" => answer(parse(params), |p| files::list(connection, p)).await,
        "fs/remove" => answer(parse(params), |p| files::remove(connection, p)).await,
        _ => Err(methods::not_found(name)),
    }
}

async fn answer<P, R, F>(params: Result<P, ProtocolError>, handler: impl FnOnce(P) -> F) -> Result<Value, ProtocolError>
where
    P: DeserializeOwned,
    R: Serialize,
    F: Future<Output = Result<R, ProtocolError>>,
{
    let result = handler(params?).await?;
    serde_json::to_value(result).map_err(|error| ProtocolError::new(ErrorKind::InternalError, error.to_string()))
}
