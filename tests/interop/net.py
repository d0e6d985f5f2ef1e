"""Private networks for the tests: namespaces, processes and sockets in them, all gone at the end."""

import contextlib
import ctypes
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

PREFIX = "ski-"
CLONE_NEWNET = 0x40000000
ORDINARY = 65534  # nobody
_libc = ctypes.CDLL(None, use_errno=True)

SERVER_IP, SOCKEYE_IP, SECOND_IP, NOBODY_IP = "192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.99"
SERVER_MAC, SOCKEYE_MAC, SECOND_MAC = "02:00:00:00:01:01", "02:00:00:00:01:02", "02:00:00:00:01:03"


class Skip(Exception):
    """This cannot run here; the text says why."""


class Failed(Exception):
    """Something was not as it should be; the text says what."""


def check(condition, text):
    if not condition:
        raise Failed(text)


def sh(*command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, errors="replace")
    check(done.returncode == 0, f"{' '.join(command)}: {done.stdout.strip()}")
    return done.stdout


def remove_stale():
    """Namespaces of a run that was killed too hard to clean up."""
    there = subprocess.run(["ip", "netns", "list"], stdout=subprocess.PIPE, text=True).stdout.split()
    for name in there:
        pid = name[len(PREFIX):].split("-")[0]
        if name.startswith(PREFIX) and pid.isdigit() and not os.path.exists(f"/proc/{pid}"):
            subprocess.run(["ip", "netns", "delete", name], check=False)


