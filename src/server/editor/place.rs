//! Where a document runs: in which session, and as which file of it.
//!
//! A folder is shown to a sandbox so that the program can't change it, and there the open documents are written
//! over what the disk has: what runs is what the editor shows, with all that it imports, and nothing of the user's
//! is touched. A directory that a session may write to is never written to here.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use lsp_types::Url;

use crate::agent::wire::Existing;
use crate::documents::Unkept;
use crate::engine::{self, Engine};
use crate::files::{self, FilesError, WriteOptions};
use crate::protocol::editor::OwnSession;
use crate::protocol::session::CreateParams;
use crate::protocol::{ErrorKind, ProtocolError};
use crate::runtime::Workspace;
use crate::server::connection::Connection;
use crate::server::fault;
use crate::server::handlers::session::{engine as engine_of, find, new_session};
use crate::session::{NewSession, Session, Source, Usable, Watcher};

/// A document that a command is about.
pub(super) struct Subject {
    pub(super) uri: Url,
    /// Where it is on this machine, or is going to be when it is saved.
    pub(super) path: Option<PathBuf>,
    /// Its text, where it is open.
    pub(super) text: Option<String>,
    /// Engines that would do, the preferred first; never none.
    pub(super) engines: Vec<&'static Engine>,
    /// Its language, where that was said.
    language: Option<String>,
}

