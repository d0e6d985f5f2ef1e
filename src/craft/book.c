#include "craft/book.h"

#include <string.h>
#include "base/err.h"
#include "base/str.h"
#include "craft/internal.h"
#include "wire/registry.h"

#define SLOTS        1024 // of the table by protocol: twice what a book holds at least
#define INITIAL_MAX  4096 // bytes of one header with all its defaults
#define SHORT_TEXT   64
#define REGISTRY_MAX (SLOTS / 2 - SOK_BOOK_ADDED_MAX)
#define FOUND_MIN    256

struct sok_book {
    struct sok_mem mem;
    const struct sok_craft_world *world;
    const struct sok_proto *raw, *padding;
    unsigned added_count;
    unsigned count; // of `entries`, those of the registry first
    struct craft_entry entries[SLOTS / 2];
    uint16_t slots[SLOTS]; // by protocol: an entry's number from 1 on
    struct found *found;   // a hash table of found_room places, a power of two; NULL: no bind yet
    unsigned found_count, found_room;
    struct bound {
        const struct sok_proto *above;
        struct sok_bind bind;
    } bound[SOK_BOOK_BOUND_MAX];
    unsigned bound_count;
};

// By a bind: what comes after `under` where its row has the value. Of several the one with the lowest rank.
struct found {
    const struct sok_proto *under, *proto; // NULL: a free place
    uint64_t value;
    int32_t rank; // below 0: bound by hand
    uint16_t row;
};

const struct sok_mem *sok_book_mem(const struct sok_book *book)
{
    return &book->mem;
}

void sok_book_set_world(struct sok_book *book, const struct sok_craft_world *world)
{
    book->world = world;
}

const struct sok_craft_world *sok_book_world(const struct sok_book *book)
{
    return book->world;
}

const struct sok_proto *sok_craft_raw(const struct sok_book *book)
{
    return book->raw;
}

const struct sok_proto *sok_craft_padding(const struct sok_book *book)
{
    return book->padding;
}

// ---- entries ----

static unsigned slot_of(const struct sok_book *book, const struct sok_proto *proto)
{
    unsigned at = (unsigned)((uintptr_t)proto * 0x9e3779b97f4a7c15u >> 54) % SLOTS;
    while (book->slots[at] && book->entries[book->slots[at] - 1].proto != proto)
        at = (at + 1) % SLOTS;
    return at;
}

const struct craft_entry *sok_craft_entry(
    const struct sok_book *book, const struct sok_proto *proto)
{
    unsigned number = book->slots[slot_of(book, proto)];
    return number ? &book->entries[number - 1] : NULL;
}

// The parts' defaults behind the fixed part.
static bool put_parts(struct craft_entry *e, struct sok_sink *out)
{
    char why[SHORT_TEXT];
    for (unsigned i = 0; i < e->proto->part_count; i++) {
        const struct sok_part *part = &e->proto->parts[i];
        struct sok_text text = sok_text(why, sizeof why);
        size_t before = out->used;
        if (part->initial && part->put && !part->put(part, part->initial, out, &text))
            return false;
        if (part->initial && !part->put)
            sok_sink_put(out, part->initial->bytes, part->initial->count);
        e->parts[i] = (struct craft_piece){(uint32_t)before, (uint32_t)(out->used - before)};
    }
    return out->used <= out->size;
}

static void note_rows(struct craft_entry *e)
{
    const struct sok_proto *proto = e->proto;
    for (unsigned i = 0; i < proto->field_count; i++) {
        const struct sok_field *row = &proto->fields[i];
        if (row->how == SOK_FIELD_DERIVED)
            e->late |= (uint64_t)1 << i;
        if (row->how == SOK_FIELD_SOURCE)
            e->source |= (uint64_t)1 << i;
        if (row->how == SOK_FIELD_HOP)
            e->hop |= (uint64_t)1 << i;
        if (row->how == SOK_FIELD_TARGET || row->how == SOK_FIELD_ASKED)
            e->dst = row;
    }
}

