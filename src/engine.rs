//! Engines: what runs code. Each is a row of data, never a class; adding one is a row and a test.
//!
//! An engine says nothing of where code is isolated: that is the runtime's axis. [`discover`] finds
//! where an engine is installed on this host, without running anything.

pub mod adapters;
pub mod discover;
mod rows;

pub use rows::{DENO_RUN, ENGINES};

/// Stands for the file that holds the code, in arguments of an engine.
pub const FILE: &str = "${file}";

/// Stands for the program that a compiler makes, in arguments of an engine.
pub const TARGET: &str = "${target}";

/// Stands for the directory of that program, which is the execution's own.
pub const TARGET_DIRECTORY: &str = "${targetDirectory}";

/// Stands for the directory of an engine's own files.
pub const OWN: &str = "${own}";

/// Stands for the engine's executable.
pub const SELF: &str = "${engine}";

/// Stands for the arguments that a client has for the engine itself.
pub const ENGINE_ARGS: &str = "${args}";

/// Stands for the arguments by which an engine is told whether there is a network.
pub const NETWORK: &str = "${network}";

/// How an engine runs code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// It runs the file itself, with these arguments.
    Interprets(&'static [&'static str]),
    /// It makes a program of the file, which is run then.
    Compiles {
        /// Its arguments.
        args: &'static [&'static str],
        /// What is run, before the arguments of the run.
        run: &'static [&'static str],
    },
}

/// Languages that an engine runs from some version on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Since {
    /// Names of the languages.
    pub languages: &'static [&'static str],
    /// Extensions of their files.
    pub extensions: &'static [&'static str],
    /// The first version that does, major and minor.
    pub version: (u32, u32),
    /// Arguments before all others, with which it does.
    pub args: &'static [&'static str],
}

/// What an engine is told of the network of its session. One that isn't told waits for what never comes, or keeps
/// programs from what they may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Online {
    /// What stands for [`NETWORK`] where there is one.
    pub with: &'static [&'static str],
    /// What stands for it where there is none.
    pub without: &'static [&'static str],
    /// Variables where there is none.
    pub env_without: &'static [(&'static str, &'static str)],
}

/// The least that a session needs for small programs of an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Least {
    /// Memory of all processes and of what they write to memory-backed directories, in bytes.
    pub memory_bytes: u64,
    /// Processes and threads.
    pub pids: u64,
}

/// An engine that reads code from a pipe as it does from a file, when it has done all that it does before: what keeps
/// one that was started ahead from being just like one that was not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ahead {
    /// Beginnings of the names of variables that lead it to files, beside those that lead every program.
    pub variables: &'static [&'static str],
    /// Names at the top of the workspace, without extensions, that it would read before the code.
    pub absent: &'static [&'static str],
    /// What code may not contain.
    pub unfit: &'static [&'static str],
    /// What the first two lines of code may not contain.
    pub unfit_in_head: &'static [&'static str],
}

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
    /// How it runs code. In its arguments stand [`FILE`] and the others for what each execution has of its own.
    pub how: How,
    /// Files that it is started with, which are put into the execution's own directory: names and contents.
    pub files: &'static [(&'static str, &'static str)],
    /// Files without one of its extensions it takes for something else.
    pub by_extension: bool,
    /// What only later versions run.
    pub since: Option<Since>,
    /// Names of programs of which it can't do without one.
    pub needs: &'static [&'static str],
    /// The least that its sessions need.
    pub least: Least,
    /// Arguments that make it print its version and exit.
    pub version_args: &'static [&'static str],
    /// Variables that a run needs, and why: see each row.
    pub env: &'static [(&'static str, &'static str)],
    /// What it is told of the network.
    pub online: Online,
    /// The variable by which code that came without a file finds modules of the workspace.
    pub module_path: Option<&'static str>,
    /// The command that installs it on Debian and Ubuntu.
    pub install: &'static str,
    /// How it can be started ahead of its code; `None` where that would show, or is not worth it.
    pub ahead: Option<Ahead>,
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

