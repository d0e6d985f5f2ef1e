// A TAP device: the kernel's side is an ordinary Ethernet interface (which can stand in a bridge), ours
// is this link. Every frame goes with a struct virtio_net_hdr, so that a 64 KB super-frame is one system
// call in either direction and checksums are never computed between us and the kernel. And a TUN device
// (tun.c), which is the same without Ethernet.
//
// Read first: Documentation/networking/tuntap.rst of the kernel, vnet.h.
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>
#include "link/internal.h"
#include "link/vnet.h"

#define ETH_HDR_LEN 14
#define VNET_LEN    ((int)sizeof(struct virtio_net_hdr))

#define TX_QUEUE   5000
#define RUNNING_MS 1200

struct tap_link {
    struct sok_link link;
    struct sok_buf *rx; // what the next frame is read into
    uint32_t rx_cap;
    bool offload;
    bool ip; // a TUN
};

// Whether the device still is there; writing to one that is merely down also gives EIO.
static bool tap_gone(int fd)
{
    struct ifreq ifr = {0};
    return ioctl(fd, TUNGETIFF, &ifr) < 0;
}

static int tap_error(struct sok_link *link, int error)
{
    if (error == EBADFD || error == EBADF || (error == EIO && tap_gone(link->fd)))
        return SOK_ELINKDOWN;
    return SOK_EIO;
}

static int tap_send(struct sok_link *link, const struct sok_frame_out *frame, int64_t now)
{
    struct tap_link *tap = (struct tap_link *)link;
    struct virtio_net_hdr h;
    struct iovec iov[SOK_OUT_IOV_MAX + 1];
    int count = 0;
    (void)now;
    if (tap->offload) {
        sok_vnet_from_meta(&frame->meta, &h);
        iov[count++] = (struct iovec){&h, sizeof(h)};
    } else {
        assert(!frame->meta.csum_partial && frame->meta.gso == SOK_GSO_NONE);
    }
    for (unsigned i = 0; i < frame->iov_count; i++)
        iov[count++] = (struct iovec){(void *)(uintptr_t)frame->iov[i].base, frame->iov[i].len};
    link->wants_out = false;
    if (writev(link->fd, iov, count) >= 0)
        return 0;
    if (errno == EAGAIN || errno == EINTR) {
        link->wants_out = true;
        return SOK_EAGAIN;
    }
    int error = errno;
    link->lost++;
    return tap_error(link, error);
}

static int tap_recv(struct sok_link *link, struct sok_frame *frame, int64_t now)
{
    struct tap_link *tap = (struct tap_link *)link;
    (void)now;
    for (;;) {
        if (!tap->rx)
            tap->rx = sok_buf_new(link->mem, tap->rx_cap);
        if (!tap->rx)
            return SOK_EAGAIN; // it waits in the kernel until there is memory
        struct virtio_net_hdr h = {0};
        uint32_t extra = tap->offload ? sizeof(h) : 0;
        struct iovec iov[2] = {{&h, sizeof(h)}, {tap->rx->data, tap->rx_cap}};
        ssize_t n =
            tap->offload ? readv(link->fd, iov, 2) : read(link->fd, tap->rx->data, tap->rx_cap);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return SOK_EAGAIN;
        if (n < 0) {
            int error = errno == EIO ? EBADFD : errno; // reading from one that is down just waits
            return tap_error(link, error);
        }
        uint32_t len = n > (ssize_t)extra ? (uint32_t)n - extra : 0;
        if (len > tap->rx_cap || !sok_vnet_to_meta(&h, tap->rx->data, len, &frame->meta) ||
            sok_link_give(link->mem, &tap->rx, len, frame) < 0) {
            link->lost++;
            continue;
        }
        return 0;
    }
}

static int64_t tap_deadline(const struct sok_link *link)
{
    (void)link;
    return INT64_MAX;
}

static void tap_close(struct sok_link *link)
{
    struct tap_link *tap = (struct tap_link *)link;
    sok_buf_unref(tap->rx);
    close(link->fd);
    sok_mem_free(link->mem, tap, sizeof(*tap));
}

static const struct sok_link_ops tap_ops = {tap_send, tap_recv, tap_deadline, tap_close};

// ---- opening ----

static const char *kind(const struct tap_link *tap)
{
    return tap->ip ? "TUN" : "TAP";
}

