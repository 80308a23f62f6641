//! Contexts of Docker's client: named addresses in files below its settings.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Address, AddressError};

/// The context that means what there would be without contexts.
pub(super) const DEFAULT: &str = "default";

#[derive(Deserialize)]
struct Settings {
    #[serde(rename = "currentContext", default)]
    current_context: String,
}

#[derive(Deserialize)]
struct Context {
    #[serde(rename = "Name")]
    name: String,
    #[serde(rename = "Endpoints", default)]
    endpoints: Endpoints,
}

#[derive(Deserialize, Default)]
struct Endpoints {
    docker: Option<Endpoint>,
}

#[derive(Deserialize)]
struct Endpoint {
    #[serde(rename = "Host", default)]
    host: String,
    #[serde(rename = "SkipTLSVerify", default)]
    skip_tls_verify: bool,
}

/// The context that the settings in this directory name.
pub(super) fn current(directory: &Path) -> Result<Option<String>, AddressError> {
    let path = directory.join("config.json");
    let Some(settings) = read::<Settings>(&path)? else { return Ok(None) };
    Ok(Some(settings.current_context).filter(|name| !name.is_empty()))
}

/// The address of a context. `wanted_by` says who asks for it.
pub(super) fn address(directory: &Path, name: &str, wanted_by: &'static str) -> Result<Address, AddressError> {
    let (id, context) =
        find(directory, name)?.ok_or_else(|| AddressError::NoContext { name: name.to_owned(), wanted_by })?;
    let refused = |reason: String| AddressError::Context { name: name.to_owned(), reason };
    let endpoint = context.endpoints.docker.ok_or_else(|| refused("it is for no Docker engine".to_owned()))?;
    if endpoint.skip_tls_verify {
        return Err(refused("it doesn't check the engine's certificate; give it the right ca".to_owned()));
    }
    let address: Address = endpoint.host.parse().map_err(|error: AddressError| refused(error.to_string()))?;
    let certificates = directory.join("contexts/tls").join(id).join("docker");
    match address {
        Address::Tcp { .. } if certificates.is_dir() => {
            let missing = ["ca.pem", "cert.pem", "key.pem"].into_iter().find(|file| !certificates.join(file).exists());
            match missing {
                Some(file) => Err(refused(format!("{} is missing", certificates.join(file).display()))),
                None => address.with_certificates(&certificates),
            }
        }
        address => Ok(address),
    }
}

/// Contexts lie in directories that are called by a hash of their name, which is in the file as well.
fn find(directory: &Path, name: &str) -> Result<Option<(PathBuf, Context)>, AddressError> {
    let contexts = directory.join("contexts/meta");
    let entries = match fs::read_dir(&contexts) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(&contexts, &error)),
    };
    for entry in entries.flatten() {
        // One that is broken is in nobody's way but who asks for it.
        if let Ok(Some(context)) = read::<Context>(&entry.path().join("meta.json"))
            && context.name == name
        {
            return Ok(Some((entry.file_name().into(), context)));
        }
    }
    Ok(None)
}

fn read<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<Option<T>, AddressError> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(path, &error)),
    };
    serde_json::from_slice(&text).map(Some).map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &dyn std::error::Error) -> AddressError {
    AddressError::Settings { path: path.to_owned(), reason: error.to_string() }
}
