// Sockeye's own hosts and sockets in Lua.
#ifndef SOK_LUA_NET_HOST_H
#define SOK_LUA_NET_HOST_H

#include <sockeye/socket.h>
#include <stdio.h>
#include "lua/internal.h"

#define SOK_LUA_EVENTS_MAX                                                                         \
    (4 << 20) // bytes of the timeline that nobody has asked for; older lines go

struct sok_lua_host {
    struct sok_host *host; // NULL: closed
    FILE *events;
    char *text; // of the timeline, since it was last asked for
    size_t len;
    bool cut; // some of it was too old
};

// Errors for what is no host, or is closed.
struct sok_lua_host *sok_lua_check_host(lua_State *L, int idx);
int sok_lua_host_connect(lua_State *L); // net_socket.c
int sok_lua_host_listen(lua_State *L);
int sok_lua_host_udp(lua_State *L);
void sok_lua_open_sockets(lua_State *L);

// Functions of the language.
int sok_lua_make_host(lua_State *L);
int sok_lua_wire(lua_State *L);
int sok_lua_drill(lua_State *L);
void sok_lua_open_hosts(lua_State *L);

#endif
