// Packets as JSON: an array of layers, each {"protocol":NAME,"fields":{NAME:VALUE,...}}. Numbers are numbers;
// addresses, MACs and flags are text, as in Lua; what is known only when the packet is sent is null. Bytes are text
// where all of them can be read (ASCII), else {"hex":"00ff"}. A packet in a field is an array of layers, too.
#include <string.h>
#include "craft/internal.h"

#define NESTED 4  // packets in fields of packets
#define DEEP   16 // lists in lists

static bool can_be_read(const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        bool blank = p[i] == '\n' || p[i] == '\r' || p[i] == '\t';
        if (!blank && (p[i] < 0x20 || p[i] > 0x7e))
            return false;
    }
    return true;
}

static void add_string(struct sok_text *t, const uint8_t *p, size_t len)
{
    sok_text_add_char(t, '"');
    for (size_t i = 0; i < len; i++) {
        if (p[i] == '\n' || p[i] == '\r' || p[i] == '\t')
            sok_text_add(t, "\\%c", p[i] == '\n' ? 'n' : p[i] == '\r' ? 'r' : 't');
        else if (p[i] == '"' || p[i] == '\\')
            sok_text_add(t, "\\%c", p[i]);
        else if (p[i] < 0x20)
            sok_text_add(t, "\\u%04x", p[i]);
        else
            sok_text_add_char(t, (char)p[i]);
    }
    sok_text_add_char(t, '"');
}

static void add_bytes(struct sok_text *t, const uint8_t *p, size_t len)
{
    if (can_be_read(p, len)) {
        add_string(t, p, len);
        return;
    }
    sok_text_add_str(t, "{\"hex\":\"");
    sok_text_add_hex(t, p, len);
    sok_text_add_str(t, "\"}");
}

// A user's protocol may have any name.
static void add_name(struct sok_text *t, const char *name)
{
    add_string(t, (const uint8_t *)name, strlen(name));
}

static void add_layers(
    struct sok_text *t, const struct sok_packet *p, unsigned first, unsigned nested);

static void add_packet(
    struct sok_text *t, const struct sok_packet *p, const struct sok_item *item, unsigned nested)
{
    struct sok_packet *q = NULL;
    if (nested < NESTED)
        (void)sok_packet_dissect(p->book, item->proto, item->bytes, item->count, &q);
    if (q)
        add_layers(t, q, 0, nested + 1);
    else
        add_bytes(t, item->bytes, item->count);
    sok_packet_free(q);
}

static void add_item(struct sok_text *t, const struct sok_packet *p, const struct sok_item *item,
    unsigned nested, unsigned deep)
{
    if (item->type == SOK_ITEM_NUMBER) {
        sok_text_add(t, "%llu", (unsigned long long)item->number);
    } else if (item->type == SOK_ITEM_BYTES) {
        add_bytes(t, item->bytes, item->count);
    } else if (item->type == SOK_ITEM_PACKET) {
        add_packet(t, p, item, nested);
    } else if (item->type == SOK_ITEM_LIST && deep < DEEP) {
        sok_text_add_char(t, '[');
        for (uint32_t i = 0; i < item->count; i++) {
            sok_text_add_str(t, i ? "," : "");
            add_item(t, p, &item->list[i], nested, deep + 1);
        }
        sok_text_add_char(t, ']');
    } else {
        sok_text_add_str(t, "null");
    }
}

static void add_row(struct sok_text *t, const struct sok_packet *p, const struct sok_field *row,
    const struct sok_item *item)
{
    char text[64];
    size_t len = sok_craft_text(row, item, false, text);
    bool none = item->type == SOK_ITEM_NUMBER && row->as == SOK_AS_FLAGS && item->number == 0;
    struct sok_item filled = *item;
    if (row->as == SOK_AS_FIXED && len) {
        sok_text_add_str(t, text);
        return;
    }
    if (len || none) {
        add_bytes(t, (const uint8_t *)text, len);
        return;
    }
    while (item->type == SOK_ITEM_BYTES && row->as == SOK_AS_TEXT && filled.count &&
           filled.bytes[filled.count - 1] == 0)
        filled.count--;
    add_item(t, p, &filled, 0, 0);
}

