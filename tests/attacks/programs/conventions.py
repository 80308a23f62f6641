# Around the filter by other ways into the kernel: 32-bit calls, x32 numbers, bits that the kernel ignores.
import fcntl, mmap


kept = []


def machine(code):
    area = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    area.write(code)
    kept.append(area)
    address = ctypes.addressof(ctypes.c_char.from_buffer(area))
    return ctypes.CFUNCTYPE(ctypes.c_long)(address)


def answered(result):
    result = ctypes.c_int(result).value
    if result in (-errno.EPERM, -errno.ENOSYS):
        raise OSError(-result, "answered as a filter does")
    return result


# mov eax, 20 (getpid); int 0x80; ret
attempt("int 0x80", lambda: apart(lambda: answered(machine(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")())))
# mov eax, 310 (unshare); mov ebx, CLONE_NEWUSER; int 0x80; ret, with ebx kept
attempt(
    "unshare by int 0x80",
    lambda: apart(lambda: answered(machine(b"\x53\xb8\x36\x01\x00\x00\xbb\x00\x00\x00\x10\xcd\x80\x5b\xc3")())),
)
X32 = 0x40000000
for name, number, arguments in (
    ("x32 getpid", 39, ()),
    ("x32 unshare", 272, (0x10000000,)),
    ("x32 keyctl", 250, (0, -3, 0)),
    ("x32 ptrace", 521, (0, 0, 0, 0)),
    ("x32 execve", 520, (b"/bin/true", None, None)),
):
    reaches_kernel(name, number | X32, *arguments)
master, slave = os.openpty()
PUSH, ECHO = 0x5412, b"x"


def push(request):
    def action():
        os.setsid()
        fcntl.ioctl(slave, 0x540E, 0)
        return syscall(16, slave, request, ctypes.c_char_p(ECHO))

    return lambda: apart(action)


attempt("TIOCSTI", push(PUSH))
attempt("TIOCSTI with a high bit", push(PUSH | 1 << 32))
attempt("TIOCSTI with a sign", push(PUSH | 0xDEAD << 48))


def clone():
    # The kernel looks at the lower half alone.
    child = syscall(56, 0x10000000 | 1 << 40 | signal.SIGCHLD, None, None, None, None)
    if child == 0:
        os._exit(0)
    return os.waitpid(child, 0)


attempt("clone flags with a high bit", lambda: apart(clone))
