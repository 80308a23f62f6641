//! The registry of an installer: the daemon itself, which asks the real ones and keeps the files that they give.
//!
//! Indexes and documents are asked for each time. Of them it learns which files there are, and the hash of each; a file whose
//! hash was told is kept under that, and the next installation of any session has it from there. It promises that an
//! installer gets by it nothing that it could not reach without it; that nothing is kept, and nothing whole handed out,
//! whose bytes are not of the hash that the registry told in this very installation; and that it holds no more of anything
//! than a bound. What it can't read it passes on as it is.

mod answer;
mod index;
mod origins;
mod upstream;

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use hyper::body::{Body, Incoming};
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::{Method, Response, StatusCode};
use tokio::io::AsyncWrite;
use tokio::sync::{Semaphore, SemaphorePermit};
use url::Url;

use self::answer::{Length, Program};
use self::index::Told;
use self::origins::Origins;
use self::upstream::{Upstream, UpstreamError};
use super::Manager;
use super::store::{Digest, Store, Summing, Unfinished};
use crate::config::Pattern;
use crate::network::{Gateway, Get, Outside};

pub(super) use self::upstream::TrustError;

/// The largest index or document that is read.
const MAX_DOCUMENT_BYTES: usize = 64 << 20;

/// Documents that are held at a time; more wait.
const MAX_DOCUMENTS: usize = 8;

/// Those of them that are of one installation, so that none has all places.
const MAX_OWN_DOCUMENTS: usize = 4;

/// An installer that has not taken a document by then holds its place in vain.
const TAKING: Duration = Duration::from_secs(60);

/// The places of all installations.
static DOCUMENTS: Semaphore = Semaphore::const_new(MAX_DOCUMENTS);

/// Files of one installation whose hashes are known at a time.
const MAX_KNOWN: usize = 50_000;

/// The longest URL of one.
const MAX_URL_BYTES: usize = 1000;

/// What is written into a file at once.
const PART_BYTES: usize = 256 << 10;

/// The registries of one installation.
pub(super) struct Registry {
    manager: Manager,
    origins: Arc<Origins>,
    upstream: Upstream,
    store: Arc<Store>,
    known: Mutex<HashMap<String, Digest>>,
    documents: Semaphore,
}

impl Registry {
    /// One that reaches these hosts by `outside`, and believes these certificates or those of this machine, which it has to
    /// have where a registry is asked `in_secret`. Reads files.
    pub(super) fn new(
        manager: Manager,
        in_secret: bool,
        hosts: Vec<Pattern>,
        outside: Outside,
        authorities: Option<&[u8]>,
        store: Arc<Store>,
    ) -> Result<Self, TrustError> {
        let upstream = Upstream::new(outside, authorities, in_secret)?;
        let (origins, documents) = (Arc::new(Origins::new(hosts)), Semaphore::new(MAX_OWN_DOCUMENTS));
        Ok(Self { manager, origins, upstream, store, known: Mutex::default(), documents })
    }

