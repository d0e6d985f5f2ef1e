"""`sockeye nc` beside OpenBSD's nc: the same commands, what they say, and both talking to each other; --kernel, -U."""

import concurrent.futures
import contextlib
import hashlib
import os
import pathlib
import re
import shutil
import socket
import sys
import threading
import time

from net import NOBODY_IP, ORDINARY, SECOND_IP, SERVER_IP, SOCKEYE_IP, Net, Skip, check, read_all, sh, wait_for_line
from raw import hear, say
from talk import complaint
from transfer import MB, make_file

OPENBSD = shutil.which("nc.openbsd")

# ---- the same command to both ----
# What the listeners of `peers` do: 80 and 7000 say "bye" and end, 7002 says nothing; UDP 5353 is open.

EARLY = "a failed connection is told without -v, too"
TYPED = "a mistake in what was typed is exit code 2 and says where help is"
SAME = None

# (words, stdin, SAME or the reason why ours is another, and then what ours must say and its exit code)
TABLE = [
    (["{}", "7000"], b"", SAME),
    (["{}", "7000-7000"], b"", SAME),
    (["-v", "{}", "7000"], b"", SAME),
    (["-v", "{}", "80"], b"", SAME),
    (["-v", "{}", "http"], b"", SAME),
    (["-vn", "{}", "80"], b"", SAME),
    (["-v4", "{}", "80"], b"", SAME),
    (["-N", "{}", "80"], b"said\n", SAME),
    (["-v", "{}", "81"], b"", SAME),
    (["-z", "{}", "81"], b"", SAME),
    (["-z", "{}", "80"], b"", SAME),
    (["-zv", "{}", "80"], b"", SAME),
    (["-zv", "{}", "79-82"], b"", SAME),
    (["-zv", "{}", "82-79"], b"", SAME),
    (["-zvn", "{}", "79-82"], b"", SAME),
    (["-z", "{}", "79-82"], b"", SAME),
    (["-z", "{}", "81-82"], b"", SAME),
    (["-v", "{}", "80-81"], b"", SAME),
    (["-zvu", "{}", "5353"], b"", SAME),
    (["-zu", "{}", "5353"], b"", SAME),
    (["-zu", "{}", "5354"], b"", ("a closed port is found without -v, too", "^$", 1)),
    (["-w", "1", "{}", "7002"], b"", SAME),
    (["-w", "1", "-v", "{}", "7002"], b"", SAME),
    (["-u", "-w", "1", "{}", "5353"], b"x", SAME),
    (["-s", "203.0.113.9", "{}", "80"], b"", SAME),
    (["-v", "-s", "203.0.113.9", "{}", "80"], b"", SAME),
    (["{}", "81"], b"", (EARLY, r"connect to 192.0.2.1 port 81 \(tcp\) failed: Connection refused$", 1)),
    (["-zvu", "{}", "5354"], b"", ("a closed port is told with -u, too",
        r"connect to 192.0.2.1 port 5354 \(udp\) failed: Connection refused$", 1)),
    (["{}", "0"], b"", (TYPED, "port number too small: 0 .*sockeye nc -h", 2)),
    (["{}", "65536"], b"", (TYPED, "port number too large: 65536 .*sockeye nc -h", 2)),
    (["{}", "nosuch"], b"", (TYPED, "port number invalid: nosuch .*sockeye nc -h", 2)),
    (["{}", "1-2-3"], b"", (TYPED, "port number invalid: 1-2-3 .*sockeye nc -h", 2)),
    (["{}"], b"", (TYPED, "missing port number .*sockeye nc -h", 2)),
    (["-lz", "80"], b"", (TYPED, "cannot use -z and -l .*sockeye nc -h", 2)),
    (["-k", "{}", "80"], b"", (TYPED, "must use -l with -k .*sockeye nc -h", 2)),
    (["-w", "x", "{}", "80"], b"", (TYPED, "timeout invalid: x .*sockeye nc -h", 2)),
    (["-q", "x", "{}", "80"], b"", (TYPED, "quit timer invalid: x .*sockeye nc -h", 2)),
    (["-nv", "nobody.test", "80"], b"", ("an unknown name is curl's 6", "Could not resolve host: nobody.test .*", 6)),
]


