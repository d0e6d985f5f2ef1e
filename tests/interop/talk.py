"""How things end and fail: refused, nobody there, killed peers, Ctrl-C; ping, UDP; what else the kernel notices."""

import re
import signal
import socket
import struct
import sys
import time

from net import NOBODY_IP, SERVER_IP, SOCKEYE_IP, Net, check, read_all, until, wait_for_line

ONE_LINE = re.compile(rb"^sockeye: .+$")


def complaint(done, code, pattern):
    """One clear line on stderr, and the exit code."""
    check(done.code == code, f"exit {done.code} instead of {code}: {done}")
    lines = [row for row in done.err.splitlines() if row.strip()]
    check(len(lines) == 1, f"{len(lines)} lines instead of one: {done}")
    check(ONE_LINE.match(lines[0]), f"not a line of Sockeye's: {done}")
    check(re.search(pattern, lines[0].decode(), re.I), f"does not say {pattern!r}: {done}")


def refused(sockeye):
    with Net(sockeye) as net:
        start = time.monotonic()
        done = net.sockeye_run("get", "-o", net.tmp / "x", f"http://{SERVER_IP}:81/")
        took = time.monotonic() - start
        complaint(done, 7, "Connection refused")
        check(took < 20, f"only after {took:.1f} s")
        done = net.sockeye_run("nc", SERVER_IP, "81")
        complaint(done, 1, "Connection refused")
        done = net.sockeye_run("get", "--events", "-o", net.tmp / "x", f"http://{SERVER_IP}:81/")
        check(b"RST" in done.err, "the reset is not on the timeline")


def nobody_there(sockeye):
    with Net(sockeye) as net:
        complaint(net.sockeye_run("get", "-o", net.tmp / "x", f"http://{NOBODY_IP}/"), 7, "No route to host")
        complaint(net.sockeye_run("get", "-o", net.tmp / "x", "http://198.51.100.1/"), 7, "unreachable")


KILLED = """
import socket, sys, time
s = socket.create_server(("192.0.2.1", 7000))
print("ready", flush=True)
c, _ = s.accept()
print("accepted", flush=True)
time.sleep(600)
"""


def killed_peer(sockeye):
    """The kernel resets for a process that died with bytes unread."""
    with Net(sockeye) as net:
        server = net.start(sys.executable, "-c", KILLED, namespace=net.server)
        wait_for_line(server.stdout, b"ready")
        client = net.sockeye_start("nc", SERVER_IP, "7000")
        wait_for_line(server.stdout, b"accepted")
        client.stdin.write(b"never read\n")
        client.stdin.flush()
        # Bytes unread are what makes the kernel reset.
        until(lambda: net.unread(7000) == len(b"never read\n"), "the bytes do not come")
        server.kill()
        client.stdin = None
        complaint(net.finish(client, None), 1, "reset by peer")


def interrupted(sockeye):
    """Ctrl-C becomes a FIN, not a reset."""
    with Net(sockeye) as net:
        listener = net.listen(7000)
        before = net.counters()
        client = net.sockeye_start("nc", SERVER_IP, "7000")
        peer, _ = listener.accept()
        peer.sendall(b"hello\n")
        wait_for_line(client.stdout, b"hello")
        client.send_signal(signal.SIGINT)
        check(peer.recv(10) == b"", "no end of stream")
        peer.close()
        done = net.finish(client)
        check(done.code == 130, f"exit {done.code} after Ctrl-C")
        after = net.counters()
        check(after["EstabResets"] == before["EstabResets"], "a reset instead of a FIN")


def one_kernel_client(net, number):
    peer = net.connect(7000)
    peer.sendall(b"client %d\n" % number)
    peer.shutdown(socket.SHUT_WR)
    read_all(peer)
    peer.close()


def many_clients(sockeye):
    """nc -l -k serves one kernel client after another."""
    with Net(sockeye) as net:
        server = net.sockeye_start("nc", "-l", "-k", "-v", "-p", "7000")
        server.stdin.close()
        server.stdin = None
        wait_for_line(server.stderr, b"istening")
        one_kernel_client(net, 0)  # the bridge and both neighbours have met
        net.calm()
        before = net.counters()
        for number in range(1, 20):
            one_kernel_client(net, number)
        want = b"".join(b"client %d\n" % number for number in range(20))
        seen = wait_for_line(server.stdout, b"client 19\n")
        server.send_signal(signal.SIGINT)
        done = net.finish(server, None)
        check(seen + done.out == want, f"got {seen[-100:]!r} {done.out!r}")
        check(net.counters()["RetransSegs"] == before["RetransSegs"], "the kernel had to send again")


