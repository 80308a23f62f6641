//! What programs in a container can't do, and what they can.

use std::collections::BTreeMap;
use std::path::PathBuf;

use bytes::Bytes;
use codebeaker::agent::Link;
use codebeaker::agent::plan::{CODE, Confinement, Protection, SANDBOX_ID, WORKSPACE};
use codebeaker::agent::wire::{Area, Existing, FileOp, FileReply, WriteTarget};
use codebeaker::container::labels::{self, Owner};
use codebeaker::container::{Bounds, ContainerSpec, Tmpfs, delivery};
use codebeaker::runtime::docker::Oci;
use codebeaker::runtime::{Enforcer, Limit, Programs};
use codebeaker::sandbox::executable;
use codebeaker::sandbox::seccomp::{Profile, oci};
use tokio::io::AsyncWriteExt;

use crate::boxes::{IMAGE, Standing, docker, machine, on_docker, on_each, spec, stand, without};
use crate::engine::Engine;

#[test]
fn programs_run_and_files_are_kept() {
    on_each(|oci| async move {
        let standing = stand(oci, spec()).await;
        assert_eq!(standing.python("print('hello from', os.getcwd())").await, "hello from /workspace");
        let (area, existing, path) = (Area::Workspace, Existing::Replace, b"notes.txt".to_vec());
        let target = WriteTarget { path, area, existing, mode: None, parents: false, if_match: None };
        standing.link.write_file(target, Bytes::from_static(b"kept")).await.expect("the file is written");
        assert_eq!(standing.says("cat /workspace/notes.txt; hostname").await, "keptboxed");
        let read = FileOp::Read { path: b"notes.txt".to_vec(), offset: 0, max: 100 };
        let answer = standing.link.file(read).await.expect("the file is read");
        assert!(matches!(answer, FileReply::Data { data, .. } if data == b"kept"));
        let id = Engine::given().unwrap().order(&["image", "inspect", "--format", "{{.Id}}", IMAGE]);
        assert!(matches!(&standing.programs, Programs::Image { id: found, .. } if *found == id));
        assert!(standing.ready.version > 0);
        standing.end().await;
    });
}

#[test]
fn nothing_is_left_to_a_program_that_it_does_not_need() {
    on_each(|oci| async move {
        let standing = stand(oci, spec()).await;
        let status = standing.says("grep -E '^(Cap|NoNewPrivs|Uid|Gid)' /proc/self/status").await;
        for line in status.lines() {
            let (name, value) = line.split_once(':').expect("a line of a status has a name");
            let expected = match name {
                "Uid" | "Gid" => "1000\t1000\t1000\t1000",
                "NoNewPrivs" => "1",
                // gVisor tells of no bounding set but what it was given, and has none of ambient capabilities.
                _ => "0000000000000000",
            };
            assert_eq!(value.trim(), expected, "{name}");
        }
        for line in ["touch /etc/x", "touch /.codebeaker/x", "mount -t tmpfs none /tmp"] {
            assert_ne!(standing.sh(line).await.exited.code, Some(0), "{line}");
        }
        // gVisor lets a device be made, and has few.
        let device = standing.sh("mknod /tmp/mem c 1 1 && head -c 1 /tmp/mem").await;
        assert_ne!(device.exited.code, Some(0), "{device:?}");
        assert_eq!(standing.says("tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '").await, "lo");
        assert_ne!(standing.sh("grep -q docker.sock /proc/mounts").await.exited.code, Some(0));
        assert_eq!(standing.says("touch x /tmp/x && echo *").await, "x");
        standing.end().await;
    });
}

#[test]
fn limits_hold_and_are_told_truly() {
    on_each(|oci| async move {
        let standing = stand(oci, spec()).await;
        let (memory, pids) = (standing.enforcer(Limit::Memory), standing.enforcer(Limit::Pids));
        if oci == Oci::Runsc {
            assert_eq!((memory, pids), (Enforcer::Agent, Enforcer::Agent));
        } else {
            assert!(matches!(memory, Enforcer::CgroupV1 | Enforcer::CgroupV2), "{memory}");
            assert_eq!(pids, memory);
        }
        assert_eq!(standing.enforcer(Limit::Disk), Enforcer::Tmpfs);
        let full = standing.sh("head -c 100000000 /dev/zero > /workspace/big").await;
        assert!(full.text.contains("No space left"), "{}", full.text);
        standing.says("rm /workspace/big").await;
        let hungry = standing.run(&["python3", "-c", "x = bytearray(300 << 20)\nimport time; time.sleep(20)"]).await;
        assert_ne!(hungry.exited.code, Some(0), "{hungry:?}");
        // The sandbox outlives that.
        assert_eq!(standing.says("echo on").await, "on");
        standing.end().await;
    });
}

