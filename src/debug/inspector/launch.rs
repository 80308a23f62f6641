//! How a program is started so that its inspector is found, and how the debugger gets hold of it.
//!
//! Every process of a debugged program opens its inspector on a port of its own on the sandbox's loopback,
//! says so in a line through a pipe, and waits.

use std::sync::{Arc, Weak};

use bytes::Bytes;
use futures::future::try_join_all;
use serde::Deserialize;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::sync::mpsc;

use super::budget::Budget;
use super::channel::{Carrier, Channel};
use super::events;
use super::paths::{self, cut};
use super::socket;
use super::target::{Options, Target as Debuggee};
use super::terms::BINDING;
use crate::agent::Endpoint;
use crate::debug::backend::{Attachment, DebugEvent, EVENT_QUEUE, Fault, PATIENCE};
use crate::debug::ground::{Conduit, Ground, Preparation, Target, What};

/// The file that every process of the program runs first.
pub(super) const BOOTLOADER: &str = "bootloader.cjs";

/// The pipe through which processes say that they wait.
const PIPE: &str = "inspectors";

/// The longest line of such a pipe: one that a pipe takes at one stroke.
const MAX_LINE_BYTES: u64 = 4096;

/// Processes of one program that are debugged.
const MAX_PROCESSES: usize = 256;

/// How many calls led to one another, at most.
const ASYNC_DEPTH: u32 = 32;

/// The port that Node's inspector listens on when a signal opens it.
const DEFAULT_PORT: u16 = 9229;

/// How often a port is tried that opens soon.
const TRIES: u32 = 100;

/// The signal that has Node open its inspector.
const SIGUSR1: i32 = 10;

/// What a process says of itself.
#[derive(Deserialize)]
struct Announcement {
    pid: u32,
    url: String,
    #[serde(default)]
    name: String,
}

impl Announcement {
    fn read(line: &str) -> Option<Self> {
        let announcement: Self = serde_json::from_str(line).ok()?;
        port_of(&announcement.url).map(|_| announcement)
    }
}

/// The port of an inspector's address, if it is one as Node makes it.
fn port_of(url: &str) -> Option<u16> {
    let (port, id) = url.strip_prefix("ws://127.0.0.1:")?.split_once('/')?;
    let is_id = id.len() <= 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    port.parse().ok().filter(|port| is_id && *port != 0)
}

/// How to start a program of Node's.
pub(super) fn prepare(target: &Target, directory: &str) -> Result<Preparation, Fault> {
    let settings = json!({
        "children": target.children, "entry": target.stop_on_entry, "maps": target.source_maps, "binding": BINDING,
    });
    let mut files = vec![
        (BOOTLOADER.to_owned(), Bytes::from_static(include_bytes!("bootloader.cjs"))),
        ("settings.json".to_owned(), Bytes::from(settings.to_string())),
    ];
    // Node says on standard error where its inspector listens, unless told to say it elsewhere.
    let mut args = vec!["--inspect-publish-uid=http".to_owned()];
    args.extend(target.engine_args.iter().cloned());
    args.extend(["--require".to_owned(), format!("{directory}/{BOOTLOADER}")]);
    match &target.what {
        What::File(path) => args.push(path.clone()),
        What::Module(name) => {
            return Err(Fault::Refused(format!("Node has no modules to run by name; give the path of {name}")));
        }
        What::Code { name, text } => {
            let name = name.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("code.js");
            files.push((format!("code/{name}"), text.clone()));
            args.push(format!("{directory}/code/{name}"));
        }
    }
    args.extend(target.args.iter().cloned());
    Ok(Preparation { files, args, ..Preparation::default() })
}

fn options(target: &Target, directory: &str) -> Options {
    let entry = match &target.what {
        _ if !target.stop_on_entry => None,
        What::File(path) => Some(path.clone()),
        What::Code { name, .. } => Some(format!("{directory}/code/{}", name.rsplit('/').next().unwrap_or_default())),
        What::Module(_) => None,
    };
    Options {
        name: "main".to_owned(),
        entry,
        just_my_code: target.just_my_code.iter().map(|path| path.trim_end_matches('/').to_owned()).collect(),
        directory: directory.to_owned(),
        source_maps: target.source_maps,
        children: target.children,
        attached: false,
        logs: true,
    }
}

