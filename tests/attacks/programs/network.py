# Reaches for the host's network, and for what lies behind it.
def tcp(address, port, family=socket.AF_INET):
    def action():
        with socket.socket(family, socket.SOCK_STREAM) as stream:
            stream.settimeout(3)
            stream.connect((address, port))
            stream.sendall(b"x")
            return "connected"

    return action


def udp(address, port):
    def action():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
            return datagrams.sendto(b"x", (address, port))

    return action


def ping(address):
    def action():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP) as echo:
            return echo.sendto(b"\x08\x00\x00\x00\x00\x00\x00\x00", (address, 0))

    return action


def other_interfaces():
    return must([name for _, name in socket.if_nameindex() if name != "lo"])


attempt("host's loopback", tcp("127.0.0.1", host["tcp"]))
attempt("all of loopback", tcp("127.99.1.2", host["tcp"]))
attempt("any address", tcp("0.0.0.0", host["tcp"]))
attempt("host's loopback, IPv6", tcp("::1", host["tcp"], socket.AF_INET6))
attempt("mapped address", tcp("::ffff:127.0.0.1", host["tcp"], socket.AF_INET6))
if host["address"]:
    attempt("host's address", tcp(host["address"], host["tcp"]))
    attempt("UDP to host's address", udp(host["address"], host["udp"]))
    attempt("ICMP to host's address", ping(host["address"]))
# Documentation's own addresses, a metadata service, private networks: all is refused before a packet is sent.
for name, address in (
    ("metadata service", "169.254.169.254"),
    ("another metadata service", "100.100.100.200"),
    ("LAN", "10.0.0.1"),
    ("another LAN", "192.168.0.1"),
    ("internet", "192.0.2.1"),
):
    if host["inside"]:
        attempt(name, tcp(address, 80))
        attempt("UDP to " + name, udp(address, 53))
        attempt("ICMP to " + name, ping(address))
attempt("multicast", udp("224.0.0.251", 5353))
attempt("DNS", lambda: socket.getaddrinfo("localhost.localdomain.example", 80))
attempt("interfaces", other_interfaces)
