# Leaves processes behind in every way there is, each of which says its number.
MARK = "left-behind-" + host["mark"]


def linger(name):
    libc.prctl(15, b"lingerer", 0, 0, 0)
    with open(f"/workspace/{MARK}", "a") as file:
        file.write(f"{os.getpid()} {name}\n")
    for number in range(1, 65):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            pass
    end = time.monotonic() + 300
    while time.monotonic() < end:
        time.sleep(0.01)
    os._exit(0)


def fork(then):
    child = os.fork()
    if child == 0:
        try:
            then()
        finally:
            os._exit(0)


def double(then):
    fork(lambda: fork(then))


def in_session(then):
    def action():
        os.setsid()
        fork(then)

    return action


def beside():
    # CLONE_PARENT: a sibling of this process and not its child.
    if libc.syscall(56, ctypes.c_long(0x8000 | signal.SIGCHLD), None, None, None, None) == 0:
        linger("sibling")


def silent(then):
    def action():
        null = os.open("/dev/null", os.O_RDWR)
        for number in range(3):
            os.dup2(null, number)
        then()

    return action


# Who leaves a stopped child behind may be told so.
signal.signal(signal.SIGHUP, signal.SIG_IGN)
fork(lambda: linger("child"))
double(lambda: linger("orphan"))
double(in_session(in_session(silent(lambda: linger("daemon")))))
double(beside)
beside()


def traced():
    # Stopped under a tracer that is left behind as well.
    child = os.fork()
    if child == 0:
        libc.ptrace(0, 0, None, None)
        os.kill(os.getpid(), signal.SIGSTOP)
        linger("traced")
    with open(f"/workspace/{MARK}", "a") as file:
        file.write(f"{child} traced\n")
    os.waitpid(child, 0)
    linger("tracer")


double(traced)


def stopped():
    with open(f"/workspace/{MARK}", "a") as file:
        file.write(f"{os.getpid()} stopped\n")
    os.kill(os.getpid(), signal.SIGSTOP)


double(stopped)


def group():
    os.setpgid(0, 0)
    linger("group")


double(group)


def subreaper():
    libc.prctl(36, 1, 0, 0, 0)
    double(lambda: linger("adopted"))
    linger("adopter")


double(subreaper)


def forking():
    # Never the same number twice: it is dead before anybody looks.
    with open(f"/workspace/{MARK}", "a") as file:
        file.write(f"{os.getpid()} forking\n")
    end = time.monotonic() + 300
    while time.monotonic() < end:
        if os.fork():
            os._exit(0)


double(forking)
WANTED = 12
end = time.monotonic() + 30
while time.monotonic() < end:
    try:
        if len(open(f"/workspace/{MARK}").readlines()) >= WANTED:
            break
    except OSError:
        pass
    time.sleep(0.01)
say("left", "worked", len(open(f"/workspace/{MARK}").readlines()))
if host["kill"]:
    # Who watches over this process is its parent; with it this process may end, too.
    attempt("kill the shim", lambda: os.kill(os.getppid(), signal.SIGKILL))
