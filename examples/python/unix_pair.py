"""Two processes on one machine, over a socket in the file system: AF_UNIX. Under `sockeye run` it stays the kernel's.

    python3 unix_pair.py
"""

import os
import socket
import tempfile

with tempfile.TemporaryDirectory() as directory:
    path = os.path.join(directory, "socket")
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.bind(path)
    server.listen(1)
    child = os.fork()
    if child == 0:
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        client.connect(path)
        client.sendall(b"hello from the child")
        os._exit(0)
    connection, _ = server.accept()
    print(connection.recv(4096).decode())
    os.waitpid(child, 0)
