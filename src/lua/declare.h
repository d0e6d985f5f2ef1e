// A protocol that is declared in Lua, between declare.c (its rows and binds) and declare_parts.c (what has no fixed place).
#ifndef SOK_LUA_DECLARE_H
#define SOK_LUA_DECLARE_H

#include "lua/packet.h"

#define SOK_DECLARE_FIELDS_MAX 48
#define SOK_DECLARE_BINDS_MAX  32
#define SOK_DECLARE_HEADER_MAX 64 // bytes of the rows

enum sok_computed {
    SOK_COMPUTED_NOT,
    SOK_COMPUTED_LENGTH,
    SOK_COMPUTED_PAYLOAD,
    SOK_COMPUTED_CHECKSUM,
    SOK_COMPUTED_SIZE, // of a part
};

struct sok_declared {
    struct sok_proto proto;
    struct sok_field fields[SOK_DECLARE_FIELDS_MAX];
    uint8_t computed[SOK_DECLARE_FIELDS_MAX]; // enum sok_computed
    struct sok_bind binds[SOK_DECLARE_BINDS_MAX];
    struct sok_part parts[SOK_PARTS_MAX];
};

// At 1 of the stack is the declaration, at 2 a table that keeps memory and texts as long as the protocol.
void *sok_declare_memory(lua_State *L, size_t size);
const char *sok_declare_text(lua_State *L, int idx); // the text at idx, kept

// Whether the field at idx ({NAME, size="len"}) is a part; if it is, it is read: it begins at byte `at` of the rows.
bool sok_declare_part(
    lua_State *L, int idx, struct sok_declared *d, const char *name, uint32_t bit);
// When it is built: rows that say how long a part is.
void sok_declare_sizes(const struct sok_finish *f, const struct sok_declared *d);
// Bytes of the parts that stand in front of a row.
size_t sok_declare_before(const struct sok_built *b, const struct sok_field *row);

#endif
