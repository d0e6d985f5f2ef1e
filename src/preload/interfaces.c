// The host's links as a program's interfaces: netdevice(7) on any socket, if_nametoindex() and its kin, getifaddrs().
#include <errno.h>
#include <ifaddrs.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include "preload/preload.h"

#define LINKS_MOST 256

bool sok_interface_request(unsigned long request)
{
    switch (request) {
    case SIOCGIFNAME:
    case SIOCGIFINDEX:
    case SIOCGIFHWADDR:
    case SIOCGIFMTU:
    case SIOCGIFFLAGS:
    case SIOCGIFADDR:
    case SIOCGIFNETMASK:
    case SIOCGIFBRDADDR:
    case SIOCETHTOOL:
    case SIOCGIFCONF:
        return true;
    default:
        return false;
    }
}

size_t sok_interface_bytes(unsigned long request)
{
    return request == SIOCGIFCONF ? sizeof(struct ifconf) : sizeof(struct ifreq);
}

static int ask(unsigned long request, struct ifreq *q)
{
    struct call c = {.op = SOK_CALLS_DEVICE,
        .a = (int)request,
        .bytes = q,
        .len = sizeof(*q),
        .reply = q,
        .reply_max = sizeof(*q)};
    int32_t r = sok_ask(&c);
    return r < 0 ? sok_fail(-r) : 0;
}

static bool name_of(unsigned index, char name[IFNAMSIZ])
{
    struct ifreq q = {.ifr_ifindex = (int)index};
    if (ask(SIOCGIFNAME, &q) < 0)
        return false;
    memcpy(name, q.ifr_name, IFNAMSIZ);
    return true;
}

static bool is_v4(const struct sok_calls_address *a)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    return memcmp(a->addr, mapped, sizeof(mapped)) == 0;
}

// All addresses; how many, or -errno.
static int32_t ask_addresses(struct sok_calls_address all[SOK_CALLS_ADDRESSES_MAX])
{
    struct call c = {.op = SOK_CALLS_ADDRESSES,
        .reply = all,
        .reply_max = SOK_CALLS_ADDRESSES_MAX * sizeof(*all)};
    int32_t r = sok_ask(&c);
    return r < 0 ? r : (int32_t)(c.reply_len / sizeof(*all));
}

// SIOCGIFCONF: the IPv4 addresses, as many as there is room for; without room, how much they take.
static int list_v4(struct ifconf *conf)
{
    struct sok_calls_address all[SOK_CALLS_ADDRESSES_MAX];
    int32_t count = ask_addresses(all);
    int done = 0;
    if (count < 0)
        return sok_fail(-count);
    for (int32_t i = 0; i < count; i++) {
        struct ifreq q = {.ifr_ifindex = 0};
        struct sockaddr_in in = {.sin_family = AF_INET};
        if (!is_v4(&all[i]) || !name_of(all[i].index, q.ifr_name))
            continue;
        if (conf->ifc_buf && conf->ifc_len - done < (int)sizeof(q))
            break;
        memcpy(&in.sin_addr, all[i].addr + 12, 4);
        memcpy(&q.ifr_addr, &in, sizeof(in));
        if (conf->ifc_buf && !SOK_WRITES(conf->ifc_buf + done, sizeof(q)))
            return sok_fail(EFAULT);
        if (conf->ifc_buf)
            memcpy(conf->ifc_buf + done, &q, sizeof(q));
        done += (int)sizeof(q);
    }
    conf->ifc_len = done;
    return 0;
}

int sok_interface_ask(unsigned long request, void *arg)
{
    struct ifreq q;
    if (!arg)
        return sok_fail(EFAULT);
    if (request == SIOCGIFCONF)
        return list_v4(arg);
    memcpy(&q, arg, sizeof(q));
    if (ask(request == SIOCETHTOOL ? SIOCGIFINDEX : request, &q) < 0)
        return -1;
    if (request == SIOCETHTOOL) // there is a link, and it has no driver that could be asked
        return sok_fail(EOPNOTSUPP);
    memcpy(arg, &q, sizeof(q));
    return 0;
}

SOK_EXPORT unsigned if_nametoindex(const char *name)
{
    struct ifreq q = {.ifr_ifindex = 0};
    if (!sok_host_there())
        return sok_reals()->if_nametoindex(name);
    strncpy(q.ifr_name, name, IFNAMSIZ - 1);
    return ask(SIOCGIFINDEX, &q) < 0 ? 0 : (unsigned)q.ifr_ifindex;
}

SOK_EXPORT char *if_indextoname(unsigned index, char name[IF_NAMESIZE])
{
    struct ifreq q = {.ifr_ifindex = (int)index};
    if (!sok_host_there())
        return sok_reals()->if_indextoname(index, name);
    if (ask(SIOCGIFNAME, &q) < 0) {
        errno = errno == ENODEV ? ENXIO : errno;
        return NULL;
    }
    return strcpy(name, q.ifr_name);
}

// ---- lists ----

static unsigned links(void)
{
    char name[IFNAMSIZ];
    unsigned count = 0;
    while (count < LINKS_MOST && name_of(count + 1, name))
        count++;
    return count;
}

