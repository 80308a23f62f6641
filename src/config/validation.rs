//! The words for which typed commands are refused, where a daemon's owner wants that.
//!
//! It holds nobody back who means harm: the same can be said in other words, and other methods are not read. What a
//! program can do is settled by its sandbox. It is there for who counts on the original system's refusals, or wants
//! slips of a client's, such as a generated `rm -rf /`, told before anything runs.

use regex::{RegexSet, RegexSetBuilder};

/// What a compiled list of patterns may take, in bytes.
const MAX_COMPILED_BYTES: usize = 4 << 20;

/// What typed commands are held to.
#[derive(Debug, Clone)]
pub struct ValidationSettings {
    /// Whether they are held to anything at all.
    pub enforce: bool,
    /// The most characters of code.
    pub code_chars: usize,
    /// How the names of files may end that have an extension, each with its dot and in small letters.
    pub extensions: Vec<String>,
    /// What no path may match.
    pub paths: Patterns,
    /// What no code and no command line may match.
    pub commands: Patterns,
    /// Whether programs are started by `shell`.
    pub shell: bool,
}

impl Default for ValidationSettings {
    fn default() -> Self {
        let extensions = [
            ".py", ".js", ".ts", ".txt", ".json", ".yaml", ".yml", ".md", ".html", ".css", ".jsx", ".tsx", ".sh",
            ".bash",
        ];
        Self {
            enforce: false,
            code_chars: 100_000,
            extensions: extensions.map(str::to_owned).into(),
            paths: Patterns::known(&[
                r"(^|[/\\])\.\.([/\\]|$)",
                r"^/etc",
                r"^/sys",
                r"^/proc",
                r"^C:\\Windows",
                r"^C:\\Program Files",
            ]),
            commands: Patterns::known(&[
                r"\brm\s+(-\w+\s+)*-\w*[rf]\w*\s+(-\S+\s+)*/",
                r"\bdd\s+if=",
                r"\bmkfs\b",
                r"\bfork\s*\(\)\s*\{",
                r"[:.]\(\)\s*\{.*\}.*[:.]",
                r"\bsudo\s",
                r"(^|[\s;&|])su\s+[\w-]",
            ]),
            shell: true,
        }
    }
}

/// Regular expressions, which don't tell small letters from capitals.
#[derive(Debug, Clone, Default)]
pub struct Patterns(RegexSet);

impl Patterns {
    /// Reads them.
    ///
    /// # Errors
    /// What is wrong with the first that is none.
    pub fn of(patterns: &[String]) -> Result<Self, regex::Error> {
        let set = RegexSetBuilder::new(patterns).case_insensitive(true).size_limit(MAX_COMPILED_BYTES).build()?;
        Ok(Self(set))
    }

    fn known(patterns: &[&str]) -> Self {
        let patterns: Vec<String> = patterns.iter().map(|&pattern| pattern.to_owned()).collect();
        Self::of(&patterns).unwrap_or_default()
    }

    /// The first of them that matches somewhere in a text.
    #[must_use]
    pub fn matching(&self, text: &str) -> Option<&str> {
        let number = self.0.matches(text).iter().next()?;
        self.0.patterns().get(number).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_patterns_are_read_and_mean_what_they_say() {
        let ValidationSettings { paths, commands, .. } = ValidationSettings::default();
        for path in
            ["../../../etc/passwd", "..\\..\\windows", "/etc/passwd", "c:\\windows\\x", "a/..", "/proc/self/environ"]
        {
            assert!(paths.matching(path).is_some(), "{path}");
        }
        for path in ["a..b/c", "etc/passwd", "notes...", "src/main.py"] {
            assert_eq!(paths.matching(path), None, "{path}");
        }
        for line in [
            "rm -rf /",
            "rm -fr /",
            "rm -r --no-preserve-root /",
            "dd if=/dev/zero of=/dev/sda",
            "mkfs.ext4 /dev/sda",
            "sudo rm",
            "su root",
            "a; su -",
            ":(){ :|:& };:",
            "fork(){ fork|fork& }; fork",
            ".(){.|.&};.",
        ] {
            assert!(commands.matching(line).is_some(), "{line}");
        }
        for line in ["tiramisu = 1", "os.fork()", "print(result)", "rm -rf build", "rm file", "add if=1", "consul x"] {
            assert_eq!(commands.matching(line), None, "{line}");
        }
    }
}
