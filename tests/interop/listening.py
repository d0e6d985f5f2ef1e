"""sniff: several interfaces, one that goes away, an error in a function of the script's, Ctrl-C that pcall() catches.
And what a person is told about what was sent."""

import os
import re
import select
import signal
import subprocess
import termios

from craft import FAR_IP, addressed, beyond
from net import SERVER_IP, SOCKEYE_IP, Net, Skip, check, sh, wait_for_line
from terminal import Terminal

SILENT_IP, PYTHON = "192.0.2.98", "/usr/bin/python3"  # Debian's, which has Scapy
READY = 'started_callback=function() io.stdout:write("ready\\n") io.stdout:flush() end'


def start(net, script):
    process = net.start(net.binary, "lua", "-e", script, namespace=net.sockeye, stdin=subprocess.DEVNULL)
    wait_for_line(process.stdout, b"ready")
    return process


def ping(net, namespace, address):
    sh("ip", "netns", "exec", namespace, "ping", "-c", "1", "-W", "30", address)


def ended(net, process, out, *errors):
    done = net.finish(process, None)
    err = done.err.decode()
    check(done.code == 0 and done.out.decode() == out and all(text in err for text in errors)
        and err.count("\n") == len(errors), f"{done} {done.out!r}")


def several(net):
    """A ping of the other namespace's own passes lo, one of ours br0: of the two that are named each is seen."""
    sh("ip", "-n", net.sockeye, "link", "add", "d0", "type", "veth", "peer", "name", "d1")
    for device in ("d1", "d0"):
        sh("ip", "-n", net.sockeye, "link", "set", device, "up")
    process = start(net, f"""
        local on = {{}}
        local pkts = sniff{{iface={{"lo", "br0"}}, filter="icmp[0] = 8", count=2, timeout=50, {READY}}}
        for i, p in ipairs(pkts) do on[i] = p.sniffed_on end
        wrpcap("{net.tmp}/two.pcapng", pkts)
        for i, p in ipairs(rdpcap("{net.tmp}/two.pcapng")) do on[i + 2] = p.sniffed_on end
        print(table.concat(on, " "), IP{{}}.sniffed_on)""")
    ping(net, net.sockeye, "127.0.0.1")
    ping(net, net.server, SOCKEYE_IP)
    ended(net, process, "lo br0 lo br0\tnil\n")


def gone(net):
    """What came is kept, also when it was heard on all that there were; of several the others go on."""
    process = start(net, f"""
        local pkts = sniff{{iface="d0", {READY}}}
        print(#pkts)""")
    sh("ip", "-n", net.sockeye, "link", "set", "d0", "down")
    ended(net, process, "0\n", "sockeye: d0 went down: no more of it is heard")
    sh("ip", "-n", net.sockeye, "link", "set", "d0", "up")
    process = start(net, f"""
        local pkts = sniff{{iface={{"d0", "br0"}}, filter="icmp[0] = 8", count=1, timeout=50, {READY}}}
        print(#pkts)""")
    sh("ip", "-n", net.sockeye, "link", "delete", "d0")
    wait_for_line(process.stderr, b"sockeye: d0 is gone: no more of it is heard\n")
    ping(net, net.server, SOCKEYE_IP)
    ended(net, process, "1\n")


def errors(net):
    """An error in prn closes the socket at once, and is told with its line."""
    process = start(net, f"""
        local function sockets()
            local n = 0
            for line in io.lines("/proc/net/packet") do n = n + 1 end
            return n
        end
        local before = sockets()
        print(pcall(sniff, {{iface="br0", filter="icmp[0] = 8", {READY}, prn=function(p) error("not this", 0) end}}))
        print(sockets() == before)""")
    ping(net, net.server, SOCKEYE_IP)
    ended(net, process, "false\tnot this\ntrue\n")


def interrupted(net):
    """A Ctrl-C that pcall() caught is over with that: what listens next is not ended by it."""
    process = start(net, f"""
        print(pcall(function() io.stdout:write("ready\\n") io.stdout:flush() while true do end end))
        print(#sniff{{iface="br0", filter="icmp[0] = 8", count=1, timeout=50,
            started_callback=function() io.stdout:write("again\\n") io.stdout:flush() end}})
        print(pcall(error, "of another kind", 0))
        error("in the end", 0)""")
    os.killpg(process.pid, signal.SIGINT)
    wait_for_line(process.stdout, b"again")
    ping(net, net.server, SOCKEYE_IP)
    done = net.finish(process, None)
    check(done.code == 1 and done.out == b"1\nfalse\tof another kind\n" and done.err == b"sockeye: in the end\n",
        f"{done} {done.out!r}")


