"""Names and https: dnsmasq and name servers that lie, nginx with TLS, certificates good and bad, redirects."""

import gzip
import os
import pathlib
import shutil
import signal
import sys
import time

from net import SECOND_IP, SERVER_IP, Net, Skip, check, sh, until, wait_for_line
from talk import complaint
from transfer import make_file, sha256_of

WEB, OTHER, CHAIN = "web.example.test", "other.example.test", "www.example.test"

NGINX = """daemon off; worker_processes 1; pid {tmp}/nginx.pid; error_log {tmp}/error.log; user root;
events {{ worker_connections 256; }}
http {{
    access_log {tmp}/access.log; default_type application/octet-stream; gzip on; gzip_types *; gzip_min_length 1;
    client_body_temp_path {tmp}/t1; proxy_temp_path {tmp}/t2; fastcgi_temp_path {tmp}/t3;
    uwsgi_temp_path {tmp}/t4; scgi_temp_path {tmp}/t5;
    server {{ listen 192.0.2.1:80; server_name {web};
        location /page {{ return 302 https://{web}/next; }}
        location /ring {{ return 302 http://{web}/ring; }}
        location / {{ root {tmp}/www; }} }}
    server {{ listen 192.0.2.1:443 ssl; server_name {web}; ssl_certificate {tmp}/web.crt; ssl_certificate_key {tmp}/web.key;
        location /next {{ return 301 https://{other}/large; }}
        location /echo {{ return 200 "$request_method $http_x_mark $content_length\\n"; }}
        location / {{ root {tmp}/www; }} }}
    server {{ listen 192.0.2.1:443 ssl; server_name {other}; ssl_certificate {tmp}/other.crt;
        ssl_certificate_key {tmp}/other.key; location / {{ root {tmp}/www; }} }}
    server {{ listen 192.0.2.1:444 ssl; server_name {web}; ssl_certificate {tmp}/old.crt; ssl_certificate_key {tmp}/old.key;
        location / {{ root {tmp}/www; }} }}
}}
"""

CA = """[ca]
default_ca = it
[it]
database = {tmp}/index.txt
new_certs_dir = {tmp}
rand_serial = yes
default_md = sha256
policy = any
copy_extensions = copy
unique_subject = no
[any]
commonName = supplied
[v3_ca]
basicConstraints = critical,CA:true
"""


def need(program):
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")
    if not found:
        raise Skip(f"{program} is not installed")
    return found


def certificates(tmp):
    """A CA, certificates for two names, and one that ran out years ago."""
    openssl = need("openssl")
    (tmp / "ca.conf").write_text(CA.format(tmp=tmp))
    (tmp / "index.txt").write_text("")
    sh(openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
        "/CN=Test CA", "-keyout", str(tmp / "ca.key"), "-out", str(tmp / "ca.crt"))
    for label, name, dates in (("web", WEB, ()), ("other", OTHER, ()),
                               ("old", WEB, ("-startdate", "20200101000000Z", "-enddate", "20200201000000Z"))):
        sh(openssl, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
            "-addext", f"subjectAltName=DNS:{name}", "-keyout", str(tmp / f"{label}.key"), "-out", str(tmp / f"{label}.csr"))
        sh(openssl, "ca", "-batch", "-notext", "-config", str(tmp / "ca.conf"), "-cert", str(tmp / "ca.crt"), "-keyfile",
            str(tmp / "ca.key"), *(dates or ("-days", "2")), "-in", str(tmp / f"{label}.csr"), "-out",
            str(tmp / f"{label}.crt"))


def start_web(net):
    nginx = need("nginx")
    certificates(net.tmp)
    www = net.tmp / "www"
    www.mkdir(mode=0o755)
    config = net.tmp / "nginx.conf"
    config.write_text(NGINX.format(tmp=net.tmp, web=WEB, other=OTHER))
    net.start(nginx, "-e", net.tmp / "error.log", "-c", config, namespace=net.server)
    until(lambda: net.listening(444), lambda: "nginx did not start: " + (net.tmp / "error.log").read_text()[-300:])
    return www


