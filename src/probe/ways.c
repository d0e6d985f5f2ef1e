// Read first: rtnetlink(7).
#include "probe/ways.h"
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define KEPT_MAX        256 // answers, by a hash of the address
#define ASK_EVERY_MS    10
#define PORT_OF_NOTHING 9 // discard

struct kept {
    bool valid, has_mac, silent; // silent: nobody answered for the MAC
    struct sok_addr dst;
    struct sok_way way;
    uint8_t mac[6];
};

struct sok_ways {
    const struct sok_mem *mem;
    struct mnl_socket *netlink;
    int fd; // for ioctl
    unsigned sequence;
    unsigned wait_ms; // of the world
    unsigned if_index;
    char silence[SOK_PROBE_ERR_MAX]; // of the first next hop
    struct kept kept[KEPT_MAX];
};

static __attribute__((format(printf, 3, 4))) int fail(char *err, int error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(err, SOK_PROBE_ERR_MAX, format, args);
    va_end(args);
    return error;
}

int sok_ways_open(
    const struct sok_mem *mem, const char *interface, struct sok_ways **out, char *err)
{
    unsigned index = interface ? if_nametoindex(interface) : 0;
    if (interface && index == 0)
        return fail(err, SOK_ENODEV, "no such interface: %.40s (see: ip link)", interface);
    struct sok_ways *w = sok_mem_zalloc(mem, sizeof(*w));
    if (!w)
        return fail(err, SOK_ENOMEM, "no memory for routes");
    w->mem = mem;
    w->if_index = index;
    w->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    w->netlink = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    if (w->fd < 0 || !w->netlink || mnl_socket_bind(w->netlink, 0, MNL_SOCKET_AUTOPID) < 0) {
        int r = fail(err, SOK_EIO, "the kernel does not tell its routes: %s", strerror(errno));
        sok_ways_close(w);
        return r;
    }
    *out = w;
    return 0;
}

void sok_ways_close(struct sok_ways *w)
{
    if (!w)
        return;
    if (w->netlink)
        mnl_socket_close(w->netlink);
    if (w->fd >= 0)
        close(w->fd);
    sok_mem_free(w->mem, w, sizeof(*w));
}

unsigned sok_ways_interface(const struct sok_ways *w)
{
    return w->if_index;
}

void sok_ways_forget(struct sok_ways *w)
{
    for (unsigned i = 0; i < KEPT_MAX; i++)
        w->kept[i].valid = false;
}

// ---- netlink ----

// One question, one answer. 0, or a negative errno.
static int ask(struct sok_ways *w, struct nlmsghdr *h, mnl_cb_t take, void *ctx)
{
    _Alignas(struct nlmsghdr) char buf[8192];
    h->nlmsg_flags |= NLM_F_REQUEST;
    h->nlmsg_seq = ++w->sequence;
    if (mnl_socket_sendto(w->netlink, h, h->nlmsg_len) < 0)
        return -errno;
    for (;;) {
        ssize_t n = mnl_socket_recvfrom(w->netlink, buf, sizeof(buf));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        const struct nlmsghdr *got = (const struct nlmsghdr *)(const void *)buf;
        if (n >= (ssize_t)sizeof(*got) && got->nlmsg_seq != w->sequence)
            continue; // of a question that was given up
        int r =
            mnl_cb_run(buf, (size_t)n, w->sequence, mnl_socket_get_portid(w->netlink), take, ctx);
        return r < 0 ? -errno : 0;
    }
}

static unsigned family_of(struct sok_addr a)
{
    return sok_addr_is_v4(a) ? AF_INET : AF_INET6;
}

static void put_addr(struct nlmsghdr *h, uint16_t type, struct sok_addr a)
{
    if (sok_addr_is_v4(a))
        mnl_attr_put(h, type, 4, a.b + 12);
    else
        mnl_attr_put(h, type, 16, a.b);
}

static struct sok_addr get_addr(const struct nlattr *attr)
{
    struct sok_addr a = sok_addr_v4(0);
    unsigned len = mnl_attr_get_payload_len(attr);
    if (len == 4)
        memcpy(a.b + 12, mnl_attr_get_payload(attr), 4);
    else if (len == 16)
        memcpy(a.b, mnl_attr_get_payload(attr), 16);
    return a;
}

static bool is_inside(const struct nlmsghdr *h, const struct nlattr *attr)
{
    const char *end = mnl_nlmsg_get_payload_tail(h);
    return mnl_attr_ok(attr, (int)(end - (const char *)attr));
}

static int take_route(const struct nlmsghdr *h, void *ctx)
{
    struct sok_way *way = ctx;
    const struct rtmsg *info = mnl_nlmsg_get_payload(h);
    const struct nlattr *attr;
    way->local = info->rtm_type == RTN_LOCAL;
    way->to_many = info->rtm_type == RTN_BROADCAST || info->rtm_type == RTN_MULTICAST;
    for (attr = mnl_nlmsg_get_payload_offset(h, sizeof(*info)); is_inside(h, attr);
         attr = mnl_attr_next(attr)) {
        switch (mnl_attr_get_type(attr)) {
        case RTA_OIF:
            way->if_index = mnl_attr_get_u32(attr);
            break;
        case RTA_PREFSRC:
            way->source = get_addr(attr);
            break;
        case RTA_GATEWAY:
            way->hop = get_addr(attr);
            break;
        }
    }
    return MNL_CB_OK;
}

