// Lists of packets, and of pairs (sent, received): tables with methods, as Scapy's PacketList and SndRcvList.
#include <stdio.h>
#include <string.h>
#include "lua/packet.h"

#define LIST_META  "sockeye.list"
#define PAIRS_META "sockeye.pairs"
#define NAMES      "sockeye.listnames" // list -> what it is called, as long as the list is there

void sok_lua_push_list(lua_State *L)
{
    lua_newtable(L);
    luaL_setmetatable(L, LIST_META);
}

void sok_lua_push_pairs(lua_State *L)
{
    lua_newtable(L);
    luaL_setmetatable(L, PAIRS_META);
}

void sok_lua_name_list(lua_State *L, const char *name)
{
    lua_getfield(L, LUA_REGISTRYINDEX, NAMES);
    lua_pushvalue(L, -2);
    lua_pushstring(L, name);
    lua_rawset(L, -3);
    lua_pop(L, 1);
}

static bool has_meta(lua_State *L, int idx, const char *name)
{
    if (!lua_getmetatable(L, idx))
        return false;
    bool same = luaL_getmetatable(L, name) == LUA_TTABLE && lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return same;
}

bool sok_lua_is_list(lua_State *L, int idx)
{
    return has_meta(L, idx, LIST_META);
}

bool sok_lua_is_pairs(lua_State *L, int idx)
{
    return has_meta(L, idx, PAIRS_META);
}

static int check_list(lua_State *L)
{
    if (!sok_lua_is_list(L, 1) && !sok_lua_is_pairs(L, 1))
        return sok_lua_error(
            L, "a list of packets is wanted here: call it with a colon, pkts:NAME()");
    return 0;
}

static void push_new(lua_State *L)
{
    if (sok_lua_is_pairs(L, 1))
        sok_lua_push_pairs(L);
    else
        sok_lua_push_list(L);
}

// Pushes what functions get for element i: a packet, or both of a pair. Gives their number.
static int push_element(lua_State *L, lua_Integer i)
{
    if (!sok_lua_is_pairs(L, 1)) {
        lua_geti(L, 1, i);
        return 1;
    }
    lua_geti(L, 1, i);
    lua_geti(L, -1, 1);
    lua_geti(L, -2, 2);
    lua_remove(L, -3);
    return 2;
}

// Whether the function at idx (nil: none) wants element i.
static bool wanted(lua_State *L, int idx, lua_Integer i)
{
    if (lua_isnoneornil(L, idx))
        return true;
    lua_pushvalue(L, idx);
    int count = push_element(L, i);
    lua_call(L, count, 1);
    bool yes = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return yes;
}

static void push_summary(lua_State *L, lua_Integer i)
{
    int top = lua_gettop(L), count = push_element(L, i);
    for (int k = 1; k <= count; k++) {
        if (k > 1)
            lua_pushliteral(L, " ==> ");
        lua_getfield(L, top + k, "summary");
        lua_pushvalue(L, top + k);
        lua_call(L, 1, 1);
    }
    lua_concat(L, lua_gettop(L) - top - count);
    lua_replace(L, top + 1);
    lua_settop(L, top + 1);
}

// What the function at 2 makes of element i as text, or without one its summary; nil: nothing to print.
static void push_line(lua_State *L, lua_Integer i)
{
    int top = lua_gettop(L);
    if (lua_isnil(L, 2)) {
        push_summary(L, i);
        return;
    }
    lua_pushvalue(L, 2);
    lua_call(L, push_element(L, i), 1);
    if (!lua_isnil(L, -1))
        luaL_tolstring(L, -1, NULL);
    lua_replace(L, top + 1);
    lua_settop(L, top + 1);
}

// (prn, lfilter), or {prn=, lfilter=}: functions or nil at 2 and 3 afterwards.
static void take_functions(lua_State *L)
{
    lua_settop(L, 3);
    if (lua_istable(L, 2)) {
        sok_lua_options_check(L, 2, "prn lfilter");
        lua_getfield(L, 2, "lfilter");
        lua_getfield(L, 2, "prn");
        lua_replace(L, 2);
        lua_replace(L, 3);
    }
    for (int k = 2; k <= 3; k++)
        if (!lua_isnil(L, k) && !lua_isfunction(L, k))
            sok_lua_error(L, "%s: a function of a packet is wanted, not a %s",
                k == 2 ? "prn" : "lfilter", luaL_typename(L, k));
}