static int no_device(const struct tap_link *tap, char *err)
{
    int error = errno;
    if (error == EACCES || error == EPERM)
        return sok_link_fail(err, SOK_EACCES,
            "no permission for /dev/net/tun: a %s needs root or CAP_NET_ADMIN (without: --link "
            "lan:NAME)",
            kind(tap));
    if (error == ENOENT || error == ENODEV || error == ENXIO)
        return sok_link_fail(err, SOK_ENODEV,
            "no /dev/net/tun here: load the driver (modprobe tun) or make the node");
    return sok_link_fail(err, SOK_EIO, "/dev/net/tun does not open: %s", strerror(error));
}

static int no_interface(const struct tap_link *tap, const char *name, bool existed, char *err)
{
    int error = errno;
    const char *mode = tap->ip ? "tun" : "tap", *shown = *name ? name : mode;
    if (error == EPERM || error == EACCES)
        return sok_link_fail(err, SOK_EACCES,
            "%s: a %s needs root or CAP_NET_ADMIN, or one made for you "
            "(ip tuntap add dev %s mode %s user USER)",
            shown, kind(tap), *name ? name : "NAME", mode);
    if (error == EBUSY)
        return sok_link_fail(
            err, SOK_EADDRINUSE, "%s is in use by another process: choose another name", shown);
    if (error == EINVAL && existed)
        return sok_link_fail(err, SOK_EADDRINUSE,
            "%s is an interface already, and not a %s: choose another name", shown, kind(tap));
    if (error == EINVAL)
        return sok_link_fail(err, SOK_EINVAL, "not a name for an interface: %s", shown);
    return sok_link_fail(err, SOK_EIO, "no %s %s: %s", kind(tap), shown, strerror(error));
}

static int tap_attach(struct tap_link *tap, const char *name, char *got, char *err)
{
    int fd = tap->link.fd, flags = (tap->ip ? IFF_TUN : IFF_TAP) | IFF_NO_PI;
    bool offload = tap->offload, existed = *name && if_nametoindex(name) != 0;
    struct ifreq ifr = {.ifr_flags = (short)(flags | (offload ? IFF_VNET_HDR : 0))};
    memcpy(ifr.ifr_name, name, strlen(name));
    if (ioctl(fd, TUNSETIFF, &ifr) < 0)
        return no_interface(tap, name, existed, err);
    memcpy(got, ifr.ifr_name, IFNAMSIZ);
    int len = VNET_LEN;
    unsigned features = 0;
    if (offload) {
        if (ioctl(fd, TUNSETVNETHDRSZ, &len) < 0)
            return sok_link_fail(err, SOK_EIO, "%s: no offload: %s", got, strerror(errno));
        features = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
    }
    // Also without offload: a TAP that somebody used before keeps what he set.
    if (ioctl(fd, TUNSETOFFLOAD, features) < 0 && offload)
        return sok_link_fail(err, SOK_EIO, "%s: no offload: %s", got, strerror(errno));
    return 0;
}

// No address comes by itself, and so no router solicitation and no duplicate address detection.
static void no_auto_address(const char *name)
{
    char path[96];
    snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/addr_gen_mode", name);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return; // no IPv6 here
    ssize_t written = write(fd, "1", 1);
    (void)written;
    close(fd);
}

static int tap_mtu(int s, const char *name, uint16_t wanted, uint16_t *out, char *err)
{
    struct ifreq ifr = {0};
    memcpy(ifr.ifr_name, name, IFNAMSIZ);
    if (ioctl(s, SIOCGIFMTU, &ifr) < 0)
        return sok_link_fail(err, SOK_EIO, "%s: no MTU: %s", name, strerror(errno));
    if (wanted != 0 && ifr.ifr_mtu != wanted) {
        ifr.ifr_mtu = wanted;
        if (ioctl(s, SIOCSIFMTU, &ifr) < 0)
            return sok_link_fail(err, errno == EPERM ? SOK_EACCES : SOK_EINVAL,
                "%s: no MTU of %u: %s", name, wanted, strerror(errno));
    }
    *out = (uint16_t)(ifr.ifr_mtu > 65535 ? 65535 : ifr.ifr_mtu);
    return 0;
}

