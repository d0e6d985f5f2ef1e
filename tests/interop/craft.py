"""The packet language against kernels: what it sends is answered, what it hears is what was sent, connections by hand."""

import os
import pathlib
import re
import signal
import socket
import subprocess
import threading

from names import WEB, start_dns
from net import NOBODY_IP, ORDINARY, SERVER_IP, SERVER_MAC, SOCKEYE_IP, Net, Skip, check, sh, wait_for_line

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples/packets"
OTHER_IP, FAR_NET, FAR_IP, FAR_ROUTER = "192.0.2.7", "198.51.100.0/24", "198.51.100.2", "198.51.100.1"
SERVER_IP6, OWN_IP6, LINK_IP6 = "2001:db8::1", "2001:db8::2", "fe80::2"


def addressed(net):
    """The bridge of the namespace, where nothing of ours runs, has the address: its kernel sends. Who is nobody is silent:
    without a neighbour the kernel itself would answer that he is out of reach, after some seconds."""
    sh("ip", "-n", net.sockeye, "addr", "add", f"{SOCKEYE_IP}/24", "dev", "br0")
    sh("ip", "-n", net.sockeye, "neigh", "add", NOBODY_IP, "lladdr", "02:00:00:00:01:99", "dev", "br0")


def lua(net, script, *words, namespace=None, **options):
    done = net.run(net.binary, "lua", "-", *words, input=script.encode(), namespace=namespace or net.sockeye, timeout=60,
        **options)
    return done


def says(net, script, expected, **options):
    """The script ends well and prints just that."""
    done = lua(net, script, **options)
    out = done.out.decode()
    check(done.code == 0 and out == expected, f"{done}; printed {out!r} instead of {expected!r}")


def complains(net, script, text, **options):
    done = lua(net, script, **options)
    err = done.err.decode()
    check(done.code == 1 and text in err and err.count("\n") == 1, f"{done}; not: {text!r}")


def echo_and_protocols(net):
    says(net, f"""
        local r = sr1(IP{{dst="{SERVER_IP}"}}/ICMP{{id=7, seq=9}}/"some text", {{timeout=30, verbose=0}})
        print(r.src, r[ICMP].type, r[ICMP].id, r[ICMP].seq, r[Raw].load)
        local ans, unans = sr(IP{{dst={{"{SERVER_IP}", "{NOBODY_IP}"}}}}/ICMP{{}}, {{timeout=3, verbose=0}})
        print(#ans, #unans, ans[1][2].src, unans[1].dst)
        """, f"{SERVER_IP}\t0\t7\t9\tsome text\n1\t1\t{SERVER_IP}\t{NOBODY_IP}\n")
    peer = net.kernel_socket(socket.SOCK_RAW, 102)
    peer.settimeout(30)

    def answer():
        data, sender = peer.recvfrom(2000)
        peer.sendto(b"re:" + data[20:], sender)

    thread = threading.Thread(target=answer)
    thread.start()
    says(net, f"""
        local r = sr1(IP{{dst="{SERVER_IP}", proto=102}}/"question", {{timeout=30, verbose=0}})
        print(r.proto, r[Raw].load)
        """, "102\tre:question\n")
    thread.join()
    peer.close()


def ports(net):
    """Open, closed and silent; and a thousand at once."""
    for rule in ("add table ip t", "add chain ip t in { type filter hook input priority 0; }",
        "add rule ip t in tcp dport 82 drop"):
        sh("ip", "netns", "exec", net.server, "nft", rule)
    open_port = net.listen(80)
    says(net, f"""
        local ans, unans = sr(IP{{dst="{SERVER_IP}"}}/TCP{{sport=40000, dport={{80, 81, 82}}, flags="S"}},
            {{timeout=3, verbose=0, retry=1}})
        table.sort(ans, function(a, b) return a[1][TCP].dport < b[1][TCP].dport end)
        for i = 1, #ans do print(ans[i][1][TCP].dport, ans[i][2][TCP].flags) end
        print(#unans, unans[1][TCP].dport)
        local all = sr(IP{{dst="{SERVER_IP}"}}/TCP{{sport=40001, dport={{{{1001, 2000}}}}, flags="S"}},
            {{timeout=30, verbose=0}})
        print(#all)
        """, "80\tSA\n81\tRA\n1\t82\n1000\n")
    open_port.close()


