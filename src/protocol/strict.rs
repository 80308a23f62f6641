//! Reads parameters so that a client's mistake is told, not swallowed.
//!
//! A field that no method knows is refused, with its JSON path and the name that was probably meant;
//! so is a value of the wrong type, with what was expected. Two kindnesses: a field whose name starts
//! with `_` is the client's own and is ignored, and `null` counts as absent. Keys of maps (`env`,
//! `labels`) are data and are never judged. No message repeats a value that was sent, for it may be a
//! secret; the values of enumerations are the exception.

use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeOwned, DeserializeSeed, IntoDeserializer, Unexpected, Visitor};
use serde_json::{Map, Value};

use super::error::{ErrorKind, ProtocolError};

/// Reads the parameters of a request. Absent parameters are those with no field at all.
///
/// # Errors
/// [`ErrorKind::InvalidParams`] with `data.path`.
pub fn parse<T: DeserializeOwned>(params: Option<Value>) -> Result<T, ProtocolError> {
    let value = match params {
        None | Some(Value::Null) => Value::Object(Map::new()),
        Some(value) => value,
    };
    T::deserialize(Reader { value, unknown: Unknown::Refuse }).map_err(|fault| fault.into_error(""))
}

/// Reads what a client says about itself: fields of a later version of the protocol are ignored.
/// `root` is where in the parameters it was found.
pub(super) fn parse_leniently<T: DeserializeOwned>(value: Value, root: &str) -> Result<T, ProtocolError> {
    T::deserialize(Reader { value, unknown: Unknown::Ignore }).map_err(|fault| fault.into_error(root))
}

/// The one of `names` that a misspelled name was probably meant to be.
pub(super) fn closest<'a>(name: &str, names: &[&'a str]) -> Option<&'a str> {
    let likeness = |candidate: &str| strsim::jaro_winkler(&name.to_lowercase(), &candidate.to_lowercase());
    names
        .iter()
        .map(|candidate| (likeness(candidate), *candidate))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, candidate)| candidate)
}

/// The longest part of a client's own text that a message repeats.
const QUOTED_CHARS: usize = 60;

fn quoted(text: &str) -> String {
    match text.char_indices().nth(QUOTED_CHARS) {
        None => format!("`{text}`"),
        Some((end, _)) => format!("`{}…`", &text[..end]),
    }
}

fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unknown {
    Refuse,
    Ignore,
}

/// What is wrong with the parameters, and where.
#[derive(Debug)]
struct Fault {
    /// From the inside out.
    path: Vec<String>,
    message: String,
    hint: Option<String>,
}

impl Fault {
    fn new(message: String) -> Self {
        Self { path: Vec::new(), message, hint: None }
    }

    fn within(mut self, segment: String) -> Self {
        self.path.push(segment);
        self
    }

    fn unknown(name: &str, known: &[&str]) -> Self {
        let hint = match closest(name, known) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => "there are no fields here".to_owned(),
            None => format!("the fields here are {}", listed(known)),
        };
        Self { path: vec![name.to_owned()], message: format!("unknown field {}", quoted(name)), hint: Some(hint) }
    }

    fn into_error(self, root: &str) -> ProtocolError {
        let mut path = root.to_owned();
        for segment in self.path.iter().rev() {
            if !path.is_empty() && !segment.starts_with('[') {
                path.push('.');
            }
            path.push_str(segment);
        }
        let message = if path.is_empty() { self.message } else { format!("{path}: {}", self.message) };
        let error = ProtocolError::invalid_params(path, message);
        match self.hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new(format!("expected {}, found {}", plainly(&expected.to_string()), kind_of(found)))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        let expected = plainly(&expected.to_string());
        match found {
            Unexpected::Unsigned(number) => Self::new(format!("expected {expected}, found {number}")),
            Unexpected::Signed(number) => Self::new(format!("expected {expected}, found {number}")),
            other => Self::new(format!("expected {expected}, found {}", kind_of(other))),
        }
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let mut fault = Self::new(format!("{} is none of {}", quoted(variant), listed(expected)));
        fault.hint = closest(variant, expected).map(|near| format!("did you mean `{near}`?"));
        fault
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::unknown(field, expected)
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new("missing".to_owned()).within(field.to_owned())
    }
}

/// What serde expects, in the words of JSON.
fn plainly(expected: &str) -> String {
    match expected {
        "u8" => "a whole number from 0 to 255".to_owned(),
        "u16" => "a whole number from 0 to 65535".to_owned(),
        "u32" | "u64" | "usize" => "a whole number, 0 or more".to_owned(),
        "a nonzero u16" => "a whole number from 1 to 65535".to_owned(),
        "a nonzero u32" | "a nonzero u64" => "a whole number, 1 or more".to_owned(),
        "i32" | "i64" => "a whole number".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        "a map" => "an object".to_owned(),
        "a sequence" => "an array".to_owned(),
        other if other.starts_with("struct ") => "an object".to_owned(),
        other => other.to_owned(),
    }
}

