//! Programs that take of something until the kernel says no, and what they print: how often it worked and the
//! kernel's error number, or `all`.

use serde_json::{Value, json};

use super::{Client, Execution};

/// Starts processes, fewer than 60.
pub(crate) const FORKS: &str = "
import os, sys
children = 0
try:
    for children in range(60):
        if os.fork() == 0:
            os.execv('/bin/sleep', ['sleep', '600'])
    print('all')
except OSError as error:
    print(children, error.errno)
sys.stdout.flush()
";

/// Opens files, no more than 200.
pub(crate) const OPENS: &str = "
import os
files = []
try:
    for number in range(200): files.append(os.open('/dev/null', os.O_RDONLY))
    print('all')
except OSError as error:
    print(len(files), error.errno)
";

/// Takes 200 MiB of memory.
pub(crate) const ALLOCATES: &str = "x = b'x' * (200 << 20); print('all')";

/// More may not be had for now.
pub(crate) const EAGAIN: u64 = 11;

/// No more files may be open.
pub(crate) const EMFILE: u64 = 24;

/// No file may be larger.
pub(crate) const EFBIG: u64 = 27;

/// The disk is full.
pub(crate) const ENOSPC: u64 = 28;

/// Runs code in Python, held to these limits.
pub(crate) fn run(client: &mut Client, session: &str, code: &str, limits: &Value) -> Execution {
    let source = json!({"code": code, "language": "python"});
    client.execute_with(json!({"sessionId": session, "source": source, "limits": limits, "timeoutMs": 50_000}))
}

/// What was counted until the kernel said no, with one of these errors.
pub(crate) fn counted(execution: &Execution, errors: &[u64]) -> u64 {
    let text = execution.stdout();
    let numbers: Vec<u64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let [count, errno] = numbers[..] else { panic!("{text} {} {}", execution.stderr(), execution.result) };
    assert!(errors.contains(&errno), "{text}");
    count
}

/// It had less memory than it wanted: it copes with that, or was ended for it.
pub(crate) fn ran_out_of_memory(execution: &Execution) {
    let copes = execution.outcome() == "error" && execution.stderr().contains("MemoryError");
    assert!(copes || execution.outcome() == "outOfMemory", "{} {}", execution.result, execution.stdout());
}

/// It had all that it wanted.
pub(crate) fn had_enough(execution: &Execution) {
    assert_eq!(execution.stdout(), "all\n", "{} {}", execution.stderr(), execution.result);
}
