"""A server of a protocol of its own, number 102, right above IP: no ports, no connection. Needs root.

    python3 raw_server.py [COUNT]              ends after COUNT datagrams
"""

import socket
import sys

PROTOCOL = 102
count = int(sys.argv[1]) if len(sys.argv) > 1 else 0
server = socket.socket(socket.AF_INET, socket.SOCK_RAW, PROTOCOL)
print(f"waiting for protocol {PROTOCOL}", flush=True)
while True:
    packet, (host, _) = server.recvfrom(65535)
    header = (packet[0] & 15) * 4  # the kernel hands over the IP header, too
    print(f"{packet[header:].decode()!r} from {host}, time to live {packet[8]}", flush=True)
    server.sendto(b"got " + packet[header:], (host, 0))
    count -= 1
    if count == 0:
        break
