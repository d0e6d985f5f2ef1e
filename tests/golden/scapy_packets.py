#!/usr/bin/env python3
"""Packets with random values in every field: made from the same values by Scapy they are the same bytes, and the same
bytes are read by Scapy as the same layers and fields.

    scapy_packets.py GOLDEN_CRAFT [COUNT]
"""

import collections
import fractions
import json
import os
import re
import subprocess
import sys

from scapy_quiet import needs_scapy

with needs_scapy():
    import scapy.layers.dhcp
    import scapy.layers.dhcp6
    import scapy.layers.dns
    import scapy.layers.inet
    import scapy.layers.inet6
    import scapy.layers.l2
    import scapy.layers.ntp
    import scapy.layers.ppp
    import scapy.layers.rip
    import scapy.layers.vxlan
    import scapy.contrib.igmp
    import scapy.contrib.igmpv3
    import scapy.contrib.mpls
    from scapy.base_classes import Packet_metaclass
    from scapy.packet import NoPayload, Packet

TIER = os.environ.get("SOK_TIER", "check")
COUNT = int(sys.argv[2]) if len(sys.argv) > 2 else {"quick": 800, "check": 16000, "full": 30000}[TIER]
SEED = os.environ.get("SOK_SEED", "1")
LINES = COUNT // 10  # summaries that are compared
LEAST = 20  # times that each field of each layer is set

CLASSES = {}
for module in (scapy.layers.l2, scapy.layers.inet, scapy.layers.inet6, scapy.layers.dns, scapy.layers.dhcp, scapy.layers.dhcp6,
               scapy.layers.ppp, scapy.layers.vxlan, scapy.layers.rip, scapy.contrib.igmp, scapy.contrib.igmpv3, scapy.contrib.mpls, scapy.packet):
    for name, thing in vars(module).items():
        if isinstance(thing, Packet_metaclass):
            CLASSES.setdefault(name, thing)
# Scapy's of this name has a field more over TCP.
CLASSES["DNSTCP"] = CLASSES["DNS"]
# The class of all kinds has no fields.
CLASSES["NTP"] = scapy.layers.ntp.NTPHeader
# What Scapy has no layer of, or another kind of one, with the reason.
APART = {}
# Fields that are read otherwise by Scapy, with the reason.
READ_APART = {
    ("BOOTP", "options"): "the cookie is bytes to Scapy, a number to us",
    ("Loopback", "reserved"): "Scapy has one field of four bytes",
    ("DHCP", "options"): "of a code with a wrong length Scapy reads what it can",
    ("ICMPv6MLReport2", "records"): "bytes that are no record are none to Scapy",
    ("DHCP6OptRelayMsg", "message"): "a message of no known type is bytes to Scapy",
    ("DHCP6OptClientFQDN", "fqdn"): "the root alone is no name to Scapy",
    ("DHCP6OptNISDomain", "nisdomain"): "the root alone is no name to Scapy",
    ("DHCP6OptNISPDomain", "nispdomain"): "the root alone is no name to Scapy",
}
# Headers that Scapy does not look for behind those, or builds with another number.
UNBOUND = {
    ("Dot1Q", "PPPoE"), ("Dot1Q", "PPPoED"), ("Dot1Q", "MPLS"), ("CookedLinux", "MPLS"), ("CookedLinuxV2", "MPLS"),
    ("UDP", "MPLS"), ("CookedLinux", "LLC"), ("CookedLinuxV2", "LLC"),
}
# Numbers with a fraction: how many bits of it.
FIXED = {**{("STP", name): 8 for name in ("age", "maxage", "hellotime", "fwddelay")},
         **{("NTP", name): 16 for name in ("delay", "dispersion")},
         **{("NTP", name): 32 for name in ("ref", "orig", "recv", "sent")}}
# What Scapy's line says of a layer, and ours does not, with the reason.
SUMMARY_APART = {"PPPoED_Tags": "Scapy lists the tags, without a blank before",
                 "NTP": "Scapy looks for the fields in the class of all kinds, and finds none"}
# Layers whose bytes Scapy leaves unread, or reads as another class, with the reason.
READ_OTHERWISE = {
    "DHCP6": "a message of no known type is bytes to Scapy",
    "IGMP": "Scapy looks for it under a TTL of 1 only",
    "IGMPv3": "Scapy looks for it under a TTL of 1 only",
    "ICMPv6MLQuery2": "Scapy tells it from version 1 by the length of the IPv6 packet",
    "ICMPv6NDOptUnknown": "of a type that is known Scapy wants the known layout",
}

