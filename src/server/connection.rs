//! One client's connection: what was negotiated on it, and the LSP side of its life.

use std::sync::{Arc, OnceLock};

use lsp_types::{
    CodeLens, CodeLensParams, DidChangeTextDocumentParams, DidChangeWorkspaceFoldersParams, DidCloseTextDocumentParams,
    DidOpenTextDocumentParams, ExecuteCommandParams, Hover, HoverParams, InitializeParams, InitializeResult,
    InitializedParams, InlayHint, InlayHintParams,
};
use serde_json::Value;
use tokio::sync::oneshot;
use tower_lsp::LanguageServer;
use tower_lsp::jsonrpc;

use super::debugging::Debugging;
use super::editor::command::{self, CommandFault};
use super::editor::{Editor, contexts, lens, problems, results};
use super::notifier::Notifier;
use super::watches::Watches;
use super::{Daemon, fault, handshake};
use crate::protocol::handshake::{Features, StreamingOffer};
use crate::session::Audience;
use crate::transport::Outbox;

/// Tells, once, the process id that a client names as its own in `initialize`.
pub type ClientProcess = oneshot::Receiver<Option<u32>>;

/// The sending end of [`ClientProcess`].
pub(super) type NameProcess = oneshot::Sender<Option<u32>>;

pub(super) fn client_process() -> (NameProcess, ClientProcess) {
    oneshot::channel()
}

/// One client.
#[derive(Debug, Clone)]
pub struct Connection {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    daemon: Arc<Daemon>,
    outbox: Outbox,
    debugging: Arc<Debugging>,
    editor: Editor,
    watches: Arc<Watches>,
    features: OnceLock<Features>,
    /// What the client calls itself.
    client_name: OnceLock<String>,
    client: std::sync::Mutex<Option<NameProcess>>,
}

impl Connection {
    pub(super) fn new(daemon: Arc<Daemon>, outbox: Outbox, client: NameProcess) -> Self {
        let client = std::sync::Mutex::new(Some(client));
        let debugging = Debugging::new(outbox.clone());
        let (features, client_name) = (OnceLock::new(), OnceLock::new());
        let editor = Editor::default();
        let watches = Arc::default();
        Self { shared: Arc::new(Shared { daemon, outbox, debugging, editor, watches, features, client_name, client }) }
    }

    pub(super) fn daemon(&self) -> &Arc<Daemon> {
        &self.shared.daemon
    }

    pub(super) fn outbox(&self) -> &Outbox {
        &self.shared.outbox
    }

    /// What this client debugs.
    pub(super) fn debugging(&self) -> &Arc<Debugging> {
        &self.shared.debugging
    }

    /// What this client edits.
    pub(super) fn editor(&self) -> &Editor {
        &self.shared.editor
    }

    /// What this client has watched.
    pub(super) fn watches(&self) -> &Arc<Watches> {
        &self.shared.watches
    }

    /// What was negotiated; nothing before `initialize`, which no handler is called before.
    pub(super) fn features(&self) -> Features {
        self.shared.features.get().cloned().unwrap_or_default()
    }

    /// How output is streamed to this client, where it is.
    pub(super) fn streaming(&self) -> Option<StreamingOffer> {
        self.features().streaming
    }

    /// What the client called itself in `initialize`, if it did.
    pub(super) fn client_name(&self) -> Option<String> {
        self.shared.client_name.get().cloned()
    }

    /// Has taken up what the last daemon left, and tells this client what happens there. Nothing is told before the
    /// client has said something after `initialize`.
    fn recall(&self) {
        let streaming = self.streaming();
        let max_chunk_bytes = streaming.clone().unwrap_or_default().max_chunk_bytes as usize;
        let notifier = Notifier { outbox: self.outbox().clone(), streaming, progress: None };
        self.daemon().sessions.recall(Audience {
            client: self.client_name(),
            watcher: Arc::new(notifier.clone()),
            observer: Arc::new(notifier),
            max_chunk_bytes,
        });
    }

    /// Waits until what the last daemon left is taken up, as long as that is worth waiting for.
    pub(super) async fn recalled(&self) {
        self.recall();
        self.daemon().sessions.recalled().await;
    }

    pub(super) fn settle(&self, features: Features, process: Option<u32>, name: Option<String>) {
        // The state machine of the service lets `initialize` succeed once.
        drop(self.shared.features.set(features));
        if let Some(name) = name {
            drop(self.shared.client_name.set(name));
        }
        let client = self.shared.client.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(client) = client {
            // Nobody waits for it where the process is not watched.
            client.send(process).unwrap_or_default();
        }
    }
}

#[tower_lsp::async_trait]
impl LanguageServer for Connection {
    async fn initialize(&self, params: InitializeParams) -> jsonrpc::Result<InitializeResult> {
        handshake::shake(self, params).await.map_err(fault::to_rpc)
    }

    async fn initialized(&self, _: InitializedParams) {
        self.recall();
    }

    async fn did_open(&self, params: DidOpenTextDocumentParams) {
        self.editor().opened(&params);
    }

    async fn did_change(&self, params: DidChangeTextDocumentParams) {
        let uri = params.text_document.uri.clone();
        self.editor().changed(params);
        problems::outdated(self, uri.as_str());
    }

    async fn did_close(&self, params: DidCloseTextDocumentParams) {
        self.editor().closed(&params);
        contexts::close(self, params.text_document.uri.as_str());
    }

    async fn did_change_workspace_folders(&self, params: DidChangeWorkspaceFoldersParams) {
        self.editor().changed_folders(&params);
    }

    async fn code_lens(&self, params: CodeLensParams) -> jsonrpc::Result<Option<Vec<CodeLens>>> {
        Ok(Some(lens::lenses(self, &params).await))
    }

    async fn inlay_hint(&self, params: InlayHintParams) -> jsonrpc::Result<Option<Vec<InlayHint>>> {
        Ok(Some(results::hints(self, &params)))
    }

    async fn hover(&self, params: HoverParams) -> jsonrpc::Result<Option<Hover>> {
        Ok(results::hover(self, &params))
    }

    async fn execute_command(&self, params: ExecuteCommandParams) -> jsonrpc::Result<Option<Value>> {
        command::execute(self, params).await.map_err(|fault| match fault {
            CommandFault::Cancelled => jsonrpc::Error::request_cancelled(),
            CommandFault::Refused(error) => fault::to_rpc(error),
        })
    }

    async fn shutdown(&self) -> jsonrpc::Result<()> {
        self.daemon().debugs.close_all().await;
        self.daemon().sessions.close_all().await;
        Ok(())
    }
}
