// Control messages of datagrams: what the head of a packet says becomes what cmsg(3) has, and back.
#include <errno.h>
#include <time.h>
// The kernel's header wants to know timespec.
#include <linux/errqueue.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/time.h>
#include "calls/control.h"

// ---- that came ----

struct room {
    uint8_t *at;
    size_t len, used;
    bool cut;
};

static void put(struct room *r, int level, int type, const void *data, size_t len)
{
    struct cmsghdr head = {.cmsg_len = CMSG_LEN(len), .cmsg_level = level, .cmsg_type = type};
    if (r->len - r->used < CMSG_LEN(len)) {
        r->cut = true;
        return;
    }
    memcpy(r->at + r->used, &head, sizeof(head));
    memcpy(r->at + r->used + CMSG_LEN(0), data, len);
    size_t space = CMSG_SPACE(len), left = r->len - r->used;
    r->used += space < left ? space : left;
}

static void put_int(struct room *r, int level, int type, int value)
{
    put(r, level, type, &value, sizeof(value));
}

static void put_stamp(struct room *r, const struct sok_calls_packet *head)
{
    struct timespec ns = {head->stamp / 1000000000, head->stamp % 1000000000};
    struct timeval us = {ns.tv_sec, ns.tv_nsec / 1000};
    if (head->wanted & SOK_WANT_STAMP)
        put(r, SOL_SOCKET, SO_TIMESTAMP, &us, sizeof(us));
    if (head->wanted & SOK_WANT_STAMP_NS)
        put(r, SOL_SOCKET, SO_TIMESTAMPNS, &ns, sizeof(ns));
}

static bool is_v4(const uint8_t addr[16])
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    return memcmp(addr, mapped, sizeof(mapped)) == 0;
}

static void put_pktinfo(struct room *r, const struct sok_calls_packet *head)
{
    struct in_pktinfo v4 = {.ipi_ifindex = head->index};
    struct in6_pktinfo v6 = {.ipi6_ifindex = (unsigned)head->index};
    memcpy(&v4.ipi_addr, head->local + 12, 4);
    v4.ipi_spec_dst = v4.ipi_addr;
    memcpy(&v6.ipi6_addr, head->local, 16);
    if ((head->wanted & SOK_WANT_PKTINFO) && is_v4(head->local))
        put(r, IPPROTO_IP, IP_PKTINFO, &v4, sizeof(v4));
    if (head->wanted & SOK_WANT_PKTINFO6)
        put(r, IPPROTO_IPV6, IPV6_PKTINFO, &v6, sizeof(v6));
}

static void put_auxdata(struct room *r, const struct sok_calls_packet *head)
{
    struct tpacket_auxdata aux = {.tp_status = TP_STATUS_USER,
        .tp_len = head->whole,
        .tp_snaplen = head->kept,
        .tp_net = (uint16_t)head->net};
    put(r, SOL_PACKET, PACKET_AUXDATA, &aux, sizeof(aux));
}