def start_dns(net):
    dnsmasq = need("dnsmasq")
    server = net.start(dnsmasq, "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--pid-file=",
        "--listen-address=192.0.2.1", "--bind-interfaces", "--user=root", "--log-facility=-", "--local=/test/",
        f"--host-record={WEB},192.0.2.1", f"--host-record={OTHER},192.0.2.1", f"--cname={CHAIN},middle.example.test",
        f"--cname=middle.example.test,{WEB}", namespace=net.server)
    wait_for_line(server.stderr, b"started")
    return server


def get(net, *words, **options):
    return net.sockeye_run("get", "--dns", SERVER_IP, *words, **options)


def https_by_name(sockeye):
    """http, redirected to https, redirected to another name; hashes; what certificates are checked against."""
    with Net(sockeye) as net:
        digest = make_file(start_web(net) / "large", 16 << 20)
        start_dns(net)
        got, ca = net.tmp / "got", ("--cacert", net.tmp / "ca.crt")
        done = get(net, "-L", *ca, "-o", got, f"http://{WEB}/page")
        check(done.code == 0 and sha256_of(got) == digest, f"over two redirects: {done}")
        done = get(net, *ca, "-o", got, f"https://{WEB}/large")
        check(done.code == 0 and sha256_of(got) == digest, f"https: {done}")
        done = get(net, *ca, "-I", f"http://{WEB}/page")
        check(done.code == 0 and b"302" in done.out and f"https://{WEB}/next".encode() in done.out, f"-I: {done.out}")
        done = get(net, *ca, "-d", "a=1", "-d", "b=2", "-H", "X-Mark: here", f"https://{WEB}/echo")
        check(done.out == b"POST here 7\n", f"-d -H: {done.out} {done}")
        done = get(net, *ca, "-X", "DELETE", f"https://{WEB}/echo")
        check(done.out.startswith(b"DELETE"), f"-X: {done.out} {done}")
        # names in the certificate
        complaint(get(net, *ca, "-o", got, f"https://{CHAIN}/large"), 60, "SSL: no alternative certificate subject name")
        complaint(get(net, "-o", got, f"https://{WEB}/large"), 60, "SSL certificate problem: unable to get local issuer")
        complaint(get(net, *ca, "-o", got, f"https://{WEB}:444/large"), 60,
            r"\(60\) SSL certificate problem: certificate has expired$")
        done = get(net, "-k", "-o", got, f"https://{WEB}:444/large")
        check(done.code == 0 and sha256_of(got) == digest, f"-k: {done}")
        # without DNS
        done = net.sockeye_run("get", *ca, "--resolve", f"{WEB}:443:{SERVER_IP}", "-o", got, f"https://{WEB}/large")
        check(done.code == 0 and sha256_of(got) == digest, f"--resolve: {done}")
        complaint(get(net, "-L", f"http://{WEB}/ring"), 47, r"Maximum \(50\) redirects followed")
        complaint(get(net, f"https://{WEB}:445/"), 7, f"connect to {SERVER_IP} port 445: Connection refused")


def compressed(sockeye):
    with Net(sockeye) as net:
        text = b"the same line again and again\n" * 20000
        (start_web(net) / "text").write_bytes(text)
        start_dns(net)
        done = get(net, "--compressed", "--cacert", net.tmp / "ca.crt", f"https://{WEB}/text")
        check(done.code == 0 and done.out == text, f"unpacked: {len(done.out)} bytes, {done}")
        done = get(net, "-H", "Accept-Encoding: gzip", "--cacert", net.tmp / "ca.crt", f"https://{WEB}/text")
        check(done.code == 0 and gzip.decompress(done.out) == text, f"packed: {len(done.out)} bytes, {done}")
        check(len(done.out) < len(text) / 10, "not compressed at all")


