"""A whole small network: a client, a router that serves DHCP and DNS, a web server behind it. The same page by name,
over two redirects to https and packed by gzip, through each kind of link; and what is left after kill -9."""

import contextlib
import hashlib
import os
import signal
import socket
import threading
import time

from names import OTHER, WEB, need, start_web
from net import SOCKEYE_MAC, Net, check, sh, until, wait_for_line
from share import FAR_ROUTER_IP, HOST_IP, PEER_IP, ROUTER_IP, resets
from transfer import MB, make_file, rate, sha256_of

SIZE = {"full": 256 * MB, "soak": 256 * MB}.get(os.environ.get("SOK_TIER"), 8 * MB)
TAP_IP = "198.51.100.3"
NOBODY = 65534
WITH_RESOLV_CONF = 'mount --bind "$1" "$(readlink -f /etc/resolv.conf)" && shift && exec "$@"'
# link: its words, whether root runs it
LINKS = {
    "share": (["--link", "share"], True),
    "user": ([], False),
    "packet": (["--link", "packet:p0", "--dhcp", "--mac", SOCKEYE_MAC], True),
    "tap": (["--link", "tap:s0", "--addr", f"{TAP_IP}/24", "--gateway", ROUTER_IP, "--dns", ROUTER_IP], True),
}


