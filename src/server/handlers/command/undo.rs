//! What an atomic batch has to put back: what was where each of its commands writes, noted before it does.
//!
//! It is kept in the daemon, out of reach of programs, and bounded. Only what files are is put back: their contents and
//! permissions, and that they were not there; neither their times, nor what others do to the same files meanwhile.

use serde_json::{Value, json};

use super::{Asking, patch};
use crate::protocol::command::{Command, CommandType};
use crate::protocol::{ErrorKind, ProtocolError};

/// The most bytes that are kept of files.
const MOST_BYTES: u64 = 64 << 20;

/// What one answer of `fs/read` carries.
const PIECE_BYTES: u64 = 4 << 20;

/// What is to be done to have the files as they were, the last first.
#[derive(Default)]
pub(super) struct Undo {
    steps: Vec<Step>,
    bytes: u64,
}

enum Step {
    /// It was not there.
    Remove { path: String },
    /// It had this in it.
    Write { path: String, pieces: Vec<Value>, permissions: Value },
}

impl Undo {
    /// Notes what is where a command writes.
    pub(super) async fn note(&mut self, asking: &Asking<'_>, command: &Command) -> Result<(), ProtocolError> {
        let path = match command.kind {
            CommandType::WriteFile | CommandType::CreateDir | CommandType::DeleteFile => command.path.as_deref(),
            CommandType::CopyFile => command.destination.as_deref(),
            CommandType::ApplyPatch if !command.dry_run.unwrap_or(false) => {
                let planned = asking.ask("fs/patch", patch(command, true)?).await?;
                for file in planned["files"].as_array().into_iter().flatten() {
                    for path in [&file["path"], &file["oldPath"]].into_iter().filter_map(Value::as_str) {
                        self.note_path(asking, path, false).await?;
                    }
                }
                None
            }
            _ => None,
        };
        match path {
            Some(path) => self.note_path(asking, path, command.kind == CommandType::CreateDir).await,
            None => Ok(()),
        }
    }

    async fn note_path(&mut self, asking: &Asking<'_>, path: &str, may_be_there: bool) -> Result<(), ProtocolError> {
        let found = match asking.ask("fs/stat", json!({"path": path})).await {
            Ok(found) => found,
            Err(error) if error.kind() == ErrorKind::FileNotFound => {
                let path = first_missing(asking, path).await?;
                self.steps.push(Step::Remove { path });
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        if may_be_there && found["type"] == "directory" {
            return Ok(());
        }
        if found["type"] != "file" {
            let message = format!("{path}: only files can be put back, and this is none");
            let hint = "do it in a batch that is not `atomic`";
            return Err(ProtocolError::new(ErrorKind::ValidationFailed, message).hint(hint));
        }
        let size = found["size"].as_u64().unwrap_or(u64::MAX);
        self.bytes = self.bytes.saturating_add(size);
        if self.bytes > MOST_BYTES {
            let message = format!("{path}: an atomic batch keeps no more than {MOST_BYTES} bytes of what it changes");
            return Err(ProtocolError::new(ErrorKind::TooLarge, message).hint("do it in a batch that is not `atomic`"));
        }
        let mut pieces = Vec::new();
        let mut offset = 0;
        loop {
            let order = json!({"path": path, "offset": offset, "length": PIECE_BYTES, "encoding": "base64"});
            let mut read = asking.ask("fs/read", order).await?;
            offset += read["bytes"].as_u64().unwrap_or(0);
            pieces.push(read["data"].take());
            // A program may write to it while it is read.
            if read["eof"] == true || offset > size || pieces.len() as u64 > MOST_BYTES / PIECE_BYTES {
                break;
            }
        }
        let permissions = found["permissions"].clone();
        self.steps.push(Step::Write { path: path.to_owned(), pieces, permissions });
        Ok(())
    }

    /// Has all of it as it was, and says what is not.
    pub(super) async fn roll_back(self, asking: &Asking<'_>) -> Vec<String> {
        let mut left = Vec::new();
        for step in self.steps.into_iter().rev() {
            let (path, done) = match step {
                Step::Remove { path } => {
                    let removed = asking.ask("fs/remove", json!({"path": path, "recursive": true})).await;
                    let is_gone = matches!(&removed, Err(error) if error.kind() == ErrorKind::FileNotFound);
                    (path, is_gone || removed.is_ok())
                }
                Step::Write { path, pieces, permissions } => {
                    let done = write(asking, &path, pieces, &permissions).await;
                    (path, done.is_ok())
                }
            };
            if !done {
                left.push(path);
            }
        }
        left
    }
}

async fn write(asking: &Asking<'_>, path: &str, pieces: Vec<Value>, permissions: &Value) -> Result<(), ProtocolError> {
    for (number, data) in pieces.into_iter().enumerate() {
        let mode = if number == 0 { "replace" } else { "append" };
        let order = json!({"path": path, "data": data, "encoding": "base64", "mode": mode, "permissions": permissions});
        asking.ask("fs/write", order).await?;
    }
    Ok(())
}

/// The uppermost directory on the way to a path that is not there, or the path itself.
async fn first_missing(asking: &Asking<'_>, path: &str) -> Result<String, ProtocolError> {
    let mut missing = path.trim_end_matches('/').to_owned();
    while let Some(slash) = missing.rfind('/').filter(|slash| *slash > 0) {
        match asking.ask("fs/stat", json!({"path": &missing[..slash]})).await {
            Ok(_) => break,
            Err(error) if error.kind() == ErrorKind::FileNotFound => missing.truncate(slash),
            Err(error) => return Err(error),
        }
    }
    Ok(missing)
}
