#include "wire/dns.h"
#include "wire/name.h"
#include "wire/text.h"

#define LABEL_MAX 63
#define NAME_MAX_ 255
#define POINTER   0xc0
#define JUMPS_MAX 128 // pointers of one name: a label each, and the end
#define TEXT_MAX_ (4 * NAME_MAX_)

size_t sok_dns_name_size(const uint8_t *p, size_t len)
{
    for (size_t at = 0; at < len;) {
        uint8_t n = p[at];
        if (n == 0)
            return at + 1;
        if (n >= POINTER)
            return at + 2 <= len ? at + 2 : 0;
        if (n > LABEL_MAX)
            return 0;
        at += 1u + n;
    }
    return 0;
}

bool sok_dns_name_expand(const uint8_t *message, size_t len, size_t at, struct sok_sink *out)
{
    size_t limit = len, written = 0, start = at; // of the piece that is read
    unsigned jumps = 0;
    while (at < limit) {
        uint8_t n = message[at];
        if (n >= POINTER) {
            if (at + 2 > limit || jumps++ == JUMPS_MAX)
                return false;
            size_t to = sok_get16(message + at) & 0x3fff;
            if (to >= start)
                return false;
            limit = start;
            start = at = to;
            continue;
        }
        if (n > LABEL_MAX || at + 1 + n > limit || (written += 1u + n) > NAME_MAX_)
            return false;
        sok_sink_put(out, message + at, 1u + n);
        if (n == 0)
            return true;
        at += 1u + n;
    }
    return false;
}

// A dot or backslash inside a label, and what is no text, as RFC 1035 section 5.1 writes them.
static void add_label(struct sok_text *t, const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (p[i] == '.' || p[i] == '\\')
            sok_text_add_char(t, '\\');
        if (p[i] > 0x20 && p[i] < 0x7f)
            sok_text_add_char(t, (char)p[i]);
        else
            sok_text_add(t, "\\%03u", p[i]);
    }
    sok_text_add_char(t, '.');
}

bool sok_dns_name_get(const struct sok_part *part, const struct sok_span *span,
    struct sok_items *to, struct sok_item *out)
{
    uint8_t name[NAME_MAX_ + 1];
    char text[TEXT_MAX_ + 2];
    struct sok_sink whole = sok_sink(name, sizeof name);
    struct sok_text t = sok_text(text, sizeof text);
    (void)part;
    if (!sok_dns_name_expand(span->header, span->off + span->len, span->off, &whole))
        return false;
    for (size_t at = 0; name[at]; at += 1u + name[at])
        add_label(&t, name + at + 1, name[at]);
    if (name[0] == 0)
        sok_text_add_char(&t, '.');
    uint8_t *p = sok_items_bytes(to, t.used);
    if (!p)
        return false;
    memcpy(p, text, t.used);
    *out = sok_item_bytes(p, t.used);
    return true;
}

bool sok_dns_name_put(const struct sok_part *part, const struct sok_item *value,
    struct sok_sink *out, struct sok_text *why)
{
    (void)part;
    return value->type == SOK_ITEM_NONE || sok_name_put(value, out, why);
}

size_t sok_dns_name_measure(const uint8_t *fixed, const uint8_t *p, size_t there)
{
    size_t size = sok_dns_name_size(p, there);
    (void)fixed;
    return size ? size : there;
}

// ---- records ----

// Where names stand in the data of a type: behind `skip` bytes, so many; they are written out. Those of RFC 1035 may
// be written short (RFC 3597 section 4).
static const struct named {
    uint16_t type;
    uint8_t skip, names;
    bool shorten;
} named[] = {{SOK_DNS_NS, 0, 1, true}, {3, 0, 1, true}, {4, 0, 1, true},
    {SOK_DNS_CNAME, 0, 1, true}, {SOK_DNS_SOA, 0, 2, true}, {SOK_DNS_PTR, 0, 1, true},
    {SOK_DNS_MX, 2, 1, true}, {SOK_DNS_SRV, 6, 1, false}, {39, 0, 1, false}};

static const struct named *named_of(uint16_t type)
{
    static const struct named none;
    for (unsigned i = 0; i < SOK_COUNT_OF(named); i++) {
        if (named[i].type == type)
            return &named[i];
    }
    return &none;
}

size_t sok_dns_record_size(const uint8_t *p, size_t len, bool question)
{
    size_t name = sok_dns_name_size(p, len), fixed = question ? 4 : SOK_DNS_RR_LEN;
    if (name == 0 || len - name < fixed)
        return 0;
    size_t size = name + fixed + (question ? 0 : sok_get16(p + name + 8));
    return size <= len ? size : 0;
}

static bool expand_data(
    const uint8_t *message, size_t at, size_t end, uint16_t type, struct sok_sink *out)
{
    size_t skip = named_of(type)->skip, names = named_of(type)->names;
    if (skip > end - at)
        return false;
    sok_sink_put(out, message + at, skip);
    at += skip;
    for (; names > 0; names--) {
        size_t own = sok_dns_name_size(message + at, end - at);
        if (own == 0 || !sok_dns_name_expand(message, end, at, out))
            return false;
        at += own;
    }
    sok_sink_put(out, message + at, end - at);
    return true;
}