// The default bytes of a protocol's header.
static int fill(struct sok_book *book, struct craft_entry *e, const struct sok_proto *proto)
{
    uint8_t bytes[INITIAL_MAX] = {0};
    if (proto->field_count > CRAFT_ROWS_MAX || proto->part_count > SOK_PARTS_MAX ||
        proto->hdr_len > CRAFT_FIXED_MAX)
        return SOK_EINVAL;
    *e = (struct craft_entry){.proto = proto};
    for (unsigned i = 0; i < proto->field_count; i++) {
        const struct sok_field *row = &proto->fields[i];
        if (sok_field_end(row) > proto->hdr_len && !proto->view)
            return SOK_EINVAL;
        if (!row->bytes)
            sok_field_set(row, bytes, row->initial);
        else if (row->how == SOK_FIELD_TARGET && row->bits == 128)
            bytes[row->bit / 8 + 15] = 1; // ::1
        else if (row->initial && row->bits >= 64)
            sok_put64(bytes + row->bit / 8, row->initial);
    }
    e->fixed = (uint32_t)sok_proto_fixed(proto, bytes, proto->view ? sizeof bytes : proto->hdr_len);
    struct sok_sink out = sok_sink(bytes, sizeof bytes);
    out.used = e->fixed;
    out.fixed = bytes;
    if (!put_parts(e, &out))
        return SOK_EINVAL;
    e->initial_len = (uint32_t)out.used;
    uint8_t *copy = sok_mem_alloc(&book->mem, e->initial_len + 1);
    if (!copy)
        return SOK_ENOMEM;
    memcpy(copy, bytes, e->initial_len);
    e->initial = copy;
    note_rows(e);
    return 0;
}

// Rows that say which protocol comes next are never unknown: without one they have their default.
static void note_binds(struct sok_book *book, const struct sok_proto *proto)
{
    for (unsigned i = 0; i < proto->bind_count; i++) {
        const struct sok_bind *b = &proto->binds[i];
        unsigned slot = slot_of(book, b->under), row = sok_bind_field(b);
        if (!book->slots[slot] || b->field & SOK_BIND_READ)
            continue;
        struct craft_entry *e = &book->entries[book->slots[slot] - 1];
        e->named |= (uint64_t)1 << row;
        e->late &= ~((uint64_t)1 << row);
    }
}

// ---- which header is found behind which ----

static struct found *place_of(
    struct found *among, unsigned room, const struct sok_proto *under, unsigned row, uint64_t value)
{
    uint64_t h = ((uintptr_t)under ^ value << 8 ^ row) * 0x9e3779b97f4a7c15u;
    unsigned at = (unsigned)(h >> 32) & (room - 1);
    for (;; at = (at + 1) & (room - 1)) {
        struct found *f = &among[at];
        if (!f->proto || (f->under == under && f->row == row && f->value == value))
            return f;
    }
}

static int more_places(struct sok_book *book)
{
    unsigned room = book->found_room ? 2 * book->found_room : FOUND_MIN;
    struct found *among = sok_mem_zalloc(&book->mem, room * sizeof *among);
    if (!among)
        return SOK_ENOMEM;
    for (unsigned i = 0; i < book->found_room; i++) {
        const struct found *f = &book->found[i];
        if (f->proto)
            *place_of(among, room, f->under, f->row, f->value) = *f;
    }
    sok_mem_free(&book->mem, book->found, book->found_room * sizeof *among);
    book->found = among;
    book->found_room = room;
    return 0;
}

static int note_one(
    struct sok_book *book, const struct sok_proto *proto, const struct sok_bind *b, int32_t rank)
{
    unsigned slot = slot_of(book, b->under), row = sok_bind_field(b);
    if (!book->slots[slot])
        return 0;
    if (2 * book->found_count >= book->found_room && more_places(book) != 0)
        return SOK_ENOMEM;
    struct found *f = place_of(book->found, book->found_room, b->under, row, b->value);
    book->entries[book->slots[slot] - 1].keys |= (uint64_t)1 << row;
    if (f->proto && f->rank <= rank)
        return 0;
    book->found_count += !f->proto;
    *f = (struct found){
        .under = b->under, .proto = proto, .value = b->value, .row = (uint16_t)row, .rank = rank};
    return 0;
}

// Protocols that were added come before those of the registry; of both kinds the first. What a family tells apart is
// found in the family's place.
static int note_found(struct sok_book *book, const struct sok_proto *proto, unsigned rank)
{
    int err = 0;
    if (proto->family && proto->family->variant)
        return 0;
    for (unsigned i = 0; !err && i < proto->bind_count; i++) {
        if (!(proto->binds[i].field & SOK_BIND_WRITE))
            err = note_one(book, proto, &proto->binds[i], (int32_t)rank);
    }
    return err;
}

static const struct found *find_next(
    const struct sok_book *book, const struct sok_proto *proto, const uint8_t *p, size_t header)
{
    const struct craft_entry *e = sok_craft_entry(book, proto);
    const struct found *best = NULL;
    for (uint64_t keys = e ? e->keys : 0; keys; keys &= keys - 1) {
        unsigned row = (unsigned)__builtin_ctzll(keys);
        const struct sok_field *f = &proto->fields[row];
        if (sok_field_end(f) > header)
            continue;
        const struct found *one =
            place_of(book->found, book->found_room, proto, row, sok_field_get(f, p));
        if (one->proto && (!best || one->rank < best->rank))
            best = one;
    }
    return best;
}

