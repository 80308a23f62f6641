//! Paths of the editor and paths of the sandbox, each from the other.
//!
//! Only what is declared is mapped: the workspace, an unsaved buffer, what the client's configuration names.
//! A path is looked at as text and never on a disk; one that lies in nothing declared has no counterpart, so
//! that a debuggee can't make an editor open a file of the host by naming it.

/// A directory or file that both sides have.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pair {
    host: String,
    guest: String,
}

/// What is declared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Mounts {
    /// Those that go before others come first.
    pairs: Vec<Pair>,
}

impl Mounts {
    /// Declares that `guest` is what the host calls `host`; goes before what was declared already where that
    /// is not longer. `None` when either is no absolute path.
    #[must_use]
    pub(super) fn with(mut self, host: &str, guest: &str) -> Option<Self> {
        let pair = Pair { host: normal(host)?, guest: normal(guest)? };
        self.pairs.insert(0, pair);
        Some(self)
    }

    /// The path in the sandbox of a path of the host.
    pub(super) fn to_guest(&self, path: &str) -> Option<String> {
        self.map(path, |pair| (&pair.host, &pair.guest))
    }

    /// The path on the host of a path in the sandbox.
    pub(super) fn to_host(&self, path: &str) -> Option<String> {
        self.map(path, |pair| (&pair.guest, &pair.host))
    }

    /// The roots in the sandbox.
    pub(super) fn guests(&self) -> impl Iterator<Item = &str> {
        self.pairs.iter().map(|pair| pair.guest.as_str())
    }

    /// The roots on the host.
    pub(super) fn hosts(&self) -> impl Iterator<Item = &str> {
        self.pairs.iter().map(|pair| pair.host.as_str())
    }

    fn map<'a>(&'a self, path: &str, sides: impl Fn(&'a Pair) -> (&'a String, &'a String)) -> Option<String> {
        let path = normal(path)?;
        let inside = |pair: &'a Pair| {
            let (from, to) = sides(pair);
            below(&path, from).map(|rest| (from.len(), join(to, rest)))
        };
        let mut best: Option<(usize, String)> = None;
        for (length, mapped) in self.pairs.iter().filter_map(inside) {
            if best.as_ref().is_none_or(|(longest, _)| length > *longest) {
                best = Some((length, mapped));
            }
        }
        let (_, mapped) = best?;
        // What another declaration covers on the far side is not this file: a buffer hides the file it is of.
        let back = self.pairs.iter().filter_map(|pair| {
            let (from, to) = sides(pair);
            below(&mapped, to).map(|rest| (to.len(), join(from, rest)))
        });
        let back = back.max_by_key(|(length, _)| *length).map(|(_, path)| path);
        back.is_none_or(|back| back == path).then_some(mapped)
    }
}

/// What is left of a path below a directory; empty for the directory itself.
fn below<'a>(path: &'a str, directory: &str) -> Option<&'a str> {
    if directory == "/" {
        return path.strip_prefix('/');
    }
    let rest = path.strip_prefix(directory)?;
    if rest.is_empty() { Some("") } else { rest.strip_prefix('/') }
}

fn join(directory: &str, rest: &str) -> String {
    match (directory, rest) {
        (directory, "") => directory.to_owned(),
        ("/", rest) => format!("/{rest}"),
        (directory, rest) => format!("{directory}/{rest}"),
    }
}

/// An absolute path without `.`, `..` and doubled slashes.
#[must_use]
pub(super) fn normal(path: &str) -> Option<String> {
    if !path.starts_with('/') || path.contains('\0') {
        return None;
    }
    let mut names: Vec<&str> = Vec::new();
    for name in path.split('/') {
        match name {
            "" | "." => {}
            ".." => {
                names.pop();
            }
            name => names.push(name),
        }
    }
    Some(format!("/{}", names.join("/")))
}

/// The path, or one below `directory` when it is relative.
#[must_use]
pub(super) fn absolute(path: &str, directory: &str) -> Option<String> {
    if path.starts_with('/') { normal(path) } else { normal(&format!("{directory}/{path}")) }
}

