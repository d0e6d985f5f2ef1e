"""A client of protocol 102, right above IP. Needs root.

    python3 raw_client.py HOST [TEXT]
"""

import socket
import sys

PROTOCOL = 102
host = sys.argv[1]
text = sys.argv[2] if len(sys.argv) > 2 else "hello"
client = socket.socket(socket.AF_INET, socket.SOCK_RAW, PROTOCOL)
client.settimeout(2)
client.sendto(text.encode(), (host, 0))
try:
    packet, (sender, _) = client.recvfrom(65535)
except TimeoutError:
    sys.exit("no answer")
print(packet[(packet[0] & 15) * 4:].decode(), "from", sender)
