//! Attacks by who made the image: on its users, on what brings the agent into it, and on other containers.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use codebeaker::agent::plan::Protection::{Capabilities, Landlock, NoNewPrivileges, ReadOnlyRoot, Seccomp};
use codebeaker::container::ContainerSpec;
use codebeaker::container::labels::{self, Owner};
use serde_json::Value;

use crate::actor::{Actor, each_actor};
use crate::harness::Place;
use crate::harness::engine::{ADDRESS, Engine};
use crate::lab::{Setting, machines, program};
use crate::reach::possible;

/// Everything that an image can say of how it wants to be run, and what it can have lie in wait.
const HOSTILE: &str = r#"
FROM codebeaker/python:latest
USER root
RUN cp /usr/bin/id /usr/bin/planted-id && chmod 6755 /usr/bin/planted-id \
 && cp /usr/bin/python3 /usr/bin/planted-python \
 && python3 -c "import os; os.setxattr('/usr/bin/planted-python', 'security.capability', bytes.fromhex('0100000280000000000000000000000000000000'))" \
 && mkdir -p /data /planted && chmod 777 /data /planted
ENV LD_PRELOAD=/planted.so LD_LIBRARY_PATH=/planted PYTHONPATH=/planted PATH=/planted BASH_ENV=/planted.sh
LABEL codebeaker.session=ses_planted codebeaker.notes={} codebeaker.pool=planted
VOLUME /data /workspace /tmp /run/codebeaker /dev/shm
HEALTHCHECK --interval=1s CMD ["/bin/touch", "/workspace/planted-health"]
ENTRYPOINT ["/planted-entry"]
CMD ["planted"]
STOPSIGNAL SIGCONT
WORKDIR /planted
"#;

/// An image's name, its links, and what it says of itself.
type Strange = (&'static str, &'static [(&'static str, &'static str)], &'static [&'static str]);

/// An image of a test's, which goes with this.
struct Image {
    engine: &'static Engine,
    name: String,
}

impl Image {
    fn named(engine: &'static Engine, what: &str) -> Self {
        Self { engine, name: format!("codebeaker-test/{what}-{}:1", std::process::id()) }
    }

    /// Of a Dockerfile, which brings no files.
    fn built(engine: &'static Engine, what: &str, dockerfile: &str) -> Self {
        let image = Self::named(engine, what);
        image.given(dockerfile.as_bytes(), &["build", "--quiet", "--network=none", "--tag", &image.name, "-"]);
        image
    }

    /// With nothing but links, and what else it says of itself.
    fn of_links(engine: &'static Engine, what: &str, links: &[(&str, &str)], says: &[&str]) -> Self {
        let image = Self::named(engine, what);
        let root = tempfile::tempdir().expect("make a directory");
        for (link, to) in links {
            std::os::unix::fs::symlink(to, root.path().join(link)).expect("make a link");
        }
        fs::write(root.path().join("file"), "an image has one").expect("write a file");
        let tar = Command::new("tar").arg("-C").arg(root.path()).args(["-c", "."]).output().expect("run tar");
        let changes = says.iter().flat_map(|change| ["--change", change]);
        let args: Vec<&str> = ["import"].into_iter().chain(changes).chain(["-", &image.name]).collect();
        image.given(&tar.stdout, &args);
        image
    }

    fn given(&self, input: &[u8], args: &[&str]) {
        let mut docker = Command::new("docker");
        docker.args(args).env(ADDRESS, self.engine.address()).env("DOCKER_BUILDKIT", "0");
        let piped = docker.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut docker = piped.spawn().expect("run docker");
        docker.stdin.take().expect("a pipe").write_all(input).expect("docker reads");
        let output = docker.wait_with_output().expect("wait for docker");
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        println!("{:?}", self.engine.ask(&["image", "rm", "--force", &self.name]));
    }
}

/// What the engine says of a container.
fn inspected(engine: &Engine, container: &str) -> Value {
    let told: Value = serde_json::from_str(&engine.order(&["inspect", container])).expect("the engine speaks JSON");
    told[0].clone()
}

pub(crate) fn an_image_has_no_say_in_how_it_is_run(place: Place) {
    each_actor(place, async |mut lab| {
        let image = Image::built(place.engine(), "hostile", HOSTILE);
        let of_image = |setting: Setting| Setting { image: Some(image.name.clone()), ..setting };
        // What it asks for is what others get.
        let plain = place.engine().order(&["create", &image.name]);
        let told = inspected(place.engine(), &plain);
        place.engine().order(&["rm", "--volumes", &plain]);
        assert_eq!(told["Mounts"].as_array().map(Vec::len), Some(5), "{told}");
        assert_eq!(told["Config"]["Healthcheck"]["Test"][0], "CMD", "{told}");

        let open = [Capabilities, NoNewPrivileges, Landlock, Seccomp, ReadOnlyRoot];
        let stand = lab.sandbox(of_image(Setting::without(&open))).await;
        let ran = stand.attack(program!("image.py")).await;
        println!("without {open:?}:\n{}", ran.stdout);
        ran.assert_worked(&possible(place, &["set-user-id program", "file capabilities", "a file in the root"]));
        stand.close().await;

        let stand = lab.sandbox(of_image(Setting::safe())).await;
        let container = lab.containers().pop().expect("it is one");
        let told = inspected(place.engine(), &container);
        assert_eq!(told["Config"]["Healthcheck"]["Test"], serde_json::json!(["NONE"]), "{told}");
        assert_eq!(told["Config"]["User"], "1000:1000", "{told}");
        let mounts = told["Mounts"].as_array().expect("a list");
        assert!(mounts.iter().all(|mount| mount["Destination"] == "/.codebeaker" && mount["RW"] == false), "{told}");
        assert!(told["State"]["Health"].is_null(), "{told}");
        let ran = stand.attack(program!("image.py")).await;
        println!("with everything:\n{}{}", ran.stdout, ran.stderr);
        ran.assert_refused();
        assert!(!ran.stderr.contains("planted"), "HOLE: its variables reached a program: {}", ran.stderr);
        lab.host.assert_untouched(&ran.seen());
        stand.assert_works().await;
        stand.close().await;
    });
}

