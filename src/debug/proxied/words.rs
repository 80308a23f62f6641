//! Between the words of DAP and those of back ends.
//!
//! Handles are the numbers that the proxy minted. Bodies have the shape that DAP gives them, which the proxy
//! has seen to; what is absent is read as DAP says.

use serde_json::{Value, json};

use crate::debug::backend::{
    ExceptionFilter, Frame, FrameHint, Handle, HitCondition, LogPart, Module, Place, Placed, Position, Quality, Scope,
    ScopeKind, Shown, StopReason, Terms, Variable,
};

pub(super) fn number(value: &Value) -> Option<u32> {
    value.as_u64().and_then(|number| u32::try_from(number).ok())
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

pub(super) fn handle(value: &Value) -> Option<Handle> {
    value.as_u64().and_then(|number| Handle::new(&number.to_string()))
}

/// The number that a handle is; 0 names nothing.
pub(super) fn of(handle: &Handle) -> Value {
    handle.as_str().parse::<u32>().unwrap_or_default().into()
}

pub(super) fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// The handle of a `variablesReference`, which is 0 for what has nothing in it.
fn opener(value: &Value) -> Option<Handle> {
    handle(value).filter(|_| value.as_u64() != Some(0))
}

pub(super) fn position(value: &Value) -> Position {
    let column = number(&value["column"]).filter(|column| *column > 0);
    Position { line: number(&value["line"]).unwrap_or_default(), column }
}

pub(super) fn place(source: &Value) -> Option<Place> {
    if let Some(path) = source["path"].as_str() {
        return Some(Place::File(path.to_owned()));
    }
    let handle = opener(&source["sourceReference"])?;
    Some(Place::Text { handle, name: text(&source["name"]) })
}

pub(super) fn source(place: &Place) -> Value {
    match place {
        Place::File(path) => json!({"path": path}),
        Place::Text { handle, name } => json!({"name": name, "sourceReference": of(handle)}),
    }
}

pub(super) fn placed(breakpoint: &Value) -> Placed {
    Placed {
        verified: breakpoint["verified"] == true,
        at: position(breakpoint),
        message: breakpoint["message"].as_str().map(str::to_owned),
    }
}

/// A breakpoint's terms as fields of DAP's.
pub(super) fn terms(mut breakpoint: Value, terms: &Terms) -> Value {
    if let Some(condition) = &terms.condition {
        breakpoint["condition"] = json!(condition);
    }
    if let Some(hit) = terms.hit {
        breakpoint["hitCondition"] = json!(match hit {
            HitCondition::Equal(times) => format!("== {times}"),
            HitCondition::AtLeast(times) => format!(">= {times}"),
            HitCondition::MoreThan(times) => format!("> {times}"),
            HitCondition::AtMost(times) => format!("<= {times}"),
            HitCondition::LessThan(times) => format!("< {times}"),
            HitCondition::Multiple(times) => format!("% {times}"),
        });
    }
    if let Some(parts) = &terms.log {
        let parts = parts.iter().map(|part| match part {
            LogPart::Text(text) => text.clone(),
            LogPart::Expression(expression) => format!("{{{expression}}}"),
        });
        breakpoint["logMessage"] = json!(parts.collect::<String>());
    }
    breakpoint
}

pub(super) fn frame(frame: &Value) -> Option<Frame> {
    Some(Frame {
        handle: handle(&frame["id"])?,
        name: text(&frame["name"]),
        place: place(&frame["source"]),
        at: position(frame),
        module: handle(&frame["moduleId"]),
        hint: match frame["presentationHint"].as_str() {
            Some("label") => FrameHint::Label,
            Some("subtle" | "deemphasize") => FrameHint::Subtle,
            _ => FrameHint::Normal,
        },
        restartable: frame["canRestart"] == true,
    })
}

pub(super) fn scope(scope: &Value) -> Option<Scope> {
    let name = text(&scope["name"]);
    let kind = match (scope["presentationHint"].as_str(), name.as_str()) {
        (Some("arguments"), _) => ScopeKind::Arguments,
        (Some("returnValue"), _) => ScopeKind::ReturnValue,
        (Some("locals"), _) | (None, "Locals") => ScopeKind::Locals,
        (Some("globals"), _) | (None, "Globals") => ScopeKind::Globals,
        _ => ScopeKind::Other,
    };
    Some(Scope {
        name,
        kind,
        handle: handle(&scope["variablesReference"])?,
        named: number(&scope["namedVariables"]),
        expensive: scope["expensive"] == true,
    })
}

/// A value; its text is in the field `text`.
pub(super) fn shown(value: &Value, text_field: &str) -> Shown {
    let hint = &value["presentationHint"];
    let mut qualities: Vec<Quality> = list(&hint["attributes"])
        .filter_map(|attribute| match attribute.as_str()? {
            "readOnly" | "constant" => Some(Quality::ReadOnly),
            "rawString" => Some(Quality::RawString),
            _ => None,
        })
        .collect();
    qualities.extend(match hint["kind"].as_str() {
        Some("method") => Some(Quality::Method),
        Some("class") => Some(Quality::Class),
        Some("virtual") => Some(Quality::Internal),
        _ => None,
    });
    qualities.extend((hint["visibility"] == "private").then_some(Quality::Private));
    qualities.extend((hint["lazy"] == true).then_some(Quality::Lazy));
    Shown {
        text: text(&value[text_field]),
        type_name: value["type"].as_str().map(str::to_owned),
        handle: opener(&value["variablesReference"]),
        named: number(&value["namedVariables"]),
        indexed: number(&value["indexedVariables"]),
        qualities,
    }
}

pub(super) fn variable(variable: &Value) -> Variable {
    Variable {
        name: text(&variable["name"]),
        evaluate_name: variable["evaluateName"].as_str().map(str::to_owned),
        value: shown(variable, "value"),
    }
}

pub(super) fn module(module: &Value) -> Option<Module> {
    Some(Module {
        handle: handle(&module["id"])?,
        name: text(&module["name"]),
        place: module["path"].as_str().map(|path| Place::File(path.to_owned())),
        user: module["isUserCode"] == true,
    })
}

pub(super) fn reason(reason: &str) -> StopReason {
    match reason {
        "breakpoint" | "data breakpoint" | "instruction breakpoint" => StopReason::Breakpoint,
        "function breakpoint" => StopReason::FunctionBreakpoint,
        "pause" => StopReason::Pause,
        "entry" => StopReason::Entry,
        "goto" => StopReason::Goto,
        "restart" => StopReason::Restart,
        "step" => StopReason::Step,
        // What debuggers make words of their own for is that something went wrong: "panic", "fatal error".
        _ => StopReason::Exception,
    }
}

/// What debuggers call a filter.
pub(super) fn filter_names(filter: ExceptionFilter) -> &'static [&'static str] {
    match filter {
        ExceptionFilter::Raised => &["raised", "all", "always", "thrown"],
        ExceptionFilter::Uncaught => &["uncaught", "unhandled"],
        ExceptionFilter::UserUncaught => &["userUncaught", "userUnhandled", "user-unhandled"],
    }
}
