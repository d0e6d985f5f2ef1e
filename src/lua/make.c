// Making packets: protocols as values (IP, TCP), their calls (IP{ttl=3}, Ether(bytes)), and what operators do.
#include <string.h>
#include <strings.h>
#include "lua/packet.h"

#define PROTO_META "sockeye.proto"

const struct sok_proto *sok_lua_to_proto(lua_State *L, int idx)
{
    const struct sok_proto **p = luaL_testudata(L, idx, PROTO_META);
    return p ? *p : NULL;
}

// Nobody goes by this name; the right one, when it is only written otherwise.
static int no_proto(lua_State *L, const char *name)
{
    const struct sok_proto *proto;
    for (unsigned i = 0; (proto = sok_book_at(sok_lua_book(L), i)) != NULL; i++)
        if (strcasecmp(proto->name, name) == 0)
            return sok_lua_error(L, "unknown protocol: %s (there is %s)", name, proto->name);
    return sok_lua_error(L, "unknown protocol: %s (ls() tells which there are)", name);
}

const struct sok_proto *sok_lua_check_proto(lua_State *L, int idx)
{
    const struct sok_proto *proto = sok_lua_to_proto(L, idx);
    if (proto)
        return proto;
    if (lua_type(L, idx) != LUA_TSTRING)
        sok_lua_error(
            L, "a protocol is wanted here (TCP, or its name), not a %s", luaL_typename(L, idx));
    proto = sok_book_find(sok_lua_book(L), lua_tostring(L, idx));
    if (!proto)
        no_proto(L, lua_tostring(L, idx));
    return proto;
}

static const char *field_name(const struct sok_slot *slot)
{
    return slot->row ? slot->row->name : slot->part->name;
}

// Sets the fields that the table at 2 has, in the order of the wire: what a header's layout depends on comes first.
// Gives how many there were.
static unsigned set_known(lua_State *L, struct sok_packet *p)
{
    struct sok_slot slot;
    unsigned found = 0;
    for (unsigned i = 0; sok_packet_slot_at(p, 0, i, &slot); i++) {
        if (lua_getfield(L, 2, field_name(&slot)) != LUA_TNIL) {
            sok_lua_set_field(L, p, 0, &slot, lua_gettop(L));
            found++;
        }
        lua_pop(L, 1);
    }
    return found;
}

// A name that is no field; or one of a layout that is not this header's, until its type is known.
static void set_others(lua_State *L, struct sok_packet *p)
{
    struct sok_slot slot;
    struct sok_craft_error e = {""};
    for (lua_pushnil(L); lua_next(L, 2); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING)
            sok_lua_error(L, "%s{...} has fields by name: %s{NAME=VALUE}, not by place",
                sok_packet_layer(p, 0)->name, sok_packet_layer(p, 0)->name);
        const char *name = lua_tostring(L, -2);
        if (!sok_packet_slot(p, 0, name, &slot)) {
            sok_packet_no_slot(p, 0, name, &e);
            sok_lua_error(L, "%s", e.text);
        }
        if (!sok_packet_is_set(p, 0, &slot))
            sok_lua_set_field(L, p, 0, &slot, lua_gettop(L));
    }
}

static unsigned table_count(lua_State *L, int idx)
{
    unsigned n = 0;
    for (lua_pushnil(L); lua_next(L, idx); lua_pop(L, 1))
        n++;
    return n;
}

// The common way: every name of the table is a field at its place.
static bool set_quickly(lua_State *L, struct sok_packet *p, int slots)
{
    for (lua_pushnil(L); lua_next(L, 2); lua_pop(L, 1)) {
        lua_pushvalue(L, -2);
        lua_rawget(L, slots);
        const struct sok_slot *slot = lua_touserdata(L, -1);
        lua_pop(L, 1);
        if (!slot || lua_type(L, -2) != LUA_TSTRING) {
            lua_pop(L, 2);
            return false;
        }
        sok_lua_set_field(L, p, 0, slot, lua_gettop(L));
    }
    return true;
}

