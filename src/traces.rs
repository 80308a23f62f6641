//! Finds in a program's output what went wrong and where: tracebacks of Python, of V8 (Node, Deno, Bun), of Go, Ruby
//! and .NET, what Bash, panics of Rust and assertions of C tell, and what gcc, rustc, go, tsc and csc say of a source.
//!
//! All of it is text that a program printed, and may be made up: nothing here is believed to exist, how much is
//! found is bounded, and the time is linear in the length of the text.

mod programs;

/// Problems that are found in one text.
pub const MAX_PROBLEMS: usize = 50;

/// Places of one problem.
pub const MAX_PLACES: usize = 30;

/// A line that is longer tells nothing, in bytes.
const MAX_LINE: usize = 4096;

/// So many lines before the first frame the message of an error of V8 is looked for: a source and a mark are between.
const LOOK_BACK: usize = 12;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// It did not go on.
    Error,
    /// It went on.
    Warning,
}

/// Somewhere in a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file, as the program names it.
    pub path: String,
    /// The line, counted from 1.
    pub line: u32,
    /// The function, where one is named.
    pub function: Option<String>,
}

/// Something that went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// Its kind: the class of an exception, the number of a compiler's message.
    pub kind: Option<String>,
    /// What is said of it.
    pub message: String,
    /// Where, the innermost first.
    pub places: Vec<Place>,
}

/// The problems that a text tells of.
#[must_use]
pub fn problems(text: &str) -> Vec<Problem> {
    let lines: Vec<&str> = text.lines().map(|line| if line.len() > MAX_LINE { "" } else { line }).collect();
    let mut found = python(&lines);
    found.extend(v8(&lines));
    found.extend(thrown(&lines));
    found.extend(go(&lines));
    found.extend(programs::problems(&lines));
    found.extend(compilers(&lines));
    found.truncate(MAX_PROBLEMS);
    for problem in &mut found {
        problem.places.truncate(MAX_PLACES);
    }
    found
}

fn error(kind: Option<&str>, message: &str, places: Vec<Place>) -> Problem {
    Problem { severity: Severity::Error, kind: kind.map(str::to_owned), message: message.to_owned(), places }
}

/// `Name: message`, or a name alone.
fn named(line: &str) -> Option<(&str, &str)> {
    let (name, message) = line.split_once(':').unwrap_or((line, ""));
    let is_name = name.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.'));
    is_name.then(|| (name, message.trim()))
}

fn python(lines: &[&str]) -> Vec<Problem> {
    let mut found: Vec<Problem> = Vec::new();
    let mut places: Vec<Place> = Vec::new();
    let mut is_group = false;
    for line in lines {
        is_group |= line.starts_with("  + Exception Group Traceback");
        // What belongs to a group is behind a line that is drawn beside it.
        let beside = || line.trim_start().strip_prefix(['|', '+'])?.strip_prefix(' ');
        let line = if is_group { beside().unwrap_or(line) } else { line };
        if let Some(place) = python_frame(line) {
            places.push(place);
        } else if line.starts_with("Traceback (most recent") || line.starts_with("Exception Group Traceback") {
            places.clear();
        } else if line.starts_with("During handling of the above") || line.starts_with("The above exception was") {
            // What came of it in the end is what counts.
            found.pop();
        } else if let (false, Some((name, message))) = (places.is_empty(), named(line)) {
            places.reverse();
            let message = if message.is_empty() { name } else { message };
            found.push(error(Some(name), message, std::mem::take(&mut places)));
        }
    }
    found
}

/// `  File "/workspace/main.py", line 3, in function`
fn python_frame(line: &str) -> Option<Place> {
    let (path, rest) = line.strip_prefix("  File \"")?.rsplit_once("\", line ")?;
    let (number, function) = rest.split_once(", in ").map_or((rest, None), |(number, name)| (number, Some(name)));
    Some(Place { path: path.to_owned(), line: number.parse().ok()?, function: function.map(str::to_owned) })
}

