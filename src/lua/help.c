// help(): what there is to know about a word, and where to begin.
#include <stdio.h>
#include <string.h>
#include "lua/packet.h"

static const char beginning[] =
    "Packets are made of headers, which `/` puts into each other; fields go in braces:\n"
    "  p = IP{dst=\"192.0.2.1\"}/TCP{dport=80, flags=\"S\"}/\"hello\"\n"
    "  p.TCP.dport = 443                what is not given is filled in when it is built\n"
    "  p:show()  p:show2()  p:hexdump() its fields, as it would be sent, its bytes\n"
    "They are sent, and what passes is caught (as root):\n"
    "  send(p)  r = sr1(p, {timeout=2})  ans, unans = sr(p, {timeout=2})\n"
    "  pkts = sniff{iface=\"eth0\", filter=\"tcp port 80\", count=10}\n"
    "Files need nobody's leave:\n"
    "  pkts = rdpcap(\"x.pcapng\")  pkts:summary()  pkts[1]:show()  wrpcap(\"y.pcapng\", pkts)\n"
    "ls() tells the protocols, ls(TCP) the fields of one, lsc() the functions; help(sniff), "
    "help(p) and\n"
    "help(pkts) more. The language is Lua: text joined with .., not equal ~=, lists begin with 1.\n"
    "man sockeye-lua has the rest.\n";

static void print_rows(const struct sok_lua_function *rows)
{
    for (; rows->name; rows++)
        printf("%-38s %s\n", rows->usage, rows->help);
}

static bool print_row(const struct sok_lua_function *f)
{
    printf("%s\n  %s\n", f->usage, f->help);
    return true;
}

static bool print_named(const struct sok_lua_function *rows, const char *name)
{
    for (; rows->name; rows++)
        if (strcmp(rows->name, name) == 0)
            return print_row(rows);
    return false;
}

// One of words.lua is the upvalue of what calls it.
const struct sok_lua_function *sok_lua_function_of(lua_State *L, int idx)
{
    const struct sok_lua_function *f;
    int top = lua_gettop(L);
    for (unsigned i = 0; lua_iscfunction(L, idx) && (f = sok_lua_function_at(i)); i++) {
        bool same = f->call && lua_tocfunction(L, idx) == f->call;
        if (!f->call && lua_getupvalue(L, idx, 1)) {
            sok_lua_words_push(L, "functions", f->name);
            same = lua_rawequal(L, -1, -2);
        }
        lua_settop(L, top);
        if (same)
            return f;
    }
    return NULL;
}

static bool help_function(lua_State *L)
{
    const struct sok_lua_function *f = sok_lua_function_of(L, 1);
    return f && print_row(f);
}

static bool help_name(lua_State *L, const char *name)
{
    const struct sok_lua_function *f;
    for (unsigned i = 0; (f = sok_lua_function_at(i)); i++)
        if (strcmp(f->name, name) == 0)
            return print_row(f);
    bool found = print_named(sok_lua_packet_methods, name);
    return print_named(sok_lua_list_methods, name) || found || sok_book_find(sok_lua_book(L), name);
}

int sok_lua_help(lua_State *L)
{
    lua_settop(L, 1);
    const struct sok_proto *proto = sok_lua_to_proto(L, 1);
    bool text = lua_type(L, 1) == LUA_TSTRING, found = true;
    if (lua_isnil(L, 1))
        sok_lua_write(beginning, sizeof(beginning) - 1);
    else if (sok_lua_to_view(L, 1))
        print_rows(sok_lua_packet_methods);
    else if (sok_lua_is_list(L, 1) || sok_lua_is_pairs(L, 1))
        print_rows(sok_lua_list_methods);
    else if (text)
        found = help_name(L, lua_tostring(L, 1));
    else if (!proto)
        found = help_function(L);
    if (text && !proto)
        proto = sok_book_find(sok_lua_book(L), lua_tostring(L, 1));
    if (proto) {
        printf("%s: %s\n", proto->name, proto->title);
        sok_lua_ls_protocol(L, proto);
    }
    if (!found)
        return sok_lua_error(L, "no help about this: help() tells where to begin");
    return 0;
}
