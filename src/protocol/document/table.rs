//! Turns the schema of an object into a table of its fields, those of nested objects included.

use std::collections::HashMap;

use schemars::Schema;
use serde_json::{Map, Value};

/// Whether the daemon reads the object or sends it. What it reads has defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// From a client.
    Read,
    /// To a client.
    Sent,
}

/// The fields of an object as a table, one row each; a sentence when there are none.
pub(super) fn fields(schema: &Schema, side: Side) -> String {
    let root = schema.as_value();
    if root.get("properties").is_none() {
        return match side {
            Side::Read => "None.\n".to_owned(),
            Side::Sent => "An empty object.\n".to_owned(),
        };
    }
    let head = match side {
        Side::Read => "| field | type | default | what it is |\n| --- | --- | --- | --- |\n",
        Side::Sent => "| field | type | what it is |\n| --- | --- | --- |\n",
    };
    let mut table = Table { root, side, told: HashMap::new(), text: head.to_owned() };
    table.object(root, "");
    table.text
}

struct Table<'a> {
    root: &'a Value,
    side: Side,
    /// Definitions that a row above has told in full, and the field of that row.
    told: HashMap<&'a str, String>,
    text: String,
}

/// A schema without its indirections.
struct Resolved<'a> {
    schema: &'a Value,
    /// The definition that it is, where it has a name.
    name: Option<&'a str>,
}

impl<'a> Table<'a> {
    fn object(&mut self, schema: &'a Value, prefix: &str) {
        let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
            return;
        };
        let required: Vec<&str> =
            schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        for (name, property) in properties {
            self.field(&format!("{prefix}{name}"), property, required.contains(&name.as_str()));
        }
    }

    fn field(&mut self, path: &str, property: &'a Value, required: bool) {
        let resolved = self.resolve(property);
        let description = property.get("description").and_then(Value::as_str).unwrap_or_default();
        let (inner, suffix) = match resolved.schema.get("items") {
            Some(items) => (self.resolve(items), "[]"),
            None => (self.particulars(&resolved), ""),
        };
        // What has been told is not told again; so what holds itself is not followed for ever either.
        let told = inner.name.and_then(|name| self.tell(name, format!("{path}{suffix}")));
        let values = match &told {
            None => values_told(inner.schema),
            Some(_) if inner.schema.get("properties").is_none() => String::new(),
            Some(field) => format!(" Its fields are those of `{field}`."),
        };

        let mark = if self.side == Side::Sent && !required { "?" } else { "" };
        let kind = self.kind(resolved.schema);
        self.text += &format!("| `{path}{mark}` | {kind} | ");
        if self.side == Side::Read {
            self.text += &format!("{} | ", default(property, inner.schema, required));
        }
        self.text += &format!("{}{values} |\n", cell(description));
        if told.is_none() {
            self.object(inner.schema, &format!("{path}{suffix}."));
        }
    }

    /// Notes that a definition is told at this field, unless another field told it: that one is returned.
    fn tell(&mut self, name: &'a str, field: String) -> Option<String> {
        match self.told.get(name) {
            Some(earlier) => Some(earlier.clone()),
            None => {
                self.told.insert(name, field);
                None
            }
        }
    }

    fn resolve(&self, schema: &'a Value) -> Resolved<'a> {
        let reference = schema.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix("#/$defs/"));
        if let Some(name) = reference {
            let definition = self.root.get("$defs").and_then(|definitions| definitions.get(name));
            return Resolved { schema: definition.unwrap_or(schema), name: Some(name) };
        }
        match alternatives(schema).as_slice() {
            [only] => self.resolve(only),
            _ => Resolved { schema, name: None },
        }
    }

    /// The object among the alternatives of `boolean or object`.
    fn particulars(&self, resolved: &Resolved<'a>) -> Resolved<'a> {
        let objects = alternatives(resolved.schema).into_iter().map(|alternative| self.resolve(alternative));
        let object = objects.into_iter().find(|alternative| alternative.schema.get("properties").is_some());
        object.unwrap_or(Resolved { schema: resolved.schema, name: resolved.name })
    }

    fn kind(&self, schema: &'a Value) -> String {
        if let Some(values) = values(schema) {
            return values.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(" \\| ");
        }
        let several = alternatives(schema);
        if !several.is_empty() {
            let kinds: Vec<_> = several.into_iter().map(|one| self.kind(self.resolve(one).schema)).collect();
            return kinds.join(" or ");
        }
        let kind = match schema.get("type") {
            Some(Value::String(kind)) => kind.as_str(),
            Some(Value::Array(kinds)) => {
                kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap_or("null")
            }
            _ => "any",
        };
        match kind {
            "array" => match schema.get("items") {
                Some(items) => format!("array of {}", self.kind(self.resolve(items).schema)),
                None => "array".to_owned(),
            },
            "object" => match schema.get("additionalProperties") {
                Some(value @ Value::Object(_)) => format!("map to {}", self.kind(self.resolve(value).schema)),
                _ => "object".to_owned(),
            },
            kind => kind.to_owned(),
        }
    }
}

