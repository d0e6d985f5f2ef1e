// Between complete.c and the files that know packets.
#ifndef SOK_LUA_COMPLETE_H
#define SOK_LUA_COMPLETE_H

#include "lua/internal.h"

// Adds `text`, and `after` behind it, when it begins with what was typed.
void sok_lua_words_add(
    struct sok_lua_words *w, const char *typed, size_t len, const char *text, const char *after);

// The members of the value on the stack after '.', ':' or inside its '{'; false: it is no packet, protocol or list.
bool sok_lua_complete_packet(
    lua_State *L, char how, const char *typed, size_t len, struct sok_lua_words *out);
// Pops a name, and pushes what it is in the value below; nil when that would have to be run.
void sok_lua_complete_step(lua_State *L);

#endif
