#!/usr/bin/env python3
"""The shell of the packet language in a real terminal (tmux): keys are typed, and what the terminal then shows is what
shell.txt says: prompts, completion, several lines, history, errors, Ctrl-C, Ctrl-D.

    shell.py SOCKEYE SHELL.TXT [--write]
"""

import difflib
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile
import time

PATIENCE = 60  # seconds, for a machine that is busy

# What is typed, and what must stand in the last line that is not empty before the next is. None: nothing new is
# awaited. Words as "Tab" are tmux's names of keys.
FIRST = [
    ('p = IP{src="192.0.2.2", dst="192.0.2.1"}/TCP{dport=80}/"hi"', "Enter", ">>>"),
    ("p", "Enter", ">>>"),
    ("p.TC", "Tab", ">>> p.TCP"),
    (".dpo", "Tab", ">>> p.TCP.dport"),
    ("", "Enter", ">>>"),
    ("p:summ", "Tab", ">>> p:summary("),
    (")", "Enter", ">>>"),
    ("IP{tt", "Tab", ">>> IP{ttl="),
    ("3}", "Enter", ">>>"),
    ("IPv6Ext", "Tab", ">>> IPv6ExtHdr"),
    ("", "Tab", ">>> IPv6ExtHdr"),  # all that begin so, and the line again
    ("dropped", "C-c", ">>>"),
    ("for i = 1, 2 do", "Enter", "..."),
    ("  print(i * 10)", "Enter", "..."),
    ("end", "Enter", ">>>"),
    ('IP{ttl="x"}', "Enter", ">>>"),
    ("f = function()", "Enter", "..."),
    ("  local x = nil + 1", "Enter", "..."),
    ("end f()", "Enter", ">>>"),
    ('{1, {2, 3}, x="y"}', "Enter", ">>>"),
    ('print("running") while true do end', "Enter", "running"),
    ("", "C-c", ">>>"),
    ("p.nothing", "Enter", ">>>"),
    ("7 * 3", "Enter", ">>>"),
    ("_ + 1", "Enter", ">>>"),
    ("sniff", "Enter", ">>>"),
    ("for p in pkts: print(p)", "Enter", ">>>"),  # no end of it is waited for
    ("p.show()", "Enter", ">>>"),
    ("1 +", "Enter", "..."),
    ("1", "Enter", ">>>"),
    ("", "Up", ">>> 1 + 1"),  # one line of history now
    ("", "Enter", ">>>"),
    ("", "C-d", "status 0"),
]
SECOND = [
    ("", "Up", ">>> 1 + 1"),  # kept between two shells
    ("", "Enter", ">>>"),
    ("do setmetatable(_G, {__index=function(_, k) error(k) end}) end", "Enter", ">>>"),
    ("exit", "Enter", "status 0"),  # it is looked for without that
]


class Tmux:
    def __init__(self, place, name):
        self.command = ["tmux", "-S", f"{place}/{name}", "-f", "/dev/null"]
        self.environment = {"PATH": os.environ["PATH"], "HOME": place, "LC_ALL": "C.UTF-8", "TERM": "xterm",
            "SHELL": "/bin/sh"}

    def do(self, *words):
        return subprocess.run([*self.command, *words], stdout=subprocess.PIPE, env=self.environment, check=True,
            text=True).stdout

    def start(self, sockeye):
        # Its code is shown, and the window stays for it. Ctrl-C is meant for sockeye alone.
        self.do("new-session", "-d", "-x", "100", "-y", "100",
            f"trap : INT; {shlex.quote(str(sockeye))} lua; echo status $?; sleep 1000")

    def screen(self, colours=False):
        return self.do("capture-pane", "-p", *(["-e"] if colours else [])).rstrip("\n")

    def wait(self, wanted, lines):
        """Until the last line is what is wanted and there are more lines than before (or as many, for a key that ends none)."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            rows = self.screen().split("\n")
            if rows[-1].rstrip() == wanted and len(rows) >= lines:
                return len(rows)
            time.sleep(0.02)
        raise SystemExit(f"shell: {wanted!r} did not come; the screen:\n{self.screen()}")

    def play(self, steps):
        count = self.wait(">>>", 2)
        for text, key, wanted in steps:
            if text:
                self.do("send-keys", "-l", text)
                self.wait_typed(text)
            self.do("send-keys", key)
            count = self.wait(wanted, count + (key in ("Enter", "C-c", "C-d")))

    def wait_typed(self, text):
        end = time.monotonic() + PATIENCE
        while not self.screen().rstrip().endswith(text.rstrip()) and time.monotonic() < end:
            time.sleep(0.02)


def session(place, name, sockeye, steps):
    tmux = Tmux(place, name)
    tmux.start(sockeye)
    try:
        tmux.play(steps)
        return tmux.screen() + "\n", tmux.screen(colours=True)
    finally:
        tmux.do("kill-server")


def main():
    sockeye, path = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2])
    if not shutil.which("tmux"):
        print("shell: no tmux here (tools/setup installs it)")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as place:
        first, coloured = session(place, "first", sockeye, FIRST)
        second, _ = session(place, "second", sockeye, SECOND)
    came = first + "----\n" + second
    if "--write" in sys.argv:
        path.write_text(came)
    elif came != path.read_text():
        sys.stdout.writelines(difflib.unified_diff(path.read_text().splitlines(True), came.splitlines(True),
            "wanted", "came"))
        sys.exit(f"shell: not what {path.name} says")
    if "\033[31m" not in coloured or "\033[33m" not in coloured:
        sys.exit("shell: errors and values have no colours")
    print(f"{len(FIRST) + len(SECOND)} keys")


main()
