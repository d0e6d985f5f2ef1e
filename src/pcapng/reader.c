#include "pcapng/reader.h"

#include <errno.h>
#include <string.h>
#include "pcapng/format.h"
#include "pcapng/writer.h"

#define BLOCK_MIN 12
#define GROW_STEP                                                                                  \
    65536 // a block's length is believed this much at a time: memory follows what is there

// ---- numbers in the section's byte order ----

static uint16_t get16(const struct sok_pcapng_reader *r, const uint8_t *p)
{
    return (uint16_t)(r->big_endian ? p[0] << 8 | p[1] : p[1] << 8 | p[0]);
}

static uint32_t get32(const struct sok_pcapng_reader *r, const uint8_t *p)
{
    uint32_t first = get16(r, p), second = get16(r, p + 2);
    return r->big_endian ? first << 16 | second : second << 16 | first;
}

static uint64_t get64(const struct sok_pcapng_reader *r, const uint8_t *p)
{
    uint64_t first = get32(r, p), second = get32(r, p + 4);
    return r->big_endian ? first << 32 | second : second << 32 | first;
}

// ---- blocks from the source ----

static int fail(struct sok_pcapng_reader *r, int err, const char *why)
{
    r->why = why;
    return err;
}

// Reads up to len bytes; fewer only at the end. Negative on error.
static int64_t read_some(struct sok_pcapng_reader *r, uint8_t *dst, size_t len)
{
    size_t got = 0;
    while (got < len) {
        int64_t n = r->source.read(r->source.ctx, dst + got, len - got);
        if (n == -EINTR)
            continue;
        if (n < 0 || (size_t)n > len - got)
            return fail(r, SOK_EIO, "cannot be read");
        if (n == 0)
            break;
        got += (size_t)n;
    }
    return (int64_t)got;
}

static bool reserve(struct sok_pcapng_reader *r, size_t len)
{
    if (len <= r->cap)
        return true;
    uint8_t *grown = sok_mem_resize(r->mem, r->buf, r->cap, len);
    if (!grown)
        return false;
    r->buf = grown;
    r->cap = len;
    return true;
}

// The rest of a block whose first `have` bytes are in buf.
static int read_rest(struct sok_pcapng_reader *r, size_t have, size_t len)
{
    while (have < len) {
        size_t step = len - have < GROW_STEP ? len - have : GROW_STEP;
        if (!reserve(r, have + step))
            return fail(r, SOK_ENOMEM, "no memory");
        int64_t n = read_some(r, r->buf + have, step);
        if (n < 0)
            return (int)n;
        if ((size_t)n < step)
            return fail(r, SOK_EPROTO, "ends in the middle of a block");
        have += step;
    }
    return 0;
}

// A section header tells its own byte order, in the 4 bytes after its length.
static int read_order(struct sok_pcapng_reader *r)
{
    static const uint8_t big[4] = {0x1a, 0x2b, 0x3c, 0x4d}, little[4] = {0x4d, 0x3c, 0x2b, 0x1a};
    int err = read_rest(r, 8, 12);
    if (err)
        return err;
    r->big_endian = memcmp(r->buf + 8, big, 4) == 0;
    if (!r->big_endian && memcmp(r->buf + 8, little, 4) != 0)
        return fail(r, SOK_EPROTO, "byte order not recognized");
    return 0;
}

