"""What goes wrong in the middle, or is not there: an interface goes down or away, the disk is full, the kernel has no
nftables for us. One clear line each, and nothing that came before is lost."""

import time

from matrix import LINKS, NOBODY, TAP_IP, Home, prepared
from names import OTHER, need
from net import check, sh, until, wait_for_line
from share import PEER_IP
from talk import complaint
from terminal import copy_for_user
from transfer import MB, sha256_of

DEVICE = {"share": "eth0", "packet": "p0", "tap": "s0"}


def begun(net, link, got, *words):
    """A `get` of the large file over a slow wire, once it has a megabyte."""
    get = net.get(link, "--impair", "rate=50mbit", "-o", got, "--record", net.tmp / "rec", *words, f"http://{OTHER}/large")
    until(lambda: got.exists() and got.stat().st_size >= MB or get.poll() is not None, "it did not begin")
    check(get.poll() is None, "it ended early")
    return get


def readable(net):
    """The recording can be read to its end."""
    done = net.run(need("tshark"), "-r", net.tmp / "rec", "-q", "-z", "io,stat,0")
    check(done.code == 0 and b"cut short" not in done.err, f"the recording: {done}")


def down_and_up(sockeye):
    """Down: said, waited for; up again: said, and every byte comes."""
    for link, device in DEVICE.items():
        with Home(sockeye) as net:
            digest, _ = prepared(net)
            get = begun(net, link, net.tmp / "got")
            sh("ip", "-n", net.sockeye, "link", "set", device, "down")
            wait_for_line(get.stderr, f"sockeye: {device} is down: waiting until it is up again (ip link set {device} up)\n".encode())
            time.sleep(0.3)
            check(get.poll() is None, f"{link}: it did not wait")
            sh("ip", "-n", net.sockeye, "link", "set", device, "up")
            if link == "share":  # the kernel forgets its routes with the interface; Sockeye has its own
                sh("ip", "-n", net.sockeye, "route", "replace", "default", "via", "198.51.100.254")
            wait_for_line(get.stderr, f"sockeye: {device} is up again\n".encode())
            done = net.finish(get, timeout=60)
            check(done.code == 0 and sha256_of(net.tmp / "got") == digest, f"{link}: {done}")
            readable(net)
    return ", ".join(DEVICE)


def removed(sockeye):
    """Removed: it ends at once, with what came and a whole recording."""
    for link, device in DEVICE.items():
        with Home(sockeye) as net:
            prepared(net)
            get = begun(net, link, net.tmp / "got")
            sh("ip", "-n", net.sockeye, "link", "delete", device)
            done = net.finish(get)
            lines = done.err.decode().splitlines()
            if lines and lines[0].startswith(f"sockeye: {device} is down: "):  # which comes first, and may be seen
                lines = lines[1:]
            check(done.code == 56 and lines == [f"sockeye: {device} is gone: connections over it have ended",
                "sockeye: (56) Recv failure: Network is down"], f"{link}: {done}")
            check((net.tmp / "got").stat().st_size >= MB, "what had come is lost")
            readable(net)
    return ", ".join(DEVICE)


def listener_waits(sockeye):
    """`nc -l` on an interface that is removed does not wait for ever."""
    with Home(sockeye) as net:
        words = LINKS["tap"][0]
        server = net.start(net.binary, "nc", *words, "-l", "-v", "-p", "7000", namespace=net.sockeye)
        wait_for_line(server.stderr, b"istening")
        sh("ip", "-n", net.sockeye, "link", "delete", "s0")
        done = net.finish(server)
        check(done.code != 0 and b"s0 is gone" in done.err, f"{done}")


