//! Limits: each is shown to bite, the session to go on after it, and what is said of them to be true.

use serde_json::{Value, json};

use super::python;
use crate::harness::taking::{
    ALLOCATES, EAGAIN, EFBIG, EMFILE, ENOSPC, FORKS, OPENS, counted, had_enough, ran_out_of_memory, run,
};
use crate::harness::{Client, Place};

const WRITES: &str = "
import os
written = 0
try:
    for number in range(8):
        with open(f'large{number}', 'wb', buffering=0) as file:
            for _ in range(10): written += file.write(b'x' * 100000)
    print('all')
except OSError as error:
    print(written, error.errno)
for number in range(8):
    if os.path.exists(f'large{number}'): os.unlink(f'large{number}')
";

/// Memory that no one process has too much of.
const ALLOCATES_TOGETHER: &str = "
import os, time
for _ in range(5):
    if os.fork() == 0:
        x = b'x' * (50 << 20)
        time.sleep(600)
time.sleep(15)
print('all')
";

const EDQUOT: u64 = 122;

fn goes_on(client: &mut Client, session: &str) {
    let execution = client.execute(session, json!({"program": "echo", "args": ["still here"]}));
    assert_eq!(execution.stdout(), "still here\n", "{}", execution.result);
}

pub(crate) fn memory_is_limited(place: Place) {
    let (mut client, session) = place.open(json!({"limits": {"memoryBytes": 512 << 20}}));
    had_enough(&run(&mut client, &session, ALLOCATES, &json!({})));
    let limits = json!({"memoryBytes": 140 << 20, "diskBytes": 8 << 20});
    let session = place.session(&mut client, json!({"limits": limits}));
    ran_out_of_memory(&run(&mut client, &session, ALLOCATES, &json!({})));
    goes_on(&mut client, &session);
    let together = run(&mut client, &session, ALLOCATES_TOGETHER, &json!({}));
    // One of the children may be all that the kernel takes.
    let one_is_gone = together.outcome() == "ok" && together.result["oomKills"] != 0;
    assert!(one_is_gone || together.outcome() == "outOfMemory", "{} {}", together.result, together.stdout());
    goes_on(&mut client, &session);
}

pub(crate) fn processes_are_limited(place: Place) {
    let (mut client, session) = place.open(json!({}));
    had_enough(&run(&mut client, &session, FORKS, &json!({})));
    let session = place.session(&mut client, json!({"limits": {"pids": 20}}));
    // Where nothing but the agent counts, it ends who has too many, when it sees them.
    let stays = format!("{FORKS}if children == 59:\n    import time\n    time.sleep(600)\n");
    let forks = run(&mut client, &session, &stays, &json!({}));
    if forks.outcome() == "ok" {
        assert!(counted(&forks, &[EAGAIN]) <= 20 + 18, "{}", forks.stdout());
    } else {
        assert_eq!(forks.outcome(), "killed", "{} {}", forks.result, forks.stdout());
    }
    goes_on(&mut client, &session);
}

/// Containers have a user in common, whose processes a kernel can count all together.
pub(crate) fn a_session_full_of_processes_leaves_another_its_own(place: Place) {
    let mut client = place.client();
    let fill = "
import os, time
for _ in range(30):
    if os.fork() == 0: time.sleep(600)
print('full', flush=True)
time.sleep(600)
";
    for _ in 0..4 {
        let session = place.session(&mut client, json!({"limits": {"pids": 40}}));
        let (_, execution) = client.begin(json!({"sessionId": session, "source": python(fill)}));
        client.wait_for_output(&execution, "full");
    }
    client.allow_unclaimed();
}

pub(crate) fn open_files_are_limited(place: Place) {
    let (mut client, session) = place.open(json!({}));
    had_enough(&run(&mut client, &session, OPENS, &json!({})));
    let session = place.session(&mut client, json!({"limits": {"openFiles": 50}}));
    assert!(counted(&run(&mut client, &session, OPENS, &json!({})), &[EMFILE]) < 50);
    goes_on(&mut client, &session);
}

pub(crate) fn the_disk_is_limited_and_its_end_is_told(place: Place) {
    let (mut client, session) = place.open(json!({}));
    had_enough(&run(&mut client, &session, WRITES, &json!({})));
    let session = place.session(&mut client, json!({"limits": {"diskBytes": 4 << 20}}));
    let written = counted(&run(&mut client, &session, WRITES, &json!({})), &[ENOSPC, EDQUOT, EFBIG]);
    assert!(written <= 4 << 20, "{written}");
    // A request that meets the end says so, and what was there stays.
    client.request("fs/write", json!({"sessionId": session, "path": "kept", "data": "kept"}));
    let params = json!({"sessionId": session, "path": "kept", "data": "x".repeat(5 << 20)});
    let error = client.call("fs/write", params).unwrap_err();
    assert_eq!((error["code"].as_i64(), error["data"]["kind"].as_str()), (Some(1508), Some("DiskFull")), "{error}");
    assert_eq!(client.request("fs/read", json!({"sessionId": session, "path": "kept"}))["data"], "kept");
    goes_on(&mut client, &session);
    // A full workspace, with a program that never gives back what it took, is still good for deleting.
    let fill = "import os\nfor name in ['/workspace/full', '/tmp/full']:\n  try:\n    \
                with open(name, 'wb') as f:\n      while True: f.write(b'x' * 65536)\n  except OSError: pass";
    run(&mut client, &session, fill, &json!({}));
    goes_on(&mut client, &session);
    client.request("fs/remove", json!({"sessionId": session, "path": "full"}));
    client.request("fs/write", json!({"sessionId": session, "path": "again", "data": "x".repeat(1 << 20)}));
}

