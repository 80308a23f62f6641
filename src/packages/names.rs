//! Names of packages, as far as they name something in a registry: no option, no path, no URL and no repository.

use super::PackageError;
use super::tool::plain;

/// What is wrong with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameFault {
    /// It begins as an option does.
    #[error("an option is not taken")]
    Option,
    /// It leads elsewhere than to the registry.
    #[error("a path, a URL or a repository is not taken: name what is in the registry")]
    Elsewhere,
    /// It is nothing that a package is called.
    #[error("it is no name of a package")]
    Name,
    /// What follows the name is no version.
    #[error("what follows the name is no version")]
    Version,
    /// It is no text.
    #[error("it is not UTF-8")]
    Text,
    /// It is longer than any.
    #[error("it is too long")]
    TooLong,
}

const MAX_BYTES: usize = 1000;

fn check(text: &str) -> Result<(), NameFault> {
    if text.len() > MAX_BYTES {
        return Err(NameFault::TooLong);
    }
    if text.starts_with('-') {
        return Err(NameFault::Option);
    }
    Ok(())
}

/// Refuses the first of these that is no name by this check.
pub(super) fn check_all(named: &[String], check: impl Fn(&str) -> Result<(), NameFault>) -> Result<(), PackageError> {
    for (number, text) in named.iter().enumerate() {
        check(text).map_err(|fault| PackageError::Name { number, text: plain(text), fault })?;
    }
    Ok(())
}

/// Whether this is a requirement of pip's: `name[extras] >=1,<2 ; markers`.
pub(super) fn check_pip(text: &str) -> Result<(), NameFault> {
    check(text)?;
    let (requirement, marker) = text.split_once(';').unwrap_or((text, ""));
    if requirement.contains(['/', '\\', '@', ':', '%']) || requirement.trim_start().starts_with('.') {
        return Err(NameFault::Elsewhere);
    }
    let is_of_name = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.');
    let end = requirement.find(|character| !is_of_name(character)).unwrap_or(requirement.len());
    let (name, rest) = requirement.split_at(end);
    if !name.starts_with(|first: char| first.is_ascii_alphanumeric()) {
        return Err(NameFault::Name);
    }
    let mut rest = rest.trim();
    if let Some(extras) = rest.strip_prefix('[') {
        let (extras, after) = extras.split_once(']').ok_or(NameFault::Name)?;
        if !extras.chars().all(|character| is_of_name(character) || matches!(character, ',' | ' ')) {
            return Err(NameFault::Name);
        }
        rest = after.trim();
    }
    let is_version = |one: &str| {
        let number = one.trim_start_matches(['=', '<', '>', '!', '~']);
        let fits = |character: char| is_of_name(character) || matches!(character, '*' | '+' | '!');
        number.len() < one.len() && !number.trim().is_empty() && number.trim().chars().all(fits)
    };
    if !rest.is_empty() && !rest.split(',').all(|one| is_version(one.trim())) {
        return Err(NameFault::Version);
    }
    let fits = |character: char| is_of_name(character) || " '\"<>=!~(),+*".contains(character);
    if marker.chars().all(fits) { Ok(()) } else { Err(NameFault::Version) }
}

/// Whether this is a package of npm's: `name`, `@scope/name`, either with `@version`.
pub(super) fn check_npm(text: &str) -> Result<(), NameFault> {
    check(text)?;
    let (scope, rest) = match text.strip_prefix('@') {
        Some(scoped) => scoped.split_once('/').map(|(scope, rest)| (Some(scope), rest)).ok_or(NameFault::Name)?,
        None => (None, text),
    };
    let (name, version) = rest.split_once('@').unwrap_or((rest, "latest"));
    if name.contains(['/', '\\', ':']) || name.starts_with(['.', '~']) || version.contains(['/', '\\', ':']) {
        return Err(NameFault::Elsewhere);
    }
    let is_name = |name: &str| {
        let fits = |character: char| {
            character.is_ascii_lowercase() || character.is_ascii_digit() || matches!(character, '-' | '_' | '.')
        };
        name.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit()) && name.chars().all(fits)
    };
    if !is_name(name) || !scope.is_none_or(is_name) {
        return Err(NameFault::Name);
    }
    let fits = |character: char| character.is_ascii_alphanumeric() || " .-+^~<>=|*".contains(character);
    if !version.trim().is_empty() && version.chars().all(fits) { Ok(()) } else { Err(NameFault::Version) }
}

/// Whether this is a package of gem's: `name`, or `name:requirement` with one requirement such as `~>1.2`.
pub(super) fn check_gem(text: &str) -> Result<(), NameFault> {
    check(text)?;
    let (name, version) = text.split_once(':').unwrap_or((text, "0"));
    if text.contains(['/', '\\', '@']) || name.starts_with(['.', '~']) || name.ends_with(".gem") {
        return Err(NameFault::Elsewhere);
    }
    let fits = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.');
    if !name.starts_with(|first: char| first.is_ascii_alphanumeric()) || !name.chars().all(fits) {
        return Err(NameFault::Name);
    }
    let version = version.trim();
    let sign = ["~>", "!=", ">=", "<=", "=", ">", "<"].into_iter().find(|sign| version.starts_with(sign)).unwrap_or("");
    let number = version[sign.len()..].trim_start();
    let is_number = number.starts_with(|first: char| first.is_ascii_digit());
    if is_number && number.chars().all(|one| one.is_ascii_alphanumeric() || matches!(one, '.' | '-')) {
        Ok(())
    } else {
        Err(NameFault::Version)
    }
}

