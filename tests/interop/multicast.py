"""Multicast and broadcast between the kernel and a host of Sockeye's, by programs under `sockeye run`: both ways, with
source filters, and what a router is told of it (IGMPv3, IGMPv2 when such a querier is there)."""

import contextlib
import socket
import struct

from net import SERVER_IP, SOCKEYE_IP, Net, check, sh, until, wait_for_line
from v6 import SERVER6, SOCKEYE6, Net6

IP_RECVTTL = 12
GROUP, OTHER, PORT = "233.252.0.1", "233.252.0.2", 5007

PROGRAM = """
import socket, struct, sys
what, group, port, here = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.settimeout(30)
mreq = socket.inet_aton(group) + socket.inet_aton(here)
if what == "hear":
    s.bind(("", port))
    s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, mreq)
    print("joined", file=sys.stderr, flush=True)
    while True:
        data, peer = s.recvfrom(2000)
        print(data.decode(), peer[0], flush=True)
        if data == b"end":
            break
    s.setsockopt(socket.IPPROTO_IP, socket.IP_DROP_MEMBERSHIP, mreq)
elif what == "source":
    s.bind(("", port))
    s.setsockopt(socket.IPPROTO_IP, 49, 0 .to_bytes(4, "little"))  # IP_MULTICAST_ALL
    s.setsockopt(socket.IPPROTO_IP, 39, socket.inet_aton(group) + socket.inet_aton(here) + socket.inet_aton(sys.argv[5]))
    print("joined", file=sys.stderr, flush=True)
    print(s.recvfrom(2000)[0].decode(), flush=True)
elif what == "say":
    s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(here))
    s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 7)
    s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
    for text in sys.argv[5:]:
        s.sendto(text.encode(), (group, port))
elif what == "broadcast":
    try:
        s.sendto(b"without leave", (group, port))
    except PermissionError:
        pass
    s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    s.sendto(b"all", (group, port))
"""


def program(net, *words):
    path = net.tmp / "multicast.py"
    path.write_text(PROGRAM)
    return ["/usr/bin/python3", str(path), *map(str, words)]


def start(net, *words):
    return net.sockeye_start("run", "--", *program(net, *words))


@contextlib.contextmanager
def kernel(net):
    """A socket of the kernel on the group's port that sends through eth0."""
    with net.kernel_socket(socket.SOCK_DGRAM) as s:
        s.bind(("", PORT))
        s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(SERVER_IP))
        s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
        s.settimeout(30)
        yield s


def line(process):
    return process.stdout.readline().decode().strip()


def hears(sockeye):
    """The kernel says something to a group that a host of ours has joined; the group is reported, and left."""
    with Net(sockeye) as net, kernel(net) as s:
        capture = net.capture("eth0", None, "igmp")
        listener = start(net, "hear", GROUP, PORT, SOCKEYE_IP)
        wait_for_line(listener.stderr, b"joined")
        s.sendto(b"not for us", (OTHER, PORT))
        s.sendto(b"hello", (GROUP, PORT))
        check(line(listener) == f"hello {SERVER_IP}", "the datagram did not come, or another")
        s.sendto(b"end", (GROUP, PORT))
        done = net.finish(listener)
        check(done.code == 0 and done.out.decode().split() == ["end", SERVER_IP], str(done))
        rows = "\n".join(net.captured(capture, "-v"))
        check("IPv4" in rows and f"{SOCKEYE_IP} > 224.0.0.22" in rows, f"no report:\n{rows}")
        check(f"gaddr {GROUP} to_ex, 0 source" in rows, f"joining was not reported:\n{rows}")
        check(f"gaddr {GROUP} to_in, 0 source" in rows, f"leaving was not reported:\n{rows}")
        check("options (RA)" in rows and "ttl 1" in rows and "224.0.0.1 " not in rows, rows)


def says(sockeye):
    with Net(sockeye) as net, kernel(net) as s:
        mreq = socket.inet_aton(GROUP) + socket.inet_aton(SERVER_IP)
        s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, mreq)
        s.setsockopt(socket.IPPROTO_IP, IP_RECVTTL, 1)
        big = "x" * 5000
        done = net.finish(start(net, "say", GROUP, PORT, SOCKEYE_IP, "hello", big))
        check(done.code == 0, str(done))
        data, extra, _, peer = s.recvmsg(8000, 100)
        ttl = [struct.unpack("i", value)[0] for level, kind, value in extra if kind == socket.IP_TTL]
        check(data == b"hello" and peer[0] == SOCKEYE_IP and ttl == [7], f"{data} from {peer} with TTL {ttl}")
        check(s.recv(8000) == big.encode(), "not the large datagram")  # in fragments


def sources(sockeye):
    """Of two senders one is wanted."""
    with Net(sockeye) as net, kernel(net) as s:
        sh("ip", "-n", net.server, "addr", "add", "192.0.2.77/24", "dev", "eth0")
        capture = net.capture("eth0", None, "igmp")
        listener = start(net, "source", GROUP, PORT, SOCKEYE_IP, "192.0.2.77")
        wait_for_line(listener.stderr, b"joined")
        s.sendto(b"unwanted", (GROUP, PORT))
        s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("192.0.2.77"))
        with net.kernel_socket(socket.SOCK_DGRAM) as other:
            other.bind(("192.0.2.77", 0))
            other.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("192.0.2.77"))
            other.sendto(b"wanted", (GROUP, PORT))
        done = net.finish(listener)
        check(done.out.strip() == b"wanted", str(done) + repr(done.out))
        rows = "\n".join(net.captured(capture, "-v"))
        check(f"gaddr {GROUP} allow, 1 source" in rows, rows)


