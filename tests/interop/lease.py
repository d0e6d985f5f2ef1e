"""Addresses: leased by dnsmasq, renewed, given back; and another's address, which is never taken."""

import contextlib
import re
import shutil
import time

from net import NOBODY_IP, SECOND_IP, SERVER_IP, SERVER_MAC, SOCKEYE_IP, SOCKEYE_MAC, Net, Skip, check, sh, until, wait_for_line
from talk import complaint

LEASED = re.compile(rb"addr   (192\.0\.2\.\d+)/24 in use")


class Leases(Net):
    """With a DHCP server in the server's namespace; its log is a file."""

    def __init__(self, sockeye, *options, **more):
        super().__init__(sockeye, **more)
        self.options = options
        if not shutil.which("dnsmasq"):
            raise Skip("dnsmasq is not installed (apt-get install dnsmasq-base)")

    def _build(self):
        super()._build()
        self.log = self.tmp / "dnsmasq.log"
        self.serve()

    def serve(self):
        with open(self.log, "ab") as log:
            self.dnsmasq = self.start("dnsmasq", "--conf-file=/dev/null", "--no-daemon", "--interface=eth0", "--port=0",
                "--no-ping", "--dhcp-authoritative", "--dhcp-range=192.0.2.50,192.0.2.60,255.255.255.0,2m",
                f"--dhcp-leasefile={self.tmp / 'leases'}", f"--pid-file={self.tmp / 'dnsmasq.pid'}", "--user=root",
                "--log-dhcp", *self.options, namespace=self.server, stdout=log, stderr=log)
        self.until(lambda: b"IP range" in self.said(), "dnsmasq did not start")

    def said(self):
        return self.log.read_bytes() if self.log.exists() else b""

    def until(self, condition, text):
        until(condition, lambda: f"{text}; its log: {self.said().decode(errors='replace')[-400:]!r}")

    def leased(self, command, link, *words):
        """The words of a command that asks for its address."""
        return [self.binary, command, "--link", link, "--dhcp", "--mac", SOCKEYE_MAC, *words]


def lease_over(link, *options):
    def test(sockeye):
        with Leases(sockeye, *options) as net:
            done = net.run(*net.leased("ping", link, "--events", "-c", "2", "-i", "0.05", SERVER_IP),
                namespace=net.sockeye)
            check(done.code == 0 and b"2 received" in done.out, f"{done}")
            address = LEASED.search(done.err)
            check(address, f"no address in use: {done}")
            check(re.search(rb"dhcp   ack .* lease 2m server 192\.0\.2\.1 router 192\.0\.2\.1", done.err), f"{done}")
            net.until(lambda: b"DHCPRELEASE(eth0) " + address[1] in net.said(), "nothing was given back")
    return test


def packet(net):
    """An interface of its own in the bridge for packet:."""
    sh("ip", "-n", net.sockeye, "link", "add", "p0", "type", "veth", "peer", "name", "p1")
    sh("ip", "-n", net.sockeye, "link", "set", "p1", "master", "br0", "up")
    sh("ip", "-n", net.sockeye, "link", "set", "p0", "up")
    return "packet:p0"


def lease_packet(sockeye):
    with Leases(sockeye) as net:
        link = packet(net)
        done = net.run(*net.leased("ping", link, "-c", "2", "-i", "0.05", SERVER_IP), namespace=net.sockeye)
        check(done.code == 0 and b"2 received" in done.out, f"{done}")
        check(SOCKEYE_MAC.encode() in net.said(), "the server saw another MAC")


def renewed(sockeye):
    """T1 after 3 seconds: the lease is renewed while a connection goes on."""
    with Leases(sockeye, "--dhcp-option-force=58,3", "--dhcp-option-force=59,60") as net:
        listener = net.listen(7000)
        client = net.start(*net.leased("nc", "tap:s0", "--events", SERVER_IP, "7000"), namespace=net.sockeye)
        peer, _ = listener.accept()
        wait_for_line(client.stderr, b"dhcp request, renewing")
        net.until(lambda: net.said().count(b"DHCPACK(eth0)") >= 2, "not renewed")
        peer.sendall(b"still here\n")
        wait_for_line(client.stdout, b"still here")
        peer.close()
        client.stdin.close()
        client.stdin = None
        check(net.finish(client, None).code == 0, "the connection did not go on")


def no_server(sockeye):
    with Leases(sockeye) as net:
        net.dnsmasq.kill()
        net.dnsmasq.wait()
        done = net.run(*net.leased("get", "tap:s0", "--set", "dhcp_wait=2s", "http://192.0.2.1/"), namespace=net.sockeye)
        complaint(done, 2, "no DHCP server on s0 .* within 2 s")


