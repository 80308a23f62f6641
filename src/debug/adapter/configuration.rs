//! Reads what a client wants to be launched or attached to: the arguments of a `launch.json`.
//!
//! Names that are not known are ignored, as clients put notes of their own there; what is known has to be of
//! the right kind.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value};

use super::refusal::Refusal;
use crate::config::Limits;
use crate::runtime::Workspace;

/// What a program's input is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Input {
    /// Nothing to read.
    None,
    /// What the client sends.
    Stream,
    /// A terminal.
    Pty,
}

/// Which session.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Choice {
    /// One that exists.
    Existing(String),
    /// One of the adapter's own.
    Own(Box<OwnSession>),
}

/// What a session of the adapter's own is to be.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct OwnSession {
    /// Its runtime.
    pub(super) runtime: Option<String>,
    /// The image that it is made of.
    pub(super) image: Option<String>,
    /// The way in which its workspace is shown.
    pub(super) mode: Option<String>,
    /// Its workspace's directory, as the client wrote it.
    pub(super) path: Option<String>,
    /// Its limits, where they differ.
    pub(super) limits: Map<String, Value>,
    /// The longest that the program may run.
    pub(super) timeout: Option<Duration>,
}

/// What is to be launched.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Launch {
    pub(super) program: Option<String>,
    pub(super) module: Option<String>,
    pub(super) code: Option<String>,
    pub(super) uri: Option<String>,
    pub(super) args: Vec<String>,
    /// `None` takes a variable away that would be there.
    pub(super) env: BTreeMap<String, Option<String>>,
    pub(super) cwd: Option<String>,
    pub(super) stop_on_entry: bool,
    pub(super) just_my_code: bool,
    pub(super) no_debug: bool,
    pub(super) language: Option<String>,
    pub(super) kind: Option<String>,
    pub(super) engine_args: Vec<String>,
    pub(super) children: bool,
    pub(super) source_maps: bool,
    pub(super) input: Input,
    pub(super) mappings: Vec<(String, String)>,
    pub(super) session: Option<Choice>,
}

/// What is to be attached to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Attach {
    /// A child that waits under this token.
    Child(String),
    /// An execution that runs.
    Execution {
        /// Its session.
        session: Option<String>,
        /// Its name.
        execution: String,
        /// The language of its program.
        language: Option<String>,
        /// Only the user's own code counts.
        just_my_code: bool,
    },
}

impl Launch {
    /// Reads it.
    pub(super) fn read(arguments: &Value) -> Result<Self, Refusal> {
        let fields = Fields(arguments);
        let launch = Self {
            program: fields.text("program")?,
            module: fields.text("module")?,
            code: fields.code()?,
            uri: fields.text("uri")?,
            args: fields.texts("args")?,
            env: fields.env()?,
            cwd: fields.text("cwd")?,
            stop_on_entry: fields.flag(&["stopOnEntry"], false)?,
            just_my_code: fields.flag(&["justMyCode"], true)?,
            no_debug: fields.flag(&["noDebug"], false)?,
            language: fields.text("language")?.or(fields.text("engine")?),
            kind: fields.text("type")?,
            engine_args: fields.texts("runtimeArgs")?,
            children: fields.flag(&["subProcess", "autoAttachChildProcesses"], true)?,
            source_maps: fields.flag(&["sourceMaps"], true)?,
            input: fields.input()?,
            mappings: fields.mappings()?,
            session: fields.session()?,
        };
        // It is captured as output whatever it says.
        fields.text("console")?;
        let named = [launch.code.is_some(), launch.module.is_some(), launch.program.is_some()];
        match named {
            [false, false, false] => wrong("give `program`, `module` or `code`: there is nothing to run"),
            [false, true, true] | [true, true, _] => wrong("give only one of `program`, `module` and `code`"),
            _ => Ok(launch),
        }
    }
}

impl Attach {
    /// Reads it.
    pub(super) fn read(arguments: &Value) -> Result<Self, Refusal> {
        let fields = Fields(arguments);
        if let Some(token) = fields.text("__codebeakerChild")? {
            return Ok(Self::Child(token));
        }
        let session = fields.text("sessionId")?;
        let Some(execution) = fields.text("executionId")? else {
            return wrong("give `sessionId` and `executionId` of what runs");
        };
        let language = fields.text("language")?.or(fields.text("engine")?);
        Ok(Self::Execution { session, execution, language, just_my_code: fields.flag(&["justMyCode"], true)? })
    }
}