faults = collections.Counter()
examples = {}
seen = collections.Counter()


def fault(kind, text):
    faults[kind] += 1
    examples.setdefault(kind, text)


def text_or_bytes(value, wanted):
    data = bytes.fromhex(value["hex"])
    return data.decode() if wanted is str else data


def option(entry):
    """{"MSS", 1460} as Scapy's pair: one value alone, several as a tuple; DHCP's behind each other."""
    name = text_or_bytes(entry[0], str) if isinstance(entry[0], dict) else entry[0]
    values = [text_or_bytes(v, bytes) if isinstance(v, dict) else v for v in entry[1:]]
    values = [tuple(v) if isinstance(v, list) else v for v in values]
    return (name, values[0] if values else None) if len(values) < 2 else (name, *values)


def dhcp_option(entry):
    name, *values = entry
    return tuple(text_or_bytes(v, str) if isinstance(v, dict) and v["hex"] and bytes.fromhex(v["hex"]).isascii()
                 else text_or_bytes(v, bytes) if isinstance(v, dict) else v for v in [name, *values])


def exact(text, bits):
    """The number that a text of ten digits stands for."""
    return fractions.Fraction(round(fractions.Fraction(text) * 2**bits), 2**bits)


def to_scapy(layer, name, value):
    """A value of ours as Scapy takes it."""
    if (layer, name) in FIXED:
        return exact(value, FIXED[layer, name])
    if isinstance(value, dict):
        return text_or_bytes(value, bytes)
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [text_or_bytes(v, str) for v in value]  # addresses
    if isinstance(value, list) and value and isinstance(value[0][0], list):
        return [make(packet) for packet in value]
    if isinstance(value, list):
        return [(dhcp_option if layer == "DHCP" else option)(entry) for entry in value]
    return value


def make(layers):
    packet = None
    for i, (name, fields) in enumerate(layers):
        if name == "TCP" and [n for n, _ in layers[i + 1:i + 2]] == ["DNSTCP"]:
            fields = {"dport": 53, **fields}  # Scapy sets the source port alone
        layer = CLASSES[name](**{field: to_scapy(name, field, value) for field, value in fields.items()})
        packet = layer if packet is None else packet / layer
    return packet


def from_scapy(value, like):
    """A value that Scapy read, in the shape of ours."""
    if isinstance(value, Packet):
        return [[type(value).__name__, {f.name: value.getfieldval(f.name) for f in value.fields_desc}]]
    if isinstance(like, list) and value is None:
        return []
    if isinstance(like, list) and isinstance(value, (list, tuple)):
        return list(value)
    if isinstance(like, dict):
        if isinstance(value, list):  # what Scapy left of bytes that it could not read as a list
            value = b"".join(bytes(v) if not isinstance(v, tuple) else b"?" for v in value)
        return {"hex": (value.encode() if isinstance(value, str) else bytes(value or b"")).hex()}
    if isinstance(like, int):
        return int(value) if value is not None and not isinstance(value, (str, bytes, list)) else value
    return value


def plain(thing):
    """Options in one shape: names and bytes as bytes, nothing as nothing."""
    if isinstance(thing, (list, tuple)):
        parts = [plain(part) for part in thing]
        return [part for part in parts if part not in (b"", None, [])]
    return thing.encode() if isinstance(thing, str) else thing


def without_end(options):
    """The options before the first that ends them: behind it lies padding, of which Scapy makes options again."""
    for i, entry in enumerate(options):
        name = entry[0][0] if isinstance(entry, list) and isinstance(entry[0], list) else type(entry).__name__
        if name == "IPOption_EOL" or (isinstance(entry, (list, tuple)) and plain(entry) in ([b"EOL"], [{"hex": "454f4c"}])):
            return options[:i]
    return options


def same(ours, theirs):
    if isinstance(ours, list) and isinstance(theirs, Packet):
        theirs = chain(theirs)
    if isinstance(ours, list) and not ours and not theirs:
        return True
    if isinstance(ours, list) and isinstance(theirs, (list, tuple)):
        ours, theirs = without_end(ours), without_end(theirs)
        if len(ours) != len(theirs):
            return False
        for one, other in zip(ours, theirs):
            if isinstance(other, Packet):
                if not one or one[0][0] != type(other).__name__ or not fields_equal(one[0][1], other):
                    return False
            elif isinstance(one, list):
                if plain(option(one)) != plain(other):
                    return False
            elif isinstance(one, dict):
                if text_or_bytes(one, str) != other:
                    return False
            elif one != other:
                return False
        return True
    return ours == from_scapy(theirs, ours)