// Of a row, or (row NULL) the bytes of a part.
static void add_end(struct sok_text *t, const struct sok_packet *p, const struct sok_field *row,
    const struct sok_item *item)
{
    if (row)
        add_row(t, p, row, item);
    else
        add_bytes(t, item->bytes, item->count);
}

// {"any":[80,{"from":1,"to":10}]}
static void add_set(struct sok_text *t, const struct sok_packet *p, const struct craft_set *s,
    const struct sok_field *row)
{
    struct sok_item ends[2];
    sok_text_add_str(t, "{\"any\":[");
    for (unsigned n = 0; n < s->count; n++) {
        bool range = sok_craft_set_ends(p, s, row, n, ends) == 2;
        sok_text_add_str(t, n ? "," : "");
        sok_text_add_str(t, range ? "{\"from\":" : "");
        add_end(t, p, row, &ends[0]);
        if (range) {
            sok_text_add_str(t, ",\"to\":");
            add_end(t, p, row, &ends[1]);
            sok_text_add_str(t, "}");
        }
    }
    sok_text_add_str(t, "]}");
}

static void add_field(struct sok_text *t, const struct sok_packet *p, unsigned layer,
    const struct sok_slot *slot, unsigned nested)
{
    const struct craft_set *s = sok_craft_set_find(p, layer, slot->index);
    struct craft_value v;
    if (s) {
        add_set(t, p, s, slot->row);
        return;
    }
    sok_craft_value_get(p, layer, slot, &v);
    if (slot->row)
        add_row(t, p, slot->row, &v.item);
    else
        add_item(t, p, &v.item, nested, 0);
    sok_craft_value_free(&v);
}

static void add_layer(
    struct sok_text *t, const struct sok_packet *p, unsigned layer, unsigned nested)
{
    const struct craft_layer *l = &p->layers[layer];
    const struct craft_piece *rest = &craft_pieces(p, l)[l->proto->part_count];
    struct sok_slot slot;
    sok_text_add_str(t, "{\"protocol\":");
    add_name(t, l->proto->name);
    sok_text_add_str(t, ",\"fields\":{");
    for (unsigned i = 0; sok_packet_slot_at(p, layer, i, &slot); i++) {
        sok_text_add_str(t, i ? "," : "");
        add_name(t, slot.row ? slot.row->name : slot.part->name);
        sok_text_add_char(t, ':');
        add_field(t, p, layer, &slot, nested);
    }
    sok_text_add_char(t, '}');
    if (l->meant) {
        sok_text_add_str(t, ",\"meant\":");
        add_name(t, l->meant->name);
    }
    if (l->note & CRAFT_MALFORMED)
        sok_text_add_str(t, ",\"malformed\":true");
    if (l->note & CRAFT_CUT)
        sok_text_add_str(t, ",\"cut\":true");
    if (rest->len) {
        sok_text_add_str(t, ",\"rest\":");
        add_bytes(t, craft_at(p, rest->at), rest->len);
    }
    sok_text_add_char(t, '}');
}

static void add_layers(
    struct sok_text *t, const struct sok_packet *p, unsigned first, unsigned nested)
{
    sok_text_add_char(t, '[');
    for (unsigned i = first; i < p->count; i++) {
        sok_text_add_str(t, i > first ? "," : "");
        add_layer(t, p, i, nested);
    }
    sok_text_add_char(t, ']');
}

void sok_packet_json(const struct sok_packet *p, unsigned first, bool built, struct sok_text *out)
{
    struct sok_packet *sent = built ? sok_craft_as_sent(p) : NULL;
    add_layers(out, sent ? sent : p, first, 0);
    sok_packet_free(sent);
}
