#include "wire/parts.h"

#include "base/str.h"
#include "wire/name.h"
#include "wire/registry.h"
#include "wire/text.h"
#include "wire/value.h"

static bool refuse(struct sok_text *why, const struct sok_item *value, const char *what)
{
    sok_value_quote(why, value);
    sok_text_add_str(why, what);
    return false;
}

// ---- addresses ----

static bool addresses_get(
    const struct sok_span *span, struct sok_items *to, struct sok_item *out, unsigned size)
{
    const uint8_t *p = span->header + span->off;
    struct sok_item *list = span->len % size ? NULL : sok_items_list(to, span->len / size);
    if (!list)
        return false;
    for (size_t i = 0; i < span->len / size; i++)
        list[i] =
            size == 4 ? sok_items_ip4(to, sok_get32(p + 4 * i)) : sok_items_ip6(to, p + 16 * i);
    *out = sok_item_list(list, span->len / size);
    return !to->full;
}

static bool address_put(const struct sok_item *value, struct sok_sink *out, unsigned size)
{
    uint8_t ip6[16];
    uint32_t ip4;
    if (size == 4 && sok_value_ip4(value, &ip4))
        sok_sink_number(out, ip4, 4);
    else if (size == 4 && value->type == SOK_ITEM_NUMBER && value->number <= UINT32_MAX)
        sok_sink_number(out, value->number, 4);
    else if (size == 16 && sok_value_ip6(value, ip6))
        sok_sink_put(out, ip6, sizeof ip6);
    else
        return false;
    return true;
}

// A list; one address alone; or the bytes as they are.
static bool addresses_put(
    const struct sok_item *value, struct sok_sink *out, unsigned size, struct sok_text *why)
{
    const char *wrong = size == 4 ? " is no IPv4 address" : " is no IPv6 address";
    if (value->type == SOK_ITEM_LIST) {
        for (uint32_t i = 0; i < value->count; i++) {
            if (!address_put(&value->list[i], out, size))
                return refuse(why, &value->list[i], wrong);
        }
        return true;
    }
    if (value->type == SOK_ITEM_NONE || address_put(value, out, size))
        return true;
    if (value->type != SOK_ITEM_BYTES || value->count % size)
        return refuse(why, value, wrong);
    sok_sink_put(out, value->bytes, value->count);
    return true;
}

bool sok_ip4s_get(const struct sok_part *part, const struct sok_span *span, struct sok_items *to,
    struct sok_item *out)
{
    (void)part;
    return addresses_get(span, to, out, 4);
}

bool sok_ip4s_put(const struct sok_part *part, const struct sok_item *value, struct sok_sink *out,
    struct sok_text *why)
{
    (void)part;
    return addresses_put(value, out, 4, why);
}

bool sok_ip6s_get(const struct sok_part *part, const struct sok_span *span, struct sok_items *to,
    struct sok_item *out)
{
    (void)part;
    return addresses_get(span, to, out, 16);
}

bool sok_ip6s_put(const struct sok_part *part, const struct sok_item *value, struct sok_sink *out,
    struct sok_text *why)
{
    (void)part;
    return addresses_put(value, out, 16, why);
}

#define PREFIX_SHORT 8

bool sok_ip6_prefix_get(const struct sok_part *part, const struct sok_span *span,
    struct sok_items *to, struct sok_item *out)
{
    uint8_t ip[16] = {0};
    (void)part;
    if (span->len > sizeof ip)
        return false;
    memcpy(ip, span->header + span->off, span->len);
    *out = sok_items_ip6(to, ip);
    return !to->full;
}

bool sok_ip6_prefix_put(const struct sok_part *part, const struct sok_item *value,
    struct sok_sink *out, struct sok_text *why)
{
    static const uint8_t zeros[16];
    uint8_t ip[16];
    (void)part;
    if (!sok_value_ip6(value, ip))
        return addresses_put(value, out, PREFIX_SHORT, why);
    size_t len = memcmp(ip, zeros, 16) == 0 ? 0 : memcmp(ip + 8, zeros, 8) == 0 ? PREFIX_SHORT : 16;
    sok_sink_put(out, ip, len);
    return true;
}

// ---- names ----

#define NAMES_MAX  32 // of a list that is read
#define LABEL_MAX  63
#define NAMES_UNIT 8

