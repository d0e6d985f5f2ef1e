// An nftables table with the flag `owner`: the kernel removes it together with the netlink socket it was
// made through, so that nothing is left of it however this process ends. In nft's words:
//
//   table ip sockeye-c0000202-61000 { flags owner
//     chain in { type filter hook prerouting priority -400; policy accept;
//       iif 2 ip daddr 192.0.2.2 ip protocol tcp th dport 61000-61063 drop
//       iif 2 ip daddr 192.0.2.2 ip protocol udp th dport 61000-61063 drop } }
//
// and for IPv6 one of the same in the family ip6 (meta l4proto: whatever headers lie between).
//
// Packet sockets see frames before that hook; connection tracking does not see them at all.
// Read first: linux/netfilter/nf_tables.h, netlink(7).
#include "link/keep.h"
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include "link/internal.h"

#ifndef NFT_TABLE_F_OWNER
#define NFT_TABLE_F_OWNER 2 // Linux 5.12; headers may be older than the kernel
#endif

#define PRIORITY (-400) // before connection tracking (-200)
#define CHAIN    "in"

// Messages put one behind the other, and attributes into the last; all that is put here fits.
struct batch {
    uint32_t len;
    uint32_t seq;
    struct nlmsghdr *last;
    uint8_t family;
    _Alignas(struct nlmsghdr) uint8_t bytes[8192];
};

static void *put(struct batch *b, uint32_t len)
{
    void *at = b->bytes + b->len;
    memset(at, 0, NLMSG_ALIGN(len));
    b->len += NLMSG_ALIGN(len);
    if (b->last)
        b->last->nlmsg_len = (uint32_t)(b->bytes + b->len - (uint8_t *)b->last);
    return at;
}

static void begin(struct batch *b, uint16_t type, uint16_t flags, uint8_t family, uint16_t res_id)
{
    b->last = NULL;
    b->last = put(b, NLMSG_HDRLEN);
    b->last->nlmsg_type = type;
    b->last->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
    b->last->nlmsg_seq = ++b->seq;
    struct nfgenmsg *g = put(b, sizeof(*g));
    g->nfgen_family = family;
    g->version = NFNETLINK_V0;
    g->res_id = htons(res_id);
}

static void message(struct batch *b, uint16_t type, uint16_t flags)
{
    begin(b, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), (uint16_t)(NLM_F_ACK | flags), b->family,
        0);
}

static void attr(struct batch *b, uint16_t type, const void *data, uint16_t len)
{
    struct nlattr *a = put(b, NLA_HDRLEN + len);
    a->nla_type = type;
    a->nla_len = (uint16_t)(NLA_HDRLEN + len);
    memcpy((uint8_t *)a + NLA_HDRLEN, data, len);
}

static void attr_text(struct batch *b, uint16_t type, const char *text)
{
    attr(b, type, text, (uint16_t)(strlen(text) + 1));
}

static void attr_u32(struct batch *b, uint16_t type, uint32_t value)
{
    value = htonl(value);
    attr(b, type, &value, sizeof(value));
}

static struct nlattr *nest(struct batch *b, uint16_t type)
{
    struct nlattr *a = put(b, NLA_HDRLEN);
    a->nla_type = type | NLA_F_NESTED;
    return a;
}

static void nest_end(struct batch *b, struct nlattr *a)
{
    a->nla_len = (uint16_t)(b->bytes + b->len - (uint8_t *)a);
}

// ---- expressions ----

struct expression {
    struct nlattr *element, *data;
};

static struct expression expression(struct batch *b, const char *name)
{
    struct expression e;
    e.element = nest(b, NFTA_LIST_ELEM);
    attr_text(b, NFTA_EXPR_NAME, name);
    e.data = nest(b, NFTA_EXPR_DATA);
    return e;
}

static void expression_end(struct batch *b, struct expression *e)
{
    nest_end(b, e->data);
    nest_end(b, e->element);
}

static void load(struct batch *b, uint32_t base, uint32_t offset, uint32_t len)
{
    struct expression e = expression(b, "payload");
    attr_u32(b, NFTA_PAYLOAD_DREG, NFT_REG_1);
    attr_u32(b, NFTA_PAYLOAD_BASE, base);
    attr_u32(b, NFTA_PAYLOAD_OFFSET, offset);
    attr_u32(b, NFTA_PAYLOAD_LEN, len);
    expression_end(b, &e);
}

// The rule goes on only when this holds of what was loaded.
static void compare(struct batch *b, uint32_t op, const void *value, uint16_t len)
{
    struct expression e = expression(b, "cmp");
    attr_u32(b, NFTA_CMP_SREG, NFT_REG_1);
    attr_u32(b, NFTA_CMP_OP, op);
    struct nlattr *data = nest(b, NFTA_CMP_DATA);
    attr(b, NFTA_DATA_VALUE, value, len);
    nest_end(b, data);
    expression_end(b, &e);
}

static void meta(struct batch *b, uint32_t key)
{
    struct expression e = expression(b, "meta");
    attr_u32(b, NFTA_META_KEY, key);
    attr_u32(b, NFTA_META_DREG, NFT_REG_1);
    expression_end(b, &e);
}

static void arrived_on(struct batch *b, unsigned if_index)
{
    meta(b, NFT_META_IIF);
    compare(b, NFT_CMP_EQ, &if_index, sizeof(if_index)); // in the machine's byte order
}

