// A raw socket on an interface. Ours is a MAC address that the interface has not: the kernel there sees
// our frames' answers as somebody else's and leaves them alone. Every frame goes with a virtio_net_hdr,
// so that super-frames and unfinished checksums (a veth's) come and go as they are. The filter
// (packet_filter.h) keeps the interface's other traffic from being copied; all is set before the socket
// hears anything, and nothing has to be set later.
//
// There is no ring (PACKET_RX_RING): with super-frames over a veth it brought 69 to 76 Gbit/s where plain
// calls bring 90 to 98. Every slot must have room for 64 KB, so a few megabytes are soon full, and what is in a slot has to be copied once more, since slots are few and data may wait.
//
// Read first: packet(7); Documentation/networking/packet_mmap.rst of the kernel for PACKET_VNET_HDR.
#include "link/packet.h"
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include "base/bytes.h"
#include "link/internal.h"
#include "link/vnet.h"

#define TAG_LEN       4
#define SOCKET_BUFFER (8 << 20)

struct packet_link {
    struct sok_link link;
    struct sok_buf *rx; // what the next frame is read into
    uint32_t overflows; // the kernel's count when it last told
};

// Removed, not merely down: from that it comes back, and the kernel binds the socket again.
static bool is_gone(const struct sok_link *link)
{
    struct ifreq ifr = {.ifr_ifindex = (int)link->interface};
    return ioctl(link->fd, SIOCGIFNAME, &ifr) < 0 && (errno == ENODEV || errno == ENXIO);
}

static int packet_send(struct sok_link *link, const struct sok_frame_out *frame, int64_t now)
{
    struct virtio_net_hdr h;
    struct iovec iov[SOK_OUT_IOV_MAX + 1] = {{&h, sizeof(h)}};
    (void)now;
    sok_vnet_from_meta(&frame->meta, &h);
    for (unsigned i = 0; i < frame->iov_count; i++)
        iov[i + 1] = (struct iovec){(void *)(uintptr_t)frame->iov[i].base, frame->iov[i].len};
    struct msghdr m = {.msg_iov = iov, .msg_iovlen = frame->iov_count + 1};
    link->wants_out = false;
    if (sendmsg(link->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
        return 0;
    if (errno == EAGAIN || errno == EINTR) {
        link->wants_out = true;
        return SOK_EAGAIN;
    }
    link->lost++;
    return is_gone(link) ? SOK_ELINKDOWN : SOK_EIO;
}

// What the kernel says beside a frame: the VLAN's tag, which it has taken off, and how many frames found the
// socket full so far.
struct aside {
    bool tagged;
    uint16_t tpid, tci;
};

static void read_aside(struct packet_link *p, struct msghdr *m, struct aside *a)
{
    *a = (struct aside){0};
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        struct tpacket_auxdata aux;
        uint32_t overflows;
        if (c->cmsg_level == SOL_PACKET && c->cmsg_type == PACKET_AUXDATA &&
            c->cmsg_len >= CMSG_LEN(sizeof(aux))) {
            memcpy(&aux, CMSG_DATA(c), sizeof(aux));
            a->tagged = aux.tp_status & TP_STATUS_VLAN_VALID;
            a->tci = aux.tp_vlan_tci;
            a->tpid = aux.tp_status & TP_STATUS_VLAN_TPID_VALID ? aux.tp_vlan_tpid : ETH_P_8021Q;
        } else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL &&
                   c->cmsg_len >= CMSG_LEN(sizeof(overflows))) {
            memcpy(&overflows, CMSG_DATA(c), sizeof(overflows));
            p->link.lost += overflows - p->overflows; // it may wrap
            p->overflows = overflows;
        }
    }
}