static int print_summaries(lua_State *L, bool numbered)
{
    (void)check_list(L);
    take_functions(L);
    lua_Integer n = luaL_len(L, 1);
    for (lua_Integer i = 1; i <= n; i++) {
        if (!wanted(L, 3, i))
            continue;
        push_line(L, i);
        if (numbered && !lua_isnil(L, -1))
            printf("%04lld ", (long long)i);
        if (!lua_isnil(L, -1))
            printf("%s\n", lua_tostring(L, -1));
        lua_pop(L, 1);
    }
    return 0;
}

static int summary(lua_State *L)
{
    return print_summaries(L, false);
}

static int nsummary(lua_State *L)
{
    return print_summaries(L, true);
}

static int filter(lua_State *L)
{
    (void)check_list(L);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    push_new(L);
    int out = lua_gettop(L);
    lua_Integer n = luaL_len(L, 1), kept = 0;
    for (lua_Integer i = 1; i <= n; i++) {
        if (!wanted(L, 2, i))
            continue;
        lua_geti(L, 1, i);
        lua_rawseti(L, out, ++kept);
    }
    return 1;
}

static int hexdump(lua_State *L)
{
    (void)check_list(L);
    lua_Integer n = luaL_len(L, 1);
    for (lua_Integer i = 1; i <= n; i++) {
        push_summary(L, i);
        printf("%04lld %s\n", (long long)i, lua_tostring(L, -1));
        lua_pop(L, 1);
        int count = push_element(L, i);
        for (int k = count; k > 0; k--) {
            lua_getfield(L, -k, "hexdump");
            lua_pushvalue(L, -k - 1);
            lua_call(L, 1, 0);
        }
        lua_pop(L, count);
    }
    return 0;
}

// ---- sessions: packets by who talks to whom, one direction each ----

static const char *text_of(lua_State *L, int packet, const char *name)
{
    lua_getfield(L, packet, name);
    return luaL_tolstring(L, -1, NULL);
}

static bool has_layer(lua_State *L, int packet, const char *name)
{
    lua_getfield(L, packet, "haslayer");
    lua_pushvalue(L, packet);
    lua_pushstring(L, name);
    lua_call(L, 2, 1);
    bool yes = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return yes;
}

// Pushes "TCP 192.0.2.1:20 > 192.0.2.2:80", "ARP 192.0.2.1 > 192.0.2.2", "Other".
static void push_session(lua_State *L, int packet)
{
    int top = lua_gettop(L);
    bool six = !has_layer(L, packet, "IP") && has_layer(L, packet, "IPv6");
    const char *with_ports = has_layer(L, packet, "TCP")   ? "TCP"
                             : has_layer(L, packet, "UDP") ? "UDP"
                                                           : NULL;
    if (has_layer(L, packet, "ARP")) {
        lua_pushfstring(L, "ARP %s > %s", text_of(L, packet, "psrc"), text_of(L, packet, "pdst"));
    } else if (six || has_layer(L, packet, "IP")) {
        lua_getfield(L, packet, six ? "IPv6" : "IP");
        int ip = lua_gettop(L);
        const char *src = text_of(L, ip, "src"), *dst = text_of(L, ip, "dst");
        const char *before = six && with_ports ? "[" : "", *after = *before ? "]" : "";
        if (with_ports) {
            lua_getfield(L, packet, with_ports);
            int l4 = lua_gettop(L);
            lua_pushfstring(L, "%s %s%s%s:%s > %s%s%s:%s", with_ports, before, src, after,
                text_of(L, l4, "sport"), before, dst, after, text_of(L, l4, "dport"));
        } else {
            lua_pushfstring(L, "%s %s > %s",
                six                            ? "IPv6"
                : has_layer(L, packet, "ICMP") ? "ICMP"
                                               : "IP",
                src, dst);
        }
    } else {
        lua_pushliteral(L, "Other");
    }
    lua_replace(L, top + 1);
    lua_settop(L, top + 1);
}