/// Reads a file of requirements; answers it with nothing in it but requirements and their hashes.
pub(super) fn read_requirements(bytes: &[u8]) -> Result<String, (usize, NameFault)> {
    let text = std::str::from_utf8(bytes).map_err(|_| (1, NameFault::Text))?;
    let mut written = String::new();
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let mut whole = line.trim_end().to_owned();
        while let Some(begun) = whole.strip_suffix('\\') {
            let next = lines.next().map_or("", |(_, line)| line.trim());
            whole = format!("{} {next}", begun.trim_end());
        }
        let whole = match whole.find('#') {
            // Within a line a comment follows a space.
            Some(0) => "",
            Some(at) if whole[..at].ends_with(char::is_whitespace) => &whole[..at],
            _ => &whole,
        };
        let mut parts = whole.split(" --hash=");
        let requirement = parts.next().unwrap_or_default().trim();
        if requirement.is_empty() {
            continue;
        }
        check_pip(requirement).map_err(|fault| (number + 1, fault))?;
        written += requirement;
        for hash in parts {
            let (kind, digest) = hash.trim().split_once(':').ok_or((number + 1, NameFault::Option))?;
            let is_digest = !digest.is_empty() && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
            if !matches!(kind, "sha256" | "sha384" | "sha512") || !is_digest {
                return Err((number + 1, NameFault::Option));
            }
            written += &format!(" --hash={kind}:{digest}");
        }
        written.push('\n');
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_a_registry_is_taken_and_nothing_else() {
        for good in [
            "requests",
            "a-b_c.d",
            "a==1.0",
            "a[x,y]>=1,<2",
            "a ~= 1.0",
            "a!=1.*; python_version < '3.9'",
            "a===1+local",
        ] {
            assert_eq!(check_pip(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "-r other",
            "--index-url=http://evil.example",
            "./a",
            "/a",
            "../a",
            "a @ http://b",
            "git+https://a/b",
            "https://a/b.whl",
            "a.whl/",
            "a==",
            "a=1 --pre",
            "a 1",
            "a\n-r b",
            "a; import os\nx",
            "a[",
            "C:\\a",
            "ａ",
            "a==1 -r x",
            "file:a",
            ".",
        ] {
            assert!(check_pip(bad).is_err(), "{bad:?}");
        }
        for good in ["left-pad", "@scope/name", "a@1.2.3", "a@^1 || >=2 <3", "@s/n@latest", "a@next"] {
            assert_eq!(check_npm(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "-g",
            "--prefix=/",
            ".",
            "./a",
            "../a",
            "/a",
            "~/a",
            "a/b",
            "git@github.com:a/b",
            "github:a/b",
            "npm:a",
            "a@npm:b",
            "a@file:b",
            "a@http://b",
            "A",
            "@scope",
            "@/a",
            "@s/",
            "@-s/n",
            "a@",
            "a@$(x)",
            "a\nb",
        ] {
            assert!(check_npm(bad).is_err(), "{bad:?}");
        }
        for good in ["rake", "a-b_c.d", "RedCloth", "a:1.0", "a:~> 1.2", "a:>=1", "a:2.0.0.pre1"] {
            assert_eq!(check_gem(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "-i",
            "--source=http://evil.example",
            "./a",
            "../a",
            "/a",
            "a.gem",
            "a/b",
            "~a",
            "a:",
            "a: -v 1",
            "a:>= 1, < 2",
            "a:1 --source",
            "https://evil.example/a.gem",
            "git@a",
            "a b",
            "a\nb",
            "ａ",
        ] {
            assert!(check_gem(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn requirements_are_read_as_pip_does_and_lead_nowhere() {
        let text = "# all\n\nrequests==2.0 \\\n  --hash=sha256:ab12 \\\n  --hash=sha256:cd34\nother>=1 # why\n";
        let written = "requests==2.0 --hash=sha256:ab12 --hash=sha256:cd34\nother>=1\n";
        assert_eq!(read_requirements(text.as_bytes()), Ok(written.to_owned()));
        for bad in [
            "a\n-r other.txt",
            "a\n--index-url http://evil.example",
            "a\n-e .",
            "a\nb @ file:///c",
            "a\nb --hash=md5:1",
            "a\nb --config-settings=x",
            "a\nb \\\n-r c",
            "a\nb --hash=sha256:1 -r c",
        ] {
            assert_eq!(read_requirements(bad.as_bytes()).map_err(|(line, _)| line), Err(2), "{bad:?}");
        }
    }
}
