// Views of packets: made, shared, indexed, assigned to.
//
// p.NAME is, in this order: a field of the view's first layer, a method, something about the view (payload, name,
// ...), the next layer of that name, a field of a later layer. The first of them is what programs do a million
// times: a table of the protocol's metatable leads from the name to the field.
#include <stdlib.h>
#include <string.h>
#include "lua/packet.h"

#define VIEW_MAGIC 0x736f6b70u
#define UNSEEN_SIZE                                                                                \
    (16u << 20) // memory outside of Lua's sight after which it should look for garbage

// What the first view of a packet is: itself, and what it owns.
struct owner {
    struct sok_lua_view view;
    struct sok_lua_box box;
};

// Anything but a packet is smaller (a light userdata has no size), or has other bytes where it begins.
struct sok_lua_view *sok_lua_to_view(lua_State *L, int idx)
{
    struct sok_lua_view *v = lua_touserdata(L, idx);
    return v && lua_rawlen(L, idx) >= sizeof(*v) && v->magic == VIEW_MAGIC ? v : NULL;
}

// The view, its layer still where it was. When the state is closed finalizers of the script's may come after the packet's.
static struct sok_lua_view *valid(lua_State *L, struct sok_lua_view *v)
{
    if (!v->box->packet)
        sok_lua_error(L, "the packet of this %s is gone: the program ends", v->proto->name);
    if (sok_packet_layer(v->box->packet, v->layer) != v->proto)
        sok_lua_error(L, "this %s is no longer a layer of its packet", v->proto->name);
    return v;
}

// p.show() where p:show() was meant leaves a method without its packet.
static void no_view(lua_State *L, int idx)
{
    lua_Debug at;
    if (idx == 1 && lua_getstack(L, 0, &at) && lua_getinfo(L, "n", &at) && at.name &&
        strcmp(at.namewhat, "method") != 0 && strcmp(at.namewhat, "global") != 0) {
        sok_lua_push_methods(L);
        if (lua_getfield(L, -1, at.name) != LUA_TNIL)
            sok_lua_error(L, "a method is called with a colon, p:%s()", at.name);
    }
    sok_lua_error(L, "a packet is wanted here, not a %s", luaL_typename(L, idx));
}

struct sok_lua_view *sok_lua_check_view(lua_State *L, int idx)
{
    struct sok_lua_view *v = sok_lua_to_view(L, idx);
    if (!v)
        no_view(L, idx);
    return valid(L, v);
}

struct sok_packet *sok_lua_check_packet(lua_State *L, int idx, unsigned *first)
{
    struct sok_lua_view *v = sok_lua_check_view(L, idx);
    *first = v->layer;
    return v->box->packet;
}

// ---- the metatable of a protocol ----

static int view_gc(lua_State *L)
{
    struct sok_lua_view *v = sok_lua_to_view(L, 1);
    if (!v)
        return 0;
    sok_packet_free(v->box->packet);
    v->box->packet = NULL;
    v->magic = 0;
    return 0;
}

// A field of this layer, by the table of its protocol or, where the layout depends on what it contains, by name.
static const struct sok_slot *find_slot(
    lua_State *L, const struct sok_lua_view *v, int key, struct sok_slot *room)
{
    lua_pushvalue(L, key);
    lua_rawget(L, lua_upvalueindex(1));
    const struct sok_slot *known = lua_touserdata(L, -1);
    if (known)
        return known;
    if (!v->proto->view || lua_type(L, key) != LUA_TSTRING)
        return NULL;
    bool found = sok_packet_slot(v->box->packet, v->layer, lua_tostring(L, key), room);
    return found ? room : NULL;
}

// A field of a later layer: its number, or 0.
static unsigned find_later(const struct sok_lua_view *v, const char *name, struct sok_slot *out)
{
    unsigned count = sok_packet_count(v->box->packet);
    for (unsigned i = v->layer + 1; i < count; i++)
        if (sok_packet_slot(v->box->packet, i, name, out))
            return i;
    return 0;
}

