// reader(FIRST, WHAT...): a function that reads the same fields out of one packet after another, all at once. Names
// are looked up once, when it is made; the bytes are taken apart in a packet that it keeps.
#include <string.h>
#include "lua/packet.h"

#define COLUMNS_MAX 240 // values of one call; Lua's functions take up to 250

// One value that it gives. The slot of a protocol whose layout depends on its contents is looked for each time.
struct column {
    const struct sok_proto *proto;
    const char *name;
    struct sok_slot slot;
};

struct reader {
    const struct sok_proto *first; // of bytes
    struct sok_packet *packet;     // they are taken apart in it; NULL: none yet, or in use
    unsigned count;
    struct column columns[];
};

static int reader_gc(lua_State *L)
{
    struct reader *r = lua_touserdata(L, 1);
    sok_packet_free(r->packet);
    r->packet = NULL;
    return 0;
}

// ---- reading ----

static int find_layer(const struct sok_packet *p, unsigned from, const struct sok_proto *proto)
{
    unsigned count = sok_packet_count(p);
    for (unsigned i = from; i < count; i++) {
        const struct sok_proto *at = sok_packet_layer(p, i);
        if (at == proto || at->family == proto)
            return (int)i;
    }
    return -1;
}

// Whether the slot found when the reader was made is this layer's.
static bool is_known(const struct column *c, const struct sok_proto *at)
{
    return c->proto == at && (c->slot.row || c->slot.part);
}

static void push_column(
    lua_State *L, const struct sok_packet *p, unsigned layer, const struct column *c)
{
    struct sok_slot slot = c->slot;
    if (is_known(c, sok_packet_layer(p, layer)) || sok_packet_slot(p, layer, c->name, &slot))
        sok_lua_push_field(L, p, layer, &slot);
    else
        lua_pushnil(L);
}

// The columns of one layer, from the i-th on; the first that is another's.
static unsigned push_layer(
    lua_State *L, const struct reader *r, const struct sok_packet *p, unsigned from, unsigned i)
{
    const struct sok_proto *proto = r->columns[i].proto;
    int layer = find_layer(p, from, proto);
    size_t len = 0;
    const uint8_t *fixed = NULL;
    if (layer >= 0 && sok_packet_layer(p, (unsigned)layer) == proto)
        fixed = sok_packet_fixed(p, (unsigned)layer, &len);
    for (; i < r->count && r->columns[i].proto == proto; i++) {
        const struct column *c = &r->columns[i];
        if (fixed && c->slot.row && sok_field_end(c->slot.row) <= len)
            sok_lua_push_fixed(L, fixed, c->slot.row);
        else if (layer >= 0)
            push_column(L, p, (unsigned)layer, c);
        else
            lua_pushnil(L);
    }
    return i;
}

static void push_columns(
    lua_State *L, const struct reader *r, const struct sok_packet *p, unsigned from)
{
    for (unsigned i = 0; i < r->count;)
        i = push_layer(L, r, p, from, i);
}

// The reader's own packet is nobody else's meanwhile: pushing may collect garbage, and then a script's finalizer may
// call the same function.
static void push_of_bytes(lua_State *L, struct reader *r)
{
    size_t len;
    const uint8_t *bytes = (const uint8_t *)lua_tolstring(L, 1, &len);
    struct sok_packet *p = r->packet ? r->packet : sok_packet_new(sok_lua_book(L));
    r->packet = NULL;
    if (!p || sok_packet_redissect(p, r->first, bytes, len) != 0) {
        sok_packet_free(p);
        sok_lua_error(L, "no memory for a packet");
    }
    push_columns(L, r, p, 0);
    sok_packet_free(r->packet);
    r->packet = p;
}

// The function itself: of bytes, or of a packet (from the layer where the view begins).
static int read_one(lua_State *L)
{
    struct reader *r = lua_touserdata(L, lua_upvalueindex(1));
    luaL_checkstack(L, (int)r->count + 8, NULL);
    if (lua_type(L, 1) == LUA_TSTRING) {
        push_of_bytes(L, r);
    } else {
        unsigned from;
        const struct sok_packet *p = sok_lua_check_packet(L, 1, &from);
        push_columns(L, r, p, from);
    }
    return (int)r->count;
}