def serve_one(peer, say):
    if say:
        peer.sendall(say)
        peer.shutdown(socket.SHUT_WR)
    peer.settimeout(30)  # with bytes unread, closing would reset
    read_all(peer)


def serve(listener, say):
    with contextlib.suppress(OSError):
        while True:
            with listener.accept()[0] as peer, contextlib.suppress(OSError):  # -z leaves at once
                serve_one(peer, say)


@contextlib.contextmanager
def peers(net):
    sockets = [net.listen(port) for port in (80, 7000, 7002)]
    for listener in sockets:
        listener.settimeout(None)
        words = b"" if listener.getsockname()[1] == 7002 else b"bye\n"
        threading.Thread(target=serve, args=(listener, words), daemon=True).start()
    sockets.append(net.listen(5353, socket.SOCK_DGRAM))
    try:
        yield
    finally:
        for s in sockets:
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)
            s.close()


def told(done, own=False):
    """stdout, stderr without the programs' names, exit code; of ours without what it alone says."""
    lines = re.sub(rb"^(nc\.openbsd|nc|sockeye): ", b"", done.err, flags=re.M).splitlines()
    if own:
        lines = [line for line in lines if not line.startswith(b"* ") and b"; limited by" not in line]
    return done.out, lines, done.code


def commands(net, sockeye, words, stdin):
    words = [word.format(SERVER_IP) for word in words]
    both = [net.start(OPENBSD, *words, namespace=net.server),
        net.start(sockeye, "nc", "--kernel", *words, namespace=net.server),
        net.start(*net.host("nc"), *words, namespace=net.sockeye)]
    theirs, kernel, own = [net.finish(process, stdin) for process in both]
    return told(theirs), {"--kernel": told(kernel, True), "own stack": told(own, True)}


def compare(theirs, ours, expected):
    """None, or what is wrong."""
    if expected is SAME:
        return None if ours == theirs else f"{ours} instead of {theirs}"
    _, pattern, code = expected
    text = b"\n".join(ours[1]).decode()
    if ours == theirs:
        return "is the same, though it is listed as different"
    if ours[2] != code or not re.search(pattern, text):
        return f"{ours} instead of {pattern!r} and exit {code}"
    return None


def table(sockeye):
    """Each command to both; where ours is another, the table says why."""
    if not OPENBSD:
        raise Skip("there is no nc.openbsd (apt install netcat-openbsd)")
    wrong, different = [], 0
    with Net(sockeye) as net, peers(net):
        for words, stdin, expected in TABLE:
            theirs, ours = commands(net, sockeye, words, stdin)
            different += expected is not SAME
            for which, what in ours.items():
                fault = compare(theirs, what, expected)
                if fault:
                    wrong.append(f"nc {' '.join(words)} ({which}): {fault}")
    check(not wrong, f"{len(wrong)} of {2 * len(TABLE)}:\n#   " + "\n#   ".join(wrong))
    return f"{len(TABLE)} commands on both stacks, {different} listed as different"


def listening_words(sockeye):
    """What a listener says, of both programs."""
    if not OPENBSD:
        raise Skip("there is no nc.openbsd")
    with Net(sockeye) as net:
        for words in (["-lvn", "7000"], ["-lvn", "-p", "7000"], ["-lvn", SERVER_IP, "7000"], ["-lvnk", "7000"]):
            seen = []
            for program in ([OPENBSD], [sockeye, "nc", "--kernel"]):
                server = net.start(*program, *words, namespace=net.server)
                first = wait_for_line(server.stderr, b"\n")
                peer = net.connect(7000, SERVER_IP)
                port = b"%d" % peer.getsockname()[1]
                peer.close()
                second = wait_for_line(server.stderr, b"\n")
                server.stdin.close()
                server.stdin = None
                if "k" in words[0]:
                    server.terminate()
                net.finish(server, None)
                seen.append((first, second.replace(port, b"PORT")))
            check(seen[0] == seen[1], f"nc {' '.join(words)}: {seen}")


# ---- to each other ----


def listeners(net, sockeye):
    """(what it is, its words, where it runs, its address, the kernel's words)"""
    yield "own stack", net.host("nc"), net.sockeye, SOCKEYE_IP, net.server
    yield "--kernel", [sockeye, "nc", "--kernel"], net.server, SERVER_IP, net.server


