// Values of rows: from text and numbers to the bytes of a field, and back to what people write.
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/err.h"
#include "base/str.h"
#include "craft/internal.h"
#include "wire/value.h"

#define TEXT_MAX 64 // of a wrong value that is shown

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

static bool is_v4(const struct craft_where *w)
{
    return w->slot->row->as == SOK_AS_IP4;
}

// ---- networks: "192.0.2.0/24" ----

static int no_network(const struct craft_where *w, const struct sok_item *item)
{
    char text[TEXT_MAX];
    struct sok_text t = sok_text(text, sizeof text);
    sok_value_quote(&t, item);
    return is_v4(w) ? sok_craft_fail(w, "%s is no IPv4 network (192.0.2.0/24)", text)
                    : sok_craft_fail(w, "%s is no IPv6 network (2001:db8::/64)", text);
}

// The first and the last address, `width` bytes each.
static int take_network(const struct craft_where *w, const struct sok_item *item,
    const uint8_t *slash, uint8_t *first, uint8_t *last, size_t width)
{
    bool v4 = is_v4(w);
    struct sok_item net = sok_item_bytes(item->bytes, (size_t)(slash - item->bytes));
    struct sok_item bits = sok_item_bytes(slash + 1, item->count - net.count - 1);
    unsigned max = v4 ? 32 : 128, all = (unsigned)width * 8;
    uint64_t prefix;
    uint32_t ip = 0;
    if (!(v4 ? sok_value_ip4(&net, &ip) : sok_value_ip6(&net, first)) ||
        !sok_value_number(&bits, &prefix) || prefix > max)
        return no_network(w, item);
    if (v4)
        sok_put64(first, ip);
    memcpy(last, first, width);
    for (unsigned bit = all - max + (unsigned)prefix; bit < all; bit++) {
        first[bit / 8] = (uint8_t)(first[bit / 8] & ~(0x80u >> bit % 8));
        last[bit / 8] = (uint8_t)(last[bit / 8] | 0x80u >> bit % 8);
    }
    return 0;
}

// ---- a value ----

// The layout depends on the first byte: with which of them is this text a value of the field? Below 0: none.
static int first_byte_with(const struct craft_where *w, const struct sok_item *text)
{
    const struct craft_layer *l = &w->p->layers[w->layer];
    uint8_t fixed[CRAFT_FIXED_MAX], unused[CRAFT_FIXED_MAX];
    char why[1];
    struct sok_text t = sok_text(why, sizeof why);
    unsigned count;
    if (!l->proto->view)
        return -1;
    memcpy(fixed, craft_fixed(w->p, l), l->fixed);
    for (int type = 0; type < 256; type++) {
        fixed[0] = (uint8_t)type;
        const struct sok_field *rows = sok_proto_rows(l->proto, fixed, l->fixed, &count);
        for (unsigned i = 0; i < count; i++) {
            if (rows[i].values && sok_str_eq(rows[i].name, w->slot->row->name) &&
                sok_field_end(&rows[i]) <= sizeof unused &&
                sok_value_put(&rows[i], unused, text, &t))
                return type;
        }
    }
    return -1;
}

// What is wrong with a value, when the row itself does not know better.
static int no_value(const struct craft_where *w, const struct sok_item *item, const char *why)
{
    const struct sok_proto *proto = w->p->layers[w->layer].proto;
    int type = item->type == SOK_ITEM_BYTES ? first_byte_with(w, item) : -1;
    if (type < 0)
        return sok_craft_fail(w, "%s", why);
    const struct sok_field *row = &proto->fields[0];
    const char *name = sok_value_text(row->values, (unsigned)type);
    char text[TEXT_MAX];
    struct sok_text t = sok_text(text, sizeof text);
    sok_value_quote(&t, item);
    return name ? sok_craft_fail(w, "%s is a value with %s=\"%s\": give %s first", text, row->name,
                      name, row->name)
                : sok_craft_fail(w, "%s is a value with %s=%d: give %s first", text, row->name,
                      type, row->name);
}

int sok_craft_parse(const struct craft_where *w, const struct sok_item *item, uint8_t *first,
    uint8_t *last, size_t width)
{
    const struct sok_field *row = w->slot->row;
    uint8_t header[CRAFT_FIXED_MAX];
    char why[160];
    struct sok_text t = sok_text(why, sizeof why);
    bool text = item->type == SOK_ITEM_BYTES;
    bool address = row->as == SOK_AS_IP4 || row->as == SOK_AS_IP6;
    const uint8_t *slash =
        text && address && item->count ? memchr(item->bytes, '/', item->count) : NULL;
    if (slash) {
        int err = take_network(w, item, slash, first, last, width);
        // Sixteen bytes that are no network are an address as it is on the wire.
        if (err == 0 || row->as == SOK_AS_IP4 || item->count != width)
            return err;
    }
    if (item->type == SOK_ITEM_NUMBER && item->number > INT64_MAX && row->bits < 64)
        return sok_craft_fail(w, "%lld is too small (0 to %llu)", (long long)item->number,
            (unsigned long long)sok_bits_mask(row->bits));
    memset(header, 0, sok_field_end(row));
    if (!sok_value_put(row, header, item, &t))
        return no_value(w, item, why);
    if (row->bytes)
        memcpy(first, header + row->bit / 8, width);
    else
        sok_put64(first, sok_field_get(row, header));
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
    } else if (value->type == SOK_ITEM_NUMBER && row->as == SOK_AS_FIXED) {
        sok_text_add_fixed(&t, value->number, row->bits);
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
