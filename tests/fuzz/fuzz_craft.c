// Any bytes as a packet of any protocol: taken apart, read field by field, shown, compared, made again. What comes
// out is what went in; with everything that follows from the rest computed again it still is a packet.
// The first byte says which protocol the others begin with.
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "craft/packet.h"
#include "tests/fuzz/must.h"

#define ROOM     4096
#define TEXT_MAX (8 << 20)
#define DEEP     6

static struct sok_book *the_book(void)
{
    static struct sok_book *book;
    if (!book) {
        struct sok_mem mem = sok_mem_libc();
        book = sok_book_new(&mem);
    }
    must(book);
    return book;
}

static const struct sok_proto *pick(unsigned n, unsigned *index)
{
    unsigned count = 0;
    while (sok_book_at(the_book(), count))
        count++;
    *index = n % count;
    return sok_book_at(the_book(), *index);
}

// What a protocol binds to, or any.
static const struct sok_proto *above(const struct sok_proto *under, uint64_t n)
{
    const struct sok_proto *proto;
    for (unsigned i = 0; (proto = sok_book_at(the_book(), i)); i++) {
        for (unsigned k = 0; k < proto->bind_count; k++) {
            if (proto->binds[k].under == under && n-- % 7 == 0)
                return proto;
        }
    }
    return NULL;
}

// A stack of headers with random values.
size_t fuzz_sample(uint64_t seed, uint8_t *out, size_t room)
{
    struct sok_packet *p = sok_packet_new(the_book());
    unsigned index;
    const struct sok_proto *proto = pick((unsigned)(seed % 5 ? seed % 3 : seed), &index);
    must(p);
    out[0] = (uint8_t)index;
    for (unsigned i = 0; i < DEEP && proto; i++) {
        must(sok_packet_push(p, proto) >= 0);
        proto = above(proto, seed >> 8 * i);
    }
    if (seed & 1)
        must(sok_packet_push_bytes(p, "payload", 7) >= 0);
    if (seed >> 1 & 1)
        sok_packet_fuzz(p, seed);
    int len = sok_packet_build(p, 0, NULL, out + 1, room - 1);
    must(len >= 0 && len + 1 <= (int)room);
    sok_packet_free(p);
    return (size_t)len + 1;
}

static void read_fields(const struct sok_packet *p)
{
    alignas(struct sok_item) static uint8_t memory[1 << 20];
    struct sok_slot slot, again;
    struct sok_item item;
    char text[64];
    for (unsigned i = 0; i < sok_packet_count(p); i++) {
        for (unsigned k = 0; sok_packet_slot_at(p, i, k, &slot); k++) {
            struct sok_items items = sok_items(memory, sizeof memory);
            must(sok_packet_get(p, i, &slot, &items, &item) == 0);
            if (item.type == SOK_ITEM_BYTES)
                touch(item.bytes, item.count);
            if (slot.row)
                must(sok_craft_text(slot.row, &item, true, text) < sizeof text);
            must(sok_packet_slot(p, i, slot.row ? slot.row->name : slot.part->name, &again));
        }
    }
}

// A text has the length it says, whatever the room.
static void check_texts(const struct sok_packet *p, size_t n)
{
    static char text[TEXT_MAX];
    struct sok_text t[4], none[4];
    for (unsigned i = 0; i < 4; i++) {
        t[i] = sok_text(text, sizeof text);
        none[i] = sok_text(NULL, 0);
        struct sok_text *both[] = {&t[i], &none[i]};
        for (unsigned k = 0; k < 2; k++) {
            if (i == 0)
                sok_packet_show(p, 0, n % 2, both[k]);
            else if (i == 1)
                sok_packet_summary(p, 0, both[k]);
            else if (i == 2)
                sok_packet_command(p, 0, both[k]);
            else
                sok_packet_json(p, 0, n % 2, both[k]);
        }
        must(t[i].used == none[i].used);
        must(t[i].used < sizeof text && strlen(text) == t[i].used);
    }
}

// Fields as they were read are given again: nothing is refused that could be read as more than bytes.
static void give_again(struct sok_packet *p)
{
    alignas(struct sok_item) static uint8_t memory[1 << 20];
    struct sok_slot slot;
    struct sok_item item;
    struct sok_craft_error e;
    for (unsigned i = 0; i < sok_packet_count(p); i++) {
        for (unsigned k = 0; sok_packet_slot_at(p, i, k, &slot); k++) {
            struct sok_items items = sok_items(memory, sizeof memory);
            must(sok_packet_get(p, i, &slot, &items, &item) == 0);
            char text[64];
            // A number with a fraction is given as text; a number alone is a whole one.
            if (slot.row && slot.row->as == SOK_AS_FIXED && item.type == SOK_ITEM_NUMBER)
                item = sok_item_bytes(text, sok_craft_text(slot.row, &item, false, text));
            int err = item.type == SOK_ITEM_NONE ? 0 : sok_packet_set(p, i, &slot, &item, &e);
            must(err == 0 || slot.part);
            must(err == 0 || strlen(e.text) > 0);
        }
    }
}

static void unset_all(struct sok_packet *p)
{
    struct sok_slot slot;
    for (unsigned i = 0; i < sok_packet_count(p); i++) {
        for (unsigned k = 0; sok_packet_slot_at(p, i, k, &slot); k++)
            if (slot.row && slot.row->how != SOK_FIELD_SET)
                sok_packet_unset(p, i, &slot);
    }
}

// In memory whose end is watched, as a whole and from its second layer on.
static void build_exactly(const struct sok_packet *p)
{
    for (unsigned first = 0; first < 2; first++) {
        int len = sok_packet_build(p, first, NULL, NULL, 0);
        uint8_t *out = malloc(len > 0 ? (size_t)len : 1);
        must(out && len >= 0);
        int built = sok_packet_build(p, first, NULL, out, (size_t)len);
        must(built == len || built == SOK_EMSGSIZE); // a length may have no room in its field
        if (built == len)
            touch(out, (size_t)len);
        free(out);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t out[SOK_CRAFT_PACKET_MAX + 1];
    struct sok_packet *p, *copy;
    unsigned index;
    if (size < 1 || size > ROOM)
        return 0;
    const struct sok_proto *first = pick(data[0], &index);
    data++, size--;
    must(sok_packet_dissect(the_book(), first, data, size, &p) == 0);
    must(sok_packet_build(p, 0, NULL, out, sizeof out) == (int)size);
    must(size == 0 || memcmp(out, data, size) == 0);
    read_fields(p);
    check_texts(p, size);
    copy = sok_packet_copy(p);
    must(copy && sok_packet_equal(p, copy) && sok_packet_hashret(p) == sok_packet_hashret(copy));
    must(sok_packet_build(copy, 0, NULL, out, sizeof out) == (int)size);
    must(size == 0 || memcmp(out, data, size) == 0);
    (void)sok_packet_answers(p, copy);
    give_again(copy);
    unset_all(copy);
    build_exactly(copy);
    sok_packet_fuzz(copy, size);
    sok_packet_free(copy);
    sok_packet_free(p);
    return 0;
}
