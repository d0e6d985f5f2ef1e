// What netdevice(7) tells of interfaces, for the links of the host (their names: host/posix_device.c). Nothing can be set.
#include <errno.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include "service/internal.h"

static void put_addr(struct sockaddr *to, uint32_t v4)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(v4)};
    memcpy(to, &in, sizeof(in));
}

static int32_t address(const struct sok_host *host, int link, int request, struct ifreq *q)
{
    struct sok_addr addr;
    unsigned prefix_len;
    if (!sok_stack_addr_first(host->stack, (uint8_t)link, &addr, &prefix_len))
        return -EADDRNOTAVAIL;
    uint32_t v4 = sok_addr_to_v4(addr), mask = prefix_len ? UINT32_MAX << (32 - prefix_len) : 0;
    put_addr(&q->ifr_addr, request == SIOCGIFADDR      ? v4
                           : request == SIOCGIFNETMASK ? mask
                           : link == 0                 ? 0
                                                       : v4 | ~mask);
    return 0;
}

static int32_t tell(const struct sok_host *host, int request, int link,
    const struct sok_packet_link *about, struct ifreq *q)
{
    switch (request) {
    case SIOCGIFINDEX:
        q->ifr_ifindex = link + 1;
        return 0;
    case SIOCGIFNAME:
        sok_posix_link_name(link, about, q->ifr_name);
        return 0;
    case SIOCGIFHWADDR:
        memset(&q->ifr_hwaddr, 0, sizeof(q->ifr_hwaddr));
        q->ifr_hwaddr.sa_family = link == 0         ? ARPHRD_LOOPBACK
                                  : about->ethernet ? ARPHRD_ETHER
                                                    : ARPHRD_NONE;
        memcpy(q->ifr_hwaddr.sa_data, about->mac, about->ethernet ? sizeof(about->mac) : 0);
        return 0;
    case SIOCGIFMTU:
        q->ifr_mtu = about->mtu;
        return 0;
    case SIOCGIFFLAGS:
        q->ifr_flags = (short)(IFF_UP | IFF_RUNNING |
                               (link == 0            ? IFF_LOOPBACK
                                   : about->ethernet ? IFF_BROADCAST | IFF_MULTICAST
                                                     : IFF_POINTOPOINT | IFF_NOARP));
        return 0;
    case SIOCGIFADDR:
    case SIOCGIFNETMASK:
    case SIOCGIFBRDADDR:
        return address(host, link, request, q);
    default:
        return -ENOTTY;
    }
}

void sok_serve_interface(struct sok_service *v, struct request *r)
{
    struct ifreq q;
    struct sok_packet_link about;
    if (r->head->len != sizeof(q)) {
        r->result = -EINVAL;
        return;
    }
    memcpy(&q, r->bytes, sizeof(q));
    q.ifr_name[IFNAMSIZ - 1] = '\0';
    int link =
        r->head->a == SIOCGIFNAME ? q.ifr_ifindex - 1 : sok_posix_link_find(v->host, q.ifr_name);
    if (link < 0 || sok_packet_link(v->host, link, &about) < 0)
        r->result = -ENODEV;
    else
        r->result = tell(v->host, r->head->a, link, &about, &q);
    if (r->result == 0) {
        memcpy(r->reply, &q, sizeof(q));
        r->reply_len = sizeof(q);
    }
}

static void add_address(struct request *r, struct sok_addr addr, unsigned prefix_len, unsigned link)
{
    struct sok_calls_address a = {.prefix_len = (uint8_t)prefix_len, .index = (uint8_t)(link + 1)};
    memcpy(a.addr, addr.b, sizeof(a.addr));
    if (r->reply_len + sizeof(a) > sizeof(r->reply))
        return;
    memcpy(r->reply + r->reply_len, &a, sizeof(a));
    r->reply_len += (uint32_t)sizeof(a);
}

void sok_serve_addresses(struct sok_service *v, struct request *r)
{
    struct sok_addr addr, self = {{[15] = 1}};
    uint8_t link;
    unsigned prefix_len;
    add_address(r, sok_addr_v4(0x7f000001), 8, 0);
    add_address(r, self, 128, 0);
    for (unsigned i = 0; sok_stack_addr_at(v->host->stack, i, &link, &addr, &prefix_len); i++)
        add_address(r, addr, prefix_len, link);
}
