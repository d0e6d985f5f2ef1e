#!/usr/bin/env python3
"""DHCP messages that Sockeye builds are read by Scapy with the same values, and the other way round.

    dhcp.py GOLDEN_DHCP
"""

import os
import random
import socket
import struct
import subprocess
import sys

from scapy_quiet import needs_scapy

with needs_scapy():
    from scapy.layers.dhcp import BOOTP, DHCP, DHCPTypes

COUNT = {"quick": 50, "check": 200, "full": 3000}.get(os.environ.get("SOK_TIER"), 200)
SEED = int(os.environ.get("SOK_SEED", "1"))
NAMES = {"size": "max_dhcp_size", "type": "message-type"}
faults = []


def ours(*words, lines=()):
    text = "".join(line + "\n" for line in lines)
    done = subprocess.run([sys.argv[1], *map(str, words)], input=text, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.splitlines()


def number(value):
    if isinstance(value, str) and value.count(".") == 3:
        return struct.unpack("!I", socket.inet_aton(value))[0]
    return int(value)


def we_put():
    """Every value of ours as Scapy reads it."""
    for line in ours("put", SEED, COUNT):
        data, *words = line.split()
        message = BOOTP(bytes.fromhex(data))
        options = {o[0]: o[1] for o in message[DHCP].options if isinstance(o, tuple)}
        for word in words:
            name, _, want = word.partition("=")
            name = NAMES.get(name, name)
            have = number(options[name] if name in options else message.getfieldval(name))
            if have != int(want):
                faults.append(f"{data}: {name} is {want}, Scapy reads {have}")


def address(rng):
    return socket.inet_ntoa(struct.pack("!I", rng.randrange(1, 1 << 32)))


def scapy_puts():
    """Every value of Scapy's as we read it."""
    rng, lines, wants = random.Random(SEED), [], []
    for _ in range(COUNT):
        length, kind = rng.randrange(1, 33), rng.choice(sorted(DHCPTypes)[:8])
        mask = socket.inet_ntoa(struct.pack("!I", (0xFFFFFFFF << (32 - length)) & 0xFFFFFFFF))
        routers, dns = ([address(rng) for _ in range(rng.randrange(1, 5))] for _ in range(2))
        lease, mtu, server = rng.getrandbits(32), rng.randrange(68, 65536), address(rng)
        domain = f"n{rng.getrandbits(20)}.example.org"
        head = BOOTP(op=2, xid=rng.getrandbits(32), secs=rng.getrandbits(16), flags=rng.choice([0, 0x8000]),
            ciaddr=address(rng), yiaddr=address(rng), giaddr=address(rng))
        options = [("subnet_mask", mask), ("lease_time", lease), ("server_id", server), ("interface-mtu", mtu),
            ("router", *routers), ("name_server", *dns), ("domain", domain)]
        rng.shuffle(options)
        lines.append(bytes(head / DHCP(options=[("message-type", kind), *options, "end"])).hex())
        wants.append(f"op=2 xid={head.xid} secs={head.secs} flags={int(head.flags)} ciaddr={number(head.ciaddr)} "
            f"yiaddr={number(head.yiaddr)} giaddr={number(head.giaddr)} type={kind} mask={length} lease={lease} "
            f"server={number(server)} mtu={mtu} router={','.join(str(number(r)) for r in routers)} "
            f"dns={','.join(str(number(d)) for d in dns)} domain={domain}")
    for line, want, have in zip(lines, wants, ours("get", lines=lines)):
        if have != want:
            faults.append(f"{line}: Scapy wrote\n#   {want}\n# we read\n#   {have}")


we_put()
scapy_puts()
for text in faults[:10]:
    print(f"# {text}")
print(f"{'not ok' if faults else 'ok'} - {COUNT} DHCP messages each way")
sys.exit(1 if faults else 0)
