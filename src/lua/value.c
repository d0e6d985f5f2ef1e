// Lua's values into a packet's and back: numbers, text, lists, packets.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "lua/packet.h"

#define VALUE_DEPTH_MAX 8
#define VALUE_LIST_MAX  65536
#define TEXTS           1024
#define ITEMS_SMALL     4096
#define ITEMS_MAX       (8u << 20)

// ---- into items ----

static void list_item(
    lua_State *L, int idx, const char *what, unsigned depth, struct sok_item *out);

static void number_item(lua_State *L, int idx, const char *what, struct sok_item *out)
{
    int whole;
    lua_Integer v = lua_tointegerx(L, idx, &whole);
    if (!whole)
        sok_lua_error(L, "%s: %f is no whole number", what, lua_tonumber(L, idx));
    if (v < 0)
        sok_lua_error(L, "%s: %I is negative", what, v);
    *out = sok_item_number((uint64_t)v);
}

static void packet_item(lua_State *L, int idx, struct sok_item *out)
{
    size_t len;
    const struct sok_lua_view *v = sok_lua_check_view(L, idx);
    const uint8_t *bytes = sok_lua_build(L, idx, &len);
    uint8_t *kept = lua_newuserdatauv(L, len ? len : 1, 0);
    memcpy(kept, bytes, len);
    *out = sok_item_packet(v->proto, kept, len);
}

static void to_item(lua_State *L, int idx, const char *what, unsigned depth, struct sok_item *out)
{
    size_t len;
    const char *text;
    switch (lua_type(L, idx)) {
    case LUA_TNIL:
        *out = (struct sok_item){.type = SOK_ITEM_NONE};
        return;
    case LUA_TBOOLEAN:
        *out = sok_item_number((uint64_t)lua_toboolean(L, idx));
        return;
    case LUA_TNUMBER:
        number_item(L, idx, what, out);
        return;
    case LUA_TSTRING:
        text = lua_tolstring(L, idx, &len);
        *out = sok_item_bytes(text, len);
        return;
    case LUA_TTABLE:
        if (depth > 0 && sok_lua_is_random(L, idx)) {
            sok_lua_random_push(L, idx);
            to_item(L, lua_gettop(L), what, depth, out);
            return;
        }
        list_item(L, idx, what, depth, out);
        return;
    default:
        if (sok_lua_to_view(L, idx))
            packet_item(L, idx, out);
        else
            sok_lua_error(L, "%s: a %s is no value", what, luaL_typename(L, idx));
    }
}

// The items lie in a userdata on the stack; what they refer to is kept by the table or by the stack.
static void list_item(lua_State *L, int idx, const char *what, unsigned depth, struct sok_item *out)
{
    size_t count = lua_rawlen(L, idx);
    if (depth == VALUE_DEPTH_MAX)
        sok_lua_error(L, "%s: lists in lists, more than %d deep", what, VALUE_DEPTH_MAX);
    if (count > VALUE_LIST_MAX)
        sok_lua_error(L, "%s: a list of more than %d", what, VALUE_LIST_MAX);
    lua_pushnil(L);
    while (lua_next(L, idx)) {
        if (lua_type(L, -2) != LUA_TNUMBER)
            sok_lua_error(
                L, "%s: a list has no names, but '%s'", what, luaL_tolstring(L, -2, NULL));
        lua_pop(L, 1);
    }
    luaL_checkstack(L, 8, what);
    struct sok_item *items = lua_newuserdatauv(L, (count + 1) * sizeof(*items), 0);
    for (size_t i = 0; i < count; i++) {
        luaL_checkstack(L, 8, what); // those before may have kept any number
        lua_rawgeti(L, idx, (lua_Integer)i + 1);
        to_item(L, lua_gettop(L), what, depth + 1, &items[i]);
    }
    *out = sok_item_list(items, count);
}

void sok_lua_to_item(lua_State *L, int idx, const char *what, struct sok_item *out)
{
    to_item(L, lua_absindex(L, idx), what, 0, out);
}

