"""IPv6: talking, routers and what they say, a path of 1280 bytes, somebody else's address, both families at once, and
what the usual tools and tshark see of it."""

import os
import pathlib
import re
import shutil
import socket
import subprocess
import threading
import time

from net import SERVER_IP, SERVER_MAC, SOCKEYE_IP, SOCKEYE_MAC, Net, Skip, check, give, read_all, sh, until, wait_for_line
from talk import complaint
from transfer import MB, SIZE

SERVER6, SOCKEYE6, FAR6 = "2001:db8::1", "2001:db8::2", "2001:db8:5::2"
PAGE = bytes(range(256)) * 4096


class Net6(Net):
    """As Net, with 2001:db8::1/64 at the server too."""

    def _add(self, role):
        name = super()._add(role)
        with self.inside(name):
            conf = pathlib.Path("/proc/sys/net/ipv6/conf")
            if not conf.exists():
                raise Skip("this kernel has no IPv6")
            for where in ("all", "default", "lo"):
                (conf / where / "disable_ipv6").write_text("0")
        return name

    def _build(self):
        super()._build()
        sh("ip", "-n", self.server, "addr", "add", f"{SERVER6}/64", "dev", "eth0", "nodad")
        # The bridge and its ports are nobody's host.
        for port in ("v0", "s0", "s1", "br0"):
            sh("ip", "netns", "exec", self.sockeye, "sysctl", "-q", "-w", f"net.ipv6.conf.{port}.disable_ipv6=1")

    def words(self, command, *more, both=False, link="tap:s0", address=SOCKEYE6, mac=SOCKEYE_MAC):
        """A Sockeye command with an IPv6 address, and with both=True one of IPv4 beside it."""
        words = [self.binary, command, "--link", link, "--addr", f"{address}/64", "--mac", mac]
        return [*words, *(["--addr", f"{SOCKEYE_IP}/24"] if both else []), *more]

    def run6(self, command, *more, timeout=60, input=b"", env=None, **options):
        return self.run(*self.words(command, *more, **options), namespace=self.sockeye, timeout=timeout, input=input,
            **({"env": env} if env else {}))

    def start6(self, command, *more, **options):
        return self.start(*self.words(command, *more, **options), namespace=self.sockeye)

    def server6(self, port, kind=socket.SOCK_STREAM, address=SERVER6):
        with self.inside(self.server):
            s = socket.socket(socket.AF_INET6, kind)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            s.settimeout(30)
            s.bind((address, port))
        if kind == socket.SOCK_STREAM:
            s.listen(16)
        return s

    def connect6(self, port, address=SOCKEYE6):
        with self.inside(self.server):
            s = socket.socket(socket.AF_INET6)
        s.settimeout(30)
        s.connect((address, port))
        return s

    def serve_page(self, listener, page=PAGE, times=1):
        """A web server's answers, in a thread."""
        def answer():
            for _ in range(times):
                try:
                    peer, _ = listener.accept()
                except OSError:
                    return
                with peer:
                    peer.settimeout(30)
                    asked = b""
                    while b"\r\n\r\n" not in asked:
                        asked += peer.recv(4096)
                    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(page) + page)
        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        return thread


def needs(program, package=None):
    if not shutil.which(program):
        raise Skip(f"{program} is not installed (apt-get install {package or program})")


def fetches(sockeye):
    """get from a kernel's socket: an address in a URL, a large page, both ends' numbers."""
    with Net6(sockeye) as net:
        net.serve_page(net.server6(8000))
        done = net.run6("get", "-v", f"http://[{SERVER6}]:8000/")
        check(done.code == 0 and done.out == PAGE, f"{len(done.out)} bytes: {done}")
        check(b"over Sockeye's TCP" in done.err, str(done))