// {SESSION=list}.
static int sessions(lua_State *L)
{
    if (!sok_lua_is_list(L, 1))
        return sok_lua_error(L, "sessions() is for a list of packets: pkts:sessions()");
    lua_settop(L, 1);
    lua_newtable(L);
    lua_Integer n = luaL_len(L, 1);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_geti(L, 1, i);
        push_session(L, 3);
        lua_pushvalue(L, 4);
        if (lua_rawget(L, 2) != LUA_TTABLE) {
            lua_pop(L, 1);
            sok_lua_push_list(L);
            lua_pushvalue(L, 4);
            lua_pushvalue(L, 5);
            lua_rawset(L, 2);
        }
        lua_pushvalue(L, 3);
        lua_rawseti(L, 5, (lua_Integer)lua_rawlen(L, 5) + 1);
        lua_settop(L, 2);
    }
    return 1;
}

// ---- the table's own ----

// ---- parts of lists ----

// pkts:slice(FIRST, LAST): as string.sub() counts, -1 is the last.
static int slice(lua_State *L)
{
    (void)check_list(L);
    lua_Integer n = luaL_len(L, 1), first = luaL_optinteger(L, 2, 1),
                last = luaL_optinteger(L, 3, -1);
    first = first < 0 ? first + n + 1 : first;
    last = last < 0 ? last + n + 1 : last;
    first = first < 1 ? 1 : first;
    last = last > n ? n : last;
    push_new(L);
    for (lua_Integer i = first; i <= last; i++) {
        lua_geti(L, 1, i);
        lua_rawseti(L, -2, i - first + 1);
    }
    return 1;
}

static bool has_layer_in(lua_State *L, lua_Integer i, const char *name)
{
    int count = push_element(L, i);
    bool has = false;
    for (int k = 0; k < count; k++)
        has = has || has_layer(L, lua_gettop(L) - k, name);
    lua_pop(L, count);
    return has;
}

static int those_with(lua_State *L, const struct sok_proto *proto)
{
    push_new(L);
    lua_Integer n = luaL_len(L, 1), kept = 0;
    for (lua_Integer i = 1; i <= n; i++) {
        if (!has_layer_in(L, i, proto->name))
            continue;
        lua_geti(L, 1, i);
        lua_rawseti(L, -2, ++kept);
    }
    return 1;
}

static int no_method(lua_State *L)
{
    return sok_lua_error(
        L, "a list of packets has no '%s' (help(pkts) tells what it has)", lua_tostring(L, 2));
}

// pkts[-1]: the last.
static int from_the_end(lua_State *L, lua_Integer i)
{
    if (i == 0)
        return sok_lua_error(L, "a list begins with 1: its first packet is pkts[1]");
    i += luaL_len(L, 1) + 1;
    if (i < 1)
        return 0;
    lua_geti(L, 1, i);
    return 1;
}

// pkts[TCP]: those that have it; pkts.NAME: a method; pkts[-1]: the last.
static int list_index(lua_State *L)
{
    const struct sok_proto *proto = sok_lua_to_proto(L, 2);
    if (proto)
        return those_with(L, proto);
    if (lua_isinteger(L, 2)) {
        lua_Integer i = lua_tointeger(L, 2);
        return i > 0 ? 0 : from_the_end(L, i);
    }
    if (lua_type(L, 2) != LUA_TSTRING)
        return 0;
    lua_pushvalue(L, 2);
    return lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL ? 1 : no_method(L);
}

// a + b.
static int list_add(lua_State *L)
{
    lua_Integer count = 0;
    push_new(L);
    for (int k = 1; k <= 2; k++) {
        luaL_checktype(L, k, LUA_TTABLE);
        lua_Integer n = luaL_len(L, k);
        for (lua_Integer i = 1; i <= n; i++) {
            lua_geti(L, k, i);
            lua_rawseti(L, -2, ++count);
        }
    }
    return 1;
}

// Pushes it.
static const char *name_of(lua_State *L, int idx)
{
    lua_getfield(L, LUA_REGISTRYINDEX, NAMES);
    lua_pushvalue(L, idx);
    if (lua_rawget(L, -2) != LUA_TSTRING) {
        lua_pop(L, 1);
        lua_pushstring(L, sok_lua_is_pairs(L, idx) ? "Results" : "PacketList");
    }
    lua_remove(L, -2);
    return lua_tostring(L, -1);
}

