// What p:NAME() can be.
#include <stdio.h>
#include <string.h>
#include "lua/packet.h"

// ---- text: returned, or printed as Scapy prints it ----

static void write_show(const void *ctx, struct sok_text *out)
{
    const struct sok_lua_view *v = ctx;
    sok_packet_show(v->box->packet, v->layer, false, out);
}

static void write_show2(const void *ctx, struct sok_text *out)
{
    const struct sok_lua_view *v = ctx;
    sok_packet_show(v->box->packet, v->layer, true, out);
}

static void write_summary(const void *ctx, struct sok_text *out)
{
    const struct sok_lua_view *v = ctx;
    sok_packet_summary(v->box->packet, v->layer, out);
}

// {"time":SECONDS,"layers":[...]}; the time only where it is known.
static void write_json(const struct sok_lua_view *v, bool built, struct sok_text *out)
{
    int64_t ns = v->box->time_ns;
    sok_text_add_char(out, '{');
    if (ns > 0)
        sok_text_add(out, "\"time\":%lld.%09lld,", (long long)(ns / 1000000000),
            (long long)(ns % 1000000000));
    sok_text_add_str(out, "\"layers\":");
    sok_packet_json(v->box->packet, v->layer, built, out);
    sok_text_add_char(out, '}');
}

static void write_json_given(const void *ctx, struct sok_text *out)
{
    write_json(ctx, false, out);
}

static void write_json_built(const void *ctx, struct sok_text *out)
{
    write_json(ctx, true, out);
}

struct bytes {
    const uint8_t *p;
    size_t len;
};

static void write_hexdump(const void *ctx, struct sok_text *out)
{
    const struct bytes *b = ctx;
    sok_craft_hexdump(b->p, b->len, out);
}

// "###[ TCP ]###" and "  dport     = 80" in colours, line by line.
static void write_coloured_show(const char *text, size_t len)
{
    for (const char *end = text + len; text < end;) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        size_t n = stop ? (size_t)(stop - text) : (size_t)(end - text);
        const char *equal = memchr(text, '=', n);
        size_t blank = strspn(text, " |");
        if (n > blank && text[blank] == '#')
            printf("\033[1;34m%.*s\033[0m\n", (int)n, text);
        else if (equal)
            printf("\033[36m%.*s\033[0m%.*s\n", (int)(equal - text), text,
                (int)(n - (size_t)(equal - text)), equal);
        else
            printf("%.*s\n", (int)n, text);
        text += n + 1;
    }
}

// With true as argument, or {dump=true} as Scapy has it, the text is returned.
static int show_or_return(lua_State *L, bool coloured)
{
    size_t len;
    if (lua_istable(L, 2)) {
        sok_lua_options_check(L, 2, "dump");
        if (sok_lua_option_true(L, 2, "dump", false))
            return 1;
    } else if (lua_toboolean(L, 2)) {
        return 1;
    }
    const char *text = lua_tolstring(L, -1, &len);
    if (coloured && sok_lua_state(L)->colour) {
        write_coloured_show(text, len);
        return 0;
    }
    sok_lua_write(text, len);
    if (len == 0 || text[len - 1] != '\n')
        sok_lua_write("\n", 1);
    return 0;
}

static int show(lua_State *L)
{
    lua_settop(L, 2);
    sok_lua_push_text(L, write_show, sok_lua_check_view(L, 1));
    return show_or_return(L, true);
}

// Of a packet that cannot be built an error says why.
static const struct sok_lua_view *check_builds(lua_State *L)
{
    size_t len;
    (void)sok_lua_build(L, 1, &len);
    return sok_lua_check_view(L, 1);
}

static int show2(lua_State *L)
{
    lua_settop(L, 2);
    sok_lua_push_text(L, write_show2, check_builds(L));
    return show_or_return(L, true);
}

static int summary(lua_State *L)
{
    sok_lua_push_text(L, write_summary, sok_lua_check_view(L, 1));
    return 1;
}

static int json(lua_State *L)
{
    sok_lua_push_text(L, write_json_given, sok_lua_check_view(L, 1));
    return 1;
}

// As it would be sent, as show2().
static int json2(lua_State *L)
{
    sok_lua_push_text(L, write_json_built, check_builds(L));
    return 1;
}

static int hexdump(lua_State *L)
{
    struct bytes b;
    lua_settop(L, 2);
    b.p = sok_lua_build(L, 1, &b.len);
    sok_lua_push_text(L, write_hexdump, &b);
    return show_or_return(L, false);
}

static int build(lua_State *L)
{
    size_t len;
    const uint8_t *bytes = sok_lua_build(L, 1, &len);
    lua_pushlstring(L, (const char *)bytes, len);
    return 1;
}

