#!/usr/bin/env python3
"""A recording of ours, read by tshark: nothing malformed, every checksum right, every value as written.

    tshark.py GOLDEN_RECORDING
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile

SEEDS = {"quick": 2, "check": 5, "full": 50}
CHECKSUMS = ["ip.checksum.status", "tcp.checksum.status", "udp.checksum.status", "icmp.checksum.status"]
BAD = "0"  # of a checksum's status: Bad; 1 is Good, 2 not checked, 3 none there


def tshark(path, *options):
    done = subprocess.run(["tshark", "-n", "-r", path, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, check=True, env={**os.environ, "TZ": "UTC"})
    return done.stdout


def rows(path, fields):
    options = ["-T", "fields", "-E", "separator=\t", "-E", "occurrence=f"]
    for protocol in ("tcp", "ip", "udp"):
        options += ["-o", f"{protocol}.check_checksum:TRUE"]
    for field in fields:
        options += ["-e", field]
    return [dict(zip(fields, line.split("\t"))) for line in tshark(path, *options).splitlines()]


def check(generator, directory, seed):
    """The faults found in one recording."""
    path = os.path.join(directory, f"{seed}.pcapng")
    printed = subprocess.run([generator, path, str(seed)], stdout=subprocess.PIPE, text=True, check=True).stdout
    wanted = [json.loads(line) for line in printed.splitlines()]
    names = sorted(set().union(*wanted) | {"_ws.malformed", *CHECKSUMS})
    found = rows(path, names)
    faults = [] if len(found) == len(wanted) else [f"{len(wanted)} frames written, {len(found)} read"]
    good = 0
    for number, (want, have) in enumerate(zip(wanted, found), 1):
        for name, value in want.items():
            if have[name] != value:
                faults.append(f"frame {number}: {name} is {have[name]!r}, not {value!r}")
        if have["_ws.malformed"]:
            faults.append(f"frame {number}: malformed")
        for name in CHECKSUMS:
            good += have[name] == "1"
            if have[name] == BAD:
                faults.append(f"frame {number}: {name}: bad")
    if good < len(wanted):  # or nothing was checked at all
        faults.append(f"{good} checksums of {len(wanted)} frames were found good")
    return len(wanted), faults


def check_capinfos(path):
    """The interfaces and their statistics, where capinfos is there."""
    if not shutil.which("capinfos"):
        return []
    text = subprocess.run(["capinfos", path], stdout=subprocess.PIPE, text=True, check=True).stdout
    wanted = ["Name = tap0", "Name = lan:a", "sockeye golden test", "Number of stat entries = 1"]
    return [f"capinfos does not say {w!r}" for w in wanted if w not in text]


def main():
    if not shutil.which("tshark"):
        print("SKIP tshark is not installed")
        sys.exit(77)
    first = int(os.environ.get("SOK_SEED", "1"))
    failed = 0
    with tempfile.TemporaryDirectory(prefix="sockeye-golden-") as directory:
        for seed in range(first, first + SEEDS.get(os.environ.get("SOK_TIER"), 5)):
            count, faults = check(sys.argv[1], directory, seed)
            print(f"{'not ok' if faults else 'ok'} - seed {seed}: {count} frames read by tshark")
            for fault in faults[:20]:
                print(f"# {fault}")
            failed += bool(faults)
        faults = check_capinfos(os.path.join(directory, f"{first}.pcapng"))
        print(f"{'not ok' if faults else 'ok'} - interfaces and statistics")
        for fault in faults:
            print(f"# {fault}")
        failed += bool(faults)
    sys.exit(1 if failed else 0)


main()