// 1: buf holds a whole block of *len bytes; 0: the end.
static int read_block(struct sok_pcapng_reader *r, uint32_t *type, size_t *len)
{
    static const uint8_t section[4] = {0x0a, 0x0d, 0x0d, 0x0a};
    if (!reserve(r, GROW_STEP))
        return fail(r, SOK_ENOMEM, "no memory");
    int64_t n = read_some(r, r->buf, 8);
    if (n < 0)
        return (int)n;
    if (n == 0)
        return 0;
    if (n < 8)
        return fail(r, SOK_EPROTO, "ends in the middle of a block");
    size_t have = 8;
    bool is_section = memcmp(r->buf, section, 4) == 0;
    if (!is_section && !r->in_section)
        return fail(r, SOK_EPROTO, "not a pcapng file");
    if (is_section) {
        int err = read_order(r);
        if (err)
            return err;
        have = 12;
    }
    *type = get32(r, r->buf);
    *len = get32(r, r->buf + 4);
    if (*len < BLOCK_MIN || *len % 4 || *len < have)
        return fail(r, SOK_EPROTO, "impossible block length");
    if (*len > SOK_PCAPNG_BLOCK_MAX)
        return fail(r, SOK_EPROTO, "block too large");
    int err = read_rest(r, have, *len);
    if (err)
        return err;
    if (get32(r, r->buf + *len - 4) != *len)
        return fail(r, SOK_EPROTO, "block lengths differ");
    return 1;
}

// ---- options ----

struct option {
    uint16_t code, len;
    const uint8_t *data;
};

struct options {
    const struct sok_pcapng_reader *r;
    const uint8_t *at;
    size_t left;
};

// The next option; false at the end, or where the list stops making sense (the block stays usable).
static bool next_option(struct options *o, struct option *out)
{
    if (o->left < 4)
        return false;
    out->code = get16(o->r, o->at);
    out->len = get16(o->r, o->at + 2);
    out->data = o->at + 4;
    size_t step = 4 + (((size_t)out->len + 3) & ~(size_t)3);
    if (out->code == SOK_PCAPNG_OPT_END || step > o->left)
        return false;
    o->at += step;
    o->left -= step;
    return true;
}

// What a block of `len` bytes has after `fixed` bytes of body, without the length at its end.
static struct options options_at(const struct sok_pcapng_reader *r, size_t fixed, size_t len)
{
    return (struct options){.r = r, .at = r->buf + 8 + fixed, .left = len - BLOCK_MIN - fixed};
}

static void take_comment(const struct option *opt, struct sok_pcapng_record *out)
{
    if (opt->code == SOK_PCAPNG_OPT_COMMENT && !out->comment) {
        out->comment = (const char *)opt->data;
        out->comment_len = opt->len;
    }
}

// ---- time ----

#define NS_PER_S 1000000000

static uint64_t power_of_ten(unsigned n)
{
    uint64_t v = 1;
    while (n-- > 0)
        v *= 10;
    return v;
}

// Units of a clock into nanoseconds, saturating: a nonsense time must not be undefined. A resolution that
// 64 bits cannot count a second in gives 0.
static int64_t to_ns(uint64_t units, const struct sok_pcapng_if *i)
{
    unsigned n = i->tsresol & 0x7f;
    uint64_t seconds, ns;
    if (i->tsresol & 0x80) {
        if (n > 63)
            return 0;
        seconds = units >> n;
        ns = units & (((uint64_t)1 << n) - 1);
        if (n > 34) {
            ns >>= n - 34; // so that the product fits
            n = 34;
        }
        ns = ns * NS_PER_S >> n;
    } else {
        if (n > 19)
            return 0;
        seconds = units / power_of_ten(n);
        ns = units % power_of_ten(n);
        ns = n <= 9 ? ns * power_of_ten(9 - n) : ns / power_of_ten(n - 9);
    }
    int64_t time = seconds > INT64_MAX ? INT64_MAX : (int64_t)seconds;
    bool over = __builtin_add_overflow(time, i->tsoffset, &time) ||
                __builtin_mul_overflow(time, (int64_t)NS_PER_S, &time) ||
                __builtin_add_overflow(time, (int64_t)ns, &time);
    if (!over)
        return time;
    return i->tsoffset < 0 && seconds < (uint64_t)1 << 62 ? INT64_MIN : INT64_MAX;
}

// ---- the kinds of block; 1: a record, 0: nothing for the caller, or an error ----

