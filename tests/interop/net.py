"""Private networks for the tests: namespaces, processes and sockets in them, all gone at the end."""

import contextlib
import ctypes
import fcntl
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

PREFIX = "ski-"
CLONE_NEWNET = 0x40000000
LAST_TYPE, LAST_TEXT = 0x88B7, b"sockeye: the last frame of a capture" + bytes(24)
TAPS = ("s0", "s1")
TUNSETIFF, IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x400454CA, 2, 0x1000, 0x4000
ORDINARY = 65534  # nobody
_libc = ctypes.CDLL(None, use_errno=True)

SERVER_IP, SOCKEYE_IP, SECOND_IP, NOBODY_IP = "192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.99"
SERVER_MAC, SOCKEYE_MAC, SECOND_MAC = "02:00:00:00:01:01", "02:00:00:00:01:02", "02:00:00:00:01:03"


# Who starts the tests in the background of a script has them ignore these, and so would all that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)


class Skip(Exception):
    """This cannot run here; the text says why."""


class Failed(Exception):
    """Something was not as it should be; the text says what."""


def check(condition, text):
    """text may be a function, for what is known, or costs something, only when it fails."""
    if not condition:
        raise Failed(text() if callable(text) else text)


def sh(*command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, errors="replace")
    check(done.returncode == 0, f"{' '.join(command)}: {done.stdout.strip()}")
    return done.stdout


def until(condition, text="it took too long", timeout=60):
    """Waits until the condition holds; its value. text may be a function, for what is known only then."""
    end = time.monotonic() + timeout
    while not (value := condition()):
        check(time.monotonic() < end, text)
        time.sleep(0.02)
    return value


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


class Process:
    """A process as it was at one moment: it may have ended since."""

    def __init__(self, pid):
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text(errors="replace")
        self.words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1]
        self.pid, self.name = int(pid), stat[stat.index("(") + 1:stat.rindex(")")]
        self.state, parent, _, session = stat[stat.rindex(")") + 2:].split()[:4]
        self.parent, self.session = int(parent), int(session)

    def __repr__(self):
        return f"{self.name} ({self.pid}, {self.state})"

    def files(self):
        """What its descriptors are, by number; those that are closed meanwhile are not there."""
        there = {}
        with contextlib.suppress(OSError):
            for fd in os.listdir(f"/proc/{self.pid}/fd"):
                with contextlib.suppress(OSError):
                    there[int(fd)] = os.readlink(f"/proc/{self.pid}/fd/{fd}")
        return there

    def program(self):
        """The file that it runs, if it can be told."""
        with contextlib.suppress(OSError):
            return os.readlink(f"/proc/{self.pid}/exe")
        return None

    def kill(self, number=signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)


def looked_at(pids):
    """Those that are still there when they are looked at: who lists processes and then looks at each must expect that
    one ends in between. One that has ended and is not waited for is none any more."""
    found = []
    for pid in pids:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found.append(Process(pid))
    return [process for process in found if process.state not in "ZX"]


def processes(namespace):
    """Who is in a namespace."""
    return looked_at(sh("ip", "netns", "pids", namespace).split())


def everybody():
    """All processes of the machine."""
    return looked_at(filter(str.isdigit, os.listdir("/proc")))


def children(pid):
    """Of the process's first thread."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return looked_at(pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    return []


def kill_all(namespace):
    """Everybody there at one moment: all are stopped before the first is killed, so that nobody sees another's end."""
    stopped = set()
    while new := [process for process in processes(namespace) if process.pid not in stopped]:
        for process in new:
            process.kill(signal.SIGSTOP)
            stopped.add(process.pid)
    for process in processes(namespace):
        process.kill()


