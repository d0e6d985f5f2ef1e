#!/usr/bin/env python3
"""The headers that Sockeye writes are read by Scapy with the same values, and the other way round; packets that
Scapy computes lengths and checksums for hold under our checks.

    scapy_fields.py GOLDEN_FIELDS
"""

import os
import random
import socket
import struct
import subprocess
import sys

from scapy_quiet import needs_scapy

with needs_scapy():
    from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_Router_Alert, IPerror, UDPerror
    from scapy.layers.l2 import ARP, Dot1Q, Ether
    from scapy.packet import Raw

COUNT = {"quick": 50, "check": 200, "full": 3000}.get(os.environ.get("SOK_TIER"), 200)
SEED = int(os.environ.get("SOK_SEED", "1"))
CLASSES = {"Ether": Ether, "ARP": ARP, "IP": IP, "ICMP": ICMP, "UDP": UDP, "TCP": TCP}
ADDRESSES = {"psrc", "pdst", "src", "dst", "gw"}
faults = []


def fault(text):
    faults.append(text)


def ours(mode, lines=None, *arguments):
    text = "".join(line + "\n" for line in lines or [])
    done = subprocess.run([sys.argv[1], mode, *map(str, arguments)], input=text, stdout=subprocess.PIPE, text=True,
        check=True)
    return done.stdout.splitlines()


def number(name, value):
    """A value of Scapy's as the number that our program prints."""
    if value is None:
        return None
    if isinstance(value, str) and ":" in value:
        return int(value.replace(":", ""), 16)
    if isinstance(value, str) and name in ADDRESSES:
        return struct.unpack("!I", socket.inet_aton(value))[0]
    return int(value)


def compare(line):
    """One line of ours against what Scapy reads from its bytes."""
    words = line.split()
    packet = CLASSES[words[0]](bytes.fromhex(words[1]))
    for word in words[2:]:
        name, _, text = word.partition("=")
        theirs = number(name, packet.getfieldval(name))
        if theirs != int(text, 0):
            fault(f"{words[0]} {words[1]}: {name} is {text}, Scapy reads {theirs}")
    return len(words) - 2