fn v8(lines: &[&str]) -> Vec<Problem> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let frames = lines[at..].iter().take_while(|line| is_v8_frame(line)).count();
        if frames == 0 {
            at += 1;
            continue;
        }
        let before = &lines[at.saturating_sub(LOOK_BACK)..at];
        let mut places: Vec<Place> = lines[at..at + frames].iter().filter_map(|line| v8_frame(line)).collect();
        let told = before.iter().enumerate().rev().find_map(|(index, line)| Some((index, v8_message(line)?)));
        if let Some((index, (kind, message))) = told.or_else(|| below_mark(before)) {
            // Of a source that can't be read, only the head tells where.
            let head = before[..index].iter().rev().find_map(|line| located(line, 1));
            if let Some(head) = head.filter(|head| !places.iter().any(|place| ends_alike(&place.path, &head.path))) {
                places.insert(0, head);
            }
            found.push(error(kind, message, places));
        }
        at += frames;
    }
    found
}

/// What stands below a source and its mark, whatever its kind is called.
fn below_mark<'a>(lines: &[&'a str]) -> Option<(usize, (Option<&'a str>, &'a str))> {
    let mark = lines.iter().rposition(|line| is_mark(line))?;
    let (index, line) = lines.iter().enumerate().skip(mark + 1).find(|(_, line)| !line.trim().is_empty())?;
    let own = named(line).filter(|(name, message)| name.starts_with(char::is_uppercase) && !message.is_empty());
    Some((index, own.map_or((None, *line), |(name, message)| (Some(name), message))))
}

/// What Node says of something thrown that is no error: where, the source, a mark, and the thing.
fn thrown(lines: &[&str]) -> Vec<Problem> {
    let mut found = Vec::new();
    for (index, window) in lines.windows(4).enumerate() {
        let Some(place) = located(window[0], 1).filter(|_| is_mark(window[2])) else { continue };
        let rest = &lines[index + 3..];
        if !rest.iter().take(LOOK_BACK).any(|line| is_v8_frame(line)) && !window[3].trim().is_empty() {
            found.push(error(None, window[3], vec![place]));
        }
    }
    found
}

fn is_mark(line: &str) -> bool {
    let mark = line.trim();
    !mark.is_empty() && mark.bytes().all(|byte| byte == b'^')
}

fn ends_alike(one: &str, other: &str) -> bool {
    one.trim_start_matches("file://") == other.trim_start_matches("file://")
}

fn is_v8_frame(line: &str) -> bool {
    line.starts_with("    at ") || line.starts_with("      at ")
}

/// `    at async function (/workspace/main.js:2:7)`
fn v8_frame(line: &str) -> Option<Place> {
    let frame = line.trim_start().strip_prefix("at ")?;
    let frame = frame.strip_prefix("async ").unwrap_or(frame);
    let (function, place) = match frame.strip_suffix(')').and_then(|frame| frame.rsplit_once(" (")) {
        Some((function, place)) => (Some(function.to_owned()), place),
        None => (None, frame),
    };
    Some(Place { function, ..located(place, 2)? })
}

/// `Uncaught (in promise) TypeError: message`
fn v8_message(line: &str) -> Option<(Option<&str>, &str)> {
    let is_told = line.starts_with("error: ");
    let line = line.strip_prefix("error: ").unwrap_or(line);
    let line = line.strip_prefix("Uncaught ").unwrap_or(line);
    let line = line.strip_prefix("(in promise) ").unwrap_or(line);
    // Node's own errors have a code beside their name.
    let (head, rest) = line.split_once(": ").unwrap_or((line, ""));
    let coded = head.strip_suffix(']').and_then(|head| head.split_once(" [")).map(|(name, _)| (name, rest));
    let told = coded.filter(|(name, _)| named(name).is_some()).or_else(|| named(line));
    match told.filter(|(name, _)| name.ends_with("Error") || name.ends_with("Exception")) {
        Some((name, message)) => Some((Some(name), if message.is_empty() { name } else { message })),
        // Bun says no more of an error than that it is one.
        None => is_told.then_some((None, line)),
    }
}