def zero(sockeye):
    """nc -z tells whether something listens."""
    with Net(sockeye) as net:
        listener = net.listen(7000)
        check(net.sockeye_run("nc", "-z", SERVER_IP, "7000").code == 0, "an open port is said to be closed")
        check(net.sockeye_run("nc", "-z", SERVER_IP, "7001").code == 1, "a closed port is said to be open")
        listener.close()


def ping_kernel(sockeye):
    with Net(sockeye) as net:
        done = net.sockeye_run("ping", "-c", "3", "-i", "0.05", SERVER_IP)
        check(done.code == 0 and b"3 received" in done.out, f"{done} {done.out[-300:]!r}")
        done = net.sockeye_run("ping", "-c", "2", "-i", "0.05", "-s", "1400", SERVER_IP)
        check(done.code == 0 and b"2 received" in done.out, f"{done} {done.out[-300:]!r}")
        done = net.sockeye_run("ping", "-c", "1", "-W", "30", NOBODY_IP)
        check(done.code == 1, f"{done}")
        check(b"nreachable" in done.out + done.err, f"no reason given: {done.out[-300:]!r}")


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def echo(sock, size, sequence):
    body = bytes(range(256)) * (size // 256 + 1)
    head = struct.pack("!BBHHH", 8, 0, 0, 77, sequence)
    packet = head + body[:size]
    packet = head[:2] + struct.pack("!H", checksum(packet + b"\0" * (size & 1))) + packet[4:]
    sock.sendto(packet, (SOCKEYE_IP, 0))
    while True:
        answer = sock.recv(65536)[20:]
        if answer[0] == 0 and answer[4:8] == packet[4:8]:
            return answer[8:] == packet[8:]


def kernel_pings(sockeye):
    """The kernel asks a Sockeye host: every size that fits a frame."""
    with Net(sockeye) as net:
        server = net.sockeye_start("nc", "-l", "-v", "-p", "7000")
        wait_for_line(server.stderr, b"istening")
        sock = net.kernel_socket(socket.SOCK_RAW, socket.IPPROTO_ICMP)
        sock.settimeout(30)
        for sequence, size in enumerate((0, 1, 56, 57, 1000, 1471, 1472)):
            check(echo(sock, size, sequence), f"a wrong answer of {size} bytes")
        ping = net.run("ping", "-c", "3", "-i", "0.05", "-W", "30", SOCKEYE_IP, namespace=net.server)
        check(ping.code == 0, f"ping: {ping.out[-200:]!r}")


def udp_client(sockeye):
    with Net(sockeye) as net:
        peer = net.listen(5353, socket.SOCK_DGRAM)
        client = net.sockeye_start("nc", "-u", SERVER_IP, "5353")
        for number in range(5):
            client.stdin.write(b"datagram %d\n" % number)
            client.stdin.flush()
            data, sender = peer.recvfrom(2000)
            check(data == b"datagram %d\n" % number, f"got {data!r}")
            check(sender[0] == SOCKEYE_IP, f"from {sender}")
            peer.sendto(b"answer %d\n" % number, sender)
            wait_for_line(client.stdout, b"answer %d\n" % number)
        client.send_signal(signal.SIGINT)
        net.finish(client)


def udp_server(sockeye):
    with Net(sockeye) as net:
        server = net.sockeye_start("nc", "-u", "-l", "-v", "-p", "5353")
        wait_for_line(server.stderr, b"Bound")
        peer = net.kernel_socket(socket.SOCK_DGRAM)
        peer.connect((SOCKEYE_IP, 5353))
        peer.send(b"hello\n")
        wait_for_line(server.stdout, b"hello\n")
        server.stdin.write(b"answer\n")
        server.stdin.flush()
        check(peer.recv(100) == b"answer\n", "no answer")
        server.send_signal(signal.SIGINT)
        net.finish(server)


def udp_closed(sockeye):
    """A datagram to a closed port of the kernel's is answered by ICMP; one to Sockeye's likewise."""
    with Net(sockeye) as net:
        server = net.sockeye_start("nc", "-l", "-v", "-p", "7000")
        wait_for_line(server.stderr, b"istening")
        peer = net.kernel_socket(socket.SOCK_DGRAM)
        peer.connect((SOCKEYE_IP, 9))
        peer.send(b"?")
        try:
            peer.recv(1)
            check(False, "no port unreachable")
        except ConnectionRefusedError:
            pass
        tcp = net.kernel_socket()
        try:
            tcp.connect((SOCKEYE_IP, 9))
            check(False, "a closed port was opened")
        except ConnectionRefusedError:
            pass


def idle_kernel(sockeye):
    """A kernel client that waits, then talks, then leaves in silence: half-closes in both orders."""
    with Net(sockeye) as net:
        for peer_first in (True, False):
            server = net.sockeye_start("nc", "-l", "-v", "-p", "7000")
            wait_for_line(server.stderr, b"istening")
            peer = net.connect(7000)
            time.sleep(0.2)
            if peer_first:
                peer.sendall(b"mine\n")
                peer.shutdown(socket.SHUT_WR)
                wait_for_line(server.stdout, b"mine\n")
                server.stdin.write(b"yours\n")
                server.stdin.close()
                server.stdin = None
                check(read_all(peer) == b"yours\n", "the answer after our FIN did not come")
            else:
                server.stdin.write(b"yours\n")
                server.stdin.close()
                server.stdin = None
                check(read_all(peer) == b"yours\n", "wrong bytes")
                peer.sendall(b"mine\n")
                peer.shutdown(socket.SHUT_WR)
                wait_for_line(server.stdout, b"mine\n")
            peer.close()
            done = net.finish(server, None)
            check(done.code == 0, str(done))


BAD = [
    ([], 2, "command"),
    (["nosuch"], 2, "nosuch"),
    (["--nosuch"], 2, "nosuch"),
    (["get"], 2, "URL"),
    (["get", "--nosuch", "http://192.0.2.1/"], 2, "nosuch"),
    (["get", "-o"], 2, "-o|output|argument"),
    (["get", "http://192.0.2.1/"], 7, "unreachable"),
    (["get", "--link", "tap:s0", "http://192.0.2.1/"], 2, "address"),
    (["get", "--link", "nosuch:x", "--addr", "192.0.2.2/24", "http://192.0.2.1/"], 2, "nosuch"),
    (["get", "--link", "packet:nosuch0", "--addr", "192.0.2.2/24", "http://192.0.2.1/"], 2, "nosuch0"),
    (["get", "--link", "tap:averylongnameindeed", "--addr", "192.0.2.2/24", "http://192.0.2.1/"], 2, "too long"),
    (["get", "--link", "tap:v0", "--addr", "192.0.2.2/24", "http://192.0.2.1/"], 2, "v0"),
    (["get", "--link", "tap:s0", "--addr", "192.0.2.300/24", "http://192.0.2.1/"], 2, "192.0.2.300"),
    (["get", "--link", "tap:s0", "--addr", "192.0.2.2/40", "http://192.0.2.1/"], 2, "/40"),
    (["get", "--link", "tap:s0", "--addr", "224.0.0.1/24", "http://192.0.2.1/"], 2, "224.0.0.1"),
    (["get", "--link", "tap:s0", "--addr", "192.0.2.2/24", "--mtu", "12", "http://192.0.2.1/"], 2, "mtu"),
    (["get", "--link", "tap:s0", "--addr", "192.0.2.2/24", "--mac", "zz", "http://192.0.2.1/"], 2, "zz"),
    (["get", "--link", "tap:s0", "--addr", "192.0.2.2/24", "--set", "nosuch=1", "http://192.0.2.1/"], 2, "nosuch"),
    (["get", "--link", "tap:s0", "--addr", "192.0.2.2/24", "--impair", "loss=x", "http://192.0.2.1/"], 2, "loss"),
    (["get", "--link", "tap:s0", "--addr", "192.0.2.2/24", "http://"], 3, "URL|host"),
    (["get", "--link", "tap:s0", "--addr", "192.0.2.2/24", "http://192.0.2.1:99999/"], 3, "port"),
    (["get", "--link", "tap:s0", "--addr", "192.0.2.2/24", "gopher://192.0.2.1/"], 1, "gopher"),
    (["get", "--link", "tap:s0", "--addr", "192.0.2.2/24", "http://www.example.org/"], 6, "www.example.org|name"),
    (["get", "--link", "tap:s0", "--addr", "192.0.2.2/24", "-o", "/nosuch/dir/x", "http://192.0.2.1/"], 23, "/nosuch"),
    (["nc"], 2, "address|port"),
    (["nc", "--link", "tap:s0", "--addr", "192.0.2.2/24", "192.0.2.1", "0"], 2, "port"),
    (["nc", "--link", "tap:s0", "--addr", "192.0.2.2/24", "192.0.2.1", "65536"], 2, "port"),
    (["nc", "--link", "tap:s0", "--addr", "192.0.2.2/24", "-l"], 2, "port"),
    (["nc", "--link", "lan:../x", "--addr", "192.0.2.2/24", "192.0.2.1", "7"], 2, "\\.\\./x"),
    (["impair"], 2, "two interfaces"),
    (["impair", "x0", "x0"], 2, "different"),
    (["impair", "x0", "x1", "loss=x"], 2, "loss"),
    (["impair", "x0", "v0"], 2, "v0"),
    (["impair", "--time", "soon", "x0", "x1"], 2, "soon"),
    (["ping"], 2, "host"),
    (["ping", "--link", "tap:s0", "--addr", "192.0.2.2/24", "-c", "none", "192.0.2.1"], 2, "none"),
    (["ping", "--link", "tap:s0", "--addr", "192.0.2.2/24", "256.1.1.1"], 2, "256"),
]


def bad_input(sockeye):
    """Each mistake: one clear line and the right exit code; all that fail are named."""
    wrong = []
    with Net(sockeye) as net:
        for words, code, pattern in BAD:
            done = net.run(sockeye, *words, namespace=net.sockeye)
            try:
                complaint(done, code, pattern)
            except Exception as why:
                wrong.append(f"sockeye {' '.join(words)}: {why}")
    check(not wrong, f"{len(wrong)} of {len(BAD)}:\n#   " + "\n#   ".join(wrong))
    return f"{len(BAD)} mistakes"


def no_libcurl(sockeye):
    """A library that does not load is said before anything is left behind; who does not need it goes on."""
    with Net(sockeye) as net:
        (net.tmp / "libcurl.so.4").write_text("not a library")
        words = ["env", f"LD_LIBRARY_PATH={net.tmp}", sockeye]
        link = ["--link", "tap:s0", "--addr", "192.0.2.2/24"]
        for more in ([], ["-o", net.tmp / "x"], ["-o", net.tmp / "x", "-H", "A: b", "--no-confine"]):
            done = net.run(*words, "get", *link, *more, f"http://{SERVER_IP}/", namespace=net.sockeye)
            complaint(done, 2, "libcurl")
            check(not (net.tmp / "x").exists(), "an output without a page stays")
        done = net.run(*words, "get", *link, "HTTP://x", namespace=net.sockeye)
        complaint(done, 2, "libcurl")
        done = net.run(*words, "nc", *link, SERVER_IP, "81", namespace=net.sockeye)
        complaint(done, 1, "refused|unreachable|route")


def no_libraries(sockeye):
    """Those of the packet language: who reads and writes packets without them goes on."""
    with Net(sockeye) as net:
        for name in ("libpcap.so.0.8", "libedit.so.2"):
            (net.tmp / name).write_text("not a library")
        (net.tmp / "x.pcap").write_bytes(bytes.fromhex("a1b2c3d4 0002 0004") + bytes(12) + bytes.fromhex("00000001"))
        words = ["env", f"LD_LIBRARY_PATH={net.tmp}", sockeye, "lua"]
        done = net.run(*words, "-e", "print(#bytes(IP{}/TCP{}))")
        check(done.code == 0 and done.out == b"40\n", str(done))
        complaint(net.run(*words, "-e", f"rdpcap('{net.tmp}/x.pcap')"), 1, "libpcap")
        complaint(net.run(*words, "-e", "sniff{iface='lo', filter='tcp', timeout=0.1}"), 1, "libpcap")
        complaint(net.run(*words, "-i"), 1, "libedit")


TESTS = {
    "refused": refused,
    "nobody-there": nobody_there,
    "killed-peer": killed_peer,
    "interrupted": interrupted,
    "many-clients": many_clients,
    "half-close": idle_kernel,
    "zero": zero,
    "ping-kernel": ping_kernel,
    "kernel-pings": kernel_pings,
    "udp-client": udp_client,
    "udp-server": udp_server,
    "closed-ports": udp_closed,
    "bad-input": bad_input,
    "no-libcurl": no_libcurl,
    "no-libraries": no_libraries,
}