def files_both_ways(sockeye):
    """A file each way at once, either one listening."""
    if not OPENBSD:
        raise Skip("there is no nc.openbsd")
    with Net(sockeye) as net:
        first, second = net.tmp / "first", net.tmp / "second"
        make_file(first, 3 * MB)
        make_file(second, 2 * MB + 1)
        for name, words, where, address, kernel in listeners(net, sockeye):
            for we_listen in (True, False):
                a = [*words, "-v", "-N"]
                b = [OPENBSD, "-v", "-n", "-N"]
                listen, call = (a, b) if we_listen else (b, a)
                there = address if we_listen else SERVER_IP
                spaces = (where, kernel) if we_listen else (kernel, where)
                with open(first, "rb") as f, open(second, "rb") as g:
                    with open(net.tmp / "out1", "wb") as out1, open(net.tmp / "out2", "wb") as out2:
                        server = net.start(*listen, "-l", "-p", "7000", namespace=spaces[0], stdin=f, stdout=out1)
                        wait_for_line(server.stderr, b"istening")
                        client = net.start(*call, there, "7000", namespace=spaces[1], stdin=g, stdout=out2)
                        codes = [net.finish(p, None).code for p in (client, server)]
                check(codes == [0, 0], f"{name}, {we_listen}: exit codes {codes}")
                got = (net.tmp / "out1").read_bytes(), (net.tmp / "out2").read_bytes()
                # OpenBSD's listener leaves at our FIN, with the rest of its file.
                check(not we_listen or got[1] == first.read_bytes(), f"{name}, {we_listen}: the listener's file is not the same")
                check(got[0] == second.read_bytes(), f"{name}, {we_listen}: the caller's file is not the same")


def datagrams(sockeye):
    """-u: lines both ways, either one listening."""
    if not OPENBSD:
        raise Skip("there is no nc.openbsd")
    with Net(sockeye) as net:
        for name, words, where, address, kernel in listeners(net, sockeye):
            for we_listen in (True, False):
                ours, theirs = [*words, "-u"], [OPENBSD, "-u", "-n"]
                listen, call = (ours, theirs) if we_listen else (theirs, ours)
                there = address if we_listen else SERVER_IP
                spaces = (where, kernel) if we_listen else (kernel, where)
                server = net.start(*listen, "-l", "-v", "-p", "5353", namespace=spaces[0])
                wait_for_line(server.stderr, b"Bound")
                client = net.start(*call, there, "5353", namespace=spaces[1])
                for line in (b"one\n", b"two two\n"):
                    say(client, line)
                    check(hear(server, len(line)) == line, f"{name}, {we_listen}: not what was sent")
                    say(server, line + line)
                    check(hear(client, 2 * len(line)) == 2 * line, f"{name}, {we_listen}: not what was answered")
                for process in (client, server):
                    process.kill()
                    process.wait()


# ---- the ends ----


def callers(net, sockeye):
    yield "own stack", net.host("nc"), net.sockeye
    yield "--kernel", [sockeye, "nc", "--kernel"], net.server


