# Looks for secrets wherever a sandbox may have forgotten some.
import subprocess

SECRET = b"canary-of-"


def look(paths):
    def action():
        hits = []
        for path in paths():
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            except OSError:
                continue
            try:
                if SECRET in os.read(descriptor, 1 << 20):
                    hits.append(path)
            except OSError:
                pass
            finally:
                os.close(descriptor)
        return must(hits, "nothing was found")

    return action


def of_processes(*names):
    def paths():
        for process in ["self", *filter(str.isdigit, os.listdir("/proc"))]:
            if process not in (str(os.getpid()), "self", "thread-self"):
                for name in names:
                    yield f"/proc/{process}/{name}"

    return paths


def below(*roots):
    def paths():
        for root in roots:
            for directory, inner, names in os.walk(root):
                # An image's lists of its own packages are long, and everybody's.
                inner[:] = [name for name in inner if name not in ("dpkg", "apt")]
                for name in names:
                    path = os.path.join(directory, name)
                    if os.path.isfile(path) or os.path.islink(path):
                        yield path

    return paths


attempt("own environment", lambda: must([name for name, value in os.environ.items() if "canary-of-" in value]))
attempt("environments", look(of_processes("environ")))
attempt("command lines", look(of_processes("cmdline", "comm", "mountinfo", "status", "cgroup")))
attempt("canary", look(lambda: [host["canary"], "/proc/1/root" + host["canary"], "/proc/self/root" + host["canary"]]))
attempt("home", look(below("/root", "/home", host["ground"], os.path.expanduser("~"))))
attempt("system", look(below("/etc", "/run", "/var", "/tmp", "/dev/shm", "/srv", "/opt", "/mnt", "/media", "/sys/fs/cgroup")))
attempt("other users' names", lambda: must([l for l in open("/etc/passwd") if l.split(":")[0] not in ("root", "sandbox", "nobody")]))
attempt("password hashes", lambda: read_something("/etc/shadow"))
attempt("machine id", lambda: read_something("/etc/machine-id"))
attempt("host name", lambda: must(socket.gethostname() == host["hostname"]))
attempt("mounts of the host", lambda: must(any(host["ground"] in line for line in open("/proc/self/mountinfo"))))
attempt("host's processes", lambda: must(os.path.exists(f"/proc/{host['test']}/stat") and host["test"] > 400))


def compile():
    """What a compiler can read shows in its messages."""
    source = f'#include "{host["canary"]}"\nint main() {{ return 0; }}\n'
    done = subprocess.run(["cc", "-x", "c", "-", "-o", "/tmp/a"], input=source, capture_output=True, text=True)
    return must("canary-of" in done.stderr and done.stderr[-400:], "it shows nothing")


attempt("compiler", compile)