pub(crate) fn an_image_in_the_way_of_what_is_mounted_runs_nothing(place: Place) {
    each_actor(place, async |mut lab| {
        if lab.actor == Actor::Ordinary {
            return println!("the engine does all of it, whoever asks");
        }
        let images: [Strange; 9] = [
            ("agent-elsewhere", &[(".codebeaker", "/workspace")], &[]),
            ("agent-in-proc", &[(".codebeaker", "/proc/1/root/tmp")], &[]),
            ("agent-above", &[(".codebeaker", "../../../../tmp")], &[]),
            ("workspace-elsewhere", &[("workspace", "/etc")], &[]),
            ("tmp-in-the-agent", &[("tmp", "/.codebeaker")], &[]),
            ("run-in-proc", &[("run", "/proc/self")], &[]),
            ("devices-elsewhere", &[("dev", "/workspace"), ("sys", "/proc")], &[]),
            ("volume-on-the-agent", &[], &[r#"VOLUME ["/.codebeaker/../.codebeaker", "/.codebeaker/agent", "/proc"]"#]),
            ("volume-on-devices", &[], &[r#"VOLUME ["/dev", "/sys/fs/cgroup", "/proc/1", "/workspace/../workspace"]"#]),
        ];
        for (what, links, says) in images {
            let image = Image::of_links(place.engine(), what, links, says);
            match lab.try_sandbox(Setting { image: Some(image.name.clone()), ..Setting::safe() }).await {
                Err(error) => println!("{what}: {error}"),
                // There is no program in it to run; what stands is the agent, where it should be.
                Ok(stand) => {
                    let listed = crate::files::names(&stand, b"", 10).await;
                    assert!(listed.is_empty(), "HOLE: {what} has something in its workspace: {listed:?}");
                    println!("{what}: it stands");
                    stand.close().await;
                }
            }
            lab.host.assert_untouched("");
        }
        // The agent that the others have is as it was.
        let stand = lab.sandbox(Setting::safe()).await;
        stand.assert_works().await;
        stand.close().await;
        assert_eq!(lab.containers(), [""; 0], "left behind");
    });
}

pub(crate) fn an_image_passes_for_no_daemons_container(place: Place) {
    each_actor(place, async |lab| {
        let own = Owner::current().expect("this process is known").to_string();
        let mut parts: Vec<&str> = own.split('/').collect();
        // No process has started before the machine did.
        parts[4] = "0";
        let gone = parts.join("/");
        let planted = format!(
            "LABEL {}=1 {}={gone} {}=ses_planted {}={{}} codebeaker.seal=planted",
            labels::MANAGED,
            labels::OWNER,
            labels::SESSION,
            labels::NOTES
        );
        let image = Image::of_links(place.engine(), "imitating", &[], &[&planted]);
        let (theirs, ours) = (
            format!("codebeaker-test-theirs-{}", std::process::id()),
            format!("codebeaker-test-{}", crate::host::random()),
        );
        place.engine().order(&["create", "--name", &theirs, &image.name, "true"]);
        let machine = std::sync::Arc::clone(&machines(place).all()[0]);
        let engine = machine.engine().await.expect("the engine answers");
        // What a daemon that is gone has left indeed, of the same image.
        let left = ContainerSpec {
            name: ours.clone(),
            image: image.name.clone(),
            agent_volume: "codebeaker-test-none".to_owned(),
            labels: [(labels::MANAGED, "1"), (labels::OWNER, &gone)]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            ..ContainerSpec::default()
        };
        engine.create(&left).await.expect("the container is made");
        let listed = engine.list(&[(labels::MANAGED, None)]).await.expect("the engine answers");
        let labels_of = |name: &str| &listed.iter().find(|one| one.name == name).expect("it is there").labels;
        assert!(!labels_of(&ours).contains_key(labels::SESSION), "HOLE: {:?}", labels_of(&ours));
        assert_eq!(labels_of(&ours)[labels::OWNER], gone);
        assert!(labels_of(&theirs).is_empty(), "HOLE: {:?}", labels_of(&theirs));
        let recovered = machine.recover().await;
        let still_there = place.engine().ask(&["rm", &theirs]);
        assert!(recovered.removed.contains(&ours), "what a daemon left is removed: {recovered:?}");
        assert!(still_there.is_ok() && !recovered.removed.contains(&theirs), "HOLE: {recovered:?} {still_there:?}");
        println!("{:?}", lab.actor);
    });
}
