"""The link `share`: the kernel's address used by both, through a router, with nothing left behind."""

import contextlib
import os
import re
import signal
import socket
import threading
import time

from net import Net, check, sh, until, wait_for_line
from transfer import MB, SIZE, make_file, rate, sha256_of, start_nginx

HOST_IP, ROUTER_IP, FAR_ROUTER_IP, PEER_IP = "198.51.100.2", "198.51.100.254", "192.0.2.254", "192.0.2.1"


class Routed(Net):
    """`sockeye` (198.51.100.2, a default route) - `router` - `server` (192.0.2.1)."""

    def _build(self):
        self.server, self.sockeye, self.router = self._add("server"), self._add("sockeye"), self._add("router")
        for namespace, address, gateway, port in (
                (self.sockeye, HOST_IP, ROUTER_IP, "r0"), (self.server, PEER_IP, FAR_ROUTER_IP, "r1")):
            sh("ip", "-n", namespace, "link", "add", "eth0", "type", "veth", "peer", "name", port, "netns", self.router)
            sh("ip", "-n", namespace, "addr", "add", f"{address}/24", "dev", "eth0")
            sh("ip", "-n", self.router, "addr", "add", f"{gateway}/24", "dev", port)
            sh("ip", "-n", self.router, "link", "set", port, "up")
            sh("ip", "-n", namespace, "link", "set", "eth0", "up")
            sh("ip", "-n", namespace, "route", "add", "default", "via", gateway)
        sh("ip", "netns", "exec", self.router, "sysctl", "-qw", "net.ipv4.ip_forward=1")

    def words(self, command, *words):
        return [self.binary, command, *words]

    def state(self):
        """All that share could leave behind."""
        here = ["ip", "netns", "exec", self.sockeye]
        return "\n".join(sh(*here, *words.split()) for words in ("nft list ruleset", "ls /sys/class/net", "ip route",
            "ip -o -4 addr", "ss -Htuan state unconnected"))

    def kernel(self, namespace=None, kind=socket.SOCK_STREAM):
        with self.inside(namespace or self.sockeye):
            s = socket.socket(socket.AF_INET, kind)
        s.settimeout(30)
        return s


def unchanged(net, before):
    """Nothing is left behind, when all processes of a command have ended."""
    def left():
        return "; ".join(sorted(set(net.state().splitlines()) ^ set(before.splitlines())))
    until(lambda: not left(), lambda: f"left behind: {left()}")


def resets(net, capture):
    """What the kernel says from the shared address about connections that it does not know. Not: after our own FIN. Who is
    closed waits a second for the peer's, and one that comes later still, when the command has ended, is the kernel's."""
    found, closed = [], set()
    for row in net.captured(capture, f"src {HOST_IP} and (icmp[icmptype] == 3 or tcp[tcpflags] & (tcp-rst|tcp-fin) != 0)"):
        flags = re.search(rf"{HOST_IP}\.(\d+) > .* Flags \[(\S+)\]", row)
        if flags and "F" in flags[2]:
            closed.add(flags[1])
        elif not flags or flags[1] not in closed:
            found.append(row)
    return found


class Chatter(threading.Thread):
    """The kernel's own connection on the shared address: small questions and answers all the time."""

    def __init__(self, net):
        super().__init__()
        self.listener = net.listen(7)
        self.client = net.kernel()
        self.stop, self.count, self.failed = False, 0, None

    def run(self):
        try:
            self.client.connect((PEER_IP, 7))
            server = self.listener.accept()[0]
            server.settimeout(30)
            while not self.stop:
                text = self.count.to_bytes(8, "big")
                self.client.sendall(text)
                server.sendall(server.recv(8, socket.MSG_WAITALL))
                check(self.client.recv(8, socket.MSG_WAITALL) == text, "another answer")
                self.count += 1
                time.sleep(0.001)
        except Exception as why:
            self.failed = why


def get_default(sockeye):
    """`get` with no link at all, while the kernel talks on the same address."""
    with Routed(sockeye) as net:
        digest = make_file(start_nginx(net) / "large", SIZE)
        before = net.state()
        capture = net.capture("eth0", net.sockeye, "arp or icmp or tcp[tcpflags] & (tcp-syn|tcp-fin|tcp-rst) != 0")
        chatter = Chatter(net)
        chatter.start()
        start = time.monotonic()
        done = net.run(*net.words("get", "-v", "-o", net.tmp / "got", f"http://{PEER_IP}/large"),
            namespace=net.sockeye, timeout=120)
        took = time.monotonic() - start
        chatter.stop = True
        chatter.join()
        check(done.code == 0, f"get: {done}")
        check(b"share:eth0" in done.err, f"another road: {done}")
        check(sha256_of(net.tmp / "got") == digest, "a wrong SHA-256")
        check(chatter.failed is None and chatter.count > 10, f"the kernel's connection: {chatter.failed}")
        check(not resets(net, capture), f"resets or errors from the shared address: {resets(net, capture)[:3]}")
        unchanged(net, before)
        return f"{rate(SIZE, took)}, {chatter.count} answers to the kernel meanwhile"


