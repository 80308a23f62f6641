//! Makes text that comes out of a sandbox fit to be shown: nothing in it moves a cursor, turns the direction of
//! writing, or is longer than it may be.
//!
//! What can't be shown is escaped, never dropped, so that people see that it was there.

use std::borrow::Cow;
use std::fmt::Write;

/// The longest escape sequence that styles text; a longer one is no styling.
const MAX_SEQUENCE: usize = 64;

/// The longest escape sequence of any kind, such as one that holds an address.
const MAX_CONTROL: usize = 4096;

/// The longest name: of a variable, a function, a thread.
pub const NAME: usize = 1 << 10;

/// The longest value or message.
pub const VALUE: usize = 64 << 10;

/// The longest text that somebody asked for by itself: a source, the clipboard.
pub const WHOLE: usize = 6 << 20;

/// What may stay as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Nothing that is not on one line.
    OneLine,
    /// Line ends and tabs.
    Lines,
    /// Line ends and tabs, and escape sequences that style the text.
    Styling,
}

/// The text, shown safely, in at most about `max` bytes.
#[must_use]
pub fn clean(text: &str, keep: Keep, max: usize) -> String {
    let (text, is_cut) = cut(text, max);
    let mut cleaned = match escape(text, keep) {
        Cow::Borrowed(text) => text.to_owned(),
        Cow::Owned(text) if text.len() > max => cut(&text, max).0.to_owned(),
        Cow::Owned(text) => text,
    };
    if is_cut {
        cleaned.push('…');
    }
    cleaned
}

/// The text, shown safely, all of it.
#[must_use]
pub fn escape(text: &str, keep: Keep) -> Cow<'_, str> {
    let Some(first) = text.find(|c| needs_care(c, keep)) else { return Cow::Borrowed(text) };
    let mut shown = String::with_capacity(text.len() + 16);
    shown.push_str(&text[..first]);
    let mut rest = &text[first..];
    while let Some(c) = rest.chars().next() {
        let styling = if keep == Keep::Styling && c == '\x1b' { styling(rest) } else { None };
        let length = styling.unwrap_or(c.len_utf8());
        if styling.is_some() || !needs_care(c, keep) {
            shown.push_str(&rest[..length]);
        } else if u32::from(c) < 0x100 {
            // Writing into a string can't fail.
            let _ = write!(shown, "\\x{:02x}", u32::from(c));
        } else {
            let _ = write!(shown, "\\u{{{:x}}}", u32::from(c));
        }
        rest = &rest[length..];
    }
    Cow::Owned(shown)
}

/// The text without the escape sequences that style it, for where there are no styles.
#[must_use]
pub fn unstyled(text: &str) -> Cow<'_, str> {
    without(text, styling)
}

/// The text without any escape sequence, for who looks for something in what a terminal was sent.
#[must_use]
pub fn bare(text: &str) -> Cow<'_, str> {
    without(text, |from| Some(sequence(from)))
}

