//! What the code of a cell is called in the sandbox, and what a client calls what the sandbox names.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use crate::agent::plan::WORKSPACE;
use crate::execution::Origin;

/// How many documents a context knows by name.
const MAX_KNOWN: usize = 256;

/// The document that a cell is of.
#[derive(Debug, Clone)]
pub struct Document {
    /// As a client names it.
    pub uri: String,
    /// The last part of that.
    pub name: String,
    /// Where it is on this machine, or is going to be when it is saved.
    pub path: Option<PathBuf>,
}

/// The documents of the cells that a context ran, the latest last.
#[derive(Debug, Default)]
pub(super) struct Names {
    known: VecDeque<(String, String)>,
}

impl Names {
    pub(super) fn clear(&mut self) {
        self.known.clear();
    }

    /// What the document is called inside: as the file that it is there, else by its own name, unless that is
    /// another's.
    pub(super) fn inside(&mut self, document: &Document, workspace: Option<&Path>) -> String {
        let below = document.path.as_deref().zip(workspace).and_then(|(path, root)| path.strip_prefix(root).ok());
        let file = below.and_then(Path::to_str).map(|path| format!("{WORKSPACE}/{path}"));
        let is_anothers = |name: &str| self.known.iter().any(|(known, uri)| known == name && *uri != document.uri);
        let name = match file {
            Some(file) => file,
            None if is_anothers(&document.name) => document.uri.clone(),
            None => document.name.clone(),
        };
        self.known.retain(|(known, _)| *known != name);
        if self.known.len() >= MAX_KNOWN {
            self.known.pop_front();
        }
        self.known.push_back((name.clone(), document.uri.clone()));
        name
    }

    /// Where a file of the sandbox comes from.
    pub(super) fn origin(&self, file: &str, workspace: Option<&Path>) -> Origin {
        if let Some((_, uri)) = self.known.iter().find(|(name, _)| name == file) {
            return Origin::Document(uri.clone());
        }
        let below = file.strip_prefix(WORKSPACE).and_then(|rest| rest.strip_prefix('/'));
        // A program must not make a client open a file by naming it.
        let below = below.filter(|below| !below.split('/').any(|part| matches!(part, "" | "." | "..")));
        match below.zip(workspace) {
            Some((below, root)) => Origin::Host(root.join(below)),
            None => Origin::Inside,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(uri: &str, name: &str, path: Option<&str>) -> Document {
        Document { uri: uri.to_owned(), name: name.to_owned(), path: path.map(PathBuf::from) }
    }

    #[test]
    fn a_document_of_the_workspace_is_the_file_that_it_is_there() {
        let mut names = Names::default();
        let root = Some(Path::new("/home/me"));
        let own = document("file:///home/me/a%20b.py", "a b.py", Some("/home/me/a b.py"));
        assert_eq!(names.inside(&own, root), "/workspace/a b.py");
        assert_eq!(names.origin("/workspace/a b.py", root), Origin::Document(own.uri.clone()));
        assert_eq!(names.origin("/workspace/x/c.py", root), Origin::Host(PathBuf::from("/home/me/x/c.py")));
        for odd in
            ["/workspace/../etc/passwd", "/workspace", "/workspacex/a", "/etc/passwd", "<cell 1>", "/workspace//a"]
        {
            assert_eq!(names.origin(odd, root), Origin::Inside, "{odd}");
        }
        assert_eq!(names.origin("/workspace/x/c.py", None), Origin::Inside);
    }

    #[test]
    fn two_documents_of_one_name_are_told_apart() {
        let mut names = Names::default();
        let (one, other) = (document("untitled:n", "n", None), document("file:///x/n", "n", Some("/x/n")));
        assert_eq!(names.inside(&one, None), "n");
        assert_eq!(names.inside(&other, None), "file:///x/n");
        assert_eq!(names.inside(&one, None), "n");
        assert_eq!(names.origin("n", None), Origin::Document(one.uri));
        for number in 0..1000 {
            names.inside(&document(&format!("untitled:{number}"), &number.to_string(), None), None);
        }
        assert_eq!(names.known.len(), MAX_KNOWN);
    }
}
