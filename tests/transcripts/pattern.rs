//! What a written message says of a real one.
//!
//! An object in the document is part of the real one: the real one may have more fields. An array is the
//! whole array, but for `"..."`, which stands for any number of elements. In a string `…` stands for any
//! text. A string of the form
//! `<name>` is a placeholder: `<any>`, `<int>`, `<number>`, `<string>` and `<time>` stand for any value of
//! that kind; every other name stands for whatever value it meets first, and for the same from then on. Inside
//! a longer string a name stands for the text that it met before.

use std::collections::BTreeMap;

use serde_json::Value;

/// What the names stand for.
pub(crate) type Bindings = BTreeMap<String, Value>;

/// The name in `<name>`.
fn placeholder(text: &str) -> Option<&str> {
    let name = text.strip_prefix('<')?.strip_suffix('>')?;
    let is_name = name.starts_with(|char: char| char.is_ascii_alphabetic())
        && name.chars().all(|char| char.is_ascii_alphanumeric());
    is_name.then_some(name)
}

/// A message with every name replaced by what it stands for.
pub(crate) fn fill(written: &Value, bindings: &Bindings) -> Result<Value, String> {
    Ok(match written {
        Value::String(text) => match placeholder(text) {
            Some(name) => bindings.get(name).cloned().ok_or_else(|| format!("<{name}> stands for nothing yet"))?,
            None => Value::String(filled(text, bindings)),
        },
        Value::Array(items) => Value::Array(items.iter().map(|item| fill(item, bindings)).collect::<Result<_, _>>()?),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| Ok((name.clone(), fill(value, bindings)?)));
            Value::Object(fields.collect::<Result<_, String>>()?)
        }
        other => other.clone(),
    })
}

/// A text in which each `<name>` that stands for a text is replaced by that: `<directory>/a.js`.
fn filled(text: &str, bindings: &Bindings) -> String {
    let texts = bindings.iter().filter_map(|(name, value)| Some((name, value.as_str()?)));
    texts.fold(text.to_owned(), |text, (name, value)| text.replace(&format!("<{name}>"), value))
}

/// Compares a written message with a real one, and binds the names that it meets first. When they differ,
/// says where and how.
pub(crate) fn compare(written: &Value, real: &Value, bindings: &mut Bindings) -> Result<(), String> {
    let mut bound = bindings.clone();
    compare_at("", written, real, &mut bound)?;
    *bindings = bound;
    Ok(())
}

fn compare_at(path: &str, written: &Value, real: &Value, bindings: &mut Bindings) -> Result<(), String> {
    let differ = || Err(format!("{}: expected {written}, got {real}", if path.is_empty() { "message" } else { path }));
    match (written, real) {
        (Value::String(text), _) if placeholder(text).is_some() => {
            let name = placeholder(text).unwrap_or_default();
            let fits = match name {
                "any" => true,
                "int" => real.is_i64() || real.is_u64(),
                "number" => real.is_number(),
                "string" => real.is_string(),
                "time" => real.as_str().is_some_and(is_time),
                name => *bindings.entry(name.to_owned()).or_insert_with(|| real.clone()) == *real,
            };
            if fits { Ok(()) } else { differ() }
        }
        (Value::Object(written), Value::Object(real)) => {
            for (name, value) in written {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                match real.get(name) {
                    Some(real) => compare_at(&path, value, real, bindings)?,
                    None => return Err(format!("{path}: expected {value}, but it is absent")),
                }
            }
            Ok(())
        }
        (Value::Array(written), Value::Array(real)) => compare_items(path, written, real, bindings),
        (Value::String(written), Value::String(real)) => {
            if has_parts(&filled(written, bindings), real) {
                Ok(())
            } else {
                differ()
            }
        }
        (Value::Number(written), Value::Number(real)) if written.as_f64() == real.as_f64() => Ok(()),
        _ if written == real => Ok(()),
        _ => differ(),
    }
}

/// Compares arrays. Of the ways in which `"..."` can stand for elements, the first that fits counts.
fn compare_items(path: &str, written: &[Value], real: &[Value], bindings: &mut Bindings) -> Result<(), String> {
    let gap = written.iter().position(|item| item == "...");
    let (head, rest) = written.split_at(gap.unwrap_or(written.len()));
    if real.len() < head.len() || (gap.is_none() && real.len() > head.len()) {
        return Err(format!("{path}: expected {} elements, got {}", head.len(), real.len()));
    }
    for (index, (written, real)) in head.iter().zip(real).enumerate() {
        compare_at(&format!("{path}[{index}]"), written, real, bindings)?;
    }
    let Some((_, rest)) = rest.split_first() else { return Ok(()) };
    if rest.is_empty() {
        return Ok(());
    }
    for skipped in head.len()..=real.len() {
        let mut bound = bindings.clone();
        if compare_items(path, rest, &real[skipped..], &mut bound).is_ok() {
            *bindings = bound;
            return Ok(());
        }
    }
    Err(format!("{path}: expected {} among {}", Value::from(rest), Value::from(&real[head.len()..])))
}