static int dissect(lua_State *L, const struct sok_proto *proto)
{
    size_t len;
    struct sok_packet *p;
    const char *bytes = lua_tolstring(L, 2, &len);
    if (sok_packet_dissect(sok_lua_book(L), proto, (const uint8_t *)bytes, len, &p) != 0)
        return sok_lua_error(L, "no memory for a packet");
    sok_lua_push_packet(L, p, 0);
    return 1;
}

static int proto_call(lua_State *L)
{
    const struct sok_proto *proto = sok_lua_to_proto(L, 1);
    if (lua_type(L, 2) == LUA_TSTRING)
        return dissect(L, proto);
    if (!lua_isnoneornil(L, 2) && !lua_istable(L, 2))
        return sok_lua_error(L, "%s wants its fields, %s{NAME=VALUE}, or bytes, not a %s",
            proto->name, proto->name, luaL_typename(L, 2));
    lua_settop(L, 2);
    struct sok_packet *p = sok_packet_new(sok_lua_book(L));
    if (p && sok_packet_push(p, proto) < 0) {
        sok_packet_free(p);
        p = NULL;
    }
    sok_lua_push_packet(L, p, 0);
    if (lua_isnil(L, 2))
        return 1;
    if (!proto->view &&
        proto->part_count < 2) { // a part may depend on rows that the table has, too
        sok_lua_push_slots_of(L, 3);
        bool done = set_quickly(L, p, 4);
        lua_settop(L, 3);
        if (done)
            return 1;
    }
    if (set_known(L, p) < table_count(L, 2))
        set_others(L, p);
    return 1;
}

static int proto_text(lua_State *L)
{
    lua_pushstring(L, sok_lua_to_proto(L, 1)->name);
    return 1;
}

static int proto_index(lua_State *L)
{
    const struct sok_proto *proto = sok_lua_to_proto(L, 1);
    const char *name = luaL_checkstring(L, 2);
    if (strcmp(name, "name") == 0)
        lua_pushstring(L, proto->name);
    else if (strcmp(name, "title") == 0)
        lua_pushstring(L, proto->title);
    else
        return sok_lua_error(L,
            "%s.%s: a protocol alone has no values; %s{} is a header with defaults, ls(%s) its "
            "fields",
            proto->name, name, proto->name, proto->name);
    return 1;
}

void sok_lua_push_proto(lua_State *L, const struct sok_proto *proto)
{
    const struct sok_proto **p = lua_newuserdatauv(L, sizeof(*p), 0); // NOLINT
    *p = proto;
    luaL_setmetatable(L, PROTO_META);
}

void sok_lua_add_protocol(lua_State *L, const struct sok_proto *proto)
{
    sok_lua_push_proto(L, proto);
    lua_setglobal(L, proto->name);
}

void sok_lua_open_packets(lua_State *L)
{
    static const luaL_Reg meta[] = {{"__call", proto_call}, {"__tostring", proto_text},
        {"__index", proto_index}, {"__div", sok_lua_view_div}, {NULL, NULL}};
    const struct sok_proto *proto;
    luaL_newmetatable(L, PROTO_META);
    luaL_setfuncs(L, meta, 0);
    lua_pushboolean(L, false);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
    for (unsigned i = 0; (proto = sok_book_at(sok_lua_book(L), i)); i++)
        sok_lua_add_protocol(L, proto);
}

// ---- operators ----

// a / b: a packet of its own, neither is changed.
int sok_lua_view_div(lua_State *L)
{
    unsigned first, upper;
    sok_lua_push_whole(L, 2);
    const struct sok_packet *b = sok_lua_check_packet(L, -1, &upper);
    struct sok_lua_view *v = sok_lua_to_view(L, 1);
    struct sok_packet *p;
    if (v && v->layer == 0) {
        p = sok_packet_copy(sok_lua_check_packet(L, 1, &first));
    } else {
        sok_lua_push_whole(L, 1);
        p = sok_packet_copy(sok_lua_check_packet(L, -1, &first));
    }
    if (p && sok_packet_join(p, b, upper) != 0) {
        sok_packet_free(p);
        return sok_lua_error(L, "more than %d layers", SOK_CRAFT_LAYERS_MAX);
    }
    sok_lua_push_packet(L, p, 0);
    return 1;
}

