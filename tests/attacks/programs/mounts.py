# Mounts, and roots of one's own: as it is, and from a new user namespace where there is one to be had.


def nothing():
    pass


def namespace():
    syscall(272, 0x10000000 | 0x20000)
    write("/proc/self/setgroups", b"deny")
    write("/proc/self/uid_map", b"0 1000 1")
    write("/proc/self/gid_map", b"0 1000 1")


AT_FDCWD = -100
for where, enter in (("", nothing), (" in a namespace", namespace)):

    def call(name, number, *arguments):
        def action():
            enter()
            try:
                return syscall(number, *arguments)
            except OSError as error:
                if error.errno in (errno.EPERM, errno.ENOSYS):
                    raise
                return error

        attempt(name + where, lambda: apart(action))

    def tmpfs():
        enter()
        syscall(165, b"none", b"/tmp", b"tmpfs", 0, None)
        write("/tmp/planted")
        return "mounted"

    def chroot():
        enter()
        os.makedirs("/tmp/root", exist_ok=True)
        os.chroot("/tmp/root")
        return os.listdir("/")

    attempt("mount tmpfs" + where, lambda: apart(tmpfs))
    attempt("chroot" + where, lambda: apart(chroot))
    call("remount", 165, None, b"/", None, 0x20 | 0x1000, None)
    call("umount", 166, b"/proc/sys", 2)
    call("pivot_root", 155, b"/tmp", b"/tmp")
    call("open_tree", 428, AT_FDCWD, b"/", 1)
    call("move_mount", 429, AT_FDCWD, b"/tmp", AT_FDCWD, b"/workspace", 0)
    call("fsopen", 430, b"tmpfs", 0)
    call("fsconfig", 431, -1, 0, None, None, 0)
    call("fsmount", 432, -1, 0, 0)
    call("fspick", 433, AT_FDCWD, b"/", 0)
    call("mount_setattr", 442, AT_FDCWD, b"/", 0, ctypes.create_string_buffer(32), 32)
    call("open_tree_attr", 467, AT_FDCWD, b"/", 1, None, 0)
    call("statmount", 457, None, None, 0, 0)
    call("listmount", 458, None, None, 0, 0)
