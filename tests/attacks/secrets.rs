//! Attacks on secrets: of the host, of the daemon, and of other sessions.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use codebeaker::agent::Program;
use codebeaker::agent::plan::Protection::{Ipc, Landlock, MinimalRoot, Network, Seccomp, Uts};
use serde_json::json;

use crate::actor::each_actor;
use crate::daemon::Daemon;
use crate::harness::Place;
use crate::host::random;
use crate::lab::{Setting, program};

pub(crate) fn no_secret_of_the_host_shows(place: Place) {
    each_actor(place, async |mut lab| {
        let hostname = fs::read_to_string("/proc/sys/kernel/hostname").expect("the host's name");
        lab.host.tell("hostname", hostname.trim().into());
        // Whoever looks for secrets knows them by this.
        let secret = format!("canary-of-{}", lab.host.secret);
        fs::write(lab.host.facts()["canary"].as_str().expect("a path"), &secret).expect("write the canary");
        lab.host.secret = secret;
        if lab.place.has_containers() {
            // There is no host in a container that could be left in, but for its name.
            lab.works_outside(program!("secrets.py"), &["canary", "compiler"]);
            lab.works(program!("secrets.py"), &[Uts], &["host name"]).await;
        } else {
            let attempts = ["canary", "home", "host name", "compiler"];
            lab.works(program!("secrets.py"), &[MinimalRoot, Uts], &attempts).await;
        }
        lab.fails(program!("secrets.py")).await;
    });
}

pub(crate) fn the_daemons_environment_does_not_show(place: Place) {
    each_actor(place, async |mut lab| {
        let secret = random();
        let code = "import os\nfor p in os.listdir('/proc'):\n  if p.isdigit():\n    for f in 'environ', 'cmdline':\n      \
                    try: print(open(f'/proc/{p}/{f}').read())\n      except OSError as e: print(p, f, e)\n\
                    print(dict(os.environ))";
        // Without a sandbox, a program has its parent's environment.
        let plain =
            Command::new("python3").args(["-c", "import os; print(dict(os.environ))"]).env("S", &secret).output();
        assert!(String::from_utf8_lossy(&plain.expect("run python3").stdout).contains(&secret));
        // What would make a helper of the daemon's load or run something is set as well.
        let planted = lab.host.ground.join("planted.so");
        let env =
            [("S", secret.as_str()), ("LD_PRELOAD", planted.to_str().expect("a path")), ("PYTHONSTARTUP", &secret)];
        let mut daemon = Daemon::start(&lab, &env);
        let session = daemon.session(json!({"language": "python"}));
        assert_eq!(daemon.python(&session, code)["outcome"], "ok");
        let printed = daemon.printed(&session);
        assert!(printed.contains("PATH"), "{printed}");
        assert!(!printed.contains(&secret) && !printed.contains("planted"), "HOLE: {printed}");
        lab.host.assert_untouched(&printed);
        daemon.stop();
    });
}

pub(crate) fn a_sessions_environment_shows_in_no_list_and_no_log(place: Place) {
    each_actor(place, async |lab| {
        let (ours, once, typed) = (random(), random(), random());
        let mut daemon = Daemon::start(&lab, &[("CODEBEAKER_LOG", "trace")]);
        let session = daemon.session(json!({"language": "python", "env": {"TOKEN": ours}}));
        let mut params = json!({"sessionId": session, "source": {"code":
            "import os, time\nprint(f\"{os.environ['TOKEN']} {os.environ['ONCE']} {input()}\")\ntime.sleep(300)",
            "language": "python", "env": {"ONCE": once}}, "stdin": "text", "stdinText": typed});
        params["wait"] = false.into();
        daemon.request("session/execute", params);
        daemon.wait("output", |message| {
            message["params"]["data"].as_str().is_some_and(|data| data.contains(&ours) && data.contains(&once))
        });
        // Everybody on the host can read these, in /proc and with ps.
        let mut listed = String::new();
        for process in fs::read_dir("/proc").expect("list /proc").flatten() {
            let line = fs::read(process.path().join("cmdline")).unwrap_or_default();
            listed.push_str(&String::from_utf8_lossy(&line));
        }
        assert!(listed.contains("codebeaker"), "the list shows the daemon");
        // And everybody who may use the engine, this.
        if place.has_containers() {
            for container in place.engine().containers_of(daemon.id()) {
                listed.push_str(&place.engine().ask(&["inspect", &container]).unwrap_or_default());
            }
            assert!(listed.contains("/.codebeaker/agent"), "the engine tells of the container");
        }
        let bad = daemon.try_request("session/execute", json!({"sessionId": session, "env": {"X": typed}}));
        println!("{bad:?}");
        for secret in [&ours, &once, &typed] {
            assert!(!listed.contains(secret), "HOLE: in a list of processes");
            assert!(!daemon.log().contains(secret), "HOLE: in the log");
        }
        let told = daemon.request("session/get", json!({"sessionId": session})).to_string();
        assert!(!told.contains(&ours), "HOLE: in session/get: {told}");
        // The next execution has what is the session's, and nothing of the one before.
        let other = daemon.session(json!({"language": "python"}));
        daemon.python(&other, "import os; print(dict(os.environ))");
        let printed = daemon.printed(&other);
        assert!(!printed.contains(&ours) && !printed.contains(&once), "HOLE: in another session: {printed}");
        daemon.stop();
    });
}

