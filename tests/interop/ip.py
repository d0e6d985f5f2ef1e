"""IPv4 beyond one frame of one Ethernet: fragments both ways, routers with a small MTU, VLANs, TUN, routes."""

import os
import re
import signal
import socket
import subprocess
import threading
import time

from net import SERVER_IP, SOCKEYE_IP, Net, Skip, check, give, read_all, sh, softnet_drops, wait_for_line
from talk import complaint, echo
from transfer import MB, SIZE

FAR_NET, FAR_IP = "198.51.100.0/24", "198.51.100.2"
VLAN, VLAN_KERNEL, VLAN_SOCKEYE = 5, "203.0.113.1", "203.0.113.2"
TUN_KERNEL, TUN_SOCKEYE = "198.18.0.1", "198.18.0.2"


def pings_large(sockeye):
    """More than a frame, from either side."""
    with Net(sockeye) as net:
        for size in (1473, 3000, 20000, 65507):
            done = net.sockeye_run("ping", "-c", "2", "-i", "0.05", "-s", str(size), SERVER_IP)
            check(done.code == 0 and b"2 received" in done.out, f"{size}: {done} {done.out[-300:]!r}")
        server = net.sockeye_start("nc", "-l", "-v", "-p", "7000")
        wait_for_line(server.stderr, b"istening")
        sock = net.kernel_socket(socket.SOCK_RAW, socket.IPPROTO_ICMP)
        sock.settimeout(30)
        for sequence, size in enumerate((1473, 3000, 20000, 65507)):
            check(echo(sock, size, sequence), f"a wrong answer of {size} bytes")


def datagrams_large(sockeye):
    with Net(sockeye) as net:
        peer = net.listen(5353, socket.SOCK_DGRAM)
        client = net.sockeye_start("nc", "-u", SERVER_IP, "5353")
        question, answer = os.urandom(8000), os.urandom(60000)
        client.stdin.write(question)
        client.stdin.flush()
        data, sender = peer.recvfrom(65536)
        check(data == question, f"{len(data)} bytes came, or others")
        check(sender[0] == SOCKEYE_IP, f"from {sender}")
        for back in (question, answer):  # less than a pipe holds: what stdout does not take is lost
            got, drops = [], softnet_drops()
            reader = threading.Thread(target=lambda size=len(back): got.append(client.stdout.read(size)))
            reader.start()
            peer.sendto(back, sender)
            reader.join(60)
            check(got and got[0] == back, f"{len(got[0]) if got else 0} of {len(back)} bytes came back, or others; the "
                f"kernel's backlogs dropped {softnet_drops() - drops} packets meanwhile")


class Routed(Net):
    """Sockeye, the server as a router, a link with a small MTU, another router, and a host behind it."""

    def __init__(self, sockeye, narrow):
        super().__init__(sockeye)
        self.narrow = str(narrow)

    def _build(self):
        super()._build()
        self.second, self.far = self._add("second"), self._add("far")
        for a, b, name_a, name_b, mtu in ((self.server, self.second, "n0", "n1", self.narrow),
                (self.second, self.far, "f0", "f1", "1500")):
            sh("ip", "-n", a, "link", "add", name_a, "mtu", mtu, "type", "veth", "peer", "name", name_b, "netns", b,
                "mtu", mtu)
            sh("ip", "-n", a, "link", "set", name_a, "up")
            sh("ip", "-n", b, "link", "set", name_b, "up")
        sh("ip", "-n", self.server, "addr", "add", "203.0.113.1/30", "dev", "n0")
        sh("ip", "-n", self.second, "addr", "add", "203.0.113.2/30", "dev", "n1")
        sh("ip", "-n", self.second, "addr", "add", "198.51.100.1/24", "dev", "f0")
        sh("ip", "-n", self.far, "addr", "add", f"{FAR_IP}/24", "dev", "f1")
        sh("ip", "-n", self.server, "route", "add", FAR_NET, "via", "203.0.113.2")
        sh("ip", "-n", self.second, "route", "add", "default", "via", "203.0.113.1")
        sh("ip", "-n", self.far, "route", "add", "default", "via", "198.51.100.1")
        for router in (self.server, self.second):
            sh("ip", "netns", "exec", router, "sysctl", "-q", "-w", "net.ipv4.ip_forward=1")


