//! Tells an error with all that caused it, in one line: an error's own text leaves its causes out.

use std::error::Error;

/// The error and its causes, the innermost last.
#[must_use]
pub fn in_full(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the sandbox could not be started")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn a_cause_is_told_after_what_it_caused() {
        let error = Outer(std::io::Error::from_raw_os_error(11));
        assert_eq!(in_full(&error), format!("the sandbox could not be started: {}", error.0));
    }
}
