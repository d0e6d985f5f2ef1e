"""Scapy without its warnings and without this machine's routes. A test that has no Scapy is skipped:

    with needs_scapy():
        from scapy.layers.inet import IP
"""

import contextlib
import logging
import sys


@contextlib.contextmanager
def needs_scapy():
    logging.getLogger("scapy").setLevel(logging.CRITICAL)
    try:
        from scapy.config import conf
        conf.route_autoload = conf.route6_autoload = False
        yield
    except ImportError as why:
        print(f"SKIP Scapy is not all here (python3-scapy): {why}")
        sys.exit(77)