/// Leaves something of each kind for another session to find.
const LEAVE: &str = r#"
for directory in ("/tmp", "/workspace", "/dev/shm"):
    with open(f"{directory}/{host['mark']}", "w") as file:
        file.write("canary-of-a-session")
listening = socket.socket(socket.AF_UNIX)
listening.bind("\0" + host["mark"])
listening.listen()
tcp = socket.socket()
tcp.bind(("127.0.0.1", 0))
tcp.listen()
libc.prctl(15, host["mark"][:15].encode(), 0, 0, 0)
try:
    memory = libc.shmget(host["key"], ctypes.c_size_t(4096), 0o1666)
except OSError:
    memory = -1
print("port", tcp.getsockname()[1], "shm", memory, flush=True)
time.sleep(300)
"#;

/// Looks for it.
const FIND: &str = r#"
def names():
    found = []
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            found.append(read(f"/proc/{process}/comm").decode().strip())
        except OSError:
            pass
    return must(host["mark"][:15] in found)

def connect(family, address):
    def action():
        with socket.socket(family) as stream:
            stream.settimeout(3)
            stream.connect(address)
            return "connected"
    return action

def memory():
    found = libc.shmget(host["key"], ctypes.c_size_t(4096), 0o666)
    if found < 0:
        raise OSError(ctypes.get_errno(), "shmget")
    return found

for directory in ("/tmp", "/workspace", "/dev/shm"):
    attempt(f"file in {directory}", lambda: read(f"{directory}/{host['mark']}"))
attempt("process", names)
attempt("abstract socket", connect(socket.AF_UNIX, "\0" + host["mark"]))
attempt("TCP", connect(socket.AF_INET, ("127.0.0.1", host["port"])))
attempt("System V memory", memory)
"#;

pub(crate) fn sessions_see_nothing_of_each_other(place: Place) {
    each_actor(place, async |mut lab| {
        for without in [vec![Network, Landlock, Ipc, Seccomp], vec![]] {
            let (mark, key) = (random(), u32::from_str_radix(&random()[..7], 16).expect("a number"));
            lab.host.tell("mark", mark.into());
            lab.host.tell("key", key.into());
            let first = lab.sandbox(Setting::without(&without)).await;
            let running = first.start(first.hostile(LEAVE)).await;
            let mut output = running.output(codebeaker::agent::frame::Stream::Stdout);
            let said = output.next().await.expect("the session goes on").expect("it says what it left");
            let said = String::from_utf8_lossy(&said).into_owned();
            let port = said.split(' ').nth(1).and_then(|port| port.parse::<u16>().ok()).expect("a port");
            lab.host.tell("port", port.into());
            let second = lab.sandbox(Setting::without(&without)).await;
            let found = second.attack(FIND).await;
            println!("without {without:?}: {said}{}", found.stdout);
            if without.is_empty() {
                found.assert_refused();
            } else {
                match lab.place {
                    // Its network and its System V memory are its own in any case.
                    Place::Gvisor => found.assert_worked(&["file in /dev/shm"]),
                    Place::Native | Place::Docker => {
                        found.assert_worked(&["abstract socket", "TCP", "System V memory"]);
                    }
                }
                // It would stay on the host.
                let remove = "libc.shmctl(libc.shmget(host['key'], 0, 0), 0, None)\n\
                              os.unlink(f\"/dev/shm/{host['mark']}\")";
                first.attack(remove).await;
            }
            drop(running);
            first.assert_works().await;
            first.close().await;
            second.assert_works().await;
            second.close().await;
        }
    });
}

