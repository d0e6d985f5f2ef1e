// Three dumps over one rtnetlink socket. Read first: rtnetlink(7).
#include "host/machine.h"
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "host/host.h"

// Room for one more at the end of an array that doubles. NULL: no memory.
static void *grow(void **array, unsigned *count, size_t size)
{
    unsigned n = *count;
    if ((n & (n - 1)) == 0) {
        void *more = realloc(*array, (n ? 2 * (size_t)n : 1) * size);
        if (!more)
            return NULL;
        *array = more;
    }
    void *item = (char *)*array + n * size;
    memset(item, 0, size);
    ++*count;
    return item;
}

static bool is_inside(const struct nlmsghdr *h, const struct nlattr *attr)
{
    const char *end = mnl_nlmsg_get_payload_tail(h);
    return mnl_attr_ok(attr, (int)(end - (const char *)attr));
}

static struct sok_addr addr_of(unsigned family, const struct nlattr *attr)
{
    struct sok_addr a = sok_addr_v4(0);
    const uint8_t *p = mnl_attr_get_payload(attr);
    if (family == AF_INET && mnl_attr_get_payload_len(attr) == 4)
        a = sok_addr_v4((uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]);
    else if (family == AF_INET6 && mnl_attr_get_payload_len(attr) == 16)
        memcpy(a.b, p, 16);
    return a;
}

static int take_if(const struct nlmsghdr *h, void *ctx)
{
    struct sok_machine *m = ctx;
    const struct ifinfomsg *info = mnl_nlmsg_get_payload(h);
    struct sok_machine_if *i = grow((void **)&m->ifs, &m->if_count, sizeof(*i));
    const struct nlattr *attr;
    if (!i)
        return MNL_CB_ERROR;
    i->index = (unsigned)info->ifi_index;
    i->ethernet = info->ifi_type == ARPHRD_ETHER;
    i->up = info->ifi_flags & IFF_UP;
    i->running = info->ifi_flags & IFF_RUNNING;
    for (attr = mnl_nlmsg_get_payload_offset(h, sizeof(*info)); is_inside(h, attr);
         attr = mnl_attr_next(attr)) {
        switch (mnl_attr_get_type(attr)) {
        case IFLA_IFNAME:
            snprintf(i->name, sizeof(i->name), "%s", mnl_attr_get_str(attr));
            break;
        case IFLA_MTU:
            i->mtu = mnl_attr_get_u32(attr);
            break;
        case IFLA_ADDRESS:
            if (i->ethernet && mnl_attr_get_payload_len(attr) == 6)
                memcpy(i->mac, mnl_attr_get_payload(attr), 6);
            break;
        }
    }
    return MNL_CB_OK;
}

static int take_addr(const struct nlmsghdr *h, void *ctx)
{
    struct sok_machine *m = ctx;
    const struct ifaddrmsg *info = mnl_nlmsg_get_payload(h);
    struct sok_machine_addr *a;
    const struct nlattr *attr;
    if (info->ifa_family != AF_INET && info->ifa_family != AF_INET6)
        return MNL_CB_OK;
    a = grow((void **)&m->addrs, &m->addr_count, sizeof(*a));
    if (!a)
        return MNL_CB_ERROR;
    a->if_index = info->ifa_index;
    a->prefix_len = info->ifa_prefixlen;
    a->global = info->ifa_scope < RT_SCOPE_LINK;
    a->temporary = info->ifa_flags & IFA_F_SECONDARY;
    a->unusable = info->ifa_flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED | IFA_F_DEPRECATED);
    // On a point-to-point link IFA_ADDRESS is the other end's, and IFA_LOCAL comes before or after it.
    bool local = false;
    for (attr = mnl_nlmsg_get_payload_offset(h, sizeof(*info)); is_inside(h, attr);
         attr = mnl_attr_next(attr)) {
        unsigned type = mnl_attr_get_type(attr);
        if (type == IFA_LOCAL || (type == IFA_ADDRESS && !local))
            a->addr = addr_of(info->ifa_family, attr);
        local = local || type == IFA_LOCAL;
    }
    return MNL_CB_OK;
}