void sok_control_out(struct msghdr *m, const struct sok_calls_packet *head)
{
    struct room r = {m->msg_control, m->msg_control ? m->msg_controllen : 0, 0, false};
    uint8_t tos = (uint8_t)head->tos;
    bool v4 = is_v4(head->local);
    put_stamp(&r, head);
    if (head->wanted & SOK_WANT_AUXDATA)
        put_auxdata(&r, head);
    put_pktinfo(&r, head);
    if ((head->wanted & SOK_WANT_TTL) && v4)
        put_int(&r, IPPROTO_IP, IP_TTL, head->ttl);
    if ((head->wanted & SOK_WANT_TOS) && v4)
        put(&r, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
    if ((head->wanted & SOK_WANT_HOPLIMIT) && !v4)
        put_int(&r, IPPROTO_IPV6, IPV6_HOPLIMIT, head->ttl);
    if ((head->wanted & SOK_WANT_HOPLIMIT_2292) && !v4)
        put_int(&r, IPPROTO_IPV6, IPV6_2292HOPLIMIT, head->ttl);
    if ((head->wanted & SOK_WANT_TCLASS) && !v4)
        put_int(&r, IPPROTO_IPV6, IPV6_TCLASS, head->tos);
    m->msg_controllen = r.used;
    m->msg_flags |= r.cut ? MSG_CTRUNC : 0;
}

void sok_control_news(struct msghdr *m, const struct sok_calls_news *news)
{
    struct room r = {m->msg_control, m->msg_control ? m->msg_controllen : 0, 0, false};
    struct {
        struct sock_extended_err error;
        uint8_t from[SOK_CALLS_ADDR_MAX];
    } all = {.error = {.ee_errno = news->error,
                 .ee_origin = news->local ? SO_EE_ORIGIN_LOCAL
                              : news->v6  ? SO_EE_ORIGIN_ICMP6
                                          : SO_EE_ORIGIN_ICMP,
                 .ee_type = news->type,
                 .ee_code = news->code,
                 .ee_info = news->info}};
    memcpy(all.from, news->from, news->from_len);
    if (news->of6)
        put(&r, IPPROTO_IPV6, IPV6_RECVERR, &all, sizeof(all.error) + news->from_len);
    else
        put(&r, IPPROTO_IP, IP_RECVERR, &all, sizeof(all.error) + news->from_len);
    if (m->msg_name)
        memcpy(
            m->msg_name, news->to, m->msg_namelen < news->to_len ? m->msg_namelen : news->to_len);
    m->msg_namelen = m->msg_name ? news->to_len : 0;
    m->msg_controllen = r.used;
    m->msg_flags = MSG_ERRQUEUE | (r.cut ? MSG_CTRUNC : 0);
}

// ---- that go ----

static int number(const struct cmsghdr *c, int16_t *out)
{
    int value = -1;
    if (c->cmsg_len == CMSG_LEN(1))
        value = *CMSG_DATA(c);
    else if (c->cmsg_len == CMSG_LEN(sizeof(value)))
        memcpy(&value, CMSG_DATA(c), sizeof(value));
    *out = (int16_t)value;
    return value < 0 || value > 255 ? EINVAL : 0;
}

static int take_pktinfo(const struct cmsghdr *c, struct sok_calls_packet *head)
{
    struct in_pktinfo info;
    if (c->cmsg_len != CMSG_LEN(sizeof(info)))
        return EINVAL;
    memcpy(&info, CMSG_DATA(c), sizeof(info));
    memset(head->local, 0, sizeof(head->local));
    if (info.ipi_spec_dst.s_addr) {
        head->local[10] = head->local[11] = 0xff;
        memcpy(head->local + 12, &info.ipi_spec_dst, 4);
    }
    head->index = (int16_t)info.ipi_ifindex;
    head->wanted |= SOK_WANT_PKTINFO;
    return 0;
}

static int take_pktinfo6(const struct cmsghdr *c, struct sok_calls_packet *head)
{
    struct in6_pktinfo info;
    if (c->cmsg_len != CMSG_LEN(sizeof(info)))
        return EINVAL;
    memcpy(&info, CMSG_DATA(c), sizeof(info));
    memcpy(head->local, &info.ipi6_addr, 16);
    head->index = (int16_t)info.ipi6_ifindex;
    head->wanted |= SOK_WANT_PKTINFO6;
    return 0;
}

static int take(const struct cmsghdr *c, struct sok_calls_packet *head)
{
    bool v6 = c->cmsg_level == IPPROTO_IPV6;
    if (c->cmsg_level == SOL_SOCKET)
        return EINVAL; // descriptors and the like do not go over a network
    if (!v6 && c->cmsg_level != IPPROTO_IP)
        return 0; // as Linux, which leaves what it does not know to others
    if (!v6 && c->cmsg_type == IP_PKTINFO)
        return take_pktinfo(c, head);
    if (v6 && c->cmsg_type == IPV6_PKTINFO)
        return take_pktinfo6(c, head);
    if (c->cmsg_type == (v6 ? IPV6_HOPLIMIT : IP_TTL)) {
        head->wanted |= SOK_WANT_TTL;
        return number(c, &head->ttl) || head->ttl == 0 ? EINVAL : 0;
    }
    if (c->cmsg_type == (v6 ? IPV6_TCLASS : IP_TOS)) {
        head->wanted |= SOK_WANT_TOS;
        return number(c, &head->tos);
    }
    return EINVAL;
}

int sok_control_in(const struct msghdr *m, struct sok_calls_packet *head)
{
    struct msghdr *all = (struct msghdr *)(uintptr_t)m;
    int wrong = 0;
    if (!m->msg_control || m->msg_controllen == 0)
        return 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(all); c && !wrong; c = CMSG_NXTHDR(all, c)) {
        size_t left = (size_t)((uint8_t *)m->msg_control + m->msg_controllen - (uint8_t *)c);
        wrong = c->cmsg_len < CMSG_LEN(0) || c->cmsg_len > left ? EINVAL : take(c, head);
    }
    return wrong;
}
