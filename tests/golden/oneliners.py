#!/usr/bin/env python3
"""What the packet language prints, command by command.

    oneliners.py SOCKEYE TRANSCRIPT [--write]

A transcript is "$ COMMAND" lines, what each printed (both outputs together), and "[exit N]" where it was not 0.
--write runs the commands again and writes what came: look at the difference before it is kept.
"""

import difflib
import os
import pathlib
import re
import subprocess
import sys
import tempfile


def run(sockeye, command, place):
    """What a command prints; `sockeye` in it is the one to be tested."""
    text = re.sub(r"\bsockeye (?=\w)", f"'{sockeye}' ", command)
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": place, "TERM": "dumb"}
    done = subprocess.run(["bash", "-c", text], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, cwd=place, env=environment, timeout=30)
    out = done.stdout.decode("utf-8", "backslashreplace")
    out += "" if not out or out.endswith("\n") else "\n"
    return out + (f"[exit {done.returncode}]\n" if done.returncode else "")


def main():
    sockeye, path = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2])
    wanted = path.read_text()
    commands = [line[2:] for line in wanted.splitlines() if line.startswith("$ ")]
    with tempfile.TemporaryDirectory() as place:
        came = "".join(f"$ {command}\n{run(sockeye, command, place)}" for command in commands)
    if "--write" in sys.argv:
        path.write_text(came)
    elif came != wanted:
        sys.stdout.writelines(difflib.unified_diff(wanted.splitlines(True), came.splitlines(True), "wanted", "came"))
        sys.exit(f"oneliners: not what {path.name} says")
    print(f"{len(commands)} commands")


main()
