//! Writes the generated parts of `protocol.md` from the method table and the schemas of its types.
//!
//! A part stands between `<!-- generated: NAME -->` and `<!-- end generated -->`, where `NAME` is a
//! method, a request of the daemon's, a notification, a command, or one of `methods`, `asked`, `notifications`, `commands`,
//! `errors`, `common errors`, `initialize client` and `initialize server`. Everything outside of these is left as it is.

mod table;

use schemars::Schema;

use self::table::{Side, fields};
use super::editor::{COMMANDS, Command};
use super::error::ErrorKind;
use super::handshake::{ClientAdvertisement, Feature, ServerAdvertisement};
use super::methods::{
    ASKED, COMMON_ERRORS, Cancel, METHODS, Method, NOTIFICATIONS, Notification, find, schema_of_params,
    schema_of_result,
};

const OPEN: &str = "<!-- generated: ";
const OPEN_END: &str = " -->";
const CLOSE: &str = "<!-- end generated -->";

/// Why a document can't be regenerated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentFault {
    /// Nothing is generated under this name.
    #[error("line {line}: nothing is generated under the name `{name}`")]
    UnknownPart {
        /// Where, counted from 1.
        line: usize,
        /// The name.
        name: String,
    },
    /// A part has no end.
    #[error("line {line}: `{name}` is not closed by `{CLOSE}`")]
    Unclosed {
        /// Where it begins, counted from 1.
        line: usize,
        /// The name.
        name: String,
    },
}

/// The document with every generated part written anew.
///
/// # Errors
/// A [`DocumentFault`] when its marks don't fit.
pub fn regenerate(document: &str) -> Result<String, DocumentFault> {
    let mut written = String::with_capacity(document.len());
    let mut lines = document.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        written.push_str(line);
        written.push('\n');
        let Some(name) = part_name(line) else {
            continue;
        };
        let (line, name) = (index + 1, name.to_owned());
        let Some(part) = render(&name) else {
            return Err(DocumentFault::UnknownPart { line, name });
        };
        if !lines.any(|(_, line)| line == CLOSE) {
            return Err(DocumentFault::Unclosed { line, name });
        }
        written += &format!("\n{}\n\n{CLOSE}\n", part.trim_end());
    }
    Ok(written)
}

/// The names of the generated parts of a document, in order.
pub fn parts(document: &str) -> impl Iterator<Item = &str> {
    document.lines().filter_map(part_name)
}

fn part_name(line: &str) -> Option<&str> {
    line.strip_prefix(OPEN)?.strip_suffix(OPEN_END)
}

fn render(name: &str) -> Option<String> {
    Some(match name {
        "methods" => {
            index("method | what it does", METHODS.iter().map(|method| (method.name, method.summary, method.feature)))
        }
        "asked" => {
            index("request | what it asks", ASKED.iter().map(|method| (method.name, method.summary, method.feature)))
        }
        "notifications" => index(
            "notification | what it says",
            NOTIFICATIONS.iter().map(|notification| (notification.name, notification.summary, notification.feature)),
        ),
        "commands" => commands(),
        "errors" => errors(ErrorKind::ALL.iter().copied(), true),
        "common errors" => errors(COMMON_ERRORS.iter().copied(), false),
        "initialize client" => fields(&schema_of_params::<ClientAdvertisement>(), Side::Read),
        "initialize server" => fields(&schema_of_result::<ServerAdvertisement>(), Side::Sent),
        _ => match find(name) {
            Some(method) => describe(method),
            None => match COMMANDS.iter().find(|command| command.name == name) {
                Some(command) => explain(command),
                None => match ASKED.iter().find(|method| method.name == name) {
                    Some(method) => question(method),
                    None => announce(NOTIFICATIONS.iter().find(|notification| notification.name == name)?),
                },
            },
        },
    })
}

/// The anchor that a heading gets: letters and digits in lower case.
fn anchor(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase()
}

fn index<'a>(head: &str, rows: impl Iterator<Item = (&'a str, &'a str, Option<Feature>)>) -> String {
    let mut text = format!("| {head} | needs |\n| --- | --- | --- |\n");
    for (name, summary, feature) in rows {
        let feature = feature.map_or(String::new(), |feature| format!("`{}`", feature.name()));
        text += &format!("| [`{name}`](#{}) | {summary} | {feature} |\n", anchor(name));
    }
    text
}

fn commands() -> String {
    let mut text = "| command | what it does |\n| --- | --- |\n".to_owned();
    for command in COMMANDS {
        text += &format!("| [`{}`](#{}) | {} |\n", command.name, anchor(command.name), command.summary);
    }
    text
}

fn explain(command: &Command) -> String {
    let mut text = "**Argument**\n\n".to_owned();
    text += &of_a_method(&(command.argument)(), |method| method.params)
        .unwrap_or_else(|| fields(&(command.argument)(), Side::Read));
    text += "\n**Result**\n\n";
    text += &of_a_method(&(command.result)(), |method| method.result)
        .unwrap_or_else(|| fields(&(command.result)(), Side::Sent));
    text
}

