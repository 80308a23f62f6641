//! A program that is about to be started, made ready before the clone.
//!
//! Between `clone` and `exec` a child may not allocate, so everything it needs is laid out here: the
//! argument and environment vectors, every path where the program may be, limits and processors.

use std::ffi::{CString, c_char};
use std::os::fd::RawFd;

use codebeaker_agent::wire::{ExecutionLimits, Spawn};

use crate::agent::processes::Table;
use crate::agent::sys::socket::PASSED;
use crate::agent::sys::{self, Errno};
use crate::agent::terminal::Terminal;

/// What was attempted when a program could not be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Step {
    ReadArguments = 1,
    Fork,
    MakePipe,
    MakeTerminal,
    ReadLimits,
    Supervise,
    OwnSession,
    TakeTerminal,
    ConnectStreams,
    CloseDescriptors,
    Limit,
    ChooseProcessors,
    EnterDirectory,
    FindProgram,
    Execute,
    MakeSocket,
    AwaitCode,
}

impl Step {
    const ALL: [Step; 17] = [
        Step::ReadArguments,
        Step::Fork,
        Step::MakePipe,
        Step::MakeTerminal,
        Step::ReadLimits,
        Step::Supervise,
        Step::OwnSession,
        Step::TakeTerminal,
        Step::ConnectStreams,
        Step::CloseDescriptors,
        Step::Limit,
        Step::ChooseProcessors,
        Step::EnterDirectory,
        Step::FindProgram,
        Step::Execute,
        Step::MakeSocket,
        Step::AwaitCode,
    ];

    /// The step with this number; a shim tells it as a number.
    pub(crate) fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|step| *step as u32 == number)
    }

    /// As the daemon is told.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Step::ReadArguments => "read arguments",
            Step::Fork => "fork",
            Step::MakePipe => "make pipe",
            Step::MakeTerminal => "make terminal",
            Step::ReadLimits => "read limits",
            Step::Supervise => "supervise",
            Step::OwnSession => "start session",
            Step::TakeTerminal => "take terminal",
            Step::ConnectStreams => "connect streams",
            Step::CloseDescriptors => "close descriptors",
            Step::Limit => "set limit",
            Step::ChooseProcessors => "choose processors",
            Step::EnterDirectory => "enter directory",
            Step::FindProgram => "find program",
            Step::Execute => "execute",
            Step::MakeSocket => "make socket",
            Step::AwaitCode => "await code",
        }
    }
}

/// A step that failed, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) step: Step,
    pub(crate) errno: Errno,
}

impl Step {
    /// Names this step as the one that failed.
    pub(crate) fn failed(self, errno: Errno) -> Failure {
        Failure { step: self, errno }
    }
}

/// Limits of programs that are tighter than the agent's own, so that a sandbox full of processes still
/// has a place for the agent's.
pub(crate) struct ProgramLimits {
    /// `None` where the kernel would count others' as well.
    processes: Option<libc::rlimit>,
    open_files: libc::rlimit,
}

impl ProgramLimits {
    /// Takes the soft limits that were set up for programs, and lifts the agent's own to the hard ones.
    pub(crate) fn split(own_user: bool) -> sys::Result<Self> {
        let processes = if own_user { Some(split_limit(libc::RLIMIT_NPROC)?) } else { None };
        Ok(ProgramLimits { processes, open_files: split_limit(libc::RLIMIT_NOFILE)? })
    }
}

fn split_limit(resource: libc::__rlimit_resource_t) -> sys::Result<libc::rlimit> {
    let limit = sys::limit(resource)?;
    sys::set_limit(resource, libc::rlimit { rlim_cur: limit.rlim_max, rlim_max: limit.rlim_max })?;
    Ok(libc::rlimit { rlim_cur: limit.rlim_cur, rlim_max: limit.rlim_cur })
}

/// A NULL-terminated vector of C strings, as `execve` takes it.
pub(crate) struct Strings {
    pointers: Vec<*const c_char>,
    /// What the pointers point to.
    owned: Vec<CString>,
}

impl Strings {
    fn new(strings: impl Iterator<Item = Vec<u8>>) -> Result<Self, Failure> {
        let owned = strings
            .map(CString::new)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| Step::ReadArguments.failed(Errno(libc::EINVAL)))?;
        let pointers = owned.iter().map(|string| string.as_ptr()).chain([std::ptr::null()]).collect();
        Ok(Strings { pointers, owned })
    }

    /// The vector; valid as long as `self`.
    pub(crate) fn as_ptr(&self) -> *const *const c_char {
        self.pointers.as_ptr()
    }

    /// The strings themselves.
    pub(crate) fn strings(&self) -> &[CString] {
        &self.owned
    }
}

/// Everything between `clone` and `exec`.
pub(crate) struct Program {
    pub(crate) argv: Strings,
    pub(crate) env: Strings,
    /// Where the program may be, in the order to try.
    pub(crate) candidates: Strings,
    pub(crate) cwd: CString,
    pub(crate) limits: Vec<(libc::__rlimit_resource_t, libc::rlimit)>,
    pub(crate) processors: Option<libc::cpu_set_t>,
    /// What become descriptors 0, 1, 2 and, where `side` is set, 3; all above 2.
    pub(crate) streams: [RawFd; PASSED],
    /// Descriptor 3 is a stream of its own.
    pub(crate) side: bool,
    /// Descriptor 0 is to be the controlling terminal.
    pub(crate) terminal: bool,
    /// A witness, who waits at the last of `streams`, is to be in its session.
    pub(crate) witness: bool,
}

