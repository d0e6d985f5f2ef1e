-- A page fetched by hand, segment by segment, from an address that no kernel has (docs/tutorial/by-hand.md).
--
--   sockeye lua http_get.lua SERVER PORT ADDRESS PATH
local server, port, me, path = arg[1], tonumber(arg[2]), arg[3], arg[4]

local who = srp1(Ether{dst="ff:ff:ff:ff:ff:ff"}/ARP{psrc=me, pdst=server}, {timeout=2})
local ip = Ether{dst=who[ARP].hwsrc}/IP{src=me, dst=server}
local tcp = TCP{sport=40001, dport=port, flags="S", seq=1000}
local synack = srp1(ip/tcp, {timeout=2})
tcp.flags, tcp.seq, tcp.ack = "PA", 1001, synack[TCP].seq + 1
local request = ("GET %s HTTP/1.0\r\nHost: %s\r\n\r\n"):format(path, server)

-- Every segment that continues what came so far is kept and acknowledged; the one with FIN is the last.
sniff{filter=("tcp and src host %s and src port %d and dst host %s"):format(server, port, me), timeout=10, store=false,
    started_callback=function() sendp(ip/tcp/request); tcp.flags, tcp.seq = "A", 1001 + #request end,
    stop_filter=function(p)
        local seg, load = p[TCP], p:haslayer(Raw) and p[Raw].load or ""
        if seg.seq ~= tcp.ack then return false end
        io.write(load)
        local last = seg.flags:find("F") and 1 or 0
        tcp.ack = tcp.ack + #load + last
        if last == 1 then tcp.flags = "FA" end
        if #load + last > 0 then sendp(ip/tcp) end
        return last == 1
    end}
