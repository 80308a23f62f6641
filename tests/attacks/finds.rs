//! Attacks on those who look for files in a tree that belongs to the attacker.

use std::time::Duration;

use codebeaker::agent::plan::Protection::BeneathWorkspace;
use codebeaker::agent::wire::find::{By, Case, Content, Find};
use codebeaker::files::find::{Contents, Cut, FindError, Names, by_content, by_name};

use crate::actor::each_actor;
use crate::harness::Place;
use crate::lab::{Setting, Stand, program};
use crate::swaps::{Met, meanwhile};

/// A search that takes longer is held up.
const PATIENCE: Duration = Duration::from_secs(60);

fn find(path: &str, by: By) -> Find {
    Find { path: path.into(), hidden: true, gitignore: true, exclude: Vec::new(), millis: 30_000, by }
}

async fn search(stand: &Stand, path: &str, pattern: &str) -> Result<Contents, FindError> {
    let content = Content {
        pattern: pattern.to_owned(),
        literal: false,
        case: Case::Sensitive,
        word: false,
        before: 2,
        after: 2,
        include: Vec::new(),
        limit: 10_000,
        limit_per_file: None,
        file_bytes: None,
    };
    let answer = tokio::time::timeout(PATIENCE, by_content(&stand.link, find(path, By::Content(content)))).await;
    answer.unwrap_or_else(|_| panic!("HOLE: a search in {path} is not answered"))
}

async fn glob(stand: &Stand, path: &str) -> Result<Names, FindError> {
    let by = By::Name { patterns: vec!["**".to_owned()], limit: 10_000 };
    let answer = tokio::time::timeout(PATIENCE, by_name(&stand.link, find(path, by))).await;
    answer.unwrap_or_else(|_| panic!("HOLE: a glob in {path} is not answered"))
}

pub(crate) fn no_link_leads_a_search_out_of_the_workspace(place: Place) {
    each_actor(place, async |mut lab| {
        const OUTWARD: [&str; 4] = ["file", "relative", "directory", "up/tmp/outside"];
        let stand = lab.sandbox(Setting::without(&[BeneathWorkspace])).await;
        stand.attack(program!("links.py")).await;
        for path in OUTWARD {
            let found = search(&stand, path, "^outside").await.expect("searched without the protection");
            assert_eq!(found.files.len(), 1, "{path} shall be searched without the protection");
        }
        assert_eq!(glob(&stand, "directory").await.expect("listed without the protection").entries.len(), 2);
        stand.close().await;

        let stand = lab.sandbox(Setting::safe()).await;
        stand.attack(program!("links.py")).await;
        let more =
            ["top/etc", "environ", "cwd/..", "descriptors", "..", "/tmp/outside", "inside/../..", "loop", "zero"];
        for path in OUTWARD.iter().chain(&more) {
            let (searched, listed) = (search(&stand, path, "").await, glob(&stand, path).await);
            println!("{path}: {searched:?} {listed:?}");
            assert!(searched.is_err() && listed.is_err(), "HOLE: {path} led out");
        }
        // All of the tree, with every link in it.
        let found = search(&stand, "", "").await.expect("the workspace can be searched");
        let files: Vec<_> = found.files.iter().map(|file| String::from_utf8_lossy(&file.path)).collect();
        assert_eq!(files, ["inside/file"], "HOLE: a link was followed");
        let listed = glob(&stand, "").await.expect("the workspace can be listed").entries;
        assert_eq!(listed.len(), 21, "HOLE: a link was entered: {listed:?}");
        lab.host.assert_untouched(&format!("{found:?}"));
        stand.assert_works().await;
        stand.close().await;
    });
}