static int take_route(const struct nlmsghdr *h, void *ctx)
{
    struct sok_machine *m = ctx;
    const struct rtmsg *info = mnl_nlmsg_get_payload(h);
    const struct nlattr *attr;
    bool inet = info->rtm_family == AF_INET || info->rtm_family == AF_INET6;
    bool wanted = inet && info->rtm_table == RT_TABLE_MAIN && info->rtm_type == RTN_UNICAST &&
                  !(info->rtm_flags & RTM_F_CLONED);
    if (!wanted || (m->route_count >= SOK_MACHINE_ROUTES_MAX && info->rtm_dst_len > 0))
        return MNL_CB_OK;
    struct sok_machine_route *r = grow((void **)&m->routes, &m->route_count, sizeof(*r));
    if (!r)
        return MNL_CB_ERROR;
    r->prefix_len = info->rtm_dst_len;
    r->net = r->gateway = sok_addr_v4(0);
    if (info->rtm_family == AF_INET6)
        memset(&r->net, 0, sizeof(r->net));
    for (attr = mnl_nlmsg_get_payload_offset(h, sizeof(*info)); is_inside(h, attr);
         attr = mnl_attr_next(attr)) {
        switch (mnl_attr_get_type(attr)) {
        case RTA_DST:
            r->net = addr_of(info->rtm_family, attr);
            break;
        case RTA_GATEWAY:
            r->gateway = addr_of(info->rtm_family, attr);
            break;
        case RTA_OIF:
            r->if_index = mnl_attr_get_u32(attr);
            break;
        case RTA_PRIORITY:
            r->metric = mnl_attr_get_u32(attr);
            break;
        }
    }
    return MNL_CB_OK;
}

// Asks for everything of one type and hands each message to take(). -1: errno.
static int dump(struct mnl_socket *s, uint16_t type, mnl_cb_t take, struct sok_machine *m)
{
    _Alignas(struct nlmsghdr) char buf[32768]; // netlink(7) fills no more
    struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
    h->nlmsg_type = type;
    h->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    h->nlmsg_seq = type;
    mnl_nlmsg_put_extra_header(h, sizeof(struct ifinfomsg)); // the longest; zero: of any family
    if (mnl_socket_sendto(s, h, h->nlmsg_len) < 0)
        return -1;
    int r = MNL_CB_OK;
    while (r > MNL_CB_STOP) {
        ssize_t n = mnl_socket_recvfrom(s, buf, sizeof(buf));
        if (n < 0)
            return -1;
        r = mnl_cb_run(buf, (size_t)n, type, mnl_socket_get_portid(s), take, m);
    }
    return r;
}

static int read_all(struct sok_machine *out)
{
    struct mnl_socket *s = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    if (!s)
        return -1;
    int r = mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID);
    if (r == 0)
        r = dump(s, RTM_GETLINK, take_if, out);
    if (r == 0)
        r = dump(s, RTM_GETADDR, take_addr, out);
    if (r == 0)
        r = dump(s, RTM_GETROUTE, take_route, out);
    int error = errno;
    mnl_socket_close(s);
    errno = error;
    return r;
}

int sok_machine_read(struct sok_machine *out, char *err)
{
    for (unsigned i = 0;; i++) {
        *out = (struct sok_machine){0};
        if (read_all(out) == 0)
            return 0;
        sok_machine_free(out);
        if (errno != EINTR || i == 4) // it changed in the middle, says the kernel
            break;
    }
    return sok_host_fail(err, errno == ENOMEM ? SOK_ENOMEM : SOK_EIO,
        "the kernel does not tell its interfaces and routes: %s", strerror(errno));
}

void sok_machine_free(struct sok_machine *m)
{
    int error = errno;
    free(m->ifs);
    free(m->addrs);
    free(m->routes);
    errno = error;
    *m = (struct sok_machine){0};
}

const struct sok_machine_if *sok_machine_if_named(const struct sok_machine *m, const char *name)
{
    for (unsigned i = 0; i < m->if_count; i++)
        if (strcmp(m->ifs[i].name, name) == 0)
            return &m->ifs[i];
    return NULL;
}

const struct sok_machine_if *sok_machine_if_at(const struct sok_machine *m, unsigned index)
{
    for (unsigned i = 0; i < m->if_count; i++)
        if (m->ifs[i].index == index)
            return &m->ifs[i];
    return NULL;
}

const struct sok_machine_route *sok_machine_default(
    const struct sok_machine *m, bool v6, unsigned if_index)
{
    const struct sok_machine_route *best = NULL;
    for (unsigned i = 0; i < m->route_count; i++) {
        const struct sok_machine_route *r = &m->routes[i];
        if (r->prefix_len > 0 || sok_addr_is_v4(r->net) == v6 || r->if_index == 0 ||
            (if_index && r->if_index != if_index))
            continue;
        if (!best || r->metric < best->metric)
            best = r;
    }
    return best;
}

const struct sok_machine_addr *sok_machine_addr_on(
    const struct sok_machine *m, bool v6, unsigned if_index)
{
    for (unsigned i = 0; i < m->addr_count; i++) {
        const struct sok_machine_addr *a = &m->addrs[i];
        if (a->if_index == if_index && a->global && !a->temporary && !a->unusable &&
            sok_addr_is_v4(a->addr) != v6)
            return a;
    }
    return NULL;
}
