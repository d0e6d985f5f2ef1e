// Functions that need no network: what there is, bytes, fuzzing.
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "lua/packet.h"

static const char *bold(lua_State *L)
{
    return sok_lua_state(L)->colour ? "\033[1m" : "";
}

static const char *plain(lua_State *L)
{
    return sok_lua_state(L)->colour ? "\033[0m" : "";
}

static int lsc(lua_State *L)
{
    const struct sok_lua_function *f;
    for (unsigned i = 0; (f = sok_lua_function_at(i)); i++)
        printf("%s%-46s%s %s\n", bold(L), f->usage, plain(L), f->help);
    return 0;
}

// ---- ls ----

static void ls_all(lua_State *L)
{
    const struct sok_proto *proto;
    for (unsigned i = 0; (proto = sok_book_at(sok_lua_book(L), i)); i++)
        printf("%s%-28s%s %s\n", bold(L), proto->name, plain(L), proto->title);
}

// "16 bits", "4 bytes, MAC", "9 flags".
static void write_kind(const struct sok_slot *slot, struct sok_text *t)
{
    static const char *const as[] = {[SOK_AS_HEX] = ", hex",
        [SOK_AS_NAME] = ", names",
        [SOK_AS_MAC] = "MAC",
        [SOK_AS_IP4] = "IPv4",
        [SOK_AS_IP6] = "IPv6",
        [SOK_AS_TEXT] = ", text",
        [SOK_AS_FIXED] = ", with a fraction"};
    const struct sok_field *f = slot->row;
    if (!f) {
        sok_text_add_str(t, "any length");
        return;
    }
    const char *more = f->as < sizeof(as) / sizeof(as[0]) ? as[f->as] : NULL;
    bool address = more && more[0] != ',';
    if (address)
        sok_text_add_str(t, more);
    else if (f->as == SOK_AS_FLAGS)
        sok_text_add(t, "%u flags", f->bits);
    else if (f->bytes)
        sok_text_add(t, "%u bytes", f->bits / 8);
    else
        sok_text_add(t, "%u bit%s", f->bits, f->bits == 1 ? "" : "s");
    if (more && !address)
        sok_text_add_str(t, more);
}

// The value as a person writes it; "computed" where it is known at build only.
static void print_value(
    lua_State *L, const struct sok_packet *p, unsigned layer, const struct sok_slot *slot)
{
    sok_lua_push_field(L, p, layer, slot);
    if (lua_isnil(L, -1))
        printf("computed");
    else
        sok_lua_print_inline(L, -1);
    lua_pop(L, 1);
}

static void ls_layer(lua_State *L, const struct sok_packet *p, unsigned layer, bool values)
{
    const struct sok_proto *proto = sok_packet_layer(p, layer);
    struct sok_packet *fresh = sok_packet_new(sok_packet_book(p));
    struct sok_slot slot;
    if (!fresh || sok_packet_push(fresh, proto) < 0) {
        sok_packet_free(fresh);
        sok_lua_error(L, "no memory for a packet");
    }
    sok_lua_push_packet(L, fresh, 0); // Lua frees it
    for (unsigned i = 0; sok_packet_slot_at(p, layer, i, &slot); i++) {
        char kind[64];
        struct sok_text t = sok_text(kind, sizeof(kind));
        struct sok_slot default_slot;
        const char *name = slot.row ? slot.row->name : slot.part->name;
        write_kind(&slot, &t);
        printf("%s%-16s%s : %-16s = ", bold(L), name, plain(L), kind);
        if (values)
            print_value(L, p, layer, &slot);
        printf(values ? "  (" : "");
        if (sok_packet_slot(fresh, 0, name, &default_slot))
            print_value(L, fresh, 0, &default_slot);
        printf(values ? ")\n" : "\n");
    }
    lua_pop(L, 1);
}

void sok_lua_ls_protocol(lua_State *L, const struct sok_proto *proto)
{
    sok_lua_push_proto(L, proto);
    sok_lua_push_whole(L, lua_gettop(L));
    ls_layer(L, sok_lua_check_view(L, -1)->box->packet, 0, false);
    lua_pop(L, 2);
}

// Without regard to capitals.
static bool contains(const char *text, const char *part)
{
    size_t n = strlen(part);
    for (; *text; text++)
        if (strncasecmp(text, part, n) == 0)
            return true;
    return n == 0;
}

// ls("dns"): the protocols with that in their name or title; false: none.
static bool ls_like(lua_State *L, const char *part)
{
    const struct sok_proto *proto;
    bool found = false;
    for (unsigned i = 0; (proto = sok_book_at(sok_lua_book(L), i)); i++) {
        if (!contains(proto->name, part) && !contains(proto->title, part))
            continue;
        printf("%s%-28s%s %s\n", bold(L), proto->name, plain(L), proto->title);
        found = true;
    }
    return found;
}

