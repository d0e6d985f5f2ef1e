#!/usr/bin/env python3
"""DHCPv6 messages with options in options, DUIDs, lists: the same bytes as Scapy's, and the same answers.

    scapy_dhcp6.py SOCKEYE
"""

import subprocess
import sys

from scapy_quiet import needs_scapy

with needs_scapy():
    import scapy.layers.dhcp6
    from scapy.layers.dhcp6 import *  # noqa: F403 (the names in PACKETS)
    from scapy.layers.inet import UDP
    from scapy.layers.inet6 import IPv6

# In Python; in Lua {} stands for () and for [].
PACKETS = [
    'DHCP6_Solicit(trid=0x123456)/DHCP6OptClientId(duid=DUID_LLT(timeval=5, lladdr="02:00:00:00:00:01"))/'
    'DHCP6OptIA_NA(iaid=1, T1=2, T2=3, ianaopts=[DHCP6OptIAAddress(addr="2001:db8::9", preflft=5, validlft=6), '
    'DHCP6OptStatusCode(statuscode=2, statusmsg="none")])/DHCP6OptElapsedTime(elapsedtime=7)/DHCP6OptOptReq()',
    'DHCP6_Advertise()/DHCP6OptServerId(duid=DUID_LL(lladdr="02:00:00:00:00:02"))/DHCP6OptPref(prefval=9)/'
    'DHCP6OptDNSServers(dnsservers=["2001:db8::53", "2001:db8::54"])/DHCP6OptDNSDomains(dnsdomains=["example.com.", "example.org."])',
    'DHCP6_Request()/DHCP6OptServerId(duid=DUID_EN(enterprisenum=9, id="abc"))/DHCP6OptOptReq(reqopts=[23, 24, 31])',
    'DHCP6_Reply(trid=5)/DHCP6OptIA_PD(iaid=4, iapdopt=[DHCP6OptIAPrefix(plen=56, prefix="2001:db8:4::")])/DHCP6OptRapidCommit()',
    'DHCP6_Renew()/DHCP6OptIA_TA(iaid=8, iataopts=[DHCP6OptIAAddress(addr="2001:db8::a", iaaddropts=[DHCP6OptStatusCode()])])',
    'DHCP6_InfoRequest()/DHCP6OptUserClass(userclassdata=[USER_CLASS_DATA(data="one"), USER_CLASS_DATA(data="three")])/'
    'DHCP6OptVendorClass(enterprisenum=7, vcdata=[VENDOR_CLASS_DATA(data="x")])/'
    'DHCP6OptVendorSpecificInfo(enterprisenum=7, vso=[VENDOR_SPECIFIC_OPTION(optcode=3, optdata="yz")])',
    'DHCP6_RelayForward(hopcount=1, linkaddr="2001:db8::1", peeraddr="fe80::2")/DHCP6OptIfaceId(ifaceid="eth0")/'
    'DHCP6OptRelayMsg(message=DHCP6_Solicit(trid=9)/DHCP6OptElapsedTime())/DHCP6OptRemoteID(enterprisenum=3, remoteid="r")',
    'DHCP6_RelayReply(hopcount=1, linkaddr="2001:db8::1", peeraddr="fe80::2")/DHCP6OptClientFQDN(flags="S", fqdn="a.example.com.")',
    'DHCP6_Reconf()/DHCP6OptReconfMsg(msgtype=5)/DHCP6OptAuth(authinfo="1234")/DHCP6OptBootFileUrl(optdata="tftp://[2001:db8::1]/x")',
    'DHCP6_Decline()/DHCP6OptClientLinkLayerAddr(clladdr="02:00:00:00:00:03")/DHCP6OptSIPDomains(sipdomains=["sip.example.com."])/'
    'DHCP6OptSNTPServers(sntpservers=["2001:db8::7b"])/DHCP6OptNISDomain(nisdomain="nis.example.com.")',
    'DHCP6_Reply(trid=0x123456)/DHCP6OptUnknown(optcode=200, data="what")',
    'DHCP6_Advertise(trid=0x123456)/DHCP6OptServerUnicast(srvaddr="2001:db8::1")/DHCP6OptInfoRefreshTime()/DHCP6OptReconfAccept()',
]
UNDER = 'IPv6(src="fe80::1", dst="fe80::2")/UDP()/'


def lua(text):
    return text.translate(str.maketrans("()[]", "{}{}")).replace("{2001:db8::1}/x", "[2001:db8::1]/x")


SCRIPT = """
local packets = {%s}
for _, p in ipairs(packets) do
    local b = bytes(p)
    local q = IPv6(b)
    assert(bytes(q) == b and #q:layers() == #p:layers(), "read otherwise: " .. q:command())
    for i, layer in ipairs(p:layers()) do assert(q:layers()[i] == layer, tostring(layer)) end
    print(hex(b))
end
for i = 1, #packets do
    local told = {}
    for k = 1, #packets do told[k] = i ~= k and packets[i][DHCP6]:answers(packets[k][DHCP6]) and "1" or "0" end
    print(table.concat(told))
end
"""


def main():
    theirs = [eval(UNDER + text) for text in PACKETS]
    wanted = [bytes(packet).hex() for packet in theirs]
    # To Scapy some messages answer themselves.
    wanted += ["".join("1" if one is not other and one[UDP].payload.answers(other[UDP].payload) else "0"
                       for other in theirs) for one in theirs]
    done = subprocess.run([sys.argv[1], "lua", "-"], input=SCRIPT % ",\n".join(lua(UNDER + text) for text in PACKETS),
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    got = done.stdout.splitlines()
    wrong = 0
    for i, line in enumerate(wanted):
        if i >= len(got) or got[i] != line:
            wrong += 1
            print(f"not ok - {PACKETS[i % len(PACKETS)]}\n    ours   {got[i] if i < len(got) else ''}\n    theirs {line}")
    if done.returncode:
        wrong += 1
        print("not ok - the script ended early: " + (got[-1] if got else ""))
    print(f"{'not ' if wrong else ''}ok - {len(PACKETS)} messages, and which answer which")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
