"""Programs that no library reaches under `sockeye run`: statically linked (static.c) and in Go (go/main.go)."""

import contextlib
import hashlib
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import threading
import time

from net import NOBODY_IP, SERVER_IP, SOCKEYE_IP, Net, Skip, check, processes, read_all, until, wait_for_line

HERE = pathlib.Path(__file__).resolve().parent
PORT = 7000


def helper(sockeye):
    path = pathlib.Path(sockeye).resolve().parents[2] / "tests/interop/static"
    if not path.exists():
        raise Skip("this C library cannot be linked statically")
    return path


def go_program(sockeye):
    """Built once, beside the other programs of the tests."""
    if not shutil.which("go"):
        raise Skip("no Go compiler here (apt-get install golang-go)")
    built = pathlib.Path(sockeye).resolve().parents[2] / "tests/interop"
    program, source = built / "go-program", HERE / "go/main.go"
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        done = subprocess.run(["go", "build", "-o", program, source], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env={**os.environ, "GO111MODULE": "off", "CGO_ENABLED": "0", "GOCACHE": str(built / "go-cache"),
                "HOME": str(built)})
        check(done.returncode == 0, f"go build: {done.stdout.decode(errors='replace')[-300:]}")
    return program


def echo(listener, count):
    """A kernel's echo for so many connections, each in a thread."""
    def one(s):
        with s, contextlib.suppress(OSError):
            while data := s.recv(1 << 16):
                s.sendall(data)

    def all_of_them():
        with contextlib.suppress(TimeoutError):  # some may have been killed before they came
            for _ in range(count):
                s = listener.accept()[0]
                threading.Thread(target=one, args=(s,), daemon=True).start()

    threading.Thread(target=all_of_them, daemon=True).start()


def through(peer, data):
    """data to the peer and back."""
    sender = threading.Thread(target=lambda: (peer.sendall(data), peer.shutdown(socket.SHUT_WR)), daemon=True)
    sender.start()
    back = read_all(peer)
    sender.join()
    return back


def kill_program(net):
    for process in processes(net.sockeye):
        if process.name == "static":
            process.kill()


def all_end(net, what):
    """The supervisor, too, by itself."""
    until(lambda: not processes(net.sockeye), lambda: f"left {what}: {processes(net.sockeye)}")


def calls(sockeye):
    """The same program on the kernel is the oracle: line by line the same."""
    program = helper(sockeye)
    with Net(sockeye) as net:
        kernel = net.run(program, "calls", SERVER_IP, NOBODY_IP, namespace=net.server)
        ours = net.sockeye_run("run", "--", program, "calls", SOCKEYE_IP, NOBODY_IP)
        check(kernel.code == 0 and ours.code == 0, f"kernel: {kernel}; sockeye: {ours}")
        expected = kernel.out.replace(SERVER_IP.encode(), b"A").splitlines()
        got = ours.out.replace(SOCKEYE_IP.encode(), b"A").splitlines()
        differences = [(a, b) for a, b in zip(expected, got) if a != b]
        check(not differences and len(expected) == len(got), f"(kernel, sockeye): {differences[:3]}, {len(got)} lines")
        return f"{len(got)} lines"


def client(sockeye):
    program, data = helper(sockeye), os.urandom(20 << 20)
    with Net(sockeye) as net:
        echo(net.listen(PORT), 1)
        done = net.sockeye_run("run", "--", program, "client", SERVER_IP, PORT, input=data)
        check(done.code == 0, f"{done}")
        check(hashlib.sha256(done.out).digest() == hashlib.sha256(data).digest(), f"{len(done.out)} bytes, not those sent")


def server(sockeye):
    program, data = helper(sockeye), os.urandom(5 << 20)
    with Net(sockeye) as net:
        process = net.sockeye_start("run", "--", program, "server", SOCKEYE_IP, PORT, 4)
        wait_for_line(process.stdout, b"listening")
        peers = [net.connect(PORT) for _ in range(4)]
        for peer in peers:
            check(through(peer, data) == data, "not what was sent")
        done = net.finish(process)
        check(done.code == 0, f"{done}")


def udp(sockeye):
    program = helper(sockeye)
    with Net(sockeye) as net:
        s = net.listen(PORT, socket.SOCK_DGRAM)
        process = net.sockeye_start("run", "--", program, "udp", SERVER_IP, PORT)
        for _ in range(2):
            data, sender = s.recvfrom(1000)
            check(sender[0] == SOCKEYE_IP, f"from {sender}")
            s.sendto(data.upper(), sender)
        done = net.finish(process)
        check(done.out == b"QUESTION from 192.0.2.1\nANOTHER\n", f"{done.out} {done}")


def child(sockeye):
    """Of a shell, which has the library: one filter for both, and a dynamic program after it."""
    program = helper(sockeye)
    with Net(sockeye) as net:
        echo(net.listen(PORT), 2)
        done = net.sockeye_run("run", "--", "sh", "-c",
            f"echo one | {program} client {SERVER_IP} {PORT} && exec python3 -c '"
            f"import socket; s = socket.create_connection((\"{SERVER_IP}\", {PORT})); s.sendall(b\"two\"); "
            "print(s.recv(10), s.getsockname()[0], socket.socketpair()[0].getsockname())'")
        check(done.out == f"one\nb'two' {SOCKEYE_IP} \n".encode(), f"{done.out} {done}")


