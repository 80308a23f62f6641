//! Breakpoints: those that are wanted, those that V8 knows by its own names, and which is which.
//!
//! One that is wanted in a file stands in the script with that address, loaded or not, or in each script that
//! a source map says is made of it.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::paths;
use super::scripts::{Location, Resolved, Script};
use super::stepping::from_zero;
use super::target::Target;
use super::terms::expression;
use crate::debug::backend::{DebugEvent, Fault, LineBreakpoint, Place, Placed, Position};

/// Breakpoints of one file.
const MAX_BREAKPOINTS: usize = 10_000;

/// Places where a breakpoint can stand, of one question.
const MAX_POSITIONS: usize = 10_000;

/// Scripts whose maps are loaded because a breakpoint asks for it.
const MAX_MAPS: usize = 1000;

/// All breakpoints of a target.
#[derive(Default)]
pub(super) struct Breakpoints {
    places: HashMap<Place, Vec<Standing>>,
    serial: u64,
    /// Where it stops at its entry.
    pub(super) entry: Vec<String>,
}

/// A breakpoint, and what V8 calls it.
struct Standing {
    wanted: LineBreakpoint,
    serial: u64,
    expression: String,
    names: Vec<Name>,
    placed: Placed,
}

/// A breakpoint of V8's.
struct Name {
    name: String,
    /// Where in generated code it stands, when it came there by a map.
    mapped: Option<(String, u32, u32)>,
}

/// What V8 answers where it has set a breakpoint.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Set {
    pub(super) breakpoint_id: String,
    #[serde(default)]
    locations: Vec<Location>,
    actual_location: Option<Location>,
}

/// A place where a breakpoint can stand.
#[derive(Deserialize)]
pub(super) struct Possible {
    #[serde(flatten)]
    pub(super) location: Location,
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
}

impl Breakpoints {
    /// The adapter's numbers of what V8 names.
    pub(super) fn numbers(&self, names: &[String]) -> Vec<u32> {
        let standing = self.places.values().flatten();
        let met = standing.filter(|one| one.names.iter().any(|name| names.contains(&name.name)));
        met.map(|one| one.wanted.id).collect()
    }

    /// Where the breakpoint with this serial number stands.
    pub(super) fn place_of(&self, serial: u64) -> Option<(Place, Position)> {
        let mut all = self.places.iter().flat_map(|(place, standing)| standing.iter().map(move |one| (place, one)));
        let (place, one) = all.find(|(_, one)| one.serial == serial)?;
        Some((place.clone(), one.placed.at))
    }
}

impl Target {
    /// Replaces the breakpoints of a file; those that stay the same stay where they are, with their counts.
    pub(super) async fn replace_breakpoints(
        &self,
        place: &Place,
        wanted: Vec<LineBreakpoint>,
    ) -> Result<Vec<Placed>, Fault> {
        if wanted.len() > MAX_BREAKPOINTS {
            return Err(Fault::Refused(format!("a file can have {MAX_BREAKPOINTS} breakpoints")));
        }
        let mut all = self.breakpoints.lock().await;
        let mut old = all.places.remove(place).unwrap_or_default();
        let mut kept: Vec<Option<Standing>> = Vec::new();
        for one in &wanted {
            let same = old.iter().position(|old| old.wanted.at == one.at && old.wanted.terms == one.terms);
            kept.push(same.map(|at| Standing { wanted: one.clone(), ..old.swap_remove(at) }));
        }
        for name in old.into_iter().flat_map(|old| old.names) {
            self.remove(&name.name).await?;
        }
        self.load_maps_for(place).await;
        let mut standing = Vec::new();
        let mut placed = Vec::new();
        for (one, kept) in wanted.into_iter().zip(kept) {
            let one = match kept {
                Some(kept) => kept,
                None => {
                    all.serial += 1;
                    self.stand(place, one, all.serial).await?
                }
            };
            placed.push(one.placed.clone());
            standing.push(one);
        }
        all.places.insert(place.clone(), standing);
        Ok(placed)
    }

    async fn remove(&self, name: &str) -> Result<(), Fault> {
        self.channel.tell("Debugger.removeBreakpoint", json!({"breakpointId": name})).await
    }

    /// A breakpoint in a file that no script is known to be made of may stand in one whose map was not asked
    /// for yet.
    async fn load_maps_for(&self, place: &Place) {
        if !self.options.source_maps || !self.state().scripts.made_of(place).is_empty() {
            return;
        }
        let scripts: Vec<_> = {
            let state = self.state();
            let mapped = state.scripts.all().filter(|script| script.map_address.is_some() && !script.is_internal());
            mapped.filter(|script| !script.map.initialized()).take(MAX_MAPS).cloned().collect()
        };
        for script in scripts {
            self.load_map(&script).await;
        }
    }

