//! The protocol's own schema: what the members of each message must be.
//!
//! It lies in the wheel of debugpy, which is one of the tools that `scripts/test.sh` installs.
#![allow(dead_code, reason = "each test takes the part that it needs")]

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use jsonschema::Validator;
use serde_json::{Value, json};

/// Where the schema is below a directory of Python packages.
const IN_PACKAGES: &str = "debugpy/_vendored/pydevd/_pydevd_bundle/_debug_adapter/debugProtocol.json";

/// Where the tools of the tests are.
pub(crate) fn tools() -> PathBuf {
    let usual = || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools");
    std::env::var_os("CODEBEAKER_TOOLS").map_or_else(usual, PathBuf::from)
}

/// Where the tools' Python packages are, if that is anywhere: Python's version is in the path.
pub(crate) fn packages() -> Option<PathBuf> {
    let libraries = std::fs::read_dir(tools().join("venv/lib")).into_iter().flatten().flatten();
    libraries.map(|library| library.path().join("site-packages")).find(|path| path.exists())
}

/// The schema, taken apart by kinds of messages as far as they were met.
pub(crate) struct Schema {
    definitions: Value,
    validators: HashMap<String, Validator>,
}

impl Schema {
    /// Reads it. The error is the reason for skipping a test.
    pub(crate) fn find() -> Result<Self, String> {
        let path = packages().map(|packages| packages.join(IN_PACKAGES)).filter(|path| path.exists());
        let path = path.ok_or("the protocol's schema is missing; scripts/test.sh installs it with debugpy")?;
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let mut schema: Value = serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self { definitions: schema["definitions"].take(), validators: HashMap::new() })
    }

    /// What is wrong with a message of an adapter.
    pub(crate) fn faults(&mut self, message: &Value) -> Vec<String> {
        let text = |name: &str| message[name].as_str().unwrap_or_default();
        let kind = match text("type") {
            "event" => format!("{}Event", capitalized(text("event"))),
            "request" => format!("{}Request", capitalized(text("command"))),
            "response" if message["success"] == false => "ErrorResponse".to_owned(),
            "response" => format!("{}Response", capitalized(text("command"))),
            other => return vec![format!("no message is of type {other:?}: {message:.300}")],
        };
        if self.definitions.get(&kind).is_none() {
            return vec![format!("the protocol has no {kind}: {message:.300}")];
        }
        if !self.validators.contains_key(&kind) {
            let schema = json!({
                "$schema": "http://json-schema.org/draft-04/schema#",
                "$ref": format!("#/definitions/{kind}"),
                "definitions": self.definitions,
            });
            let validator = jsonschema::validator_for(&schema).unwrap_or_else(|error| panic!("{kind}: {error}"));
            self.validators.insert(kind.clone(), validator);
        }
        let errors = self.validators[&kind].iter_errors(message);
        errors.map(|error| format!("{kind}{}: {error:.300}", error.instance_path())).collect()
    }
}

fn capitalized(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map(|first| first.to_ascii_uppercase().to_string() + chars.as_str()).unwrap_or_default()
}