static int ask_route(struct sok_ways *w, struct sok_addr dst, struct sok_way *way)
{
    _Alignas(struct nlmsghdr) char buf[512];
    struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
    h->nlmsg_type = RTM_GETROUTE;
    struct rtmsg *info = mnl_nlmsg_put_extra_header(h, sizeof(*info));
    info->rtm_family = (uint8_t)family_of(dst);
    info->rtm_dst_len = sok_addr_is_v4(dst) ? 32 : 128;
    put_addr(h, RTA_DST, dst);
    if (w->if_index)
        mnl_attr_put_u32(h, RTA_OIF, w->if_index);
    *way = (struct sok_way){.hop = dst, .source = sok_addr_v4(0)};
    if (!sok_addr_is_v4(dst))
        memset(&way->source, 0, sizeof(way->source));
    return ask(w, h, take_route, way);
}

static void look_at_interface(struct sok_ways *w, struct sok_way *way)
{
    // Our own address, but out of an interface that was asked for: it is that one's MAC that others are to see.
    unsigned index = way->local && w->if_index ? w->if_index : way->if_index;
    struct ifreq ifr = {.ifr_ifindex = (int)index};
    if (ioctl(w->fd, SIOCGIFNAME, &ifr) < 0)
        return;
    memcpy(way->if_name, ifr.ifr_name, sizeof(way->if_name));
    if (ioctl(w->fd, SIOCGIFMTU, &ifr) == 0)
        way->mtu = (uint32_t)ifr.ifr_mtu;
    if (ioctl(w->fd, SIOCGIFHWADDR, &ifr) < 0)
        return;
    way->ethernet = ifr.ifr_hwaddr.sa_family == ARPHRD_ETHER;
    if (way->ethernet)
        memcpy(way->mac, ifr.ifr_hwaddr.sa_data, 6);
}

static int find(struct sok_ways *w, struct sok_addr dst, struct kept **out, char *err)
{
    uint32_t hash = 2166136261;
    for (unsigned i = 0; i < 16; i++)
        hash = (hash ^ dst.b[i]) * 16777619;
    struct kept *k = &w->kept[(hash ^ hash >> 16) % KEPT_MAX];
    *out = k;
    if (k->valid && sok_addr_eq(k->dst, dst))
        return 0;
    char text[SOK_ADDR_TEXT_MAX];
    int r = ask_route(w, dst, &k->way);
    k->valid = r == 0;
    k->has_mac = k->silent = false;
    k->dst = dst;
    if (r < 0)
        return fail(err, SOK_ENETUNREACH, "no route to %s: %s (see: ip route)",
            sok_addr_format(dst, text), strerror(-r));
    look_at_interface(w, &k->way);
    return 0;
}

int sok_ways_find(struct sok_ways *w, struct sok_addr dst, struct sok_way *out, char *err)
{
    struct kept *k;
    int r = find(w, dst, &k, err);
    if (r == 0)
        *out = k->way;
    return r;
}

// ---- neighbours ----

struct neighbour {
    bool known, failed;
    uint8_t mac[6];
};

static int take_neighbour(const struct nlmsghdr *h, void *ctx)
{
    struct neighbour *n = ctx;
    const struct ndmsg *info = mnl_nlmsg_get_payload(h);
    const struct nlattr *attr;
    const unsigned good = NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT;
    n->failed = info->ndm_state & NUD_FAILED;
    for (attr = mnl_nlmsg_get_payload_offset(h, sizeof(*info)); is_inside(h, attr);
         attr = mnl_attr_next(attr)) {
        if (mnl_attr_get_type(attr) == NDA_LLADDR && mnl_attr_get_payload_len(attr) == 6) {
            memcpy(n->mac, mnl_attr_get_payload(attr), 6);
            n->known = info->ndm_state & good;
        }
    }
    return MNL_CB_OK;
}

static int neighbour_message(struct sok_ways *w, uint16_t type, uint8_t flags,
    const struct sok_way *way, struct neighbour *n)
{
    _Alignas(struct nlmsghdr) char buf[512];
    struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
    h->nlmsg_type = type;
    h->nlmsg_flags = type == RTM_NEWNEIGH ? NLM_F_CREATE | NLM_F_ACK : 0;
    struct ndmsg *info = mnl_nlmsg_put_extra_header(h, sizeof(*info));
    info->ndm_family = (uint8_t)family_of(way->hop);
    info->ndm_ifindex = (int)way->if_index;
    info->ndm_flags = flags;
    put_addr(h, NDA_DST, way->hop);
    return ask(w, h, take_neighbour, n);
}

