#include <arpa/inet.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/bytes.h"
#include "cli/ping.h"
#include "wire/csum.h"
#include "wire/icmp.h"
#include "wire/icmp6.h"

#define PACKET_MAX 65535

// What the families' sockets and messages have their own words for.
struct family {
    int domain, protocol, level, errors, hops_wanted, hops, hops_set;
    uint8_t origin, ask, answer;
};

static const struct family v4 = {AF_INET, IPPROTO_ICMP, SOL_IP, IP_RECVERR, IP_RECVTTL, IP_TTL,
    IP_TTL, SO_EE_ORIGIN_ICMP, SOK_ICMP_ECHO, SOK_ICMP_ECHO_REPLY};
static const struct family v6 = {AF_INET6, IPPROTO_ICMPV6, SOL_IPV6, IPV6_RECVERR,
    IPV6_RECVHOPLIMIT, IPV6_HOPLIMIT, IPV6_UNICAST_HOPS, SO_EE_ORIGIN_ICMP6, SOK_ICMP6_ECHO,
    SOK_ICMP6_ECHO_REPLY};

// Who may have no ping socket may have a raw one: root, or a program whose sockets are a host's.
struct sok_ping_kernel {
    struct sok_host *host;
    const struct family *family;
    int fd;
    bool errors; // are told
    bool raw;    // identifier and checksum are ours, and everybody's replies come
    uint16_t id; // then
    uint8_t packet[PACKET_MAX];
};

static void from_sockaddr(const struct sockaddr_storage *s, struct sok_endpoint *out)
{
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    memcpy(&in, s, sizeof(in));
    memcpy(&in6, s, sizeof(in6));
    *out = (struct sok_endpoint){.addr = sok_addr_v4(ntohl(in.sin_addr.s_addr))};
    if (s->ss_family != AF_INET6)
        return;
    memcpy(out->addr.b, in6.sin6_addr.s6_addr, 16);
    out->zone = in6.sin6_scope_id;
}

static socklen_t to_sockaddr(const struct sok_endpoint *e, struct sockaddr_storage *out)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_scope_id = e->zone};
    if (!sok_addr_is_v4(e->addr)) {
        memcpy(in6.sin6_addr.s6_addr, e->addr.b, 16);
        memcpy(out, &in6, sizeof(in6));
        return sizeof(in6);
    }
    in.sin_addr.s_addr = htonl(sok_addr_to_v4(e->addr));
    memcpy(out, &in, sizeof(in));
    return sizeof(in);
}

// Which family a name without -4 and -6 is asked in: what getaddrinfo() puts first.
static int look_up(const char *name, unsigned family, struct sok_endpoint *to)
{
    struct addrinfo hints = {.ai_family = family == 4   ? AF_INET
                                          : family == 6 ? AF_INET6
                                                        : AF_UNSPEC,
        .ai_socktype = SOCK_DGRAM,
        .ai_flags = family ? 0 : AI_ADDRCONFIG};
    struct addrinfo *found;
    struct sockaddr_storage s = {0};
    int r = getaddrinfo(name, NULL, &hints, &found);
    if (r != 0)
        return sok_cli_fail(SOK_EXIT_NO_NAME, "Could not resolve host: %.255s (%s)", name,
            r == EAI_SYSTEM ? strerror(errno) : gai_strerror(r));
    memcpy(&s, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    from_sockaddr(&s, to);
    return 0;
}

static void woken(void *ctx, int fd, unsigned ready)
{
    (void)ctx;
    (void)fd;
    (void)ready;
}

int sok_ping_kernel_open(struct sok_host *host, const char *name, unsigned family,
    struct sok_endpoint *to, struct sok_ping_kernel **out)
{
    int on = 1;
    int code = look_up(name, family, to);
    if (code != 0)
        return code;
    struct sok_ping_kernel *k = calloc(1, sizeof(*k));
    if (!k)
        return sok_cli_fail(2, "no memory");
    *out = k;
    k->host = host;
    k->id = (uint16_t)getpid();
    const struct family *f = k->family = sok_addr_is_v4(to->addr) ? &v4 : &v6;
    k->fd = socket(f->domain, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, f->protocol);
    int error = errno;
    if (k->fd < 0) {
        k->fd = socket(f->domain, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, f->protocol);
        k->raw = true;
    }
    if (k->fd < 0)
        return sok_cli_fail(2, "the kernel lets this user have no ping sockets: %s%s",
            strerror(error), error == EACCES ? " (see: sysctl net.ipv4.ping_group_range)" : "");
    k->errors = setsockopt(k->fd, f->level, f->errors, &on, sizeof(on)) == 0;
    setsockopt(k->fd, f->level, f->hops_wanted, &on, sizeof(on));
    sok_host_watch(host, k->fd, SOK_POLL_IN, woken, NULL);
    return 0;
}

void sok_ping_kernel_close(struct sok_ping_kernel *k)
{
    if (!k)
        return;
    if (k->fd >= 0) {
        sok_host_unwatch(k->host, k->fd);
        close(k->fd);
    }
    free(k);
}

static void complete(struct sok_ping_kernel *k, size_t len)
{
    struct sok_csum sum;
    sok_put16(k->packet + 4, k->id);
    if (k->family == &v6) // its checksum is always the kernel's
        return;
    sok_csum_init(&sum);
    sok_csum_add(&sum, k->packet, len);
    sok_put16(k->packet + 2, sok_csum_final(&sum));
}

// Of a ping socket the kernel fills in the identifier and the checksum.
int sok_ping_kernel_send(struct sok_ping_kernel *k, const struct sok_endpoint *to, uint16_t seq,
    const void *data, size_t len, uint8_t ttl)
{
    int hops = ttl;
    struct sockaddr_storage there;
    socklen_t there_len = to_sockaddr(to, &there);
    if (len > PACKET_MAX - SOK_ICMP_HDR_LEN)
        return SOK_EMSGSIZE;
    if (hops > 0)
        setsockopt(k->fd, k->family->level, k->family->hops_set, &hops, sizeof(hops));
    memset(k->packet, 0, SOK_ICMP_HDR_LEN);
    k->packet[0] = k->family->ask;
    sok_put16(k->packet + 6, seq);
    memcpy(k->packet + SOK_ICMP_HDR_LEN, data, len);
    if (k->raw)
        complete(k, SOK_ICMP_HDR_LEN + len);
    ssize_t n = sendto(k->fd, k->packet, SOK_ICMP_HDR_LEN + len, MSG_NOSIGNAL,
        (struct sockaddr *)&there, there_len);
    return n < 0 ? sok_from_errno(errno) : 0;
}

// The message that came, its control part, and who sent it.
struct taken {
    struct msghdr msg;
    struct iovec iov;
    struct sockaddr_storage from;
    uint8_t control[256];
};

static ssize_t take(struct sok_ping_kernel *k, struct taken *t, int flags)
{
    memset(t, 0, sizeof(*t));
    t->iov = (struct iovec){k->packet, sizeof(k->packet)};
    t->msg = (struct msghdr){
        .msg_name = &t->from,
        .msg_namelen = sizeof(t->from),
        .msg_iov = &t->iov,
        .msg_iovlen = 1,
        .msg_control = t->control,
        .msg_controllen = sizeof(t->control),
    };
    return recvmsg(k->fd, &t->msg, flags | MSG_DONTWAIT);
}

static const void *control(const struct sok_ping_kernel *k, struct taken *t, int type, size_t len)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&t->msg); c; c = CMSG_NXTHDR(&t->msg, c))
        if (c->cmsg_level == k->family->level && c->cmsg_type == type &&
            c->cmsg_len >= CMSG_LEN(len))
            return CMSG_DATA(c);
    return NULL;
}

