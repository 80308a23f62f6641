//! A debug adapter on standard streams, and the least of an editor that it takes.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use super::{Breakpoint, Debugging, figure};
use crate::Result;

/// An adapter with a program that it debugs. Dropped, both end.
pub(crate) struct Adapter {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    seq: u64,
    events: Vec<Value>,
    printed: String,
    thread: Value,
    frame: Value,
    program: Value,
}

impl Adapter {
    /// Starts an adapter and a program in it, up to the first stop if there is to be one.
    pub(crate) fn start(
        command: &mut Command,
        program: &Path,
        launch: &Value,
        breakpoints: &[Breakpoint<'_>],
        stops: bool,
    ) -> Result<Box<dyn Debugging>> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn()?;
        let input = child.stdin.take().ok_or("no standard input")?;
        let output = BufReader::with_capacity(256 << 10, child.stdout.take().ok_or("no standard output")?);
        let (events, printed) = (Vec::new(), String::new());
        let (thread, frame, program) = (Value::Null, Value::Null, json!(program));
        let mut adapter = Self { child, input, output, seq: 0, events, printed, thread, frame, program };
        adapter.ask(
            "initialize",
            &json!({"adapterID": "bench", "linesStartAt1": true, "columnsStartAt1": true,
            "supportsVariableType": true, "supportsVariablePaging": true}),
        )?;
        let mut launch = launch.clone();
        launch["program"] = adapter.program.clone();
        launch["request"] = json!("launch");
        launch["console"] = json!("internalConsole");
        let launched = adapter.send("launch", &launch)?;
        adapter.event("initialized", Some(launched))?;
        let breakpoints: Vec<Value> = breakpoints
            .iter()
            .map(|one| match one.condition {
                Some(condition) => json!({"line": one.line, "condition": condition}),
                None => json!({"line": one.line}),
            })
            .collect();
        adapter.ask("setBreakpoints", &json!({"source": {"path": adapter.program}, "breakpoints": breakpoints}))?;
        adapter.send("configurationDone", &json!({}))?;
        if stops {
            adapter.stopped()?;
        }
        Ok(Box::new(adapter))
    }

    fn send(&mut self, command: &str, arguments: &Value) -> Result<u64> {
        self.seq += 1;
        let message = json!({"seq": self.seq, "type": "request", "command": command, "arguments": arguments});
        let body = message.to_string();
        write!(self.input, "Content-Length: {}\r\n\r\n{body}", body.len())?;
        Ok(self.seq)
    }

    fn receive(&mut self) -> Result<Value> {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if self.output.read_line(&mut line)? == 0 {
                return Err("the adapter is gone".into());
            }
            match line.trim_end().split_once(": ") {
                Some(("Content-Length", value)) => length = value.parse()?,
                None if line == "\r\n" => break,
                _ => {}
            }
        }
        let mut body = vec![0; length];
        self.output.read_exact(&mut body)?;
        let message: Value = serde_json::from_slice(&body)?;
        if message["event"] == "output" && message["body"]["category"] == "stdout" {
            self.printed.push_str(message["body"]["output"].as_str().unwrap_or_default());
        }
        Ok(message)
    }

    fn ask(&mut self, command: &str, arguments: &Value) -> Result<Value> {
        let seq = self.send(command, arguments)?;
        loop {
            let mut message = self.receive()?;
            if message["type"] == "event" {
                self.events.push(message);
            } else if message["request_seq"] == seq {
                return if message["success"] == true {
                    Ok(message["body"].take())
                } else {
                    Err(message.to_string().into())
                };
            }
        }
    }

    /// Waits for an event; the answer to this request may only be a good one meanwhile.
    fn event(&mut self, name: &str, request: Option<u64>) -> Result<Value> {
        loop {
            if let Some(index) = self.events.iter().position(|event| event["event"] == name) {
                self.events.drain(..index);
                return Ok(self.events.remove(0)["body"].take());
            }
            let message = self.receive()?;
            if message["type"] == "event" {
                self.events.push(message);
            } else if message["success"] == false && request.is_some_and(|seq| message["request_seq"] == seq) {
                return Err(message.to_string().into());
            }
        }
    }

    fn stopped(&mut self) -> Result<()> {
        self.thread = self.event("stopped", None)?["threadId"].take();
        Ok(())
    }

    fn go(&mut self, command: &str) -> Result<()> {
        let arguments = json!({"threadId": self.thread});
        self.ask(command, &arguments).map(drop)
    }
}

impl Debugging for Adapter {
    fn step(&mut self) -> Result<()> {
        self.go("next")?;
        self.stopped()
    }

    fn clear(&mut self) -> Result<()> {
        let arguments = json!({"source": {"path": self.program}, "breakpoints": []});
        self.ask("setBreakpoints", &arguments).map(drop)
    }

    fn look(&mut self) -> Result<usize> {
        self.ask("threads", &json!({}))?;
        let arguments = json!({"threadId": self.thread, "startFrame": 0, "levels": 20});
        self.frame = self.ask("stackTrace", &arguments)?["stackFrames"][0]["id"].take();
        let arguments = json!({"frameId": self.frame});
        let scope = self.ask("scopes", &arguments)?["scopes"][0]["variablesReference"].take();
        let variables = self.ask("variables", &json!({"variablesReference": scope}))?;
        Ok(variables["variables"].as_array().map_or(0, Vec::len))
    }

    fn evaluate(&mut self, expression: &str) -> Result<Value> {
        let arguments = json!({"expression": expression, "frameId": self.frame, "context": "watch"});
        self.ask("evaluate", &arguments)
    }

    fn page(&mut self, expression: &str) -> Result<usize> {
        let reference = self.evaluate(expression)?["variablesReference"].take();
        let page = json!({"variablesReference": reference, "filter": "indexed", "start": 50_000, "count": 100});
        Ok(self.ask("variables", &page)?["variables"].as_array().map_or(0, Vec::len))
    }

    fn result(&mut self) -> Result<f64> {
        loop {
            if let Some(figure) = figure(&self.printed) {
                return Ok(figure);
            }
            let message = self.receive()?;
            if message["event"] == "terminated" {
                return Err(format!("the program said only {:?}", self.printed).into());
            }
        }
    }
}

impl Drop for Adapter {
    fn drop(&mut self) {
        // What is left of it dies with its adapter; nothing depends on how it ends.
        if self.send("disconnect", &json!({"terminateDebuggee": true})).is_ok() {
            while let Ok(message) = self.receive() {
                if message["command"] == "disconnect" {
                    break;
                }
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
