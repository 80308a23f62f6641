//! The Language Server Protocol's own surface: open documents, code lenses and commands, for editors that know
//! nothing of codebeaker.
//!
//! What is run here is run by the same sessions and executions as every other request. A client that says nothing
//! of codebeaker is *plain*: it is told by messages and progress of LSP's own what others are told by
//! `execution/*`. Nothing of a document's text leaves for anywhere but the sandbox it runs in.

mod cells;
pub(super) mod command;
pub(super) mod contexts;
mod debug;
mod follow;
pub(super) mod lens;
mod place;
pub(super) mod problems;
mod report;
pub(super) mod results;
mod run;
mod sessions;
mod sync;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use lsp_types::{
    CodeLensOptions, ExecuteCommandOptions, HoverProviderCapability, InitializeParams, OneOf, PositionEncodingKind,
    ServerCapabilities, TextDocumentSyncCapability, TextDocumentSyncKind, TextDocumentSyncOptions,
    WorkDoneProgressOptions, WorkspaceFoldersServerCapabilities, WorkspaceServerCapabilities,
};
use serde_json::Value;

use crate::documents::{Documents, Encoding};
use crate::execution::Execution;
use crate::ids::SessionId;
use crate::protocol::editor::COMMANDS;
use contexts::Seat;
use results::Results;

/// What a client said of itself as an editor.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Facts {
    /// It says nothing of codebeaker.
    pub(super) plain: bool,
    /// How it counts characters.
    encoding: Encoding,
    /// It shows progress that it didn't ask for.
    progress: bool,
    /// It shows what is wrong with documents.
    diagnostics: bool,
    /// And where else to look.
    related: bool,
    /// It asks again for inlay hints when it is told to.
    refreshes: bool,
}

/// A run that has not ended.
#[derive(Debug, Clone)]
struct Running {
    uri: String,
    execution: Arc<Execution>,
}

/// What one client edits and runs.
#[derive(Debug, Default)]
pub(super) struct Editor {
    facts: OnceLock<Facts>,
    documents: Mutex<Documents>,
    folders: Mutex<Vec<PathBuf>>,
    /// The session that runs go to.
    session: Mutex<Option<SessionId>>,
    /// What runs, by the token of its progress.
    running: Mutex<BTreeMap<String, Running>>,
    /// The live interpreters of documents.
    interpreters: Mutex<BTreeMap<String, Seat>>,
    /// What came of the code of documents.
    results: Mutex<Results>,
    /// Documents that problems are shown in, and the document whose run they came of.
    marked: Mutex<BTreeMap<String, String>>,
}

impl Facts {
    /// Reads them off `initialize`. `plain` is whether it says nothing of codebeaker.
    pub(super) fn read(params: &InitializeParams, plain: bool) -> Self {
        let capabilities = &params.capabilities;
        let encodings = capabilities.general.as_ref().and_then(|general| general.position_encodings.as_ref());
        let has_utf8 = encodings.is_some_and(|encodings| encodings.contains(&PositionEncodingKind::UTF8));
        let progress = capabilities.window.as_ref().and_then(|window| window.work_done_progress);
        let documents = capabilities.text_document.as_ref();
        let diagnostics = documents.and_then(|documents| documents.publish_diagnostics.as_ref());
        let hints = capabilities.workspace.as_ref().and_then(|workspace| workspace.inlay_hint.as_ref());
        Self {
            plain,
            encoding: if has_utf8 { Encoding::Utf8 } else { Encoding::Utf16 },
            progress: progress.unwrap_or(false),
            diagnostics: diagnostics.is_some(),
            related: diagnostics.and_then(|them| them.related_information).unwrap_or(false),
            refreshes: hints.and_then(|hints| hints.refresh_support).unwrap_or(false),
        }
    }

    /// What the daemon can do for it.
    pub(super) fn capabilities(self) -> ServerCapabilities {
        let encoding = match self.encoding {
            Encoding::Utf8 => PositionEncodingKind::UTF8,
            Encoding::Utf16 => PositionEncodingKind::UTF16,
        };
        let sync = TextDocumentSyncOptions {
            open_close: Some(true),
            change: Some(TextDocumentSyncKind::INCREMENTAL),
            ..TextDocumentSyncOptions::default()
        };
        let folders =
            WorkspaceFoldersServerCapabilities { supported: Some(true), change_notifications: Some(OneOf::Left(true)) };
        ServerCapabilities {
            position_encoding: Some(encoding),
            text_document_sync: Some(TextDocumentSyncCapability::Options(sync)),
            code_lens_provider: Some(CodeLensOptions { resolve_provider: Some(false) }),
            execute_command_provider: Some(ExecuteCommandOptions {
                commands: COMMANDS.iter().map(|command| command.name.to_owned()).collect(),
                work_done_progress_options: WorkDoneProgressOptions::default(),
            }),
            inlay_hint_provider: self.plain.then_some(OneOf::Left(true)),
            hover_provider: self.plain.then_some(HoverProviderCapability::Simple(true)),
            workspace: Some(WorkspaceServerCapabilities { workspace_folders: Some(folders), file_operations: None }),
            ..ServerCapabilities::default()
        }
    }
}

impl Editor {
    /// What its client said; nothing before `initialize`.
    pub(super) fn facts(&self) -> Facts {
        self.facts.get().copied().unwrap_or_default()
    }

    /// Notes what its client said. The first time counts.
    pub(super) fn settle(&self, facts: Facts, params: &InitializeParams) {
        self.facts.set(facts).unwrap_or_default();
        *self.folders() = sync::folders(params);
    }

    /// `window/workDoneProgress/cancel`: stops the run that this progress is of.
    pub(super) fn cancel(&self, params: &Value) {
        // The tokens that the daemon makes are strings.
        let token = params.get("token").and_then(Value::as_str).unwrap_or_default();
        if let Some(running) = self.running().get(token) {
            running.execution.cancel();
        }
    }

    fn documents(&self) -> MutexGuard<'_, Documents> {
        self.documents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn folders(&self) -> MutexGuard<'_, Vec<PathBuf>> {
        self.folders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn session(&self) -> MutexGuard<'_, Option<SessionId>> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn interpreters(&self) -> MutexGuard<'_, BTreeMap<String, Seat>> {
        self.interpreters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn results(&self) -> MutexGuard<'_, Results> {
        self.results.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn marked(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.marked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<String, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