def narrow_path(sockeye, narrow):
    """Both ends think of 1500 bytes; a router in between says what fits."""
    data = os.urandom(min(SIZE, 16 * MB))
    with Routed(sockeye, narrow) as net:
        with net.inside(net.far):
            listener = socket.create_server((FAR_IP, 7000))
        listener.settimeout(30)
        events = open(net.tmp / "events", "wb")
        route = ("--route", f"{FAR_NET},{SERVER_IP}")
        # A timeout would be needed if nobody said anything; on a busy machine, without this, also when nobody ran.
        client = net.start(*net.host("nc"), *route, "--set", "rto_min=4s", "--events", FAR_IP, "7000", namespace=net.sockeye, stderr=events)
        peer, _ = listener.accept()
        peer.settimeout(30)
        got = []
        reader = threading.Thread(target=lambda: got.append(read_all(peer)))
        reader.start()
        start = time.monotonic()
        threading.Thread(target=lambda: (client.stdin.write(data), client.stdin.close())).start()
        reader.join(60)
        check(not reader.is_alive(), "not everything came within a minute")
        took = time.monotonic() - start
        check(got and got[0] == data, f"{len(got[0]) if got else 0} bytes came, or others")
        give(peer, data[:MB])
        back = client.stdout.read()
        check(back == data[:MB], f"{len(back)} bytes came back, or others")
        client.wait(60)
        events.close()
        text = (net.tmp / "events").read_text(errors="replace")
        check("path mtu lower" in text, "no router said anything, or it was not believed")
        check("again: path mtu" in text, "nothing was sent again in smaller segments")
        check("again: timeout" not in text, "a timeout was needed")
        return f"{len(data) / MB:.0f} MiB in {took:.2f} s"


def pings_through(sockeye):
    """Fragments of fragments: what we cut to 1500, the router cuts to 576."""
    with Routed(sockeye, 576) as net:
        done = net.sockeye_run("ping", "-c", "2", "-i", "0.05", "-s", "5000", "--gateway", SERVER_IP, FAR_IP)
        check(done.code == 0 and b"2 received" in done.out, f"{done} {done.out[-300:]!r}")


def vlan_tagged(sockeye):
    """Between two hosts of ours; tcpdump sees the tags, and only those of their VLAN answer."""
    with Net(sockeye) as net:
        first = ["--link", "tap:s0", "--addr", f"{VLAN_SOCKEYE}/24", "--vlan", VLAN]
        second = ["--link", "tap:s1", "--addr", f"{VLAN_KERNEL}/24"]
        server = net.start(sockeye, "nc", *first, "-l", "-v", "-p", "7000", namespace=net.sockeye)
        wait_for_line(server.stderr, b"istening")
        capture = net.capture("s1", net.sockeye)
        for other, code in (((), 1), (("--vlan", 6), 1), (("--vlan", VLAN), 0)):
            done = net.run(sockeye, "ping", *second, *other, "-c", "1", "-W", "2" if code else "30", "-s", "3000", VLAN_SOCKEYE,
                namespace=net.sockeye)
            check(done.code == code, f"{other}: {done} {done.out[-200:]!r}")
        data = os.urandom(4 * MB)
        client = net.start(sockeye, "nc", *second, "--vlan", VLAN, VLAN_SOCKEYE, "7000", namespace=net.sockeye)
        server.stdin.close()
        server.stdin = None
        threading.Thread(target=lambda: (client.stdin.write(data), client.stdin.close())).start()
        got = server.stdout.read()
        check(got == data, f"{len(got)} bytes came, or others")
        client.wait(60)
        lines = net.captured(capture, "vlan", str(VLAN), "and", "tcp", "port", "7000")
        check(len(lines) > 10 and all(f"vlan {VLAN}, " in row for row in lines), f"not tagged: {lines[:2]}")
        check(not net.captured(capture, "tcp", "port", "7000"), "TCP without a tag")


