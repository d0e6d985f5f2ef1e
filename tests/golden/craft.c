// Packets with random values in every field, for other programs to make and to read the same:
//   craft COUNT SEED      a line of JSON each: what was given, the bytes, what is read of them; from the rows alone,
//                         so a new protocol is in it
// Every other packet keeps to values that say the truth about its layers ("sound"); the others have any.
#include <inttypes.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "craft/packet.h"
#include "wire/options.h"
#include "wire/parts.h"
#include "wire/registry.h"

#define ROOM       70000
#define DEEP       7
#define ITEMS_ROOM (1 << 18)
#define LIST_MAX   6

static uint64_t state;

static uint64_t rnd(uint64_t below)
{
    uint64_t z = state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    z ^= z >> 31;
    return below ? z % below : z;
}

static void die(const char *what)
{
    fprintf(stderr, "craft: %s\n", what);
    exit(1);
}

// ---- printing ----

static void print_packet(const struct sok_packet *p, bool given);

static void print_hex(const uint8_t *p, size_t len)
{
    putchar('"');
    for (size_t i = 0; i < len; i++)
        printf("%02x", p[i]);
    putchar('"');
}

static void print_item(const struct sok_book *book, const struct sok_item *item)
{
    struct sok_packet *p = NULL;
    switch (item->type) {
    case SOK_ITEM_NUMBER:
        printf("%" PRIu64, item->number);
        break;
    case SOK_ITEM_BYTES:
        printf("{\"hex\":");
        print_hex(item->bytes, item->count);
        putchar('}');
        break;
    case SOK_ITEM_PACKET:
        if (sok_packet_dissect(book, item->proto, item->bytes, item->count, &p) != 0)
            die("no memory");
        print_packet(p, false);
        sok_packet_free(p);
        break;
    case SOK_ITEM_LIST:
        putchar('[');
        for (uint32_t i = 0; i < item->count; i++) {
            printf(i ? "," : "");
            print_item(book, &item->list[i]);
        }
        putchar(']');
        break;
    default:
        printf("null");
    }
}

static void print_field(const struct sok_packet *p, unsigned i, const struct sok_slot *slot)
{
    alignas(struct sok_item) static uint8_t memory[DEEP][ITEMS_ROOM];
    static unsigned deep; // headers in headers
    if (deep == DEEP)
        die("headers in headers in headers");
    struct sok_items items = sok_items(memory[deep++], ITEMS_ROOM);
    struct sok_item item;
    char text[64];
    if (sok_packet_get(p, i, slot, &items, &item) != 0)
        die("a value does not fit");
    size_t len = slot->row && slot->row->as != SOK_AS_FLAGS
                     ? sok_craft_text(slot->row, &item, false, text)
                     : 0;
    printf("\"%s\":", slot->row ? slot->row->name : slot->part->name);
    if (len)
        printf("\"%s\"", text);
    else
        print_item(sok_packet_book(p), &item);
    deep--;
}

// [["IP", {"ttl": 3}], ["Raw", {"load": {"hex": "00"}}]]
static void print_packet(const struct sok_packet *p, bool given)
{
    putchar('[');
    for (unsigned i = 0; i < sok_packet_count(p); i++) {
        struct sok_slot slot;
        const char *between = "";
        printf("%s[\"%s\",{", i ? "," : "", sok_packet_layer(p, i)->name);
        for (unsigned k = 0; sok_packet_slot_at(p, i, k, &slot); k++) {
            if (given && !sok_packet_is_set(p, i, &slot))
                continue;
            printf("%s", between);
            print_field(p, i, &slot);
            between = ",";
        }
        printf("}]");
    }
    putchar(']');
}

// ---- random values ----

static uint8_t bytes_room[1 << 16];
static size_t bytes_used;

static struct sok_item some_bytes(size_t len)
{
    uint8_t *p = bytes_room + bytes_used;
    bytes_used += len;
    for (size_t i = 0; i < len; i++)
        p[i] = (uint8_t)rnd(256);
    return sok_item_bytes(p, len);
}

