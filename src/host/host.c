// Making a host, stepping it, its views. One turn is in wire.c. Read first: stack/stack.h (the order of the
// calls) and host.h.
#include "host/host.h"
#include "host/census.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include "base/siphash.h"
#include "host/names.h"
#include "host/sys.h"

void sok_host_config_default(struct sok_host_config *config)
{
    *config = (struct sok_host_config){
        .size = sizeof(*config),
        .spin_ns = 50000,
    };
}

int sok_host_fail(char *err, int code, const char *format, ...)
{
    if (err) {
        va_list args;
        va_start(args, format);
        vsnprintf(err, SOK_HOST_ERR_MAX, format, args);
        va_end(args);
    }
    return code;
}

static int apply_setting(struct sok_stack_config *sc, const char *setting, char *err)
{
    char name[64];
    const char *eq = strchr(setting, '=');
    size_t len = eq ? (size_t)(eq - setting) : 0;
    if (len == 0 || len >= sizeof(name))
        return sok_host_fail(err, SOK_EINVAL, "not a setting: %s (write NAME=VALUE)", setting);
    memcpy(name, setting, len);
    name[len] = '\0';
    const char *message = sok_stack_config_set(sc, name, eq + 1);
    if (message)
        return sok_host_fail(err, SOK_EINVAL, "%s: %s", setting, message);
    return 0;
}

// 16 bytes for the stack; a given seed always makes the same.
static int fill_seed(const struct sok_host_config *config, uint8_t seed[16], char *err)
{
    if (!config->has_seed) {
        if (getrandom(seed, 16, 0) != 16)
            return sok_host_fail(err, SOK_EIO, "no random numbers: %s", strerror(errno));
        return 0;
    }
    uint8_t key[16] = {0};
    for (unsigned i = 0; i < 2; i++) {
        key[0] = (uint8_t)i;
        uint64_t half = sok_siphash(key, &config->seed, sizeof(config->seed));
        memcpy(seed + 8 * i, &half, sizeof(half));
    }
    return 0;
}

// The key of stable interface identifiers (RFC 7217 section 5): this machine's, kept from run to run; without one, and in
// runs that are to be repeated, all zeros.
static void fill_secret(const struct sok_host_config *config, uint8_t secret[16])
{
    static const uint8_t what[16] = "sockeye rfc7217";
    char id[64];
    FILE *f = config->has_seed ? NULL : fopen("/etc/machine-id", "re");
    size_t n = f ? fread(id, 1, sizeof(id), f) : 0;
    if (f)
        fclose(f);
    for (unsigned i = 0; n > 0 && i < 2; i++) {
        uint8_t key[16];
        memcpy(key, what, sizeof(key));
        key[15] = (uint8_t)i;
        uint64_t half = sok_siphash(key, id, n);
        memcpy(secret + 8 * i, &half, sizeof(half));
    }
}

static int make_stack(struct sok_host *host, const struct sok_host_config *config, char *err)
{
    struct sok_stack_config sc;
    sok_stack_config_default(&sc);
    sc.mem = host->mem;
    sc.events = false; // until somebody looks on
    int r = fill_seed(config, sc.seed, err);
    fill_secret(config, sc.stable_secret);
    for (const char *const *s = config->settings; r == 0 && s && *s; s++)
        r = apply_setting(&sc, *s, err);
    if (r == 0) {
        host->dhcp_wait = sc.dhcp_wait;
        r = sok_stack_new(&sc, &host->stack);
        if (r < 0)
            sok_host_fail(err, r, "no stack: %s", sok_strerror(r));
    }
    return r;
}

int sok_host_new(const struct sok_host_config *given, struct sok_host **out, char *err)
{
    struct sok_host_config config;
    sok_host_config_default(&config);
    if (given)
        memcpy(&config, given, given->size < sizeof(config) ? given->size : sizeof(config));

    struct sok_host *host = calloc(1, sizeof(*host));
    if (!host)
        return sok_host_fail(err, SOK_ENOMEM, "no memory for a host");
    host->mem = sok_mem_store(&host->store);
    int r = sok_loop_new(config.virtual_time, config.start_ns, config.spin_ns, &host->loop);
    if (r < 0) {
        sok_host_fail(err, r, "no event loop: %s", sok_strerror(r));
        free(host);
        return r;
    }
    host->loop->hosts[host->loop->host_count++] = host;
    sok_host_take(host);
    host->scratch = malloc(SOK_HOST_SCRATCH);
    r = host->scratch ? make_stack(host, &config, err)
                      : sok_host_fail(err, SOK_ENOMEM, "no memory for a host");
    if (r < 0) {
        sok_host_free(host);
        return r;
    }
    *out = host;
    return 0;
}