def trace(sockeye):
    """The packets of a call stand beneath it."""
    program = helper(sockeye)
    with Net(sockeye) as net:
        echo(net.listen(PORT), 1)
        timeline = net.tmp / "timeline"
        done = net.sockeye_run("run", "--trace", "-o", timeline, "--", program, "client", SERVER_IP, PORT, input=b"x")
        check(done.out == b"x", f"{done.out} {done}")
        text = timeline.read_text()
        order = ["] socket(AF_INET, SOCK_STREAM, 0) = ", f"] connect(3, {SERVER_IP}:{PORT}) ...", " SYN ", " SYN,ACK ",
            f"] connect(3, {SERVER_IP}:{PORT}) = 0", "] shutdown(3, SHUT_WR)"]
        places = [text.find(part) for part in order]
        check(-1 not in places and places == sorted(places), f"{list(zip(order, places))}")


def killed(sockeye):
    """Its sockets go with it, the supervisor too."""
    program = helper(sockeye)
    with Net(sockeye) as net:
        process = net.sockeye_start("run", "--", program, "wait", SOCKEYE_IP, PORT)
        wait_for_line(process.stdout, b"listening")
        peer = net.connect(PORT)
        peer.sendall(b"x")
        check(peer.recv(1) == b"x", "no echo")
        kill_program(net)
        try:
            check(peer.recv(1) == b"", "bytes that nobody sent")
        except ConnectionResetError:
            pass
        peer.close()
        done = net.finish(process)
        check(done.code == 128 + signal.SIGKILL, f"{done}")
        all_end(net, "afterwards")


def kill_loop(sockeye):
    """Killed at any moment, connected or not yet: it always ends, and nothing is left."""
    program, seed = helper(sockeye), int(os.environ.get("SOK_SEED", "1"))
    times = {"quick": 5, "full": 300}.get(os.environ.get("SOK_TIER", "check"), 25)
    moment = random.Random(seed)
    with Net(sockeye) as net:
        echo(net.listen(PORT), times)
        for i in range(times):
            process = net.sockeye_start("run", "--", program, "client", SERVER_IP, PORT)
            time.sleep(moment.random() * 0.1)
            kill_program(net)
            net.finish(process, b"")
            all_end(net, f"after {i + 1} times, seed {seed}")
        return f"{times} times"


def go_get(sockeye):
    program, data = go_program(sockeye), os.urandom(1 << 20)
    with Net(sockeye) as net:
        (net.tmp / "file").write_bytes(data)
        web = net.start("python3", "-m", "http.server", "--bind", SERVER_IP, "--directory", net.tmp, "8080",
            namespace=net.server, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(lambda: net.listening(8080) or web.poll() is not None)
        check(web.poll() is None, "the web server has ended")
        done = net.sockeye_run("run", "--", program, "get", f"http://{SERVER_IP}:8080/file", 8, 10)
        check(done.out.decode() == f"{hashlib.sha256(data).hexdigest()} 80\n", f"{done.out[-300:]} {done}")


def go_serve(sockeye):
    program, size = go_program(sockeye), 1 << 20
    with Net(sockeye) as net:
        process = net.sockeye_start("run", "--", program, "serve", f"{SOCKEYE_IP}:8080", size)
        wait_for_line(process.stdout, b"listening on")
        for _ in range(3):
            done = net.run("curl", "-sS", *[f"http://{SOCKEYE_IP}:8080/{i}" for i in range(10)], namespace=net.server)
            check(done.out == b"sockeye\n" * (10 * size // 8), f"{len(done.out)} bytes; {done}")
        process.terminate()
        check(net.finish(process).code == 128 + signal.SIGTERM, "not ended by the signal")


def go_udp(sockeye):
    program = go_program(sockeye)
    with Net(sockeye) as net:
        s = net.listen(PORT, socket.SOCK_DGRAM)
        process = net.sockeye_start("run", "--", program, "udp", f"{SERVER_IP}:{PORT}")
        for _ in range(2):
            data, sender = s.recvfrom(1000)
            s.sendto(data.upper(), sender)
        done = net.finish(process)
        check(done.out == f"QUESTION <nil>\nANOTHER {SERVER_IP}:{PORT} <nil>\n".encode(), f"{done.out} {done}")


def go_refused(sockeye):
    program = go_program(sockeye)
    with Net(sockeye) as net:
        done = net.sockeye_run("run", "--", program, "refused", f"{SERVER_IP}:9")
        check(b"connect: connection refused" in done.out, f"{done.out} {done}")


TESTS = {
    "run-static-calls": calls,
    "run-static-client": client,
    "run-static-server": server,
    "run-static-udp": udp,
    "run-static-child": child,
    "run-static-trace": trace,
    "run-static-killed": killed,
    "run-static-kill-loop": kill_loop,
    "run-go-get": go_get,
    "run-go-serve": go_serve,
    "run-go-udp": go_udp,
    "run-go-refused": go_refused,
}
