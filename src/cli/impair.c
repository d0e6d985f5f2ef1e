// sockeye impair: a bad wire between two TAPs. No stack takes part: what one TAP gives is handed to the
// other through the impair link around the second, so that out there is from the first to the second.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "cli/confine.h"
#include "cli/options.h"
#include "link/link.h"

#define BATCH   64 // frames from one side before the other has its turn
#define TICK_NS INT64_C(1000000000)

enum { KEY_SEED = 300, KEY_MTU, KEY_NO_CONFINE };

static const struct sok_cli_option options[] = {
    {'t', "time", "SECONDS", "stop after this time (at Ctrl-C)"},
    {'v', "verbose", NULL, "what passed and what was lost, every second"},
    {KEY_SEED, "seed", "NUMBER", "what chance is drawn from (1): the same again"},
    {KEY_MTU, "mtu", "BYTES", "largest IP packet of both interfaces (1500)"},
    {KEY_NO_CONFINE, "no-confine", NULL, "keep privileges and system calls, for debuggers"},
    {0, NULL, NULL, NULL},
};

// One end of the wire, and the frame that the other end is too full to take.
struct end {
    struct sok_link *link;
    struct sok_frame held;
    bool holding, over;
};

struct relay {
    struct sok_host *host; // for its loop alone
    struct end ends[2];
    const char *names[2];
    struct sok_impair what;
    int64_t time; // 0: no end
    uint64_t seed;
    uint16_t mtu;
    bool has_seed, verbose, no_confine;
};

static int take_option(void *ctx, int key, const char *arg)
{
    struct relay *r = ctx;
    uint64_t n;
    switch (key) {
    case 't':
        if (!sok_cli_seconds(arg, &r->time) || r->time == 0)
            return sok_cli_usage(&sok_cmd_impair, "--time %s: seconds are needed", arg);
        return 0;
    case KEY_SEED:
        r->has_seed = true;
        if (!sok_cli_number(arg, 0, UINT64_MAX, &r->seed))
            return sok_cli_usage(&sok_cmd_impair, "--seed %s: a number is needed", arg);
        return 0;
    case KEY_MTU:
        if (!sok_cli_number(arg, 68, 65521, &n))
            return sok_cli_usage(
                &sok_cmd_impair, "--mtu %s: a number from 68 to 65521 is needed", arg);
        r->mtu = (uint16_t)n;
        return 0;
    case KEY_NO_CONFINE:
        r->no_confine = true;
        return 0;
    default:
        r->verbose = true;
        return 0;
    }
}

// ---- the wire ----

// Hands on what came in at one end, at most a batch; whether there may be more.
static bool carry(struct end *from, struct end *to, int64_t now)
{
    for (unsigned i = 0; i < BATCH; i++) {
        if (!from->holding) {
            int r = from->link->ops->recv(from->link, &from->held, now);
            from->over = r == SOK_ELINKDOWN;
            if (r < 0)
                return false;
        }
        struct sok_frame_out out = {
            .iov = {{from->held.buf->data + from->held.off, from->held.len}},
            .iov_count = 1,
            .len = from->held.len,
            .meta = from->held.meta,
        };
        int r = to->link->ops->send(to->link, &out, now);
        from->holding = r == SOK_EAGAIN;
        if (from->holding)
            return false;
        sok_buf_unref(from->held.buf);
        if (r == SOK_ELINKDOWN) {
            to->over = true;
            return false;
        }
    }
    return true;
}

static void nothing(void *ctx, int fd, unsigned ready)
{
    (void)ctx;
    (void)fd;
    (void)ready;
}

static int watch(struct relay *r)
{
    for (unsigned i = 0; i < 2; i++) {
        const struct sok_link *l = r->ends[i].link;
        unsigned want = r->ends[i].holding ? 0 : SOK_POLL_IN;
        int err =
            sok_host_watch(r->host, l->fd, want | (l->wants_out ? SOK_POLL_OUT : 0), nothing, NULL);
        if (err < 0)
            return err;
    }
    return 0;
}

static void show(const struct relay *r, FILE *out)
{
    struct sok_impair_way ways[2];
    sok_impair_ways(r->ends[1].link, &ways[0], &ways[1]);
    for (unsigned i = 0; i < 2; i++) {
        const struct sok_impair_way *w = &ways[i];
        fprintf(out, "%s > %s: %" PRIu64 " frames, %" PRIu64 " passed, %" PRIu64 " lost",
            r->names[i], r->names[!i], w->frames, w->passed, w->lost);
        if (w->duplicated)
            fprintf(out, ", %" PRIu64 " duplicated", w->duplicated);
        if (w->reordered)
            fprintf(out, ", %" PRIu64 " reordered", w->reordered);
        if (w->corrupted)
            fprintf(out, ", %" PRIu64 " corrupted", w->corrupted);
        if (w->overflowed)
            fprintf(out, ", %" PRIu64 " over the queue", w->overflowed);
        fputc('\n', out);
    }
    fflush(out);
}

