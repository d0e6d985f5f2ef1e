"""`sockeye ss` against the ss of iproute2, on the kernel's sockets, line by line; and of hosts: what is shown while
two programs talk, what ends a connection, and who may not ask."""

import json
import os
import pathlib
import re
import sys
import time

from net import ORDINARY, Net, Skip, check, children, until, wait_for_line

# Sockets of every kind that stay as they are.
KEEPER = """
import os, socket, struct, sys, time
def tcp(): return socket.socket()
listener = tcp(); listener.bind(("127.0.0.1", 8080)); listener.listen(5)
waits = tcp(); waits.connect(("127.0.0.1", 8080))
client = tcp(); client.connect(("127.0.0.1", 8080))
client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
first = listener.accept()[0]; server = listener.accept()[0]
server.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
client.sendall(b"x" * 5000)
full = tcp(); full.connect(("127.0.0.1", 8080)); full.settimeout(0.3)
try:
    while True: full.send(b"x" * 65536)
except TimeoutError: pass
half = tcp(); half.connect(("127.0.0.1", 8080))
other = listener.accept()[0]; half_server = listener.accept()[0]
half.shutdown(socket.SHUT_WR)
gone = tcp(); gone.connect(("127.0.0.1", 8080)); gone_server = listener.accept()[0]
gone.close(); time.sleep(0.05); gone_server.close()
unaccepted = tcp(); unaccepted.connect(("127.0.0.1", 8080))
six = socket.socket(socket.AF_INET6); six.bind(("::", 8081)); six.listen(7)
mapped = tcp(); mapped.connect(("127.0.0.1", 8081))
only = socket.socket(socket.AF_INET6); only.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
only.bind(("::", 80)); only.listen(1)
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); udp.bind(("127.0.0.1", 53))
bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); bound.setsockopt(socket.SOL_SOCKET, 25, b"lo"); bound.bind(("", 5353))
talks = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); talks.connect(("127.0.0.1", 53)); talks.send(b"abc")
udp6 = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); udp6.bind(("::", 123))
raws = [socket.socket(socket.AF_INET, socket.SOCK_RAW, n) for n in (1, 89, 200)]
packets = [socket.socket(socket.AF_PACKET, kind, socket.htons(n)) for kind, n in ((socket.SOCK_RAW, 3), (socket.SOCK_DGRAM, 0x806))]
child = os.fork()
if child == 0:
    time.sleep(600); os._exit(0)
time.sleep(1)
print("ready", flush=True)
try: time.sleep(600)
finally: os.kill(child, 9)
"""

OPTIONS = ["-tuanoip", "-t -u -w", "-tan", "-a -tuw", "-an -tuw0", "-tuwlnemO", "-0 -a", "-an -0 -p", "-t state established", "-Htan", "-tai",
    "-taiO", "-tanme", "-uap", "-ta4", "-tan6", "-l -t -n", "-a -w -n -p", "-tn -o", "-tano -p"]

FILTERS = ["sport = :8080", "sport = 8080 or dport = :8080", "( sport = :8080 and not src 10.0.0.0/8 )", "state listening", "exclude listening",
    "state fin-wait-2 state close-wait", "state time-wait", "dst 127.0.0.1", "dst 127.0.0.0/8 dport = :http-alt", "src 127.0.0.1:8080",
    "dport > :8079 dport < :8082", "sport != :8080", "not dst 127.0.0.1", "state connected", "state synchronized", "state all sport ge 8081",
    "src [::]:80", "not sport = :8080", "! ( sport = :8080 or dport = :8080 )", "dst 192.0.2.0/24", "state bucket", "src :8080"]


def lines(text):
    """One line for each socket, without what changes from one moment to the next, in no order."""
    text = text.replace("PortProcess", "Port Process").replace("\n\t", " ")
    text = re.sub(r" (lastsnd|lastrcv|lastack):\d+", "", text)
    text = re.sub(r"timer:\((\w+),[^,]*,", r"timer:(\1,", text)
    text = re.sub(r" busy:\d+ms", "", re.sub(r"_limited:\d+ms\([\d.]+%\)", "_limited", text))
    text = re.sub(r" (backoff|retrans|rto|notsent):\S+", "", text)  # a window that stays closed is probed
    return sorted(filter(None, (" ".join(line.split()) for line in text.splitlines())))


