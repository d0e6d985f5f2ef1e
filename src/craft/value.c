// Values of rows: from text and numbers to the bytes of a field, and back to what people write.
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/err.h"
#include "base/str.h"
#include "craft/internal.h"

#define TEXT_MAX 64 // of a value that is text; bytes may be longer

int sok_craft_fail(const struct craft_where *w, const char *format, ...)
{
    struct sok_text t = sok_text(w->e->text, sizeof w->e->text);
    va_list args;
    va_start(args, format);
    sok_text_add(&t, "%s.%s: ", w->p->layers[w->layer].proto->name,
        w->slot->row ? w->slot->row->name : w->slot->part->name);
    sok_text_add_list(&t, format, args);
    va_end(args);
    return SOK_EINVAL;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool same(const char *a, const char *b, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (!b[i] || lower(a[i]) != lower(b[i]))
            return false;
    }
    return b[len] == 0;
}

// ---- numbers ----

static int too_large(const struct craft_where *w, uint64_t v)
{
    unsigned long long max = sok_bits_mask(w->slot->row->bits);
    if (v > INT64_MAX)
        return sok_craft_fail(w, "%lld is too small (0 to %llu)", (long long)v, max);
    return sok_craft_fail(w, "%llu is too large (0 to %llu)", (unsigned long long)v, max);
}

static int take_number(const struct craft_where *w, uint64_t v, uint8_t *out)
{
    if (v > sok_bits_mask(w->slot->row->bits))
        return too_large(w, v);
    sok_put64(out, v);
    return 0;
}

// Decimal, or hexadecimal after 0x. False: no number.
static bool read_number(const char *text, uint64_t *out)
{
    unsigned base = text[0] == '0' && lower(text[1]) == 'x' ? 16 : 10;
    const char *at = base == 16 ? text + 2 : text;
    uint64_t v = 0;
    if (!*at)
        return false;
    for (; *at; at++) {
        char c = lower(*at);
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
                                                : 99;
        if (digit >= base || v > (UINT64_MAX - digit) / base)
            return false;
        v = v * base + digit;
    }
    *out = v;
    return true;
}

static void add_known(struct sok_text *t, const struct sok_value *values)
{
    const char *between = "";
    for (unsigned i = 0; values && values->text; values++, i++) {
        if (i == 16) {
            sok_text_add_str(t, ", ...");
            return;
        }
        sok_text_add(t, "%s%s", between, values->text);
        between = values->text[1] ? ", " : "";
        if (values[1].text && values[1].text[1])
            between = ", ";
    }
}

static int unknown(const struct craft_where *w, const char *text, const char *what)
{
    char known[160];
    struct sok_text t = sok_text(known, sizeof known);
    add_known(&t, w->slot->row->values);
    return sok_craft_fail(w, "'%s' is no %s; known: %s", text, what, known);
}

static bool flag(const struct sok_value *values, const char *text, size_t len, uint64_t *v)
{
    for (; values && values->text; values++) {
        if (same(text, values->text, len)) {
            *v |= (uint64_t)1 << values->value;
            return true;
        }
    }
    return false;
}

// "SA", "DF", "DF+MF", "MF,DF": a word, words between + and commas, or letters.
static int take_flags(const struct craft_where *w, const char *text, uint8_t *out)
{
    const struct sok_value *values = w->slot->row->values;
    uint64_t v = 0;
    for (const char *at = text; *at;) {
        size_t word = 0;
        while (at[word] && at[word] != '+' && at[word] != ',' && at[word] != ' ')
            word++;
        size_t done = flag(values, at, word, &v) ? word : 0;
        while (done < word && flag(values, at + done, 1, &v))
            done++;
        if (done < word) {
            char wrong[TEXT_MAX];
            struct sok_text t = sok_text(wrong, sizeof wrong);
            bool letters = values && values->text && !values->text[1];
            sok_text_add(&t, "%.*s", letters ? 1 : (int)(word - done), at + done);
            return unknown(w, wrong, "flag");
        }
        at += word + (at[word] != 0);
    }
    return take_number(w, v, out);
}

