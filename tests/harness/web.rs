//! Servers on this machine for programs in sandboxes to reach, and daemons whose settings let them.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::{Client, Place};

/// Something on this machine that answers each request of plain HTTP with what it was asked.
pub(crate) struct Server {
    address: SocketAddr,
    met: Arc<AtomicUsize>,
}

impl Server {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, met) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&met);
        std::thread::spawn(move || {
            for peer in listener.incoming().flatten() {
                counted.fetch_add(1, Ordering::SeqCst);
                std::thread::spawn(move || answer(peer));
            }
        });
        Self { address, met }
    }

    /// Where it is.
    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// How many have connected.
    pub(crate) fn met(&self) -> usize {
        self.met.load(Ordering::SeqCst)
    }
}

/// Says what was asked, as far as the body goes that was announced.
fn answer(mut peer: TcpStream) {
    let mut asked = Vec::new();
    let mut part = [0; 65_536];
    let end = loop {
        match peer.read(&mut part) {
            Ok(length @ 1..) => asked.extend_from_slice(&part[..length]),
            Ok(0) | Err(_) => return,
        }
        if let Some(end) = asked.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let head = String::from_utf8_lossy(&asked[..end]).into_owned();
    let length =
        head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).map_or(0, |length| length.parse().unwrap());
    while asked.len() < end + length {
        match peer.read(&mut part) {
            Ok(length @ 1..) => asked.extend_from_slice(&part[..length]),
            Ok(0) | Err(_) => return,
        }
    }
    let answer = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", asked.len());
    // Who asked may be gone.
    drop(peer.write_all(&[answer.as_bytes(), &asked].concat()));
}

/// A daemon with this settings file.
pub(crate) fn daemon(place: Place, settings: &str) -> (tempfile::TempDir, Client) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config.toml");
    std::fs::write(&file, settings).unwrap();
    let client = place.setup().arg("--config").arg(&file).initialized();
    (directory, client)
}

/// Settings that let this server be reached.
pub(crate) fn private(hosts: &[String]) -> String {
    format!("[network]\nprivate = {}\n", json!(hosts))
}