/// Where a schema is shown already: with a method.
fn of_a_method(schema: &Schema, part: fn(&Method) -> fn() -> Schema) -> Option<String> {
    let method = METHODS.iter().find(|method| !is_empty(schema) && same(&part(method)(), schema))?;
    Some(format!("As of [`{}`](#{}).\n", method.name, anchor(method.name)))
}

fn errors(kinds: impl Iterator<Item = ErrorKind>, retry: bool) -> String {
    let mut text = String::new();
    text.push_str(if retry {
        "| code | kind | retry | when |\n| --- | --- | --- | --- |\n"
    } else {
        "| code | kind | when |\n| --- | --- | --- |\n"
    });
    for kind in kinds {
        text += &format!("| {} | `{}` | ", kind.code(), kind.name());
        if retry {
            text.push_str(if kind.retryable() { "yes | " } else { "| " });
        }
        text.push_str(kind.meaning());
        text.push_str(" |\n");
    }
    text
}

fn describe(method: &Method) -> String {
    let mut text = String::new();
    if let Some(feature) = method.feature {
        text += &format!("Needs the feature `{}`.\n", feature.name());
    }
    text.push_str(match method.cancel {
        Cancel::Abort => "Cancelling it gives it up where it waits, and answers -32800.",
        Cancel::Graceful => "Cancelling it lets it end what it began in good order; it answers by itself.",
    });
    if method.progress {
        text.push_str(" It reports progress under a `workDoneToken`.");
    }
    text.push_str("\n\n**Parameters**\n\n");
    text.push_str(&fields(&(method.params)(), Side::Read));
    text.push_str("\n**Result**\n\n");
    let result = (method.result)();
    match METHODS
        .iter()
        .take_while(|earlier| earlier.name != method.name)
        .find(|earlier| same(&(earlier.result)(), &result))
    {
        Some(earlier) if !is_empty(&result) => {
            text += &format!("As of [`{}`](#{}).\n", earlier.name, anchor(earlier.name));
        }
        _ => text.push_str(&fields(&result, Side::Sent)),
    }
    let mut given = ErrorKind::ALL.iter().copied().filter(|kind| method.gives(*kind)).peekable();
    if given.peek().is_some() {
        text.push_str("\n**Errors**, beside [those of every method](#errors-of-every-method)\n\n");
        text.push_str(&errors(given, false));
    }
    text
}

fn question(method: &Method) -> String {
    let mut text = String::new();
    if let Some(feature) = method.feature {
        text += &format!("Needs the feature `{}`. ", feature.name());
    }
    text.push_str("The daemon asks, and the client answers.\n\n**Parameters**\n\n");
    text.push_str(&fields(&(method.params)(), Side::Sent));
    text.push_str("\n**The client answers**\n\n");
    text.push_str(&fields(&(method.result)(), Side::Read));
    text
}

fn announce(notification: &Notification) -> String {
    let mut text = String::new();
    if let Some(feature) = notification.feature {
        text += &format!("Needs the feature `{}`.\n\n", feature.name());
    }
    if notification.both_ways {
        text.push_str("The client sends it too.\n\n");
    }
    text.push_str("**Parameters**\n\n");
    text.push_str(&fields(&(notification.params)(), Side::Sent));
    text
}

fn same(one: &Schema, other: &Schema) -> bool {
    one.get("title") == other.get("title")
}

fn is_empty(schema: &Schema) -> bool {
    schema.get("properties").is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_between_the_marks_is_written_anew_and_nothing_else() {
        let before = format!("prose\n{OPEN}fs/remove{OPEN_END}\nold\n{CLOSE}\nmore prose\n");
        let after = regenerate(&before).unwrap();
        assert!(after.starts_with("prose\n") && after.ends_with(&format!("{CLOSE}\nmore prose\n")));
        assert!(!after.contains("old") && after.contains("| `recursive` | boolean | `false` |"), "{after}");
        assert_eq!(regenerate(&after).unwrap(), after);
        assert_eq!(parts(&after).collect::<Vec<_>>(), ["fs/remove"]);
    }

    #[test]
    fn marks_that_do_not_fit_are_told_with_their_line() {
        let unknown = format!("\n{OPEN}fs/levitate{OPEN_END}\n{CLOSE}\n");
        let fault = DocumentFault::UnknownPart { line: 2, name: "fs/levitate".to_owned() };
        assert_eq!(regenerate(&unknown), Err(fault));
        let unclosed = format!("{OPEN}errors{OPEN_END}\n");
        assert_eq!(regenerate(&unclosed), Err(DocumentFault::Unclosed { line: 1, name: "errors".to_owned() }));
    }
}
