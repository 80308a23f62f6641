//! The proxy against debuggers that are scripted, hostile or random.

mod hostile;
mod scripted;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc;

use super::{Paths, Proxy};
use crate::dap::{Request, ToClient};
use crate::transport::{Decoder, Event};

const DEADLINE: Duration = Duration::from_secs(20);

/// The workspace is `/workspace` inside, and `/home/me/project` for the client.
struct Mapped;

impl Paths for Mapped {
    fn to_client(&self, inside: &str) -> Option<String> {
        inside
            .strip_prefix("/workspace/")
            .filter(|rest| !rest.contains(".."))
            .map(|rest| format!("/home/me/project/{rest}"))
    }

    fn to_sandbox(&self, path: &str) -> Option<String> {
        path.strip_prefix("/home/me/project/")
            .filter(|rest| !rest.contains(".."))
            .map(|rest| format!("/workspace/{rest}"))
    }
}

/// A proxy with a debugger that the test plays itself.
struct Stage {
    proxy: Proxy,
    out: mpsc::Receiver<ToClient>,
    debugger: Debugger,
    seq: i64,
}

/// The debugger's end of the stream.
struct Debugger {
    stream: DuplexStream,
    decoder: Decoder,
}

impl Debugger {
    async fn say_raw(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("the proxy reads");
    }

    async fn say(&mut self, message: Value) {
        let body = message.to_string();
        self.say_raw(format!("Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes()).await;
    }

    async fn event(&mut self, event: &str, body: Value) {
        self.say(json!({"seq": 1, "type": "event", "event": event, "body": body})).await;
    }

    /// The next request that the proxy makes.
    async fn asked(&mut self) -> Value {
        let next = async {
            loop {
                if let Some(event) = self.decoder.next_event() {
                    let Event::Body(body) = event else { panic!("{event:?}") };
                    return serde_json::from_slice(&body).expect("the proxy writes JSON");
                }
                let mut piece = [0; 4096];
                let length = self.stream.read(&mut piece).await.expect("the stream stands");
                assert_ne!(length, 0, "the proxy let go");
                self.decoder.feed(&piece[..length]);
            }
        };
        tokio::time::timeout(DEADLINE, next).await.expect("the proxy asks")
    }

    /// Takes the request `command`, and answers it. What its arguments were.
    async fn answers(&mut self, command: &str, body: Value) -> Value {
        let asked = self.asked().await;
        assert_eq!((&asked["command"], &asked["type"]), (&json!(command), &json!("request")));
        self.say(json!({
            "seq": 1, "type": "response", "request_seq": asked["seq"], "success": true, "command": command,
            "body": body,
        }))
        .await;
        asked["arguments"].clone()
    }
}

impl Stage {
    fn new() -> Self {
        Self::with_patience(Duration::MAX)
    }

    fn with_patience(patience: Duration) -> Self {
        let (ours, theirs) = tokio::io::duplex(64 << 10);
        let (sender, out) = mpsc::channel(256);
        let proxy = Proxy::start_with_patience(Box::new(ours), Arc::new(Mapped), sender, patience);
        let debugger = Debugger { stream: theirs, decoder: Decoder::new(16 << 20) };
        Self { proxy, out, debugger, seq: 100 }
    }

    /// Sends a request as the client does. Its number.
    async fn send(&mut self, command: &str, arguments: Value) -> i64 {
        self.seq += 1;
        let request = Request { seq: self.seq, command: command.to_owned(), arguments };
        self.proxy.pass(request).await.expect("the proxy stands");
        self.seq
    }

    /// What the client hears next.
    async fn hears(&mut self) -> ToClient {
        tokio::time::timeout(DEADLINE, self.out.recv()).await.expect("the proxy speaks").expect("the proxy stands")
    }

    /// The result of the request with this number, which is what the client hears next.
    async fn result(&mut self, seq: i64) -> Result<Value, String> {
        match self.hears().await {
            ToClient::Response(response) if response.request_seq == seq => response.result,
            other => panic!("expected the answer to {seq}, got {other:?}"),
        }
    }

    /// The body of the event that the client hears next.
    async fn event(&mut self, name: &str) -> Value {
        match self.hears().await {
            ToClient::Event { event, body } if event == name => body,
            other => panic!("expected the event {name}, got {other:?}"),
        }
    }

    /// Sends a request that the debugger answers so. What the debugger was asked, and what the client got.
    async fn dialogue(&mut self, command: &str, arguments: Value, body: Value) -> (Value, Result<Value, String>) {
        let seq = self.send(command, arguments).await;
        let asked = self.debugger.answers(command, body).await;
        (asked, self.result(seq).await)
    }
}
