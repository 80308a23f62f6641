# Uses what an image can have lie in wait for whoever runs in it.
import subprocess


def printed(*command):
    return subprocess.run(command, capture_output=True, text=True).stdout


attempt("be root", lambda: must(0 in (os.getuid(), os.getgid(), *os.getgroups())))
attempt("set-user-id program", lambda: must(printed("/usr/bin/planted-id", "-u").strip() == "0"))


BECOME_ROOT = "import os; os.setuid(0); print(os.getuid())"
attempt("file capabilities", lambda: must(printed("/usr/bin/planted-python", "-I", "-c", BECOME_ROOT).strip() == "0"))
attempt("its variables", lambda: must([name for name, value in os.environ.items() if "planted" in value]))
attempt("a file in the root", lambda: write("/planted/file"))
attempt("its working directory", lambda: must(os.getcwd() != "/workspace"))


def on_disk():
    mounts = dict(line.split()[1:3] for line in open("/proc/mounts"))
    return must([path for path in ("/data", "/workspace", "/tmp", "/run/codebeaker", "/dev/shm") if mounts.get(path) != "tmpfs"])


attempt("its volumes on the engine's disk", on_disk)


def health():
    time.sleep(1.5)
    return must(os.path.exists("/workspace/planted-health"))


attempt("its check of health", health)
attempt("what it would have started", lambda: must([p for p in os.listdir("/proc") if p.isdigit() and b"planted" in read(f"/proc/{p}/cmdline")[:20]]))
