//! Addresses of scripts as paths of the sandbox, and back. Nothing here looks at a file.

use std::fmt::Write;

/// The longest name or address that is kept.
pub(super) const MAX_NAME_BYTES: usize = 4096;

/// The path that a `file:` address names, without what follows a `?` or `#`.
pub(super) fn path_of(url: &str) -> Option<String> {
    let path = url.strip_prefix("file://")?;
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let path = String::from_utf8(decode(path)).ok()?;
    (path.starts_with('/') && path.len() <= MAX_NAME_BYTES && !path.contains('\0')).then_some(path)
}

/// The address of a path, as Node makes it.
pub(super) fn url_of(path: &str) -> String {
    let mut url = String::from("file://");
    for byte in path.bytes() {
        // What `pathToFileURL` escapes.
        if byte <= b' ' || byte >= 0x7f || b"\"#%<>?`{}\\".contains(&byte) {
            let _ = write!(url, "%{byte:02X}");
        } else {
            url.push(char::from(byte));
        }
    }
    url
}

/// Undoes `%xx`.
pub(super) fn decode(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3).and_then(|hex| std::str::from_utf8(hex).ok());
        let byte = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match byte {
            Some(byte) if bytes[at] == b'%' => {
                decoded.push(byte);
                at += 3;
            }
            _ => {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
    }
    decoded
}

/// What `reference` means in a file at the address `base`; `None` where it is not a file's.
pub(super) fn resolve(base: &str, reference: &str) -> Option<String> {
    if reference.len() > MAX_NAME_BYTES {
        return None;
    }
    if reference.starts_with("file://") {
        return Some(reference.to_owned());
    }
    if reference.starts_with('/') {
        return Some(format!("file://{}", normal(reference)));
    }
    let scheme = reference.split(['/', '?', '#']).next().unwrap_or_default();
    if scheme.contains(':') {
        return None;
    }
    let directory = base.strip_prefix("file://")?.rsplit_once('/')?.0;
    Some(format!("file://{}", normal(&format!("{directory}/{reference}"))))
}

/// A path without `.`, `..` and doubled slashes.
fn normal(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// The text, or as much of it as is kept.
pub(super) fn short(text: &str) -> &str {
    cut(text, MAX_NAME_BYTES)
}

/// The text, or as much of it as fits into so many bytes.
pub(super) fn cut(text: &str, bytes: usize) -> &str {
    let mut end = text.len().min(bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_addresses_are_each_others() {
        for path in ["/a/b.js", "/with space/ü.js", "/a#b?c%d.mjs", "/[x]/^.js"] {
            assert_eq!(path_of(&url_of(path)).as_deref(), Some(path));
        }
        assert_eq!(url_of("/a b"), "file:///a%20b");
        assert_eq!(path_of("file:///a.mjs?x=1").as_deref(), Some("/a.mjs"));
        for url in ["http://a/b", "node:fs", "file://host/a%00", "file:///%ff", "file://"] {
            assert_eq!(path_of(url).filter(|path| path.contains("host")), None, "{url}");
        }
    }

    #[test]
    fn references_are_resolved_and_lead_nowhere_else() {
        let base = "file:///work/dist/a.js";
        assert_eq!(resolve(base, "../src/./a.ts").as_deref(), Some("file:///work/src/a.ts"));
        assert_eq!(resolve(base, "/x/../y.ts").as_deref(), Some("file:///y.ts"));
        assert_eq!(resolve(base, "../../../../etc/passwd").as_deref(), Some("file:///etc/passwd"));
        assert_eq!(resolve(base, "webpack://app/a.ts"), None);
        assert_eq!(resolve(base, "https://example.org/a.map"), None);
        assert_eq!(resolve("node:fs", "a.map"), None);
    }
}
