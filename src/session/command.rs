//! From what a client wants to run to command lines: what is run, and what makes it first.
//!
//! Code that came without a file lies in a directory of the execution's own that programs can't change. What a
//! compiler makes of it lies in one below `/tmp`, out of the workspace, and both go with the execution.

use bytes::Bytes;

use super::launch::{Run, Source};
use super::{Session, SessionError};
use crate::agent::plan::{CODE, TEMPORARY, WORKSPACE};
use crate::engine::{self, ENGINE_ARGS, Engine, FILE, How, NETWORK, OWN, SELF, TARGET, TARGET_DIRECTORY};
use crate::execution::drive::Code;
use crate::ids::ExecutionId;

/// The longest name that a file can have, in bytes.
const MAX_NAME: usize = 255;

/// The name of what a compiler makes.
pub(super) const MADE: &str = "main";

/// The directory of an engine's own files in that of an execution.
const ENGINE_FILES: &str = "engine";

/// Where a compiler makes it, below [`TEMPORARY`].
pub(super) fn made_in(id: &ExecutionId) -> String {
    id.to_string()
}

/// Command lines before the arguments of the run.
pub(super) struct Command {
    pub(super) engine: Option<&'static Engine>,
    pub(super) argv: Vec<String>,
    /// What makes the program first.
    pub(super) compiler: Option<Vec<String>>,
    /// The files to put there before all else.
    pub(super) code: Option<Code>,
}

impl Session {
    pub(super) fn command(&self, run: &Run, id: &ExecutionId) -> Result<Command, SessionError> {
        let bare =
            |engine, program: &str, code| Command { engine, argv: vec![program.to_owned()], compiler: None, code };
        match &run.source {
            Source::Program(_) | Source::Engine { .. } | Source::Tool { .. } if !run.engine_args.is_empty() => {
                let why = "it goes with `code` and `file` alone".to_owned();
                Err(SessionError::Invalid { field: "source.engineArgs", why })
            }
            Source::Program(program) | Source::Tool { program, .. } if program.is_empty() || program.contains('\0') => {
                Err(SessionError::Invalid { field: "source.program", why: "it names no program".to_owned() })
            }
            Source::Program(program) => Ok(bare(None, program, None)),
            Source::Engine { engine, files, .. } => {
                Ok(bare(Some(engine), &self.program_of(engine)?, Some(own_files(files, id)?)))
            }
            Source::Tool { program, engine, files } => Ok(bare(*engine, program, Some(own_files(files, id)?))),
            Source::File { path, engine } => {
                let engine = self.engine_of_file(path, *engine).ok_or_else(|| {
                    let why = format!("{path:?} does not tell its language: give `language`");
                    SessionError::Invalid { field: "source.file", why }
                })?;
                if path.is_empty() || path.contains('\0') {
                    return Err(SessionError::Invalid { field: "source.file", why: "it names no file".to_owned() });
                }
                self.of_file(engine, absolute(path), Vec::new(), run, id)
            }
            Source::Code { text, engine, name } => {
                let engine = engine.or(self.engine).ok_or_else(|| {
                    let why = "the session has no language either: give one to either".to_owned();
                    SessionError::Invalid { field: "source.language", why }
                })?;
                let mut name = name.clone().unwrap_or_else(|| self.file_name(engine));
                if name.is_empty() || name.contains(['/', '\0']) || name == "." || name == ".." || name.len() > MAX_NAME
                {
                    let why = format!("it must end with the name of a file, of at most {MAX_NAME} bytes");
                    return Err(SessionError::Invalid { field: "source.uri", why });
                }
                if engine.by_extension && !engine.runs_file(&name) {
                    name = self.file_name(engine);
                }
                self.of_file(engine, format!("{CODE}/{id}/{name}"), vec![(name, text.clone())], run, id)
            }
        }
    }

