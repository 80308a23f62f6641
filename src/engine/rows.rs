//! Every engine, a row each.

use super::{
    Ahead, Debugger, ENGINE_ARGS, Engine, FILE, How, Interpreter, Least, NETWORK, Online, SELF, Since, TARGET, adapters,
};

const MIB: u64 = 1 << 20;

/// How Deno runs a program. There is nobody to ask for permissions. Its own
/// permissions lie within what the sandbox allows: the places that a program has for its files, the environment, which
/// was made for it, and nothing that leads past Deno, which would lead past its permissions.
pub const DENO_RUN: &[&str] = &[
    "run",
    NETWORK,
    "--no-prompt",
    "--allow-read=/workspace,/tmp,/run/codebeaker",
    "--allow-write=/workspace,/tmp",
    "--allow-env",
    "--allow-sys",
    ENGINE_ARGS,
    FILE,
];

/// Every engine there is. Of those of one language, the preferred comes first.
pub const ENGINES: &[Engine] = &[
    Engine {
        id: "python",
        languages: &["python", "py", "python3"],
        extensions: &["py"],
        programs: &["python3", "python"],
        how: How::Interprets(&[ENGINE_ARGS, FILE]),
        // Python keeps output back while it goes to a pipe; a stream wants it at once. UTF-8 whatever the
        // locale. Byte code would only fill a workspace that others see.
        env: &[("PYTHONUNBUFFERED", "1"), ("PYTHONUTF8", "1"), ("PYTHONDONTWRITEBYTECODE", "1")],
        module_path: Some("PYTHONPATH"),
        ahead: Some(Ahead {
            variables: &["PYTHON"],
            absent: BEFORE_PYTHON_CODE,
            // It may be an archive as well, which ends so.
            unfit: &["PK\u{5}\u{6}"],
            // With an encoding of its own it is read from its beginning a second time.
            unfit_in_head: &["coding"],
        }),
        install: "apt-get install python3",
        debugger: Some(Debugger::Python),
        interpreter: Some(Interpreter::Python),
        least: Least { memory_bytes: 32 * MIB, pids: 4 },
        ..PLAIN
    },
    Engine {
        id: "node",
        languages: &["javascript", "js", "node", "nodejs"],
        extensions: &["js", "mjs", "cjs"],
        programs: &["node", "nodejs"],
        how: How::Interprets(&[ENGINE_ARGS, FILE]),
        // It takes types for blanks; that this is an experiment is no news to the program's user.
        since: Some(Since {
            languages: &["typescript", "ts"],
            extensions: &["ts", "mts", "cts"],
            version: (22, 6),
            args: &["--experimental-strip-types", "--disable-warning=ExperimentalWarning"],
        }),
        module_path: Some("NODE_PATH"),
        ahead: Some(Ahead { variables: &["NODE_"], absent: &[], unfit: &[], unfit_in_head: &[] }),
        install: "apt-get install nodejs",
        debugger: Some(Debugger::Inspector),
        interpreter: Some(Interpreter::Node),
        least: Least { memory_bytes: 128 * MIB, pids: 24 },
        ..PLAIN
    },
    Engine {
        id: "deno",
        languages: &[
            "typescript",
            "ts",
            "typescriptreact",
            "tsx",
            "javascriptreact",
            "jsx",
            "javascript",
            "js",
            "deno",
        ],
        extensions: &["ts", "tsx", "mts", "cts", "jsx", "js", "mjs"],
        programs: &["deno"],
        how: How::Interprets(DENO_RUN),
        by_extension: true,
        // Its cache would lie in the home directory, which is the workspace; there is nothing to ask for a newer
        // release.
        env: &[("DENO_DIR", "/tmp/.cache/deno"), ("DENO_NO_UPDATE_CHECK", "1")],
        online: Online { with: &["--allow-net"], without: &["--no-remote"], env_without: &[] },
        install: "npm install --global deno",
        debugger: Some(Debugger::Deno),
        least: Least { memory_bytes: 192 * MIB, pids: 32 },
        ..PLAIN
    },
    Engine {
        id: "bun",
        languages: &["javascript", "js", "typescript", "ts", "typescriptreact", "tsx", "javascriptreact", "jsx", "bun"],
        extensions: &["ts", "tsx", "mts", "cts", "jsx", "js", "mjs", "cjs"],
        programs: &["bun"],
        how: How::Interprets(&["run", NETWORK, ENGINE_ARGS, FILE]),
        online: Online { with: &[], without: &["--no-install"], env_without: &[] },
        by_extension: true,
        // What it keeps would lie in the home directory, which is the workspace.
        env: &[("BUN_INSTALL", "/tmp/.cache/bun"), ("BUN_RUNTIME_TRANSPILER_CACHE_PATH", "0"), ("DO_NOT_TRACK", "1")],
        module_path: Some("NODE_PATH"),
        install: "npm install --global bun",
        least: Least { memory_bytes: 192 * MIB, pids: 32 },
        ..PLAIN
    },
    Engine {
        id: "bash",
        languages: &["bash", "sh", "shell", "shellscript"],
        extensions: &["sh", "bash"],
        programs: &["bash"],
        how: How::Interprets(&[ENGINE_ARGS, FILE]),
        install: "apt-get install bash",
        least: Least { memory_bytes: 8 * MIB, pids: 4 },
        ..PLAIN
    },
    Engine {
        id: "ruby",
        languages: &["ruby", "rb"],
        extensions: &["rb"],
        programs: &["ruby"],
        how: How::Interprets(&["-r", "${own}/unbuffered.rb", ENGINE_ARGS, FILE]),
        // It keeps output back while it goes to a pipe; a stream wants it at once.
        files: &[("unbuffered.rb", "$stdout.sync = true\n")],
        module_path: Some("RUBYLIB"),
        install: "apt-get install ruby",
        least: Least { memory_bytes: 48 * MIB, pids: 8 },
        ..PLAIN
    },
    Engine {
        id: "go",
        languages: &["go", "golang"],
        extensions: &["go"],
        programs: &["go"],
        how: How::Compiles { args: &["build", "-o", TARGET, ENGINE_ARGS, FILE], run: &[TARGET] },
        by_extension: true,
        // Its caches would lie in the home directory, which is the workspace.
        version_args: &["version"],
        env: &[("GOCACHE", "/tmp/.cache/go-build"), ("GOPATH", "/tmp/.cache/go"), ("GOTOOLCHAIN", "local")],
        online: Online { with: &[], without: &[], env_without: &[("GOPROXY", "off")] },
        // Without a compiler of C it can't build what uses the C library, as its own network packages do.
        install: "apt-get install golang-go gcc libc6-dev",
        debugger: Some(Debugger::Adapter(&adapters::DELVE)),
        least: Least { memory_bytes: 256 * MIB, pids: 64 },
        ..PLAIN
    },
    Engine {
        id: "c",
        languages: &["c"],
        extensions: &["c"],
        programs: &["gcc", "clang", "cc"],
        how: How::Compiles { args: &["-x", "c", FILE, "-o", TARGET, "-pthread", ENGINE_ARGS, "-lm"], run: &[TARGET] },
        module_path: Some("CPATH"),
        install: "apt-get install gcc libc6-dev",
        least: Least { memory_bytes: 96 * MIB, pids: 8 },
        ..PLAIN
    },
    Engine {
        id: "cpp",
        languages: &["cpp", "c++", "cxx"],
        extensions: &["cpp", "cc", "cxx"],
        programs: &["g++", "clang++", "c++"],
        how: How::Compiles { args: &["-x", "c++", FILE, "-o", TARGET, "-pthread", ENGINE_ARGS], run: &[TARGET] },
        module_path: Some("CPATH"),
        install: "apt-get install g++",
        least: Least { memory_bytes: 256 * MIB, pids: 8 },
        ..PLAIN
    },
    Engine {
        id: "rust",
        languages: &["rust", "rs"],
        extensions: &["rs"],
        programs: &["rustc"],
        // A crate can't have every name that a file can.
        how: How::Compiles {
            args: &["--edition", "2021", "--crate-name", "main", "-o", TARGET, ENGINE_ARGS, FILE],
            run: &[TARGET],
        },
        // It has no linker of its own.
        needs: &["cc"],
        install: "apt-get install rustc gcc libc6-dev",
        least: Least { memory_bytes: 256 * MIB, pids: 32 },
        ..PLAIN
    },
    Engine {
        id: "csharp",
        languages: &["csharp", "c#", "cs", "dotnet"],
        extensions: &["cs"],
        programs: &["dotnet"],
        how: How::Compiles {
            args: &[
                "build",
                "${own}/main.csproj",
                "--nologo",
                "--verbosity:quiet",
                "-nodeReuse:false",
                "-consoleLoggerParameters:NoSummary",
                "-property:CodebeakerSource=${file}",
                "-property:OutputPath=${targetDirectory}/",
                "-property:BaseIntermediateOutputPath=${targetDirectory}/obj/",
                ENGINE_ARGS,
            ],
            run: &[SELF, "${targetDirectory}/main.dll"],
        },
        files: &[("main.csproj", CSHARP_PROJECT)],
        // Ubuntu has its package; for Debian, Microsoft has one. What it keeps would lie in the home directory, which
        // is the workspace. There is no network to fetch packages
        // from, and nobody to greet or to count.
        env: &[
            ("DOTNET_CLI_HOME", "/tmp/.cache/dotnet"),
            ("DOTNET_CLI_TELEMETRY_OPTOUT", "1"),
            ("DOTNET_NOLOGO", "1"),
            ("DOTNET_SKIP_WORKLOAD_INTEGRITY_CHECK", "1"),
            ("MSBUILDDISABLENODEREUSE", "1"),
            ("NUGET_PACKAGES", "/tmp/.cache/nuget"),
        ],
        install: "apt-get install dotnet-sdk-8.0",
        least: Least { memory_bytes: 768 * MIB, pids: 128 },
        ..PLAIN
    },
];

