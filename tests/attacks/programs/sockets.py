# Connects to sockets of the host that are not of the network.
def connect(address):
    def action():
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
            stream.settimeout(3)
            stream.connect(address)
            return "connected"

    return action


attempt("abstract", connect("\0" + host["abstract"]))
attempt("path", connect(host["socket"]))
attempt("path through PID 1", connect("/proc/1/root" + host["socket"]))
attempt("path through a parent", connect("../.." + host["socket"]))


def known(names):
    found = [name for name in names if os.path.lexists(name)]
    return must(found, "none is there")


attempt(
    "sockets of services",
    lambda: known(
        ["/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock", "/run/podman/podman.sock"]
        + ["/run/dbus/system_bus_socket", "/run/systemd/private", "/run/user", "/run/udev", "/run/snapd.socket"]
        + ["/tmp/.X11-unix", "/run/sshd", "/run/cups", "/var/run/mysqld", "/var/run/postgresql"]
    ),
)


def listed():
    lines = read("/proc/net/unix", 1 << 20).decode(errors="replace").splitlines()[1:]
    return must([line for line in lines if len(line.split()) > 7], "no socket has a name")


attempt("names of the host's sockets", listed)