// Has the kernel ask for the neighbour, as if it had something for it (NTF_USE); who may not say that
// (CAP_NET_ADMIN) sends it an empty datagram.
static void make_kernel_ask(struct sok_ways *w, const struct sok_way *way)
{
    struct neighbour n;
    if (neighbour_message(w, RTM_NEWNEIGH, NTF_USE, way, &n) == 0)
        return;
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(PORT_OF_NOTHING)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6,
        .sin6_port = htons(PORT_OF_NOTHING),
        .sin6_scope_id = way->if_index};
    memcpy(&v4.sin_addr, way->hop.b + 12, 4);
    memcpy(&v6.sin6_addr, way->hop.b, 16);
    int s = socket((int)family_of(way->hop), SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (sok_addr_is_v4(way->hop))
        sendto(s, "", 0, MSG_DONTWAIT, (struct sockaddr *)&v4, sizeof(v4));
    else
        sendto(s, "", 0, MSG_DONTWAIT, (struct sockaddr *)&v6, sizeof(v6));
    close(s);
}

static int resolve(struct sok_ways *w, const struct sok_way *way, unsigned wait_ms, uint8_t mac[6])
{
    for (unsigned waited = 0;; waited += ASK_EVERY_MS) {
        struct neighbour n = {0};
        if (neighbour_message(w, RTM_GETNEIGH, 0, way, &n) == 0 && n.known) {
            memcpy(mac, n.mac, 6);
            return 0;
        }
        if (waited >= wait_ms || (waited > 0 && n.failed))
            return SOK_EHOSTUNREACH;
        if (waited == 0)
            make_kernel_ask(w, way);
        poll(NULL, 0, ASK_EVERY_MS);
    }
}

static void many_mac(struct sok_addr dst, uint8_t mac[6])
{
    static const uint8_t ip4[3] = {0x01, 0x00, 0x5e}; // RFC 1112 section 6.4
    memset(mac, 0xff, 6);
    if (sok_addr_is_multicast(dst) && sok_addr_is_v4(dst)) {
        memcpy(mac, ip4, 3);
        memcpy(mac + 3, dst.b + 13, 3);
        mac[3] &= 0x7f;
    } else if (sok_addr_is_multicast(dst)) { // RFC 2464 section 7
        memset(mac, 0x33, 2);
        memcpy(mac + 2, dst.b + 12, 4);
    }
}

int sok_ways_hop_mac(
    struct sok_ways *w, struct sok_addr dst, unsigned wait_ms, uint8_t mac[6], char *err)
{
    struct kept *k;
    char hop[SOK_ADDR_TEXT_MAX];
    int r = find(w, dst, &k, err);
    if (r < 0)
        return r;
    if (k->way.to_many || sok_addr_is_multicast(dst)) {
        many_mac(dst, mac);
        return 0;
    }
    if (!k->way.ethernet || k->way.local)
        return fail(err, SOK_EOPNOTSUPP, "%s: not by Ethernet", k->way.if_name);
    if (!k->has_mac) {
        r = k->silent ? SOK_EHOSTUNREACH : resolve(w, &k->way, wait_ms, k->mac);
        k->has_mac = r == 0;
        k->silent = r < 0 && wait_ms > 0;
    }
    if (r < 0) {
        fail(err, r, "%s does not answer for its MAC on %s", sok_addr_format(k->way.hop, hop),
            k->way.if_name);
        if (k->silent && !w->silence[0])
            memcpy(w->silence, err, sizeof(w->silence));
        return r;
    }
    memcpy(mac, k->mac, 6);
    return 0;
}

const char *sok_ways_silence(const struct sok_ways *w)
{
    return w->silence[0] ? w->silence : NULL;
}

// ---- the world ----

static bool world_source(void *ctx, const struct sok_addr *dst, struct sok_addr *out)
{
    struct kept *k;
    char err[SOK_PROBE_ERR_MAX];
    if (find(ctx, *dst, &k, err) < 0 || sok_addr_is_any(k->way.source))
        return false;
    *out = k->way.source;
    return true;
}

static bool world_source_mac(void *ctx, const struct sok_addr *dst, uint8_t out[6])
{
    struct kept *k;
    char err[SOK_PROBE_ERR_MAX];
    if (find(ctx, *dst, &k, err) < 0 || !k->way.ethernet)
        return false;
    memcpy(out, k->way.mac, 6);
    return true;
}

static bool world_hop_mac(void *ctx, const struct sok_addr *dst, uint8_t out[6])
{
    struct sok_ways *w = ctx;
    char err[SOK_PROBE_ERR_MAX];
    return sok_ways_hop_mac(w, *dst, w->wait_ms, out, err) == 0;
}

void sok_ways_world(struct sok_ways *w, unsigned wait_ms, struct sok_craft_world *out)
{
    w->wait_ms = wait_ms;
    *out = (struct sok_craft_world){
        .ctx = w,
        .source = world_source,
        .source_mac = world_source_mac,
        .hop_mac = world_hop_mac,
    };
}
