"""The link `user`: an ordinary user, no privileges, the kernel's sockets behind a gateway in the process."""

import contextlib
import os
import pathlib
import re
import socket
import struct
import subprocess
import sys
import threading
import time

from net import ORDINARY, SERVER_IP, Net, Skip, check, read_all, sh, until, wait_for_line
from terminal import copy_for_user
from transfer import MB, SIZE, make_file, rate, sha256_of

UNREACHABLE, BLACKHOLE, PROHIBITED, NO_ROUTE = "198.51.100.7", "203.0.113.7", "198.18.99.7", "198.19.0.7"


@contextlib.contextmanager
def ordinary(sockeye):
    """The machine as it is, and a directory and a program an ordinary user may use."""
    net = Net(sockeye)
    try:
        net.binary = copy_for_user(net)
        net.tmp.chmod(0o777)
        yield net
    finally:
        net.close()


def as_user(net, *words, namespace=None, **options):
    return net.run(net.binary, *words, user=ORDINARY, namespace=namespace, **options)


def listen(kind=socket.SOCK_STREAM, address="127.0.0.1"):
    s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)
    s.bind((address, 0))
    s.settimeout(30)
    if kind == socket.SOCK_STREAM:
        s.listen(64)
    return s, str(s.getsockname()[1])


def serve(net):
    """Python's web server on the loopback, of net.tmp/www; its URL."""
    www = net.tmp / "www"
    www.mkdir(mode=0o755)
    server = net.start(sys.executable, "-u", "-m", "http.server", "--bind", "127.0.0.1", "--directory", www, "0",
        stderr=subprocess.DEVNULL)
    port = int(re.search(rb"port (\d+)", wait_for_line(server.stdout, b"\n"))[1])
    return www, f"http://127.0.0.1:{port}"


def page_of_the_loopback(sockeye):
    """Nothing typed but the URL; -v says which road was taken."""
    with ordinary(sockeye) as net:
        www, url = serve(net)
        digest = make_file(www / "large", SIZE)
        start = time.monotonic()
        done = as_user(net, "get", "-v", "-o", net.tmp / "got", f"{url}/large")
        took = time.monotonic() - start
        check(done.code == 0, f"get: {done}")
        check(sha256_of(net.tmp / "got") == digest, "wrong SHA-256")
        check(b"* Link user: a gateway in this process" in done.err, f"-v does not tell: {done}")
        return rate(SIZE, took)


def loopback_of_ipv6(sockeye):
    """::1 is the kernel's, as 127.0.0.1 is: a stream and datagrams, there and back."""
    if not socket.has_ipv6 or not pathlib.Path("/proc/net/if_inet6").read_text().strip():
        raise Skip("this machine has no IPv6")
    with ordinary(sockeye) as net:
        s, port = listen(address="::1")
        client = net.start(net.binary, "nc", "--link", "user", "::1", port, user=ORDINARY)
        conn, _ = s.accept()
        with conn:
            conn.settimeout(30)
            conn.sendall(b"from ::1")
            conn.shutdown(socket.SHUT_WR)
            done = net.finish(client, b"to ::1")
            check(done.out == b"from ::1" and read_all(conn) == b"to ::1", str(done))
        u, port = listen(socket.SOCK_DGRAM, "::1")
        client = net.start(net.binary, "nc", "-u", "-w", "3", "--link", "user", "::1", port, user=ORDINARY)
        client.stdin.write(b"ask")
        client.stdin.flush()
        data, peer = u.recvfrom(100)
        u.sendto(b"answer", peer)
        check(client.stdout.read(6) == b"answer" and data == b"ask", f"{data!r}")
        client.stdin.close()
        client.stdin = None
        net.finish(client, None)


def fifty_at_once(sockeye):
    with ordinary(sockeye) as net:
        www, url = serve(net)
        digest = make_file(www / "page", MB)
        all_of_them = [net.start(net.binary, "get", "--link", "user", "-o", net.tmp / f"got{i}", f"{url}/page",
            user=ORDINARY) for i in range(50)]
        for i, process in enumerate(all_of_them):
            done = net.finish(process)
            check(done.code == 0, f"transfer {i}: {done}")
            check(sha256_of(net.tmp / f"got{i}") == digest, f"transfer {i}: wrong SHA-256")


