//! Attacks on memory and disk: taking more than there is to have.

use codebeaker::agent::plan::Protection::{Cgroups, MemoryWatch, Rlimits, Seccomp, TmpfsSizes};
use codebeaker::agent::wire::Cause;
use codebeaker::config::Limits;

use crate::actor::{Actor, each_actor};
use crate::harness::Place;
use crate::lab::{Lab, Ran, Setting, program};

/// What a sandbox may have here, and what its programs try to take.
const LIMIT_MIB: u64 = 96;
const WANTED_MIB: u64 = 288;

fn small(without: &[codebeaker::agent::plan::Protection]) -> Setting {
    let limits = Limits { memory_bytes: LIMIT_MIB << 20, disk_bytes: 32 << 20, pids: 64, ..Limits::default() };
    Setting { limits, ..Setting::without(without) }
}

/// Takes one kind of memory, without the limits and with them. Fails unless it is refused or ends the
/// program.
///
/// Where a cgroup counts memory, PID 1 is in it as well. The kernel kills until there is memory again,
/// and what belongs to no process is free only when the last that held it is gone: the kernel may have
/// come to PID 1 by then, and the session ends with its program. Then nothing of it may be left.
async fn takes(lab: &mut Lab, kind: &str) {
    lab.host.tell("kind", kind.into());
    // Without a size, an engine gives a container's shared memory 64 MiB.
    let wanted = if kind == "unlinked" && lab.place.has_containers() { WANTED_MIB / 2 } else { WANTED_MIB };
    lab.host.tell("mib", wanted.into());
    lab.host.tell("hold", 0.into());
    let stand = lab.sandbox(small(&[Cgroups, Rlimits, MemoryWatch, Seccomp, TmpfsSizes])).await;
    stand.attack(program!("memory.py")).await.assert_worked(&[kind]);
    stand.close().await;

    // Where the agent looks from time to time, the program holds what it has for as long as that takes.
    lab.host.tell("hold", 3.into());
    let stand = lab.sandbox(small(&[])).await;
    let made = stand.made();
    let process = stand.start(stand.hostile(program!("memory.py"))).await;
    let ran = match stand.try_finish(process).await {
        Ok(ran) => ran,
        Err(error) => {
            println!("{kind}: the session ended with its program: {error}");
            assert!(lab.actor == Actor::Root && kind != "private", "HOLE: {error}");
            drop(stand);
            return made.assert_gone();
        }
    };
    println!("{kind}: {} {:?}", ran.stdout, ran.ended);
    assert!(ran.attempts().get(kind).is_none_or(|(worked, _)| !worked), "HOLE: {ran:?}");
    if ["private", "shared", "many"].contains(&kind) {
        let kills = stand.keeper.oom_kills();
        assert!(said(&ran, kills), "nobody says that it was for memory: {ran:?} {kills:?}");
    }
    stand.assert_works().await;
    stand.close().await;
}

/// Whether somebody says that it was for memory: the agent, the kernel or the program itself.
fn said(ran: &Ran, kills: Option<u64>) -> bool {
    let by_itself = ran.attempts().values().any(|(_, detail)| detail.contains("MemoryError"));
    ran.ended.cause == Some(Cause::Memory) || kills.is_some_and(|kills| kills > 0) || by_itself
}

pub(crate) fn private_memory_stays_within_its_limit(place: Place) {
    each_actor(place, async |mut lab| takes(&mut lab, "private").await);
}

pub(crate) fn shared_memory_stays_within_the_same_limit(place: Place) {
    each_actor(place, async |mut lab| takes(&mut lab, "shared").await);
}

pub(crate) fn so_does_the_memory_of_many_processes_together(place: Place) {
    each_actor(place, async |mut lab| takes(&mut lab, "many").await);
}

pub(crate) fn so_does_memory_that_belongs_to_no_process(place: Place) {
    each_actor(place, async |mut lab| {
        for kind in ["memfd", "system_v", "unlinked"] {
            takes(&mut lab, kind).await;
        }
        // What waits in sockets is counted by a cgroup alone.
        if lab.actor == Actor::Root && lab.place != Place::Gvisor {
            takes(&mut lab, "sockets").await;
        }
    });
}

