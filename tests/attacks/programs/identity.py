# Becomes somebody else.
import subprocess

for name, change in (
    ("setuid", lambda: os.setuid(0)),
    ("setresuid", lambda: os.setresuid(0, 0, 0)),
    ("setgid", lambda: os.setgid(0)),
    ("setgroups", lambda: os.setgroups([0])),
    ("setuid to another", lambda: os.setuid(1)),
    ("host's own", lambda: os.setuid(65534)),
):
    attempt(name, lambda: apart(change))


def capabilities():
    status = dict(line.split(":\t") for line in open("/proc/self/status") if ":\t" in line)
    return must([name for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb") if int(status.get(name, "0"), 16)])


attempt("capabilities", capabilities)
attempt("may gain privileges", lambda: must("NoNewPrivs:\t0" in open("/proc/self/status").read()))


def run(path):
    def action():
        done = subprocess.run([path, "-u"], capture_output=True, text=True)
        return must(done.stdout.strip() not in (str(os.getuid()), "") and done.stdout, done.stderr or "it is still the same")

    return action


attempt("set-user-id program", run("/workspace/planted-id"))
attempt("its own set-user-id program", lambda: (os.system("cp /usr/bin/id /tmp/id; chmod 4755 /tmp/id"), run("/tmp/id")())[1])
attempt("raise capabilities", lambda: must(libc.prctl(47, 2, 21, 0, 0) == 0))
attempt("file capabilities", lambda: os.setxattr("/tmp/id", "security.capability", bytes(20)))
