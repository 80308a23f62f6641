//! What a client says of a breakpoint, as what a back end takes: how often it has to be met, what it prints.

use super::backend::{ExceptionFilter, HitCondition, LogPart, Terms};

/// The longest condition or log message, in bytes.
const MAX_TEXT: usize = 16 << 10;

/// Parts of a log message.
const MAX_PARTS: usize = 256;

/// Why a breakpoint can't be as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Misfit {
    /// The hit condition is none.
    #[error("the hit condition {0:?} is not understood: give a number, or one after `==`, `>=`, `>`, `<=`, `<` or `%`")]
    Hit(String),
    /// The log message can't be read.
    #[error("the log message has a `{0}` without its counterpart; double it to print one")]
    Brace(char),
    /// An expression of the log message is empty.
    #[error("the log message has an empty expression; double the braces to print them")]
    NoExpression,
    /// Something is too long.
    #[error("the {0} is too long")]
    TooLong(&'static str),
}

/// Reads the three conditions of a breakpoint. Empty texts are none.
pub(super) fn terms(condition: Option<&str>, hit: Option<&str>, log: Option<&str>) -> Result<Terms, Misfit> {
    for (what, text) in [("condition", condition), ("hit condition", hit), ("log message", log)] {
        if text.is_some_and(|text| text.len() > MAX_TEXT) {
            return Err(Misfit::TooLong(what));
        }
    }
    let given = |text: &str| !text.trim().is_empty();
    Ok(Terms {
        condition: condition.filter(|text| given(text)).map(str::to_owned),
        hit: hit.filter(|text| given(text)).map(hit_condition).transpose()?,
        log: log.filter(|text| !text.is_empty()).map(log_parts).transpose()?,
    })
}

fn hit_condition(text: &str) -> Result<HitCondition, Misfit> {
    let refuse = || Misfit::Hit(text.chars().take(80).collect());
    let trimmed = text.trim();
    let digits = trimmed.find(|c: char| c.is_ascii_digit()).ok_or_else(refuse)?;
    let (sign, number) = trimmed.split_at(digits);
    let number: u64 = number.parse().map_err(|_| refuse())?;
    Ok(match sign.trim_end() {
        "" | "==" | "=" => HitCondition::Equal(number),
        ">=" => HitCondition::AtLeast(number),
        ">" => HitCondition::MoreThan(number),
        "<=" => HitCondition::AtMost(number),
        "<" => HitCondition::LessThan(number),
        "%" if number > 0 => HitCondition::Multiple(number),
        _ => return Err(refuse()),
    })
}

/// `{x}` is an expression, `{{` and `}}` are braces. Braces inside of an expression nest, and those in its
/// strings are none.
fn log_parts(text: &str) -> Result<Vec<LogPart>, Misfit> {
    let mut parts = Vec::new();
    let mut plain = String::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '{' | '}' if rest.peek() == Some(&c) => {
                rest.next();
                plain.push(c);
            }
            '{' => {
                let expression = expression(&mut rest)?;
                if !plain.is_empty() {
                    parts.push(LogPart::Text(std::mem::take(&mut plain)));
                }
                parts.push(LogPart::Expression(expression));
            }
            '}' => return Err(Misfit::Brace('}')),
            c => plain.push(c),
        }
    }
    if !plain.is_empty() {
        parts.push(LogPart::Text(plain));
    }
    if parts.len() > MAX_PARTS { Err(Misfit::TooLong("log message")) } else { Ok(parts) }
}

fn expression(rest: &mut impl Iterator<Item = char>) -> Result<String, Misfit> {
    let mut expression = String::new();
    let mut depth = 0usize;
    let mut quote = None;
    while let Some(c) = rest.next() {
        match (c, quote) {
            ('\\', Some(_)) => {
                expression.push(c);
                expression.extend(rest.next());
                continue;
            }
            (c, Some(open)) if c == open => quote = None,
            (_, Some(_)) => {}
            ('"' | '\'' | '`', None) => quote = Some(c),
            ('{', None) => depth += 1,
            ('}', None) if depth > 0 => depth -= 1,
            ('}', None) if expression.trim().is_empty() => return Err(Misfit::NoExpression),
            ('}', None) => return Ok(expression),
            _ => {}
        }
        expression.push(c);
    }
    Err(Misfit::Brace('{'))
}

/// The filter of a name: our own, and those that other adapters use for the same.
pub(super) fn exception_filter(name: &str) -> Option<ExceptionFilter> {
    Some(match name {
        "raised" | "all" => ExceptionFilter::Raised,
        "uncaught" | "unhandled" => ExceptionFilter::Uncaught,
        "userUncaught" | "userUnhandled" => ExceptionFilter::UserUncaught,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hit_conditions_are_read_as_people_write_them() {
        for (text, wanted) in [
            ("5", HitCondition::Equal(5)),
            ("== 5", HitCondition::Equal(5)),
            (">=5", HitCondition::AtLeast(5)),
            (" > 5 ", HitCondition::MoreThan(5)),
            ("<= 5", HitCondition::AtMost(5)),
            ("<5", HitCondition::LessThan(5)),
            ("% 2", HitCondition::Multiple(2)),
        ] {
            assert_eq!(hit_condition(text), Ok(wanted), "{text}");
        }
        for text in ["x", "> x", "5 x", "%0", "!= 3", "99999999999999999999", "-1", ">"] {
            assert!(matches!(hit_condition(text), Err(Misfit::Hit(_))), "{text}");
        }
    }

    #[test]
    fn a_log_message_is_text_and_expressions() {
        let text = |text: &str| LogPart::Text(text.to_owned());
        let expression = |text: &str| LogPart::Expression(text.to_owned());
        assert_eq!(log_parts("x={x}, {{y}}"), Ok(vec![text("x="), expression("x"), text(", {y}")]));
        assert_eq!(log_parts("{ {1: '}'}[1] }"), Ok(vec![expression(" {1: '}'}[1] ")]));
        assert_eq!(log_parts("a { b"), Err(Misfit::Brace('{')));
        assert_eq!(log_parts("a } b"), Err(Misfit::Brace('}')));
        assert_eq!(log_parts("{ }"), Err(Misfit::NoExpression));
    }

    proptest! {
        #[test]
        fn whatever_is_given_is_read_or_refused(condition in ".{0,40}", hit in "[ <>=%0-9x]{0,8}", log in ".{0,40}") {
            let _ = terms(Some(&condition), Some(&hit), Some(&log));
        }

        #[test]
        fn text_without_braces_is_printed_as_it_stands(log in "[^{}]{1,40}") {
            prop_assert_eq!(log_parts(&log), Ok(vec![LogPart::Text(log)]));
        }
    }
}