    async fn stand(&self, place: &Place, wanted: LineBreakpoint, serial: u64) -> Result<Standing, Fault> {
        let expression = expression(&wanted.terms, serial);
        let unplaced = Placed { verified: false, at: wanted.at, message: None };
        let mut one = Standing { expression, serial, names: Vec::new(), placed: unplaced, wanted };
        if let Some(fault) = self.terms_fault(&one.wanted.terms).await? {
            one.placed.message = Some(fault);
            return Ok(one);
        }
        let made = self.state().scripts.made_of(place);
        for (script, source) in &made {
            if let Some(source) = source {
                self.stand_in(&mut one, script, *source).await?;
            }
        }
        if one.names.is_empty() && !made.iter().any(|(_, source)| source.is_some()) {
            let (line, column) = from_zero(one.wanted.at);
            let mut params = json!({"lineNumber": line, "condition": one.expression});
            if one.wanted.at.column.is_some() {
                params["columnNumber"] = Value::from(column);
            }
            match (place, made.first()) {
                (Place::File(path), _) => {
                    params["url"] = Value::from(paths::url_of(path));
                    self.set(&mut one, "Debugger.setBreakpointByUrl", params, None).await?;
                }
                (Place::Text { .. }, Some((script, _))) => {
                    let location = place_in(&script.id, (line, column));
                    let params = json!({"location": location, "condition": one.expression});
                    self.set(&mut one, "Debugger.setBreakpoint", params, None).await?;
                }
                (Place::Text { .. }, None) => {}
            }
        }
        if !one.placed.verified && one.placed.message.is_none() {
            one.placed.message = Some("the program has not loaded this yet".to_owned());
        }
        Ok(one)
    }

    /// Has a breakpoint stand where a map says that its line went.
    async fn stand_in(&self, one: &mut Standing, script: &Script, source: usize) -> Result<(), Fault> {
        let positions = script.loaded_map().map(|map| map.generated(source, one.wanted.at)).unwrap_or_default();
        for (line, column) in positions {
            let at = (script.url.clone(), line, column);
            if one.names.iter().any(|name| name.mapped.as_ref() == Some(&at)) {
                continue;
            }
            let (method, params) = if script.url.is_empty() {
                let location = place_in(&script.id, (line, column));
                ("Debugger.setBreakpoint", json!({"location": location, "condition": one.expression}))
            } else {
                let condition = &one.expression;
                let params =
                    json!({"url": script.url, "lineNumber": line, "columnNumber": column, "condition": condition});
                ("Debugger.setBreakpointByUrl", params)
            };
            self.set(one, method, params, Some(at)).await?;
        }
        Ok(())
    }

    async fn set(
        &self,
        one: &mut Standing,
        method: &str,
        params: Value,
        mapped: Option<(String, u32, u32)>,
    ) -> Result<(), Fault> {
        match self.channel.call::<Set>(method, params).await {
            Ok(set) => {
                one.names.push(Name { name: paths::short(&set.breakpoint_id).to_owned(), mapped });
                if let Some(location) = set.locations.first().or(set.actual_location.as_ref()) {
                    self.settle(one, location);
                }
                Ok(())
            }
            // V8 has one breakpoint at a place.
            Err(Fault::Refused(why)) => {
                one.placed.message = Some(paths::cut(&why, 1024).to_owned());
                Ok(())
            }
            Err(fault) => Err(fault),
        }
    }

    /// V8 has found a place for it. Says whether that is news.
    fn settle(&self, one: &mut Standing, location: &Location) -> bool {
        let Some(script) = self.state().scripts.get(&location.script_id) else { return false };
        let (_, at) = script.shown(location.line_number, location.column_number);
        let placed = Placed { verified: true, at, message: None };
        if one.placed == placed {
            return false;
        }
        one.placed = placed;
        true
    }

    /// V8 has found a place for a breakpoint while the program runs.
    pub(super) async fn resolved(&self, resolved: &Resolved) {
        let script = self.state().scripts.get(&resolved.location.script_id);
        if let Some(script) = &script {
            self.load_map(script).await;
        }
        let mut all = self.breakpoints.lock().await;
        let mut standing = all.places.values_mut().flatten();
        let found = standing.find_map(|one| {
            let name = one.names.iter().position(|name| name.name == resolved.breakpoint_id)?;
            Some((one, name))
        });
        let Some((one, name)) = found else { return };
        // Where a map says otherwise, this one is about to go.
        let is_raw = one.names[name].mapped.is_none() && script.is_some_and(|script| script.loaded_map().is_some());
        if !is_raw && self.settle(one, &resolved.location) {
            let event = DebugEvent::BreakpointMoved { id: one.wanted.id, placed: one.placed.clone() };
            drop(all);
            self.emit(event).await;
        }
    }

