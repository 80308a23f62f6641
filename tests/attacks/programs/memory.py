# Takes memory of one kind, much more than its sandbox may have, and holds it for a moment.
import mmap, tempfile

MIB = 1 << 20
STEP = 16 * MIB
total = host["mib"] * MIB


def fill(area):
    for start in range(0, len(area), 4096):
        area[start] = 1
    return area


def private():
    return [fill(bytearray(STEP)) for _ in range(total // STEP)]


def shared():
    kept = []
    for _ in range(total // STEP):
        kept.append(fill(mmap.mmap(-1, STEP)))
        time.sleep(0.005)
    return kept


def many():
    children = 8
    ready, told = os.pipe()
    pids = []
    for _ in range(children):
        child = os.fork()
        if child == 0:
            try:
                kept = [fill(bytearray(STEP)) for _ in range(total // STEP // children)]
                os.write(told, b"1")
                time.sleep(host["hold"])
                os._exit(0)
            except MemoryError:
                os._exit(1)
        pids.append(child)
    os.close(told)
    have = b""
    while part := os.read(ready, 16):
        have += part
    for pid in pids:
        if os.waitpid(pid, 0)[1]:
            raise MemoryError("a child was refused or killed")
    return have


def memfd():
    """Many files in memory, none mapped: the memory is no process's."""
    files = []
    for _ in range(total // (4 * MIB)):
        files.append(os.memfd_create("planted"))
        os.write(files[-1], b"x" * (4 * MIB))
    return files


def sockets():
    """What waits in sockets is no process's memory either. Several processes, each with few descriptors."""
    reader, writer = os.pipe()
    share = total // 12
    for _ in range(12):
        if os.fork() == 0:
            kept, filled = [], 0
            try:
                while filled < share:
                    pair = socket.socketpair()
                    kept.append(pair)
                    pair[0].setblocking(False)
                    try:
                        while True:
                            filled += pair[0].send(b"x" * 65536)
                    except BlockingIOError:
                        pass
            except OSError:
                pass
            os.write(writer, b"%d\n" % filled)
            time.sleep(host["hold"])
            os._exit(0)
    os.close(writer)
    filled = 0
    while part := os.read(reader, 4096):
        filled += sum(map(int, part.split()))
    return must(filled > total * 3 // 4)


def system_v():
    libc.shmat.restype = ctypes.c_void_p
    name = libc.shmget(0, ctypes.c_size_t(total), 0o1600)
    if name < 0:
        raise OSError(ctypes.get_errno(), "shmget")
    address = libc.shmat(name, None, 0)
    if address in (None, ctypes.c_void_p(-1).value):
        raise OSError(ctypes.get_errno(), "shmat")
    libc.shmctl(name, 0, None)
    ctypes.memset(address, 1, total)
    return address


def queues():
    count = 0
    for _ in range(1000):
        name = libc.msgget(0, 0o1600)
        if name < 0:
            break
        count += 1
    return must(count)


def unlinked():
    files = []
    for directory in ("/workspace", "/tmp", "/dev/shm"):
        file = tempfile.TemporaryFile(dir=directory)
        files.append(file)
        for _ in range(total // STEP // 3):
            file.write(b"x" * STEP)
            file.flush()
    return files


def action():
    kept = {"private": private, "shared": shared, "many": many, "memfd": memfd, "system_v": system_v,
            "unlinked": unlinked, "sockets": sockets, "queues": queues}[host["kind"]]()
    time.sleep(host["hold"])
    return bool(kept)


attempt(host["kind"], action)