SOK_EXPORT struct if_nameindex *if_nameindex(void)
{
    if (!sok_host_there())
        return sok_reals()->if_nameindex();
    unsigned count = links();
    char name[IFNAMSIZ];
    struct if_nameindex *list = calloc(count + 1, sizeof(*list));
    for (unsigned i = 0; list && i < count && name_of(i + 1, name); i++) {
        list[i].if_index = i + 1;
        list[i].if_name = strdup(name);
        if (!list[i].if_name) {
            if_freenameindex(list);
            list = NULL;
        }
    }
    errno = list ? errno : ENOBUFS;
    return list;
}

// Theirs has the same form.
SOK_EXPORT void if_freenameindex(struct if_nameindex *list)
{
    for (struct if_nameindex *i = list; i && i->if_name; i++)
        free(i->if_name);
    free(list);
}

// One of the list, with what it points to behind it.
struct item {
    struct ifaddrs public; // first
    char name[IFNAMSIZ];
    union any_address {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_ll ll;
    } addr, mask, broadcast;
};

static void begin(struct item *i, unsigned index)
{
    struct ifreq q = {.ifr_ifindex = 0};
    name_of(index, i->name);
    memcpy(q.ifr_name, i->name, IFNAMSIZ);
    ask(SIOCGIFFLAGS, &q);
    i->public.ifa_name = i->name;
    i->public.ifa_flags = (unsigned short)q.ifr_flags;
    i->public.ifa_addr = &i->addr.any;
}

static void put_link(struct item *i, unsigned index)
{
    struct ifreq q = {.ifr_ifindex = 0};
    begin(i, index);
    memcpy(q.ifr_name, i->name, IFNAMSIZ);
    ask(SIOCGIFHWADDR, &q);
    i->addr.ll.sll_family = AF_PACKET;
    i->addr.ll.sll_ifindex = (int)index;
    i->addr.ll.sll_hatype = q.ifr_hwaddr.sa_family;
    i->addr.ll.sll_halen = 6;
    memcpy(i->addr.ll.sll_addr, q.ifr_hwaddr.sa_data, 6);
}

static void put_mask(uint8_t *to, unsigned bytes, unsigned prefix_len)
{
    for (unsigned at = 0; at < bytes; at++, prefix_len -= prefix_len < 8 ? prefix_len : 8)
        to[at] = prefix_len >= 8 ? 0xff : (uint8_t)(0xff00 >> prefix_len);
}

static void put_v4(struct item *i, const struct sok_calls_address *a)
{
    i->addr.v4.sin_family = i->mask.v4.sin_family = i->broadcast.v4.sin_family = AF_INET;
    memcpy(&i->addr.v4.sin_addr, a->addr + 12, 4);
    put_mask((uint8_t *)&i->mask.v4.sin_addr, 4, a->prefix_len);
    i->broadcast.v4.sin_addr.s_addr = i->addr.v4.sin_addr.s_addr | ~i->mask.v4.sin_addr.s_addr;
    if (i->public.ifa_flags & IFF_BROADCAST)
        i->public.ifa_broadaddr = &i->broadcast.any;
}

static void put_v6(struct item *i, const struct sok_calls_address *a, unsigned index)
{
    i->addr.v6.sin6_family = i->mask.v6.sin6_family = AF_INET6;
    memcpy(&i->addr.v6.sin6_addr, a->addr, 16);
    put_mask((uint8_t *)&i->mask.v6.sin6_addr, 16, a->prefix_len);
    if (IN6_IS_ADDR_LINKLOCAL(&i->addr.v6.sin6_addr))
        i->addr.v6.sin6_scope_id = index;
}

static void put_address(struct item *i, const struct sok_calls_address *a)
{
    begin(i, a->index);
    i->public.ifa_netmask = &i->mask.any;
    if (is_v4(a))
        put_v4(i, a);
    else
        put_v6(i, a, a->index);
}

SOK_EXPORT int getifaddrs(struct ifaddrs **out)
{
    struct sok_calls_address all[SOK_CALLS_ADDRESSES_MAX];
    if (!sok_host_there())
        return sok_reals()->getifaddrs(out);
    int32_t r = ask_addresses(all);
    if (r < 0)
        return sok_fail(-r);
    unsigned link_count = links(), addr_count = (unsigned)r;
    struct item *list = calloc(link_count + addr_count + 1, sizeof(*list));
    if (!list)
        return sok_fail(ENOMEM);
    for (unsigned i = 0; i < link_count; i++)
        put_link(&list[i], i + 1);
    for (unsigned i = 0; i < addr_count; i++)
        put_address(&list[link_count + i], &all[i]);
    for (unsigned i = 0; i + 1 < link_count + addr_count; i++)
        list[i].public.ifa_next = &list[i + 1].public;
    *out = link_count + addr_count > 0 ? &list[0].public : NULL;
    if (!*out)
        free(list);
    return 0;
}

// Theirs is one piece, too.
SOK_EXPORT void freeifaddrs(struct ifaddrs *list)
{
    free(list);
}