def chain(packet):
    """DNS records hang on each other."""
    found = []
    while not isinstance(packet, NoPayload):
        found.append(packet)
        packet = packet.payload
    return found


def fields_equal(fields, layer):
    return all(same(value, layer.getfieldval(name)) for name, value in fields.items())


def known(layers):
    return all(name in CLASSES and name not in APART for name, _ in layers)


def top(packet):
    """The last header: with it a packet goes wrong."""
    return [name for name, _ in packet["given"] if name != "Raw"][-1]


def apart(packet):
    """The reason why Scapy makes something else of these values, or None."""
    names = [name for name, _ in packet["given"]]
    if UNBOUND & set(zip(names, names[1:])):
        return "Scapy does not bind these"
    for (name, fields), behind in zip(packet["given"], names[1:] + [None]):
        if name == "PPP" and not 0x100 <= fields.get("proto", 0) <= 0xffff:
            return "Scapy says a protocol below 256 in one byte, which PPP over Ethernet may not (RFC 2516 section 7)"
        if name == "Loopback" and fields:
            return "one field to Scapy; it knows the number of one system for IPv6"
        if name == "NTP" and not {"orig", "sent"} <= fields.keys():
            return "Scapy's defaults are the time of day"
        if name == "VXLAN" and (behind == "Ether" and "flags" not in fields or fields.get("flags", 0) & 0x84 == 0x84):
            return "Scapy makes it the protocol extension's, and longer with both kinds of fields"
        if name == "IGMPv3" and behind is None:
            return "half a message: we want eight bytes"
        if name == "ARP" and (fields.get("hwtype", 1) != 1 or fields.get("ptype", 0x800) != 0x800 or
                              "hwlen" in fields or "plen" in fields):
            return "addresses of other kinds are bytes of any length to Scapy"
        if name == "IGMP":
            return "Scapy's rewrites the IP header below, and has another class for version 3"
        if name == "ICMP" and fields.get("type") in (13, 14):
            return "Scapy's defaults are the time of day"
        if name == "IGMPv3mr":
            return "Scapy's counts groups, whatever it was told of bytes that are none"
        if name == "TCP" and {"MD5", "AO", "EOL"} & {text_or_bytes(o[0], str) for o in fields.get("options", [])
                                                    if isinstance(o[0], dict)}:
            return "Scapy fills these up"
        if name == "IP" and {"IPOption_SSRR", "IPOption_LSRR", "IPOption_Timestamp"} & {
                o[0][0] for o in fields.get("options", []) if isinstance(o[0], list)}:
            return "of a source route Scapy sums up the last router, of a timestamp it adds an address"
        if name == "BOOTP" and ("options" in fields or top(packet) == "BOOTP"):
            return "the cookie is bytes to Scapy, a number to us, and there without DHCP, too"
        if name == "DHCP":
            return "Scapy writes what it knows of a code, whatever is given"
    return None


def compare_made(packet):
    for name, fields in packet["given"]:
        for field in fields:
            seen[name, field] += 1
    if apart(packet):
        return None
    try:
        theirs = bytes(make(packet["given"]))
    except Exception as error:  # whatever Scapy does not take
        return fault("makes " + top(packet), f"{packet['given']}: {error!r}")
    if theirs != bytes.fromhex(packet["bytes"]):
        fault("made " + top(packet), f"{packet['given']}\n    ours   {packet['bytes']}\n    theirs {theirs.hex()}")
    return None


def name_of(layer):
    name = type(layer).__name__
    if name == "DNS" and isinstance(layer.underlayer, scapy.layers.inet.TCP):
        return "DNSTCP"
    if name == "NTPHeader":
        return "NTP"
    name = name.removesuffix("error6") + "v6" if name.endswith("IPerror6") else name
    return name.removesuffix("error")


