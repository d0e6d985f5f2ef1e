"""A TCP client: connect, send, read until the server closes.

    python3 tcp_client.py HOST [PORT] [TEXT]
"""

import socket
import sys

host = sys.argv[1]
port = int(sys.argv[2]) if len(sys.argv) > 2 else 7000
text = sys.argv[3] if len(sys.argv) > 3 else "hello from a client"
client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
try:
    client.connect((host, port))
except OSError as error:
    sys.exit(f"connect to {host}:{port}: {error.strerror}")
client.sendall(text.encode())
client.shutdown(socket.SHUT_WR)
answer = b""
while data := client.recv(4096):
    answer += data
print(answer.decode())
client.close()
