//! gem's: `gemrc` of the machine, `.gemrc` of the user, and the files that `GEMRC` names.
//!
//! They are YAML, of which gem itself writes only keys with a value or with a list of values; no more is read.

use std::path::PathBuf;

use super::{Machine, Said, text_of};

pub(super) fn read(machine: &Machine) -> Result<Said, String> {
    let mut said = Said::default();
    let mut sources: Vec<String> = Vec::new();
    for path in files(machine) {
        let text = text_of(&path)?;
        if let Some(found) = list(&text, "sources") {
            sources = found;
        }
        said.authorities = list(&text, "ssl_ca_cert").and_then(|found| found.into_iter().next()).or(said.authorities);
    }
    said.authorities = machine.variable("SSL_CERT_FILE").map(str::to_owned).or(said.authorities);
    let mut sources = sources.into_iter();
    said.url = sources.next();
    said.more = sources.collect();
    Ok(said)
}

/// Those that are heeded, the one that stands over the others last.
fn files(machine: &Machine) -> Vec<PathBuf> {
    let of_home = machine.home.as_ref().map(|home| home.join(".gemrc")).filter(|path| path.exists());
    let of_user = of_home.or_else(|| machine.config_home().map(|directory| directory.join("gem/gemrc")));
    let named = machine.variable("GEMRC").into_iter().flat_map(std::env::split_paths);
    [Some(machine.etc.join("gemrc")), of_user].into_iter().flatten().chain(named).collect()
}

/// The values of a key at the outermost level, with or without the colon that Ruby's symbols have.
fn list(text: &str, key: &str) -> Option<Vec<String>> {
    let mut lines = text.lines();
    let value = lines.by_ref().find_map(|line| {
        let line = line.strip_prefix(':').unwrap_or(line);
        line.strip_prefix(key)?.strip_prefix(':').filter(|value| value.is_empty() || value.starts_with(' '))
    })?;
    let value = value.trim();
    if let Some(inner) = value.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return Some(inner.split(',').map(bare).filter(|one| !one.is_empty()).collect());
    }
    if !value.is_empty() && !value.starts_with('#') {
        return Some(vec![bare(value)]);
    }
    let items = lines.map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    Some(items.map_while(|line| line.strip_prefix("- ")).map(bare).collect())
}

fn bare(value: &str) -> String {
    let value = value.split(" #").next().unwrap_or_default().trim();
    value.trim_matches(['"', '\'']).to_owned()
}
