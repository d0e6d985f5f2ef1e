// Raw and packet sockets: what sockeye/socket.h says of them, over stack/raw.c and stack/frames.c; and the options
// of datagram sockets of all kinds.
#include <string.h>
#include "host/host.h"

_Static_assert((int)SOK_PACKET_FOR_US == (int)SOK_FRAME_FOR_US &&
                   (int)SOK_PACKET_BROADCAST == (int)SOK_FRAME_BROADCAST &&
                   (int)SOK_PACKET_MULTICAST == (int)SOK_FRAME_MULTICAST &&
                   (int)SOK_PACKET_FOR_OTHERS == (int)SOK_FRAME_FOR_OTHERS &&
                   (int)SOK_PACKET_OUTGOING == (int)SOK_FRAME_OUTGOING &&
                   SOK_PACKET_ALL == SOK_FRAMES_ALL_TYPES &&
                   SOK_PACKET_ALL_LINKS == SOK_FRAMES_ALL_LINKS,
    "the public numbers are the stack's");

static int wrap(struct sok_host *host, enum sok_socket_type type, struct sok_sock *sock,
    struct sok_socket **out)
{
    *out = sok_socket_wrap(host, type, sock);
    return *out ? 0 : SOK_ENOMEM;
}

// ---- raw IP ----

static struct sok_raw *raw_of(const struct sok_socket *s)
{
    return (struct sok_raw *)s->sock;
}

static int open_raw(struct sok_host *host, int protocol, bool v6, struct sok_socket **out)
{
    struct sok_raw *r;
    if (protocol < 1 || protocol > 255)
        return SOK_EINVAL;
    int err = v6 ? sok_raw_open6(host->stack, (uint8_t)protocol, &r)
                 : sok_raw_open(host->stack, (uint8_t)protocol, &r);
    if (err < 0)
        return err;
    err = wrap(host, SOK_RAW, (struct sok_sock *)r, out);
    if (err < 0)
        sok_raw_close(r);
    return err;
}

int sok_socket_raw(struct sok_host *host, int protocol, struct sok_socket **out)
{
    sok_host_mine(host);
    return open_raw(host, protocol, false, out);
}

int sok_socket_raw6(struct sok_host *host, int protocol, struct sok_socket **out)
{
    sok_host_mine(host);
    return open_raw(host, protocol, true, out);
}

int sok_socket_raw_bind(struct sok_socket *s, const struct sok_endpoint *local)
{
    int err = sok_raw_bind(raw_of(s), &local->addr);
    s->bound |= err == 0;
    if (err == 0)
        s->local = *local;
    return err;
}

int sok_socket_raw_connect(struct sok_socket *s, const struct sok_endpoint *remote)
{
    int err = sok_raw_connect(raw_of(s), remote);
    if (err == 0) {
        s->remote = (struct sok_endpoint){.addr = remote->addr, .zone = remote->zone};
        s->dialled = true;
    }
    return err;
}

int sok_socket_raw_checksum(struct sok_socket *s, int offset)
{
    return sok_raw_checksum(raw_of(s), offset);
}

int sok_socket_raw_checksum_at(const struct sok_socket *s)
{
    return sok_raw_checksum_at(raw_of(s));
}

int sok_icmp_filter(struct sok_socket *s, const uint32_t blocked[8])
{
    sok_host_mine(s->host);
    if (s->type != SOK_RAW)
        return SOK_EOPNOTSUPP;
    sok_raw_block_types(raw_of(s), blocked);
    return 0;
}

int sok_icmp_filter_get(const struct sok_socket *s, uint32_t blocked[8])
{
    if (s->type != SOK_RAW)
        return SOK_EOPNOTSUPP;
    sok_raw_blocked_types(raw_of(s), blocked);
    return 0;
}

// ---- both ----