bool sok_names_get(const struct sok_part *part, const struct sok_span *span, struct sok_items *to,
    struct sok_item *out)
{
    char name[SOK_NAME_MAX];
    size_t at = 0;
    uint32_t count = 0;
    struct sok_item *list = sok_items_list(to, NAMES_MAX);
    (void)part;
    while (list && count < NAMES_MAX &&
           sok_name_next(span->header + span->off, span->len, &at, name)) {
        size_t len = sok_str_len(name);
        uint8_t *p = sok_items_bytes(to, len + 1);
        if (!p)
            return false;
        memcpy(p, name, len);
        p[len] = '.';
        list[count++] = sok_item_bytes(p, len + 1);
    }
    *out = sok_item_list(list, count);
    return list != NULL;
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

// A byte of a label, which may be written \X or \DDD (RFC 1035 section 5.1); how many bytes of text it takes.
static size_t label_byte(const uint8_t *p, size_t left, uint8_t *out)
{
    *out = p[0];
    if (p[0] != '\\' || left < 2)
        return 1;
    *out = p[1];
    if (left < 4 || !is_digit(p[1]) || !is_digit(p[2]) || !is_digit(p[3]))
        return 2;
    unsigned v = (p[1] - 48u) * 100 + (p[2] - 48u) * 10 + p[3] - 48u;
    if (v > UINT8_MAX)
        return 2;
    *out = (uint8_t)v;
    return 4;
}

bool sok_name_put(const struct sok_item *name, struct sok_sink *out, struct sok_text *why)
{
    size_t at = 0, len = name->count, start = out->used;
    uint8_t label[LABEL_MAX + 1];
    if (name->type != SOK_ITEM_BYTES)
        return refuse(why, name, " is no name");
    while (at < len && !(at == 0 && len == 1 && name->bytes[0] == '.')) {
        size_t n = 0;
        while (at < len && name->bytes[at] != '.' && n <= LABEL_MAX)
            at += label_byte(name->bytes + at, len - at, &label[n++]);
        if (n == 0 || n > LABEL_MAX)
            return refuse(why, name, " is no name: a label has 1 to 63 bytes");
        sok_sink_number(out, n, 1);
        sok_sink_put(out, label, n);
        at++;
    }
    sok_sink_zeros(out, 1);
    return out->used - start <= SOK_NAME_MAX + 1 ||
           refuse(why, name, " is no name: it is longer than 255 bytes");
}

bool sok_names_put(const struct sok_part *part, const struct sok_item *value, struct sok_sink *out,
    struct sok_text *why)
{
    uint32_t count = value->type == SOK_ITEM_LIST ? value->count : 1;
    const struct sok_item *list = value->type == SOK_ITEM_LIST ? value->list : value;
    size_t start = out->used, unit = part->more ? *(const uint8_t *)part->more : NAMES_UNIT;
    for (uint32_t i = 0; i < count; i++) {
        if (list[i].type != SOK_ITEM_NONE && !sok_name_put(&list[i], out, why))
            return false;
    }
    sok_sink_zeros(out, (unit - (out->used - start) % unit) % unit);
    return true;
}

// ---- numbers ----

bool sok_numbers_get(const struct sok_part *part, const struct sok_span *span, struct sok_items *to,
    struct sok_item *out)
{
    const struct sok_numbers *n = (const struct sok_numbers *)part->more;
    const uint8_t *p = span->header + span->off;
    struct sok_item *list = span->len % n->bytes ? NULL : sok_items_list(to, span->len / n->bytes);
    if (!list)
        return false;
    for (size_t i = 0; i < span->len / n->bytes; i++)
        list[i] = sok_item_number(sok_bits_load(p + i * n->bytes, n->bytes));
    *out = sok_item_list(list, span->len / n->bytes);
    return true;
}

static bool number_put(const struct sok_numbers *n, const struct sok_item *value,
    struct sok_sink *out, struct sok_text *why)
{
    uint8_t to[8] = {0};
    const struct sok_field row = {.bits = 8u * n->bytes, .values = n->names, .as = SOK_AS_NAME};
    if (!sok_value_put(&row, to, value, why))
        return false;
    sok_sink_put(out, to, n->bytes);
    return true;
}

bool sok_numbers_put(const struct sok_part *part, const struct sok_item *value,
    struct sok_sink *out, struct sok_text *why)
{
    const struct sok_numbers *n = (const struct sok_numbers *)part->more;
    if (value->type == SOK_ITEM_BYTES && value->count % n->bytes == 0) {
        sok_sink_put(out, value->bytes, value->count);
        return true;
    }
    if (value->type == SOK_ITEM_NONE)
        return true;
    if (value->type != SOK_ITEM_LIST)
        return number_put(n, value, out, why);
    for (uint32_t i = 0; i < value->count; i++) {
        if (!number_put(n, &value->list[i], out, why))
            return false;
    }
    return true;
}

// ---- headers ----

static const struct sok_proto *kind_at(
    const struct sok_packets *kinds, const uint8_t *p, size_t len)
{
    return kinds->which ? kinds->which(p, len) : kinds->one;
}

// The length of the header at p; 0: it is not all there, or contradicts itself.
static size_t packet_at(const struct sok_packets *kinds, const uint8_t *p, size_t len)
{
    struct sok_layer layer;
    (void)sok_layer_measure(kind_at(kinds, p, len), p, len, &layer);
    return layer.truncated || layer.malformed || layer.cut ? 0 : layer.header;
}

unsigned sok_packets_count(const struct sok_packets *kinds, const uint8_t *p, size_t len)
{
    unsigned count = 0;
    for (size_t at = 0, own; at < len; at += own, count++) {
        own = packet_at(kinds, p + at, len - at);
        if (own == 0)
            break;
    }
    return count;
}

size_t sok_packets_size(
    const struct sok_packets *kinds, const uint8_t *p, size_t len, uint64_t count)
{
    size_t at = 0;
    for (; count > 0; count--) {
        size_t own = at < len ? packet_at(kinds, p + at, len - at) : 0;
        if (own == 0)
            return SIZE_MAX;
        at += own;
    }
    return at;
}

bool sok_packets_get(const struct sok_part *part, const struct sok_span *span, struct sok_items *to,
    struct sok_item *out)
{
    const struct sok_packets *kinds = (const struct sok_packets *)part->more;
    const uint8_t *p = span->header + span->off;
    unsigned count = sok_packets_count(kinds, p, span->len);
    struct sok_item *list = sok_items_list(to, count);
    size_t at = 0;
    if (!list)
        return false;
    for (unsigned i = 0; i < count; i++) {
        size_t own = packet_at(kinds, p + at, span->len - at);
        list[i] = sok_item_packet(kind_at(kinds, p + at, span->len - at), p + at, own);
        at += own;
    }
    *out = sok_item_list(list, count);
    return at == span->len;
}

bool sok_packets_put(const struct sok_part *part, const struct sok_item *value,
    struct sok_sink *out, struct sok_text *why)
{
    const struct sok_packets *kinds = (const struct sok_packets *)part->more;
    uint32_t count = value->type == SOK_ITEM_LIST ? value->count : 1;
    const struct sok_item *list = value->type == SOK_ITEM_LIST ? value->list : value;
    for (uint32_t i = 0; i < count; i++) {
        if (list[i].type == SOK_ITEM_NONE)
            continue;
        if (list[i].type != SOK_ITEM_PACKET && list[i].type != SOK_ITEM_BYTES) {
            refuse(why, &list[i], " where ");
            sok_text_add(why, "%s belong", kinds->what);
            return false;
        }
        sok_sink_put(out, list[i].bytes, list[i].count);
    }
    return true;
}

bool sok_packet_get_one(const struct sok_part *part, const struct sok_span *span,
    struct sok_items *to, struct sok_item *out)
{
    const struct sok_packets *kinds = (const struct sok_packets *)part->more;
    const uint8_t *p = span->header + span->off;
    const struct sok_proto *proto = span->len ? kind_at(kinds, p, span->len) : NULL;
    (void)to;
    *out = proto ? sok_item_packet(proto, p, span->len) : sok_item_bytes(p, span->len);
    return true;
}

bool sok_packet_put_one(const struct sok_part *part, const struct sok_item *value,
    struct sok_sink *out, struct sok_text *why)
{
    const struct sok_packets *kinds = (const struct sok_packets *)part->more;
    if (value->type == SOK_ITEM_NONE)
        return true;
    if (value->type != SOK_ITEM_PACKET && value->type != SOK_ITEM_BYTES) {
        refuse(why, value, " where ");
        sok_text_add(why, "%s belongs", kinds->what);
        return false;
    }
    sok_sink_put(out, value->bytes, value->count);
    return true;
}

// ---- text that ends ----

size_t sok_zero_find(const uint8_t *p, size_t len)
{
    size_t at = 0;
    while (at < len && p[at])
        at++;
    return at;
}

bool sok_zero_get(const struct sok_part *part, const struct sok_span *span, struct sok_items *to,
    struct sok_item *out)
{
    const uint8_t *p = span->header + span->off;
    (void)part;
    (void)to;
    if (span->len == 0 || p[span->len - 1] != 0)
        return false;
    *out = sok_item_bytes(p, span->len - 1);
    return true;
}

bool sok_zero_put(const struct sok_part *part, const struct sok_item *value, struct sok_sink *out,
    struct sok_text *why)
{
    (void)part;
    if (value->type == SOK_ITEM_NONE) {
        sok_sink_zeros(out, 1);
        return true;
    }
    if (value->type != SOK_ITEM_BYTES)
        return refuse(why, value, " where text belongs");
    if (sok_zero_find(value->bytes, value->count) < value->count)
        return refuse(why, value, " has a zero in it, which would end it");
    sok_sink_put(out, value->bytes, value->count);
    sok_sink_zeros(out, 1);
    return true;
}