def kernel(sockeye):
    with Net(sockeye) as net:
        keeper = net.start(sys.executable, "-c", KEEPER, namespace=net.server)
        wait_for_line(keeper.stdout, b"ready")
        for words in [o.split() for o in OPTIONS] + [["-tan", *f.split()] for f in FILTERS] + [["-tan", f] for f in FILTERS if not re.match("state|exclude", f)]:
            ask = lambda *program: net.run(*program, *words, namespace=net.server)
            for patience in (2, 1, 0):  # a probe may go between the two
                theirs, ours = ask("ss"), ask(sockeye, "ss", "--kernel")
                check(ours.code == 0 and theirs.code == 0, f"{words}: {ours} {theirs}")
                a, b = lines(theirs.out.decode()), lines(ours.out.decode())
                if a == b:
                    break
                time.sleep(0.5)
            check(a == b, f"ss {' '.join(words)}:\n" + "\n".join([f"- {x}" for x in a if x not in b] + [f"+ {x}" for x in b if x not in a]))
        rows = [json.loads(row) for row in net.run(sockeye, "ss", "--kernel", "-tap", "--json", namespace=net.server).out.splitlines()]
        listener, = [r for r in rows if r["local_port"] == 8080 and r["state"] == "LISTEN"]
        check([u["pid"] for u in listener["users"]].count(keeper.pid) == 1 or len(listener["users"]) == 2, f"{listener['users']}")
        check(listener["recv_q"] == 1 and listener["send_q"] == 5, f"{listener}")
        done = net.run(sockeye, "ss", "--kernel", "-K", "-Htn", "dport = :8081", namespace=net.server)
        check(done.code == 0, str(done))
        if done.out:  # a kernel that can
            left = net.run(sockeye, "ss", "--kernel", "-Htn", "dport = :8081", namespace=net.server)
            check(left.out == b"", f"{left.out!r}")


SERVER = """
import os, socket, sys, time
s = socket.socket(); s.bind(("192.0.2.1", 8080)); s.listen(5)
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(("192.0.2.1", 53))
c, _ = s.accept()
print("ready", flush=True)
try:
    while True: s.accept()
except OSError as e: print("accept", e.errno, flush=True)
time.sleep(600)
"""
CLIENT = """
import socket, time
c = socket.create_connection(("192.0.2.1", 8080), 10)
c.settimeout(1)
try:
    while True: c.send(b"x" * 100000)
except TimeoutError: print("full", flush=True)
c.settimeout(120)
try:
    while True: c.send(b"x" * 100000)
except OSError as e: print(e.errno, flush=True)
"""


def hosts(sockeye):
    """Two hosts on a wire; the receiver does not read."""
    with Net(sockeye) as net:
        lan = f"lan:{net.tmp.name}"
        run = lambda address, program: net.start(sockeye, "run", "--link", lan, "--addr", f"{address}/24", "--", sys.executable, "-c", program)
        ss = lambda *words, **options: net.run(sockeye, "ss", *words, **options)
        server = run("192.0.2.1", SERVER)
        at_server = f"run-{server.pid}"
        until(lambda: ss("--host", at_server, "-Htl").out, "the server does not listen")
        client = run("192.0.2.2", CLIENT)
        at_client = f"run-{client.pid}"
        wait_for_line(client.stdout, b"full")
        def seen():
            row, = [json.loads(r) for r in ss("--host", at_client, "-tp", "--json").out.splitlines()]
            return row
        # It is all that limits it from now on; how long it took until then does not matter.
        until(lambda: seen()["limited"]["receiver's window"] > 0.5 * seen()["info"]["age"], lambda: f"{seen()['limited']}")
        row = seen()
        check(row["limited_by"] == "receiver's window", f"{row['limited_by']}")
        check(abs(sum(row["limited"].values()) - row["info"]["age"]) < 1e-6, f"{row['limited']} {row['info']['age']}")
        check(row["send_q"] > 0, f"{row}")
        check(row["timer"] == "persist" and len(row["users"]) == 1, f"{row}")
        user, = row["users"]
        link = os.readlink(f"/proc/{user['pid']}/fd/{user['fd']}")
        check(link == f"socket:[{row['inode']}]" and user["name"].startswith("python"), f"{user} {link}")
        text = lines(ss("--host", at_server, "-tuanoip").out.decode())
        for pattern in (r"^Netid State Recv-Q Send-Q Local Address:Port Peer Address:Port Process$",
                r'^tcp LISTEN 0 5 192\.0\.2\.1:8080 0\.0\.0\.0:\* users:\(\("python3?[\d.]*",pid=\d+,fd=3\)\)$',
                r'^udp UNCONN 0 0 192\.0\.2\.1:53 0\.0\.0\.0:\* users:', r"^tcp ESTAB [1-9]\d+ 0 192\.0\.2\.1:8080 192\.0\.2\.2:\d+ users:.* "
                r"cubic wscale:\d+,\d+ .*rtt:.*bytes_received:\d+ .*limited by application; of [\d.]+s: application"):
            check(any(re.search(pattern, line) for line in text), f"{pattern}: " + "\n".join(text))
        # Nothing was read: what was acknowledged waits, in the connection or in the program's descriptor.
        received, = [json.loads(r) for r in ss("--host", at_server, "-t", "--json").out.splitlines()]
        check(received["recv_q"] == received["info"]["bytes_received"], f"{received}")
        check(not ss("--host", at_server, "-Htn", "dport = :1").out, "the filter takes nothing")
        summary = ss("--host", at_server, "-s").out.decode()
        check("192.0.2.1/24" in summary and "estab 1" in summary, summary)
        killed = ss("--host", at_client, "-KHtn", "dport", "=", ":8080")
        check(killed.code == 0 and killed.out.count(b"\n") == 1, f"{killed} {killed.out!r}")
        wait_for_line(client.stdout, b"103")  # ECONNABORTED
        check(not ss("--host", at_client, "-Htn").out, "it is still there")
        killed = ss("--host", at_server, "-KHtln", "sport", "=", ":8080")
        check(killed.code == 0 and killed.out.count(b"LISTEN") == 1, f"{killed} {killed.out!r}")
        wait_for_line(server.stdout, b"accept 22")  # EINVAL
        trouble(net, ss, at_server)
        check(server.poll() is None, "the server went")