impl Subject {
    /// Finds it. `language` and `engine` are what the command says.
    pub(super) fn find(
        connection: &Connection,
        uri: &str,
        language: Option<&str>,
        engine: Option<&str>,
    ) -> Result<Self, ProtocolError> {
        let invalid = |why: String| ProtocolError::invalid_params("uri", format!("uri: {why}"));
        let uri = Url::parse(uri).map_err(|error| invalid(format!("not a URI: {error}")))?;
        let (text, said) = {
            let documents = connection.editor().documents();
            let open = documents.get(uri.as_str()).map_err(unkept)?;
            let text = open.map(|document| document.text().map_err(unkept)).transpose()?;
            (text, open.map(|document| document.language.clone()))
        };
        let path = if uri.scheme() == "file" { uri.to_file_path().ok() } else { None };
        if text.is_none() && path.is_none() {
            return Err(invalid("it is not open in the editor, and names no file of this machine".to_owned()));
        }
        let named = engine_of(engine, language)?;
        let language = language.or(said.as_deref().filter(|said| engine::by_language(said).is_some()));
        let engines: Vec<&'static Engine> = match (engine, language) {
            (Some(_), _) => named.into_iter().collect(),
            (None, Some(language)) => engine::all_by_language(language).collect(),
            (None, None) => engine::all_by_file(uri.path()).collect(),
        };
        if engines.is_empty() {
            let what = said.map_or_else(|| uri.path().to_owned(), |said| format!("documents of language {said:?}"));
            return Err(ProtocolError::new(ErrorKind::LanguageUnsupported, format!("no engine runs {what}"))
                .at("uri")
                .hint("`engine/list` names the engines and their languages"));
        }
        let language = language.map(str::to_owned);
        Ok(Self { uri, path, text, engines, language })
    }

    /// What a debugger is to run it with: the first engine that is there and has one.
    pub(super) fn debugged(&self, connection: &Connection, session: Option<&Session>) -> &'static Engine {
        let sessions = &connection.daemon().sessions;
        let is_there = |engine: &&&'static Engine| match session {
            Some(session) => session.toolbox.program(engine).is_ok(),
            None => sessions.usable(engine) != Usable::Missing,
        };
        let debugged = || self.engines.iter().filter(|engine| engine.debugger.is_some());
        debugged().find(is_there).or_else(|| debugged().next()).copied().unwrap_or(self.engines[0])
    }

    /// What its cells run in, and whether they are TypeScript.
    pub(super) fn interpreter(&self, connection: &Connection) -> Result<(&'static Engine, bool), ProtocolError> {
        let sessions = &connection.daemon().sessions;
        let live = || self.engines.iter().copied().filter(|engine| engine.interpreter.is_some());
        let found = live().find(|engine| sessions.usable(engine) != Usable::Missing).or_else(|| live().next());
        let engine = found.ok_or_else(|| {
            let message = format!("{} has no live interpreters, which cells need", self.engines[0].id);
            ProtocolError::new(ErrorKind::LanguageUnsupported, message)
                .at("uri")
                .hint("`engine/list` says of which engines there are `contexts`")
        })?;
        let is_later = match &self.language {
            Some(language) => !engine.languages.iter().any(|name| name.eq_ignore_ascii_case(language)),
            None => engine.later_file(self.uri.path()).is_some(),
        };
        Ok((engine, is_later))
    }

    /// Its text, as it stands in the editor.
    pub(super) fn open_text(&self) -> Result<&str, ProtocolError> {
        self.text.as_deref().ok_or_else(|| {
            let message = format!("{} is not open in the editor, and cells are of open documents", self.uri);
            ProtocolError::new(ErrorKind::ValidationFailed, message).at("uri").hint("open it")
        })
    }

    /// Which file of a session's workspace it is.
    pub(super) fn inside(&self, session: &Session) -> Option<String> {
        let (path, root) = self.path.as_ref().zip(session.workspace_path())?;
        Some(path.strip_prefix(root).ok()?.to_str()?.to_owned())
    }

    /// What a person calls it.
    pub(super) fn name(&self) -> String {
        let name = self.path.as_ref().and_then(|path| path.file_name()).map(|name| name.to_string_lossy().into_owned());
        name.unwrap_or_else(|| self.uri.path().to_owned())
    }

    /// The folder of the editor's that it lies in; its own directory where it lies in none.
    pub(super) fn folder(&self, connection: &Connection) -> Option<PathBuf> {
        let path = self.path.as_ref()?;
        let folders = connection.editor().folders();
        let around = folders.iter().filter(|folder| path.starts_with(folder));
        around.max_by_key(|folder| folder.as_os_str().len()).cloned().or_else(|| Some(path.parent()?.to_owned()))
    }

    /// As what it runs in this session.
    pub(super) async fn source(&self, connection: &Connection, session: &Session) -> Result<Source, ProtocolError> {
        let engine = session.engine_among(self.engines.iter().copied());
        if let Some(path) = self.inside(session) {
            match (&session.workspace, &self.text) {
                (_, None) => return Ok(Source::File { path, engine }),
                (Workspace::Copy { path: root, .. } | Workspace::Overlay { path: root }, Some(_))
                    if write_documents(connection, session, root, &path).await? =>
                {
                    return Ok(Source::File { path, engine });
                }
                _ => {}
            }
        }
        let Some(text) = &self.text else {
            let message = format!("{} is not open in the editor, and not in the workspace of this session", self.uri);
            return Err(ProtocolError::new(ErrorKind::ValidationFailed, message)
                .at("uri")
                .hint("open it, or run it without `sessionId`"));
        };
        // A name that tells another language would be run as that.
        let name = Path::new(self.uri.path()).file_name().and_then(|name| name.to_str());
        let fits = |name: &&str| engine.is_some_and(|engine| engine.runs_file(name));
        let of_language = || Some(engine?.file_name(Some(self.language.as_deref()?)));
        let name = name.filter(fits).map(str::to_owned).or_else(of_language);
        Ok(Source::Code { text: Bytes::from(text.clone()), engine, name })
    }

    /// The session that it runs in, and whether that is its own.
    pub(super) async fn session(
        &self,
        connection: &Connection,
        asked: Option<&str>,
        own: Option<OwnSession>,
        watcher: Arc<dyn Watcher>,
    ) -> Result<(Arc<Session>, bool), ProtocolError> {
        if own.is_none()
            && let Some(session) = given(connection, asked).await?
        {
            return Ok((session, false));
        }
        let wanted = self.wanted(connection, own.unwrap_or_default()).await.map_err(of_own)?;
        let created = connection.daemon().sessions.create(wanted, watcher).await;
        Ok((created.map_err(|error| of_own(fault::of_session(error)))?, true))
    }

    /// A session of its own.
    async fn wanted(&self, connection: &Connection, own: OwnSession) -> Result<NewSession, ProtocolError> {
        let OwnSession { runtime, image, preference, min_isolation, fallback, workspace, limits, network } = own;
        let is_shown = workspace.is_none();
        let workspace = workspace.unwrap_or_default();
        let params = CreateParams {
            runtime,
            image,
            preference,
            min_isolation,
            fallback,
            workspace,
            limits,
            network,
            ..CreateParams::default()
        };
        let mut wanted = new_session(connection, &params)?;
        wanted.wish.engines.clone_from(&self.engines);
        wanted.wish.language.clone_from(&self.language);
        if let (true, Some(folder)) = (is_shown, existing(self.folder(connection)).await) {
            wanted.workspace = connection.daemon().sessions.unchanged(&wanted.wish, folder).await;
        }
        Ok(wanted)
    }
}

