//! Keeps open documents and folders as the client says that they are.

use std::path::PathBuf;

use lsp_types::{
    DidChangeTextDocumentParams, DidChangeWorkspaceFoldersParams, DidCloseTextDocumentParams,
    DidOpenTextDocumentParams, InitializeParams, Url,
};

use super::Editor;
use crate::documents::{Change, Position};

/// Folders that are kept.
const MAX_FOLDERS: usize = 100;

impl Editor {
    /// `textDocument/didOpen`.
    pub(in crate::server) fn opened(&self, params: &DidOpenTextDocumentParams) {
        let document = &params.text_document;
        self.documents().open(document.uri.as_str(), &document.language_id, &document.text);
    }

    /// `textDocument/didChange`.
    pub(in crate::server) fn changed(&self, params: DidChangeTextDocumentParams) {
        self.results().edited(params.text_document.uri.as_str(), &params.content_changes);
        let place = |at: lsp_types::Position| Position { line: at.line, character: at.character };
        let changes = params.content_changes.into_iter().map(|change| Change {
            range: change.range.map(|range| (place(range.start), place(range.end))),
            text: change.text,
        });
        let encoding = self.facts().encoding;
        self.documents().change(params.text_document.uri.as_str(), changes.collect(), encoding);
    }

    /// `textDocument/didClose`.
    pub(in crate::server) fn closed(&self, params: &DidCloseTextDocumentParams) {
        self.documents().close(params.text_document.uri.as_str());
        self.results().forget(params.text_document.uri.as_str());
    }

    /// `workspace/didChangeWorkspaceFolders`.
    pub(in crate::server) fn changed_folders(&self, params: &DidChangeWorkspaceFoldersParams) {
        let removed: Vec<_> = params.event.removed.iter().filter_map(|folder| path(&folder.uri)).collect();
        let mut folders = self.folders();
        folders.retain(|folder| !removed.contains(folder));
        folders.extend(params.event.added.iter().filter_map(|folder| path(&folder.uri)));
        folders.truncate(MAX_FOLDERS);
    }
}

/// The folders that a client begins with.
pub(super) fn folders(params: &InitializeParams) -> Vec<PathBuf> {
    let folders = params.workspace_folders.iter().flatten().map(|folder| &folder.uri);
    let mut folders: Vec<_> = folders.filter_map(path).take(MAX_FOLDERS).collect();
    #[allow(deprecated, reason = "clients that know no folders say their root in this way alone")]
    if folders.is_empty() {
        folders.extend(params.root_uri.as_ref().and_then(path));
    }
    folders
}

fn path(uri: &Url) -> Option<PathBuf> {
    if uri.scheme() == "file" { uri.to_file_path().ok() } else { None }
}
