"""What is left to a command while packets come: looked at from outside, and tried with its own registers."""

import contextlib
import ctypes
import os
import pathlib
import platform
import signal
import socket
import struct
import time

from lease import packet
from net import ORDINARY, SERVER_IP, Failed, Net, Skip, check, children, until
from share import PEER_IP, Routed
from terminal import copy_for_user

SUDO_UID, SUDO_GID = 12345, 12346
HALF = b"x" * 500000
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (2 * len(HALF))


# ---- a system call made by another process ----

PTRACE_ATTACH, PTRACE_DETACH, PTRACE_SINGLESTEP, PTRACE_GETREGS, PTRACE_SETREGS = 16, 17, 9, 12, 13
REGS = ("r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss fs_base gs_base ds es "
    "fs gs").split()
NR = {"socket": 41, "getpid": 39, "kill": 62, "unlink": 87, "ptrace": 101, "execve": 59, "openat": 257, "clone": 56}
_libc = ctypes.CDLL(None, use_errno=True)


def ptrace(what, pid, data=None):
    _libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    if _libc.ptrace(what, pid, None, data) < 0:
        raise Failed(f"ptrace {what}: {os.strerror(ctypes.get_errno())}")


class Inside:
    """A process that is stopped in a system call, and made to do others in its own name."""

    def __init__(self, pid):
        self.pid = pid

    def __enter__(self):
        self.memory = open(f"/proc/{self.pid}/mem", "r+b", buffering=0)
        until(self.stopped_in_a_call, "it is never stopped in a system call")
        self.text = self.regs["rsp"] - 8192
        self.memory.seek(self.text)
        self.below = self.memory.read(64)
        return self

    def stopped_in_a_call(self):
        """Stops it. One that computes just now is let go on."""
        ptrace(PTRACE_ATTACH, self.pid)
        os.waitpid(self.pid, 0)
        self.raw = ctypes.create_string_buffer(8 * len(REGS))
        ptrace(PTRACE_GETREGS, self.pid, self.raw)
        self.regs = dict(zip(REGS, struct.unpack(f"{len(REGS)}Q", self.raw.raw)))
        self.memory.seek(self.regs["rip"] - 2)
        if self.memory.read(2) == b"\x0f\x05":
            return True
        ptrace(PTRACE_DETACH, self.pid)
        return False

    def __exit__(self, *_):
        self.memory.seek(self.text)
        self.memory.write(self.below)
        self.memory.close()
        ptrace(PTRACE_SETREGS, self.pid, self.raw)  # and the call it was in begins again
        ptrace(PTRACE_DETACH, self.pid)

    def call(self, name, *args):
        """The result, or a negative errno. A bytes argument is put into its memory."""
        values = []
        for value in args:
            if isinstance(value, bytes):
                self.memory.seek(self.text)
                self.memory.write(value + b"\0")
                value = self.text
            values.append(value & (1 << 64) - 1)
        regs = dict(self.regs, rip=self.regs["rip"] - 2, rax=NR[name], orig_rax=(1 << 64) - 1)
        regs.update(zip(("rdi", "rsi", "rdx", "r10", "r8", "r9"), values))
        data = ctypes.create_string_buffer(struct.pack(f"{len(REGS)}Q", *(regs[r] for r in REGS)), 8 * len(REGS))
        ptrace(PTRACE_SETREGS, self.pid, data)
        ptrace(PTRACE_SINGLESTEP, self.pid)
        os.waitpid(self.pid, 0)
        ptrace(PTRACE_GETREGS, self.pid, data)
        return struct.unpack(f"{len(REGS)}q", data.raw)[REGS.index("rax")]


