//! What keeps an interpreter that was started ahead from being just like one that was not.

use bytes::Bytes;

use crate::agent::plan::{TEMPORARY, WORKSPACE};
use crate::agent::wire::MAX_AWAITED_BYTES;
use crate::engine::Ahead as How;
use crate::execution::drive::Order;

/// The name and text of the one file that an order brings, where it brings nothing else.
pub(super) fn only_code(order: &Order) -> Option<(&String, &Bytes)> {
    match (order.compiler.is_none(), &order.code) {
        (true, Some(code)) => match &code.files[..] {
            [(name, text)] => Some((name, text)),
            _ => None,
        },
        _ => None,
    }
}

/// Whether code is read from a pipe as it is from a file.
pub(super) fn is_fit(how: &How, text: &[u8]) -> bool {
    let has = |text: &[u8], word: &str| text.windows(word.len()).any(|piece| piece == word.as_bytes());
    let second = text.iter().position(|byte| *byte == b'\n').map_or(text.len(), |end| end + 1);
    let third = text[second..].iter().position(|byte| *byte == b'\n').map_or(text.len(), |end| second + end);
    text.len() <= MAX_AWAITED_BYTES
        && !how.unfit.iter().any(|word| has(text, word))
        && !how.unfit_in_head.iter().any(|word| has(&text[..third], word))
}

/// Whether a variable leads to nothing that may change between the start and the code.
pub(super) fn is_harmless(how: &How, variable: &str, value: &str) -> bool {
    let leads = how.variables.iter().chain(OF_THE_LOADER).any(|start| variable.starts_with(start));
    !leads && !value.contains(WORKSPACE) && !value.contains(TEMPORARY)
}

/// Beginnings of variables that the system's own libraries read.
const OF_THE_LOADER: &[&str] = &["HOME", "LD_", "GCONV_PATH", "LOCPATH", "TZDIR", "OPENSSL_", "SSL_"];

/// Whether programs can change what a path names.
pub(super) fn is_writable(path: &str) -> bool {
    [WORKSPACE, TEMPORARY].iter().any(|place| path.starts_with(place)) || !path.starts_with('/')
}

/// Whether this machine has less than a twentieth of its memory to spare.
pub(super) fn is_short_of_memory() -> bool {
    let Ok(meminfo) = std::fs::read_to_string("/proc/meminfo") else { return false };
    let field = |name: &str| {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    matches!((field("MemTotal:"), field("MemAvailable:")), (Some(all), Some(free)) if free < all / 20)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::by_id;

    #[test]
    fn code_that_a_pipe_can_not_carry_is_told() {
        let python = by_id("python").and_then(|engine| engine.ahead.as_ref()).unwrap();
        for fit in ["", "print(1)\n", "\n\n# coding: latin-1\n", "\r\nx = 1"] {
            assert!(is_fit(python, fit.as_bytes()), "{fit}");
        }
        let long = "#".repeat(MAX_AWAITED_BYTES + 1);
        for unfit in ["# -*- coding: latin-1 -*-\n", "#!/bin/x\n# coding=cp1252\n1", "PK\u{5}\u{6}", long.as_str()] {
            assert!(!is_fit(python, unfit.as_bytes()), "{unfit:.40}");
        }
    }

    #[test]
    fn variables_that_lead_to_what_may_change_are_told() {
        let python = by_id("python").and_then(|engine| engine.ahead.as_ref()).unwrap();
        for (variable, value) in [("A", "b"), ("TZ", "Europe/Berlin"), ("HTTP_PROXY", "http://127.0.0.1:1")] {
            assert!(is_harmless(python, variable, value), "{variable}");
        }
        for (variable, value) in [
            ("PYTHONPATH", "lib"),
            ("LD_PRELOAD", "x.so"),
            ("HOME", "/"),
            ("TZ", ":/workspace/zone"),
            ("X", "a:/tmp/b"),
        ] {
            assert!(!is_harmless(python, variable, value), "{variable}");
        }
    }
}
