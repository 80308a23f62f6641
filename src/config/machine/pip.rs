//! pip's: `pip.conf` of the machine, the user and the environment of Python that is active, and `PIP_…`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{Machine, Said, text_of};

pub(super) fn read(machine: &Machine) -> Result<Said, String> {
    // What is read later stands, and what is said of `install` alone stands over what is said of all.
    let (mut global, mut install) = (BTreeMap::new(), BTreeMap::new());
    for path in files(machine) {
        for (section, key, value) in entries(&text_of(&path)?) {
            match section.as_str() {
                "global" => global.insert(key, value),
                "install" => install.insert(key, value),
                _ => None,
            };
        }
    }
    global.extend(install);
    for key in ["index-url", "extra-index-url", "cert"] {
        let name = format!("PIP_{}", key.to_ascii_uppercase().replace('-', "_"));
        if let Some(value) = machine.variable(&name) {
            global.insert(key.to_owned(), value.to_owned());
        }
    }
    let more = global.get("extra-index-url").map(|urls| urls.split_whitespace().map(str::to_owned).collect());
    let (url, authorities) = (global.remove("index-url"), global.remove("cert"));
    Ok(Said { url, more: more.unwrap_or_default(), authorities, ..Said::default() })
}

/// Those that are heeded, the one that stands over the others last.
fn files(machine: &Machine) -> Vec<PathBuf> {
    let named = machine.variable("PIP_CONFIG_FILE");
    // As pip has it: none then.
    if named == Some("/dev/null") {
        return Vec::new();
    }
    let of_home = |name: &str| machine.home.as_ref().map(|home| home.join(name));
    let files = [
        Some(machine.etc.join("xdg/pip/pip.conf")),
        Some(machine.etc.join("pip.conf")),
        of_home(".pip/pip.conf"),
        machine.config_home().map(|directory| directory.join("pip/pip.conf")),
        machine.variable("VIRTUAL_ENV").map(|directory| PathBuf::from(directory).join("pip.conf")),
        named.map(PathBuf::from),
    ];
    files.into_iter().flatten().collect()
}

/// The values in a file of Python's `configparser`, by section and key.
fn entries(text: &str) -> Vec<(String, String, String)> {
    let mut entries: Vec<(String, String, String)> = Vec::new();
    let (mut section, mut goes_on) = (String::new(), false);
    for line in text.lines() {
        let content = line.trim();
        if content.is_empty() || content.starts_with(['#', ';']) {
            continue;
        }
        if line.starts_with(char::is_whitespace) && goes_on {
            if let Some((_, _, value)) = entries.last_mut() {
                value.push('\n');
                value.push_str(content);
            }
        } else if let Some(name) = content.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            (section, goes_on) = (name.0.to_owned(), false);
        } else if let Some((key, value)) = content.split_once(['=', ':']) {
            let key = key.trim().trim_start_matches('-').to_ascii_lowercase().replace('_', "-");
            entries.push((section.clone(), key, value.trim().to_owned()));
            goes_on = true;
        }
    }
    entries
}