static int take_name(const struct craft_where *w, const char *text, uint8_t *out)
{
    const struct sok_field *row = w->slot->row;
    uint64_t v;
    for (const struct sok_value *at = row->values; at && at->text; at++) {
        if (same(text, at->text, sok_str_len(text)))
            return take_number(w, at->value, out);
    }
    if (read_number(text, &v))
        return take_number(w, v, out);
    return row->values ? unknown(w, text, "known name")
                       : sok_craft_fail(w, "'%s' is no number", text);
}

// ---- addresses ----

static bool read_mac(const char *text, uint8_t out[6])
{
    for (unsigned i = 0; i < 6; i++) {
        char pair[5] = {'0', 'x', text[0], text[0] ? text[1] : 0, 0};
        uint64_t v;
        unsigned used = pair[3] && pair[3] != ':' && pair[3] != '-' ? 2 : 1;
        pair[2 + used] = 0;
        if (!read_number(pair, &v))
            return false;
        out[i] = (uint8_t)v;
        text += used;
        if (*text != (i == 5 ? 0 : ':') && *text != (i == 5 ? 0 : '-'))
            return false;
        text += i < 5;
    }
    return true;
}

static int no_address(const struct craft_where *w, const char *text)
{
    bool v4 = w->slot->row->as == SOK_AS_IP4;
    return sok_craft_fail(w, "'%s' is no %s address", text, v4 ? "IPv4" : "IPv6");
}

// "192.0.2.7", "192.0.2.0/24": first and last, 16 bytes each, IPv4 in their last 4.
static int take_address(
    const struct craft_where *w, const char *text, uint8_t *first, uint8_t *last)
{
    bool v4 = w->slot->row->as == SOK_AS_IP4;
    const char *slash = sok_str_find(text, '/');
    uint64_t prefix = v4 ? 32 : 128;
    struct sok_addr a;
    char net[TEXT_MAX] = {0};
    memcpy(net, text, slash ? (size_t)(slash - text) : sok_str_len(text));
    if (!sok_addr_parse(net, &a) || sok_addr_is_v4(a) != v4)
        return no_address(w, text);
    if (slash && (!read_number(slash + 1, &prefix) || prefix > (v4 ? 32 : 128)))
        return sok_craft_fail(w, "'%s': a prefix has 0 to %d bits", text, v4 ? 32 : 128);
    memcpy(first, a.b, 16);
    memcpy(last, a.b, 16);
    for (unsigned bit = (unsigned)prefix + (v4 ? 96 : 0); bit < 128; bit++) {
        first[bit / 8] = (uint8_t)(first[bit / 8] & ~(0x80u >> bit % 8));
        last[bit / 8] = (uint8_t)(last[bit / 8] | 0x80u >> bit % 8);
    }
    return 0;
}

static int take_ip4(const struct craft_where *w, const char *text, uint8_t *first, uint8_t *last)
{
    uint8_t a[16], b[16];
    int err = take_address(w, text, a, b);
    if (err)
        return err;
    sok_put64(first, sok_get32(a + 12));
    sok_put64(last, sok_get32(b + 12));
    return 0;
}

// ---- a value ----

static int take_run(
    const struct craft_where *w, const struct sok_item *item, uint8_t *out, size_t width)
{
    if (item->count > width)
        return sok_craft_fail(w, "%u bytes are too many (%zu)", item->count, width);
    memset(out, 0, width);
    if (item->count)
        memcpy(out, item->bytes, item->count);
    return 0;
}