/// The arguments under those that the request gives itself.
pub(super) fn over(configuration: &Value, arguments: Value) -> Value {
    let mut fields = configuration.as_object().cloned().unwrap_or_default();
    fields.extend(arguments.as_object().cloned().unwrap_or_default());
    Value::Object(fields)
}

fn wrong<T>(why: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::Arguments(why.into()))
}

struct Fields<'a>(&'a Value);

impl Fields<'_> {
    fn given(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    fn text(&self, name: &str) -> Result<Option<String>, Refusal> {
        match self.given(name) {
            None => Ok(None),
            Some(Value::String(text)) if text.contains('\0') => wrong(format!("`{name}` contains NUL")),
            Some(Value::String(text)) if text.is_empty() && name != "code" => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => wrong(format!("`{name}` must be a string")),
        }
    }

    fn flag(&self, names: &[&str], otherwise: bool) -> Result<bool, Refusal> {
        for name in names {
            match self.given(name) {
                None => {}
                Some(Value::Bool(flag)) => return Ok(*flag),
                Some(_) => return wrong(format!("`{name}` must be true or false")),
            }
        }
        Ok(otherwise)
    }

    fn texts(&self, name: &str) -> Result<Vec<String>, Refusal> {
        let refuse = || wrong(format!("`{name}` must be a list of strings"));
        match self.given(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => match items.iter().map(|item| item.as_str().map(str::to_owned)).collect() {
                Some(texts) => Ok(texts),
                None => refuse(),
            },
            Some(_) => refuse(),
        }
    }

    fn code(&self) -> Result<Option<String>, Refusal> {
        match self.given("code") {
            Some(Value::Array(_)) => Ok(Some(self.texts("code")?.join("\n"))),
            _ => self.text("code"),
        }
    }

    fn object(&self, name: &str) -> Result<Map<String, Value>, Refusal> {
        match self.given(name) {
            None => Ok(Map::new()),
            Some(Value::Object(fields)) => Ok(fields.clone()),
            Some(_) => wrong(format!("`{name}` must be an object")),
        }
    }

    fn env(&self) -> Result<BTreeMap<String, Option<String>>, Refusal> {
        let read = |(name, value): (String, Value)| match value {
            Value::String(value) => Ok((name, Some(value))),
            Value::Null => Ok((name, None)),
            _ => wrong(format!("`env.{name}` must be a string, or null to take it away")),
        };
        self.object("env")?.into_iter().map(read).collect()
    }

    fn input(&self) -> Result<Input, Refusal> {
        match self.text("stdin")?.as_deref() {
            None | Some("stream") => Ok(Input::Stream),
            Some("none") => Ok(Input::None),
            Some("pty") => Ok(Input::Pty),
            Some(_) => wrong("`stdin` must be \"none\", \"stream\" or \"pty\""),
        }
    }

    fn mappings(&self) -> Result<Vec<(String, String)>, Refusal> {
        let refuse = || wrong("`pathMappings` must be a list of {localRoot, remoteRoot}");
        let items = match self.given("pathMappings") {
            None => return Ok(Vec::new()),
            Some(Value::Array(items)) => items,
            Some(_) => return refuse(),
        };
        let mut mappings = Vec::new();
        for item in items {
            match (item.get("localRoot").and_then(Value::as_str), item.get("remoteRoot").and_then(Value::as_str)) {
                (Some(local), Some(remote)) => mappings.push((local.to_owned(), remote.to_owned())),
                _ => return refuse(),
            }
        }
        Ok(mappings)
    }

    fn session(&self) -> Result<Option<Choice>, Refusal> {
        let fields = match self.given("session") {
            None => return Ok(None),
            Some(Value::String(id)) => return Ok(Some(Choice::Existing(id.clone()))),
            Some(fields @ Value::Object(_)) => Fields(fields),
            Some(_) => return wrong("`session` must be the name of a session, or an object"),
        };
        let workspace = Value::Object(fields.object("workspace")?);
        let workspace = Fields(&workspace);
        let timeout = match fields.given("timeoutMs") {
            None => None,
            Some(value) => match value.as_u64() {
                Some(ms) => Some(Duration::from_millis(ms)),
                None => return wrong("`session.timeoutMs` must be a whole number"),
            },
        };
        Ok(Some(Choice::Own(Box::new(OwnSession {
            runtime: fields.text("runtime")?,
            image: fields.text("image")?,
            mode: workspace.text("mode")?,
            path: workspace.text("path")?,
            limits: fields.object("limits")?,
            timeout,
        }))))
    }
}

