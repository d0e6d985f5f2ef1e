#!/usr/bin/env python3
"""The far end of behave: does with kernel sockets what lines on a control connection say.

    peer.py ADDRESS PORT

Each control connection has sockets of its own, by number, gone with it. An answer is one line: a number (-errno
when the call failed), perhaps a text.
"""

import array
import fcntl
import hashlib
import os
import socket
import struct
import sys
import termios
import threading
import time

ADDRESS, PORT = sys.argv[1], int(sys.argv[2])
TIMEOUT, ESTABLISHED = 30, 1


class Peer:
    def __init__(self, control):
        self.caller = control.getpeername()[0]
        self.socks, self.next, self.drained, self.kept = {}, 1, {}, []
        self.listener = self.listen(5)

    def listen(self, backlog):
        s = socket.socket()
        s.settimeout(TIMEOUT)
        s.bind((ADDRESS, 0))
        s.listen(backlog)
        return s

    def keep(self, s):
        s.settimeout(TIMEOUT)
        number, self.next = self.next, self.next + 1
        self.socks[number] = s
        return number

    # ---- ports ----

    def port(self):
        return self.listener.getsockname()[1]

    def closed(self):
        with socket.socket() as s:
            s.bind((ADDRESS, 0))
            return s.getsockname()[1]

    def silent(self):
        """A listener whose queue is full: further SYNs are dropped."""
        s = self.listen(0)
        self.kept.append(s)
        for _ in range(2):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(s.getsockname())
            self.kept.append(filler)
        while not any(filler.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == ESTABLISHED for filler in self.kept[-2:]):
            time.sleep(0.01)
        return s.getsockname()[1]

    def serve(self):
        """A port that echoes, connection after connection."""
        s = self.listen(50)
        self.kept.append(s)

        def one(c):
            with c:
                while data := c.recv(65536):
                    c.sendall(data)

        def loop():
            while True:
                try:
                    c, _ = s.accept()
                except OSError:
                    return
                c.settimeout(TIMEOUT)
                threading.Thread(target=one, args=(c,), daemon=True).start()

        threading.Thread(target=loop, daemon=True).start()
        return s.getsockname()[1]

    # ---- connections ----

    def accept(self):
        return self.keep(self.listener.accept()[0])

    def connect(self, port):
        s = socket.socket()
        s.settimeout(TIMEOUT)
        s.connect((self.caller, int(port)))
        return self.keep(s)

    def begin(self, port):
        """connect() that is not waited for; see opened."""
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex((self.caller, int(port)))
        number = self.keep(s)
        s.setblocking(False)
        return number

    def opened(self, *numbers):
        """How many of these are connected: state ESTABLISHED by TCP_INFO."""
        states = [self.socks[int(n)].getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] for n in numbers]
        return states.count(ESTABLISHED)

    def send(self, number, count):
        self.socks[int(number)].sendall(b"x" * int(count))
        return int(count)

    def say(self, number, *words):
        text = " ".join(words).encode()
        self.socks[int(number)].sendall(text)
        return len(text)

    def recv(self, number, count):
        """That many bytes, or fewer at the end; their text."""
        s, data = self.socks[int(number)], b""
        while len(data) < int(count):
            part = s.recv(int(count) - len(data))
            if not part:
                break
            data += part
        return len(data), data[:1000].decode(errors="replace").replace("\n", "|")

    def holds(self, number, count):
        """Waits until so many bytes have come that nobody has read."""
        waiting = array.array("i", [0])
        while waiting[0] < int(count):
            time.sleep(0.005)
            fcntl.ioctl(self.socks[int(number)], termios.FIONREAD, waiting)
        return waiting[0]

    def hash(self, number):
        """Everything until the end: how much, and its SHA-256."""
        s, digest, count = self.socks[int(number)], hashlib.sha256(), 0
        while part := s.recv(1 << 16):
            digest.update(part)
            count += len(part)
        return count, digest.hexdigest()

    def drain(self, number):
        """Reads until the end while other lines are obeyed; see drained."""
        s = self.socks[int(number)]

        def loop():
            count, digest = 0, hashlib.sha256()
            try:
                while part := s.recv(1 << 16):
                    digest.update(part)
                    count += len(part)
            except OSError as error:
                count = -error.errno
            self.drained[number] = count, digest.hexdigest()

        thread = threading.Thread(target=loop, daemon=True)
        thread.start()
        self.kept.append(thread)
        return 0

    def drained_(self, number):
        """How much drain has read, or -errno; its SHA-256."""
        end = time.monotonic() + TIMEOUT
        while number not in self.drained and time.monotonic() < end:
            time.sleep(0.005)
        return self.drained.get(number, -1)

    def room(self, number, size):
        self.socks[int(number)].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, int(size))
        return 0

    def shut(self, number):
        self.socks[int(number)].shutdown(socket.SHUT_WR)
        return 0

    def close(self, number):
        self.socks.pop(int(number)).close()
        return 0

    def reset(self, number):
        s = self.socks.pop(int(number))
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.close()
        return 0

    # ---- datagrams ----

    def udp(self):
        s = socket.socket(type=socket.SOCK_DGRAM)
        s.bind((ADDRESS, 0))
        return self.keep(s), str(s.getsockname()[1])

    def sendto(self, number, port, count):
        return self.socks[int(number)].sendto(b"d" * int(count), (self.caller, int(port)))

    def recvfrom(self, number):
        data, sender = self.socks[int(number)].recvfrom(65536)
        return len(data), f"{sender[0]} {sender[1]}"

    # ---- lines ----

    def obey(self, words):
        name = {"drained": "drained_"}.get(words[0], words[0])
        try:
            answer = getattr(self, name)(*words[1:])
        except TimeoutError:
            answer = -110
        except OSError as error:
            answer = -error.errno
        return f"{answer[0]} {answer[1]}" if isinstance(answer, tuple) else f"{answer}"

    def later(self, words):
        def do():
            time.sleep(int(words[0]) / 1000)
            self.obey(words[1:])

        threading.Thread(target=do, daemon=True).start()

    def end(self):
        for s in [self.listener, *self.socks.values(), *self.kept]:
            if isinstance(s, socket.socket):
                s.close()


def serve(control):
    peer = Peer(control)
    try:
        with control, control.makefile("rw") as lines:
            for line in lines:
                words = line.split()
                if words[0] == "later":
                    peer.later(words[1:])
                else:
                    lines.write(peer.obey(words) + "\n")
                    lines.flush()
    except OSError:
        pass
    peer.end()


def main():
    door = socket.create_server((ADDRESS, PORT), backlog=20)
    print("ready", flush=True)
    while True:
        control, _ = door.accept()
        control.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=serve, args=(control,), daemon=True).start()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        os._exit(130)