def trouble(net, ss, door):
    """Another user's host, a name nobody has, nobody up, a mistake, a reader that goes."""
    other = net.run(net.binary, "ss", "--host", door, user=ORDINARY)  # root's; its name is seen
    check(other.code == 1 and b"another user's" in other.err and other.err.count(b"\n") == 1, str(other))
    nobody = ss("--host", "nosuchhost")
    check(nobody.code == 1 and b"no such host: nosuchhost" in nobody.err, str(nobody))
    check(ss("--host", "../x").code == 1 and ss("--host", "a b").code == 2, "names")
    mistake = ss("--kernel", "sport = :80 or ( foo )")
    check(mistake.code == 2 and b">>foo<<" in mistake.err and mistake.err.count(b"\n") == 1, str(mistake))
    check(ss("--kernel", "-K").code == 2, "-K without a filter")
    pipe = net.run("sh", "-c", f"{net.binary} ss --kernel --watch=0.01 -a | head -n 3")
    check(pipe.code == 0 and pipe.err == b"" and pipe.out.count(b"\n") == 3, f"{pipe} {pipe.out!r}")
    watch = net.start(net.binary, "ss", "--host", door, "--watch=0.05", "-tan")
    wait_for_line(watch.stdout, b":8080")
    wait_for_line(watch.stdout, b":8080")
    watch.send_signal(2)
    check(net.finish(watch).code == -2, "Ctrl-C")
    full = net.run("sh", "-c", f"{net.binary} ss --kernel -a > /dev/full")
    check(full.code == 1 and b"No space left" in full.err, str(full))


MANY = """
import socket, time
print("begins", flush=True)
input()
held, failed = [], 0
for i in range(3000):
    try:
        s = socket.socket(); s.setblocking(False); s.connect_ex(("192.0.2.99", 9)); held.append(s)
    except OSError: failed += 1
print("failed", failed, flush=True)
time.sleep(600)
"""


def no_memory(sockeye):
    """The host's process may take no more memory, and a program takes what is left: ss is still answered."""
    with Net(sockeye) as net:
        run = net.start(sockeye, "run", "--link", f"lan:{net.tmp.name}", "--addr", "192.0.2.1/24", "--", sys.executable, "-c", MANY)
        wait_for_line(run.stdout, b"begins")
        host, = [process.pid for process in children(run.pid) if process.name == "sockeye"]
        used = int(re.search(r"VmSize:\s+(\d+)", pathlib.Path(f"/proc/{host}/status").read_text())[1])
        net.run("prlimit", f"--pid={host}", f"--as={used * 1024}")
        run.stdin.write(b"\n")
        run.stdin.flush()
        wait_for_line(run.stdout, b"failed")
        for _ in range(3):
            done = net.run(sockeye, "ss", "--host", f"run-{run.pid}", "-Htan", "state", "syn-sent")
            check(done.code == 0 and done.out.count(b"\n") > 10, f"{done} {len(done.out)}")