void sok_lua_set_field(
    lua_State *L, struct sok_packet *p, unsigned layer, const struct sok_slot *slot, int idx)
{
    char what[96], text[400];
    int top = lua_gettop(L);
    struct sok_item item;
    struct sok_craft_error e = {""};
    snprintf(what, sizeof(what), "%s.%s", sok_packet_layer(p, layer)->name,
        slot->row ? slot->row->name : slot->part->name);
    if (slot->row && slot->row->as == SOK_AS_FIXED && lua_type(L, idx) == LUA_TNUMBER &&
        !lua_isinteger(L, idx) && lua_tonumber(L, idx) >= 0) { // with its fraction, as text
        snprintf(text, sizeof(text), "%.12f", lua_tonumber(L, idx));
        item = sok_item_text(text);
    } else {
        sok_lua_to_item(L, idx, what, &item);
    }
    // Four or sixteen letters would be taken as an address's bytes.
    if (item.type == SOK_ITEM_BYTES && slot->row && item.count == slot->row->bits / 8u)
        (void)sok_lua_resolve(L, slot->row, what, &item);
    int rc = sok_packet_set(p, layer, slot, &item, &e);
    if (rc != 0 && sok_lua_resolve(L, slot->row, what, &item))
        rc = sok_packet_set(p, layer, slot, &item, &e);
    if (rc != 0)
        sok_lua_error(L, "%s", e.text[0] ? e.text : "no memory for this");
    if (item.type == SOK_ITEM_LIST && sok_lua_is_random(L, idx) &&
        sok_packet_draw(p, layer, slot, sok_lua_random_bits(L)) != 0)
        sok_lua_error(L, "no memory for this");
    lua_settop(L, top);
}

// ---- out of items ----

void sok_lua_push_item(lua_State *L, const struct sok_item *item)
{
    struct sok_packet *p;
    switch (item->type) {
    case SOK_ITEM_NUMBER:
        lua_pushinteger(L, (lua_Integer)item->number);
        return;
    case SOK_ITEM_BYTES:
        lua_pushlstring(L, (const char *)item->bytes, item->count);
        return;
    case SOK_ITEM_LIST:
        luaL_checkstack(L, 8, "lists in lists"); // for what is in it, too
        lua_createtable(L, (int)item->count, 0);
        for (uint32_t i = 0; i < item->count; i++) {
            sok_lua_push_item(L, &item->list[i]);
            lua_rawseti(L, -2, (lua_Integer)i + 1);
        }
        return;
    case SOK_ITEM_PACKET:
        if (sok_packet_dissect(sok_lua_book(L), item->proto, item->bytes, item->count, &p) != 0)
            sok_lua_error(L, "no memory for a packet");
        sok_lua_push_packet(L, p, 0);
        return;
    default:
        lua_pushnil(L);
    }
}

static bool has_text(const struct sok_field *row)
{
    return row->as == SOK_AS_FLAGS || row->as == SOK_AS_IP4 || row->as == SOK_AS_IP6 ||
           row->as == SOK_AS_MAC;
}

static void push_row(lua_State *L, const struct sok_field *row, const struct sok_item *item)
{
    char text[64];
    bool none = row->as == SOK_AS_FLAGS && item->type == SOK_ITEM_NUMBER && item->number == 0;
    size_t len = has_text(row) ? sok_craft_text(row, item, false, text) : 0;
    if (len || none)
        lua_pushlstring(L, text, len);
    else // no text says it all: flags without a name, an address of another length (BOOTP.chaddr)
        sok_lua_push_item(L, item);
}

// ---- texts that come again and again: addresses and flags ----

// Of the last value that fell into each place, the row and the number that it was, and in the list of the registry its text.
struct sok_lua_texts {
    struct {
        const struct sok_field *row;
        uint64_t value;
    } places[TEXTS];
    int list; // its place in the registry
};

void sok_lua_open_values(lua_State *L)
{
    struct sok_lua_texts *texts = lua_newuserdatauv(L, sizeof(*texts), 0);
    memset(texts, 0, sizeof(*texts));
    sok_lua_state(L)->texts = texts;
    lua_rawsetp(L, LUA_REGISTRYINDEX, texts);
    lua_createtable(L, TEXTS, 0);
    texts->list = luaL_ref(L, LUA_REGISTRYINDEX);
}

