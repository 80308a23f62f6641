//! Puts what stands in the fields of a message into the other side's terms: the numbers that name things,
//! and the paths.
//!
//! A file that a client does not have becomes a number ([`Names`]), under which the client may ask for its
//! text. What can't be translated is taken out of what goes to the client, and refused in what comes from it.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::names::{Inner, Names};
use super::surface::{Field, Fields};
use super::{Paths, Refusal};

/// Sources within sources.
const MAX_RELATED: usize = 4;

/// Translates what comes from the client.
pub(super) fn inward(arguments: &mut Value, fields: Fields, names: &Names, paths: &dyn Paths) -> Result<(), Refusal> {
    each(arguments, fields, &mut |value, field| {
        *value = match field {
            Field::Name(kind) => names.meaning(kind, value)?,
            Field::Source => source_inward(value, names, paths)?,
            Field::SourceReference => match value.as_u64() {
                Some(number @ 1..) => names.source(number)?.reference.into(),
                _ => 0.into(),
            },
            Field::Path | Field::Program => paths.to_sandbox(text(value)?).ok_or(Refusal::Outside)?.into(),
        };
        Ok(true)
    })
}

/// Translates what goes to the client. The body has been cleaned.
pub(super) fn outward(body: &mut Value, fields: Fields, names: &mut Names, paths: &dyn Paths) -> Result<(), Refusal> {
    each(body, fields, &mut |value, field| {
        *value = match field {
            Field::Name(kind) => names.mint(kind, value).ok_or(Refusal::Senseless)?.into(),
            // Some debuggers mean nothing by a source without anything in it.
            Field::Source if value.as_object().is_some_and(Map::is_empty) => return Ok(false),
            Field::Source => source_outward(value, names, paths, 0)?,
            Field::SourceReference => 0.into(),
            Field::Path => match paths.to_client(text(value)?) {
                Some(path) => path.into(),
                None => return Ok(false),
            },
            Field::Program => {
                let program = text(value)?;
                paths.to_client(program).unwrap_or_else(|| last_part(program)).into()
            }
        };
        Ok(true)
    })
}

/// Visits every field that is there. What the visitor answers `false` for is taken out.
fn each(
    value: &mut Value,
    fields: Fields,
    visit: &mut dyn FnMut(&mut Value, Field) -> Result<bool, Refusal>,
) -> Result<(), Refusal> {
    fields.iter().try_for_each(|(way, field)| follow(value, way, *field, visit).map(drop))
}

fn follow(
    value: &mut Value,
    way: &str,
    field: Field,
    visit: &mut dyn FnMut(&mut Value, Field) -> Result<bool, Refusal>,
) -> Result<bool, Refusal> {
    if way.is_empty() {
        return visit(value, field);
    }
    let (step, rest) = way.split_once('.').unwrap_or((way, ""));
    let (name, is_list) = step.strip_suffix("[]").map_or((step, false), |name| (name, true));
    let Value::Object(members) = value else {
        return Err(Refusal::Senseless);
    };
    let Some(member) = members.get_mut(name) else {
        return Ok(true);
    };
    if is_list {
        let elements = member.as_array_mut().ok_or(Refusal::Senseless)?;
        let mut kept = Vec::with_capacity(elements.len());
        for mut element in elements.drain(..) {
            if follow(&mut element, rest, field, visit)? {
                kept.push(element);
            }
        }
        *elements = kept;
    } else if !follow(member, rest, field, visit)? {
        members.shift_remove(name);
    }
    Ok(true)
}

fn text(value: &Value) -> Result<&str, Refusal> {
    value.as_str().ok_or(Refusal::Senseless)
}

fn last_part(path: &str) -> String {
    Path::new(path).file_name().map_or_else(|| "?".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// The source that a client names, by its number where it has one.
fn source_inward(source: &Value, names: &Names, paths: &dyn Paths) -> Result<Value, Refusal> {
    let mut inner = Map::new();
    if let Some(name) = source.get("name").filter(|name| name.is_string()) {
        inner.insert("name".to_owned(), name.clone());
    }
    match (source.get("sourceReference").and_then(Value::as_u64), source.get("path")) {
        (Some(number @ 1..), _) => {
            let Inner { path, reference } = names.source(number)?;
            inner.extend(path.as_ref().map(|path| ("path".to_owned(), json!(path))));
            inner.insert("sourceReference".to_owned(), json!(reference));
        }
        (_, Some(path)) => {
            let path = paths.to_sandbox(text(path)?).ok_or(Refusal::Outside)?;
            inner.insert("path".to_owned(), json!(path));
        }
        _ => return Err(Refusal::Outside),
    }
    Ok(Value::Object(inner))
}

/// The source that a debugger names: a file of the client's, or a number.
fn source_outward(source: &mut Value, names: &mut Names, paths: &dyn Paths, depth: usize) -> Result<Value, Refusal> {
    let Value::Object(mut fields) = source.take() else {
        return Err(Refusal::Senseless);
    };
    let path = fields.shift_remove("path").map(|path| text(&path).map(str::to_owned)).transpose()?;
    let reference = match fields.shift_remove("sourceReference") {
        Some(reference) => reference.as_i64().ok_or(Refusal::Senseless)?,
        None => 0,
    };
    if let Some(related) = fields.shift_remove("sources").filter(|_| depth == 0) {
        let Value::Array(related) = related else { return Err(Refusal::Senseless) };
        let related = related.into_iter().take(MAX_RELATED);
        let related = related.map(|mut one| source_outward(&mut one, names, paths, depth + 1));
        fields.insert("sources".to_owned(), related.collect::<Result<_, _>>()?);
    }
    if !fields.get("name").is_some_and(Value::is_string) {
        fields.insert("name".to_owned(), last_part(path.as_deref().unwrap_or_default()).into());
    }
    match path.as_deref().filter(|_| reference == 0).and_then(|path| paths.to_client(path)) {
        Some(path) => {
            fields.insert("path".to_owned(), json!(path));
        }
        None if path.is_some() || reference != 0 => {
            let number = names.mint_source(Inner { path, reference }).ok_or(Refusal::Senseless)?;
            fields.insert("sourceReference".to_owned(), json!(number));
        }
        None => {}
    }
    Ok(Value::Object(fields))
}