def interrupted_within(net):
    """A Ctrl-C while prn runs ends the sniff as well, and keeps what came."""
    process = start(net, f"""
        print(#sniff{{iface="br0", filter="icmp[0] = 8", {READY}, prn=function()
            io.stdout:write("busy\\n") io.stdout:flush() while true do end end}})""")
    ping(net, net.server, SOCKEYE_IP)
    wait_for_line(process.stdout, b"busy")
    os.killpg(process.pid, signal.SIGINT)
    ended(net, process, "1\n")


def beside(net):
    """What the ring gathers while the script sends is there, to the last packet, when it is stopped."""
    done = net.run(net.binary, "lua", "-e", f"""
        local seen = 0
        local s = AsyncSniffer{{iface="br0", filter="icmp", prn=function() seen = seen + 1 end}}
        for round = 1, 3 do
            s:start()
            sr(IP{{dst="{SERVER_IP}"}}/ICMP{{seq={{{{1, 50}}}}}}, {{timeout=60, verbose=0, iface="br0"}})
            sleep(0.1) -- what sr has seen, others may see a moment later
            local pkts = s:stop()
            print(#pkts, #s.results, seen)
        end
        s = AsyncSniffer{{iface="br0", filter="icmp[0] = 0", count=1}}
        s:start()
        send(IP{{dst="{SERVER_IP}"}}/ICMP{{}}, {{verbose=0}})
        print(s:join(), pcall(s.stop, s))
        s:start()
        print(s:join(0.1), pcall(s.start))""", namespace=net.sockeye)
    one = "<Sniffed: TCP:0 UDP:0 ICMP:%d Other:0>\t%s\n"
    check(done.code == 0 and done.out.decode() == "".join(f"100\t100\t{n}00\n" for n in (1, 2, 3)) +
        one % (1, "false\t-e:14: AsyncSniffer: stop() before start()") + one % (0, "false\t-e:16: call it with a colon: s:start()"),
        f"{done} {done.out!r}")


def at_the_shell(net):
    """Ctrl-C, typed, ends a sniff and nothing else: what came is there."""
    shell = Terminal(net, "ip", "netns", "exec", net.sockeye, "setsid", "-c", "-w", "env", f"XDG_STATE_HOME={net.tmp}", net.binary, "lua")

    def after(text):
        """Has come, and behind it the prompt: the editor has the terminal then."""
        shell.expect(text)
        shell.seen = shell.seen.partition(text)[2]
        shell.expect(b">>> ")
        check(not termios.tcgetattr(shell.main)[3] & termios.ICANON, "the prompt came before the editor had the terminal")

    after(b"Ctrl-D ends")
    shell.type(b"""pkts = sniff{iface="br0", filter="icmp[0] = 8", prn=function(p) return "from " .. p[IP].src end, """
        b"""started_callback=function() print("rea" .. "dy") end}\r""")
    shell.expect(b"ready\r\n")
    ping(net, net.server, SOCKEYE_IP)
    shell.expect(f"from {SERVER_IP}\r\n".encode())
    shell.seen = b""
    shell.type(b"\x03")
    shell.expect(b">>> ")
    shell.type(b"""#pkts .. " is kept: " .. tostring(pkts)\r""")
    after(b"1 is kept: <Sniffed: TCP:0 UDP:0 ICMP:1 Other:0>")
    shell.type(b"\x04")
    code = shell.end()
    check(code == 0, f"exit {code}, the shell's last words: {shell.seen[-300:]!r}")


def on_terminal(net, script):
    """What the script's standard error says when it is a terminal."""
    ours, theirs = os.openpty()
    try:
        process = net.start(net.binary, "lua", "-e", script, namespace=net.sockeye, stdin=subprocess.DEVNULL,
            stderr=theirs)
        done = net.finish(process, None, 30)
        check(done.code == 0, f"{done}")
        seen = b""
        while not seen.endswith(b"packets\r\n") and select.select([ours], [], [], 10)[0]:
            seen += os.read(ours, 4096)
        return seen.decode().replace("\r", "")
    finally:
        os.close(ours)
        os.close(theirs)


