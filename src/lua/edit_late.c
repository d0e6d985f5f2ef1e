#include "lua/edit_late.h"
#include "capture/late.h"

#undef el_init
#undef el_end
#undef el_get
#undef el_gets
#undef el_insertstr
#undef el_line
#undef el_reset
#undef el_set
#undef el_source
#undef el_wset
#undef history
#undef history_init
#undef history_end

struct sok_edit sok_edit;
static bool loaded;

#define CALL(name) {#name, offsetof(struct sok_edit, name)},
static const struct sok_late_call calls[] = {SOK_EDIT_CALLS(CALL)};

bool sok_edit_load(char *line, size_t size)
{
    if (!loaded)
        loaded = sok_late_load("libedit.so.2", "libedit2", calls, sizeof(calls) / sizeof(calls[0]),
            &sok_edit, line, size);
    return loaded;
}
