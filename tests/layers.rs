//! A module imports only from strictly lower layers, as the table in `src/lib.rs` lays down.

#[path = "house/source.rs"]
mod source;

use std::collections::BTreeMap;
use std::path::Path;

use source::{code_only, read, root, rust_files, shown};

/// Modules that only these others may import, however high they are.
const KEPT_TO: &[(&str, &[&str])] = &[("protocol", &["transport", "server", "cli"])];

/// The package of the agent has no layers: it is one of its own, below them all.
const NO_LAYERS: &str = "src/agent/guest";

type Layers = BTreeMap<String, u32>;

#[test]
fn modules_import_from_lower_layers_only() {
    let layers = table(&read(&root().join("src/lib.rs")));
    let mut violations = Vec::new();
    for path in rust_files("src") {
        let name = shown(&path);
        if name.starts_with(NO_LAYERS) || name == "src/lib.rs" || name == "src/main.rs" {
            continue;
        }
        let (module, depth) = place(Path::new(&name));
        for (line, imported) in imports(&code_only(&read(&path)), depth) {
            if let Some(fault) = fault(&layers, &module, &imported) {
                violations.push(format!("{name}:{line}: {fault}"));
            }
        }
    }
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}

#[test]
fn the_table_names_every_module_and_no_other() {
    let layers = table(&read(&root().join("src/lib.rs")));
    let there: Vec<_> = rust_files("src")
        .iter()
        .map(|path| shown(path))
        .filter(|name| name.matches('/').count() == 1 && name != "src/lib.rs" && name != "src/main.rs")
        .map(|name| place(Path::new(&name)).0)
        .collect();
    let listed: Vec<_> = layers.keys().cloned().collect();
    assert_eq!(there, listed, "the files in src (left) and the layer table in src/lib.rs (right) must name the same");
}

#[test]
fn a_violation_is_found_however_it_is_written() {
    let layers = table("//! | 0 | ids |\n//! | 1 | protocol, engine |\n//! | 2 | files |\n//! | 3 | server |\n");
    let faults = |module: &str, depth: usize, text: &str| -> usize {
        let imports = imports(&code_only(text), depth);
        imports.iter().filter(|(_, imported)| fault(&layers, module, imported).is_some()).count()
    };
    assert_eq!(faults("files", 1, "use crate::ids::SessionId; use crate::engine; use crate::files::Entry;"), 0);
    assert_eq!(faults("files", 1, "use crate::server::Router;"), 1);
    assert_eq!(faults("files", 1, "use crate::{ids, server::{Router, files}, engine::*};"), 1);
    assert_eq!(faults("files", 1, "fn f() { crate::server::run() }"), 1);
    assert_eq!(faults("files", 1, "use super::server;"), 1);
    assert_eq!(faults("files", 1, "mod tests { use super::server; }"), 0, "a submodule of its own");
    assert_eq!(faults("files", 1, "mod tests { use super::super::server; }"), 1);
    assert_eq!(faults("files", 2, "use super::server; use super::super::ids;"), 0);
    assert_eq!(faults("files", 1, "// crate::server\n/* crate::server */ const A: &str = \"crate::server\";"), 0);
    assert_eq!(faults("engine", 1, "use crate::protocol;"), 1, "one layer's modules don't know each other");
    assert_eq!(faults("files", 1, "use crate::protocol;"), 1, "kept to its three importers");
    assert_eq!(faults("files", 1, "use crate::nowhere;"), 1);
    assert_eq!(faults("files", 1, "pub(crate) fn f() {}"), 0);
}

/// Reads `//! | 2 | transport, agent |` rows.
fn table(lib: &str) -> Layers {
    let mut layers = Layers::new();
    for row in lib.lines().filter_map(|line| line.strip_prefix("//! |")) {
        let mut cells = row.split('|').map(str::trim);
        let (Some(layer), Some(modules)) = (cells.next(), cells.next()) else { continue };
        let Ok(layer) = layer.parse() else { continue };
        for module in modules.split(',').map(str::trim) {
            assert!(layers.insert(module.to_owned(), layer).is_none(), "the layer table names {module} twice");
        }
    }
    assert!(!layers.is_empty(), "src/lib.rs has no layer table");
    layers
}