def frames(net):
    says(net, f"""
        local r = srp1(Ether{{dst="ff:ff:ff:ff:ff:ff"}}/ARP{{pdst="{SERVER_IP}"}}, {{timeout=30, verbose=0}})
        print(r[ARP].op, r[ARP].hwsrc, r.src)
        local ans, unans = arping("192.0.2.0/30", {{timeout=3}})
        print(#ans, #unans)
        """, f"2\t{SERVER_MAC}\t{SERVER_MAC}\n  {SERVER_MAC}  {SERVER_IP}\n1\t3\n")
    with net.inside(net.server):
        peer = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x88B5))
        peer.bind(("eth0", 0x88B5))
    peer.settimeout(30)
    says(net, f'sendp(Ether{{dst="{SERVER_MAC}", src="02:00:00:00:00:77", type=0x88b5}}/"a frame", '
        '{iface="br0", count=3, verbose=0})', "")
    for _ in range(3):
        data = peer.recv(2000)
        check(data[6:12].hex() == "020000000077" and data[14:21] == b"a frame", f"{data!r}")
    says(net, f'math.randomseed(7) sendp(Ether{{dst="{SERVER_MAC}", src="02:00:00:00:00:77", type=0x88b5}}/UDP{{sport=RandShort()}}, '
        '{iface="br0", count=5, verbose=0})', "")
    sources = {peer.recv(2000)[14:16] for _ in range(5)}
    check(len(sources) > 1, f"one value by chance for all: {sources}")
    peer.close()


def wrong_values(net):
    """What the kernel's raw sockets would correct comes as it was given."""
    with net.inside(net.server):
        peer = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
        peer.bind(("eth0", 0x0800))
    peer.settimeout(30)
    says(net, f'send(IP{{dst="{SERVER_IP}", chksum=0x1234, id=0, len=100, proto=103}}/"wrong", {{verbose=0}})', "")
    while True:
        data = peer.recv(2000)
        if data[9] == 103:
            break
    check(data[10:12] == b"\x12\x34" and data[4:6] == b"\0\0" and data[2:4] == b"\0\x64", f"{data!r}")
    peer.close()


def sniffing(net):
    """Filtered by the kernel, by the script; to a file and from it; Ctrl-C keeps what came."""
    script = f"""
        local n = 0
        local pkts = sniff{{iface="br0", filter="icmp and src host {SERVER_IP}", count=3, timeout=50,
            started_callback=function() io.stdout:write("ready\\n"); io.stdout:flush() end,
            lfilter=function(p) return p[ICMP].seq > 1 end, prn=function(p) n = n + 1 return p[ICMP].seq end}}
        wrpcap(arg[1], pkts)
        local again = rdpcap(arg[1])
        print(#pkts, n, #again, again[1] == pkts[1], #sniff{{offline=arg[1], filter="icmp[0] = 8"}})
        """
    path = net.tmp / "pings.pcapng"
    process = net.start(net.binary, "lua", "-", path, namespace=net.sockeye)
    process.stdin.write(script.encode())
    process.stdin.close()
    process.stdin = None
    wait_for_line(process.stdout, b"ready")
    sh("ip", "netns", "exec", net.server, "ping", "-c", "4", "-i", "0.05", "-W", "30", SOCKEYE_IP)
    done = net.finish(process, None)
    check(done.code == 0 and done.out == b"2\n3\n4\n3\t3\t3\ttrue\t3\n", f"{done} {done.out!r}")
    text = sh("tcpdump", "-n", "-r", str(path))
    check(text.count("ICMP echo request") == 3, f"tcpdump reads: {text}")
    endless = net.start(net.binary, "lua", "-e", """local p = sniff{iface="br0", filter="icmp",
        prn=function() io.stdout:write("one\\n"); io.stdout:flush() end,
        started_callback=function() io.stdout:write("ready\\n"); io.stdout:flush() end} print(#p > 0)""",
        namespace=net.sockeye, stdin=subprocess.DEVNULL)
    wait_for_line(endless.stdout, b"ready")
    sh("ip", "netns", "exec", net.server, "ping", "-c", "1", "-W", "30", SOCKEYE_IP)
    wait_for_line(endless.stdout, b"one\n")
    os.killpg(endless.pid, signal.SIGINT)
    done = net.finish(endless, None)
    check(done.out.endswith(b"true\n"), f"after Ctrl-C: {done} {done.out!r}")
    asleep = net.start(net.binary, "lua", "-e", 'io.stdout:write("ready\\n") io.stdout:flush() sleep(60)',
        namespace=net.sockeye, stdin=subprocess.DEVNULL)
    wait_for_line(asleep.stdout, b"ready")
    os.killpg(asleep.pid, signal.SIGINT)
    done = net.finish(asleep, None)
    check(done.code == 130 and b"interrupted" in done.err, f"Ctrl-C in sleep: {done}")