def failures_told_apart(sockeye):
    """Refused, unreachable in each way, silent."""
    with Net(sockeye) as net:
        net.binary = copy_for_user(net)
        for kind, address in (("unreachable", UNREACHABLE), ("blackhole", BLACKHOLE), ("prohibit", PROHIBITED)):
            net.run("ip", "-n", net.server, "route", "add", kind, f"{address}/32")
        cases = (
            (f"http://{SERVER_IP}:1/", 7, b"Connection refused"),
            ("http://127.0.0.1:1/", 7, b"Connection refused"),
            (f"http://{UNREACHABLE}/", 7, b"No route to host"),
            (f"http://{PROHIBITED}/", 7, b"No route to host"),
            (f"http://{NO_ROUTE}/", 7, b"Network is unreachable"),
            (f"http://{BLACKHOLE}/", 28, b"timed out"),
        )
        for url, code, words in cases:
            start = time.monotonic()
            done = as_user(net, "get", "--connect-timeout", "2" if code == 28 else "50", url, namespace=net.server)
            took = time.monotonic() - start
            check(done.code == code and words in done.err, f"{url}: {done}")
            check(len(done.err.splitlines()) == 1, f"{url}: more than a line: {done}")
            check(took < 20, f"{url}: told after {took:.1f} s only")


def both_half_closes(sockeye):
    with ordinary(sockeye) as net:
        up = os.urandom(3 * MB)
        s, port = listen()
        client = net.start(net.binary, "nc", "127.0.0.1", port, user=ORDINARY)
        got = []
        conn, _ = s.accept()
        conn.settimeout(30)

        def answer():  # after the end of what the client says
            got.append(read_all(conn))
            conn.sendall(b"answer")
            conn.close()

        thread = threading.Thread(target=answer)
        thread.start()
        done = net.finish(client, up)
        thread.join()
        check(got[0] == up and done.out == b"answer" and done.code == 0, f"client's end first: {done}")

        client = net.start(net.binary, "nc", "127.0.0.1", port, user=ORDINARY)
        conn, _ = s.accept()
        conn.settimeout(30)
        conn.sendall(b"all there is")
        conn.shutdown(socket.SHUT_WR)
        time.sleep(0.3)
        client.stdin.write(b"and yet")
        client.stdin.close()
        client.stdin = None
        check(read_all(conn) == b"and yet", "after the server's end the client's words did not come")
        conn.close()
        done = net.finish(client, None)
        check(done.out == b"all there is" and done.code == 0, f"server's end first: {done}")


def kept_by_kernel(port):
    """Bytes in the queues of the connections to a port of this machine, both ends'."""
    rows = sh("ss", "-Htn", "state", "established", f"sport = :{port} or dport = :{port}").splitlines()
    return [int(number) for row in rows for number in row.split()[:2]] or [-1]


def resets_both_ways(sockeye):
    with ordinary(sockeye) as net:
        s, port = listen()
        client = net.start(net.binary, "nc", "127.0.0.1", port, user=ORDINARY)
        conn, _ = s.accept()
        conn.sendall(b"x" * 200000)
        # The client has all of it: what its kernel still keeps a reset may take away.
        until(lambda: not any(kept_by_kernel(port)), lambda: f"(receive, send) queues: {kept_by_kernel(port)}")
        conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        conn.close()
        done = net.finish(client, None)
        check(done.code == 1 and b"Connection reset by peer" in done.err, f"reset by the server: {done}")
        check(len(done.out) == 200000, f"what came before the reset: {len(done.out)} bytes")
        # A reader that leaves with data unread resets (SHLD-3), and so does the kernel's side.
        reader, writer = os.pipe()
        client = net.start(net.binary, "nc", "127.0.0.1", port, user=ORDINARY, stdout=writer)
        os.close(writer)
        conn, _ = s.accept()
        conn.settimeout(30)
        os.close(reader)
        try:
            for _ in range(200):
                conn.sendall(b"x" * 65536)
                time.sleep(0.01)
            check(False, "nobody reads, and the server was never told")
        except (ConnectionResetError, BrokenPipeError):
            pass
        net.finish(client, None)


