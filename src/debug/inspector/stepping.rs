//! How the program goes on: steps, and what becomes of those that end in the interpreter's own code.

use std::time::Duration;

use serde_json::json;

use super::frames::Pause;
use super::scripts::Location;
use super::target::Target;
use crate::debug::backend::{Choice, Fault, Handle, Position, Step};

/// Steps into the interpreter's own code before the debugger steps out of it: enough to get through it to a
/// callback, and soon over.
pub(super) const PATIENT_STEPS: u32 = 64;

/// The same, when it is to stop wherever it is: enough to get from a timer to its callback.
pub(super) const PATIENT_PAUSE: u32 = 400;

/// How often it is asked anew to stop, and after what time, before it is sent through the interpreter's own
/// code step by step: while that brings the program up, there is nowhere to get to.
pub(super) const PAUSES: u32 = 20;
pub(super) const PAUSE_AGAIN: Duration = Duration::from_millis(5);

/// Steps out of the interpreter's own code in a row.
const STEPS_OUT: u32 = 256;

/// Choices of where to step into, of one line.
const MAX_TARGETS: usize = 50;

/// Where the program was sent when it went on.
#[derive(Debug, Clone, Default)]
pub(super) enum Movement {
    /// On.
    #[default]
    Free,
    /// To the next place inside a call, or behind it.
    Into {
        /// Steps that are left of its patience.
        left: u32,
    },
    /// Behind this line, or out of the function.
    Over {
        /// Steps that are left of its patience.
        left: u32,
    },
    /// To a call of this line, and then into it.
    To,
    /// To wherever it is next.
    Pausing {
        /// How often it can be asked anew.
        again: u32,
        /// Steps that are left of its patience.
        left: u32,
    },
    /// To the start of a function that it is in.
    Anew,
}

impl Movement {
    /// What to do when it stops in the interpreter's own code; `None` to stop there.
    pub(super) fn through(&mut self) -> Option<&'static str> {
        match self {
            Self::Free | Self::To | Self::Anew => None,
            Self::Pausing { again, .. } if *again > 0 => {
                *again -= 1;
                Some("Debugger.resume")
            }
            Self::Into { left } | Self::Pausing { left, .. } if *left > 0 => {
                *left -= 1;
                Some("Debugger.stepInto")
            }
            // Behind what it would step out of may be nothing for long, and it is to stop now.
            Self::Pausing { .. } => None,
            Self::Into { .. } => {
                *self = Self::Over { left: STEPS_OUT };
                Some("Debugger.stepOut")
            }
            Self::Over { left } => {
                *left = left.checked_sub(1)?;
                Some("Debugger.stepOut")
            }
        }
    }
}

impl Target {
    /// Steps.
    pub(super) async fn move_on(&self, step: Step) -> Result<(), Fault> {
        let (movement, method, params) = match step {
            Step::Into(None) => (Movement::Into { left: PATIENT_STEPS }, "Debugger.stepInto", json!({})),
            Step::Over => (Movement::Over { left: STEPS_OUT }, "Debugger.stepOver", json!({})),
            Step::Out => (Movement::Over { left: STEPS_OUT }, "Debugger.stepOut", json!({})),
            Step::Into(Some(target)) => {
                let pause = self.pause()?;
                let location = call_site(&pause, &target)?;
                if pause.frames.first().is_some_and(|frame| same(&frame.location, &location)) {
                    (Movement::Into { left: PATIENT_STEPS }, "Debugger.stepInto", json!({}))
                } else {
                    (Movement::To, "Debugger.continueToLocation", json!({"location": location}))
                }
            }
        };
        self.let_go(movement).await?;
        self.channel.tell(method, params).await
    }

    /// The calls of the line where a frame is. Those inside the arguments of others come first, and stand
    /// behind them: so it can't be told which of them are over.
    pub(super) async fn calls_ahead(&self, frame: &Handle) -> Result<Vec<Choice>, Fault> {
        let pause = self.pause()?;
        let frame = pause.frame(frame)?;
        let Location { script_id, line_number, .. } = &frame.location;
        let script = self.state().scripts.get(script_id).ok_or(Fault::Stale)?;
        let found = self.locations(script_id, (*line_number, 0), (line_number.saturating_add(1), 0)).await?;
        let text = self.line(script_id, *line_number).await?;
        let units: Vec<u16> = text.encode_utf16().take(10_000).collect();
        let calls = found.into_iter().filter(|found| found.kind.as_deref() == Some("call")).take(MAX_TARGETS);
        let choices = calls.filter_map(|call| {
            let location = &call.location;
            let handle = format!("c{}.{}.{}", location.script_id, location.line_number, location.column_number);
            let rest = units.get(location.column_number as usize..).unwrap_or_default();
            let label: Vec<u16> = rest.iter().copied().take_while(|unit| *unit != u16::from(b'(')).take(80).collect();
            let (_, at) = script.shown(location.line_number, location.column_number);
            let label = format!("{}(…)", String::from_utf16_lossy(&label).trim());
            Some(Choice { handle: Handle::new(&handle)?, label, at })
        });
        Ok(choices.collect())
    }

    /// A line of a script.
    async fn line(&self, script: &str, line: u32) -> Result<String, Fault> {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Text {
            script_source: String,
        }
        let text: Text = self.channel.call("Debugger.getScriptSource", json!({"scriptId": script})).await?;
        Ok(text.script_source.lines().nth(line as usize).unwrap_or_default().to_owned())
    }

    /// Begins a frame anew.
    pub(super) async fn begin_anew(&self, frame: &Handle) -> Result<(), Fault> {
        let pause = self.pause()?;
        let id = pause.frame(frame)?.call_frame_id.clone();
        self.state().movement = Movement::Anew;
        let params = json!({"callFrameId": id, "mode": "StepInto"});
        self.channel.tell("Debugger.restartFrame", params).await
    }
}

/// Where the call is that a handle names: in the script of the innermost frame, else it is an old one.
fn call_site(pause: &Pause, target: &Handle) -> Result<Location, Fault> {
    let mut parts = target.as_str().strip_prefix('c').ok_or(Fault::Stale)?.split('.');
    let script_id = parts.next().ok_or(Fault::Stale)?.to_owned();
    let mut number = || parts.next().and_then(|part| part.parse().ok()).ok_or(Fault::Stale);
    let location = Location { script_id, line_number: number()?, column_number: number()? };
    let here = pause.frames.first().is_some_and(|frame| frame.location.script_id == location.script_id);
    if here { Ok(location) } else { Err(Fault::Stale) }
}

fn same(one: &Location, other: &Location) -> bool {
    (&one.script_id, one.line_number, one.column_number) == (&other.script_id, other.line_number, other.column_number)
}

/// Lines and columns from 1 as V8 counts them.
pub(super) fn from_zero(at: Position) -> (u32, u32) {
    (at.line.saturating_sub(1), at.column.map_or(0, |column| column.saturating_sub(1)))
}