LISTENER = """
import socket, sys, time
s = socket.socket(); s.bind(("0.0.0.0", int(sys.argv[1]))); s.listen(1)
print("ready", flush=True)
time.sleep(600)
"""


def several(sockeye):
    """Hosts of an ordinary user that stay, each under its name; one that was killed; none."""
    python = "/usr/bin/python3"  # one that everybody may run
    if not os.access(python, os.X_OK):
        raise Skip(f"there is no {python}")
    with Net(sockeye) as net:
        home = net.tmp / "home"
        home.mkdir(0o700)
        os.chown(home, ORDINARY, ORDINARY)
        asker = {"env": {**os.environ, "XDG_RUNTIME_DIR": str(home)}, "user": ORDINARY}
        ask = lambda *words: net.run(sockeye, *words, **asker)
        none = ask("ss")
        check(none.code == 1 and b"no host is up" in none.err and b"sockeye up" in none.err and b"--kernel" in none.err, str(none))
        try:
            for number, name in ((1, "web"), (2, "db")):
                up = ask("up", name, "--link", f"lan:{net.tmp.name}", "--addr", f"192.0.2.{number}/24")
                check(up.code == 0, str(up))
                run = net.start(sockeye, "run", "--host", name, "--", python, "-c", LISTENER, str(8080 + number), **asker)
                wait_for_line(run.stdout, b"ready")
            (home / "sockeye" / "gone").mkdir(0o700)
            (home / "sockeye" / "gone" / "door").symlink_to("/nowhere")
            several_shown(net, lambda *words: ask("ss", *words))
            other = net.run(sockeye, "ss", "--host", home / "sockeye" / "web", user=ORDINARY - 1)
            check(other.code == 1 and b"another user's" in other.err and other.err.count(b"\n") == 1, str(other))
        finally:
            ask("up", "--stop", "web"), ask("up", "--stop", "db")
        check(ask("ss").code == 1, "they are stopped")


def several_shown(net, ss):
    both = ss("-ltn")
    words = [" ".join(line.split()) for line in both.out.decode().splitlines()]
    head = "State Recv-Q Send-Q Local Address:Port Peer Address:Port Process"
    check(both.code == 0 and words == ["db:", head, "LISTEN 0 1 0.0.0.0:8082 0.0.0.0:*", "", "web:", head,
        "LISTEN 0 1 0.0.0.0:8081 0.0.0.0:*"], f"{both} {words}")
    one = ss("--host", "web", "-Hltn")
    check(one.code == 0 and one.out.split()[3] == b"0.0.0.0:8081", f"{one} {one.out!r}")
    missing = ss("--host", "mail")
    check(missing.code == 1 and b"no such host: mail (up: db, web)" in missing.err, str(missing))
    names = [json.loads(line)["host"] for line in ss("-l", "--json").out.splitlines()]
    check(names == ["db", "web"], f"{names}")


def at_once(sockeye):
    """Twenty hosts of one name that begin together: one stays and is whole, the others say why not; then the name is free."""
    with Net(sockeye) as net:
        home = net.tmp / "home"
        home.mkdir(0o700)
        os.chown(home, ORDINARY, ORDINARY)
        asker = {"env": {**os.environ, "XDG_RUNTIME_DIR": str(home)}, "user": ORDINARY}
        words = ("up", "one", "--link", f"lan:{net.tmp.name}", "--addr", "192.0.2.1/24")
        try:
            for _ in range(2):
                ups = [net.start(sockeye, *words, **asker) for _ in range(20)]
                ends = [(up.communicate(timeout=120), up.returncode) for up in ups]
                check(sorted(code for _, code in ends) == [0] + [2] * 19, f"{ends}")
                check(all(b"one is up already" in said[1] for said, code in ends if code), f"{ends}")
                shown = net.run(sockeye, "ss", "--host", "one", "-Htan", **asker)
                check(shown.code == 0, str(shown))
                stopped = net.run(sockeye, "up", "--stop", "one", **asker)
                check(stopped.code == 0, str(stopped))
        finally:
            net.run(sockeye, "up", "--stop", "one", **asker)


TESTS = {"up-at-once": at_once, "ss-kernel": kernel, "ss-hosts": hosts, "ss-several": several, "ss-no-memory": no_memory}
