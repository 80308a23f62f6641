//! The house rules that a machine can check. Each failure says what to do about it; CONTRIBUTING.md
//! says why the rule is there.

#[path = "house/source.rs"]
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use source::{code_only, read, root, rust_files, shown};

/// The package that is PID 1 of a sandbox, and the only one with `unsafe` in it.
const GUEST: &str = "src/agent/guest";

const MAX_LINES: usize = 500;

/// Fails with every fault at once, so that one run shows all there is to mend.
fn none(faults: Vec<String>) {
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn files_are_short() {
    let files = ["src", "tests", "benches"].iter().flat_map(|directory| rust_files(directory));
    none(
        files
            .filter_map(|path| {
                let lines = read(&path).lines().count();
                (lines > MAX_LINES).then(|| {
                    format!(
                        "{}: {lines} lines, over {MAX_LINES}: it has more than one job, so give each a file",
                        shown(&path)
                    )
                })
            })
            .collect(),
    );
}

#[test]
fn every_module_opens_with_what_it_is_for() {
    none(
        rust_files("src")
            .iter()
            .filter(|path| !path.ends_with("tests.rs") && !read(path).starts_with("//! "))
            .map(|path| {
                format!("{}: open it with `//!`: what it is for, what it promises, what it never does", shown(path))
            })
            .collect(),
    );
}

#[test]
fn a_module_lies_beside_its_directory() {
    none(
        rust_files("src")
            .iter()
            .filter(|path| path.ends_with("mod.rs"))
            .map(|path| format!("{}: name it after its directory, so that editors tell such files apart", shown(path)))
            .collect(),
    );
}

#[test]
fn a_test_names_each_defect_that_is_put_right() {
    let mut tests: Vec<PathBuf> = rust_files("tests");
    tests.extend(rust_files("src"));
    let own = root().join(file!());
    let texts: Vec<String> = tests.iter().filter(|path| **path != own).map(|path| read(path)).collect();
    let names = |number: usize| {
        let (said, called) = (format!("D{number}:"), format!("d{number}_"));
        move |text: &String| {
            text.lines().any(|line| {
                let word = |word: &str| word == said;
                let is_said = line.trim_start().starts_with("//") && line.split_whitespace().any(word);
                is_said
                    || line
                        .split_once("fn ")
                        .is_some_and(|(_, name)| format!("_{name}").contains(&format!("_{called}")))
            })
        }
    };
    none(
        (1..=21)
            .filter(|number| !texts.iter().any(names(*number)))
            .map(|number| {
                format!("no test says that it is about D{number}: tests/places/defects.rs tells what that is")
            })
            .collect(),
    );
}

#[test]
fn unsafe_code_lives_in_the_agent_alone() {
    let mut faults = Vec::new();
    for path in rust_files("src").iter().filter(|path| !shown(path).starts_with(GUEST)) {
        for (number, line) in code_only(&read(path)).lines().enumerate() {
            if line.split(|char: char| !char.is_alphanumeric() && char != '_').any(|word| word == "unsafe") {
                let name = shown(path);
                faults.push(format!("{name}:{}: `unsafe` outside {GUEST}: call the kernel through rustix", number + 1));
            }
        }
    }
    for name in ["src/lib.rs", "src/main.rs"] {
        if !read(&root().join(name)).contains("#![forbid(unsafe_code)]") {
            faults.push(format!("{name}: must say `#![forbid(unsafe_code)]`"));
        }
    }
    none(faults);
}

#[test]
fn links_in_documents_lead_somewhere() {
    let mut faults = Vec::new();
    for path in tracked().iter().filter(|path| path.extension().is_some_and(|extension| extension == "md")) {
        for link in links(&read(path)) {
            if let Some(fault) = broken(path, &link) {
                faults.push(format!("{}: the link to {link} {fault}", shown(path)));
            }
        }
    }
    none(faults);
}

/// The targets of `[text](target)`, but for those in code.
fn links(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in prose(text) {
        let without_code: String = line.split('`').step_by(2).collect::<Vec<_>>().join("code");
        found.extend(without_code.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0.to_owned())));
    }
    found
}

/// The lines outside fenced code.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut fenced = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fence && !fenced
    })
}

fn broken(from: &Path, link: &str) -> Option<String> {
    if link.starts_with("https://") || link.starts_with("http://") {
        return None;
    }
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    let target = if file.is_empty() { from.to_path_buf() } else { from.parent()?.join(file) };
    if !target.exists() {
        return Some("names no file".to_owned());
    }
    let has_anchor = || prose(&read(&target)).any(|line| line.starts_with('#') && slug(line) == anchor);
    (!anchor.is_empty() && !has_anchor()).then(|| format!("names no heading of {}", shown(&target)))
}

/// A heading's anchor: lower case, white space as hyphens, and of the rest only letters, digits, `-` and `_`.
fn slug(heading: &str) -> String {
    let heading = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = heading.chars().filter(|char| char.is_alphanumeric() || matches!(char, ' ' | '-' | '_'));
    kept.map(|char| if char == ' ' { '-' } else { char }).collect()
}

