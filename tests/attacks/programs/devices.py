# Makes devices, and opens those that a kernel keeps for its owner.
import stat


def make(kind, major, minor, directory="/tmp"):
    def action():
        path = f"{directory}/planted-device"
        os.mknod(path, kind | 0o666, os.makedev(major, minor))
        return os.open(path, os.O_RDWR)

    return action


for directory in ("/tmp", "/workspace", "/dev/shm"):
    attempt(f"a block device in {directory}", make(stat.S_IFBLK, 254, 0, directory))
    attempt(f"/dev/mem in {directory}", make(stat.S_IFCHR, 1, 1, directory))
    attempt(f"a null device in {directory}", make(stat.S_IFCHR, 1, 3, directory))
for name in ("mem", "kmem", "port", "kmsg", "kvm", "fuse", "net/tun", "vhost-net", "vda", "sda", "nvme0", "loop0",
             "loop-control", "mapper/control", "btrfs-control", "userfaultfd", "autofs", "console", "tty0", "tty1", "vcs",
             "input/event0", "dri/card0", "snd/seq", "uinput", "rtc0", "watchdog", "cpu/0/msr", "vsock", "ptp0", "hpet"):
    attempt(f"open /dev/{name}", lambda: os.open(f"/dev/{name}", os.O_RDONLY | os.O_NONBLOCK))
expected = {"fd", "full", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin", "stdout", "tty", "urandom", "zero"}
attempt("other devices", lambda: must(set(os.listdir("/dev")) - expected))
# What is there is there: the attempts above are real ones.
os.close(os.open("/dev/null", os.O_RDWR))
os.mkfifo("/tmp/fifo")