    /// What the installer is told in place of the URL of a registry; the same where that is not led through here.
    pub(super) fn lead(&self, registry: &str) -> String {
        let led = Url::parse(registry).ok().and_then(|url| self.origins.lead(&url));
        led.map_or_else(|| registry.to_owned(), |led| led.as_str().trim_end_matches('/').to_owned())
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Digest>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn learn(&self, files: Vec<(Url, Digest)>) {
        let mut known = self.known();
        for (url, digest) in files.into_iter().filter(|(url, _)| url.as_str().len() <= MAX_URL_BYTES) {
            if known.len() >= MAX_KNOWN {
                known.clear();
            }
            known.insert(url.into(), digest);
        }
    }

    /// The hash that a file has to have, as the registry tells it; asked for where it was not told yet.
    async fn digest(&self, url: &Url) -> Option<Digest> {
        let known = |url: &Url| self.known().get(url.as_str()).cloned();
        if let Some(digest) = known(url) {
            return Some(digest);
        }
        for document in index::told_by(self.manager, url) {
            let Ok(mut response) = self.upstream.follow(&document, None).await else { continue };
            if response.status() == StatusCode::OK && self.is_read(&document, &response) {
                let _held = self.held().await;
                drop(self.read(&document, &mut response).await);
            }
            if let Some(digest) = known(url) {
                return Some(digest);
            }
        }
        None
    }

    /// Waits for a place to hold a document in. Neither is ever closed.
    async fn held(&self) -> (Option<SemaphorePermit<'_>>, Option<SemaphorePermit<'static>>) {
        // In this order who has as many as one may have waits for none of the others'.
        (self.documents.acquire().await.ok(), DOCUMENTS.acquire().await.ok())
    }

    fn is_read(&self, url: &Url, response: &Response<Incoming>) -> bool {
        !is_packed(response.headers()) && index::is_read(self.manager, url, kind(response))
    }

    /// Reads an index or a document, and learns what it tells. Returns it as the installer gets it, and whether that is
    /// not as it was.
    async fn read(&self, url: &Url, response: &mut Response<Incoming>) -> Result<(Vec<u8>, bool), UpstreamError> {
        let bytes = upstream::whole(response.body_mut(), MAX_DOCUMENT_BYTES).await?;
        let (manager, url, kind, origins) =
            (self.manager, url.clone(), kind(response).to_owned(), self.origins.clone());
        // Some are so large that others would wait.
        let read = tokio::task::spawn_blocking(move || {
            let told = index::read(manager, &url, &kind, &bytes, |link| origins.lead(link));
            (told, bytes)
        });
        let (Told { files, led }, bytes) = read.await.map_err(|_| UpstreamError::Unreadable)?;
        self.learn(files);
        Ok(led.map_or((bytes, false), |led| (led, true)))
    }

    /// Answers with a file that has to be just this.
    async fn file(&self, url: &Url, wanted: Digest, program: Program<'_>) -> io::Result<()> {
        let (store, from, look_for) = (Arc::clone(&self.store), url.to_string(), wanted.clone());
        let kept = tokio::task::spawn_blocking(move || store.get(&from, &look_for)).await.map_err(io::Error::other)?;
        if let Some((file, length)) = kept {
            return answer::file(program, file, length).await;
        }
        let mut response = match self.upstream.follow(url, None).await {
            Ok(response) => response,
            Err(error) => return answer::no_answer(program, &error).await,
        };
        let (length, status) = (answer::length(response.status()), answer::status(response.status()));
        if response.status() != StatusCode::OK {
            answer::head(program, &status, response.headers(), None, length).await?;
            return answer::stream(program, response.body_mut(), length).await;
        }
        // The hash is of the bytes that come, whatever they are said to be packed in.
        response.headers_mut().remove(CONTENT_ENCODING);
        answer::head(program, &status, response.headers(), None, length).await?;
        let fits = response.body().size_hint().exact().is_none_or(|bytes| self.store.fits(bytes));
        let mut keeping = Keeping::new(&wanted, fits.then(|| self.store.begin(url.as_str(), &wanted)));
        let mut last = None;
        while let Some(data) = upstream::next(response.body_mut()).await? {
            // The last part waits until all of it was looked at.
            if let Some(before) = last.replace(data.clone()) {
                answer::part(program, &before).await?;
            }
            keeping = keeping.add(data).await?;
        }
        if !keeping.end(&wanted).await? {
            tracing::warn!(%url, "a registry gave something else than its index told");
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it has not the hash that was told"));
        }
        if let Some(last) = last {
            answer::part(program, &last).await?;
        }
        answer::end(program, length).await
    }

    /// Passes on what the registry answers; what is read of it leads here again.
    async fn pass(&self, url: &Url, get: &Get, program: Program<'_>) -> io::Result<()> {
        let method = if get.is_head { Method::HEAD } else { Method::GET };
        let mut response = match self.upstream.ask(method, url, get.accept.as_deref()).await {
            Ok(response) => response,
            Err(error) => return answer::no_answer(program, &error).await,
        };
        let location = upstream::location(url, &response).map(|to| self.origins.lead(&to).unwrap_or(to));
        let location = location.as_ref().map(Url::as_str);
        let status = answer::status(response.status());
        if get.is_head {
            return answer::head(program, &status, response.headers(), location, Length::NoBody).await;
        }
        if response.status() != StatusCode::OK || !self.is_read(url, &response) {
            let length = answer::length(response.status());
            answer::head(program, &status, response.headers(), location, length).await?;
            return answer::stream(program, response.body_mut(), length).await;
        }
        // Held until the installer has it.
        let _held = self.held().await;
        match self.read(url, &mut response).await {
            Ok((bytes, is_new)) => {
                let of_kind = |kind: &HeaderValue| HeaderMap::from_iter([(CONTENT_TYPE, kind.clone())]);
                let kept = response.headers().get(CONTENT_TYPE).map(of_kind).unwrap_or_default();
                let headers = if is_new { &kept } else { response.headers() };
                let bytes = Bytes::from(bytes);
                let taken = answer::document(program, &status, headers, &bytes);
                tokio::time::timeout(TAKING, taken).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            }
            Err(error) => answer::no_answer(program, &error).await,
        }
    }
}

#[async_trait]
impl Gateway for Registry {
    async fn answer(&self, get: Get, program: &mut (dyn AsyncWrite + Send + Unpin)) -> io::Result<()> {
        let Some(url) = self.origins.behind(get.port, &get.path) else {
            return answer::refuse(program, 404, "no registry is there").await;
        };
        if !get.is_head
            && let Some(wanted) = self.digest(&url).await
        {
            return self.file(&url, wanted, program).await;
        }
        self.pass(&url, &get, program).await
    }
}

fn kind(response: &Response<Incoming>) -> &str {
    response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default()
}

fn is_packed(headers: &HeaderMap) -> bool {
    headers.get_all(CONTENT_ENCODING).iter().any(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

/// Looks at what passes, and keeps it.
struct Keeping {
    summing: Summing,
    /// None where there is no place for it; then it is passed on alone.
    file: Option<Unfinished>,
    waiting: BytesMut,
}

impl Keeping {
    fn new(wanted: &Digest, file: Option<io::Result<Unfinished>>) -> Self {
        let file = file.and_then(|file| {
            file.inspect_err(|error| tracing::warn!(%error, "the directory of downloads can't be written")).ok()
        });
        Self { summing: Summing::new(wanted), file, waiting: BytesMut::new() }
    }

    async fn add(mut self, data: Bytes) -> io::Result<Self> {
        self.waiting.extend_from_slice(&data);
        if self.waiting.len() < PART_BYTES {
            return Ok(self);
        }
        tokio::task::spawn_blocking(move || self.write()).await.map_err(io::Error::other)
    }

    fn write(mut self) -> Self {
        self.summing.add(&self.waiting);
        if self.file.as_mut().is_some_and(|file| file.write(&self.waiting).is_err()) {
            // A full disk is no reason to install nothing.
            self.file = None;
        }
        self.waiting.clear();
        self
    }

    /// Keeps it, if it is what it has to be; says whether it is.
    async fn end(self, wanted: &Digest) -> io::Result<bool> {
        let wanted = wanted.clone();
        let done = move || {
            let Self { summing, file, .. } = self.write();
            let is_right = summing.is(&wanted);
            if let Some(Err(error)) = file.filter(|_| is_right).map(Unfinished::keep) {
                tracing::warn!(%error, "a download can't be kept");
            }
            is_right
        };
        tokio::task::spawn_blocking(done).await.map_err(io::Error::other)
    }
}