static int enter(struct sok_book *book, const struct sok_proto *proto)
{
    if (book->count == SLOTS / 2)
        return SOK_ENOBUFS;
    unsigned slot = slot_of(book, proto);
    if (book->slots[slot])
        return 0;
    int err = fill(book, &book->entries[book->count], proto);
    if (err)
        return err;
    book->slots[slot] = (uint16_t)++book->count;
    return 0;
}

// ---- the book ----

struct sok_book *sok_book_new(const struct sok_mem *mem)
{
    struct sok_book *book = sok_mem_zalloc(mem, sizeof *book);
    if (!book)
        return NULL;
    book->mem = *mem;
    book->raw = sok_proto_find("Raw");
    book->padding = sok_proto_find("Padding");
    const struct sok_proto *proto;
    for (unsigned i = 0; i < REGISTRY_MAX && (proto = sok_proto_at(i)); i++) {
        if (enter(book, proto) != 0) {
            sok_book_free(book);
            return NULL;
        }
    }
    for (unsigned i = 0; i < book->count; i++) {
        note_binds(book, book->entries[i].proto);
        if (note_found(book, book->entries[i].proto, SOK_BOOK_ADDED_MAX + i) != 0) {
            sok_book_free(book);
            return NULL;
        }
    }
    return book;
}

void sok_book_free(struct sok_book *book)
{
    if (!book)
        return;
    struct sok_mem mem = book->mem;
    for (unsigned i = 0; i < book->count; i++) {
        const struct craft_entry *e = &book->entries[i];
        sok_mem_free(&mem, (void *)(uintptr_t)e->initial, e->initial_len + 1);
    }
    sok_mem_free(&mem, book->found, book->found_room * sizeof *book->found);
    sok_mem_free(&mem, book, sizeof *book);
}

int sok_book_add(struct sok_book *book, const struct sok_proto *proto)
{
    if (sok_book_find(book, proto->name))
        return SOK_EINVAL;
    if (book->added_count == SOK_BOOK_ADDED_MAX)
        return SOK_ENOBUFS;
    int err = enter(book, proto);
    if (err)
        return err;
    book->added_count++;
    note_binds(book, proto);
    return note_found(book, proto, book->added_count - 1);
}

int sok_book_bind(struct sok_book *book, const struct sok_proto *under,
    const struct sok_proto *above, unsigned row, uint64_t value)
{
    struct craft_entry *e = book->slots[slot_of(book, under)]
                                ? &book->entries[book->slots[slot_of(book, under)] - 1]
                                : NULL;
    if (!e || row >= under->field_count || row >= CRAFT_ROWS_MAX || under->fields[row].bytes)
        return SOK_EINVAL;
    if (book->bound_count == SOK_BOOK_BOUND_MAX)
        return SOK_ENOBUFS;
    const struct bound one = {above, {.under = under, .field = row, .value = value}};
    const struct sok_proto *form = above->form && under == above->behind ? above->form : above;
    int err = note_one(book, form, &one.bind, -1 - (int32_t)book->bound_count);
    if (err)
        return err;
    book->bound[book->bound_count++] = one;
    e->named |= (uint64_t)1 << row;
    e->late &= ~((uint64_t)1 << row);
    return 0;
}

const struct sok_bind *sok_craft_bound(
    const struct sok_book *book, const struct sok_proto *under, const struct sok_proto *above)
{
    for (unsigned i = book->bound_count; i-- > 0;) {
        const struct bound *b = &book->bound[i];
        if (b->bind.under == under && (b->above == above || b->above == above->family))
            return &b->bind;
    }
    return NULL;
}

const struct sok_proto *sok_book_at(const struct sok_book *book, unsigned i)
{
    return i < book->count ? book->entries[i].proto : NULL;
}

const struct sok_proto *sok_book_find(const struct sok_book *book, const char *name)
{
    for (unsigned i = 0; i < book->count; i++) {
        if (sok_str_eq(book->entries[i].proto->name, name))
            return book->entries[i].proto;
    }
    return NULL;
}

const struct sok_proto *sok_book_next(const struct sok_book *book, const struct sok_proto *proto,
    const uint8_t *p, size_t header, size_t len)
{
    const struct found *found = find_next(book, proto, p, header);
    if (found && found->rank >= 0 && found->rank < SOK_BOOK_ADDED_MAX)
        return found->proto;
    bool by_hand = found && found->rank < 0;
    const struct sok_proto *next = proto->next && !by_hand ? proto->next(p, header, len) : NULL;
    if (!next && found)
        next = found->proto;
    return next && next->variant ? next->variant(p + header, len - header) : next;
}