pub(crate) fn one_execution_can_be_held_tighter(place: Place) {
    let (mut client, session) = place.open(json!({}));
    ran_out_of_memory(&run(&mut client, &session, ALLOCATES, &json!({"memoryBytes": 64 << 20})));
    let opens = run(&mut client, &session, OPENS, &json!({"openFiles": 50}));
    assert!(counted(&opens, &[EMFILE]) < 50, "{}", opens.stdout());
    let wider = json!({"sessionId": session, "source": {"program": "true"}, "limits": {"memoryBytes": 1u64 << 40}});
    assert_eq!(client.call("session/execute", wider).unwrap_err()["data"]["path"], "limits.memoryBytes");
    // None of this stays behind.
    had_enough(&run(&mut client, &session, ALLOCATES, &json!({})));
    had_enough(&run(&mut client, &session, OPENS, &json!({})));
}

/// What the session's processes find of a limit, by who is said to see to it. D15: a limit was told that
/// nothing saw to.
pub(crate) fn the_limits_that_are_named_are_in_force(place: Place) {
    let mut client = place.client();
    let limits = json!({"memoryBytes": 200 << 20, "pids": 40, "openFiles": 60, "diskBytes": 8 << 20, "cpu": 1.0});
    let created = client.request("session/create", place.wish(json!({"limits": limits})));
    let session = created["sessionId"].as_str().unwrap().to_owned();
    for (field, value) in limits.as_object().unwrap() {
        assert_eq!(created["effectiveLimits"][field]["value"], *value, "{field}");
    }
    let enforcer = |field: &str| created["effectiveLimits"][field]["enforcedBy"].as_str().unwrap().to_owned();
    let look = "
import os, resource, json
stat = os.statvfs('/workspace')
print(json.dumps({
    'files': resource.getrlimit(resource.RLIMIT_NOFILE)[0],
    'data': resource.getrlimit(resource.RLIMIT_DATA)[0],
    'size': resource.getrlimit(resource.RLIMIT_FSIZE)[0],
    'disk': stat.f_blocks * stat.f_frsize,
    'processors': len(os.sched_getaffinity(0)),
}))";
    let seen: Value = serde_json::from_str(&client.execute(&session, python(look)).stdout()).unwrap();
    let expect = |field: &str, known: &[&str]| {
        let enforcer = enforcer(field);
        assert!(known.contains(&enforcer.as_str()), "{field} by {enforcer}: {created}");
        enforcer
    };
    assert_eq!(expect("openFiles", &["rlimit"]), "rlimit");
    assert_eq!(seen["files"], 60, "{seen}");
    if expect("diskBytes", &["tmpfs", "rlimit"]) == "tmpfs" {
        assert!(seen["disk"].as_u64().is_some_and(|bytes| bytes > 0 && bytes <= 8 << 20), "{seen}");
    }
    // Nobody does where an engine's gVisor does without cgroups, and its kernel without affinities.
    let cpu: &[&str] = if place == Place::Gvisor { &["nobody"] } else { &[] };
    if expect("cpu", &[&["cgroupV1", "cgroupV2", "affinity"], cpu].concat()) == "affinity" {
        assert_eq!(seen["processors"], 1, "{seen}");
    }
    let memory = expect("memoryBytes", &["cgroupV1", "cgroupV2", "rlimit", "watchdog"]);
    if memory == "rlimit" {
        assert!(seen["data"].as_i64().is_some_and(|bytes| bytes > 0 && bytes <= 200 << 20), "{seen}");
    }
    expect("pids", &["cgroupV1", "cgroupV2", "rlimit", "watchdog"]);
    if place.has_containers() && memory.starts_with("cgroup") {
        let containers = place.engine().containers_of(client.pid());
        let bounded = containers.iter().any(|name| {
            let format = "{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}} {{.HostConfig.PidsLimit}}";
            let bounds = place.engine().order(&["inspect", "--format", format, name]);
            let bounds: Vec<i64> = bounds.split_whitespace().filter_map(|word| word.parse().ok()).collect();
            matches!(bounds[..], [memory, swap, pids]
                if (200 << 20..=232 << 20).contains(&memory) && swap == memory && (40..=58).contains(&pids))
        });
        assert!(bounded, "no container of {containers:?} has these limits");
    }
}
