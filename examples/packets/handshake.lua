-- A TCP handshake by hand, from an address that no kernel has (docs/tutorial/by-hand.md says why).
--
--   sockeye lua handshake.lua SERVER PORT ADDRESS
local server, port, me = arg[1], tonumber(arg[2]), arg[3]

-- Who has the server's address? Asking tells the server whose ours is.
local who = srp1(Ether{dst="ff:ff:ff:ff:ff:ff"}/ARP{psrc=me, pdst=server}, {timeout=2})
local ip = Ether{dst=who[ARP].hwsrc}/IP{src=me, dst=server}
local synack = srp1(ip/TCP{sport=40000, dport=port, flags="S", seq=1000}, {timeout=2})
sendp(ip/TCP{sport=40000, dport=port, flags="A", seq=1001, ack=synack[TCP].seq+1})
print(synack:summary())
