#include "pcapng/writer.h"

#include <errno.h>
#include <string.h>
#include "pcapng/format.h"
#include "wire/split.h"

#define BLOCK_EDGES 12 // type, length, and the length again at the end

// ---- little-endian bytes into the buffer; room was made before ----

static void put16(struct sok_pcapng_writer *w, uint16_t v)
{
    w->buf[w->used++] = (uint8_t)v;
    w->buf[w->used++] = (uint8_t)(v >> 8);
}

static void put32(struct sok_pcapng_writer *w, uint32_t v)
{
    put16(w, (uint16_t)v);
    put16(w, (uint16_t)(v >> 16));
}

// 64-bit values in options are plain; a time is two halves, the high one first.
static void put64(struct sok_pcapng_writer *w, uint64_t v)
{
    put32(w, (uint32_t)v);
    put32(w, (uint32_t)(v >> 32));
}

static void put_time(struct sok_pcapng_writer *w, int64_t time)
{
    put32(w, (uint32_t)((uint64_t)time >> 32));
    put32(w, (uint32_t)time);
}

static void pad(struct sok_pcapng_writer *w)
{
    while (w->used % 4)
        w->buf[w->used++] = 0;
}

static size_t padded(size_t len)
{
    return (len + 3) & ~(size_t)3;
}

static size_t option_room(size_t len)
{
    return 4 + padded(len);
}

static void put_option(struct sok_pcapng_writer *w, uint16_t code, const void *data, size_t len)
{
    put16(w, code);
    put16(w, (uint16_t)len);
    memcpy(w->buf + w->used, data, len);
    w->used += len;
    pad(w);
}

static void put_text(struct sok_pcapng_writer *w, uint16_t code, const char *text, size_t len)
{
    if (len > 0)
        put_option(w, code, text, len);
}

// The length of a text, cut between UTF-8 characters.
static size_t text_len(const char *text)
{
    size_t len = text ? strnlen(text, SOK_PCAPNG_COMMENT_MAX + 1) : 0;
    if (len <= SOK_PCAPNG_COMMENT_MAX)
        return len;
    len = SOK_PCAPNG_COMMENT_MAX;
    while (len > 0 && ((uint8_t)text[len] & 0xc0) == 0x80)
        len--;
    return len;
}

// ---- the buffer ----

int sok_pcapng_flush(struct sok_pcapng_writer *w)
{
    size_t done = 0;
    while (!w->err && done < w->used) {
        int64_t n = w->sink.write(w->sink.ctx, w->buf + done, w->used - done);
        if (n == -EINTR)
            continue;
        if (n <= 0)
            w->err = n < 0 ? (int)n : -EIO;
        else
            done += (size_t)n;
    }
    w->bytes += done;
    w->used = 0;
    return w->err;
}

// Makes room for a whole block; blocks begin at multiples of 4 in the buffer.
static bool room(struct sok_pcapng_writer *w, size_t len)
{
    if (w->err || (w->cap - w->used < len && sok_pcapng_flush(w)))
        return false;
    if (w->cap < len) {
        uint8_t *grown = sok_mem_resize(w->mem, w->buf, w->cap, len);
        if (!grown) {
            w->err = -ENOMEM;
            return false;
        }
        w->buf = grown;
        w->cap = len;
    }
    return true;
}

static size_t block_begin(struct sok_pcapng_writer *w, uint32_t type)
{
    size_t start = w->used;
    put32(w, type);
    put32(w, 0); // the length: set at the end
    return start;
}

static void block_end(struct sok_pcapng_writer *w, size_t start)
{
    uint32_t len = (uint32_t)(w->used - start + 4);
    size_t end = w->used;
    w->used = start + 4;
    put32(w, len);
    w->used = end;
    put32(w, len);
}

int sok_pcapng_writer_init(struct sok_pcapng_writer *w, const struct sok_mem *mem,
    struct sok_pcapng_sink sink, const char *application)
{
    *w = (struct sok_pcapng_writer){.mem = mem, .sink = sink};
    size_t name = text_len(application);
    if (!room(w, SOK_PCAPNG_WRITER_BUFFER))
        return w->err;
    size_t block = block_begin(w, SOK_PCAPNG_SECTION);
    put32(w, SOK_PCAPNG_MAGIC);
    put16(w, 1); // version 1.0
    put16(w, 0);
    put64(w, UINT64_MAX); // the section's length: not known
    put_text(w, SOK_PCAPNG_SHB_USERAPPL, application, name);
    put32(w, SOK_PCAPNG_OPT_END);
    block_end(w, block);
    return 0;
}

int sok_pcapng_writer_close(struct sok_pcapng_writer *w)
{
    sok_pcapng_flush(w);
    sok_mem_free(w->mem, w->buf, w->cap);
    w->buf = NULL;
    w->cap = 0;
    return w->err;
}

// ---- blocks ----