static int read_section(struct sok_pcapng_reader *r, size_t len, struct sok_pcapng_record *out)
{
    if (len < BLOCK_MIN + 16)
        return fail(r, SOK_EPROTO, "section header too short");
    if (get16(r, r->buf + 12) != 1)
        return fail(r, SOK_EPROTO, "unknown version");
    r->in_section = true;
    r->interface_count = 0;
    struct options o = options_at(r, 16, len);
    struct option opt;
    while (next_option(&o, &opt))
        take_comment(&opt, out);
    out->kind = SOK_PCAPNG_IS_SECTION;
    return 1;
}

static void interface_option(
    const struct sok_pcapng_reader *r, const struct option *opt, struct sok_pcapng_if *i)
{
    size_t n = opt->len < SOK_PCAPNG_TEXT_MAX - 1 ? opt->len : SOK_PCAPNG_TEXT_MAX - 1;
    switch (opt->code) {
    case SOK_PCAPNG_IF_NAME:
        memcpy(i->name, opt->data, n);
        i->name[n] = 0;
        break;
    case SOK_PCAPNG_IF_MACADDR:
        i->has_mac = opt->len == 6;
        if (i->has_mac)
            memcpy(i->mac, opt->data, 6);
        break;
    case SOK_PCAPNG_IF_TSRESOL:
        if (opt->len == 1)
            i->tsresol = opt->data[0];
        break;
    case SOK_PCAPNG_IF_TSOFFSET:
        if (opt->len == 8)
            i->tsoffset = (int64_t)get64(r, opt->data);
        break;
    default:
        break;
    }
}

static int read_interface(struct sok_pcapng_reader *r, size_t len, struct sok_pcapng_record *out)
{
    if (len < BLOCK_MIN + 8)
        return fail(r, SOK_EPROTO, "interface block too short");
    if (r->interface_count == SOK_PCAPNG_INTERFACES_MAX)
        return fail(r, SOK_EPROTO, "too many interfaces");
    if (r->interface_count == r->interface_cap) {
        uint32_t cap = r->interface_cap ? 2 * r->interface_cap : 4;
        struct sok_pcapng_if *grown = sok_mem_resize(
            r->mem, r->interfaces, r->interface_cap * sizeof(*grown), cap * sizeof(*grown));
        if (!grown)
            return fail(r, SOK_ENOMEM, "no memory");
        r->interfaces = grown;
        r->interface_cap = cap;
    }
    struct sok_pcapng_if *i = &r->interfaces[r->interface_count];
    *i = (struct sok_pcapng_if){.linktype = get16(r, r->buf + 8), .snaplen = get32(r, r->buf + 12)};
    i->tsresol = 6;
    struct options o = options_at(r, 8, len);
    struct option opt;
    while (next_option(&o, &opt)) {
        take_comment(&opt, out);
        interface_option(r, &opt, i);
    }
    out->kind = SOK_PCAPNG_IS_INTERFACE;
    out->interface = r->interface_count++;
    out->info = i;
    return 1;
}

static int find_interface(struct sok_pcapng_reader *r, uint32_t id, struct sok_pcapng_record *out)
{
    if (id >= r->interface_count)
        return fail(r, SOK_EPROTO, "no such interface");
    out->interface = id;
    out->info = &r->interfaces[id];
    return 1;
}

static uint64_t get_time(const struct sok_pcapng_reader *r, const uint8_t *p)
{
    return (uint64_t)get32(r, p) << 32 | get32(r, p + 4);
}