/// What is wrong with a session of a run's own: where that is in the command.
fn of_own(mut error: ProtocolError) -> ProtocolError {
    error.data.path = error.data.path.map(|path| format!("session.{path}"));
    error
}

/// The session that a command names, else the one that runs of this client go to.
pub(super) async fn given(connection: &Connection, asked: Option<&str>) -> Result<Option<Arc<Session>>, ProtocolError> {
    if let Some(id) = asked {
        return find(connection, id).await.map(Some);
    }
    let id = connection.editor().session().clone();
    // One that has ended by itself is as good as none.
    Ok(id.and_then(|id| connection.daemon().sessions.get(&id).ok()).filter(|session| session.why().is_none()))
}

/// The directory, where there is one: a document that was never saved may be in one that is not.
pub(super) async fn existing(folder: Option<PathBuf>) -> Option<PathBuf> {
    let folder = folder?;
    // A directory on another machine may take its time.
    let looked = tokio::task::spawn_blocking(move || folder.is_dir().then_some(folder)).await;
    looked.ok().flatten()
}

/// Writes every open document below `root` into the workspace. Whether the one at `wanted` could be: a link that
/// leads out of the workspace, for one, can't be written through.
async fn write_documents(
    connection: &Connection,
    session: &Session,
    root: &Path,
    wanted: &str,
) -> Result<bool, ProtocolError> {
    let open: Vec<(String, Result<String, Unkept>)> = {
        let documents = connection.editor().documents();
        let below = documents.iter().filter_map(|(uri, document)| {
            let path = Url::parse(uri).ok().filter(|uri| uri.scheme() == "file")?.to_file_path().ok()?;
            Some((path.strip_prefix(root).ok()?.to_str()?.to_owned(), document.text()))
        });
        below.collect()
    };
    let link = session.link().map_err(fault::of_session)?;
    let options = WriteOptions { existing: Existing::Replace, mode: None, parents: true, if_match: None };
    let mut is_there = false;
    for (path, text) in open {
        let text = match text {
            Ok(text) => text,
            Err(why) => {
                tracing::warn!(%why, "a document is as it was saved, not as it is open");
                continue;
            }
        };
        match files::write(link, path.as_bytes(), text.into(), options).await {
            Ok(_) => is_there |= path == wanted,
            Err(error @ (FilesError::Lost(_) | FilesError::DiskFull(_))) => return Err(fault::of_files(error)),
            Err(error) => tracing::warn!(%error, "an open document could not be put into the workspace"),
        }
    }
    Ok(is_there)
}

fn unkept(why: Unkept) -> ProtocolError {
    let hint = match why {
        Unkept::Garbled => "close it and open it again",
        Unkept::TooLarge | Unkept::Full | Unkept::TooMany => "close some, and open this one again",
    };
    ProtocolError::new(ErrorKind::ValidationFailed, format!("the text of this document is not known: {why}"))
        .at("uri")
        .hint(hint)
}
