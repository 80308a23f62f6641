//! The names in a patch: how they are written, and what of them names a file of the workspace.
//!
//! A name is a stranger's. None leads out of the workspace by what it says; where links lead is for the agent to
//! find out, and there too it ends at the workspace.

/// Why a name names nothing in the workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NameFault {
    /// It is absolute, or goes upwards.
    Outside,
    /// It can't be a name at all.
    Bad(&'static str),
}

/// What leads the old and the new name in what git writes, also where it was told to name the sides.
const PREFIXES: [(&[u8], &[u8]); 6] =
    [(b"a/", b"b/"), (b"i/", b"w/"), (b"c/", b"i/"), (b"c/", b"w/"), (b"o/", b"w/"), (b"1/", b"2/")];

/// How many leading parts of these names say only which side it is.
pub(super) fn leading_parts(old: Option<&[u8]>, new: Option<&[u8]>) -> usize {
    let fits = |first: &[u8], second: &[u8]| {
        old.is_none_or(|old| old.starts_with(first)) && new.is_none_or(|new| new.starts_with(second))
    };
    usize::from(PREFIXES.iter().any(|(first, second)| fits(first, second) || fits(second, first)))
}

/// The name without its first `parts`, and without what makes no difference.
pub(super) fn checked(name: &[u8], parts: usize) -> Result<Vec<u8>, NameFault> {
    let mut rest = name;
    for _ in 0..parts {
        let slash = rest.iter().position(|byte| *byte == b'/').ok_or(NameFault::Bad("has fewer parts than `strip`"))?;
        rest = &rest[slash..];
        while let Some(shorter) = rest.strip_prefix(b"/") {
            rest = shorter;
        }
    }
    if rest.contains(&0) {
        return Err(NameFault::Bad("contains NUL"));
    }
    if rest.starts_with(b"/") || rest.split(|byte| *byte == b'/').any(|part| part == b"..") {
        return Err(NameFault::Outside);
    }
    if rest.ends_with(b"/") {
        return Err(NameFault::Bad("names a directory"));
    }
    let parts = rest.split(|byte| *byte == b'/').filter(|part| !matches!(*part, b"" | b"."));
    let name = parts.collect::<Vec<_>>().join(&b'/');
    if name.is_empty() { Err(NameFault::Bad("names nothing")) } else { Ok(name) }
}

/// A name as git writes it: in quotes when there is something in it that would mislead a reader.
pub(in crate::files) fn quoted(name: &[u8]) -> Vec<u8> {
    let is_plain = |byte: &u8| *byte >= 0x20 && !matches!(*byte, b'"' | b'\\' | 0x7f);
    if name.iter().all(is_plain) {
        return name.to_vec();
    }
    let mut text = vec![b'"'];
    for byte in name {
        match byte {
            b'"' | b'\\' => text.extend([b'\\', *byte]),
            b'\n' => text.extend(b"\\n"),
            b'\t' => text.extend(b"\\t"),
            b'\r' => text.extend(b"\\r"),
            byte if is_plain(byte) => text.push(*byte),
            byte => text.extend(format!("\\{byte:03o}").into_bytes()),
        }
    }
    text.push(b'"');
    text
}

/// Reads a name in quotes at the start of `text`; `None` when it has no end or no sense. Answers what follows, too.
pub(super) fn unquoted(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut rest = text.strip_prefix(b"\"")?;
    let mut name = Vec::new();
    loop {
        let (first, after) = rest.split_first()?;
        rest = after;
        match first {
            b'"' => return Some((name, rest)),
            b'\\' => {
                let (escape, after) = rest.split_first()?;
                rest = after;
                name.push(match escape {
                    b'a' => 7,
                    b'b' => 8,
                    b't' => b'\t',
                    b'n' => b'\n',
                    b'v' => 11,
                    b'f' => 12,
                    b'r' => b'\r',
                    b'"' | b'\\' => *escape,
                    b'0'..=b'3' => {
                        let (digits, after) = rest.split_at_checked(2)?;
                        rest = after;
                        digits.iter().try_fold(escape - b'0', |value, digit| match digit {
                            b'0'..=b'7' => Some(value * 8 + (digit - b'0')),
                            _ => None,
                        })?
                    }
                    _ => return None,
                });
            }
            byte => name.push(*byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_stays_in_the_workspace() {
        assert_eq!(checked(b"a/src/./x//y.rs", 1).unwrap(), b"src/x/y.rs");
        assert_eq!(checked(b"/home/me/x", 2).unwrap(), b"me/x");
        for name in [&b"/etc/passwd"[..], b"a/../b", b"../x", b"..", b"a/.."] {
            assert_eq!(checked(name, 0), Err(NameFault::Outside), "{}", name.escape_ascii());
        }
        assert_eq!(checked(b"a//etc/passwd", 1).unwrap(), b"etc/passwd");
        for (name, parts) in [(&b"x"[..], 1), (b"a/", 0), (b"", 0), (b".", 0), (b"a\0", 0)] {
            assert!(matches!(checked(name, parts), Err(NameFault::Bad(_))), "{}", name.escape_ascii());
        }
    }

    #[test]
    fn only_what_says_the_side_is_taken_off() {
        assert_eq!(leading_parts(Some(b"a/x"), Some(b"b/x")), 1);
        assert_eq!(leading_parts(Some(b"b/x"), Some(b"a/x")), 1);
        assert_eq!(leading_parts(None, Some(b"b/x")), 1);
        assert_eq!(leading_parts(Some(b"a/x"), Some(b"a/x")), 0);
        assert_eq!(leading_parts(Some(b"src/x"), Some(b"src/x")), 0);
    }

    proptest! {
        #[test]
        fn a_quoted_name_is_the_same_name(name in proptest::collection::vec(any::<u8>(), 0..20)) {
            let text = quoted(&name);
            prop_assert!(!text.contains(&b'\n'));
            if text.first() == Some(&b'"') {
                prop_assert_eq!(unquoted(&text), Some((name, &b""[..])));
            } else {
                prop_assert_eq!(text, name);
            }
        }

        #[test]
        fn no_name_leads_out(name in "[a./\\x00]{0,12}", parts in 0_usize..3) {
            if let Ok(name) = checked(name.as_bytes(), parts) {
                prop_assert!(!name.starts_with(b"/"));
                prop_assert!(name.split(|byte| *byte == b'/').all(|part| !part.is_empty() && part != b".."));
            }
        }
    }
}