def nginx(sockeye):
    needs("nginx")
    with Net6(sockeye) as net:
        (net.tmp / "page").write_bytes(PAGE)
        config = net.tmp / "nginx.conf"
        config.write_text(f"daemon off; pid {net.tmp}/pid; error_log stderr; user root; events {{}} http {{ access_log off; "
            f"server {{ listen [{SERVER6}]:8080; root {net.tmp}; }} }}")
        net.start("nginx", "-p", net.tmp, "-c", config, namespace=net.server, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        until(lambda: net.listening(8080), "nginx did not start")
        done = net.run6("get", f"http://[{SERVER6}]:8080/page")
        check(done.code == 0 and done.out == PAGE, f"{len(done.out)} bytes: {done}")
        done = net.run6("get", "-f", f"http://[{SERVER6}]:8080/none")
        check(done.code == 22, str(done))


def pings(sockeye):
    """Both ways, small and in fragments."""
    with Net6(sockeye) as net:
        for size in (56, 1452, 1453, 20000):
            done = net.run6("ping", "-c", "2", "-i", "0.05", "-s", str(size), SERVER6)
            check(done.code == 0 and b"2 received" in done.out, f"{size}: {done} {done.out[-300:]!r}")
        server = net.start6("nc", "-l", "-v", "-p", "7000")
        wait_for_line(server.stderr, b"istening")
        for size in (56, 1453, 20000):
            sh("ip", "netns", "exec", net.server, "ping", "-6", "-c", "2", "-i", "0.2", "-W", "30", "-s", str(size), SOCKEYE6)


def silence(sockeye):
    """Nobody has the address: the neighbour does not answer, and ping says so."""
    with Net6(sockeye) as net:
        done = net.run6("ping", "-c", "1", "-W", "30", "2001:db8::99")
        check(done.code == 1 and b"Address unreachable" in done.out, f"{done} {done.out[-300:]!r}")
        done = net.run6("get", f"http://[{SERVER6}]:9/")
        check(done.code == 7 and b"refused" in done.err, str(done))


def datagrams(sockeye):
    with Net6(sockeye) as net:
        peer = net.server6(5353, socket.SOCK_DGRAM)
        client = net.start6("nc", "-u", SERVER6, "5353")
        for question in (b"short", os.urandom(8000)):
            client.stdin.write(question)
            client.stdin.flush()
            data, sender = peer.recvfrom(65536)
            check(data == question and sender[0] == SOCKEYE6, f"{len(data)} bytes from {sender}")
            peer.sendto(question, sender)
            back = client.stdout.read(len(question))
            check(back == question, f"{len(back)} bytes came back, or others")


def own_protocol(sockeye):
    """nc --proto: who dials, until nobody takes it any more; and who waits."""
    with Net6(sockeye) as net:
        with net.inside(net.server):
            peer = socket.socket(socket.AF_INET6, socket.SOCK_RAW, 102)
        peer.settimeout(30)

        def talks(process, text):
            process.stdin.write(text)
            process.stdin.flush()
            data, sender = peer.recvfrom(65536)
            check(data == text and sender[0] == SOCKEYE6, f"{data!r} from {sender}")

        client = net.start6("nc", "--proto", "102", "-w", "20", SERVER6)
        talks(client, b"question")
        peer.sendto(b"answer", (SOCKEYE6, 0))
        check(client.stdout.read(6) == b"answer", "not the answer")
        peer.close()
        client.stdin.write(b"!")
        client.stdin.flush()
        complaint(net.finish(client, None), 1, f"protocol 102 to {SERVER6}: nobody there takes it")
        with net.inside(net.server):
            peer = socket.socket(socket.AF_INET6, socket.SOCK_RAW, 102)
        peer.settimeout(30)
        server = net.start6("nc", "--proto", "102", "-l", "-v", "-N")
        wait_for_line(server.stderr, b"Bound on :: protocol 102")
        peer.sendto(b"hello", (SOCKEYE6, 0))
        check(server.stdout.read(5) == b"hello", "not what was sent")
        talks(server, b"and back")
        done = net.finish(server, b"")
        check(done.code == 0, str(done))


def transfer(sockeye):
    """A large transfer both ways, and a recording in which tshark finds nothing malformed."""
    data = os.urandom(min(SIZE, 16 * MB))
    with Net6(sockeye) as net:
        listener = net.server6(7000)
        record = net.tmp / "v6.pcapng"
        client = net.start6("nc", "--record", record, SERVER6, "7000")
        peer, _ = listener.accept()
        peer.settimeout(30)
        got = []
        reader = threading.Thread(target=lambda: got.append(read_all(peer)))
        reader.start()
        client.stdin.write(data)
        client.stdin.close()
        reader.join(60)
        check(got and got[0] == data, f"{len(got[0]) if got else 0} bytes came, or others")
        give(peer, data[:MB])
        check(client.stdout.read() == data[:MB], "not what was sent back")
        client.wait(60)
        if shutil.which("tshark"):
            bad = sh("tshark", "-r", str(record), "--disable-protocol", "gryphon", "-o", "tcp.check_checksum:TRUE", "-Y",
                "_ws.malformed || tcp.checksum.status == Bad || icmpv6.checksum.status == Bad", "-c", "20000")
            check(not [row for row in bad.splitlines() if "Running as" not in row], f"tshark: {bad[:400]}")


def both_families(sockeye):
    """A listener of ours without an address takes both; and it is said who came."""
    with Net6(sockeye) as net:
        server = net.start6("nc", "-l", "-k", "-v", "-n", "-p", "7000", both=True)
        wait_for_line(server.stderr, b"istening")
        with net.connect6(7000) as six:
            six.sendall(b"six\n")
            check(server.stdout.readline() == b"six\n", "nothing came over IPv6")
        with net.connect(7000) as four:
            four.sendall(b"four\n")
            check(server.stdout.readline() == b"four\n", "nothing came over IPv4")
        seen = wait_for_line(server.stderr, SERVER_IP.encode())
        check(SERVER6.encode() in seen, f"{seen!r}")


# ---- both families of a name ----

class Named(Net6):
    """A name server that knows web.example.test with addresses of both families."""

    def _build(self):
        needs("dnsmasq", "dnsmasq-base")
        super()._build()
        sh("ip", "-n", self.server, "addr", "add", "2001:db8::80/64", "dev", "eth0", "nodad")
        sh("ip", "-n", self.server, "addr", "add", "192.0.2.80/24", "dev", "eth0")
        self.start("dnsmasq", "--conf-file=/dev/null", "--no-daemon", "--no-hosts", "--no-resolv", "--user=root",
            f"--listen-address={SERVER_IP}", "--bind-interfaces", "--address=/web.example.test/192.0.2.80",
            "--address=/web.example.test/2001:db8::80", "--address=/slow.example.test/192.0.2.80",
            "--address=/slow.example.test/2001:db8::99", namespace=self.server, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        until(lambda: self.listening(53), "dnsmasq did not start")

    def get(self, url, *more):
        start = time.monotonic()
        done = self.run6("get", "-v", "--dns", SERVER_IP, *more, url, both=True)
        return done, time.monotonic() - start

    def four(self, port):
        s = self.kernel_socket()
        s.bind(("192.0.2.80", port))
        s.listen(16)
        return s


def connected_to(done):
    found = re.search(rb"\* Connected to \S+ \((\S+)\) over", done.err)
    check(found and done.code == 0, str(done))
    return found[1].decode()


def eyes_both(sockeye):
    """Both answer: IPv6 it is, unless IPv4 is asked for."""
    with Named(sockeye) as net:
        net.serve_page(net.server6(8000, address="2001:db8::80"))
        net.serve_page(net.four(8000))
        done, _ = net.get("http://web.example.test:8000/")
        check(connected_to(done) == "[2001:db8::80]:8000", str(done))
        done, _ = net.get("http://web.example.test:8000/", "-4")
        check(connected_to(done) == "192.0.2.80:8000", str(done))


def eyes_refused(sockeye):
    """IPv6 refuses: IPv4 at once."""
    with Named(sockeye) as net:
        net.serve_page(net.four(8000))
        done, _ = net.get("http://web.example.test:8000/", "--events")
        check(connected_to(done) == "192.0.2.80:8000", str(done))
        check(b"[2001:db8::80]:8000: Connection refused" in done.err, str(done))
        done, _ = net.get("http://web.example.test:8001/")
        check(done.code == 7, str(done))


def eyes_nc(sockeye):
    """nc to the same name: both families, one that refuses, one that says nothing."""
    with Named(sockeye) as net:
        def nc(port, *more, name="web"):
            return net.run6("nc", "-v", "-n", "-z", "--dns", SERVER_IP, *more, f"{name}.example.test", str(port), both=True)
        with net.server6(8000, address="2001:db8::80"), net.four(8000), net.four(8001):
            check(b"(2001:db8::80) 8000 port" in nc(8000).err, "IPv6 comes first")
            done = nc(8001)
            check(done.code == 0 and b"(192.0.2.80) 8001 port" in done.err, str(done))
            done = nc(8001, name="slow")
            check(done.code == 0 and b"(192.0.2.80) 8001 port" in done.err, str(done))
            done = nc(8002)
            check(done.code == 1 and b"Connection refused" in done.err, str(done))


def begun(done):
    """When the first attempt of each family began, from the timeline."""
    rows = re.findall(rb"^ +(\d+\.\d+)  call +(?:@\S+ +)?connect (\S+):8000", done.err, re.M)
    six = [float(at) for at, to in rows if to.startswith(b"[")]
    four = [float(at) for at, to in rows if not to.startswith(b"[")]
    check(six and four, f"not both families were tried: {rows}")
    return six[0], four[0]


def eyes_silent(sockeye):
    """IPv6 is silent: IPv4 a quarter of a second later (RFC 8305 section 5), without waiting for more."""
    with Named(sockeye) as net:
        sh("ip", "netns", "exec", net.server, "nft", "add table ip6 mute; add chain ip6 mute in { type filter hook input priority 0; }; "
            "add rule ip6 mute in tcp dport 8000 drop")
        net.server6(8000, address="2001:db8::80")
        net.serve_page(net.four(8000))
        done, _ = net.get("http://web.example.test:8000/", "--events")
        check(connected_to(done) == "192.0.2.80:8000", str(done))
        six, four = begun(done)
        check(four - six >= 0.249, f"begun at {six} and {four}")


def eyes_names(sockeye):
    """The answer about IPv6 never comes: IPv4 after 50 ms (section 3)."""
    with Named(sockeye) as net:
        # A question about AAAA (28) has it in its last bytes, behind the name.
        sh("ip", "netns", "exec", net.server, "nft", "add table ip mute; add chain ip mute in { type filter hook input priority 0; }; "
            "add rule ip mute in udp dport 53 @ih,272,16 0x001c drop")
        net.serve_page(net.four(8000))
        done, took = net.get("http://web.example.test:8000/", "--connect-timeout", "5")
        check(connected_to(done) == "192.0.2.80:8000", str(done))


# ---- routers ----

class Narrow(Net6):
    """Sockeye, the server as a router, a link of 1280 bytes, and a host behind it."""

    def _build(self):
        super()._build()
        self.second, self.far = self._add("second"), self._add("far")
        # Routers that first ask whether their addresses are free hand nothing on for two seconds.
        for where in (self.server, self.second, self.far):
            sh("ip", "netns", "exec", where, "sysctl", "-q", "-w", "net.ipv6.conf.default.accept_dad=0")
        for a, b, name_a, name_b, mtu, net in ((self.server, self.second, "n0", "n1", "1280", "2001:db8:4::"),
                (self.second, self.far, "f0", "f1", "1500", "2001:db8:5::")):
            sh("ip", "-n", a, "link", "add", name_a, "mtu", mtu, "type", "veth", "peer", "name", name_b, "netns", b, "mtu", mtu)
            for where, name, number in ((a, name_a, 1), (b, name_b, 2)):
                sh("ip", "-n", where, "link", "set", name, "up")
                sh("ip", "-n", where, "addr", "add", f"{net}{number}/64", "dev", name, "nodad")
        sh("ip", "-n", self.server, "route", "add", "2001:db8:5::/64", "via", "2001:db8:4::2")
        sh("ip", "-n", self.second, "route", "add", "default", "via", "2001:db8:4::1")
        sh("ip", "-n", self.far, "route", "add", "default", "via", "2001:db8:5::1")
        for router in (self.server, self.second):
            sh("ip", "netns", "exec", router, "sysctl", "-q", "-w", "net.ipv6.conf.all.forwarding=1")


def path_mtu(sockeye):
    """A link of 1280 bytes in the middle: what is too large goes again in smaller segments."""
    with Narrow(sockeye) as net:
        with net.inside(net.far):
            listener = socket.create_server((FAR6, 7000), family=socket.AF_INET6)
            web = socket.create_server((FAR6, 8000), family=socket.AF_INET6)
        listener.settimeout(30)
        data = os.urandom(4 * MB)
        events = open(net.tmp / "events", "wb")
        # Without this a timeout would be needed also when nobody ran for a while.
        client = net.start(*net.words("nc", "--gateway", SERVER6, "--set", "rto_min=4s", "--events", FAR6, "7000"),
            namespace=net.sockeye, stderr=events)
        peer, _ = listener.accept()
        peer.settimeout(30)
        threading.Thread(target=lambda: (client.stdin.write(data), client.stdin.close())).start()
        got = read_all(peer)
        check(got == data, f"{len(got)} bytes came, or others")
        peer.close()
        client.wait(60)
        events.close()
        text = (net.tmp / "events").read_text(errors="replace")
        check("packet too big" in text and "path mtu lower" in text, f"no router said anything, or it was not believed: {text[:1500]}")
        # Before it the routers still asked whether their addresses were free, and a SYN had to wait.
        check("again: timeout" not in text[text.index("packet too big"):], "a timeout was needed")
        net.serve_page(web)
        done = net.run6("get", "--gateway", SERVER6, f"http://[{FAR6}]:8000/")
        check(done.code == 0 and done.out == PAGE, f"{len(done.out)} bytes: {done}")


def pings_through(sockeye):
    """Fragments for a path of 1280 bytes, once it is known."""
    with Narrow(sockeye) as net:
        done = net.run6("ping", "-c", "6", "-i", "0.2", "-s", "4000", "--gateway", SERVER6, FAR6)
        # The first is too big for the way there, the next perhaps for the way back.
        check(re.search(rb"[3-6] received", done.out), f"{done} {done.out[-300:]!r}")


def trace(program, *options):
    """From behind a router towards a Sockeye host."""
    def test(sockeye):
        needs(program, "iputils-tracepath" if program == "tracepath" else None)
        with Narrow(sockeye) as net:
            server = net.start6("nc", "-l", "-k", "-p", "7000", "-v", "--gateway", SERVER6)
            wait_for_line(server.stderr, b"istening")
            out = sh("ip", "netns", "exec", net.far, program, *options, SOCKEYE6)
            check(re.search(r"^\s*1[:\s].*2001:db8:5::1", out, re.M) and re.search(r"^\s*3[:\s].*2001:db8::2", out, re.M), out)
    return test


def tracepath_out(sockeye):
    """An unmodified tracepath under `sockeye run`: the link's MTU it is told here, that of the path by a router, over both families."""
    needs("tracepath", "iputils-tracepath")
    with Narrow(sockeye) as net:
        for where, name, address in ((net.server, "n0", "198.51.100.1"), (net.second, "n1", "198.51.100.2"),
                (net.second, "f0", "203.0.113.1"), (net.far, "f1", "203.0.113.2")):
            sh("ip", "-n", where, "addr", "add", f"{address}/24", "dev", name)
        sh("ip", "-n", net.server, "route", "add", "203.0.113.0/24", "via", "198.51.100.2")
        sh("ip", "-n", net.second, "route", "add", "default", "via", "198.51.100.1")
        sh("ip", "-n", net.far, "route", "add", "default", "via", "203.0.113.1")
        for router in (net.server, net.second):
            sh("ip", "netns", "exec", router, "sysctl", "-q", "-w", "net.ipv4.conf.all.forwarding=1")
        for option, gateway, far in (("-6", SERVER6, FAR6), ("-4", SERVER_IP, "203.0.113.2")):
            done = net.run6("run", "--gateway", gateway, "--", "tracepath", option, "-n", far, both=True, timeout=120)
            said = (done.out + done.err).decode(errors="replace")
            check(done.code == 0 and re.search(r"^ 1\?: +\[LOCALHOST\] .*pmtu 1500$", said, re.M), f"{done} {said}")
            check("pmtu 1280" in said and re.search(rf"^ *\d+: +{far} .*reached\s*$", said, re.M), f"{done} {said}")


def advertises(net, how):
    """radvd or dnsmasq in the server's namespace."""
    if how == "radvd":
        needs("radvd")
        config = net.tmp / "radvd.conf"
        config.write_text("interface eth0 { AdvSendAdvert on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4; AdvLinkMTU 1400; "
            "prefix 2001:db8::/64 { AdvOnLink on; AdvAutonomous on; }; "
            "RDNSS fe80::53 { AdvRDNSSLifetime 300; }; DNSSL example.test { }; };")
        sh("ip", "-n", net.server, "addr", "add", "fe80::53/64", "dev", "eth0", "nodad")
        sh("ip", "netns", "exec", net.server, "sysctl", "-q", "-w", "net.ipv6.conf.all.forwarding=1")
        net.start("radvd", "-n", "-C", config, "-p", net.tmp / "radvd.pid", "-m", "stderr", namespace=net.server,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return
    net.start("dnsmasq", "--conf-file=/dev/null", "--no-daemon", "--no-hosts", "--no-resolv", "--user=root", "--enable-ra",
        "--interface=eth0", "--bind-interfaces", "--dhcp-range=2001:db8::,ra-only,64,10m", "--ra-param=eth0,4,600",
        f"--dhcp-option=option6:dns-server,[{SERVER6}]", "--dhcp-option=option6:domain-search,example.test",
        "--address=/web.example.test/2001:db8::1", f"--pid-file={net.tmp}/dnsmasq.pid",
        f"--dhcp-leasefile={net.tmp}/leases", namespace=net.server, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def slaac(how):
    """An address of the router's prefix, the router, its name server (radvd's has an address of the link alone), its search
    domain."""
    def test(sockeye):
        needs("dnsmasq", "dnsmasq-base")
        with Net6(sockeye) as net:
            advertises(net, how)
            if how == "radvd":
                net.start("dnsmasq", "--conf-file=/dev/null", "--no-daemon", "--no-hosts", "--no-resolv", "--user=root",
                    "--interface=eth0", "--bind-interfaces", "--address=/web.example.test/2001:db8::1",
                    namespace=net.server, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            until(lambda: net.listening(53), "dnsmasq did not start")
            done = net.run(sockeye, "ping", "--link", "tap:s0", "--mac", SOCKEYE_MAC, "--slaac", "--events", "-v", "-c", "2", "-i",
                "0.05", "web", namespace=net.sockeye)
            check(done.code == 0 and b"2 received" in done.out, f"{done} {done.out[-300:]!r}")
            check(re.search(rb"\* 2001:db8::\S+ as the router fe80::", done.err), str(done))
            address = re.search(rb"addr   (2001:db8::\S+)/64 in use", done.err)
            check(address and b"ff:fe" not in address[1], f"the identifier is the MAC address: {done}")
    return test


def dhcp6(sockeye):
    """A router that says nothing of names but that a server knows more (RFC 8415): they come from there."""
    needs("dnsmasq", "dnsmasq-base")
    needs("radvd")
    with Net6(sockeye) as net:
        config = net.tmp / "radvd.conf"
        config.write_text("interface eth0 { AdvSendAdvert on; AdvOtherConfigFlag on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4; "
            "prefix 2001:db8::/64 { }; };")
        sh("ip", "netns", "exec", net.server, "sysctl", "-q", "-w", "net.ipv6.conf.all.forwarding=1")
        net.start("radvd", "-n", "-C", config, "-p", net.tmp / "radvd.pid", "-m", "stderr", namespace=net.server,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        server = net.start("dnsmasq", "--conf-file=/dev/null", "--no-daemon", "--no-hosts", "--no-resolv", "--user=root",
            "--interface=eth0", "--bind-interfaces", "--log-dhcp", "--dhcp-range=2001:db8::,static",
            f"--dhcp-option=option6:dns-server,[{SERVER6}]", "--dhcp-option=option6:domain-search,example.test",
            "--address=/web.example.test/2001:db8::1", f"--pid-file={net.tmp}/dnsmasq.pid",
            f"--dhcp-leasefile={net.tmp}/leases", namespace=net.server, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        until(lambda: net.listening(53), "dnsmasq did not start")
        # The second time the answer comes long after there is an address: the name waits for it.
        for more in ([], ["--set", "dad_interval=10ms", "--impair", "delay=50ms"]):
            done = net.run(sockeye, "ping", "--link", "tap:s0", "--mac", SOCKEYE_MAC, "--slaac", "-v", *more, "-c", "2", "-i", "0.05",
                "web", namespace=net.sockeye)
            check(done.code == 0 and b"2 received" in done.out, f"{more}: {done} {done.out[-300:]!r}")
        wait_for_line(server.stderr, b"DHCPINFORMATION-REQUEST")


def temporary(sockeye):
    """Who is called sees a temporary address (RFC 8981), another one each time; the stable one answers as well."""
    seen = set()
    with Net6(sockeye) as net:
        advertises(net, "radvd")
        listener = net.server6(7000)
        for _ in range(2):
            client = net.start(sockeye, "nc", "--link", "tap:s0", "--mac", SOCKEYE_MAC, "--slaac", "--events", SERVER6, "7000",
                namespace=net.sockeye)
            peer, sender = listener.accept()
            said = b""
            while len(set(re.findall(rb"addr   (2001:db8::\S+)/64 in use", said))) < 2:
                row = client.stderr.readline()
                check(row, f"not two addresses: {said.decode(errors='replace')[-600:]}")
                said += row
            made = {a.decode() for a in re.findall(rb"addr   (2001:db8::\S+)/64 in use", said)}
            check(sender[0] in made, f"{sender[0]} is none of {made}")
            seen.add(sender[0])
            (stable,) = made - {sender[0]}
            sh("ip", "netns", "exec", net.server, "ping", "-6", "-c", "1", "-W", "30", stable)
            peer.close()
            client.stdin.close()
            client.wait(60)
        check(len(seen) == 2, f"the same address twice: {seen}")


def router_gone(sockeye):
    """Two default routers, and the preferred one is gone: a connection goes on over the other (RFC 4861 section 7.3.3)."""
    with Net6(sockeye) as net:
        other, far = net._add("second"), net._add("far")
        for where in (net.server, other):
            sh("ip", "netns", "exec", where, "sysctl", "-q", "-w", "net.ipv6.conf.all.forwarding=1",
                "net.ipv6.conf.default.accept_dad=0")
        sh("ip", "-n", net.sockeye, "link", "add", "g0", "type", "veth", "peer", "name", "eth0", "netns", other)
        sh("ip", "netns", "exec", net.sockeye, "sysctl", "-q", "-w", "net.ipv6.conf.g0.disable_ipv6=1")
        sh("ip", "-n", net.sockeye, "link", "set", "g0", "master", "br0", "up")
        sh("ip", "-n", other, "link", "set", "eth0", "up")
        sh("ip", "-n", other, "addr", "add", "2001:db8::3/64", "dev", "eth0", "nodad")
        sh("ip", "-n", far, "link", "add", "br0", "type", "bridge")
        sh("ip", "-n", far, "link", "set", "br0", "up")
        for number, where in ((1, net.server), (3, other)):
            sh("ip", "-n", far, "link", "add", f"f{number}", "type", "veth", "peer", "name", "f0", "netns", where)
            sh("ip", "-n", far, "link", "set", f"f{number}", "master", "br0", "up")
            sh("ip", "-n", where, "link", "set", "f0", "up")
            sh("ip", "-n", where, "addr", "add", f"2001:db8:5::{number}/64", "dev", "f0", "nodad")
        sh("ip", "-n", far, "addr", "add", f"{FAR6}/64", "dev", "br0", "nodad")
        # Answers come over the one that stays.
        sh("ip", "-n", far, "route", "add", "2001:db8::/64", "via", "2001:db8:5::3")
        with net.inside(far):
            listener = socket.create_server((FAR6, 7000), family=socket.AF_INET6)
        listener.settimeout(30)
        client = net.start6("nc", "--gateway", "2001:db8::3", "--route", f"::/0,{SERVER6}", "--events", "--set", "nd_reachable=1s",
            "--set", "nd_delay=200ms", "--set", "nd_retrans=100ms", FAR6, "7000")
        peer, _ = listener.accept()
        peer.settimeout(30)
        client.stdin.write(b"before\n")
        client.stdin.flush()
        check(peer.recv(100) == b"before\n", "nothing came over the first")
        sh("ip", "-n", net.server, "link", "set", "eth0", "down")
        time.sleep(1.6)  # what is known of it grows old
        client.stdin.write(b"after\n")
        client.stdin.flush()
        check(peer.recv(100) == b"after\n", "nothing came over the other")
        peer.close()
        client.stdin.close()
        client.stdin = None
        said = net.finish(client, None).err
        check(re.search(rb"target 2001:db8::1 .*who has, again", said), f"the first was not doubted: {said[-600:]!r}")


def slaac_nobody(sockeye):
    """Without a router it ends with a line that says so; beside an address it goes on."""
    with Net6(sockeye) as net:
        done = net.run(sockeye, "ping", "--link", "tap:s0", "--slaac", "--set", "dhcp_wait=3s", "-c", "1", SERVER6,
            namespace=net.sockeye)
        check(done.code == 2 and b"no router on" in done.err, str(done))
        done = net.run6("ping", "--slaac", "-c", "1", SERVER6)
        check(done.code == 0, str(done))


def taken(sockeye):
    """A kernel has the address (RFC 4862 section 5.4)."""
    with Net6(sockeye) as net:
        sh("ip", "-n", net.server, "addr", "add", f"{SOCKEYE6}/64", "dev", "eth0", "nodad")
        done = net.run6("ping", "-c", "1", SERVER6)
        check(done.code == 2 and f"{SOCKEYE6} is already used by {SERVER_MAC}".encode() in done.err, str(done))


def defended(sockeye):
    """A kernel asks for our address, and hears that it is taken."""
    with Net6(sockeye) as net:
        server = net.start6("nc", "-l", "-k", "-p", "7000", "-v")
        wait_for_line(server.stderr, b"istening")
        # It asks often, and not once and for a second: the answer may be late.
        sh("ip", "netns", "exec", net.server, "sysctl", "-q", "-w", "net.ipv6.conf.eth0.dad_transmits=30")
        sh("ip", "-n", net.server, "addr", "add", f"{SOCKEYE6}/64", "dev", "eth0")
        until(lambda: "dadfailed" in sh("ip", "-n", net.server, "-6", "addr", "show", "dev", "eth0"),
            "the kernel thinks the address is its own")


# ---- links ----

def tun(sockeye):
    with Net6(sockeye) as net:
        sh("ip", "-n", net.sockeye, "tuntap", "add", "dev", "t0", "mode", "tun", "vnet_hdr")
        sh("ip", "-n", net.sockeye, "link", "set", "t0", "up")
        sh("ip", "-n", net.sockeye, "addr", "add", "2001:db8:7::1/64", "dev", "t0", "nodad")
        done = net.run(sockeye, "ping", "--link", "tun:t0", "--addr", "2001:db8:7::2/64", "-c", "2", "-i", "0.05",
            "2001:db8:7::1", namespace=net.sockeye)
        check(done.code == 0 and b"2 received" in done.out, f"{done} {done.out[-300:]!r}")


def shared(sockeye):
    """The kernel's own address, with its router; the kernel goes on with it."""
    with Net6(sockeye) as net:
        here = net.sockeye
        sh("ip", "-n", here, "link", "add", "p0", "type", "veth", "peer", "name", "p1")
        sh("ip", "netns", "exec", here, "sysctl", "-q", "-w", "net.ipv6.conf.p1.disable_ipv6=1")
        sh("ip", "-n", here, "link", "set", "p1", "master", "br0", "up")
        sh("ip", "-n", here, "link", "set", "p0", "up")
        sh("ip", "-n", here, "addr", "add", f"{SOCKEYE6}/64", "dev", "p0", "nodad")
        sh("ip", "-n", here, "addr", "add", f"{SOCKEYE_IP}/24", "dev", "p0")
        sh("ip", "-n", here, "route", "add", "default", "via", SERVER_IP)
        sh("ip", "-n", here, "route", "add", "default", "via", SERVER6)
        net.serve_page(net.server6(8000), times=2)
        done = net.run(sockeye, "get", "--link", "share:p0", f"http://[{SERVER6}]:8000/", namespace=here)
        check(done.code == 0 and done.out == PAGE, f"{len(done.out)} bytes: {done}")
        server = net.start(sockeye, "nc", "--link", "share:p0:7000", "-l", "-v", "-n", "-p", "7000", namespace=here)
        wait_for_line(server.stderr, b"istening")
        with net.connect6(7000) as six:
            six.sendall(b"six\n")
            check(server.stdout.readline() == b"six\n", "nothing came")
            with net.inside(here):
                kernel = socket.create_server((SOCKEYE6, 7001), family=socket.AF_INET6)
            net.connect6(7001).close()
            kernel.close()


def programs(sockeye):
    """curl and a listener of both families under run."""
    needs("curl")
    with Net6(sockeye) as net:
        net.serve_page(net.server6(8000))
        host = ("--link", "tap:s0", "--addr", f"{SOCKEYE6}/64", "--addr", f"{SOCKEYE_IP}/24", "--mac", SOCKEYE_MAC, "--")
        done = net.run(sockeye, "run", *host, "curl", "-sf", f"http://[{SERVER6}]:8000/", namespace=net.sockeye)
        check(done.code == 0 and done.out == PAGE, f"{len(done.out)} bytes: {done}")
        program = net.start(sockeye, "run", *host, "python3", "-uc", DUAL, namespace=net.sockeye)
        wait_for_line(program.stdout, b"ready")
        net.connect6(7000).close()
        net.connect(7000).close()
        done = net.finish(program)
        check(done.out.split() == [SERVER6.encode(), f"::ffff:{SERVER_IP}".encode()], f"{done.out} {done}")


DUAL = """
import socket
s = socket.create_server(("::", 7000), family=socket.AF_INET6, dualstack_ipv6=True)
print("ready")
for _ in range(2):
    print(s.accept()[1][0])
"""


def through_user(sockeye):
    """Without privileges: the kernel's sockets, for what it has a way to."""
    with Net6(sockeye) as net:
        net.serve_page(net.server6(8000), times=2)
        done = net.run(sockeye, "get", "--link", "user", f"http://[{SERVER6}]:8000/", namespace=net.server, user=65534)
        check(done.code == 7 or done.code == 0, str(done))
        sh("ip", "-n", net.server, "route", "add", "default", "via", "2001:db8::fe")
        done = net.run(sockeye, "get", "--link", "user", f"http://[{SERVER6}]:8000/", namespace=net.server, user=65534)
        check(done.code == 0 and done.out == PAGE, f"{len(done.out)} bytes: {done}")
        done = net.run(sockeye, "get", "--link", "user", f"http://[{SERVER6}]:9/", namespace=net.server, user=65534)
        check(done.code == 7 and b"refused" in done.err, str(done))


TESTS = {
    "v6-share": shared,
    "v6-path-mtu": path_mtu,
    "v6-get": fetches,
    "v6-nginx": nginx,
    "v6-ping": pings,
    "v6-silence": silence,
    "v6-udp": datagrams,
    "v6-protocol": own_protocol,
    "v6-transfer": transfer,
    "v6-both-families": both_families,
    "v6-eyes-both": eyes_both,
    "v6-eyes-nc": eyes_nc,
    "v6-eyes-refused": eyes_refused,
    "v6-eyes-silent": eyes_silent,
    "v6-eyes-names": eyes_names,
    "v6-ping-through": pings_through,
    "programs-tracepath": tracepath_out,
    "v6-traceroute": trace("traceroute", "-6", "-n", "-q", "1", "-w", "20"),
    "v6-traceroute-icmp": trace("traceroute", "-6", "-I", "-n", "-q", "1", "-w", "20"),
    "v6-tracepath": trace("tracepath", "-6", "-n", "-m", "5"),
    "v6-slaac-radvd": slaac("radvd"),
    "v6-slaac-dnsmasq": slaac("dnsmasq"),
    "v6-dhcp6": dhcp6,
    "v6-temporary": temporary,
    "v6-router-gone": router_gone,
    "v6-slaac-nobody": slaac_nobody,
    "v6-taken": taken,
    "v6-defended": defended,
    "v6-tun": tun,
    "v6-user": through_user,
    "v6-run": programs,
}
