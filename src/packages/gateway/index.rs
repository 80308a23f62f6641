//! What an index or the document of a package tells: which files there are, and the hash of each.
//!
//! What can't be read tells nothing; then files are passed on and none is kept.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA384, SHA512};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::super::Manager;
use super::super::store::Digest;

/// Where a name could end and a version begin, at most.
const MAX_READINGS: usize = 4;

/// What is told.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// The files, with nothing that follows `#`.
    pub(super) files: Vec<(Url, Digest)>,
    /// The document with links that lead through the gateway, where it has others.
    pub(super) led: Option<Vec<u8>>,
}

/// Whether an answer of this kind is read.
pub(super) fn is_read(manager: Manager, url: &Url, kind: &str) -> bool {
    let kind = kind.split(';').next().unwrap_or_default().trim();
    match manager {
        Manager::Pip => kind == "text/html" || is_simple_json(kind) || kind == "application/vnd.pypi.simple.v1+html",
        Manager::Npm => matches!(kind, "application/json" | "application/vnd.npm.install-v1+json"),
        Manager::Gem => info_of(url).is_some(),
    }
}

fn is_simple_json(kind: &str) -> bool {
    kind.starts_with("application/vnd.pypi.simple.v1+json")
}

/// Reads one. `lead` says where a link leads through the gateway.
pub(super) fn read(manager: Manager, url: &Url, kind: &str, bytes: &[u8], lead: impl Fn(&Url) -> Option<Url>) -> Told {
    match manager {
        Manager::Pip if is_simple_json(kind) => simple_json(url, bytes, lead),
        Manager::Pip => std::str::from_utf8(bytes).map(|text| simple_html(url, text, lead)).unwrap_or_default(),
        Manager::Npm => document(bytes),
        Manager::Gem => info(url, bytes),
    }
}

/// The documents that tell the hash of a file, by the usual names of both.
pub(super) fn told_by(manager: Manager, file: &Url) -> Vec<Url> {
    let of = |path: String| {
        let mut url = file.clone();
        url.set_query(None);
        url.set_path(&path);
        url
    };
    match manager {
        Manager::Pip => Vec::new(),
        Manager::Npm => {
            let Some((place, _)) = file.path().split_once("/-/").filter(|(_, file)| file.ends_with(".tgz")) else {
                return Vec::new();
            };
            let (before, name) = place.rsplit_once('/').unwrap_or_default();
            match before.rsplit_once('/').filter(|(_, scope)| scope.starts_with('@') || scope.starts_with("%40")) {
                Some((base, scope)) => vec![of(format!("{base}/{scope}%2f{name}"))],
                None => vec![of(place.to_owned())],
            }
        }
        Manager::Gem => {
            let named =
                file.path().rsplit_once("/gems/").and_then(|(base, name)| Some((base, name.strip_suffix(".gem")?)));
            let Some((base, full)) = named else { return Vec::new() };
            let ends =
                full.match_indices('-').filter(|(at, _)| full[at + 1..].starts_with(|it: char| it.is_ascii_digit()));
            ends.take(MAX_READINGS).map(|(at, _)| of(format!("{base}/info/{}", &full[..at]))).collect()
        }
    }
}

/// PEP 503: links, whose hash is behind `#`.
fn simple_html(page: &Url, text: &str, lead: impl Fn(&Url) -> Option<Url>) -> Told {
    let mut told = Told::default();
    let lower = text.to_ascii_lowercase();
    // Links would mean something else.
    if lower.contains("<base") {
        return told;
    }
    let (mut led, mut copied, mut at) = (String::new(), 0, 0);
    while let Some(found) = lower[at..].find("href") {
        at += found + "href".len();
        let rest = text[at..].trim_start();
        let Some(rest) = rest.strip_prefix('=').map(str::trim_start) else { continue };
        let Some(quote) = rest.chars().next().filter(|one| matches!(one, '"' | '\'')) else { continue };
        let start = text.len() - rest.len() + 1;
        let Some(length) = text[start..].find(quote) else { break };
        at = start + length;
        let link = text[start..at].replace("&amp;", "&");
        let Ok(mut url) = page.join(&link) else { continue };
        let instead = leads_away(&link).then(|| leads(page, &url, &lead)).flatten();
        if let Some(instead) = instead {
            led.push_str(&text[copied..start]);
            led.push_str(&instead.as_str().replace('&', "&amp;").replace(quote, "%27"));
            copied = at;
        }
        let digest = url.fragment().and_then(|hash| Digest::of_hex(hash.strip_prefix("sha256=")?));
        url.set_fragment(None);
        told.files.extend(digest.map(|digest| (url, digest)));
    }
    if copied > 0 {
        led.push_str(&text[copied..]);
        told.led = Some(led.into_bytes());
    }
    told
}

