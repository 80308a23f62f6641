# Before every hostile program: tries things one by one and says what came of each.
import ctypes, errno, json, os, signal, socket, sys, time

host = json.loads(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


def say(name, verdict, detail):
    print(f"{name}\t{verdict}\t{detail}", flush=True)


def attempt(name, action):
    """Without an exception it worked."""
    if name not in host.get("only", [name]):
        return
    try:
        detail = action()
    except BaseException as error:
        say(name, "refused", repr(error))
    else:
        say(name, "worked", repr(detail))


def syscall(number, *arguments):
    plain = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    result = libc.syscall(ctypes.c_long(number), *plain)
    if result == -1:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def reaches_kernel(name, number, *arguments):
    """Worked unless it was answered as a filter answers: what the kernel itself says comes from its code."""

    def call():
        try:
            return syscall(number, *arguments)
        except OSError as error:
            if error.errno in (errno.EPERM, errno.ENOSYS):
                raise
            return error

    attempt(name, lambda: apart(call))


def apart(action):
    """Does it in a child: what changes or kills the process is then no concern of the next attempt."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        try:
            os.write(writer, b"1" + repr(action()).encode()[:4000])
        except BaseException as error:
            os.write(writer, b"0" + repr(error).encode()[:4000])
        os._exit(0)
    os.close(writer)
    answer = b""
    while part := os.read(reader, 4096):
        answer += part
    os.close(reader)
    _, status = os.waitpid(child, 0)
    if answer[:1] != b"1":
        raise RuntimeError(answer[1:].decode() or f"the child ended with {status}")
    return answer[1:].decode()


def read(path, count=4096):
    with open(path, "rb") as file:
        return file.read(count)


def read_something(path):
    content = read(path)
    if not content:
        raise RuntimeError("it is empty")
    return content[:60]


def write(path, data=b"planted", mode="wb"):
    with open(path, mode) as file:
        file.write(data)


def must(condition, why="it did nothing"):
    if not condition:
        raise RuntimeError(why)
    return condition
