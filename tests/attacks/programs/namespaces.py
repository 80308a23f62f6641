# New namespaces, by every call that makes or joins one.
NEW = {"user": 0x10000000, "mount": 0x20000, "cgroup": 0x02000000, "uts": 0x04000000, "ipc": 0x08000000,
       "pid": 0x20000000, "network": 0x40000000, "time": 0x80}


def clone(flags):
    child = libc.syscall(56, ctypes.c_long(flags | signal.SIGCHLD), None, None, None, None)
    if child == -1:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return "cloned"


def clone3(flags):
    arguments = (ctypes.c_uint64 * 11)(flags, 0, 0, 0, signal.SIGCHLD)
    child = syscall(435, arguments, 88)
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return "cloned"


def join_users():
    """Into the user namespace of a child, in which its maker has every capability."""
    ready, told = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            syscall(272, NEW["user"])
            os.write(told, b"1")
        except OSError:
            os.write(told, b"0")
        signal.pause()
    try:
        must(os.read(ready, 1) == b"1", "the child has no namespace")
        descriptor = os.open(f"/proc/{child}/ns/user", os.O_RDONLY)
        return syscall(308, descriptor, 0)
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)


for name, flag in NEW.items():
    attempt(f"unshare {name}", lambda: apart(lambda: syscall(272, NEW["user"] | flag)))
    if name != "time":  # Its flag means something else to clone.
        attempt(f"clone {name}", lambda: apart(lambda: clone(NEW["user"] | flag)))
    attempt(f"clone3 {name}", lambda: apart(lambda: clone3(NEW["user"] | flag)))
attempt("clone3 at all", lambda: apart(lambda: clone3(0)))
attempt("setns user", lambda: apart(join_users))
for name in ("mnt", "net", "pid", "ipc", "uts", "cgroup", "user"):
    reaches_kernel(f"setns {name}", 308, os.open(f"/proc/self/ns/{name}", os.O_RDONLY), 0)