def conflict_kernel(sockeye):
    """A kernel host has the address: one line with its MAC, exit 2, and nothing sent from it."""
    with Net(sockeye) as net:
        for link in ("tap:s0", packet(net)):
            capture = net.capture()
            start = time.monotonic()
            done = net.run(net.binary, "get", "--link", link, "--addr", f"{SERVER_IP}/24", "--mac", SOCKEYE_MAC,
                "http://192.0.2.99/", namespace=net.sockeye)
            complaint(done, 2, f"{SERVER_IP} is already used by {SERVER_MAC}")
            check(time.monotonic() - start < 20, "only after seconds")
            rows = net.captured(capture, f"ether src {SOCKEYE_MAC}")
            check(rows, "no probe was seen")
            for row in rows:
                check("Request who-has 192.0.2.1 tell 0.0.0.0" in row, f"sent: {row}")
        done = net.run(net.binary, "ping", "--link", "tap:s0", "--addr", f"{SERVER_IP}/24", "--set", "acd=off", "-c", "1",
            "-W", "1", NOBODY_IP, namespace=net.sockeye)
        check(b"already used" not in done.err, f"probed though it was told not to: {done}")


def conflict_sockeye(sockeye):
    """Of two Sockeye hosts the second gives way; the first goes on. (While both still probe, either may.)"""
    with Net(sockeye) as net:
        link = packet(net)
        first = net.sockeye_start("nc", "-l", "-v", "-p", "7000", "--set", "acd_early=0s", "--set", "acd_probes=1",
            "--set", "acd_announce_wait=100ms")
        wait_for_line(first.stderr, b"istening")
        done = net.run(*net.host("ping", link=link, mac=""), SERVER_IP, namespace=net.sockeye)
        complaint(done, 2, f"{SOCKEYE_IP} is already used by {SOCKEYE_MAC}")
        peer = net.connect(7000)
        peer.sendall(b"hello\n")
        wait_for_line(first.stdout, b"hello")
        peer.close()


def conflict_later(sockeye):
    """Another host takes the address while it is used, and insists: the command ends with its MAC."""
    with Net(sockeye) as net:
        first = net.sockeye_start("nc", "-l", "-v", "-p", "7000")
        wait_for_line(first.stderr, b"istening")
        time.sleep(0.2)
        sh("ip", "-n", net.server, "addr", "add", f"{SOCKEYE_IP}/32", "dev", "eth0")
        arping = ["python3", "-c", ANNOUNCE, SOCKEYE_IP, SERVER_MAC]
        for _ in range(3):
            net.run(*arping, namespace=net.server)
            time.sleep(0.1)
        with contextlib.suppress(ValueError):
            first.stdin = None
        done = net.finish(first, None)
        check(done.code == 2, f"{done}")
        check(f"{SOCKEYE_IP} is already used by {SERVER_MAC}".encode() in done.err, f"{done}")


ANNOUNCE = """
import socket, sys
ip, mac = socket.inet_aton(sys.argv[1]), bytes.fromhex(sys.argv[2].replace(":", ""))
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
s.bind(("eth0", 0x0806))
s.send(b"\\xff" * 6 + mac + bytes.fromhex("08060001080006040001") + mac + ip + bytes(6) + ip)
"""


def declined(sockeye):
    """The leased address is somebody's: declined, and another one is leased."""
    with Leases(sockeye, "--dhcp-host=" + SOCKEYE_MAC + "," + SECOND_IP) as net:
        sh("ip", "-n", net.server, "addr", "add", f"{SECOND_IP}/24", "dev", "eth0")
        done = net.run(*net.leased("ping", "tap:s0", "--events", "--set", "dhcp_decline_wait=1s", "-c", "1", SERVER_IP),
            namespace=net.sockeye)
        check(b"dhcp decline" in done.err and b"taken by " + SERVER_MAC.encode() in done.err, f"{done}")
        check(b"DHCPDECLINE" in net.said(), "the server did not hear of it")
        check(done.code == 0, f"{done}")
        address = LEASED.search(done.err)
        check(address and address[1] != SECOND_IP.encode(), f"{done}")


def link_local(sockeye):
    """An address of 169.254.0.0/16 without anybody (RFC 3927): answered by the kernel, the same the next time, another one
    when the kernel has it."""
    with Net(sockeye) as net:
        link = packet(net)
        sh("ip", "-n", net.server, "addr", "add", "169.254.0.9/16", "dev", "eth0")

        def pinged():
            done = net.run(net.binary, "ping", "--link", link, "--addr", "link-local", "--mac", SOCKEYE_MAC, "--events", "-c", "1",
                "169.254.0.9", namespace=net.sockeye)
            check(done.code == 0 and b"1 received" in done.out, f"{done}")
            return re.findall(rb"addr   (169\.254\.\d+\.\d+)/16 in use", done.err)[-1].decode()
        first = pinged()
        check(pinged() == first, "another address the second time")
        sh("ip", "-n", net.server, "addr", "add", f"{first}/16", "dev", "eth0")
        second = pinged()
        check(second != first, f"{first} is the kernel's")


TESTS = {
    "lease-link-local": link_local,
    "lease-tap": lease_over("tap:s0"),
    "lease-packet": lease_packet,
    "lease-renewed": renewed,
    "lease-no-server": no_server,
    "lease-declined": declined,
    "conflict-kernel": conflict_kernel,
    "conflict-sockeye": conflict_sockeye,
    "conflict-later": conflict_later,
}