def vlan(sockeye):
    with Net(sockeye) as net:
        made = subprocess.run(["ip", "-n", net.server, "link", "add", "link", "eth0", "name", "tagged", "type", "vlan",
            "id", str(VLAN)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if made.returncode:
            raise Skip(f"the kernel has no VLANs here: {made.stdout.strip()}")
        sh("ip", "-n", net.server, "addr", "add", f"{VLAN_KERNEL}/24", "dev", "tagged")
        sh("ip", "-n", net.server, "link", "set", "tagged", "up")
        options = {"address": VLAN_SOCKEYE}
        done = net.sockeye_run("ping", "--vlan", str(VLAN), "-c", "2", "-i", "0.05", "-s", "3000", VLAN_KERNEL,
            **options)
        check(done.code == 0 and b"2 received" in done.out, f"{done} {done.out[-300:]!r}")
        for other in (("--vlan", "6"), ()):
            done = net.sockeye_run("ping", *other, "-c", "1", "-W", "2", VLAN_KERNEL, **options)
            check(done.code == 1, f"answered across VLANs: {other} {done.out[-200:]!r}")
        return both_ways(net, lambda words: net.start(sockeye, "nc", "--link", "tap:s0", "--addr", f"{VLAN_SOCKEYE}/24",
            "--vlan", VLAN, *words, namespace=net.sockeye), VLAN_KERNEL)


def both_ways(net, start, kernel):
    """A few megabytes there and back over one connection to the server's kernel."""
    data = os.urandom(min(SIZE, 16 * MB))
    with net.inside(net.server):
        listener = socket.create_server((kernel, 7001))
    listener.settimeout(30)
    begin = time.monotonic()
    client = start([kernel, "7001"])
    peer, _ = listener.accept()
    peer.settimeout(30)
    got = []
    reader = threading.Thread(target=lambda: got.append(read_all(peer)))
    reader.start()
    threading.Thread(target=lambda: (client.stdin.write(data), client.stdin.close())).start()
    reader.join(60)
    check(got and got[0] == data, f"{len(got[0]) if got else 0} bytes came, or others")
    back = []
    reader = threading.Thread(target=lambda: back.append(client.stdout.read()))
    reader.start()
    peer.sendall(data)
    peer.close()
    reader.join(60)
    check(back and back[0] == data, "not the same bytes came back")
    client.wait(60)
    took = time.monotonic() - begin
    return f"{2 * len(data) / MB:.0f} MiB, {2 * len(data) * 8 / took / 1e9:.2f} Gbit/s"


def tun(sockeye):
    """IP without Ethernet: the kernel's end is in the server's namespace; what is recorded can be read."""
    with Net(sockeye) as net:
        sh("ip", "-n", net.server, "tuntap", "add", "dev", "t0", "mode", "tun", "vnet_hdr")
        sh("ip", "-n", net.server, "addr", "add", f"{TUN_KERNEL}/24", "dev", "t0")
        sh("ip", "-n", net.server, "link", "set", "t0", "up")
        host = ["--link", "tun:t0", "--addr", f"{TUN_SOCKEYE}/24"]
        recording = net.tmp / "tun.pcapng"
        for more in ([], ["--no-offload"]):
            done = net.run(sockeye, "ping", *host, *more, "--record", recording, "--events", "-c", "2", "-i", "0.05", "-s",
                "3000", TUN_KERNEL, namespace=net.server)
            check(done.code == 0 and b"2 received" in done.out, f"{done} {done.out[-300:]!r}")
            check(b"echo request" in done.err or b"IP " in done.err, f"no timeline: {done.err[-300:]!r}")
        lines = sh("tcpdump", "-n", "-r", str(recording)).splitlines()
        check(any(re.search(rf"IP {TUN_SOCKEYE} > {TUN_KERNEL}: ICMP echo request", row) for row in lines),
            f"the recording is not readable: {lines[:3]}")
        notes = []
        for more in ([], ["--no-offload"]):
            notes.append(both_ways(net, lambda words: net.start(sockeye, "nc", *host, *more, *words,
                namespace=net.server), TUN_KERNEL))
        with net.inside(net.server):
            sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        server = net.start(sockeye, "nc", *host, "-l", "-v", "-p", "7000", namespace=net.server)
        wait_for_line(server.stderr, b"istening")
        sock.connect((TUN_SOCKEYE, 7000))
        sock.sendall(b"into the tunnel\n")
        wait_for_line(server.stdout, b"into the tunnel\n")
        sock.close()
        return ", ".join(notes)


def several_addresses(sockeye):
    """Two addresses on one link, and a second link: each is answered, and has its own answers."""
    with Net(sockeye) as net:
        sh("ip", "-n", net.server, "addr", "add", f"{VLAN_KERNEL}/24", "dev", "eth0")
        sh("ip", "-n", net.sockeye, "tuntap", "add", "dev", "t0", "mode", "tun", "vnet_hdr")
        sh("ip", "-n", net.sockeye, "addr", "add", f"{TUN_KERNEL}/24", "dev", "t0")
        sh("ip", "-n", net.sockeye, "link", "set", "t0", "up")
        server = net.start(sockeye, "nc", "--link", "tap:s0", "--addr", f"{SOCKEYE_IP}/24", "--addr",
            f"{VLAN_SOCKEYE}/24", "--link", "tun:t0", "--addr", f"{TUN_SOCKEYE}/24", "-l", "-k", "-v", "-p", "7000",
            namespace=net.sockeye)
        wait_for_line(server.stderr, b"istening")
        server.stdin.close()
        server.stdin = None
        for number, (namespace, address) in enumerate(((net.server, SOCKEYE_IP), (net.server, VLAN_SOCKEYE),
                (net.sockeye, TUN_SOCKEYE))):
            with net.inside(namespace):
                sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            sock.settimeout(30)
            sock.connect((address, 7000))
            sock.sendall(b"to %d\n" % number)
            sock.shutdown(socket.SHUT_WR)
            wait_for_line(server.stdout, b"to %d\n" % number)
            read_all(sock)
            sock.close()
        server.send_signal(signal.SIGINT)
        net.finish(server, None)
        for address, kernel in ((SOCKEYE_IP, SERVER_IP), (VLAN_SOCKEYE, VLAN_KERNEL)):
            peer = net.kernel_socket(socket.SOCK_DGRAM)
            peer.bind((kernel, 5353))
            client = net.start(sockeye, "nc", "--link", "tap:s0", "--addr", f"{SOCKEYE_IP}/24", "--addr",
                f"{VLAN_SOCKEYE}/24", "-u", kernel, "5353", namespace=net.sockeye)
            client.stdin.write(b"who am I?\n")
            client.stdin.flush()
            _, sender = peer.recvfrom(100)
            check(sender[0] == address, f"to {kernel} it is {sender[0]} that speaks")
            client.send_signal(signal.SIGINT)
            net.finish(client)
            peer.close()


BAD = [
    (["--link", "tap:s0", "--vlan", "4095"], "vlan"),
    (["--link", "tap:s0", "--vlan", "x"], "vlan"),
    (["--link", "tun:t9", "--vlan", "5"], "VLAN"),
    (["--link", "tun:t9", "--mac", "02:00:00:00:00:09"], "MAC"),
    (["--link", "tun:s0"], "not a TUN"),
    (["--link", "tap:s0", "--route", "198.51.100.0"], "not a route"),
    (["--link", "tap:s0", "--route", "198.51.100.0/33"], "not a route"),
    (["--link", "tap:s0", "--route", "198.51.100.0/24,"], "not a route"),
    (["--link", "tap:s0", "--route", "198.51.100.0/24,nowhere"], "not a route"),
]


def mistakes(sockeye):
    with Net(sockeye) as net:
        for words, pattern in BAD:
            done = net.run(sockeye, "ping", *words, "--addr", "192.0.2.2/24", "192.0.2.1", namespace=net.sockeye)
            complaint(done, 2, pattern)
    return f"{len(BAD)} mistakes"


TESTS = {
    "fragments-ping": pings_large,
    "fragments-udp": datagrams_large,
    "fragments-routed": pings_through,
    "path-mtu-1280": lambda sockeye: narrow_path(sockeye, 1280),
    "path-mtu-576": lambda sockeye: narrow_path(sockeye, 576),
    "path-mtu-400": lambda sockeye: narrow_path(sockeye, 400),
    "vlan-kernel": vlan,
    "vlan-tagged": vlan_tagged,
    "tun": tun,
    "several-addresses": several_addresses,
    "ip-mistakes": mistakes,
}