static int no_field(lua_State *L, const struct sok_lua_view *v, const char *name)
{
    struct sok_craft_error e = {""};
    sok_packet_no_slot(v->box->packet, v->layer, name, &e);
    return sok_lua_error(L, "%s", e.text);
}

// The layer of this protocol from the view's on; negative: none.
static int find_layer(const struct sok_lua_view *v, const struct sok_proto *proto, unsigned nth)
{
    for (unsigned k = 1;; k++) {
        int at = sok_packet_find(v->box->packet, proto, k);
        if (at < 0)
            return -1;
        if ((unsigned)at >= v->layer && nth-- == 1)
            return at;
    }
}

int sok_lua_find_layer(const struct sok_lua_view *v, const struct sok_proto *proto, unsigned nth)
{
    return find_layer(v, proto, nth);
}

static int push_found(lua_State *L, const struct sok_lua_view *v, const struct sok_proto *proto)
{
    int at = find_layer(v, proto, 1);
    if (at < 0)
        return sok_lua_error(
            L, "this packet has no layer %s (haslayer(%s) asks)", proto->name, proto->name);
    sok_lua_push_layer(L, 1, (unsigned)at);
    return 1;
}

// What is about the view itself; false: nothing of this name.
static bool push_special(lua_State *L, const struct sok_lua_view *v, const char *name)
{
    if (strcmp(name, "payload") == 0) {
        if (v->layer + 1 < sok_packet_count(v->box->packet))
            sok_lua_push_layer(L, 1, v->layer + 1);
        else
            lua_pushnil(L);
    } else if (strcmp(name, "underlayer") == 0) {
        if (v->layer > 0)
            sok_lua_push_layer(L, 1, v->layer - 1);
        else
            lua_pushnil(L);
    } else if (strcmp(name, "name") == 0) {
        lua_pushstring(L, v->proto->name);
    } else if (strcmp(name, "time") == 0) {
        if (v->box->time_ns)
            lua_pushnumber(L, (double)v->box->time_ns / 1e9);
        else
            lua_pushnil(L);
    } else if (strcmp(name, "sniffed_on") == 0) {
        sok_lua_push_sniffed_on(L, v->box->sniffed_on);
    } else {
        return false;
    }
    return true;
}

static int index_by_value(lua_State *L, struct sok_lua_view *v)
{
    const struct sok_proto *proto = sok_lua_to_proto(L, 2);
    if (proto)
        return push_found(L, v, proto);
    if (lua_isinteger(L, 2)) {
        lua_Integer at = lua_tointeger(L, 2);
        unsigned count = sok_packet_count(v->box->packet) - v->layer;
        if (at < 1 || at > count)
            return sok_lua_error(L, "layer %I of %d", at, (int)count);
        sok_lua_push_layer(L, 1, v->layer + (unsigned)at - 1);
        return 1;
    }
    return sok_lua_error(
        L, "a packet is indexed by a protocol or a name, not by a %s", luaL_typename(L, 2));
}

static int index_otherwise(lua_State *L, struct sok_lua_view *v)
{
    struct sok_slot slot;
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(2)) != LUA_TNIL)
        return 1;
    const char *name = lua_tostring(L, 2);
    if (push_special(L, v, name))
        return 1;
    const struct sok_proto *proto = sok_book_find(sok_lua_book(L), name);
    if (proto)
        return push_found(L, v, proto);
    unsigned later = find_later(v, name, &slot);
    if (!later)
        return no_field(L, v, name);
    sok_lua_push_field(L, v->box->packet, later, &slot);
    return 1;
}

static int view_index(lua_State *L)
{
    struct sok_lua_view *v = sok_lua_check_view(L, 1);
    struct sok_slot room;
    const struct sok_slot *slot = find_slot(L, v, 2, &room);
    if (!slot)
        return lua_type(L, 2) == LUA_TSTRING ? index_otherwise(L, v) : index_by_value(L, v);
    sok_lua_push_field(L, v->box->packet, v->layer, slot);
    return 1;
}