// <Sniffed: TCP:3 UDP:0 ICMP:1 Other:2>: of pairs what was received; an ICMP error is no TCP, whatever it quotes.
static int list_text(lua_State *L)
{
    static const char *const kinds[] = {"ICMP", "TCP", "UDP"};
    unsigned counts[4] = {0};
    const char *name = name_of(L, 1);
    lua_Integer n = luaL_len(L, 1);
    for (lua_Integer i = 1; i <= n; i++) {
        unsigned kind = 0;
        int packets = push_element(L, i);
        while (kind < 3 && !has_layer(L, lua_gettop(L), kinds[kind]))
            kind++;
        lua_pop(L, packets);
        counts[kind]++;
    }
    lua_pushfstring(L, "<%s: TCP:%d UDP:%d ICMP:%d Other:%d>", name, (int)counts[1], (int)counts[2],
        (int)counts[0], (int)counts[3]);
    return 1;
}

static int each_step(lua_State *L)
{
    lua_Integer i = lua_tointeger(L, lua_upvalueindex(2)) + 1;
    lua_pushinteger(L, i);
    lua_replace(L, lua_upvalueindex(2));
    lua_settop(L, 0);
    lua_pushvalue(L, lua_upvalueindex(1));
    if (i > luaL_len(L, 1))
        return 0;
    return push_element(L, i);
}

// for sent, received in ans:each() do
static int each(lua_State *L)
{
    (void)check_list(L);
    lua_settop(L, 1);
    lua_pushinteger(L, 0);
    lua_pushcclosure(L, each_step, 2);
    return 1;
}

const struct sok_lua_function sok_lua_list_methods[] = {
    {"summary", summary, "pkts:summary([PRN [, LFILTER]])", "a line each, or what PRN makes of it"},
    {"nsummary", nsummary, "pkts:nsummary([PRN [, LFILTER]])", "the same with numbers"},
    {"show", nsummary, "pkts:show()", "the same as nsummary()"},
    {"filter", filter, "pkts:filter(FUNCTION)", "those for which it gives true"},
    {"slice", slice, "pkts:slice(FIRST [, LAST])", "a part; -1 is the last"},
    {"append", NULL, "pkts:append(P)", "one more at the end"},
    {"replace", NULL, "pkts:replace(\"IP.src\", [OLD,] NEW)", "copies with another value"},
    {"getlayer", NULL, "pkts:getlayer(TCP [, NTH])", "that layer of those that have it"},
    {"each", each, "for p in pkts:each() do", "one by one; answers: for sent, received in"},
    {"sessions", sessions, "pkts:sessions()", "a table of lists, by who talks to whom"},
    {"conversations", NULL, "pkts:conversations()", "who talks to whom, for Graphviz"},
    {"make_table", NULL, "pkts:make_table(FUNCTION)",
        "print a table; it gives column, row and what stands there"},
    {"make_lined_table", NULL, "pkts:make_lined_table(FUNCTION)", "the same, with lines"},
    {"hexdump", hexdump, "pkts:hexdump()", "print the bytes of all"},
    {"hexraw", NULL, "pkts:hexraw([LFILTER])", "print the bytes of the layers Raw"},
    {"padding", NULL, "pkts:padding([LFILTER])", "print the bytes of paddings"},
    {"nzpadding", NULL, "pkts:nzpadding([LFILTER])", "print paddings that are not all zeros"},
    {NULL, NULL, NULL, NULL},
};

static void add_meta(lua_State *L, const char *name)
{
    static const luaL_Reg meta[] = {{"__add", list_add}, {"__tostring", list_text}, {NULL, NULL}};
    luaL_newmetatable(L, name);
    luaL_setfuncs(L, meta, 0);
    lua_pushstring(L, strcmp(name, LIST_META) == 0 ? "list of packets" : "list of pairs");
    lua_setfield(L, -2, "__name");
    lua_newtable(L);
    sok_lua_add_rows(L, sok_lua_list_methods, "list", check_list);
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, "methods");
    lua_pushcclosure(L, list_index, 1);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
}

void sok_lua_open_lists(lua_State *L)
{
    lua_newtable(L);
    lua_newtable(L);
    lua_pushliteral(L, "k");
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
    lua_setfield(L, LUA_REGISTRYINDEX, NAMES);
    add_meta(L, LIST_META);
    add_meta(L, PAIRS_META);
}
