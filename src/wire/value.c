#include "wire/value.h"

#include "base/addr.h"
#include "base/str.h"
#include "wire/text.h"

#define QUOTE_MAX    40             // bytes of a wrong value that an error shows
#define KNOWN_MAX    12             // names that an error lists
#define KNOWN_ROOM   90             // and no more once it is so long
#define TEXT_MAX     64             // of a value that is text
#define FRACTION_MAX 1000000000000u // digits behind a point that count

void sok_value_quote(struct sok_text *why, const struct sok_item *value)
{
    if (value->type == SOK_ITEM_NUMBER) {
        sok_text_add(why, "%llu", (unsigned long long)value->number);
    } else if (value->type == SOK_ITEM_BYTES) {
        sok_text_add_char(why, '\'');
        for (uint32_t i = 0; i < value->count && i < QUOTE_MAX; i++) {
            uint8_t c = value->bytes[i];
            sok_text_add_char(why, c >= 0x20 && c < 0x7f ? (char)c : '.');
        }
        sok_text_add_str(why, value->count > QUOTE_MAX ? "...'" : "'");
    } else if (value->type == SOK_ITEM_PACKET) {
        sok_text_add(why, "a packet (%s)", value->proto->name);
    } else {
        sok_text_add_str(why, value->type == SOK_ITEM_LIST ? "a list" : "nil");
    }
}

static bool refuse(struct sok_text *why, const struct sok_item *value, const char *what)
{
    sok_value_quote(why, value);
    sok_text_add_str(why, what);
    return false;
}

// ---- texts ----

// A NUL-terminated copy of a short text.
static bool short_text(const struct sok_item *item, char out[TEXT_MAX])
{
    if (item->type != SOK_ITEM_BYTES || item->count == 0 || item->count >= TEXT_MAX)
        return false;
    memcpy(out, item->bytes, item->count);
    out[item->count] = 0;
    return sok_str_len(out) == item->count;
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
}

bool sok_value_number(const struct sok_item *text, uint64_t *out)
{
    char t[TEXT_MAX];
    if (!short_text(text, t))
        return false;
    bool hex = t[0] == '0' && (t[1] == 'x' || t[1] == 'X');
    unsigned base = hex ? 16 : 10;
    const char *p = hex ? t + 2 : t;
    uint64_t v = 0;
    if (!*p)
        return false;
    for (; *p; p++) {
        unsigned d = (unsigned)digit_of(*p);
        if (d >= base || v > (UINT64_MAX - d) / base)
            return false;
        v = v * base + d;
    }
    *out = v;
    return true;
}

bool sok_value_ip4(const struct sok_item *text, uint32_t *out)
{
    char t[TEXT_MAX];
    struct sok_addr a;
    if (!short_text(text, t) || sok_str_find(t, ':') || !sok_addr_parse(t, &a))
        return false;
    *out = sok_get32(a.b + 12);
    return true;
}

bool sok_value_ip6(const struct sok_item *text, uint8_t out[16])
{
    char t[TEXT_MAX];
    struct sok_addr a;
    if (!short_text(text, t) || !sok_str_find(t, ':') || !sok_addr_parse(t, &a))
        return false;
    memcpy(out, a.b, 16);
    return true;
}