void sok_host_free(struct sok_host *host)
{
    if (!host)
        return;
    sok_host_mine(host);
    sok_names_free(host);
    sok_bridges_free(host);
    sok_sys_free(host);
    sok_sockets_free(host);
    sok_host_watches_free(host);
    if (host->stack)
        sok_host_drain(host);
    sok_views_close(host->views);
    sok_host_wires_free(host);
    if (host->stack)
        sok_stack_free(host->stack);
    sok_loop_leave(host->loop, host);
    sok_store_free(&host->store);
    free(host->scratch);
    free(host);
}

struct sok_stack *sok_host_stack(struct sok_host *host)
{
    return host->stack;
}

void sok_host_view_add(struct sok_host *host, struct sok_view *view)
{
    view->next = NULL;
    struct sok_view **last = &host->views;
    while (*last)
        last = &(*last)->next;
    *last = view;
    sok_stack_events_on(host->stack, true);
}

void sok_host_keys(struct sok_host *host, const char *text, size_t len)
{
    sok_views_keys(host->views, text, len);
}

int sok_host_views_close(struct sok_host *host)
{
    sok_host_drain(host);
    int err = sok_views_close(host->views);
    host->views = NULL;
    sok_stack_events_on(host->stack, false);
    return err;
}

void sok_host_drain(struct sok_host *host)
{
    struct sok_event event;
    while (host->views && sok_stack_event(host->stack, &event))
        sok_views_event(host->views, &event);
    struct sok_sock *sock;
    while ((sock = sok_stack_changed(host->stack))) {
        struct sok_socket *s = sock->user;
        if (s && s->notify)
            s->notify(s->notify_ctx, s);
    }
}

int sok_host_step(struct sok_host *host, int64_t timeout_ns)
{
    sok_host_mine(host);
    return sok_loop_step(host->loop, timeout_ns);
}

int sok_host_go_on(struct sok_host *host)
{
    sok_host_mine(host);
    return sok_loop_go_on(host->loop);
}

int sok_host_fd(const struct sok_host *host)
{
    return host->loop->epfd;
}

int64_t sok_host_deadline(const struct sok_host *host)
{
    return sok_loop_deadline(host->loop);
}

int64_t sok_host_now(const struct sok_host *host)
{
    return sok_loop_now(host->loop);
}

// In FIN-WAIT-2 all of ours has arrived, but the peer's FIN, should it come, wants an acknowledgment: so long
// is waited for it.
#define PEER_CLOSES_NS (1 * SOK_S)

static bool is_over(const struct sok_row *r, bool patient)
{
    return r->kind != SOK_ROW_TCP || r->state == SOK_ROW_LISTEN || r->state == SOK_ROW_CLOSE ||
           r->state == SOK_ROW_TIME_WAIT || (r->state == SOK_ROW_FIN_WAIT_2 && !patient);
}

// Connections that still have something to deliver.
static bool conns_deliver(struct sok_host *host, bool patient)
{
    struct sok_row rows[8];
    uint32_t after = 0;
    unsigned count;
    while ((count = sok_host_census(host, after, rows, 8, NULL, NULL)) > 0) {
        for (unsigned i = 0; i < count; i++)
            if (!is_over(&rows[i], patient))
                return true;
        after = rows[count - 1].id;
    }
    return false;
}

static bool delivering(struct sok_host *host, bool patient)
{
    bool busy = host->dirty || host->bridges || conns_deliver(host, patient);
    for (unsigned i = 0; i < host->wire_count; i++)
        busy |= host->wires[i]->link->busy;
    return busy;
}

int sok_host_linger(struct sok_host *host, int64_t timeout_ns)
{
    int64_t now = sok_host_now(host);
    int64_t end = timeout_ns < 0 || timeout_ns > INT64_MAX - now ? INT64_MAX : now + timeout_ns;
    int64_t patience = now + PEER_CLOSES_NS;
    while (delivering(host, now < patience)) {
        now = sok_host_now(host);
        if (now >= end)
            return SOK_ETIMEDOUT;
        int64_t until = now < patience && patience < end ? patience : end;
        int r = sok_host_step(host, until == INT64_MAX ? -1 : until - now);
        if (r < 0)
            return r;
    }
    int r = sok_host_step(host, 0); // the last acknowledgment
    return r < 0 ? r : 0;
}
