//! `session/execute` and `execution/*`.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::session::{engine_in, find};
use super::{cell, command};
use crate::agent::wire::{Reach, TerminalSize};
use crate::execution::{Execution, ExecutionError, OutputStream, Phase};
use crate::ids::ExecutionId;
use crate::protocol::catalogue::Done;
use crate::protocol::execution::{
    ExecuteAnswer, ExecuteParams, ExecuteResult, ExecutionListParams, ExecutionListResult, ExecutionReadParams,
    ExecutionReadResult, ExecutionRef, PtySize, ResizeParams, SignalParams, StdinMode, StdinParams, StdinResult,
    Stream, WaitParams, WaitResult,
};
use crate::protocol::handshake::{Feature, StreamingOffer};
use crate::protocol::limits::{ExecutionLimits, OnOutputLimit};
use crate::protocol::source::{Runnable, Source as AskedSource};
use crate::protocol::{self, ErrorKind, ProtocolError, WantedEncoding};
use crate::server::connection::Connection;
use crate::server::notifier::Notifier;
use crate::server::{convert, fault};
use crate::session::{Run, RunLimits, Session, Source, Stdin};
use crate::transport::current;

/// The most bytes that one `execution/read` answers.
const MAX_READ_BYTES: u64 = 1 << 20;

/// Input is handed over in pieces, so that a cancelled request can say how much was taken.
const STDIN_PIECE_BYTES: usize = 16 * 1024;

async fn known(connection: &Connection, id: &str) -> Result<Arc<Execution>, ProtocolError> {
    let (id, sessions) = (ExecutionId::from(id.to_owned()), &connection.daemon().sessions);
    if let Some(execution) = sessions.execution(&id) {
        return Ok(execution);
    }
    // It may be just being taken up with its session.
    connection.recalled().await;
    sessions.execution(&id).ok_or_else(|| fault::of_execution(ExecutionError::NotFound(id)))
}

pub(in crate::server) async fn execute(
    connection: &Connection,
    mut params: ExecuteParams,
) -> Result<ExecuteAnswer, ProtocolError> {
    match (params.source.take(), params.command.take()) {
        (Some(source), None) => {
            Ok(ExecuteAnswer::Execution(Box::new(execute_source(connection, source, params).await?)))
        }
        (None, Some(asked)) => {
            find(connection, &params.session_id).await?;
            goes_with_source_alone(&params)?;
            Ok(ExecuteAnswer::Command(Box::new(command::run(connection, &params.session_id, &asked).await)))
        }
        (None, None) => Err(ProtocolError::invalid_params("source", "source: missing, and there is no `command`")),
        (Some(_), Some(_)) => Err(ProtocolError::invalid_params("command", "command: excludes `source`")),
    }
}

/// Refuses what says how a program runs, where none is named.
fn goes_with_source_alone(params: &ExecuteParams) -> Result<(), ProtocolError> {
    let given = [
        ("stdin", params.stdin != StdinMode::None),
        ("stdinText", params.stdin_text.is_some()),
        ("pty", params.pty.is_some()),
        ("timeoutMs", params.timeout_ms.is_some()),
        ("limits", params.limits != ExecutionLimits::default()),
        ("wait", !params.wait),
        ("debuggable", params.debuggable),
    ];
    match given.into_iter().find(|(_, given)| *given) {
        Some((field, _)) => {
            Err(ProtocolError::invalid_params(field, format!("{field}: goes with `source`, not with `command`")))
        }
        None => Ok(()),
    }
}

async fn execute_source(
    connection: &Connection,
    source: AskedSource,
    params: ExecuteParams,
) -> Result<ExecuteResult, ProtocolError> {
    let session = find(connection, &params.session_id).await?;
    let streaming = connection.streaming();
    let notifier = Notifier {
        outbox: connection.outbox().clone(),
        streaming: streaming.clone(),
        progress: params.work_done_token.clone(),
    };
    let wait = params.wait;
    if let Runnable::Cell { .. } = source.what {
        return cell::execute(connection, &session, source, params, notifier).await;
    }
    let (debuggable, uri) = (params.debuggable, document(&source.what).map(str::to_owned));
    let run = run(connection, &session, source, params, &streaming.unwrap_or_default())?;
    session.know_engine(&run.source).await.map_err(fault::of_session)?;
    let observer = Arc::new(notifier.clone());
    let execution = if debuggable {
        let debugs = &connection.daemon().debugs;
        let run = debugs.debuggable(&session, run, uri.as_deref()).map_err(fault::of_debuggable)?;
        debugs.execute(&session, run, observer)
    } else {
        session.execute(run, observer)
    };
    let execution = execution.map_err(fault::of_session)?;
    answer(&execution, &notifier, wait).await
}