static uint32_t put_tag_back(
    uint8_t *data, uint32_t len, const struct aside *a, struct virtio_net_hdr *h)
{
    memmove(data + 12 + TAG_LEN, data + 12, len - 12);
    sok_put16(data + 12, a->tpid);
    sok_put16(data + 14, a->tci);
    if (h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
        h->csum_start = (uint16_t)(h->csum_start + TAG_LEN);
    return len + TAG_LEN;
}

// The bytes of a frame in p->rx and *h; negative as recv. 0: it was no whole frame.
static int read_frame(struct packet_link *p, struct virtio_net_hdr *h)
{
    union { // aligned for a header
        struct cmsghdr first;
        char room[CMSG_SPACE(sizeof(struct tpacket_auxdata)) + CMSG_SPACE(sizeof(uint32_t))];
    } control;
    uint8_t *data = p->rx->data;
    struct iovec iov[2] = {{h, sizeof(*h)}, {data, SOK_LINK_SUPER_MAX - TAG_LEN}};
    struct msghdr m = {.msg_iov = iov,
        .msg_iovlen = 2,
        .msg_control = &control,
        .msg_controllen = sizeof(control)};
    struct aside a;
    ssize_t n = recvmsg(p->link.fd, &m, MSG_DONTWAIT);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR || !is_gone(&p->link) ? SOK_EAGAIN : SOK_ELINKDOWN;
    read_aside(p, &m, &a);
    if ((m.msg_flags & MSG_TRUNC) || n < (ssize_t)sizeof(*h) + ETH_HLEN)
        return 0;
    uint32_t len = (uint32_t)n - (uint32_t)sizeof(*h);
    return (int)(a.tagged ? put_tag_back(data, len, &a, h) : len);
}

static int packet_recv(struct sok_link *link, struct sok_frame *frame, int64_t now)
{
    struct packet_link *p = (struct packet_link *)link;
    (void)now;
    for (;;) {
        if (!p->rx)
            p->rx = sok_buf_new(link->mem, SOK_LINK_SUPER_MAX);
        if (!p->rx)
            return SOK_EAGAIN; // it waits in the kernel until there is memory
        struct virtio_net_hdr h;
        int n = read_frame(p, &h);
        if (n < 0)
            return n;
        if (n == 0 || !sok_vnet_to_meta(&h, p->rx->data, (uint32_t)n, &frame->meta) ||
            sok_link_give(link->mem, &p->rx, (uint32_t)n, frame) < 0) {
            link->lost++;
            continue;
        }
        return 0;
    }
}

static int64_t packet_deadline(const struct sok_link *link)
{
    (void)link;
    return INT64_MAX;
}

static void packet_close(struct sok_link *link)
{
    struct packet_link *p = (struct packet_link *)link;
    sok_buf_unref(p->rx);
    close(link->fd);
    sok_mem_free(link->mem, p, sizeof(*p));
}

static const struct sok_link_ops packet_ops = {
    packet_send, packet_recv, packet_deadline, packet_close};

// ---- opening ----

static void socket_buffer(int fd, int option, int force_option)
{
    int bytes = SOCKET_BUFFER;
    if (setsockopt(fd, SOL_SOCKET, force_option, &bytes, sizeof(bytes)) < 0)
        setsockopt(fd, SOL_SOCKET, option, &bytes, sizeof(bytes));
}

static int listen_to(
    int fd, int index, const struct sok_packet_options *o, const uint8_t mac[6], char *err)
{
    struct packet_mreq all = {.mr_ifindex = index, .mr_type = PACKET_MR_PROMISC};
    struct sok_packet_filter filter;
    if (o->filter)
        filter = *o->filter;
    else
        sok_packet_filter_mac(&filter, mac);
    struct sock_fprog program = {.len = filter.len, .filter = filter.code};
    if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0)
        return sok_link_fail(err, SOK_EIO, "%s: no filter: %s", o->name, strerror(errno));
    if (!o->filter && setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all)) < 0)
        return sok_link_fail(err, SOK_EIO, "%s: not promiscuous: %s", o->name, strerror(errno));
    return 0;
}

