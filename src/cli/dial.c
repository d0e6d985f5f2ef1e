#include "cli/dial.h"

#include <stdio.h>
#include <string.h>
#include "cli/options.h"
#include "host/host.h"

// RFC 8305 section 8.
#define RESOLUTION_DELAY (50 * SOK_MS)  // IPv4's answer waits so long for that of IPv6
#define ATTEMPT_DELAY    (250 * SOK_MS) // between the beginnings of two attempts

#define ATTEMPTS_MAX (2 * SOK_LOOKUP_ADDRS_MAX)

// One family of the name.
struct side {
    struct sok_lookup *lookup; // NULL: not asked (any more)
    int err;                   // 0: none, or not asked
    struct sok_addr addrs[SOK_LOOKUP_ADDRS_MAX];
    unsigned count, next;
    int64_t answered_at;
};

struct attempt {
    struct sok_socket *s; // NULL: over
    struct sok_endpoint remote;
};

struct dialling {
    struct sok_host *host;
    const struct sok_dial *d;
    struct side sides[2]; // IPv6, IPv4
    bool begun;           // the first attempt
    unsigned last;        // the side of the last attempt
    int64_t next_at;      // when another may begin, though one is on its way
    struct attempt attempts[ATTEMPTS_MAX];
    unsigned count;
    int err; // of the last attempt that failed
    struct sok_endpoint failed;
    char *message;
    uint32_t zone;
};

// ---- names ----

static void keep(struct dialling *k, struct side *side, const struct sok_lookup_result *result)
{
    side->lookup = NULL;
    side->err = result->err;
    side->answered_at = sok_host_now(k->host);
    side->count = result->count < SOK_LOOKUP_ADDRS_MAX ? result->count : SOK_LOOKUP_ADDRS_MAX;
    memcpy(side->addrs, result->addrs, side->count * sizeof(side->addrs[0]));
    if (result->err)
        snprintf(k->message, SOK_HOST_ERR_MAX, "%s", result->message);
}

static void keep_v6(void *ctx, const struct sok_lookup_result *result)
{
    struct dialling *k = ctx;
    keep(k, &k->sides[0], result);
}

static void keep_v4(void *ctx, const struct sok_lookup_result *result)
{
    struct dialling *k = ctx;
    keep(k, &k->sides[1], result);
}

static void give(struct dialling *k, struct sok_addr addr)
{
    struct side *side = &k->sides[sok_addr_is_v4(addr)];
    side->addrs[side->count++] = addr;
}

static int ask(struct dialling *k)
{
    const struct sok_dial *d = k->d;
    struct sok_addr addr;
    for (unsigned i = 0; d->given && i < d->given_count; i++)
        give(k, d->given[i]);
    if (d->given && d->given_count)
        return 0;
    if (d->given || sok_cli_addr(k->host, d->name, &addr, &k->zone)) {
        addr = d->given ? *d->given : addr;
        if (d->family && (d->family == 4) != sok_addr_is_v4(addr))
            return sok_host_fail(k->message, SOK_EAFNOSUPPORT, "an address of the other family");
        give(k, addr);
        return 0;
    }
    bool v6 = d->family == 6 || (d->family == 0 && sok_lookup_family(k->host, 6));
    bool v4 = d->family == 4 || (d->family == 0 && (sok_lookup_family(k->host, 4) || !v6));
    int r = 0;
    // Section 3: the question for IPv6 first.
    if (v6)
        r = sok_lookup_name_of(k->host, d->name, 6, keep_v6, k, &k->sides[0].lookup, k->message);
    if (v4 && r == 0)
        r = sok_lookup_name_of(k->host, d->name, 4, keep_v4, k, &k->sides[1].lookup, k->message);
    return r;
}

static bool asked(const struct dialling *k)
{
    return k->sides[0].lookup || k->sides[1].lookup;
}

// ---- attempts ----

static bool side_left(const struct side *side)
{
    return side->next < side->count;
}

// Which family comes first: what RFC 6724 says of all addresses there are.
static unsigned best_side(struct dialling *k)
{
    struct sok_addr both[2 * SOK_LOOKUP_ADDRS_MAX];
    unsigned n = 0;
    for (unsigned i = 0; i < 2; i++)
        for (unsigned a = 0; a < k->sides[i].count; a++)
            both[n++] = k->sides[i].addrs[a];
    sok_lookup_sort(k->host, both, n);
    return n > 0 && sok_addr_is_v4(both[0]);
}

// Whom to try now: the other family than the last time, if it has one left. False: nobody.
static bool next_address(struct dialling *k, struct sok_addr *out)
{
    unsigned first = k->begun ? !k->last : best_side(k);
    for (unsigned i = 0; i < 2; i++) {
        unsigned at = first ^ i;
        struct side *side = &k->sides[at];
        if (!side_left(side))
            continue;
        *out = side->addrs[side->next++];
        k->last = at;
        return true;
    }
    return false;
}

// When the first attempt may begin (section 3); INT64_MAX: not before an answer comes.
static int64_t begin_at(const struct dialling *k)
{
    const struct side *v6 = &k->sides[0], *v4 = &k->sides[1];
    if (side_left(v6) || (!v6->lookup && side_left(v4)))
        return INT64_MIN;
    return side_left(v4) ? v4->answered_at + RESOLUTION_DELAY : INT64_MAX;
}