/// The answer to a request that has begun an execution.
pub(super) async fn answer(
    execution: &Execution,
    notifier: &Notifier,
    wait: bool,
) -> Result<ExecuteResult, ProtocolError> {
    let execution_id = execution.id.to_string();
    if !wait {
        return Ok(ExecuteResult { execution_id, ending: None });
    }
    let progress = notifier.begin(&format!("Running {}", execution.argv.join(" ")));
    let ended = match current() {
        None => execution.ended().await,
        Some(request) => tokio::select! {
            ended = execution.ended() => ended,
            () = request.cancellation().cancelled() => {
                execution.cancel();
                execution.ended().await
            }
        },
    };
    let ended = ended.map_err(|error| fault::of_execution(error).execution(&execution_id));
    progress.end(if ended.is_ok() { "ended" } else { "refused" }).await;
    Ok(ExecuteResult { execution_id, ending: Some(convert::full_ending(execution, &ended?)) })
}

fn run(
    connection: &Connection,
    session: &Session,
    asked: AskedSource,
    params: ExecuteParams,
    streaming: &StreamingOffer,
) -> Result<Run, ProtocolError> {
    let stdin = stdin_of(connection, params.stdin, params.stdin_text, params.pty)?;
    let AskedSource { what, args, engine_args, cwd, env } = asked;
    let limits = params.limits;
    Ok(Run {
        id: None,
        source: source(session, what)?,
        args,
        engine_args,
        cwd,
        env: env.0,
        stdin,
        side: false,
        limits: RunLimits {
            memory_bytes: limits.memory_bytes.map(Into::into),
            cpu: limits.cpu,
            pids: limits.pids.map(Into::into),
            disk_bytes: limits.disk_bytes,
            output_bytes: limits.output_bytes,
            open_files: limits.open_files.map(Into::into),
            timeout: params.timeout_ms.map(|ms| Duration::from_millis(ms.get())),
            stop_at_output_limit: limits.on_output_limit == OnOutputLimit::Kill,
        },
        max_chunk_bytes: streaming.max_chunk_bytes as usize,
    })
}

/// Where a program's standard input comes from.
pub(in crate::server) fn stdin_of(
    connection: &Connection,
    mode: StdinMode,
    text: Option<String>,
    pty: Option<PtySize>,
) -> Result<Stdin, ProtocolError> {
    let text = text.map(Bytes::from);
    if pty.is_some() && mode != StdinMode::Pty {
        let message = "pty: goes with `stdin: \"pty\"` alone";
        return Err(ProtocolError::invalid_params("pty", message));
    }
    match mode {
        StdinMode::None if text.is_some() => {
            let message = "stdinText: needs `stdin` to be \"text\", \"stream\" or \"pty\"";
            Err(ProtocolError::invalid_params("stdinText", message))
        }
        StdinMode::None => Ok(Stdin::None),
        StdinMode::Text => Ok(Stdin::Text(text.unwrap_or_default())),
        StdinMode::Stream => {
            connection.features().demand(Feature::Stdin, "`stdin: \"stream\"`")?;
            Ok(Stdin::Stream(text.unwrap_or_default()))
        }
        StdinMode::Pty => {
            connection.features().demand(Feature::Pty, "`stdin: \"pty\"`")?;
            let size = pty.map_or(TerminalSize { cols: 80, rows: 24 }, terminal_size);
            Ok(Stdin::Pty(size, text.unwrap_or_default()))
        }
    }
}

fn terminal_size(PtySize { cols, rows }: PtySize) -> TerminalSize {
    TerminalSize { cols: cols.get(), rows: rows.get() }
}

/// The document that code is of.
fn document(what: &Runnable) -> Option<&str> {
    match what {
        Runnable::Code { uri, .. } | Runnable::Cell { uri, .. } => uri.as_deref(),
        Runnable::File { .. } | Runnable::Program { .. } => None,
    }
}