/// What a schema may be, `null` left out; empty when it says so in no `anyOf`.
fn alternatives(schema: &Value) -> Vec<&Value> {
    let is_null = |schema: &&Value| schema.get("type").and_then(Value::as_str) == Some("null");
    let all = schema.get("anyOf").and_then(Value::as_array);
    all.into_iter().flatten().filter(|alternative| !is_null(alternative)).collect()
}

/// The values of an enumeration.
fn values(schema: &Value) -> Option<Vec<&str>> {
    if let Some(listed) = schema.get("enum").and_then(Value::as_array) {
        return Some(listed.iter().filter_map(Value::as_str).collect());
    }
    let variants = schema.get("oneOf")?.as_array()?;
    Some(variants.iter().filter_map(|variant| variant.get("const")?.as_str()).collect())
}

/// What each value of an enumeration means, a line each.
fn values_told(schema: &Value) -> String {
    let variants = schema.get("oneOf").and_then(Value::as_array);
    let told = variants.into_iter().flatten().filter_map(|variant| {
        let (value, meaning) = (variant.get("const")?.as_str()?, variant.get("description")?.as_str()?);
        Some(format!("<br>`{value}`: {}", cell(meaning)))
    });
    told.collect()
}

fn default(property: &Value, schema: &Value, required: bool) -> String {
    if required {
        return "required".to_owned();
    }
    match property.get("default") {
        // The defaults of the fields within say it better.
        Some(Value::Object(_)) if schema.get("properties").is_some() => String::new(),
        None | Some(Value::Null) => String::new(),
        Some(Value::Object(empty)) if *empty == Map::new() => String::new(),
        Some(Value::Array(empty)) if empty.is_empty() => String::new(),
        Some(Value::String(text)) if text.is_empty() => String::new(),
        Some(Value::String(text)) => format!("`{text}`"),
        Some(other) => format!("`{other}`"),
    }
}

/// Text as one line of a table.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};

    use super::super::super::methods::{schema_of_params, schema_of_result};
    use super::*;

    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Whole {
        /// A | in a
        /// description.
        name: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        part: Option<Part>,
        /// More of them.
        #[serde(default)]
        parts: Vec<Part>,
        #[serde(default)]
        map: std::collections::BTreeMap<String, u8>,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Part {
        /// Size.
        #[serde(default)]
        size: Size,
    }

    #[derive(Default, Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "camelCase")]
    enum Size {
        /// Little.
        #[default]
        Small,
        /// Much.
        Large,
    }

    #[test]
    fn nested_objects_become_rows_once() {
        let read = "\
            | field | type | default | what it is |\n\
            | --- | --- | --- | --- |\n\
            | `name` | string | required | A \\| in a description. |\n\
            | `part` | object |  |  |\n\
            | `part.size` | `small` \\| `large` | `small` | Size.<br>`small`: Little.<br>`large`: Much. |\n\
            | `parts` | array of object |  | More of them. Its fields are those of `part`. |\n\
            | `map` | map to integer |  |  |\n";
        assert_eq!(fields(&schema_of_params::<Whole>(), Side::Read), read);
        let sent = fields(&schema_of_result::<Whole>(), Side::Sent);
        assert!(sent.contains("| `part?` | object |  |\n"), "{sent}");
        assert!(sent.contains("| `name` | string | A"), "{sent}");
    }
}
