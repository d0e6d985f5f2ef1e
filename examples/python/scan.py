"""A connect scanner: which ports of a host are open, which closed, which silent? Only for hosts you may test.

    python3 scan.py HOST FIRST LAST
"""

import socket
import sys

host, first, last = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
for port in range(first, last + 1):
    probe = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    probe.settimeout(1)
    try:
        probe.connect((host, port))
        print(f"{port} open")
    except ConnectionRefusedError:
        print(f"{port} closed")
    except TimeoutError:
        print(f"{port} silent")
    except OSError as error:
        print(f"{port} {error.strerror}")
    probe.close()
