"""Opening connections with the kernel: under a SYN flood, with ECN, with Fast Open."""

import contextlib
import pathlib
import socket
import struct
import subprocess
import threading
import time

from net import SERVER_IP, Net, Skip, check, read_all, sh
from transfer import wait_listening

TCP_FASTOPEN = 23
MSG_FASTOPEN = 0x20000000


def set_kernel(net, name, value):
    sh("ip", "netns", "exec", net.server, "sh", "-c", f"echo {value} > /proc/sys/net/ipv4/{name}")


def listening(net, *words):
    """nc -l that says nothing itself, so that each peer sees its end at once."""
    server = net.start(*net.host("nc"), "-l", "-v", "-p", "7000", *words, namespace=net.sockeye, stdin=subprocess.DEVNULL)
    wait_listening(server)
    return server


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return 0xFFFF - (total + (total >> 16) & 0xFFFF)


def forged_syn(i):
    """IP and TCP of a SYN from somewhere in 198.18.0.0/15."""
    source = struct.pack("!I", 0xC6120000 + i * 7919 % 131072)
    to = socket.inet_aton("192.0.2.2")
    tcp = struct.pack("!HHIIBBHHH", 1024 + i * 31 % 60000, 7000, i * 2654435761 % 2**32, 0, 5 << 4, 2, 64240, 0, 0)
    tcp = tcp[:16] + struct.pack("!H", checksum(source + to + struct.pack("!HH", 6, 20) + tcp)) + tcp[18:]
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 40, 0, 0, 64, 6, 0) + source + to
    return ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:] + tcp


def flood(sockeye):
    """Kernel clients get in while SYNs from nowhere come as fast as they can be sent."""
    with Net(sockeye) as net:
        server = listening(net, "-k", "--gateway", SERVER_IP)
        raw = net.kernel_socket(socket.SOCK_RAW, socket.IPPROTO_RAW)
        done, sent = threading.Event(), [0]

        def pour():
            while not done.is_set() and sent[0] < 300000:
                with contextlib.suppress(OSError):
                    raw.sendto(forged_syn(sent[0]), ("192.0.2.2", 0))
                sent[0] += 1

        pouring = threading.Thread(target=pour)
        pouring.start()
        try:
            for i in range(20):
                with net.connect(7000) as peer:
                    peer.sendall(b"guest %d\n" % i)
                    peer.shutdown(socket.SHUT_WR)
                    peer.recv(1)
                time.sleep(0.05)
        finally:
            done.set()
            pouring.join()
            raw.close()
        return f"20 clients beside {sent[0]} SYNs"


def ecn_asked(sockeye):
    """Sockeye asks, the kernel agrees, and marks nothing."""
    with Net(sockeye) as net:
        set_kernel(net, "tcp_ecn", 1)
        listener = net.listen(7000)
        capture = net.capture("eth0", None, "tcp port 7000")
        client = net.sockeye_start("nc", "-N", "--set", "ecn=on", SERVER_IP, "7000")
        client.stdin.write(b"x" * 5000)
        client.stdin.close()
        client.stdin = None
        peer = listener.accept()[0]
        check(len(read_all(peer)) == 5000, "other bytes arrived")
        peer.close()
        done = net.finish(client)
        check(done.code == 0, f"nc: {done}")
        check(net.captured(capture, "src 192.0.2.2 and ip[1] & 3 = 2"), "no data went as able to be marked")


def ecn_answered(sockeye):
    """The kernel asks, Sockeye agrees; a mark put on the way is told, and the kernel slows down."""
    with Net(sockeye) as net:
        set_kernel(net, "tcp_ecn", 1)
        server = listening(net)
        # CE instead of ECT(0) on everything the kernel sends.
        sh("ip", "netns", "exec", net.server, "nft", "add table ip marker; add chain ip marker out { type filter hook "
            "postrouting priority 0; }; add rule ip marker out tcp dport 7000 ip ecn ect0 ip ecn set ce")
        capture = net.capture("eth0", None, "tcp port 7000")
        with net.connect(7000) as peer:
            peer.sendall(b"x" * 200000)
            peer.shutdown(socket.SHUT_WR)
            done = net.finish(server)
        check(done.code == 0, f"nc -l: {done}")
        check(len(done.out) == 200000, f"{len(done.out)} bytes arrived")
        check(net.captured(capture, "src 192.0.2.2 and tcp[13] & 0x50 = 0x50"), "no mark was told (ECE)")
        check(net.captured(capture, "src 192.0.2.1 and tcp[13] & 0x80 != 0 and tcp[13] & 2 = 0"), "the kernel did not answer (CWR)")


def fastopen_server(sockeye):
    """The kernel's client gets a cookie, and its next data travels in the SYN."""
    with Net(sockeye) as net:
        set_kernel(net, "tcp_fastopen", 3)
        server = listening(net, "-k", "--set", "fastopen=both")
        capture = net.capture("eth0", None, "tcp port 7000")
        before = net.counters().get("TCPFastOpenActive", 0)
        for _ in range(3):
            with net.kernel_socket() as peer:
                peer.settimeout(None)
                peer.sendto(b"hello\n", MSG_FASTOPEN, ("192.0.2.2", 7000))
                peer.settimeout(30)
                peer.shutdown(socket.SHUT_WR)
                peer.recv(1)
        after = net.counters().get("TCPFastOpenActive", 0)
        with_data = net.captured(capture, "src 192.0.2.1 and tcp[13] = 2 and ip[2:2] > 70")
        check(with_data, "no SYN carried data")
        check(after - before >= 2, f"{after - before} SYNs had their data taken")


def fastopen_client(sockeye):
    """Sockeye's client gets a cookie from the kernel, and its next data travels in the SYN."""
    helper = pathlib.Path(sockeye).resolve().parents[2] / "tests/interop/fastopen"
    if not helper.exists():
        raise Skip("tests/interop/fastopen is not built beside it")
    with Net(sockeye) as net:
        set_kernel(net, "tcp_fastopen", 3)
        listener = net.kernel_socket()
        listener.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN, 16)
        listener.bind((SERVER_IP, 7000))
        listener.listen(16)
        before = net.counters().get("TCPFastOpenPassive", 0)
        client = net.start(helper, "tap:s0", "192.0.2.2/24", SERVER_IP, "7000", namespace=net.sockeye)
        for _ in range(3):
            peer = listener.accept()[0]
            check(peer.recv(100) == b"hello\n", "other bytes arrived")
            peer.sendall(b"you too\n")
            peer.close()
        done = net.finish(client)
        check(done.code == 0, f"fastopen: {done}")
        after = net.counters().get("TCPFastOpenPassive", 0)
        check(done.out == b"2\n" and after - before == 2, f"{done.out!r} and {after - before} SYNs had their data taken")


TESTS = {"opening-flood": flood, "opening-ecn-asked": ecn_asked, "opening-ecn-answered": ecn_answered,
    "opening-fastopen-server": fastopen_server, "opening-fastopen-client": fastopen_client}
