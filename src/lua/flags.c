// p:flag("SA"): whether flags are there, of the first layer from here that has flags of these names.
#include "lua/packet.h"
#include "wire/value.h"

// The bits that the text names in this row; 0: it names others.
static uint64_t bits_named(const struct sok_field *row, const struct sok_item *text)
{
    uint8_t header[64] = {0};
    char why[1];
    struct sok_text t = sok_text(why, sizeof(why));
    struct sok_field alone = *row;
    alone.bit %= 8;
    if (row->as != SOK_AS_FLAGS || text->count == 0 ||
        (text->bytes[0] >= '0' && text->bytes[0] <= '9'))
        return 0;
    return sok_value_put(&alone, header, text, &t) ? sok_field_get(&alone, header) : 0;
}

static void add_known(luaL_Buffer *b, const struct sok_proto *proto, const struct sok_field *row)
{
    if (row->as != SOK_AS_FLAGS)
        return;
    luaL_addstring(b, luaL_bufflen(b) ? "; " : "");
    luaL_addstring(b, proto->name);
    for (const struct sok_value *v = row->values; v && v->text; v++) {
        luaL_addstring(b, " ");
        luaL_addstring(b, v->text);
    }
}

static int no_flag(lua_State *L, const struct sok_lua_view *v, const char *text)
{
    const struct sok_proto *proto;
    struct sok_slot slot;
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (unsigned i = v->layer; (proto = sok_packet_layer(v->box->packet, i)); i++) {
        for (unsigned k = 0; sok_packet_slot_at(v->box->packet, i, k, &slot); k++) {
            if (slot.row)
                add_known(&b, proto, slot.row);
        }
    }
    luaL_pushresult(&b);
    const char *known = lua_tostring(L, -1);
    return sok_lua_error(
        L, "'%s' is no flag of this packet%s%s", text, *known ? "; known: " : "", known);
}

int sok_lua_view_flag(lua_State *L)
{
    const struct sok_lua_view *v = sok_lua_check_view(L, 1);
    const struct sok_packet *p = v->box->packet;
    size_t len;
    const char *text = luaL_checklstring(L, 2, &len);
    struct sok_item item = sok_item_bytes(text, len);
    struct sok_slot slot;
    for (unsigned i = v->layer; i < sok_packet_count(p); i++) {
        for (unsigned k = 0; sok_packet_slot_at(p, i, k, &slot); k++) {
            uint64_t value, bits = slot.row ? bits_named(slot.row, &item) : 0;
            if (bits && sok_packet_number(p, i, &slot, &value)) {
                lua_pushboolean(L, (value & bits) == bits);
                return 1;
            }
        }
    }
    return no_flag(L, v, text);
}