// What the kernel's side sends waits in this many frames for us to read; by default 1000, which is less
// than a receive window of small frames, and what is over it is lost.
static void tap_queue(int s, const char *name)
{
    struct ifreq ifr = {.ifr_qlen = TX_QUEUE};
    memcpy(ifr.ifr_name, name, IFNAMSIZ);
    ioctl(s, SIOCSIFTXQLEN, &ifr);
}

// Until the kernel has noticed that somebody is here (its link watch may take a second for a TAP made
// beforehand), it sends nothing to us, and a bridge keeps its port closed.
static void tap_wait(int s, const char *name)
{
    struct ifreq ifr = {0};
    memcpy(ifr.ifr_name, name, IFNAMSIZ);
    for (int i = 0; i < RUNNING_MS; i++) {
        if (ioctl(s, SIOCGIFFLAGS, &ifr) < 0 || (ifr.ifr_flags & IFF_RUNNING))
            return;
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
}

static int tap_up(int s, const char *name, char *err)
{
    struct ifreq ifr = {0};
    memcpy(ifr.ifr_name, name, IFNAMSIZ);
    if (ioctl(s, SIOCGIFFLAGS, &ifr) < 0)
        return sok_link_fail(err, SOK_EIO, "%s: %s", name, strerror(errno));
    if (ifr.ifr_flags & IFF_UP)
        return 0;
    no_auto_address(name);
    ifr.ifr_flags |= IFF_UP;
    if (ioctl(s, SIOCSIFFLAGS, &ifr) < 0)
        return sok_link_fail(err, errno == EPERM ? SOK_EACCES : SOK_EIO,
            "%s stays down: %s (ip link set %s up)", name, strerror(errno), name);
    return 0;
}

static int tap_configure(struct tap_link *tap, const struct sok_tap_options *o, char *err)
{
    const char *name = o->name ? o->name : "";
    char got[IFNAMSIZ] = "";
    struct sok_link_info *info = &tap->link.info;
    if (strlen(name) >= IFNAMSIZ)
        return sok_link_fail(
            err, SOK_EINVAL, "the name %s is too long: an interface has at most 15 letters", name);
    bool existed = *name && if_nametoindex(name) != 0;
    int s = -1;
    int r = tap_attach(tap, name, got, err);
    if (r < 0)
        goto out;
    tap->link.interface = if_nametoindex(got);
    s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (s < 0) {
        r = sok_link_fail(err, SOK_EIO, "%s: no socket to set it up: %s", got, strerror(errno));
        goto out;
    }
    // A TAP made beforehand keeps its MTU unless one is asked for.
    r = tap_mtu(s, got, o->mtu ? o->mtu : (existed ? 0 : 1500), &info->mtu, err);
    if (r == 0 && !existed)
        tap_queue(s, got);
    if (r == 0)
        r = tap_up(s, got, err);
    if (r == 0)
        sok_link_wait_running(s, got);
    if (r == 0)
        tap_wait(s, got);
    snprintf(info->name, sizeof(info->name), "%s", got);
    info->caps = (o->offload ? SOK_LINK_CSUM | SOK_LINK_TSO : 0) | (tap->ip ? SOK_LINK_IP : 0) |
                 (existed && !tap->ip ? 0 : SOK_LINK_POINT);
out:
    if (s >= 0)
        close(s);
    return r;
}

int sok_link_tun_device(const struct sok_mem *mem, const struct sok_tap_options *o, bool ip,
    struct sok_link **out, char *err)
{
    struct tap_link *tap = (struct tap_link *)sok_link_new(mem, sizeof(*tap), &tap_ops);
    if (!tap)
        return sok_link_fail(err, SOK_ENOMEM, "no memory for a link");
    tap->offload = o->offload;
    tap->ip = ip;
    if (!ip)
        sok_link_mac(tap->link.info.mac, o->mac);
    tap->link.fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    int r = tap->link.fd < 0 ? no_device(tap, err) : tap_configure(tap, o, err);
    if (r < 0) {
        if (tap->link.fd >= 0)
            close(tap->link.fd);
        sok_mem_free(mem, tap, sizeof(*tap));
        return r;
    }
    tap->rx_cap = o->offload ? SOK_LINK_SUPER_MAX : (uint32_t)tap->link.info.mtu + ETH_HDR_LEN + 4;
    *out = &tap->link;
    return 0;
}

int sok_link_tap(
    const struct sok_mem *mem, const struct sok_tap_options *o, struct sok_link **out, char *err)
{
    return sok_link_tun_device(mem, o, false, out, err);
}