    /// There is a script with a map: what is wanted in its sources stands in it from now on.
    pub(super) async fn remap(&self, script: &Script) {
        self.load_map(script).await;
        let Some(map) = script.loaded_map() else { return };
        let mut moved = Vec::new();
        let mut all = self.breakpoints.lock().await;
        for number in 0..map.sources.len() {
            let places = [script.source_place(number), map.sources[number].path.clone().map(Place::File)];
            for place in places.iter().flatten() {
                for one in all.places.get_mut(place).into_iter().flatten() {
                    let before = one.placed.clone();
                    let own = matches!(place, Place::File(path) if paths::url_of(path) == script.url);
                    let raw = one.names.iter().position(|name| own && name.mapped.is_none());
                    if let Some(raw) = raw {
                        let raw = one.names.swap_remove(raw);
                        let _ = self.remove(&raw.name).await;
                        one.placed = Placed { verified: false, at: one.wanted.at, message: None };
                    }
                    let _ = self.stand_in(one, script, number).await;
                    if one.placed != before {
                        moved.push((one.wanted.id, one.placed.clone()));
                    }
                }
            }
        }
        drop(all);
        for (id, placed) in moved {
            self.emit(DebugEvent::BreakpointMoved { id, placed }).await;
        }
    }

    /// Where V8 can stop between two places of a script; lines and columns from 0.
    pub(super) async fn locations(
        &self,
        script: &str,
        from: (u32, u32),
        to: (u32, u32),
    ) -> Result<Vec<Possible>, Fault> {
        let mut found =
            self.ask_locations(json!({"start": place_in(script, from), "end": place_in(script, to)})).await?;
        found.truncate(MAX_POSITIONS);
        Ok(found)
    }

    /// Where V8 can stop from a place on: in the function that the place is in alone, or in the whole script.
    pub(super) async fn locations_from(
        &self,
        script: &str,
        from: (u32, u32),
        in_function: bool,
    ) -> Result<Vec<(u32, u32)>, Fault> {
        let params = json!({"start": place_in(script, from), "restrictToFunction": in_function});
        let found = self.ask_locations(params).await?;
        Ok(found.iter().map(|found| (found.location.line_number, found.location.column_number)).collect())
    }

    async fn ask_locations(&self, params: Value) -> Result<Vec<Possible>, Fault> {
        #[derive(Deserialize)]
        struct Locations {
            locations: Vec<Possible>,
        }
        let found: Locations = self.channel.call("Debugger.getPossibleBreakpoints", params).await?;
        Ok(found.locations)
    }

    /// Where breakpoints can stand in a file that is loaded.
    pub(super) async fn possible_positions(
        &self,
        place: &Place,
        from: Position,
        to: Position,
    ) -> Result<Vec<Position>, Fault> {
        self.load_maps_for(place).await;
        let made = self.state().scripts.made_of(place);
        let Some((script, source)) = made.into_iter().next() else { return Ok(Vec::new()) };
        let (first, last) = (from_zero(from), from_zero(to));
        let end = if to.column.is_some() { last } else { (last.0.saturating_add(1), 0) };
        let mut positions = Vec::new();
        if let (Some(source), Some(map)) = (source, script.loaded_map()) {
            let generated = map.between(source, first, end);
            if let (Some(from), Some(to)) = (generated.iter().min(), generated.iter().max()) {
                let found = self.locations(&script.id, *from, (to.0.saturating_add(1), 0)).await?;
                positions.extend(found.into_iter().filter_map(|found| {
                    let (of, at) = map.original(found.location.line_number, found.location.column_number)?;
                    (of == source && (first..end).contains(&from_zero(at))).then_some(at)
                }));
            }
        } else {
            let found = self.locations(&script.id, first, end).await?;
            positions.extend(found.into_iter().map(|found| {
                let Location { line_number: line, column_number: column, .. } = found.location;
                Position { line: line.saturating_add(1), column: Some(column.saturating_add(1)) }
            }));
        }
        positions.sort_by_key(|at| from_zero(*at));
        positions.dedup();
        Ok(positions)
    }
}

/// A place of a script as V8 takes it; line and column from 0.
pub(super) fn place_in(script: &str, (line, column): (u32, u32)) -> Value {
    json!({"scriptId": script, "lineNumber": line, "columnNumber": column})
}