static uint64_t some_number(unsigned bits)
{
    uint64_t mask = bits < 64 ? ((uint64_t)1 << bits) - 1 : UINT64_MAX;
    return rnd(4) ? rnd(0) & mask : rnd(2) ? mask : rnd(2);
}

static struct sok_item some_fixed(const struct sok_field *row)
{
    char *out = (char *)bytes_room + bytes_used;
    struct sok_text t = sok_text(out, 64);
    sok_text_add_fixed(&t, some_number(row->bits), row->bits);
    bytes_used += t.used;
    return sok_item_bytes(out, t.used);
}

static struct sok_item some_row(const struct sok_field *row)
{
    if (row->as == SOK_AS_FIXED)
        return some_fixed(row);
    if (row->bytes)
        return some_bytes(row->bits / 8);
    return sok_item_number(some_number(row->bits));
}

static struct sok_item list_room[1024];
static size_t list_used;

static struct sok_item *some_list(size_t count)
{
    list_used += count;
    return list_room + list_used - count;
}

// {"MSS", 1460}, {"SAck", {1, 2, 3, 4}}
static struct sok_item some_option(const struct sok_option_kind *k)
{
    struct sok_item *two = some_list(2);
    unsigned times = k->repeats ? 1 + (unsigned)rnd(3) : 1, count = k->field_count * times;
    two[0] = sok_item_text(k->name);
    if (count == 0)
        return sok_item_list(two, 1);
    struct sok_item *values = some_list(count);
    for (unsigned i = 0; i < count; i++)
        values[i] = some_row(&k->fields[i % k->field_count]);
    two[1] = count == 1 ? values[0] : sok_item_list(values, count);
    return sok_item_list(two, 2);
}

static bool some_part(
    const struct sok_book *book, const struct sok_part *part, struct sok_item *out);

// A header of its own, with everything in it at random, as bytes.
static struct sok_item some_header(const struct sok_book *book, const struct sok_proto *proto)
{
    struct sok_packet *p = sok_packet_new(book);
    struct sok_slot slot;
    struct sok_item item;
    if (!p || sok_packet_push(p, proto) != 0)
        die("no memory");
    for (unsigned k = 0; sok_packet_slot_at(p, 0, k, &slot); k++) {
        bool names = slot.row && (strcmp(slot.row->name, "option") == 0 ||
                                     strcmp(slot.row->name, "otype") == 0);
        if (rnd(2) || names || proto->hdr_len == 1 || (slot.row && slot.row->how != SOK_FIELD_SET))
            continue;
        if (slot.part ? some_part(book, slot.part, &item) : (item = some_row(slot.row), true))
            (void)sok_packet_set(p, 0, &slot, &item, NULL);
    }
    int len = sok_packet_build(p, 0, NULL, bytes_room + bytes_used, sizeof bytes_room - bytes_used);
    item = sok_item_packet(proto, bytes_room + bytes_used, (size_t)len);
    bytes_used += (size_t)len;
    sok_packet_free(p);
    return item;
}

static struct sok_item some_options(const struct sok_book *book, const struct sok_option_table *t)
{
    unsigned count = (unsigned)rnd(LIST_MAX);
    struct sok_item *list = some_list(count);
    for (unsigned i = 0; i < count; i++) {
        if (t->protos)
            list[i] = some_header(book, t->protos((uint8_t)(1 + rnd(31))));
        else
            list[i] = some_option(&t->kinds[1 + rnd(t->count - 1)]); // not the end
    }
    return sok_item_list(list, count);
}

static struct sok_item some_address(bool v6)
{
    static char texts[256][48];
    static unsigned used;
    char *out = texts[used++ % 256];
    struct sok_item raw = some_bytes(16);
    struct sok_text t = sok_text(out, sizeof texts[0]);
    if (v6)
        sok_text_add_ip6(&t, raw.bytes);
    else
        sok_text_add_ip4(&t, sok_get32(raw.bytes));
    return sok_item_text(out);
}

