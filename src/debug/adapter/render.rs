//! Frames, values and modules as the client sees them: with numbers of ours, cleaned, and of bounded length.

use super::Adapter;
use super::debuggee::{self, Debuggee};
use super::desk::{Container, Desk};
use super::habits::Habits;
use crate::dap::types::{self, ModuleId, VariablePresentationHint};
use crate::debug::backend::{Frame, FrameHint, Module, Quality, Scope, ScopeKind, Shown, Variable};
use crate::debug::paths::Mounts;
use crate::text::{Keep, NAME, VALUE, clean};

/// The longest expression that names a variable.
const MAX_EXPRESSION: usize = 4 << 10;

/// True names that are remembered of the variables in one container.
const MAX_RENAMED: usize = 1_000;

/// A value, before it is made an answer of one kind or another.
pub(super) struct Value {
    pub(super) text: String,
    pub(super) type_name: Option<String>,
    pub(super) reference: u32,
    pub(super) named: Option<u32>,
    pub(super) indexed: Option<u32>,
    pub(super) hint: Option<VariablePresentationHint>,
}

/// A value with a number for what is in it.
pub(super) fn value(shown: Shown, thread: Option<u32>, max: usize, desk: &mut Desk, habits: &Habits) -> Value {
    let lazy = shown.qualities.contains(&Quality::Lazy);
    let reference = shown.handle.and_then(|handle| desk.values.mint(thread, Container::new(handle))).unwrap_or(0);
    let count = |count: Option<u32>| count.map(|count| count.min(i32::MAX as u32)).filter(|_| reference > 0);
    Value {
        text: clean(&shown.text, habits.keep(), max),
        type_name: shown.type_name.filter(|_| habits.types).map(|name| clean(&name, Keep::OneLine, NAME)),
        reference,
        named: count(shown.named),
        indexed: count(shown.indexed),
        hint: hint(&shown.qualities, lazy && reference > 0),
    }
}

fn hint(qualities: &[Quality], lazy: bool) -> Option<VariablePresentationHint> {
    use types::{
        VariablePresentationHintAttributes as Attribute, VariablePresentationHintKind as Kind,
        VariablePresentationHintVisibility as Visibility,
    };
    let mut hint =
        VariablePresentationHint { attributes: None, kind: None, lazy: lazy.then_some(true), visibility: None };
    let mut attributes = Vec::new();
    for quality in qualities {
        match quality {
            Quality::ReadOnly => attributes.push(Attribute::ReadOnly),
            Quality::RawString => attributes.push(Attribute::RawString),
            Quality::Method => hint.kind = Some(Kind::Method),
            Quality::Class => hint.kind = Some(Kind::Class),
            Quality::Private => hint.visibility = Some(Visibility::Private),
            Quality::Internal => hint.visibility = Some(Visibility::Internal),
            Quality::Lazy => {}
        }
    }
    hint.attributes = (!attributes.is_empty()).then_some(attributes);
    let says = hint.attributes.is_some() || hint.kind.is_some() || hint.visibility.is_some() || lazy;
    says.then_some(hint)
}

/// A variable of a container. A name that had to be changed is noted there, for when it is set.
pub(super) fn variable(
    variable: Variable,
    of: &Container,
    thread: Option<u32>,
    desk: &mut Desk,
    habits: &Habits,
) -> types::Variable {
    let name = clean(&variable.name, Keep::OneLine, NAME);
    if name != variable.name {
        let mut renamed = super::lock(&of.renamed);
        // Names that are made up anew for each look are not kept without end.
        if renamed.len() < MAX_RENAMED {
            renamed.insert(name.clone(), variable.name);
        }
    }
    let value = value(variable.value, thread, VALUE, desk, habits);
    // An expression is for being evaluated: one that would have to be changed is none.
    let evaluate_name = variable.evaluate_name.filter(|expression| {
        expression.len() <= MAX_EXPRESSION && clean(expression, Keep::OneLine, MAX_EXPRESSION) == *expression
    });
    types::Variable {
        declaration_location_reference: None,
        evaluate_name,
        indexed_variables: value.indexed,
        memory_reference: None,
        name,
        named_variables: value.named,
        presentation_hint: value.hint,
        ty: value.type_name,
        value: value.text,
        value_location_reference: None,
        variables_reference: value.reference,
    }
}

