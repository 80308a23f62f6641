//! Debuggers that speak DAP themselves and run inside the sandbox: delve, netcoredbg, any adapter that a
//! launch configuration names.
//!
//! The debugger shares its sandbox with the program, which can take hold of its stream and say on it what it
//! likes: to an editor that heard it, a `runInTerminal` request would be a command to run on its own machine.
//! So nothing is passed on as it came. The proxy asks with numbers of its own and listens to nothing but
//! answers to what it asked and to the events on its list (`surface`); what names something is exchanged for
//! a number that was minted here (`names`); paths are those of the other side or not there (`translate`);
//! texts are cleaned, and sizes, depths, counts and times are bounded (`clean`, `wire`).
//!
//! Fields that DAP does not know pass, cleaned. Each request is answered once: by the debugger, or here
//! when it is gone, takes too long or may not be asked that. Answers and events reach the client in the
//! order in which the debugger sent them.

mod capabilities;
mod clean;
mod exchange;
mod names;
mod surface;
mod translate;
mod wire;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use super::ground::Conduit;
use crate::dap::{Request, ToClient};
use exchange::{Answer, Exchange, Order};

/// Where files are on either side.
pub trait Paths: Send + Sync {
    /// The client's path for a file of the sandbox; `None` when the client has no such file.
    fn to_client(&self, inside: &str) -> Option<String>;

    /// The sandbox's path for a file of the client's; `None` when the sandbox has no such file.
    fn to_sandbox(&self, path: &str) -> Option<String>;
}

/// Why a request was not answered by its result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is not among those that go through.
    #[error("the request is not supported for this language")]
    Unsupported,
    /// What it names is gone, or never was.
    #[error("the program has run on since; ask again")]
    Stale,
    /// A field that names something is not a number.
    #[error("what names a thread, a frame or a value must be a whole number")]
    NoNumber,
    /// The file is not one that the sandbox has.
    #[error("the file is outside the workspace")]
    Outside,
    /// There are as many requests under way as may be.
    #[error("too many requests wait for the debugger")]
    Busy,
    /// The debugger did not answer in time.
    #[error("the debugger did not answer within {} s", .0.as_secs())]
    Timeout(Duration),
    /// The debugger answered what DAP does not allow.
    #[error("the debugger's answer makes no sense")]
    Senseless,
    /// The debugger is gone.
    #[error("the debugger is gone")]
    Gone,
    /// The debugger said no, in these words.
    #[error("{0}")]
    Said(String),
}

/// Requests that may wait for the proxy itself.
const ORDERS: usize = 64;

/// The way to a debugger inside a sandbox. Dropped, it lets go of the debugger.
#[derive(Debug, Clone)]
pub struct Proxy {
    orders: mpsc::Sender<Order>,
    dropped: wire::Dropped,
}

impl Proxy {
    /// Begins to speak to the debugger at the other end of `conduit`. What it says arrives at `out`, which must
    /// be emptied all the time; that nobody holds it any more means that the debugger is gone.
    #[must_use]
    pub fn start(conduit: Conduit, paths: Arc<dyn Paths>, out: mpsc::Sender<ToClient>) -> Self {
        Self::start_with_patience(conduit, paths, out, Duration::MAX)
    }

    /// `patience` bounds how long the debugger may take for any request.
    fn start_with_patience(
        conduit: Conduit,
        paths: Arc<dyn Paths>,
        out: mpsc::Sender<ToClient>,
        patience: Duration,
    ) -> Self {
        let (orders, taken) = mpsc::channel(ORDERS);
        let (reader, writer) = tokio::io::split(conduit);
        let dropped = wire::Dropped::default();
        let (heard, said) = wire::inbound();
        let (to_write, written) = mpsc::channel(wire::OUTBOUND);
        tokio::spawn(wire::listen(reader, heard, dropped.clone()));
        tokio::spawn(wire::speak(writer, written));
        tokio::spawn(Exchange::new(paths, to_write, out, dropped.clone(), patience).run(said, taken));
        Self { orders, dropped }
    }

    /// Passes a request of the client's on. Its answer arrives with all else that the debugger says.
    ///
    /// # Errors
    /// [`Refusal::Gone`]; the request is not answered then.
    pub async fn pass(&self, request: Request) -> Result<(), Refusal> {
        let Request { seq, command, arguments } = request;
        let order = Order { command, arguments, as_control: false, answer: Answer::Client { seq } };
        self.orders.send(order).await.map_err(|_| Refusal::Gone)
    }

    /// Makes a request that a client could make, and waits for its answer.
    ///
    /// # Errors
    /// Any [`Refusal`].
    pub async fn request(&self, command: &str, arguments: Value) -> Result<Value, Refusal> {
        self.ask(command, arguments, false).await
    }

    /// Makes a request that is the adapter's business: `initialize` (whose answer is cut down to what goes
    /// through), `launch`, `attach`, `configurationDone`, `terminate`, `disconnect`. The arguments are in the
    /// sandbox's own terms.
    ///
    /// # Errors
    /// Any [`Refusal`].
    pub async fn control(&self, command: &str, arguments: Value) -> Result<Value, Refusal> {
        self.ask(command, arguments, true).await
    }

    /// How many messages of the debugger's were dropped.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.count()
    }

    async fn ask(&self, command: &str, arguments: Value, as_control: bool) -> Result<Value, Refusal> {
        let (answer, answered) = oneshot::channel();
        let order = Order { command: command.to_owned(), arguments, as_control, answer: Answer::Caller(answer) };
        self.orders.send(order).await.map_err(|_| Refusal::Gone)?;
        answered.await.unwrap_or(Err(Refusal::Gone))
    }
}
