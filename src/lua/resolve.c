// Names of hosts where an address belongs: IP{dst="www.example.org"}, also of its network, "www.example.org/30". They
// are looked up by the system's resolver, once each, and only where the text is no address.
#include <arpa/inet.h>
#include <ctype.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include "lua/packet.h"

#define NAMES         "sockeye.names" // those that were looked up, with their addresses
#define HOST_NAME_LEN 253             // RFC 1035, 2.3.4, as text

// Letters, digits, points and hyphens, the last label not all digits: "1.2.3" is a mistake, not a name.
static bool is_name(const char *text, size_t len)
{
    bool letter = false;
    for (size_t i = 0; i < len; i++) {
        if (!isalnum((unsigned char)text[i]) && text[i] != '.' && text[i] != '-')
            return false;
        letter = text[i] == '.' ? (i + 1 < len ? false : letter)
                                : letter || isalpha((unsigned char)text[i]);
    }
    return len > 0 && len <= HOST_NAME_LEN && isalnum((unsigned char)text[0]) && letter;
}

static void push_address(lua_State *L, const char *what, const char *name, int family)
{
    struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_DGRAM}, *found = NULL;
    char text[INET6_ADDRSTRLEN] = "";
    int rc = getaddrinfo(name, NULL, &hints, &found);
    if (rc == 0 && family == AF_INET)
        inet_ntop(
            family, &((struct sockaddr_in *)(void *)found->ai_addr)->sin_addr, text, sizeof(text));
    else if (rc == 0)
        inet_ntop(family, &((struct sockaddr_in6 *)(void *)found->ai_addr)->sin6_addr, text,
            sizeof(text));
    if (found)
        freeaddrinfo(found);
    if (rc != 0)
        sok_lua_error(L, "%s: no %s address of '%s': %s", what, family == AF_INET ? "IPv4" : "IPv6",
            name, gai_strerror(rc));
    lua_pushstring(L, text);
}

// Pushes the address that was found before, or looks for it.
static void push_known(lua_State *L, const char *what, const char *name, int family)
{
    if (lua_getfield(L, LUA_REGISTRYINDEX, NAMES) != LUA_TTABLE) {
        lua_pop(L, 1);
        lua_newtable(L);
        lua_pushvalue(L, -1);
        lua_setfield(L, LUA_REGISTRYINDEX, NAMES);
    }
    lua_pushfstring(L, "%d %s", family, name);
    lua_pushvalue(L, -1);
    if (lua_rawget(L, -3) != LUA_TSTRING) {
        lua_pop(L, 1);
        push_address(L, what, name, family);
        lua_pushvalue(L, -2);
        lua_pushvalue(L, -2);
        lua_rawset(L, -5);
    }
    lua_replace(L, -3);
    lua_pop(L, 1);
}

bool sok_lua_resolve(
    lua_State *L, const struct sok_field *row, const char *what, struct sok_item *item)
{
    char name[HOST_NAME_LEN + 1];
    bool address = row && (row->as == SOK_AS_IP4 || row->as == SOK_AS_IP6);
    if (!address || item->type != SOK_ITEM_BYTES)
        return false;
    const char *text = (const char *)item->bytes;
    const char *slash = memchr(text, '/', item->count);
    size_t len = slash ? (size_t)(slash - text) : item->count;
    if (!is_name(text, len))
        return false;
    snprintf(name, sizeof(name), "%.*s", (int)len, text);
    push_known(L, what, name, row->as == SOK_AS_IP4 ? AF_INET : AF_INET6);
    if (slash) {
        lua_pushlstring(L, slash, item->count - len);
        lua_concat(L, 2);
    }
    text = lua_tolstring(L, -1, &len);
    *item = sok_item_bytes(text, len);
    return true;
}