def older_querier(sockeye):
    """A querier of version 2: reports and leave are its version's."""
    with Net(sockeye) as net, kernel(net) as s:
        capture = net.capture("eth0", None, "igmp")
        listener = start(net, "hear", OTHER, PORT, SOCKEYE_IP)
        wait_for_line(listener.stderr, b"joined")
        with net.kernel_socket(socket.SOCK_RAW, socket.IPPROTO_IGMP) as q:
            q.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(SERVER_IP))
            q.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, b"\x94\x04\0\0")
            q.sendto(b"\x11\x05" + struct.pack("!HI", 0xFFFF - 0x1105, 0), ("224.0.0.1", 0))
        # (what is being written may end in the middle of a packet)
        until(lambda: f"igmp v2 report {OTHER}".encode() in net.run("tcpdump", "-n", "-r", capture[1]).out,
            "no report of version 2")
        s.sendto(b"end", (OTHER, PORT))
        check(net.finish(listener).code == 0, "the listener failed")
        rows = "\n".join(net.captured(capture))
        check(f"{SOCKEYE_IP} > {OTHER}: igmp v2 report {OTHER}" in rows, rows)
        check(f"{SOCKEYE_IP} > 224.0.0.2: igmp leave {OTHER}" in rows, rows)


def broadcast(sockeye):
    with Net(sockeye) as net, kernel(net) as s:
        for to in ("255.255.255.255", "192.0.2.255"):
            done = net.finish(start(net, "broadcast", to, PORT, SOCKEYE_IP))
            check(done.code == 0, str(done))
            check(s.recv(100) == b"all", f"nothing to {to}")
        listener = start(net, "hear", GROUP, PORT, SOCKEYE_IP)
        wait_for_line(listener.stderr, b"joined")
        s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        s.sendto(b"directed", ("192.0.2.255", PORT))
        check(line(listener) == f"directed {SERVER_IP}", "the directed broadcast did not come")
        s.sendto(b"end", ("192.0.2.255", PORT))
        check(net.finish(listener).code == 0, "the listener failed")


# ---- IPv6 ----

PROGRAM6 = """
import socket, struct, sys
what, group, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.settimeout(30)
index = socket.if_nametoindex("eth0") if what != "kernel" else 0
mreq = socket.inet_pton(socket.AF_INET6, group) + struct.pack("I", index)
if what == "hear":
    s.bind(("::", port))
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, mreq)
    print("joined", file=sys.stderr, flush=True)
    while True:
        data, peer = s.recvfrom(2000)
        print(data.decode(), peer[0], flush=True)
        if data == b"end":
            break
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_LEAVE_GROUP, mreq)
else:
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 9)
    s.sendto(b"hello", (group, port))
"""
GROUP6 = "ff15::5007"


@contextlib.contextmanager
def kernel6(net):
    with net.inside(net.server):
        s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        index = socket.if_nametoindex("eth0")
    with s:
        s.bind(("::", PORT))
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 0)
        s.settimeout(30)
        yield s, index


def start6(net, *words):
    path = net.tmp / "multicast6.py"
    path.write_text(PROGRAM6)
    return net.start6("run", "--", "/usr/bin/python3", path, *words)


def hears6(sockeye):
    """Over IPv6: the group is reported by MLDv2, from the link-local address or from none."""
    with Net6(sockeye) as net, kernel6(net) as (s, _):
        capture = net.capture("eth0", None, "ip6")
        listener = start6(net, "hear", GROUP6, PORT)
        wait_for_line(listener.stderr, b"joined")
        s.sendto(b"not for us", ("ff15::5008", PORT))
        s.sendto(b"hello", (GROUP6, PORT))
        check(line(listener) == f"hello {SERVER6}", "the datagram did not come, or another")
        s.sendto(b"end", (GROUP6, PORT))
        check(net.finish(listener).code == 0, "the listener failed")
        rows = "\n".join(net.captured(capture, "-v"))
        check(f"gaddr {GROUP6} to_ex" in rows, f"joining was not reported:\n{rows}")
        check(f"gaddr {GROUP6} to_in" in rows, f"leaving was not reported:\n{rows}")
        check("hlim 1" in rows and "rtalert" in rows and "ff02::16" in rows, rows)


def says6(sockeye):
    """The kernel hears what a program says over IPv6, by the link and with the hop limit that it asked for."""
    with Net6(sockeye) as net, kernel6(net) as (s, index):
        mreq = socket.inet_pton(socket.AF_INET6, GROUP6) + struct.pack("I", index)
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, mreq)
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
        done = net.finish(start6(net, "say", GROUP6, PORT))
        check(done.code == 0, str(done))
        data, extra, _, peer = s.recvmsg(100, 100)
        hops = [struct.unpack("i", value)[0] for _, kind, value in extra if kind == socket.IPV6_HOPLIMIT]
        check(data == b"hello" and peer[0] == SOCKEYE6 and hops == [9], f"{data} from {peer}, hop limit {hops}")


TESTS = {
    "multicast: the kernel hears over IPv6": says6,
    "multicast: the kernel is heard over IPv6, the group reported": hears6,
    "multicast: the kernel is heard, the group reported": hears,
    "multicast: the kernel hears, also fragments": says,
    "multicast: one source of two": sources,
    "multicast: a querier of version 2": older_querier,
    "broadcast: limited and directed, both ways, with leave": broadcast,
}
