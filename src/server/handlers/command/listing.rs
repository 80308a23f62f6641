//! A listing as a tree.

use serde_json::{Value, json};

/// The most entries of one.
pub(super) const LIMIT: u32 = 10_000;

/// The tree of what was listed below `top`, no deeper than `depth`.
pub(super) fn tree(top: &str, listed: &Value, depth: Option<u32>) -> Value {
    let mut root = Node { name: top.to_owned(), path: top.to_owned(), is_directory: true, ..Node::default() };
    let entries = listed["entries"].as_array().map(Vec::as_slice).unwrap_or_default();
    // The directory that was asked about is above them all.
    let above = entries.iter().filter_map(|entry| entry["path"].as_str()).next().map_or(0, |_| levels(top));
    for entry in entries {
        let path = entry["path"].as_str().unwrap_or_default();
        let names: Vec<&str> = path.split('/').skip(above).collect();
        if depth.is_none_or(|depth| names.len() <= depth as usize) {
            root.place(&names, path, entry);
        }
    }
    let truncated = !matches!(listed["truncated"], Value::Null | Value::Bool(false));
    json!({"tree": root.on_wire(), "truncated": truncated})
}

/// How many names a directory of the workspace has in its path.
fn levels(path: &str) -> usize {
    let path = path.strip_prefix("/workspace").unwrap_or(path);
    path.split('/').filter(|name| !matches!(*name, "" | ".")).count()
}

#[derive(Debug, Default)]
struct Node {
    name: String,
    path: String,
    is_directory: bool,
    kind: Option<Value>,
    size: u64,
    modified: Value,
    children: Vec<Node>,
}

impl Node {
    /// Puts an entry where its names lead, among those that came before it.
    fn place(&mut self, names: &[&str], path: &str, entry: &Value) {
        let [name, rest @ ..] = names else { return };
        let at = match self.children.last() {
            // What is in one directory comes together.
            Some(last) if last.name == *name => self.children.len() - 1,
            _ => {
                let above = path.len() - rest.iter().map(|name| name.len() + 1).sum::<usize>();
                let path = path[..above].to_owned();
                self.children.push(Node { name: (*name).to_owned(), path, is_directory: true, ..Node::default() });
                self.children.len() - 1
            }
        };
        let child = &mut self.children[at];
        if !rest.is_empty() {
            return child.place(rest, path, entry);
        }
        child.is_directory = entry["type"] == "directory";
        child.kind = Some(entry["type"].clone());
        child.size = entry["size"].as_u64().unwrap_or(0);
        child.modified = entry["modifiedAt"].clone();
    }

    fn on_wire(self) -> Value {
        let kind = self.kind.unwrap_or_else(|| "directory".into());
        let mut value = json!({"name": self.name, "path": self.path, "type": kind, "size": self.size});
        if !self.modified.is_null() {
            value["modified"] = self.modified;
        }
        if self.is_directory {
            value["children"] = self.children.into_iter().map(Node::on_wire).collect();
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_where_their_names_lead() {
        let entry = |path: &str, kind: &str| json!({"path": path, "type": kind, "size": 1, "modifiedAt": "now"});
        let entries =
            json!([entry("d/a", "directory"), entry("d/a/b", "file"), entry("d/c", "file"), entry("d/e/f/g", "file")]);
        let listed = json!({"entries": entries, "truncated": false});
        let listed = tree("/workspace/d/", &listed, None);
        let children = listed["tree"]["children"].as_array().unwrap();
        assert_eq!(children.iter().map(|it| it["name"].as_str().unwrap()).collect::<Vec<_>>(), ["a", "c", "e"]);
        assert_eq!(children[0]["children"][0]["path"], "d/a/b");
        assert!(children[1].get("children").is_none());
        assert_eq!((&children[2]["path"], &children[2]["children"][0]["path"]), (&json!("d/e"), &json!("d/e/f")));
        assert_eq!(children[2]["children"][0]["children"][0]["path"], "d/e/f/g");
        assert_eq!(listed["truncated"], false);
    }
}
