"""Programs that capture, unmodified, on the links of a host (`sockeye run`): libpcap's over a ring and without, arping, ping."""

import ast
import collections
import difflib
import os
import subprocess

from net import SERVER_IP, SOCKEYE_IP, Net, check, wait_for_line
from programs import PYTHON, need, nothing_left, under, well

PINGS = 3
ECHOES = "icmp[icmptype] == icmp-echo or icmp[icmptype] == icmp-echoreply"


def echoes_in(tshark, net, path):
    """How many requests and answers, by their numbers; every frame whole."""
    rows = well(net.run(tshark, "-r", path, "-T", "fields", "-e", "icmp.type", "-e", "icmp.seq", "-e", "frame.len", "-e",
        "frame.cap_len", "-e", "icmp.checksum.status"), "tshark").out.decode().split("\n")
    seen = collections.Counter()
    for row in filter(None, rows):
        kind, number, length, captured, good = row.split("\t")
        check(length == captured and good == "1", f"a frame that is not whole: {row}")
        seen[(int(kind), int(number))] += 1
    return seen


BOTH_WAYS = {(kind, number): 1 for kind in (8, 0) for number in range(1, PINGS + 1)}


def ping_it(net):
    """The server's kernel pings the host."""
    net.start(need("ping"), "-c", PINGS, "-i", "0.2", SOCKEYE_IP, namespace=net.server, stdout=subprocess.DEVNULL)


def captured_by(net, ready, *words):
    """A capturing program under Sockeye, while the server's kernel pings the host; what it wrote to stderr."""
    program = net.start(*under(net, *words), namespace=net.sockeye, stdin=subprocess.DEVNULL)
    wait_for_line(program.stderr, ready)
    ping_it(net)
    return well(net.finish(program), words[0]).err.decode()


def tcpdump(sockeye):
    """tcpdump sees both directions, by blocks (TPACKET_V3), by frames (V2) and of all links; -Q in; -D; no such device."""
    program, tshark = need("tcpdump", "tshark")
    with Net(sockeye) as net:
        path = net.tmp / "seen.pcap"
        for options in (("-i", "eth0"), ("-i", "eth0", "--immediate-mode"), ("-i", "any")):
            said = captured_by(net, b"listening on", program, "-n", *options, "-Z", "root", "-w", path, "-c", 2 * PINGS,
                ECHOES)
            check("0 packets dropped" in said, f"{options}: {said}")
            seen = echoes_in(tshark, net, path)
            check(seen == BOTH_WAYS, f"{options}: {seen}")
        captured_by(net, b"listening on", program, "-n", "-i", "eth0", "-Q", "in", "-Z", "root", "-w", path, "-c", PINGS,
            ECHOES)
        seen = echoes_in(tshark, net, path)
        check({kind for kind, _ in seen} == {8}, f"-Q in: {seen}")
        listed = well(net.run(*under(net, program, "-D"), namespace=net.sockeye), "-D").out.decode()
        check("eth0 [" in listed and "lo [" in listed and "s0" not in listed, f"-D: {listed}")
        done = net.run(*under(net, program, "-i", "nosuch0"), namespace=net.sockeye)
        check(done.code == 1 and b"No such device" in done.err, f"no such device: {done}")
        nothing_left(net)


def dumpcap(sockeye):
    """dumpcap, with nanoseconds."""
    program, tshark = need("dumpcap", "tshark")
    with Net(sockeye) as net:
        path = net.tmp / "seen.pcapng"
        said = captured_by(net, b"File: ", program, "-i", "eth0", "-f", ECHOES, "-c", 2 * PINGS, "-w", path)
        seen = echoes_in(tshark, net, path)
        check(seen == BOTH_WAYS, f"{seen}: {said}")
        nothing_left(net)


def asking(sockeye):
    """arping and ping find the server's kernel."""
    arping, ping = need("arping", "ping")
    with Net(sockeye) as net:
        words = under(net, arping, "-c", "1", "-w", "30", "-I", "eth0", SERVER_IP)
        done = well(net.run(*words, namespace=net.sockeye), "arping")
        check(SERVER_IP.encode() in done.out, f"arping: {done.out}")
        words = under(net, ping, "-c", "2", "-i", "0.2", "-W", "30", SERVER_IP)
        done = well(net.run(*words, namespace=net.sockeye), "ping")
        check(b"2 received" in done.out and not done.err, f"ping: {done.out} {done.err}")
        nothing_left(net)