/// The last name of a path.
#[must_use]
pub(super) fn name(path: &str) -> &str {
    path.rsplit('/').find(|name| !name.is_empty()).unwrap_or(path)
}

/// The directory of a path.
#[must_use]
pub(super) fn directory(path: &str) -> &str {
    match path.rfind('/') {
        Some(0) | None => "/",
        Some(at) => &path[..at],
    }
}

/// The path that a `file:` URI names.
#[must_use]
pub(super) fn from_uri(uri: &str) -> Option<String> {
    let rest = uri.strip_prefix("file://")?;
    let path = &rest[rest.find('/')?..];
    let path = path.split(['?', '#']).next()?;
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let [first, after @ ..] = rest {
        (rest, _) = match (first, after) {
            (b'%', [high, low, after @ ..]) => {
                let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                (after, bytes.push(digit(*high)? << 4 | digit(*low)?))
            }
            (b'%', _) => return None,
            (byte, after) => (after, bytes.push(*byte)),
        };
    }
    String::from_utf8(bytes).ok().filter(|path| !path.contains('\0'))
}

/// The `file:` URI of a path.
#[must_use]
pub(super) fn to_uri(path: &str) -> String {
    let mut uri = String::from("file://");
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' | b'~' => uri.push(char::from(byte)),
            other => uri.push_str(&format!("%{other:02X}")),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mounts() -> Mounts {
        let workspace = Mounts::default().with("/home/me/project", "/workspace");
        workspace.and_then(|mounts| mounts.with("/home/me/project/a.py", "/run/codebeaker/exe_1/a.py")).unwrap()
    }

    #[test]
    fn only_what_is_declared_has_a_counterpart() {
        let mounts = mounts();
        assert_eq!(mounts.to_host("/workspace/b/c.py").as_deref(), Some("/home/me/project/b/c.py"));
        assert_eq!(mounts.to_guest("/home/me/project").as_deref(), Some("/workspace"));
        for path in ["/etc/shadow", "/workspace/../etc/shadow", "/workspaces/x", "workspace/x", "", "/", "<string>"] {
            assert_eq!(mounts.to_host(path), None, "{path}");
        }
        assert_eq!(mounts.to_guest("/home/me/project/../.ssh/id_rsa"), None);
    }

    #[test]
    fn a_buffer_hides_the_file_that_it_is_of() {
        let mounts = mounts();
        assert_eq!(mounts.to_guest("/home/me/project/a.py").as_deref(), Some("/run/codebeaker/exe_1/a.py"));
        assert_eq!(mounts.to_host("/run/codebeaker/exe_1/a.py").as_deref(), Some("/home/me/project/a.py"));
        assert_eq!(mounts.to_host("/workspace/a.py"), None);
    }

    #[test]
    fn uris_are_read_as_editors_write_them() {
        assert_eq!(from_uri("file:///a/b%20c%C3%A9.py").as_deref(), Some("/a/b cé.py"));
        assert_eq!(from_uri("file://localhost/a").as_deref(), Some("/a"));
        for uri in ["http://x/a", "file:///%zz", "file:///%2", "file:///%ff", "/a", "file://x"] {
            assert_eq!(from_uri(uri), None, "{uri}");
        }
    }

    proptest! {
        #[test]
        fn a_path_out_of_the_sandbox_never_leaves_what_is_declared(path in "(/|\\.|a|workspace|run){0,30}") {
            if let Some(host) = mounts().to_host(&path) {
                prop_assert!(host == "/home/me/project" || host.starts_with("/home/me/project/"), "{}", host);
                prop_assert_eq!(mounts().to_guest(&host), normal(&path));
            }
        }

        #[test]
        fn a_path_survives_the_way_through_a_uri(path in "/\\PC{0,40}") {
            prop_assert_eq!(from_uri(&to_uri(&path)), Some(path));
        }
    }
}
