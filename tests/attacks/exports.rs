//! Attacks on what is brought out of a workspace: by links in its tree, and by links that wait where it goes.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use codebeaker::agent::Link;
use codebeaker::agent::wire::FileKind;
use codebeaker::files::{self, Copied, Export, ExportError, Exported, Most, export};
use tokio::sync::watch;

use crate::actor::each_actor;
use crate::harness::Place;
use crate::lab::{Setting, program};

/// Writes what is found where its names lead, as a program would that trusts them.
async fn naively(link: &Link, target: &Path) {
    let listed = files::list(link, b"tree", 8, true, 1000).await.expect("the tree is listed");
    for entry in listed.entries {
        let name = String::from_utf8(entry.path).expect("a name");
        let (from, to) = (format!("tree/{name}"), target.join(&name));
        match entry.stat.kind {
            FileKind::Directory => drop(fs::create_dir(to)),
            FileKind::Symlink => {
                let found = files::stat(link, from.as_bytes()).await.expect("a link");
                let says = String::from_utf8(found.target.expect("a target")).expect("a path");
                drop(symlink(says, to));
            }
            FileKind::File => {
                let contents = files::read(link, from.as_bytes(), 0, 1000).await.expect("a file");
                fs::write(&to, contents.data).expect("written");
                fs::set_permissions(&to, fs::Permissions::from_mode(entry.stat.mode)).expect("changed");
            }
            FileKind::Other => {}
        }
    }
}

async fn bring_out(link: &Link, target: &Path, overwrite: bool) -> Result<Exported, ExportError> {
    let most = Most { bytes: 1 << 20, entries: 1000 };
    let how = Export { from: b"tree", exclude: &[], overwrite, parents: false, most };
    let (told, _) = watch::channel(Copied::default());
    export(link, target, how, std::future::pending(), &told).await
}

pub(crate) fn no_link_leads_an_export_out_of_its_target(place: Place) {
    each_actor(place, async |lab| {
        let ground = tempfile::tempdir().expect("a directory of the host");
        let outside = ground.path().join("outside");
        fs::create_dir(&outside).expect("make a directory");
        fs::write(outside.join("victim"), "untouched").expect("write a file");
        let target = |name: &str| {
            let target = ground.path().join(name);
            fs::create_dir(&target).expect("make a directory");
            symlink(&outside, target.join("directory")).expect("make a link");
            symlink(outside.join("victim"), target.join("file")).expect("make a link");
            target
        };
        let stand = lab.sandbox(Setting::safe()).await;
        stand.attack(program!("exports.py")).await;

        let naive = target("naive");
        naively(&stand.link, &naive).await;
        assert_eq!(
            fs::read_to_string(outside.join("planted")).ok().as_deref(),
            Some("planted"),
            "the attack does not work"
        );
        assert_eq!(fs::read_to_string(outside.join("victim")).unwrap(), "taken", "the attack does not work");
        assert!(
            fs::metadata(naive.join("special")).unwrap().permissions().mode() & 0o6000 != 0,
            "the attack does not work"
        );
        assert!(naive.join("up").join("outside").exists(), "the attack does not work");
        fs::remove_dir_all(&outside).unwrap();
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("victim"), "untouched").unwrap();

        // A directory of the tree does not come in the place of a link, and nothing goes through that.
        let merged = target("merged");
        let error = bring_out(&stand.link, &merged, true).await.expect_err("HOLE: a link is a directory");
        let refused = matches!(&error, ExportError::Target { source, .. } if source.kind() == ErrorKind::NotADirectory);
        assert!(refused, "HOLE: {error}");
        fs::remove_file(merged.join("directory")).unwrap();
        let exported = bring_out(&stand.link, &merged, true).await.expect("the rest is merged");
        assert_eq!((exported.links_left_out, exported.copied.links), (4, 2), "{exported:?}");
        let fresh = ground.path().join("fresh");
        assert_eq!(
            bring_out(&stand.link, &fresh, false).await.expect("it is made"),
            Exported { merged: false, ..exported }
        );
        for target in [&merged, &fresh] {
            assert_eq!(fs::read_to_string(target.join("file")).unwrap(), "taken");
            assert!(!target.join("file").is_symlink(), "HOLE: a link was followed");
            assert_eq!(fs::metadata(target.join("special")).unwrap().permissions().mode() & 0o7000, 0, "HOLE");
            assert_eq!(
                fs::canonicalize(target.join("directory/in")).unwrap(),
                fs::canonicalize(target.join("file")).unwrap()
            );
            for name in ["up", "absolute", "through", "directory/far"] {
                assert!(!target.join(name).is_symlink(), "HOLE: {name} leads out");
            }
        }
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 1, "HOLE: something was made outside");
        assert_eq!(fs::read_to_string(outside.join("victim")).unwrap(), "untouched", "HOLE");
        stand.assert_works().await;
        stand.close().await;
    });
}

pub(crate) fn nor_does_a_tree_that_never_ends_fill_the_host(place: Place) {
    each_actor(place, async |lab| {
        let ground = tempfile::tempdir().expect("a directory of the host");
        let stand = lab.sandbox(Setting::safe()).await;
        stand.run(&["sh", "-c", "mkdir -p /workspace/tree && cd /workspace/tree && truncate -s 2M sparse"]).await;
        let error =
            bring_out(&stand.link, &ground.path().join("a"), false).await.expect_err("HOLE: a hole fills the host");
        assert!(matches!(error, ExportError::TooManyBytes(_)), "{error}");
        let many = "cd /workspace/tree && rm sparse && for n in $(seq 1100); do : > $n; done";
        stand.run(&["sh", "-c", many]).await;
        let error =
            bring_out(&stand.link, &ground.path().join("b"), false).await.expect_err("HOLE: names fill the host");
        assert!(matches!(error, ExportError::TooManyEntries(_)), "{error}");
        let deep = "cd /workspace/tree && rm * && for n in $(seq 200); do mkdir d && cd d; done";
        stand.run(&["sh", "-c", deep]).await;
        let error =
            bring_out(&stand.link, &ground.path().join("c"), false).await.expect_err("HOLE: depth takes descriptors");
        assert!(matches!(error, ExportError::TooDeep(_)), "{error}");
        assert_eq!(fs::read_dir(ground.path()).unwrap().count(), 0, "something is left");
        stand.assert_works().await;
        stand.close().await;
    });
}