pub(crate) fn nor_does_a_link_that_is_swapped_while_it_looks(place: Place) {
    let begun = async |stand: &Stand| search(stand, "target", "inside").await.is_ok();
    let attempt = async |stand: &Stand, is_protected: bool| {
        let (mut inside, mut outside) = (0, 0);
        for round in 0..if is_protected { 300 } else { 2000 } {
            // Asked about itself, and met on the way.
            for path in ["target", ""] {
                let Ok(found) = search(stand, path, "side").await else { continue };
                for line in found.files.iter().flat_map(|file| &file.lines) {
                    inside += usize::from(line.text == b"inside");
                    outside += usize::from(line.text == b"outside");
                }
            }
            if !is_protected && outside > 0 && round > 10 {
                break;
            }
        }
        println!("{inside} from inside, {outside} from outside");
        (inside, outside)
    };
    meanwhile(place, begun, attempt, async |_, (inside, outside)| Met {
        works: outside > 0,
        claims: vec![
            (inside > 0, "the swaps left nothing to find".to_owned()),
            (outside == 0, format!("HOLE: a search got out: {outside} times")),
        ],
    });
}

pub(crate) fn nothing_in_a_tree_holds_a_search_up_or_makes_it_large(place: Place) {
    each_actor(place, async |lab| {
        const TREE: &str = r#"
os.mkfifo("/workspace/pipe")
os.mkdir("/workspace/a"), os.mkdir("/workspace/b"), os.mkdir("/workspace/c")
os.mkfifo("/workspace/a/.gitignore")
os.symlink("/dev/zero", "/workspace/b/.gitignore")
write("/workspace/c/.gitignore", b"[\n\xff\n" + b"{a,b}*?[z]**\n" * 3000)
for name in "abc":
    write(f"/workspace/{name}/needle", b"needle\n")
with open("/workspace/hole", "wb") as file:
    file.truncate(8 << 20)
write("/workspace/line", b"x" * (4 << 20))
os.chdir("/workspace/c")
try:
    for _ in range(300):
        os.mkdir("d" * 250)
        os.chdir("d" * 250)
except OSError as error:
    print(error)
count = 0
try:
    while count < 20000:
        os.close(os.open(f"/workspace/{count}", os.O_CREAT | os.O_WRONLY))
        count += 1
except OSError as error:
    print(error)
say("files", "worked", count)
"#;
        let stand = lab.sandbox(Setting::safe()).await;
        let ran = stand.attack(TREE).await;
        assert!(ran.number("files") > 1000, "not enough to matter: {ran:#?}");
        // Who opens the pipe waits for ever.
        let mut waiting = stand.start(stand.program(&["grep", "needle", "/workspace/a/.gitignore"])).await;
        let patient = tokio::time::timeout(Duration::from_millis(300), waiting.ended()).await;
        assert!(patient.is_err(), "the attack does not work: {patient:?}");
        stand.kill(&waiting).await;
        waiting.ended().await.expect("the session goes on");
        let found = search(&stand, "", "needle").await.expect("the tree can be searched");
        let files: Vec<_> = found.files.iter().map(|file| String::from_utf8_lossy(&file.path)).collect();
        println!("{:?}", found.summary);
        assert_eq!(files, ["a/needle", "b/needle", "c/needle"]);
        let listed = glob(&stand, "").await.expect("the tree can be listed");
        let bytes: usize = listed.entries.iter().map(|entry| entry.path.len()).sum();
        println!("{} entries with {bytes} bytes of paths: {:?}", listed.entries.len(), listed.summary);
        assert!(bytes <= 2 << 20, "HOLE: the daemon holds {bytes} bytes");
        // Expressions that are too large are refused, and those that take long have an end.
        for pattern in ["(\\w{1000}){1000}", "((((((((((a*)*)*)*)*)*)*)*)*)*){500}", &"(".repeat(5000), "\\pL{5000}"] {
            let answer = search(&stand, "", pattern).await;
            println!("{:.20}: {:?}", pattern, answer.as_ref().map(|found| found.summary));
            let is_fine = match answer {
                Ok(found) => {
                    matches!(found.summary.cut, None | Some(Cut::Time | Cut::Memory | Cut::Limit | Cut::Bytes))
                }
                Err(error) => matches!(error, FindError::Refused { .. }),
            };
            assert!(is_fine, "HOLE: {pattern:.20}");
        }
        stand.assert_works().await;
        stand.close().await;
    });
}
