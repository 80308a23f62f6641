//! The languages: which engine, which program, and what is its own way of saying things.

/// One language by one engine.
pub(crate) struct Language {
    /// As the tests of it are called.
    pub(crate) name: &'static str,
    pub(crate) engine: &'static str,
    /// As clients call it.
    pub(crate) language: &'static str,
    /// The name and the text of its program.
    pub(crate) program: (&'static str, &'static str),
    /// A source that is none, and the line that is wrong, counted from 1.
    pub(crate) wrong: (&'static str, u64),
    /// What its program does when it breaks: the outcome and the exit code.
    pub(crate) crash: (&'static str, Option<i64>),
    /// Whether it may start others.
    pub(crate) has_children: bool,
    pub(crate) compiles: bool,
}

const SCRIPT: Language = Language {
    name: "",
    engine: "",
    language: "",
    program: ("", ""),
    wrong: ("", 0),
    crash: ("error", Some(1)),
    has_children: true,
    compiles: false,
};

const JAVASCRIPT: (&str, &str) = ("main.mjs", include_str!("programs/main.js"));
const TYPESCRIPT: (&str, &str) = ("main.ts", include_str!("programs/main.ts"));
const WRONG_JAVASCRIPT: (&str, u64) = ("const right = 1;\nconst wrong = = 2;\n", 2);

/// All of them.
pub(crate) const LANGUAGES: &[Language] = &[
    Language {
        name: "python",
        engine: "python",
        language: "python",
        program: ("main.py", include_str!("programs/main.py")),
        wrong: ("right = 1\nwrong = = 2\n", 2),
        ..SCRIPT
    },
    Language {
        name: "node",
        engine: "node",
        language: "javascript",
        program: JAVASCRIPT,
        wrong: WRONG_JAVASCRIPT,
        ..SCRIPT
    },
    // It may start no programs: they would not be held by its permissions.
    Language {
        name: "deno",
        engine: "deno",
        language: "typescript",
        program: TYPESCRIPT,
        wrong: WRONG_JAVASCRIPT,
        has_children: false,
        ..SCRIPT
    },
    Language {
        name: "javascript_by_deno",
        engine: "deno",
        language: "javascript",
        program: JAVASCRIPT,
        wrong: WRONG_JAVASCRIPT,
        has_children: false,
        ..SCRIPT
    },
    Language {
        name: "bun",
        engine: "bun",
        language: "javascript",
        program: JAVASCRIPT,
        wrong: WRONG_JAVASCRIPT,
        ..SCRIPT
    },
    Language {
        name: "typescript_by_bun",
        engine: "bun",
        language: "typescript",
        program: TYPESCRIPT,
        wrong: WRONG_JAVASCRIPT,
        ..SCRIPT
    },
    Language {
        name: "bash",
        engine: "bash",
        language: "bash",
        program: ("main.sh", include_str!("programs/main.sh")),
        wrong: ("right=1\nif )\n", 2),
        ..SCRIPT
    },
    Language {
        name: "ruby",
        engine: "ruby",
        language: "ruby",
        program: ("main.rb", include_str!("programs/main.rb")),
        wrong: ("right = 1\nwrong = = 2\n", 2),
        ..SCRIPT
    },
    Language {
        name: "go",
        engine: "go",
        language: "go",
        program: ("main.go", include_str!("programs/main.go")),
        wrong: ("package main\n\nfunc main() {\n\twrong\n}\n", 4),
        crash: ("error", Some(2)),
        compiles: true,
        ..SCRIPT
    },
    Language {
        name: "c",
        engine: "c",
        language: "c",
        program: ("main.c", include_str!("programs/main.c")),
        wrong: ("int main(void) {\n    return wrong;\n}\n", 2),
        crash: ("killed", None),
        compiles: true,
        ..SCRIPT
    },
    Language {
        name: "cpp",
        engine: "cpp",
        language: "c++",
        program: ("main.cpp", include_str!("programs/main.cpp")),
        wrong: ("int main() {\n    return wrong;\n}\n", 2),
        crash: ("killed", None),
        compiles: true,
        ..SCRIPT
    },
    Language {
        name: "rust",
        engine: "rust",
        language: "rust",
        program: ("main.rs", include_str!("programs/main.rs")),
        wrong: ("fn main() {\n    wrong;\n}\n", 2),
        crash: ("error", Some(101)),
        compiles: true,
        ..SCRIPT
    },
    // Nothing of it was ever run here: no package registry has it.
    Language {
        name: "csharp",
        engine: "csharp",
        language: "csharp",
        program: ("main.cs", ""),
        wrong: ("class Program {\n    static int Main() => wrong;\n}\n", 2),
        compiles: true,
        ..SCRIPT
    },
];

/// The language that tests call so.
pub(crate) fn named(name: &str) -> &'static Language {
    LANGUAGES.iter().find(|language| language.name == name).expect("the table has it")
}

impl Language {
    /// The line of its program that breaks, counted from 1.
    pub(crate) fn broken_line(&self) -> u64 {
        let line = self.program.1.lines().position(|line| line.ends_with(" here"));
        line.expect("its program says where") as u64 + 1
    }
}
