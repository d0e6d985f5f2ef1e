"""A UDP server: no connection, no accept; each datagram says where it came from.

    python3 udp_server.py [PORT] [COUNT]       ends after COUNT datagrams
"""

import socket
import sys

port = int(sys.argv[1]) if len(sys.argv) > 1 else 7000
count = int(sys.argv[2]) if len(sys.argv) > 2 else 0
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("", port))
print(f"waiting on port {port}", flush=True)
while True:
    data, (host, peer) = server.recvfrom(65535)
    print(f"{len(data)} bytes from {host}:{peer}", flush=True)
    server.sendto(data[::-1], (host, peer))
    count -= 1
    if count == 0:
        break
