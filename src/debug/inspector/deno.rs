//! Programs of Deno, whose inspector says nowhere but on standard error where it listens: so the port is chosen
//! beforehand, and asked over HTTP for the address of its WebSocket.
//!
//! Workers and processes that the program starts are not debugged.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::budget::Budget;
use super::launch;
use super::socket;
use super::target::Options;
use super::{Backend, Inspector};
use crate::agent::Endpoint;
use crate::dap::types::Capabilities;
use crate::debug::backend::{Attachment, Fault, PATIENCE};
use crate::debug::ground::{Ground, Preparation, Target, What};
use crate::engine::{DENO_RUN, ENGINE_ARGS, NETWORK};

/// The ports of inspectors: below those that the kernel gives away by itself.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// How long after a refusal a port is tried again.
const PAUSE: Duration = Duration::from_millis(20);

/// The debugger for programs of Deno.
#[derive(Debug, Clone, Copy, Default)]
pub struct Deno;

#[async_trait]
impl Backend for Deno {
    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Inspector.capabilities();
        // Deno catches what a program does not, so that V8 takes every exception for a caught one.
        if let Some(filters) = &mut capabilities.exception_breakpoint_filters {
            filters.retain(|filter| filter.filter != "uncaught");
        }
        capabilities
    }

    fn prepare(&self, target: &Target, directory: &str) -> Result<Preparation, Fault> {
        let mut files = Vec::new();
        let mut args: Vec<String> =
            DENO_RUN.iter().take_while(|arg| **arg != ENGINE_ARGS).map(|arg| (*arg).to_owned()).collect();
        // Whoever wants more than the sandbox alone says so by arguments of the engine's.
        args.retain(|arg| arg != NETWORK);
        args.push("--no-remote".to_owned());
        args.push(format!("--inspect-brk=127.0.0.1:{}", port_for(directory)));
        // Otherwise it says on standard error where its inspector listens, and when somebody comes and goes.
        args.extend(["--inspect-publish-uid=http".to_owned(), "--quiet".to_owned()]);
        args.extend(target.engine_args.iter().cloned());
        match &target.what {
            What::File(path) => args.push(path.clone()),
            What::Module(name) => {
                return Err(Fault::Refused(format!("Deno has no modules to run by name; give the path of {name}")));
            }
            What::Code { name, text } => {
                let name = file_name(name);
                files.push((format!("code/{name}"), text.clone()));
                args.push(format!("{directory}/code/{name}"));
            }
        }
        args.extend(target.args.iter().cloned());
        Ok(Preparation { files, args, ..Preparation::default() })
    }

    async fn connect(&self, target: &Target, ground: Arc<dyn Ground>) -> Result<Attachment, Fault> {
        let directory = ground.directory().to_owned();
        let port = port_for(&directory);
        let url = tokio::select! {
            url = tokio::time::timeout(PATIENCE, listening(&*ground, port)) => {
                url.map_err(|_| Fault::Timeout(PATIENCE))?
            }
            end = ground.gone() => return Err(Fault::Gone(end)),
        };
        if !is_own(&url, port) {
            return Err(Fault::Gone("its inspector names no target of its own".to_owned()));
        }
        let conduit = tokio::time::timeout(PATIENCE, ground.dial(Endpoint::Port(port)));
        let carrier =
            socket::connect(conduit.await.map_err(|_| Fault::Timeout(PATIENCE))??, &url, Budget::new()).await?;
        let entry = match &target.what {
            _ if !target.stop_on_entry => None,
            What::File(path) => Some(path.clone()),
            What::Code { name, .. } => Some(format!("{directory}/code/{}", file_name(name))),
            What::Module(_) => None,
        };
        let options = Options {
            name: "main".to_owned(),
            entry,
            just_my_code: target.just_my_code.iter().map(|path| path.trim_end_matches('/').to_owned()).collect(),
            directory,
            source_maps: target.source_maps,
            children: false,
            attached: false,
            logs: false,
        };
        launch::begin(carrier, ground, options).await
    }

    async fn attach(&self, _: &Target, _: Arc<dyn Ground>) -> Result<Attachment, Fault> {
        Err(Fault::Refused("a program of Deno is debugged from its start on; launch it".to_owned()))
    }
}

fn file_name(name: &str) -> &str {
    name.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("code.ts")
}

/// The port of the program whose own directory this is: another for each, since they share a loopback.
fn port_for(directory: &str) -> u16 {
    let mut hasher = DefaultHasher::new();
    directory.hash(&mut hasher);
    let offset = hasher.finish() % u64::from(PORTS.end - PORTS.start);
    PORTS.start + u16::try_from(offset).unwrap_or_default()
}

/// The address of its inspector, which listens a moment before it knows of the program.
async fn listening(ground: &dyn Ground, port: u16) -> String {
    loop {
        if let Ok(conduit) = ground.dial(Endpoint::Port(port)).await
            && let Ok(url) = socket::first_target(conduit, port).await
        {
            return url;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Whether an address is one as Deno makes it, of an inspector on this port.
fn is_own(url: &str, port: u16) -> bool {
    let id = url.strip_prefix(&format!("ws://127.0.0.1:{port}/"));
    let id = id.map(|id| id.strip_prefix("ws/").unwrap_or(id));
    id.is_some_and(|id| id.len() <= 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_inspector_on_the_chosen_port_is_believed() {
        assert!(is_own("ws://127.0.0.1:20001/ws/0a-ff", 20_001));
        for url in ["ws://127.0.0.1:9/ws/a", "ws://10.0.0.1:20001/ws/a", "ws://127.0.0.1:20001/ws/a/../b", "x"] {
            assert!(!is_own(url, 20_001), "{url}");
        }
    }

    #[test]
    fn a_port_is_the_same_each_time_and_in_its_range() {
        for name in 0..100 {
            let directory = format!("/run/codebeaker/{name}");
            assert!(PORTS.contains(&port_for(&directory)));
            assert_eq!(port_for(&directory), port_for(&directory));
        }
    }
}