/// Connects to a program that was started as [`prepare`] says.
pub(super) async fn connect(target: &Target, ground: Arc<dyn Ground>) -> Result<Attachment, Fault> {
    let directory = ground.directory().to_owned();
    let pipe = ground.dial(pipe_of(&directory)).await?;
    let mut pipe = BufReader::new(pipe);
    let first = tokio::select! {
        first = tokio::time::timeout(PATIENCE, announced(&mut pipe)) => first.map_err(|_| Fault::Timeout(PATIENCE))?,
        end = ground.gone() => return Err(Fault::Gone(end)),
    };
    let first = first.ok_or_else(|| Fault::Gone("it did not say where its inspector listens".to_owned()))?;
    let options = options(target, &directory);
    let carrier = reach(&*ground, &first.url, Budget::new()).await?;
    let (debuggee, events) = set_up(carrier, Arc::clone(&ground), options).await?;
    tokio::spawn(processes(pipe, Arc::downgrade(&debuggee), ground));
    Ok(Attachment { debugger: debuggee, events })
}

/// The pipe of this name in an execution's own directory, as the agent names it: below where all of them are.
fn pipe_of(directory: &str) -> Endpoint {
    let below = directory.strip_prefix("/run/codebeaker/").unwrap_or(directory);
    Endpoint::Fifo(format!("{below}/{PIPE}").into_bytes())
}

/// Connects to a program that runs already.
pub(super) async fn attach(target: &Target, ground: Arc<dyn Ground>) -> Result<Attachment, Fault> {
    let conduit = match ground.dial(Endpoint::Port(DEFAULT_PORT)).await {
        Ok(conduit) => conduit,
        Err(_) => {
            ground.signal(SIGUSR1).await?;
            opened(&*ground).await?
        }
    };
    let url = socket::first_target(conduit, DEFAULT_PORT).await?;
    if port_of(&url) != Some(DEFAULT_PORT) {
        return Err(Fault::Gone("its inspector names no target of its own".to_owned()));
    }
    let carrier = reach(&*ground, &url, Budget::new()).await?;
    let options = Options { entry: None, attached: true, ..options(target, ground.directory()) };
    begin(carrier, ground, options).await
}

async fn opened(ground: &dyn Ground) -> Result<Conduit, Fault> {
    for _ in 0..TRIES {
        if let Ok(conduit) = ground.dial(Endpoint::Port(DEFAULT_PORT)).await {
            return Ok(conduit);
        }
        tokio::time::sleep(PATIENCE / 4 / TRIES).await;
    }
    Err(Fault::Timeout(PATIENCE / 4))
}

async fn reach(ground: &dyn Ground, url: &str, budget: Budget) -> Result<Carrier, Fault> {
    let port = port_of(url).ok_or_else(|| Fault::Gone("it names no inspector of its own".to_owned()))?;
    let conduit = tokio::time::timeout(PATIENCE, ground.dial(Endpoint::Port(port)));
    socket::connect(conduit.await.map_err(|_| Fault::Timeout(PATIENCE))??, url, budget).await
}

/// Begins to debug what is at the other end; it waits, unless it was running before.
pub(super) async fn begin(carrier: Carrier, ground: Arc<dyn Ground>, options: Options) -> Result<Attachment, Fault> {
    let (debugger, events) = set_up(carrier, ground, options).await?;
    Ok(Attachment { debugger, events })
}

async fn set_up(
    carrier: Carrier,
    ground: Arc<dyn Ground>,
    options: Options,
) -> Result<(Arc<Debuggee>, mpsc::Receiver<DebugEvent>), Fault> {
    let (channel, happened) = Channel::over(carrier);
    let (events, taken) = mpsc::channel(EVENT_QUEUE);
    let target = Arc::new(Debuggee::new(channel, ground, events, options));
    events::follow(&target, happened);
    let options = &target.options;
    let is_worker = options.name != "main" && !options.children;
    let mut wanted = vec![
        ("Runtime.enable", json!({})),
        ("Debugger.enable", json!({})),
        ("Runtime.addBinding", json!({"name": BINDING})),
        ("Debugger.setBlackboxPatterns", json!({"patterns": skipped(options)})),
        ("Debugger.setAsyncCallStackDepth", json!({"maxDepth": ASYNC_DEPTH})),
    ];
    if options.source_maps {
        wanted.push(("Debugger.setInstrumentationBreakpoint", json!({"instrumentation": SOURCE_MAPPED})));
    }
    try_join_all(wanted.into_iter().map(|(method, params)| target.channel.tell(method, params))).await?;
    // Not every engine has these.
    if !is_worker {
        let _ = target.channel.tell("NodeRuntime.notifyWhenWaitingForDisconnect", json!({"enabled": true})).await;
        if options.children {
            let _ = target.channel.tell("NodeWorker.enable", json!({"waitForDebuggerOnStart": true})).await;
        }
    }
    if options.attached {
        let own = format!(
            "Object.defineProperty(globalThis, Symbol.for('{BINDING}'), \
             {{configurable: true, value: {{console: require('inspector').console}}}}), undefined"
        );
        let params = json!({"expression": own, "includeCommandLineAPI": true, "silent": true});
        let _ = target.channel.tell("Runtime.evaluate", params).await;
    }
    if options.entry.is_some() {
        target.await_entry().await?;
    }
    Ok((target, taken))
}