static bool some_part(
    const struct sok_book *book, const struct sok_part *part, struct sok_item *out)
{
    bool v6 = part->get == sok_ip6s_get;
    if (!part->get) {
        *out = some_bytes(rnd(40));
    } else if (part->get == sok_options_get) {
        *out = some_options(book, (const struct sok_option_table *)part->more);
    } else if (part->get == sok_ip4s_get || v6) {
        unsigned count = (unsigned)rnd(4);
        struct sok_item *list = some_list(count);
        for (unsigned i = 0; i < count; i++)
            list[i] = some_address(v6);
        *out = sok_item_list(list, count);
    } else {
        return false;
    }
    return true;
}

// Options have 40 bytes at most, where the header's length counts words in four bits.
static bool too_long(const struct sok_part *part, const struct sok_item *item)
{
    char why[200];
    struct sok_sink sink = sok_sink(NULL, 0);
    struct sok_text text = sok_text(why, sizeof why);
    return part->get == sok_options_get && part->put(part, item, &sink, &text) && sink.used > 40;
}

// ---- packets ----

// What a header says about the layers around: left alone in sound packets, so that they are read as they were made.
static bool tells(const struct sok_slot *slot)
{
    static const char *const names[] = {"version", "frag", "offset", "hwtype", "ptype", "hwlen",
        "plen", "type", "msgtype", "optcode", "sport", "dport", "reserved", "nh", "htype", "hlen",
        "segleft", "routing_present", "op", "mode", "AF"};
    for (size_t i = 0; slot->row && i < SOK_COUNT_OF(names); i++) {
        if (strcmp(slot->row->name, names[i]) == 0)
            return true;
    }
    return slot->row && slot->row->how == SOK_FIELD_DERIVED;
}

// A layer whose layout depends on its type gets the type first.
static void choose_type(struct sok_packet *p, unsigned layer)
{
    struct sok_slot slot;
    unsigned count = 0;
    if (!sok_packet_layer(p, layer)->view || !sok_packet_slot(p, layer, "type", &slot) ||
        !slot.row->values)
        return;
    while (slot.row->values[count].text)
        count++;
    struct sok_item item = sok_item_number(slot.row->values[rnd(count)].value);
    (void)sok_packet_set(p, layer, &slot, &item, NULL);
}

static void fill(struct sok_packet *p, unsigned layer, bool sound)
{
    struct sok_slot slot;
    struct sok_item item;
    choose_type(p, layer);
    for (unsigned k = 0; sok_packet_slot_at(p, layer, k, &slot); k++) {
        bool type =
            slot.row && strcmp(slot.row->name, "type") == 0 && sok_packet_layer(p, layer)->view;
        bool source =
            slot.row && slot.row->how != SOK_FIELD_SET && slot.row->how != SOK_FIELD_DERIVED;
        if (type || (sound && tells(&slot)) || (!source && rnd(3) == 0))
            continue;
        if (slot.row && slot.row->how == SOK_FIELD_DERIVED && rnd(3) == 0)
            continue;
        if (slot.part)
            if (!some_part(sok_packet_book(p), slot.part, &item) || too_long(slot.part, &item))
                continue;
        if (slot.row)
            item = some_row(slot.row);
        if (slot.row && strcmp(slot.row->name, "stratum") == 0) // a layout of its own below 2
            item = sok_item_number(rnd(4));
        (void)sok_packet_set(p, layer, &slot, &item, NULL);
    }
}

// Options that are headers follow each other, and messages, by one rule: what they ask for what is next. (Those of
// neighbour discovery have lengths in units, which Scapy fills up in ways of its own.)
static bool is_option_behind(const struct sok_proto *proto, const struct sok_proto *under)
{
    return proto->next && proto->next == under->next && proto->field_count > 1 &&
           strcmp(proto->fields[1].name, "optlen") == 0 && rnd(2);
}

