//! What an execution runs: code, a file of the workspace, or a program.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::context::CodeRange;
use super::session::Env;

/// What to run. On the wire it is one object with exactly one of `code`, `file` and `program`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "SourceFields", into = "SourceFields")]
pub struct Source {
    /// Code, file or program.
    pub what: Runnable,
    /// Arguments of the program or script; never interpreted by a shell.
    pub args: Vec<String>,
    /// Arguments of the engine itself.
    pub engine_args: Vec<String>,
    /// Where it runs, relative to the workspace; the workspace itself when absent.
    pub cwd: Option<String>,
    /// Environment variables beside those of the session, which they override.
    pub env: Env,
}

/// The three things that can be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Runnable {
    /// Text in some language.
    Code {
        /// The text.
        code: String,
        /// Its language; that of the session when absent.
        language: Option<String>,
        /// The document that it came from.
        uri: Option<String>,
    },
    /// Text that a live interpreter runs.
    Cell {
        /// The text.
        code: String,
        /// The context.
        context_id: String,
        /// The document that it is of.
        uri: Option<String>,
        /// Where it is there.
        range: Option<CodeRange>,
    },
    /// A file of the workspace.
    File {
        /// Its path in the workspace.
        path: String,
        /// Its language; told by its name when absent.
        language: Option<String>,
    },
    /// A program of the sandbox.
    Program {
        /// Its name, looked for in `PATH`, or its path.
        program: String,
    },
}

/// The fields of [`Source`] on the wire.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Source")]
struct SourceFields {
    /// Code to run. Exactly one of `code`, `file` and `program` is needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    /// A file of the workspace to run.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    /// A program of the sandbox to run: a name that is looked for in `PATH`, or a path. It is started as it is, never through a shell.
    #[serde(skip_serializing_if = "Option::is_none")]
    program: Option<String>,
    /// With `code` or `file`: the language. Without it, `code` is in the language of the session, and a `file` is told by its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<String>,
    /// With `code`: the document that it came from, so that messages can name it.
    #[serde(skip_serializing_if = "Option::is_none")]
    uri: Option<String>,
    /// With `code`: the live interpreter that runs it, as a cell. It keeps its own language, directory and environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    context_id: Option<String>,
    /// With `contextId`: where in the document the code is, so that messages can name its lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<CodeRange>,
    /// Arguments of the program or script; never interpreted by a shell.
    #[serde(default)]
    args: Vec<String>,
    /// With `code` or `file`: arguments of the engine itself, which its compiler gets where it has one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    engine_args: Vec<String>,
    /// Directory to run in, relative to the workspace. Without it, the workspace itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    cwd: Option<String>,
    /// Environment variables beside those of the session, which they override.
    #[serde(default)]
    env: Env,
}

/// Why an object is no [`Source`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SourceFault {
    /// Nothing says what to run.
    #[error("one of `code`, `file` and `program` is needed")]
    Nothing,
    /// Several things say what to run.
    #[error("`code`, `file` and `program` exclude each other")]
    Several,
    /// A program has no language.
    #[error("`language` goes with `code` and `file`, not with `program`")]
    LanguageOfProgram,
    /// Only code runs in a live interpreter, as that is.
    #[error("`contextId` goes with `code`, and without `language`, `args`, `cwd` and `env`")]
    ContextWithMore,
    /// Only a cell has a place.
    #[error("`range` goes with `contextId`")]
    RangeWithoutContext,
    /// A program has no engine.
    #[error("`engineArgs` goes with `code` and `file`, not with `program`")]
    EngineOfProgram,
    /// Only code comes from a document.
    #[error("`uri` goes with `code` alone")]
    UriWithoutCode,
}

impl TryFrom<SourceFields> for Source {
    type Error = SourceFault;

