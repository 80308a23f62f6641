//! What the adapter says it can do: what it does by itself, and what the back end in question adds.

use serde_json::{Map, Value, json};

use super::habits::Habits;
use crate::dap::types::Capabilities;
use crate::debug::backends::Backends;
use crate::engine::{self, Debugger, adapters};
use crate::session::Toolbox;

/// Names that clients know other adapters by, and the language that these are for.
const OTHER_NAMES: &[(&str, &str)] = &[
    ("debugpy", "python"),
    ("pwa-node", "node"),
    ("node2", "node"),
    ("node-terminal", "node"),
    ("js-debug", "node"),
    ("typescript", "node"),
    ("delve", "go"),
    ("dlv-dap", "go"),
    ("coreclr", "csharp"),
    ("netcoredbg", "csharp"),
];

/// The language that a name is for which clients know another adapter by; any other name as it is.
pub(super) fn known_as(name: &str) -> &str {
    let other = OTHER_NAMES.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
    other.map_or(name, |(_, language)| language)
}

/// The engine that a name of a language, of an engine or of an adapter hints at. Where an adapter debugs what other
/// tools built, there need not be an engine, and none is hinted at.
pub(super) fn hinted(name: &str) -> Option<&'static engine::Engine> {
    let name = known_as(name);
    let engine = engine::by_id(name).or_else(|| engine::by_language(name));
    engine.filter(|engine| engine.debugger.is_some() || adapters::by_language(name).is_none())
}

/// What is said at the start: what the hinted back end can do, else what one or another can. What does not
/// hold is taken back by an event once the language is known; a client that heeds no such event would never
/// use what was not said at the start.
pub(super) fn at_start(backends: &Backends, tools: &Toolbox, habits: &Habits) -> Map<String, Value> {
    let by_engine = hinted(&habits.adapter).and_then(|engine| engine.debugger);
    let kind = by_engine.or_else(|| adapters::by_language(known_as(&habits.adapter)).map(Debugger::Adapter));
    match kind.and_then(|kind| backends.get(kind, tools)) {
        Some(backend) => exact(&backend.capabilities()),
        None => with_ours(any(backends.all().map(|backend| as_map(&backend.capabilities())))),
    }
}

/// What the adapter can do with a back end that can do this.
pub(super) fn exact(capabilities: &Capabilities) -> Map<String, Value> {
    with_ours(as_map(capabilities))
}

/// What of `now` was not said before. What was said and does not hold is taken back.
pub(super) fn changed(said: &Map<String, Value>, now: &Map<String, Value>) -> Map<String, Value> {
    let mut changed: Map<String, Value> =
        now.iter().filter(|(name, value)| said.get(*name) != Some(value)).map(owned).collect();
    for (name, value) in said.iter().filter(|(name, _)| !now.contains_key(*name)) {
        let nothing = if value.is_array() { json!([]) } else { json!(false) };
        changed.insert(name.clone(), nothing);
    }
    changed
}

fn owned((name, value): (&String, &Value)) -> (String, Value) {
    (name.clone(), value.clone())
}

fn as_map(capabilities: &Capabilities) -> Map<String, Value> {
    match serde_json::to_value(capabilities) {
        Ok(Value::Object(map)) => map.into_iter().filter(|(_, value)| *value != json!(false)).collect(),
        _ => Map::new(),
    }
}

/// What one of them or another can do; of filters, each once, as the first who has it describes it.
fn any(all: impl Iterator<Item = Map<String, Value>>) -> Map<String, Value> {
    let mut any = Map::new();
    for (name, value) in all.flatten() {
        match (any.get_mut(&name), value) {
            (Some(Value::Array(known)), Value::Array(more)) => {
                for item in more {
                    if !has(known, &item) {
                        known.push(item);
                    }
                }
            }
            (Some(_), _) => {}
            (None, value) => drop(any.insert(name, value)),
        }
    }
    any
}

fn has(items: &[Value], item: &Value) -> bool {
    items.iter().any(|other| match item.get("filter") {
        Some(filter) => other.get("filter") == Some(filter),
        None => other == item,
    })
}

fn with_ours(mut map: Map<String, Value>) -> Map<String, Value> {
    let ours = [
        "supportsConfigurationDoneRequest",
        "supportsCancelRequest",
        "supportsTerminateRequest",
        "supportTerminateDebuggee",
        "supportsRestartRequest",
        "supportsANSIStyling",
        "supportsConditionalBreakpoints",
        "supportsHitConditionalBreakpoints",
        "supportsLogPoints",
        "supportsEvaluateForHovers",
        "supportsSetVariable",
        "supportsDelayedStackTraceLoading",
        "supportsBreakpointLocationsRequest",
        "supportsLoadedSourcesRequest",
        "supportsExceptionInfoRequest",
        "supportsExceptionFilterOptions",
        "supportsCompletionsRequest",
        "supportsSetExpression",
        "supportsValueFormattingOptions",
        "supportsClipboardContext",
    ];
    // Each of these is in the trait that all back ends fulfil, or the adapter does it itself.
    map.extend(ours.map(|name| (name.to_owned(), json!(true))));
    // Nothing of these is built, whatever a back end says.
    for name in ["supportSuspendDebuggee", "supportsDataBreakpoints", "supportsInstructionBreakpoints"] {
        map.remove(name);
    }
    map
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_an_unknown_language_is_taken_back_once_it_is_known() {
        let map = |value: Value| value.as_object().cloned().unwrap_or_default();
        let python = map(json!({"supportsModulesRequest": true, "supportsGotoTargetsRequest": true,
            "exceptionBreakpointFilters": [{"filter": "raised"}, {"filter": "uncaught", "label": "a"}]}));
        let node = map(json!({"supportsModulesRequest": true,
            "exceptionBreakpointFilters": [{"filter": "uncaught", "label": "b"}]}));
        let any = any([python, node.clone()].into_iter());
        assert_eq!(
            Value::Object(any.clone()),
            json!({"supportsModulesRequest": true, "supportsGotoTargetsRequest": true,
            "exceptionBreakpointFilters": [{"filter": "raised"}, {"filter": "uncaught", "label": "a"}]})
        );
        let changed = changed(&any, &node);
        assert_eq!(changed.get("supportsGotoTargetsRequest"), Some(&json!(false)));
        assert!(changed.contains_key("exceptionBreakpointFilters") && !changed.contains_key("supportsModulesRequest"));
    }

    #[test]
    fn names_of_other_adapters_hint_at_their_language() {
        assert_eq!(hinted("debugpy").map(|engine| engine.id), Some("python"));
        assert_eq!(hinted("pwa-node").map(|engine| engine.id), Some("node"));
        assert_eq!(hinted("codebeaker"), None);
    }
}