// ---- layers ----

static int copy(lua_State *L)
{
    unsigned first;
    const struct sok_lua_view *v = sok_lua_check_view(L, 1);
    sok_lua_push_whole(L, 1);
    if (v->layer == 0)
        sok_lua_push_packet(
            L, sok_packet_copy(sok_lua_check_packet(L, -1, &first)), v->box->time_ns);
    return 1;
}

static int haslayer(lua_State *L)
{
    const struct sok_lua_view *v = sok_lua_check_view(L, 1);
    lua_pushboolean(L, sok_lua_find_layer(v, sok_lua_check_proto(L, 2), 1) >= 0);
    return 1;
}

static int getlayer(lua_State *L)
{
    const struct sok_lua_view *v = sok_lua_check_view(L, 1);
    const struct sok_proto *proto = sok_lua_check_proto(L, 2);
    lua_Integer nth = luaL_optinteger(L, 3, 1);
    int at =
        nth >= 1 && nth <= SOK_CRAFT_LAYERS_MAX ? sok_lua_find_layer(v, proto, (unsigned)nth) : -1;
    if (at < 0)
        lua_pushnil(L);
    else
        sok_lua_push_layer(L, 1, (unsigned)at);
    return 1;
}

static int layers(lua_State *L)
{
    const struct sok_lua_view *v = sok_lua_check_view(L, 1);
    lua_newtable(L);
    for (unsigned i = v->layer; i < sok_packet_count(v->box->packet); i++) {
        lua_getglobal(L, sok_packet_layer(v->box->packet, i)->name);
        lua_rawseti(L, -2, (lua_Integer)(i - v->layer) + 1);
    }
    return 1;
}

static int lastlayer(lua_State *L)
{
    const struct sok_lua_view *v = sok_lua_check_view(L, 1);
    sok_lua_push_layer(L, 1, sok_packet_count(v->box->packet) - 1);
    return 1;
}

// ---- fields ----

static const char *slot_name(const struct sok_slot *slot)
{
    return slot->row ? slot->row->name : slot->part->name;
}

// {NAME=VALUE}: those that were given, or all.
static int fields_table(lua_State *L, bool all)
{
    const struct sok_lua_view *v = sok_lua_check_view(L, 1);
    struct sok_slot slot;
    lua_newtable(L);
    for (unsigned i = 0; sok_packet_slot_at(v->box->packet, v->layer, i, &slot); i++) {
        if (!all && !sok_packet_is_set(v->box->packet, v->layer, &slot))
            continue;
        sok_lua_push_field(L, v->box->packet, v->layer, &slot);
        lua_setfield(L, -2, slot_name(&slot));
    }
    return 1;
}

static int fields(lua_State *L)
{
    return fields_table(L, true);
}

static int given(lua_State *L)
{
    return fields_table(L, false);
}

static void find_named(
    lua_State *L, const struct sok_lua_view *v, unsigned *layer, struct sok_slot *slot)
{
    const char *name = luaL_checkstring(L, 2);
    struct sok_craft_error e = {""};
    for (*layer = v->layer; *layer < sok_packet_count(v->box->packet); ++*layer)
        if (sok_packet_slot(v->box->packet, *layer, name, slot))
            return;
    sok_packet_no_slot(v->box->packet, v->layer, name, &e);
    sok_lua_error(L, "%s", e.text);
}

// p:number("flags"): the number, where p.flags is text.
static int number(lua_State *L)
{
    const struct sok_lua_view *v = sok_lua_check_view(L, 1);
    struct sok_slot slot;
    unsigned layer;
    uint64_t n;
    find_named(L, v, &layer, &slot);
    if (!slot.row || slot.row->bytes)
        return sok_lua_error(L, "%s is no number", slot_name(&slot));
    if (sok_packet_number(v->box->packet, layer, &slot, &n))
        lua_pushinteger(L, (lua_Integer)n);
    else
        lua_pushnil(L);
    return 1;
}

// p:text("dport"): "http", "SA", "192.0.2.1": what show() shows.
static int text(lua_State *L)
{
    const struct sok_lua_view *v = sok_lua_check_view(L, 1);
    _Alignas(struct sok_item) uint8_t memory[4096];
    struct sok_items room = sok_items(memory, sizeof(memory));
    struct sok_slot slot;
    struct sok_item item;
    unsigned layer;
    char out[64];
    find_named(L, v, &layer, &slot);
    size_t n = 0;
    if (slot.row && sok_packet_get(v->box->packet, layer, &slot, &room, &item) == 0 &&
        item.type != SOK_ITEM_NONE)
        n = sok_craft_text(slot.row, &item, true, out);
    if (n > 0) {
        lua_pushlstring(L, out, n);
        return 1;
    }
    sok_lua_push_field(L, v->box->packet, layer, &slot);
    luaL_tolstring(L, -1, NULL);
    return 1;
}