static void drop(struct batch *b)
{
    struct expression e = expression(b, "immediate");
    attr_u32(b, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
    struct nlattr *data = nest(b, NFTA_IMMEDIATE_DATA);
    struct nlattr *verdict = nest(b, NFTA_DATA_VERDICT);
    attr_u32(b, NFTA_VERDICT_CODE, NF_DROP);
    nest_end(b, verdict);
    nest_end(b, data);
    expression_end(b, &e);
}

// ---- the table ----

static void is_ours(struct batch *b, const struct sok_keep *k, uint8_t proto)
{
    uint32_t addr = htonl(k->addr);
    if (b->family == NFPROTO_IPV6) {
        load(b, NFT_PAYLOAD_NETWORK_HEADER, 24, 16);
        compare(b, NFT_CMP_EQ, k->addr6, 16);
        meta(b, NFT_META_L4PROTO);
    } else {
        load(b, NFT_PAYLOAD_NETWORK_HEADER, 16, 4);
        compare(b, NFT_CMP_EQ, &addr, sizeof(addr));
        load(b, NFT_PAYLOAD_NETWORK_HEADER, 9, 1);
    }
    compare(b, NFT_CMP_EQ, &proto, sizeof(proto));
}

static void put_rule(struct batch *b, const char *table, const struct sok_keep *k, uint8_t proto)
{
    uint16_t first = htons(k->first), last = htons(k->last);
    message(b, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
    attr_text(b, NFTA_RULE_TABLE, table);
    attr_text(b, NFTA_RULE_CHAIN, CHAIN);
    struct nlattr *list = nest(b, NFTA_RULE_EXPRESSIONS);
    arrived_on(b, k->if_index);
    is_ours(b, k, proto);
    load(b, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2);
    compare(b, NFT_CMP_GTE, &first, sizeof(first));
    compare(b, NFT_CMP_LTE, &last, sizeof(last));
    drop(b);
    nest_end(b, list);
}

static void put_table(struct batch *b, const struct sok_keep *k, uint8_t family)
{
    char table[32];
    snprintf(table, sizeof(table), "sockeye-%08x-%u", k->addr, k->first);
    b->family = family;
    message(b, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL);
    attr_text(b, NFTA_TABLE_NAME, table);
    attr_u32(b, NFTA_TABLE_FLAGS, NFT_TABLE_F_OWNER);
    message(b, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
    attr_text(b, NFTA_CHAIN_TABLE, table);
    attr_text(b, NFTA_CHAIN_NAME, CHAIN);
    attr_text(b, NFTA_CHAIN_TYPE, "filter");
    struct nlattr *hook = nest(b, NFTA_CHAIN_HOOK);
    attr_u32(b, NFTA_HOOK_HOOKNUM, NF_INET_PRE_ROUTING);
    attr_u32(b, NFTA_HOOK_PRIORITY, (uint32_t)PRIORITY);
    nest_end(b, hook);
    put_rule(b, table, k, IPPROTO_TCP);
    put_rule(b, table, k, IPPROTO_UDP);
}

static void put_tables(struct batch *b, const struct sok_keep *k)
{
    begin(b, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
    put_table(b, k, NFPROTO_IPV4);
    if (k->addr6)
        put_table(b, k, NFPROTO_IPV6);
    begin(b, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
}

// Reads an answer to each message but the two around them. 0, or the first errno.
static int answers(int fd, unsigned expected)
{
    uint8_t bytes[8192];
    for (unsigned seen = 0; seen < expected;) {
        ssize_t n = recv(fd, bytes, sizeof(bytes), 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        struct nlmsghdr h;
        for (size_t at = 0; at + sizeof(h) <= (size_t)n; at += NLMSG_ALIGN(h.nlmsg_len)) {
            int error;
            memcpy(&h, bytes + at, sizeof(h));
            if (h.nlmsg_len < sizeof(h) || h.nlmsg_len > (size_t)n - at)
                break;
            if (h.nlmsg_type != NLMSG_ERROR || h.nlmsg_len < NLMSG_LENGTH(sizeof(error)))
                continue;
            memcpy(&error, bytes + at + NLMSG_HDRLEN, sizeof(error)); // struct nlmsgerr's first
            if (error)
                return -error;
            seen++;
        }
    }
    return 0;
}

static int refused(int error, char *err)
{
    if (error == EPERM || error == EACCES)
        return sok_link_fail(err, SOK_EACCES,
            "share keeps its ports from the kernel by nftables, which needs root or CAP_NET_ADMIN "
            "(without: --link user)");
    if (error == EOPNOTSUPP || error == EPROTONOSUPPORT || error == ENOENT || error == EINVAL ||
        error == EAFNOSUPPORT)
        return sok_link_fail(err, SOK_EOPNOTSUPP,
            "share needs a kernel with nftables, 5.12 or later (modprobe nf_tables; without: "
            "--link "
            "user)");
    return sok_link_fail(err, SOK_EIO, "no nftables table for share: %s", strerror(error));
}

int sok_keep_open(const struct sok_keep *what, char *err)
{
    struct batch b = {0};
    struct timeval patience = {.tv_sec = 5};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
    if (fd < 0)
        return refused(errno, err);
    put_tables(&b, what);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    int error = 0;
    if (sendto(fd, b.bytes, b.len, 0, (const struct sockaddr *)&kernel, sizeof(kernel)) < 0)
        error = errno;
    else
        error = answers(fd, b.seq - 2);
    if (error) {
        close(fd);
        return refused(error, err);
    }
    return fd;
}
