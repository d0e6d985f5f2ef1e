#!/usr/bin/env python3
"""Our one line for a packet is tcpdump's, word for word, where tcpdump looks no further than TCP and UDP.

    tcpdump.py GOLDEN_RECORDING GOLDEN_LINES
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

SEEDS = {"quick": 2, "check": 5, "full": 50}


def lines(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        check=True).stdout.splitlines()


def plain(line):
    """Without what one of the two does not know: the application by its port, the AE bit."""
    line = re.sub(r"(length \d+): HTTP.*", r"\1", line)
    return re.sub(r"(Flags \[[^]]*)e\]", r"\1]", line)


def main():
    recording, show = sys.argv[1:3]
    if not shutil.which("tcpdump"):
        print("SKIP tcpdump is not installed")
        sys.exit(77)
    first = int(os.environ.get("SOK_SEED", "1"))
    failed = 0
    with tempfile.TemporaryDirectory(prefix="sockeye-golden-") as directory:
        for seed in range(first, first + SEEDS.get(os.environ.get("SOK_TIER"), 5)):
            path = os.path.join(directory, "recording.pcapng")
            lines(recording, path, str(seed))
            theirs = [plain(line) for line in lines("tcpdump", "-nn", "-t", "-S", "-r", path)]
            ours = [plain(line) for line in lines(show, path)]
            # Where tcpdump writes a second line for the contents, it is indented.
            theirs = [line for line in theirs if not line.startswith(("\t", " "))]
            bad = [(a, b) for a, b in zip(theirs, ours) if a != b]
            ok = not bad and len(theirs) == len(ours) > 0
            print(f"{'ok' if ok else 'not ok'} - seed {seed}: {len(ours)} lines as tcpdump's {len(theirs)}")
            for a, b in bad[:10]:
                print(f"# tcpdump: {a}\n# ours:    {b}")
            failed += not ok
    sys.exit(1 if failed else 0)


main()
