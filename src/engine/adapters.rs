//! Debuggers that speak the Debug Adapter Protocol themselves, and run beside the program inside its sandbox.
//!
//! Rows of data, as engines are. A debugger need not belong to an engine: it may debug what other tools
//! built.

/// A debugger that is an adapter itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AdapterProgram {
    /// Its name, which is also what its client calls it (`adapterID`).
    pub id: &'static str,
    /// Languages whose programs it debugs, the names that people use for them included.
    pub languages: &'static [&'static str],
    /// Names of its executable, the preferred first.
    pub programs: &'static [&'static str],
    /// Its arguments; [`PORT`] in them stands for the port that it shall listen on.
    pub args: &'static [&'static str],
    /// Variables that it needs, and why: see each row.
    pub env: &'static [(&'static str, &'static str)],
    /// How it is spoken to.
    pub transport: Transport,
    /// Files that it needs lie beside its executable, in a directory of its own.
    pub has_directory: bool,
    /// How to install it.
    pub install: &'static str,
}

/// How an adapter is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// By its standard input and output.
    Stdio,
    /// By a port of the sandbox's own loopback, where it listens.
    Port,
}

/// Stands for a port in the arguments of an adapter.
pub const PORT: &str = "${port}";

/// For Go. It traces the program, which it is allowed to do in its own sandbox. Where it listens is nothing
/// that a program prints, so it is told to its log.
pub const DELVE: AdapterProgram = AdapterProgram {
    id: "delve",
    languages: &["go", "golang"],
    programs: &["dlv"],
    args: &["dap", "--listen=127.0.0.1:${port}", "--check-go-version=false", "--log-dest=/dev/null"],
    // Its settings would lie in the home directory, which is the workspace.
    env: &[("XDG_CONFIG_HOME", "/tmp/.config")],
    transport: Transport::Port,
    has_directory: false,
    install: "apt-get install delve",
};

/// For .NET. The other debugger that there is, `vsdbg`, has a licence that forbids clients other than its
/// maker's.
pub const NETCOREDBG: AdapterProgram = AdapterProgram {
    id: "netcoredbg",
    languages: &["csharp", "c#", "cs", "dotnet", "fsharp", "f#"],
    programs: &["netcoredbg"],
    args: &["--interpreter=vscode"],
    env: &[],
    transport: Transport::Stdio,
    has_directory: true,
    install: "unpack a release of https://github.com/Samsung/netcoredbg into /opt, and put its directory on the PATH",
};

/// Every debugger of this kind that is known.
pub const ADAPTERS: &[&AdapterProgram] = &[&DELVE, &NETCOREDBG];

/// The debugger of this language, by whatever name people use for it.
#[must_use]
pub fn by_language(language: &str) -> Option<&'static AdapterProgram> {
    ADAPTERS.iter().find(|adapter| adapter.languages.iter().any(|name| name.eq_ignore_ascii_case(language))).copied()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_language_has_two_debuggers_and_a_port_is_given_where_one_is_needed() {
        let mut seen = HashSet::new();
        for adapter in ADAPTERS {
            assert!(adapter.languages.iter().all(|language| seen.insert(language)), "{}", adapter.id);
            let has_port = adapter.args.iter().any(|arg| arg.contains(PORT));
            assert_eq!(has_port, adapter.transport == Transport::Port, "{}", adapter.id);
        }
        assert_eq!(by_language("CSharp"), Some(&NETCOREDBG));
        assert_eq!(by_language("python"), None);
    }
}
