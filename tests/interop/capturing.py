"""Programs that capture, unmodified, on the links of a host (`sockeye run`): libpcap's over a ring and without, arping, ping."""

import collections
import subprocess

from net import SERVER_IP, SOCKEYE_IP, Net, check, wait_for_line
from programs import need, nothing_left, under, well

PINGS = 3
ECHOES = "icmp[icmptype] == icmp-echo or icmp[icmptype] == icmp-echoreply"


def echoes_in(tshark, net, path):
    """How many requests and answers, by their numbers; every frame whole."""
    rows = well(net.run(tshark, "-r", path, "-T", "fields", "-e", "icmp.type", "-e", "icmp.seq", "-e", "frame.len", "-e",
        "frame.cap_len", "-e", "icmp.checksum.status"), "tshark").out.decode().split("\n")
    seen = collections.Counter()
    for row in filter(None, rows):
        kind, number, length, captured, good = row.split("\t")
        check(length == captured and good == "1", f"a frame that is not whole: {row}")
        seen[(int(kind), int(number))] += 1
    return seen


BOTH_WAYS = {(kind, number): 1 for kind in (8, 0) for number in range(1, PINGS + 1)}


def ping_it(net):
    """The server's kernel pings the host."""
    net.start(need("ping"), "-c", PINGS, "-i", "0.2", SOCKEYE_IP, namespace=net.server, stdout=subprocess.DEVNULL)


def captured_by(net, ready, *words):
    """A capturing program under Sockeye, while the server's kernel pings the host; what it wrote to stderr."""
    program = net.start(*under(net, *words), namespace=net.sockeye, stdin=subprocess.DEVNULL)
    wait_for_line(program.stderr, ready)
    ping_it(net)
    return well(net.finish(program), words[0]).err.decode()


def tcpdump(sockeye):
    """tcpdump sees both directions, by blocks (TPACKET_V3), by frames (V2) and of all links; -Q in; -D; no such device."""
    program, tshark = need("tcpdump", "tshark")
    with Net(sockeye) as net:
        path = net.tmp / "seen.pcap"
        for options in (("-i", "eth0"), ("-i", "eth0", "--immediate-mode"), ("-i", "any")):
            said = captured_by(net, b"listening on", program, "-n", *options, "-Z", "root", "-w", path, "-c", 2 * PINGS, ECHOES)
            check("0 packets dropped" in said, f"{options}: {said}")
            seen = echoes_in(tshark, net, path)
            check(seen == BOTH_WAYS, f"{options}: {seen}")
        captured_by(net, b"listening on", program, "-n", "-i", "eth0", "-Q", "in", "-Z", "root", "-w", path, "-c", PINGS, ECHOES)
        seen = echoes_in(tshark, net, path)
        check({kind for kind, _ in seen} == {8}, f"-Q in: {seen}")
        listed = well(net.run(*under(net, program, "-D"), namespace=net.sockeye), "-D").out.decode()
        check("eth0 [" in listed and "lo [" in listed and "s0" not in listed, f"-D: {listed}")
        done = net.run(*under(net, program, "-i", "nosuch0"), namespace=net.sockeye)
        check(done.code == 1 and b"No such device" in done.err, f"no such device: {done}")
        nothing_left(net)


def dumpcap(sockeye):
    """dumpcap, with nanoseconds."""
    program, tshark = need("dumpcap", "tshark")
    with Net(sockeye) as net:
        path = net.tmp / "seen.pcapng"
        said = captured_by(net, b"File: ", program, "-i", "eth0", "-f", ECHOES, "-c", 2 * PINGS, "-w", path)
        seen = echoes_in(tshark, net, path)
        check(seen == BOTH_WAYS, f"{seen}: {said}")
        nothing_left(net)


def asking(sockeye):
    """arping and ping find the server's kernel."""
    arping, ping = need("arping", "ping")
    with Net(sockeye) as net:
        done = well(net.run(*under(net, arping, "-c", "1", "-w", "30", "-I", "eth0", SERVER_IP), namespace=net.sockeye), "arping")
        check(SERVER_IP.encode() in done.out, f"arping: {done.out}")
        done = well(net.run(*under(net, ping, "-c", "2", "-i", "0.2", "-W", "30", SERVER_IP), namespace=net.sockeye), "ping")
        check(b"2 received" in done.out and not done.err, f"ping: {done.out} {done.err}")
        nothing_left(net)


TESTS = {
    "capturing-tcpdump": tcpdump,
    "capturing-dumpcap": dumpcap,
    "capturing-asking": asking,
}
