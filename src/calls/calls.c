#include "calls/protocol.h"

const char *sok_calls_op_text(uint32_t op)
{
    static const char *const texts[] = {
#define SOK_X(name) #name,
        SOK_CALLS_OPS(SOK_X)
#undef SOK_X
    };
    return op < SOK_CALLS_COUNT ? texts[op] : "?";
}
