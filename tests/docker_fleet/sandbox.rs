//! A sandbox as a session has one, and what a test asks of it.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use codebeaker::agent::frame::Stream;
use codebeaker::agent::{Link, Program};
use codebeaker::config::DockerSettings;
use codebeaker::container::address::Environment;
use codebeaker::runtime::docker::{Docker, Machines, Oci};
use codebeaker::runtime::{Keeper, Programs, Runtime, RuntimeError, SandboxSpec};

use crate::engine::{DEADLINE, IMAGE};

/// The runtime of these settings.
pub(crate) fn docker(settings: &DockerSettings) -> Docker {
    Docker::new(Oci::Default, Arc::new(Machines::of(settings, &Environment::current())))
}

/// What a session of no particular kind asks for.
pub(crate) fn spec() -> SandboxSpec {
    SandboxSpec { image: Some(IMAGE.to_owned()), hostname: "sandbox".to_owned(), ..SandboxSpec::default() }
}

/// A sandbox that stands.
pub(crate) struct Standing {
    pub(crate) link: Link,
    pub(crate) keeper: Box<dyn Keeper>,
    pub(crate) machine: String,
    pub(crate) programs: Programs,
}

/// Makes one and waits until it stands.
pub(crate) async fn stand(docker: &Docker, spec: SandboxSpec) -> Result<Standing, RuntimeError> {
    let sandbox = within(docker.create(spec)).await?;
    let (link, _) = within(Link::open(sandbox.reader, sandbox.writer)).await.expect("the agent is ready");
    let machine = sandbox.machine.expect("it is on one");
    Ok(Standing { link, keeper: sandbox.keeper, machine, programs: sandbox.programs })
}

impl Standing {
    /// What a line of shell prints, which must succeed.
    pub(crate) async fn says(&self, line: &str) -> String {
        let argv = ["/bin/sh", "-c", &format!("exec 2>&1\n{line}")].map(str::to_owned).to_vec();
        let program = Program::new(argv, vec![("PATH".to_owned(), "/usr/bin:/bin".to_owned())]);
        let all = async {
            let mut process = self.link.spawn(program).await.expect("it starts");
            let mut output = process.output(Stream::Stdout);
            let mut bytes = Vec::new();
            while let Some(more) = output.next().await.expect("the sandbox lives") {
                bytes.extend_from_slice(&more);
                output.grant(more.len()).await.expect("the sandbox lives");
            }
            process.ended().await.expect("the sandbox lives");
            String::from_utf8_lossy(&bytes).trim().to_owned()
        };
        within(all).await
    }

    /// Ends it as a session does.
    pub(crate) async fn end(mut self) {
        self.link.close("the test is over");
        assert!(within(self.keeper.destroy()).await);
    }
}

/// Waits, but not for ever.
pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future).await.expect("in time")
}

/// Looks until something is so.
pub(crate) async fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let all = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(DEADLINE, all).await.is_ok(), "it never came about that {what}");
}
