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

#define PACKET_MAX 65535

// Who may have no ping socket may have a raw one: root, or a program whose sockets are a host's.
struct sok_ping_kernel {
    struct sok_host *host;
    int fd;
    bool errors; // are told
    bool raw;    // identifier and checksum are ours, and everybody's replies come
    uint16_t id; // then
    uint8_t packet[PACKET_MAX];
};

static int look_up(const char *name, struct sok_addr *to)
{
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_DGRAM}, *found;
    struct sockaddr_in in;
    int r = getaddrinfo(name, NULL, &hints, &found);
    if (r != 0)
        return sok_cli_fail(SOK_EXIT_NO_NAME, "Could not resolve host: %.255s (%s)", name,
            r == EAI_SYSTEM ? strerror(errno) : gai_strerror(r));
    memcpy(&in, found->ai_addr, sizeof(in));
    freeaddrinfo(found);
    *to = sok_addr_v4(ntohl(in.sin_addr.s_addr));
    return 0;
}

static void woken(void *ctx, int fd, unsigned ready)
{
    (void)ctx;
    (void)fd;
    (void)ready;
}

int sok_ping_kernel_open(
    struct sok_host *host, const char *name, struct sok_addr *to, struct sok_ping_kernel **out)
{
    int on = 1;
    int code = look_up(name, to);
    if (code != 0)
        return code;
    struct sok_ping_kernel *k = calloc(1, sizeof(*k));
    if (!k)
        return sok_cli_fail(2, "no memory");
    *out = k;
    k->host = host;
    k->id = (uint16_t)getpid();
    k->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ICMP);
    int error = errno;
    if (k->fd < 0) {
        k->fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ICMP);
        k->raw = true;
    }
    if (k->fd < 0)
        return sok_cli_fail(2, "the kernel lets this user have no ping sockets: %s%s",
            strerror(error), error == EACCES ? " (see: sysctl net.ipv4.ping_group_range)" : "");
    k->errors = setsockopt(k->fd, SOL_IP, IP_RECVERR, &on, sizeof(on)) == 0;
    setsockopt(k->fd, SOL_IP, IP_RECVTTL, &on, sizeof(on));
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
    sok_csum_init(&sum);
    sok_csum_add(&sum, k->packet, len);
    sok_put16(k->packet + 2, sok_csum_final(&sum));
}

// Of a ping socket the kernel fills in the identifier and the checksum.
int sok_ping_kernel_send(struct sok_ping_kernel *k, const struct sok_addr *to, uint16_t seq,
    const void *data, size_t len, uint8_t ttl)
{
    int hops = ttl;
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(sok_addr_to_v4(*to))};
    if (len > PACKET_MAX - SOK_ICMP_HDR_LEN)
        return SOK_EMSGSIZE;
    if (hops > 0)
        setsockopt(k->fd, SOL_IP, IP_TTL, &hops, sizeof(hops));
    memset(k->packet, 0, SOK_ICMP_HDR_LEN);
    k->packet[0] = SOK_ICMP_ECHO;
    sok_put16(k->packet + 6, seq);
    memcpy(k->packet + SOK_ICMP_HDR_LEN, data, len);
    if (k->raw)
        complete(k, SOK_ICMP_HDR_LEN + len);
    ssize_t n = sendto(
        k->fd, k->packet, SOK_ICMP_HDR_LEN + len, MSG_NOSIGNAL, (struct sockaddr *)&in, sizeof(in));
    return n < 0 ? sok_from_errno(errno) : 0;
}

// The message that came, its control part, and who sent it.
struct taken {
    struct msghdr msg;
    struct iovec iov;
    struct sockaddr_in from;
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

static const void *control(struct taken *t, int type, size_t len)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&t->msg); c; c = CMSG_NXTHDR(&t->msg, c))
        if (c->cmsg_level == SOL_IP && c->cmsg_type == type && c->cmsg_len >= CMSG_LEN(len))
            return CMSG_DATA(c);
    return NULL;
}

// What somebody says about one of our requests; the request is quoted.
static int take_error(struct sok_ping_kernel *k, struct sok_ping_reply *out)
{
    struct taken t;
    struct {
        struct sock_extended_err e;
        struct sockaddr_in offender;
    } said;
    ssize_t n = take(k, &t, MSG_ERRQUEUE);
    const void *error = n < 0 ? NULL : control(&t, IP_RECVERR, sizeof(said));
    if (!error || (k->raw && (n < SOK_ICMP_HDR_LEN || sok_get16(k->packet + 4) != k->id)))
        return SOK_EAGAIN;
    memcpy(&said, error, sizeof(said));
    bool icmp = said.e.ee_origin == SO_EE_ORIGIN_ICMP;
    *out = (struct sok_ping_reply){
        .from = sok_addr_v4(ntohl(icmp ? said.offender.sin_addr.s_addr : t.from.sin_addr.s_addr)),
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
    int ttl = 0;
    if (k->errors && take_error(k, out) == 0)
        return 0;
    ssize_t n, header;
    const uint8_t *icmp;
    do { // of a raw socket others' are passed over
        n = take(k, &t, 0);
        if (n <= 0)
            return SOK_EAGAIN;
        header = k->raw ? 4 * (k->packet[0] & 15) : 0;
        icmp = k->packet + header;
    } while (n < header + SOK_ICMP_HDR_LEN || icmp[0] != SOK_ICMP_ECHO_REPLY ||
             (k->raw && sok_get16(icmp + 4) != k->id));
    const void *hops = control(&t, IP_TTL, sizeof(ttl));
    if (hops)
        memcpy(&ttl, hops, sizeof(ttl));
    else if (k->raw)
        ttl = k->packet[8];
    *out = (struct sok_ping_reply){
        .from = sok_addr_v4(ntohl(t.from.sin_addr.s_addr)),
        .seq = sok_get16(icmp + 6),
        .ttl = (uint8_t)ttl,
        .len = (uint32_t)(n - header - SOK_ICMP_HDR_LEN),
    };
    return 0;
}
