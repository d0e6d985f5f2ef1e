"""`sockeye impair` between two kernels: what it loses and delays is what was asked for, and TCP gets through."""

import contextlib
import hashlib
import os
import re
import signal
import socket
import subprocess
import threading

from net import Net, check, read_all, sh, until, wait_for_line

MB = 1 << 20
SO_RCVBUFFORCE = 33
A_IP, B_IP = "192.0.2.1", "192.0.2.2"
AT_ONCE = 250  # a TAP's queue has room for 500
COUNTS = re.compile(r"^(\w+) > (\w+): (\d+) frames, (\d+) passed, (\d+) lost", re.M)


class Wire(Net):
    """Namespaces `a` and `b` with one end each, and `wire`, in which `sockeye impair` runs."""

    def __init__(self, sockeye, *words):
        super().__init__(sockeye)
        self.words = words

    def _build(self):
        self.server, self.other, self.wire = self._add("a"), self._add("b"), self._add("wire")
        self.relay = self.start(self.binary, "impair", "wa", "wb", *self.words, namespace=self.wire)
        wait_for_line(self.relay.stderr, b"are joined")
        for tap, namespace, address in (("wa", self.server, A_IP), ("wb", self.other, B_IP)):
            sh("ip", "-n", self.wire, "link", "set", tap, "netns", namespace)
            sh("ip", "-n", namespace, "addr", "add", f"{address}/24", "dev", tap)
            sh("ip", "-n", namespace, "link", "set", tap, "up")

    def counts(self):
        """Ends the command; (frames, passed, lost) of each direction."""
        self.relay.send_signal(signal.SIGINT)
        done = self.finish(self.relay)
        check(done.code == 0, f"impair: {done}")
        rows = COUNTS.findall(done.out.decode())
        check([row[:2] for row in rows] == [("wa", "wb"), ("wb", "wa")], f"impair: {done.out!r}")
        return [tuple(map(int, row[2:])) for row in rows]


def udp_socket(net, namespace, address):
    with net.inside(namespace):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 * MB)
    s.bind((address, 7))
    s.settimeout(0.1)
    return s


def echo(there, over):
    while not over.is_set():
        with contextlib.suppress(TimeoutError):
            data, source = there.recvfrom(64)
            there.sendto(data, source)


def asked_and_answered(net, count):
    """Sends count datagrams that are echoed; how many come back. What is delayed by the same time stays in order: when one
    that was sent after them is back, all are that were not lost. No more are on their way than a TAP's queue has room for:
    on a busy machine nobody may take them for a while."""
    here, there, over = udp_socket(net, net.server, A_IP), udp_socket(net, net.other, B_IP), threading.Event()
    echoing = threading.Thread(target=echo, args=(there, over))
    echoing.start()
    answered, mark = set(), b""
    for first in range(0, count, AT_ONCE):
        for number in range(first, min(first + AT_ONCE, count)):
            here.sendto(number.to_bytes(4, "big"), (B_IP, 7))
        mark = b"behind %d" % first
        while mark not in answered:
            here.sendto(mark, (B_IP, 7))
            with contextlib.suppress(TimeoutError):
                while mark not in answered:
                    answered.add(here.recv(64))
    over.set()
    echoing.join()
    return sum(len(data) == 4 for data in answered)


def measured(sockeye):
    """Loss and delay as two kernels see them, within 10 % of what was asked for."""
    with Wire(sockeye, "loss=10%,delay=20ms,queue=10000", "--seed", "1") as net:
        shortest = []

        def as_asked():
            """It takes as long as it is told, and more on a busy machine, though not always."""
            text = net.run("ping", "-q", "-i", "0.01", "-c", 50, B_IP, namespace=net.server).out.decode()
            shortest.append(float(re.search(r"= ([\d.]+)/", text)[1]))
            return min(shortest) <= 44

        until(as_asked, lambda: f"the shortest round trips took {shortest} ms, not 40")
        least = min(shortest)
        check(least >= 40, f"the shortest round trip took {least} ms, not 40")
        asked = 5000
        lost = 1 - asked_and_answered(net, asked) / asked
        check(0.9 < lost / 0.19 < 1.1, f"{lost:.3f} of the datagrams were lost, not 0.19")
        for frames, passed, gone in net.counts():
            check(passed + gone == frames, f"{frames} frames, {passed} passed and {gone} were lost")
            check(0.9 < gone / frames / 0.1 < 1.1, f"{gone} of {frames} frames were lost, not a tenth")
        for namespace in (net.server, net.other):
            check("wa" not in sh("ip", "-n", namespace, "link") and "wb" not in sh("ip", "-n", namespace, "link"),
                "a TAP stays behind")
        return f"{lost:.1%} lost, {least} ms"


def kernel_tcp(sockeye):
    """Two kernels' TCP over it: every byte, in frames no larger than the wire's."""
    size = 4 * MB
    data = os.urandom(size)
    with Wire(sockeye, "loss=1%,delay=2ms,jitter=1ms,dup=0.5%,corrupt=0.2%", "--seed", "3") as net:
        listener, got = net.listen(7000), []
        reader = threading.Thread(target=lambda: got.append(read_all(listener.accept()[0])))
        reader.start()
        code = ("import socket,sys\n"
            f"s = socket.create_connection(('{A_IP}', 7000), 30)\n"
            "s.sendall(sys.stdin.buffer.read())\ns.close()\n")
        done = net.run("/usr/bin/python3", "-c", code, namespace=net.other, input=data)
        check(done.code == 0, f"the sender: {done}")
        reader.join(60)
        check(got and hashlib.sha256(got[0]).digest() == hashlib.sha256(data).digest(), "other bytes arrived")
        forth, back = net.counts()
        check(back[0] >= size // 1448, f"{size} bytes in {back[0]} frames: they were not cut")
        check(back[2] > 0 and forth[2] > 0, "nothing was lost")
        return f"{back[0]} frames, {back[2]} lost"


def killed(sockeye):
    """kill -9 leaves no interface."""
    with Wire(sockeye) as net:
        check(net.run("ping", "-q", "-c", 2, "-i", "0.1", B_IP, namespace=net.server).code == 0, "no ping")
        os.killpg(net.relay.pid, signal.SIGKILL)
        net.relay.wait()
        left = subprocess.run(["ip", "-n", net.server, "-br", "link"], stdout=subprocess.PIPE, text=True).stdout
        check("wa" not in left, f"left behind: {left}")


TESTS = {
    "impair-measured": measured,
    "impair-kernel-tcp": kernel_tcp,
    "impair-killed": killed,
}