/// Modules that Python imports before it reads the code, its own site's included, and where it looks for more.
const BEFORE_PYTHON_CODE: &[&str] = &[
    ".local",
    "__future__",
    "_bootlocale",
    "_collections_abc",
    "_distutils_hack",
    "_sitebuiltins",
    "_virtualenv",
    "_weakrefset",
    "abc",
    "apport_python_hook",
    "ast",
    "codecs",
    "collections",
    "contextlib",
    "copyreg",
    "encodings",
    "enum",
    "functools",
    "genericpath",
    "heapq",
    "importlib",
    "inspect",
    "io",
    "keyword",
    "linecache",
    "locale",
    "operator",
    "os",
    "pkgutil",
    "posixpath",
    "re",
    "reprlib",
    "runpy",
    "site",
    "sitecustomize",
    "sre_compile",
    "sre_constants",
    "sre_parse",
    "stat",
    "token",
    "tokenize",
    "types",
    "typing",
    "usercustomize",
    "warnings",
    "zipimport",
];

/// A project of one source, whose results lie where they are wanted, for the release that the compiler is of.
const CSHARP_PROJECT: &str = r#"<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <OutputType>Exe</OutputType>
    <AssemblyName>main</AssemblyName>
    <TargetFramework>net$(BundledNETCoreAppTargetFrameworkVersion)</TargetFramework>
    <AppendTargetFrameworkToOutputPath>false</AppendTargetFrameworkToOutputPath>
    <EnableDefaultItems>false</EnableDefaultItems>
    <ImplicitUsings>enable</ImplicitUsings>
    <Nullable>enable</Nullable>
    <NuGetAudit>false</NuGetAudit>
    <UseAppHost>false</UseAppHost>
    <UseSharedCompilation>false</UseSharedCompilation>
  </PropertyGroup>
  <ItemGroup>
    <Compile Include="$(CodebeakerSource)" />
  </ItemGroup>
</Project>
"#;

/// What most rows have no need to say.
const PLAIN: Engine = Engine {
    id: "",
    languages: &[],
    extensions: &[],
    programs: &[],
    how: How::Interprets(&[FILE]),
    files: &[],
    by_extension: false,
    since: None,
    needs: &[],
    least: Least { memory_bytes: 0, pids: 0 },
    version_args: &["--version"],
    env: &[],
    online: Online { with: &[], without: &[], env_without: &[] },
    module_path: None,
    install: "",
    ahead: None,
    debugger: None,
    interpreter: None,
};
