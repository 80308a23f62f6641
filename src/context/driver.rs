//! The drivers: what is put beside an interpreter, and how it is started with that.
//!
//! They are texts that the daemon carries; no package is needed inside a sandbox.

use bytes::Bytes;

use crate::engine::Interpreter;

/// What drives the interpreters of one language.
#[derive(Debug)]
pub struct Driver {
    /// The directory of its files, in a directory of the context's own.
    directory: &'static str,
    /// Their names in it, and what they contain.
    files: &'static [&'static [(&'static str, &'static str)]],
    /// Which of them is started.
    main: &'static str,
    /// Whether it counts places in code points, and not in units of UTF-16.
    pub(super) counts_code_points: bool,
}

impl Driver {
    /// The driver of an interpreter.
    #[must_use]
    pub const fn of(interpreter: Interpreter) -> &'static Self {
        match interpreter {
            Interpreter::Python => &PYTHON,
            Interpreter::Node => &NODE,
        }
    }

    /// Its files, below a directory.
    pub(super) fn files(&self, below: &str) -> Vec<(String, Bytes)> {
        let place = |name: &str| format!("{below}/{}/{name}", self.directory);
        self.files
            .iter()
            .copied()
            .flatten()
            .map(|&(name, text)| (place(name), Bytes::from_static(text.as_bytes())))
            .collect()
    }

    /// What the interpreter is to run, where the files lie below this directory.
    pub(super) fn main(&self, below: &str) -> String {
        format!("{below}/{}/{}", self.directory, self.main)
    }
}

macro_rules! files {
    ($directory:literal: $($name:literal,)+) => {
        &[$(($name, include_str!(concat!($directory, $name))),)+]
    };
}

const PYTHON: Driver = Driver {
    directory: "codebeaker_context",
    files: &[PYTHON_OWN, PYTHON_SHARED],
    main: "__main__.py",
    counts_code_points: true,
};

const PYTHON_OWN: &[(&str, &str)] = files! { "python/":
    "bundles.py", "calls.py", "code.py", "completion.py", "displays.py", "errors.py", "execution.py", "figures.py",
    "forks.py", "imports.py", "inbox.py", "inputs.py", "inspection.py", "interrupts.py", "pretty.py", "session.py",
    "signatures.py", "streams.py", "summaries.py", "texts.py", "usage.py", "variables.py", "words.py",
};

/// What the driver has in common with the debugger's helper.
const PYTHON_SHARED: &[(&str, &str)] = files! { "../debug/python/helper/":
    "__main__.py", "channel.py", "contents.py", "interpreter.py", "lookup.py", "namespaces.py", "native.py",
    "operations.py", "places.py", "proposals.py", "reading.py", "rendering.py",
};

const NODE: Driver =
    Driver { directory: "codebeaker_context", files: &[NODE_OWN], main: "driver.cjs", counts_code_points: false };

const NODE_OWN: &[(&str, &str)] = files! { "javascript/":
    "cells.cjs", "channel.cjs", "display.cjs", "driver.cjs", "errors.cjs", "input.cjs", "inspection.cjs",
    "interrupts.cjs", "lookup.cjs", "output.cjs", "rendering.cjs", "rewriting.cjs", "surroundings.cjs", "tokens.cjs",
    "typescript.cjs", "watch.cjs",
};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    /// The files of a directory of the drivers that end so.
    fn there(directory: &str, end: &str) -> BTreeSet<String> {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/context").join(directory);
        let entries = std::fs::read_dir(directory).unwrap().flatten();
        entries.filter_map(|entry| entry.file_name().into_string().ok()).filter(|name| name.ends_with(end)).collect()
    }

    #[test]
    fn no_file_of_a_driver_is_left_behind() {
        let carried =
            |files: &[(&str, &str)]| files.iter().map(|(name, _)| (*name).to_owned()).collect::<BTreeSet<_>>();
        assert_eq!(carried(PYTHON_OWN), there("python", ".py"));
        assert_eq!(carried(NODE_OWN), there("javascript", ".cjs"));
    }
}
