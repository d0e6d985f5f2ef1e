// A packet in one line. As Scapy does it: the last layer that has a text of its own says it, all others their name.
//
// The text is a template of the protocol's (wire/field.h): alternatives between '|', of which the first is taken that
// nothing is missing for.
#include <string.h>
#include "base/str.h"
#include "craft/internal.h"
#include "wire/text.h"

// What a template's directive asks for: %field%, %<field% of the header below, %#field% as a number, %part.field% of a
// part's first packet or of the option with that name, %field=3% nothing, but only where it is that.
struct asked {
    bool below, number, is;
    char name[32], within[32];
    uint64_t value;
};

static bool copy_name(char out[32], const char *from, size_t len)
{
    if (len >= 32)
        return false;
    memcpy(out, from, len);
    out[len] = 0;
    return true;
}

static bool parse(const char *p, size_t len, struct asked *a)
{
    *a = (struct asked){.below = *p == '<', .number = *p == '#'};
    p += a->below || a->number;
    len -= a->below || a->number;
    const char *end = p + len, *equal = memchr(p, '=', len);
    a->is = equal != NULL;
    for (const char *d = equal ? equal + 1 : end; d < end; d++)
        a->value = a->value * 10 + (uint64_t)(*d - '0');
    end = equal ? equal : end;
    const char *dot = memchr(p, '.', (size_t)(end - p));
    return copy_name(a->name, p, (size_t)((dot ? dot : end) - p)) &&
           (!dot || copy_name(a->within, dot + 1, (size_t)(end - dot - 1)));
}

// ---- values ----

// As a person reads it: text without quotes, lists with commas.
static void add_item(struct sok_text *t, const struct sok_item *item)
{
    switch (item->type) {
    case SOK_ITEM_NUMBER:
        sok_text_add(t, "%llu", (unsigned long long)item->number);
        break;
    case SOK_ITEM_BYTES:
        for (uint32_t i = 0; i < item->count; i++)
            sok_text_add(t, item->bytes[i] >= 0x20 && item->bytes[i] < 0x7f ? "%c" : "\\x%02x",
                item->bytes[i]);
        break;
    case SOK_ITEM_LIST:
        for (uint32_t i = 0; i < item->count; i++) {
            sok_text_add_str(t, i ? ", " : "");
            add_item(t, &item->list[i]);
        }
        break;
    default:
        break;
    }
}

static bool add_row(struct sok_text *t, const struct sok_packet *p, unsigned layer,
    const struct sok_slot *slot, const struct asked *a)
{
    uint64_t n;
    if (!a->number && !a->is) {
        sok_craft_show_field(p, layer, slot, t);
        return true;
    }
    if (!sok_packet_number(p, layer, slot, &n))
        return false;
    if (a->is)
        return n == a->value;
    sok_text_add(t, "%llu", (unsigned long long)n);
    return true;
}

static bool add_asked(
    struct sok_text *t, const struct sok_packet *p, unsigned layer, const struct asked *a);

// A field of the first packet in a part.
static bool add_within(struct sok_text *t, const struct sok_packet *p, const struct sok_item *first,
    const struct asked *a)
{
    struct asked inner = *a;
    struct sok_packet *q;
    if (sok_packet_dissect(p->book, first->proto, first->bytes, first->count, &q) != 0)
        return false;
    memcpy(inner.name, a->within, sizeof inner.name);
    inner.within[0] = 0;
    bool found = add_asked(t, q, 0, &inner);
    sok_packet_free(q);
    return found;
}

// The value of the option with that name: {{"message-type", 1}, ...}.
static bool add_option(struct sok_text *t, const struct sok_item *list, const struct asked *a)
{
    size_t len = strlen(a->within);
    for (uint32_t i = 0; i < list->count; i++) {
        const struct sok_item *entry = &list->list[i];
        if (entry->type != SOK_ITEM_LIST || entry->count < 2 ||
            entry->list[0].type != SOK_ITEM_BYTES || entry->list[0].count != len ||
            memcmp(entry->list[0].bytes, a->within, len) != 0)
            continue;
        if (a->is)
            return entry->list[1].type == SOK_ITEM_NUMBER && entry->list[1].number == a->value;
        add_item(t, &entry->list[1]);
        return true;
    }
    return false;
}