static int ls(lua_State *L)
{
    if (lua_isnoneornil(L, 1)) {
        ls_all(L);
        return 0;
    }
    const struct sok_lua_view *v = sok_lua_to_view(L, 1);
    if (!v) {
        const char *text = lua_type(L, 1) == LUA_TSTRING ? lua_tostring(L, 1) : NULL;
        if (!text || sok_book_find(sok_lua_book(L), text) || !ls_like(L, text))
            sok_lua_ls_protocol(L, sok_lua_check_proto(L, 1));
        return 0;
    }
    v = sok_lua_check_view(L, 1);
    unsigned count = sok_packet_count(v->box->packet);
    for (unsigned i = v->layer; i < count; i++) {
        ls_layer(L, v->box->packet, i, true);
        if (i + 1 < count)
            printf("--\n");
    }
    return 0;
}

// ---- bytes ----

// Pushes the bytes of a packet, or text as it is.
static void push_bytes(lua_State *L, int idx)
{
    size_t len;
    const uint8_t *p;
    if (lua_type(L, idx) == LUA_TSTRING) {
        lua_pushvalue(L, idx);
        return;
    }
    if (sok_lua_to_proto(L, idx)) {
        sok_lua_push_whole(L, idx);
        idx = lua_gettop(L);
    }
    p = sok_lua_build(L, idx, &len);
    lua_pushlstring(L, (const char *)p, len);
}

static int bytes(lua_State *L)
{
    push_bytes(L, 1);
    return 1;
}

struct string {
    const char *p;
    size_t len;
};

static void write_hexdump(const void *ctx, struct sok_text *out)
{
    const struct string *s = ctx;
    sok_craft_hexdump((const uint8_t *)s->p, s->len, out);
}

// hexdump(X): prints; hexdump(X, true): returns the text.
static int hexdump(lua_State *L)
{
    struct string s;
    lua_settop(L, 2);
    push_bytes(L, 1);
    s.p = lua_tolstring(L, -1, &s.len);
    sok_lua_push_text(L, write_hexdump, &s);
    if (lua_toboolean(L, 2))
        return 1;
    sok_lua_write(lua_tolstring(L, -1, &s.len), lua_rawlen(L, -1));
    return 0;
}

// hex"4500..." and back: bytes as two digits each.
static int hex(lua_State *L)
{
    size_t len;
    luaL_Buffer b;
    push_bytes(L, 1);
    const unsigned char *p = (const unsigned char *)lua_tolstring(L, -1, &len);
    luaL_buffinit(L, &b);
    for (size_t i = 0; i < len; i++) {
        luaL_addchar(&b, "0123456789abcdef"[p[i] >> 4]);
        luaL_addchar(&b, "0123456789abcdef"[p[i] & 15]);
    }
    luaL_pushresult(&b);
    return 1;
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 32;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int unhex(lua_State *L)
{
    size_t len, digits = 0;
    const char *p = luaL_checklstring(L, 1, &len);
    unsigned high = 0;
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (size_t i = 0; i < len; i++) {
        if (strchr(" \n\t:", p[i]) && p[i])
            continue;
        int d = digit(p[i]);
        if (d < 0)
            return sok_lua_error(L, "unhex: '%c' is no hexadecimal digit", p[i]);
        if (digits++ % 2)
            luaL_addchar(&b, (char)(high << 4 | (unsigned)d));
        high = (unsigned)d;
    }
    if (digits % 2)
        return sok_lua_error(L, "unhex: an odd number of digits");
    luaL_pushresult(&b);
    return 1;
}

// ---- fuzz ----

// fuzz(P [, SEED]): a copy, filled. The seeds of a program that names none count from 1, so that it replays.
static int fuzz(lua_State *L)
{
    unsigned first;
    lua_settop(L, 2);
    uint64_t seed = lua_isnil(L, 2) ? ++sok_lua_state(L)->seed : (uint64_t)luaL_checkinteger(L, 2);
    sok_lua_push_whole(L, 1);
    struct sok_packet *p = sok_packet_copy(sok_lua_check_packet(L, -1, &first));
    if (p)
        sok_packet_fuzz(p, seed);
    sok_lua_push_packet(L, p, 0);
    return 1;
}

const struct sok_lua_function sok_lua_basic_functions[] = {
    {"ls", ls, "ls([PROTOCOL|PACKET|TEXT])",
        "the protocols, the fields of one and their defaults; those with TEXT in their name"},
    {"lsc", lsc, "lsc()", "these functions"},
    {"help", sok_lua_help, "help([X])",
        "about a function, a protocol, a packet, a list; where to begin"},
    {"bytes", bytes, "bytes(PACKET)", "its bytes, as it would be sent"},
    {"str", bytes, "str(PACKET)", "the same"},
    {"raw", bytes, "raw(PACKET)", "the same"},
    {"hexdump", hexdump, "hexdump(PACKET|BYTES [, true])",
        "print bytes in rows of sixteen; true: return that"},
    {"hex", hex, "hex(PACKET|BYTES)", "bytes as hexadecimal digits"},
    {"unhex", unhex, "unhex(TEXT)", "hexadecimal digits as bytes"},
    {"fuzz", fuzz, "fuzz(PACKET [, SEED])", "a copy; what was not given is filled, from a seed"},
    {NULL, NULL, NULL, NULL},
};
