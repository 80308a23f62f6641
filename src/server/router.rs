//! From a method's name to its handler.
//!
//! [`ROUTES`] serves exactly the methods of [`METHODS`]; one that needs a feature which was not negotiated
//! is refused here, so that no handler has to ask.
//!
//! [`METHODS`]: crate::protocol::methods::METHODS

use futures::FutureExt;
use futures::future::BoxFuture;
use serde::Serialize;
use serde_json::Value;
use tower_lsp::{LspService, jsonrpc};

use super::connection::Connection;
use super::fault;
use super::handlers::{
    catalogue, change, command, context, debug, exchange, execution, files, find, image, info, network, packages, port,
    session, watch,
};
use super::lost::Subject;
use crate::protocol::handshake::Feature;
use crate::protocol::{ErrorKind, ProtocolError, methods, parse};

/// Reads the parameters of a method, runs it, and writes its result.
type Handler = for<'a> fn(&'a Connection, Value) -> BoxFuture<'a, Result<Value, ProtocolError>>;

macro_rules! routes {
    ($($name:literal => $handler:path,)+) => {
        &[$((
            $name,
            |connection, params| {
                async move { written($handler(connection, parse(Some(params))?).await?) }.boxed()
            },
        ),)+]
    };
}

/// Which function handles which method.
const ROUTES: &[(&str, Handler)] = routes! {
    "server/info" => info::info,
    "server/doctor" => info::doctor,
    "runtime/list" => catalogue::runtimes,
    "runtime/select" => session::select,
    "runtime/prewarm" => catalogue::prewarm,
    "engine/list" => catalogue::engines,
    "image/list" => image::list,
    "image/pull" => image::pull,
    "image/build" => image::build,
    "image/remove" => image::remove,
    "session/create" => session::create,
    "session/get" => session::get,
    "session/list" => session::list,
    "session/update" => session::update,
    "session/keepAlive" => session::keep_alive,
    "session/close" => session::close,
    "session/execute" => execution::execute,
    "session/batch" => command::batch,
    "execution/list" => execution::list,
    "execution/get" => execution::get,
    "execution/wait" => execution::wait,
    "execution/read" => execution::read,
    "execution/stdin" => execution::stdin,
    "execution/signal" => execution::signal,
    "execution/interrupt" => execution::interrupt,
    "execution/kill" => execution::kill,
    "execution/resizePty" => execution::resize,
    "context/create" => context::create,
    "context/list" => context::list,
    "context/delete" => context::delete,
    "context/restart" => context::restart,
    "context/complete" => context::complete,
    "context/inspect" => context::inspect,
    "context/variables" => context::variables,
    "fs/read" => files::read,
    "fs/write" => files::write,
    "fs/list" => files::list,
    "fs/stat" => files::stat,
    "fs/mkdir" => files::mkdir,
    "fs/copy" => files::copy,
    "fs/move" => files::rename,
    "fs/remove" => files::remove,
    "fs/diff" => change::diff,
    "fs/patch" => change::patch,
    "fs/import" => exchange::import,
    "fs/export" => exchange::export,
    "fs/glob" => find::glob,
    "fs/search" => find::search,
    "fs/watch" => watch::watch,
    "fs/unwatch" => watch::unwatch,
    "package/install" => packages::install,
    "package/list" => packages::list,
    "package/lock" => packages::lock,
    "package/audit" => packages::audit,
    "net/policy/get" => network::get,
    "net/policy/set" => network::set,
    "net/log" => network::log,
    "port/expose" => port::expose,
    "port/list" => port::list,
    "port/close" => port::close,
    "debug/start" => debug::start,
    "debug/send" => debug::send,
    "debug/list" => debug::list,
    "debug/terminate" => debug::terminate,
    "debug/breakpoints" => debug::breakpoints,
};

/// The one notification that clients send beside those of LSP.
const DEBUG_MESSAGE: &str = "debug/message";

/// The service of one connection.
pub(super) fn build(connection: impl FnOnce() -> Connection) -> LspService<Connection> {
    let mut builder = LspService::build(|_client| connection());
    for (name, handler) in ROUTES {
        builder = builder.custom_method(name, move |connection: &Connection, params: Value| {
            let connection = connection.clone();
            let call: BoxFuture<'static, jsonrpc::Result<Value>> =
                async move { call(&connection, name, *handler, params).await.map_err(fault::to_rpc) }.boxed();
            call
        });
    }
    builder = builder.custom_method(DEBUG_MESSAGE, |connection: &Connection, params: Value| {
        take_message(connection, params);
        std::future::ready(())
    });
    builder = builder.custom_method("window/workDoneProgress/cancel", |connection: &Connection, params: Value| {
        connection.editor().cancel(&params);
        std::future::ready(())
    });
    // The socket of the service's own client carries nothing: all that is sent goes by the outbox.
    let (service, _socket) = builder.finish();
    service
}

/// A notification has no answer: what can't be taken is logged.
fn take_message(connection: &Connection, params: Value) {
    let taken = connection.features().demand(Feature::Debug, DEBUG_MESSAGE).and_then(|()| parse(Some(params)));
    match taken {
        Ok(message) => debug::message(connection, message),
        Err(error) => tracing::warn!(%error, "a message to a debug adapter was dropped"),
    }
}

/// Calls a method by its name.
pub(super) async fn dispatch(connection: &Connection, name: &str, params: Value) -> Result<Value, ProtocolError> {
    match ROUTES.iter().find(|(route, _)| *route == name) {
        Some((_, handler)) => call(connection, name, *handler, params).await,
        None => Err(methods::not_found(name)),
    }
}

async fn call(connection: &Connection, name: &str, handler: Handler, params: Value) -> Result<Value, ProtocolError> {
    if let Some(feature) = methods::find(name).and_then(|method| method.feature) {
        connection.features().demand(feature, name)?;
    }
    let subject = Subject::of(connection, &params);
    match handler(connection, params).await {
        Ok(result) => Ok(result),
        Err(error) => Err(subject.explain(error).await),
    }
}

fn written<R: Serialize>(result: R) -> Result<Value, ProtocolError> {
    serde_json::to_value(result).map_err(|error| ProtocolError::new(ErrorKind::InternalError, error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::methods::{METHODS, NOTIFICATIONS};

    #[test]
    fn what_is_served_is_what_is_described() {
        let served: Vec<_> = ROUTES.iter().map(|(name, _)| *name).collect();
        assert_eq!(served, METHODS.iter().map(|method| method.name).collect::<Vec<_>>());
        let taken: Vec<_> = NOTIFICATIONS.iter().filter(|notice| notice.both_ways).map(|notice| notice.name).collect();
        assert_eq!(taken, [DEBUG_MESSAGE]);
    }
}