def disk_full(sockeye):
    """-o and --record on a disk that is full: said once, the right exit code, what fits is there."""
    script = 'mount -t tmpfs -o size=2m none "$1" && shift && exec "$@"'
    with Home(sockeye) as net:
        prepared(net)
        full = net.tmp / "full"
        full.mkdir()

        def get(*words):
            words = (*LINKS["tap"][0], *words, "--resolve", f"{OTHER}:80:{PEER_IP}", f"http://{OTHER}/large")
            return net.run("unshare", "-m", "sh", "-c", script, "sh", full, net.binary, "get", *words, namespace=net.sockeye)
        for _ in range(8):  # whether the error comes before or after the last byte
            complaint(get("-o", full / "got"), 23, r"full/got: No space left on device")
        done = get("-o", net.tmp / "got", "--record", full / "rec")
        complaint(done, 1, r"full/rec is not complete: No space left on device")
        check((net.tmp / "got").stat().st_size == (net.tmp / "www" / "large").stat().st_size, "the page itself is not whole")


def no_nftables(sockeye):
    """`share` without the right to nftables: says what is missing and what to do instead."""
    with Home(sockeye) as net:
        done = net.run("setpriv", "--bounding-set=-all,+net_raw", "--inh-caps=-all,+net_raw", net.binary, "get", "--link", "share",
            f"http://{PEER_IP}/", namespace=net.sockeye)
        complaint(done, 2, r"nf")
        return done.err.decode().strip()


def ordinary_user(sockeye):
    """Each link that needs a right says which, and what does without, in a line."""
    with Home(sockeye) as net:
        net.binary = copy_for_user(net)
        for link, device in (("share", None), ("packet:p0", "RAW"), ("tap:s0", "ADMIN"), ("tap:new0", "ADMIN"), ("tun:new1", "ADMIN")):
            own = ("--addr", f"{TAP_IP}/24") if device else ()
            done = net.run(net.binary, "get", "--link", link, *own, f"http://{PEER_IP}/", namespace=net.sockeye, user=NOBODY)
            complaint(done, 2, rf"root or CAP_NET_{device or 'RAW'} ?\(?.*without: --link ")


def no_route(sockeye):
    """No way to the destination: said at once, whichever link."""
    with Home(sockeye) as net:
        net.binary = copy_for_user(net)
        sh("ip", "-n", net.sockeye, "route", "delete", "default")
        for own, user in ((["--link", "user"], NOBODY), (["--link", "tap:s0", "--addr", f"{TAP_IP}/24"], None),
                (["--link", "packet:p0", "--addr", f"{TAP_IP}/24"], None)):
            done = net.run(net.binary, "get", *own, "http://203.0.113.9/", namespace=net.sockeye, user=user)
            complaint(done, 7, r"connect to 203\.0\.113\.9 port 80: Network is unreachable")
        done = net.run(net.binary, "get", "--link", "share", "http://203.0.113.9/", namespace=net.sockeye)
        complaint(done, 2, r"no default route")


def output_leaves(sockeye):
    """`| head -c 100`: quiet, with exit 23. Standard output closed: said, and the page is written into nothing else."""
    with Home(sockeye) as net:
        prepared(net)
        net.binary = copy_for_user(net)
        for link, (own, root) in LINKS.items():
            get = " ".join(map(str, (net.binary, "get", *own, "--resolve", f"{OTHER}:80:{PEER_IP}", f"http://{OTHER}/large")))
            options = {"namespace": net.sockeye, "user": None if root else NOBODY}
            done = net.run("bash", "-c", f"{get} | head -c 100; exit ${{PIPESTATUS[0]}}", **options)
            check(done.code == 23 and len(done.out) == 100 and not done.err, f"{link}, head: {len(done.out)} bytes, {done}")
            complaint(net.run("bash", "-c", f"exec {get} >&-", **options), 23, r"stdout: Bad file descriptor")
        return ", ".join(LINKS)


TESTS = {
    "trouble-ordinary": ordinary_user,
    "trouble-no-route": no_route,
    "trouble-output": output_leaves,
    "trouble-down": down_and_up,
    "trouble-removed": removed,
    "trouble-listener": listener_waits,
    "trouble-disk-full": disk_full,
    "trouble-nftables": no_nftables,
}
