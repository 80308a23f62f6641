# Reads, traces and robs PID 1.
import struct

libc.ptrace.restype = ctypes.c_long
attempt("environ", lambda: read("/proc/1/environ") or "empty")
attempt("mem", lambda: open("/proc/1/mem", "rb").close())
attempt("maps", lambda: read_something("/proc/1/maps"))
attempt("exe", lambda: os.readlink("/proc/1/exe"))
attempt("exe bytes", lambda: read_something("/proc/1/exe"))
attempt("root", lambda: os.listdir("/proc/1/root"))
attempt("cwd", lambda: os.listdir("/proc/1/cwd"))
attempt("descriptors", lambda: must(os.listdir("/proc/1/fd")))
attempt("namespaces", lambda: os.readlink("/proc/1/ns/mnt"))


def open_descriptors():
    opened = []
    for number in range(1024):
        for flags in (os.O_RDWR, os.O_RDONLY, os.O_WRONLY):
            try:
                opened.append(os.open(f"/proc/1/fd/{number}", flags | os.O_NONBLOCK))
            except OSError:
                pass
    return must(opened)


attempt("reopened descriptors", lambda: apart(open_descriptors))


def trace():
    # PTRACE_SEIZE, which doesn't stop it, so that there still is an agent afterwards.
    if libc.ptrace(0x4206, 1, None, None):
        raise OSError(ctypes.get_errno(), "ptrace")


attempt("ptrace", lambda: apart(trace))


def read_memory():
    start = int(read("/proc/1/maps").split(b"-")[0], 16) if os.access("/proc/1/maps", os.R_OK) else 0x400000
    buffer = ctypes.create_string_buffer(16)
    here = struct.pack("QQ", ctypes.addressof(buffer), 16)
    there = struct.pack("QQ", start, 16)
    return syscall(310, 1, here, 1, there, 1, 0)


attempt("process_vm_readv", read_memory)


def steal():
    process = os.pidfd_open(1)
    stolen = []
    for number in range(64):
        try:
            stolen.append(syscall(438, process, number, 0))
        except OSError:
            pass
    return must(stolen)


attempt("pidfd_getfd", lambda: apart(steal))
