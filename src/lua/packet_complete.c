// Completion of packets, protocols and lists.
#include "lua/complete.h"

bool sok_lua_complete_packet(
    lua_State *L, char how, const char *typed, size_t len, struct sok_lua_words *out)
{
    (void)L, (void)how, (void)typed, (void)len, (void)out;
    return false;
}

void sok_lua_complete_step(lua_State *L)
{
    lua_pop(L, 1);
    lua_pushnil(L);
}