def ends_of(net, name, words, where, listener):
    port = listener.getsockname()[1]
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    start = lambda *more: net.start(*words, *more, SERVER_IP, port, namespace=where)  # noqa: E731

    client = start()  # the peer ends, stdin stays open and silent
    peer, _ = listener.accept()
    peer.sendall(b"last\n")
    peer.shutdown(socket.SHUT_WR)
    check(client.wait(60) == 0, f"{name}: the peer's FIN: exit {client.returncode}")
    check(hear(client, 5) == b"last\n" and read_all(peer) == b"", f"{name}: the peer's FIN")

    client = start("-q", "-1")  # the same, but there is more to come
    peer, _ = listener.accept()
    peer.shutdown(socket.SHUT_WR)
    time.sleep(3)
    say(client, b"late\n")
    client.stdin.close()
    check(read_all(peer) == b"late\n", f"{name}: -q -1 did not wait")
    client.stdin = None
    check(net.finish(client, None).code == 0, f"{name}: -q -1")

    for more in (["-q", "0"], ["-q", "1"], ["-w", "1"]):  # stdin ends, the peer does not
        client = start(*more)
        peer, _ = listener.accept()
        say(client, b"all\n")
        client.stdin.close()
        check(read_all(peer) == b"all\n", f"{name}: {more}: no FIN")
        client.stdin = None
        check(net.finish(client, None).code == 0, f"{name}: {more}")
        peer.close()

    file = make_file(net.tmp / f"file{port}", MB // 4)  # a slow reader gets all of it before -q counts
    with open(net.tmp / f"file{port}", "rb") as f:
        client = net.start(*words, "-q", "0", SERVER_IP, port, namespace=where, stdin=f)
        peer, _ = listener.accept()
        time.sleep(3)
        check(hashlib.sha256(read_all(peer)).hexdigest() == file, f"{name}: -q 0 lost what was on its way")
        peer.close()
        check(net.finish(client, None).code == 0, f"{name}: -q 0 after a file")

    client = start()  # stdin has ended: what the peer says is still heard
    peer, _ = listener.accept()
    client.stdin.close()
    check(read_all(peer) == b"", f"{name}: no FIN")
    time.sleep(0.2)
    peer.sendall(b"answer\n")
    check(hear(client, 7) == b"answer\n", f"{name}: nothing after our FIN")
    peer.close()
    check(client.wait(60) == 0, f"{name}: both FINs: exit {client.returncode}")
    client.stdin = None

    done = net.run(*words, "-u", "-N", SERVER_IP, "5353", input=b"x", namespace=where)
    check(done.code == 0, f"{name}: -u -N: {done}")
    done = net.run(*words, "-u", "-q", "1", SERVER_IP, "5353", input=b"", namespace=where)
    check(done.code == 0, f"{name}: -u -q 1: {done}")
    done = net.run(*words, "-w", "1", NOBODY_IP, port, namespace=where)
    complaint(done, 1, rf"connect to {NOBODY_IP} port {port} \(tcp\) failed: (Connection timed out|No route)")


def ends(sockeye):
    """Nobody waits for ever: the peer's FIN, -q, -N, -w; -q -1 waits."""
    socket.setdefaulttimeout(30)  # of what is accepted, too
    with Net(sockeye) as net, concurrent.futures.ThreadPoolExecutor() as pool:
        _silent = net.listen(5353, socket.SOCK_DGRAM)
        jobs = [pool.submit(ends_of, net, *who, net.listen(7000 + number))
            for number, who in enumerate(callers(net, sockeye))]
        try:
            for job in jobs:
                job.result()
        finally:
            socket.setdefaulttimeout(None)


def keeps(sockeye):
    """-l -k: the next peer is served though stdin is open; all that stdin has goes to the first one."""
    with Net(sockeye) as net:
        for name, words, where, address, _ in listeners(net, sockeye):
            server = net.start(*words, "-l", "-k", "-v", "-p", "7000", namespace=where)
            wait_for_line(server.stderr, b"istening")
            for number in range(3):
                peer = net.connect(7000, address)
                if number == 0:
                    say(server, b"for the first\n")
                    check(peer.recv(100) == b"for the first\n", f"{name}: nothing from stdin")
                peer.sendall(b"%d" % number)
                peer.shutdown(socket.SHUT_WR)
                check(read_all(peer) == b"", f"{name}: peer {number} is kept")
                peer.close()
            check(hear(server, 3) == b"012", f"{name}: not from all")
            server.terminate()
            done = net.finish(server, None)
            check(done.code == 143, f"{name}: the signal: {done}")


def source(sockeye):
    """-s and -p: the peer sees them."""
    with Net(sockeye) as net:
        listener = net.listen(7000)
        host = [*net.host("nc"), "--addr", f"{SECOND_IP}/24"]
        own = net.start(*host, "-s", SECOND_IP, "-p", "555", SERVER_IP, "7000", namespace=net.sockeye)
        peer, address = listener.accept()
        check(address == (SECOND_IP, 555), f"from {address}")
        peer.close()
        own.kill()
        kernel = net.start(sockeye, "nc", "--kernel", "-s", "127.0.0.9", "-p", "555", "127.0.0.1", "7001", namespace=net.server)
        complaint(net.finish(kernel), 1, "refused")
        with net.inside(net.server), socket.create_server(("127.0.0.1", 7001)) as late:
            late.settimeout(30)
            kernel = net.start(sockeye, "nc", "--kernel", "-s", "127.0.0.9", "-p", "556", "127.0.0.1", "7001",
                namespace=net.server)
            peer, address = late.accept()
            check(address == ("127.0.0.9", 556), f"from {address}")
            peer.close()
        complaint(net.sockeye_run("nc", "-s", "192.0.2.300", SERVER_IP, "7000"), 2, "-s 192.0.2.300: not an address")


# ---- the kernel's own ----


def unix(sockeye):
    """-U: streams and datagrams with OpenBSD's nc at the other end; files that are left."""
    if not OPENBSD:
        raise Skip("there is no nc.openbsd")
    with Net(sockeye) as net:
        path, nc = net.tmp / "socket", [sockeye, "nc"]
        for listen, call in ((nc, [OPENBSD]), ([OPENBSD], nc), (nc, nc)):
            server = net.start(*listen, "-lUv", path)
            said = wait_for_line(server.stderr, b"Listening on")
            check(b"Bound on %s\n" % bytes(path) in said, f"said {said}")
            client = net.start(*call, "-UN", path)
            say(client, b"question\n")
            check(hear(server, 9) == b"question\n", "not what was sent")
            say(server, b"answer\n")
            check(hear(client, 7) == b"answer\n", "not what was answered")
            client.stdin.close()
            server.stdin.close()
            client.stdin = server.stdin = None
            codes = [net.finish(p, None).code for p in (client, server)]
            check(codes == [0, 0], f"{listen[0]}: exit codes {codes}")
            check(path.exists() == (listen[0] == OPENBSD), f"{listen[0]}: the file")
            path.unlink(missing_ok=True)

        server = net.start(*nc, "-lUv", path)
        wait_for_line(server.stderr, b"Listening on")
        complaint(net.run(*nc, "-lU", path), 1, "socket: Address already in use")
        server.kill()
        server.wait()
        check(path.exists(), "the file of a killed process is gone: this tests nothing")
        server = net.start(*nc, "-lUv", path)
        wait_for_line(server.stderr, b"Listening on")
        server.terminate()
        net.finish(server, None)
        check(not path.exists(), "the file stays after a signal")
        path.write_text("not a socket")
        complaint(net.run(*nc, "-lU", path), 1, "Address already in use")
        check(path.read_text() == "not a socket", "another's file was touched")
        path.unlink()
        complaint(net.run(*nc, "-U", path), 1, "socket: No such file or directory")

        for listen, call in ((nc, [OPENBSD]), ([OPENBSD], nc), (nc, nc)):
            server = net.start(*listen, "-luUv", path)
            wait_for_line(server.stderr, b"Bound on")
            client = net.start(*call, "-uU", path)
            say(client, b"question\n")
            check(hear(server, 9) == b"question\n", f"-u {listen[0]}: not what was sent")
            say(server, b"answer\n")
            check(hear(client, 7) == b"answer\n", f"-u {listen[0]}: not what was answered")
            for process in (client, server):
                process.terminate()
                process.wait(60)
            path.unlink(missing_ok=True)


def ipv6(sockeye):
    with Net(sockeye) as net:
        complaint(net.sockeye_run("nc", "-6", "192.0.2.1", "80"), 6, "Could not resolve host: 192.0.2.1 .*IPv6")
        with net.inside(net.server):
            switch = pathlib.Path("/proc/sys/net/ipv6/conf/lo/disable_ipv6")
            if not switch.exists():
                raise Skip("this kernel has no IPv6")
            switch.write_text("0")
        server = net.start(sockeye, "nc", "--kernel", "-6", "-lvn", "7000", namespace=net.server)
        check(b"Listening on :: 7000" in wait_for_line(server.stderr, b"\n"), "does not listen on ::")
        done = net.run(sockeye, "nc", "--kernel", "-6v", "::1", "7000", input=b"six\n", namespace=net.server)
        check(b"Connection to ::1 7000 port [tcp/" in done.err and done.code == 0, str(done))
        check(net.finish(server, None).out == b"six\n", "not what was sent")
        done = net.run(sockeye, "nc", "--kernel", "-4", "::1", "7000", namespace=net.server)
        complaint(done, 6, "Could not resolve host: ::1")


PAGE = """
import http.server, sys
http.server.test(http.server.SimpleHTTPRequestHandler, port=80, bind="192.0.2.1", protocol="HTTP/1.0")
"""


def kernel_get(sockeye):
    """get --kernel: the page, curl's exit codes, Sockeye's messages; the process is fenced in."""
    with Net(sockeye) as net:
        page = os.urandom(3 * MB)
        (net.tmp / "page").write_bytes(page)
        server = net.start(sys.executable, "-u", "-c", PAGE, namespace=net.server, cwd=net.tmp)
        wait_for_line(server.stdout, b"Serving")
        get = lambda *words: net.run(sockeye, "get", "--kernel", *words, namespace=net.server)  # noqa: E731
        for words in ([f"http://{SERVER_IP}/page"], ["--resolve", f"a.test:80:{SERVER_IP}", "http://a.test/page"]):
            done = get(*words)
            check(done.code == 0 and done.out == page, f"{words}: {done}")
        complaint(get("-f", f"http://{SERVER_IP}/nosuch"), 22, "404")
        complaint(get(f"http://{SERVER_IP}:81/"), 7, f"connect to {SERVER_IP} port 81: Connection refused")
        complaint(get("http://203.0.113.9/"), 7, "connect to 203.0.113.9 port 80: Network is unreachable")
        complaint(get("http://nobody.invalid/"), 6, "resolve host: nobody.invalid")
        words = [net.binary, "run", *net.host("x")[2:], "--", net.binary, "get", "--kernel", f"http://{SERVER_IP}/page"]
        done = net.run(*words, namespace=net.sockeye)
        check(done.code == 0 and done.out == page, f"under run: {done}")


def status(process):
    rows = pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return {row.split(":")[0]: row.split()[1] for row in rows if ":" in row and len(row.split()) > 1}


def kernel_option(sockeye):
    """--kernel and host options are a mistake; ping; what the process may still do."""
    with Net(sockeye) as net:
        for words in (["nc", "192.0.2.1", "80"], ["get", "http://192.0.2.1/"], ["ping", "192.0.2.1"]):
            for more in (["--link", "tap:s0"], ["--addr", "192.0.2.2/24"], ["--events"], ["--set", "mss=500"], ["--dns", SERVER_IP]):
                done = net.run(sockeye, words[0], "--kernel", *more, *words[1:], namespace=net.server)
                complaint(done, 2, f"{more[0]} .*--kernel goes without it")
        complaint(net.run(sockeye, "nc", "-U", "--link", "tap:s0", "/nosuch"), 2, "--link .*-U is the kernel's")
        complaint(net.run(sockeye, "nc", "--kernel", "--proto", "102", SERVER_IP), 2, "--proto .*not with --kernel")
        ping = lambda *words, **more: net.run(  # noqa: E731
            sockeye, "ping", "--kernel", "-i", "0.05", *words, namespace=net.server, **more)
        for group in ("0 2147483647", "1 0"):  # a ping socket; a raw one
            sh("ip", "netns", "exec", net.server, "sysctl", "-qw", f"net.ipv4.ping_group_range={group}")
            done = ping("-c", "2", "-s", "2000", SERVER_IP)
            check(done.code == 0 and b"2 received" in done.out and b"ttl=64" in done.out, f"{group}: {done} {done.out}")
            done = ping("-c", "1", NOBODY_IP)
            check(done.code == 1 and b"nreachable" in done.out + done.err, f"{group}: {done} {done.out}")
        done = ping("-c", "1", SERVER_IP, user=ORDINARY)
        check(done.code in (2, 126, 1, 127) and done.code, f"{done}")
        server = net.start(sockeye, "nc", "--kernel", "-lvk", "7000", namespace=net.server)
        wait_for_line(server.stderr, b"Listening")
        now = status(server)
        check(now["NoNewPrivs"] == "1" and int(now["CapEff"], 16) == 0, f"it keeps {now['CapEff']}")
        if b"__asan_init" not in pathlib.Path(sockeye).read_bytes():
            check(now["Seccomp"] == "2", "system calls are not filtered")


TESTS = {
    "netcat-table": table,
    "netcat-listening": listening_words,
    "netcat-files": files_both_ways,
    "netcat-datagrams": datagrams,
    "netcat-ends": ends,
    "netcat-keeps": keeps,
    "netcat-source": source,
    "netcat-unix": unix,
    "netcat-ipv6": ipv6,
    "netcat-kernel-get": kernel_get,
    "netcat-kernel-option": kernel_option,
}