class Done:
    """How a process ended."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def __str__(self):
        return f"exit {self.code}, stderr: {self.err.decode(errors='replace').strip()[-400:]!r}"


class Net:
    """Namespaces `server` (the kernel's end, eth0 192.0.2.1) and `sockeye` (no address at all), joined by a veth
    whose far end is in a bridge; TAPs s0 and s1 of the bridge are for Sockeye."""

    def __init__(self, sockeye, mtu=1500, offload=True):
        self.binary, self.mtu, self.offload = sockeye, mtu, offload
        self.started, self.namespaces = [], []
        self.tmp = pathlib.Path(tempfile.mkdtemp(prefix=PREFIX))
        self.tmp.chmod(0o755)

    def __enter__(self):
        try:
            self._build()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def _add(self, role):
        name = f"{PREFIX}{os.getpid()}-{role}"
        sh("ip", "netns", "add", name)
        self.namespaces.append(name)
        with self.inside(name):
            for where in ("all", "default"):
                path = pathlib.Path(f"/proc/sys/net/ipv6/conf/{where}/disable_ipv6")
                if path.exists():
                    path.write_text("1")
        sh("ip", "-n", name, "link", "set", "lo", "up")
        return name

    def _build(self):
        self.server, self.sockeye = self._add("server"), self._add("sockeye")
        server, here, mtu = self.server, self.sockeye, str(self.mtu)
        sh("ip", "-n", server, "link", "add", "eth0", "mtu", mtu, "address", SERVER_MAC, "type", "veth", "peer",
            "name", "v0", "netns", here, "mtu", mtu)
        sh("ip", "-n", server, "addr", "add", f"{SERVER_IP}/24", "dev", "eth0")
        sh("ip", "-n", here, "link", "add", "br0", "type", "bridge")
        for tap in ("s0", "s1"):
            sh("ip", "-n", here, "tuntap", "add", "dev", tap, "mode", "tap", "vnet_hdr")
        for port in ("v0", "s0", "s1"):
            sh("ip", "-n", here, "link", "set", port, "mtu", mtu, "master", "br0", "up")
        sh("ip", "-n", here, "link", "set", "br0", "mtu", mtu, "up")
        sh("ip", "-n", server, "link", "set", "eth0", "up")
        # A veth pair hands each packet to the CPU that sent it, so a sender that runs on two has its packets
        # overtake each other, and sends again what was only late. Receive steering keeps a flow on one.
        for namespace, device in ((server, "eth0"), (here, "v0")):
            subprocess.run(["ip", "netns", "exec", namespace, "sh", "-c",
                f"echo 1 > /sys/class/net/{device}/queues/rx-0/rps_cpus"], stderr=subprocess.DEVNULL)
        if not self.offload:
            for namespace, device in ((server, "eth0"), (here, "v0")):
                sh("ip", "netns", "exec", namespace, "ethtool", "-K", device, "tso", "off", "gso", "off", "gro",
                    "off", "tx", "off")

    @contextlib.contextmanager
    def inside(self, namespace):
        """This thread is in the namespace; sockets made here stay there."""
        back = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
        try:
            if _libc.setns(there, CLONE_NEWNET) != 0:
                raise Failed(f"setns: {os.strerror(ctypes.get_errno())}")
            yield
        finally:
            _libc.setns(back, CLONE_NEWNET)
            os.close(there)
            os.close(back)

    def kernel_socket(self, kind=socket.SOCK_STREAM, proto=0):
        """A kernel socket in the server's namespace."""
        with self.inside(self.server):
            s = socket.socket(socket.AF_INET, kind, proto)
        s.settimeout(30)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return s

    def listen(self, port, kind=socket.SOCK_STREAM):
        s = self.kernel_socket(kind)
        s.bind((SERVER_IP, port))
        if kind == socket.SOCK_STREAM:
            s.listen(64)
        return s

    def listening(self, port):
        """Whether something listens there; asked of the kernel: a connection made to find out might be reset later."""
        return bool(sh("ip", "netns", "exec", self.server, "ss", "-Htln", f"sport = :{port}").strip())

    def connect(self, port, address=SOCKEYE_IP):
        s = self.kernel_socket()
        s.connect((address, port))
        return s

    def counters(self):
        """The server kernel's counters of TCP, as nstat shows them."""
        result = {}
        for name in ("snmp", "netstat"):
            with self.inside(self.server):
                rows = pathlib.Path(f"/proc/thread-self/net/{name}").read_text().splitlines()
            names, values = [row.split()[1:] for row in rows if row.startswith(("Tcp:", "TcpExt:"))]
            result.update(zip(names, map(int, values)))
        return result

    # ---- processes ----

    def start(self, *command, namespace=None, user=None, **options):
        """A process, killed at the end at the latest. stdin, stdout, stderr: pipes unless said otherwise."""
        command = [str(word) for word in command]
        if user is not None:
            command = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *command]
        if namespace:
            command = ["ip", "netns", "exec", namespace, *command]
        for stream in ("stdin", "stdout", "stderr"):
            options.setdefault(stream, subprocess.PIPE)
        process = subprocess.Popen(command, start_new_session=True, **options)
        self.started.append(process)
        return process

    def finish(self, process, input=None, timeout=60):
        try:
            out, err = process.communicate(input, timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
            tail = (err or b"").decode(errors="replace").strip()[-400:]
            raise Failed(f"{' '.join(process.args)} did not end within {timeout} s; stderr: {tail!r}") from None
        return Done(process.returncode, out, err or b"")

    def run(self, *command, input=b"", timeout=60, **options):
        return self.finish(self.start(*command, **options), input, timeout)

    def host(self, command, link="tap:s0", address=SOCKEYE_IP, mac=SOCKEYE_MAC):
        """The words of a Sockeye command with its host options."""
        words = [self.binary, command, "--link", link, "--addr", f"{address}/24"]
        if mac:
            words += ["--mac", mac]
        if self.mtu != 1500:
            words += ["--mtu", str(self.mtu)]
        return words + ([] if self.offload else ["--no-offload"])

    def sockeye_run(self, command, *words, input=b"", timeout=60, **options):
        return self.run(*self.host(command, **options), *words, input=input, timeout=timeout,
            namespace=self.sockeye)

    def sockeye_start(self, command, *words, **options):
        return self.start(*self.host(command, **options), *words, namespace=self.sockeye)

    def capture(self, device="eth0", namespace=None, *words):
        """tcpdump into a file; give it to captured()."""
        path = self.tmp / f"capture{len(self.started)}.pcap"
        process = self.start("tcpdump", "-i", device, "-n", "-U", "--immediate-mode", "-B", "16384", "-s", "128", "-w",
            path, *words, namespace=namespace or self.server, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL)
        wait_for_line(process.stderr, b"listening on", 10)
        return process, path

    def captured(self, capture, *words):
        """The lines of a capture that match, after stopping it."""
        process, path = capture
        if process.poll() is None:
            time.sleep(0.2)
            process.send_signal(signal.SIGINT)
            self.finish(process)
        return sh("tcpdump", "-n", "-e", "-r", str(path), *words).splitlines()[1:]

    def close(self):
        for process in self.started:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream:
                    with contextlib.suppress(OSError):
                        stream.close()
            process.wait()
        for name in self.namespaces:
            subprocess.run(["ip", "netns", "delete", name], stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL, check=False)
        shutil.rmtree(self.tmp, ignore_errors=True)


def softnet_drops():
    """Packets this machine's kernel threw away, all namespaces together, because a CPU's backlog was full."""
    return sum(int(row.split()[1], 16) for row in pathlib.Path("/proc/net/softnet_stat").read_text().splitlines())


def wait_for_line(stream, text, timeout=10):
    """Reads (unbuffered) until text has come; what was read."""
    end, seen, fd = time.monotonic() + timeout, b"", stream.fileno()
    os.set_blocking(fd, False)
    try:
        while text not in seen:
            try:
                data = os.read(fd, 4096)
            except BlockingIOError:
                data = None
            if data == b"" or time.monotonic() > end:
                raise Failed(f"{text.decode()!r} did not come; instead: {seen.decode(errors='replace')[-300:]!r}")
            if data:
                seen += data
            else:
                time.sleep(0.005)
    finally:
        os.set_blocking(fd, True)
    return seen


def read_all(sock):
    data = bytearray()
    while True:
        part = sock.recv(1 << 20)
        if not part:
            return bytes(data)
        data += part