#[test]
fn more_processes_than_were_allowed_can_not_be_had() {
    on_each(|oci| async move {
        let standing = stand(oci, spec()).await;
        let bomb = "
import time
count = 0
try:
    while count < 300:
        if os.fork() == 0:
            time.sleep(5)
            os._exit(0)
        count += 1
    time.sleep(5)
    print('all', count)
except OSError as error:
    print('stopped', error.errno)
";
        let output = standing.run(&["python3", "-c", &format!("import os{bomb}")]).await;
        assert!(!output.text.contains("all"), "{output:?}");
        assert_eq!(standing.says("echo on").await, "on");
        standing.end().await;
    });
}

/// Calls by which a program of a container with the engine's own filter gets where it has nothing to do.
const REACHING: &str = "
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def refused(number, *arguments):
    ctypes.set_errno(0)
    libc.syscall(number, *[ctypes.c_ulong(one) for one in arguments])
    return ctypes.get_errno() in (1, 38)
calls = {'vsock': (41, 40, 1, 0), 'sctp': (41, 2, 1, 132), 'keyctl': (250, 0, 0xfffffffd, 0), 'typing': (16, 0, 0x5412, 0),
  'typing with an upper bit': (16, 0, 0x100005412, 0), 'clone3': (435, 0, 0), 'prlimit': (302, 1, 7, 0, 0)}
print(*[name for name, call in calls.items() if not refused(*call)], sep=', ')
";

#[test]
fn the_filter_that_the_engine_installs_holds_by_itself() {
    on_docker(|| async {
        let docker = docker(Oci::Default);
        let engine = machine(&docker).engine().await.expect("the engine answers");
        let volume =
            delivery::agent_volume(&engine, executable::bytes(), IMAGE).await.expect("the agent is delivered").volume;
        let profile = Profile { counted_memory: true, writes_host_files: false };
        let filter = oci::document(profile).expect("this processor is known").to_owned();
        let mut passed = Vec::new();
        for seccomp in [None, Some(filter)] {
            let tmpfs = [WORKSPACE, CODE].map(|path| Tmpfs {
                path: PathBuf::from(path),
                bytes: Some(1 << 20),
                inodes: Some(100),
            });
            let owner = Owner::current().expect("this process is known").to_string();
            let container = ContainerSpec {
                name: format!("codebeaker-test-{}-{}", std::process::id(), passed.len()),
                image: IMAGE.to_owned(),
                agent_volume: volume.clone(),
                arguments: vec!["serve".to_owned()],
                user: (SANDBOX_ID, SANDBOX_ID),
                labels: BTreeMap::from([(labels::MANAGED, "1".to_owned()), (labels::OWNER, owner)])
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect(),
                tmpfs: tmpfs.into(),
                bounds: Bounds { open_files: Some(2048), ..Bounds::default() },
                seccomp,
                ..ContainerSpec::default()
            };
            let id = engine.create(&container).await.expect("the container is made");
            let mut attached = engine.attach(&id).await.expect("it has streams");
            engine.start(&id).await.expect("it starts");
            // The agent installs none.
            let confinement = Confinement {
                rlimits: Vec::new(),
                watched_memory_bytes: None,
                watched_processes: None,
                processors: None,
                seccomp: Vec::new(),
                alone_ms: None,
                without: vec![Protection::Seccomp],
            };
            let words = postcard::to_stdvec(&confinement).expect("it can be encoded");
            attached.writer.write_all(&(words.len() as u32).to_le_bytes()).await.expect("it reads");
            attached.writer.write_all(&words).await.expect("it reads");
            let (link, ready) = Link::open(attached.reader, attached.writer).await.expect("it stands");
            let keeper = Box::new(NoKeeper);
            let standing = Standing { link, ready, keeper, enforcement: Vec::new(), programs: Programs::Host };
            passed.push(standing.python(REACHING).await);
            engine.remove(&id).await.expect("it is removed");
        }
        let [without, with] = &passed[..] else { panic!("{passed:?}") };
        assert!(without.contains("keyctl") && without.contains("clone3"), "without a filter: {without}");
        assert_eq!(with, "");
    });
}

/// For a container that the test holds itself.
struct NoKeeper;

#[async_trait::async_trait]
impl codebeaker::runtime::Keeper for NoKeeper {
    fn oom_kills(&self) -> Option<u64> {
        None
    }

    fn container(&self) -> Option<String> {
        None
    }

    fn usage(&self) -> codebeaker::runtime::Usage {
        codebeaker::runtime::Usage::default()
    }

    async fn destroy(&mut self) -> bool {
        true
    }
}

#[test]
fn the_filter_that_the_agent_installs_holds_in_each_kernel() {
    on_each(|oci| async move {
        let standing = stand(oci, without(&[Protection::Seccomp])).await;
        let reached = standing.python(REACHING).await;
        assert!(!reached.is_empty(), "without a filter nothing is reached either");
        standing.end().await;
        let standing = stand(oci, spec()).await;
        assert_eq!(standing.python(REACHING).await, "");
        standing.end().await;
    });
}