bool sok_value_mac(const struct sok_item *text, uint8_t out[6])
{
    char t[TEXT_MAX];
    if (!short_text(text, t) || text->count != 17)
        return false;
    for (unsigned i = 0; i < 6; i++) {
        int high = digit_of(t[3 * i]), low = digit_of(t[3 * i + 1]);
        if (high > 15 || low > 15 || (i < 5 && t[3 * i + 2] != ':'))
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

// ---- numbers ----

static void add_known(struct sok_text *why, const struct sok_field *f, const char *between)
{
    unsigned count = 0;
    const struct sok_value *v = f->values;
    for (; v && v->text; v++, count++) {
        if (count == KNOWN_MAX || why->used > KNOWN_ROOM)
            break;
        sok_text_add(why, "%s%s", count ? between : "; known: ", v->text);
    }
    if (v && v->text)
        sok_text_add_str(why, ", ...");
}

// A whole number for a row that has a fraction, too.
static bool put_whole(const struct sok_field *f, uint8_t *header, const struct sok_item *value,
    uint64_t v, struct sok_text *why)
{
    if (v > sok_bits_mask(f->bits / 2)) {
        refuse(why, value, " is too large");
        sok_text_add(why, " (below %llu)", (unsigned long long)sok_bits_mask(f->bits / 2) + 1);
        return false;
    }
    sok_field_set(f, header, v << f->bits / 2);
    return true;
}

// "20.5", rounded to what there are bits for.
static bool put_fixed(
    const struct sok_field *f, uint8_t *header, const struct sok_item *value, struct sok_text *why)
{
    uint64_t whole, digits = 0, part = 1;
    uint32_t dot = 0;
    while (dot < value->count && value->bytes[dot] != '.')
        dot++;
    struct sok_item head = sok_item_bytes(value->bytes, dot);
    if (!sok_value_number(&head, &whole))
        return refuse(why, value, " is no number (20 or 20.5)");
    if (!put_whole(f, header, value, whole, why))
        return false;
    for (uint32_t i = dot + 1; i < value->count; i++) {
        unsigned digit = (unsigned)digit_of((char)value->bytes[i]);
        if (digit > 9)
            return refuse(why, value, " is no number (20 or 20.5)");
        if (part < FRACTION_MAX) {
            part *= 10;
            digits = digits * 10 + digit;
        }
    }
    unsigned half = f->bits / 2;
    uint64_t fraction = 0;
    for (unsigned i = 0; i <= half; i++) { // one bit more than there is room for: it rounds
        digits *= 2;
        fraction = fraction << 1 | (digits >= part);
        digits -= digits >= part ? part : 0;
    }
    fraction = (fraction + 1) >> 1;
    uint64_t all = (whole << half) + fraction;
    sok_field_set(
        f, header, all > sok_bits_mask(f->bits) || all < fraction ? sok_bits_mask(f->bits) : all);
    return true;
}

static bool put_number(const struct sok_field *f, uint8_t *header, const struct sok_item *value,
    uint64_t v, struct sok_text *why)
{
    if (v > sok_bits_mask(f->bits)) {
        refuse(why, value, " is too large");
        sok_text_add(why, " (0 to %llu)", (unsigned long long)sok_bits_mask(f->bits));
        return false;
    }
    sok_field_set(f, header, v);
    return true;
}

// The flag that begins the text at p, of those whose names are longest first; 0: none does.
static unsigned flag_at(const struct sok_field *f, const uint8_t *p, size_t len, uint64_t *bits)
{
    unsigned best = 0;
    for (const struct sok_value *v = f->values; v && v->text; v++) {
        size_t n = sok_str_len(v->text);
        if (n > best && n <= len && memcmp(p, v->text, n) == 0) {
            best = (unsigned)n;
            *bits = (uint64_t)1 << v->value;
        }
    }
    return best;
}

// "SA", "DF+MF".
static bool put_flags(
    const struct sok_field *f, uint8_t *header, const struct sok_item *value, struct sok_text *why)
{
    uint64_t all = 0, bit = 0;
    for (uint32_t at = 0; at < value->count;) {
        if (value->bytes[at] == '+' || value->bytes[at] == ' ') {
            at++;
            continue;
        }
        unsigned n = flag_at(f, value->bytes + at, value->count - at, &bit);
        if (n == 0) {
            struct sok_item rest = sok_item_bytes(value->bytes + at, value->count - at);
            refuse(why, &rest, " is no flag");
            add_known(why, f, f->values && f->values[0].text[1] ? ", " : "");
            return false;
        }
        all |= bit;
        at += n;
    }
    sok_field_set(f, header, all);
    return true;
}

static char loosely(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (char)(c - 'A' + 'a');
    return c == ' ' || c == '_' ? '-' : c;
}

// Capitals or not, and what stands between words, are all the same: "port-unreachable" is "Port unreachable".
static bool is_loosely(const struct sok_item *item, const char *text)
{
    if (sok_str_len(text) != item->count)
        return false;
    for (uint32_t i = 0; i < item->count; i++) {
        if (loosely((char)item->bytes[i]) != loosely(text[i]))
            return false;
    }
    return true;
}

static const struct sok_value *value_named(
    const struct sok_value *values, const struct sok_item *name)
{
    const struct sok_value *near = NULL;
    for (; values && values->text; values++) {
        if (sok_item_is(name, values->text))
            return values;
        if (!near && is_loosely(name, values->text))
            near = values;
    }
    return near;
}

static bool put_text(
    const struct sok_field *f, uint8_t *header, const struct sok_item *value, struct sok_text *why)
{
    uint64_t v;
    uint32_t ip;
    if (f->as == SOK_AS_IP4 && sok_value_ip4(value, &ip))
        return put_number(f, header, value, ip, why);
    if (f->as == SOK_AS_IP4)
        return refuse(why, value, " is no IPv4 address");
    if (f->as == SOK_AS_FIXED)
        return put_fixed(f, header, value, why);
    if (sok_value_number(value, &v))
        return put_number(f, header, value, v, why);
    if (f->as == SOK_AS_FLAGS)
        return put_flags(f, header, value, why);
    const struct sok_value *named = value_named(f->values, value);
    if (named)
        return put_number(f, header, value, named->value, why);
    refuse(why, value, f->values ? " is no value of it" : " is no number");
    add_known(why, f, ", ");
    return false;
}

// ---- bytes ----

static bool put_bytes(
    const struct sok_field *f, uint8_t *header, const struct sok_item *value, struct sok_text *why)
{
    uint8_t *to = header + f->bit / 8;
    size_t room = f->bits / 8;
    uint8_t mac[6];
    struct sok_item six = sok_item_bytes(mac, sizeof mac);
    if (f->as == SOK_AS_MAC && room >= 6 && sok_value_mac(value, mac))
        value = &six;
    if (f->as == SOK_AS_IP6 && room == 16 && sok_value_ip6(value, to))
        return true;
    bool address = (f->as == SOK_AS_MAC && room == 6) || f->as == SOK_AS_IP6;
    if (address && value->count != room)
        return refuse(why, value,
            f->as == SOK_AS_MAC ? " is no MAC address (02:00:00:00:00:01)" : " is no IPv6 address");
    if (value->count > room) {
        refuse(why, value, " is too long");
        sok_text_add(why, " (%zu bytes are the most)", room);
        return false;
    }
    memcpy(to, value->bytes, value->count);
    memset(to + value->count, 0, room - value->count);
    return true;
}

bool sok_value_put(
    const struct sok_field *f, uint8_t *header, const struct sok_item *value, struct sok_text *why)
{
    if (value->type == SOK_ITEM_NUMBER && f->as == SOK_AS_FIXED)
        return put_whole(f, header, value, value->number, why);
    if (value->type == SOK_ITEM_NUMBER && !f->bytes)
        return put_number(f, header, value, value->number, why);
    if (value->type == SOK_ITEM_BYTES)
        return f->bytes ? put_bytes(f, header, value, why) : put_text(f, header, value, why);
    return refuse(why, value, f->bytes ? " where bytes belong" : " where a number belongs");
}
