//! What a person reads on standard error. Control characters in it are shown, never sent: much of it
//! repeats what untrusted code or input said.

use std::io::Write;

/// Prints one message.
pub(super) fn message(text: &str) {
    let mut line = String::from("codebeaker: ");
    for character in text.chars() {
        if character.is_control() && character != '\n' {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    line.push('\n');
    // There is nowhere left to complain to.
    drop(std::io::stderr().write_all(line.as_bytes()));
}