def names(net):
    start_dns(net)
    says(net, f"""
        local r = sr1(IP{{dst="{SERVER_IP}"}}/UDP{{sport=40053}}/DNS{{rd=1, qd=DNSQR{{qname="{WEB}"}}}},
            {{timeout=30, verbose=0}})
        print(r[DNS].ancount, r[DNS].an[1].rdata)
        """, f"1\t{SERVER_IP}\n")
    # A name where an address belongs is the system's to look up: here by a file of hosts of the test's own.
    hosts = net.tmp / "hosts"
    hosts.write_text(f"{SERVER_IP} {WEB}\n2001:db8::7 {WEB}\n")
    script = f"""print(IP{{dst="{WEB}"}}.dst, #IP{{dst="{WEB}/30"}}:list(), IPv6{{dst="{WEB}"}}.dst, ARP{{pdst="{WEB}"}}.pdst)"""
    done = net.run("unshare", "-m", "sh", "-c", 'mount --bind "$1" /etc/hosts && exec "$2" lua -e "$3"', "sh", hosts, net.binary,
        script, namespace=net.sockeye)
    check(done.out.decode() == f"{SERVER_IP}\t4\t2001:db8::7\t{SERVER_IP}\n", f"names: {done}")


def loop(net):
    done = lua(net, f'srloop(IP{{dst={{"{SERVER_IP}", "{NOBODY_IP}"}}}}/ICMP{{}}, {{count=2, inter=0.1, timeout=2}})')
    out = done.out.decode()
    check(done.code == 0 and out.count("RECV 1: ") == 2 and out.count("fail 1: ") == 2 and
        "Sent 4 packets, received 2 packets. 50.0% hits." in out, f"{done} {out!r}")
    for rounds, sent in ("1", "Sent 1 packets, received 1 packets."), ("0", ""):
        done = net.run(net.binary, "srloop", "-c", rounds, "-t", "5", f'IP{{dst="{SERVER_IP}"}}/ICMP{{}}',
            namespace=net.sockeye, timeout=60)
        out = done.out.decode()
        check(done.code == 0 and out.count(SERVER_IP) == int(rounds) and sent in out, f"{done} {out!r}")


def flood(net):
    """As many as there are ports, and all are answered; but the queues that packets wait in are the whole machine's, and
    others may fill them: then it says so. What an interface drops is told, too."""
    done = lua(net, f"""
        local ans, unans = sr(IP{{dst="{SERVER_IP}"}}/TCP{{sport=40002, dport={{{{10001, 30000}}}}, flags="S"}},
            {{timeout=10}})
        print(#ans + #unans, #unans)
        """)
    sent, lost = map(int, done.out.split())
    check(sent == 20000 and (lost == 0 or b"late to receive" in done.err), f"{done}; {lost} of {sent} are not answered")
    done = lua(net, f"""
        local ans = sr(IP{{dst="{SERVER_IP}"}}/UDP{{dport={{{{10001, 20000}}}}}}, {{timeout=10}})
        local wrong = 0
        for i = 1, #ans do wrong = wrong + (ans[i][1].dport == ans[i][2]:getlayer(UDP).dport and 0 or 1) end
        print(#ans, wrong)
        """)
    answered, wrong = map(int, done.out.split())
    check(wrong == 0 and (answered == 10000 or b"late to receive" in done.err), f"{done}; {answered}, {wrong} wrong")
    for device in ("v0", "br0"):
        sh("ip", "-n", net.sockeye, "link", "set", device, "mtu", "4000")
    done = lua(net, f"""sr(IP{{dst="{SERVER_IP}"}}/ICMP{{}}/("x"):rep(3000), {{timeout=0.1}})""")
    check(re.search(rb"dropped [1-9]\d* packets to send", done.err), f"{done}; larger than eth0 takes")
    for device in ("v0", "br0"):
        sh("ip", "-n", net.sockeye, "link", "set", device, "mtu", str(net.mtu))


