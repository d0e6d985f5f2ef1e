// Names on the command line.
#include <stdio.h>
#include <string.h>
#include <sockeye/names.h>
#include "cli/options.h"
#include "host/host.h"

struct answer {
    bool done;
    int err;
    char *message;
    struct sok_endpoint *at;
    struct sok_cli_addrs *all; // NULL: the first will do
};

static void keep(void *ctx, const struct sok_lookup_result *result)
{
    struct answer *a = ctx;
    a->done = true;
    a->err = result->err;
    snprintf(a->message, SOK_HOST_ERR_MAX, "%s", result->message);
    if (result->count > 0)
        a->at->addr = result->addrs[0];
    for (unsigned i = 0; a->all && i < result->count && i < SOK_LOOKUP_ADDRS_MAX; i++)
        a->all->addrs[a->all->count++] = result->addrs[i];
}

static uint32_t zone_of(const struct sok_host *host, const char *text)
{
    uint64_t number;
    if (sok_cli_number(text, 1, host->wire_count, &number))
        return (uint32_t)number + 1;
    for (unsigned i = 0; i < host->wire_count; i++) {
        const char *name = host->wires[i]->link->info.name, *colon = strchr(name, ':');
        if (strcmp(name, text) == 0 || (colon && strcmp(colon + 1, text) == 0))
            return host->wires[i]->index + 1u;
    }
    return 0;
}

bool sok_cli_addr(
    const struct sok_host *host, const char *text, struct sok_addr *out, uint32_t *zone)
{
    char copy[SOK_ADDR_TEXT_MAX + 64];
    size_t n = strlen(text), bracket = text[0] == '[' && n > 1 && text[n - 1] == ']';
    *zone = 0;
    if (n - 2 * bracket >= sizeof(copy))
        return false;
    memcpy(copy, text + bracket, n - 2 * bracket);
    copy[n - 2 * bracket] = '\0';
    char *percent = strchr(copy, '%');
    if (percent)
        *percent++ = '\0';
    // In a URL the sign is written %25 (RFC 6874).
    if (percent && bracket && strncmp(percent, "25", 2) == 0 && percent[2])
        percent += 2;
    if (!sok_addr_parse(copy, out) || (bracket && sok_addr_is_v4(*out)))
        return false;
    bool of_link = (out->b[0] == 0xfe && (out->b[1] & 0xc0) == 0x80) ||
                   (out->b[0] == 0xff && (out->b[1] & 0x0f) <= 2);
    if (percent && (!of_link || (*zone = zone_of(host, percent)) == 0))
        return false;
    if (of_link && !percent && host->wire_count > 0)
        *zone = host->wires[0]->index + 1u;
    return true;
}

static int look_up(struct sok_host *host, const char *name, unsigned family, int64_t limit,
    struct sok_endpoint *out, struct sok_cli_addrs *all, char message[SOK_HOST_ERR_MAX])
{
    struct answer a = {.message = message, .at = out, .all = all};
    struct sok_lookup *lookup = NULL;
    out->zone = 0;
    if (sok_cli_addr(host, name, &out->addr, &out->zone)) {
        if (!family || (family == 4) == sok_addr_is_v4(out->addr))
            return 0;
        snprintf(message, SOK_HOST_ERR_MAX, "not an IPv%u address", family);
        return SOK_EAFNOSUPPORT;
    }
    int r = sok_lookup_name_of(host, name, family, keep, &a, &lookup, message);
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

int sok_cli_resolve(struct sok_host *host, const char *name, unsigned family, int64_t limit,
    struct sok_endpoint *out)
{
    return sok_cli_resolve_all(host, name, family, limit, out, NULL);
}

int sok_cli_resolve_all(struct sok_host *host, const char *name, unsigned family, int64_t limit,
    struct sok_endpoint *out, struct sok_cli_addrs *all)
{
    char message[SOK_HOST_ERR_MAX];
    int r = look_up(host, name, family, limit, out, all, message);
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
