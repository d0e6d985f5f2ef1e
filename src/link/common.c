#include "link/internal.h"
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <time.h>
#include "wire/split.h"

struct sok_link *sok_link_new(
    const struct sok_mem *mem, size_t size, const struct sok_link_ops *ops)
{
    struct sok_link *link = sok_mem_zalloc(mem, size);
    if (!link)
        return NULL;
    link->ops = ops;
    link->mem = mem;
    link->fd = -1;
    return link;
}

int sok_link_fail(char *err, int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(err, SOK_LINK_ERR_MAX, format, args);
    va_end(args);
    for (char *p = err; *p; p++) { // a name may hold anything, and this is one line
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            *p = '?';
    }
    return code;
}

void sok_link_mac(uint8_t out[6], const uint8_t given[6])
{
    static const uint8_t none[6];
    if (memcmp(given, none, 6) != 0) {
        memcpy(out, given, 6);
        return;
    }
    memset(out, 0x5a, 6);
    if (getrandom(out, 6, GRND_NONBLOCK) != 6)
        out[5] =
            (uint8_t)((uintptr_t)out >> 4); // before the kernel has entropy: better than nothing
    out[0] = (uint8_t)((out[0] & 0xfc) | 0x02);
}

void sok_link_wait_running(int s, const char *name)
{
    struct ifreq ifr = {0};
    snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
    for (unsigned i = 0; i < 500; i++) {
        if (ioctl(s, SIOCGIFFLAGS, &ifr) < 0 || (ifr.ifr_flags & IFF_RUNNING))
            return;
        nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
    }
}

int sok_link_give(
    const struct sok_mem *mem, struct sok_buf **rx, uint32_t len, struct sok_frame *frame)
{
    struct sok_buf *buf = *rx;
    if (len < buf->cap / 4) {
        buf = sok_buf_new(mem, len);
        if (!buf)
            return SOK_ENOMEM;
        memcpy(buf->data, (*rx)->data, len);
    } else {
        *rx = NULL;
    }
    frame->buf = buf;
    frame->off = 0;
    frame->len = len;
    return 0;
}

int sok_link_gather(
    const struct sok_mem *mem, const struct sok_frame_out *in, struct sok_frame *out)
{
    struct sok_buf *buf = sok_buf_new(mem, in->len);
    if (!buf)
        return SOK_ENOMEM;
    sok_frame_gather(in, buf->data, in->len);
    *out = (struct sok_frame){.buf = buf, .len = in->len, .meta = in->meta};
    return 0;
}

struct sok_frame_out sok_link_scatter(const struct sok_frame *frame)
{
    return (struct sok_frame_out){
        .iov = {{frame->buf->data + frame->off, frame->len}},
        .iov_count = 1,
        .len = frame->len,
        .meta = frame->meta,
    };
}

bool sok_link_meta_ok(const struct sok_frame_meta *m, const uint8_t *data, uint32_t len)
{
    if (m->csum_partial && (uint32_t)m->csum_start + m->csum_offset + 2 > len)
        return false;
    if (m->gso == SOK_GSO_NONE)
        return true;
    if (m->gso > SOK_GSO_TCP6 || !m->csum_partial || m->gso_size == 0)
        return false;
    uint32_t least = m->gso == SOK_GSO_TCP4 ? 20 : 40; // there may be no Ethernet header
    if (m->csum_start < least || m->csum_offset != 16 || m->hdr_len > len)
        return false;
    return (uint32_t)m->csum_start + 20 <= m->hdr_len &&
           m->csum_start + 4U * (data[m->csum_start + 12] >> 4) == m->hdr_len;
}

static bool queue_grow(struct sok_link_queue *q, const struct sok_mem *mem, unsigned limit)
{
    unsigned cap = q->cap ? q->cap * 2 : 16;
    if (cap > limit)
        cap = limit;
    struct sok_frame *ring = sok_mem_alloc(mem, cap * sizeof(*ring));
    if (!ring)
        return false;
    for (unsigned i = 0; i < q->count; i++)
        ring[i] = q->ring[(q->head + i) % q->cap];
    sok_mem_free(mem, q->ring, q->cap * sizeof(*ring));
    q->ring = ring;
    q->cap = cap;
    q->head = 0;
    return true;
}

bool sok_link_queue_put(struct sok_link_queue *q, const struct sok_mem *mem, unsigned limit,
    const struct sok_frame *frame)
{
    if (q->count >= limit || (q->count == q->cap && !queue_grow(q, mem, limit)))
        return false;
    q->ring[(q->head + q->count) % q->cap] = *frame;
    q->count++;
    return true;
}

bool sok_link_queue_take(struct sok_link_queue *q, struct sok_frame *out)
{
    if (q->count == 0)
        return false;
    *out = q->ring[q->head];
    q->head = (q->head + 1) % q->cap;
    q->count--;
    return true;
}

void sok_link_queue_free(struct sok_link_queue *q, const struct sok_mem *mem)
{
    struct sok_frame frame;
    while (sok_link_queue_take(q, &frame))
        sok_buf_unref(frame.buf);
    sok_mem_free(mem, q->ring, q->cap * sizeof(*q->ring));
    *q = (struct sok_link_queue){0};
}

unsigned sok_link_cut(const struct sok_mem *mem, const struct sok_frame_out *frame, uint32_t caps,
    struct sok_link_queue *q, unsigned limit)
{
    struct sok_split split;
    struct sok_frame_out piece;
    unsigned lost = 0;
    sok_split_begin(&split, frame, caps);
    while (sok_split_next(&split, &piece)) {
        struct sok_frame whole;
        if (sok_link_gather(mem, &piece, &whole) < 0) {
            lost++;
        } else if (!sok_link_queue_put(q, mem, limit, &whole)) {
            sok_buf_unref(whole.buf);
            lost++;
        }
    }
    return lost;
}
