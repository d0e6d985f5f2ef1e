// What goes along with datagrams, between the host's calls and a head (calls/protocol.h).
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include "base/bytes.h"
#include "host/host.h"
#include "host/posix.h"

// A raw IPv4 datagram begins with its header.
static void look_at_header(const uint8_t *data, size_t len, struct sok_dgram_info *i)
{
    if (len >= 20) {
        i->tos = data[1];
        i->ttl = data[8];
        i->to.addr = sok_addr_v4(sok_get32(data + 16));
    }
}

int64_t sok_posix_stamp(struct sok_host *host, int64_t at)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec - (sok_host_now(host) - at);
}

void sok_posix_came(const struct sok_posix *p, struct sok_host *host, const uint8_t *data,
    size_t len, const struct sok_dgram_info *info, struct sok_calls_packet *head)
{
    struct sok_dgram_info i = *info;
    head->wanted = (uint32_t)p->values[VALUE_WANTED];
    if (!head->wanted)
        return;
    if (p->type == SOCK_RAW && p->domain == AF_INET)
        look_at_header(data, len, &i);
    memcpy(head->local, i.to.addr.b, sizeof(head->local));
    head->index = (int16_t)(i.link + 1);
    head->ttl = (int16_t)i.ttl;
    head->tos = (int16_t)i.tos;
    head->stamp = sok_posix_stamp(host, i.stamp);
}

int64_t sok_posix_news(const struct sok_posix *p, struct sok_socket *s, struct sok_calls_news *news,
    void *data, size_t len)
{
    struct sok_dgram_news n;
    int64_t r = p->type == SOCK_STREAM || p->domain == AF_PACKET || !s
                    ? SOK_EAGAIN
                    : sok_recv_news(s, data, len, &n);
    if (r < 0)
        return -sok_errno((int)r);
    struct sok_endpoint from = {.addr = n.from};
    *news = (struct sok_calls_news){
        .error = (uint32_t)sok_errno(n.err),
        .info = n.mtu,
        .len = (uint32_t)n.len,
        .type = n.type,
        .code = n.code,
        .v6 = !sok_addr_is_v4(n.from),
        .of6 = p->domain == AF_INET6,
        .local = n.local,
    };
    news->to_len = (uint8_t)sok_sockaddr_put(p->domain, &n.to, news->to);
    news->from_len = (uint8_t)sok_sockaddr_put(p->domain, &from, news->from);
    if (n.local) // as the kernel: an address of no family
        memset(news->from, 0, sizeof(news->from));
    return r;
}

void sok_posix_goes(const struct sok_calls_packet *head, struct sok_dgram_info *out)
{
    *out = (struct sok_dgram_info){.link = -1, .ttl = -1, .tos = -1};
    if (head->wanted & (SOK_WANT_PKTINFO | SOK_WANT_PKTINFO6)) {
        memcpy(out->to.addr.b, head->local, sizeof(head->local));
        out->link = head->index - 1;
    }
    if (head->wanted & (SOK_WANT_TTL | SOK_WANT_HOPLIMIT))
        out->ttl = head->ttl;
    if (head->wanted & (SOK_WANT_TOS | SOK_WANT_TCLASS))
        out->tos = head->tos;
}