# What a program is told of interfaces, a line each way.
INTERFACES = r"""
import ctypes, fcntl, socket, struct
print(socket.if_nameindex())
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
room = ctypes.create_string_buffer(400)
length = struct.unpack("iP", fcntl.ioctl(s, 0x8912, struct.pack("iP", 400, ctypes.addressof(room))))[0]
rows = [room.raw[at:at + 40] for at in range(0, length, 40)]
print([(row[:16].rstrip(bytes(1)).decode(), socket.inet_ntoa(row[20:24])) for row in rows])

class Item(ctypes.Structure):
    pass
Pointer = ctypes.c_void_p
Item._fields_ = [("next", ctypes.POINTER(Item)), ("name", ctypes.c_char_p), ("flags", ctypes.c_uint), ("addr", Pointer),
    ("mask", Pointer), ("broadcast", Pointer), ("data", Pointer)]
c = ctypes.CDLL(None)
first = ctypes.POINTER(Item)()
assert c.getifaddrs(ctypes.byref(first)) == 0
item, found = first, []
while item:
    i = item.contents
    family = struct.unpack("H", ctypes.string_at(i.addr, 2))[0]
    four = [socket.inet_ntoa(ctypes.string_at(p + 4, 4)) if p else None for p in (i.addr, i.mask, i.broadcast)]
    six = [socket.inet_ntop(socket.AF_INET6, ctypes.string_at(p + 8, 16)) for p in (i.addr, i.mask) if p]
    found.append((i.name.decode(), family, four if family == 2 else six if family == 10 else ""))
    item = i.next
c.freeifaddrs(first)
print(found)
"""


def interfaces(sockeye):
    """Lists of interfaces (if_nameindex, SIOCGIFCONF, getifaddrs) are of the host's links and addresses."""
    with Net(sockeye) as net:
        words = under(net, PYTHON, "-c", INTERFACES, options=("--addr", "2001:db8::2/64"))
        done = well(net.run(*words, namespace=net.sockeye), "interfaces")
        names, four, found = map(ast.literal_eval, done.out.decode().splitlines())
        check(names == [(1, "lo"), (2, "eth0")], f"if_nameindex: {names}")
        check(sorted(four) == [("eth0", SOCKEYE_IP), ("lo", "127.0.0.1")], f"SIOCGIFCONF: {four}")
        for row in (("lo", 17, ""), ("eth0", 17, ""), ("lo", 2, ["127.0.0.1", "255.0.0.0", None]),
                ("lo", 10, ["::1", ":".join(8 * ["ffff"])]),
                ("eth0", 2, [SOCKEYE_IP, "255.255.255.0", "192.0.2.255"]), ("eth0", 10, ["2001:db8::2", "ffff:ffff:ffff:ffff::"])):
            check(row in found, f"getifaddrs: no {row} in {found}")
        nothing_left(net)


