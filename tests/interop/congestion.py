"""Each congestion control at each side, in super-frames and in 1500-byte frames, over a wire that loses: every byte."""

import hashlib
import os
import pathlib
import socket
import time

from net import SERVER_IP, Net, Skip, check
from transfer import MB, make_file, rate, wait_listening

SIZE = {"full": 64 * MB, "soak": 64 * MB}.get(os.environ.get("SOK_TIER"), 8 * MB)
WIRE = "loss=0.5%,delay=2ms"


def kernel_has(name):
    there = pathlib.Path("/proc/sys/net/ipv4/tcp_available_congestion_control").read_text().split()
    if name not in there:
        raise Skip(f"this kernel has no {name} (modprobe tcp_{name})")


def take_all(peer):
    got, count = hashlib.sha256(), 0
    while part := peer.recv(MB):
        got.update(part)
        count += len(part)
    return got.hexdigest(), count


def sends(sockeye, algorithm, **options):
    """Sockeye sends with this algorithm, the kernel takes."""
    with Net(sockeye, **options) as net:
        digest = make_file(net.tmp / "large", SIZE)
        listener = net.listen(7000)
        start = time.monotonic()
        with open(net.tmp / "large", "rb") as f:
            sender = net.start(*net.host("nc"), "-N", "--impair", WIRE, "--set", f"congestion={algorithm}", SERVER_IP, "7000",
                namespace=net.sockeye, stdin=f)
            got, count = take_all(listener.accept()[0])
        done = net.finish(sender)
        check(done.code == 0, f"nc: {done}")
        check((got, count) == (digest, SIZE), f"{count} bytes of {SIZE} arrived, or other ones")
        return rate(SIZE, time.monotonic() - start)


def takes(sockeye, algorithm, **options):
    """The kernel sends with this algorithm, Sockeye takes."""
    kernel_has(algorithm)
    with Net(sockeye, **options) as net:
        digest = make_file(net.tmp / "large", SIZE)
        with open(net.tmp / "got", "wb") as out:
            taker = net.start(*net.host("nc"), "-l", "-v", "-p", "7000", "--impair", WIRE, namespace=net.sockeye, stdout=out)
            wait_listening(taker)
            start = time.monotonic()
            peer = net.kernel_socket()
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, algorithm.encode())
            peer.connect(("192.0.2.2", 7000))
            peer.sendall((net.tmp / "large").read_bytes())
            peer.shutdown(socket.SHUT_WR)
            done = net.finish(taker)
        check(done.code == 0, f"nc -l: {done}")
        got = hashlib.sha256((net.tmp / "got").read_bytes()).hexdigest()
        check(got == digest, "other bytes arrived")
        return rate(SIZE, time.monotonic() - start)


def each_way():
    tests = {}
    for offload, suffix in ((True, ""), (False, "-plain")):
        for work, names in ((sends, ("cubic", "newreno")), (takes, ("cubic", "reno", "bbr"))):
            for name in names:
                tests[f"congestion-{work.__name__}-{name}{suffix}"] = (
                    lambda sockeye, w=work, n=name, o=offload: w(sockeye, n, offload=o))
    return tests


TESTS = each_way()
