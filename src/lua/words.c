// What is written in Lua itself (words.lua, net.lua): its chunks loaded, their functions called; and the helpers in C
// that words.lua has.
#include <string.h>
#include "lua/packet.h"
#include "lua/words_lua.h"

#define WORDS "sockeye.words" // what words.lua gave

// ---- loading ----

static void load(lua_State *L, const char *code, size_t len, const char *name)
{
    if (luaL_loadbuffer(L, code, len, name) != LUA_OK)
        lua_error(L);
}

// Without the numbers of its lines, so that errors in it have the line of the script that called.
void sok_lua_words_load(lua_State *L, const char *text, const char *name, const luaL_Reg *helpers)
{
    size_t len;
    int base = lua_gettop(L);
    lua_getglobal(L, "string");
    lua_getfield(L, -1, "dump");
    load(L, text, strlen(text), name);
    lua_pushboolean(L, true);
    lua_call(L, 2, 1);
    const char *stripped = lua_tolstring(L, -1, &len);
    load(L, stripped, len, name);
    lua_newtable(L);
    luaL_setfuncs(L, helpers, 0);
    lua_call(L, 1, 1);
    lua_replace(L, base + 1);
    lua_settop(L, base + 1);
}

void sok_lua_words_push(lua_State *L, const char *kind, const char *name)
{
    lua_getfield(L, LUA_REGISTRYINDEX, WORDS);
    lua_getfield(L, -1, kind);
    lua_getfield(L, -1, name);
    lua_replace(L, -3);
    lua_pop(L, 1);
}

// ---- helpers of words.lua ----

static int fail(lua_State *L)
{
    return sok_lua_error(L, "%s", luaL_checkstring(L, 1));
}

struct shown {
    const struct sok_packet *packet;
    unsigned layer;
    struct sok_slot slot;
};

static void write_shown(const void *ctx, struct sok_text *out)
{
    const struct shown *s = ctx;
    sok_craft_show_field(s->packet, s->layer, &s->slot, out);
}

// A field of the packet's first layer, as show() has it.
static int shown(lua_State *L)
{
    struct shown s;
    struct sok_craft_error e = {""};
    const char *name = luaL_checkstring(L, 2);
    s.packet = sok_lua_check_packet(L, 1, &s.layer);
    if (!sok_packet_slot(s.packet, s.layer, name, &s.slot)) {
        sok_packet_no_slot(s.packet, s.layer, name, &e);
        return sok_lua_error(L, "%s", e.text);
    }
    sok_lua_push_text(L, write_shown, &s);
    return 1;
}

// A header of this name with nothing given.
static int new_header(lua_State *L)
{
    struct sok_packet *p = sok_packet_new(sok_lua_book(L));
    if (p && sok_packet_push(p, sok_lua_check_proto(L, 1)) < 0) {
        sok_packet_free(p);
        p = NULL;
    }
    sok_lua_push_packet(L, p, 0);
    return 1;
}

static int protocol(lua_State *L)
{
    sok_lua_push_proto(L, sok_lua_check_proto(L, 1));
    return 1;
}

// The table becomes a list of packets.
static int as_list(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    sok_lua_push_list(L);
    lua_getmetatable(L, 2);
    lua_setmetatable(L, 1);
    lua_settop(L, 1);
    return 1;
}

// Lengths and checksums follow again: what is known at build only is given no longer.
static int forget(lua_State *L)
{
    unsigned first;
    struct sok_slot slot;
    uint64_t n;
    struct sok_packet *p = sok_lua_check_packet(L, 1, &first);
    for (unsigned layer = first; layer < sok_packet_count(p); layer++)
        for (unsigned i = 0; sok_packet_slot_at(p, layer, i, &slot); i++) {
            if (!slot.row || slot.row->how == SOK_FIELD_SET || slot.row->bytes ||
                !sok_packet_is_set(p, layer, &slot) || !sok_packet_number(p, layer, &slot, &n))
                continue;
            sok_packet_unset(p, layer, &slot);
            struct sok_item old = sok_item_number(n);
            struct sok_craft_error e;
            if (sok_packet_number(
                    p, layer, &slot, &n)) // it follows from the layers, or has a default: it stays
                (void)sok_packet_set(p, layer, &slot, &old, &e);
        }
    return 0;
}