def decrypted(sockeye):
    """The recording holds the keys: tshark shows what was asked, with nothing else."""
    with Net(sockeye) as net:
        tshark = need("tshark")
        (start_web(net) / "text").write_bytes(b"secret\n")
        start_dns(net)
        record, keys = net.tmp / "r.pcapng", net.tmp / "keys.txt"
        keys.write_text("# somebody else's line\n")
        env = dict(os.environ, SSLKEYLOGFILE=str(keys))
        words = ("--record", record, "--cacert", net.tmp / "ca.crt", "-L")
        done = net.run(*net.host("get"), "--dns", SERVER_IP, *words, f"https://{WEB}/text", namespace=net.sockeye, env=env)
        check(done.code == 0 and done.out == b"secret\n", f"{done}")
        shown = sh(tshark, "-r", str(record), "-Y", "http", "-T", "fields", "-e", "http.request.method", "-e",
            "http.request.uri", "-e", "http.response.code")
        check("GET\t/text" in shown and "200" in shown, f"tshark shows {shown!r}")
        bad = sh(tshark, "-r", str(record), "-Y", "_ws.malformed")
        check("alformed" not in bad, f"tshark: {bad}")
        check("somebody" not in record.read_bytes().decode("latin-1"), "older lines are in the recording, too")
        # without the variable no keys are in it
        env.pop("SSLKEYLOGFILE")
        done = net.run(*net.host("get"), "--dns", SERVER_IP, *words, f"https://{WEB}/text", namespace=net.sockeye, env=env)
        check(done.code == 0 and b"SECRET" not in record.read_bytes(), f"keys unasked: {done}")


def by_name(sockeye):
    """ping, nc; a chain of CNAMEs; search domains and /etc/hosts; a name that is not there."""
    with Net(sockeye) as net:
        start_dns(net)
        done = net.sockeye_run("ping", "--dns", SERVER_IP, "-c", "2", "-i", "0.1", CHAIN)
        check(done.code == 0 and f"PING {CHAIN} ({SERVER_IP})".encode() in done.out, f"ping: {done.out} {done}")
        listener = net.listen(7000)
        client = net.sockeye_start("nc", "--dns", SERVER_IP, WEB, "7000")
        peer, _ = listener.accept()
        peer.sendall(b"hello\n")
        peer.close()
        done = net.finish(client)
        check(done.code == 0 and done.out == b"hello\n", f"nc: {done.out} {done}")
        # -v: the names of addresses, while the work goes on; nothing when nobody knows one.
        client = net.sockeye_start("nc", "-v", "--dns", SERVER_IP, SERVER_IP, "7000")
        wait_for_line(client.stderr, f"* {SERVER_IP} is {WEB}\n".encode())
        listener.accept()[0].close()
        check(net.finish(client).code == 0, "nc -v")
        done = net.sockeye_run("ping", "-v", "--dns", SERVER_IP, "-c", "2", "-i", "0.1", SERVER_IP)
        check(done.code == 0 and f"* {SERVER_IP} is {WEB}\n".encode() in done.err, f"ping -v: {done}")
        done = net.sockeye_run("ping", "-v", "--dns", SECOND_IP, "-c", "1", SERVER_IP)
        check(done.code == 0 and b" is " not in done.err, f"no name server: {done}")
        for code, *words in ((2, "ping", "nobody.test"), (6, "nc", "nobody.test", "80"), (6, "get", "http://nobody.test/")):
            done = net.sockeye_run(words[0], "--dns", SERVER_IP, *words[1:])
            complaint(done, code, r"Could not resolve host: nobody\.test \(no such name\)")
        hosts, resolv = net.tmp / "hosts", net.tmp / "resolv.conf"

        def with_files(*command):
            script = 'mount --bind "$1" /etc/hosts && mount --bind "$2" "$(readlink -f /etc/resolv.conf)" && shift 2 && exec "$@"'
            return net.run("unshare", "-m", "sh", "-c", script, "sh", hosts, resolv, *command, namespace=net.sockeye)

        hosts.write_text("127.0.0.1 localhost\n192.0.2.1 printer\n")
        resolv.write_text(f"nameserver {SERVER_IP}\nsearch nowhere.test example.test\n")
        for name in ("printer", "web"):
            done = with_files(*net.host("ping"), "-c", "1", name)
            check(done.code == 0 and f"PING {name} ({SERVER_IP})".encode() in done.out, f"{name}: {done.out} {done}")
        resolv.write_text("nameserver 127.0.0.53\n")
        done = with_files(*net.host("ping"), "-c", "1", "web.example.test")
        if pathlib.Path("/run/systemd/resolve/resolv.conf").exists():
            return "without the server that is out of reach: systemd-resolved is here"
        complaint(done, 2, r"127\.0\.0\.53 .* not reachable .*--dns ADDRESS")
        done = with_files(*net.host("ping"), "-c", "1", "printer")
        check(done.code == 0, f"/etc/hosts without a server: {done}")