fn source(session: &Session, what: Runnable) -> Result<Source, ProtocolError> {
    let engine = |language: Option<&str>| engine_in(session, language).map_err(|error| error.at("source.language"));
    Ok(match what {
        Runnable::Code { code, language, uri } => {
            let name = uri.as_deref().map(file_name).transpose()?;
            let engine = engine(language.as_deref())?;
            let of_language = || Some(engine?.file_name(Some(language.as_deref()?)));
            Source::Code { text: code.into(), engine, name: name.or_else(of_language) }
        }
        Runnable::File { path, language } => Source::File { path, engine: engine(language.as_deref())? },
        Runnable::Program { program } => Source::Program(program),
        // It is run elsewhere.
        Runnable::Cell { .. } => {
            return Err(ProtocolError::invalid_params("source.contextId", "source.contextId: it can't go here"));
        }
    })
}

/// The name that code goes by: the last part of the URI of the document that it is of.
pub(in crate::server) fn file_name(uri: &str) -> Result<String, ProtocolError> {
    let refuse = |why: &str| ProtocolError::invalid_params("source.uri", format!("source.uri: {why}"));
    let url = lsp_types::Url::parse(uri).map_err(|error| refuse(&format!("not a URI: {error}")))?;
    // Documents of other schemes have names too, such as `untitled:Untitled-1`.
    let path = convert::file_path(&format!("file:///{}", url.path().trim_start_matches('/')), "source.uri")?;
    let name = path.file_name().and_then(|name| name.to_str());
    name.map(str::to_owned).ok_or_else(|| refuse("it names no file"))
}

pub(in crate::server) async fn list(
    connection: &Connection,
    params: ExecutionListParams,
) -> Result<ExecutionListResult, ProtocolError> {
    let sessions = match params.session_id {
        Some(id) => vec![find(connection, &id).await?],
        None => connection.daemon().sessions.list(),
    };
    let executions = sessions.iter().flat_map(|session| session.executions());
    Ok(ExecutionListResult { executions: executions.map(|execution| convert::execution(&execution)).collect() })
}

pub(in crate::server) async fn get(
    connection: &Connection,
    params: ExecutionRef,
) -> Result<protocol::execution::Execution, ProtocolError> {
    Ok(convert::execution(&*known(connection, &params.execution_id).await?))
}

pub(in crate::server) async fn wait(connection: &Connection, params: WaitParams) -> Result<WaitResult, ProtocolError> {
    let execution = known(connection, &params.execution_id).await?;
    let ended = execution.ended();
    let ended = match params.timeout_ms {
        None => Some(ended.await),
        Some(ms) => tokio::time::timeout(Duration::from_millis(ms), ended).await.ok(),
    };
    let refused = |error| fault::of_execution(error).execution(&params.execution_id);
    let summary = ended.transpose().map_err(refused)?;
    Ok(WaitResult {
        execution_id: params.execution_id.clone(),
        running: summary.is_none(),
        ending: summary.map(|summary| convert::full_ending(&execution, &summary)),
    })
}

pub(in crate::server) async fn read(
    connection: &Connection,
    params: ExecutionReadParams,
) -> Result<ExecutionReadResult, ProtocolError> {
    let execution = known(connection, &params.execution_id).await?;
    let stream = match (params.stream, execution.has_terminal) {
        (Stream::Pty, true) => OutputStream::Pty,
        (Stream::Stdout, false) => OutputStream::Stdout,
        (Stream::Stderr, false) => OutputStream::Stderr,
        (_, has_terminal) => {
            let message = if has_terminal { "it has a terminal: read `pty`" } else { "it has no terminal" };
            return Err(ProtocolError::new(ErrorKind::ValidationFailed, format!("stream: {message}")).at("stream"));
        }
    };
    let max = params.max_bytes.clamp(4, MAX_READ_BYTES) as usize;
    let mut piece = execution.read(stream, params.offset, max, Duration::from_millis(params.wait_ms)).await;
    let tail = crate::execution::chunk::incomplete_tail(&piece.bytes);
    if tail < piece.bytes.len() && !piece.is_end {
        piece.bytes.truncate(piece.bytes.len() - tail);
    }
    let next_offset = piece.offset + piece.bytes.len() as u64;
    let encoded = WantedEncoding::Auto.encode(piece.bytes);
    let (data, encoding) = encoded.ok_or_else(|| ProtocolError::new(ErrorKind::InternalError, "not encodable"))?;
    Ok(ExecutionReadResult {
        data,
        encoding,
        offset: piece.offset,
        next_offset,
        eof: piece.is_end,
        lost_bytes: piece.lost,
    })
}

