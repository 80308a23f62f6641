# Files through which the kernel is configured, commanded or read.
import stat


def changes(path, data):
    """Opening is enough: nothing is to be written to the host's kernel by a test."""
    return lambda: os.close(os.open(path, os.O_WRONLY))


for path in (
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/kernel/modprobe",
    "/proc/sys/kernel/hotplug",
    "/proc/sys/kernel/hostname",
    "/proc/sys/vm/panic_on_oom",
    "/proc/sys/fs/binfmt_misc/register",
    "/proc/sys/net/ipv4/ip_forward",
    "/proc/sysrq-trigger/x",
    "/proc/irq/default_smp_affinity",
    "/proc/1/oom_score_adj",
    "/sys/kernel/uevent_helper",
    "/sys/fs/cgroup/release_agent",
    "/sys/fs/cgroup/cgroup.procs",
    "/sys/kernel/security/apparmor/.replace",
    "/sys/kernel/debug/sched/debug",
):
    attempt(f"open {path}", changes(path, b""))
for path in ("/proc/kallsyms", "/proc/keys", "/proc/key-users", "/proc/timer_list", "/proc/kcore", "/proc/kmsg",
             "/proc/sched_debug", "/proc/kpagecount", "/proc/scsi/scsi", "/proc/acpi/wakeup", "/sys/kernel/notes",
             "/sys/class/net/lo/address", "/sys/fs/cgroup/cgroup.procs", "/proc/config.gz/x"):
    attempt(f"read {path}", lambda: read_something(path))
attempt("list /sys", lambda: must(os.listdir("/sys")))
attempt("list /proc/acpi", lambda: must(os.listdir("/proc/acpi")))
attempt("sysrq is a device of nothing else", lambda: must(not stat.S_ISCHR(os.stat("/proc/sysrq-trigger").st_mode)))


def favour():
    for score in ("-1000", "-500", "-1"):
        try:
            write("/proc/self/oom_score_adj", score.encode())
            return score
        except OSError:
            pass
    raise PermissionError("the score can't be lowered")


attempt("be spared when memory is short", favour)
attempt("real time", lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50)))
attempt("be nicer to itself", lambda: os.nice(-5))
attempt("more than the hard limit", lambda: __import__("resource").setrlimit(7, (1 << 20, 1 << 20)))