/// A scope of a frame.
pub(super) fn scope(scope: Scope, thread: Option<u32>, desk: &mut Desk) -> Option<types::Scope> {
    use types::ScopePresentationHint as Hint;
    let presentation_hint = match scope.kind {
        ScopeKind::Locals => Some(Hint::Locals),
        ScopeKind::Arguments => Some(Hint::Arguments),
        ScopeKind::ReturnValue => Some(Hint::ReturnValue),
        ScopeKind::Closure | ScopeKind::Globals | ScopeKind::Other => None,
    };
    Some(types::Scope {
        column: None,
        end_column: None,
        end_line: None,
        expensive: scope.expensive,
        indexed_variables: None,
        line: None,
        name: clean(&scope.name, Keep::OneLine, NAME),
        named_variables: scope.named,
        presentation_hint,
        source: None,
        variables_reference: desk.values.mint(thread, Container::new(scope.handle))?,
    })
}

/// A frame of a thread.
pub(super) fn frame(
    frame: Frame,
    thread: u32,
    debuggee: &Debuggee,
    desk: &mut Desk,
    habits: &Habits,
) -> Option<types::StackFrame> {
    use types::{SourcePresentationHint, StackFramePresentationHint as Hint};
    let is_label = frame.hint == FrameHint::Label;
    let place = frame.place.as_ref().filter(|_| !is_label);
    let mut source = place.and_then(|place| debuggee.source(place, desk, habits));
    if let Some(source) = source.as_mut().filter(|_| frame.hint == FrameHint::Subtle) {
        source.presentation_hint = Some(SourcePresentationHint::Deemphasize);
    }
    // Without a source a line would be one of nothing.
    let at = source.as_ref().map(|_| frame.at).unwrap_or_default();
    let module = frame.module.and_then(|module| desk.modules.number(&module)).map(|(number, _)| number);
    Some(types::StackFrame {
        can_restart: frame.restartable.then_some(true),
        column: if at.line == 0 { 0 } else { habits.column_out(at.column.unwrap_or(1)) },
        end_column: None,
        end_line: None,
        id: desk.frames.mint(Some(thread), frame.handle)?.into(),
        instruction_pointer_reference: None,
        line: if at.line == 0 { 0 } else { habits.line_out(at.line) },
        module_id: module.map(ModuleId::Number),
        name: clean(&frame.name, Keep::OneLine, NAME),
        presentation_hint: match frame.hint {
            FrameHint::Normal => None,
            FrameHint::Subtle => Some(Hint::Subtle),
            FrameHint::Label => Some(Hint::Label),
        },
        source,
    })
}

/// A module.
pub(super) fn module(module: &Module, mounts: &Mounts, desk: &mut Desk, habits: &Habits) -> Option<types::Module> {
    let (number, _) = desk.modules.number(&module.handle)?;
    let source = module.place.as_ref().and_then(|place| debuggee::source(mounts, place, desk, habits));
    Some(types::Module {
        address_range: None,
        date_time_stamp: None,
        id: ModuleId::Number(number),
        is_optimized: None,
        is_user_code: Some(module.user),
        name: clean(&module.name, Keep::OneLine, NAME),
        path: source.and_then(|source| source.path),
        symbol_file_path: None,
        symbol_status: None,
        version: None,
    })
}

impl Adapter {
    /// A value that was got for a frame or value of a thread, unless the thread has gone on since.
    pub(super) fn rendered(
        &self,
        shown: Shown,
        stamp: super::desk::Stamp,
        thread: Option<u32>,
        max: usize,
    ) -> Result<Value, super::refusal::Refusal> {
        let habits = self.habits();
        let mut desk = self.desk();
        if shown.handle.is_some() {
            desk.fresh(stamp, thread)?;
        }
        Ok(value(shown, thread, max, &mut desk, &habits))
    }
}