static int each_step(lua_State *L)
{
    struct sok_lua_each *each = lua_touserdata(L, lua_upvalueindex(2));
    lua_settop(L, 0);
    lua_pushvalue(L, lua_upvalueindex(1));
    each->idx = 1;
    if (!sok_lua_each_next(L, each))
        lua_pushnil(L);
    return 1;
}

// for q in each(X) do: the packets that X means, of a set or a list.
int sok_lua_words_each(lua_State *L)
{
    struct sok_lua_each e;
    if (lua_isnumber(L, 1) || lua_isboolean(L, 1) || lua_isfunction(L, 1))
        return sok_lua_error(L, "a packet or a list is wanted here, not a %s", luaL_typename(L, 1));
    sok_lua_each_begin(L, 1, &e);
    lua_pushvalue(L, 1);
    *(struct sok_lua_each *)lua_newuserdatauv(L, sizeof(e), 0) = e;
    lua_pushcclosure(L, each_step, 2);
    return 1;
}

void sok_lua_open_words(lua_State *L)
{
    static const luaL_Reg helpers[] = {{"fail", fail}, {"shown", shown}, {"new", new_header},
        {"protocol", protocol}, {"list", as_list}, {"forget", forget}, {"random", sok_lua_random},
        {"each", sok_lua_words_each}, {NULL, NULL}};
    sok_lua_words_load(L, SOK_WORDS_LUA, "=words.lua", helpers);
    lua_setfield(L, LUA_REGISTRYINDEX, WORDS);
}

// ---- rows: functions of a list, methods of a table ----

// Calls the function that words.lua has, which is the upvalue; 2: a check of what a method is called with. A call from
// C leaves the caller's line to be found, also where its value is returned at once.
static int call_word(lua_State *L)
{
    lua_CFunction check = lua_tocfunction(L, lua_upvalueindex(2));
    if (check)
        (void)check(L);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

void sok_lua_add_rows(
    lua_State *L, const struct sok_lua_function *rows, const char *kind, lua_CFunction check)
{
    for (; rows->name; rows++) {
        if (rows->call)
            lua_pushcfunction(L, rows->call);
        else {
            sok_lua_words_push(L, kind, rows->name);
            lua_pushcfunction(L, check);
            lua_pushcclosure(L, call_word, 2);
        }
        lua_setfield(L, -2, rows->name);
    }
}

const struct sok_lua_function sok_lua_words_functions[] = {
    {"fragment", NULL, "fragment(PACKET, SIZE)",
        "its fragments of at most SIZE bytes of data (1480)"},
    {"defragment", NULL, "defragment(PACKETS)", "a list in which fragments are put together"},
    {"chexdump", NULL, "chexdump(PACKET|BYTES)", "bytes as C writes them: 0x45, 0x00"},
    {"linehexdump", NULL, "linehexdump(PACKET|BYTES)", "bytes and their text in one line"},
    {"import_hexcap", NULL, "import_hexcap(TEXT)", "the bytes of a hexdump's lines"},
    {"checksum", NULL, "checksum(BYTES)", "the Internet checksum"},
    {"Rand", NULL, "Rand{VALUES}", "one of a set by chance, another for each packet that is sent"},
    {"RandByte", NULL, "RandByte()", "a number of 8 bits by chance"},
    {"RandShort", NULL, "RandShort()", "of 16 bits"},
    {"RandInt", NULL, "RandInt()", "of 32 bits"},
    {"RandLong", NULL, "RandLong()", "of 63 bits"},
    {"RandNum", NULL, "RandNum(FIRST, LAST)", "from FIRST to LAST"},
    {"RandChoice", NULL, "RandChoice(VALUE, ...)", "one of the values"},
    {"RandIP", NULL, "RandIP([NETWORK])", "an address of a network by chance, or of all"},
    {"RandIP6", NULL, "RandIP6([NETWORK])", "the same of IPv6"},
    {"RandMAC", NULL, "RandMAC([\"02:00:00:*\"])",
        "a MAC address by chance, or one that begins so"},
    {"RandBin", NULL, "RandBin(COUNT)", "so many bytes by chance, drawn at once"},
    {"RandString", NULL, "RandString(COUNT)",
        "so many letters and digits by chance, drawn at once"},
    {"Net", NULL, "Net(NETWORK)", "the network's addresses as a set; the text alone does it, too"},
    {NULL, NULL, NULL, NULL},
};
