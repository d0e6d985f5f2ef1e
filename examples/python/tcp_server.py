"""A TCP server as every course begins: bind, listen with a backlog of 10, one accept, echo, close.

    python3 tcp_server.py [PORT]
"""

import socket
import sys

port = int(sys.argv[1]) if len(sys.argv) > 1 else 7000
server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(("", port))
server.listen(10)
print(f"listening on port {port}", flush=True)
connection, (host, peer) = server.accept()
print(f"{host}:{peer} has connected", flush=True)
while data := connection.recv(4096):
    connection.sendall(data.upper())
print("the client has closed")
connection.close()
server.close()
