//! Places in the settings file: which key lies at a place of its text, and where a key lies.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A step from a table or an array to what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

pub(super) fn key(names: &[&str]) -> Vec<Step> {
    names.iter().map(|&name| Step::Key(name.to_owned())).collect()
}

/// As people write it: `docker.machines[1].name`.
pub(super) fn shown(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Key(name) if text.is_empty() => text.push_str(name),
            Step::Key(name) => text.push_str(&format!(".{name}")),
            // People count from one.
            Step::Index(index) => text.push_str(&format!("[{}]", index + 1)),
        }
    }
    text
}

/// The keys down to the innermost value that has this place in it.
pub(super) fn path_at(table: &DeTable<'_>, at: usize) -> Vec<Step> {
    let mut path = Vec::new();
    for (name, value) in table {
        // A table of its own begins with its header, and so does not enclose what its values lie at.
        let inner = inside(value, at);
        if name.span().contains(&at) || value.span().contains(&at) || inner.is_some() {
            path.push(Step::Key(name.get_ref().to_string()));
            path.extend(inner.unwrap_or_default());
            break;
        }
    }
    path
}

fn inside(value: &Spanned<DeValue<'_>>, at: usize) -> Option<Vec<Step>> {
    match value.get_ref() {
        DeValue::Table(table) => Some(path_at(table, at)).filter(|path| !path.is_empty()),
        DeValue::Array(items) => items.iter().enumerate().find_map(|(index, item)| {
            let inner = inside(item, at);
            (item.span().contains(&at) || inner.is_some()).then(|| {
                let mut path = vec![Step::Index(index)];
                path.extend(inner.unwrap_or_default());
                path
            })
        }),
        _ => None,
    }
}

/// Where the value at this path is, or as much of the path as there is.
pub(super) fn place_of(document: &DeTable<'_>, path: &[Step]) -> Option<usize> {
    let (Step::Key(first), rest) = path.split_first()? else { return None };
    let mut value = document.get(first.as_str())?;
    let mut at = value.span().start;
    for step in rest {
        let next = match (value.get_ref(), step) {
            (DeValue::Table(table), Step::Key(name)) => table.get(name.as_str()),
            (DeValue::Array(items), Step::Index(index)) => items.get(*index),
            _ => None,
        };
        let Some(next) = next else { break };
        value = next;
        at = value.span().start;
    }
    Some(at)
}