    fn try_from(fields: SourceFields) -> Result<Self, SourceFault> {
        let SourceFields { code, file, program, language, uri, context_id, range, args, engine_args, cwd, env } =
            fields;
        if code.is_none() && uri.is_some() {
            return Err(SourceFault::UriWithoutCode);
        }
        if range.is_some() && context_id.is_none() {
            return Err(SourceFault::RangeWithoutContext);
        }
        if let Some(context_id) = context_id {
            let alone = file.is_none() && program.is_none() && language.is_none();
            let bare = args.is_empty() && engine_args.is_empty() && cwd.is_none() && env.0.is_empty();
            let code = code.filter(|_| alone && bare).ok_or(SourceFault::ContextWithMore)?;
            return Ok(Self { what: Runnable::Cell { code, context_id, uri, range }, args, engine_args, cwd, env });
        }
        let what = match (code, file, program) {
            (Some(code), None, None) => Runnable::Code { code, language, uri },
            (None, Some(path), None) => Runnable::File { path, language },
            (None, None, Some(_)) if !engine_args.is_empty() => return Err(SourceFault::EngineOfProgram),
            (None, None, Some(program)) if language.is_none() => Runnable::Program { program },
            (None, None, Some(_)) => return Err(SourceFault::LanguageOfProgram),
            (None, None, None) => return Err(SourceFault::Nothing),
            _ => return Err(SourceFault::Several),
        };
        Ok(Self { what, args, engine_args, cwd, env })
    }
}

impl From<Source> for SourceFields {
    fn from(source: Source) -> Self {
        let Source { what, args, engine_args, cwd, env } = source;
        let fields = Self { args, engine_args, cwd, env, ..Self::default() };
        match what {
            Runnable::Code { code, language, uri } => Self { code: Some(code), language, uri, ..fields },
            Runnable::Cell { code, context_id, uri, range } => {
                Self { code: Some(code), context_id: Some(context_id), uri, range, ..fields }
            }
            Runnable::File { path, language } => Self { file: Some(path), language, ..fields },
            Runnable::Program { program } => Self { program: Some(program), ..fields },
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::strict::parse;
    use super::*;

    fn refused(source: Value) -> (String, String) {
        #[derive(Debug, Deserialize)]
        struct Params {
            #[serde(rename = "source")]
            _source: Source,
        }
        let error = parse::<Params>(Some(json!({ "source": source }))).unwrap_err();
        (error.data.path.unwrap(), error.message)
    }

    #[test]
    fn a_source_says_exactly_one_thing_to_run() {
        let source: Source = parse(Some(json!({"code": "1", "args": ["a"], "uri": "file:///a.py"}))).unwrap();
        assert_eq!(source.args, ["a"]);
        assert!(matches!(&source.what, Runnable::Code { uri: Some(uri), .. } if uri == "file:///a.py"));
        let back: Source = parse(Some(serde_json::to_value(&source).unwrap())).unwrap();
        assert_eq!(back, source);

        assert_eq!(refused(json!({})), refused(json!({"code": null})));
        assert!(refused(json!({})).1.contains("is needed"));
        assert!(refused(json!({"code": "", "file": ""})).1.contains("exclude each other"));
        assert!(refused(json!({"program": "a", "language": "b"})).1.contains("not with `program`"));
        assert!(refused(json!({"program": "a", "engineArgs": ["-O"]})).1.contains("not with `program`"));
        assert!(refused(json!({"file": "a", "uri": "b"})).1.contains("goes with `code`"));
        let cell = json!({"code": "1", "contextId": "ctx_1"});
        let source: Source = parse(Some(cell.clone())).unwrap();
        assert_eq!(parse::<Source>(Some(serde_json::to_value(&source).unwrap())).unwrap(), source);
        for (field, value) in
            [("args", json!(["a"])), ("language", json!("python")), ("file", json!("a")), ("cwd", json!("a"))]
        {
            let mut odd = cell.clone();
            odd[field] = value;
            assert!(refused(odd).1.contains("`contextId` goes with"), "{field}");
        }
        assert!(refused(json!({"code": "1", "range": {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 0}}})).1.contains("`range` goes"));
        assert_eq!(refused(json!({"prog": "a"})).0, "source.prog");
        assert_eq!(refused(json!({"program": "a", "args": ["b", 3]})).0, "source.args[1]");
    }
}