/// The text without the sequences whose length is told from their escape on; other escapes stay.
fn without(text: &str, length: impl Fn(&str) -> Option<usize>) -> Cow<'_, str> {
    if !text.contains('\x1b') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(escape) = rest.find('\x1b') {
        let (before, from) = rest.split_at(escape);
        plain.push_str(before);
        let length = length(from).unwrap_or_else(|| {
            plain.push('\x1b');
            1
        });
        rest = &from[length..];
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

/// How many bytes at the end may begin a styling sequence that is not complete.
#[must_use]
pub fn incomplete_styling(text: &str) -> usize {
    let from = text.len().saturating_sub(MAX_SEQUENCE);
    let Some(escape) = text.as_bytes()[from..].iter().rposition(|byte| *byte == 0x1b) else { return 0 };
    let tail = &text.as_bytes()[from + escape..];
    let may_go_on = match tail {
        [_] => true,
        [_, b'[', parameters @ ..] => parameters.iter().all(|byte| is_parameter(*byte)),
        _ => false,
    };
    if may_go_on && tail.len() < MAX_SEQUENCE { tail.len() } else { 0 }
}

fn cut(text: &str, max: usize) -> (&str, bool) {
    if text.len() <= max {
        return (text, false);
    }
    let end = (0..=max).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    (&text[..end], true)
}

/// The length of the sequence at the start that styles text: `ESC [ 1 ; 31 m`.
fn styling(text: &str) -> Option<usize> {
    let bytes = &text.as_bytes()[..text.len().min(MAX_SEQUENCE)];
    let parameters = bytes.strip_prefix(b"\x1b[")?;
    let length = parameters.iter().take_while(|byte| is_parameter(**byte)).count();
    (parameters.get(length) == Some(&b'm')).then_some(2 + length + 1)
}

/// The length of the sequence at the start, which an escape character begins; that alone where it is none.
fn sequence(text: &str) -> usize {
    let bytes = &text.as_bytes()[..text.len().min(MAX_CONTROL)];
    let length = match bytes.get(1) {
        // `ESC [ 2 K`
        Some(b'[') => {
            let parameters = bytes[2..].iter().take_while(|byte| matches!(byte, 0x20..=0x3f)).count();
            bytes.get(2 + parameters).filter(|byte| matches!(byte, 0x40..=0x7e)).map(|_| 2 + parameters + 1)
        }
        // `ESC ] 8 ; ; address BEL`, or with `ESC \` at its end
        Some(b']') => {
            let end = bytes.iter().skip(2).position(|byte| matches!(byte, 0x07 | 0x1b)).map(|end| 2 + end);
            end.map(
                |end| if bytes[end..].starts_with(b"\x1b\\") { end + 2 } else { end + usize::from(bytes[end] == 7) },
            )
        }
        _ => None,
    };
    length.unwrap_or(1)
}

fn is_parameter(byte: u8) -> bool {
    byte.is_ascii_digit() || byte == b';' || byte == b':'
}

fn needs_care(c: char, keep: Keep) -> bool {
    match c {
        '\n' | '\r' | '\t' => keep == Keep::OneLine,
        '\u{2028}' | '\u{2029}' => keep == Keep::OneLine,
        // Marks and overrides of the direction of writing.
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        c => c.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_styling_passes_and_only_for_who_asked_for_it() {
        let text = "\x1b[1;31mred\x1b[0m \x1b[2J\x1b]0;title\x07 \u{202e}txt.exe\u{9b}31m\r\n";
        assert_eq!(
            escape(text, Keep::Styling),
            "\x1b[1;31mred\x1b[0m \\x1b[2J\\x1b]0;title\\x07 \\u{202e}txt.exe\\x9b31m\r\n"
        );
        assert!(escape(text, Keep::Lines).starts_with("\\x1b[1;31mred"));
        assert_eq!(escape("a\nb", Keep::OneLine), "a\\x0ab");
    }

    #[test]
    fn styling_goes_and_other_sequences_stay_to_be_escaped() {
        assert_eq!(unstyled("\x1b[1;31mred\x1b[0m \x1b[2J\x1b"), "red \x1b[2J\x1b");
        assert_eq!(unstyled("é\x1b[mé"), "éé");
    }

    #[test]
    fn what_a_terminal_is_sent_is_bared_of_all_sequences() {
        let gcc = "\x1b[01m\x1b[Kx.c:1:2:\x1b[m\x1b[K [\x1b]8;;https://a/b\x07-Wx\x1b]8;;\x1b\\\x1b[m]\x1b[?25l\r\n";
        assert_eq!(bare(gcc), "x.c:1:2: [-Wx]\r\n");
        assert_eq!(bare("a\x1b[2\x1b]0;é\x1bb\x1b"), "a[2b");
        let endless = format!("\x1b]{}", "é".repeat(MAX_CONTROL));
        assert_eq!(bare(&endless), endless[1..]);
    }

    #[test]
    fn what_is_too_long_is_cut_between_characters() {
        assert_eq!(clean("ééé", Keep::Lines, 3), "é…");
        assert!(clean(&"\x07".repeat(100), Keep::Lines, 50).len() <= 54);
    }

    #[test]
    fn a_sequence_that_may_go_on_is_told_from_one_that_can_not() {
        assert_eq!(incomplete_styling("abc\x1b[3"), 3);
        assert_eq!(incomplete_styling("abc\x1b"), 1);
        assert_eq!(incomplete_styling("abc\x1b[3m"), 0);
        assert_eq!(incomplete_styling("abc\x1b]3"), 0);
        assert_eq!(incomplete_styling(&format!("\x1b[{}", "1".repeat(200))), 0);
    }

    proptest! {
        #[test]
        fn nothing_that_is_shown_controls_anything(text in ".{0,200}", max in 0usize..300) {
            let shown = clean(&text, Keep::OneLine, max);
            prop_assert!(!shown.chars().any(|c| needs_care(c, Keep::OneLine)));
            prop_assert!(shown.len() <= max + '…'.len_utf8());
            prop_assert!(!bare(&text).contains('\x1b'));
        }
    }
}
