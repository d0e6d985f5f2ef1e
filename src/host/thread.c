// Whose a host is (sockeye/host.h: Threads). The owner is kept in the loop, which joined hosts share.
#include <stdio.h>
#include <stdlib.h>
#include "host/host.h"

// Each thread has this byte at an address of its own; the same after fork().
static _Thread_local char here;

void sok_host_take(struct sok_host *host)
{
    host->loop->thread = &here;
}

#ifndef NDEBUG
void sok_host_mine(const struct sok_host *host)
{
    if (host->loop->thread == &here)
        return;
    fputs("sockeye: a host was called from a thread that does not have it (sok_host_take gives it "
          "over)\n",
        stderr);
    abort();
}
#endif
