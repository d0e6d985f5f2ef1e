"""Raw and packet sockets against the kernel's: protocol 102 both ways, large datagrams, a header of a program's, frames."""

import errno
import json
import os
import pathlib
import socket
import struct
import sys

from net import SERVER_IP, SERVER_MAC, SOCKEYE_IP, Net, Skip, check, sh, until, wait_for_line
from talk import complaint

PROTO, GIVEN, TYPE = 102, 103, 0x88B5


def raw(net, proto=PROTO):
    """A kernel's raw socket in the server's namespace."""
    s = net.kernel_socket(socket.SOCK_RAW, proto)
    s.settimeout(30)
    return s


def payload(sock):
    """Of the next datagram, behind a header that is as it must be."""
    packet, (sender, _) = sock.recvfrom(65536)
    check(packet[9] == sock.proto, f"protocol {packet[9]}")
    check(sender == SOCKEYE_IP and packet[12:16] == socket.inet_aton(SOCKEYE_IP), f"from {sender}")
    return packet[20:]


def error_of(sock):
    try:
        sock.recv(100)
    except OSError as error:
        return error.errno
    return None


def say(process, data):
    process.stdin.write(data)
    process.stdin.flush()


def hear(process, count):
    data = b""
    while len(data) < count:
        part = os.read(process.stdout.fileno(), count - len(data))
        check(part, f"the end after {len(data)} of {count} bytes")
        data += part
    return data


def proto_connect(sockeye):
    with Net(sockeye) as net:
        peer = raw(net)
        client = net.sockeye_start("nc", "--proto", PROTO, "-w", "20", SERVER_IP)
        for size in (1, 1480, 1481, 16384):  # what a pipe gives at once
            question, answer = os.urandom(size), os.urandom(3 * size)
            say(client, question)
            check(payload(peer) == question, f"not the {size} bytes that were sent")
            peer.sendto(answer, (SOCKEYE_IP, 0))
            check(hear(client, len(answer)) == answer, f"not the {len(answer)} bytes of the answer")
        peer.close()
        say(client, b"!")
        complaint(net.finish(client, None), 1, "protocol 102 to 192.0.2.1: nobody there takes it")


def proto_listen(sockeye):
    """The first who writes is the peer; ICMP errors come from us when nobody listens."""
    with Net(sockeye) as net:
        peer = raw(net)
        server = net.sockeye_start("nc", "--proto", PROTO, "-l", "-v", "-N")
        wait_for_line(server.stderr, b"Bound on 0.0.0.0 protocol 102")
        peer.sendto(b"hello\n", (SOCKEYE_IP, 0))
        check(hear(server, 6) == b"hello\n", "not what was sent")
        say(server, b"answer\n")
        check(payload(peer) == b"answer\n", "not the answer")
        other = raw(net, GIVEN)
        other.connect((SOCKEYE_IP, 0))
        other.send(b"is somebody there")
        check(error_of(other) == errno.ENOPROTOOPT, "not told that there is no such protocol")
        done = net.finish(server, b"")
        check(done.code == 0, f"{done}")


def given(sockeye):
    helper = pathlib.Path(sockeye).resolve().parents[2] / "tests/interop/raw"
    if not helper.exists():
        raise Skip("tests/interop/raw is not built beside it")
    with Net(sockeye) as net:
        with net.inside(net.server):
            frames = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(TYPE))
            frames.bind(("eth0", TYPE))
        frames.settimeout(30)
        peer = raw(net, GIVEN)
        program = net.start(helper, "tap:s0", f"{SOCKEYE_IP}/24", SERVER_IP, namespace=net.sockeye)
        wait_for_line(program.stdout, b"ready")
        # Its MAC is random: asked for as any neighbour.
        peer.sendto(b"", (SOCKEYE_IP, 0))
        their_mac = neighbour(net)
        ours = bytes.fromhex(SERVER_MAC.replace(":", ""))
        text = os.urandom(1000)
        frames.send(their_mac + ours + struct.pack("!H", TYPE) + text)
        check(frames.recv(2000) == ours + their_mac + struct.pack("!H", TYPE) + text, "another frame came back")
        packet = peer.recv(2000)
        check(packet[20:] == b"my head" and packet[:2] == b"\x45\x20" and packet[4:6] == b"\x12\x34", f"{packet!r}")
        check(packet[8] == 7 and packet[12:16] == socket.inet_aton(SOCKEYE_IP), f"{packet!r}")
        done = net.finish(program, None)
        check(done.code == 0 and done.out == b"2\n", f"{done} {done.out!r}")


