//! The real registries, as the daemon itself asks them: by what may be reached, and by the certificates that are believed.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::header::{ACCEPT, ACCEPT_ENCODING, LOCATION, USER_AGENT};
use hyper::{Method, Request, Response, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection as Poolable};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tower_service::Service;
use url::Url;

use crate::config::{Host, HostError};
use crate::network::{Connection, Outside, OutsideError};

/// A registry that says nothing for so long says nothing more.
const SILENCE: Duration = Duration::from_secs(60);

/// How far a file is looked for.
const MAX_REDIRECTS: usize = 5;

/// Connections to one host that are kept for what comes next.
const MAX_IDLE: usize = 8;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum UpstreamError {
    #[error("the registry can't be asked")]
    Asked(#[from] hyper_util::client::legacy::Error),
    #[error("the registry can't be asked for this")]
    Request(#[from] hyper::http::Error),
    #[error("what the registry said was cut off")]
    Body(#[from] hyper::Error),
    #[error("the registry said nothing for {} s", SILENCE.as_secs())]
    Silence,
    #[error("the registry leads elsewhere, and on and on")]
    Redirects,
    #[error("what the registry said can't be read")]
    Unreadable,
    #[error("the registry's answer is larger than {0} bytes")]
    TooLarge(usize),
}

/// Why registries can't be asked at all.
#[derive(Debug, thiserror::Error)]
pub(in crate::packages) enum TrustError {
    #[error("no certificate is believed")]
    None,
    #[error("certificates can't be used")]
    Unusable(#[from] rustls::Error),
}

/// Asks registries.
#[derive(Debug, Clone)]
pub(super) struct Upstream {
    client: Client<HttpsConnector<ByGate>, Empty<Bytes>>,
}

impl Upstream {
    /// Believes these certificates, in PEM, or those that this machine believes; without any nobody can be asked where
    /// that has to be in secret. Reads files.
    pub(super) fn new(outside: Outside, authorities: Option<&[u8]>, in_secret: bool) -> Result<Self, TrustError> {
        let mut roots = RootCertStore::empty();
        let certificates = match authorities {
            Some(pem) => CertificateDer::pem_slice_iter(pem).filter_map(Result::ok).collect(),
            None => rustls_native_certs::load_native_certs().certs,
        };
        roots.add_parsable_certificates(certificates);
        if roots.is_empty() && in_secret {
            return Err(TrustError::None);
        }
        let provider = rustls::crypto::ring::default_provider().into();
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let config = config.with_root_certificates(roots).with_no_client_auth();
        let connector = HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http1();
        let connector = connector.wrap_connector(ByGate { outside });
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(MAX_IDLE).build(connector);
        Ok(Self { client })
    }

    /// Asks once; where that leads elsewhere, that is the answer.
    pub(super) async fn ask(
        &self,
        method: Method,
        url: &Url,
        accept: Option<&str>,
    ) -> Result<Response<Incoming>, UpstreamError> {
        let request = Request::builder()
            .method(method)
            .uri(url.as_str())
            .header(ACCEPT, accept.unwrap_or("*/*"))
            // What is read here is not unpacked here.
            .header(ACCEPT_ENCODING, "identity")
            .header(USER_AGENT, concat!("codebeaker/", env!("CARGO_PKG_VERSION")))
            .body(Empty::new())?;
        match tokio::time::timeout(SILENCE, self.client.request(request)).await {
            Ok(response) => Ok(response?),
            Err(_) => Err(UpstreamError::Silence),
        }
    }

    /// Asks, and goes where that leads: whatever is reached for it is looked at like all else.
    pub(super) async fn follow(&self, url: &Url, accept: Option<&str>) -> Result<Response<Incoming>, UpstreamError> {
        let mut url = url.clone();
        for _ in 0..MAX_REDIRECTS {
            let response = self.ask(Method::GET, &url, accept).await?;
            match location(&url, &response) {
                Some(next) => url = next,
                None => return Ok(response),
            }
        }
        Err(UpstreamError::Redirects)
    }
}

/// Where an answer leads, if it leads anywhere. What was asked for in secret is not asked for in the open.
pub(super) fn location<T>(url: &Url, response: &Response<T>) -> Option<Url> {
    let location = response.headers().get(LOCATION).filter(|_| response.status().is_redirection())?;
    let next = url.join(location.to_str().ok()?).ok()?;
    (next.scheme() == "https" || url.scheme() == "http").then_some(next)
}

/// The next bytes of an answer; `None` after the last.
pub(super) async fn next(body: &mut Incoming) -> Result<Option<Bytes>, UpstreamError> {
    loop {
        match tokio::time::timeout(SILENCE, body.frame()).await {
            Err(_) => return Err(UpstreamError::Silence),
            Ok(None) => return Ok(None),
            Ok(Some(frame)) => match frame?.into_data() {
                Ok(data) if !data.is_empty() => return Ok(Some(data)),
                _ => {}
            },
        }
    }
}

/// The whole of an answer, up to a bound.
pub(super) async fn whole(body: &mut Incoming, most: usize) -> Result<Vec<u8>, UpstreamError> {
    let mut all = Vec::new();
    while let Some(data) = next(body).await? {
        if all.len() + data.len() > most {
            return Err(UpstreamError::TooLarge(most));
        }
        all.extend_from_slice(&data);
    }
    Ok(all)
}

/// Why a registry can't be connected to.
#[derive(Debug, thiserror::Error)]
enum ConnectError {
    #[error("it has no host")]
    NoHost,
    #[error("its host can't be read")]
    Host(#[from] HostError),
    #[error(transparent)]
    Outside(#[from] OutsideError),
}

/// Connects to what may be reached.
#[derive(Debug, Clone)]
struct ByGate {
    outside: Outside,
}

impl Service<Uri> for ByGate {
    type Response = TokioIo<Connection>;
    type Error = Box<dyn std::error::Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let outside = self.outside.clone();
        let connect = async move {
            let host = Host::parse(uri.host().ok_or(ConnectError::NoHost)?)?;
            let usual = if uri.scheme_str() == Some("https") { 443 } else { 80 };
            let connection = outside.connect(&host, uri.port_u16().unwrap_or(usual)).await?;
            Ok::<_, ConnectError>(TokioIo::new(connection))
        };
        Box::pin(async { connect.await.map_err(Into::into) })
    }
}

impl Poolable for Connection {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl From<UpstreamError> for io::Error {
    fn from(error: UpstreamError) -> Self {
        Self::other(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leads_into_the_open() {
        let leads = |from: &str, to: &str| {
            let response = Response::builder().status(302).header(LOCATION, to).body(()).unwrap();
            location(&Url::parse(from).unwrap(), &response).map(String::from)
        };
        assert_eq!(leads("https://a.example/x/", "y").as_deref(), Some("https://a.example/x/y"));
        assert_eq!(leads("http://a.example/", "https://b.example/").as_deref(), Some("https://b.example/"));
        assert_eq!(leads("http://a.example/", "http://b.example/").as_deref(), Some("http://b.example/"));
        assert_eq!(leads("https://a.example/", "http://a.example/"), None);
        assert_eq!(leads("https://a.example/", "ftp://a.example/"), None);
    }
}
