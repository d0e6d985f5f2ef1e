#include "calls/protocol.h"

const char *sok_call_op_text(uint32_t op)
{
    static const char *const texts[] = {
#define SOK_X(name) #name,
        SOK_CALL_OPS(SOK_X)
#undef SOK_X
    };
    return op < SOK_CALL_COUNT ? texts[op] : "?";
}
