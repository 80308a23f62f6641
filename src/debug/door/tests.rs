//! Conversations over streams in memory, with adapters that answer everything.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{DuplexStream, ReadHalf, WriteHalf, duplex, split};
use tokio::net::UnixListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::children::{CHILD, Children, DOOR};
use super::gate::{Gate, TOKEN, Token};
use super::reception::Reception;
use super::socket::dial;
use super::stream::{Conversation, Ending, Incoming, Outgoing};
use crate::config::Settings;
use crate::debug::client::{self, Inbound};
use crate::debug::{Client, Debugs, Messages, Opening};
use crate::ids::DebugId;
use crate::session::{Host, Session, Sessions, StateChange, Watcher};

const DEADLINE: Duration = Duration::from_secs(30);

type Side = Ending<ReadHalf<DuplexStream>, WriteHalf<DuplexStream>>;

/// An adapter that answers each request with its own name, and asks for a child when it is launched.
fn adapter(name: &'static str) -> (Client, Messages) {
    let (client, mut requests) = client::pair(DebugId::random());
    let (outbox, messages) = mpsc::channel(4);
    tokio::spawn(async move {
        let _over = requests.over.clone().drop_guard();
        loop {
            let message = tokio::select! {
                inbound = requests.inbox.recv() => inbound,
                () = requests.ending.cancelled() => None,
            };
            let Some(Inbound::Message(message)) = message else { return };
            if message["type"] == "response" {
                let event = json!({"seq": 7, "type": "event", "event": "answered", "body": message["request_seq"]});
                outbox.send(event).await.unwrap();
                continue;
            }
            if message["type"] != "request" {
                continue;
            }
            let answer = json!({"seq": 7, "type": "response", "request_seq": message["seq"], "success": true,
                "command": message["command"], "body": {"by": name, "arguments": message["arguments"]}});
            outbox.send(answer).await.unwrap();
            if message["command"] == "launch" {
                let arguments = json!({"request": "attach", "configuration": {CHILD: "x"}});
                let question =
                    json!({"seq": 7, "type": "request", "command": "startDebugging", "arguments": arguments});
                outbox.send(question).await.unwrap();
            }
            if message["command"] == "disconnect" {
                return;
            }
        }
    });
    (client, messages)
}

struct Nobody;

#[async_trait::async_trait]
impl Watcher for Nobody {
    async fn changed(&self, _: &Session, _: StateChange) {}
}

/// The client's side of a conversation.
struct Peer {
    incoming: Incoming<ReadHalf<DuplexStream>>,
    outgoing: Option<Outgoing<WriteHalf<DuplexStream>>>,
}

impl Peer {
    async fn say(&mut self, message: Value) {
        let outgoing = self.outgoing.as_mut().unwrap();
        outgoing.put(&message).unwrap();
        outgoing.flush().await.unwrap();
    }

    async fn ask(&mut self, seq: i64, command: &str, arguments: Value) -> Value {
        self.say(json!({"seq": seq, "type": "request", "command": command, "arguments": arguments})).await;
        self.hear().await.unwrap()
    }

    async fn hear(&mut self) -> Option<Value> {
        tokio::time::timeout(DEADLINE, self.incoming.next()).await.expect("something comes, or the end")
    }
}

/// Begins a conversation.
fn converse(gate: Gate, children: Children, may_detour: bool) -> (Peer, JoinHandle<Side>) {
    let (near, far) = duplex(1 << 20);
    let (client, messages) = adapter("here");
    let conversation = Conversation { client, messages, gate, children, may_detour };
    let (reader, writer) = split(far);
    let held = tokio::spawn(conversation.hold(reader, writer));
    let (reader, writer) = split(near);
    (Peer { incoming: Incoming::new(reader), outgoing: Some(Outgoing::new(writer)) }, held)
}

#[tokio::test]
async fn messages_are_carried_and_counted_and_what_is_no_message_is_skipped() {
    let (mut peer, held) = converse(Gate::Open, Children::SameDoor, false);
    peer.say(json!("no message, but JSON")).await;
    let first = peer.ask(1, "initialize", json!({})).await;
    assert_eq!((&first["seq"], &first["request_seq"], &first["body"]["by"]), (&json!(1), &json!(1), &json!("here")));
    peer.ask(2, "launch", json!({})).await;
    let question = peer.hear().await.unwrap();
    assert_eq!((&question["seq"], &question["command"]), (&json!(3), &json!("startDebugging")));
    peer.say(json!({"seq": 3, "type": "response", "request_seq": 3, "success": true, "command": "startDebugging"}))
        .await;
    assert_eq!(peer.hear().await.unwrap()["body"], 7, "the answer has the number that the question had there");
    peer.ask(4, "disconnect", json!({})).await;
    assert!(peer.hear().await.is_none());
    assert!(matches!(held.await.unwrap(), Ending::Over));
}

#[tokio::test]
async fn who_ends_its_input_ends_the_adapter() {
    let (mut peer, held) = converse(Gate::Open, Children::SameDoor, false);
    peer.ask(1, "initialize", json!({})).await;
    let (near, far) = (peer.incoming, peer.outgoing.take());
    drop((near, far));
    assert!(matches!(held.await.unwrap(), Ending::ClientGone));
}