static int set_payload(lua_State *L, const struct sok_lua_view *v)
{
    struct sok_packet *p = v->box->packet;
    int rc = 0;
    if (lua_isnil(L, 3)) {
        sok_packet_cut(p, v->layer + 1);
        return 0;
    }
    sok_lua_push_whole(L, 3); // before the cut: p.payload = p.payload.payload
    sok_packet_cut(p, v->layer + 1);
    rc = sok_packet_join(p, sok_lua_check_view(L, -1)->box->packet, 0);
    return rc == 0 ? 0 : sok_lua_error(L, "too many layers for one packet");
}

static int set_special(lua_State *L, const struct sok_lua_view *v, const char *name)
{
    struct sok_slot slot;
    if (strcmp(name, "payload") == 0)
        return set_payload(L, v);
    if (strcmp(name, "time") == 0) {
        lua_Number seconds = lua_isnil(L, 3) ? 0 : luaL_checknumber(L, 3);
        if (!(seconds >= 0 && seconds < 9e9))
            return sok_lua_error(L, "time: seconds since 1970 are wanted");
        v->box->time_ns = (int64_t)(seconds * 1e9);
        return 0;
    }
    unsigned later = find_later(v, name, &slot);
    if (!later)
        return no_field(L, v, name);
    sok_lua_set_field(L, v->box->packet, later, &slot, 3);
    return 0;
}

static int view_newindex(lua_State *L)
{
    struct sok_lua_view *v = sok_lua_check_view(L, 1);
    struct sok_slot room;
    if (lua_type(L, 2) != LUA_TSTRING)
        return sok_lua_error(L, "what is set in a packet is a field, by its name");
    const struct sok_slot *slot = find_slot(L, v, 2, &room);
    if (!slot)
        return set_special(L, v, lua_tostring(L, 2));
    sok_lua_set_field(L, v->box->packet, v->layer, slot, 3);
    return 0;
}

// Pushes the table that leads from a protocol's names to its fields; it is kept by a userdata of the slots.
static void push_slots(lua_State *L, const struct sok_packet *p, unsigned layer)
{
    struct sok_slot slot, *kept;
    unsigned count = 0;
    lua_newtable(L);
    if (sok_packet_layer(p, layer)->view)
        return;
    while (sok_packet_slot_at(p, layer, count, &slot))
        count++;
    kept = lua_newuserdatauv(L, (count + 1) * sizeof(*kept), 0);
    lua_rawsetp(L, -2, kept);
    for (unsigned i = 0; i < count && sok_packet_slot_at(p, layer, i, &kept[i]); i++) {
        lua_pushlightuserdata(L, &kept[i]);
        lua_setfield(L, -2, kept[i].row ? kept[i].row->name : kept[i].part->name);
    }
}

// Pushes the metatable for layers of this kind, making it the first time.
static void push_metatable(lua_State *L, const struct sok_packet *p, unsigned layer, bool owner)
{
    const struct sok_proto *proto = sok_packet_layer(p, layer);
    static const luaL_Reg plain[] = {{"__div", sok_lua_view_div}, {"__eq", sok_lua_view_eq},
        {"__len", sok_lua_view_len}, {"__tostring", sok_lua_view_text}, {NULL, NULL}};
    const void *key = owner ? (const void *)proto : (const void *)((const char *)proto + 1);
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, key) == LUA_TTABLE)
        return;
    lua_pop(L, 1);
    lua_newtable(L);
    luaL_setfuncs(L, plain, 0);
    if (owner) {
        lua_pushcfunction(L, view_gc);
        lua_setfield(L, -2, "__gc");
    }
    lua_pushliteral(L, "packet");
    lua_setfield(L, -2, "__name");
    lua_pushboolean(L, false);
    lua_setfield(L, -2, "__metatable");
    push_slots(L, p, layer);
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, "slots");
    sok_lua_push_methods(L);
    lua_pushvalue(L, -2);
    lua_pushvalue(L, -2);
    lua_pushcclosure(L, view_index, 2);
    lua_setfield(L, -4, "__index");
    lua_pushcclosure(L, view_newindex, 2);
    lua_setfield(L, -2, "__newindex");
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, key);
}

void sok_lua_push_slots_of(lua_State *L, int idx)
{
    lua_getmetatable(L, idx);
    lua_getfield(L, -1, "slots");
    lua_remove(L, -2);
}