/// Where V8 stops by itself between compiling a module and running it, when it has a source map.
const SOURCE_MAPPED: &str = "beforeScriptWithSourceMapExecution";

/// Addresses of scripts that steps pass by: what is not the user's own. The interpreter's own code is not among
/// them: V8 passes by only some of it, and forgets that it was to stop when that is where it would have.
fn skipped(options: &Options) -> Vec<String> {
    let mut patterns = Vec::new();
    if !options.directory.is_empty() {
        let bootloader = paths::url_of(&format!("{}/{BOOTLOADER}", options.directory));
        patterns.push(format!("^{}$", escaped(&bootloader)));
    }
    if !options.just_my_code.is_empty() {
        let own: Vec<_> = options.just_my_code.iter().map(|path| escaped(&paths::url_of(path))).collect();
        patterns.push("/node_modules/".to_owned());
        patterns.push(format!("^file://(?!(?:{})/)", own.join("|").replace("file://", "")));
    }
    patterns
}

/// A text as a regular expression that matches it alone.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for char in text.chars() {
        if ".*+?^${}()|[]\\".contains(char) {
            escaped.push('\\');
        }
        escaped.push(char);
    }
    escaped
}

/// The next process that says that it waits; what is no such line is passed over.
async fn announced(pipe: &mut BufReader<Conduit>) -> Option<Announcement> {
    loop {
        let mut line = Vec::new();
        let read = pipe.take(MAX_LINE_BYTES).read_until(b'\n', &mut line).await.ok()?;
        if read == 0 {
            return None;
        }
        if let Some(announcement) = std::str::from_utf8(&line).ok().and_then(Announcement::read) {
            return Some(announcement);
        }
    }
}

/// Gets hold of the processes that a program starts, one after the other.
async fn processes(mut pipe: BufReader<Conduit>, first: Weak<Debuggee>, ground: Arc<dyn Ground>) {
    let Some(end) = first.upgrade().map(|first| first.channel.end()) else { return };
    let mut count = 0;
    loop {
        let announcement = tokio::select! {
            announcement = announced(&mut pipe) => announcement,
            () = end.comes() => None,
        };
        let Some(Announcement { pid, url, name }) = announcement else { return };
        let Some(budget) = first.upgrade().map(|first| first.channel.budget().beside()) else { return };
        // One that can't be reached goes its way; one too many is let go of by dropping the carrier.
        let Ok(carrier) = reach(&*ground, &url, budget).await else { continue };
        count += 1;
        let Some(options) = first.upgrade().map(|first| first.options.clone()) else { return };
        if count > MAX_PROCESSES || !options.children {
            continue;
        }
        let file = name.rsplit('/').next().unwrap_or_default();
        let name = format!("{} [{pid}]", cut(file, 100));
        let options = Options { entry: None, ..options };
        if let Ok(attachment) = begin(carrier, Arc::clone(&ground), options).await
            && let Some(first) = first.upgrade()
        {
            first.emit(DebugEvent::Child { name, pid: Some(pid), attachment }).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_inspector_on_the_loopback_is_believed() {
        assert_eq!(port_of("ws://127.0.0.1:1234/0a-ff"), Some(1234));
        for url in ["ws://127.0.0.1:0/a", "ws://127.0.0.1:70000/a", "ws://10.0.0.1:1/a", "ws://127.0.0.1:1/a?b", "x"] {
            assert_eq!(port_of(url), None, "{url}");
        }
        assert!(Announcement::read(r#"{"pid": 1, "url": "ws://127.0.0.1:9/a"}"#).is_some());
        assert!(Announcement::read(r#"{"pid": -1, "url": "ws://127.0.0.1:9/a"}"#).is_none());
    }

    #[test]
    fn what_is_not_the_users_own_is_skipped() {
        let options = Options { just_my_code: vec!["/w+s".to_owned()], ..Options::default() };
        assert!(skipped(&options).contains(&r"^file://(?!(?:/w\+s)/)".to_owned()));
        assert!(skipped(&Options::default()).iter().all(|pattern| !pattern.contains("file")));
    }
}
