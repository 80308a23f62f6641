//! What code shows beside what it prints: one thing in several forms, of which a client takes what it can use.

use std::sync::Arc;

use serde_json::{Map, Value};

/// The form that everything has, and that every client takes.
const TEXT: &str = "text/plain";

/// The most bundles that an execution keeps.
const MAX_KEPT: usize = 256;

/// The most that they take together, in bytes.
const MAX_KEPT_BYTES: usize = 2 << 20;

/// Why something is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisplayKind {
    /// It is the value of the last expression.
    Result,
    /// The code asked for it.
    Display,
    /// It takes the place of what was shown under the same id.
    Update,
}

/// One thing that is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Display {
    /// Why.
    pub kind: DisplayKind,
    /// The name by which it can be replaced.
    pub id: Option<String>,
    /// Its forms, by their MIME types.
    pub data: Map<String, Value>,
    /// What the code says of them.
    pub metadata: Map<String, Value>,
    /// Forms that it has too, and that are left out.
    pub omitted: Vec<String>,
}

impl Display {
    /// Leaves out the forms that a client doesn't take. Text stays, as long as it need be.
    pub(crate) fn keep(&mut self, mimes: &[String], max_bytes: usize) {
        if length_of(&self.metadata) > max_bytes {
            self.metadata.clear();
        }
        let forms = std::mem::take(&mut self.data);
        for (mime, form) in forms {
            let form = if mime == TEXT { shortened(form, max_bytes) } else { form };
            if mime == TEXT || (takes(mimes, &mime) && length(&form) <= max_bytes) {
                self.data.insert(mime, form);
            } else {
                self.omitted.push(mime);
            }
        }
    }

    /// How long it is in a message, about.
    pub(crate) fn length(&self) -> usize {
        length_of(&self.data) + length_of(&self.metadata) + 100
    }

    /// What it takes in memory, about.
    fn footprint(&self) -> usize {
        footprint_of(&self.data) + footprint_of(&self.metadata) + size_of::<Self>()
    }
}

/// Whether a type is among those that are taken: by its name, or by that of its family, as in `image/*`.
fn takes(mimes: &[String], mime: &str) -> bool {
    let family = |pattern: &str| pattern.strip_suffix('*').is_some_and(|start| mime.starts_with(start));
    mimes.iter().any(|one| one == mime || family(one))
}

fn shortened(form: Value, max_bytes: usize) -> Value {
    match form {
        Value::String(text) if text.len() > max_bytes => {
            let end = (0..=max_bytes).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
            Value::String(format!("{}…", &text[..end]))
        }
        other => other,
    }
}

fn length(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
        Value::String(text) => text.len() + 2,
        Value::Array(all) => all.iter().map(length).sum::<usize>() + 2,
        Value::Object(all) => length_of(all) + 2,
    }
}

fn length_of(all: &Map<String, Value>) -> usize {
    all.iter().map(|(name, value)| name.len() + 4 + length(value)).sum()
}

/// Small values take many times what they are in a message.
fn footprint(value: &Value) -> usize {
    let within = match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => text.len(),
        Value::Array(all) => all.iter().map(footprint).sum(),
        Value::Object(all) => footprint_of(all),
    };
    within + size_of::<Value>()
}

fn footprint_of(all: &Map<String, Value>) -> usize {
    // Beside each name and value, a place in the table of hashes.
    all.iter().map(|(name, value)| name.len() + size_of::<String>() + 16 + footprint(value)).sum()
}

/// All that an execution has shown.
#[derive(Debug, Clone, Default)]
pub struct Displayed {
    /// The first of it, as much as is kept.
    pub kept: Vec<Arc<Display>>,
    /// How much more there was.
    pub left_out: u64,
    bytes: usize,
}

impl Displayed {
    pub(super) fn push(&mut self, display: Arc<Display>) {
        let bytes = self.bytes + display.footprint();
        if self.kept.len() < MAX_KEPT && bytes <= MAX_KEPT_BYTES {
            self.bytes = bytes;
            self.kept.push(display);
        } else {
            self.left_out += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn display(data: Value) -> Display {
        let Value::Object(data) = data else { unreachable!("it is an object") };
        Display { kind: DisplayKind::Result, id: None, data, metadata: Map::new(), omitted: Vec::new() }
    }

    #[test]
    fn a_client_gets_the_forms_that_it_takes() {
        let mut shown = display(json!({"text/html": "<b>", "image/png": "abc", "text/plain": "b", "image/gif": "x"}));
        shown.keep(&["image/*".to_owned(), "text/html".to_owned()], 4);
        assert_eq!(Value::Object(shown.data), json!({"text/plain": "b", "image/gif": "x"}));
        assert_eq!(shown.omitted, ["text/html", "image/png"]);
    }

    #[test]
    fn text_is_cut_between_characters() {
        let mut shown = display(json!({"text/plain": "aéé"}));
        shown.keep(&[], 2);
        assert_eq!(shown.data["text/plain"], "a…");
    }

    #[test]
    fn what_is_kept_has_a_bound_and_the_rest_is_counted() {
        let mut all = Displayed::default();
        for _ in 0..10 {
            all.push(Arc::new(display(json!({"text/plain": "x".repeat(1 << 20)}))));
        }
        assert_eq!((all.kept.len(), all.left_out), (1, 9));
        for _ in 0..1000 {
            all.push(Arc::new(display(json!({"text/plain": ""}))));
        }
        assert_eq!((all.kept.len(), all.left_out), (MAX_KEPT, 1010 - MAX_KEPT as u64));
        let mut all = Displayed::default();
        all.push(Arc::new(display(json!({"application/json": vec![0; MAX_KEPT_BYTES / 8]}))));
        assert_eq!((all.kept.len(), all.left_out), (0, 1), "each number takes more than eight bytes");
    }
}
