//! What could complete a line: names in scope, and properties of what stands before the dot. Nothing that has
//! effects is evaluated.

use serde::Deserialize;
use serde_json::json;

use super::target::Target;
use crate::debug::backend::{Completion, CompletionKind, Fault, Handle, Purpose};

/// Names of one answer.
const MAX_NAMES: u32 = 2000;

/// Gets the names of an object.
const NAMES: &str = include_str!("complete.js");

const KEYWORDS: &[&str] = &[
    "await",
    "class",
    "const",
    "delete",
    "false",
    "function",
    "instanceof",
    "let",
    "new",
    "null",
    "return",
    "this",
    "throw",
    "true",
    "typeof",
    "undefined",
    "void",
];

#[derive(Deserialize)]
struct Named {
    result: ByValue,
}

#[derive(Deserialize)]
struct ByValue {
    #[serde(default)]
    value: Vec<(String, String)>,
}

/// What stands before the cursor: an expression and a dot, if there is one, and the start of a name.
fn before(line: &str) -> (Option<&str>, &str) {
    let part = |char: char| char.is_alphanumeric() || char == '_' || char == '$';
    let start = line.trim_end_matches(part).len();
    let (rest, prefix) = line.split_at(start);
    let Some(object) = rest.strip_suffix('.').map(|object| object.strip_suffix('?').unwrap_or(object)) else {
        return (None, prefix);
    };
    (Some(&object[expression_start(object)..]), prefix)
}

/// Where the expression that this ends with begins: names, dots and what is in brackets.
fn expression_start(text: &str) -> usize {
    let mut depth = 0_u32;
    let mut quote = None;
    for (at, char) in text.char_indices().rev() {
        match (char, quote) {
            (_, Some(open)) if char == open => quote = None,
            (_, Some(_)) => {}
            ('"' | '\'' | '`', None) => quote = Some(char),
            (')' | ']', None) => depth += 1,
            ('(' | '[', None) if depth > 0 => depth -= 1,
            _ if depth > 0 || char.is_alphanumeric() || "_$.?".contains(char) => {}
            _ => return at + char.len_utf8(),
        }
    }
    0
}

impl Target {
    /// What could complete a text at a place.
    pub(super) async fn complete(
        &self,
        frame: Option<&Handle>,
        text: &str,
        line: u32,
        column: u32,
    ) -> Result<Vec<Completion>, Fault> {
        let line = text.lines().nth(line as usize).unwrap_or_default();
        let units: Vec<u16> = line.encode_utf16().take(column as usize).collect();
        let line = String::from_utf16_lossy(&units);
        let (object, prefix) = before(&line);
        let mut names = Vec::new();
        match object {
            Some(object) => {
                let Ok(object) = self.evaluate_in(frame, &format!("Object({object})"), Purpose::Hover).await else {
                    return Ok(Vec::new());
                };
                if let Some(id) = &object.object_id {
                    names = self.names_of(id).await?;
                }
            }
            None => {
                if let (Ok(pause), Some(frame)) = (self.pause(), frame) {
                    for scope in pause.frame(frame)?.scope_chain.iter().filter(|scope| scope.kind != "global") {
                        if let Some(id) = &scope.object.object_id {
                            names.extend(self.names_of(id).await?);
                        }
                    }
                }
                if let Ok(global) = self.evaluate_in(None, "globalThis", Purpose::Hover).await
                    && let Some(id) = &global.object_id
                {
                    names.extend(self.names_of(id).await?);
                }
                names.extend(KEYWORDS.iter().map(|word| ((*word).to_owned(), "keyword".to_owned())));
            }
        }
        Ok(chosen(names, prefix, object.is_some()))
    }

    async fn names_of(&self, object: &str) -> Result<Vec<(String, String)>, Fault> {
        let params = json!({
            "objectId": object, "functionDeclaration": NAMES, "arguments": [{"value": MAX_NAMES}],
            "returnByValue": true, "silent": true, "throwOnSideEffect": false,
        });
        let named: Named = self.channel.call("Runtime.callFunctionOn", params).await?;
        Ok(named.result.value)
    }
}

fn chosen(names: Vec<(String, String)>, prefix: &str, properties: bool) -> Vec<Completion> {
    let mut seen = std::collections::HashSet::new();
    let fitting = names.into_iter().filter(|(name, _)| name.starts_with(prefix) && name.len() <= 256);
    let fitting = fitting.filter(|(name, _)| name.chars().all(|char| char.is_alphanumeric() || "_$".contains(char)));
    let fitting = fitting.filter(|(name, _)| seen.insert(name.clone())).take(MAX_NAMES as usize);
    let replaces = u32::try_from(prefix.encode_utf16().count()).unwrap_or(0);
    let completions = fitting.map(|(label, kind)| {
        let kind = match kind.as_str() {
            "function" => CompletionKind::Function,
            "class" => CompletionKind::Class,
            "keyword" => CompletionKind::Keyword,
            _ if properties => CompletionKind::Property,
            _ => CompletionKind::Variable,
        };
        Completion { label, kind, replaces }
    });
    completions.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_before_the_cursor_is_told_apart() {
        assert_eq!(before("na"), (None, "na"));
        assert_eq!(before("1 + a.b.na"), (Some("a.b"), "na"));
        assert_eq!(before("f(x, a[\"b)\"].na"), (Some("a[\"b)\"]"), "na"));
        assert_eq!(before("f(g(1))."), (Some("f(g(1))"), ""));
        assert_eq!(before("a?.b"), (Some("a"), "b"));
        assert_eq!(before("ü.ä"), (Some("ü"), "ä"));
        assert_eq!(before(")]."), (Some(")]"), ""));
        assert_eq!(before(""), (None, ""));
    }
}