/// The JSON type of a value, and never the value.
fn kind_of(found: Unexpected<'_>) -> &'static str {
    match found {
        Unexpected::Bool(_) => "a boolean",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) | Unexpected::Float(_) => "a number",
        Unexpected::Unit | Unexpected::Option => "null",
        Unexpected::Seq => "an array",
        Unexpected::Map => "an object",
        _ => "a string",
    }
}

/// A JSON value that is read with an eye on what nobody asked for.
struct Reader {
    value: Value,
    unknown: Unknown,
}

impl Reader {
    fn unexpected(&self) -> Unexpected<'_> {
        match &self.value {
            Value::Null => Unexpected::Unit,
            Value::Bool(value) => Unexpected::Bool(*value),
            Value::Number(_) => Unexpected::Float(0.0),
            Value::String(text) => Unexpected::Str(text),
            Value::Array(_) => Unexpected::Seq,
            Value::Object(_) => Unexpected::Map,
        }
    }
}

impl<'de> de::Deserializer<'de> for Reader {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let unknown = self.unknown;
        match self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(value),
            Value::Number(number) => visit_number(&number, visitor),
            Value::String(text) => visitor.visit_string(text),
            Value::Array(items) => visitor.visit_seq(Items { items: items.into_iter(), index: 0, unknown }),
            Value::Object(fields) => visitor.visit_map(Fields { fields: fields.into_iter(), value: None, unknown }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _name: &str, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match &self.value {
            Value::String(text) => {
                let text: StrDeserializer<'_, Fault> = text.as_str().into_deserializer();
                visitor.visit_enum(text)
            }
            _ => Err(de::Error::invalid_type(self.unexpected(), &"a string")),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let unknown = self.unknown;
        let Value::Object(mut fields) = self.value else {
            return Err(de::Error::invalid_type(self.unexpected(), &"an object"));
        };
        fields.retain(|_, value| !value.is_null());
        if unknown == Unknown::Refuse {
            fields.retain(|name, _| !name.starts_with('_'));
            if let Some(name) = fields.keys().find(|name| !known.contains(&name.as_str())) {
                return Err(Fault::unknown(name, known));
            }
        }
        visitor.visit_map(Fields { fields: fields.into_iter(), value: None, unknown })
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct seq tuple tuple_struct map identifier ignored_any
    }
}

/// JSON has one kind of number: `1000.0` is as whole as `1000`.
fn visit_number<'de, V: Visitor<'de>>(number: &serde_json::Number, visitor: V) -> Result<V::Value, Fault> {
    if let Some(whole) = number.as_u64() {
        return visitor.visit_u64(whole);
    }
    if let Some(whole) = number.as_i64() {
        return visitor.visit_i64(whole);
    }
    match number.as_f64() {
        // Beyond 2^53 a double doesn't tell neighbouring integers apart, so it does not count as one.
        Some(float) if float.fract() == 0.0 && float.abs() <= 9_007_199_254_740_992.0 => {
            visitor.visit_i64(float as i64)
        }
        Some(float) => visitor.visit_f64(float),
        None => Err(Fault::new("the number is out of range".to_owned())),
    }
}

struct Items {
    items: std::vec::IntoIter<Value>,
    index: usize,
    unknown: Unknown,
}

impl<'de> de::SeqAccess<'de> for Items {
    type Error = Fault;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Fault> {
        let Some(value) = self.items.next() else {
            return Ok(None);
        };
        let index = self.index;
        self.index += 1;
        let item = seed.deserialize(Reader { value, unknown: self.unknown });
        item.map(Some).map_err(|fault| fault.within(format!("[{index}]")))
    }
}

struct Fields {
    fields: serde_json::map::IntoIter,
    value: Option<(String, Value)>,
    unknown: Unknown,
}

impl<'de> de::MapAccess<'de> for Fields {
    type Error = Fault;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Fault> {
        let Some((name, value)) = self.fields.next() else {
            return Ok(None);
        };
        let text: StrDeserializer<'_, Fault> = name.as_str().into_deserializer();
        let key = seed.deserialize(text)?;
        self.value = Some((name, value));
        Ok(Some(key))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        let Some((name, value)) = self.value.take() else {
            return Err(Fault::new("a value was asked for before its name".to_owned()));
        };
        seed.deserialize(Reader { value, unknown: self.unknown }).map_err(|fault| fault.within(name))
    }
}

/// An error of the kind that [`parse`] gives, for values that only a method itself can judge.
pub fn refuse(path: &str, message: impl std::fmt::Display) -> ProtocolError {
    ProtocolError::new(ErrorKind::ValidationFailed, format!("{path}: {message}")).at(path)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::num::NonZeroU64;

    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Outer {
        name: String,
        #[serde(default)]
        inner: Inner,
        #[serde(default)]
        list: Vec<Inner>,
        #[serde(default)]
        map: BTreeMap<String, String>,
    }

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Inner {
        memory_bytes: Option<NonZeroU64>,
        colour: Option<Colour>,
        cpu: Option<f64>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "camelCase")]
    enum Colour {
        DarkRed,
        Green,
    }