static int read_packet(struct sok_pcapng_reader *r, size_t len, struct sok_pcapng_record *out)
{
    const uint8_t *p = r->buf + 8;
    if (len < BLOCK_MIN + 20)
        return fail(r, SOK_EPROTO, "packet block too short");
    int err = find_interface(r, get32(r, p), out);
    if (err < 0)
        return err;
    out->kind = SOK_PCAPNG_IS_PACKET;
    out->time = to_ns(get_time(r, p + 4), out->info);
    out->len = get32(r, p + 12);
    out->orig_len = get32(r, p + 16);
    out->data = p + 20;
    if (out->len > len - BLOCK_MIN - 20)
        return fail(r, SOK_EPROTO, "packet longer than its block");
    struct options o = options_at(r, 20 + (((size_t)out->len + 3) & ~(size_t)3), len);
    struct option opt;
    while (next_option(&o, &opt)) {
        take_comment(&opt, out);
        if (opt.code == SOK_PCAPNG_EPB_FLAGS && opt.len == 4)
            out->direction = get32(r, opt.data) & 3;
    }
    if (out->direction > SOK_PCAPNG_OUT)
        out->direction = SOK_PCAPNG_UNKNOWN;
    return 1;
}

static int read_simple(struct sok_pcapng_reader *r, size_t len, struct sok_pcapng_record *out)
{
    if (len < BLOCK_MIN + 4)
        return fail(r, SOK_EPROTO, "packet block too short");
    int err = find_interface(r, 0, out);
    if (err < 0)
        return err;
    uint32_t there = (uint32_t)(len - BLOCK_MIN - 4);
    out->kind = SOK_PCAPNG_IS_PACKET;
    out->orig_len = out->len = get32(r, r->buf + 8);
    if (out->info->snaplen && out->len > out->info->snaplen)
        out->len = out->info->snaplen;
    out->data = r->buf + 12;
    return out->len > there ? fail(r, SOK_EPROTO, "packet longer than its block") : 1;
}

static int read_stats(struct sok_pcapng_reader *r, size_t len, struct sok_pcapng_record *out)
{
    if (len < BLOCK_MIN + 12)
        return fail(r, SOK_EPROTO, "statistics block too short");
    int err = find_interface(r, get32(r, r->buf + 8), out);
    if (err < 0)
        return err;
    out->kind = SOK_PCAPNG_IS_STATS;
    out->time = to_ns(get_time(r, r->buf + 12), out->info);
    struct options o = options_at(r, 12, len);
    struct option opt;
    while (next_option(&o, &opt)) {
        take_comment(&opt, out);
        if (opt.code == SOK_PCAPNG_ISB_IFRECV && opt.len == 8) {
            out->has_received = true;
            out->received = get64(r, opt.data);
        } else if (opt.code == SOK_PCAPNG_ISB_IFDROP && opt.len == 8) {
            out->has_dropped = true;
            out->dropped = get64(r, opt.data);
        }
    }
    return 1;
}

static int read_body(
    struct sok_pcapng_reader *r, uint32_t type, size_t len, struct sok_pcapng_record *out)
{
    switch (type) {
    case SOK_PCAPNG_SECTION:
        return read_section(r, len, out);
    case SOK_PCAPNG_INTERFACE:
        return read_interface(r, len, out);
    case SOK_PCAPNG_PACKET:
        return read_packet(r, len, out);
    case SOK_PCAPNG_SIMPLE:
        return read_simple(r, len, out);
    case SOK_PCAPNG_STATS:
        return read_stats(r, len, out);
    default:
        return 0;
    }
}

int sok_pcapng_next(struct sok_pcapng_reader *r, struct sok_pcapng_record *out)
{
    int n;
    do {
        uint32_t type = 0;
        size_t len = 0;
        *out = (struct sok_pcapng_record){0};
        n = read_block(r, &type, &len);
        if (n <= 0)
            return n;
        n = read_body(r, type, len, out);
        r->offset += len;
    } while (n == 0);
    return n;
}

void sok_pcapng_reader_init(
    struct sok_pcapng_reader *r, const struct sok_mem *mem, struct sok_pcapng_source source)
{
    *r = (struct sok_pcapng_reader){.mem = mem, .source = source};
}

void sok_pcapng_reader_free(struct sok_pcapng_reader *r)
{
    sok_mem_free(r->mem, r->buf, r->cap);
    sok_mem_free(r->mem, r->interfaces, r->interface_cap * sizeof(*r->interfaces));
    *r = (struct sok_pcapng_reader){.mem = r->mem};
}