int64_t sok_socket_raw_send(
    struct sok_socket *s, const struct sok_iov *iov, unsigned count, const struct sok_endpoint *to)
{
    int64_t r;
    s->host->dirty = true;
    do {
        int64_t now = sok_host_now(s->host);
        r = s->type == SOK_RAW
                ? sok_raw_sendto(raw_of(s), iov, count, to, now)
                : sok_frames_send((struct sok_frames *)s->sock, iov, count, NULL, now);
    } while (sok_socket_again(s, SOK_POLL_OUT, &r));
    return r;
}

int64_t sok_socket_raw_recv(struct sok_socket *s, void *data, size_t len, struct sok_endpoint *from)
{
    struct sok_endpoint ignored;
    int64_t r;
    if (s->type == SOK_PACKET)
        return sok_packet_recvfrom(s, data, len, NULL);
    do
        r = sok_raw_recvfrom(
            raw_of(s), data, len, from ? from : &ignored, &s->stamp, sok_host_now(s->host));
    while (sok_socket_again(s, SOK_POLL_IN, &r));
    return r;
}

// ---- options of datagram sockets ----

void sok_socket_dgram_apply(struct sok_socket *s)
{
    if (s->sock && s->type == SOK_DGRAM) {
        sok_udp_options((struct sok_udp *)s->sock, &s->dgram);
        sok_udp_multicast((struct sok_udp *)s->sock, &s->multicast);
    } else if (s->sock && s->type == SOK_RAW) {
        sok_raw_options(raw_of(s), &s->dgram);
        sok_raw_multicast(raw_of(s), &s->multicast);
    } else if (s->sock && s->type == SOK_PACKET) {
        sok_frames_options((struct sok_frames *)s->sock, &s->dgram);
    }
}

static bool has_option(const struct sok_socket *s, enum sok_socket_option option)
{
    switch (option) {
    case SOK_OPT_HDRINCL:
        return s->type == SOK_RAW;
    case SOK_OPT_TTL:
    case SOK_OPT_TOS:
    case SOK_OPT_RECVERR:
        return s->type == SOK_RAW || s->type == SOK_DGRAM;
    case SOK_OPT_RCVBUF:
    case SOK_OPT_SNDBUF:
        return s->type != SOK_ECHO;
    case SOK_OPT_STAMP:
        return s->type == SOK_RAW || s->type == SOK_PACKET;
    default:
        return false;
    }
}

int sok_socket_dgram_setopt(struct sok_socket *s, enum sok_socket_option option, int64_t value)
{
    bool byte = option == SOK_OPT_TTL || option == SOK_OPT_TOS;
    if (!has_option(s, option) || option == SOK_OPT_STAMP)
        return SOK_EOPNOTSUPP;
    if (byte && (value < (option == SOK_OPT_TTL) || value > UINT8_MAX))
        return SOK_EINVAL;
    if (option == SOK_OPT_HDRINCL)
        sok_raw_hdrincl(raw_of(s), value != 0);
    else if (option == SOK_OPT_RECVERR)
        s->dgram.recverr = value != 0;
    else if (option == SOK_OPT_TTL)
        s->dgram.ttl = (uint8_t)value;
    else if (option == SOK_OPT_TOS)
        s->dgram.tos = (uint8_t)value;
    else if (option == SOK_OPT_RCVBUF)
        s->dgram.queue = (uint32_t)(value < 2048 ? 2048 : value > 1 << 30 ? 1 << 30 : value);
    else
        s->options[SOK_OPT_SNDBUF] = value < 2048 ? 2048 : value > 1 << 30 ? 1 << 30 : value;
    sok_socket_dgram_apply(s);
    return 0;
}

