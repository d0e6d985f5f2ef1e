#!/usr/bin/env python3
"""Messages of DNS whose names are written short: the bytes are those of Scapy's dns_compress(), and read again they say
the same.

    scapy_dns.py SOCKEYE
"""

import os
import random
import subprocess
import sys

from scapy_quiet import needs_scapy

with needs_scapy():
    from scapy.layers.dns import DNS, DNSQR, DNSRR, DNSRRMX, DNSRRSOA, dns_compress
    from scapy.layers.inet import IP, TCP, UDP

COUNT = {"quick": 60, "check": 200, "full": 1000}[os.environ.get("SOK_TIER", "check")]
LABELS = ["www", "mail", "a", "example", "com", "net", "xn--bcher-kva", "_tcp"]
rng = random.Random(int(os.environ.get("SOK_SEED", "1")))


def name():
    return ".".join(rng.choice(LABELS) for _ in range(rng.randint(1, 5))) + "."


def lua(value):
    if isinstance(value, str):
        return f'"{value}"'
    return str(value)


def both(cls, **fields):
    """The same header in both languages."""
    return cls(**fields), f"{cls.__name__}{{{', '.join(f'{k}={lua(v)}' for k, v in fields.items())}}}"


def record():
    kind = rng.randrange(6)
    if kind == 0:
        return both(DNSRR, rrname=name(), type="A", rdata="192.0.2.%d" % rng.randrange(256))
    if kind == 1:
        return both(DNSRRMX, rrname=name(), type=15, preference=rng.randrange(100), exchange=name())
    if kind == 2:
        return both(DNSRRSOA, rrname=name(), mname=name(), rname=name(), serial=rng.randrange(1 << 32))
    return both(DNSRR, rrname=name(), type=["CNAME", "NS", "PTR"][kind - 3], rdata=name(), ttl=rng.randrange(1 << 31))


def section(count):
    theirs, ours = None, []
    for _ in range(count):
        one, text = record()
        theirs = one if theirs is None else theirs / one
        ours.append(text)
    return theirs, "{" + ", ".join(ours) + "}"


def message():
    question, question_text = both(DNSQR, qname=name(), qtype="A")
    theirs, texts = {}, []
    for field in ("an", "ns", "ar"):
        theirs[field], text = section(rng.randrange(4))
        texts.append(f"{field}={text}")
    ident = rng.randrange(1 << 16)
    return (DNS(id=ident, qr=1, qd=question, **theirs),
            f"DNS{{id={ident}, qr=1, qd={question_text}, {', '.join(texts)}}}")


SCRIPT = """
local function check(udp, tcp)
    local short = dns_compress(udp)
    local back = IP(bytes(short))
    assert(#short <= #udp)
    for _, section in ipairs{"qd", "an", "ns", "ar"} do
        local one, other = udp[DNS][section], back[DNS][section]
        assert(#one == #other)
        for i = 1, #one do assert(bytes(one[i]) == bytes(other[i]), section) end
    end
    assert(bytes(dns_compress(tcp)[DNS]):sub(3) == bytes(short[DNS]), "over TCP")
    assert(tcp[DNS].length == nil and IP(bytes(tcp))[DNS].length == #tcp[DNS] - 2)
    print(hex(bytes(udp)), hex(bytes(short)), hex(bytes(tcp)))
end
"""


def names(message):
    """All that the sections say, names written out."""
    found = []
    for field in ("qd", "an", "ns", "ar"):
        record = getattr(message, field)
        while record:
            found.append({f.name: record.getfieldval(f.name) for f in record.fields_desc if f.name != "rdlen"})
            record = record.payload
    return found


def is_broken(wanted):
    """Whether Scapy's short names mean others: it looks for a name that it has in bytes where zeros stand for references,
    and so takes the beginning of a longer name for all of one."""
    whole, short = (IP(bytes.fromhex(data))[DNS] for data in wanted[:2])
    return names(whole) != names(short)


def main():
    base = {"src": "192.0.2.1", "dst": "192.0.2.2"}
    script, wanted = [SCRIPT], []
    for _ in range(COUNT):
        theirs, ours = message()
        ip, ip_text = both(IP, **base)
        udp = ip / UDP(sport=53, dport=4242) / theirs
        tcp = ip / TCP(sport=53, dport=4242, flags="PA") / theirs
        script.append(f"check({ip_text}/UDP{{sport=53, dport=4242}}/{ours}, "
                      f"{ip_text}/TCP{{sport=53, dport=4242, flags=\"PA\"}}/{ours})")
        wanted.append([bytes(udp).hex(), bytes(dns_compress(udp)).hex(), bytes(tcp).hex()])
    done = subprocess.run([sys.argv[1], "lua", "-"], input="\n".join(script), stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=60)
    got = [line.split("\t") for line in done.stdout.splitlines()]
    wrong = broken = 0
    for i, (ours, theirs) in enumerate(zip(got, wanted)):
        if ours != theirs and len(ours) == 3 and ours[0::2] == theirs[0::2] and is_broken(theirs):
            broken += 1
        elif ours != theirs:
            wrong += 1
            print(f"not ok - message {i + 1}\n    ours   {ours}\n    theirs {theirs}")
            break
    if done.returncode or len(got) != COUNT:
        wrong += 1
        print("not ok - the script ended early:\n" + "\n".join(done.stdout.splitlines()[-3:]))
    if broken * 3 > COUNT:
        wrong += 1
        print(f"not ok - {broken} messages of Scapy's say something else than before")
    saved = sum(len(w[0]) - len(w[1]) for w in wanted) // 2
    print(f"{'not ' if wrong else ''}ok - {COUNT} messages, {saved} bytes shorter; {broken} where Scapy's refer to other names")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