static void push_text(
    lua_State *L, const struct sok_field *row, uint64_t v, const struct sok_item *item)
{
    struct sok_lua_texts *texts = sok_lua_state(L)->texts;
    unsigned at = (unsigned)((v ^ (uintptr_t)row) * 0x9e3779b97f4a7c15u >> 48) % TEXTS;
    lua_rawgeti(L, LUA_REGISTRYINDEX, texts->list);
    if (texts->places[at].row == row && texts->places[at].value == v) {
        lua_rawgeti(L, -1, at + 1);
    } else {
        texts->places[at].row = NULL; // until its text is there: no memory is an error, too
        push_row(L, row, item);
        lua_pushvalue(L, -1);
        lua_rawseti(L, -3, at + 1);
        texts->places[at].row = row;
        texts->places[at].value = v;
    }
    lua_replace(L, -2);
}

// The value of a part may want room: more and more, up to a limit.
static void push_large(
    lua_State *L, const struct sok_packet *p, unsigned layer, const struct sok_slot *slot)
{
    for (size_t size = 16 * ITEMS_SMALL; size <= ITEMS_MAX; size *= 8) {
        struct sok_item item;
        struct sok_items room = sok_items(lua_newuserdatauv(L, size, 0), size);
        if (sok_packet_get(p, layer, slot, &room, &item) == 0) {
            sok_lua_push_item(L, &item);
            lua_remove(L, -2);
            return;
        }
        lua_pop(L, 1);
    }
    sok_lua_error(L, "a value that is too large");
}

static void push_number(lua_State *L, const struct sok_field *row, uint64_t v)
{
    struct sok_item item = sok_item_number(v);
    if (row->as == SOK_AS_FLAGS || row->as == SOK_AS_IP4)
        push_text(L, row, v, &item);
    else if (row->as == SOK_AS_FIXED)
        lua_pushnumber(L, (lua_Number)v / (lua_Number)((uint64_t)1 << row->bits / 2));
    else
        lua_pushinteger(L, (lua_Integer)v);
}

static void push_bytes(lua_State *L, const struct sok_field *row, const struct sok_item *item)
{
    bool mac = row->as == SOK_AS_MAC && item->type == SOK_ITEM_BYTES && item->count == 6;
    if (mac)
        push_text(
            L, row, (uint64_t)sok_get16(item->bytes) << 32 | sok_get32(item->bytes + 2), item);
    else
        push_row(L, row, item);
}

static void push_other(
    lua_State *L, const struct sok_packet *p, unsigned layer, const struct sok_slot *slot)
{
    _Alignas(struct sok_item) uint8_t memory[ITEMS_SMALL];
    struct sok_item item;
    struct sok_items room = sok_items(memory, sizeof(memory));
    if (sok_packet_get(p, layer, slot, &room, &item) != 0)
        push_large(L, p, layer, slot);
    else if (slot->row)
        push_bytes(L, slot->row, &item);
    else
        sok_lua_push_item(L, &item);
}

void sok_lua_push_fixed(lua_State *L, const uint8_t *fixed, const struct sok_field *row)
{
    struct sok_item item;
    if (!row->bytes) {
        push_number(L, row, sok_field_get(row, fixed));
        return;
    }
    item = sok_item_bytes(fixed + row->bit / 8, row->bits / 8);
    push_bytes(L, row, &item);
}

void sok_lua_push_field(
    lua_State *L, const struct sok_packet *p, unsigned layer, const struct sok_slot *slot)
{
    uint64_t v;
    if (!slot->row || slot->row->bytes)
        push_other(L, p, layer, slot);
    else if (sok_packet_number(p, layer, slot, &v))
        push_number(L, slot->row, v);
    else
        lua_pushnil(L);
}

// ---- text ----

void sok_lua_push_text(
    lua_State *L, void (*write)(const void *ctx, struct sok_text *out), const void *ctx)
{
    char small[2048];
    struct sok_text t = sok_text(small, sizeof(small));
    write(ctx, &t);
    if (t.used < sizeof(small)) {
        lua_pushlstring(L, small, t.used);
        return;
    }
    size_t size = t.used + 1;
    char *large = lua_newuserdatauv(L, size, 0);
    t = sok_text(large, size);
    write(ctx, &t);
    lua_pushlstring(L, large, t.used < size ? t.used : size - 1);
    lua_remove(L, -2);
}
