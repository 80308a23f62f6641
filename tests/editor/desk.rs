//! An editor: a client with a folder of files, some of them open.

use std::fs;
use std::ops::{Deref, DerefMut};
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::harness::client::initialize_params;
use crate::harness::{Client, Setup};

/// How a command names a message that is an error, and one that is none.
pub(crate) const ERROR: u64 = 1;
pub(crate) const INFO: u64 = 3;

pub(crate) struct Desk {
    client: Client,
    /// What `initialize` answered.
    pub(crate) told: Value,
}

impl Deref for Desk {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl DerefMut for Desk {
    fn deref_mut(&mut self) -> &mut Client {
        &mut self.client
    }
}

impl Desk {
    /// An editor that knows nothing of codebeaker, and has these capabilities.
    pub(crate) fn plain(capabilities: Value) -> Self {
        Self::start(Setup::default(), json!({"capabilities": capabilities}))
    }

    /// One that has every feature of codebeaker.
    pub(crate) fn knowing(setup: Setup) -> Self {
        Self::start(setup, initialize_params())
    }

    fn start(setup: Setup, mut params: Value) -> Self {
        let mut client = setup.spawn();
        let folder = client.scratch().join("project");
        fs::create_dir(&folder).expect("the directory is ours");
        params["processId"] = json!(std::process::id());
        params["workspaceFolders"] = json!([{"name": "project", "uri": format!("file://{}", folder.display())}]);
        let told = client.request("initialize", params);
        client.notify("initialized", json!({}));
        Self { client, told }
    }

    /// Where the editor's folder is.
    pub(crate) fn folder(&self) -> PathBuf {
        self.scratch().join("project")
    }

    /// Saves a file in the folder.
    pub(crate) fn save(&self, name: &str, text: &str) {
        let path = self.folder().join(name);
        fs::create_dir_all(path.parent().expect("it is in the folder")).expect("the directory is ours");
        fs::write(path, text).expect("the directory is ours");
    }

    pub(crate) fn saved(&self, name: &str) -> String {
        fs::read_to_string(self.folder().join(name)).expect("it was saved")
    }

    pub(crate) fn uri(&self, name: &str) -> String {
        format!("file://{}", self.folder().join(name).display())
    }

    /// Opens a document of the folder, with this text.
    pub(crate) fn open(&mut self, name: &str, text: &str) -> String {
        let uri = self.uri(name);
        self.open_as(&uri, "python", text);
        uri
    }

    pub(crate) fn open_as(&mut self, uri: &str, language: &str, text: &str) {
        let document = json!({"uri": uri, "languageId": language, "version": 1, "text": text});
        self.notify("textDocument/didOpen", json!({"textDocument": document}));
    }

    pub(crate) fn edit(&mut self, uri: &str, changes: Value) {
        let document = json!({"uri": uri, "version": 2});
        self.notify("textDocument/didChange", json!({"textDocument": document, "contentChanges": changes}));
    }

    /// Asks for a command.
    pub(crate) fn try_command(&mut self, name: &str, argument: Value) -> Result<Value, Value> {
        self.call("workspace/executeCommand", json!({"command": name, "arguments": [argument]}))
    }

    /// Does a command.
    pub(crate) fn command(&mut self, name: &str, argument: Value) -> Value {
        self.try_command(name, argument).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Runs a document to its end: what was logged, and the last message.
    pub(crate) fn run(&mut self, argument: Value) -> (String, Value) {
        let started = self.command("codebeaker.run", argument);
        assert!(started["executionId"].is_string() && started["sessionId"].is_string(), "{started}");
        self.concluded()
    }

    /// Waits for the message that ends a run: what was logged before, and the message.
    pub(crate) fn concluded(&mut self) -> (String, Value) {
        let shown = self.claim("what came of it", |message| message["method"] == "window/showMessage");
        let logged = self
            .claim_all(|received| received.index < shown.index && received.message["method"] == "window/logMessage");
        let lines = logged.iter().map(|received| received.message["params"]["message"].as_str().expect("it is text"));
        (lines.collect::<Vec<_>>().join("\n"), shown.message["params"].clone())
    }

    /// Answers a request of the daemon's, and gives its parameters.
    pub(crate) fn answer(&mut self, method: &str) -> Value {
        let asked = self.claim(method, |message| message["method"] == method && message.get("id").is_some()).message;
        self.send(&json!({"jsonrpc": "2.0", "id": asked["id"], "result": null}));
        asked["params"].clone()
    }

    /// The next progress under this token.
    pub(crate) fn progress(&mut self, token: &Value, kind: &str) -> Value {
        let fits = |message: &Value| {
            message["method"] == "$/progress"
                && message["params"]["token"] == *token
                && message["params"]["value"]["kind"] == kind
        };
        self.claim(kind, fits).message["params"]["value"].take()
    }
}
