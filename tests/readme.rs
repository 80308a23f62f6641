//! What README.md shows is what happens: its transcripts are replayed with the real binary.

use std::path::Path;
use std::process::{Command, Stdio};

/// Between the commands of a replay; no program prints it.
const MARK: char = '\u{1e}';

#[test]
fn the_transcripts_happen_as_shown() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(root.join("README.md")).expect("read README.md");
    let transcripts = transcripts(&readme);
    assert!(!transcripts.is_empty(), "README.md has no ```console block");
    for transcript in transcripts {
        assert_eq!(replay(&transcript, root), transcript);
    }
}

/// The ```console blocks, each as its commands with what they print.
fn transcripts(text: &str) -> Vec<Vec<(String, String)>> {
    let blocks = text.split("\n```console\n").skip(1).filter_map(|rest| rest.split_once("```"));
    let commands = blocks.map(|(block, _)| {
        let mut commands: Vec<(String, String)> = Vec::new();
        for line in block.lines() {
            match (line.strip_prefix("$ "), commands.last_mut()) {
                (Some(command), _) => commands.push((command.to_owned(), String::new())),
                (None, Some((_, printed))) => *printed += &format!("{line}\n"),
                (None, None) => panic!("a transcript begins with a command: {line}"),
            }
        }
        commands
    });
    commands.collect()
}

/// The same commands, one after the other in one shell, with what they print now.
fn replay(transcript: &[(String, String)], root: &Path) -> Vec<(String, String)> {
    let binary = Path::new(env!("CARGO_BIN_EXE_codebeaker"));
    let mut path = binary.parent().expect("the binary lies in a directory").as_os_str().to_owned();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    // `$?` must reach the next command unchanged.
    let script: String = transcript
        .iter()
        .map(|(command, _)| format!("{command}\nstatus=$?; printf '{MARK}'; (exit $status)\n"))
        .collect();
    let output = Command::new("bash")
        .args(["-c", &format!("exec 2>&1\n{script}")])
        .current_dir(root)
        .env("PATH", path)
        .stdin(Stdio::null())
        .output()
        .expect("run bash");
    let printed = String::from_utf8(output.stdout).expect("commands print text");
    let parts = printed.split(MARK).map(str::to_owned);
    transcript.iter().map(|(command, _)| command.clone()).zip(parts).collect()
}