static bool add_part(struct sok_text *t, const struct sok_packet *p, unsigned layer,
    const struct sok_slot *slot, const struct asked *a)
{
    struct craft_value v;
    sok_craft_value_get(p, layer, slot, &v);
    const struct sok_item *item = &v.item;
    bool list = item->type == SOK_ITEM_LIST, found = true;
    const struct sok_item *first = list && item->count ? item->list : item;
    if (a->within[0] && first->type == SOK_ITEM_PACKET)
        found = add_within(t, p, first, a);
    else if (a->within[0])
        found = list && add_option(t, item, a);
    else
        add_item(t, item);
    sok_craft_value_free(&v);
    return found;
}

static bool add_asked(
    struct sok_text *t, const struct sok_packet *p, unsigned layer, const struct asked *a)
{
    struct sok_slot slot;
    if (!sok_packet_slot(p, layer, a->name, &slot))
        return false;
    return slot.row ? add_row(t, p, layer, &slot, a) : add_part(t, p, layer, &slot, a);
}

// ---- templates ----

// The header right below, where `layer` is not the first to be told about: with addresses, or none at all.
static bool below(const struct sok_packet *p, unsigned first, unsigned layer)
{
    struct sok_slot slot;
    return layer > first && sok_packet_slot(p, layer - 1, "src", &slot) && slot.row;
}

static bool fill(struct sok_text *t, const struct sok_packet *p, unsigned first, unsigned layer,
    const char *from, const char *end)
{
    while (from < end) {
        const char *sign = memchr(from, '%', (size_t)(end - from));
        size_t plain = (size_t)((sign ? sign : end) - from);
        sok_text_add(t, "%.*s", (int)plain, from);
        if (!sign)
            return true;
        const char *close = memchr(sign + 1, '%', (size_t)(end - sign - 1));
        struct asked a;
        if (!close || !parse(sign + 1, (size_t)(close - sign - 1), &a) ||
            (a.below && !below(p, first, layer)) || !add_asked(t, p, layer - a.below, &a))
            return false;
        from = close + 1;
    }
    return true;
}

// False: the protocol has no text of its own.
static bool own_text(struct sok_text *t, const struct sok_packet *p, unsigned first, unsigned layer)
{
    const char *from = p->layers[layer].proto->summary;
    size_t before = t->used;
    while (from) {
        const char *end = strchr(from, '|');
        if (fill(t, p, first, layer, from, end ? end : from + strlen(from)))
            return true;
        t->used = before;
        from = end ? end + 1 : NULL;
    }
    return false;
}

// ---- the line ----

// Where an ICMP error's quote begins; as many as there can be: nowhere.
static unsigned quote_from(const struct sok_packet *p)
{
    for (unsigned i = 0; i < p->count; i++) {
        unsigned quote = sok_craft_quote(p, i);
        if (quote)
            return quote;
    }
    return SOK_CRAFT_LAYERS_MAX;
}

static bool has_text(const struct sok_packet *p, unsigned layer, unsigned quote)
{
    const struct sok_proto *proto = p->layers[layer].proto;
    return proto->summary && !(layer >= quote && proto->quoted);
}

void sok_packet_summary(const struct sok_packet *p, unsigned first, struct sok_text *out)
{
    unsigned quote = quote_from(p), teller = p->count;
    while (teller > first && !has_text(p, teller - 1, quote))
        teller--;
    for (unsigned i = first; i < p->count; i++) {
        const struct sok_proto *proto = p->layers[i].proto;
        sok_text_add_str(out, i > first ? " / " : "");
        if (i + 1 == teller && own_text(out, p, first, i))
            continue;
        sok_text_add_str(out, i >= quote && proto->quoted ? proto->quoted : proto->name);
    }
}
