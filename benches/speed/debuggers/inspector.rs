//! V8's inspector over loopback, with nothing between it and us: WebSocket as far as the inspector speaks it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use serde_json::{Value, json};

use super::{Breakpoint, Debugging, figure};
use crate::Result;

/// Node with a program in it that is debugged. Dropped, it ends.
pub(crate) struct Inspector {
    child: Child,
    socket: BufReader<TcpStream>,
    printed: Receiver<String>,
    id: u64,
    events: Vec<Value>,
    frame: Value,
    breakpoints: Vec<Value>,
}

impl Inspector {
    /// Starts Node and a program in it, up to the first stop if there is to be one.
    pub(crate) fn start(program: &Path, breakpoints: &[Breakpoint<'_>], stops: bool) -> Result<Box<dyn Debugging>> {
        let mut child = Command::new("node")
            .arg("--inspect-brk=127.0.0.1:0")
            .arg(program)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut stderr = BufReader::new(child.stderr.take().ok_or("no standard error")?);
        let mut line = String::new();
        stderr.read_line(&mut line)?;
        let url = line.split("ws://").nth(1).ok_or_else(|| format!("no inspector: {line:?}"))?.trim();
        let (host, path) = url.split_once('/').ok_or("no path")?;
        let mut stream = TcpStream::connect(host)?;
        stream.set_nodelay(true)?;
        write!(
            stream,
            "GET /{path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )?;
        let mut socket = BufReader::with_capacity(256 << 10, stream);
        while line != "\r\n" {
            line.clear();
            socket.read_line(&mut line)?;
        }
        let (said, printed) = channel();
        let mut stdout = BufReader::new(child.stdout.take().ok_or("no standard output")?);
        std::thread::spawn(move || {
            let mut line = String::new();
            while stdout.read_line(&mut line).is_ok_and(|count| count > 0) {
                if said.send(std::mem::take(&mut line)).is_err() {
                    break;
                }
            }
        });
        let (events, frame) = (Vec::new(), Value::Null);
        let mut inspector = Self { child, socket, printed, id: 0, events, frame, breakpoints: Vec::new() };
        inspector.ask("Runtime.enable", json!({}))?;
        inspector.ask("Debugger.enable", json!({}))?;
        inspector.ask("Runtime.runIfWaitingForDebugger", json!({}))?;
        inspector.stopped()?;
        let url = format!("file://{}", program.display());
        for one in breakpoints {
            let wanted =
                json!({"url": url, "lineNumber": one.line - 1, "condition": one.condition.unwrap_or_default()});
            let placed = inspector.ask("Debugger.setBreakpointByUrl", wanted)?;
            inspector.breakpoints.push(placed["breakpointId"].clone());
        }
        inspector.ask("Debugger.resume", json!({}))?;
        if stops {
            inspector.stopped()?;
        }
        Ok(Box::new(inspector))
    }

    fn receive(&mut self) -> Result<Value> {
        // The inspector sends a frame's head and its body apart, and the kernel would make it wait in between.
        rustix::net::sockopt::set_tcp_quickack(self.socket.get_ref(), true)?;
        let mut whole = Vec::new();
        loop {
            let mut head = [0; 2];
            self.socket.read_exact(&mut head)?;
            let length = match head[1] & 127 {
                126 => {
                    let mut length = [0; 2];
                    self.socket.read_exact(&mut length)?;
                    u64::from(u16::from_be_bytes(length))
                }
                127 => {
                    let mut length = [0; 8];
                    self.socket.read_exact(&mut length)?;
                    u64::from_be_bytes(length)
                }
                length => u64::from(length),
            };
            rustix::net::sockopt::set_tcp_quickack(self.socket.get_ref(), true)?;
            (&mut self.socket).take(length).read_to_end(&mut whole)?;
            if head[0] & 128 != 0 {
                return Ok(serde_json::from_slice(&whole)?);
            }
        }
    }

    fn ask(&mut self, method: &str, params: Value) -> Result<Value> {
        self.id += 1;
        let body = json!({"id": self.id, "method": method, "params": params}).to_string();
        let mut frame = vec![0x81];
        match body.len() {
            length @ ..126 => frame.push(0x80 | length as u8),
            length => {
                frame.push(0x80 | 126);
                frame.extend(u16::try_from(length)?.to_be_bytes());
            }
        }
        // A mask of zeros leaves the body as it is.
        frame.extend([0; 4]);
        frame.extend(body.as_bytes());
        self.socket.get_mut().write_all(&frame)?;
        loop {
            let mut message = self.receive()?;
            if message["id"] == self.id {
                return match message.get("error") {
                    Some(error) => Err(format!("{method}: {error}").into()),
                    None => Ok(message["result"].take()),
                };
            }
            self.events.push(message);
        }
    }

    fn stopped(&mut self) -> Result<()> {
        loop {
            if let Some(index) = self.events.iter().position(|event| event["method"] == "Debugger.paused") {
                self.frame = self.events.swap_remove(index)["params"]["callFrames"][0].take();
                self.events.clear();
                return Ok(());
            }
            let event = self.receive()?;
            self.events.push(event);
        }
    }

    fn properties(&mut self, object: &Value) -> Result<Value> {
        self.ask("Runtime.getProperties", json!({"objectId": object["objectId"], "ownProperties": true}))
    }
}

impl Debugging for Inspector {
    fn step(&mut self) -> Result<()> {
        self.ask("Debugger.stepOver", json!({}))?;
        self.stopped()
    }

    fn clear(&mut self) -> Result<()> {
        for id in std::mem::take(&mut self.breakpoints) {
            self.ask("Debugger.removeBreakpoint", json!({"breakpointId": id}))?;
        }
        Ok(())
    }

    fn look(&mut self) -> Result<usize> {
        // The stack and the scopes came with the stop, and there is one thread.
        let scope = self.frame["scopeChain"][0]["object"].clone();
        Ok(self.properties(&scope)?["result"].as_array().map_or(0, Vec::len))
    }

    fn evaluate(&mut self, expression: &str) -> Result<Value> {
        let frame = self.frame["callFrameId"].clone();
        self.ask("Debugger.evaluateOnCallFrame", json!({"callFrameId": frame, "expression": expression}))
    }

    fn page(&mut self, expression: &str) -> Result<usize> {
        let page = self.evaluate(&format!("{expression}.slice(50000, 50100)"))?;
        Ok(self.properties(&page["result"])?["result"].as_array().map_or(0, Vec::len))
    }

    fn result(&mut self) -> Result<f64> {
        let mut said = String::new();
        loop {
            said.push_str(&self.printed.recv().map_err(|_| format!("the program said only {said:?}"))?);
            if let Some(figure) = figure(&said) {
                return Ok(figure);
            }
        }
    }
}

impl Drop for Inspector {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
