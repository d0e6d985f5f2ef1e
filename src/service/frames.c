// Packet sockets of programs (AF_PACKET): bound, named, received from, sent to.
#include <errno.h>
#include <string.h>
#include "service/internal.h"

int32_t sok_serve_frames_bind(struct served *e, const uint8_t *bytes, uint32_t len)
{
    struct sok_packet_addr at;
    int32_t err = sok_ll_get(bytes, len, &at);
    if (err < 0)
        return err;
    if (at.type == 0)
        at.type = e->frames.type;
    err = -sok_errno(sok_packet_bind(e->s, at.link, at.type));
    if (err == 0)
        e->frames = (struct sok_packet_addr){.link = at.link, .type = at.type};
    return err;
}

// The name of a socket: what it is bound to, with the MAC of that link.
uint32_t sok_serve_frames_name(const struct served *e, uint8_t out[SOK_CALLS_ADDR_MAX])
{
    struct sok_packet_link about;
    struct sok_packet_addr at = e->frames;
    if (sok_packet_link(e->service->host, at.link, &about) == 0)
        memcpy(at.mac, about.mac, sizeof(at.mac));
    return sok_ll_put(e->service->host, &at, out);
}

int64_t sok_serve_frames_recv(
    const struct served *e, uint8_t *data, size_t room, struct sok_calls_packet *head)
{
    struct sok_packet_addr from;
    int64_t n = sok_packet_recvfrom(e->s, data, room, &from);
    if (n >= 0)
        head->len = sok_ll_put(e->service->host, &from, head->addr);
    return n;
}

// head->len 0: the link bound to.
int64_t sok_serve_frames_send(
    const struct served *e, const struct sok_calls_packet *head, const uint8_t *data, size_t len)
{
    struct sok_packet_addr to;
    if (head->len == 0)
        return sok_packet_sendto(e->s, data, len, NULL);
    if (head->len > sizeof(head->addr) || sok_ll_get(head->addr, head->len, &to) < 0)
        return SOK_EINVAL;
    return sok_packet_sendto(e->s, data, len, &to);
}
