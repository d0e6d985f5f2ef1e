"""Raw and packet sockets against the kernel's: protocol 102 both ways, large datagrams, a header of a program's, frames."""

import errno
import json
import os
import pathlib
import socket
import struct
import time

from net import SERVER_IP, SERVER_MAC, SOCKEYE_IP, Net, Skip, check, sh, wait_for_line
from talk import complaint

PROTO, GIVEN, TYPE = 102, 103, 0x88B5


def raw(net, proto=PROTO):
    """A kernel's raw socket in the server's namespace."""
    s = net.kernel_socket(socket.SOCK_RAW, proto)
    s.settimeout(10)
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
        complaint(net.finish(client, None, 10), 1, "protocol 102 to 192.0.2.1: nobody there takes it")


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
        frames.settimeout(10)
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
        done = net.finish(program, None, 10)
        check(done.code == 0 and done.out == b"2\n", f"{done} {done.out!r}")


def neighbour(net):
    """The MAC that the server's kernel has learned."""
    for _ in range(200):
        for row in json.loads(sh("ip", "-n", net.server, "-j", "neigh", "show", "dev", "eth0") or "[]"):
            if row["dst"] == SOCKEYE_IP and "lladdr" in row:
                return bytes.fromhex(row["lladdr"].replace(":", ""))
        time.sleep(0.02)
    check(False, "the kernel does not learn the MAC")


TESTS = {"raw-connect": proto_connect, "raw-listen": proto_listen, "raw-given": given}
