#!/usr/bin/env python3
"""The packet language's words beside Scapy's: the same call on the same packets prints the same.

    scapy_words.py SOCKEYE

Left as they are: names of IP's protocols (ours are written large), quotes of bytes (Python's have a b).
"""

import contextlib
import io
import pathlib
import subprocess
import sys

from scapy_quiet import needs_scapy

with needs_scapy():
    from scapy.layers.inet import ICMP, IP, TCP, UDP, defragment, fragment
    from scapy.layers.l2 import ARP, Ether
    from scapy.packet import Raw
    from scapy.plist import PacketList
    from scapy.utils import checksum, chexdump, hexdump, import_hexcap, linehexdump

LUA = """
local ip = IP{src="192.0.2.2", dst="192.0.2.1", id=7, ttl=9}
local eth = Ether{src="02:00:00:00:00:01", dst="02:00:00:00:00:02"}
local tcp = eth/ip/TCP{sport=20, dport=443, flags="SA", seq=5}/"hello"
local echo = ip/ICMP{type="echo-request", id=3, seq=4}/"x"
local deep = IP{src="192.0.2.3", dst="192.0.2.4"}/ip/UDP{sport=53, dport=4000}
local arp = ARP{op="is-at", psrc="192.0.2.2", pdst="192.0.2.1", hwsrc="02:00:00:00:00:01"}
local big = ip/UDP{sport=4000, dport=4001}/("abcdefghij"):rep(300)
local function hexes(list) for p in list:each() do print(hex(p)) end end
hexes(big:fragment(1000)) hexes(fragment(eth/big, 1480)) hexes(fragment(big:fragment(1000), 400)) hexes(fragment(echo, 64))
print(hex(defragment(big:fragment(1000))[1]))
local formats = {"%IP.src% > %IP.dst%", "%-15s,IP.dst%|%15s,IP.src%|", "%TCP.flags% %TCP.sport% %TCP.dport%", "%02xr,IP.ttl% %r,TCP.dport%",
    "{TCP:tcp %TCP.seq%}{UDP:udp %UDP.dport%}{!TCP:no tcp}", "%% %( %)", "%ICMP.type% %ICMP.code%", "%IP:2.src% %IP:1.dst%",
    "%IP.flags%|%IP.tos%|%IP.id%", "{IP:{ICMP:%IP.ttl%}}", "%ARP.op% %ARP.psrc% %ARP.hwsrc%", "%Ether.src%", "plain", ""}
for _, p in ipairs{tcp, echo, deep, arp} do
    for _, f in ipairs(formats) do print(p:sprintf(f)) end
end
local list = (IP{src="192.0.2.2", dst={"192.0.2.10", "192.0.2.9"}}/TCP{dport={80, 443, 8}}):list()
list:make_table(function(p) return p.dst, p.dport, p.TCP.flags end)
list:filter(function(p) return p.dst ~= "192.0.2.9" or p.dport > 9 end):make_table(
    function(p) return p:sprintf("%TCP.dport%"), p.dst, "a longer text" end)
list:summary() list:summary(function(p) return p.dport end, function(p) return p.dst == "192.0.2.9" end)
list:replace("IP.src", "192.0.2.2", "192.0.2.7"):summary()
hexdump(tcp) print(linehexdump("abc\\1")) print(chexdump("abc\\1")) print(checksum("abc"))
print(hex(import_hexcap(hexdump(tcp, true))))
"""

FORMATS = ["%IP.src% > %IP.dst%", "%-15s,IP.dst%|%15s,IP.src%|", "%TCP.flags% %TCP.sport% %TCP.dport%", "%02xr,IP.ttl% %r,TCP.dport%",
    "{TCP:tcp %TCP.seq%}{UDP:udp %UDP.dport%}{!TCP:no tcp}", "%% %( %)", "%ICMP.type% %ICMP.code%", "%IP:2.src% %IP:1.dst%",
    "%IP.flags%|%IP.tos%|%IP.id%", "{IP:{ICMP:%IP.ttl%}}", "%ARP.op% %ARP.psrc% %ARP.hwsrc%", "%Ether.src%", "plain", ""]


def theirs():
    ip = IP(src="192.0.2.2", dst="192.0.2.1", id=7, ttl=9)
    eth = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
    tcp = eth / ip / TCP(sport=20, dport=443, flags="SA", seq=5) / Raw(b"hello")
    echo = ip / ICMP(type="echo-request", id=3, seq=4) / Raw(b"x")
    deep = IP(src="192.0.2.3", dst="192.0.2.4") / ip / UDP(sport=53, dport=4000)
    arp = ARP(op="is-at", psrc="192.0.2.2", pdst="192.0.2.1", hwsrc="02:00:00:00:00:01")
    big = ip / UDP(sport=4000, dport=4001) / Raw(b"abcdefghij" * 300)

    def hexes(packets):
        for packet in packets:
            print(bytes(packet).hex())
    pieces = fragment(big, 1000)
    hexes(pieces)
    hexes(fragment(eth / big, 1480))
    hexes(again for piece in pieces for again in fragment(IP(bytes(piece)), 400))
    hexes(fragment(echo, 64))
    hexes(defragment([IP(bytes(piece)) for piece in pieces]))
    for packet in (tcp, echo, deep, arp):
        for text in FORMATS:
            print(packet.sprintf(text))
    packets = PacketList(list(IP(src="192.0.2.2", dst=["192.0.2.10", "192.0.2.9"]) / TCP(dport=[80, 443, 8])))
    packets.make_table(lambda p: (p.dst, p.dport, p[TCP].flags))
    packets.filter(lambda p: p.dst != "192.0.2.9" or p.dport > 9).make_table(
        lambda p: (p.sprintf("%TCP.dport%"), p.dst, "a longer text"))
    packets.summary()
    packets.summary(lambda p: p.dport, lambda p: p.dst == "192.0.2.9")
    packets.replace(IP.src, "192.0.2.2", "192.0.2.7").summary()
    hexdump(tcp)
    print(linehexdump(b"abc\1", dump=True))
    print(chexdump(b"abc\1", dump=True))
    print(checksum(b"abc"))
    print(import_hexcap(hexdump(tcp, dump=True)).hex())


def main():
    done = subprocess.run([pathlib.Path(sys.argv[1]).resolve(), "lua", "-"], input=LUA.encode(), stdout=subprocess.PIPE, check=True)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        theirs()
    ours = [line.rstrip() for line in done.stdout.decode().splitlines()]
    wanted = [line.rstrip() for line in out.getvalue().splitlines()]
    wrong = [(a, b) for a, b in zip(ours, wanted) if a != b]
    for a, b in wrong[:10]:
        print(f"not ok - ours    {a}\n         Scapy's {b}")
    if len(ours) != len(wanted):
        print(f"not ok - {len(ours)} lines, {len(wanted)} of Scapy's")
    same = not wrong and len(ours) == len(wanted)
    print(f"{'' if same else 'not '}ok - {len(wanted)} lines as Scapy prints them")
    return not same


if __name__ == "__main__":
    sys.exit(main())