int64_t sok_pcapng_add_interface(struct sok_pcapng_writer *w, const struct sok_pcapng_interface *i)
{
    static const uint8_t nanoseconds = 9;
    size_t name = text_len(i->name), description = text_len(i->description);
    size_t len = BLOCK_EDGES + 8 + option_room(name) + option_room(description) + option_room(6) +
                 option_room(1) + 4;
    if (!room(w, len))
        return w->err;
    size_t block = block_begin(w, SOK_PCAPNG_INTERFACE);
    put16(w, i->linktype);
    put16(w, 0);
    put32(w, i->snaplen ? i->snaplen : SOK_PCAPNG_SNAPLEN_MAX);
    put_text(w, SOK_PCAPNG_IF_NAME, i->name, name);
    put_text(w, SOK_PCAPNG_IF_DESCRIPTION, i->description, description);
    if (i->mac)
        put_option(w, SOK_PCAPNG_IF_MACADDR, i->mac, 6);
    put_option(w, SOK_PCAPNG_IF_TSRESOL, &nanoseconds, 1);
    put32(w, SOK_PCAPNG_OPT_END);
    block_end(w, block);
    return w->interfaces++;
}

// The frame's bytes, its checksum completed before anything is cut off.
static uint32_t put_frame(struct sok_pcapng_writer *w, const struct sok_pcapng_packet *p)
{
    uint8_t *start = w->buf + w->used;
    uint32_t len = 0;
    for (unsigned i = 0; i < p->iov_count && len < p->len; i++) {
        size_t n = p->iov[i].len < p->len - len ? p->iov[i].len : p->len - len;
        memcpy(start + len, p->iov[i].base, n);
        len += (uint32_t)n;
    }
    if (p->meta) {
        struct sok_frame_meta meta = *p->meta;
        sok_frame_complete(start, len, &meta);
    }
    len = len < SOK_PCAPNG_SNAPLEN_MAX ? len : SOK_PCAPNG_SNAPLEN_MAX;
    w->used += len;
    pad(w);
    return len;
}

int sok_pcapng_add_packet(struct sok_pcapng_writer *w, const struct sok_pcapng_packet *p)
{
    size_t comment = text_len(p->comment);
    size_t len = BLOCK_EDGES + 20 + padded(p->len) + option_room(4) + option_room(comment) + 4;
    if (!room(w, len))
        return w->err;
    size_t block = block_begin(w, SOK_PCAPNG_PACKET);
    put32(w, p->interface);
    put_time(w, p->time);
    size_t lengths = w->used;
    w->used += 8;
    uint32_t captured = put_frame(w, p);
    if (p->direction != SOK_PCAPNG_UNKNOWN) {
        uint8_t flags[4] = {p->direction};
        put_option(w, SOK_PCAPNG_EPB_FLAGS, flags, 4);
    }
    put_text(w, SOK_PCAPNG_OPT_COMMENT, p->comment, comment);
    put32(w, SOK_PCAPNG_OPT_END);
    size_t end = w->used;
    w->used = lengths;
    put32(w, captured);
    put32(w, p->orig_len > captured ? p->orig_len : p->len);
    w->used = end;
    block_end(w, block);
    return 0;
}

static void put_option_u64(struct sok_pcapng_writer *w, uint16_t code, uint64_t v)
{
    put16(w, code);
    put16(w, 8);
    put64(w, v);
}

static void put_option_time(struct sok_pcapng_writer *w, uint16_t code, int64_t time)
{
    put16(w, code);
    put16(w, 8);
    put_time(w, time);
}

int sok_pcapng_add_stats(struct sok_pcapng_writer *w, const struct sok_pcapng_stats *s)
{
    if (!room(w, BLOCK_EDGES + 12 + 4 * option_room(8) + 4))
        return w->err;
    size_t block = block_begin(w, SOK_PCAPNG_STATS);
    put32(w, s->interface);
    put_time(w, s->time);
    put_option_time(w, SOK_PCAPNG_ISB_STARTTIME, s->start);
    put_option_time(w, SOK_PCAPNG_ISB_ENDTIME, s->end);
    put_option_u64(w, SOK_PCAPNG_ISB_IFRECV, s->received);
    put_option_u64(w, SOK_PCAPNG_ISB_IFDROP, s->dropped);
    put32(w, SOK_PCAPNG_OPT_END);
    block_end(w, block);
    return 0;
}

int64_t sok_pcapng_add_keys(struct sok_pcapng_writer *w, const char *text, size_t len, size_t place)
{
    if (place > UINT32_MAX / 2 || !room(w, BLOCK_EDGES + 8 + padded(place)))
        return w->err ? w->err : -EINVAL;
    size_t block = block_begin(w, SOK_PCAPNG_SECRETS);
    put32(w, SOK_PCAPNG_TLS_KEYS);
    put32(w, (uint32_t)place);
    size_t at = w->used;
    memcpy(w->buf + at, text, len);
    memset(w->buf + at + len, '\n', place - len);
    w->used += place;
    pad(w);
    block_end(w, block);
    return (int64_t)(w->bytes + at);
}