pub(crate) fn a_program_has_three_descriptors_and_nothing_of_ours(place: Place) {
    each_actor(place, async |mut lab| {
        const LIST: &str = r#"
opened = {int(name): os.readlink(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd") if os.path.lexists(f"/proc/self/fd/{name}")}
attempt("descriptors", lambda: must({n: to for n, to in opened.items() if n > 2}))
attempt("canary by descriptor", lambda: must([os.pread(n, 64, 0) for n in range(3, 1024) if os.path.exists(f"/proc/self/fd/{n}")]))
attempt("out of a directory", lambda: must([os.listdir(os.open("../../../..", os.O_RDONLY, dir_fd=n)) for n in opened if n > 2]))
attempt("input", lambda: must(os.read(0, 1)))
"#;
        // Left open in the daemon, so that every child that nobody takes care of has them.
        let canary = fs::File::open(lab.host.facts()["canary"].as_str().expect("a path")).expect("open the canary");
        let kept = [rustix::io::dup(&canary).expect("keep it open"), rustix::io::dup(&canary).expect("keep it open")];
        let root = rustix::io::dup(fs::File::open("/").expect("open the root")).expect("keep it open");
        let plain = Command::new("ls").args(["-l", "/proc/self/fd"]).output().expect("run ls");
        assert!(String::from_utf8_lossy(&plain.stdout).contains("canary-"), "the attack does not work: {plain:?}");
        lab.fails(LIST).await;
        drop((kept, root));
    });
}

pub(crate) fn no_working_directory_leads_through_proc(place: Place) {
    each_actor(place, async |mut lab| {
        // On the wire it is refused; what gets past that is entered inside the sandbox.
        let mut daemon = Daemon::start(&lab, &[]);
        let session = daemon.session(json!({"language": "python"}));
        let link = "import os\nfor i in range(64): os.symlink(f'/proc/1/fd/{i}', f'f{i}')\nos.symlink('/proc/1/root', 'r')\n\
                    os.symlink('/proc/1/cwd', 'c')";
        daemon.python(&session, link);
        let run = |cwd: &str| json!({"sessionId": session, "source": {"program": "/bin/pwd", "cwd": cwd}});
        for number in 0..64 {
            for cwd in [format!("/proc/self/fd/{number}"), format!("/proc/1/fd/{number}/../.."), format!("f{number}")] {
                let answer = daemon.try_request("session/execute", run(&cwd));
                // gVisor shows the agent's own descriptors, of which some are directories of the sandbox.
                let shown = place == Place::Gvisor && !cwd.starts_with("/proc");
                assert!(answer.is_err() || shown, "HOLE: {cwd}: {answer:?} {}", daemon.printed(&session));
            }
        }
        for cwd in
            ["/workspace/r", "/workspace/c", "//proc/1/root", "/./proc/1/cwd", "../proc/1/root", "/workspace/../proc"]
        {
            println!("{cwd}: {:?}", daemon.try_request("session/execute", run(cwd)));
        }
        let inside = |line: &str| ["/workspace", "/run/codebeaker", "/tmp", "/"].contains(&line);
        assert!(daemon.printed(&session).lines().all(inside), "HOLE: {}", daemon.printed(&session));
        daemon.stop();

        let stand = lab.sandbox(Setting::safe()).await;
        for number in 0..64 {
            let program = Program { cwd: format!("/proc/self/fd/{number}"), ..stand.program(&["/bin/pwd"]) };
            // Before it starts, what becomes the program has three descriptors of its own, none a directory.
            let answer = stand.link.spawn(program).await.map(|process| process.pid);
            assert!(answer.is_err(), "HOLE: entered {number}: {answer:?}");
        }
        lab.host.assert_untouched("");
        stand.assert_works().await;
        stand.close().await;
    });
}

pub(crate) fn no_executable_of_ours_or_the_hosts_is_changed(place: Place) {
    each_actor(place, async |mut lab| {
        const CHANGE: &str = r#"
def change(path):
    return lambda: write(path, mode="r+b")

for name in ("/proc/1/exe", "/proc/self/exe", "/proc/thread-self/exe", f"/proc/{os.getppid()}/exe", host["tool"], host["daemon"],
             "/usr/bin/python3", "/bin/sh", "/lib64/ld-linux-x86-64.so.2"):
    attempt(f"change {name}", change(name))
attempt("find the tool", lambda: read_something(host["tool"]))
attempt("find the daemon", lambda: read_something(host["daemon"]))

def replaced():
    "Waits in a child until this process is the program, and writes then."
    ready, told = os.pipe()
    if os.fork() == 0:
        descriptor = os.open(f"/proc/{os.getppid()}/exe", os.O_PATH)
        os.write(told, b"x")
        for _ in range(200):
            try:
                writer = os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY | os.O_TRUNC)
                os.write(writer, b"planted")
                os._exit(7)
            except OSError:
                time.sleep(0.002)
        os._exit(0)
    os.close(told)
    os.read(ready, 1)
    return must(os.WEXITSTATUS(os.wait()[1]) == 7)

attempt("change the running program", lambda: apart(replaced))
"#;
        let daemon = lab.host.ground.join("daemon-copy");
        fs::copy(crate::actor::daemon(), &daemon).expect("copy the daemon");
        fs::set_permissions(&daemon, fs::Permissions::from_mode(0o777)).expect("open it to everybody");
        lab.host.tell("daemon", daemon.display().to_string().into());
        let before = fs::read(&daemon).expect("read the daemon");
        let attempts = ["find the tool".to_owned(), "find the daemon".to_owned()];
        let attempts = attempts.each_ref().map(String::as_str);
        if !lab.place.has_containers() {
            lab.works(CHANGE, &[MinimalRoot], &attempts).await;
        }
        lab.fails(CHANGE).await;
        assert!(fs::read(&daemon).expect("read the daemon") == before, "HOLE: the daemon was changed");
    });
}