impl Engine {
    /// Whether it runs this language, by whatever name people use for it, if its version is late enough.
    #[must_use]
    pub fn runs(&self, language: &str) -> bool {
        self.languages.iter().any(|name| name.eq_ignore_ascii_case(language))
            || self.since.is_some_and(|since| since.languages.iter().any(|name| name.eq_ignore_ascii_case(language)))
    }

    /// Whether it runs files of this name, if its version is late enough.
    #[must_use]
    pub fn runs_file(&self, path: &str) -> bool {
        let Some(extension) = extension(path) else { return false };
        self.extensions.contains(&extension) || self.later_file(path).is_some()
    }

    /// What it has to be told to run a file of this name, where only later versions do.
    #[must_use]
    pub fn later_file(&self, path: &str) -> Option<Since> {
        let extension = extension(path)?;
        self.since.filter(|since| since.extensions.contains(&extension) && !self.extensions.contains(&extension))
    }

    /// The name of a file for code in this language that came without one.
    #[must_use]
    pub fn file_name(&self, language: Option<&str>) -> String {
        let own = language.and_then(|language| {
            let named = |names: &[&str]| names.iter().any(|name| name.eq_ignore_ascii_case(language));
            FILES.iter().find(|(names, _)| named(names)).map(|(_, extension)| *extension)
        });
        let own = own.filter(|extension| self.runs_file(&format!("main.{extension}")));
        format!("main.{}", own.unwrap_or(self.extensions[0]))
    }

    /// Whether this is a version that runs what [`Engine::since`] says. One that can't be read is none.
    #[must_use]
    pub fn is_late(&self, version: &str) -> bool {
        let Some(since) = self.since else { return true };
        let digits = version.find(|c: char| c.is_ascii_digit()).map_or("", |at| &version[at..]);
        let mut parts = digits.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse().ok());
        let (major, minor): (Option<u32>, Option<u32>) = (parts.next().flatten(), parts.next().flatten());
        major.zip(minor).is_some_and(|version| version >= since.version)
    }
}

/// Extensions of code that came without a file, for languages that share an engine with others.
const FILES: &[(&[&str], &str)] = &[
    (&["javascript", "js", "node", "nodejs"], "js"),
    (&["typescript", "ts"], "ts"),
    (&["typescriptreact", "tsx"], "tsx"),
    (&["javascriptreact", "jsx"], "jsx"),
];

/// The name of a language that is on the wire, for any that people use for it.
#[must_use]
pub fn language_name<'a>(engine: &'a Engine, language: Option<&'a str>) -> &'a str {
    let Some(language) = language else { return engine.languages[0] };
    let named = |names: &[&str]| names.iter().any(|name| name.eq_ignore_ascii_case(language));
    FILES.iter().find(|(names, _)| named(names)).map_or(engine.languages[0], |(names, _)| names[0])
}

fn extension(path: &str) -> Option<&str> {
    path.rsplit('/').next()?.rsplit_once('.').map(|(_, extension)| extension)
}

/// The engine with this name.
#[must_use]
pub fn by_id(id: &str) -> Option<&'static Engine> {
    ENGINES.iter().find(|engine| engine.id == id)
}

/// Every engine that runs this language, by whatever name people use for it; the preferred first.
pub fn all_by_language(language: &str) -> impl Iterator<Item = &'static Engine> + Clone {
    let certain =
        ENGINES.iter().filter(move |engine| engine.languages.iter().any(|name| name.eq_ignore_ascii_case(language)));
    let later = ENGINES.iter().filter(move |engine| {
        engine.since.is_some_and(|since| since.languages.iter().any(|name| name.eq_ignore_ascii_case(language)))
    });
    certain.chain(later)
}

/// The preferred engine of this language, by whatever name people use for it.
#[must_use]
pub fn by_language(language: &str) -> Option<&'static Engine> {
    all_by_language(language).next()
}