LIAR = r'''
import socket, struct, sys, threading
how = sys.argv[1]
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.bind(("192.0.2.1", 53))
other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
other.bind(("192.0.2.1", 5353))
t = socket.create_server(("192.0.2.1", 53))

def answer(q, addr, ident=0, flags=0x8180, records=None):
    end = 12
    while q[end]:
        end += q[end] + 1
    question = q[12:end + 5]
    if records is None:
        records = b"\xc0\x0c" + struct.pack(">HHIH4s", 1, 1, 60, 4, socket.inet_aton(addr))
    return struct.pack(">HHHHHH", struct.unpack(">H", q[:2])[0] ^ ident, flags, 1, 1 if records else 0, 0, 0) + question + records

def tcp():
    while True:
        c, _ = t.accept()
        n = struct.unpack(">H", c.recv(2, socket.MSG_WAITALL))[0]
        a = answer(c.recv(n, socket.MSG_WAITALL), "192.0.2.1")
        c.sendall(struct.pack(">H", len(a)) + a)
        c.close()

threading.Thread(target=tcp, daemon=True).start()
print("ready", flush=True)
while True:
    q, who = u.recvfrom(1500)
    loop = b"\xc0\x0c" + struct.pack(">HHIH", 5, 1, 60, 2)
    if how == "loop":
        at = 12 + len(answer(q, "0.0.0.0", records=b"")) - 12 + len(loop)
        u.sendto(answer(q, "", records=loop + struct.pack(">H", 0xc000 | at)), who)
    elif how == "id":
        u.sendto(answer(q, "192.0.2.66", ident=1), who)
        u.sendto(answer(q, "192.0.2.1"), who)
    elif how == "port":
        other.sendto(answer(q, "192.0.2.66"), who)
        u.sendto(answer(q, "192.0.2.1"), who)
    elif how == "question":
        wrong = q.replace(b"\x03web", b"\x03bew")
        u.sendto(answer(wrong, "192.0.2.66"), who)
        u.sendto(answer(q, "192.0.2.1"), who)
    elif how == "truncated":
        u.sendto(answer(q, "192.0.2.66", flags=0x8380, records=b""), who)
    elif how == "cut":
        u.sendto(answer(q, "192.0.2.66")[:-3], who)
    elif how == "short":
        u.sendto(q[:7], who)
        u.sendto(b"", who)
        u.sendto(answer(q, "192.0.2.1"), who)
    elif how == "circle":
        u.sendto(answer(q, "", records=loop + b"\xc0\x0c"), who)
    elif how == "failure":
        u.sendto(answer(q, "", flags=0x8182, records=b""), who)
    elif how == "silent":
        pass
'''


def lies(sockeye):
    """Name servers that lie are not believed, and do no harm; truncation asks again by TCP."""
    with Net(sockeye) as net:
        for how in ("id", "port", "question", "truncated", "short", "loop", "cut", "circle", "failure", "silent"):
            server = net.start(sys.executable, "-c", LIAR, how, namespace=net.server)
            wait_for_line(server.stdout, b"ready")
            done = net.sockeye_run("ping", "--dns", SERVER_IP, "-c", "1", WEB)
            if how in ("id", "port", "question", "truncated", "short"):
                check(done.code == 0 and f"PING {WEB} ({SERVER_IP})".encode() in done.out, f"{how}: {done.out} {done}")
            else:
                complaint(done, 2, f"Could not resolve host: {WEB} " + {
                    "silent": r"\(no answer; name server 192\.0\.2\.1\)"}.get(how, r"\("))
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()
        done = net.sockeye_run("ping", "--dns", SERVER_IP, "-c", "1", WEB)
        complaint(done, 2, r"Connection refused; name server")
        done = net.sockeye_run("ping", "--dns", "198.51.100.1", "-c", "1", WEB)
        complaint(done, 2, r"unreachable; name server")
        start = time.monotonic()
        complaint(get(net, "--dns", "192.0.2.99", "--connect-timeout", "0.5", f"http://{WEB}/"), 28, "timed out")
        check(time.monotonic() - start < 20, "--connect-timeout is late")


TESTS = {
    "names-https": https_by_name,
    "names-compressed": compressed,
    "names-decrypted": decrypted,
    "names-ping-nc": by_name,
    "names-lies": lies,
}
