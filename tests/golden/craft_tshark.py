#!/usr/bin/env python3
"""What defaults build, read by tshark: nothing malformed, every checksum right; and cut at every length, we say what is
missing and read nothing outside (the sanitizer watches in its build).

    craft_tshark.py SOCKEYE
"""

import os
import shutil
import struct
import subprocess
import sys
import tempfile

SKIP = 77
CHECKSUMS = ["ip.checksum.status", "tcp.checksum.status", "udp.checksum.status", "icmp.checksum.status",
    "icmpv6.checksum.status", "igmp.checksum.status"]
BAD = "0"

V4 = 'Ether{src="02:00:00:00:00:01", dst="02:00:00:00:00:02"}/IP{src="192.0.2.1", dst="192.0.2.2"}'
ETH = 'Ether{src="02:00:00:00:00:01", dst="02:00:00:00:00:02"}'
V6 = 'Ether{src="02:00:00:00:00:01", dst="02:00:00:00:00:02"}/IPv6{src="2001:db8::1", dst="2001:db8::2"}'
LL = 'Ether{src="02:00:00:00:00:01"}/IPv6{src="fe80::1"}'
PACKETS = f"""
{V4}/ICMP{{}}/"data"
{V4}/ICMP{{type=0}}
{V4}/ICMP{{type="time-exceeded"}}/IP{{src="192.0.2.1", dst="192.0.2.2"}}/UDP{{}}/"payload."
{V4}/ICMP{{type="timestamp-request", ts_ori=1}}
{V4}/UDP{{sport=9000, dport=9}}/"data"
{V4}/UDP{{}}/DNS{{}}
{V4}/UDP{{}}/DNS{{qr=1, qd=DNSQR{{qname="www.example.com"}}, an={{DNSRR{{rrname="www.example.com", rdata="192.0.2.3"}}}}}}
{V4}/UDP{{}}/DNS{{qr=1, an={{DNSRR{{rrname="a.example", type="CNAME", rdata="b.example"}}, DNSRRMX{{exchange="m.example"}}, DNSRRSOA{{}}, DNSRRSRV{{port=9}}, DNSRR{{type="TXT", rdata={{"a", "b"}}}}}}}}
{V4}/UDP{{}}/BOOTP{{chaddr="02:00:00:00:00:01"}}/DHCP{{options={{{{"message-type", "discover"}}, {{"param_req_list", {{1, 3, 6}}}}, "end"}}}}
{V4}/TCP{{}}
{V4}/TCP{{dport=443, flags="SA", options={{{{"MSS", 1460}}, {{"SAckOK", ""}}, {{"Timestamp", {{1, 0}}}}, {{"NOP"}}, {{"WScale", 7}}}}}}
{V4}/TCP{{dport=9, flags="PA", options={{{{"NOP"}}, {{"NOP"}}, {{"SAck", {{1, 2, 3, 4}}}}}}}}/"hello"
Ether{{src="02:00:00:00:00:01", dst="01:00:5e:00:00:01"}}/IP{{src="192.0.2.1", dst="224.0.0.1"}}/IGMP{{}}
Ether{{src="02:00:00:00:00:01", dst="01:00:5e:00:00:16"}}/IP{{src="192.0.2.1", dst="224.0.0.22", options={{IPOption_Router_Alert{{}}}}}}/IGMPv3{{}}/IGMPv3mr{{records={{IGMPv3gr{{maddr="233.252.0.1", srcaddrs={{"192.0.2.9"}}}}}}}}
Ether{{src="02:00:00:00:00:01", dst="01:00:5e:00:00:01"}}/IP{{src="192.0.2.1", dst="224.0.0.1"}}/IGMPv3{{}}/IGMPv3mq{{srcaddrs={{"192.0.2.9"}}}}
{V4}/IP{{src="192.0.2.3", dst="192.0.2.4", options={{IPOption_RR{{routers={{"192.0.2.5"}}}}}}}}/UDP{{dport=9}}
Ether{{src="02:00:00:00:00:01"}}/ARP{{psrc="192.0.2.1", pdst="192.0.2.2"}}
Ether{{src="02:00:00:00:00:01", dst="02:00:00:00:00:02"}}/Dot1Q{{vlan=7}}/IP{{src="192.0.2.1", dst="192.0.2.2"}}/UDP{{dport=9}}
{V4}/GRE{{}}/IP{{src="198.51.100.1", dst="198.51.100.2"}}/UDP{{sport=9000, dport=9}}/"data"
{V4}/GRE{{chksum_present=1, key_present=1, key=7, seqnum_present=1, sequence_number=9}}/Ether{{src="02:00:00:00:00:03", dst="02:00:00:00:00:04"}}/IP{{src="198.51.100.1", dst="198.51.100.2"}}/UDP{{sport=9000, dport=9}}/"data"
{V4}/UDP{{}}/VXLAN{{vni=42}}/Ether{{src="02:00:00:00:00:03", dst="02:00:00:00:00:04"}}/IP{{src="198.51.100.1", dst="198.51.100.2"}}/UDP{{sport=9000, dport=9}}/"data"
{V4}/UDP{{}}/NTP{{sent=3900000000.5}}
{V4}/UDP{{}}/RIP{{cmd="resp", version=2}}/RIPEntry{{addr="198.51.100.0", mask="255.255.255.0"}}
{ETH}/MPLS{{label=16, ttl=64}}/IP{{src="192.0.2.1", dst="192.0.2.2"}}/UDP{{sport=9000, dport=9}}/"data"
{ETH}/PPPoE{{sessionid=1}}/PPP{{}}/IP{{src="192.0.2.1", dst="192.0.2.2"}}/UDP{{sport=9000, dport=9}}/"data"
{V6}/UDP{{sport=9000, dport=9}}/"data"
{V6}/TCP{{dport=9}}
{V6}/ICMPv6EchoRequest{{data="data"}}
{V6}/ICMPv6EchoReply{{data="data"}}
{V6}/ICMPv6DestUnreach{{}}/IPv6{{src="2001:db8::2", dst="2001:db8::1"}}/UDP{{sport=9000, dport=9}}/"data"
{V6}/ICMPv6PacketTooBig{{}}/IPv6{{src="2001:db8::2", dst="2001:db8::1"}}/UDP{{sport=9000, dport=9}}/"data"
{V6}/IPv6ExtHdrHopByHop{{options={{RouterAlert{{}}}}}}/UDP{{dport=9}}
{V6}/IPv6ExtHdrDestOpt{{}}/TCP{{dport=9}}
{V6}/IPv6ExtHdrFragment{{}}/UDP{{sport=9000, dport=9}}/"data"
{V6}/IPv6ExtHdrRouting{{addresses={{"2001:db8::3"}}}}/UDP{{dport=9}}
{LL}/ICMPv6ND_RS{{}}/ICMPv6NDOptSrcLLAddr{{lladdr="02:00:00:00:00:01"}}
{LL}/ICMPv6ND_RA{{}}/ICMPv6NDOptPrefixInfo{{prefix="2001:db8::"}}/ICMPv6NDOptMTU{{}}/ICMPv6NDOptRDNSS{{dns={{"2001:db8::53"}}}}/ICMPv6NDOptDNSSL{{searchlist={{"example.com"}}}}/ICMPv6NDOptRouteInfo{{prefix="2001:db8:1::", plen=64}}
{LL}/ICMPv6ND_NS{{tgt="fe80::2"}}/ICMPv6NDOptSrcLLAddr{{lladdr="02:00:00:00:00:01"}}
{LL}/ICMPv6ND_NA{{tgt="fe80::2"}}/ICMPv6NDOptDstLLAddr{{lladdr="02:00:00:00:00:02"}}
{LL}/IPv6ExtHdrHopByHop{{options={{RouterAlert{{}}}}}}/ICMPv6MLReport2{{records={{ICMPv6MLDMultAddrRec{{dst="ff02::fb"}}}}}}
{LL}/ICMPv6MLQuery{{}}
{LL}/ICMPv6MLQuery2{{sources={{"2001:db8::9"}}}}
""".strip().splitlines()

