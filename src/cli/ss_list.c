// Rows as they are gathered, and which are.
#include <stdlib.h>
#include <string.h>
#include "cli/ss.h"

struct sok_ss_item *sok_ss_list_add(struct sok_ss_list *l)
{
    if (l->count == l->room) {
        size_t room = l->room ? 2 * l->room : 64;
        void *more = realloc(l->items, room * sizeof(*l->items));
        if (!more)
            return NULL;
        l->items = more;
        l->room = room;
    }
    struct sok_ss_item *item = &l->items[l->count++];
    memset(item, 0, sizeof(*item));
    return item;
}

void sok_ss_list_free(struct sok_ss_list *l)
{
    free(l->items);
    *l = (struct sok_ss_list){0};
}

bool sok_ss_wanted(const struct sok_ss_wish *w, const struct sok_row *row)
{
    bool family = (!w->v4 && !w->v6) || (w->v4 && row->family == 4) || (w->v6 && row->family == 6);
    return family && w->kinds >> row->kind & 1 && row->state < SOK_ROW_STATE_COUNT &&
           w->states >> row->state & 1 && sok_ss_filter_takes(w->filter, row);
}