/// `path:line` or `path:line:column`, by how many numbers there are.
fn located(text: &str, numbers: usize) -> Option<Place> {
    let mut parts = text.rsplitn(numbers + 1, ':');
    let mut line = None;
    for _ in 0..numbers {
        line = Some(parts.next()?.parse().ok()?);
    }
    // A time of day is no place.
    let is_path = |path: &&str| path.contains(['.', '/']) && (path.starts_with('/') || !path.contains([' ', '\t']));
    let path = parts.next().filter(is_path)?;
    Some(Place { path: path.to_owned(), line: line?, function: None })
}

fn go(lines: &[&str]) -> Vec<Problem> {
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let Some(message) = line.strip_prefix("panic: ").or_else(|| line.strip_prefix("fatal error: ")) else {
            continue;
        };
        let rest = &lines[index + 1..];
        // The first goroutine is the one that panicked.
        let Some(first) = rest.iter().take(LOOK_BACK).position(|line| line.starts_with("goroutine ")) else { continue };
        let frames = rest[first + 1..].iter().take_while(|line| !line.is_empty());
        let frames: Vec<&str> = frames.take(2 * MAX_PLACES).copied().collect();
        let places = frames.windows(2).filter_map(|pair| {
            let place = pair[1].strip_prefix('\t')?;
            let place = located(place.split(" +0x").next()?, 1)?;
            let function = pair[0].rsplit_once('(').map(|(name, _)| name.to_owned());
            Some(Place { function, ..place })
        });
        found.push(error(None, message, places.collect()));
    }
    found
}

fn compilers(lines: &[&str]) -> Vec<Problem> {
    let mut found = Vec::new();
    let mut is_go = false;
    for (index, line) in lines.iter().enumerate() {
        if line.starts_with("# ") {
            is_go = true;
            continue;
        }
        found.extend(gcc(line).or_else(|| tsc(line)).or_else(|| rustc(line, &lines[index + 1..])).or_else(|| {
            let (place, message) = line.split_once(": ")?;
            let place = match is_go {
                true => located(place, 2).or_else(|| located(place, 1))?,
                // What it says before it compiles anything has no head.
                false => located(place, 2).filter(|place| place.path.ends_with(".go"))?,
            };
            Some(error(None, message, vec![place]))
        }));
        if found.len() >= MAX_PROBLEMS {
            break;
        }
    }
    found
}

/// `main.c:3:5: error: message`
fn gcc(line: &str) -> Option<Problem> {
    let words =
        [(": fatal error: ", Severity::Error), (": error: ", Severity::Error), (": warning: ", Severity::Warning)];
    let (place, message, severity) = words.into_iter().find_map(|(word, severity)| {
        let (place, message) = line.split_once(word)?;
        Some((located(place, 2)?, message, severity))
    })?;
    Some(Problem { severity, ..error(None, message, vec![place]) })
}

/// `main.ts(1,7): error TS2322: message`, or `main.ts:1:7 - error TS2322: message`
fn tsc(line: &str) -> Option<Problem> {
    let (place, rest) = line.split_once(": error TS").or_else(|| line.split_once(" - error TS"))?;
    let (number, message) = rest.split_once(": ")?;
    let place = match place.strip_suffix(')').and_then(|place| place.rsplit_once('(')) {
        Some((path, numbers)) => {
            let line = numbers.split(',').next()?.parse().ok()?;
            Place { path: path.to_owned(), line, function: None }
        }
        None => located(place, 2)?,
    };
    number.chars().all(|c| c.is_ascii_digit()).then(|| error(Some(&format!("TS{number}")), message, vec![place]))
}

/// `error[E0308]: message`, and in one of the next lines `  --> main.rs:2:5`
fn rustc(line: &str, rest: &[&str]) -> Option<Problem> {
    let (head, message) = line.split_once(": ")?;
    let (word, kind) = match head.split_once('[') {
        Some((word, kind)) => (word, Some(kind.strip_suffix(']')?)),
        None => (head, None),
    };
    let severity = match word {
        "error" => Severity::Error,
        "warning" => Severity::Warning,
        _ => return None,
    };
    let place = rest.iter().take(2).find_map(|line| located(line.trim_start().strip_prefix("--> ")?, 2))?;
    Some(Problem { severity, ..error(kind, message, vec![place]) })
}

#[cfg(test)]
mod tests;
