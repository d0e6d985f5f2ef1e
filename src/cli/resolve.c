// Names on the command line.
#include <stdio.h>
#include <string.h>
#include <sockeye/names.h>
#include "cli/options.h"

struct answer {
    bool done;
    int err;
    char *message;
    struct sok_addr *addr;
};

static void keep(void *ctx, const struct sok_lookup_result *result)
{
    struct answer *a = ctx;
    a->done = true;
    a->err = result->err;
    snprintf(a->message, SOK_HOST_ERR_MAX, "%s", result->message);
    if (result->count > 0)
        *a->addr = result->addrs[0];
}

int sok_cli_look_up(struct sok_host *host, const char *name, int64_t limit, struct sok_addr *out,
    char message[SOK_HOST_ERR_MAX])
{
    struct answer a = {.message = message, .addr = out};
    struct sok_lookup *lookup = NULL;
    if (sok_addr_parse(name, out) && sok_addr_is_v4(*out))
        return 0;
    int r = sok_lookup_name(host, name, keep, &a, &lookup, message);
    if (r < 0)
        return r;
    while (!a.done) {
        int64_t now = sok_host_now(host);
        if (sok_cli_interrupted())
            r = SOK_EABORTED;
        else if (now >= limit)
            r = SOK_EINPROGRESS;
        else
            r = sok_host_step(host, limit == INT64_MAX ? -1 : limit - now);
        if (r < 0 && !a.done) {
            sok_lookup_cancel(lookup);
            snprintf(message, SOK_HOST_ERR_MAX, "%s",
                r == SOK_EINPROGRESS ? "no answer in time" : sok_strerror(r));
            return r;
        }
    }
    return a.err;
}

int sok_cli_resolve(struct sok_host *host, const char *name, int64_t limit, struct sok_addr *out)
{
    char message[SOK_HOST_ERR_MAX];
    int r = sok_cli_look_up(host, name, limit, out, message);
    if (r == SOK_EABORTED)
        return 128 + sok_cli_interrupted();
    return r == 0 ? 0
                  : sok_cli_fail(
                        SOK_EXIT_NO_NAME, "Could not resolve host: %.255s (%s)", name, message);
}

// ---- names of addresses ----

// Each address is asked about once, and only so many at all: a listener may have many peers.
#define NAMED_MAX 64
static struct sok_addr named[NAMED_MAX];
static unsigned named_count;

static void say_name(void *ctx, const struct sok_lookup_result *result)
{
    const struct sok_addr *addr = ctx;
    char text[SOK_ADDR_TEXT_MAX];
    if (result->err == 0 && strcmp(result->name, sok_addr_format(*addr, text)) != 0)
        fprintf(stderr, "* %s is %.255s\n", text, result->name);
}

void sok_cli_say_name(struct sok_host *host, struct sok_addr addr)
{
    struct sok_lookup *lookup;
    for (unsigned i = 0; i < named_count; i++)
        if (sok_addr_eq(named[i], addr))
            return;
    if (named_count == NAMED_MAX)
        return;
    named[named_count] = addr;
    sok_lookup_addr(host, addr, say_name, &named[named_count++], &lookup, NULL);
}