def complaints(net):
    complains(net, f'\nsr1(IP{{dst="{SERVER_IP}"}}/ICMP{{}}, {{timeout=1}})', "stdin:2: no raw socket", user=ORDINARY)
    complains(net, 'sniff{iface="nope0"}', "stdin:1: no such interface: nope0")
    complains(net, 'sniff{iface="br0", filter="tpc"}', "filter 'tpc'")
    complains(net, 'sniff{ifcae="br0"}', "unknown option: ifcae")
    complains(net, 'send(IP{dst="203.0.113.9"}/UDP{})', "no route")
    complains(net, f'send(IP{{dst="{SERVER_IP}"}}/UDP{{}}/("x"):rep(3000))', "larger than the MTU")
    complains(net, 'traceroute("192.0.2.1", {dprot=80})', "unknown option: dprot")


def against_kernel(sockeye):
    with Net(sockeye) as net:
        addressed(net)
        for part in (echo_and_protocols, ports, frames, wrong_values, sniffing, names, loop, flood, complaints):
            part(net)


def beyond(net):
    """A router (the server's kernel) and a host behind it."""
    far = net._add("far")
    sh("ip", "-n", net.server, "link", "add", "eth1", "type", "veth", "peer", "name", "eth0", "netns", far)
    for namespace, device, address in ((net.server, "eth1", FAR_ROUTER), (far, "eth0", FAR_IP)):
        sh("ip", "-n", namespace, "addr", "add", f"{address}/24", "dev", device)
        sh("ip", "-n", namespace, "link", "set", device, "up")
    sh("ip", "-n", far, "route", "add", "default", "via", FAR_ROUTER)
    sh("ip", "-n", net.sockeye, "route", "add", FAR_NET, "via", SERVER_IP)
    sh("ip", "netns", "exec", net.server, "sysctl", "-qw", "net.ipv4.ip_forward=1")


