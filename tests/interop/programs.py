"""Unmodified programs on Sockeye's sockets (`sockeye run`), against the same programs on the kernel's."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

import static
from net import (SERVER_IP, SOCKEYE_IP, Net, Skip, check, children, kill_all, listens, processes, sh, until,
    wait_for_line)
from transfer import make_file, sha256_of

PYTHON = "/usr/bin/python3"
MB = 1 << 20


def need(*programs):
    found = []
    for program in programs:
        path = shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")
        if not path:
            raise Skip(f"{program} is not installed")
        found.append(path)
    return found[0] if len(found) == 1 else found


def under(net, *words, options=()):
    """The words that run a program on Sockeye's sockets; tap s0, 192.0.2.2."""
    return [*net.host("run"), *options, "--", *words]


def answers(net, port, namespace=None, address=SOCKEYE_IP):
    """Somebody accepts there, as a kernel's connect() sees it."""
    def tried():
        with contextlib.suppress(OSError):
            net.connect(port, address).close()
            return True
        return False
    until(tried)


def well(done, what):
    check(done.code == 0, f"{what}: {done}")
    return done


def kernel_web(net, where):
    """python3's http.server on the kernel's sockets, port 8000."""
    process = net.start(PYTHON, "-m", "http.server", "-b", SERVER_IP, "-d", where, "8000", namespace=net.server,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until(lambda: net.listening(8000))
    return process


def nothing_left(net):
    """No process of `sockeye run` is left in the namespace, no door's directory."""
    until(lambda: not processes(net.sockeye), lambda: f"left: {processes(net.sockeye)}")


# ---- clients ----


def fetchers(sockeye):
    """curl, wget and python3 fetch; a refusal, a silent host and a name that is not there are told as the kernel does."""
    curl, wget = need("curl", "wget")
    with Net(sockeye) as net:
        www = net.tmp / "www"
        www.mkdir()
        digest = make_file(www / "big", 16 * MB)
        kernel_web(net, www)
        url = f"http://{SERVER_IP}:8000/big"
        script = f"import urllib.request as u, sys; sys.stdout.buffer.write(u.urlopen('{url}').read())"
        for name, words in (("curl", [curl, "-sS", "-o", net.tmp / "got", url]),
                ("wget", [wget, "-q", "-O", net.tmp / "got", url]),
                ("python3", [PYTHON, "-c", script])):
            done = well(net.run(*under(net, *words), namespace=net.sockeye), name)
            if name == "python3":
                (net.tmp / "got").write_bytes(done.out)
            check(sha256_of(net.tmp / "got") == digest, f"{name}: other bytes came")
        done = net.run(*under(net, curl, "-sS", f"http://{SERVER_IP}:81/"), namespace=net.sockeye)
        check(done.code == 7 and b"refused" in done.err.lower() or b"Couldn't connect" in done.err, f"refused: {done}")
        done = net.run(*under(net, curl, "-sS", "--connect-timeout", "2", "http://192.0.2.99/"), namespace=net.sockeye)
        check(done.code in (7, 28), f"silent: {done}")
        script = ("import socket,errno\ns=socket.socket(); s.settimeout(30)\n"
                  f"print(errno.errorcode[s.connect_ex(('{SERVER_IP}',81))])")
        done = well(net.run(*under(net, PYTHON, "-c", script), namespace=net.sockeye), "connect_ex")
        check(done.out == b"ECONNREFUSED\n", f"connect_ex: {done.out}")
        nothing_left(net)


def names(sockeye):
    """getaddrinfo, gethostbyname and getnameinfo go over Sockeye's UDP to --dns."""
    dnsmasq = need("dnsmasq")
    with Net(sockeye) as net:
        net.start(dnsmasq, "-k", "-C", "/dev/null", "-h", "-R", f"--listen-address={SERVER_IP}", "--bind-interfaces",
            "-I", "lo", f"--host-record=web.example.test,{SERVER_IP}", "--local=/example.test/", "--log-facility=-", "-q",
            namespace=net.server, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(lambda: sh("ip", "netns", "exec", net.server, "ss", "-Huln", "sport = :53").strip())
        script = ("import socket\n"
                  "print(socket.getaddrinfo('web.example.test', 80, type=socket.SOCK_STREAM)[0][4])\n"
                  "print(socket.gethostbyname('web.example.test'))\n"
                  f"print(socket.getnameinfo(('{SERVER_IP}', 80), socket.NI_NUMERICSERV)[0])\n"
                  f"print(socket.gethostbyaddr('{SERVER_IP}')[0])\n"
                  "try: socket.getaddrinfo('none.example.test', 80)\n"
                  "except socket.gaierror as e: print(e.errno == socket.EAI_NONAME)\n"
                  "print(socket.gethostbyname('localhost'))")
        done = well(net.run(*under(net, PYTHON, "-c", script, options=["--dns", SERVER_IP]), namespace=net.sockeye), "names")
        wanted = [f"('{SERVER_IP}', 80)", SERVER_IP, "web.example.test", "web.example.test", "True", "127.0.0.1"]
        check(done.out.decode().split("\n")[:-1] == wanted, done.out.decode())


def loopback(sockeye):
    """127.0.0.1 stays the kernel's, in an epoll set too; with --loopback it is Sockeye's own."""
    script = """
import selectors, socket, sys
def pair(bound):
    server = socket.socket(); server.bind((bound, 0)); server.listen()
    client = socket.socket(); client.setblocking(False)
    watch = selectors.EpollSelector()
    watch.register(client, selectors.EVENT_WRITE)
    client.connect_ex(('127.0.0.1', server.getsockname()[1]))
    assert watch.select(5)
    other, who = server.accept()
    client.setblocking(True)
    client.sendall(b'x'); assert other.recv(1) == b'x' and who == client.getsockname()
pair('127.0.0.1')
if len(sys.argv) > 1: pair('0.0.0.0')
print('well')
"""
    with Net(sockeye) as net:
        for options in ((), ("--loopback",)):
            words = [PYTHON, "-c", script, *options]
            done = well(net.run(*under(net, *words, options=options), namespace=net.sockeye), str(options))
            check(done.out == b"well\n", f"{options}: {done.out}")


# ---- servers ----


def web_server(sockeye):
    """python3's http.server under Sockeye, curl on the kernel: hashes, many at once, then killed."""
    curl = need("curl")
    with Net(sockeye) as net:
        www = net.tmp / "www"
        www.mkdir()
        digest = make_file(www / "big", 8 * MB)
        server = net.start(*under(net, PYTHON, "-m", "http.server", "-d", www, "8000"), namespace=net.sockeye,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        answers(net, 8000)
        url = f"http://{SOCKEYE_IP}:8000/big"
        clients = [net.start(curl, "-sS", "-o", net.tmp / f"got{i}", url, namespace=net.server) for i in range(8)]
        for i, client in enumerate(clients):
            well(net.finish(client), f"curl {i}")
            check(sha256_of(net.tmp / f"got{i}") == digest, f"curl {i}: other bytes came")
        talking = net.connect(8000, SOCKEYE_IP)
        talking.sendall(b"GET /big HTTP/1.0\r\n")
        time.sleep(0.2)
        os.killpg(server.pid, signal.SIGKILL) # the program and who started it; the host is in a session of its own
        talking.settimeout(30)
        with contextlib.suppress(ConnectionResetError):
            check(talking.recv(10) == b"", "the dead server sent something")
        talking.close()
        nothing_left(net)


NGINX = """daemon off; worker_processes 2; pid {tmp}/nginx.pid; error_log {tmp}/error.log; user root;
events {{ worker_connections 512; }}
http {{ access_log off; default_type application/octet-stream; keepalive_requests 100000;
    client_body_temp_path {tmp}/t1; proxy_temp_path {tmp}/t2; fastcgi_temp_path {tmp}/t3;
    uwsgi_temp_path {tmp}/t4; scgi_temp_path {tmp}/t5; sendfile on; tcp_nopush on;
    server {{ listen 80; location / {{ root {tmp}/www; }} location /word {{ return 200 "word\\n"; }} }} }}
"""


def nginx(sockeye):
    """nginx (master, workers) serves 10,000 requests over kept connections and reloads while it serves; wrk on the kernel
    sees no error."""
    program, curl, wrk = need("nginx", "curl", "wrk")
    with Net(sockeye) as net:
        (net.tmp / "www").mkdir()
        digest = make_file(net.tmp / "www" / "big", 32 * MB)
        (net.tmp / "conf").write_text(NGINX.format(tmp=net.tmp))
        net.start(*under(net, program, "-c", net.tmp / "conf"), namespace=net.sockeye,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        answers(net, 80)
        well(net.run(curl, "-sS", "-o", net.tmp / "got", f"http://{SOCKEYE_IP}/big", namespace=net.server), "curl")
        check(sha256_of(net.tmp / "got") == digest, "other bytes came")
        # A worker that makes room for its successor closes kept connections. There are two: who comes back at once may
        # meet the other, which makes room next; so two such surprises are no fault, and a third is one.
        script = ("import http.client\n"
                  f"c = http.client.HTTPConnection('{SOCKEYE_IP}', 80)\n"
                  "again = 0\n"
                  "for i in range(2500):\n"
                  "    try: c.request('GET', '/word'); r = c.getresponse()\n"
                  "    except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):\n"
                  "        again += 1; c.close(); c.request('GET', '/word'); r = c.getresponse()\n"
                  "    body = r.read()\n"
                  "    assert body == b'word\\n', (i, body)\n"
                  "    assert again <= 2, (i, again)\n")
        def workers():
            """{pid} of the workers; one that makes room still is among them."""
            return {process.pid for process in processes(net.sockeye) if any(b"worker process" in w for w in process.words)}
        before = workers()
        clients = [net.start(PYTHON, "-c", script, namespace=net.server) for _ in range(4)]
        time.sleep(0.5)
        os.kill(int((net.tmp / "nginx.pid").read_text()), signal.SIGHUP)
        for client in clients:
            well(net.finish(client, timeout=120), "10,000 requests")
        until(lambda: len(workers()) == 2 and not workers() & before) # the reload is over
        done = well(net.run(wrk, "-t", "1", "-c", "16", "-d", "2", "--timeout", "30s", f"http://{SOCKEYE_IP}/word", namespace=net.server), "wrk")
        text = done.out.decode()
        check("Socket errors" not in text and "Non-2xx" not in text, text)
        os.kill(int((net.tmp / "nginx.pid").read_text()), signal.SIGQUIT)
        nothing_left(net)
        net.start(program, "-c", net.tmp / "conf", namespace=net.server, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(lambda: net.listening(80))
        back = well(net.run(*under(net, wrk, "-t", "1", "-c", "16", "-d", "1", "--timeout", "30s", f"http://{SERVER_IP}/word"), namespace=net.sockeye),
            "wrk under Sockeye").out.decode()
        check("Socket errors" not in back and "Non-2xx" not in back, back)
        return re.search(r"Requests/sec: +([\d.]+)", text).group(1) + " requests/s"


def redis(sockeye):
    """redis-server under Sockeye with redis-benchmark on the kernel, and the other way round; nothing fails."""
    server, bench, cli = need("redis-server", "redis-benchmark", "redis-cli")
    with Net(sockeye) as net:
        words = [server, "--save", "", "--protected-mode", "no", "--dir", net.tmp, "--bind"]
        net.start(*under(net, *words, "0.0.0.0"), namespace=net.sockeye, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        net.start(*words, SERVER_IP, namespace=net.server, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        answers(net, 6379)
        until(lambda: net.listening(6379))
        load = ["-n", "20000", "-c", "20", "-t", "set,get", "-q", "--csv"]
        for what, done in (
                ("to Sockeye", net.run(bench, "-h", SOCKEYE_IP, *load, namespace=net.server, timeout=120)),
                ("from Sockeye", net.run(*net.host("run", link="tap:s1", address="192.0.2.3", mac=None), "--",
                    bench, "-h", SERVER_IP, *load, namespace=net.sockeye, timeout=120)),
                ("cli", net.run(*net.host("run", link="tap:s1", address="192.0.2.3", mac=None), "--",
                    cli, "-h", SERVER_IP, "set", "a", "b", namespace=net.sockeye))):
            well(done, what)
            check(b"rror" not in done.out, f"{what}: {done.out}")


def iperf3(sockeye):
    """iperf3 both ways, one stream and eight, Sockeye as client and as server."""
    program = need("iperf3")
    with Net(sockeye) as net:
        net.start(program, "-s", "-B", SERVER_IP, namespace=net.server, stdout=subprocess.DEVNULL)
        server = net.start(*net.host("run", link="tap:s1", address="192.0.2.3", mac=None), "--", program, "-4", "-s",
            namespace=net.sockeye, stdout=subprocess.DEVNULL)
        until(lambda: net.listening(5201))
        listens(net, server, 5201)  # a connection that only looks whether somebody is there would be a test, for iperf3
        for streams in ("1", "8"):
            for back in ([], ["-R"]):
                load = [program, "-J", "-t", "1", "-P", streams, *back]
                for words, where in ((under(net, *load, "-c", SERVER_IP), net.sockeye), ([*load, "-c", "192.0.2.3"], net.server)):
                    done = net.run(*words, namespace=where, timeout=60)
                    report = json.loads(done.out or b"{}")
                    check(done.code == 0 and not report.get("error"), f"{streams} {back}: {report.get('error')} {done}")
                    check(report["end"]["sum_received"]["bytes"] > 0, f"{streams} {back}: nothing arrived")


def git(sockeye):
    """git clone from git daemon, each side under Sockeye once."""
    program = need("git")
    if not pathlib.Path(sh(program, "--exec-path").strip(), "git-daemon").exists():
        raise Skip("git daemon is not installed")
    with Net(sockeye) as net:
        repo = net.tmp / "repo"
        env = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.test",
            "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.test"}
        repo.mkdir()
        make_file(repo / "file", 4 * MB)
        for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "all"]):
            subprocess.run([program, "-C", repo, *words], check=True, env=env)
        daemon = [program, "daemon", "--export-all", f"--base-path={net.tmp}", "--reuseaddr"]
        net.start(*daemon, f"--listen={SERVER_IP}", namespace=net.server, stderr=subprocess.DEVNULL, env=env)
        net.start(*net.host("run", link="tap:s1", address="192.0.2.3", mac=None), "--", *daemon, "--listen=0.0.0.0",
            namespace=net.sockeye, stderr=subprocess.DEVNULL, env=env)
        until(lambda: net.listening(9418))
        answers(net, 9418, address="192.0.2.3")
        for name, words, where in (("client", under(net, program, "clone", "-q", f"git://{SERVER_IP}/repo", net.tmp / "c1"), net.sockeye),
                ("server", [program, "clone", "-q", "git://192.0.2.3/repo", net.tmp / "c2"], net.server)):
            well(net.run(*words, namespace=where, env=env), name)
        for copy in ("c1", "c2"):
            check(sha256_of(net.tmp / copy / "file") == sha256_of(repo / "file"), f"{copy}: other bytes came")


def ssh(sockeye):
    """ssh to sshd, each side under Sockeye once: a command's output, and 8 MB through it."""
    client, server, keygen = need("ssh", "sshd", "ssh-keygen")
    with Net(sockeye) as net:
        for name in ("host", "user"):
            sh(keygen, "-q", "-t", "ed25519", "-N", "", "-f", str(net.tmp / name))
        (net.tmp / "keys").write_bytes((net.tmp / "user.pub").read_bytes())
        (net.tmp / "keys").chmod(0o600)
        net.tmp.chmod(0o755)
        pathlib.Path("/run/sshd").mkdir(exist_ok=True)
        digest = make_file(net.tmp / "big", 8 * MB)
        daemon = [server, "-D", "-e", "-f", "/dev/null", "-h", net.tmp / "host", "-o", f"AuthorizedKeysFile={net.tmp}/keys",
            "-o", "StrictModes=no", "-o", "UsePAM=no", "-o", "PidFile=none", "-o", "PermitRootLogin=yes", "-o", "UseDNS=no"]
        net.start(*daemon, "-o", f"ListenAddress={SERVER_IP}:22", namespace=net.server, stderr=subprocess.DEVNULL)
        net.start(*net.host("run", link="tap:s1", address="192.0.2.3", mac=None), "--", *daemon, "-o", "ListenAddress=0.0.0.0:22",
            namespace=net.sockeye, stderr=subprocess.DEVNULL)
        until(lambda: net.listening(22))
        answers(net, 22, address="192.0.2.3")
        words = [client, "-F", "/dev/null", "-i", net.tmp / "user", "-o", "StrictHostKeyChecking=no", "-o",
            f"UserKnownHostsFile={net.tmp}/known", "-o", "LogLevel=ERROR", "-o", "BatchMode=yes"]
        for name, command, where in (("client", under(net, *words, f"root@{SERVER_IP}", "cat", net.tmp / "big"), net.sockeye),
                ("server", [*words, "root@192.0.2.3", "cat", net.tmp / "big"], net.server)):
            done = well(net.run(*command, namespace=where), name)
            (net.tmp / "got").write_bytes(done.out)
            check(sha256_of(net.tmp / "got") == digest, f"{name}: other bytes came")


NODE_SERVER = """
const http = require('http');
http.createServer((q, r) => { let n = 0; q.on('data', d => n += d.length); q.on('end', () => r.end('got ' + n)); }).listen(8080);
"""
NODE_CLIENT = """
const http = require('http'); let left = 5;
for (let i = 0; i < 5; i++) {
    const q = http.request({host: process.argv[1], port: 8080, method: 'POST'}, r => {
        let t = ''; r.on('data', d => t += d); r.on('end', () => { console.log(t); if (--left === 0) process.exit(0); }); });
    q.on('error', e => { console.log(e.message); process.exit(1); });
    q.end(Buffer.alloc(1000000));
}
"""


def node(sockeye):
    """node's http server and client, each side under Sockeye once."""
    program = need("node")
    with Net(sockeye) as net:
        net.start(program, "-e", NODE_SERVER, namespace=net.server)
        net.start(*net.host("run", link="tap:s1", address="192.0.2.3", mac=None), "--", program, "-e", NODE_SERVER,
            namespace=net.sockeye)
        until(lambda: net.listening(8080))
        answers(net, 8080, address="192.0.2.3")
        for name, words, where in (("client", under(net, program, "-e", NODE_CLIENT, SERVER_IP), net.sockeye),
                ("server", [program, "-e", NODE_CLIENT, "192.0.2.3"], net.server)):
            done = well(net.run(*words, namespace=where), name)
            check(done.out == b"got 1000000\n" * 5, f"{name}: {done.out}")


def netcat(sockeye):
    """netcat both ways, with the end of the stream; and UDP."""
    program = need("nc.openbsd")
    with Net(sockeye) as net:
        data = os.urandom(3 * MB)
        server = net.start(*under(net, program, "-lN", "7000"), namespace=net.sockeye, stdin=subprocess.DEVNULL)
        listens(net, server, 7000)
        done = well(net.run(program, "-N", SOCKEYE_IP, "7000", namespace=net.server, input=data), "to Sockeye")
        got = well(net.finish(server), "server")
        check(got.out == data, f"{len(got.out)} of {len(data)} bytes")
        server = net.start(program, "-lN", SERVER_IP, "7001", namespace=net.server, stdin=subprocess.DEVNULL,
            stdout=(net.tmp / "got").open("wb"))
        until(lambda: net.listening(7001))
        well(net.run(*under(net, program, "-N", SERVER_IP, "7001"), namespace=net.sockeye, input=data), "from Sockeye")
        net.finish(server)
        check((net.tmp / "got").read_bytes() == data, "other bytes came")
        done = net.run(*under(net, program, "-zv", "-w", "2", SERVER_IP, "7002"), namespace=net.sockeye)
        check(done.code == 1 and b"refused" in done.err, f"{done}")


# ---- the timeline ----


def trace(sockeye):
    """--trace: socket, connect, and between them SYN, SYN-ACK, ACK; what a call wrote comes after its line; JSON."""
    with Net(sockeye) as net:
        listener = net.listen(7000)
        script = (f"import socket; s = socket.socket(); s.connect(('{SERVER_IP}', 7000)); s.sendall(b'x' * 50000); s.close()")
        client = net.start(*under(net, PYTHON, "-c", script, options=["--trace", "-o", net.tmp / "t"]), namespace=net.sockeye)
        peer, _ = listener.accept()
        count = 0
        while part := peer.recv(65536):
            count += len(part)
        peer.close()
        well(net.finish(client), "trace")
        check(count == 50000, f"{count} bytes")
        text = (net.tmp / "t").read_text()
        rows = ["socket(AF_INET", "connect(3, 192.0.2.1:7000) ...", " SYN ", "SYN,ACK", "connect(3, 192.0.2.1:7000) = 0",
            'send(3, "xxx', " len ", "FIN,"]
        at = 0
        for row in rows:
            found = text.find(row, at)
            check(found >= 0, f"no {row!r} where it should be:\n{text}")
            at = found
        # close() that waits (SO_LINGER) does not wait for the end of its own line.
        linger = (f"import socket, struct, time\ns = socket.create_connection(('{SERVER_IP}', 7000))\n"
            "s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 30)); s.sendall(b'x' * 100000)\n"
            "begun = time.monotonic(); s.close(); print(time.monotonic() - begun < 15)\n")
        client = net.start(*under(net, PYTHON, "-c", linger, options=["--trace", "-o", net.tmp / "l"]), namespace=net.sockeye)
        peer, _ = listener.accept()
        got = 0
        while part := peer.recv(1 << 20):
            got += len(part)
        peer.close()
        done = well(net.finish(client), "linger")
        check(got == 100000 and done.out == b"True\n", f"{got} bytes, {done.out}")
        done = net.start(*under(net, PYTHON, "-c", script, options=["--trace=json", "-o", net.tmp / "j"]), namespace=net.sockeye)
        peer, _ = listener.accept()
        while peer.recv(65536):
            pass
        peer.close()
        well(net.finish(done), "json")
        events = [json.loads(row) for row in (net.tmp / "j").read_text().splitlines()]
        calls = [e for e in events if e["kind"] == "program_result"]
        check([c["text"].split("(")[0] for c in calls][:3] == ["socket", "connect", "send"], str(calls))
        check(calls[0]["result"] == 3 and calls[1]["result"] == 0 and calls[2]["result"] == 50000, str(calls))


# ---- what goes wrong ----


def bad_input(sockeye):
    """No such program, not a program, set-user-ID, a wrong option, a link that is not there: one line, the right code."""
    with Net(sockeye) as net:
        special = net.tmp / "special"
        shutil.copy("/bin/true", special)
        os.chown(special, 65534, 65534)
        special.chmod(0o4755)
        plain = net.tmp / "plain"
        plain.write_text("x")
        for words, code, what in (
                (under(net, "no-such-program-here"), 127, "no such program"),
                (under(net, plain), 126, "cannot be run"),
                (under(net, special), 126, "becomes another user"),
                (under(net), 2, "no program"),
                (under(net, "true", options=["--trace=xml"]), 2, "text or json"),
                (under(net, "true", options=["-o", "x"]), 2, "--trace"),
                ([sockeye, "run", "--link", "packet:none0", "--addr", "192.0.2.2/24", "--", "true"], 2, "none0"),
                (under(net, "false"), 1, None),
                (under(net, "sh", "-c", "kill -9 $$"), 137, None)):
            done = net.run(*words, namespace=net.sockeye)
            check(done.code == code, f"{words}: {done}")
            if what:
                lines = done.err.decode().strip().split("\n")
                check(len(lines) == 1 and what in lines[0], f"{words}: {done}")
            else:
                check(not done.err, f"{words}: {done}")
        nothing_left(net)


def killed(sockeye):
    """Programs and hosts killed while they send, and links that go down and come up: the peer is told, or the program,
    or it goes on; and nothing is left."""
    with Net(sockeye) as net:
        listener = net.listen(7000)
        script = f"import socket\ns = socket.create_connection(('{SERVER_IP}', 7000))\nwhile True: s.sendall(b'x' * 65536)"
        rounds = {"quick": 8, "full": 1000}.get(os.environ.get("SOK_TIER"), 32)
        for i in range(rounds):
            client = net.start(*under(net, PYTHON, "-c", script), namespace=net.sockeye)
            peer, _ = listener.accept()
            peer.settimeout(30)
            peer.recv(1000)
            if i % 4 == 0:
                os.killpg(client.pid, signal.SIGKILL)
            elif i % 4 == 1:
                client.send_signal(signal.SIGTERM)
            elif i % 4 == 2:
                sh("ip", "-n", net.sockeye, "link", "set", "s0", "down")
                sh("ip", "-n", net.sockeye, "link", "set", "s0", "up")
                more = 0
                while more < 4 * MB: # more than was on its way
                    more += len(peer.recv(1 << 20))
                os.killpg(client.pid, signal.SIGKILL)
            else:
                # The host itself, in its own session: the program is told that its connection is gone, and ends.
                host, = [p for p in processes(net.sockeye) if p.session == p.pid != client.pid]
                host.kill()
            with contextlib.suppress(OSError):
                while i % 4 < 3 and peer.recv(1 << 20): # a host that was killed says nothing
                    pass
            peer.close()
            client.wait(60)
            nothing_left(net)
        return f"{rounds} times"


def doors(sockeye):
    """The directory of a host's door: it goes with a signal that comes while the host still waits for its address, and
    what was left when everybody was killed goes at the next start."""
    door = lambda process: pathlib.Path(f"/run/sockeye/run-{process.pid}")
    with Net(sockeye) as net:
        for number in (signal.SIGTERM, signal.SIGINT):
            client = net.start(sockeye, "run", "--link", "tap:s0", "--dhcp", "--", "true", namespace=net.sockeye)
            until(lambda: pathlib.Path(door(client), "door").exists())
            time.sleep(0.1)
            client.send_signal(number)
            check(client.wait(60) == -number, f"it ended with {client.returncode}")
            check(not door(client).exists(), "its door stays")
            nothing_left(net)
        client = net.start(*under(net, "sleep", "100"), namespace=net.sockeye)
        until(lambda: "sleep" in [process.name for process in children(client.pid)])
        kill_all(net.sockeye)
        client.wait(60)
        check(door(client).exists(), "nothing was left: what is tried here?")
        nothing_left(net)
        os.utime(door(client))
        well(net.run(*under(net, "true"), namespace=net.sockeye), "the next")
        check(door(client).exists(), "a young one is somebody's who begins")
        os.utime(door(client), (1000, 1000))
        well(net.run(*under(net, "true"), namespace=net.sockeye), "the next")
        check(not door(client).exists(), "what was left stays")
        nothing_left(net)


def stays(sockeye):
    """A host that is up while its programs are killed, again and again: it has as many descriptors and as little memory
    afterwards, and no socket of theirs."""
    name = f"ski-stays-{os.getpid()}"
    rounds = {"quick": 8, "full": 1000}.get(os.environ.get("SOK_TIER"), 50)
    script = ("import socket, os, time, sys\n"
              f"s = socket.create_connection(('{SERVER_IP}', 7000)); l = socket.socket(); l.listen()\n"
              "u = socket.socket(type=socket.SOCK_DGRAM); u.bind(('', 0))\n"
              "print('there', flush=True)\n"
              "while True: s.sendall(b'x' * 65536)\n")
    with Net(sockeye) as net:
        listener = net.listen(7000)
        well(net.run(sockeye, "up", *net.host("up")[2:], name, namespace=net.sockeye), "up")
        try:
            host, = [process for process in processes(net.sockeye) if process.session == process.pid
                and any("tun" in file for file in process.files().values())]
            descriptors = lambda: len(host.files())
            before = descriptors()
            for i in range(rounds):
                client = net.start(sockeye, "run", "--host", name, "--", PYTHON, "-c", script, namespace=net.sockeye)
                peer, _ = listener.accept()
                peer.settimeout(30)
                peer.recv(1000)
                os.killpg(client.pid, signal.SIGKILL)
                with contextlib.suppress(OSError):
                    while peer.recv(1 << 20):
                        pass
                peer.close()
                net.finish(client)
                net.started.remove(client)
            until(lambda: descriptors() <= before)  # one that went with the start may have been counted
            rows = well(net.run(sockeye, "ss", "--host", name, "-Htuan", "exclude", "time-wait", namespace=net.sockeye), "ss").out
            check(rows == b"", f"sockets are left: {rows}")
        finally:
            well(net.run(sockeye, "up", "--stop", name, namespace=net.sockeye), "stop")
        nothing_left(net)
        return f"{rounds} times, {before} descriptors"


def within(sockeye):
    """A kernel that gives no notifications (here: since somebody else has them): dynamic programs run all the same,
    static ones are refused by one line before they run."""
    with Net(sockeye) as net:
        program = static.helper(sockeye)
        done = net.run(*under(net, sockeye, "run", "--link", "lan:x", "--addr", "192.0.2.9/24", "--", "/bin/true"),
            namespace=net.sockeye)
        well(done, "a dynamic program")
        done = net.run(*under(net, sockeye, "run", "--link", "lan:x", "--addr", "192.0.2.9/24", "--", program),
            namespace=net.sockeye)
        lines = done.err.decode().strip().split("\n")
        check(done.code == 126 and len(lines) == 1 and "statically linked" in lines[0], f"static: {done}")


def reader_stops(sockeye):
    """What was sent is delivered for 10 seconds after the program's end; a peer that reads no more is reset then."""
    with Net(sockeye) as net:
        listener = net.listen(7000)
        script = f"import socket\ns = socket.create_connection(('{SERVER_IP}', 7000))\ns.sendall(b'x' * 8000000)"
        client = net.start(*under(net, PYTHON, "-c", script), namespace=net.sockeye)
        peer, _ = listener.accept()
        well(net.finish(client), "sender")
        reset = False
        try:
            while peer.recv(1 << 20):
                pass
        except ConnectionResetError:
            reset = True
        peer.close()
        check(reset, "the peer saw no reset")
        nothing_left(net)


def course(sockeye):
    """examples/python, unchanged: each server and each client on the kernel and under Sockeye, in all four pairs."""
    examples = pathlib.Path(__file__).resolve().parents[2] / "examples" / "python"
    with Net(sockeye) as net:
        def at(which, *words):
            """A program on the kernel (at 192.0.2.1) or under Sockeye (192.0.2.2)."""
            words = [PYTHON, examples / words[0], *words[1:]]
            if which == "kernel":
                return net.start(*words, namespace=net.server, stdin=subprocess.DEVNULL)
            return net.start(*under(net, *words), namespace=net.sockeye, stdin=subprocess.DEVNULL)
        address = {"kernel": SERVER_IP, "sockeye": SOCKEYE_IP}
        for server, client in (("kernel", "sockeye"), ("sockeye", "kernel")):
            other = address[server]
            for name, serve, ask, wanted, seen in (
                    ("tcp", ("tcp_server.py", "7000"), ("tcp_client.py", other, "7000", "abc"), "ABC\n", "the client has closed"),
                    ("udp", ("udp_server.py", "7000", "1"), ("udp_client.py", other, "7000", "abc"), "cba\n", "3 bytes from"),
                    ("raw", ("raw_server.py", "1"), ("raw_client.py", other, "abc"), f"got abc from {other}\n", "'abc' from")):
                waiting = at(server, *serve)
                wait_for_line(waiting.stdout, b"waiting" if name != "tcp" else b"listening")
                done = well(net.finish(at(client, *ask)), f"{name} client on {client}")
                check(done.out.decode() == wanted, f"{name} client on {client}: {done.out}")
                done = well(net.finish(waiting), f"{name} server on {server}")
                check(seen in done.out.decode(), f"{name} server on {server}: {done.out}")
        done = well(net.finish(at("sockeye", "unix_pair.py")), "AF_UNIX")
        check(done.out == b"hello from the child\n", f"AF_UNIX: {done.out}")
        listener = net.listen(7001)
        done = well(net.finish(at("sockeye", "scan.py", SERVER_IP, "7000", "7002")), "scan")
        check(done.out == b"7000 closed\n7001 open\n7002 closed\n", f"scan: {done.out}")
        listener.close()
        done = net.finish(at("sockeye", "udp_client.py", SERVER_IP, "7000"))
        check(done.code == 1 and b"refused" in done.err, f"a closed UDP port: {done}")
        nothing_left(net)


def up(sockeye):
    """A host that stays: joined by run, get, nc and ping, its ports shared; names that are taken, not known, another's."""
    name = f"ski-{os.getpid()}"
    curl = need("curl")
    with Net(sockeye) as net:
        www = net.tmp / "www"
        www.mkdir()
        digest = make_file(www / "big", 4 * MB)
        kernel_web(net, www)

        def do(*words, **options):
            return net.run(sockeye, *words, namespace=net.sockeye, **options)
        done = well(do("up", *net.host("up")[2:], name), "up")
        check(name in done.out.decode(), str(done.out))
        try:
            url = f"http://{SERVER_IP}:8000/big"
            well(do("get", "--host", name, "-o", net.tmp / "one", url), "get")
            well(do("run", f"--host={name}", "--", curl, "-sS", "-o", net.tmp / "two", url), "run")
            for got in ("one", "two"):
                check(sha256_of(net.tmp / got) == digest, f"{got}: other bytes came")
            well(do("ping", "--host", name, "-c", "1", SERVER_IP), "ping")
            done = well(do("nc", "--host", name, "-N", SERVER_IP, "8000", input=b"GET / HTTP/1.0\r\n\r\n"), "nc")
            check(done.out.startswith(b"HTTP/1.0 200"), str(done.out[:40]))
            server = net.start(sockeye, "run", "--host", name, "--", PYTHON, "-m", "http.server", "-d", www, "8001",
                namespace=net.sockeye, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            answers(net, 8001)
            script = "import socket,errno\ns=socket.socket()\ntry: s.bind(('',8001)); s.listen()\nexcept OSError as e: print(errno.errorcode[e.errno])"
            done = well(do("run", "--host", name, "--", PYTHON, "-c", script), "port in use")
            check(done.out == b"EADDRINUSE\n", f"a port that another program has: {done.out}")
            well(net.run(curl, "-sS", "-o", net.tmp / "three", f"http://{SOCKEYE_IP}:8001/big", namespace=net.server), "server")
            check(sha256_of(net.tmp / "three") == digest, "other bytes came from the server")
            for words, what in ((("up", *net.host("up")[2:], name), "up already"), (("get", "--host", "no-such", "http://x/"), name),
                    (("get", "--host", name, "--link", "tap", "http://x/"), "--link"), (("up", "a/b"), "not a name")):
                done = do(*words)
                lines = done.err.decode().strip().split("\n")
                check(done.code == 2 and len(lines) == 1 and what in lines[0], f"{words}: {done}")
            done = net.run(sockeye, "get", "--host", f"/run/sockeye/{name}/door", "http://x/", namespace=net.sockeye, user=65534)
            check(done.code == 2 and b"another user" in done.err, f"another user: {done}")
            server.send_signal(signal.SIGTERM)
        finally:
            well(do("up", "--stop", name), "stop")
        check(not pathlib.Path("/run/sockeye", name).exists(), "its door stays")
        nothing_left(net)


TESTS = {
    "programs-fetchers": fetchers,
    "programs-names": names,
    "programs-loopback": loopback,
    "programs-web-server": web_server,
    "programs-nginx": nginx,
    "programs-redis": redis,
    "programs-iperf3": iperf3,
    "programs-git": git,
    "programs-ssh": ssh,
    "programs-node": node,
    "programs-netcat": netcat,
    "programs-trace": trace,
    "programs-bad-input": bad_input,
    "programs-killed": killed,
    "programs-doors": doors,
    "programs-stays": stays,
    "programs-within": within,
    "programs-reader-stops": reader_stops,
    "programs-course": course,
    "programs-up": up,
}
