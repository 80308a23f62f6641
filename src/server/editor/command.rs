//! `workspace/executeCommand`: from a command's name to what it does.

use lsp_types::ExecuteCommandParams;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{cells, contexts, debug, run, sessions};
use crate::protocol::editor::{
    CALL, CLOSE_SESSION, COMMANDS, CallCommand, DEBUG, NEW_SESSION, RESTART_CONTEXT, RUN, RUN_CELL, STOP,
};
use crate::protocol::handshake::Feature;
use crate::protocol::{Cancel, ErrorKind, ProtocolError, methods, parse};
use crate::server::connection::Connection;
use crate::server::router;
use crate::transport::current;

/// Does it. Giving the request up gives up what it waits for, but for a method that ends what it began.
pub(in crate::server) async fn execute(
    connection: &Connection,
    params: ExecuteCommandParams,
) -> Result<Option<Value>, CommandFault> {
    let name = params.command.clone();
    let argument = argument(params)?;
    let is_graceful = name == CALL
        && argument
            .get("method")
            .and_then(Value::as_str)
            .and_then(methods::find)
            .is_some_and(|method| method.cancel == Cancel::Graceful);
    let done = dispatch(connection, &name, argument);
    match current().filter(|_| !is_graceful) {
        None => Ok(Some(done.await?)),
        Some(request) => tokio::select! {
            biased;
            () = request.cancellation().cancelled() => Err(CommandFault::Cancelled),
            done = done => Ok(Some(done?)),
        },
    }
}

/// Why a command was not done.
pub(in crate::server) enum CommandFault {
    /// The client gave it up.
    Cancelled,
    /// It was refused.
    Refused(ProtocolError),
}

impl From<ProtocolError> for CommandFault {
    fn from(error: ProtocolError) -> Self {
        Self::Refused(error)
    }
}

/// The one argument of a command; without it, one without fields.
fn argument(params: ExecuteCommandParams) -> Result<Map<String, Value>, ProtocolError> {
    let mut arguments = params.arguments.into_iter();
    match (arguments.next(), arguments.next()) {
        (None | Some(Value::Null), None) => Ok(Map::new()),
        (Some(Value::Object(argument)), None) => Ok(argument),
        _ => {
            let message = "arguments: a command takes one argument, which is an object";
            Err(ProtocolError::invalid_params("arguments", message))
        }
    }
}

async fn dispatch(connection: &Connection, name: &str, argument: Map<String, Value>) -> Result<Value, ProtocolError> {
    match name {
        RUN => written(&run::run(connection, read(argument)?).await?),
        RUN_CELL => {
            connection.features().demand(Feature::Contexts, RUN_CELL)?;
            written(&cells::run(connection, read(argument)?).await?)
        }
        RESTART_CONTEXT => {
            connection.features().demand(Feature::Contexts, RESTART_CONTEXT)?;
            written(&contexts::restart(connection, read(argument)?).await?)
        }
        DEBUG => {
            connection.features().demand(Feature::Debug, DEBUG)?;
            written(&debug::ready(connection, read(argument)?).await?)
        }
        STOP => written(&sessions::stop(connection, &read(argument)?)),
        NEW_SESSION => written(&sessions::new_session(connection, argument).await?),
        CLOSE_SESSION => written(&sessions::close_session(connection, read(argument)?).await?),
        CALL => {
            let CallCommand { method, params } = read(argument)?;
            router::dispatch(connection, &method, Value::Object(params)).await
        }
        _ => {
            let names: Vec<_> = COMMANDS.iter().map(|command| command.name).collect();
            Err(ProtocolError::invalid_params("command", format!("command: there is no command {name:?}"))
                .hint(format!("the commands are {}", names.join(", "))))
        }
    }
}

/// Reads an argument as strictly as parameters are read.
fn read<T: DeserializeOwned>(argument: Map<String, Value>) -> Result<T, ProtocolError> {
    parse(Some(Value::Object(argument))).map_err(|mut error: ProtocolError| {
        error.data.path = error.data.path.map(|path| format!("arguments[0].{path}"));
        error
    })
}

fn written<R: Serialize>(result: &R) -> Result<Value, ProtocolError> {
    serde_json::to_value(result).map_err(|error| ProtocolError::new(ErrorKind::InternalError, error.to_string()))
}