/// Whether a text consists of these parts, with any text for each `…` between them.
fn has_parts(written: &str, real: &str) -> bool {
    let parts: Vec<&str> = written.split('…').collect();
    let [first, middle @ .., last] = &parts[..] else { return written == real };
    let Some(mut left) = real.strip_prefix(first) else { return false };
    for part in middle {
        match left.split_once(part) {
            Some((_, after)) => left = after,
            None => return false,
        }
    }
    left.ends_with(last)
}

/// Whether a text is a moment in UTC, as RFC 3339 writes it.
fn is_time(text: &str) -> bool {
    text.ends_with('Z') && text.parse::<jiff::Timestamp>().is_ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_written_message_is_part_of_the_real_one() {
        let mut names = Bindings::new();
        let real = json!({"a": {"b": 1, "c": [1, 2]}, "d": "x"});
        assert_eq!(compare(&json!({"a": {"b": 1.0}}), &real, &mut names), Ok(()));
        assert_eq!(compare(&json!({"a": {"c": [1, "..."]}}), &real, &mut names), Ok(()));
        let short = compare(&json!({"a": {"c": [1]}}), &real, &mut names).unwrap_err();
        assert_eq!(short, "a.c: expected 1 elements, got 2");
        let absent = compare(&json!({"a": {"e": null}}), &real, &mut names).unwrap_err();
        assert_eq!(absent, "a.e: expected null, but it is absent");
        assert!(compare(&json!({"d": "y"}), &real, &mut names).is_err());
    }

    #[test]
    fn dots_stand_for_elements_and_for_text() {
        let mut names = Bindings::new();
        let real = json!([1, 2, {"name": "x", "id": 7}, 4]);
        let written = json!(["...", {"name": "x", "id": "<id>"}, "..."]);
        assert_eq!(compare(&written, &real, &mut names), Ok(()));
        assert_eq!(names["id"], 7);
        assert_eq!(compare(&json!([1, "...", 4]), &real, &mut names), Ok(()));
        assert!(compare(&json!(["...", 2]), &real, &mut names).is_err());
        assert!(compare(&json!(["...", 9, "..."]), &real, &mut names).is_err());
        for (written, fits) in [("a…c", true), ("…b…", true), ("…", true), ("a…ab", false), ("b…", false)] {
            assert_eq!(compare(&json!(written), &json!("abc"), &mut names).is_ok(), fits, "{written}");
        }
    }

    #[test]
    fn a_name_stands_for_what_it_met_first() {
        let mut names = Bindings::new();
        let written = json!({"one": "<id>", "two": "<id>"});
        assert!(compare(&written, &json!({"one": "a", "two": "b"}), &mut names).is_err());
        assert!(names.is_empty(), "a message that differs binds nothing");
        assert_eq!(compare(&written, &json!({"one": "a", "two": "a"}), &mut names), Ok(()));
        assert_eq!(fill(&json!(["<id>", "<b> is no name"]), &names), Ok(json!(["a", "<b> is no name"])));
        assert!(fill(&json!("<other>"), &names).is_err());
        assert_eq!(fill(&json!("/<id>/<other>"), &names), Ok(json!("/a/<other>")));
        assert_eq!(compare(&json!("/<id>/…"), &json!("/a/b"), &mut names), Ok(()));
        assert!(compare(&json!("/<id>"), &json!("/b"), &mut names).is_err());
    }

    #[test]
    fn kinds_stand_for_any_value_of_theirs() {
        let mut names = Bindings::new();
        let mut fits = |kind: &str, real: Value| compare(&json!(kind), &real, &mut names).is_ok();
        assert!(fits("<int>", json!(5)) && !fits("<int>", json!(5.5)) && !fits("<int>", json!("5")));
        assert!(fits("<number>", json!(5.5)) && fits("<string>", json!("")) && fits("<any>", json!(null)));
        assert!(fits("<time>", json!("2024-05-06T07:08:09.123Z")));
        assert!(!fits("<time>", json!("2024-05-06T07:08:09+01:00")) && !fits("<time>", json!("soon")));
        assert!(names.is_empty());
    }
}
