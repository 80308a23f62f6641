//! Limits hold, and who makes them hold is said truly.

use codebeaker::agent::wire::Cause;
use codebeaker::config::Limits;
use codebeaker::runtime::{Enforcer, Limit, SandboxSpec};

use super::boxes::{is_root, on_both, spec, stand};
use super::skip::skip;

fn limited(change: impl FnOnce(&mut Limits)) -> SandboxSpec {
    let mut spec = spec();
    change(&mut spec.limits);
    spec
}

/// Whether one of a program's processes was killed for its memory, by whomever.
#[test]
fn memory_is_bounded_over_all_processes() {
    on_both("resources::memory_is_bounded_over_all_processes", async || {
        let sandbox = stand(limited(|limits| limits.memory_bytes = 128 << 20)).await.unwrap();
        let hog = "tail /dev/zero & tail /dev/zero & tail /dev/zero & tail /dev/zero & wait; wait; echo survived";
        let output = sandbox.sh(hog).await;
        let killed = sandbox.keeper.oom_kills().unwrap_or(0) > 0
            || output.exited.cause == Some(Cause::Memory)
            || output.text.contains("memory exhausted")
            || output.text.contains("Cannot allocate memory");
        assert!(killed, "{} {:?}", output.text, output.exited);
        // The sandbox outlives its programs.
        assert_eq!(sandbox.says("echo alive").await, "alive");
        if sandbox.enforcer(Limit::Memory) != Enforcer::Agent {
            assert!(sandbox.keeper.usage().peak_memory_bytes.is_some_and(|peak| peak > 64 << 20));
        }
        sandbox.end().await;
    });
}

#[test]
fn processes_are_bounded() {
    on_both("resources::processes_are_bounded", async || {
        let sandbox = stand(limited(|limits| limits.pids = 32)).await.unwrap();
        let many = "for i in $(seq 100); do sleep 20 & done 2> /dev/null; ls -d /proc/[0-9]* | wc -l";
        let output = sandbox.sh(many).await;
        let counted: Vec<usize> = output.text.lines().filter_map(|line| line.trim().parse().ok()).collect();
        // A shell that can't fork may not get to count.
        assert!(counted.iter().all(|count| *count < 64), "{}", output.text);
        assert_eq!(sandbox.says("echo alive").await, "alive");
        sandbox.end().await;
    });
}

#[test]
fn files_in_memory_are_bounded_and_leave_programs_their_memory() {
    on_both("resources::files_in_memory_are_bounded_and_leave_programs_their_memory", async || {
        let full = limited(|limits| (limits.disk_bytes, limits.memory_bytes) = (64 << 20, 64 << 20));
        let sandbox = stand(full).await.unwrap();
        for place in ["/workspace", "/tmp", "/dev/shm"] {
            let output = sandbox.sh(&format!("head -c 80M /dev/zero > {place}/fill")).await;
            assert!(output.text.contains("No space left"), "{place}: {}", output.text);
        }
        // A program that needs most of its memory still gets it.
        sandbox.says("head -c 30M /dev/zero | tail -c 30M > /dev/null").await;
        assert_eq!(sandbox.keeper.oom_kills().unwrap_or(0), 0);
        let inodes = "i=0; while : > /tmp/$i; do i=$((i+1)); done 2> /dev/null; rm -f /tmp/*; echo $i";
        sandbox.sh(inodes).await;
        assert_eq!(sandbox.says("rm /workspace/fill; echo alive > x; cat x").await, "alive");
        sandbox.end().await;
    });
}

#[test]
fn processors_are_bounded() {
    on_both("resources::processors_are_bounded", async || {
        let sandbox = stand(limited(|limits| limits.cpu = Some(1.0))).await.unwrap();
        match sandbox.enforcer(Limit::Cpu) {
            Enforcer::Affinity => assert_eq!(sandbox.says("nproc").await, "1"),
            Enforcer::CgroupV1 | Enforcer::CgroupV2 => assert!(is_root(), "an ordinary user's cgroup counts time"),
            other => panic!("{other} enforces it"),
        }
        sandbox.end().await;
    });
}

#[test]
fn who_enforces_is_said_truly() {
    on_both("resources::who_enforces_is_said_truly", async || {
        let sandbox = stand(spec()).await.unwrap();
        let cgroups = sandbox.says("cat /proc/self/cgroup").await;
        let enforcer = sandbox.enforcer(Limit::Pids);
        // In a cgroup namespace of its own a process sees its cgroup as the root.
        match enforcer {
            Enforcer::CgroupV1 | Enforcer::CgroupV2 => assert!(sandbox.keeper.usage().processes >= Some(1)),
            Enforcer::Rlimit => {
                let limit = sandbox.says("grep 'Max processes' /proc/self/limits | tr -s ' ' | cut -d' ' -f3").await;
                assert!(limit.parse::<u64>().is_ok_and(|limit| limit < 2 * spec().limits.pids), "{limit}");
                assert_eq!(sandbox.keeper.usage().processes, None);
            }
            other => panic!("{other} enforces it"),
        }
        assert!(!cgroups.contains("codebeaker"), "{cgroups}");
        assert_eq!(sandbox.enforcer(Limit::Cpu), Enforcer::None);
        assert_eq!(sandbox.enforcer(Limit::Disk), Enforcer::Tmpfs);
        if is_root() && enforcer == Enforcer::Rlimit {
            skip("root may make no cgroups here");
        }
        sandbox.end().await;
    });
}
