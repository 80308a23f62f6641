//! A debuggee in Node, which reaches its own inspector by its own loopback and says there what it likes.

use serde_json::json;

use super::lab::Session;
use super::stand::{Language, Stand};

/// Plays it to its end: with its own code, and nothing of its making with the client.
fn plays(program: &str) -> String {
    let stand = Stand::with_files(Language::Node, &[("evil.js", program)]);
    let mut session = Session::of(stand);
    session.client.request("configurationDone", json!({}));
    session.wait_for_line("forged ");
    session.ends_with(7);
    let printed = session.printed.clone();
    session.over();
    printed
}

/// Traps 1 and 5: scripts with names of the host's files, and a module with control characters in its name.
#[test]
fn scripts_of_its_making_name_no_file_of_the_host() {
    plays(
        "const vm = require('vm');\n\
         for (const name of ['/etc/shadow', 'file:///root/.ssh/id_rsa', '/workspace/../etc/shadow',\n\
         'file:///workspace/%2e%2e/etc/shadow', '/workspace/\\u202egnp.exe', '/workspace/a\\nb.js'])\n\
         try { vm.runInThisContext('console.log(\"PWNED\")', {filename: name}); } catch {}\n\
         require('fs').writeSync(1, 'forged all\\n');\nprocess.exitCode = 7;\n",
    );
}

/// Trap 2: what it says to its inspector is as large as it likes, and the daemon holds little of it.
#[test]
fn what_floods_the_inspector_fills_no_memory() {
    plays(
        "const inspector = require('inspector');\nconst large = 'x'.repeat(8 << 20);\n\
         for (let turn = 0; turn < 12; turn++) inspector.console.log(large + turn);\n\
         require('fs').writeSync(1, 'forged all\\n');\nprocess.exitCode = 7;\n",
    );
}

/// Trap 4: a debugger of its own, on the inspector that is there for us.
#[test]
fn a_debugger_of_its_own_changes_no_verdict() {
    plays(
        "const inspector = require('inspector');\n\
         const session = new inspector.Session();\nsession.connect();\n\
         session.post('Debugger.enable');\nsession.post('Runtime.enable');\n\
         session.post('Debugger.setSkipAllPauses', {skip: true});\n\
         try { inspector.close(); } catch {}\n\
         require('fs').writeSync(1, 'forged all\\n');\nprocess.exitCode = 7;\n",
    );
}