def attempts(pid, sockets):
    """Each must end in EPERM; the kernel sockets of the link user are the exception it needs."""
    refused = [
        ("openat", -100, b"/etc/passwd", os.O_RDONLY, 0),
        ("openat", -100, b"/tmp/sockeye-was-here", os.O_WRONLY | os.O_CREAT, 0o600),
        ("unlink", b"/tmp/sockeye-was-here"),
        ("execve", b"/bin/true", 0, 0),
        ("clone", signal.SIGCHLD, 0, 0, 0, 0),
        ("ptrace", 0, 0, 0, 0),
        ("kill", os.getpid(), 0),
        ("socket", socket.AF_PACKET, socket.SOCK_RAW, 0),
        ("socket", socket.AF_NETLINK, socket.SOCK_RAW, 0),
        ("socket", socket.AF_UNIX, socket.SOCK_STREAM, 0),
        ("socket", socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP),
    ]
    with Inside(pid) as inside:
        check(inside.call("getpid") == pid, "no system call can be put into it")
        for name, *args in refused:
            r = inside.call(name, *args)
            check(r == -1, f"{name}{tuple(args)} gave {r}, not EPERM")
        r = inside.call("socket", socket.AF_INET, socket.SOCK_STREAM, 0)
        check((r >= 0) == sockets, f"a kernel socket for TCP: {r}")
    return len(refused) + 1


# ---- from outside ----


def status(path):
    return dict(row.split(":\t", 1) for row in path.read_text().splitlines() if ":\t" in row)


def looks_confined(pid, ids, bounding):
    tasks = list(pathlib.Path(f"/proc/{pid}/task").iterdir())
    for task in tasks:
        s = status(task / "status")
        sets = ["CapInh", "CapPrm", "CapEff", "CapAmb"] + (["CapBnd"] if bounding else [])
        for name in sets:
            check(int(s[name], 16) == 0, f"thread {task.name}: {name} {s[name]}")
        check(s["NoNewPrivs"] == "1", f"thread {task.name}: no-new-privs {s['NoNewPrivs']}")
        check(s["Seccomp"] == "2", f"thread {task.name}: seccomp {s['Seccomp']}")
        check(s["Uid"].split() == [str(ids[0])] * 4 and s["Gid"].split() == [str(ids[1])] * 4,
            f"thread {task.name}: uid {s['Uid']} gid {s['Gid']}, not {ids}")
        if ids[0] == SUDO_UID:
            check(not s["Groups"].strip(), f"thread {task.name}: groups {s['Groups']}")
    return len(tasks)


def stewards(pid):
    return [process.pid for process in children(pid)]


def steward_sees_nothing(pid):
    s, fds = status(pathlib.Path(f"/proc/{pid}/status")), os.listdir(f"/proc/{pid}/fd")
    check(len(fds) == 1, f"the steward has {len(fds)} descriptors")
    check(s["NoNewPrivs"] == "1" and s["Seccomp"] == "2", "the steward has no filter")
    check(int(s["CapPrm"], 16) & ~(1 << 1) == 0, f"the steward's capabilities: {s['CapPrm']}")  # CAP_DAC_OVERRIDE


@contextlib.contextmanager
def half_way(net, command, address=SERVER_IP, namespace=None, user=None, listen=None, env=None):
    """A get that has half of its page, then the rest; what it did is checked at the end."""
    listener = listen or net.listen(80)
    client = net.start(*command, namespace=namespace, user=user, env=dict(os.environ, **(env or {})))
    listener.settimeout(30)
    try:
        conn, _ = listener.accept()
    except OSError:
        client.kill()
        raise Failed(f"nobody came: {net.finish(client)}") from None
    conn.settimeout(30)
    conn.recv(65536)
    conn.sendall(HEAD + HALF)
    time.sleep(0.3)
    check(client.poll() is None, "get ended early")
    yield client
    conn.sendall(HALF)
    conn.close()
    done = net.finish(client)
    check(done.code == 0, f"the transfer does not go on: {done}")


def needs_filter(sockeye):
    if b"__asan_init" in pathlib.Path(sockeye).read_bytes():
        raise Skip("a sanitizer's build has no filter")


