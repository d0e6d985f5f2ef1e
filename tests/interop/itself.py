"""A host that talks to itself: servers and clients of one program under `sockeye run`, on the host's address and on its
own 127.0.0.1."""

import sys

from net import SOCKEYE_IP, Net, check

# More connections, one after the other, than are handed over ahead of accept().
CONNECTIONS = """
import socket, socketserver, sys, threading
address, each = sys.argv[1], 100000

class Answer(socketserver.BaseRequestHandler):
    def handle(self):
        while self.request.recv(4096):
            self.request.sendall(bytes(each))

class Server(socketserver.ThreadingTCPServer):
    request_queue_size, daemon_threads = 128, True

server = Server((address, 8080), Answer)
threading.Thread(target=server.serve_forever, daemon=True).start()
got = [0] * 4

def client(i):
    for _ in range(20):
        with socket.create_connection((address, 8080), 20) as s:
            for _ in range(2):
                s.sendall(b"more")
                n = 0
                while n < each:
                    n += len(s.recv(65536))
                got[i] += n

threads = [threading.Thread(target=client, args=(i,)) for i in range(4)]
for t in threads: t.start()
for t in threads: t.join()
print(sum(got))
"""


def many(sockeye, *options, address=SOCKEYE_IP):
    with Net(sockeye) as net:
        done = net.sockeye_run("run", *options, "--", sys.executable, "-c", CONNECTIONS, address)
        check(done.code == 0 and done.out == b"16000000\n", f"{done} {done.out!r}")


def loopback(sockeye):
    many(sockeye, "--loopback", address="127.0.0.1")


TESTS = {"itself": many, "itself-loopback": loopback}