def slow_server_holds_back(sockeye):
    """What a server does not read, the client does not send: buffers are bounded, and nothing spins."""
    with ordinary(sockeye) as net:
        s, port = listen()
        client = net.start(net.binary, "nc", "127.0.0.1", port, user=ORDINARY)
        conn, _ = s.accept()
        conn.settimeout(30)
        fed = [0]

        def feed():
            with contextlib.suppress(OSError, ValueError):
                while True:
                    fed[0] += os.write(client.stdin.fileno(), bytes(65536))

        threading.Thread(target=feed, daemon=True).start()

        def ticks():
            stat = pathlib.Path(f"/proc/{client.pid}/stat").read_text().rsplit(")", 1)[1].split()
            return int(stat[11]) + int(stat[12])

        def at_rest():
            """Half a second in which nothing is taken and hardly any time used."""
            before = fed[0], ticks()
            time.sleep(0.5)
            return fed[0] > 0 and fed[0] == before[0] and ticks() - before[1] < 10

        until(at_rest, lambda: f"the client spins, or takes and takes: {fed[0]} bytes")
        before = fed[0]
        check(before < 64 * MB, f"{before} bytes were taken")
        got = 0
        while got < before:
            got += len(conn.recv(1 << 20))
        return f"{before / MB:.1f} MiB in all buffers"


def udp_both_ways(sockeye):
    with ordinary(sockeye) as net:
        s, port = listen(socket.SOCK_DGRAM)
        client = net.start(net.binary, "nc", "-u", "-w", "3", "127.0.0.1", port, user=ORDINARY)
        for word in (b"one\n", b"two\n", b"x" * 1400 + b"\n"):
            client.stdin.write(word)
            client.stdin.flush()
            data, peer = s.recvfrom(65536)
            check(data == word, f"{data[:20]} came instead of {word[:20]}")
            s.sendto(b"+" + data, peer)
        done = net.finish(client, b"")
        check(done.code == 0 and done.out == b"+one\n+two\n+" + b"x" * 1400 + b"\n", f"{done}")
        s.close()
        client = net.start(net.binary, "nc", "-u", "-w", "2", "127.0.0.1", port, user=ORDINARY)
        done = net.finish(client, b"anybody?\n")
        check(done.code == 1 and b"Connection refused" in done.err, f"no such port: {done}")


def pings(sockeye):
    with Net(sockeye) as net:
        net.binary = copy_for_user(net)
        net.run("ip", "-n", net.server, "route", "add", "unreachable", f"{UNREACHABLE}/32")
        done = as_user(net, "ping", "-c", "1", "127.0.0.1", namespace=net.server)
        check(done.code == 1 and b"ping_group_range" in done.err, f"without ping sockets: {done}")
        with net.inside(net.server):
            pathlib.Path("/proc/sys/net/ipv4/ping_group_range").write_text("0 2147483647")
        for address in ("127.0.0.1", SERVER_IP, "198.18.0.1"):
            done = as_user(net, "ping", "-c", "3", "-i", "0.1", "-s", "5000", address, namespace=net.server)
            check(done.code == 0 and b" 0% packet loss" in done.out and not done.err, f"ping {address}: {done}")
            check(b"5008 bytes from " + address.encode() in done.out, f"ping {address}: {done.out}")
        done = as_user(net, "ping", "-c", "1", UNREACHABLE, namespace=net.server)
        check(done.code == 1 and b"Destination Host Unreachable" in done.out, f"{done}: {done.out}")


def listener_says_so(sockeye):
    with ordinary(sockeye) as net:
        done = as_user(net, "nc", "-l", "-p", "7000")
        check(done.code == 2 and b"--link tap" in done.err, f"nc -l behind the gateway: {done}")


TESTS = {
    "user-page-of-the-loopback": page_of_the_loopback,
    "user-loopback-of-ipv6": loopback_of_ipv6,
    "user-fifty-at-once": fifty_at_once,
    "user-failures-told-apart": failures_told_apart,
    "user-half-closes": both_half_closes,
    "user-resets": resets_both_ways,
    "user-slow-server": slow_server_holds_back,
    "user-udp": udp_both_ways,
    "user-ping": pings,
    "user-listener": listener_says_so,
}