def compare_read(packet):
    if apart(packet):
        return None
    layer = CLASSES[packet["read"][0][0]](bytes.fromhex(packet["bytes"]))
    for name, fields in packet["read"]:
        if name in READ_OTHERWISE:
            return None
        if name == "Raw" and name_of(layer) in ("IP", "IPv6"):
            return None  # of a quoted header that is cut Scapy reads what is there
        if name_of(layer) == "Padding" and type(layer.underlayer).__name__ in ("DHCP6OptIAAddress", "DHCP6OptIAPrefix"):
            return None  # these lie in other options; behind them Scapy reads no more
        if name_of(layer) != name:
            stack = "/".join(n for n, _ in packet["read"])
            return fault(f"read {name}", f"{stack}: Scapy reads {name_of(layer)}\n    {packet['bytes']}")
        for field, value in fields.items():
            if (name, field) in READ_APART:
                continue
            if field not in {f.name for f in layer.fields_desc}:
                fault(f"read {name}.{field}", "Scapy has no such field")
                continue
            theirs = layer.getfieldval(field)
            if (name, field) in FIXED:
                bits = FIXED[name, field]
                value = exact(value, bits)
                theirs = fractions.Fraction(theirs, 2**bits) if isinstance(theirs, int) else fractions.Fraction(theirs)
            if not same(value, theirs):
                if isinstance(value, list) and isinstance(theirs, list):
                    value, theirs = next(((v, t) for v, t in zip(value, theirs) if not same([v], [t])),
                                         (len(value), len(theirs)))
                fault(f"read {name}.{field}", f"ours {value}, Scapy's {theirs!r}\n    {packet['bytes']}")
        layer = layer.payload
    if not isinstance(layer, NoPayload):
        fault("read more", f"Scapy reads on: {layer!r}\n    {packet['bytes']}")
    return None


# Words of a line that are others to Scapy, with the reason.
WORDS_APART = (
    ("medium (default)", "medium", "the preference of a router"),
    ("n_802_1q", "vlan", "an Ethernet type"),
    ("0x8870", "llc", "an Ethernet type"),
    ("hopopt", "0", "protocol 0"),
    ("(0x9000)", "(loop)", "an Ethernet type"),
    ("(0x0) vlan", "(0) vlan", "no Ethernet type"),
)


def line_of(text):
    """A summary in one shape: names of values without regard to capitals, text without Python's quotes."""
    text = re.sub(r"b'([^']*)'", r"\1", text).replace("'", "")
    text = re.sub(r"\s+", " ", text).strip().lower()
    for theirs, ours, _ in WORDS_APART:
        text = text.replace(theirs, ours)
    return text


def compare_summary(packet):
    if apart(packet) or any(name in READ_OTHERWISE for name, _ in packet["read"]):
        return False
    if SUMMARY_APART.keys() & {name for name, _ in packet["read"]}:
        return False
    theirs = CLASSES[packet["read"][0][0]](bytes.fromhex(packet["bytes"])).summary()
    ours = bytes.fromhex(packet["summary"]).decode()
    if "IPerror" in theirs and "IPerror" not in ours:
        return False  # of a quoted header that is cut Scapy reads what is there
    if theirs.endswith(("DHCP6OptIAAddress / Padding", "DHCP6OptIAPrefix / Padding")):
        return False  # these lie in other options; behind them Scapy reads no more
    if line_of(ours) != line_of(theirs):
        fault("summary " + top(packet), f"ours {ours}\n    Scapy's {theirs}\n    {packet['bytes']}")
    return True


def main():
    done = subprocess.run([sys.argv[1], str(COUNT), SEED], stdout=subprocess.PIPE, text=True, check=True)
    compared = read = lines = 0
    for line in done.stdout.splitlines():
        packet = json.loads(line)
        if not known(packet["given"]):
            continue
        compared += 1
        compare_made(packet)
        if packet["sound"] and known(packet["read"]):
            read += 1
            try:
                compare_read(packet)
                lines += lines < LINES and compare_summary(packet)
            except Exception as error:  # values of no shape that is expected
                fault("reads " + top(packet), f"{error!r}\n    {packet['bytes']}")
    rare = [f"{n}.{f} ({c})" for (n, f), c in sorted(seen.items()) if COUNT >= 10000 and c < LEAST]
    for kind, count in sorted(faults.items()):
        print(f"not ok - {kind}: {count} times, as\n    {examples[kind]}")
    if rare:
        print("not ok - set too rarely: " + ", ".join(rare))
    print(f"{'not ' if faults or rare else ''}ok - {compared} packets made and {read} read as Scapy does, {lines} of these in one line, "
          f"{len(seen)} fields")
    return bool(faults or rare)


if __name__ == "__main__":
    sys.exit(main())
