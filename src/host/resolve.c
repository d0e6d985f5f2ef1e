// Names, waiting for the answer: lookups (names.c) with the host stepped until they are told.
#include <stdio.h>
#include <string.h>
#include <sockeye/names.h>
#include "host/host.h"

struct waiting {
    bool done;
    int err;
    char *message;          // SOK_HOST_ERR_MAX bytes, or NULL
    struct sok_addr *addrs; // or NULL
    unsigned count;
    char *name; // SOK_NAME_MAX bytes, or NULL
};

static void keep_result(void *ctx, const struct sok_lookup_result *result)
{
    struct waiting *w = ctx;
    w->done = true;
    w->err = result->err;
    if (result->err && w->message)
        snprintf(w->message, SOK_HOST_ERR_MAX, "%s", result->message);
    if (w->count > result->count)
        w->count = result->count;
    if (w->addrs && w->count > 0)
        memcpy(w->addrs, result->addrs, w->count * sizeof(*w->addrs));
    if (w->name && !result->err)
        snprintf(w->name, SOK_NAME_MAX, "%s", result->name);
}

static int wait_for(
    struct sok_host *host, struct waiting *w, struct sok_lookup *l, int64_t timeout_ns)
{
    int64_t now = sok_host_now(host);
    int64_t end = timeout_ns < 0 || timeout_ns > INT64_MAX - now ? INT64_MAX : now + timeout_ns;
    while (!w->done) {
        int r = now < end ? sok_host_step(host, end == INT64_MAX ? -1 : end - now) : SOK_ETIMEDOUT;
        if (r < 0) {
            sok_lookup_cancel(l);
            return sok_host_fail(
                w->message, r, r == SOK_ETIMEDOUT ? "no answer in time" : "%s", sok_strerror(r));
        }
        now = sok_host_now(host);
    }
    return w->err;
}

int sok_resolve(struct sok_host *host, const char *name, struct sok_addr *out, unsigned *count,
    int64_t timeout_ns, char *err)
{
    struct waiting w = {.message = err, .addrs = out, .count = *count};
    struct sok_lookup *l;
    int r = sok_lookup_name(host, name, keep_result, &w, &l, err);
    if (r == 0)
        r = wait_for(host, &w, l, timeout_ns);
    *count = r == 0 ? w.count : 0;
    return r;
}

int sok_resolve_addr(struct sok_host *host, struct sok_addr addr, char name[SOK_NAME_MAX],
    int64_t timeout_ns, char *err)
{
    struct waiting w = {.message = err, .name = name};
    struct sok_lookup *l;
    int r = sok_lookup_addr(host, addr, keep_result, &w, &l, err);
    return r == 0 ? wait_for(host, &w, l, timeout_ns) : r;
}