pub(crate) fn a_full_disk_is_an_error_and_not_the_hosts(place: Place) {
    each_actor(place, async |mut lab| {
        const FILL: &str = r#"
def fill(directory):
    def action():
        try:
            with open(f"{directory}/planted", "wb") as file:
                for _ in range(64):
                    file.write(b"x" * (1 << 20))
                    file.flush()
        finally:
            os.unlink(f"{directory}/planted")
    return action

def sparse():
    with open("/workspace/sparse", "wb") as file:
        file.truncate(1 << 40)

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
for directory in ("/workspace", "/tmp", "/dev/shm"):
    attempt(f"64 MiB in {directory}", fill(directory))
attempt("a file of 1 TiB", sparse)
# Without a size of its own, what is no file system for files has none either.
for directory in ("/", "/run", "/run/codebeaker", "/dev", "/etc", "/usr", "/proc/self"):
    attempt(f"a file in {directory}", lambda: write(f"{directory}/planted"))
"#;
        let limits = Limits { memory_bytes: 512 << 20, ..Setting::safe().limits };
        let without = [TmpfsSizes, Rlimits, Cgroups, MemoryWatch];
        let stand = lab.sandbox(Setting { limits, ..Setting::without(&without) }).await;
        let ran = stand.attack(FILL).await;
        ran.assert_worked(&["64 MiB in /workspace", "64 MiB in /tmp", "a file of 1 TiB"]);
        // Without a size, an engine gives a container's shared memory no more than that.
        if !lab.place.has_containers() {
            ran.assert_worked(&["64 MiB in /dev/shm"]);
        }
        stand.close().await;
        lab.fails(FILL).await;
    });
}

pub(crate) fn a_flood_of_files_and_deep_directories_break_nothing(place: Place) {
    each_actor(place, async |lab| {
        const FLOOD: &str = r#"
count = 0
try:
    while count < 5000:
        os.close(os.open(f"/workspace/{count}", os.O_CREAT | os.O_WRONLY))
        count += 1
except OSError as error:
    print(error)
say("files", "worked", count)
for number in range(count):
    os.unlink(f"/workspace/{number}")
depth = 0
try:
    while depth < 2000:
        os.mkdir("d" * 250)
        os.chdir("d" * 250)
        depth += 1
        if depth == 200:
            for number in range(500):
                os.close(os.open(str(number), os.O_CREAT | os.O_WRONLY))
except OSError as error:
    print(error)
say("depth", "worked", depth)
"#;
        let limits = Limits { disk_bytes: 12 << 20, ..Setting::safe().limits };
        let stand = lab.sandbox(Setting { limits, ..Setting::without(&[TmpfsSizes]) }).await;
        let ran = stand.attack(FLOOD).await;
        assert_eq!(ran.number("files"), 5000, "the attack does not work without its protection: {ran:#?}");
        crate::files::remove_all(&stand, &[b'd'; 250]).await;
        stand.close().await;

        let stand = lab.sandbox(Setting { limits, ..Setting::safe() }).await;
        let ran = stand.attack(FLOOD).await;
        println!("{}", ran.stdout);
        // gVisor's file systems in memory have a size, and no number of files.
        assert!(ran.number("files") < 5000 || lab.place == Place::Gvisor, "HOLE: {ran:#?}");
        assert!(ran.number("depth") > 500, "not deep enough to matter: {ran:#?}");
        let listed = crate::files::names(&stand, b"", u32::MAX).await;
        // Few entries, and each with a path as long as the directories above it are deep.
        let bytes: usize = listed.iter().map(|entry| entry.path.len()).sum();
        println!("listed {} entries with {bytes} bytes of paths", listed.len());
        assert!(bytes <= 4 << 20, "HOLE: the daemon holds {bytes} bytes for {} entries", listed.len());
        crate::files::remove_all(&stand, &[b'd'; 250]).await;
        stand.assert_works().await;
        // And once more, for the end of the session to clear up.
        stand.attack(FLOOD).await;
        stand.close().await;
    });
}

pub(crate) fn filled_pipes_and_sockets_stay_bounded(place: Place) {
    each_actor(place, async |lab| {
        // What one process can fill, with descriptors as the only limit to it.
        const FILL: &str = r#"
import fcntl

def fill(make):
    held, bytes = [], 0
    try:
        while True:
            reader, writer = make()
            held += [reader, writer]
            os.set_blocking(writer, False)
            try:
                while True:
                    bytes += os.write(writer, b"x" * 65536)
            except BlockingIOError:
                pass
    except OSError as error:
        print(error)
    for descriptor in held:
        os.close(descriptor)
    return bytes

def pipe():
    reader, writer = os.pipe()
    try:
        fcntl.fcntl(writer, 1031, 1 << 20)
    except OSError:
        pass
    return reader, writer

def pair():
    return [end.detach() for end in socket.socketpair()]

say("pipes", "worked", fill(pipe))
say("sockets", "worked", fill(pair))
"#;
        let limits = Limits { open_files: 300, ..Setting::safe().limits };
        let stand = lab.sandbox(Setting { limits, ..Setting::safe() }).await;
        let ran = stand.attack(FILL).await;
        println!("{}", ran.stdout);
        assert!(ran.number("pipes") <= 150 << 20, "{ran:#?}");
        assert!(ran.number("sockets") <= 150 << 20, "{ran:#?}");
        stand.assert_works().await;
        stand.close().await;
        let limits = Limits { open_files: 1200, ..Setting::safe().limits };
        let stand = lab.sandbox(Setting { limits, ..Setting::without(&[Cgroups]) }).await;
        let more = stand.attack(FILL).await;
        println!("{}", more.stdout);
        assert!(more.number("sockets") > ran.number("sockets"), "the limit is not what bounds it: {more:#?}");
        stand.close().await;
    });
}
