//! Names of images: which ones there can be, and which two mean the same.

/// The longest name that an engine is asked about.
const MAX_BYTES: usize = 400;

/// Whether a text can be an image's name or id. It becomes part of an address with the engine, so that nothing may
/// be in it that leads elsewhere there.
pub(super) fn is_name(name: &str) -> bool {
    let is_part = |part: &str| !part.is_empty() && part.chars().any(|c| c != '.') && !part.contains("..");
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/:@".contains(&byte);
    name.len() <= MAX_BYTES && name.bytes().all(known) && name.split('/').all(is_part)
}

/// The name with everything that Docker leaves out where it goes without saying: `docker.io/library/` and `latest`.
pub(super) fn in_full(name: &str) -> String {
    let name = with_tag(name);
    let (first, rest) = name.split_once('/').unwrap_or(("", &name));
    let is_registry = first.contains(['.', ':']) || first == "localhost";
    match (is_registry, first) {
        (true, "docker.io") if !rest.contains('/') => format!("docker.io/library/{rest}"),
        (true, _) => name,
        (false, "") => format!("docker.io/library/{name}"),
        (false, _) => format!("docker.io/{name}"),
    }
}

/// The name with its tag.
pub(super) fn with_tag(name: &str) -> String {
    // A colon before the last slash is a port's.
    let last = name.rsplit_once('/').map_or(name, |(_, last)| last);
    if last.contains([':', '@']) { name.to_owned() } else { format!("{name}:latest") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leads_elsewhere_is_no_name() {
        for name in ["python", "python:3.12-slim", "localhost:5000/a/b_c:1", "a@sha256:00ff", "sha256:00ff", "a.b/c"] {
            assert!(is_name(name), "{name}");
        }
        for name in
            ["", "/", "a/", "/a", "a//b", "../containers/x", "a/../b", "a/..", ".", "a?b", "a#b", "a%2fb", "a b"]
        {
            assert!(!is_name(name), "{name}");
        }
        assert!(!is_name(&"a".repeat(MAX_BYTES + 1)));
    }

    #[test]
    fn what_goes_without_saying_makes_no_difference() {
        for (short, full) in [
            ("python", "docker.io/library/python:latest"),
            ("docker.io/python:3", "docker.io/library/python:3"),
            ("codebeaker/python", "docker.io/codebeaker/python:latest"),
            ("localhost:5000/python", "localhost:5000/python:latest"),
            ("registry.example.com/a/b:1", "registry.example.com/a/b:1"),
        ] {
            assert_eq!(in_full(short), full);
        }
    }
}
