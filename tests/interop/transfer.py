"""Bulk both ways: nginx to `sockeye get`, `sockeye nc -l` to the kernel; sizes, MTUs, bad wires, recordings."""

import hashlib
import os
import shutil
import threading
import time

from net import (SECOND_IP, SECOND_MAC, SERVER_IP, SERVER_MAC, SOCKEYE_IP, SOCKEYE_MAC, Failed, Net, Skip, check, read_all, sh,
    until, wait_for_line)

MB = 1 << 20
SIZE = {"quick": 4 * MB, "full": 1024 * MB, "soak": 1024 * MB}.get(os.environ.get("SOK_TIER"), 64 * MB)


def make_file(path, size):
    """Random bytes; their SHA-256."""
    digest = hashlib.sha256()
    block = os.urandom(MB)
    with open(path, "wb") as f:
        for number in range(0, size, MB):
            part = hashlib.sha256(block + number.to_bytes(8, "big")).digest() + block[32:]
            part = part[: size - number]
            digest.update(part)
            f.write(part)
    return digest.hexdigest()


def sha256_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as f:
        while part := f.read(MB):
            digest.update(part)
    return digest.hexdigest()


NGINX = """daemon off; worker_processes 1; pid {tmp}/nginx.pid; error_log {tmp}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off; sendfile on; tcp_nopush on; keepalive_timeout 65; types {{ }}
    client_body_temp_path {tmp}/t1; proxy_temp_path {tmp}/t2; fastcgi_temp_path {tmp}/t3;
    uwsgi_temp_path {tmp}/t4; scgi_temp_path {tmp}/t5;
    server {{ listen 192.0.2.1:80; root {tmp}/www; }}
}}
"""


def start_nginx(net):
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    if not os.path.exists(nginx):
        raise Skip("nginx is not installed")
    www = net.tmp / "www"
    www.mkdir(mode=0o755)
    config = net.tmp / "nginx.conf"
    config.write_text("user root;\n" + NGINX.format(tmp=net.tmp))
    net.start(nginx, "-e", net.tmp / "error.log", "-c", config, namespace=net.server)
    until(lambda: net.listening(80), lambda: "nginx did not start: " + (net.tmp / "error.log").read_text()[-300:])
    return www


def trouble(net, before):
    """What the peer's kernel counted that it should not (nstat), but for what it sent again."""
    after = net.counters()
    for name in ("OutRsts", "EstabResets", "InErrs", "TCPTimeouts"):
        moved = after[name] - before[name]
        check(moved == 0, f"the server's kernel counts {name} +{moved}")
    return after["RetransSegs"] - before["RetransSegs"]


def none_sent_again(net, work):
    """The peer's kernel sent nothing twice: nothing was lost, and nothing acknowledged in a way that made it think so."""
    net.calm()
    before = net.counters()
    note = work()
    again = trouble(net, before)
    check(again == 0, f"the kernel sent {again} segments again")
    return note


def nobody_meddled(net, capture):
    """Nobody but the two ends spoke (a bridge's IGMP aside), and nobody reset or complained."""
    lines = net.captured(capture, "(arp or icmp or tcp or udp) and "
        f"not ether src {SERVER_MAC} and not ether src {SOCKEYE_MAC}")
    check(not lines, f"somebody else sent: {lines[:2]}")
    lines = net.captured(capture, "icmp or (tcp[tcpflags] & tcp-rst != 0)")
    check(not lines, f"resets or ICMP: {lines[:2]}")
    check(net.captured(capture, "tcp[tcpflags] & tcp-syn != 0"), "nothing was captured at all")


def rate(size, seconds):
    return f"{size / MB:.0f} MiB, {size * 8 / seconds / 1e9:.2f} Gbit/s"


def get_one(net, name, digest, *words, timeout=300):
    path = net.tmp / "got"
    done = net.sockeye_run("get", "-o", path, *words, f"http://{SERVER_IP}/{name}", timeout=timeout)
    check(done.code == 0, f"get {name}: {done}")
    check(sha256_of(path) == digest, f"get {name}: {path.stat().st_size} bytes with a wrong SHA-256")
    path.unlink()


def get_large(sockeye, **options):
    with Net(sockeye, **options) as net:
        digest = make_file(start_nginx(net) / "large", SIZE)
        capture = net.capture("eth0", None, "arp or icmp or tcp[tcpflags] & (tcp-syn|tcp-fin|tcp-rst) != 0 or "
            f"(not ether src {SERVER_MAC} and not ether src {SOCKEYE_MAC})")

        def work():
            start = time.monotonic()
            get_one(net, "large", digest)
            return rate(SIZE, time.monotonic() - start)

        if options:  # frame by frame more may be on its way than a TAP's queue takes
            net.calm(probes=True)
            before = net.counters()
            note = work()
            trouble(net, before)
        else:
            note = none_sent_again(net, work)
        nobody_meddled(net, capture)
        return note


def send_large(sockeye, **options):
    with Net(sockeye, **options) as net:
        digest = make_file(net.tmp / "large", SIZE)
        net.calm(probes=True)
        before = net.counters()
        with open(net.tmp / "large", "rb") as f:
            sender = net.start(*net.host("nc"), "-l", "-v", "-p", "7000", namespace=net.sockeye, stdin=f)
            wait_listening(sender)
            start = time.monotonic()
            peer = net.connect(7000)
            got, count = hashlib.sha256(), 0
            while part := peer.recv(MB):
                got.update(part)
                count += len(part)
            took = time.monotonic() - start
            peer.close()
            done = net.finish(sender)
        check(count == SIZE and got.hexdigest() == digest, f"{count} of {SIZE} bytes, or a wrong SHA-256")
        check(done.code == 0, f"nc -l: {done}")
        trouble(net, before)
        return rate(SIZE, took)


