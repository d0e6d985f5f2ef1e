// Packet sockets of programs (AF_PACKET): bound, named, received from, sent to; their filters, and their rings (ring.h).
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/bpf.h"
#include "service/internal.h"
#include "service/ring.h"

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
    if (n < 0)
        return n;
    head->len = sok_ll_put(e->service->host, &from, head->addr);
    sok_posix_frame_came(&e->posix, e->s, from.link, (uint32_t)n, head);
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

// ---- filters ----

static void forget_filter(struct served *e)
{
    free(e->filter);
    e->filter = NULL;
    e->filter_count = 0;
}

// Parts come in their order, the first one anew.
static int32_t filter_part(struct served *e, const struct request *r)
{
    uint32_t count = r->head->len / sizeof(*e->filter);
    if (r->head->c == 0)
        forget_filter(e);
    if (r->head->c < 0 || (uint32_t)r->head->c != e->filter_count || count == 0 ||
        r->head->len % sizeof(*e->filter) != 0 || e->filter_count + count > SOK_BPF_MOST)
        return -EINVAL;
    struct sok_bpf_insn *more = realloc(e->filter, (e->filter_count + count) * sizeof(*more));
    if (!more)
        return -ENOMEM;
    memcpy(more + e->filter_count, r->bytes, r->head->len);
    e->filter = more;
    e->filter_count += count;
    return 0;
}

// Whom no library reaches has a pointer alone, and no memory to share.
static int32_t attach_filter(struct served *e)
{
    if (e->filter_count == 0)
        return -ENOPROTOOPT;
    int32_t err = sok_posix_setopt(&e->posix, e->s, SOL_SOCKET, SO_ATTACH_FILTER,
        (const uint8_t *)e->filter, (uint32_t)(e->filter_count * sizeof(*e->filter)));
    forget_filter(e);
    return err;
}

// ---- rings ----

static void keep_memory(struct served *e, int fd)
{
    if (e->memory >= 0)
        close(e->memory);
    e->memory = fd;
}

// What is no memory (sok_ring_new() looks closer) is not kept.
void sok_serve_frames_came(struct served *e, int fd)
{
    int seals = e->posix.domain == AF_PACKET ? fcntl(fd, F_GET_SEALS) : -1;
    if (seals >= 0 && (seals & F_SEAL_SHRINK))
        keep_memory(e, fd);
    else
        close(fd);
}

static void end_ring(struct served *e)
{
    if (!e->ring)
        return;
    sok_ring_free(e->ring);
    e->ring = NULL;
    e->ring_full = e->ring_told = false;
    e->service->ring_count--;
}

// No block: the ring goes.
static bool is_none(const struct request *r)
{
    struct tpacket_req q;
    if (r->head->len < sizeof(q))
        return false;
    memcpy(&q, r->bytes, sizeof(q));
    return q.tp_block_nr == 0 && q.tp_frame_nr == 0;
}

static int32_t set_ring(struct served *e, const struct request *r)
{
    const struct ring_form form = {
        .version = e->posix.values[VALUE_RING_VERSION],
        .reserve = (uint32_t)e->posix.values[VALUE_RING_RESERVE],
        .cooked = e->posix.type == SOCK_DGRAM,
        .request = r->bytes,
        .len = r->head->len,
    };
    int memory = e->memory;
    e->memory = -1;
    int32_t err = 0;
    if (is_none(r))
        end_ring(e);
    else if (e->ring)
        err = -EBUSY;
    else if (e->service->ring_count == SOK_RINGS_MOST)
        err = -ENOMEM;
    else
        err = sok_ring_new(&form, memory, &e->ring);
    if (memory >= 0 && (err < 0 || !e->ring))
        close(memory);
    if (err == 0 && e->ring)
        e->service->ring_count++;
    return err;
}

int32_t sok_serve_frames_memory(const struct served *e)
{
    if (!e->ring)
        return -EINVAL;
    int fd = fcntl(sok_ring_fd(e->ring), F_DUPFD_CLOEXEC, 0);
    return fd < 0 ? -errno : fd;
}

bool sok_serve_frames_keep(struct served *e, const uint8_t *packet, size_t len)
{
    struct sok_calls_packet head;
    memcpy(&head, packet, sizeof(head));
    bool kept = sok_ring_put(e->ring, &head, packet + sizeof(head), (uint32_t)(len - sizeof(head)));
    e->ring_full = !kept;
    return kept;
}

bool sok_serve_frames_tell(struct served *e)
{
    if (!e->ring)
        return false;
    sok_ring_flush(e->ring, false);
    bool tell = !e->ring_told && sok_ring_readable(e->ring);
    e->ring_told = e->ring_told || tell;
    return tell;
}

// The program has taken out what told it of something, and may have given frames back.
static int32_t look(struct served *e)
{
    if (!e->ring)
        return -EINVAL;
    e->ring_told = false;
    sok_ring_flush(e->ring, true);
    sok_serve_packets_changed(e);
    return 0;
}

void sok_serve_frames_free(struct served *e)
{
    forget_filter(e);
    end_ring(e);
    keep_memory(e, -1);
}

bool sok_serve_frames_option(struct served *e, const struct request *r, int32_t *result)
{
    int level = r->head->a, name = r->head->b;
    bool form = level == SOL_PACKET && (name == PACKET_VERSION || name == PACKET_RESERVE);
    if (level == SOK_CALLS_LEVEL && name == SOK_CALLS_LEVEL_FILTER)
        *result = filter_part(e, r);
    else if (level == SOL_SOCKET && name == SO_ATTACH_FILTER)
        *result = attach_filter(e);
    else if (level == SOK_CALLS_LEVEL && name == SOK_CALLS_LEVEL_RINGLOOK)
        *result = look(e);
    else if (level == SOL_PACKET && name == PACKET_RX_RING)
        *result = set_ring(e, r);
    else if (form && e->ring)
        *result = -EBUSY;
    else
        return false;
    return true;
}