// ---- sets, answers ----

static int answers(lua_State *L)
{
    unsigned first;
    sok_lua_push_whole(L, 1);
    sok_lua_push_whole(L, 2);
    lua_pushboolean(L, sok_packet_answers(sok_lua_check_packet(L, -2, &first),
                           sok_lua_check_packet(L, -1, &first)));
    return 1;
}

static int list(lua_State *L)
{
    struct sok_lua_each e;
    lua_settop(L, 1);
    sok_lua_push_list(L);
    lua_Integer n = 0;
    for (sok_lua_each_begin(L, 1, &e); sok_lua_each_next(L, &e);) {
        if (n == 1000000)
            return sok_lua_error(
                L, "a set of more than a million packets: go through it with each()");
        lua_rawseti(L, 2, ++n);
    }
    return 1;
}

// With true, or {dump=true}, as argument: see show_or_return().
const struct sok_lua_function sok_lua_packet_methods[] = {
    {"show", show, "p:show([true])", "print all fields of all layers; true: return that"},
    {"show2", show2, "p:show2([true])", "as it would be sent, checksums and lengths included"},
    {"display", show, "p:display()", "the same as show()"},
    {"summary", summary, "p:summary()", "one line about it"},
    {"hexdump", hexdump, "p:hexdump([true])", "print its bytes; true: return that"},
    {"command", sok_lua_view_text, "p:command()", "what makes it"},
    {"sprintf", NULL, "p:sprintf(FORMAT)", "text with fields: \"%IP.src% {TCP:%-6s,TCP.dport%}\""},
    {"json", json, "p:json()", "its fields as JSON"},
    {"json2", json2, "p:json2()", "its fields as JSON, as it would be sent"},
    {"build", build, "p:build()", "its bytes"},
    {"copy", copy, "p:copy()", "another packet, equal"},
    {"haslayer", haslayer, "p:haslayer(TCP)", "whether it has one"},
    {"getlayer", getlayer, "p:getlayer(TCP [, NTH])", "the layer, or nil"},
    {"compress", sok_lua_view_compress, "p:compress()",
        "the same with the names in its DNS written short"},
    {"layers", layers, "p:layers()", "the protocols of all layers"},
    {"firstlayer", NULL, "p:firstlayer()", "the lowest layer"},
    {"lastlayer", lastlayer, "p:lastlayer()", "the last layer"},
    {"add_payload", NULL, "p:add_payload(Q)", "put a packet behind the last layer"},
    {"remove_payload", NULL, "p:remove_payload()", "take away what is behind this layer"},
    {"decode_payload_as", NULL, "p:decode_payload_as(DNS)",
        "read the bytes behind this layer as that"},
    {"fields", fields, "p:fields()", "a table of all fields"},
    {"given", given, "p:given()", "a table of the fields that were given"},
    {"getfieldval", NULL, "p:getfieldval(NAME)", "p[NAME]"},
    {"setfieldval", NULL, "p:setfieldval(NAME, VALUE)", "p[NAME] = VALUE"},
    {"delfieldval", NULL, "p:delfieldval(NAME)", "p[NAME] = nil: not given any more"},
    {"hide_defaults", NULL, "p:hide_defaults()", "what is as the default is not given any more"},
    {"number", number, "p:number(NAME)", "a field as a number"},
    {"flag", sok_lua_view_flag, "p:flag(\"SA\")", "whether flags are set"},
    {"text", text, "p:text(NAME)", "a field as text, by its name"},
    {"answers", answers, "p:answers(Q)", "whether it would be an answer to Q"},
    {"fragment", NULL, "p:fragment(SIZE)", "a list of fragments with at most SIZE bytes of data"},
    {"each", sok_lua_words_each, "for q in p:each() do", "the packets of a set, one by one"},
    {"list", list, "p:list()", "the packets of a set"},
    {NULL, NULL, NULL, NULL},
};

static int check_packet(lua_State *L)
{
    (void)sok_lua_check_view(L, 1);
    return 0;
}

void sok_lua_push_methods(lua_State *L)
{
    static const char key[] = "sockeye.methods";
    if (lua_getfield(L, LUA_REGISTRYINDEX, key) == LUA_TTABLE)
        return;
    lua_pop(L, 1);
    lua_newtable(L);
    sok_lua_add_rows(L, sok_lua_packet_methods, "packet", check_packet);
    lua_pushvalue(L, -1);
    lua_setfield(L, LUA_REGISTRYINDEX, key);
}
