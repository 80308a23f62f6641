//! Attacks with processes: too many, too long, too stubborn, or left behind.

use std::time::Duration;

use codebeaker::agent::Process;
use codebeaker::agent::plan::Protection::{Cgroups, MemoryWatch, Rlimits, Sweep};
use codebeaker::agent::wire::{Cause, Reach};
use codebeaker::config::Limits;

use crate::actor::each_actor;
use crate::harness::Place;
use crate::lab::{Lab, Setting, Stand, program};

/// Forks until it is refused, at most 300 times, and waits to be killed.
const FORKS: &str = r#"
count = 0
try:
    while count < 300:
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
        count += 1
except OSError as error:
    print(error)
say("forks", "worked", count)
"#;

/// Room in the limit for processes of the sandbox's own: PID 1, and one beside each execution.
const OWN: u64 = 17;

/// Forks without end, each child as well: the host is safe from it through the limit alone.
const BOMB: &str = r#"
print("begin", flush=True)
end = time.monotonic() + 120
while time.monotonic() < end:
    try:
        os.fork()
    except OSError:
        pass
"#;

pub(crate) fn a_fork_bomb_stays_within_its_limit(place: Place) {
    each_actor(place, async |lab| {
        // The agent's own watch over processes, where there is one, can only be told of a higher limit.
        let limits = Limits { pids: 4096, ..Setting::safe().limits };
        let stand = lab.sandbox(Setting { limits, ..Setting::without(&[Cgroups, Rlimits, MemoryWatch]) }).await;
        assert_eq!(stand.attack(FORKS).await.number("forks"), 300, "the attack does not work without its protection");
        stand.close().await;

        let stand = lab.sandbox(Setting::safe()).await;
        let ran = stand.attack(FORKS).await;
        println!("{}", ran.stdout);
        // Where the agent watches, it may have ended the program for what it did.
        if !matches!(ran.ended.cause, Some(Cause::Processes | Cause::Memory)) {
            assert!(ran.number("forks") <= Setting::safe().limits.pids + OWN, "{ran:#?}");
        }
        stand.assert_works().await;

        // The next one would go on for ever; a neighbour must not notice.
        let neighbour = lab.sandbox(Setting::safe()).await;
        let process = stand.start(stand.hostile(BOMB)).await;
        wait_for_output(&process).await;
        neighbour.assert_works().await;
        stand.kill(&process).await;
        stand.finish(process).await;
        stand.assert_works().await;
        assert_alone(&stand).await;
        neighbour.close().await;
        stand.close().await;
    });
}

pub(crate) fn nothing_outlives_its_execution(place: Place) {
    each_actor(place, async |mut lab| {
        lab.host.tell("mark", crate::host::random().into());
        for kill_the_shim in [false, true] {
            lab.host.tell("kill", kill_the_shim.into());
            if !kill_the_shim {
                let stand = lab.sandbox(Setting::without(&[Sweep])).await;
                let ran = stand.attack(program!("leave_behind.py")).await;
                assert!(ran.number("left") >= 10, "{ran:#?}");
                let others = stand.attack(program!("look.py")).await;
                println!("without a sweep: {}", others.stdout);
                assert!(others.number("others") >= 10, "the attack does not work without its protection: {others:#?}");
                stand.close().await;
            }
            let stand = lab.sandbox(Setting::safe()).await;
            let ran = stand.attack(program!("leave_behind.py")).await;
            println!("{}", ran.stdout);
            assert!(ran.number("left") >= 10, "{ran:#?}");
            assert!(ran.streams_ended, "HOLE: somebody holds the streams: {ran:#?}");
            assert_alone(&stand).await;
            stand.close().await;
        }
    });
}

/// Fails if there is any process in the sandbox that an earlier execution made.
async fn assert_alone(stand: &Stand) {
    let others = stand.attack(program!("look.py")).await;
    assert_eq!(others.number("others"), 0, "HOLE: outlived its execution: {others:#?}");
}

pub(crate) fn orphans_are_reaped(place: Place) {
    each_actor(place, async |lab| {
        const ORPHANS: &str = r#"
for _ in range(60):
    child = os.fork()
    if child == 0:
        if os.fork() == 0:
            os._exit(0)
        os._exit(0)
    os.waitpid(child, 0)
say("orphans", "worked", 60)
"#;
        // Reaped by what supervises the program; without that, by PID 1.
        for without in [vec![], vec![Sweep]] {
            let stand = lab.sandbox(Setting::without(&without)).await;
            assert_eq!(stand.attack(ORPHANS).await.number("orphans"), 60);
            let look = stand.attack(program!("look.py")).await;
            assert_eq!(look.number("zombies"), 0, "{look:#?}");
            stand.close().await;
        }
    });
}

/// Prints a word when it has done all that a program can to go on.
fn stubborn(then: &str) -> String {
    format!(
        r#"
for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
print("begin", flush=True)
end = time.monotonic() + 120
while time.monotonic() < end:
    {then}
"#
    )
}

pub(crate) fn a_program_that_ignores_every_signal_ends(place: Place) {
    each_actor(place, async |lab| {
        withstands(&lab, &stubborn("pass")).await;
    });
}

pub(crate) fn a_program_that_stops_itself_or_its_group_ends(place: Place) {
    each_actor(place, async |lab| {
        withstands(&lab, &stubborn("os.kill(os.getpid(), signal.SIGSTOP)")).await;
        withstands(&lab, &stubborn("os.kill(0, signal.SIGSTOP)")).await;
        let child = stubborn("os.kill(0, signal.SIGSTOP)").replace("print(", "os.fork() or os.setpgid(0, 0)\nprint(");
        withstands(&lab, &child).await;
    });
}

