//! Values as V8 tells of them, and how they read in one line.
//!
//! The style is that of the browsers' developer tools: `{a: 1}`, `(3) [1, 2, 3]`, `Map(1) {'a' => 1}`. All
//! texts are the program's; they are cut where they get too long.

use std::fmt::Write;

use serde::Deserialize;
use serde_json::Value;

use super::paths::cut;

/// The longest text of a value that is shown in a line.
const MAX_TEXT_BYTES: usize = 64 << 10;

/// A value. What can be opened has an object's number.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct RemoteObject {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) subtype: Option<String>,
    pub(super) class_name: Option<String>,
    pub(super) value: Option<Value>,
    pub(super) unserializable_value: Option<String>,
    pub(super) description: Option<String>,
    pub(super) object_id: Option<String>,
    pub(super) preview: Option<Preview>,
}

/// What is in an object, as far as one line of it goes.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Preview {
    #[serde(rename = "type")]
    kind: String,
    subtype: Option<String>,
    description: Option<String>,
    overflow: bool,
    properties: Vec<PreviewProperty>,
    entries: Vec<PreviewEntry>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PreviewProperty {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    subtype: Option<String>,
    value: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct PreviewEntry {
    key: Option<Preview>,
    value: Preview,
}

impl RemoteObject {
    /// Its text in one line. Whole numbers in hexadecimal, where that is wanted.
    pub(super) fn text(&self, hex: bool) -> String {
        let mut text = self.whole_text(hex);
        let kept = cut(&text, MAX_TEXT_BYTES).len();
        if kept < text.len() {
            text.truncate(kept);
            text.push('…');
        }
        text
    }

    fn whole_text(&self, hex: bool) -> String {
        let description = self.description.as_deref().unwrap_or_default();
        match (self.kind.as_str(), self.subtype.as_deref()) {
            ("undefined", _) => "undefined".to_owned(),
            (_, Some("null")) => "null".to_owned(),
            ("string", _) => quoted(self.string().unwrap_or_default()),
            ("number", _) => match self.value.as_ref().and_then(Value::as_i64) {
                Some(number) if hex && number < 0 => format!("-0x{:x}", number.unsigned_abs()),
                Some(number) if hex => format!("0x{number:x}"),
                _ => description.to_owned(),
            },
            ("bigint" | "symbol", _) => description.to_owned(),
            ("boolean", _) => self.value.as_ref().map(Value::to_string).unwrap_or_default(),
            ("function", _) => function(description),
            // Its preview has key and value once more.
            (_, Some("internal#entry")) => self.preview.as_ref().map_or_else(
                || description.to_owned(),
                |preview| preview.entry().unwrap_or_else(|| description.to_owned()),
            ),
            (_, Some("error")) => description.lines().next().unwrap_or_default().to_owned(),
            (_, Some("regexp" | "date" | "node" | "internal#location")) => description.to_owned(),
            _ => match &self.preview {
                Some(preview) => preview.text(true),
                None => description.to_owned(),
            },
        }
    }

    /// The text that it is, if it is one.
    pub(super) fn string(&self) -> Option<&str> {
        self.value.as_ref().and_then(Value::as_str)
    }

    /// Its type's name.
    pub(super) fn type_name(&self) -> String {
        let name = match (self.kind.as_str(), self.subtype.as_deref()) {
            ("object", Some("null")) => "null",
            ("object", _) => self.class_name.as_deref().unwrap_or("Object"),
            (kind, _) => kind,
        };
        cut(name, 256).to_owned()
    }

    /// How many numbered children it has.
    pub(super) fn indexed(&self) -> Option<u32> {
        let counted = matches!(self.subtype.as_deref(), Some("array" | "typedarray" | "map" | "set" | "arraybuffer"));
        let description = self.description.as_deref().filter(|_| counted)?;
        let (_, count) = description.rsplit_once('(')?;
        count.strip_suffix(')')?.parse().ok()
    }

    /// How the protocol takes it as an argument of a call.
    pub(super) fn as_argument(&self) -> Value {
        if let Some(id) = &self.object_id {
            serde_json::json!({"objectId": id})
        } else if let Some(text) = &self.unserializable_value {
            serde_json::json!({"unserializableValue": text})
        } else {
            match &self.value {
                Some(value) => serde_json::json!({"value": value}),
                None => serde_json::json!({}),
            }
        }
    }

    /// As a condition takes it.
    pub(super) fn is_true(&self) -> bool {
        match (&self.value, &self.unserializable_value) {
            (_, Some(text)) => !matches!(text.as_str(), "NaN" | "-0" | "0n"),
            (Some(Value::Bool(value)), _) => *value,
            (Some(Value::Number(value)), _) => value.as_f64() != Some(0.0),
            (Some(Value::String(value)), _) => !value.is_empty(),
            (Some(Value::Null) | None, _) => self.object_id.is_some(),
            (Some(_), _) => true,
        }
    }
}

impl Preview {
    /// There is more than it shows.
    pub(super) fn is_cut(&self) -> bool {
        self.overflow
    }

    /// What an entry of a map or set reads as.
    fn entry(&self) -> Option<String> {
        let part =
            |name: &str| self.properties.iter().find(|property| property.name == name).map(PreviewProperty::text);
        let value = part("value")?;
        Some(part("key").map_or_else(|| value.clone(), |key| format!("{key} => {value}")))
    }

    fn text(&self, outermost: bool) -> String {
        let description = self.description.as_deref().unwrap_or_default();
        match (self.kind.as_str(), self.subtype.as_deref()) {
            ("string", _) => return quoted(description),
            ("function", _) => return function(description),
            ("object", None | Some("array" | "typedarray" | "map" | "set" | "weakmap" | "weakset" | "iterator")) => {}
            ("object", Some("generator" | "promise" | "proxy" | "arraybuffer" | "dataview")) => {}
            _ => return description.lines().next().unwrap_or_default().to_owned(),
        }
        if !outermost && self.properties.is_empty() && self.entries.is_empty() {
            return match description {
                "Object" => if self.overflow { "{…}" } else { "{}" }.to_owned(),
                other => other.to_owned(),
            };
        }
        let is_array = matches!(self.subtype.as_deref(), Some("array" | "typedarray"));
        let mut parts: Vec<String> = Vec::new();
        for entry in &self.entries {
            let value = entry.value.text(false);
            parts.push(match &entry.key {
                Some(key) => format!("{} => {value}", key.text(false)),
                None => value,
            });
        }
        // The size of a map is in its name already.
        let shown = self.properties.iter().filter(|property| self.entries.is_empty() || property.name != "size");
        for property in shown {
            let value = property.text();
            let is_index = is_array && property.name.bytes().all(|byte| byte.is_ascii_digit());
            parts.push(if is_index { value } else { format!("{}: {value}", property.name) });
        }
        if self.overflow {
            parts.push("…".to_owned());
        }
        let parts = parts.join(", ");
        match description {
            "Object" => format!("{{{parts}}}"),
            array if is_array => match array.strip_prefix("Array") {
                Some("(0)") => "[]".to_owned(),
                Some(count) => format!("{count} [{parts}]"),
                None => format!("{array} [{parts}]"),
            },
            class => format!("{class} {{{parts}}}"),
        }
    }
}

impl PreviewProperty {
    fn text(&self) -> String {
        let value = self.value.as_deref().unwrap_or_default();
        match (self.kind.as_str(), self.subtype.as_deref()) {
            ("string", _) => quoted(value),
            ("function", _) => "ƒ".to_owned(),
            ("accessor", _) => "(...)".to_owned(),
            ("object", None) if value == "Object" => "{…}".to_owned(),
            (_, Some("array")) => value.strip_prefix("Array").unwrap_or(value).to_owned(),
            (_, Some("error")) => value.lines().next().unwrap_or_default().to_owned(),
            _ => value.to_owned(),
        }
    }
}

/// `ƒ name(arguments)`, of a function's whole text; `class Name` of a class's.
fn function(source: &str) -> String {
    let head = source.lines().next().unwrap_or_default();
    if let Some(class) = head.strip_prefix("class") {
        return format!("class{}", class.split('{').next().unwrap_or_default().trim_end());
    }
    let (kind, rest) = match head.strip_prefix("async ") {
        Some(rest) => ("async ƒ", rest),
        None => ("ƒ", head),
    };
    let rest = rest.strip_prefix("function").unwrap_or(rest);
    let rest = rest.strip_prefix('*').unwrap_or(rest).trim_start();
    match rest.split_once(')') {
        Some((head, _)) => format!("{kind} {head})"),
        None => format!("{kind} {}", cut(rest, 200)),
    }
}

/// A text in single quotes, as the developer tools show it.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('\'');
    for char in text.chars() {
        match char {
            '\'' => quoted.push_str("\\'"),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            char if char.is_control() => {
                let _ = write!(quoted, "\\x{:02x}", u32::from(char));
            }
            char => quoted.push(char),
        }
    }
    quoted.push('\'');
    quoted
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn text(object: Value) -> String {
        serde_json::from_value::<RemoteObject>(object).unwrap().text(false)
    }

    #[test]
    fn values_read_as_in_the_developer_tools() {
        assert_eq!(text(json!({"type": "string", "value": "it's\n"})), r"'it\'s\n'");
        assert_eq!(text(json!({"type": "undefined"})), "undefined");
        assert_eq!(text(json!({"type": "number", "value": 1.5, "description": "1.5"})), "1.5");
        assert_eq!(text(json!({"type": "function", "description": "async function f(a, b) {\n}"})), "async ƒ f(a, b)");
        assert_eq!(text(json!({"type": "function", "description": "class A extends B {\n}"})), "class A extends B");
        let array = json!({"type": "object", "subtype": "array", "description": "Array(2)", "preview": {
            "type": "object", "subtype": "array", "description": "Array(2)", "overflow": false,
            "properties": [{"name": "0", "type": "number", "value": "1"}, {"name": "1", "type": "string", "value": "b"}],
        }});
        assert_eq!(text(array), "(2) [1, 'b']");
        let map = json!({"type": "object", "subtype": "map", "description": "Map(1)", "preview": {
            "type": "object", "subtype": "map", "description": "Map(1)", "overflow": false,
            "properties": [{"name": "size", "type": "number", "value": "1"}],
            "entries": [{"key": {"type": "string", "description": "k"}, "value": {"type": "number", "description": "1"}}],
        }});
        assert_eq!(text(map), "Map(1) {'k' => 1}");
    }

    #[test]
    fn numbers_are_shown_in_hexadecimal_where_that_is_wanted() {
        let number = |value: i64| RemoteObject {
            kind: "number".to_owned(),
            value: Some(json!(value)),
            description: Some(value.to_string()),
            ..RemoteObject::default()
        };
        assert_eq!(
            (number(255).text(true), number(-1).text(true), number(255).text(false)),
            ("0xff".to_owned(), "-0x1".to_owned(), "255".to_owned())
        );
    }

    #[test]
    fn what_makes_no_sense_is_shown_all_the_same() {
        for object in [json!({}), json!({"type": "object", "preview": {}}), json!({"type": "x", "value": [[[]]]})] {
            let _ = text(object);
        }
        let long = text(json!({"type": "string", "value": "é".repeat(MAX_TEXT_BYTES)}));
        assert!(long.len() <= MAX_TEXT_BYTES + 4 && long.ends_with('…'));
    }
}
