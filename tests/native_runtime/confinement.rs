//! What a program in a sandbox is and sees, and that each protection is what makes it so.

use std::path::Path;

use codebeaker::agent::plan::Protection;
use codebeaker::runtime::{Enforcer, Limit};

use super::boxes::{on_both, spec, stand, without};
use super::skip::skip;

#[test]
fn a_program_has_no_privilege_and_sees_nothing_of_the_host() {
    on_both("confinement::a_program_has_no_privilege_and_sees_nothing_of_the_host", async || {
        let sandbox = stand(spec()).await.unwrap();
        assert_eq!(sandbox.says("id -u; id -g; id -un; hostname").await, "1000\n1000\nsandbox\nboxed");
        let status = sandbox.says("cat /proc/self/status").await;
        for line in ["CapPrm:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"] {
            assert!(status.lines().any(|found| found == line), "{line} in {status}");
        }
        assert_eq!(sandbox.says("ls /").await.replace('\n', " "), listing_of_root());
        assert_eq!(sandbox.says("cut -d: -f1 /proc/net/dev | tail -n +3 | tr -d ' '").await, "lo");
        assert_eq!(
            sandbox.says("cat /proc/sys/kernel/hostname; ls /dev/pts; ls -A /workspace /tmp /dev/shm | wc -l").await,
            "boxed\nptmx\n5"
        );
        // With 1 a crash is neither written to a file nor piped to the host's crash handler.
        assert_eq!(
            sandbox.says("grep 'core file' /proc/self/limits | tr -s ' '").await,
            "Max core file size 1 1 bytes"
        );
        for hidden in ["/etc/shadow", "/sys", "/home", "/root", "/opt", "/run/user", "/var/run", "/dev/kvm", "/dev/mem"]
        {
            let output = sandbox.sh(&format!("ls -d {hidden}")).await;
            assert_ne!(output.exited.code, Some(0), "{hidden} is there");
        }
        for closed in ["/etc/x", "/usr/x", "/dev/x", "/run/codebeaker/x", "/proc/sys/kernel/core_pattern", "/x"] {
            let output = sandbox.sh(&format!("echo > {closed}")).await;
            assert_ne!(output.exited.code, Some(0), "{closed} was written");
        }
        sandbox.says("echo > /dev/null; echo > /tmp/x; echo > /workspace/x; echo > /dev/shm/x").await;
        sandbox.end().await;
    });
}

/// Directories that not every system has are links into `/usr` where they are there.
fn listing_of_root() -> String {
    let system = ["bin", "dev", "etc", "lib", "lib32", "lib64", "libx32", "nix", "proc", "run", "sbin"];
    let there = |name: &&str| matches!(*name, "dev" | "etc" | "proc" | "run") || Path::new("/").join(name).exists();
    let mut names: Vec<&str> = system.into_iter().filter(there).collect();
    names.extend(["tmp", "usr", "var", "workspace"]);
    names.join(" ")
}

#[test]
fn a_program_inherits_three_descriptors_and_nothing_else() {
    on_both("confinement::a_program_inherits_three_descriptors_and_nothing_else", async || {
        let sandbox = stand(spec()).await.unwrap();
        // The last one is the listing's own.
        assert_eq!(sandbox.says("ls /proc/self/fd").await, "0\n1\n2\n3");
        assert_eq!(
            sandbox.says("env | grep -v -e ^PWD= -e ^_= | sort").await,
            "HOME=/workspace\nPATH=/usr/local/bin:/usr/bin:/bin"
        );
        sandbox.end().await;
    });
}

#[test]
fn ordinary_programs_run() {
    on_both("confinement::ordinary_programs_run", async || {
        let sandbox = stand(spec()).await.unwrap();
        if Path::new("/usr/bin/python3").exists() {
            let code = "import asyncio, multiprocessing, ssl, sqlite3, subprocess, threading\n\
                async def main():\n  p = await asyncio.create_subprocess_exec('true'); return await p.wait()\n\
                if __name__ == '__main__':\n  \
                t = threading.Thread(target=print); t.start(); t.join()\n  \
                with multiprocessing.get_context('spawn').Pool(2) as pool: print(pool.map(abs, [-1, 2]))\n  \
                print(subprocess.check_output(['echo', 'sub']), asyncio.run(main()))";
            let line = format!("cat > t.py <<'END'\n{code}\nEND\npython3 t.py");
            assert_eq!(sandbox.says(&line).await, "\n[1, 2]\nb'sub\\n' 0");
        } else {
            skip("there is no /usr/bin/python3");
        }
        if Path::new("/usr/bin/node").exists() {
            let code = "const {Worker} = require('worker_threads'); \
                console.log(require('child_process').execSync('echo sub').toString().trim()); \
                new Worker('console.log(new WebAssembly.Memory({initial: 1}).buffer.byteLength)', {eval: true})";
            assert_eq!(sandbox.says(&format!("node -e \"{code}\"")).await, "sub\n65536");
        } else {
            skip("there is no /usr/bin/node");
        }
        if Path::new("/usr/bin/gcc").exists() {
            let line = "echo 'int main(){return 0;}' > a.c && gcc -o /tmp/a a.c && /tmp/a && echo compiled";
            assert_eq!(sandbox.says(line).await, "compiled");
        } else {
            skip("there is no /usr/bin/gcc");
        }
        sandbox.end().await;
    });
}

