//! Makes what a debugger in a sandbox says fit to be shown: bounded, and without characters that hide or
//! reorder others.
//!
//! Applied to every value that goes to a client, before anything else looks at it. Fields that name
//! something this proxy does not translate (addresses in memory, places by number, links) are taken out:
//! a client could only send them back or open them.

use serde_json::Value;

use crate::json;

/// The deepest nesting of a message.
pub(super) const MAX_DEPTH: usize = 64;

/// The most elements of a list.
pub(super) const MAX_ELEMENTS: usize = 10_000;

/// The longest text, in bytes, but for the content of a source.
pub(super) const MAX_TEXT: usize = 1 << 20;

/// The longest line about something that went wrong, in bytes.
pub(super) const MAX_LINE: usize = 4096;

/// Fields that are never passed on, wherever they are.
const WITHHELD: &[&str] = &[
    "adapterData",
    "checksums",
    "data",
    "declarationLocationReference",
    "instructionPointerReference",
    "instructionReference",
    "isLocalProcess",
    "locationReference",
    "memoryReference",
    "restart",
    "symbolFilePath",
    "systemProcessId",
    "url",
    "urlLabel",
    "valueLocationReference",
];

/// Whether the JSON text nests no deeper than [`MAX_DEPTH`]; whether it is JSON is for the parser to say.
pub(super) fn is_shallow(text: &[u8]) -> bool {
    json::is_within(text, MAX_DEPTH, usize::MAX)
}

/// Cleans a value and all in it. `text` is how long its texts may be. The value is one that [`is_shallow`].
pub(super) fn clean(value: &mut Value, text: usize) {
    match value {
        Value::String(string) => clean_text(string, text),
        Value::Array(elements) => {
            elements.truncate(MAX_ELEMENTS);
            elements.iter_mut().for_each(|element| clean(element, text));
        }
        Value::Object(fields) => {
            // DAP leaves out what is not there, and clients are surprised by null.
            fields.retain(|name, value| !value.is_null() && !WITHHELD.contains(&name.as_str()));
            fields.values_mut().for_each(|value| clean(value, text));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Cleans a text, and shortens it to at most `longest` bytes.
pub(super) fn clean_text(text: &mut String, longest: usize) {
    if text.len() > longest {
        let mark = '…';
        let room = longest.saturating_sub(mark.len_utf8());
        let end = (0..=room).rev().find(|&end| text.is_char_boundary(end)).unwrap_or_default();
        text.truncate(end);
        text.push(mark);
    }
    if text.contains(is_unfit) {
        *text = text.replace(is_unfit, "\u{fffd}");
    }
}

/// Characters that command a terminal, or make a text look like another.
fn is_unfit(character: char) -> bool {
    let controls = character.is_control() && !matches!(character, '\n' | '\r' | '\t');
    let reorders =
        matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    controls || reorders
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn characters_that_deceive_are_replaced_and_links_taken_out() {
        let mut value = json!({
            "output": "a\u{1b}[31mb\u{202e}c\n", "variable": {"memoryReference": "0x1", "name": "é\t"}, "gone": null,
            "body": [{"url": "http://host", "line": 3}],
        });
        clean(&mut value, MAX_TEXT);
        let expected =
            json!({"output": "a\u{fffd}[31mb\u{fffd}c\n", "variable": {"name": "é\t"}, "body": [{"line": 3}]});
        assert_eq!(value, expected);
    }

    #[test]
    fn depth_is_that_of_brackets_outside_of_texts() {
        let nested = |depth: usize| [vec![b'['; depth], vec![b']'; depth]].concat();
        assert!(is_shallow(&nested(MAX_DEPTH)));
        assert!(!is_shallow(&nested(MAX_DEPTH + 1)));
        let text = format!("[{}]", json!("[{\"".repeat(MAX_DEPTH)));
        assert!(is_shallow(text.as_bytes()));
    }

    proptest! {
        #[test]
        fn a_text_is_never_longer_than_allowed(text in ".{0,40}", longest in 4_usize..30) {
            let mut cleaned = text.clone();
            clean_text(&mut cleaned, longest);
            // What is replaced may take three bytes for one.
            prop_assert!(cleaned.len() <= 3 * longest);
            prop_assert!(!cleaned.contains(is_unfit));
            if text.len() <= longest && !text.contains(is_unfit) {
                prop_assert_eq!(text, cleaned);
            }
        }
    }
}
