// Packets as text: a tree of fields, one line, what makes them in Lua, their bytes.
#include <string.h>
#include "base/err.h"
#include "base/str.h"
#include "craft/internal.h"

#define ITEMS_MAX (64u << 10) // for one value that is shown
#define SHOW_DEEP 16          // lists in lists
#define NESTED    4           // packets in fields of packets

// ---- values ----

static bool plain(uint8_t c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static void add_string(struct sok_text *t, const uint8_t *p, size_t len)
{
    sok_text_add_char(t, '"');
    for (size_t i = 0; i < len; i++) {
        if (plain(p[i]))
            sok_text_add_char(t, (char)p[i]);
        else if (p[i] == '"' || p[i] == '\\')
            sok_text_add(t, "\\%c", p[i]);
        else if (p[i] == '\n' || p[i] == '\r' || p[i] == '\t')
            sok_text_add(t, "\\%c", p[i] == '\n' ? 'n' : p[i] == '\r' ? 'r' : 't');
        else
            sok_text_add(t, "\\x%02x", p[i]);
    }
    sok_text_add_char(t, '"');
}

static void add_item(struct sok_text *t, const struct sok_item *item, unsigned deep)
{
    switch (item->type) {
    case SOK_ITEM_NUMBER:
        sok_text_add(t, "%llu", (unsigned long long)item->number);
        break;
    case SOK_ITEM_BYTES:
        add_string(t, item->bytes, item->count);
        break;
    case SOK_ITEM_PACKET:
        sok_text_add(t, "%s(", item->proto->name);
        add_string(t, item->bytes, item->count);
        sok_text_add_char(t, ')');
        break;
    case SOK_ITEM_LIST:
        sok_text_add_char(t, '{');
        for (uint32_t i = 0; i < item->count && deep < SHOW_DEEP; i++) {
            sok_text_add_str(t, i ? ", " : "");
            add_item(t, &item->list[i], deep + 1);
        }
        sok_text_add_char(t, '}');
        break;
    default:
        sok_text_add_str(t, "nil");
    }
}

void sok_craft_show_item(const struct sok_item *item, struct sok_text *out)
{
    add_item(out, item, 0);
}

void sok_craft_hexdump(const uint8_t *data, size_t len, struct sok_text *out)
{
    for (size_t row = 0; row < len; row += 16) {
        sok_text_add(out, "%04zx ", row);
        for (size_t i = row; i < row + 16; i++)
            sok_text_add(out, i < len ? " %02X" : "   ", i < len ? data[i] : 0u);
        sok_text_add_str(out, "  ");
        for (size_t i = row; i < row + 16 && i < len; i++)
            sok_text_add_char(out, data[i] >= 0x20 && data[i] < 0x7f ? (char)data[i] : '.');
        sok_text_add_char(out, '\n');
    }
}

// ---- fields ----

void sok_craft_value_get(
    const struct sok_packet *p, unsigned layer, const struct sok_slot *slot, struct craft_value *v)
{
    v->mem = sok_book_mem(p->book);
    v->memory = slot->part ? sok_mem_alloc(v->mem, ITEMS_MAX) : NULL;
    struct sok_items items = sok_items(v->small, sizeof v->small);
    if (v->memory)
        items = sok_items(v->memory, ITEMS_MAX);
    if (sok_packet_get(p, layer, slot, &items, &v->item) != 0)
        v->item = sok_item_text("(too much to show)");
}

void sok_craft_value_free(struct craft_value *v)
{
    sok_mem_free(v->mem, v->memory, ITEMS_MAX);
}

static void row_value(struct sok_text *t, const struct sok_field *row, const struct sok_item *item,
    bool names, bool quoted)
{
    char text[64];
    size_t len = sok_craft_text(row, item, names, text);
    bool number = item->type == SOK_ITEM_NUMBER;
    bool bare = row->as == SOK_AS_FIXED && row->bits <= 32; // a number of Lua has 53 bits at most
    if (len || (number && row->as == SOK_AS_FLAGS && item->number == 0))
        sok_text_add(t, quoted && !bare ? "\"%.*s\"" : "%.*s", (int)len, text);
    else if (number && (row->as == SOK_AS_HEX || row->as == SOK_AS_FLAGS))
        sok_text_add(t, "0x%llx", (unsigned long long)item->number);
    else
        add_item(t, item, 0);
}

// Of a row, or (row NULL) the bytes of a part.
static void end_value(struct sok_text *t, const struct sok_field *row, const struct sok_item *item)
{
    if (row)
        row_value(t, row, item, false, true);
    else
        add_string(t, item->bytes, item->count);
}

// Alternatives as they would be written: {80, {1, 10}}.
static void set_value(struct sok_text *t, const struct sok_packet *p, const struct craft_set *s,
    const struct sok_field *row)
{
    struct sok_item ends[2];
    sok_text_add_str(t, s->drawn ? "Rand{" : "{");
    for (unsigned n = 0; n < s->count; n++) {
        bool range = sok_craft_set_ends(p, s, row, n, ends) == 2;
        sok_text_add_str(t, n ? ", " : "");
        sok_text_add_str(t, range ? "{" : "");
        end_value(t, row, &ends[0]);
        if (range) {
            sok_text_add_str(t, ", ");
            end_value(t, row, &ends[1]);
            sok_text_add_str(t, "}");
        }
    }
    sok_text_add_char(t, '}');
}

static void field_value(struct sok_text *t, const struct sok_packet *p, unsigned layer,
    const struct sok_slot *slot, bool names, bool quoted)
{
    const struct craft_set *s = sok_craft_set_find(p, layer, slot->index);
    struct craft_value v;
    if (s) {
        set_value(t, p, s, slot->row);
        return;
    }
    sok_craft_value_get(p, layer, slot, &v);
    if (slot->row)
        row_value(t, slot->row, &v.item, names, quoted);
    else
        add_item(t, &v.item, 0);
    sok_craft_value_free(&v);
}

void sok_craft_show_field(
    const struct sok_packet *p, unsigned layer, const struct sok_slot *slot, struct sok_text *out)
{
    field_value(out, p, layer, slot, true, false);
}

// ---- a tree ----

// Where a line begins.
struct margin {
    const char *before; // what nested packets stand behind
    unsigned nested;
    unsigned blanks;
};

static void show_all(
    struct sok_text *t, const struct sok_packet *p, unsigned first, const struct margin *m);

// A list of packets, or one.
static bool is_packets(const struct sok_item *item)
{
    if (item->type != SOK_ITEM_LIST)
        return item->type == SOK_ITEM_PACKET;
    for (uint32_t i = 0; i < item->count; i++) {
        if (item->list[i].type != SOK_ITEM_PACKET)
            return false;
    }
    return item->count > 0;
}

// As Scapy shows them: each with its fields, behind a line.
static void show_packets(struct sok_text *t, const struct sok_packet *p, const char *name,
    const struct sok_item *item, const struct margin *m)
{
    char before[NESTED * (3 * SOK_CRAFT_LAYERS_MAX + 4) + 1];
    struct sok_text line = sok_text(before, sizeof before);
    sok_text_add(&line, "%s%*s   |", m->before, (int)m->blanks, "");
    struct margin within = {.before = before, .nested = m->nested + 1};
    bool list = item->type == SOK_ITEM_LIST;
    sok_text_add(t, "%s%*s  \\%-10s\\\n", m->before, (int)m->blanks, "", name);
    for (uint32_t i = 0; i < (list ? item->count : 1); i++) {
        const struct sok_item *one = list ? &item->list[i] : item;
        struct sok_packet *q;
        if (sok_packet_dissect(p->book, one->proto, one->bytes, one->count, &q) != 0)
            continue;
        show_all(t, q, 0, &within);
        sok_packet_free(q);
    }
}

static void show_field(struct sok_text *t, const struct sok_packet *p, unsigned layer,
    const struct sok_slot *slot, const struct margin *m)
{
    const char *name = slot->row ? slot->row->name : slot->part->name;
    struct craft_value v;
    if (slot->row || sok_craft_set_find(p, layer, slot->index)) {
        sok_text_add(t, "%s%*s  %-10s= ", m->before, (int)m->blanks, "", name);
        field_value(t, p, layer, slot, true, false);
        sok_text_add_char(t, '\n');
        return;
    }
    sok_craft_value_get(p, layer, slot, &v);
    if (m->nested < NESTED && is_packets(&v.item)) {
        show_packets(t, p, name, &v.item, m);
    } else {
        sok_text_add(t, "%s%*s  %-10s= ", m->before, (int)m->blanks, "", name);
        add_item(t, &v.item, 0);
        sok_text_add_char(t, '\n');
    }
    sok_craft_value_free(&v);
}

static void show_layer(
    struct sok_text *t, const struct sok_packet *p, unsigned layer, const struct margin *m)
{
    const struct craft_layer *l = &p->layers[layer];
    struct sok_slot slot;
    sok_text_add(t, "%s###[ %s ]###", m->before, l->proto->name);
    if (l->meant)
        sok_text_add(t, " cut: %u of the %u bytes of %s", craft_pieces(p, l)[0].len,
            l->meant->hdr_len, l->meant->name);
    if (l->note & CRAFT_MALFORMED)
        sok_text_add_str(t, " malformed: its lengths contradict each other");
    if (l->note & CRAFT_CUT)
        sok_text_add_str(t, " cut: it speaks of more bytes than are there");
    sok_text_add_char(t, '\n');
    for (unsigned i = 0; sok_packet_slot_at(p, layer, i, &slot); i++)
        show_field(t, p, layer, &slot, m);
    const struct craft_piece *rest = &craft_pieces(p, l)[l->proto->part_count];
    if (rest->len) {
        sok_text_add(t, "%s%*s  %-10s= ", m->before, (int)m->blanks, "", "(rest)");
        add_string(t, craft_at(p, rest->at), rest->len);
        sok_text_add_char(t, '\n');
    }
}

static void show_all(
    struct sok_text *t, const struct sok_packet *p, unsigned first, const struct margin *m)
{
    struct margin at = *m;
    for (unsigned i = first; i < p->count; i++, at.blanks += 3)
        show_layer(t, p, i, &at);
}

struct sok_packet *sok_craft_as_sent(const struct sok_packet *p)
{
    const struct sok_mem *mem = sok_book_mem(p->book);
    struct sok_packet *sent = NULL;
    int len = p->count ? sok_packet_build(p, 0, NULL, NULL, 0) : -1;
    uint8_t *bytes = len >= 0 ? sok_mem_alloc(mem, (size_t)len + 1) : NULL;
    if (!bytes)
        return NULL;
    if (sok_packet_build(p, 0, NULL, bytes, (size_t)len) == len)
        (void)sok_packet_dissect(p->book, p->layers[0].proto, bytes, (size_t)len, &sent);
    sok_mem_free(mem, bytes, (size_t)len + 1);
    return sent;
}

void sok_packet_show(const struct sok_packet *p, unsigned first, bool built, struct sok_text *out)
{
    struct sok_packet *sent = built ? sok_craft_as_sent(p) : NULL;
    const struct margin m = {.before = ""};
    show_all(out, sent ? sent : p, first, &m);
    sok_packet_free(sent);
}

// ---- what makes it ----

static void command_layer(struct sok_text *t, const struct sok_packet *p, unsigned layer)
{
    struct sok_slot slot;
    const char *between = "";
    sok_text_add(t, "%s{", p->layers[layer].proto->name);
    for (unsigned i = 0; sok_packet_slot_at(p, layer, i, &slot); i++) {
        if (!craft_given(&p->layers[layer], &slot))
            continue;
        sok_text_add(t, "%s%s=", between, slot.row ? slot.row->name : slot.part->name);
        field_value(t, p, layer, &slot, false, true);
        between = ", ";
    }
    sok_text_add_char(t, '}');
}

void sok_packet_command(const struct sok_packet *p, unsigned first, struct sok_text *out)
{
    for (unsigned i = first; i < p->count; i++) {
        sok_text_add_str(out, i > first ? "/" : "");
        command_layer(out, p, i);
    }
}