#[test]
fn each_protection_is_what_protects() {
    on_both("confinement::each_protection_is_what_protects", async || {
        // A command, and what it prints with the protection in place. Without it, something else.
        let cases = [
            (Protection::Seccomp, "grep -c Seccomp:.2 /proc/self/status", "1"),
            (Protection::Network, "readlink /proc/self/ns/net", ""),
            (Protection::Ipc, "readlink /proc/self/ns/ipc", ""),
            (Protection::Uts, "hostname", "boxed"),
            (Protection::ReadOnlyRoot, "grep -c '^[^ ]* /usr [^ ]* ro,' /proc/self/mounts", "1"),
            (Protection::MinimalRoot, "ls -d /sys 2> /dev/null || echo none", "none"),
            (Protection::ProcMasks, "grep -c ' /proc/sys ' /proc/self/mounts", "1"),
            (Protection::UndumpableAgent, "cat /proc/1/environ > /dev/null 2>&1 && echo open || echo closed", "closed"),
            (Protection::Capabilities, "grep CapEff /proc/self/status", "CapEff:\t0000000000000000"),
            (Protection::NoNewPrivileges, "grep NoNewPrivs /proc/self/status", "NoNewPrivs:\t1"),
            (Protection::Rlimits, "ulimit -n", "1024"),
            (Protection::TmpfsSizes, "df --output=size /tmp | tail -1 | tr -d ' '", "14336"),
        ];
        let whole = stand(spec()).await.unwrap();
        for (protection, line, expected) in cases {
            let protected = whole.sh(line).await.text.trim_end().to_owned();
            if expected.is_empty() {
                let host = std::fs::read_link(line.trim_start_matches("readlink ")).unwrap();
                assert_ne!(Path::new(&protected), host, "{protection:?}");
            } else {
                assert_eq!(protected, expected, "{protection:?}");
            }
            let bare = stand(without(&[protection])).await.unwrap();
            assert_ne!(bare.sh(line).await.text.trim_end(), protected, "without {protection:?}");
            bare.end().await;
        }
        whole.end().await;
    });
}

#[test]
fn without_all_of_them_a_sandbox_still_stands() {
    on_both("confinement::without_all_of_them_a_sandbox_still_stands", async || {
        let all = [
            Protection::Seccomp,
            Protection::Landlock,
            Protection::Network,
            Protection::Ipc,
            Protection::Uts,
            Protection::ReadOnlyRoot,
            Protection::MinimalRoot,
            Protection::ProcMasks,
            Protection::UndumpableAgent,
            Protection::Capabilities,
            Protection::NoNewPrivileges,
            Protection::Sweep,
            Protection::MemoryWatch,
            Protection::Rlimits,
            Protection::Cgroups,
            Protection::TmpfsSizes,
            Protection::BeneathWorkspace,
        ];
        let sandbox = stand(without(&all)).await.unwrap();
        assert_eq!(sandbox.ready.landlock_abi, 0);
        assert_eq!(sandbox.enforcer(Limit::Pids), Enforcer::Rlimit);
        // With its capabilities and no filter a program can do what root could.
        sandbox.says("unshare --mount true").await;
        sandbox.end().await;
    });
}

#[test]
fn an_engine_elsewhere_is_shown_and_its_neighbours_are_not() {
    on_both("confinement::an_engine_elsewhere_is_shown_and_its_neighbours_are_not", async || {
        let directory = tempfile::tempdir().unwrap();
        let engine = directory.path().join("engines/one");
        std::fs::create_dir_all(&engine).unwrap();
        std::fs::write(engine.join("program"), "inside").unwrap();
        std::fs::write(directory.path().join("secret"), "outside").unwrap();
        // The engine's own directory is open, the one above it is not.
        let closed = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(directory.path(), closed).unwrap();
        let mut shown = spec();
        shown.engine_roots = vec![engine.clone()];
        let sandbox = stand(shown).await.unwrap();
        assert_eq!(sandbox.says(&format!("cat {}/program", engine.display())).await, "inside");
        assert_ne!(sandbox.sh(&format!("cat {}/secret", directory.path().display())).await.exited.code, Some(0));
        sandbox.end().await;
    });
}