/// Every engine that runs files of this name; the preferred first.
pub fn all_by_file(path: &str) -> impl Iterator<Item = &'static Engine> + Clone {
    let certain = move |engine: &&Engine| extension(path).is_some_and(|own| engine.extensions.contains(&own));
    let later = move |engine: &&Engine| engine.later_file(path).is_some();
    ENGINES.iter().filter(certain).chain(ENGINES.iter().filter(later))
}

/// The preferred engine that runs files of this name.
#[must_use]
pub fn by_file(path: &str) -> Option<&'static Engine> {
    all_by_file(path).next()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_row_is_whole_and_no_two_have_one_name() {
        let mut seen = HashSet::new();
        for engine in ENGINES {
            assert!(seen.insert(engine.id), "{}", engine.id);
            assert!(!engine.programs.is_empty() && !engine.extensions.is_empty(), "{}", engine.id);
            for names in [engine.languages, engine.extensions] {
                let distinct: HashSet<String> = names.iter().map(|name| name.to_ascii_lowercase()).collect();
                assert_eq!(distinct.len(), names.len(), "{}", engine.id);
            }
            let (args, run): (_, &[&str]) = match engine.how {
                How::Interprets(args) => (args, &[FILE]),
                How::Compiles { args, run } => (args, run),
            };
            assert!(args.contains(&ENGINE_ARGS), "{}", engine.id);
            let takes_file = |args: &[&str]| args.iter().any(|arg| arg.contains(FILE));
            assert!(takes_file(args), "{}", engine.id);
            assert!(
                run.iter().any(|arg| arg.contains(TARGET_DIRECTORY) || [TARGET, FILE].contains(arg)),
                "{}",
                engine.id
            );
            assert!(engine.least.memory_bytes > 0 && engine.least.pids > 0, "{}", engine.id);
        }
    }

    #[test]
    fn several_engines_run_a_language_the_preferred_first() {
        let ids = |language: &str| all_by_language(language).map(|engine| engine.id).collect::<Vec<_>>();
        assert_eq!(ids("TypeScript"), ["deno", "bun", "node"]);
        assert_eq!(ids("js"), ["node", "deno", "bun"]);
        assert_eq!(ids("c++"), ["cpp"]);
        assert_eq!(ids("bun"), ["bun"]);
        assert_eq!(all_by_file("a/x.mts").map(|engine| engine.id).collect::<Vec<_>>(), ["deno", "bun", "node"]);
    }

    #[test]
    fn a_version_is_late_enough_or_not() {
        let node = by_id("node").unwrap();
        for (version, is_late) in [
            ("v20.19.2", false),
            ("v22.5.1", false),
            ("v22.6.0", true),
            ("v24.0.0", true),
            ("no version", false),
            ("", false),
        ] {
            assert_eq!(node.is_late(version), is_late, "{version}");
        }
        assert!(node.later_file("a.ts").is_some() && node.later_file("a.js").is_none());
    }

    #[test]
    fn code_without_a_file_gets_the_name_of_its_language() {
        let name = |id: &str, language| by_id(id).unwrap().file_name(language);
        assert_eq!(name("bun", Some("javascript")), "main.js");
        assert_eq!(name("bun", Some("tsx")), "main.tsx");
        assert_eq!(name("bun", None), "main.ts");
        assert_eq!(name("python", Some("typescript")), "main.py");
        assert_eq!(name("node", Some("typescript")), "main.ts");
    }

    #[test]
    fn a_file_is_known_by_its_last_extension() {
        assert_eq!(by_file("a/b.test.py").map(|engine| engine.id), Some("python"));
        assert_eq!(by_file("a.py/noext"), None);
        assert_eq!(by_language("JavaScript").map(|engine| engine.id), Some("node"));
        assert_eq!(by_file("a.d/b.tsx").map(|engine| engine.id), Some("deno"));
    }
}
