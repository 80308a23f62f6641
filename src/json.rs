//! How much a JSON text asks of its reader, before it is read: one from a sandbox may be made to hurt.

/// Whether a text nests no deeper, and has about no more values, than may be. Looks at what is outside strings alone;
/// whether it is JSON is for its reader.
#[must_use]
pub fn is_within(text: &[u8], most_depth: usize, most_values: usize) -> bool {
    let (mut depth, mut values, mut in_string, mut escaped) = (0_usize, 0_usize, false, false);
    for &byte in text {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'[' | b'{' => (depth, values) = (depth + 1, values + 1),
            b']' | b'}' => depth = depth.saturating_sub(1),
            b',' => values += 1,
            _ => {}
        }
        if depth > most_depth || values > most_values {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nests_too_deep_or_has_too_many_values_is_told_and_strings_do_not_count() {
        assert!(is_within(br#"{"a": [1, "[[[[,,,,\"[[,,"]}"#, 2, 4));
        assert!(!is_within(b"[[[]]]", 2, 9));
        assert!(!is_within(b"[1, 2, 3]", 9, 2));
        assert!(is_within(b"]]]][[", 2, 2), "what is no JSON fails later");
    }
}