// Text for a row of bytes; an address may also be given as the bytes it is.
static int take_bytes(const struct craft_where *w, const struct sok_item *item, const char *text,
    uint8_t *first, uint8_t *last, size_t width)
{
    uint8_t as = w->slot->row->as;
    int err = 0;
    if (as == SOK_AS_MAC && width == 6 && read_mac(text, first)) {
        memcpy(last, first, 6);
        return 0;
    }
    if (as == SOK_AS_IP6 && width == 16 && sok_str_find(text, ':'))
        return take_address(w, text, first, last);
    bool exact = as == SOK_AS_MAC || as == SOK_AS_IP6;
    if (exact && item->count != width)
        return as == SOK_AS_MAC ? sok_craft_fail(w, "'%s' is no MAC address", text)
                                : no_address(w, text);
    err = take_run(w, item, first, width);
    if (!err)
        memcpy(last, first, width);
    return err;
}

static int take_text(const struct craft_where *w, const struct sok_item *item, uint8_t *first,
    uint8_t *last, size_t width)
{
    const struct sok_field *row = w->slot->row;
    char text[TEXT_MAX] = {0};
    int err;
    memcpy(text, item->bytes, item->count < sizeof text ? item->count : sizeof text - 1);
    if (row->bytes)
        return take_bytes(w, item, text, first, last, width);
    if (row->as == SOK_AS_IP4 && item->count < sizeof text)
        return take_ip4(w, text, first, last);
    if (row->as == SOK_AS_FLAGS)
        err = take_flags(w, text, first);
    else
        err = take_name(w, text, first);
    if (!err)
        memcpy(last, first, width);
    return err;
}

int sok_craft_parse(const struct craft_where *w, const struct sok_item *item, uint8_t *first,
    uint8_t *last, size_t width)
{
    const struct sok_field *row = w->slot->row;
    if (item->type == SOK_ITEM_BYTES)
        return take_text(w, item, first, last, width);
    if (item->type != SOK_ITEM_NUMBER)
        return sok_craft_fail(w, "a number or a text is wanted");
    if (row->bytes && row->bits <= 64) { // a MAC as a number
        for (size_t i = 0; i < width; i++)
            first[i] = (uint8_t)(item->number >> 8 * (width - 1 - i));
    } else if (row->bytes) {
        return sok_craft_fail(w, "a text is wanted");
    } else {
        int err = take_number(w, item->number, first);
        if (err)
            return err;
    }
    memcpy(last, first, width);
    return 0;
}

// ---- and back ----

static void flags_text(struct sok_text *t, const struct sok_value *bit, uint64_t v)
{
    const char *between = "";
    for (; bit && bit->text; bit++) {
        if (!(v >> bit->value & 1))
            continue;
        sok_text_add(t, "%s%s", between, bit->text);
        between = bit->text[1] ? "+" : "";
    }
}

// Bits without a name: then a number says it all.
static bool all_named(const struct sok_value *bit, uint64_t v)
{
    for (; bit && bit->text; bit++)
        v &= ~((uint64_t)1 << bit->value);
    return v == 0;
}

size_t sok_craft_text(
    const struct sok_field *row, const struct sok_item *value, bool names, char out[64])
{
    struct sok_text t = sok_text(out, 64);
    const char *name = NULL;
    if (value->type == SOK_ITEM_BYTES && row->as == SOK_AS_MAC && value->count == 6) {
        sok_text_add_mac(&t, value->bytes);
    } else if (value->type == SOK_ITEM_BYTES && row->as == SOK_AS_IP6 && value->count == 16) {
        sok_text_add_ip6(&t, value->bytes);
    } else if (value->type == SOK_ITEM_NUMBER && row->as == SOK_AS_IP4) {
        sok_text_add_ip4(&t, (uint32_t)value->number);
    } else if (value->type == SOK_ITEM_NUMBER && row->as == SOK_AS_FLAGS) {
        if (all_named(row->values, value->number))
            flags_text(&t, row->values, value->number);
    } else if (value->type == SOK_ITEM_NUMBER && names) {
        name = sok_value_text(row->values, value->number);
        if (name)
            sok_text_add_str(&t, name);
    }
    return t.used < 64 ? t.used : 63;
}