#[tokio::test]
async fn who_does_not_know_the_token_is_answered_and_shown_out() {
    let gate = || Gate::Token(Token::read("0123456789abcdef").unwrap());
    let (mut peer, held) = converse(gate(), Children::SameDoor, false);
    assert_eq!(peer.ask(1, "initialize", json!({})).await["success"], true);
    assert_eq!(peer.ask(2, "threads", json!({})).await["success"], false);
    let answer = peer.ask(3, "launch", json!({TOKEN: "wrong"})).await;
    assert_eq!((&answer["request_seq"], &answer["success"]), (&json!(3), &json!(false)));
    assert!(peer.hear().await.is_none());
    assert!(matches!(held.await.unwrap(), Ending::ShownOut));

    let children = Children::WithToken(Token::read("0123456789abcdef").unwrap());
    let (mut peer, _held) = converse(gate(), children, false);
    let answer = peer.ask(1, "launch", json!({TOKEN: "0123456789abcdef", "program": "a"})).await;
    assert_eq!(answer["body"]["arguments"], json!({"program": "a"}));
    let question = peer.hear().await.unwrap();
    assert_eq!(question["arguments"]["configuration"], json!({CHILD: "x", TOKEN: "0123456789abcdef"}));
}

#[tokio::test]
async fn a_child_of_another_process_is_reached_by_saying_everything_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("door");
    let listener = UnixListener::bind(&path).unwrap();
    let there = tokio::spawn(async move {
        let (client, messages) = adapter("there");
        let children = Children::ByDoor(Arc::new(|| Ok("/again".into())));
        let conversation = Conversation { client, messages, gate: Gate::Children, children, may_detour: false };
        let (reader, writer) = split(listener.accept().await.unwrap().0);
        conversation.hold(reader, writer).await.to_string()
    });
    let (mut peer, held) = converse(Gate::Open, Children::SameDoor, true);
    let answer = peer.ask(1, "initialize", json!({"clientID": "test"})).await;
    assert_eq!((&answer["seq"], &answer["body"]["by"]), (&json!(1), &json!("here")));
    let following = tokio::spawn(async move {
        match held.await.unwrap() {
            Ending::Elsewhere(detour) => detour.follow().await,
            ending => panic!("{ending}"),
        }
    });
    let answer = peer.ask(2, "attach", json!({CHILD: "x", DOOR: path})).await;
    assert_eq!((&answer["seq"], &answer["request_seq"]), (&json!(2), &json!(2)), "the first answer came once");
    assert_eq!(answer["body"], json!({"by": "there", "arguments": {CHILD: "x"}}));
    assert_eq!(peer.ask(3, "threads", json!({})).await["body"]["by"], "there");
    peer.ask(4, "disconnect", json!({})).await;
    assert!(peer.hear().await.is_none());
    assert!(following.await.unwrap().is_ok());
    assert_eq!(there.await.unwrap(), "its adapter has ended");
}

#[tokio::test]
async fn a_private_door_is_opened_for_the_first_child_and_closed_with_its_parent() {
    let sessions = Sessions::new(Settings::default(), Host::new(Vec::new(), Vec::new()));
    let reception = Reception {
        debugs: Arc::new(Debugs::new(Arc::new(sessions))),
        opening: Arc::new(|| Opening { session: None, configuration: None, watcher: Arc::new(Nobody) }),
        gate: Gate::Open,
        children: Children::SameDoor,
    };
    let (near, far) = duplex(1 << 20);
    let held = tokio::spawn(async move {
        let (reader, writer) = split(far);
        super::hold_with_children(adapter("here"), &reception, reader, writer).await.to_string()
    });
    let (reader, writer) = split(near);
    let mut peer = Peer { incoming: Incoming::new(reader), outgoing: Some(Outgoing::new(writer)) };
    peer.ask(1, "launch", json!({})).await;
    let question = peer.hear().await.unwrap();
    let configuration = &question["arguments"]["configuration"];
    let path = std::path::PathBuf::from(configuration[DOOR].as_str().unwrap());

    let (reader, writer) = dial(&path).await.unwrap().into_split();
    let (mut from, mut to) = (Incoming::new(reader), Outgoing::new(writer));
    for (seq, command, arguments) in [(1, "launch", json!({})), (2, "attach", json!({}))] {
        to.put(&json!({"seq": seq, "type": "request", "command": command, "arguments": arguments})).unwrap();
    }
    to.flush().await.unwrap();
    let answer = from.next().await.unwrap();
    assert_eq!((&answer["request_seq"], &answer["success"]), (&json!(1), &json!(false)), "it is no child");
    assert!(from.next().await.is_none(), "and is shown out");

    let (reader, writer) = dial(&path).await.unwrap().into_split();
    let (mut from, mut to) = (Incoming::new(reader), Outgoing::new(writer));
    for (seq, command, arguments) in [(1, "initialize", &json!({})), (2, "attach", configuration)] {
        to.put(&json!({"seq": seq, "type": "request", "command": command, "arguments": arguments})).unwrap();
    }
    to.flush().await.unwrap();
    assert_eq!(from.next().await.unwrap()["success"], true);
    let answer = from.next().await.unwrap();
    let why = answer["message"].as_str().unwrap();
    assert!(why.contains("token"), "an adapter says that it knows no such child: {why}");

    peer.ask(2, "disconnect", json!({})).await;
    assert_eq!(held.await.unwrap(), "its adapter has ended");
    assert!(!path.exists());
}

#[tokio::test]
async fn a_child_that_can_not_be_reached_is_answered() {
    let (mut peer, held) = converse(Gate::Open, Children::SameDoor, true);
    let following = tokio::spawn(async move {
        match held.await.unwrap() {
            Ending::Elsewhere(detour) => detour.follow().await,
            ending => panic!("{ending}"),
        }
    });
    let answer = peer.ask(2, "attach", json!({CHILD: "x", DOOR: "/no/such/door"})).await;
    assert_eq!((&answer["request_seq"], &answer["success"]), (&json!(2), &json!(false)));
    assert!(peer.hear().await.is_none());
    assert!(following.await.unwrap().is_err());
}