def end_group(process):
    """Kills a process that was started in a session of its own, and what it left there. A number is free again when the
    process has been waited for and nobody is left of its group: who has it then is somebody else, whom we must not kill."""
    if process.poll() is not None and os.path.exists(f"/proc/{process.pid}"):
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


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
            # Each error about a packet is told, not so many in a second.
            pathlib.Path("/proc/sys/net/ipv4/icmp_ratemask").write_text("0")
        sh("ip", "-n", name, "link", "set", "lo", "up")
        return name

    def _build(self):
        self.server, self.sockeye = self._add("server"), self._add("sockeye")
        server, here, mtu = self.server, self.sockeye, str(self.mtu)
        sh("ip", "-n", server, "link", "add", "eth0", "mtu", mtu, "address", SERVER_MAC, "type", "veth", "peer",
            "name", "v0", "netns", here, "mtu", mtu)
        sh("ip", "-n", server, "addr", "add", f"{SERVER_IP}/24", "dev", "eth0")
        sh("ip", "-n", here, "link", "add", "br0", "type", "bridge")
        for tap in TAPS:
            sh("ip", "-n", here, "tuntap", "add", "dev", tap, "mode", "tap", "vnet_hdr")
        for port in ("v0", *TAPS):
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

    def unread(self, port):
        """Bytes that the kernel keeps for the one connection of this port."""
        row = sh("ip", "netns", "exec", self.server, "ss", "-Htn", "state", "established", f"sport = :{port}").split()
        return int(row[0]) if row else 0

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

    def calm(self, probes=False):
        """From now on the server's kernel sends again what was lost, and not what is answered late, since on a busy
        machine nobody ran for a while: its timer waits for seconds, and it has no tail loss probes (unless wanted)."""
        sh("ip", "-n", self.server, "route", "change", "192.0.2.0/24", "dev", "eth0", "src", SERVER_IP, "rto_min", "5s")
        if not probes:
            sh("ip", "netns", "exec", self.server, "sysctl", "-qw", "net.ipv4.tcp_early_retrans=0")

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
        if words:
            words = [f"({' '.join(words)}) or ether proto {LAST_TYPE}"]
        process = self.start("tcpdump", "-i", device, "-n", "-U", "--immediate-mode", "-B", "16384", "-s", "128", "-w",
            path, *words, namespace=namespace or self.server, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL)
        wait_for_line(process.stderr, b"listening on")
        return process, path, namespace or self.server, device

    def captured(self, capture, *words):
        """The lines of a capture that match, after stopping it."""
        process, path, namespace, device = capture
        if process.poll() is None:
            time.sleep(0.2)  # for what the kernel puts off
            self._last_frame(path, namespace, device)
            process.send_signal(signal.SIGINT)
            self.finish(process)
        options = [word for word in words if word.startswith("-")]
        wanted = " ".join(word for word in words if word not in options)
        only = f"not ether proto {LAST_TYPE}" + (f" and ({wanted})" if wanted else "")
        return sh("tcpdump", "-n", "-e", "-r", str(path), *options, only).splitlines()[1:]

    def _last_frame(self, path, namespace, device):
        """tcpdump has written all that came before: a frame of our own is in the file. Bridges keep it to themselves."""
        frame = bytes.fromhex("0180c200000e 020000000000") + LAST_TYPE.to_bytes(2, "big") + LAST_TEXT
        with contextlib.ExitStack() as stack:
            with self.inside(namespace):
                s = stack.enter_context(socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0))
            s.bind((device, 0))
            if device in TAPS:  # nothing leaves through one that nobody has
                with self.inside(namespace):
                    tap = stack.enter_context(open("/dev/net/tun", "r+b", buffering=0))
                with contextlib.suppress(OSError):  # somebody has it
                    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", device.encode(), IFF_TAP | IFF_NO_PI | IFF_VNET_HDR))

            def written():
                s.send(frame)
                time.sleep(0.05)
                return LAST_TEXT in path.read_bytes()
            until(written, "tcpdump does not write what it sees")

    def close(self):
        for process in self.started:
            end_group(process)
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream:
                    with contextlib.suppress(OSError):
                        stream.close()
            process.wait()
        for name in self.namespaces:
            subprocess.run(["ip", "netns", "delete", name], stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL, check=False)
        shutil.rmtree(self.tmp, ignore_errors=True)


def listens(net, run, port):
    """Waits until a program under `sockeye run` listens there: asked of its host, for some take one connection only."""
    def there():
        return net.run(net.binary, "ss", "--host", f"run-{run.pid}", "-Htln", f"sport = :{port}", namespace=net.sockeye).out
    until(lambda: run.poll() is not None or there(), f"nobody listens on {port}")


def softnet_drops():
    """Packets this machine's kernel threw away, all namespaces together, because a CPU's backlog was full."""
    return sum(int(row.split()[1], 16) for row in pathlib.Path("/proc/net/softnet_stat").read_text().splitlines())


def wait_for_line(stream, text, timeout=60):
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


def give(sock, data):
    """Sends and closes, in a thread: the other end may take it only when somebody reads there."""
    def go():
        with sock, contextlib.suppress(OSError):  # who reads misses it
            sock.sendall(data)
    threading.Thread(target=go, daemon=True).start()


def read_all(sock):
    data = bytearray()
    while True:
        part = sock.recv(1 << 20)
        if not part:
            return bytes(data)
        data += part