// ---- pushing ----

// Lua's collector sees 32 bytes of what may be 64 KB: it is told when that has come together.
static void count_unseen(lua_State *L, size_t bytes)
{
    struct sok_lua_state *s = sok_lua_state(L);
    s->unseen += bytes;
    if (s->unseen < UNSEEN_SIZE)
        return;
    s->unseen = 0;
    lua_gc(L, LUA_GCSTEP, 0);
}

void sok_lua_push_packet(lua_State *L, struct sok_packet *packet, int64_t time_ns)
{
    if (!packet || sok_packet_count(packet) == 0 || !lua_checkstack(L, 8)) {
        bool empty = packet && sok_packet_count(packet) == 0;
        sok_packet_free(packet);
        sok_lua_error(L, empty ? "a packet without a layer" : "no memory for a packet");
    }
    count_unseen(L, 512);
    struct owner *o = lua_newuserdatauv(L, sizeof(*o), 0);
    o->box = (struct sok_lua_box){.packet = packet, .time_ns = time_ns};
    o->view = (struct sok_lua_view){
        .magic = VIEW_MAGIC, .proto = sok_packet_layer(packet, 0), .box = &o->box};
    push_metatable(L, packet, 0, true);
    lua_setmetatable(L, -2);
}

void sok_lua_push_layer(lua_State *L, int idx, unsigned layer)
{
    const struct sok_lua_view *of = sok_lua_to_view(L, idx);
    struct sok_lua_box *box = of->box;
    luaL_checkstack(L, 8, NULL);
    idx = lua_absindex(L, idx);
    struct sok_lua_view *v = lua_newuserdatauv(L, sizeof(*v), 1);
    *v = (struct sok_lua_view){.magic = VIEW_MAGIC,
        .layer = layer,
        .proto = sok_packet_layer(box->packet, layer),
        .box = box};
    if (of != &((struct owner *)(void *)((char *)box - offsetof(struct owner, box)))->view)
        lua_getiuservalue(L, idx, 1);
    else
        lua_pushvalue(L, idx);
    lua_setiuservalue(L, -2, 1);
    push_metatable(L, box->packet, layer, false);
    lua_setmetatable(L, -2);
}

void sok_lua_push_whole(lua_State *L, int idx)
{
    size_t len;
    const char *text;
    struct sok_packet *p = NULL;
    const struct sok_proto *proto = sok_lua_to_proto(L, idx);
    struct sok_lua_view *v = sok_lua_to_view(L, idx);
    int rc = 0;
    if (v && valid(L, v)->layer == 0) {
        lua_pushvalue(L, idx);
        return;
    }
    if (!v && !proto && lua_type(L, idx) != LUA_TSTRING)
        sok_lua_check_view(L, idx);
    p = sok_packet_new(sok_lua_book(L));
    if (p && v) {
        rc = sok_packet_join(p, v->box->packet, v->layer);
    } else if (p && proto) {
        rc = sok_packet_push(p, proto);
    } else if (p) {
        text = lua_tolstring(L, idx, &len);
        rc = sok_packet_push_bytes(p, text, len);
    }
    if (rc < 0) {
        sok_packet_free(p);
        p = NULL;
    }
    sok_lua_push_packet(L, p, v ? v->box->time_ns : 0);
}

const uint8_t *sok_lua_build(lua_State *L, int idx, size_t *len)
{
    struct sok_lua_state *s = sok_lua_state(L);
    const struct sok_lua_view *v = sok_lua_check_view(L, idx);
    if (!s->built && !(s->built = malloc(SOK_CRAFT_PACKET_MAX)))
        sok_lua_error(L, "no memory for a packet");
    int n = sok_packet_build(v->box->packet, v->layer, NULL, s->built, SOK_CRAFT_PACKET_MAX);
    if (n < 0) {
        struct sok_craft_error e;
        sok_packet_build_error(v->box->packet, n, &e);
        sok_lua_error(L, "%s", e.text);
    }
    *len = (size_t)n;
    return s->built;
}

struct sok_book *sok_lua_book(lua_State *L)
{
    return sok_lua_state(L)->book;
}
