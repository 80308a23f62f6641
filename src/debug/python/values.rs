//! The part of the wire that is about values: scopes, variables, completions, modules and sources.

use std::num::NonZeroU64;

use serde::Deserialize;

use super::wire::{List, MAX_VARIABLES, Name, Of, Place, Whole};
use crate::debug::backend::{self as model, Handle};

const MAX_SCOPES: usize = 16;
const MAX_COMPLETIONS: usize = 2000;
/// The most modules, or sources, that are taken at once.
const MAX_LOADED: usize = 20_000;

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
enum ScopeKind {
    Locals,
    Closure,
    Globals,
    ReturnValue,
    Other,
}

/// A scope.
#[derive(Debug, Deserialize)]
pub(super) struct Scope {
    name: Name,
    kind: ScopeKind,
    #[serde(rename = "ref")]
    of: NonZeroU64,
    named: Option<u32>,
    #[serde(default)]
    expensive: bool,
}

impl From<Scope> for model::Scope {
    fn from(scope: Scope) -> Self {
        Self {
            name: scope.name.0,
            kind: match scope.kind {
                ScopeKind::Locals => model::ScopeKind::Locals,
                ScopeKind::Closure => model::ScopeKind::Closure,
                ScopeKind::Globals => model::ScopeKind::Globals,
                ScopeKind::ReturnValue => model::ScopeKind::ReturnValue,
                ScopeKind::Other => model::ScopeKind::Other,
            },
            handle: Of::Value.handle(scope.of),
            named: scope.named,
            expensive: scope.expensive,
        }
    }
}

/// The answer about scopes.
#[derive(Debug, Deserialize)]
pub(super) struct Scopes {
    pub(super) scopes: List<Scope, MAX_SCOPES>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Quality {
    ReadOnly,
    Method,
    Class,
    Private,
    Internal,
    RawString,
    Lazy,
}

impl From<Quality> for model::Quality {
    fn from(quality: Quality) -> Self {
        match quality {
            Quality::ReadOnly => Self::ReadOnly,
            Quality::Method => Self::Method,
            Quality::Class => Self::Class,
            Quality::Private => Self::Private,
            Quality::Internal => Self::Internal,
            Quality::RawString => Self::RawString,
            Quality::Lazy => Self::Lazy,
        }
    }
}

/// A value, as it is shown.
#[derive(Debug, Deserialize)]
pub(super) struct Shown {
    text: Whole,
    #[serde(rename = "type")]
    type_name: Option<Name>,
    #[serde(rename = "ref")]
    of: Option<NonZeroU64>,
    named: Option<u32>,
    indexed: Option<u32>,
    #[serde(rename = "is", default)]
    qualities: List<Quality, 7>,
}

impl From<Shown> for model::Shown {
    fn from(shown: Shown) -> Self {
        Self {
            text: shown.text.0,
            type_name: shown.type_name.map(|name| name.0),
            handle: shown.of.map(|of| Of::Value.handle(of)),
            named: shown.named,
            indexed: shown.indexed,
            qualities: shown.qualities.0.into_iter().map(Into::into).collect(),
        }
    }
}

/// A value with a name.
#[derive(Debug, Deserialize)]
pub(super) struct Variable {
    name: Name,
    evaluate: Option<Name>,
    value: Shown,
}

impl From<Variable> for model::Variable {
    fn from(variable: Variable) -> Self {
        Self {
            name: variable.name.0,
            evaluate_name: variable.evaluate.map(|name| name.0),
            value: variable.value.into(),
        }
    }
}

/// The answer about variables.
#[derive(Debug, Deserialize)]
pub(super) struct Variables {
    pub(super) variables: List<Variable, MAX_VARIABLES>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
enum CompletionKind {
    Function,
    Class,
    Module,
    Property,
    Keyword,
    Variable,
}

/// A proposal.
#[derive(Debug, Deserialize)]
pub(super) struct Completion {
    label: Name,
    kind: CompletionKind,
    replaces: u32,
}

impl From<Completion> for model::Completion {
    fn from(completion: Completion) -> Self {
        Self {
            label: completion.label.0,
            kind: match completion.kind {
                CompletionKind::Function => model::CompletionKind::Function,
                CompletionKind::Class => model::CompletionKind::Class,
                CompletionKind::Module => model::CompletionKind::Module,
                CompletionKind::Property => model::CompletionKind::Property,
                CompletionKind::Keyword => model::CompletionKind::Keyword,
                CompletionKind::Variable => model::CompletionKind::Variable,
            },
            replaces: completion.replaces,
        }
    }
}

/// The answer about completions.
#[derive(Debug, Deserialize)]
pub(super) struct Completions {
    pub(super) completions: List<Completion, MAX_COMPLETIONS>,
}

/// A module. Python knows it by its name, and so do frames.
#[derive(Debug, Deserialize)]
pub(super) struct Module {
    name: Name,
    place: Option<Place>,
    #[serde(default)]
    user: bool,
}

impl Module {
    /// The module; `None` when no handle can hold its name.
    pub(super) fn known(self) -> Option<model::Module> {
        Some(model::Module {
            handle: Handle::new(&self.name.0)?,
            name: self.name.0,
            place: self.place.and_then(Place::known),
            user: self.user,
        })
    }
}

/// The answer about modules.
#[derive(Debug, Deserialize)]
pub(super) struct Modules {
    pub(super) modules: List<Module, MAX_LOADED>,
}

/// The answer about sources.
#[derive(Debug, Deserialize)]
pub(super) struct Sources {
    pub(super) sources: List<Place, MAX_LOADED>,
}

/// The answer about a source.
#[derive(Debug, Deserialize)]
pub(super) struct Source {
    pub(super) text: Whole,
}
