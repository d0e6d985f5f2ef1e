// Completion of packets, protocols and lists.
#include <string.h>
#include "lua/complete.h"
#include "lua/packet.h"

static void add_fields(const struct sok_packet *p, unsigned layer, const char *typed, size_t len,
    const char *after, struct sok_lua_words *out)
{
    struct sok_slot slot;
    for (unsigned i = 0; sok_packet_slot_at(p, layer, i, &slot); i++)
        sok_lua_words_add(out, typed, len, slot.row ? slot.row->name : slot.part->name, after);
}

static void add_methods(lua_State *L, const char *typed, size_t len, struct sok_lua_words *out)
{
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1))
        if (lua_type(L, -2) == LUA_TSTRING) // the table may be anybody's
            sok_lua_words_add(out, typed, len, lua_tostring(L, -2), "(");
    lua_pop(L, 1);
}

static void add_packet(lua_State *L, const struct sok_lua_view *v, char how, const char *typed,
    size_t len, struct sok_lua_words *out)
{
    const struct sok_packet *p = v->box->packet;
    if (how == ':') {
        sok_lua_push_methods(L);
        add_methods(L, typed, len, out);
        return;
    }
    add_fields(p, v->layer, typed, len, "", out);
    for (unsigned i = v->layer + 1; i < sok_packet_count(p); i++)
        sok_lua_words_add(out, typed, len, sok_packet_layer(p, i)->name, "");
    sok_lua_words_add(out, typed, len, "payload", "");
}

bool sok_lua_complete_packet(
    lua_State *L, char how, const char *typed, size_t len, struct sok_lua_words *out)
{
    const struct sok_lua_view *v = sok_lua_to_view(L, -1);
    const struct sok_proto *proto = sok_lua_to_proto(L, -1);
    if (v && how != '{') {
        if (sok_packet_layer(v->box->packet, v->layer) == v->proto)
            add_packet(L, v, how, typed, len, out);
        return true;
    }
    if (proto && how == '{') {
        struct sok_packet *p = sok_packet_new(sok_lua_book(L));
        if (p && sok_packet_push(p, proto) >= 0)
            add_fields(p, 0, typed, len, "=", out);
        sok_packet_free(p);
        return true;
    }
    if (lua_istable(L, -1) && how == ':' && luaL_getmetafield(L, -1, "methods") == LUA_TTABLE) {
        add_methods(L, typed, len, out);
        return true;
    }
    return false;
}

// Of a packet: a layer by its name; nothing else needs to be run.
void sok_lua_complete_step(lua_State *L)
{
    const struct sok_lua_view *v = sok_lua_to_view(L, -2);
    const char *name = lua_tostring(L, -1);
    const struct sok_proto *proto = v && name ? sok_book_find(sok_lua_book(L), name) : NULL;
    int at = proto && sok_packet_layer(v->box->packet, v->layer) == v->proto
                 ? sok_lua_find_layer(v, proto, 1)
                 : -1;
    if (v && name && strcmp(name, "payload") == 0 &&
        v->layer + 1 < sok_packet_count(v->box->packet))
        at = (int)v->layer + 1;
    lua_pop(L, 1);
    if (at >= 0)
        sok_lua_push_layer(L, -1, (unsigned)at);
    else
        lua_pushnil(L);
}
