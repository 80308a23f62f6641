//! What a debugger says that it can do, cut down to what the proxy lets through.

use serde_json::{Map, Value};

use super::clean::{self, MAX_LINE};
use super::surface::COMMANDS;

/// Abilities that are no request of their own: they change what the fields of others mean.
const MANNERS: &[&str] = &[
    "supportsClipboardContext",
    "supportsConditionalBreakpoints",
    "supportsConfigurationDoneRequest",
    "supportsDelayedStackTraceLoading",
    "supportsEvaluateForHovers",
    "supportsExceptionFilterOptions",
    "supportsHitConditionalBreakpoints",
    "supportsLogPoints",
    "supportsSingleThreadExecutionRequests",
    "supportsSteppingGranularity",
    "supportsValueFormattingOptions",
];

/// The most exception filters, and the most characters that begin a completion.
const MAX_LISTED: usize = 64;

/// What of a debugger's capabilities a client may know.
pub(super) fn filter(said: Value) -> Value {
    let Value::Object(said) = said else {
        return Value::Object(Map::new());
    };
    let known = |name: &str| MANNERS.contains(&name) || COMMANDS.iter().any(|command| command.capability == Some(name));
    let kept = said.into_iter().filter_map(|(name, value)| match (name.as_str(), value) {
        (known_name, Value::Bool(can)) if known(known_name) => Some((name, Value::Bool(can))),
        ("exceptionBreakpointFilters", Value::Array(filters)) => {
            Some((name, filters.into_iter().filter_map(exception_filter).take(MAX_LISTED).collect()))
        }
        ("completionTriggerCharacters", Value::Array(characters)) => {
            Some((name, characters.into_iter().filter(Value::is_string).take(MAX_LISTED).collect()))
        }
        _ => None,
    });
    let mut kept = Value::Object(kept.collect());
    clean::clean(&mut kept, MAX_LINE);
    kept
}

/// `None` when it lacks what every filter has.
fn exception_filter(filter: Value) -> Option<Value> {
    let Value::Object(mut filter) = filter else { return None };
    filter.retain(|name, value| match name.as_str() {
        "filter" | "label" | "description" | "conditionDescription" => value.is_string(),
        "default" | "supportsCondition" => value.is_boolean(),
        _ => false,
    });
    (filter.contains_key("filter") && filter.contains_key("label")).then_some(Value::Object(filter))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_does_not_go_through_is_not_advertised() {
        let said = json!({
            "supportsSetVariable": true, "supportsReadMemoryRequest": true, "supportsDisassembleRequest": true,
            "supportsRestartRequest": true, "supportsTerminateRequest": true, "supportsLogPoints": "yes",
            "supportsANSIStyling": true, "supportsDataBreakpoints": true, "supportsStepBack": true, "odd": true,
            "exceptionBreakpointFilters": [{"filter": "all", "label": "All\u{202e}", "odd": 1}, {"filter": "x"}, 3],
            "completionTriggerCharacters": [".", 3],
        });
        let expected = json!({
            "supportsSetVariable": true, "exceptionBreakpointFilters": [{"filter": "all", "label": "All\u{fffd}"}],
            "completionTriggerCharacters": ["."],
        });
        assert_eq!(filter(said), expected);
        assert_eq!(filter(json!([1])), json!({}));
    }
}
