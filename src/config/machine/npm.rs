//! npm's: `.npmrc` of the user, `npmrc` of the machine, and `npm_config_…`.
//!
//! A project's own `.npmrc` lies in a workspace, where npm itself reads it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Machine, Said, text_of};

/// What is longer than this is no URL, and is filled no further.
const MAX_FILLED_BYTES: usize = 4096;

pub(super) fn read(machine: &Machine) -> Result<Said, String> {
    let of_environment: BTreeMap<String, String> = machine
        .variables
        .iter()
        .filter(|(name, value)| {
            name.get(..11).is_some_and(|start| start.eq_ignore_ascii_case("npm_config_")) && !value.is_empty()
        })
        .map(|(name, value)| (key_of(&name[11..]), value.clone()))
        .collect();
    let mut all = BTreeMap::new();
    for path in files(machine, &of_environment) {
        for (key, value) in entries(&text_of(&path)?) {
            all.insert(key, filled(&value, machine));
        }
    }
    all.extend(of_environment);
    let mut said = Said { url: all.remove("registry"), authorities: all.remove("cafile"), ..Said::default() };
    for (key, value) in all {
        if let Some(scope) = key.strip_suffix(":registry") {
            said.scopes.insert(scope.to_owned(), value);
        } else if let Some((place, name)) = key.strip_prefix("//").and_then(|rest| rest.rsplit_once(':')) {
            // A place may have a port, with a colon of its own.
            if matches!(name, "_authToken" | "_auth" | "_password" | "username" | "certfile" | "keyfile") {
                said.secrets.push(place.to_owned());
            }
        }
    }
    Ok(said)
}

/// Those that are heeded, the one that stands over the others last.
fn files(machine: &Machine, of_environment: &BTreeMap<String, String>) -> Vec<PathBuf> {
    let named = |key: &str| of_environment.get(key).map(PathBuf::from);
    let prefix = named("prefix").or_else(|| {
        // Beside the directory where Node is.
        let path = machine.variable("PATH")?;
        let bin = std::env::split_paths(path).find(|directory| directory.is_absolute() && is_node(directory))?;
        bin.parent().map(Path::to_owned)
    });
    let global = named("globalconfig").or_else(|| prefix.map(|prefix| prefix.join("etc/npmrc")));
    let user = named("userconfig").or_else(|| machine.home.as_ref().map(|home| home.join(".npmrc")));
    [Some(machine.etc.join("npmrc")), global, user].into_iter().flatten().collect()
}

fn is_node(directory: &Path) -> bool {
    directory.join("node").is_file()
}

/// As npm writes it: words with hyphens between. What belongs to a host or a scope stays as it is.
fn key_of(name: &str) -> String {
    if name.starts_with(['@', '/']) { name.to_owned() } else { name.to_ascii_lowercase().replace('_', "-") }
}

fn entries(text: &str) -> Vec<(String, String)> {
    let mut entries = Vec::new();
    for line in text.lines().map(str::trim) {
        // What follows the name of a section is no setting of npm's.
        if line.starts_with('[') {
            break;
        }
        if line.starts_with(['#', ';']) {
            continue;
        }
        if let Some((key, value)) = line.split_once('=') {
            let value = value.trim();
            let bare = ['"', '\''].iter().find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
            entries.push((key.trim().to_owned(), bare.unwrap_or(value).to_owned()));
        }
    }
    entries
}

/// A value with `${NAME}` as the environment has it; what that has not stays as it is.
fn filled(value: &str, machine: &Machine) -> String {
    let mut filled = String::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, behind)) = after.split_once('}') else { break };
        if filled.len() > MAX_FILLED_BYTES {
            break;
        }
        filled += before;
        match machine.variable(name) {
            Some(value) => filled += value,
            None => filled += &format!("${{{name}}}"),
        }
        rest = behind;
    }
    filled + rest
}