impl OwnSession {
    /// The limits, from those that hold otherwise.
    pub(super) fn limits(&self, otherwise: Limits) -> Result<Limits, Refusal> {
        let mut limits = otherwise;
        for (name, value) in self.limits.iter().filter(|(_, value)| !value.is_null()) {
            let whole = || {
                let why = format!("`session.limits.{name}` must be a whole number");
                value.as_u64().ok_or(Refusal::Arguments(why))
            };
            match name.as_str() {
                "memoryBytes" => limits.memory_bytes = whole()?,
                "pids" => limits.pids = whole()?,
                "diskBytes" => limits.disk_bytes = whole()?,
                "outputBytes" => limits.output_bytes = whole()?,
                "openFiles" => limits.open_files = whole()?,
                "executionTimeoutMs" => limits.execution_timeout = Duration::from_millis(whole()?),
                "cpu" => {
                    let cpu = value.as_f64();
                    limits.cpu = Some(cpu.ok_or(Refusal::Arguments("`session.limits.cpu` must be a number".into()))?);
                }
                _ => {
                    let why =
                        "limits are memoryBytes, pids, diskBytes, outputBytes, openFiles, cpu and executionTimeoutMs";
                    return wrong(format!("`session.limits.{name}` is no limit: {why}"));
                }
            }
        }
        Ok(limits)
    }

    /// The workspace, in this directory of the host. Where no mode was asked for it is an overlay.
    pub(super) fn workspace(&self, directory: Option<String>) -> Result<Workspace, Refusal> {
        let path = directory.map(std::path::PathBuf::from);
        Ok(match (self.mode.as_deref().unwrap_or("overlay"), path) {
            ("none", _) => Workspace::None,
            ("overlay", Some(path)) => Workspace::Overlay { path },
            ("bindRo", Some(path)) => Workspace::Bind { path, writable: false },
            ("bindRw", Some(path)) => Workspace::Bind { path, writable: true },
            ("copy", Some(path)) => Workspace::Copy { path, exclude: Vec::new() },
            // Code that comes without a file and without a directory needs no workspace.
            ("overlay", None) if self.mode.is_none() => Workspace::None,
            ("overlay" | "bindRo" | "bindRw" | "copy", None) => {
                return wrong("`session.workspace.path` must be an absolute path");
            }
            _ => return wrong("`session.workspace.mode` must be none, copy, bindRo, bindRw or overlay"),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_of_the_wrong_kind_is_named() {
        for (arguments, named) in [
            (json!({}), "program"),
            (json!({"program": 1}), "`program`"),
            (json!({"program": "a", "args": "b"}), "`args`"),
            (json!({"program": "a", "args": [1]}), "`args`"),
            (json!({"program": "a", "env": {"A": 1}}), "`env.A`"),
            (json!({"program": "a", "stopOnEntry": "yes"}), "`stopOnEntry`"),
            (json!({"program": "a", "module": "b"}), "only one"),
            (json!({"program": "a", "stdin": "tty"}), "`stdin`"),
            (json!({"program": "a", "session": 1}), "`session`"),
            (json!({"program": "a", "session": {"timeoutMs": -1}}), "timeoutMs"),
            (json!({"program": "a", "pathMappings": [{"localRoot": "/a"}]}), "pathMappings"),
            (json!({"program": "a\0b"}), "NUL"),
        ] {
            let refusal = Launch::read(&arguments).unwrap_err().to_string();
            assert!(refusal.contains(named), "{arguments}: {refusal}");
        }
    }

    #[test]
    fn what_is_not_known_is_ignored_and_the_rest_has_defaults() {
        let launch =
            Launch::read(&json!({"program": "a.py", "name": "x", "__restart": {}, "env": {"A": null}})).unwrap();
        assert!(launch.just_my_code && launch.children && launch.source_maps && !launch.stop_on_entry);
        assert_eq!((launch.input, launch.env["A"].as_ref()), (Input::Stream, None));
        assert_eq!(Launch::read(&json!({"code": ["a", "b"]})).unwrap().code.as_deref(), Some("a\nb"));
    }

    #[test]
    fn a_request_goes_over_the_configuration() {
        let both = over(&json!({"program": "a", "args": ["1"]}), json!({"program": "b"}));
        assert_eq!(both, json!({"program": "b", "args": ["1"]}));
    }

    #[test]
    fn limits_are_those_that_there_are() {
        let own = |limits: Value| OwnSession { limits: limits.as_object().cloned().unwrap(), ..Default::default() };
        assert_eq!(own(json!({"pids": 7})).limits(Limits::default()).unwrap().pids, 7);
        assert!(own(json!({"pid": 7})).limits(Limits::default()).is_err());
        assert!(own(json!({"cpu": "x"})).limits(Limits::default()).is_err());
    }
}
