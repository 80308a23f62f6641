//! D10: what was refused for its words were words, and harmless ones among them. Where a daemon's owner wants that, typed
//! commands are; that they do no harm where nobody wants it is in the list of behaviours.

use serde_json::{Value, json};

use crate::harness::web::daemon;
use crate::harness::{Client, Place};

const ENFORCED: &str = "[validation]\nenforce = true\n";

fn results(client: &mut Client, commands: &[Value]) -> Vec<Value> {
    let session = client.create_session(json!({"language": "bash"}));
    let batch = json!({"sessionId": session, "commands": commands, "stopOnError": false});
    let results = client.request("session/batch", batch)["results"].as_array().unwrap().clone();
    client.claim_all(|received| received.message["method"].as_str().is_some_and(|it| it.starts_with("execution/")));
    results
}

#[test]
fn d10_the_original_attacks_are_refused_where_that_is_wanted() {
    let (_directory, mut client) = daemon(Place::Native, ENFORCED);
    let path = |path: &str| json!({"type": "read_file", "path": path});
    let shell = |program: &str, args: &[&str]| json!({"type": "shell", "command": program, "args": args});
    let code = |code: &str| json!({"type": "execute", "language": "bash", "code": code});
    let commands = [
        path("../../../etc/passwd"),
        path("..\\..\\..\\windows\\system32"),
        path("/etc/passwd"),
        path("C:\\Windows\\system32"),
        path("/proc/self/environ"),
        path("virus.exe"),
        path(""),
        json!({"type": "copy_file", "source": "/etc/shadow", "destination": "stolen.txt"}),
        shell("rm", &["-rf", "/"]),
        shell("dd", &["if=/dev/zero", "of=/dev/sda"]),
        shell("mkfs.ext4", &["/dev/sda"]),
        shell("sudo", &["rm", "-rf", "/"]),
        shell("su", &["root"]),
        code(":(){ :|:& };:"),
        code("fork(){ fork|fork& }; fork"),
        code(".(){.|.&};."),
        code(""),
        code(&"#".repeat(100_001)),
    ];
    for (command, result) in commands.iter().zip(results(&mut client, &commands)) {
        let data = &result["error"]["data"];
        assert_eq!(
            (&result["success"], &data["kind"]),
            (&json!(false), &json!("ValidationFailed")),
            "{command:.200}: {result}"
        );
        assert!(data["hint"].as_str().unwrap().contains("[validation]"), "{result}");
    }
    // What only looks like it.
    let harmless = [
        code("tiramisu=1; echo $tiramisu"),
        json!({"type": "write_file", "path": "a..b/notes.md", "content": "sudo"}),
        json!({"type": "write_file", "path": "Makefile", "content": "x"}),
        shell("rm", &["-rf", "build"]),
    ];
    for (command, result) in harmless.iter().zip(results(&mut client, &harmless)) {
        assert_eq!(result["success"], true, "{command}: {result}");
    }
}

#[test]
fn what_is_refused_is_for_the_owner_to_say() {
    let settings = format!("{ENFORCED}extensions = []\ncommands = ['\\bhalt\\b']\nshell = false\ncode = 10\n");
    let (_directory, mut client) = daemon(Place::Native, &settings);
    let code = |code: &str| json!({"type": "execute", "language": "bash", "code": code});
    let commands = [
        code("halt"),
        code("HALT now"),
        code("echo 1234567"),
        json!({"type": "shell", "command": "true"}),
        json!({"type": "write_file", "path": "virus.exe", "content": ""}),
        code("sudo -h;:"),
    ];
    let refused: Vec<bool> = results(&mut client, &commands)
        .iter()
        .map(|result| result["error"]["data"]["kind"] == "ValidationFailed")
        .collect();
    assert_eq!(refused, [true, true, true, true, false, false]);
}