def compare_options(line):
    words = line.split()
    data = bytes.fromhex(words[1]) if words[1] != "-" else b""
    header = struct.pack("!HHIIBBHHH", 1, 2, 3, 4, (20 + len(data)) // 4 << 4, 0, 0, 0, 0)
    found = {}
    for name, value in TCP(header + data).options:
        found[name] = value
    for word in words[2:]:
        name, _, text = word.partition("=")
        value = found.pop(name, None)
        theirs = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
        if name == "SAckOK":
            theirs = "1" if value is not None else "None"
        if theirs != text:
            fault(f"options {words[1]}: {name} is {text}, Scapy reads {theirs}")
    found.pop("NOP", None)
    if found:
        fault(f"options {words[1]}: Scapy also reads {found}")


def we_put():
    values = 0
    for line in ours("put", None, SEED, COUNT):
        if line.startswith("OPTIONS"):
            compare_options(line)
            values += 1
        else:
            values += compare(line)
    return values


def mac(rng):
    return ":".join(f"{rng.randrange(256):02x}" for _ in range(6))


def address(rng):
    return socket.inet_ntoa(struct.pack("!I", rng.getrandbits(32)))


def random_headers(rng):
    def r(bits):
        return rng.getrandbits(bits)
    yield Ether(dst=mac(rng), src=mac(rng), type=r(16))
    yield ARP(op=r(16), hwsrc=mac(rng), hwdst=mac(rng), psrc=address(rng), pdst=address(rng))
    yield IP(version=r(4), ihl=5, tos=r(8), len=r(16), id=r(16), flags=r(3), frag=r(13), ttl=r(8), proto=r(8), chksum=r(16),
        src=address(rng), dst=address(rng))
    yield ICMP(type=rng.choice([0, 8]), code=r(8), chksum=r(16), id=r(16), seq=r(16))
    yield ICMP(type=3, code=r(8), chksum=r(16), reserved=r(8), length=r(8), nexthopmtu=r(16))
    yield ICMP(type=5, code=r(8), chksum=r(16), gw=address(rng))
    yield ICMP(type=11, code=r(8), chksum=r(16), reserved=r(8), length=r(8), unused=r(16))
    yield ICMP(type=12, code=r(8), chksum=r(16), ptr=r(8), length=r(8), unused=r(16))
    yield ICMP(type=10, code=r(8), chksum=r(16), unused=r(32))
    yield UDP(sport=r(16), dport=r(16), len=r(16), chksum=r(16))
    yield TCP(sport=r(16), dport=r(16), seq=r(32), ack=r(32), dataofs=5, reserved=r(3), flags=r(9), window=r(16),
        chksum=r(16), urgptr=r(16))


def scapy_puts(rng):
    """Scapy builds; what our rows read is compared with the values it was given."""
    packets = [p for _ in range(COUNT) for p in random_headers(rng)]
    answers = ours("get", [f"{p.name if p.name != 'Ethernet' else 'Ether'} {bytes(p).hex()}" for p in packets])
    values = 0
    for packet, line in zip(packets, answers, strict=True):
        words = line.split()
        for word in words[2:]:
            name, _, text = word.partition("=")
            given = packet.fields.get(name)
            if given is None:
                continue
            values += 1
            if number(name, given) != int(text, 0):
                fault(f"{packet.name}: {name} was given as {given}, our rows read {text}")
    return values


def scapy_options(rng):
    """Options in any order, as Scapy writes them."""
    lines, wanted = [], []
    for _ in range(COUNT):
        options = {"MSS": rng.getrandbits(16), "WScale": rng.getrandbits(8), "SAckOK": b"",
            "Timestamp": (rng.getrandbits(32), rng.getrandbits(32)), "SAck": (rng.getrandbits(32), rng.getrandbits(32))}
        names = rng.sample(sorted(options), rng.randrange(6))
        data = bytes(TCP(options=[(name, options[name]) for name in names]))[20:]
        lines.append(data.hex())
        wanted.append({name: options[name] for name in names})
    for line, data, want in zip(ours("options", lines), lines, wanted, strict=True):
        words = line.split()
        read = dict(word.split("=") for word in words[1:])
        want = {name: "1" if name == "SAckOK" else ",".join(map(str, v)) if isinstance(v, tuple) else str(v)
            for name, v in want.items()}
        if words[0] != "well" or read != want:
            fault(f"options {data}: Scapy wrote {want}, we read {line}")
    return len(lines)


def whole_packets(rng):
    """Lengths and checksums by Scapy; and the same packets with one bit changed, which must not hold."""
    lines, wanted = [], []

    def add(packet, layers):
        data = bytes(packet)
        lines.append(data.hex())
        wanted.append(f"{layers}/ ok")
        spoiled = bytearray(data)
        # Behind the Ethernet header and the IP addresses everything is covered by a checksum.
        at = rng.randrange(34, len(data)) if "IP" in layers else None
        if at is not None:
            spoiled[at] ^= 1 << rng.randrange(8)
            lines.append(spoiled.hex())
            wanted.append("bad")

    for _ in range(COUNT // 4 + 1):
        ip = Ether(dst=mac(rng), src=mac(rng)) / IP(src="192.0.2.1", dst=address(rng), id=rng.getrandbits(16))
        data = rng.randbytes(rng.randrange(1, 1400))
        add(ip / TCP(sport=1, dport=2, options=[("MSS", 1460)]) / Raw(data), "Ether/IP/TCP/Raw")
        add(ip / TCP(sport=1, dport=2), "Ether/IP/TCP")
        add(ip / UDP(sport=1, dport=2) / Raw(data), "Ether/IP/UDP/Raw")
        add(ip / ICMP(id=1, seq=2) / Raw(data), "Ether/IP/ICMP/Raw")
        tagged = Ether(dst=mac(rng), src=mac(rng)) / Dot1Q(vlan=rng.randrange(1, 4095), prio=rng.randrange(8))
        add(tagged / ip[IP] / UDP(sport=1, dport=2) / Raw(data), "Ether/Dot1Q/IP/UDP/Raw")
        add(ip / ICMP(type=3, code=3) / IPerror(bytes(IP(src="192.0.2.1", dst="192.0.2.2") / UDP(sport=7, dport=8))),
            "Ether/IP/ICMP")
        lines.append(bytes(Ether() / IP(src="192.0.2.1", dst="192.0.2.2", options=[IPOption_Router_Alert()])
            / UDP(sport=1, dport=2) / Raw(data)).hex())
        wanted.append("Ether/IP/UDP/Raw/ ok")
        lines.append(bytes(Ether(dst=mac(rng), src=mac(rng)) / ARP(op=rng.choice([1, 2]), hwsrc=mac(rng))).hex())
        wanted.append("Ether/ARP/ ok")
    for line, data, want in zip(ours("check", lines), lines, wanted, strict=True):
        good = line.endswith(" bad") if want == "bad" else line == want
        # A UDP checksum that becomes 0 says "none": the one bit that may pass.
        if not good and not (want == "bad" and "/UDP/" in line and data[80:84] == "0000"):
            fault(f"{data}: expected {want}, got {line}")
    return len(lines)


def main():
    rng = random.Random(SEED)
    failed = 0
    for name, run in (("headers we put, read by Scapy", we_put), ("headers Scapy put, read by us", lambda: scapy_puts(rng)),
            ("TCP options Scapy put", lambda: scapy_options(rng)), ("whole packets, and with one bit changed", lambda:
            whole_packets(rng))):
        faults.clear()
        count = run()
        print(f"{'not ok' if faults else 'ok'} - {name}: {count} compared")
        for text in faults[:10]:
            print(f"# {text}")
        failed += bool(faults) or count == 0
    sys.exit(1 if failed else 0)


main()