    fn refused(params: Value) -> (String, String, Option<String>) {
        let error = parse::<Outer>(Some(params)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidParams);
        (error.data.path.unwrap(), error.message, error.data.hint)
    }

    #[test]
    fn a_misspelled_field_is_refused_with_its_path_and_its_likeness() {
        let (path, message, hint) = refused(json!({"name": "x", "list": [{}, {"memoryByte": 1}]}));
        assert_eq!(path, "list[1].memoryByte");
        assert_eq!(message, "list[1].memoryByte: unknown field `memoryByte`");
        assert_eq!(hint.unwrap(), "did you mean `memoryBytes`?");

        let (path, _, hint) = refused(json!({"name": "x", "inner": {"zzz": 1}}));
        assert_eq!(path, "inner.zzz");
        assert_eq!(hint.unwrap(), "the fields here are `memoryBytes`, `colour`, `cpu`");
    }

    #[test]
    fn a_clients_own_fields_are_ignored_but_keys_of_maps_are_data() {
        let params = json!({"name": "x", "_mine": {"a": 1}, "inner": {"_also": 2}, "map": {"_kept": "y"}});
        let outer: Outer = parse(Some(params)).unwrap();
        assert_eq!(outer.map["_kept"], "y");
    }

    #[test]
    fn a_wrong_type_is_told_in_the_words_of_json_and_without_the_value() {
        let wrong = |params| {
            let (path, message, _) = refused(params);
            assert!(message.starts_with(&format!("{path}: ")), "{message}");
            message
        };
        assert_eq!(wrong(json!({"name": 5})), "name: expected a string, found a number");
        assert_eq!(wrong(json!({})), "name: missing");
        assert_eq!(wrong(json!({"name": "x", "inner": []})), "inner: expected an object, found an array");
        assert_eq!(wrong(json!({"name": "x", "list": {}})), "list: expected an array, found an object");
        let negative = wrong(json!({"name": "x", "inner": {"memoryBytes": -1}}));
        assert_eq!(negative, "inner.memoryBytes: expected a whole number, 1 or more, found -1");
        let half = wrong(json!({"name": "x", "inner": {"memoryBytes": 1.5}}));
        assert_eq!(half, "inner.memoryBytes: expected a whole number, 1 or more, found a number");
        let secret = wrong(json!({"name": "x", "map": "TOKEN=hunter2"}));
        assert_eq!(secret, "map: expected an object, found a string");
        let (_, message, hint) = refused(json!({"name": "x", "inner": {"colour": "darkred"}}));
        assert_eq!(message, "inner.colour: `darkred` is none of `darkRed`, `green`");
        assert_eq!(hint.unwrap(), "did you mean `darkRed`?");
    }

    #[test]
    fn parameters_that_are_no_object_are_refused_as_a_whole() {
        let error = parse::<Outer>(Some(json!(["x"]))).unwrap_err();
        assert_eq!(error.message, "expected an object, found an array");
        assert_eq!(error.data.path.as_deref(), Some(""));
    }

    #[test]
    fn null_counts_as_absent_and_whole_floats_as_whole() {
        let params = json!({"name": "x", "inner": null, "list": [{"memoryBytes": 1000.0, "cpu": 2}], "map": null});
        let outer: Outer = parse(Some(params)).unwrap();
        assert_eq!(outer.inner, Inner::default());
        assert_eq!(outer.list[0].memory_bytes.unwrap().get(), 1000);
        assert_eq!(outer.list[0].cpu, Some(2.0));
    }

    #[test]
    fn what_a_client_says_of_itself_may_be_newer_than_we_are() {
        let inner: Inner = parse_leniently(json!({"cpu": 1, "later": true}), "root").unwrap();
        assert_eq!(inner.cpu, Some(1.0));
        let error = parse_leniently::<Inner>(json!({"cpu": "1"}), "root.here").unwrap_err();
        assert_eq!(error.data.path.as_deref(), Some("root.here.cpu"));
    }
}
