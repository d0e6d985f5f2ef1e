// Which congestion controls there are. Another one is a file, a line here and a word in config.h.
#include "tcp/cc.h"
#include <string.h>

static const struct sok_tcp_cc *const all[] = {&sok_tcp_cc_cubic, &sok_tcp_cc_newreno};

const struct sok_tcp_cc *sok_tcp_cc_number(int64_t number)
{
    return number >= 0 && number < (int64_t)(sizeof(all) / sizeof(all[0])) ? all[number] : NULL;
}

int64_t sok_tcp_cc_number_of(const struct sok_tcp_cc *cc)
{
    int64_t number = 0;
    while (all[number] != cc) {
        number++;
    }
    return number;
}

void sok_tcp_cc_use(struct sok_tcp_conn *c, const struct sok_tcp_cc *cc)
{
    c->cc = cc;
    memset(&c->cc_state, 0, sizeof(c->cc_state));
}
