//! Messages by chance: those that a client could mean, and those that none would.

use serde_json::{Value, json};

/// Numbers by chance (xorshift), the same for the same seed.
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        // Zero would stay zero.
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % bound
    }

    /// Once in so many times.
    pub(crate) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub(crate) fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

/// Every request that the protocol has, but for those that end the session.
const COMMANDS: &[&str] = &[
    "attach",
    "breakpointLocations",
    "cancel",
    "completions",
    "configurationDone",
    "continue",
    "dataBreakpointInfo",
    "disassemble",
    "evaluate",
    "exceptionInfo",
    "goto",
    "gotoTargets",
    "initialize",
    "launch",
    "loadedSources",
    "locations",
    "modules",
    "next",
    "pause",
    "readMemory",
    "restart",
    "restartFrame",
    "reverseContinue",
    "scopes",
    "setBreakpoints",
    "setDataBreakpoints",
    "setExceptionBreakpoints",
    "setExpression",
    "setFunctionBreakpoints",
    "setInstructionBreakpoints",
    "setVariable",
    "source",
    "stackTrace",
    "stepBack",
    "stepIn",
    "stepInTargets",
    "stepOut",
    "terminateThreads",
    "threads",
    "variables",
    "writeMemory",
    "noSuchCommand",
    "",
    "__proto__",
];

const EXPRESSIONS: &[&str] = &[
    "number",
    "1 / 0",
    "box.look",
    "print('said')",
    "p number",
    "w",
    "numbers",
    "'x' * 100000",
    "lambda: 0",
    "1 +",
    "",
    "\u{0}",
    "import os",
    "[[]] * 1000",
    "del number",
    "…\u{202e}",
    "__import__('sys').exc_info()",
    "u",
    "d",
];

/// What is known of the debuggee, so that some of what is asked makes sense.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) program: String,
    threads: Vec<Value>,
    frames: Vec<Value>,
    references: Vec<Value>,
}

impl Known {
    /// Learns from what the adapter says.
    pub(crate) fn learn(&mut self, value: &Value) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    let known = match name.as_str() {
                        "threadId" => &mut self.threads,
                        "id" => &mut self.frames,
                        "variablesReference" => &mut self.references,
                        _ => {
                            self.learn(value);
                            continue;
                        }
                    };
                    if known.len() < 50 && !known.contains(value) {
                        known.push(value.clone());
                    }
                }
            }
            Value::Array(items) => items.iter().take(50).for_each(|item| self.learn(item)),
            _ => {}
        }
    }

    /// A request: its command and its arguments.
    pub(crate) fn request(&self, chance: &mut Chance) -> (String, Value) {
        let command = (*chance.of(COMMANDS)).to_owned();
        let mut arguments = self.arguments(&command, chance);
        if chance.once_in(4)
            && let Some(fields) = arguments.as_object_mut()
        {
            let names: Vec<String> = fields.keys().cloned().collect();
            if !names.is_empty() {
                let name = chance.of(&names).clone();
                fields.insert(name, nonsense(chance, 3));
            }
        }
        if chance.once_in(20) {
            arguments = nonsense(chance, 3);
        }
        (command, arguments)
    }

    fn arguments(&self, command: &str, chance: &mut Chance) -> Value {
        let thread = one_of(&self.threads, chance);
        let frame = one_of(&self.frames, chance);
        let reference = one_of(&self.references, chance);
        let line = chance.below(60);
        let expression = *chance.of(EXPRESSIONS);
        let source = json!({"path": self.program, "sourceReference": if chance.once_in(4) { reference.clone() } else { json!(0) }});
        let context = *chance.of(&["hover", "watch", "repl", "clipboard", "variables", "elsewhere"]);
        match command {
            "setBreakpoints" => json!({"source": source, "breakpoints": [
                {"line": line, "condition": expression}, {"line": line + 1, "hitCondition": expression},
                {"line": line + 2, "logMessage": format!("{{{expression}}}")}, {"line": 34}]}),
            "setFunctionBreakpoints" => json!({"breakpoints": [{"name": *chance.of(&["make", "inner", "", "a.b.c"])}]}),
            "setExceptionBreakpoints" => json!({"filters": [*chance.of(&["raised", "uncaught", "userUnhandled", "x"])],
                "filterOptions": [{"filterId": "raised", "condition": expression}]}),
            "evaluate" => json!({"expression": expression, "frameId": frame, "context": context}),
            "setExpression" => json!({"expression": expression, "value": *chance.of(EXPRESSIONS), "frameId": frame}),
            "setVariable" => json!({"variablesReference": reference, "name": "number", "value": expression}),
            "variables" => json!({"variablesReference": reference, "start": line, "count": line * line,
                "filter": *chance.of(&["indexed", "named", "other"])}),
            "completions" => json!({"frameId": frame, "text": expression, "column": line, "line": chance.below(3)}),
            "source" => json!({"source": source, "sourceReference": reference}),
            "breakpointLocations" => json!({"source": source, "line": line, "endLine": line * line}),
            "gotoTargets" => json!({"source": source, "line": line}),
            "goto" | "stepIn" => json!({"threadId": thread, "targetId": reference}),
            "scopes" | "stepInTargets" | "restartFrame" => json!({"frameId": frame}),
            "cancel" => json!({"requestId": line}),
            "stackTrace" => json!({"threadId": thread, "startFrame": line % 7, "levels": line % 5}),
            "launch" => json!({"program": self.program, "type": "python", "request": "launch"}),
            "attach" => json!({"__codebeakerChild": "0123456789abcdef"}),
            _ => json!({"threadId": thread, "singleThread": chance.once_in(3), "granularity": "statement"}),
        }
    }
}

fn one_of(known: &[Value], chance: &mut Chance) -> Value {
    if known.is_empty() || chance.once_in(5) { nonsense(chance, 1) } else { chance.of(known).clone() }
}

/// Any JSON at all.
pub(crate) fn nonsense(chance: &mut Chance, depth: usize) -> Value {
    match chance.below(if depth == 0 { 9 } else { 12 }) {
        0 => Value::Null,
        1 => json!(chance.once_in(2)),
        2 => json!(-1),
        3 => json!(chance.below(100)),
        4 => json!(u64::MAX),
        5 => json!(1.5e300),
        6 => json!(""),
        7 => json!("x".repeat(chance.below(20_000))),
        8 => json!("../../../../etc/shadow\u{0}\u{1b}[2J"),
        9 => (0..chance.below(5)).map(|_| nonsense(chance, depth - 1)).collect(),
        10 => json!({"path": nonsense(chance, depth - 1), "line": nonsense(chance, depth - 1)}),
        _ => (0..60).fold(json!(0), |inner, _| json!([inner])),
    }
}

/// A body that is no message, or a message that is no request.
pub(crate) fn malformed(chance: &mut Chance) -> Vec<u8> {
    let request_seq = chance.below(50);
    let message = match chance.below(9) {
        0 => return b"".to_vec(),
        1 => return b"{".to_vec(),
        2 => return vec![0xff; chance.below(100)],
        3 => return [b"[".repeat(10_000), b"1".to_vec()].concat(),
        4 => json!({"type": "request"}),
        5 => json!({"type": "event", "event": "stopped", "body": {}}),
        6 => json!({"type": "response", "seq": 1, "request_seq": request_seq, "success": true, "command": "x"}),
        7 => json!([nonsense(chance, 3)]),
        _ => json!({"type": nonsense(chance, 1), "command": nonsense(chance, 1)}),
    };
    message.to_string().into_bytes()
}