def confined(net, command, ids=(0, 0), sockets=False, bounding=True, **options):
    needs_filter(net.binary)
    got = net.tmp / "got"
    with half_way(net, [*command, "-o", got, f"http://{options.pop('address', SERVER_IP)}/"], **options) as client:
        pid = client.pid
        threads = looks_confined(pid, ids, bounding)
        check(threads == 2, f"{threads} threads")
        for steward in stewards(pid):
            steward_sees_nothing(steward)
        check(len(stewards(pid)) == 1, f"stewards: {stewards(pid)}")
        note = "nothing tried: not x86-64"
        if platform.machine() == "x86_64":
            note = f"{attempts(pid, sockets)} attempts"
    check(got.stat().st_size == 2 * len(HALF), "the page is not whole")
    return f"{threads} threads, {note}"


SUDO = {"SUDO_UID": str(SUDO_UID), "SUDO_GID": str(SUDO_GID)}


def over_tap(sockeye):
    with Net(sockeye) as net:
        confined(net, net.host("get"), namespace=net.sockeye)
        # As sudo starts it: root's file is written, and nobody is root any more.
        (net.tmp / "got").unlink()
        net.tmp.chmod(0o700)
        return confined(net, net.host("get"), ids=(SUDO_UID, SUDO_GID), env=SUDO, namespace=net.sockeye)


def over_packet(sockeye):
    with Net(sockeye) as net:
        return confined(net, net.host("get", packet(net)), ids=(SUDO_UID, SUDO_GID), env=SUDO,
            namespace=net.sockeye)


def over_share(sockeye):
    """With the link user beside it, as without any --link."""
    with Routed(sockeye) as net:
        confined(net, net.words("get", "--link", "share:eth0"), address=PEER_IP, ids=(SUDO_UID, SUDO_GID), env=SUDO,
            namespace=net.sockeye)
        (net.tmp / "got").unlink()
        return confined(net, net.words("get"), address=PEER_IP, sockets=True, namespace=net.sockeye)


def over_user(sockeye):
    with Net(sockeye) as net:
        net.binary = copy_for_user(net)
        net.tmp.chmod(0o777)
        return confined(net, [net.binary, "get"], ids=(ORDINARY, ORDINARY), user=ORDINARY, sockets=True, bounding=False,
            namespace=net.server)


def questions_are_not_guessed(sockeye):
    """c-ares may not open /dev/urandom any more: the numbers of its questions must be random all the same."""
    with Net(sockeye) as net:
        server, numbers = net.listen(53, socket.SOCK_DGRAM), set()
        for _ in range(3):
            client = net.sockeye_start("ping", "-c", "1", "--dns", SERVER_IP, "nobody.test")
            numbers.add(server.recv(2048)[:2])
            client.send_signal(signal.SIGINT)
            net.finish(client)
        check(len(numbers) > 1, f"three questions, and all have the number {numbers}")


def hatch(sockeye):
    """--no-confine: for debuggers, and to see that the attempts above can succeed."""
    if platform.machine() != "x86_64":
        raise Skip("system calls are put in on x86-64 only")
    with Net(sockeye) as net:
        with half_way(net, [*net.host("get"), "--no-confine", f"http://{SERVER_IP}/"], namespace=net.sockeye,
                env=SUDO) as client:
            with contextlib.suppress(OSError):
                os.set_blocking(client.stdout.fileno(), False)
            with Inside(client.pid) as inside:
                r = inside.call("openat", -100, b"/etc/passwd", os.O_RDONLY, 0)
                check(r >= 0, f"openat: {r}")
                check(inside.call("socket", socket.AF_PACKET, socket.SOCK_RAW, 0) >= 0, "socket")
            check(status(pathlib.Path(f"/proc/{client.pid}/status"))["Seccomp"] == "0", "there is a filter")
            os.set_blocking(client.stdout.fileno(), True)


TESTS = {
    "privileges-tap": over_tap,
    "privileges-packet": over_packet,
    "privileges-share": over_share,
    "privileges-user": over_user,
    "privileges-questions": questions_are_not_guessed,
    "privileges-no-confine": hatch,
}