CUTS = """
for line in io.lines(arg and arg[1] or ...) do
    local whole = load("return " .. line)()
    local b = bytes(whole)
    for n = 1, #b do
        local p = Ether(b:sub(1, n)) -- 18: where a header with a length begins, behind a tag too
        local text = tostring(p) .. p:summary() .. p:show(true)
        if n > 18 and n < #b and not text:find("cut: ", 1, true) then
            error(line .. " cut at " .. n .. ": nothing says so")
        end
        if n == #b and bytes(p) ~= b then error(line .. ": dissected and built again it differs") end
    end
end
"""


def build(sockeye, directory):
    """Each packet's bytes, by one run of the command."""
    script = os.path.join(directory, "build.lua")
    lines = ['local function hex(s) return (s:gsub(".", function(c) return string.format("%02x", c:byte()) end)) end']
    lines += [f"print(hex(bytes({expr})))" for expr in PACKETS]
    with open(script, "w", encoding="ascii") as f:
        f.write("\n".join(lines) + "\n")
    done = subprocess.run([sockeye, "lua", script], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"not ok: {done.stderr.strip()}")
    return [bytes.fromhex(line) for line in done.stdout.split()]


def write_pcap(path, frames):
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for frame in frames:
            f.write(struct.pack("<IIII", 1, 0, len(frame), len(frame)) + frame)


def tshark_faults(path, frames):
    options = ["-T", "fields", "-E", "separator=\t", "-E", "occurrence=a", "-o", "ip.check_checksum:TRUE",
        "-o", "tcp.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE"]
    names = ["_ws.malformed", *CHECKSUMS]
    for name in names:
        options += ["-e", name]
    done = subprocess.run(["tshark", "-n", "-r", path, *options], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    faults = [] if len(lines) == len(frames) else [f"{len(frames)} written, {len(lines)} read"]
    for expr, line in zip(PACKETS, lines):
        found = dict(zip(names, line.split("\t")))
        if found.pop("_ws.malformed"):
            faults.append(f"malformed: {expr}")
        faults += [f"{name} is bad: {expr}" for name, value in found.items() if BAD in value.split(",")]
    good = sum(line.count("1") > 0 for line in lines)
    if good < len(frames) - 2:  # ARP, and a fragment, have none
        faults.append(f"checksums were found good in {good} of {len(frames)} only")
    return faults


def main():
    sockeye = sys.argv[1]
    if not shutil.which("tshark"):
        print("skipped: tshark is not installed")
        return SKIP
    with tempfile.TemporaryDirectory() as directory:
        frames = build(sockeye, directory)
        path = os.path.join(directory, "x.pcap")
        write_pcap(path, frames)
        faults = tshark_faults(path, frames)
        packets, cuts = os.path.join(directory, "packets"), os.path.join(directory, "cuts.lua")
        with open(packets, "w", encoding="ascii") as f:
            f.write("\n".join(PACKETS) + "\n")
        with open(cuts, "w", encoding="ascii") as f:
            f.write(CUTS)
        done = subprocess.run([sockeye, "lua", cuts, packets], capture_output=True, text=True, check=False)
        if done.returncode:
            faults.append(f"cut: {done.stderr.strip()}")
    for fault in faults:
        print("not ok:", fault)
    print(f"{len(frames)} packets, {sum(map(len, frames))} cuts, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