# What a program meets at a ring on lo: forms, memory, readiness, a frame, frames given back.
RINGS = r"""
import ctypes, errno, mmap, select, socket, struct

def told(what, *words):
    try:
        print(what.__name__, *words[-1:], what(*words))
    except OSError as why:
        print(what.__name__, *words[-1:], errno.errorcode[why.errno])

PACKET, RING, VERSION, STATISTICS = 263, 5, 10, 6
filter = b"".join(struct.pack("HBBI", *row) for row in ((0x30, 0, 0, 23), (0x15, 0, 1, 102), (6, 0, 0, 4096), (6, 0, 0, 0)))
room = ctypes.create_string_buffer(filter)
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
s.setsockopt(socket.SOL_SOCKET, 26, struct.pack("HL", 4, ctypes.addressof(room)))
s.bind(("lo", 0x0800))
s.setsockopt(PACKET, VERSION, 1)
for form in ((0, 1, 2048, 0), (4096, 1, 2048, 3), (4096, 0, 2048, 2), (4095, 1, 2048, 1), (4096, 1, 100, 40), (4096, 1, 48, 85)):
    told(s.setsockopt, PACKET, RING, struct.pack("4I", *form))
told(mmap.mmap, s.fileno(), 4096)
for form in ((4096, 1, 2048, 2), (4096, 1, 2048, 2), (0, 0, 0, 0), (4096, 2, 2048, 4)):
    told(s.setsockopt, PACKET, RING, struct.pack("4I", *form))
told(s.setsockopt, PACKET, VERSION, 2)
for size in (4096, 12288):
    told(mmap.mmap, s.fileno(), size)
ring, poll = mmap.mmap(s.fileno(), 8192), select.poll()
poll.register(s, select.POLLIN)
sender = socket.socket(socket.AF_INET, socket.SOCK_RAW, 102)
for turn in range(9):
    at = turn % 4 * 2048
    print(poll.poll(0), select.select([s], [], [], 0)[0])
    sender.sendto(b"hello %d" % turn, ("127.0.0.1", 0))
    print(len(poll.poll(30000)), len(select.select([s], [], [], 30)[0]))
    status, length, kept, mac, network = struct.unpack("IIIHH", ring[at:at + 16])
    print(status & 1, length, kept, mac, network, ring[at + network + 20:at + mac + kept])
    told(s.recv, 100, socket.MSG_DONTWAIT)
    ring[at:at + 4] = bytes(4)
print(struct.unpack("II", s.getsockopt(PACKET, STATISTICS, 8)))
"""


def rings(sockeye):
    """A ring is under Sockeye what it is on the kernel."""
    with Net(sockeye) as net:
        wanted = well(net.run(PYTHON, "-c", RINGS, namespace=net.server), "on the kernel").out.decode()
        words = under(net, PYTHON, "-c", RINGS, options=("--loopback",))
        found = well(net.run(*words, namespace=net.sockeye), "under Sockeye").out.decode()
        check(found == wanted, "\n".join(difflib.unified_diff(wanted.split("\n"), found.split("\n"), lineterm="")))
        check(wanted.count("hello") == 9, wanted)
        nothing_left(net)


# Who waits for a ring whose host has gone hears of it.
RING_OF_NOBODY = """
import select, socket, struct, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
s.bind(("lo", 0x0800))
s.setsockopt(263, 10, 1)
s.setsockopt(263, 5, struct.pack("4I", 4096, 1, 2048, 2))
poll = select.poll()
poll.register(s, select.POLLIN)
print("there", poll.poll(0), flush=True)
sys.stdin.readline()
for _ in range(2):
    print([bool(events & select.POLLHUP) for _, events in poll.poll()], flush=True)
"""


def host_gone(sockeye):
    """A host that goes away under a program with a ring: its poll() says so, and comes back."""
    name = f"ski-ring-{os.getpid()}"
    with Net(sockeye) as net:
        well(net.run(sockeye, "up", *net.host("up")[2:], name, namespace=net.sockeye), "up")
        try:
            program = net.start(sockeye, "run", "--host", name, "--", PYTHON, "-c", RING_OF_NOBODY, namespace=net.sockeye)
            wait_for_line(program.stdout, b"there []\n")
        finally:
            well(net.run(sockeye, "up", "--stop", name, namespace=net.sockeye), "stop")
        done = net.finish(program, b"go on\n")
        check(done.out == b"[True]\n[True]\n", f"{done}")
        nothing_left(net)


RING_TOO_LARGE = """
import errno, resource, signal, socket, struct
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
s.setsockopt(263, 10, 1)
for blocks in (3, 2):
    try:
        print(s.setsockopt(263, 5, struct.pack("4I", 4096, blocks, 2048, 2 * blocks)))
    except OSError as why:
        print(errno.errorcode[why.errno])
"""


def limited(sockeye):
    """A limit of file sizes is one of rings, and no end of the program."""
    with Net(sockeye) as net:
        done = well(net.run(*under(net, PYTHON, "-c", RING_TOO_LARGE), namespace=net.sockeye), "limited")
        check(done.out == b"ENOMEM\nNone\n", f"{done}")
        nothing_left(net)


TESTS = {
    "capturing-tcpdump": tcpdump,
    "capturing-dumpcap": dumpcap,
    "capturing-asking": asking,
    "capturing-interfaces": interfaces,
    "capturing-rings": rings,
    "capturing-host-gone": host_gone,
    "capturing-limited": limited,
}