impl Program {
    /// Lays out `spawn`, in the shim: it is among the processes that are counted for a limit.
    pub(crate) fn prepare(spawn: &Spawn, streams: [RawFd; PASSED], limits: &ProgramLimits) -> Result<Self, Failure> {
        let bad = Step::ReadArguments.failed(Errno(libc::EINVAL));
        let name = spawn.argv.first().filter(|name| !name.is_empty()).ok_or(bad)?;
        if spawn.env.iter().any(|(key, _)| key.is_empty() || key.contains('=')) || !spawn.cwd.starts_with('/') {
            return Err(bad);
        }
        let path = spawn.env.iter().find(|(key, _)| key == "PATH").map(|(_, value)| value.as_str());
        let env = spawn.env.iter().map(|(key, value)| format!("{key}={value}").into_bytes());
        Ok(Program {
            argv: Strings::new(spawn.argv.iter().map(|argument| argument.clone().into_bytes()))?,
            env: Strings::new(env)?,
            candidates: Strings::new(candidates(name, path).into_iter())?,
            cwd: CString::new(spawn.cwd.as_str()).map_err(|_| bad)?,
            limits: resource_limits(&spawn.limits, limits).map_err(|errno| Step::ReadLimits.failed(errno))?,
            processors: spawn
                .limits
                .processors
                .map(|count| choose_processors(count, spawn.execution))
                .transpose()
                .map_err(|errno| Step::ReadLimits.failed(errno))?,
            streams,
            side: spawn.side,
            terminal: spawn.terminal.is_some(),
            witness: spawn.terminal.is_some() && Terminal::needs_witness(),
        })
    }
}

/// The paths that `name` may mean, as `execvp` would try them. An empty part of `PATH` means the
/// working directory there; here it means nothing, so that no one runs what they just unpacked.
fn candidates(name: &str, path: Option<&str>) -> Vec<Vec<u8>> {
    if name.contains('/') {
        return vec![name.as_bytes().to_vec()];
    }
    let directories = path.unwrap_or_default().split(':').filter(|directory| !directory.is_empty());
    directories.map(|directory| format!("{directory}/{name}").into_bytes()).collect()
}

fn resource_limits(
    asked: &ExecutionLimits,
    programs: &ProgramLimits,
) -> sys::Result<Vec<(libc::__rlimit_resource_t, libc::rlimit)>> {
    let tighter = |limit: libc::rlimit, asked: u64| {
        let value = asked.min(limit.rlim_max);
        libc::rlimit { rlim_cur: value, rlim_max: value }
    };
    let open_files = asked.open_files.map_or(programs.open_files, |files| tighter(programs.open_files, files));
    let mut limits = vec![(libc::RLIMIT_NOFILE, open_files)];
    if let Some(processes) = programs.processes {
        let more = asked.processes.map(|more| Ok(Table::take()?.threads().saturating_add(more))).transpose()?;
        limits.push((libc::RLIMIT_NPROC, more.map_or(processes, |most| tighter(processes, most))));
    }
    if let Some(bytes) = asked.file_bytes {
        limits.push((libc::RLIMIT_FSIZE, tighter(sys::limit(libc::RLIMIT_FSIZE)?, bytes)));
    }
    Ok(limits)
}

/// `count` of the processors that the sandbox has, beginning at another one for each execution, so that
/// two that are confined to one each don't share it while another idles.
fn choose_processors(count: u32, execution: u32) -> sys::Result<libc::cpu_set_t> {
    let all = sys::affinity()?;
    // SAFETY: every index is below the size of the set.
    let here: Vec<usize> =
        (0..libc::CPU_SETSIZE as usize).filter(|cpu| unsafe { libc::CPU_ISSET(*cpu, &all) }).collect();
    // SAFETY: all zeroes is the empty set.
    let mut chosen: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    let first = execution as usize % here.len().max(1);
    for cpu in here.iter().cycle().skip(first).take(here.len().min(count.max(1) as usize)) {
        // SAFETY: the index came from a set of the same size.
        unsafe { libc::CPU_SET(*cpu, &mut chosen) };
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_looked_for_in_the_path_it_was_given() {
        let found = |name, path| {
            let paths = candidates(name, path);
            paths.into_iter().map(|path| String::from_utf8(path).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(found("ls", Some("/bin::/usr/bin:")), ["/bin/ls", "/usr/bin/ls"]);
        assert_eq!(found("./ls", Some("/bin")), ["./ls"]);
        assert!(found("ls", None).is_empty());
    }

    #[test]
    fn each_step_is_told_by_its_own_number() {
        for step in Step::ALL {
            assert_eq!(Step::from_number(step as u32), Some(step));
        }
        assert_eq!(Step::from_number(0), None);
    }

    #[test]
    fn processors_are_spread_over_executions() {
        let all = sys::affinity().unwrap();
        // SAFETY: the sets are initialised.
        let count = unsafe { libc::CPU_COUNT(&all) } as u32;
        // SAFETY: as above.
        let size = |set: &libc::cpu_set_t| unsafe { libc::CPU_COUNT(set) } as u32;
        assert_eq!(size(&choose_processors(1, 1).unwrap()), 1);
        assert_eq!(size(&choose_processors(count + 5, 1).unwrap()), count);
        if count > 1 {
            // SAFETY: as above.
            let same = unsafe { libc::CPU_EQUAL(&choose_processors(1, 1).unwrap(), &choose_processors(1, 2).unwrap()) };
            assert!(!same);
        }
    }
}
