//! Engines: what runs code. Each is a row of data, never a class; adding one is a row and a test.
//!
//! An engine says nothing of where code is isolated: that is the runtime's axis. [`discover`] finds
//! where an engine is installed on this host, without running anything.

pub mod adapters;
pub mod discover;

/// One engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Engine {
    /// Its name, as `session/create` and `session/execute` take it.
    pub id: &'static str,
    /// Languages it runs, the names that people use for them included.
    pub languages: &'static [&'static str],
    /// File extensions, without the dot; the first is given to code that came without a file.
    pub extensions: &'static [&'static str],
    /// Names of its executable, the preferred first.
    pub programs: &'static [&'static str],
    /// Arguments before the file to run.
    pub run_args: &'static [&'static str],
    /// Arguments that make it print its version and exit.
    pub version_args: &'static [&'static str],
    /// Variables that a run needs, and why: see each row.
    pub env: &'static [(&'static str, &'static str)],
    /// The variable by which code that came without a file finds modules of the workspace.
    pub module_path: Option<&'static str>,
    /// The command that installs it on Debian and Ubuntu.
    pub install: &'static str,
    /// What debugs its programs; `None` where nothing does.
    pub debugger: Option<Debugger>,
    /// What it is as a live interpreter; `None` where it can't be one.
    pub interpreter: Option<Interpreter>,
}

/// Kinds of live interpreters: each has a driver of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Interpreter {
    /// CPython, from 3.8 on.
    Python,
    /// Node, which runs TypeScript too where it can strip types.
    Node,
}

/// Kinds of debuggers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Debugger {
    /// Ours for Python, which travels in this executable.
    Python,
    /// The inspector of V8, which the engine brings along.
    Inspector,
    /// The same as Deno opens it.
    Deno,
    /// A program that speaks the Debug Adapter Protocol itself, inside the sandbox.
    Adapter(&'static adapters::AdapterProgram),
}

/// How Deno runs a program. There is no network to fetch modules from and nobody to ask for permissions: what a
/// program may do is what its sandbox allows, which it would only be told twice.
pub const DENO_RUN: &[&str] = &["run", "--no-remote", "--no-prompt", "--allow-all"];

/// Every engine there is.
pub const ENGINES: &[Engine] = &[
    Engine {
        id: "python",
        languages: &["python", "py", "python3"],
        extensions: &["py"],
        programs: &["python3", "python"],
        run_args: &[],
        version_args: &["--version"],
        // Python keeps output back while it goes to a pipe; a stream wants it at once. UTF-8 whatever the
        // locale. Byte code would only fill a workspace that others see.
        env: &[("PYTHONUNBUFFERED", "1"), ("PYTHONUTF8", "1"), ("PYTHONDONTWRITEBYTECODE", "1")],
        module_path: Some("PYTHONPATH"),
        install: "apt-get install python3",
        debugger: Some(Debugger::Python),
        interpreter: Some(Interpreter::Python),
    },
    Engine {
        id: "node",
        languages: &["javascript", "js", "node", "nodejs"],
        extensions: &["js", "mjs", "cjs"],
        programs: &["node", "nodejs"],
        run_args: &[],
        version_args: &["--version"],
        env: &[],
        module_path: Some("NODE_PATH"),
        install: "apt-get install nodejs",
        debugger: Some(Debugger::Inspector),
        interpreter: Some(Interpreter::Node),
    },
    Engine {
        id: "deno",
        languages: &["typescript", "ts", "typescriptreact", "tsx", "javascriptreact", "jsx", "deno"],
        extensions: &["ts", "tsx", "mts", "cts", "jsx"],
        programs: &["deno"],
        run_args: DENO_RUN,
        version_args: &["--version"],
        // Its cache would lie in the home directory, which is the workspace; there is nothing to ask for a newer
        // release.
        env: &[("DENO_DIR", "/tmp/.cache/deno"), ("DENO_NO_UPDATE_CHECK", "1")],
        module_path: None,
        install: "npm install --global deno",
        debugger: Some(Debugger::Deno),
        interpreter: None,
    },
    Engine {
        id: "bash",
        languages: &["bash", "sh", "shell"],
        extensions: &["sh", "bash"],
        programs: &["bash"],
        run_args: &[],
        version_args: &["--version"],
        env: &[],
        module_path: None,
        install: "apt-get install bash",
        debugger: None,
        interpreter: None,
    },
    Engine {
        id: "go",
        languages: &["go", "golang"],
        extensions: &["go"],
        programs: &["go"],
        run_args: &["run"],
        version_args: &["version"],
        // Its cache would lie in the home directory, which is the workspace. There is no network to fetch
        // modules or another release from: without these it would wait for one.
        env: &[("GOCACHE", "/tmp/.cache/go-build"), ("GOPROXY", "off"), ("GOTOOLCHAIN", "local")],
        module_path: None,
        install: "apt-get install golang-go",
        debugger: Some(Debugger::Adapter(&adapters::DELVE)),
        interpreter: None,
    },
];

/// The engine with this name.
#[must_use]
pub fn by_id(id: &str) -> Option<&'static Engine> {
    ENGINES.iter().find(|engine| engine.id == id)
}

/// Every engine that runs this language, by whatever name people use for it; the preferred first.
pub fn all_by_language(language: &str) -> impl Iterator<Item = &'static Engine> {
    ENGINES.iter().filter(move |engine| engine.languages.iter().any(|name| name.eq_ignore_ascii_case(language)))
}

/// The preferred engine of this language, by whatever name people use for it.
#[must_use]
pub fn by_language(language: &str) -> Option<&'static Engine> {
    all_by_language(language).next()
}

/// The engine that runs files of this name.
#[must_use]
pub fn by_file(path: &str) -> Option<&'static Engine> {
    let (_, extension) = path.rsplit('/').next()?.rsplit_once('.')?;
    ENGINES.iter().find(|engine| engine.extensions.contains(&extension))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_language_and_no_extension_belongs_to_two_engines() {
        let mut seen = HashSet::new();
        for engine in ENGINES {
            assert!(seen.insert(("id", engine.id)), "{}", engine.id);
            for language in engine.languages {
                assert!(seen.insert(("language", language)), "{language}");
            }
            for extension in engine.extensions {
                assert!(seen.insert(("extension", extension)), "{extension}");
            }
            assert!(!engine.programs.is_empty() && !engine.extensions.is_empty(), "{}", engine.id);
        }
    }

    #[test]
    fn a_file_is_known_by_its_last_extension() {
        assert_eq!(by_file("a/b.test.py").map(|engine| engine.id), Some("python"));
        assert_eq!(by_file("a.py/noext"), None);
        assert_eq!(by_language("JavaScript").map(|engine| engine.id), Some("node"));
        assert_eq!(by_file("a.d/b.tsx").map(|engine| engine.id), Some("deno"));
    }
}