def way(sockeye):
    """By TTL over a router, and neighbours of IPv6."""
    with Net(sockeye) as net:
        addressed(net)
        beyond(net)
        says(net, f'traceroute("{FAR_IP}", {{maxttl=4, timeout=5}})',
            f"  {FAR_IP}:tcp80\n" + "".join(f"{ttl} {router:15} {what}\n" for ttl, router, what in
                ((1, SERVER_IP, 11), (2, FAR_IP, "RA"), (3, FAR_IP, "RA"), (4, FAR_IP, "RA"))))
        says(net, f"""
            local r = sr1(IP{{dst="{FAR_IP}", ttl=1}}/UDP{{sport=40000, dport=33434}}/"x", {{timeout=30, verbose=0}})
            print(r.src, r[ICMP].type, r[ICMP].code)
            """, f"{SERVER_IP}\t11\t0\n")
        for namespace, device, address in ((net.server, "eth0", SERVER_IP6), (net.sockeye, "br0", OWN_IP6)):
            sh("ip", "netns", "exec", namespace, "sysctl", "-qw", f"net.ipv6.conf.{device}.disable_ipv6=0")
            sh("ip", "-n", namespace, "addr", "add", f"{address}/64", "dev", device, "nodad")
        sh("ip", "-n", net.server, "addr", "add", f"{LINK_IP6}/64", "dev", "eth0", "nodad")
        says(net, f"""
            local na = srp1(Ether{{dst="33:33:ff:00:00:01"}}/IPv6{{src="{OWN_IP6}", dst="ff02::1:ff00:1"}}
                /ICMPv6ND_NS{{tgt="{SERVER_IP6}"}}/ICMPv6NDOptSrcLLAddr{{lladdr=bridge_mac or arg[1]}},
                {{iface="br0", timeout=30, verbose=0}})
            print(na[ICMPv6ND_NA].tgt, na[ICMPv6NDOptDstLLAddr].lladdr)
            local r = sr1(IPv6{{dst="{SERVER_IP6}"}}/ICMPv6EchoRequest{{id=3, seq=4, data="six"}},
                {{timeout=30, verbose=0}})
            print(r.src, r[ICMPv6EchoReply].id, r[ICMPv6EchoReply].data)
            r = sr1(IPv6{{src="{OWN_IP6}", dst="ff02::1"}}/ICMPv6EchoRequest{{id=5, seq=6}},
                {{iface="br0", timeout=30, verbose=0}})
            print(r and r.src) -- of its own, not the group's
            traceroute({{"{FAR_IP}", "{SERVER_IP6}"}}, {{maxttl=1, timeout=30}})
            arping("2001:db8::/126", {{timeout=3, verbose=1}})
            arping({{"{LINK_IP6}"}}, {{timeout=3, iface="br0"}})
            """.replace("bridge_mac or arg[1]", f'"{bridge_mac(net)}"'),
            f"{SERVER_IP6}\t{SERVER_MAC}\n{SERVER_IP6}\t3\tsix\n{SERVER_IP6}\n"
            f"  {FAR_IP}:tcp80\n1 {SERVER_IP:15} 11\n  {SERVER_IP6:42}:tcphttp\n1 {SERVER_IP6:42} RA\n"
            f"  {SERVER_MAC}  {SERVER_IP6}\n  {SERVER_MAC}  {LINK_IP6}\n")


def bridge_mac(net):
    with net.inside(net.sockeye):
        for row in sh("ip", "-n", net.sockeye, "-o", "link", "show", "br0").split():
            if row.count(":") == 5 and row != "ff:ff:ff:ff:ff:ff":
                return row
    raise Skip("the bridge has no MAC")


PAGE = b"a page by hand\n" * 500


def by_hand(sockeye):
    """The examples: no kernel has their address, so nothing is reset; and a host's sockets from a script."""
    with Net(sockeye) as net:
        addressed(net)
        server = net.listen(8000)
        server.settimeout(30)
        done = net.run(net.binary, "lua", EXAMPLES / "handshake.lua", SERVER_IP, 8000, OTHER_IP, namespace=net.sockeye)
        check(done.code == 0, f"handshake.lua: {done}")
        peer, (address, port) = server.accept()
        check((address, port) == (OTHER_IP, 40000), f"from {address} port {port}")
        peer.close()

        def serve():
            connection = server.accept()[0]
            connection.settimeout(30)
            check(connection.recv(1000).startswith(b"GET /x HTTP/1.0\r\n"), "not the request")
            connection.sendall(PAGE)
            connection.close()

        thread = threading.Thread(target=serve)
        thread.start()
        done = net.run(net.binary, "lua", EXAMPLES / "http_get.lua", SERVER_IP, 8000, OTHER_IP, "/x",
            namespace=net.sockeye)
        thread.join()
        check(done.code == 0 and done.out == PAGE, f"http_get.lua: {done}, {len(done.out)} bytes")
        thread = threading.Thread(target=serve)
        thread.start()
        says(net, f"""
            local h = host{{link="tap:s0", addr="192.0.2.8/24"}}
            local s = h:connect("{SERVER_IP}", 8000)
            s:send("GET /x HTTP/1.0\\r\\n\\r\\n")
            local size = 0
            for data in function() return s:recv() end do size = size + #data end
            s:close()
            h:step(0.2)
            local events = table.concat(h:events(), "\\n")
            print(size, events:find("SYN%-SENT") ~= nil)
            """, f"{len(PAGE)}\ttrue\n")
        thread.join()
        server.close()


TESTS = {"craft-kernel": against_kernel, "craft-way": way, "craft-by-hand": by_hand}
