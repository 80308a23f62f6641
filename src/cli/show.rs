//! What a person reads on standard error. Control characters in it are shown, never sent: much of it
//! repeats what untrusted code or input said.

use std::io::Write;

/// Prints one message.
pub(super) fn message(text: &str) {
    let line = format!("codebeaker: {}\n", printable(text));
    // There is nowhere left to complain to.
    drop(std::io::stderr().write_all(line.as_bytes()));
}

/// The text with its control characters shown, but for the ends of lines.
pub(super) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() && character != '\n' {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}