// What follows without a field that says so.
static const struct sok_proto *always(const struct sok_book *book, const struct sok_proto *under)
{
    static const char *const pairs[][2] = {{"Dot3", "LLC"}, {"HDLC", "PPP"}, {"EoMCW", "Ether"},
        {"RIP", "RIPEntry"}, {"RIPEntry", "RIPEntry"}};
    for (size_t i = 0; i < SOK_COUNT_OF(pairs); i++) {
        if (strcmp(under->name, pairs[i][0]) == 0)
            return sok_book_find(book, pairs[i][1]);
    }
    return NULL;
}

static const struct sok_proto *above(const struct sok_book *book, const struct sok_proto *under)
{
    const struct sok_proto *fit[64], *proto;
    unsigned count = 0;
    for (unsigned i = 0; (proto = sok_book_at(book, i)) && count < 64; i++) {
        const struct sok_proto *place = proto->family && !proto->bind_count ? proto->family : proto;
        bool fits = is_option_behind(proto, under);
        for (unsigned k = 0; k < place->bind_count; k++)
            fits = fits ||
                   (place->binds[k].under == under && !(place->binds[k].field & SOK_BIND_READ));
        if (fits)
            fit[count++] = proto;
    }
    // Most protocols are above UDP: it comes more often than one of many.
    if (strncmp(under->name, "IP", 2) == 0 && rnd(5) == 0)
        return sok_book_find(book, "UDP");
    return count ? fit[rnd(count)] : always(book, under);
}

static struct sok_packet *some_packet(const struct sok_book *book, bool sound)
{
    struct sok_packet *p = sok_packet_new(book);
    static const char *const links[] = {"CookedLinux", "CookedLinuxV2", "Loopback", "Dot3", "EoMCW",
        "HDLC", "VXLAN", "VXLAN", "VXLAN", "NTP", "RIP"};
    const char *first = rnd(2)   ? "IP"
                        : rnd(3) ? "IPv6"
                        : rnd(2) ? "Ether"
                                 : links[rnd(SOK_COUNT_OF(links))];
    const struct sok_proto *proto = sok_book_find(book, first);
    for (unsigned i = 0; p && proto && i < DEEP; i++) {
        int layer = sok_packet_push(p, proto);
        if (layer < 0)
            die("no memory");
        fill(p, (unsigned)layer, sound);
        proto = above(book, proto);
    }
    const struct sok_proto *top = p ? sok_packet_layer(p, sok_packet_count(p) - 1) : NULL;
    bool any = top && strcmp(top->name, "TCP") == 0;
    if (p && rnd(2) && (any || !sound))
        (void)sok_packet_push_bytes(p, bytes_room, rnd(30));
    return p;
}

int main(int argc, char **argv)
{
    static uint8_t out[ROOM];
    struct sok_mem mem = sok_mem_libc();
    struct sok_book *book = sok_book_new(&mem);
    if (argc != 3 || !book)
        die("COUNT SEED");
    state = strtoull(argv[2], NULL, 10) * 1000003;
    for (unsigned long i = strtoul(argv[1], NULL, 10); i > 0; i--) {
        bytes_used = list_used = 0;
        bool sound = i % 2;
        struct sok_packet *p = some_packet(book, sound), *read = NULL;
        int len = p ? sok_packet_build(p, 0, NULL, out, sizeof out) : -1;
        if (len < 0 ||
            sok_packet_dissect(book, sok_packet_layer(p, 0), out, (size_t)len, &read) != 0)
            die("a packet that cannot be built");
        printf("{\"sound\":%s,\"given\":", sound ? "true" : "false");
        print_packet(p, true);
        printf(",\"read\":");
        print_packet(read, false);
        char line[4096];
        struct sok_text text = sok_text(line, sizeof line);
        sok_packet_summary(read, 0, &text);
        printf(",\"summary\":");
        print_hex((const uint8_t *)line, strlen(line));
        printf(",\"bytes\":");
        print_hex(out, (size_t)len);
        printf("}\n");
        sok_packet_free(p);
        sok_packet_free(read);
    }
    sok_book_free(book);
    return 0;
}
