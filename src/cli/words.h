// What the commands of the packet language share.
#ifndef SOK_CLI_WORDS_H
#define SOK_CLI_WORDS_H

#include "lua/lua.h"

// A Lua state for standard output as it is; 0, or an exit code after a message.
int sok_cli_lua(struct sok_lua **out, bool verbose);
// Frees it; what could not be printed is an error.
int sok_cli_lua_end(struct sok_lua *l, int rc);

#endif