def both_ways(sockeye):
    """A listener on a port of the kernel's address; the kernel's own ports go on as before."""
    with Routed(sockeye) as net:
        capture = net.capture("eth0", net.sockeye)
        server = net.start(*net.words("nc", "-l", "-v", "-p", "8080", "--link", "share:eth0:8080"), namespace=net.sockeye)
        wait_for_line(server.stderr, b"istening")
        peer = net.connect(8080, HOST_IP)
        peer.sendall(b"hello")
        peer.shutdown(socket.SHUT_WR)
        done = net.finish(server, b"hello yourself")
        check(done.code == 0 and done.out == b"hello", f"nc: {done}")
        check(peer.recv(100, socket.MSG_WAITALL) == b"hello yourself", "another answer")
        peer.close()
        check(not resets(net, capture), f"resets: {resets(net, capture)[:3]}")
        # What is not ours the kernel answers, as it did.
        ping = net.start(*net.words("ping", "-i", "0.1", PEER_IP), namespace=net.sockeye)
        wait_for_line(ping.stdout, b"icmp_seq=2 ttl=63")
        with contextlib.closing(net.kernel_socket()) as s:
            try:
                s.connect((HOST_IP, 81))
                check(False, "nobody listens on port 81, and still it opens")
            except ConnectionRefusedError:
                pass
        text = net.run("ping", "-c", "3", "-i", "0.1", HOST_IP, namespace=net.server).out.decode()
        check("3 received" in text and "DUP" not in text, f"the kernel's echo: {text}")
        ping.send_signal(signal.SIGINT)
        check(net.finish(ping).code == 0, "our own ping")


def killed(sockeye):
    """kill -9 in the middle of a transfer: no table, no port, no route is left; until then no reset leaves."""
    with Routed(sockeye) as net:
        make_file(start_nginx(net) / "large", 256 * MB)
        before = net.state()
        get = net.start(*net.words("get", "--link", "share", "--impair", "rate=100mbit",
            "-o", net.tmp / "got", f"http://{PEER_IP}/large"), namespace=net.sockeye)
        until(lambda: (net.tmp / "got").exists() and (net.tmp / "got").stat().st_size > MB, "it did not begin")
        during = net.state()
        check("flags owner" in during, f"no table with an owner: {during}")
        ports = re.search(r"dport >= (\d+)|dport (\d+)-(\d+)", during)
        check(ports, f"no ports in the table: {during}")
        os.killpg(get.pid, signal.SIGKILL)
        get.wait()
        unchanged(net, before)


MISTAKES = [
    (["share:nosuch0"], [], r"no such interface: nosuch0"),
    (["share:lo"], [], r"lo has no Ethernet"),
    (["share:eth0:0"], [], r"share:eth0:0"),
    (["share:eth0:9-8"], [], r"share:eth0:9-8"),
    (["share"], ["--mac", "02:00:00:00:00:01"], r"--mac"),
    (["share"], ["--dhcp"], r"--dhcp"),
    (["share"], ["--addr", "203.0.113.1/24"], r"203\.0\.113\.1"),
    (["share", "share"], [], r"one link share"),
]


def mistakes(sockeye):
    """One clear line each: words, a port in use, no right, no route."""
    with Routed(sockeye) as net:
        def complain(pattern, *words, **options):
            done = net.run(*net.words("get", *words, f"http://{PEER_IP}/"), namespace=net.sockeye, **options)
            text = done.err.decode()
            check(done.code == 2 and re.search(pattern, text) and text.count("\n") == 1, f"{words}: {done}")

        for links, words, pattern in MISTAKES:
            complain(pattern, *[w for link in links for w in ("--link", link)], *words)
        with contextlib.closing(net.kernel()) as s:
            s.bind(("", 8080))
            s.listen()
            complain(r"port 8080 .*in use", "--link", "share:eth0:8080")
        complain(r"root or CAP_NET", "--link", "share", user=65534)
        done = net.run(*net.words("nc", "-l", "-p", "8080", "--link", "share"), namespace=net.sockeye)
        check(done.code == 2 and b"share:eth0:8080" in done.err, f"nc -l: {done}")
        sh("ip", "-n", net.sockeye, "route", "delete", "default")
        complain(r"no default route", "--link", "share")
        sh("ip", "-n", net.sockeye, "link", "set", "eth0", "down")
        complain(r"eth0 is down", "--link", "share:eth0")
        return f"{len(MISTAKES) + 5} mistakes"


TESTS = {
    "share-get": get_default,
    "share-both": both_ways,
    "share-killed": killed,
    "share-mistakes": mistakes,
}