class Home(Net):
    """`sockeye` has eth0 (the kernel's, 198.51.100.2), p0 (nobody's) and the TAP s0, all in the LAN of `router`."""

    def _build(self):
        self.server, self.sockeye, self.router = self._add("server"), self._add("sockeye"), self._add("router")
        here, router = self.sockeye, self.router
        sh("ip", "-n", router, "link", "add", "lan", "type", "bridge")
        for device, port in (("eth0", "r0"), ("p0", "r1"), ("e1", "r2")):
            sh("ip", "-n", here, "link", "add", device, "type", "veth", "peer", "name", port, "netns", router)
            sh("ip", "-n", router, "link", "set", port, "master", "lan", "up")
            sh("ip", "-n", here, "link", "set", device, "up")
        sh("ip", "-n", here, "tuntap", "add", "dev", "s0", "mode", "tap", "vnet_hdr")
        sh("ip", "-n", here, "link", "add", "br0", "type", "bridge")
        for port in ("e1", "s0"):
            sh("ip", "-n", here, "link", "set", port, "master", "br0", "up")
        sh("ip", "-n", here, "link", "set", "br0", "up")
        sh("ip", "-n", self.server, "link", "add", "eth0", "type", "veth", "peer", "name", "wan", "netns", router)
        for namespace, device, address in ((here, "eth0", HOST_IP), (router, "lan", ROUTER_IP),
                (router, "wan", FAR_ROUTER_IP), (self.server, "eth0", PEER_IP)):
            sh("ip", "-n", namespace, "addr", "add", f"{address}/24", "dev", device)
            sh("ip", "-n", namespace, "link", "set", device, "up")
        sh("ip", "-n", here, "route", "add", "default", "via", ROUTER_IP)
        sh("ip", "-n", self.server, "route", "add", "default", "via", FAR_ROUTER_IP)
        sh("ip", "netns", "exec", router, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        self.resolv = self.tmp / "resolv.conf"
        self.resolv.write_text(f"nameserver {ROUTER_IP}\n")

    def serve_lan(self):
        """The router's dnsmasq: addresses and names."""
        server = self.start(need("dnsmasq"), "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--no-ping",
            "--pid-file=", "--interface=lan", "--bind-interfaces", "--user=root", "--log-facility=-", "--local=/test/",
            "--dhcp-authoritative", "--dhcp-range=198.51.100.50,198.51.100.60,255.255.255.0,10m",
            f"--dhcp-leasefile={self.tmp / 'leases'}", f"--host-record={WEB},{PEER_IP}", f"--host-record={OTHER},{PEER_IP}",
            namespace=self.router)
        wait_for_line(server.stderr, b"sockets bound exclusively to interface lan")

    def get(self, link, *words, **options):
        """Starts `get` over a link, with the LAN's resolv.conf."""
        own, root = LINKS[link]
        who = [] if root else ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        return self.start("unshare", "-m", "sh", "-c", WITH_RESOLV_CONF, "sh", self.resolv, *who, self.binary, "get", *own,
            "--cacert", self.tmp / "ca.crt", *words, namespace=self.sockeye, **options)

    def state(self):
        """All that a link could leave behind."""
        here = ["ip", "netns", "exec", self.sockeye]
        return "\n".join(sh(*here, *words.split()) for words in ("nft list ruleset", "ls /sys/class/net", "ip rule", "ip route",
            "ip -o -4 addr", "ss -Htuan state unconnected"))

    def kernel(self):
        with self.inside(self.sockeye):
            s = socket.socket()
        s.settimeout(60)
        return s


class Bulk(threading.Thread):
    """The kernel's own connection on the client's address: bytes all the time, counted and hashed at both ends."""

    def __init__(self, net):
        super().__init__()
        self.listener, self.client = net.listen(9), net.kernel()
        self.stop, self.failed = False, None
        self.sent, self.got, self.count = hashlib.sha256(), hashlib.sha256(), 0

    def take(self, peer):
        with peer:
            while part := peer.recv(MB):
                self.got.update(part)

    def run(self):
        try:
            self.client.connect((PEER_IP, 9))
            taker = threading.Thread(target=self.take, args=(self.listener.accept()[0],))
            taker.start()
            while not self.stop:
                block = os.urandom(16384)
                self.client.sendall(block)
                self.sent.update(block)
                self.count += len(block)
                time.sleep(0.002)
            self.client.close()
            taker.join()
        except Exception as why:
            self.failed = why

    def end(self):
        self.stop = True
        self.join()
        check(self.failed is None, f"the kernel's own connection: {self.failed}")
        check(self.count > 0 and self.got.digest() == self.sent.digest(), "the kernel's own connection: other bytes arrived")


def unchanged(net, before):
    """Nothing is left behind, when all processes of a command have ended."""
    def left():
        return "; ".join(sorted(set(net.state().splitlines()) ^ set(before.splitlines())))
    until(lambda: not left(), lambda: f"left behind: {left()}")


def counted(capture, what):
    """The packets of a capture that tshark's filter lets through."""
    rows = sh(need("tshark"), "-r", str(capture[1]), "-Y", what, "-T", "fields", "-e", "frame.number").splitlines()
    return sum(row.isdigit() for row in rows)


def prepared(net):
    """The server and the LAN; the SHA-256 of the large file and the text."""
    www = start_web(net)
    text = b"the same line again and again\n" * 20000
    (www / "text").write_bytes(text)
    digest = make_file(www / "large", SIZE)
    net.serve_lan()
    return digest, text


def fetched(link):
    def test(sockeye):
        with Home(sockeye) as net:
            digest, text = prepared(net)
            before = net.state()
            capture = net.capture("eth0", net.sockeye, "icmp or tcp[tcpflags] & (tcp-syn|tcp-fin|tcp-rst) != 0 or udp port 53")
            bulk = Bulk(net)
            bulk.start()
            got, start = net.tmp / "got", time.monotonic()
            with open(got, "wb") as out:
                done = net.finish(net.get(link, "-L", "--compressed", f"http://{WEB}/page", stdout=out), timeout=300)
            took = time.monotonic() - start
            check(done.code == 0, f"get: {done}")
            check(sha256_of(got) == digest, f"{got.stat().st_size} bytes with a wrong SHA-256")
            done = net.finish(net.get(link, "--compressed", f"https://{OTHER}/text"))
            check(done.code == 0 and done.out == text, f"a packed page: {len(done.out)} bytes, {done}")
            bulk.end()
            if link == "share":
                check(not resets(net, capture), f"resets or errors from the shared address: {resets(net, capture)[:3]}")
                check(counted(capture, f"tcp.flags.syn == 1 && ip.src == {HOST_IP}") > 0, "tshark sees no connection")
            unchanged(net, before)
            return f"{rate(SIZE, took)}, {bulk.count // MB} MiB of the kernel's own meanwhile"
    return test


def killed(sockeye):
    """kill -9 in the middle of each: no table, interface, route or port is left."""
    with Home(sockeye) as net:
        www = start_web(net)
        make_file(www / "large", 64 * MB)
        net.serve_lan()
        for link in LINKS:
            before = net.state()
            got = net.tmp / f"got-{link}"
            with open(got, "wb") as out:
                get = net.get(link, "--impair", "rate=100mbit", f"https://{OTHER}/large", stdout=out)
            until(lambda: got.stat().st_size >= MB or get.poll() is not None, f"{link}: it did not begin")
            check(get.poll() is None, lambda: f"{link}: {got.stat().st_size} bytes came; {net.finish(get)}")
            os.killpg(get.pid, signal.SIGKILL)
            get.wait()
            with contextlib.suppress(OSError):
                get.stderr.close()
            unchanged(net, before)
        return ", ".join(LINKS)


TESTS = {f"matrix-{link}": fetched(link) for link in LINKS}
TESTS["matrix-killed"] = killed
