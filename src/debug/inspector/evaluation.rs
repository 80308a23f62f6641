//! Expressions: in a frame or globally, with effects or without.

use serde::Deserialize;
use serde_json::{Value, json};

use super::remote::RemoteObject;
use super::target::{GROUP, Target};
use super::terms::{BINDING, Thrown};
use crate::debug::backend::{Fault, Handle, Purpose, Shown};

/// How long the program's own code may take: for the mouse, which rests on many things; for what is looked at
/// unasked; and for what a person has asked for. V8 itself ends it then. Nothing else could: a thread that
/// evaluates hears nothing, and a `Runtime.terminateExecution` that waits behind what it was to end would end
/// the program instead.
const HOVER_MS: u32 = 500;
const WATCH_MS: u32 = 5_000;
const CONSOLE_MS: u32 = 10_000;

/// The longest text of a value that is copied.
const MAX_WHOLE_BYTES: usize = 8 << 20;

/// Makes a text of a whole value, as one would write it down.
const WHOLE: &str = include_str!("whole.js");

/// An answer to something that runs the program's code.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    #[serde(default)]
    result: RemoteObject,
    exception_details: Option<Thrown>,
}

impl Target {
    /// Evaluates; what is thrown is a refusal.
    pub(super) async fn evaluate_in(
        &self,
        frame: Option<&Handle>,
        expression: &str,
        purpose: Purpose,
    ) -> Result<RemoteObject, Fault> {
        let hover = purpose == Purpose::Hover;
        let console = purpose == Purpose::Console;
        let mut params = json!({
            "expression": expression,
            // The group of this name is the one whose last value is `$_`.
            "objectGroup": if console { "console" } else { GROUP },
            "includeCommandLineAPI": console,
            "silent": !console,
            "generatePreview": true,
            "throwOnSideEffect": hover,
        });
        params["timeout"] = Value::from(match purpose {
            Purpose::Hover => HOVER_MS,
            Purpose::Console => CONSOLE_MS,
            Purpose::Watch | Purpose::Clipboard => WATCH_MS,
        });
        let Some(frame) = frame else {
            // What it answers comes by a promise, which none does while the program is paused.
            params["replMode"] = Value::from(console && self.pause().is_err());
            return self.run("Runtime.evaluate", params).await;
        };
        let pause = self.pause()?;
        params["callFrameId"] = Value::from(pause.frame(frame)?.call_frame_id.as_str());
        self.run("Debugger.evaluateOnCallFrame", params).await
    }

    /// Has the program's code run, as long as the caller waits.
    pub(super) async fn run(&self, method: &str, params: Value) -> Result<RemoteObject, Fault> {
        self.state().evaluated = true;
        let outcome: Outcome = self.channel.call_unbounded(method, params).await?;
        match outcome.exception_details {
            Some(thrown) => Err(Fault::Refused(thrown.line())),
            None => Ok(outcome.result),
        }
    }

    /// Calls a function on an object that runs the program's own code, a getter say, and so must have an end:
    /// calls on objects have none, evaluations do.
    pub(super) async fn call_bounded(
        &self,
        object: &str,
        function: &str,
        arguments: Vec<Value>,
    ) -> Result<RemoteObject, Fault> {
        let slot = format!("globalThis[Symbol.for(\"{BINDING}:call\")]");
        let keep = format!("function(...rest) {{ {slot} = () => ({function}).apply(this, rest); }}");
        self.call_on(object, &keep, arguments).await?;
        let call = format!("(() => {{ const call = {slot}; {slot} = undefined; return call(); }})()");
        let frame = self.pause().ok().and_then(|pause| Handle::new(&format!("f{}.0", pause.generation)));
        self.evaluate_in(frame.as_ref(), &call, Purpose::Watch).await
    }

    /// A value as text, whole.
    pub(super) async fn whole(&self, value: RemoteObject) -> Result<Shown, Fault> {
        if let Some(text) = value.string() {
            return Ok(Shown { text: text.to_owned(), ..Shown::default() });
        }
        let Some(id) = &value.object_id else {
            return Ok(Shown { text: value.text(false), ..Shown::default() });
        };
        let text = self.call_on(id, WHOLE, vec![json!({"value": MAX_WHOLE_BYTES})]).await?;
        let text = text.string().map_or_else(|| value.text(false), str::to_owned);
        Ok(Shown { text, ..Shown::default() })
    }
}