def wait_listening(process):
    wait_for_line(process.stderr, b"istening")


def both_ways(sockeye):
    """Both directions at once, checked at both ends."""
    size = SIZE // 4
    with Net(sockeye) as net:
        there, back = make_file(net.tmp / "there", size), make_file(net.tmp / "back", size)
        listener = net.listen(7000)
        with open(net.tmp / "there", "rb") as f:
            client = net.start(*net.host("nc"), SERVER_IP, "7000", namespace=net.sockeye, stdin=f,
                stdout=open(net.tmp / "got", "wb"))
            peer, _ = listener.accept()

            def feed():
                with open(net.tmp / "back", "rb") as source:
                    peer.sendfile(source)
                peer.shutdown(1)

            thread = threading.Thread(target=feed)
            thread.start()
            got = read_all(peer)
            thread.join()
            done = net.finish(client)
        check(hashlib.sha256(got).hexdigest() == there, f"to the kernel: {len(got)} bytes, wrong")
        check(sha256_of(net.tmp / "got") == back, "from the kernel: wrong")
        check(done.code == 0, f"nc: {done}")


def sizes(sockeye):
    with Net(sockeye) as net:
        www = start_nginx(net)
        for size in (0, 1, 1447, 1448, 1449, 1460, 65535, 65536, 1000003):
            get_one(net, f"f{size}", make_file(www / f"f{size}", size))


def mtus(sockeye):
    for mtu in (576, 1280, 1492, 9000):
        with Net(sockeye, mtu=mtu) as net:
            www = start_nginx(net)
            capture = net.capture("eth0")
            net.calm(probes=True)
            before = net.counters()
            get_one(net, "f", make_file(www / "f", 3 * MB))
            try:
                trouble(net, before)
            except Failed as why:
                last = "\n#   ".join(line.split("> ", 1)[-1][:150] for line in net.captured(capture, "tcp")[-8:])
                raise Failed(f"MTU {mtu}: {why}; the last packets:\n#   {last}") from None


def bad_wire(sockeye):
    with Net(sockeye) as net:
        www = start_nginx(net)
        digest = make_file(www / "f", 2 * MB)
        for impair in ("loss=2%,seed=1", "loss=1%,reorder=2%,dup=1%,delay=5ms,jitter=1ms,seed=2",
            "corrupt=1%,seed=3", "drop-out=1/2,drop-in=2,seed=4"):
            get_one(net, "f", digest, "--impair", impair)


def recording(sockeye):
    if not shutil.which("tshark"):
        raise Skip("tshark is not installed")
    for options in ({}, {"offload": False}):
        with Net(sockeye, **options) as net:
            www = start_nginx(net)
            digest = make_file(www / "f", 2 * MB)
            path = net.tmp / "rec.pcapng"
            get_one(net, "f", digest, "--record", path, "--impair", "drop-in=20,seed=1")
            checks = ["-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"]
            bad = sh("tshark", "-r", str(path), *checks, "-Y",
                "_ws.malformed || tcp.checksum.status == 0 || ip.checksum.status == 0").splitlines()
            bad = [row for row in bad if "Running as user" not in row]
            check(not bad, f"{len(bad)} bad packets in the recording: {bad[:2]}")
            rows = sh("tshark", "-r", str(path), "-T", "fields", "-e", "frame.number", "-e", "frame.comment")
            rows = [row.split("\t", 1) for row in rows.splitlines() if row[:1].isdigit()]
            bare = [number for number, comment in rows if not comment.strip()]
            check(len(rows) > 10, f"only {len(rows)} packets recorded")
            check(not bare, f"{len(bare)} of {len(rows)} packets have no comment, first {bare[:3]}")
            text = sh("tshark", "-r", str(path), "-T", "fields", "-e", "frame.comment")
            check("open" in text and "handshake done" in text and "who has" in text, "the reasons are not there")


def two_sockeyes(sockeye):
    """Sockeye to Sockeye over two TAPs in a bridge."""
    with Net(sockeye) as net:
        digest = make_file(net.tmp / "f", 16 * MB)
        with open(net.tmp / "f", "rb") as f, open(net.tmp / "got", "wb") as out:
            a = net.start(*net.host("nc"), "-l", "-v", "-p", "7000", namespace=net.sockeye, stdout=out,
                stdin=open(os.devnull, "rb"))
            wait_listening(a)
            b = net.start(*net.host("nc", link="tap:s1", address=SECOND_IP, mac=SECOND_MAC), SOCKEYE_IP, "7000",
                namespace=net.sockeye, stdin=f)
            for process in (b, a):
                done = net.finish(process)
                check(done.code == 0, str(done))
        check(sha256_of(net.tmp / "got") == digest, "wrong SHA-256")


TESTS = {
    "get-large": get_large,
    "get-large-no-offload": lambda sockeye: get_large(sockeye, offload=False),
    "send-large": send_large,
    "send-large-no-offload": lambda sockeye: send_large(sockeye, offload=False),
    "both-ways": both_ways,
    "two-sockeyes": two_sockeyes,
    "sizes": sizes,
    "mtus": mtus,
    "bad-wire": bad_wire,
    "recording": recording,
}