// The socket hears nothing until it is bound to its interface.
static int attach(
    int fd, int index, const struct sok_packet_options *o, const uint8_t mac[6], char *err)
{
    const char *name = o->name;
    int one = 1;
    if (setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)) < 0)
        return sok_link_fail(err, SOK_EIO, "%s: no super-frames: %s", name, strerror(errno));
    if (setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &one, sizeof(one)) < 0)
        return sok_link_fail(err, SOK_EIO, "%s: no VLAN tags: %s", name, strerror(errno));
    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one));
    setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &one, sizeof(one));
    socket_buffer(fd, SO_RCVBUF, SO_RCVBUFFORCE);
    socket_buffer(fd, SO_SNDBUF, SO_SNDBUFFORCE);
    int r = listen_to(fd, index, o, mac, err);
    if (r < 0)
        return r;
    struct sockaddr_ll at = {
        .sll_family = AF_PACKET,
        .sll_protocol = htons(ETH_P_ALL),
        .sll_ifindex = index,
    };
    if (bind(fd, (const struct sockaddr *)&at, sizeof(at)) < 0)
        return sok_link_fail(err, SOK_EIO, "%s: %s", name, strerror(errno));
    return 0;
}

static int look_at(
    int fd, const char *name, uint16_t wanted_mtu, struct sok_link_info *info, char *err)
{
    struct ifreq ifr = {0};
    snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
    if (ioctl(fd, SIOCGIFFLAGS, &ifr) < 0)
        return sok_link_fail(err, SOK_EIO, "%s: %s", name, strerror(errno));
    if (!(ifr.ifr_flags & IFF_UP))
        return sok_link_fail(err, SOK_ELINKDOWN, "%s is down (ip link set %s up)", name, name);
    sok_link_wait_running(fd, name);
    if (ioctl(fd, SIOCGIFHWADDR, &ifr) < 0 || ifr.ifr_hwaddr.sa_family != 1 /* ARPHRD_ETHER */)
        return sok_link_fail(err, SOK_EINVAL, "%s is not an Ethernet interface", name);
    if (ioctl(fd, SIOCGIFMTU, &ifr) < 0)
        return sok_link_fail(err, SOK_EIO, "%s: no MTU: %s", name, strerror(errno));
    if (wanted_mtu > ifr.ifr_mtu)
        return sok_link_fail(
            err, SOK_EINVAL, "%s: an MTU of %u is more than its %d", name, wanted_mtu, ifr.ifr_mtu);
    int mtu = wanted_mtu ? wanted_mtu : ifr.ifr_mtu;
    info->mtu = (uint16_t)(mtu > 65535 ? 65535 : mtu);
    return 0;
}

int sok_link_packet(
    const struct sok_mem *mem, const struct sok_packet_options *o, struct sok_link **out, char *err)
{
    unsigned index = strlen(o->name) < IFNAMSIZ ? if_nametoindex(o->name) : 0;
    if (index == 0)
        return sok_link_fail(err, SOK_ENODEV, "no such interface: %s (see: ip link)", o->name);
    struct packet_link *p = (struct packet_link *)sok_link_new(mem, sizeof(*p), &packet_ops);
    if (!p)
        return sok_link_fail(err, SOK_ENOMEM, "no memory for a link");
    struct sok_link_info *info = &p->link.info;
    sok_link_mac(info->mac, o->mac);
    snprintf(info->name, sizeof(info->name), "packet:%s", o->name);
    p->link.interface = index;
    info->caps = o->offload ? SOK_LINK_CSUM | SOK_LINK_TSO : 0;
    int r;
    p->link.fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (p->link.fd < 0)
        r = sok_link_fail(err, errno == EPERM ? SOK_EACCES : SOK_EIO,
            "%s: no raw socket: %s (needs root or CAP_NET_RAW; without: --link user)", o->name,
            strerror(errno));
    else
        r = look_at(p->link.fd, o->name, o->mtu, info, err);
    if (r == 0)
        r = attach(p->link.fd, (int)index, o, info->mac, err);
    if (r < 0) {
        if (p->link.fd >= 0)
            close(p->link.fd);
        sok_mem_free(mem, p, sizeof(*p));
        return r;
    }
    *out = &p->link;
    return 0;
}