    /// What runs a file, which is one of these where it is not in the workspace.
    fn of_file(
        &self,
        engine: &'static Engine,
        file: String,
        mut files: Vec<(String, Bytes)>,
        run: &Run,
        id: &ExecutionId,
    ) -> Result<Command, SessionError> {
        let program = self.program_of(engine)?;
        let later = engine.later_file(&file);
        let own = engine.files.iter();
        files.extend(own.map(|(name, text)| (format!("{ENGINE_FILES}/{name}"), Bytes::from_static(text.as_bytes()))));
        let directory = format!("{TEMPORARY}/{}", made_in(id));
        let places = [
            (FILE, file),
            (TARGET, format!("{directory}/{MADE}")),
            (TARGET_DIRECTORY, directory),
            (OWN, format!("{CODE}/{id}/{ENGINE_FILES}")),
            (SELF, program.clone()),
        ];
        let network = if self.network.proxy().is_some() { engine.online.with } else { engine.online.without };
        let line = |first: Option<&str>, args: &[&str]| {
            let mut argv: Vec<String> = first.map(str::to_owned).into_iter().collect();
            for arg in args {
                if *arg == ENGINE_ARGS {
                    argv.extend(run.engine_args.iter().cloned());
                } else if *arg == NETWORK {
                    argv.extend(network.iter().map(|arg| (*arg).to_owned()));
                } else {
                    // One at most: what a file is called is not looked at again.
                    let place = places.iter().find(|(name, _)| arg.contains(name));
                    argv.push(place.map_or_else(|| (*arg).to_owned(), |(name, place)| arg.replace(name, place)));
                }
            }
            argv
        };
        let code = (!files.is_empty()).then(|| Code { directory: id.to_string(), files });
        let (argv, compiler) = match engine.how {
            How::Interprets(args) => {
                let args: Vec<&str> = later.map_or(&[][..], |since| since.args).iter().chain(args).copied().collect();
                (line(Some(&program), &args), None)
            }
            How::Compiles { args, run } => (line(None, run), Some(line(Some(&program), args))),
        };
        Ok(Command { engine: Some(engine), argv, compiler, code })
    }

    /// The name of a file for code that came without one.
    #[must_use]
    pub fn file_name(&self, engine: &Engine) -> String {
        engine.file_name(self.language.as_deref().filter(|_| Some(engine) == self.engine))
    }

    /// Refuses what an engine of this session is too old for. Asks it for its version first where that matters.
    ///
    /// # Errors
    /// [`SessionError::EngineTooOld`], or [`SessionError::Closed`].
    pub async fn know_engine(&self, source: &Source) -> Result<(), SessionError> {
        let (engine, name) = match source {
            Source::Code { engine, name, .. } => {
                let engine = engine.or(self.engine);
                (engine, name.clone().or_else(|| Some(self.file_name(engine?))))
            }
            Source::File { path, engine } => (self.engine_of_file(path, *engine), Some(path.clone())),
            Source::Program(_) | Source::Engine { .. } | Source::Tool { .. } => return Ok(()),
        };
        match engine.zip(name) {
            Some((engine, name)) if engine.later_file(&name).is_some() => {
                self.toolbox.check_age(engine, &name, self.link()?).await
            }
            _ => Ok(()),
        }
    }

    /// What runs a file, as its client says, else as its name tells.
    #[must_use]
    pub fn engine_of_file(&self, path: &str, said: Option<&'static Engine>) -> Option<&'static Engine> {
        said.or_else(|| self.engine_among(engine::all_by_file(path))).or(self.engine)
    }

    /// Of engines that would do, the one to take here: the session's own before others, those that are there before
    /// those that are not.
    #[must_use]
    pub fn engine_among(&self, candidates: impl Iterator<Item = &'static Engine> + Clone) -> Option<&'static Engine> {
        let is_there = |engine: &&'static Engine| self.toolbox.program(engine).is_ok();
        let own = candidates.clone().find(|engine| Some(*engine) == self.engine);
        own.or_else(|| candidates.clone().find(is_there)).or_else(|| candidates.clone().next())
    }
}

fn own_files(files: &[(String, Bytes)], id: &ExecutionId) -> Result<Code, SessionError> {
    match files.iter().find(|(name, _)| !is_own_file(name)) {
        Some((name, _)) => {
            let why = format!("{name:?} is no name for a file of an execution's own");
            Err(SessionError::Invalid { field: "source.files", why })
        }
        None => Ok(Code { directory: id.to_string(), files: files.to_vec() }),
    }
}

/// Whether a name stays in an execution's own directory, or in one below that.
fn is_own_file(name: &str) -> bool {
    let is_plain = |part: &str| !matches!(part, "" | "." | "..") && part.len() <= MAX_NAME && !part.contains('\0');
    name.split('/').count() <= 2 && name.split('/').all(is_plain)
}

/// A path of the sandbox, from one that may be relative to the workspace.
pub(super) fn absolute(path: &str) -> String {
    if path.starts_with('/') { path.to_owned() } else { format!("{WORKSPACE}/{path}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_an_executions_own_stays_in_its_directory() {
        for name in ["main.py", "package/__main__.py", "a b"] {
            assert!(is_own_file(name), "{name}");
        }
        for name in ["", "/", "/a", "a/", "a//b", "../a", "a/..", "a/b/c", ".", "a\0", &"x".repeat(MAX_NAME + 1)] {
            assert!(!is_own_file(name), "{name:?}");
        }
    }
}
