// The words of rows.
#include "calls/rows.h"

const char *sok_row_state_text(unsigned state)
{
    static const char *const words[] = {
#define SOK_X(name, word) word,
        SOK_ROW_STATES(SOK_X)
#undef SOK_X
    };
    return words[state < SOK_ROW_STATE_COUNT ? state : SOK_ROW_NONE];
}

const char *sok_row_timer_text(unsigned timer)
{
    static const char *const words[] = {
#define SOK_X(name, word) word,
        SOK_ROW_TIMERS(SOK_X)
#undef SOK_X
    };
    return timer < SOK_ROW_TIMER_COUNT ? words[timer] : "unknown";
}
