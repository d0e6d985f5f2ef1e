"""A UDP client: a datagram, an answer or none. Nobody promises one, so it waits at most two seconds.

    python3 udp_client.py HOST [PORT] [TEXT]
"""

import socket
import sys

host = sys.argv[1]
port = int(sys.argv[2]) if len(sys.argv) > 2 else 7000
text = sys.argv[3] if len(sys.argv) > 3 else "hello"
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.settimeout(2)
client.connect((host, port))
client.send(text.encode())
try:
    print(client.recv(65535).decode())
except TimeoutError:
    sys.exit("no answer")
except ConnectionRefusedError:
    sys.exit("refused: nobody waits on that port")
