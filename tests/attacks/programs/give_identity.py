# Makes files that would give whoever runs them on the host the identity of their owner.
import stat
BITS = stat.S_ISUID | stat.S_ISGID
made = 0

def check(path):
    mode = os.stat(path).st_mode
    if not mode & BITS or not stat.S_ISREG(mode) or os.stat(path).st_size == 0:
        os.unlink(path)
        raise RuntimeError("without the bits, or empty")
    return oct(mode)

def program(make):
    def action():
        path = f"/workspace/planted-{make.__name__}"
        make(path)
        return check(path)
    return action

def content(path, mode=0o755):
    with open(path, "wb") as file:
        file.write(b"#!/bin/sh\nid\n")
    os.chmod(path, mode)

def chmod(path):
    content(path)
    os.chmod(path, 0o4755)

def fchmod(path):
    content(path)
    os.fchmod(os.open(path, os.O_RDONLY), 0o6755)

def fchmodat2(path):
    content(path)
    syscall(452, -100, path.encode(), 0o4755, 0)

def high_bits(path):
    content(path)
    syscall(90, path.encode(), 0o4755 | 1 << 40)

def creat(path):
    os.umask(0)
    descriptor = syscall(85, path.encode(), 0o4755)
    os.write(descriptor, b"x")

def open_mode(path):
    os.umask(0)
    os.write(os.open(path, os.O_CREAT | os.O_WRONLY, 0o4755), b"x")

def openat2(path):
    os.umask(0)
    how = (ctypes.c_uint64 * 3)(os.O_CREAT | os.O_RDWR, 0o4755, 0)
    descriptor = syscall(437, -100, path.encode(), how, 24)
    os.write(descriptor, b"x")

def openat2_grown(path):
    os.umask(0)
    how = (ctypes.c_uint64 * 3)(os.O_CREAT | os.O_RDWR, 0o4755, 0)
    descriptor = syscall(437, -100, path.encode(), how, 24)
    os.ftruncate(descriptor, 4096)

def openat2_mapped(path):
    import mmap
    os.umask(0)
    how = (ctypes.c_uint64 * 3)(os.O_CREAT | os.O_RDWR, 0o4755, 0)
    descriptor = syscall(437, -100, path.encode(), how, 24)
    try:
        os.posix_fallocate(descriptor, 0, 4096)
    except OSError:
        os.ftruncate(descriptor, 4096)
    mmap.mmap(descriptor, 4096)[:2] = b"#!"

def openat2_copied(path):
    content("/workspace/source")
    os.umask(0)
    how = (ctypes.c_uint64 * 3)(os.O_CREAT | os.O_RDWR, 0o4755, 0)
    descriptor = syscall(437, -100, path.encode(), how, 24)
    source = os.open("/workspace/source", os.O_RDONLY)
    try:
        import fcntl
        fcntl.ioctl(descriptor, 0x40049409, source)
    except OSError:
        os.copy_file_range(source, descriptor, 13)

def temporary(path):
    os.umask(0)
    descriptor = os.open("/workspace", 0o20200000 | os.O_RDWR, 0o4755)
    os.write(descriptor, b"x")
    os.link(f"/proc/self/fd/{descriptor}", path, follow_symlinks=True)

def mknod(path):
    os.umask(0)
    os.mknod(path, stat.S_IFREG | 0o4755)
    write(path, mode="r+b")

def acl(path):
    content(path)
    os.setxattr(path, "system.posix_acl_access", bytes.fromhex("02000000" "01000700ffffffff" "04000500ffffffff" "20000500ffffffff"))

def by_32_bits(path):
    import mmap
    content(path)
    area = mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x40, prot=7)
    area[100:100 + len(path) + 1] = path.encode() + b"\0"
    address = ctypes.addressof(ctypes.c_char.from_buffer(area))
    code = b"\x53\xb8\x0f\x00\x00\x00\xbb" + (address + 100).to_bytes(4, "little") + b"\xb9\xed\x09\x00\x00\xcd\x80\x5b\xc3"
    area[0:len(code)] = code
    apart(lambda: ctypes.CFUNCTYPE(ctypes.c_long)(address)())

for make in (chmod, fchmod, fchmodat2, high_bits, creat, open_mode, openat2, openat2_grown, openat2_mapped, openat2_copied,
             temporary, mknod, acl, by_32_bits):
    attempt(make.__name__, program(make))