static int relay(struct relay *r)
{
    int64_t now = sok_host_now(r->host), tick = now + TICK_NS;
    int64_t end = r->time ? now + r->time : INT64_MAX;
    while (!sok_cli_interrupted() && now < end) {
        bool more = carry(&r->ends[0], &r->ends[1], now);
        more = carry(&r->ends[1], &r->ends[0], now) || more;
        for (unsigned i = 0; i < 2; i++)
            if (r->ends[i].over)
                return sok_cli_fail(1, "%s is gone", r->names[i]);
        if (r->verbose && now >= tick) {
            show(r, stderr);
            tick = now + TICK_NS;
        }
        int64_t wake = r->ends[1].link->ops->deadline(r->ends[1].link);
        wake = end < wake ? end : wake;
        wake = r->verbose && tick < wake ? tick : wake;
        now = sok_host_now(r->host);
        int64_t wait = wake == INT64_MAX ? -1 : wake > now ? wake - now : 0;
        int err = watch(r);
        if (err == 0)
            err = sok_host_step(r->host, more ? 0 : wait);
        if (err < 0)
            return sok_cli_fail(1, "impair: %s", sok_strerror(err));
        now = sok_host_now(r->host);
    }
    return 0;
}

// ---- making it ----

// Without offload: the kernel cuts and completes what it sends, as for a wire.
static int open_tap(struct relay *r, unsigned i, const struct sok_mem *mem)
{
    char err[SOK_LINK_ERR_MAX];
    struct sok_tap_options o = {.name = r->names[i], .mtu = r->mtu};
    if (sok_link_tap(mem, &o, &r->ends[i].link, err) < 0)
        return sok_cli_fail(SOK_EXIT_USAGE, "%s", err);
    return 0;
}

static int open_all(struct relay *r, const struct sok_mem *mem)
{
    char err[SOK_HOST_ERR_MAX];
    if (sok_host_new(NULL, &r->host, err) < 0)
        return sok_cli_fail(SOK_EXIT_USAGE, "%s", err);
    sok_cli_signals(r->host);
    int code = open_tap(r, 0, mem);
    if (code == 0)
        code = open_tap(r, 1, mem);
    if (code != 0)
        return code;
    struct sok_link *bad;
    if (sok_link_impair(r->ends[1].link, &r->what, &bad) < 0)
        return sok_cli_fail(1, "no memory for the wire");
    r->ends[1].link = bad;
    char line[SOK_HOST_ERR_MAX];
    if (!r->no_confine && sok_confine(&(struct sok_confine){0}, line) < 0)
        return sok_cli_fail(SOK_EXIT_USAGE, "%s (--no-confine goes on all the same)", line);
    return 0;
}

static void close_all(struct relay *r)
{
    for (unsigned i = 0; i < 2; i++) {
        struct end *e = &r->ends[i];
        if (e->link)
            sok_host_unwatch(r->host, e->link->fd);
        if (e->holding)
            sok_buf_unref(e->held.buf);
        if (e->link)
            e->link->ops->close(e->link);
    }
    sok_host_free(r->host);
}

static int run(const struct sok_cli_command *self, int argc, char **argv)
{
    struct relay r = {0};
    char err[SOK_LINK_ERR_MAX];
    int at = sok_cli_parse(self, argc, argv, take_option, &r, NULL);
    if (at < 0)
        return sok_cli_exit_code(at);
    if (argc - at < 2 || argc - at > 3)
        return sok_cli_usage(self, "two interfaces and what to do to them are needed");
    r.names[0] = argv[at];
    r.names[1] = argv[at + 1];
    if (strcmp(r.names[0], r.names[1]) == 0)
        return sok_cli_usage(self, "two different interfaces are needed");
    if (sok_impair_parse(argc - at == 3 ? argv[at + 2] : "", &r.what, err) < 0)
        return sok_cli_usage(self, "%s", err);
    if (r.has_seed)
        r.what.seed = r.seed;
    struct sok_mem mem = sok_mem_libc();
    int code = open_all(&r, &mem);
    if (code == 0) {
        fprintf(stderr, "sockeye: %s and %s are joined; Ctrl-C ends it\n", r.names[0], r.names[1]);
        code = relay(&r);
        show(&r, stdout);
    }
    close_all(&r);
    return code;
}

const struct sok_cli_command sok_cmd_impair = {
    .name = "impair",
    .summary = "Put a bad wire between two interfaces, for anything",
    .usage = "[OPTION...] IF1 IF2 [loss=1%,delay=20ms,...]",
    .about =
        "IF1 and IF2 are TAPs: made here, or (ip tuntap add) beforehand. Each may be moved into a\n"
        "namespace or put into a bridge. What is asked for happens in both directions:\n"
        "loss=1% dup=0.1% reorder=1% corrupt=0.1% delay=20ms jitter=2ms rate=10mbit queue=1000\n"
        "seed=7 drop-out=3/9 (from IF1 to IF2) drop-in=3. Counts are shown at the end.\n\n"
        "  sockeye impair wa wb loss=1%,delay=20ms &\n"
        "  ip link set wa netns a; ip link set wb netns b\n",
    .options = options,
    .run = run,
};