/// The program ignores what may be ignored, and ends for what may not.
async fn withstands(lab: &Lab, program: &str) {
    let stand = lab.sandbox(Setting::safe()).await;
    let mut process = stand.start(stand.hostile(program)).await;
    wait_for_output(&process).await;
    for signal in [1, 2, 3, 15] {
        process.signals().send(signal, Reach::Tree).await.expect("send a signal");
    }
    let patient = tokio::time::timeout(Duration::from_millis(300), process.ended()).await;
    assert!(patient.is_err(), "the attack does not work: it ended with {patient:?}");
    stand.kill(&process).await;
    let ended = process.ended().await.expect("the session goes on");
    assert_eq!(ended.signal, Some(9), "{ended:?}");
    stand.assert_works().await;
    assert_alone(&stand).await;
    stand.close().await;
}

async fn wait_for_output(process: &Process) {
    let mut output = process.output(codebeaker::agent::frame::Stream::Stdout);
    let first = tokio::time::timeout(Duration::from_secs(30), output.next()).await;
    let first = first.expect("it prints").expect("the session goes on").expect("it runs");
    output.grant(first.len()).await.expect("the session goes on");
}

pub(crate) fn no_signal_from_inside_ends_the_session(place: Place) {
    each_actor(place, async |mut lab| {
        // First the others, to show that the signals are real, then PID 1, then everybody.
        const SIGNALS: &str = r#"
def kill(number):
    child = os.fork()
    if child == 0:
        while True:
            signal.pause()
    os.kill(child, number)
    return must(os.WIFSIGNALED(os.waitpid(child, 0)[1]))

attempt("a child", lambda: kill(signal.SIGKILL))
sent = 0
for number in range(1, 65):
    for send in (lambda: os.kill(1, number), lambda: signal.pidfd_send_signal(os.pidfd_open(1), number),
                 lambda: syscall(200, 1, number), lambda: syscall(234, 1, 1, number)):
        try:
            send()
            sent += 1
        except OSError:
            pass
say("sent", "worked", sent)
if os.fork() == 0:
    os.setsid()
    os.kill(-1, signal.SIGKILL)
time.sleep(60)
"#;
        if lab.place == Place::Gvisor {
            // There PID 1 is a process like any other.
            return lab.loses_itself_alone(SIGNALS).await;
        }
        let stand = lab.sandbox(Setting::safe()).await;
        let bystander = stand.start(stand.program(&["sleep", "60"])).await;
        let ran = stand.attack(SIGNALS).await;
        ran.assert_worked(&["a child"]);
        assert!(ran.number("sent") > 100, "the signals were not even sent: {ran:#?}");
        assert_eq!(ran.ended.signal, Some(9), "it kills all it may: {ran:#?}");
        // It may end what runs beside it in the same session, and no more.
        println!("a program beside it: {:?}", stand.finish(bystander).await.ended);
        stand.assert_works().await;
        assert_alone(&stand).await;
        stand.close().await;
    });
}

pub(crate) fn running_out_of_descriptors_hurts_the_program_alone(place: Place) {
    each_actor(place, async |lab| {
        const OPEN: &str = r#"
opened = []
try:
    while len(opened) < 3000:
        opened.append(os.open("/dev/null", os.O_RDONLY))
except OSError as error:
    print(error)
opened.append(len(opened))
say("opened", "worked", opened.pop())
print("begin", flush=True)
time.sleep(host["hold"])
"#;
        let limits = Limits { open_files: 200, ..Setting::safe().limits };
        let mut lab = lab;
        lab.host.tell("hold", 0.into());
        let stand = lab.sandbox(Setting { limits, ..Setting::without(&[Rlimits]) }).await;
        let unlimited = stand.attack(OPEN).await.number("opened");
        assert!(unlimited > 200, "the attack does not work without its protection: {unlimited}");
        stand.close().await;

        lab.host.tell("hold", 60.into());
        let stand = lab.sandbox(Setting { limits, ..Setting::safe() }).await;
        // The agent serves others while one program holds all that it may.
        let process = stand.start(stand.hostile(OPEN)).await;
        wait_for_output(&process).await;
        stand.assert_works().await;
        stand.kill(&process).await;
        let ran = stand.finish(process).await;
        drop(ran);
        lab.host.tell("hold", 0.into());
        stand.close().await;
        let stand = lab.sandbox(Setting { limits, ..Setting::safe() }).await;
        assert!(stand.attack(OPEN).await.number("opened") <= 200);
        stand.close().await;
    });
}

pub(crate) fn a_child_that_holds_stdout_open_holds_up_nothing(place: Place) {
    each_actor(place, async |lab| {
        const HOLD: &str = r#"
if os.fork() == 0:
    os.setsid()
    time.sleep(60)
    os._exit(0)
print("done")
"#;
        let stand = lab.sandbox(Setting::without(&[Sweep])).await;
        stand.attack(HOLD).await;
        let others = stand.attack(program!("look.py")).await;
        assert_eq!(others.number("others"), 1, "the attack does not work without its protection: {others:#?}");
        stand.close().await;
        let stand = lab.sandbox(Setting::safe()).await;
        let ran = stand.attack(HOLD).await;
        assert!(ran.streams_ended && ran.stdout == "done\n", "{ran:#?}");
        assert_alone(&stand).await;
        stand.close().await;
    });
}