// ---- making ----

static void add_column(lua_State *L, struct reader *r, struct column c)
{
    if (r->count == COLUMNS_MAX)
        sok_lua_error(L, "reader: more than %d values", COLUMNS_MAX);
    r->columns[r->count++] = c;
}

// A layer of this protocol as it is when nobody gave anything; on the stack, too.
static const struct sok_packet *push_fresh(lua_State *L, const struct sok_proto *proto)
{
    struct sok_packet *p = sok_packet_new(sok_lua_book(L));
    if (p && sok_packet_push(p, proto) < 0) {
        sok_packet_free(p);
        p = NULL;
    }
    sok_lua_push_packet(L, p, 0);
    return p;
}

static void add_all(lua_State *L, struct reader *r, const struct sok_proto *proto)
{
    struct sok_slot slot;
    if (proto->view)
        sok_lua_error(L,
            "reader: which fields %s has depends on its contents: name those you want (\"%s.%s\")",
            proto->name, proto->name, proto->fields[0].name);
    const struct sok_packet *p = push_fresh(L, proto);
    for (unsigned i = 0; sok_packet_slot_at(p, 0, i, &slot); i++)
        add_column(L, r,
            (struct column){
                .proto = proto, .slot = slot, .name = slot.row ? slot.row->name : slot.part->name});
    lua_pop(L, 1);
}

// "TCP.flags". The name stays where the caller's argument is: the function keeps that.
static void add_named(lua_State *L, struct reader *r, const char *what)
{
    struct column c = {0};
    struct sok_craft_error e = {""};
    const char *dot = strchr(what, '.');
    if (!dot) {
        lua_pushstring(L, what);
        add_all(L, r, sok_lua_check_proto(L, lua_gettop(L)));
        lua_pop(L, 1);
        return;
    }
    lua_pushlstring(L, what, (size_t)(dot - what));
    c.proto = sok_lua_check_proto(L, lua_gettop(L));
    c.name = dot + 1;
    const struct sok_packet *p = push_fresh(L, c.proto);
    if (!sok_packet_slot(p, 0, c.name, &c.slot)) {
        sok_packet_no_slot(p, 0, c.name, &e);
        sok_lua_error(L, "%s", e.text);
    }
    if (c.proto->view)
        c.slot = (struct sok_slot){0};
    add_column(L, r, c);
    lua_pop(L, 2);
}

static int reader(lua_State *L)
{
    int top = lua_gettop(L);
    if (top < 2)
        return sok_lua_error(L, "reader(FIRST, WHAT...): what bytes begin with, then fields "
                                "(\"TCP.flags\") or protocols");
    if (top > COLUMNS_MAX + 1) // all of them are kept beside the function
        return sok_lua_error(L, "reader: more than %d values", COLUMNS_MAX);
    const struct sok_proto *first = sok_lua_check_proto(L, 1);
    size_t size = sizeof(struct reader) + COLUMNS_MAX * sizeof(struct column);
    struct reader *r = lua_newuserdatauv(L, size, 0);
    *r = (struct reader){.first = first};
    lua_newtable(L);
    lua_pushcfunction(L, reader_gc);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    for (int i = 2; i <= top; i++) {
        const struct sok_proto *proto = sok_lua_to_proto(L, i);
        if (proto)
            add_all(L, r, proto);
        else if (lua_type(L, i) == LUA_TSTRING)
            add_named(L, r, lua_tostring(L, i));
        else
            sok_lua_error(L,
                "reader: a protocol, or the name of a field (\"TCP.flags\"), is wanted, not a %s",
                luaL_typename(L, i));
    }
    // Behind the reader the arguments, whose names it refers to.
    lua_insert(L, 1);
    lua_pushcclosure(L, read_one, top + 1);
    return 1;
}

const struct sok_lua_function sok_lua_reader_functions[] = {
    {"reader", reader, "reader(FIRST, FIELD|PROTOCOL...)",
        "a function of packets or bytes that gives these fields at once"},
    {NULL, NULL, NULL, NULL},
};
