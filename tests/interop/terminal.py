"""As a person uses it: an ordinary user, two terminals, Ctrl-D, the demo, pipes that close early."""

import os
import pty
import select
import shutil
import subprocess
import time

from net import ORDINARY, Failed, Net, check, children, everybody, until, wait_for_line


class Terminal:
    """A program in a pseudo-terminal."""

    def __init__(self, net, *command, user=None):
        self.net = net
        self.main, end = pty.openpty()
        self.seen = b""
        self.process = net.start(*command, user=user, stdin=end, stdout=end, stderr=end)
        os.close(end)

    def read(self, timeout):
        if not select.select([self.main], [], [], timeout)[0]:
            return None
        try:
            data = os.read(self.main, 65536)
        except OSError:  # the program has ended
            data = b""
        self.seen += data
        return data

    def expect(self, text, timeout=60):
        end = time.monotonic() + timeout
        while text not in self.seen:
            left = end - time.monotonic()
            if left <= 0 or self.read(left) == b"":
                raise Failed(f"{text!r} did not appear; instead: {self.seen[-300:]!r}")

    def type(self, text):
        os.write(self.main, text)

    def end(self, timeout=60):
        stop = time.monotonic() + timeout
        while self.process.poll() is None and time.monotonic() < stop:
            self.read(0.1)
        while self.read(0.05):
            pass
        os.close(self.main)
        check(self.process.poll() is not None, f"did not end; last: {self.seen[-300:]!r}")
        return self.process.returncode


def copy_for_user(net):
    """The program where an ordinary user may run it, wherever the tree is."""
    path = net.tmp / "sockeye"
    shutil.copy(net.binary, path)
    path.chmod(0o755)
    return path


def lan_words(binary, name, address, *words):
    return [binary, "nc", "--link", f"lan:{name}", "--addr", f"192.0.2.{address}/24", *words]


def two_terminals(sockeye):
    """Two `nc` over lan: as an ordinary user, each in its terminal; both ways; Ctrl-D at both."""
    with Net(sockeye) as net:
        binary, name = copy_for_user(net), f"ski{os.getpid()}"
        a = Terminal(net, *lan_words(binary, name, 1, "-l", "-v", "-p", "7"), user=ORDINARY)
        a.expect(b"istening")
        b = Terminal(net, *lan_words(binary, name, 2, "-v", "192.0.2.1", "7"), user=ORDINARY)
        b.expect(b"succeeded")
        a.expect(b"192.0.2.2")
        for word in (b"one", b"two"):
            b.type(b"from b " + word + b"\n")
            a.expect(b"from b " + word)
            a.type(b"from a " + word + b"\n")
            b.expect(b"from a " + word)
        b.type(b"\x04")
        time.sleep(0.3)
        a.type(b"after your end\n")  # half-closed: the other way is still open
        b.expect(b"after your end")
        a.type(b"\x04")
        check(b.end() == 0, f"b: exit {b.process.returncode}, {b.seen[-200:]!r}")
        check(a.end() == 0, f"a: exit {a.process.returncode}, {a.seen[-200:]!r}")


def lan_events(sockeye):
    """--events shows the conversation; bytes through pipes arrive unchanged."""
    with Net(sockeye) as net:
        binary, name = copy_for_user(net), f"ske{os.getpid()}"
        data = os.urandom(1 << 20)
        with open(net.tmp / "got", "wb") as out:
            a = net.start(*lan_words(binary, name, 1, "-l", "-v", "-p", "7"), user=ORDINARY, stdout=out,
                stdin=subprocess.DEVNULL)
        wait_for_line(a.stderr, b"istening")
        b = net.run(*lan_words(binary, name, 2, "--events", "192.0.2.1", "7"), user=ORDINARY, input=data)
        done = net.finish(a)
        check(b.code == 0 and done.code == 0, f"{b}; {done}")
        got = (net.tmp / "got").read_bytes()
        check(got == data, f"{len(got)} bytes of {len(data)} arrived, or wrong ones")
        for word in (b"connect 192.0.2.1:7", b"SYN", b"ESTABLISHED", b"FIN"):
            check(word in b.err, f"{word!r} is not on the timeline")


def nobody_left(binary):
    """No process runs this program any more."""
    until(lambda: not [process for process in everybody() if process.program() == str(binary)], "a process is left behind")


def demo_checks(text, code, binary):
    check(code == 0, f"exit {code}: {text[-400:]!r}")
    for word in (b"SYN", b"ESTABLISHED", b"again:"):
        check(word in text, f"{word!r} is not shown: {text[-300:]!r}")
    nobody_left(binary)