static unsigned on_their_way(const struct dialling *k)
{
    unsigned n = 0;
    for (unsigned i = 0; i < k->count; i++)
        n += k->attempts[i].s != NULL;
    return n;
}

static void fail(struct dialling *k, struct attempt *a, int err)
{
    k->err = err;
    k->failed = a->remote;
    sok_close(a->s);
    a->s = NULL;
    k->next_at = INT64_MIN; // no need to wait
    if (k->d->tell)
        k->d->tell(k->d->ctx, &a->remote, err);
}

static void begin(struct dialling *k, struct sok_addr addr)
{
    struct attempt *a = &k->attempts[k->count++];
    *a = (struct attempt){
        .remote = {.addr = addr, .zone = k->zone, .port = k->d->port},
    };
    k->begun = true;
    k->next_at = sok_host_now(k->host) + ATTEMPT_DELAY;
    int r = sok_socket(k->host, SOK_STREAM, &a->s);
    if (r == 0 && k->d->local)
        r = sok_bind(a->s, k->d->local);
    if (r == 0)
        r = sok_connect(a->s, &a->remote);
    if (r < 0 && r != SOK_EINPROGRESS)
        fail(k, a, r);
}

// Looks at what is on its way. NULL: nothing has come of it yet.
static struct attempt *look(struct dialling *k)
{
    for (unsigned i = 0; i < k->count; i++) {
        struct attempt *a = &k->attempts[i];
        unsigned ready = a->s ? sok_socket_ready(a->s) : 0;
        int64_t err = 0;
        if (ready & (SOK_POLL_ERROR | SOK_POLL_HUP))
            sok_getsockopt(a->s, SOK_OPT_ERROR, &err);
        if (err < 0)
            fail(k, a, (int)err);
        else if (ready & SOK_POLL_OUT)
            return a;
    }
    return NULL;
}

// Begins what is due; when to look again, at the latest.
static int64_t go_on(struct dialling *k)
{
    for (;;) {
        int64_t now = sok_host_now(k->host);
        int64_t at = !k->begun ? begin_at(k) : on_their_way(k) ? k->next_at : INT64_MIN;
        bool left = side_left(&k->sides[0]) || side_left(&k->sides[1]);
        struct sok_addr addr;
        if (!left || at == INT64_MAX)
            return INT64_MAX;
        if (at > now)
            return at;
        if (!next_address(k, &addr))
            return INT64_MAX;
        begin(k, addr);
    }
}

static int wait(struct dialling *k, struct attempt **winner)
{
    for (;;) {
        int64_t at = go_on(k);
        *winner = look(k);
        if (*winner)
            return 0;
        if (k->next_at == INT64_MIN && (side_left(&k->sides[0]) || side_left(&k->sides[1])))
            continue; // one failed just now
        if (!on_their_way(k) && !asked(k) && at == INT64_MAX)
            return k->begun ? k->err : k->sides[0].err ? k->sides[0].err : k->sides[1].err;
        int64_t now = sok_host_now(k->host);
        if (sok_cli_interrupted())
            return SOK_EABORTED;
        if (now >= k->d->limit)
            return k->begun ? SOK_ETIMEDOUT : SOK_EINPROGRESS;
        at = k->d->limit < at ? k->d->limit : at;
        int r = sok_host_step(k->host, at == INT64_MAX ? -1 : at - now);
        if (r < 0)
            return r;
    }
}

// Of two families that both have no answer: that there is no address of one is not the reason.
static void choose_error(struct dialling *k, int *r)
{
    for (unsigned i = 0; i < 2; i++)
        if (k->sides[i].err && k->sides[i].err != SOK_ENONAME)
            *r = k->sides[i].err;
}

int sok_cli_dial(struct sok_host *host, const struct sok_dial *d, struct sok_socket **out,
    struct sok_endpoint *remote, bool *no_name, char message[SOK_HOST_ERR_MAX])
{
    struct dialling k = {.host = host, .d = d, .message = message, .next_at = INT64_MIN};
    struct attempt *winner = NULL;
    message[0] = '\0';
    int r = ask(&k);
    if (r == 0)
        r = wait(&k, &winner);
    *no_name = r < 0 && !k.begun;
    if (*no_name && r == SOK_EINPROGRESS)
        snprintf(message, SOK_HOST_ERR_MAX, "no answer in time");
    else if (*no_name)
        choose_error(&k, &r);
    if (*no_name && !message[0])
        snprintf(message, SOK_HOST_ERR_MAX, "%s", sok_strerror(r));
    *remote = winner ? winner->remote : k.failed;
    if (!winner && k.begun && !k.failed.port)
        *remote = k.attempts[k.count - 1].remote;
    *out = winner ? winner->s : NULL;
    for (unsigned i = 0; i < k.count; i++)
        if (k.attempts[i].s && &k.attempts[i] != winner)
            sok_close(k.attempts[i].s);
    for (unsigned i = 0; i < 2; i++)
        if (k.sides[i].lookup)
            sok_lookup_cancel(k.sides[i].lookup);
    return r;
}
