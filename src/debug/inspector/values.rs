//! What is in a value: its children, by pages whatever its size, and how they are shown and set.
//!
//! Only the children asked for are fetched. Getters are not run until somebody opens them.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::paths::cut;
use super::remote::RemoteObject;
use super::target::{GROUP, Held, Target};
use crate::debug::backend::{Fault, Handle, Page, Purpose, Quality, Shown, Variable, Which};

/// Children of one answer.
const MAX_CHILDREN: u32 = 10_000;

/// Gets a part of what is in a value.
const PAGE: &str = include_str!("page.js");

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Properties {
    result: Vec<Property>,
    internal_properties: Vec<Property>,
    private_properties: Vec<Property>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Property {
    name: String,
    value: Option<RemoteObject>,
    get: Option<RemoteObject>,
    set: Option<RemoteObject>,
    symbol: Option<RemoteObject>,
    writable: Option<bool>,
}

/// How the children of a value are had.
#[derive(Clone, Copy, PartialEq)]
enum Shape {
    /// By numbers: a list.
    Numbered,
    /// By their order: a map or a set.
    Entries(&'static str),
    /// By names alone.
    Named,
}

fn shape(object: &RemoteObject) -> Shape {
    match object.subtype.as_deref() {
        Some("array" | "typedarray") => Shape::Numbered,
        Some("map") => Shape::Entries("map"),
        Some("set") => Shape::Entries("set"),
        _ => Shape::Named,
    }
}

impl Target {
    /// A value as it is shown; kept where it can be opened.
    pub(super) fn shown(&self, object: RemoteObject, expression: Option<String>, hex: bool) -> Shown {
        let text = object.text(hex);
        let type_name = Some(object.type_name());
        let mut qualities = Vec::new();
        if object.kind == "function" {
            let is_class = object.description.as_deref().is_some_and(|text| text.starts_with("class"));
            qualities.push(if is_class { Quality::Class } else { Quality::Method });
        } else if object.kind == "string" {
            qualities.push(Quality::RawString);
        }
        let indexed = if shape(&object) == Shape::Named { None } else { object.indexed() };
        let object = Arc::new(object);
        let opens = object.object_id.is_some() && object.kind != "symbol";
        let handle = opens.then(|| self.hold(Held::Object { object, expression })).flatten();
        Shown { text, type_name, handle, named: None, indexed, qualities }
    }

    /// Children of a scope or value.
    pub(super) async fn children(&self, of: &Handle, page: Page) -> Result<Vec<Variable>, Fault> {
        if of.as_str().starts_with('s') {
            return self.scope_variables(of, page).await;
        }
        match self.held(of)? {
            Held::List(list) => {
                let list = list.iter().map(|(name, value)| Variable {
                    name: name.clone(),
                    evaluate_name: None,
                    value: self.shown(value.clone(), None, page.hex),
                });
                Ok(cut_out(list.collect(), page.start, page.count))
            }
            Held::Getter { object, name, expression } => {
                let get = "function(name) { return this[name]; }";
                let value = self.call_bounded(&object, get, vec![json!({"value": name})]).await?;
                Ok(vec![Variable {
                    value: self.shown(value, expression.clone(), page.hex),
                    name,
                    evaluate_name: expression,
                }])
            }
            Held::Object { object, expression } => self.object_children(&object, expression.as_deref(), page).await,
        }
    }

    async fn scope_variables(&self, of: &Handle, page: Page) -> Result<Vec<Variable>, Fault> {
        if page.which == Which::Indexed {
            return Ok(Vec::new());
        }
        let pause = self.pause()?;
        let (frame, number, scope) = pause.scope(of)?;
        let id = scope.object.object_id.as_deref().ok_or(Fault::Stale)?;
        let is_global = scope.kind == "global";
        let properties = if is_global {
            let part = self.part(id, "named", page.start, page.count.unwrap_or(MAX_CHILDREN)).await?;
            self.properties(part.object_id.as_deref().ok_or(Fault::Stale)?, true).await?
        } else {
            self.properties(id, true).await?
        };
        let mut variables = Vec::new();
        let first_local = scope.kind == "local";
        if first_local && frame.this.kind != "undefined" && number < frame.scope_chain.len() {
            let this = Some("this".to_owned());
            let value = self.shown(frame.this.clone(), this.clone(), page.hex);
            variables.push(Variable { name: "this".to_owned(), evaluate_name: this, value });
        }
        let own = properties.result.into_iter().filter(|property| property.value.is_some() || property.get.is_some());
        variables.extend(own.map(|property| self.variable(id, None, property, page.hex)));
        Ok(if is_global { variables } else { cut_out(variables, page.start, page.count) })
    }

    async fn object_children(
        &self,
        object: &RemoteObject,
        expression: Option<&str>,
        page: Page,
    ) -> Result<Vec<Variable>, Fault> {
        let id = object.object_id.as_deref().ok_or(Fault::Stale)?;
        let shape = shape(object);
        let indexed = if shape == Shape::Named { 0 } else { object.indexed().unwrap_or(0) };
        let count = page.count.unwrap_or(MAX_CHILDREN).min(MAX_CHILDREN);
        let mut children = Vec::new();
        if page.which != Which::Named && page.start < indexed {
            let count = count.min(indexed - page.start);
            match shape {
                Shape::Entries(kind) => self.entries(id, kind, page, count, &mut children).await?,
                _ => {
                    let part = self.part(id, "indexed", page.start, count).await?;
                    let found = self.properties(part.object_id.as_deref().ok_or(Fault::Stale)?, true).await?;
                    let found = found.result.into_iter();
                    children.extend(found.map(|property| self.variable(id, expression, property, page.hex)));
                }
            }
        }
        let left = count.saturating_sub(u32::try_from(children.len()).unwrap_or(u32::MAX));
        if page.which != Which::Indexed && left > 0 {
            let start = if page.which == Which::All { page.start.saturating_sub(indexed) } else { page.start };
            self.named(object, expression, (start, left), page.hex, &mut children).await?;
        }
        Ok(children)
    }

    /// Children with names, and behind them what V8 itself has to say.
    async fn named(
        &self,
        object: &RemoteObject,
        expression: Option<&str>,
        (start, count): (u32, u32),
        hex: bool,
        children: &mut Vec<Variable>,
    ) -> Result<(), Fault> {
        let id = object.object_id.as_deref().ok_or(Fault::Stale)?;
        let is_proxy = object.subtype.as_deref() == Some("proxy");
        let few = object.preview.as_ref().is_some_and(|preview| !preview.is_cut()) && shape(object) == Shape::Named;
        let taken = children.len();
        let mut properties = if few || is_proxy {
            // What a proxy does when it is looked at, it does not do for the debugger.
            let mut all = if is_proxy { Properties::default() } else { self.properties(id, true).await? };
            if is_proxy {
                all.internal_properties = self.properties_of(id, true, true).await?.internal_properties;
            }
            all.result = cut_out(all.result, start, Some(count));
            all
        } else {
            let part = self.part(id, "named", start, count).await?;
            let mut part = self.properties(part.object_id.as_deref().ok_or(Fault::Stale)?, true).await?;
            part.internal_properties.clear();
            if start == 0 {
                let own = self.properties_of(id, true, true).await?;
                part.internal_properties = own.internal_properties;
                part.private_properties = own.private_properties;
            }
            part
        };
        let found = std::mem::take(&mut properties.result);
        children.extend(found.into_iter().map(|property| self.variable(id, expression, property, hex)));
        if start > 0 {
            return Ok(());
        }
        for (property, quality) in (properties.private_properties.into_iter().map(|one| (one, Quality::Private)))
            .chain(properties.internal_properties.into_iter().map(|one| (one, Quality::Internal)))
        {
            // The entries of maps and sets are children already.
            if children.len() - taken >= count as usize
                || property.name == "[[Entries]]" && shape(object) != Shape::Named
            {
                continue;
            }
            let mut variable = self.variable(id, None, property, hex);
            variable.evaluate_name = None;
            variable.value.qualities.push(quality);
            children.push(variable);
        }
        Ok(())
    }

    async fn entries(
        &self,
        id: &str,
        kind: &str,
        page: Page,
        count: u32,
        children: &mut Vec<Variable>,
    ) -> Result<(), Fault> {
        let part = self.part(id, kind, page.start, count).await?;
        let of_part = self.properties(part.object_id.as_deref().ok_or(Fault::Stale)?, false).await?;
        let entries = of_part.internal_properties.into_iter().find(|property| property.name == "[[Entries]]");
        let entries = entries.and_then(|entries| entries.value?.object_id).ok_or(Fault::Stale)?;
        let found = self.properties(&entries, true).await?.result;
        let found = found.into_iter().filter(|property| property.name.parse::<u32>().is_ok());
        for (at, property) in (page.start..).zip(found.take(count as usize)) {
            let value = self.shown(property.value.unwrap_or_default(), None, page.hex);
            children.push(Variable { name: at.to_string(), evaluate_name: None, value });
        }
        Ok(())
    }

    fn variable(&self, object: &str, of: Option<&str>, property: Property, hex: bool) -> Variable {
        let name = cut(&property.name, 4096).to_owned();
        // A scope's variables are expressions of their own.
        let evaluate_name = match of {
            _ if property.symbol.is_some() => None,
            Some(of) => Some(access(of, &name)),
            None => is_identifier(&name).then(|| name.clone()),
        };
        let read_only = property.writable == Some(false);
        let mut value = match (property.value, property.get) {
            (Some(value), _) => self.shown(value, evaluate_name.clone(), hex),
            (None, Some(getter)) if getter.kind == "function" => {
                let held =
                    Held::Getter { object: object.to_owned(), name: name.clone(), expression: evaluate_name.clone() };
                let handle = self.hold(held);
                Shown { text: "(...)".to_owned(), handle, qualities: vec![Quality::Lazy], ..Shown::default() }
            }
            (None, _) => Shown { text: "undefined".to_owned(), ..Shown::default() },
        };
        if read_only {
            value.qualities.push(Quality::ReadOnly);
        }
        let _ = property.set;
        Variable { name, evaluate_name, value }
    }

    async fn part(&self, object: &str, which: &str, start: u32, count: u32) -> Result<RemoteObject, Fault> {
        let arguments = vec![json!({"value": which}), json!({"value": start}), json!({"value": count})];
        self.call_on(object, PAGE, arguments).await
    }

    async fn properties(&self, object: &str, preview: bool) -> Result<Properties, Fault> {
        let params = json!({"objectId": object, "ownProperties": true, "generatePreview": preview});
        self.channel.call("Runtime.getProperties", params).await
    }

    /// Without what has numbers or is plain, so that what is left is little.
    async fn properties_of(&self, object: &str, preview: bool, accessors_only: bool) -> Result<Properties, Fault> {
        let params = json!({
            "objectId": object, "ownProperties": true, "generatePreview": preview,
            "accessorPropertiesOnly": accessors_only, "nonIndexedPropertiesOnly": true,
        });
        self.channel.call("Runtime.getProperties", params).await
    }

    /// Calls a function on an object.
    pub(super) async fn call_on(
        &self,
        object: &str,
        function: &str,
        arguments: Vec<Value>,
    ) -> Result<RemoteObject, Fault> {
        let params = json!({
            "objectId": object, "functionDeclaration": function, "arguments": arguments, "silent": true,
            "objectGroup": GROUP, "generatePreview": true,
        });
        self.run("Runtime.callFunctionOn", params).await
    }

    /// Gives a child another value.
    pub(super) async fn assign_child(&self, of: &Handle, name: &str, value: &str, hex: bool) -> Result<Shown, Fault> {
        let top = self.pause().ok().and_then(|pause| Handle::new(&format!("f{}.0", pause.generation)));
        if of.as_str().starts_with('s') {
            let pause = self.pause()?;
            let (frame, number, scope) = pause.scope(of)?;
            let frame_handle = of.as_str().strip_prefix('s').and_then(|rest| rest.rsplit_once('.'));
            let frame_handle = frame_handle.and_then(|(frame, _)| Handle::new(&format!("f{frame}")));
            let value = self.evaluate_in(frame_handle.as_ref(), &format!("({value}\n)"), Purpose::Watch).await?;
            let params = json!({
                "scopeNumber": number, "variableName": name, "newValue": value.as_argument(),
                "callFrameId": frame.call_frame_id,
            });
            match self.channel.tell("Debugger.setVariableValue", params).await {
                // Scopes that are objects take it as any other object does.
                Err(Fault::Refused(_)) if matches!(scope.kind.as_str(), "global" | "with") => {
                    let object = scope.object.object_id.as_deref().ok_or(Fault::Stale)?;
                    self.assign(object, name, &value).await?;
                }
                done => done?,
            }
            return Ok(self.shown(value, Some(name.to_owned()), hex));
        }
        let Held::Object { object, expression } = self.held(of)? else {
            return Err(Fault::Refused("this can't be changed".to_owned()));
        };
        let value = self.evaluate_in(top.as_ref(), &format!("({value}\n)"), Purpose::Watch).await?;
        self.assign(object.object_id.as_deref().ok_or(Fault::Stale)?, name, &value).await?;
        Ok(self.shown(value, expression.map(|of| access(&of, name)), hex))
    }

    async fn assign(&self, object: &str, name: &str, value: &RemoteObject) -> Result<(), Fault> {
        let set = "function(name, value) { 'use strict'; this[name] = value; }";
        self.call_bounded(object, set, vec![json!({"value": name}), value.as_argument()]).await.map(drop)
    }
}

/// The part of a list that a page is.
fn cut_out<T>(list: Vec<T>, start: u32, count: Option<u32>) -> Vec<T> {
    let count = count.unwrap_or(MAX_CHILDREN) as usize;
    list.into_iter().skip(start as usize).take(count).collect()
}

/// The expression for a child.
fn access(of: &str, name: &str) -> String {
    // What is more than a name and accesses is put into brackets.
    let simple = of.chars().all(|char| char.is_alphanumeric() || "_$.[]\"'".contains(char));
    let of = if simple { of.to_owned() } else { format!("({of})") };
    if is_identifier(name) {
        format!("{of}.{name}")
    } else if !name.is_empty() && name.len() < 10 && name.bytes().all(|byte| byte.is_ascii_digit()) {
        format!("{of}[{name}]")
    } else {
        format!("{of}[{}]", Value::from(name))
    }
}

fn is_identifier(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|char| char.is_alphabetic() || "_$".contains(char))
        && chars.all(|char| char.is_alphanumeric() || "_$".contains(char))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_have_expressions() {
        assert_eq!(access("a", "b"), "a.b");
        assert_eq!(access("a.b", "0"), "a.b[0]");
        assert_eq!(access("a", "b c"), "a[\"b c\"]");
        assert_eq!(access("a + b", "c"), "(a + b).c");
        assert_eq!(access("a", "\""), "a[\"\\\"\"]");
    }
}