/// The top module that a file of `src` belongs to, and how many `super` lead from it to the crate's root.
fn place(name: &Path) -> (String, usize) {
    let parts: Vec<_> = name.iter().skip(1).map(|part| part.to_string_lossy()).collect();
    (parts[0].trim_end_matches(".rs").to_owned(), parts.len())
}

/// What a module does wrong by importing another, and what to do instead.
fn fault(layers: &Layers, module: &str, imported: &str) -> Option<String> {
    if module == imported {
        return None;
    }
    let Some(below) = layers.get(imported) else {
        return Some(format!("`{imported}` is not in the layer table of src/lib.rs: name the module it comes from"));
    };
    let Some(above) = layers.get(module) else {
        return Some(format!("`{module}` is not in the layer table of src/lib.rs: give it a layer"));
    };
    if below >= above {
        return Some(format!(
            "`{module}` (layer {above}) imports `{imported}` (layer {below}). A module imports from lower layers only: \
             move down what it needs, or have a module above them both pass it in"
        ));
    }
    let keepers = KEPT_TO.iter().find(|(kept, _)| *kept == imported)?.1;
    (!keepers.contains(&module)).then(|| {
        format!(
            "`{imported}` is for {} alone: give `{module}` a type of its own and convert above it",
            keepers.join(", ")
        )
    })
}

/// The top modules that code names by `crate::` or by enough `super::`, each with its line.
fn imports(code: &str, depth: usize) -> Vec<(usize, String)> {
    let tokens = tokens(code);
    let text = |at: usize| tokens.get(at).map_or("", |(_, text)| text.as_str());
    let mut found = Vec::new();
    // For each open brace, whether it belongs to a module written in place.
    let mut braces: Vec<bool> = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let mut supers = 0;
        match text(at) {
            "{" => braces.push(at >= 2 && text(at - 2) == "mod"),
            "}" => drop(braces.pop()),
            "super" => {
                while text(at) == "super" && text(at + 1) == "::" {
                    supers += 1;
                    at += 2;
                }
            }
            _ => {}
        }
        let from_root = supers == depth + braces.iter().filter(|module| **module).count();
        if supers > 0 && from_root {
            heads(&tokens, at, &mut found);
        } else if supers == 0 {
            if text(at) == "crate" && text(at + 1) == "::" {
                heads(&tokens, at + 2, &mut found);
            }
            at += 1;
        }
    }
    found
}

/// The first names of the path, or of the group of paths, that starts at `at`.
fn heads(tokens: &[(usize, String)], at: usize, found: &mut Vec<(usize, String)>) {
    if tokens.get(at).is_none_or(|(_, text)| text != "{") {
        found.extend(tokens.get(at).cloned());
        return;
    }
    let mut depth = 0;
    for pair in tokens[at..].windows(2) {
        match pair[0].1.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
        if depth == 1 && matches!(pair[0].1.as_str(), "{" | ",") && pair[1].1 != "}" {
            found.push(pair[1].clone());
        }
    }
}

/// Names, `::`, and every other character that is not white space, each with its line.
fn tokens(code: &str) -> Vec<(usize, String)> {
    let mut tokens: Vec<(usize, String)> = Vec::new();
    for (number, line) in code.lines().enumerate() {
        let mut word = false;
        let mut colon = false;
        for char in line.chars() {
            let joins = (word && (char.is_alphanumeric() || char == '_')) || (colon && char == ':');
            colon = char == ':' && !joins;
            word = char.is_alphanumeric() || char == '_';
            match tokens.last_mut() {
                Some((_, text)) if joins => text.push(char),
                _ if char.is_whitespace() => {}
                _ => tokens.push((number + 1, char.to_string())),
            }
        }
    }
    tokens
}