def demo(sockeye, user):
    """Its namespace has no name, and goes with its processes."""
    with Net(sockeye) as net:
        binary = copy_for_user(net)
        t = Terminal(net, binary, "demo", user=user)
        code = t.end(60)
        demo_checks(t.seen, code, binary)
        check(b"\x1b[" in t.seen or os.environ.get("TERM", "dumb") == "dumb", "no colour in a terminal")
        done = net.run(binary, "demo", user=user)
        demo_checks(done.out + done.err, done.code, binary)
        check(b"\x1b[" not in done.out + done.err, "colour in a pipe")


def demo_to_head(sockeye):
    """A reader that leaves early ends it quickly and quietly."""
    with Net(sockeye) as net:
        binary = copy_for_user(net)
        done = net.run("bash", "-c", f"{binary} demo | head -n 3; exit ${{PIPESTATUS[0]}}", user=ORDINARY)
        check(len(done.out.splitlines()) == 3, f"{done.out[:200]!r} {done}")
        check(done.code < 128 or done.code == 141, f"it crashed: {done}")
        nobody_left(binary)


def lua_to_head(sockeye):
    """A script that prints on and on ends with its reader, quietly; a full disk is told of."""
    with Net(sockeye) as net:
        binary = copy_for_user(net)
        forever = f"{binary} lua -e 'while true do (IP{{}}/TCP{{}}):show() end' | head -n 2; exit ${{PIPESTATUS[0]}}"
        done = net.run("bash", "-c", forever, user=ORDINARY)
        check(done.code == 141 and done.out.startswith(b"###[ IP ]###\n") and not done.err, f"{done.out[:200]!r} {done}")
        with open("/dev/full", "wb") as full:
            done = net.run(binary, "ls", user=ORDINARY, stdout=full)
        check(done.code == 1 and done.err.count(b"\n") == 1 and b"could not be written" in done.err, str(done))


def lua_in_a_terminal(sockeye):
    """Ctrl-C ends what runs and what is half typed, not the shell; a terminal without colours gets none; `exit` leaves."""
    with Net(sockeye) as net:
        binary = copy_for_user(net)
        shell = Terminal(net, "setsid", "-c", "-w", "env", f"HOME={net.tmp}", "TERM=dumb", binary, "lua", user=ORDINARY)
        for text, answer in ((b"IP{ttl=3}/TCP{}\n", b"IP{ttl=3}/TCP{}\r\n>>> "), (b"IP{ttl=300}\n", b"IP.ttl: 300 is too large (0 to 255)\r\n>>> "),
                (b"print(10 * 77) while true do end\n", b"770\r\n"), (b"\x03", b"interrupted\r\n>>> "), (b"for i = 7, 8 do\n", b"... "),
                (b"\x03", b">>> "), (b"for i = 8, 9 do\n", b"... "), (b"print(i * 111) end\n", b"888\r\n999\r\n>>> "), (b"exit = 5\n", b">>> "),
                (b"exit * 999\n", b"4995\r\n>>> "), (b"exit = nil\n", b">>> ")):
            shell.seen = b""
            shell.type(text)
            shell.expect(answer)
            check(b"\x1b[3" not in shell.seen, f"coloured: {shell.seen!r}")
        shell.type(b"exit\n")
        check(shell.end() == 0, f"{shell.seen!r}")


def lua_cut_off(sockeye):
    """Ctrl-C while the terminal takes no more: what was cut off is no failure, and the shell ends well."""
    with Net(sockeye) as net:
        binary = copy_for_user(net)
        shell = Terminal(net, "setsid", "-c", "-w", "env", f"HOME={net.tmp}", "TERM=dumb", binary, "lua", user=ORDINARY)
        shell.expect(b">>> ")
        shell.type(b'while true do print("") end\n')
        shell.expect(b"\r\n" * 4)
        until(lambda: [each.state for each in children(shell.process.pid)] == ["S"], "it does not wait for its terminal")
        shell.seen = b""
        shell.type(b"\x03")
        shell.expect(b"interrupted\r\n>>> ")
        shell.type(b"\x04")
        check(shell.end() == 0, f"exit {shell.process.returncode}: {shell.seen[-200:]!r}")


def no_privilege(sockeye):
    """An ordinary user and a TAP: one clear line, exit code 2."""
    with Net(sockeye) as net:
        binary = copy_for_user(net)
        done = net.run(binary, "get", "--link", "tap:s9", "--addr", "192.0.2.2/24", "http://192.0.2.1/", user=ORDINARY,
            namespace=net.sockeye)
        check(done.code == 2, str(done))
        lines = done.err.splitlines()
        check(len(lines) == 1 and b"root" in lines[0], str(done))


TESTS = {
    "two-terminals": two_terminals,
    "lan-events": lan_events,
    "demo-root": lambda sockeye: demo(sockeye, None),
    "demo-user": lambda sockeye: demo(sockeye, ORDINARY),
    "demo-to-head": demo_to_head,
    "lua-to-head": lua_to_head,
    "lua-in-a-terminal": lua_in_a_terminal,
    "lua-cut-off": lua_cut_off,
    "no-privilege": no_privilege,
}
