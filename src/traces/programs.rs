//! What programs of Ruby, Bash, Rust, C and .NET say when they fail.

use super::{Place, Problem, error, located};

/// How many lines after its head the message of a panic is looked for.
const LOOK_AHEAD: usize = 2;

/// How many lines after its head the place of an old panic is looked for: an assertion tells both sides.
const PANIC_LINES: usize = 4;

/// All that is found.
pub(super) fn problems(lines: &[&str]) -> Vec<Problem> {
    let mut found: Vec<Problem> = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let rest = &lines[index + 1..];
        let problem = ruby(line, rest)
            .or_else(|| bash(line))
            .or_else(|| panic(line, rest))
            .or_else(|| assertion(line))
            .or_else(|| dotnet(line, rest));
        found.extend(problem);
        if found.len() >= super::MAX_PROBLEMS {
            break;
        }
    }
    found
}

/// ``main.rb:3:in `f': message (ArgumentError)`` with indented lines of ``from main.rb:7:in `<main>'`` after it, or
/// `main.rb:2: syntax error, message`.
fn ruby(line: &str, rest: &[&str]) -> Option<Problem> {
    if let Some((place, message)) = line.split_once(": syntax error, ") {
        // It may begin with the name of the program.
        let place = place.rsplit_once(": ").map_or(place, |(_, place)| place);
        let message = message.strip_suffix(" (SyntaxError)").unwrap_or(message);
        return Some(error(Some("SyntaxError"), message, vec![located(place, 1)?]));
    }
    let (place, message) = line.split_once(": ").filter(|(place, _)| place.contains(":in "))?;
    let (message, kind) = message.strip_suffix(')')?.rsplit_once(" (")?;
    let mut places = vec![ruby_frame(place)?];
    let frames = rest.iter().map_while(|line| line.strip_prefix("\tfrom "));
    places.extend(frames.take(super::MAX_PLACES).filter_map(ruby_frame));
    Some(error(Some(kind), message, places))
}

/// ``main.rb:3:in `f'``
fn ruby_frame(frame: &str) -> Option<Place> {
    let (place, function) = frame.split_once(":in ")?;
    let function = function.trim_matches(['`', '\'']).to_owned();
    Some(Place { function: Some(function), ..located(place, 1)? })
}

/// `main.sh: line 3: message`
fn bash(line: &str) -> Option<Problem> {
    let (path, rest) = line.split_once(": line ")?;
    let (number, message) = rest.split_once(": ")?;
    // The line itself is told after what is wrong with it.
    if message.starts_with('`') {
        return None;
    }
    Some(error(None, message, vec![located(&format!("{path}:{number}"), 1)?]))
}

/// `thread 'main' panicked at main.rs:8:5:`, and the message in the next line; before Rust 1.73
/// `thread 'main' panicked at 'message', main.rs:8:5`, where the message may have several lines.
fn panic(line: &str, rest: &[&str]) -> Option<Problem> {
    let (_, place) = line.strip_prefix("thread '")?.split_once(" panicked at ")?;
    if let Some(told) = place.strip_prefix('\'') {
        let end = |line: &str| located(line.rsplit_once("', ")?.1, 2);
        let place = std::iter::once(told).chain(rest.iter().take(PANIC_LINES).copied()).find_map(end)?;
        let message = told.rsplit_once("', ").map_or(told, |(message, _)| message);
        return Some(error(Some("panic"), message, vec![place]));
    }
    let place = located(place.strip_suffix(':')?, 2)?;
    let message = rest.iter().take(LOOK_AHEAD).find(|line| !line.is_empty())?;
    Some(error(Some("panic"), message, vec![place]))
}

/// ``main: main.c:11: f: Assertion `x > 0' failed.``
fn assertion(line: &str) -> Option<Problem> {
    let (head, message) = line.split_once(": Assertion `")?;
    let (head, function) = head.rsplit_once(": ").unwrap_or((head, ""));
    let place = head.split_once(": ").map_or(head, |(_, place)| place);
    let place = Place { function: Some(function.to_owned()).filter(|name| !name.is_empty()), ..located(place, 1)? };
    Some(error(None, &format!("Assertion `{message}"), vec![place]))
}

/// `Unhandled exception. System.Exception: message` with lines of `   at Program.F() in main.cs:line 3` after it, or
/// `main.cs(2,5): error CS0103: message [main.csproj]`.
fn dotnet(line: &str, rest: &[&str]) -> Option<Problem> {
    if let Some((place, told)) = line.split_once("): error CS") {
        let (path, numbers) = place.rsplit_once('(')?;
        let (number, message) = told.split_once(": ")?;
        let message = message.rsplit_once(" [").map_or(message, |(message, _)| message);
        let place = Place { path: path.to_owned(), line: numbers.split(',').next()?.parse().ok()?, function: None };
        return Some(error(Some(&format!("CS{number}")), message, vec![place]));
    }
    let told = line.strip_prefix("Unhandled exception. ")?;
    let (kind, message) = told.split_once(": ").unwrap_or((told, told));
    let frames = rest.iter().map_while(|line| line.strip_prefix("   at ")).take(super::MAX_PLACES);
    let places = frames.filter_map(|frame| {
        let (function, place) = frame.rsplit_once(" in ")?;
        let (path, line) = place.rsplit_once(":line ")?;
        Some(Place { path: path.to_owned(), line: line.parse().ok()?, function: Some(function.to_owned()) })
    });
    Some(error(Some(kind), message, places.collect()))
}
