// Multicast on sockets of a host: datagram and raw ones.
#include "host/host.h"

int sok_group(struct sok_socket *s, const struct sok_group_change *change)
{
    sok_host_mine(s->host);
    int err = sok_socket_open_dgram(s);
    if (err < 0)
        return err;
    int64_t now = sok_host_now(s->host);
    s->host->dirty = true;
    return s->type == SOK_RAW ? sok_raw_group((struct sok_raw *)s->sock, change, now)
                              : sok_udp_group((struct sok_udp *)s->sock, change, now);
}

int sok_group_filter(struct sok_socket *s, int link, const struct sok_addr *group, bool exclude,
    const struct sok_addr *sources, unsigned count)
{
    sok_host_mine(s->host);
    int err = sok_socket_open_dgram(s);
    if (err < 0)
        return err;
    int64_t now = sok_host_now(s->host);
    s->host->dirty = true;
    return s->type == SOK_RAW ? sok_raw_filter((struct sok_raw *)s->sock, link, group, exclude,
                                    sources, count, now)
                              : sok_udp_filter((struct sok_udp *)s->sock, link, group, exclude,
                                    sources, count, now);
}

int sok_group_filter_get(const struct sok_socket *s, int link, const struct sok_addr *group,
    bool *exclude, struct sok_addr *sources, unsigned *count)
{
    sok_host_mine(s->host);
    if (s->type != SOK_RAW && s->type != SOK_DGRAM)
        return SOK_EOPNOTSUPP;
    if (!s->sock)
        return SOK_EADDRNOTAVAIL;
    return s->type == SOK_RAW ? sok_raw_filter_get((const struct sok_raw *)s->sock, link, group,
                                    exclude, sources, count)
                              : sok_udp_filter_get((const struct sok_udp *)s->sock, link, group,
                                    exclude, sources, count);
}

int sok_multicast_set(struct sok_socket *s, const struct sok_multicast_opts *opts)
{
    sok_host_mine(s->host);
    const struct sok_stack *stack = s->host->stack;
    if (s->type != SOK_RAW && s->type != SOK_DGRAM)
        return SOK_EOPNOTSUPP;
    if (opts->link >= 0 && (opts->link > UINT8_MAX || !sok_stack_link(stack, (uint8_t)opts->link)))
        return SOK_ENODEV;
    s->multicast = *opts;
    sok_socket_dgram_apply(s);
    return 0;
}

int sok_multicast_get(const struct sok_socket *s, struct sok_multicast_opts *opts)
{
    sok_host_mine(s->host);
    if (s->type != SOK_RAW && s->type != SOK_DGRAM)
        return SOK_EOPNOTSUPP;
    *opts = s->multicast;
    return 0;
}