#[test]
fn no_tracked_file_names_a_place_on_this_machine() {
    // A home itself is no clue: documents name some, and as root it is every machine's.
    let home = std::env::var("HOME").unwrap_or_default();
    let mut places = vec![root().display().to_string()];
    let parent = root().parent().filter(|parent| parent.components().count() > 2 && *parent != Path::new(&home));
    places.extend(parent.map(|parent| parent.display().to_string()));
    let entries = fs::read_dir(&home).into_iter().flatten().flatten();
    places.extend(entries.map(|entry| format!("{}/", entry.path().display())));
    let mut faults = Vec::new();
    for path in tracked() {
        let text = String::from_utf8_lossy(&fs::read(&path).expect("read a tracked file")).into_owned();
        for (number, line) in text.lines().enumerate() {
            if let Some(place) = places.iter().find(|place| line.contains(place.as_str())) {
                faults.push(format!("{}:{}: names {place}, which nobody else has", shown(&path), number + 1));
            }
        }
    }
    none(faults);
}

/// The files that git tracks, as far as they still exist.
fn tracked() -> Vec<PathBuf> {
    let listing = Command::new("git").args(["ls-files", "-z"]).current_dir(root()).output().expect("run git");
    assert!(listing.status.success(), "git ls-files: {}", String::from_utf8_lossy(&listing.stderr));
    let names = String::from_utf8(listing.stdout).expect("file names are UTF-8");
    names.split_terminator('\0').map(|name| root().join(name)).filter(|path| path.is_file()).collect()
}

#[test]
fn every_dependency_has_its_reason() {
    let wanted: BTreeSet<_> = ["Cargo.toml", "src/agent/guest/Cargo.toml"]
        .iter()
        .flat_map(|manifest| dependencies(&read(&root().join(manifest))))
        .filter(|name| !name.starts_with("codebeaker"))
        .collect();
    let reasons = reasons(&read(&root().join("docs/architecture.md")));
    let mut faults = Vec::new();
    for name in wanted.iter().filter(|name| !reasons.contains_key(*name)) {
        faults.push(format!("{name}: say in docs/architecture.md, under Dependencies, why it is worth its place"));
    }
    for (name, reason) in &reasons {
        if !wanted.contains(name) {
            faults.push(format!("{name}: docs/architecture.md gives a reason for it, but no manifest names it"));
        } else if reason.is_empty() {
            faults.push(format!("{name}: its reason in docs/architecture.md is empty"));
        }
    }
    none(faults);
}

/// The keys of a manifest's tables of dependencies.
fn dependencies(manifest: &str) -> Vec<String> {
    let mut inside = false;
    let mut names = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line.trim_end().ends_with("dependencies]");
        } else if let (true, Some((name, _))) = (inside, line.split_once('=')) {
            names.push(name.trim().to_owned());
        }
    }
    names
}

/// The rows of the section `Dependencies`: what stands in backquotes first, and what is said of it.
fn reasons(architecture: &str) -> BTreeMap<String, String> {
    let section = architecture.lines().skip_while(|line| *line != "## Dependencies").skip(1);
    let rows = section.take_while(|line| !line.starts_with("## ")).filter_map(|line| line.strip_prefix("| `"));
    let rows = rows.filter_map(|row| row.split_once("` |"));
    rows.map(|(name, reason)| (name.to_owned(), reason.trim_end_matches('|').trim().to_owned())).collect()
}

#[test]
fn the_checks_see_what_they_are_for() {
    assert_eq!(code_only("let a = 'x'; // unsafe\nlet b = r#\"unsafe\"#;").matches("unsafe").count(), 0);
    assert_eq!(code_only("fn f<'a>(x: &'a str) { unsafe {} }").matches("unsafe").count(), 1);
    assert_eq!(links("[a](b.md#c) `[d](e)` and [f](https://g)\n```\n[h](i)\n```\n"), ["b.md#c", "https://g"]);
    assert_eq!(slug("## Life of a request, in `order`"), "life-of-a-request-in-order");
    assert_eq!(dependencies("[dependencies]\na = 1\n[lints]\nb = 2\n[dev-dependencies]\nc = { d = 3 }\n"), ["a", "c"]);
    assert_eq!(
        reasons("## Dependencies\n| `a` | because |\n## Next\n| `b` | no |\n").into_keys().collect::<Vec<_>>(),
        ["a"]
    );
}

#[test]
fn every_guarantee_names_a_test_or_says_that_none_proves_it_yet() {
    let mut faults = Vec::new();
    let guarantees = guarantees(&read(&root().join("docs/security.md")));
    assert!(!guarantees.is_empty(), "docs/security.md has no table of guarantees");
    for (guarantee, test) in guarantees {
        let Some(name) = test.strip_prefix('`').and_then(|test| test.strip_suffix('`')) else {
            if test != "pending" {
                faults.push(format!("{guarantee}: its test must be `file::module::name`, or pending"));
            }
            continue;
        };
        let file = name.split("::").next().unwrap_or(name);
        let function = name.rsplit("::").next().unwrap_or(name);
        let files =
            std::iter::once(root().join(format!("tests/{file}.rs"))).chain(rust_files(&format!("tests/{file}")));
        if !files.filter(|path| path.exists()).any(|path| read(&path).contains(&format!("fn {function}("))) {
            faults.push(format!("{guarantee}: there is no test {name}"));
        }
    }
    none(faults);
}

/// The first and the last cell of the rows below `## Guarantees`.
fn guarantees(security: &str) -> Vec<(String, String)> {
    let section = security.lines().skip_while(|line| *line != "## Guarantees").skip(1);
    let rows = section.take_while(|line| !line.starts_with("## ")).filter_map(|line| line.strip_prefix("| "));
    let cells = rows.map(|row| row.trim_end_matches(" |").split(" | ").collect::<Vec<_>>());
    let rows = cells.filter(|cells| cells.len() == 3 && cells[0] != "guarantee" && !cells[0].starts_with("---"));
    rows.map(|cells| (cells[0].to_owned(), cells[2].to_owned())).collect()
}