int sok_lua_view_eq(lua_State *L)
{
    if (!sok_lua_to_view(L, 1) || !sok_lua_to_view(L, 2)) {
        lua_pushboolean(L, false);
        return 1;
    }
    unsigned first;
    sok_lua_push_whole(L, 1);
    sok_lua_push_whole(L, 2);
    lua_pushboolean(L,
        sok_packet_equal(sok_lua_check_packet(L, -2, &first), sok_lua_check_packet(L, -1, &first)));
    return 1;
}

int sok_lua_view_len(lua_State *L)
{
    size_t len;
    sok_lua_build(L, 1, &len);
    lua_pushinteger(L, (lua_Integer)len);
    return 1;
}

static void write_command(const void *ctx, struct sok_text *out)
{
    const struct sok_lua_view *v = ctx;
    sok_packet_command(v->box->packet, v->layer, out);
}

int sok_lua_view_text(lua_State *L)
{
    sok_lua_push_text(L, write_command, sok_lua_check_view(L, 1));
    return 1;
}

// ---- the packets that a value means ----

// The element whose turn it is, on the stack; false: there is none.
static bool push_element(lua_State *L, struct sok_lua_each *each)
{
    if (!lua_istable(L, each->idx)) {
        if (each->at++ > 0)
            return false;
        sok_lua_push_whole(L, each->idx);
        return true;
    }
    if (lua_geti(L, each->idx, ++each->at) == LUA_TNIL) {
        lua_pop(L, 1);
        return false;
    }
    sok_lua_push_whole(L, lua_gettop(L));
    lua_remove(L, -2);
    return true;
}

void sok_lua_each_begin(lua_State *L, int idx, struct sok_lua_each *each)
{
    *each = (struct sok_lua_each){.idx = lua_absindex(L, idx)};
    if (!lua_istable(L, idx) && lua_type(L, idx) != LUA_TSTRING && !sok_lua_to_proto(L, idx))
        sok_lua_check_view(L, idx);
}

// With several packets in one element it is looked up again for each of them: at most a list's index.
bool sok_lua_each_next(lua_State *L, struct sok_lua_each *each)
{
    unsigned first;
    if (each->i < each->count)
        each->at--;
    if (!push_element(L, each))
        return false;
    const struct sok_packet *p = sok_lua_check_packet(L, -1, &first);
    if (each->i >= each->count) {
        each->i = 0;
        each->count = sok_packet_expand_count(p);
    }
    if (sok_packet_has_sets(p)) {
        sok_lua_push_packet(L, sok_packet_expand(p, each->i), 0);
        lua_remove(L, -2);
    }
    each->i++;
    return true;
}

uint64_t sok_lua_each_count(lua_State *L, int idx)
{
    struct sok_lua_each each;
    uint64_t sum = 0;
    unsigned first;
    for (sok_lua_each_begin(L, idx, &each); push_element(L, &each); lua_pop(L, 1)) {
        uint64_t n = sok_packet_expand_count(sok_lua_check_packet(L, -1, &first));
        sum = sum + n < sum ? UINT64_MAX : sum + n;
    }
    return sum;
}

bool sok_lua_each_draws(lua_State *L, int idx)
{
    struct sok_lua_each each;
    unsigned first;
    bool draws = false;
    for (sok_lua_each_begin(L, idx, &each); push_element(L, &each); lua_pop(L, 1))
        draws = draws || sok_packet_has_sets(sok_lua_check_packet(L, -1, &first));
    return draws;
}