size_t sok_dns_record_expand(
    const uint8_t *message, size_t len, size_t at, bool question, struct sok_sink *out)
{
    size_t size = sok_dns_record_size(message + at, len - at, question);
    if (size == 0 || !sok_dns_name_expand(message, len, at, out))
        return 0;
    size_t fixed = at + sok_dns_name_size(message + at, len - at);
    sok_sink_put(out, message + fixed, question ? 4 : SOK_DNS_RR_LEN);
    if (question)
        return at + size;
    size_t data = out->used, from = fixed + SOK_DNS_RR_LEN;
    struct sok_sink before = *out;
    if (!expand_data(message, from, at + size, sok_get16(message + fixed), out)) {
        *out = before; // as it is
        sok_sink_put(out, message + from, at + size - from);
    }
    sok_sink_number_at(out, data - 2, out->used - data, 2);
    return at + size;
}

// ---- names written short ----

#define SEEN_MAX 512 // endings of names that others may refer to

struct shortener {
    const uint8_t *message;
    size_t len;
    struct sok_sink *out; // it begins where the message does
    unsigned seen_count;
    uint16_t seen[SEEN_MAX];
};

// Whether the name that was written at `at` is this one.
static bool was_written(const struct shortener *c, size_t at, const uint8_t *name)
{
    uint8_t whole[NAME_MAX_ + 1];
    struct sok_sink out = sok_sink(whole, sizeof whole);
    size_t size = sok_dns_name_size(name, NAME_MAX_);
    if (memcmp(c->out->out + at, name, 1u + name[0]) != 0)
        return false;
    return sok_dns_name_expand(c->out->out, c->out->used, at, &out) && out.used == size &&
           memcmp(whole, name, size) == 0;
}

// Label by label, until the rest was written before.
static void put_short(struct shortener *c, const uint8_t *name)
{
    size_t at = 0;
    unsigned known = c->seen_count;
    for (; name[at]; at += 1u + name[at]) {
        for (unsigned i = 0; i < known; i++) {
            if (was_written(c, c->seen[i], name + at)) {
                sok_sink_number(c->out, (uint64_t)POINTER << 8 | c->seen[i], 2);
                return;
            }
        }
        if (c->seen_count < SEEN_MAX && c->out->used < (1u << 14))
            c->seen[c->seen_count++] = (uint16_t)c->out->used;
        sok_sink_put(c->out, name + at, 1u + name[at]);
    }
    sok_sink_zeros(c->out, 1);
}

// The name at `at`; where it ends, 0: malformed.
static size_t shorten_name(struct shortener *c, size_t at, size_t end, bool shorten)
{
    uint8_t name[NAME_MAX_ + 1];
    struct sok_sink whole = sok_sink(name, sizeof name);
    size_t size = sok_dns_name_size(c->message + at, end - at);
    if (size == 0 || !sok_dns_name_expand(c->message, end, at, &whole) ||
        c->out->used > c->out->size)
        return 0;
    if (shorten)
        put_short(c, name);
    else
        sok_sink_put(c->out, name, whole.used);
    return at + size;
}

static size_t shorten_record(struct shortener *c, size_t at, bool question)
{
    size_t size = sok_dns_record_size(c->message + at, c->len - at, question), end = at + size;
    at = size ? shorten_name(c, at, c->len, true) : 0;
    if (at == 0)
        return 0;
    const struct named *k = named_of(sok_get16(c->message + at));
    size_t fixed = question ? 4 : SOK_DNS_RR_LEN;
    sok_sink_put(c->out, c->message + at, fixed);
    at += fixed;
    if (question)
        return end;
    size_t data = c->out->used;
    if (k->skip > end - at)
        return 0;
    sok_sink_put(c->out, c->message + at, k->skip);
    at += k->skip;
    for (unsigned i = 0; i < k->names; i++) {
        at = shorten_name(c, at, end, k->shorten);
        if (at == 0)
            return 0;
    }
    sok_sink_put(c->out, c->message + at, end - at);
    sok_sink_number_at(c->out, data - 2, c->out->used - data, 2);
    return end;
}

bool sok_dns_compress(const uint8_t *message, size_t len, struct sok_sink *out)
{
    struct shortener c = {.message = message, .len = len, .out = out};
    size_t at = SOK_DNS_HDR_LEN;
    if (len < SOK_DNS_HDR_LEN || out->used != 0)
        return false;
    sok_sink_put(out, message, SOK_DNS_HDR_LEN);
    for (unsigned i = 0; i < 4; i++) {
        for (unsigned count = sok_get16(message + 4 + 2 * i); count > 0; count--) {
            at = shorten_record(&c, at, i == 0);
            if (at == 0 || out->used > out->size)
                return false;
        }
    }
    sok_sink_put(out, message + at, len - at);
    return out->used <= out->size;
}