int sok_socket_dgram_getopt(struct sok_socket *s, enum sok_socket_option option, int64_t *value)
{
    const struct sok_stack_config *config = sok_stack_config(s->host->stack);
    int64_t queue = s->type == SOK_DGRAM ? config->udp_queue : config->raw_queue;
    if (!has_option(s, option))
        return SOK_EOPNOTSUPP;
    if (option == SOK_OPT_STAMP)
        *value = s->stamp;
    else if (option == SOK_OPT_HDRINCL)
        *value = sok_raw_has_hdrincl(raw_of(s));
    else if (option == SOK_OPT_TTL)
        *value = s->dgram.ttl ? s->dgram.ttl : config->ttl;
    else if (option == SOK_OPT_TOS)
        *value = s->dgram.tos;
    else if (option == SOK_OPT_RECVERR)
        *value = s->dgram.recverr;
    else if (option == SOK_OPT_RCVBUF)
        *value = s->dgram.queue ? s->dgram.queue : queue;
    else // nothing hangs on it: what is sent waits in the queue of its link, which has a limit of its own
        *value = s->options[SOK_OPT_SNDBUF] ? s->options[SOK_OPT_SNDBUF] : queue;
    return 0;
}

// ---- packet ----

int sok_socket_packet(struct sok_host *host, uint16_t type, int cooked, struct sok_socket **out)
{
    sok_host_mine(host);
    struct sok_frames *f;
    int err = sok_frames_open(host->stack, type, cooked != 0, &f);
    if (err < 0)
        return err;
    err = wrap(host, SOK_PACKET, (struct sok_sock *)f, out);
    if (err < 0)
        sok_frames_close(f);
    return err;
}

int sok_packet_bind(struct sok_socket *s, int link, uint16_t type)
{
    sok_host_mine(s->host);
    if (s->type != SOK_PACKET)
        return SOK_EOPNOTSUPP;
    return sok_frames_bind((struct sok_frames *)s->sock, link, type);
}

int64_t sok_packet_sendto(
    struct sok_socket *s, const void *data, size_t len, const struct sok_packet_addr *to)
{
    sok_host_mine(s->host);
    struct sok_frame_addr addr = {0};
    struct sok_iov iov = {data, len};
    int64_t r;
    if (s->type != SOK_PACKET)
        return SOK_EOPNOTSUPP;
    if (to && (to->link < 0 || to->link > UINT8_MAX))
        return SOK_ENODEV;
    if (to) {
        addr = (struct sok_frame_addr){.type = to->type, .link = (uint8_t)to->link};
        memcpy(addr.mac, to->mac, sizeof(addr.mac));
    }
    s->host->dirty = true;
    do
        r = sok_frames_send(
            (struct sok_frames *)s->sock, &iov, 1, to ? &addr : NULL, sok_host_now(s->host));
    while (sok_socket_again(s, SOK_POLL_OUT, &r));
    return r;
}

int64_t sok_packet_recvfrom(
    struct sok_socket *s, void *data, size_t len, struct sok_packet_addr *from)
{
    sok_host_mine(s->host);
    struct sok_frame_addr addr = {0};
    int64_t r;
    if (s->type != SOK_PACKET)
        return SOK_EOPNOTSUPP;
    do
        r = sok_frames_recv(
            (struct sok_frames *)s->sock, data, len, &addr, &s->stamp, sok_host_now(s->host));
    while (sok_socket_again(s, SOK_POLL_IN, &r));
    s->whole = addr.whole;
    if (from && r >= 0) {
        *from = (struct sok_packet_addr){.link = addr.link, .type = addr.type, .kind = addr.kind};
        memcpy(from->mac, addr.mac, sizeof(from->mac));
    }
    return r;
}

int sok_packet_link(const struct sok_host *host, int link, struct sok_packet_link *out)
{
    _Static_assert(SOK_PACKET_NAME_MAX >= SOK_LINK_NAME_MAX, "names fit");
    const struct sok_link_info *info =
        link < 0 || link > UINT8_MAX ? NULL : sok_stack_link(host->stack, (uint8_t)link);
    if (!info)
        return SOK_ENODEV;
    *out = (struct sok_packet_link){
        .ethernet = !(info->caps & SOK_LINK_IP),
        .mtu = info->mtu,
    };
    memcpy(out->name, info->name, sizeof(info->name));
    memcpy(out->mac, info->mac, sizeof(info->mac));
    return 0;
}
