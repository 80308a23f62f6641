//! A directory of the host that sessions get to see, what a program in one does to it, and what of that shows outside.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use super::Client;

/// Shows what a project has in it and then changes as much as a script can; [`CHANGED`] is what it prints.
pub(crate) const CHANGE: &str = "cat file.txt link sub/deep/file.txt; ./run.sh; echo new > file.txt; rm -r sub; \
                                 echo more > added.txt; chmod 600 run.sh; cat file.txt";

/// What [`CHANGE`] prints where it can change everything.
pub(crate) const CHANGED: &str = "oldolddeepran\nnew\n";

/// A directory of this name among what goes with the client, with files in it that belong to `owner`, else to this user.
pub(crate) fn project(client: &Client, name: &str, owner: Option<u32>) -> PathBuf {
    let path = client.scratch().join(name);
    fs::create_dir_all(path.join("sub/deep")).unwrap();
    fs::write(path.join("sub/deep/file.txt"), "deep").unwrap();
    fs::write(path.join("file.txt"), "old").unwrap();
    fs::write(path.join("run.sh"), "#!/bin/sh\necho ran\n").unwrap();
    fs::set_permissions(path.join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(path.join("node_modules")).unwrap();
    fs::write(path.join("node_modules/large"), "large").unwrap();
    symlink("file.txt", path.join("link")).unwrap();
    for entry in
        ["", "sub", "sub/deep", "sub/deep/file.txt", "file.txt", "run.sh", "node_modules", "node_modules/large"]
    {
        chown(path.join(entry), owner, owner).unwrap();
    }
    path
}

/// The directory as a session is told of it.
pub(crate) fn uri(path: &Path) -> String {
    format!("file://{}", path.display())
}

/// Everything below a directory, with what is in it.
pub(crate) fn snapshot(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(path) = open.pop() {
        for entry in fs::read_dir(path).unwrap().flatten() {
            if entry.file_type().unwrap().is_dir() {
                open.push(entry.path());
            }
            found.push((entry.path(), fs::read(entry.path()).unwrap_or_default()));
        }
    }
    found.sort();
    found
}