def told(net):
    """Scapy's lines and marks at a terminal, the count alone elsewhere; and who does not say its MAC."""
    script = f"""sr1(IP{{dst="{SERVER_IP}"}}/ICMP{{}}, {{timeout=10, iface="br0", filter="icmp[0] = 0"}})"""
    count = "Received 1 packets, got 1 answers, remaining 0 packets\n"
    seen = on_terminal(net, script)
    check(seen == f"Begin emission:\nFinished sending 1 packets.\n*\n{count}", f"{seen!r}")
    done = net.run(net.binary, "lua", "-e", script, namespace=net.sockeye)
    check(done.err.decode() == count, f"{done}")
    silence = f"sockeye: {SILENT_IP} does not answer for its MAC on br0\n"
    packet = f'IP{{dst="{SILENT_IP}"}}/ICMP{{}}'
    # First: about what the others leave the kernel says, some seconds later, that nobody can be reached.
    done = net.run(net.binary, "lua", "-e", f"sr1({packet}, {{timeout=0.2}})", namespace=net.sockeye)
    check(done.err.decode().endswith("remaining 1 packets\n" + silence), f"{done}")
    for call in (f"send({packet}, {{count=2}})", f"sendp(Ether{{}}/{packet}, {{count=2}})"):
        done = net.run(net.binary, "lua", "-e", call, namespace=net.sockeye)
        check(done.err.decode() == "Sent 2 packets.\n" + silence, f"{call}: {done}")
    done = net.run(net.binary, "lua", "-e", f'send(IP{{dst="{SERVER_IP}"}}/ICMP{{}})', namespace=net.sockeye)
    check(done.err == b"Sent 1 packets.\n", f"{done}")


# One at a time, so that neither hears the other; what has an answer waits long for it, what has none not at all.
BY_SCAPY = f"""
from scapy.all import *
conf.verb = 2
print(traceroute("{FAR_IP}", maxttl=4, timeout=30)[0])
srloop(IP(dst="{SERVER_IP}")/ICMP(), count=2, inter=0.1, timeout=30)
print(srloop(IP(dst="{SILENT_IP}")/ICMP(), count=1, timeout=0.3)[1])
print(sr(IP(dst=["{SERVER_IP}"])/ICMP(), timeout=30)[0])
send(IP(dst="{SERVER_IP}")/ICMP(), count=3)
print(sniff(iface="br0", filter="udp port 7", timeout=0.1))
"""
BY_US = f"""
print((traceroute("{FAR_IP}", {{maxttl=4, timeout=30}})))
srloop(IP{{dst="{SERVER_IP}"}}/ICMP{{}}, {{count=2, inter=0.1, timeout=30}})
print((select(2, srloop(IP{{dst="{SILENT_IP}"}}/ICMP{{}}, {{count=1, timeout=0.3}}))))
print((sr(IP{{dst={{"{SERVER_IP}"}}}}/ICMP{{}}, {{timeout=30}})))
send(IP{{dst="{SERVER_IP}"}}/ICMP{{}}, {{count=3}})
print(sniff{{iface="br0", filter="udp port 7", timeout=0.1}})
"""
PRINTED = [f"{FAR_IP}:tcp80", f"1 {SERVER_IP}       11", f"2 {FAR_IP}    RA", f"3 {FAR_IP}    RA", f"4 {FAR_IP}    RA",
    "<Traceroute: TCP:3 UDP:0 ICMP:1 Other:0>",
    *[f"RECV 1: IP / ICMP {SERVER_IP} > {SOCKEYE_IP} echo-reply 0"] * 2, "Sent 2 packets, received 2 packets. 100.0% hits.",
    f"fail 1: IP / ICMP {SOCKEYE_IP} > {SILENT_IP} echo-request 0", "Sent 1 packets, received 0 packets. 0.0% hits.",
    "<PacketList: TCP:0 UDP:0 ICMP:1 Other:0>", "<Results: TCP:0 UDP:0 ICMP:1 Other:0>",
    "<Sniffed: TCP:0 UDP:0 ICMP:0 Other:0>"]
PROGRESS = re.compile(r"send\.\.\. ?|^[.* ]*$|^(Begin|Finished|Received|Sent \d+ packets\.$).*", re.M)


def lines(text):
    """What a person reads at the end of it, without what the ends of lines hide and what goes to the other stream."""
    return [row.strip() for row in PROGRESS.sub("", text.replace("\r", "")).splitlines() if row.strip()]


def beside_scapy(sockeye):
    """Tables, rounds and counts are printed as Scapy prints them."""
    if subprocess.run([PYTHON, "-c", "import scapy.all"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode:
        raise Skip("there is no Scapy (apt install python3-scapy)")
    with Net(sockeye) as net:
        addressed(net)
        beyond(net)
        ours = net.run(net.binary, "lua", "-e", BY_US, namespace=net.sockeye, timeout=200)
        check(ours.code == 0 and lines(ours.out.decode()) == PRINTED, f"{ours} prints {lines(ours.out.decode())}")
        theirs = net.run(PYTHON, "-c", BY_SCAPY, namespace=net.sockeye, timeout=200)
        if lines(theirs.out.decode()) != PRINTED:
            raise Skip(f"this Scapy prints something else: {lines(theirs.out.decode())}, {theirs}")


def listening(sockeye):
    with Net(sockeye) as net:
        addressed(net)
        for part in (several, gone, errors, interrupted, interrupted_within, beside, at_the_shell, told):
            part(net)


TESTS = {"craft-listening": listening, "craft-beside-scapy": beside_scapy}