pub(in crate::server) async fn stdin(
    connection: &Connection,
    params: StdinParams,
) -> Result<StdinResult, ProtocolError> {
    let execution = known(connection, &params.execution_id).await?;
    let data = params.encoding.decode(params.data, "data")?;
    let cancelled = async {
        match current() {
            Some(request) => request.cancellation().cancelled().await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(cancelled);
    let mut accepted_bytes = 0;
    let stdin = tokio::select! {
        biased;
        stdin = execution.stdin() => stdin.map_err(fault::of_execution)?,
        () = &mut cancelled => return Ok(StdinResult { accepted_bytes }),
    };
    if data.is_empty() && !params.eof {
        // Nothing to write still tells whether writing would work.
        stdin.write(&[]).await.map_err(fault::of_execution)?;
    }
    for piece in data.chunks(STDIN_PIECE_BYTES) {
        tokio::select! {
            biased;
            () = &mut cancelled => return Ok(StdinResult { accepted_bytes }),
            written = stdin.write(piece) => written.map_err(fault::of_execution)?,
        }
        accepted_bytes += piece.len() as u64;
    }
    if params.eof {
        stdin.close().await.map_err(fault::of_execution)?;
    }
    Ok(StdinResult { accepted_bytes })
}

pub(in crate::server) async fn signal(connection: &Connection, params: SignalParams) -> Result<Done, ProtocolError> {
    let execution = known(connection, &params.execution_id).await?;
    execution.signal(params.signal.number(), Reach::Tree).await.map_err(fault::of_execution)?;
    Ok(Done {})
}

pub(in crate::server) async fn interrupt(connection: &Connection, params: ExecutionRef) -> Result<Done, ProtocolError> {
    let execution = known(connection, &params.execution_id).await?;
    execution.interrupt().await.map_err(fault::of_execution)?;
    Ok(Done {})
}

pub(in crate::server) async fn kill(connection: &Connection, params: ExecutionRef) -> Result<Done, ProtocolError> {
    let execution = known(connection, &params.execution_id).await?;
    if execution.is_over() {
        return Err(fault::of_execution(ExecutionError::NotRunning(execution.id.clone())));
    }
    execution.kill();
    // It is over; what came of it is for those who wait for that.
    drop(execution.ended().await);
    Ok(Done {})
}

pub(in crate::server) async fn resize(connection: &Connection, params: ResizeParams) -> Result<Done, ProtocolError> {
    let execution = known(connection, &params.execution_id).await?;
    if !execution.has_terminal {
        let message = "the execution has no terminal";
        return Err(ProtocolError::new(ErrorKind::ValidationFailed, message)
            .execution(params.execution_id)
            .hint("run it with `stdin: \"pty\"`"));
    }
    if matches!(execution.phase(), Phase::Queued) {
        return Err(fault::of_execution(ExecutionError::NotRunning(execution.id.clone())));
    }
    let size = terminal_size(PtySize { cols: params.cols, rows: params.rows });
    execution.resize(size).await.map_err(fault::of_execution)?;
    Ok(Done {})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_goes_by_the_name_of_its_document() {
        let names = [
            ("file:///home/a%20b/x%20y.py", "x y.py"),
            ("file:///C:/Users/x.py", "x.py"),
            ("file:///a/b%2Fc.py", "c.py"),
            ("untitled:Untitled-1", "Untitled-1"),
            ("vscode-notebook-cell:/home/n.ipynb#W0", "n.ipynb"),
            ("ssh://host/home/h%C3%A9.py", "h\u{e9}.py"),
        ];
        for (uri, name) in names {
            assert_eq!(file_name(uri).unwrap(), name, "{uri}");
        }
        for uri in ["x.py", "file:///", "untitled:", "file:///a/.."] {
            assert_eq!(file_name(uri).unwrap_err().data.path.as_deref(), Some("source.uri"), "{uri}");
        }
    }
}
