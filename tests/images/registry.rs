//! A registry of our own: one image with one layer, over plain HTTP on the loopback, read-only.
//!
//! It can stop in the middle of the layer, so that a test sees a transfer that is under way.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use serde_json::json;

use crate::harness::DEADLINE;

/// Enough for several reports on the way.
const LAYER_BYTES: usize = 4 << 20;

const MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

pub(crate) struct Registry {
    address: SocketAddr,
    shared: Arc<Shared>,
    gone: Receiver<()>,
}

struct Shared {
    image: Image,
    /// Whether the second half of the layer is sent.
    released: (Mutex<bool>, Condvar),
    /// Told when whoever fetched the layer went away before its end.
    gone: Mutex<Sender<()>>,
}

struct Image {
    manifest: Vec<u8>,
    config: Vec<u8>,
    layer: Vec<u8>,
}

impl Registry {
    /// Stops in the middle of the layer until it is released.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("listen on the loopback");
        let address = listener.local_addr().expect("a listener has an address");
        let (sender, gone) = channel();
        let shared = Arc::new(Shared {
            image: image(),
            released: (Mutex::new(false), Condvar::new()),
            gone: Mutex::new(sender),
        });
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&serving);
                std::thread::spawn(move || drop(serve(stream, &shared)));
            }
        });
        Self { address, shared, gone }
    }

    /// The name of its image.
    pub(crate) fn image(&self) -> String {
        format!("{}/tools/python:latest", self.address)
    }

    /// An image that it has not.
    pub(crate) fn unknown(&self) -> String {
        format!("{}/tools/none:latest", self.address)
    }

    /// Sends the rest.
    pub(crate) fn release(&self) {
        *self.shared.released.0.lock().unwrap() = true;
        self.shared.released.1.notify_all();
    }

    /// Waits until whoever fetched the layer went away before its end.
    pub(crate) fn expect_gone(&self) {
        self.gone.recv_timeout(DEADLINE).expect("the engine gives the transfer up");
    }
}

fn image() -> Image {
    // Nothing that could be compressed, and no two tests the same: an engine doesn't fetch what it has.
    let mut content = vec![0; LAYER_BYTES];
    getrandom_from_kernel(&mut content);
    let directory = tempfile::tempdir().expect("make a directory");
    std::fs::write(directory.path().join("content"), content).expect("write the content");
    let tar = Command::new("tar").args(["-c", "content"]).current_dir(directory.path()).output().expect("run tar");
    let layer = tar.stdout;
    let config = json!({
        "architecture": if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" },
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [digest(&layer)]},
    });
    let config = config.to_string().into_bytes();
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {
            "mediaType": "application/vnd.docker.container.image.v1+json",
            "size": config.len(),
            "digest": digest(&config),
        },
        "layers": [{
            "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip",
            "size": layer.len(),
            "digest": digest(&layer),
        }],
    });
    Image { manifest: manifest.to_string().into_bytes(), config, layer }
}

fn getrandom_from_kernel(bytes: &mut [u8]) {
    std::fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(bytes)).expect("read random bytes");
}

fn digest(bytes: &[u8]) -> String {
    let mut child =
        Command::new("sha256sum").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("run sha256sum");
    child.stdin.take().expect("it has an input").write_all(bytes).expect("write to it");
    let output = child.wait_with_output().expect("wait for it");
    let text = String::from_utf8(output.stdout).expect("it prints text");
    format!("sha256:{}", text.split_whitespace().next().expect("it prints a digest"))
}

/// One request a connection. What is no HTTP, such as the attempt to speak TLS, is answered in HTTP, by which the
/// engine knows to try without.
fn serve(stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut request = Vec::new();
    reader.by_ref().take(4096).read_until(b'\n', &mut request)?;
    let request = String::from_utf8_lossy(&request).into_owned();
    let mut words = request.split_whitespace();
    let (method, path) = match (words.next(), words.next()) {
        (Some(method @ ("GET" | "HEAD")), Some(path)) => (method.to_owned(), path.to_owned()),
        _ => return (&stream).write_all(b"HTTP/1.0 400 Bad Request\r\n\r\n"),
    };
    let mut line = String::new();
    while reader.read_line(&mut line)? > 2 {
        line.clear();
    }
    let Image { manifest, config, layer } = &shared.image;
    let (kind, body): (&str, &[u8]) = match path.strip_prefix("/v2/tools/python/") {
        Some(rest) if rest.starts_with("manifests/") => (MANIFEST, manifest),
        Some(rest) if rest == format!("blobs/{}", digest(config)) => ("application/octet-stream", config),
        Some(rest) if rest == format!("blobs/{}", digest(layer)) => ("application/octet-stream", layer),
        _ if path == "/v2/" => ("application/json", b"{}"),
        _ => {
            let body = r#"{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}"#;
            let length = body.len();
            let head = format!("HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: {length}");
            return (&stream).write_all(format!("{head}\r\nConnection: close\r\n\r\n{body}").as_bytes());
        }
    };
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nDocker-Content-Digest: {}\r\n\
         Docker-Distribution-Api-Version: registry/2.0\r\nConnection: close\r\n\r\n",
        body.len(),
        digest(body),
    );
    (&stream).write_all(head.as_bytes())?;
    if method == "HEAD" {
        return Ok(());
    }
    if body.len() < LAYER_BYTES {
        return (&stream).write_all(body);
    }
    let sent = send_in_halves(&stream, body, shared);
    if sent.is_err() {
        shared.gone.lock().unwrap().send(()).unwrap_or_default();
    }
    sent
}

fn send_in_halves(stream: &TcpStream, body: &[u8], shared: &Shared) -> std::io::Result<()> {
    let (first, second) = body.split_at(body.len() / 2);
    // In steps, as the engine reports no more often than this.
    for part in first.chunks(first.len() / 8) {
        (&*stream).write_all(part)?;
        std::thread::sleep(Duration::from_millis(120));
    }
    let mut released = shared.released.0.lock().unwrap();
    while !*released {
        let step = Duration::from_millis(20);
        (released, _) = shared.released.1.wait_timeout(released, step).unwrap();
        if !*released && is_closed(stream)? {
            return Err(std::io::ErrorKind::BrokenPipe.into());
        }
    }
    drop(released);
    (&*stream).write_all(second)
}

fn is_closed(stream: &TcpStream) -> std::io::Result<bool> {
    stream.set_nonblocking(true)?;
    let peeked = stream.peek(&mut [0]);
    stream.set_nonblocking(false)?;
    Ok(match peeked {
        Ok(read) => read == 0,
        Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
    })
}