/// PEP 691: the same in JSON.
fn simple_json(page: &Url, bytes: &[u8], lead: impl Fn(&Url) -> Option<Url>) -> Told {
    let mut told = Told::default();
    let Ok(mut index) = serde_json::from_slice::<Value>(bytes) else { return told };
    let mut has_led = false;
    for file in index.get_mut("files").and_then(Value::as_array_mut).into_iter().flatten() {
        let Some(link) = file["url"].as_str().map(str::to_owned) else { continue };
        let Ok(mut url) = page.join(&link) else { continue };
        if let Some(instead) = leads_away(&link).then(|| leads(page, &url, &lead)).flatten() {
            file["url"] = instead.as_str().into();
            has_led = true;
        }
        let digest = file["hashes"]["sha256"].as_str().and_then(Digest::of_hex);
        url.set_fragment(None);
        told.files.extend(digest.map(|digest| (url, digest)));
    }
    told.led = has_led.then(|| serde_json::to_vec(&index).ok()).flatten();
    told
}

/// A link that is not of the host that the page is from, as far as the installer knows.
fn leads_away(link: &str) -> bool {
    link.contains("://") || link.starts_with("//")
}

/// What was asked for in secret is not fetched in the open.
fn leads(page: &Url, url: &Url, lead: impl Fn(&Url) -> Option<Url>) -> Option<Url> {
    if page.scheme() == "https" && url.scheme() != "https" { None } else { lead(url) }
}

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    versions: BTreeMap<String, Version>,
}

#[derive(Deserialize)]
struct Version {
    dist: Option<Dist>,
}

#[derive(Deserialize)]
struct Dist {
    tarball: Option<String>,
    integrity: Option<String>,
}

/// npm's document of a package. npm leads its links to the registry by itself.
fn document(bytes: &[u8]) -> Told {
    let Ok(document) = serde_json::from_slice::<Document>(bytes) else { return Told::default() };
    let file = |version: Version| {
        let dist = version.dist?;
        let mut url = Url::parse(&dist.tarball?).ok()?;
        url.set_query(None);
        url.set_fragment(None);
        Some((url, integrity(&dist.integrity?)?))
    };
    Told { files: document.versions.into_values().filter_map(file).collect(), led: None }
}

/// The strongest hash of those that are told.
fn integrity(text: &str) -> Option<Digest> {
    let of = |name: &str, algorithm| {
        let encoded = text.split_whitespace().find_map(|one| one.strip_prefix(name))?;
        Digest::new(algorithm, STANDARD.decode(encoded.split('?').next()?).ok()?)
    };
    of("sha512-", &SHA512).or_else(|| of("sha384-", &SHA384))
}

/// The name of the gem that a part of the compact index is about, and what that lies below.
fn info_of(url: &Url) -> Option<(&str, &str)> {
    url.path().rsplit_once("/info/").filter(|(_, name)| !name.is_empty() && !name.contains('/'))
}

fn info(url: &Url, bytes: &[u8]) -> Told {
    let Some((base, name)) = info_of(url) else { return Told::default() };
    let text = String::from_utf8_lossy(bytes);
    let file = |line: &str| {
        let (version, rest) = line.split_once(' ')?;
        let (_, needs) = rest.rsplit_once('|')?;
        let digest = needs.split(',').find_map(|need| Digest::of_hex(need.strip_prefix("checksum:")?))?;
        let mut file = url.clone();
        file.set_query(None);
        file.set_path(&format!("{base}/gems/{name}-{version}.gem"));
        Some((file, digest))
    };
    Told { files: text.lines().filter_map(file).collect(), led: None }
}

#[cfg(test)]
mod tests;