PROGRAM = """
import errno, socket, struct, sys
peer = sys.argv[1]

def refused(call):
    try:
        call()
    except OSError as error:
        return errno.errorcode[error.errno]

raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, 102)
raw.settimeout(30)
raw.sendto(b"question", (peer, 0))
data, sender = raw.recvfrom(65535)
print(data[9], data[20:], sender, raw.getsockname())
given = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 0, 0, 0, 5, 102, 0, bytes(4), socket.inet_aton(peer))
given.sendto(header + b"given", (peer, 0))
print(given.getsockopt(socket.IPPROTO_IP, socket.IP_HDRINCL), raw.recvfrom(65535)[0][20:])
frames = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x88B5))
frames.bind(("eth0", 0x88B5))
frames.settimeout(30)
name = frames.getsockname()
print(name[:4], name[4].hex(":"), socket.if_nametoindex("eth0"), socket.if_indextoname(1))
frames.send(b"\\xff" * 6 + name[4] + b"\\x88\\xb5" + b"a frame")
data, sender = frames.recvfrom(2000)
print(data[14:21], sender[:4], sender[4].hex(":"))
cooked = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
cooked.bind(("eth0", 0))
cooked.sendto(b"cooked", ("eth0", 0x88B6, 0, 0, sender[4]))
while True:
    data, sender = cooked.recvfrom(2000)
    if sender[1] == 0x88B6:
        print(data[:9], sender[2])
        break
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
udp.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 5)
print(udp.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF), udp.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF), udp.getsockopt(socket.IPPROTO_IP, socket.IP_TTL))
raw.connect((peer, 0))
print(refused(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 0)), refused(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 300)),
    refused(lambda: frames.connect(("eth0", 3))), refused(lambda: frames.bind(("none0", 3))), raw.getpeername())
"""

EXPECTED = """102 b're:question' ('192.0.2.1', 0) ('0.0.0.0', 102)
1 b're:given'
('eth0', 34997, 0, 1) 02:00:00:00:01:02 2 lo
b'a frame' ('eth0', 34997, 0, 1) 02:00:00:00:01:01
b're:cooked' 0
131072 212992 5
EPROTONOSUPPORT EINVAL ENOTSUP ENODEV ('192.0.2.1', 0)
"""

ECHO = """
import select, socket
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, 102)
frames = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x88B5))
frames.bind(("eth0", 0x88B5))
cooked = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x88B6))
cooked.bind(("eth0", 0x88B6))
print("ready", flush=True)
while True:
    for s in select.select([raw, frames, cooked], [], [])[0]:
        data, sender = s.recvfrom(65535)
        if s is raw:
            raw.sendto(b"re:" + data[20:], sender)
        elif s is frames:
            frames.send(data[6:12] + frames.getsockname()[4] + data[12:])
        else:
            cooked.sendto(b"re:" + data[:6], sender)
"""


def program(sockeye):
    """A program that runs on either: raw, with a header of its own, frames whole and cooked."""
    with Net(sockeye) as net:
        echo = net.start(sys.executable, "-c", ECHO, namespace=net.server)
        wait_for_line(echo.stdout, b"ready")
        done = net.sockeye_run("run", "--", sys.executable, "-c", PROGRAM, SERVER_IP)
        check(done.code == 0 and done.out.decode() == EXPECTED, f"{done} {done.out.decode()!r}")


def neighbour(net):
    """The MAC that the server's kernel has learned."""
    def learned():
        for row in json.loads(sh("ip", "-n", net.server, "-j", "neigh", "show", "dev", "eth0") or "[]"):
            if row["dst"] == SOCKEYE_IP and "lladdr" in row:
                return bytes.fromhex(row["lladdr"].replace(":", ""))
        return None
    return until(learned, "the kernel does not learn the MAC")


TESTS = {"raw-connect": proto_connect, "raw-listen": proto_listen, "raw-given": given,
    "raw-program": program}