// What somebody says about one of our requests; the request is quoted.
static int take_error(struct sok_ping_kernel *k, struct sok_ping_reply *out)
{
    struct taken t;
    struct {
        struct sock_extended_err e;
        union {
            struct sockaddr_in in;
            struct sockaddr_in6 in6;
        } offender;
    } said = {0};
    size_t least = sizeof(said.e) + sizeof(said.offender.in);
    struct sockaddr_storage offender = {0};
    struct sok_endpoint who;
    ssize_t n = take(k, &t, MSG_ERRQUEUE);
    const void *error =
        n < 0 ? NULL : control(k, &t, k->family->errors, k->family == &v6 ? sizeof(said) : least);
    if (!error || (k->raw && (n < SOK_ICMP_HDR_LEN || sok_get16(k->packet + 4) != k->id)))
        return SOK_EAGAIN;
    memcpy(&said, error, k->family == &v6 ? sizeof(said) : least);
    memcpy(&offender, &said.offender, sizeof(said.offender));
    bool icmp = said.e.ee_origin == k->family->origin;
    from_sockaddr(icmp ? &offender : &t.from, &who);
    *out = (struct sok_ping_reply){
        .from = who.addr,
        .err = sok_from_errno((int)said.e.ee_errno),
        .seq = n >= SOK_ICMP_HDR_LEN ? sok_get16(k->packet + 6) : 0,
        .icmp_type = icmp ? said.e.ee_type : 0,
        .icmp_code = icmp ? said.e.ee_code : 0,
    };
    return 0;
}

int sok_ping_kernel_recv(struct sok_ping_kernel *k, struct sok_ping_reply *out)
{
    struct taken t;
    struct sok_endpoint who;
    int ttl = 0;
    if (k->errors && take_error(k, out) == 0)
        return 0;
    ssize_t n, header;
    const uint8_t *icmp;
    do { // of a raw socket others' are passed over
        n = take(k, &t, 0);
        if (n <= 0)
            return SOK_EAGAIN;
        header = k->raw && k->family == &v4 ? 4 * (k->packet[0] & 15) : 0;
        icmp = k->packet + header;
    } while (n < header + SOK_ICMP_HDR_LEN || icmp[0] != k->family->answer ||
             (k->raw && sok_get16(icmp + 4) != k->id));
    const void *hops = control(k, &t, k->family->hops, sizeof(ttl));
    if (hops)
        memcpy(&ttl, hops, sizeof(ttl));
    else if (header > 0)
        ttl = k->packet[8];
    from_sockaddr(&t.from, &who);
    *out = (struct sok_ping_reply){
        .from = who.addr,
        .seq = sok_get16(icmp + 6),
        .ttl = (uint8_t)ttl,
        .len = (uint32_t)(n - header - SOK_ICMP_HDR_LEN),
    };
    return 0;
}
