//! The generated parts of `protocol.md` are those that the code gives now, and no method is left out.

use std::collections::BTreeSet;
use std::path::Path;

use codebeaker::protocol::document::{parts, regenerate};
use codebeaker::protocol::editor::COMMANDS;
use codebeaker::protocol::{METHODS, NOTIFICATIONS};

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn protocol_md_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("protocol.md");
    let written = read(&path);
    let generated = regenerate(&written).unwrap_or_else(|fault| panic!("protocol.md: {fault}"));
    if written == generated {
        return;
    }
    if std::env::var_os("CODEBEAKER_UPDATE").is_some_and(|value| value == "1") {
        std::fs::write(&path, generated).expect("protocol.md can be written");
        return;
    }
    let stale = written.lines().zip(generated.lines()).position(|(old, new)| old != new);
    panic!(
        "protocol.md is not what the types give, from line {} on; to update it: CODEBEAKER_UPDATE=1 cargo test --test generated",
        stale.unwrap_or_else(|| written.lines().count().min(generated.lines().count())) + 1
    );
}

#[test]
fn every_method_notification_and_command_has_its_section() {
    let document = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("protocol.md"));
    let described: BTreeSet<&str> = parts(&document).collect();
    let headings: BTreeSet<&str> = document.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    let names = METHODS.iter().map(|method| method.name).chain(NOTIFICATIONS.iter().map(|notice| notice.name));
    for name in names.chain(COMMANDS.iter().map(|command| command.name)) {
        assert!(headings.contains(name), "protocol.md has no heading `### {name}`");
        assert!(described.contains(name), "protocol.md has no line `<!-- generated: {name} -->`");
    }
    for whole in
        ["methods", "notifications", "commands", "errors", "common errors", "initialize client", "initialize server"]
    {
        assert!(described.contains(whole), "protocol.md has no line `<!-- generated: {whole} -->`");
    }
}

#[test]
fn links_within_protocol_md_lead_somewhere() {
    let document = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("protocol.md"));
    let anchors: BTreeSet<String> =
        document.lines().filter_map(|line| line.trim_start_matches('#').strip_prefix(' ')).map(anchor).collect();
    for link in document.split("](#").skip(1) {
        let target = link.split(')').next().unwrap_or_default();
        assert!(anchors.contains(target), "protocol.md links to #{target}, which is no heading");
    }
}

/// The anchor of a heading, as code hosts make it.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|char| char.is_alphanumeric() || matches!(char, ' ' | '-' | '_'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}
